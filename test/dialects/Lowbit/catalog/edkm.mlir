// Written by generate.py. eDKM: 3-bit palette, one table a tensor.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 3.000 bits a weight
lowbit.param @layer : !lowbit.tensor<4096x4096xf32, #lowbit.leaf<lut<3, f16>, layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (k mod 32), order = lsb>>>

func.func @small(%c0: tensor<3x4x1xi32>, %c1: tensor<1x8xf16>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1 : (tensor<3x4x1xi32>, tensor<1x8xf16>) -> !lowbit.tensor<4x32xf32, #lowbit.leaf<lut<3, f16>, layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (k mod 32), order = lsb>>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<lut<3, f16>, layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (k mod 32), order = lsb>>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:2 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<lut<3, f16>, layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (k mod 32), order = lsb>>> -> tensor<3x4x1xi32>, tensor<1x8xf16>
  check.expect_eq %p#0, %c0 : tensor<3x4x1xi32>
  check.expect_eq %p#1, %c1 : tensor<1x8xf16>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0x23B20B49C5143361DD264F7F290D2DDAEBECA2CE77C264BC75AEE19EE8068966A1B4559CB5F4D04D699F6FF6311E5D5F"> : tensor<3x4x1xi32>
  %c1 = arith.constant dense<"0xA042004100C300B40030C04100418038"> : tensor<1x8xf16>
  %expected = arith.constant dense<"0x0000103F000080BE00005440000060C0000054400000103F000060C000002040000054400000204000002040000060C0000038400000103F000060C00000103F00003840000080BE0000003E000020400000003E000060C00000003E000060C000002040000060C0000020400000103F0000003E00005440000080BE000020400000103F000060C00000103F000054400000204000002040000080BE0000384000005440000060C00000384000005440000038400000003E00002040000020400000204000002040000060C00000544000003840000080BE000020400000003E00003840000054400000204000002040000060C0000080BE00003840000060C00000103F00005440000080BE00003840000080BE000020400000103F000020400000003E0000103F0000103F000020400000003E000080BE00005440000020400000103F00003840000038400000384000005440000020400000103F000060C0000020400000103F0000103F000080BE0000103F000038400000384000002040000038400000544000005440000080BE0000003E0000103F000060C0000060C000002040000020400000103F000038400000003E0000544000005440000054400000103F00005440000038400000103F0000003E000020400000003E000060C00000003E0000103F000020400000384000003840000060C00000103F00002040"> : tensor<4x32xf32>
  call @small(%c0, %c1, %expected) : (tensor<3x4x1xi32>, tensor<1x8xf16>, tensor<4x32xf32>) -> ()
  return
}
