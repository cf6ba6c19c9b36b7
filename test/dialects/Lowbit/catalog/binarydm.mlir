// Written by generate.py. BinaryDM: a sum of binary bases with free scales.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 2.031 bits a weight
lowbit.param @layer : !lowbit.tensor<1024x1024xf32, #lowbit.sum<leaf<bin<pm1>, scale = [f16 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>, leaf<bin<pm1>, scale = [f16 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>>>

func.func @small(%c0: tensor<4x1xi32>, %c1: tensor<4xf16>, %c2: tensor<4x1xi32>, %c3: tensor<4xf16>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1, %c2, %c3 : (tensor<4x1xi32>, tensor<4xf16>, tensor<4x1xi32>, tensor<4xf16>) -> !lowbit.tensor<4x32xf32, #lowbit.sum<leaf<bin<pm1>, scale = [f16 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>, leaf<bin<pm1>, scale = [f16 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.sum<leaf<bin<pm1>, scale = [f16 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>, leaf<bin<pm1>, scale = [f16 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:4 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.sum<leaf<bin<pm1>, scale = [f16 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>, leaf<bin<pm1>, scale = [f16 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>>> -> tensor<4x1xi32>, tensor<4xf16>, tensor<4x1xi32>, tensor<4xf16>
  check.expect_eq %p#0, %c0 : tensor<4x1xi32>
  check.expect_eq %p#1, %c1 : tensor<4xf16>
  check.expect_eq %p#2, %c2 : tensor<4x1xi32>
  check.expect_eq %p#3, %c3 : tensor<4xf16>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0xD94B1A3DE526E629E49088F384E5D530"> : tensor<4x1xi32>
  %c1 = arith.constant dense<"0xA040C047E041003D"> : tensor<4xf16>
  %c2 = arith.constant dense<"0xDBCEB2D566CC7D90D1DCBD3D69A7B8FA"> : tensor<4x1xi32>
  %c3 = arith.constant dense<"0x803B104650443047"> : tensor<4xf16>
  %expected = arith.constant dense<"0x000050400000B0BF000050C00000504000005040000050C000005040000050400000B03F000050400000B0BF00005040000050C0000050C0000050400000B0BF000050C000005040000050C00000B03F000050400000B0BF000050C00000B0BF00005040000050C0000050400000B03F000050400000B03F0000B0BF0000B0BF0000D83F0000D8BF00005D4100005DC100005DC100005D4100005D410000D83F00005DC10000D83F00005D410000D8BF00005DC10000D83F0000D8BF0000D8BF0000D8BF0000D83F00005D410000D8BF0000D8BF00005D4100005D410000D83F0000D83F00005DC100005DC10000D83F0000D8BF0000D83F00005DC10000D8BF0000B03F0000E8C00000B0BF0000E8C00000B03F0000B0BF0000E8400000E8400000E8C00000E8C00000B03F0000B03F0000E8400000E8C00000B03F0000E8400000B03F0000E8C00000B03F0000E8400000B03F0000B03F0000E8C00000E8400000E8400000B0BF0000B03F0000B03F0000E8400000E8400000B0BF0000B0BF0000BE40000007C10000BEC00000BE40000007C10000BE400000BE400000BEC0000007410000BE4000000741000007C1000007C1000007410000BEC0000007410000BEC0000007C10000BEC00000BE40000007410000BE400000BEC000000741000007C10000BE40000007C10000BE4000000741000007410000BE400000BE40"> : tensor<4x32xf32>
  call @small(%c0, %c1, %c2, %c3, %expected) : (tensor<4x1xi32>, tensor<4xf16>, tensor<4x1xi32>, tensor<4xf16>, tensor<4x32xf32>) -> ()
  return
}
