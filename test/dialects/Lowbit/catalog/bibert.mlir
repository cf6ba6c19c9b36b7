// Written by generate.py. BiBERT: sign weights with one scale a matrix.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 1.000 bits a weight
lowbit.param @layer : !lowbit.tensor<768x768xf32, #lowbit.leaf<bin<pm1>, scale = [f32 per tensor], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>>

func.func @small(%c0: tensor<4x1xi32>, %c1: tensor<f32>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1 : (tensor<4x1xi32>, tensor<f32>) -> !lowbit.tensor<4x32xf32, #lowbit.leaf<bin<pm1>, scale = [f32 per tensor], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<bin<pm1>, scale = [f32 per tensor], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:2 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<bin<pm1>, scale = [f32 per tensor], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>> -> tensor<4x1xi32>, tensor<f32>
  check.expect_eq %p#0, %c0 : tensor<4x1xi32>
  check.expect_eq %p#1, %c1 : tensor<f32>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0x9E1822A859E91C74B09027B3CE6C6565"> : tensor<4x1xi32>
  %c1 = arith.constant dense<"0x0000303F"> : tensor<f32>
  %expected = arith.constant dense<"0x000030BF0000303F0000303F0000303F0000303F000030BF000030BF0000303F000030BF000030BF000030BF0000303F0000303F000030BF000030BF000030BF000030BF0000303F000030BF000030BF000030BF0000303F000030BF000030BF000030BF000030BF000030BF0000303F000030BF0000303F000030BF0000303F0000303F000030BF000030BF0000303F0000303F000030BF0000303F000030BF0000303F000030BF000030BF0000303F000030BF0000303F0000303F0000303F000030BF000030BF0000303F0000303F0000303F000030BF000030BF000030BF000030BF000030BF0000303F000030BF0000303F0000303F0000303F000030BF000030BF000030BF000030BF000030BF0000303F0000303F000030BF0000303F000030BF000030BF000030BF000030BF0000303F000030BF000030BF0000303F0000303F0000303F0000303F000030BF000030BF0000303F000030BF000030BF0000303F0000303F000030BF000030BF0000303F0000303F000030BF0000303F000030BF0000303F0000303F0000303F000030BF000030BF0000303F0000303F000030BF000030BF0000303F0000303F000030BF0000303F0000303F000030BF0000303F000030BF0000303F000030BF000030BF0000303F0000303F000030BF0000303F000030BF0000303F000030BF000030BF0000303F0000303F000030BF"> : tensor<4x32xf32>
  call @small(%c0, %c1, %expected) : (tensor<4x1xi32>, tensor<f32>, tensor<4x32xf32>) -> ()
  return
}
