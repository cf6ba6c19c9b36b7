// Written by generate.py. ZeroQuant-FP: FP4 weights, scales that are powers of two.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 4.031 bits a weight
lowbit.param @layer : !lowbit.tensor<4096x4096xf32, #lowbit.leaf<fp<f4E2M1FN>, scale = [f8E8M0FNU per map<(n, k) -> (n, k floordiv 256)>], layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>>

func.func @small(%c0: tensor<4x16xi8>, %c1: tensor<4x1xi8>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1 : (tensor<4x16xi8>, tensor<4x1xi8>) -> !lowbit.tensor<4x32xf32, #lowbit.leaf<fp<f4E2M1FN>, scale = [f8E8M0FNU per map<(n, k) -> (n, k floordiv 32)>], layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<fp<f4E2M1FN>, scale = [f8E8M0FNU per map<(n, k) -> (n, k floordiv 32)>], layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:2 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<fp<f4E2M1FN>, scale = [f8E8M0FNU per map<(n, k) -> (n, k floordiv 32)>], layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>> -> tensor<4x16xi8>, tensor<4x1xi8>
  check.expect_eq %p#0, %c0 : tensor<4x16xi8>
  check.expect_eq %p#1, %c1 : tensor<4x1xi8>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0xEBF6495AEB503819CE87062808BA62502A1B111F2EA741EE71A40654CBA67B6573E4F1CB37544F6C349E4BA13B378C6799D689C27C4048596F6B64D5EE3478E6"> : tensor<4x16xi8>
  %c1 = arith.constant dense<"0x7F7E8281"> : tensor<4x1xi8>
  %expected = arith.constant dense<"0x0000C0BF000080C0000080400000C0C0000000BF00000040000080BF000040400000C0BF000080C00000000000004040000000800000C03F000000BF0000003F000080C0000000C00000C040000000800000804000000000000000800000803F0000008000000000000080BF0000C0BF0000803F000080400000000000004040000000BF0000003F000040BF0000803E0000803E0000803E000040C00000803E000000C00000003F00004040000000BF0000803E0000803F000000C0000000C00000803E000040400000803F000000BF00000040000000000000803F0000C03F000040BF000080BF00000040000000BF000040BF000040400000C03F00000040000040410000404200008041000000C200008040000040C2000040C1000080C10000404200004041000080410000C041000040C200008041000080C1000000420000804100004041000000C2000080C0000040C10000804100008040000000C1000040C1000040410000404200004041000080C1000000800000404200000042000000C0000000C000008041000040C1000000C00000008000008040000000C1000000C10000C04100000000000000410000008000000041000000C0000040410000C0C1000080410000C0C000008041000000410000804100004041000040C1000080C1000080C1000000410000C040000000800000C04100008041000080C1"> : tensor<4x32xf32>
  call @small(%c0, %c1, %expected) : (tensor<4x16xi8>, tensor<4x1xi8>, tensor<4x32xf32>) -> ()
  return
}
