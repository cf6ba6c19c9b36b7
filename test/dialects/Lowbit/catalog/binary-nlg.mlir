// Written by generate.py. Binary and Ternary NLG: +-1 with a scale a row (binary BART).
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 1.016 bits a weight
lowbit.param @layer : !lowbit.tensor<1024x1024xf32, #lowbit.leaf<bin<pm1>, scale = [f16 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>>

func.func @small(%c0: tensor<4x1xi32>, %c1: tensor<4xf16>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1 : (tensor<4x1xi32>, tensor<4xf16>) -> !lowbit.tensor<4x32xf32, #lowbit.leaf<bin<pm1>, scale = [f16 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<bin<pm1>, scale = [f16 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:2 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<bin<pm1>, scale = [f16 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>> -> tensor<4x1xi32>, tensor<4xf16>
  check.expect_eq %p#0, %c0 : tensor<4x1xi32>
  check.expect_eq %p#1, %c1 : tensor<4xf16>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0xFE4537B279D451AEC2158F6E0DB12052"> : tensor<4x1xi32>
  %c1 = arith.constant dense<"0x002C4040403D9046"> : tensor<4xf16>
  %expected = arith.constant dense<"0x000080BD0000803D0000803D0000803D0000803D0000803D0000803D0000803D0000803D000080BD0000803D000080BD000080BD000080BD0000803D000080BD0000803D0000803D0000803D000080BD0000803D0000803D000080BD000080BD000080BD0000803D000080BD000080BD0000803D0000803D000080BD0000803D00000840000008C0000008C000000840000008400000084000000840000008C0000008C0000008C000000840000008C000000840000008C0000008400000084000000840000008C0000008C0000008C000000840000008C000000840000008C0000008C0000008400000084000000840000008C000000840000008C0000008400000A8BF0000A83F0000A8BF0000A8BF0000A8BF0000A8BF0000A83F0000A83F0000A83F0000A8BF0000A83F0000A8BF0000A83F0000A8BF0000A8BF0000A8BF0000A83F0000A83F0000A83F0000A83F0000A8BF0000A8BF0000A8BF0000A83F0000A8BF0000A83F0000A83F0000A83F0000A8BF0000A83F0000A83F0000A8BF0000D2400000D2C00000D2400000D2400000D2C00000D2C00000D2C00000D2C00000D2400000D2C00000D2C00000D2C00000D2400000D2400000D2C00000D2400000D2C00000D2C00000D2C00000D2C00000D2C00000D2400000D2C00000D2C00000D2C00000D2400000D2C00000D2C00000D2400000D2C00000D2400000D2C0"> : tensor<4x32xf32>
  call @small(%c0, %c1, %expected) : (tensor<4x1xi32>, tensor<4xf16>, tensor<4x32xf32>) -> ()
  return
}
