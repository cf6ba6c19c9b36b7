// Written by generate.py. Spectra / TriLM: ternary, one scale for each shard of the matrix's rows
// (model-parallel training); 2 bits.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 2.000 bits a weight
lowbit.param @layer : !lowbit.tensor<3072x3072xf32, #lowbit.leaf<ternary, scale = [f16 per map<(n, k) -> (n floordiv 512)>], layout = bits<i32, word = (n, k) -> (n, k floordiv 16), bit = (n, k) -> (2 * (k mod 16))>>>

func.func @small(%c0: tensor<4x2xi32>, %c1: tensor<1xf16>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1 : (tensor<4x2xi32>, tensor<1xf16>) -> !lowbit.tensor<4x32xf32, #lowbit.leaf<ternary, scale = [f16 per map<(n, k) -> (n floordiv 4)>], layout = bits<i32, word = (n, k) -> (n, k floordiv 16), bit = (n, k) -> (2 * (k mod 16))>>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<ternary, scale = [f16 per map<(n, k) -> (n floordiv 4)>], layout = bits<i32, word = (n, k) -> (n, k floordiv 16), bit = (n, k) -> (2 * (k mod 16))>>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:2 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<ternary, scale = [f16 per map<(n, k) -> (n floordiv 4)>], layout = bits<i32, word = (n, k) -> (n, k floordiv 16), bit = (n, k) -> (2 * (k mod 16))>>> -> tensor<4x2xi32>, tensor<1xf16>
  check.expect_eq %p#0, %c0 : tensor<4x2xi32>
  check.expect_eq %p#1, %c1 : tensor<1xf16>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0xFCC7CD733143C0F33513CD7770FCC540F44FFC5F30F5FDC7174D5D7C0713F53D"> : tensor<4x2xi32>
  %c1 = arith.constant dense<"0xD046"> : tensor<1xf16>
  %expected = arith.constant dense<"0x000000000000DAC00000DAC00000DAC00000DAC00000DA40000000000000DAC00000DA400000DAC0000000000000DAC00000DAC0000000000000DAC00000DA400000DA40000000000000DAC0000000000000DAC000000000000000000000DA400000000000000000000000000000DAC00000DAC0000000000000DAC00000DAC00000DA400000DA400000DAC0000000000000DAC0000000000000DA40000000000000DA400000DAC0000000000000DAC00000DAC00000DA400000DAC00000DA4000000000000000000000DAC00000DA40000000000000DAC00000DAC00000DAC00000DA400000DA40000000000000DAC00000000000000000000000000000DA40000000000000DA400000DAC00000DAC00000DAC00000DAC0000000000000DA40000000000000DAC00000DAC00000DAC00000DAC00000DAC00000DA400000DA4000000000000000000000DAC0000000000000DA400000DA400000DAC00000DAC00000DA400000DAC00000DAC00000DAC00000DAC00000DA40000000000000DAC00000DAC00000DA400000DA40000000000000DA400000DAC0000000000000DA400000DA400000DAC00000DA400000DA40000000000000DAC00000DAC00000DA400000DAC00000DA4000000000000000000000DAC0000000000000DA40000000000000DA400000DA400000DAC00000DAC00000DA400000DAC00000DAC000000000"> : tensor<4x32xf32>
  call @small(%c0, %c1, %expected) : (tensor<4x2xi32>, tensor<1xf16>, tensor<4x32xf32>) -> ()
  return
}
