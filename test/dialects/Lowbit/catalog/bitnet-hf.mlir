// Written by generate.py. BitNet on Hugging Face: byte row r holds rows r, r + R, ...
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 2.000 bits a weight
lowbit.param @layer : !lowbit.tensor<2560x2560xf32, #lowbit.leaf<ternary, scale = [f32 per tensor], layout = bits<i8, word = (n, k) -> (n mod 640, k), bit = (n, k) -> (2 * (n floordiv 640)), store = biased>>>

func.func @small(%c0: tensor<2x16xi8>, %c1: tensor<f32>, %expected: tensor<8x16xf32>) {
  %w = lowbit.assemble %c0, %c1 : (tensor<2x16xi8>, tensor<f32>) -> !lowbit.tensor<8x16xf32, #lowbit.leaf<ternary, scale = [f32 per tensor], layout = bits<i8, word = (n, k) -> (n mod 2, k), bit = (n, k) -> (2 * (n floordiv 2)), store = biased>>>
  %d = lowbit.decode %w : !lowbit.tensor<8x16xf32, #lowbit.leaf<ternary, scale = [f32 per tensor], layout = bits<i8, word = (n, k) -> (n mod 2, k), bit = (n, k) -> (2 * (n floordiv 2)), store = biased>>> -> tensor<8x16xf32>
  check.expect_eq %d, %expected : tensor<8x16xf32>
  %p:2 = lowbit.disassemble %w : !lowbit.tensor<8x16xf32, #lowbit.leaf<ternary, scale = [f32 per tensor], layout = bits<i8, word = (n, k) -> (n mod 2, k), bit = (n, k) -> (2 * (n floordiv 2)), store = biased>>> -> tensor<2x16xi8>, tensor<f32>
  check.expect_eq %p#0, %c0 : tensor<2x16xi8>
  check.expect_eq %p#1, %c1 : tensor<f32>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0x92412292852054542689A288868845A22A05A514441454A50690022566514950"> : tensor<2x16xi8>
  %c1 = arith.constant dense<"0x0000983F"> : tensor<f32>
  %expected = arith.constant dense<"0x0000983F000000000000983F0000983F00000000000098BF000098BF000098BF0000983F000000000000983F000098BF0000983F000098BF000000000000983F0000983F0000000000000000000098BF000098BF000098BF000098BF000000000000983F000098BF0000983F000000000000983F0000000000000000000098BF000098BF000098BF000098BF000098BF00000000000098BF0000000000000000000000000000983F000098BF0000983F000000000000983F00000000000098BF0000983F0000000000000000000000000000000000000000000000000000000000000000000098BF000098BF0000000000000000000098BF0000983F000098BF00000000000098BF0000983F00000000000098BF0000983F00000000000000000000983F000098BF0000983F000098BF000098BF000098BF000098BF0000983F0000983F000098BF0000983F00000000000098BF00000000000000000000983F000098BF00000000000098BF0000983F0000983F00000000000098BF000000000000983F00000000000098BF0000983F0000983F000098BF0000000000000000000098BF0000983F0000983F0000983F0000983F0000983F000000000000983F000098BF000098BF0000983F000098BF00000000000098BF000000000000983F000098BF0000983F000098BF000098BF00000000000000000000000000000000"> : tensor<8x16xf32>
  call @small(%c0, %c1, %expected) : (tensor<2x16xi8>, tensor<f32>, tensor<8x16xf32>) -> ()
  return
}
