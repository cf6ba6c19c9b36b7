// Written by generate.py. ARCQuant: NVFP4; the outlier channels' residual is 128 further columns.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 4.500 bits a weight
lowbit.param @layer : !lowbit.tensor<4096x4224xf32, #lowbit.leaf<nvfp4, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>>

func.func @small(%c0: tensor<4x16xi8>, %c1: tensor<4x2xi8>, %c2: tensor<f32>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1, %c2 : (tensor<4x16xi8>, tensor<4x2xi8>, tensor<f32>) -> !lowbit.tensor<4x32xf32, #lowbit.leaf<nvfp4, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<nvfp4, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:3 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.leaf<nvfp4, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>> -> tensor<4x16xi8>, tensor<4x2xi8>, tensor<f32>
  check.expect_eq %p#0, %c0 : tensor<4x16xi8>
  check.expect_eq %p#1, %c1 : tensor<4x2xi8>
  check.expect_eq %p#2, %c2 : tensor<f32>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0xBE634961A5300D3C0AD3B64246986266A5C227E59BCB6272E4865BB21DFCF85B1FC6755297E95EE7A0D7F0D0C4E357BD962DA16FD8FD03EC9C7FCAC72EB11319"> : tensor<4x16xi8>
  %c1 = arith.constant dense<"0x222040363946282B"> : tensor<4x2xi8>
  %c2 = arith.constant dense<"0x0000003F"> : tensor<f32>
  %expected = arith.constant dense<"0x0000A0BE0000F0BD0000F03D0000A03E000020BD0000203E0000203D0000A03E0000703E0000A0BD000000000000F03D000070BE00000000000020BE0000F03D000080BD000000000000C03D000040BE0000803E0000C0BD0000803D0000003E0000803E0000003E00000080000000BD0000803D0000803E0000803E0000803E00004040000080BF0000803F000000C00000C0400000803F00004040000080C00000C0BF000000BF0000C0BF000000C00000803F000080400000803F0000C0400000603F0000E0BF0000E03F00000080000028BF0000A83F0000E03E000028BF0000A8BF0000603E000060BF000028C000000080000028C0000028BF0000A83F000058C00000903E00001040000090BF0000D83F000058400000103F0000D83F00005840000090BE000090BE000010C0000010C00000D83F00005840000010C0000000000000E0BF000028410000A8C000000000000028C1000000000000A8C000006040000060C0000028400000E0C0000028410000A8400000A8C0000028C00000003F000080BD0000C0BE0000003E0000803D000000BE000040BF0000003F000000800000C0BE0000C0BE000040BF0000403E00000000000080BE000000BF0000B0BE0000B0BD000084BF0000843F000030BE0000B0BE0000843F0000B0BE000030BF0000303E0000B03D000084BE0000843E0000B03D0000B0BD0000B03D"> : tensor<4x32xf32>
  call @small(%c0, %c1, %c2, %expected) : (tensor<4x16xi8>, tensor<4x2xi8>, tensor<f32>, tensor<4x32xf32>) -> ()
  return
}
