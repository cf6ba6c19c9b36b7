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
  %c0 = arith.constant dense<"0x5C8855F77C18089D6ED721372CD56788D20A7BC52382EB466F8FED9EDADB2735BB7D944CDC928FAE96699844AC44556229393647F0D36A70DDE995BDD87BF6E1"> : tensor<8x2xi32>
  %c1 = arith.constant dense<"0xC03F0030003C003B003DC03F403F003D0034403F003B0035003A803E003E003F"> : tensor<1x16xf16>
  %c2 = arith.constant dense<"0x070D080D050F0B0504090200040A0E04"> : tensor<1x16xi8>
  %expected = arith.constant dense<"0x00001B410000594100001BC1000078410000F8400000F8BF0000784000003A41000080BF0000C0BF000080BE00000000000090BF000020BF000060BF000080BF000040C0000000C00000A040000000C0000040400000803F0000C0C00000A0400000E0C000001AC10000A8C00000603F000060C0000060C000000CC1000060C000007040000020400000C84000004841000020410000A0400000A0400000A040000078C1000078C100009BC10000F8BF0000BAC00080AAC1000078C1000078C00000AEC00000684000809FC10000AEC00000E8C0000011C1000068C10000AE4000004841000020C000000C410000A0400000A0BF0000A0BF0000A0BF0000F0400000004000000040000080BE0000C03F0000004000000040000080BF0000803F0000E8BF000068C000006840000068C000002E410000E8C00000E83F0000AEC000008C40000000000000000000001A4100001A410000E0400000364100001A41000000000000F03F00008C400000203F000020400000C83F0000F03F00009640000040400000403F0000C0BF0000A8400000C0BF00000000000040BF0000A84000009C40000050C00000D0C0000002C10000D040000050C1000082C100006AC100009CC10000C0BF000010C10000C0BF0000F0C0000070C10000C0BF000028C100000C410000E040000000000000E0BF00002841000060400000A84000008C41"> : tensor<16x8xf32>
  call @small(%c0, %c1, %c2, %expected) : (tensor<8x2xi32>, tensor<1x16xf16>, tensor<1x16xi8>, tensor<16x8xf32>) -> ()
  return
}
