// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-interpret %s

// Written by generate.py. Clauses N7 and N8.

func.func @rows(%x: tensor<2x16xf32>, %c: tensor<2x16xi8>, %s: tensor<2xf32>) {
  %q = lowbit.quantize %x floor 0x00000000 : tensor<2x16xf32> -> !lowbit.tensor<2x16xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
  %c_actual, %s_actual = lowbit.disassemble %q : !lowbit.tensor<2x16xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>> -> tensor<2x16xi8>, tensor<2xf32>
  check.expect_eq %c_actual, %c : tensor<2x16xi8>
  check.expect_eq %s_actual, %s : tensor<2xf32>
  return
}

func.func @symmetric(%x: tensor<1x16xf32>, %c: tensor<1x16xi8>, %s: tensor<1xf32>) {
  %q = lowbit.quantize %x floor 0x00000000 : tensor<1x16xf32> -> !lowbit.tensor<1x16xf32, #lowbit.leaf<int<8, -127:127>, scale = [f32 per row]>>
  %c_actual, %s_actual = lowbit.disassemble %q : !lowbit.tensor<1x16xf32, #lowbit.leaf<int<8, -127:127>, scale = [f32 per row]>> -> tensor<1x16xi8>, tensor<1xf32>
  check.expect_eq %c_actual, %c : tensor<1x16xi8>
  check.expect_eq %s_actual, %s : tensor<1xf32>
  return
}

func.func @groups(%x: tensor<2x32xf32>, %c: tensor<2x32xi8>, %s: tensor<2x4xf32>) {
  %q = lowbit.quantize %x floor 0x00000000 : tensor<2x32xf32> -> !lowbit.tensor<2x32xf32, #lowbit.leaf<int<8, -127:127>, scale = [f32 per map<(n, k) -> (n, k floordiv 8)>]>>
  %c_actual, %s_actual = lowbit.disassemble %q : !lowbit.tensor<2x32xf32, #lowbit.leaf<int<8, -127:127>, scale = [f32 per map<(n, k) -> (n, k floordiv 8)>]>> -> tensor<2x32xi8>, tensor<2x4xf32>
  check.expect_eq %c_actual, %c : tensor<2x32xi8>
  check.expect_eq %s_actual, %s : tensor<2x4xf32>
  return
}

func.func @floor_applies(%x: tensor<1x4xf32>, %c: tensor<1x4xi8>, %s: tensor<1xf32>) {
  %q = lowbit.quantize %x floor 0x3727C5AC : tensor<1x4xf32> -> !lowbit.tensor<1x4xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
  %c_actual, %s_actual = lowbit.disassemble %q : !lowbit.tensor<1x4xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>> -> tensor<1x4xi8>, tensor<1xf32>
  check.expect_eq %c_actual, %c : tensor<1x4xi8>
  check.expect_eq %s_actual, %s : tensor<1xf32>
  return
}

// A scale of 1: halves round to even.
func.func @ties(%x: tensor<1x8xf32>, %c: tensor<1x8xi8>, %s: tensor<1xf32>) {
  %q = lowbit.quantize %x floor 0x00000000 : tensor<1x8xf32> -> !lowbit.tensor<1x8xf32, #lowbit.leaf<int<8, -127:127>, scale = [f32 per row]>>
  %c_actual, %s_actual = lowbit.disassemble %q : !lowbit.tensor<1x8xf32, #lowbit.leaf<int<8, -127:127>, scale = [f32 per row]>> -> tensor<1x8xi8>, tensor<1xf32>
  check.expect_eq %c_actual, %c : tensor<1x8xi8>
  check.expect_eq %s_actual, %s : tensor<1xf32>
  return
}

// 0 * inf is NaN: code 0, scale +0.0.
func.func @zeros(%x: tensor<1x4xf32>, %c: tensor<1x4xi8>, %s: tensor<1xf32>) {
  %q = lowbit.quantize %x floor 0x00000000 : tensor<1x4xf32> -> !lowbit.tensor<1x4xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
  %c_actual, %s_actual = lowbit.disassemble %q : !lowbit.tensor<1x4xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>> -> tensor<1x4xi8>, tensor<1xf32>
  check.expect_eq %c_actual, %c : tensor<1x4xi8>
  check.expect_eq %s_actual, %s : tensor<1xf32>
  return
}

// NaN is never larger and gives 0.
func.func @nan(%x: tensor<1x4xf32>, %c: tensor<1x4xi8>, %s: tensor<1xf32>) {
  %q = lowbit.quantize %x floor 0x00000000 : tensor<1x4xf32> -> !lowbit.tensor<1x4xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
  %c_actual, %s_actual = lowbit.disassemble %q : !lowbit.tensor<1x4xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>> -> tensor<1x4xi8>, tensor<1xf32>
  check.expect_eq %c_actual, %c : tensor<1x4xi8>
  check.expect_eq %s_actual, %s : tensor<1xf32>
  return
}

func.func @infinity(%x: tensor<1x4xf32>, %c: tensor<1x4xi8>, %s: tensor<1xf32>) {
  %q = lowbit.quantize %x floor 0x00000000 : tensor<1x4xf32> -> !lowbit.tensor<1x4xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
  %c_actual, %s_actual = lowbit.disassemble %q : !lowbit.tensor<1x4xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>> -> tensor<1x4xi8>, tensor<1xf32>
  check.expect_eq %c_actual, %c : tensor<1x4xi8>
  check.expect_eq %s_actual, %s : tensor<1xf32>
  return
}

// Subnormals; hi / m overflows.
func.func @tiny(%x: tensor<1x4xf32>, %c: tensor<1x4xi8>, %s: tensor<1xf32>) {
  %q = lowbit.quantize %x floor 0x00000000 : tensor<1x4xf32> -> !lowbit.tensor<1x4xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
  %c_actual, %s_actual = lowbit.disassemble %q : !lowbit.tensor<1x4xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>> -> tensor<1x4xi8>, tensor<1xf32>
  check.expect_eq %c_actual, %c : tensor<1x4xi8>
  check.expect_eq %s_actual, %s : tensor<1xf32>
  return
}

func.func @main() {
  %rows.x = arith.constant dense<"0x4AF6C13DCD00A03FD06E6EBF700C7E3FE7AF84BEC5E485BE332AF33F6651213E58D12FBD6AC03A3FC03C903F09ABFCBCC286163F004679BFF6CBBBBEED51E0BE733A05C3F6D916C3F7B022C31BECBEC1BBF089C1952200C25E35DD40FD8E05C3C149FEC0937ABE415F359642993EA9C2C5F21FC28C8449C3B77549C24AAB5BC3"> : tensor<2x16xf32>
  %rows.c = arith.constant dense<"0x0654C242EFEF7F0BFD314BFE27BFE7E3B3A9A2F2F6ED04B3FB0E2BCFE98BE381"> : tensor<2x16xi8>
  %rows.s = arith.constant dense<"0x5C14753C1666DD3F"> : tensor<2xf32>
  call @rows(%rows.x, %rows.c, %rows.s) : (tensor<2x16xf32>, tensor<2x16xi8>, tensor<2xf32>) -> ()
  %symmetric.x = arith.constant dense<"0x71AEB5BF54FE8C3F7DE70CC08B6E4C3F12E2A73EE9EA9FBE102FEB3EB407073F5ED0853F28E66BBEB89B17BF12C81ABF70877CBF2D0138BD792749BFB4C7883F"> : tensor<1x16xf32>
  %symmetric.c = arith.constant dense<"0xAE40812E13EE1A1E3CF3DEDDC7FDD33E"> : tensor<1x16xi8>
  %symmetric.s = arith.constant dense<0x3C8E0384> : tensor<1xf32>
  call @symmetric(%symmetric.x, %symmetric.c, %symmetric.s) : (tensor<1x16xf32>, tensor<1x16xi8>, tensor<1xf32>) -> ()
  %groups.x = arith.constant dense<"0x4649EFBFD4FF8BBF3C0374BF7AF105C0DE7DF33F3B221AC03D0B91BE4F7406BF2FF5D33F2022FEBFD631893FF43D3BBF38F31EBEA8C42BBF2FF6233F409E91BF8995A1BDD9F2B43E948DEB3F15F019C04037C33FB0B4723FDE98F7BEBB1F9C3E0498EEBE00C8D23FDE9E563EA1BA5CBE118969BE58AC4CBE72DB34BE0A0561BFD4BB03406A9BF4BFA6C466C07598FBBD151516BEB8AFBE3EEE6951BEF5AB17BE3329AA3E0FEA773F3B5DE5BE1BE2BEBE1863F83FCFAF073F6C467CBF7BBB1440DDA1463FAFC816BF345396BF32BD983E3F0B55BF6F5D87BF5CE3A5BFB69401BF2AC48D3FDAF5DDBE8A86B9BFDF382B3F6089863DDC08583F74D2993FCECA2CBE"> : tensor<2x32xf32>
  %groups.c = arith.constant dense<"0x9DC6CE926481F1E46A8145D1F6D529B7FC1361815132E610DC7F10EFEEF1F2BC48BD81FCFB0DF9FB1235E8EC6A1DCA7F4CC68D1DAE9881CE61DA813B064A69F1"> : tensor<2x32xi8>
  %groups.s = arith.constant dense<"0xED589B3C3211803C62269B3CE270543CD295E83C4AE7953CBF31273C83FC3A3C"> : tensor<2x4xf32>
  call @groups(%groups.x, %groups.c, %groups.s) : (tensor<2x32xf32>, tensor<2x32xi8>, tensor<2x4xf32>) -> ()
  %floor_applies.x = arith.constant dense<"0x5F7089305F7089B00000000000000000"> : tensor<1x4xf32>
  %floor_applies.c = arith.constant dense<"0x00000000"> : tensor<1x4xi8>
  %floor_applies.s = arith.constant dense<0x33A917DC> : tensor<1xf32>
  call @floor_applies(%floor_applies.x, %floor_applies.c, %floor_applies.s) : (tensor<1x4xf32>, tensor<1x4xi8>, tensor<1xf32>) -> ()
  %ties.x = arith.constant dense<"0x0000FE420000003F0000C03F00002040000000BF0000C0BF000020C000007E42"> : tensor<1x8xf32>
  %ties.c = arith.constant dense<"0x7F00020200FEFE40"> : tensor<1x8xi8>
  %ties.s = arith.constant dense<0x3F800000> : tensor<1xf32>
  call @ties(%ties.x, %ties.c, %ties.s) : (tensor<1x8xf32>, tensor<1x8xi8>, tensor<1xf32>) -> ()
  %zeros.x = arith.constant dense<"0x00000000000000800000000000000000"> : tensor<1x4xf32>
  %zeros.c = arith.constant dense<"0x00000000"> : tensor<1x4xi8>
  %zeros.s = arith.constant dense<0x00000000> : tensor<1xf32>
  call @zeros(%zeros.x, %zeros.c, %zeros.s) : (tensor<1x4xf32>, tensor<1x4xi8>, tensor<1xf32>) -> ()
  %nan.x = arith.constant dense<"0x0000C07F0000803F000000C00000003F"> : tensor<1x4xf32>
  %nan.c = arith.constant dense<"0x00408120"> : tensor<1x4xi8>
  %nan.s = arith.constant dense<0x3C810204> : tensor<1xf32>
  call @nan(%nan.x, %nan.c, %nan.s) : (tensor<1x4xf32>, tensor<1x4xi8>, tensor<1xf32>) -> ()
  %infinity.x = arith.constant dense<"0x0000807F0000803F000080FF0000C07F"> : tensor<1x4xf32>
  %infinity.c = arith.constant dense<"0x00000000"> : tensor<1x4xi8>
  %infinity.s = arith.constant dense<0x7F800000> : tensor<1xf32>
  call @infinity(%infinity.x, %infinity.c, %infinity.s) : (tensor<1x4xf32>, tensor<1x4xi8>, tensor<1xf32>) -> ()
  %tiny.x = arith.constant dense<"0x01000000010000800000000002000000"> : tensor<1x4xf32>
  %tiny.c = arith.constant dense<"0x7F80007F"> : tensor<1x4xi8>
  %tiny.s = arith.constant dense<0x00000000> : tensor<1xf32>
  call @tiny(%tiny.x, %tiny.c, %tiny.s) : (tensor<1x4xf32>, tensor<1x4xi8>, tensor<1xf32>) -> ()
  return
}
