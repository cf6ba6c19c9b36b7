// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-interpret %s

// Written by generate.py. Clauses E1 to E3: decode, and layouts.

// No scale: no multiplication.
func.func @plain(%c: tensor<2x8xi8>, %d: tensor<2x8xf32>) {
  %w = lowbit.assemble %c : (tensor<2x8xi8>) -> !lowbit.tensor<2x8xf32, #lowbit.leaf<int<4>>>
  %d_actual = lowbit.decode %w : !lowbit.tensor<2x8xf32, #lowbit.leaf<int<4>>> -> tensor<2x8xf32>
  check.expect_eq %d_actual, %d : tensor<2x8xf32>
  return
}

func.func @zero_point(%c: tensor<2x8xi8>, %s: tensor<2x2xf16>, %z: tensor<2xi8>, %d: tensor<2x8xf32>) {
  %w = lowbit.assemble %c, %s, %z : (tensor<2x8xi8>, tensor<2x2xf16>, tensor<2xi8>) -> !lowbit.tensor<2x8xf32, #lowbit.leaf<uint<4>, scale = [f16 per map<(n, k) -> (n, k floordiv 4)>], zero = uint<4> per row>>
  %d_actual = lowbit.decode %w : !lowbit.tensor<2x8xf32, #lowbit.leaf<uint<4>, scale = [f16 per map<(n, k) -> (n, k floordiv 4)>], zero = uint<4> per row>> -> tensor<2x8xf32>
  check.expect_eq %d_actual, %d : tensor<2x8xf32>
  return
}

// Two factors each, one of them integer; the offset is negated.
func.func @k_quant(%c: tensor<2x8xi8>, %s: tensor<2xf16>, %t: tensor<2x2xi8>, %o: tensor<2xf16>, %p: tensor<2x2xi8>, %d: tensor<2x8xf32>) {
  %w = lowbit.assemble %c, %s, %t, %o, %p : (tensor<2x8xi8>, tensor<2xf16>, tensor<2x2xi8>, tensor<2xf16>, tensor<2x2xi8>) -> !lowbit.tensor<2x8xf32, #lowbit.leaf<uint<4>, scale = [f16 per row, uint<6> per map<(n, k) -> (n, k floordiv 4)>], offset = -[f16 per row, uint<6> per map<(n, k) -> (n, k floordiv 4)>]>>
  %d_actual = lowbit.decode %w : !lowbit.tensor<2x8xf32, #lowbit.leaf<uint<4>, scale = [f16 per row, uint<6> per map<(n, k) -> (n, k floordiv 4)>], offset = -[f16 per row, uint<6> per map<(n, k) -> (n, k floordiv 4)>]>> -> tensor<2x8xf32>
  check.expect_eq %d_actual, %d : tensor<2x8xf32>
  return
}

func.func @half(%c: tensor<1x8xi16>, %s: tensor<1xf32>, %d: tensor<1x8xf32>) {
  %w = lowbit.assemble %c, %s : (tensor<1x8xi16>, tensor<1xf32>) -> !lowbit.tensor<1x8xf32, #lowbit.leaf<fp<f16>, scale = [f32 per row]>>
  %d_actual = lowbit.decode %w : !lowbit.tensor<1x8xf32, #lowbit.leaf<fp<f16>, scale = [f32 per row]>> -> tensor<1x8xf32>
  check.expect_eq %d_actual, %d : tensor<1x8xf32>
  return
}

func.func @brain(%c: tensor<1x8xi16>, %s: tensor<1xf32>, %d: tensor<1x8xf32>) {
  %w = lowbit.assemble %c, %s : (tensor<1x8xi16>, tensor<1xf32>) -> !lowbit.tensor<1x8xf32, #lowbit.leaf<fp<bf16>, scale = [f32 per row]>>
  %d_actual = lowbit.decode %w : !lowbit.tensor<1x8xf32, #lowbit.leaf<fp<bf16>, scale = [f32 per row]>> -> tensor<1x8xf32>
  check.expect_eq %d_actual, %d : tensor<1x8xf32>
  return
}

// Converting there and back gives the same words.
func.func @nibbles(%c: tensor<2x4xi8>, %d: tensor<2x8xf32>, %e: tensor<2x8xi8>, %f: tensor<2x4xi8>) {
  %w = lowbit.assemble %c : (tensor<2x4xi8>) -> !lowbit.tensor<2x8xf32, #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>>
  %d_actual = lowbit.decode %w : !lowbit.tensor<2x8xf32, #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>> -> tensor<2x8xf32>
  %v = lowbit.convert %w : !lowbit.tensor<2x8xf32, #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>> to !lowbit.tensor<2x8xf32, #lowbit.leaf<uint<4>>>
  %e_actual = lowbit.disassemble %v : !lowbit.tensor<2x8xf32, #lowbit.leaf<uint<4>>> -> tensor<2x8xi8>
  %x = lowbit.convert %v : !lowbit.tensor<2x8xf32, #lowbit.leaf<uint<4>>> to !lowbit.tensor<2x8xf32, #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>>
  %f_actual = lowbit.disassemble %x : !lowbit.tensor<2x8xf32, #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>> -> tensor<2x4xi8>
  check.expect_eq %d_actual, %d : tensor<2x8xf32>
  check.expect_eq %e_actual, %e : tensor<2x8xi8>
  check.expect_eq %f_actual, %f : tensor<2x4xi8>
  return
}

// 5 bits as 4 and 1, stored biased.
func.func @fields(%c: tensor<2x4xi8>, %h: tensor<2x1xi8>, %d: tensor<2x8xf32>, %e: tensor<2x4xi8>, %f: tensor<2x1xi8>) {
  %w = lowbit.assemble %c, %h : (tensor<2x4xi8>, tensor<2x1xi8>) -> !lowbit.tensor<2x8xf32, #lowbit.leaf<int<5>, layout = bits<[i8 x 4, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))], [i8 x 1, word = (n, k) -> (n, k floordiv 8), bit = (n, k) -> (k mod 8)], store = biased>>>
  %d_actual = lowbit.decode %w : !lowbit.tensor<2x8xf32, #lowbit.leaf<int<5>, layout = bits<[i8 x 4, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))], [i8 x 1, word = (n, k) -> (n, k floordiv 8), bit = (n, k) -> (k mod 8)], store = biased>>> -> tensor<2x8xf32>
  %e_actual, %f_actual = lowbit.disassemble %w : !lowbit.tensor<2x8xf32, #lowbit.leaf<int<5>, layout = bits<[i8 x 4, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))], [i8 x 1, word = (n, k) -> (n, k floordiv 8), bit = (n, k) -> (k mod 8)], store = biased>>> -> tensor<2x4xi8>, tensor<2x1xi8>
  check.expect_eq %d_actual, %d : tensor<2x8xf32>
  check.expect_eq %e_actual, %e : tensor<2x4xi8>
  check.expect_eq %f_actual, %f : tensor<2x1xi8>
  return
}

// N16.
func.func @gather_rows(%c: tensor<4x8xi8>, %s: tensor<4xf32>, %i: tensor<3xi32>, %d: tensor<3x8xf32>) {
  %t = lowbit.assemble %c, %s : (tensor<4x8xi8>, tensor<4xf32>) -> !lowbit.tensor<4x8xf32, #lowbit.leaf<ternary, scale = [f32 per row]>>
  %d_actual = lowbit.gather_rows %t, %i : !lowbit.tensor<4x8xf32, #lowbit.leaf<ternary, scale = [f32 per row]>>, tensor<3xi32> -> tensor<3x8xf32>
  check.expect_eq %d_actual, %d : tensor<3x8xf32>
  return
}

func.func @main() {
  %plain.c = arith.constant dense<"0xFCFA00FB07060704FEFB07F80405F806"> : tensor<2x8xi8>
  %plain.d = arith.constant dense<"0x000080C00000C0C0000000000000A0C00000E0400000C0400000E04000008040000000C00000A0C00000E040000000C1000080400000A040000000C10000C040"> : tensor<2x8xf32>
  call @plain(%plain.c, %plain.d) : (tensor<2x8xi8>, tensor<2x8xf32>) -> ()
  %zero_point.c = arith.constant dense<"0x0A000000000C060D00070E0F070B0707"> : tensor<2x8xi8>
  %zero_point.s = arith.constant dense<"0x52386C3EBF3CD432"> : tensor<2x2xf16>
  %zero_point.z = arith.constant dense<"0x0E09"> : tensor<2xi8>
  %zero_point.d = arith.constant dense<"0x00400AC000F0F1C000F0F1C000F0F1C000D0B3C100804DC000804DC10080CDBF00DC2AC100E017C000D8BD4000D0E3400080DABE0080DA3E0080DABE0080DABE"> : tensor<2x8xf32>
  call @zero_point(%zero_point.c, %zero_point.s, %zero_point.z, %zero_point.d) : (tensor<2x8xi8>, tensor<2x2xf16>, tensor<2xi8>, tensor<2x8xf32>) -> ()
  %k_quant.c = arith.constant dense<"0x0A000000000C060D00070E0F070B0707"> : tensor<2x8xi8>
  %k_quant.s = arith.constant dense<"0xEF2D6729"> : tensor<2xf16>
  %k_quant.t = arith.constant dense<"0x0C17250F"> : tensor<2x2xi8>
  %k_quant.o = arith.constant dense<"0xC62CBD2D"> : tensor<2xf16>
  %k_quant.p = arith.constant dense<"0x36182624"> : tensor<2x2xi8>
  %k_quant.d = arith.constant dense<"0x0022E34000E280C000E280C000E280C00020E5BF8063BE4180113041A072CF41000E5AC040C6F040E0A493411023A04100179A3F801D6F4000179A3F00179A3F"> : tensor<2x8xf32>
  call @k_quant(%k_quant.c, %k_quant.s, %k_quant.t, %k_quant.o, %k_quant.p, %k_quant.d) : (tensor<2x8xi8>, tensor<2xf16>, tensor<2x2xi8>, tensor<2xf16>, tensor<2x2xi8>, tensor<2x8xf32>) -> ()
  %half.c = arith.constant dense<"0x003E0000FF7B0100007C00C0662E0042"> : tensor<1x8xi16>
  %half.s = arith.constant dense<0x3F400000> : tensor<1xf32>
  %half.d = arith.constant dense<"0x0000903F0000000000E83F47000040330000807F0000C0BF0090993D00001040"> : tensor<1x8xf32>
  call @half(%half.c, %half.s, %half.d) : (tensor<1x8xi16>, tensor<1xf32>, tensor<1x8xf32>) -> ()
  %brain.c = arith.constant dense<"0xC03F000080478033807F00C0CD3D4040"> : tensor<1x8xi16>
  %brain.s = arith.constant dense<0x3F400000> : tensor<1xf32>
  %brain.d = arith.constant dense<"0x0000903F0000000000004047000040330000807F0000C0BF00C0993D00001040"> : tensor<1x8xf32>
  call @brain(%brain.c, %brain.s, %brain.d) : (tensor<1x8xi16>, tensor<1xf32>, tensor<1x8xf32>) -> ()
  %nibbles.c = arith.constant dense<"0xCFF1C75DBBE253BC"> : tensor<2x4xi8>
  %nibbles.d = arith.constant dense<"0x00007041000040410000803F000070410000E04000004041000050410000A04000003041000030410000004000006041000040400000A0400000404100003041"> : tensor<2x8xf32>
  %nibbles.e = arith.constant dense<"0x0F0C010F070C0D050B0B020E03050C0B"> : tensor<2x8xi8>
  %nibbles.f = arith.constant dense<"0xCFF1C75DBBE253BC"> : tensor<2x4xi8>
  call @nibbles(%nibbles.c, %nibbles.d, %nibbles.e, %nibbles.f) : (tensor<2x4xi8>, tensor<2x8xf32>, tensor<2x8xi8>, tensor<2x4xi8>) -> ()
  %fields.c = arith.constant dense<"0x1F2E93AA0EEC69D6"> : tensor<2x4xi8>
  %fields.h = arith.constant dense<"0x35F0"> : tensor<2x1xi8>
  %fields.d = arith.constant dense<"0x00007041000070C100006041000060C100004040000010410000C0C00000C0C0000000C0000080C1000080C0000000C0000010410000C0400000C04000005041"> : tensor<2x8xf32>
  %fields.e = arith.constant dense<"0x1F2E93AA0EEC69D6"> : tensor<2x4xi8>
  %fields.f = arith.constant dense<"0x35F0"> : tensor<2x1xi8>
  call @fields(%fields.c, %fields.h, %fields.d, %fields.e, %fields.f) : (tensor<2x4xi8>, tensor<2x1xi8>, tensor<2x8xf32>, tensor<2x4xi8>, tensor<2x1xi8>) -> ()
  %gather_rows.c = arith.constant dense<"0x000101FF0101FF00FF00000101FF010000000000FF01010101000001FFFF01FF"> : tensor<4x8xi8>
  %gather_rows.s = arith.constant dense<"0x576C9E3FFBC249BFB655A0BF18DC82BF"> : tensor<4xf32>
  %gather_rows.i = arith.constant dense<"0x030000000000000003000000"> : tensor<3xi32>
  %gather_rows.d = arith.constant dense<"0x18DC82BF000000800000008018DC82BF18DC823F18DC823F18DC82BF18DC823F00000000576C9E3F576C9E3F576C9EBF576C9E3F576C9E3F576C9EBF0000000018DC82BF000000800000008018DC82BF18DC823F18DC823F18DC82BF18DC823F"> : tensor<3x8xf32>
  call @gather_rows(%gather_rows.c, %gather_rows.s, %gather_rows.i, %gather_rows.d) : (tensor<4x8xi8>, tensor<4xf32>, tensor<3xi32>, tensor<3x8xf32>) -> ()
  return
}
