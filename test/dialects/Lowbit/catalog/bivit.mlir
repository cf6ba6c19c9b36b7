// Written by generate.py. BiViT: binary attention codes {0, 1}, a scale a row.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 1.083 bits a weight
lowbit.param @layer : !lowbit.tensor<384x384xf32, #lowbit.leaf<bin<01>, scale = [f32 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32)>>>

func.func @small(%c0: tensor<4x1xi32>, %c1: tensor<4xf32>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1 : (tensor<4x1xi32>, tensor<4xf32>) -> !lowbit.tensor<4x32xf32, #lowbit.leaf<bin<01>, scale = [f32 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32)>>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<bin<01>, scale = [f32 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32)>>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:2 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<bin<01>, scale = [f32 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32)>>> -> tensor<4x1xi32>, tensor<4xf32>
  check.expect_eq %p#0, %c0 : tensor<4x1xi32>
  check.expect_eq %p#1, %c1 : tensor<4xf32>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0x5D42652E9DBAE9C4EAC4A9FB6B4A3A93"> : tensor<4x1xi32>
  %c1 = arith.constant dense<"0x0000BA400000D8400000403F0000B240"> : tensor<4xf32>
  %expected = arith.constant dense<"0x0000BA40000000000000BA400000BA400000BA40000000000000BA4000000000000000000000BA40000000000000000000000000000000000000BA40000000000000BA40000000000000BA4000000000000000000000BA400000BA4000000000000000000000BA400000BA400000BA40000000000000BA4000000000000000000000D840000000000000D8400000D8400000D84000000000000000000000D840000000000000D840000000000000D8400000D8400000D840000000000000D8400000D84000000000000000000000D840000000000000D8400000D8400000D84000000000000000000000D8400000000000000000000000000000D8400000D840000000000000403F000000000000403F000000000000403F0000403F0000403F00000000000000000000403F0000000000000000000000000000403F0000403F0000403F00000000000000000000403F000000000000403F000000000000403F0000403F0000403F000000000000403F0000403F0000403F0000403F0000403F0000B2400000B240000000000000B240000000000000B2400000B24000000000000000000000B240000000000000B24000000000000000000000B24000000000000000000000B240000000000000B2400000B2400000B24000000000000000000000B2400000B24000000000000000000000B24000000000000000000000B240"> : tensor<4x32xf32>
  call @small(%c0, %c1, %expected) : (tensor<4x1xi32>, tensor<4xf32>, tensor<4x32xf32>) -> ()
  return
}
