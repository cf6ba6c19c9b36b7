// Written by generate.py. Binary and Ternary NLG: ternary as two planes, two's complement: plane 1 is
// negative.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 2.016 bits a weight
lowbit.param @layer : !lowbit.tensor<1024x1024xf32, #lowbit.leaf<ternary, scale = [f16 per row], layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (31 - k mod 32), order = lsb>>>

func.func @small(%c0: tensor<2x4x1xi32>, %c1: tensor<4xf16>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1 : (tensor<2x4x1xi32>, tensor<4xf16>) -> !lowbit.tensor<4x32xf32, #lowbit.leaf<ternary, scale = [f16 per row], layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (31 - k mod 32), order = lsb>>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<ternary, scale = [f16 per row], layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (31 - k mod 32), order = lsb>>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:2 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<ternary, scale = [f16 per row], layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (31 - k mod 32), order = lsb>>> -> tensor<2x4x1xi32>, tensor<4xf16>
  check.expect_eq %p#0, %c0 : tensor<2x4x1xi32>
  check.expect_eq %p#1, %c1 : tensor<4xf16>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0x9FFDFA0B657BFFEABA16F5EBF73D795D867D2A00615989EA00046481F4140114"> : tensor<2x4x1xi32>
  %c1 = arith.constant dense<"0xE040C03E403D0030"> : tensor<4xf16>
  %expected = arith.constant dense<"0x0000000000000000000000000000000000001C400000000000001C4000001C4000001C4000001C4000001CC000001C4000001CC00000000000001CC00000000000001C4000001CC000001CC000001CC000001CC000001CC00000000000001CC000001CC0000000000000000000001C4000001C4000001CC000001CC000001C400000D8BF0000D8BF0000D8BF000000000000D8BF000000000000D8BF000000000000D8BF0000D83F0000D83F0000D83F0000D8BF0000D83F0000D83F0000D8BF000000000000D8BF0000D83F0000D8BF0000D8BF000000000000D83F0000D8BF000000000000D8BF0000D8BF00000000000000000000D83F000000000000D8BF0000A8BF0000A83F0000A83F000000000000A83F000000000000A83F0000A8BF0000A83F0000A8BF0000A8BF0000A83F000000000000A8BF000000000000A83F0000000000000000000000000000A83F000000000000A8BF0000A83F000000000000A83F000000000000A83F0000A83F0000A83F000000000000A83F00000000000000000000003E00000000000000BE0000003E000000BE000000000000003E000000000000003E0000003E0000003E0000003E0000000000000000000000BE00000000000000000000003E000000BE0000003E000000BE000000000000003E000000BE000000BE000000BE000000BE00000000000000BE0000003E0000003E"> : tensor<4x32xf32>
  call @small(%c0, %c1, %expected) : (tensor<2x4x1xi32>, tensor<4xf16>, tensor<4x32xf32>) -> ()
  return
}
