// The smallest program that compiles and interprets.
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = lowbit.activation silu %x : tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}
