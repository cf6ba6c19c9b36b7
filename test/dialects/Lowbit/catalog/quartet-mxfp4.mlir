// Written by generate.py. Quartet: MXFP4, e2m1 in blocks of 32 with an e8m0 scale.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 4.250 bits a weight
lowbit.param @layer : !lowbit.tensor<4096x4096xf32, #lowbit.leaf<mxfp4, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>>

func.func @small(%c0: tensor<4x16xi8>, %c1: tensor<4x1xi8>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1 : (tensor<4x16xi8>, tensor<4x1xi8>) -> !lowbit.tensor<4x32xf32, #lowbit.leaf<mxfp4, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<mxfp4, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:2 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<mxfp4, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>> -> tensor<4x16xi8>, tensor<4x1xi8>
  check.expect_eq %p#0, %c0 : tensor<4x16xi8>
  check.expect_eq %p#1, %c1 : tensor<4x1xi8>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0xA42D072B5BAEAC623C71A8263A9A373394BBD2575012003023DCD57D684C8CA6AEE851F14B84CA7B2287B5B00121EA6F65D38DFC56C3356575DE54320490A9A6"> : tensor<4x16xi8>
  %c1 = arith.constant dense<"0x797F8182"> : tensor<4x1xi8>
  %expected = arith.constant dense<"0x0000003D000080BC000040BD0000803C0000C03D000000000000C0BC0000803C0000C0BC0000403D000080BD000080BC000000BD000080BC0000803C0000803D000000BD0000C03C0000003C0000C03D00000080000080BC0000803D0000803C000080BC0000C03C000080BC000000BC0000C03D0000C03C0000C03C0000C03C00000040000000BF0000C0BF0000C0BF0000803F000040C00000C0400000404000000000000040400000803F0000003F0000000000000000000000000000C03F0000C03F0000803F000000C0000040C000004040000040C0000040C00000C0400000008000008040000000C000000040000000C00000008000008040000080BF000080C1000080C000000080000080C10000004000004041000000400000C0C10000C0C0000000410000004100000080000080C0000000C10000C0C00000C04100008040000080400000C04100000080000040410000C0C0000000000000C0C000000040000000000000004000008040000080C0000080C10000C0C1000080410000C04100000042000040410000C0C10000C0C100000080000080C1000040C2000000420000C04100004041000080C10000C041000040410000C041000000420000C04100004042000000C20000C0C1000080410000C0410000004100004041000080410000000000000000000080C0000080C0000000C100000042000000C1"> : tensor<4x32xf32>
  call @small(%c0, %c1, %expected) : (tensor<4x16xi8>, tensor<4x1xi8>, tensor<4x32xf32>) -> ()
  return
}
