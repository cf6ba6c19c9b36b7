// Written by generate.py. AWQ: packed along the outputs in the order 0, 2, 4, 6, 1, 3, 5, 7; the tensor is
// [out, in], words are [in, out / 8].
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 4.188 bits a weight
lowbit.param @layer : !lowbit.tensor<4096x4096xf32, #lowbit.leaf<uint<4>, scale = [f16 per map<(n, k) -> (k floordiv 128, n) >], zero = uint<4> per map<(n, k) -> (k floordiv 128, n)>, layout = bits<i32, word = (n, k) -> (k, n floordiv 8), bit = (n, k) -> (4 * ((n floordiv 2) mod 4) + 16 * (n mod 2))>>>

func.func @small(%c0: tensor<8x2xi32>, %c1: tensor<1x16xf16>, %c2: tensor<1x16xi8>, %expected: tensor<16x8xf32>) {
  %w = lowbit.assemble %c0, %c1, %c2 : (tensor<8x2xi32>, tensor<1x16xf16>, tensor<1x16xi8>) -> !lowbit.tensor<16x8xf32, #lowbit.leaf<uint<4>, scale = [f16 per map<(n, k) -> (k floordiv 8, n) >], zero = uint<4> per map<(n, k) -> (k floordiv 8, n)>, layout = bits<i32, word = (n, k) -> (k, n floordiv 8), bit = (n, k) -> (4 * ((n floordiv 2) mod 4) + 16 * (n mod 2))>>>
  %d = lowbit.decode %w : !lowbit.tensor<16x8xf32, #lowbit.leaf<uint<4>, scale = [f16 per map<(n, k) -> (k floordiv 8, n) >], zero = uint<4> per map<(n, k) -> (k floordiv 8, n)>, layout = bits<i32, word = (n, k) -> (k, n floordiv 8), bit = (n, k) -> (4 * ((n floordiv 2) mod 4) + 16 * (n mod 2))>>> -> tensor<16x8xf32>
  check.expect_eq %d, %expected : tensor<16x8xf32>
  %p:3 = lowbit.disassemble %w : !lowbit.tensor<16x8xf32, #lowbit.leaf<uint<4>, scale = [f16 per map<(n, k) -> (k floordiv 8, n) >], zero = uint<4> per map<(n, k) -> (k floordiv 8, n)>, layout = bits<i32, word = (n, k) -> (k, n floordiv 8), bit = (n, k) -> (4 * ((n floordiv 2) mod 4) + 16 * (n mod 2))>>> -> tensor<8x2xi32>, tensor<1x16xf16>, tensor<1x16xi8>
  check.expect_eq %p#0, %c0 : tensor<8x2xi32>
  check.expect_eq %p#1, %c1 : tensor<1x16xf16>
  check.expect_eq %p#2, %c2 : tensor<1x16xi8>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0x3A04FCBC86B7A7E56C4F27F6509B81F3C5E95387EE70ED319D8B3D181EF9738B543077E95F38E6BCC4D0B4F6A5D8494B7DAADA63889456EE9A77253ADE85C9A6"> : tensor<8x2xi32>
  %c1 = arith.constant dense<"0x403C003F0035C03C8038803B0035403D00350038C03E0039403F403C403CC03E"> : tensor<1x16xf16>
  %c2 = arith.constant dense<"0x09050D030D06040005080509060D0A05"> : tensor<1x16xi8>
  %expected = arith.constant dense<"0x0000883F00004C40000088C0000088400000AAC00000AAC0000088400000883F0000444100006040000060C000006041000060400000E0BF00000C4100000000000048C000000CC00000A0BE0000A0BF000020C00000A0BE0000F0BF0000A0BF00006441000098BF0000184000000000000098400000184100003E41000098BF0000A2C00000903F000010C0000090BF0000EAC00000EAC00000D8BF000058C00000B440000000000000703F0000F03F0000344000000000000034C0000070400000A0BF00000000000048400000A03F0000A0BE000034400000F03F0000703F0000674100809D41000028410000A83F0000934100809D410000FC4000007C400000A03E0000C8BF000034400000344000004840000000000000703F00003440000000BF000060C000002040000020C0000080BF0000003F000080BF0000003F0000A24000000000000073410000D8C000000000000007410000A240000058410000203F000020BF000048400000A0BF00004840000048C0000020C00000F03F0000E83F0000114100002EC10000AE400000684000006840000068C00000E8BF000008C100002AC100004CC1000008C0000088BF000008C00000883F0000EEC00000883F000088BF00004CC00000AA400000EEC000004C40000088BF000008C00000734100008741000058C00000A240000022410000D8BF0000734100000741"> : tensor<16x8xf32>
  call @small(%c0, %c1, %c2, %expected) : (tensor<8x2xi32>, tensor<1x16xf16>, tensor<1x16xi8>, tensor<16x8xf32>) -> ()
  return
}
