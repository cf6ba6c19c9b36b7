// Written by generate.py. SqueezeLLM: a 4-bit table for each row plus 0.45 % outliers.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 4.214 bits a weight
lowbit.param @layer : !lowbit.tensor<4096x4096xf32, #lowbit.sum<leaf<lut<4, f16> per row, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>, leaf<fp<f16>, pattern = block<1x1, index = csr<i32, i16>, nnz = 75497>>>>

func.func @small(%c0: tensor<4x16xi8>, %c1: tensor<4x1x16xf16>, %c2: tensor<21x1xi16>, %c3: tensor<5xi32>, %c4: tensor<21xi8>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1, %c2, %c3, %c4 : (tensor<4x16xi8>, tensor<4x1x16xf16>, tensor<21x1xi16>, tensor<5xi32>, tensor<21xi8>) -> !lowbit.tensor<4x32xf32, #lowbit.sum<leaf<lut<4, f16> per row, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>, leaf<fp<f16>, pattern = block<1x1, index = csr<i32, i8>, nnz = 21>>>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.sum<leaf<lut<4, f16> per row, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>, leaf<fp<f16>, pattern = block<1x1, index = csr<i32, i8>, nnz = 21>>>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:5 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.sum<leaf<lut<4, f16> per row, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>, leaf<fp<f16>, pattern = block<1x1, index = csr<i32, i8>, nnz = 21>>>> -> tensor<4x16xi8>, tensor<4x1x16xf16>, tensor<21x1xi16>, tensor<5xi32>, tensor<21xi8>
  check.expect_eq %p#0, %c0 : tensor<4x16xi8>
  check.expect_eq %p#1, %c1 : tensor<4x1x16xf16>
  check.expect_eq %p#2, %c2 : tensor<21x1xi16>
  check.expect_eq %p#3, %c3 : tensor<5xi32>
  check.expect_eq %p#4, %c4 : tensor<21xi8>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0x27BEAE9C086604EBDF4A4C5C137DB7FEAF65D29007955AF8FB51FF28F41E423FE0594CE34606AADBC8FB6286CCDED3C72635BC03456A54FC84B94B04E728728A"> : tensor<4x16xi8>
  %c1 = arith.constant dense<"0x804280C280B900B0C0C240C22043C0BCC0C3E0416041803B8040000000B440BEA0C100B5E0C100404042C043C0C2803EC0BF80C3C0C2003940C320C1C04060C300B5A042003880394040003D60C100B4804180C3003980C180BF4040404240412042204160C180BB803900BDC0430000803B002CC0C1003520438041C0C30043"> : tensor<4x1x16xf16>
  %c2 = arith.constant dense<"0x9851C04EE45380468C517852B04BC04AF853F850504AD04B6044604500496C513C53E04D7048C84FF04D"> : tensor<21x1xi16>
  %c3 = arith.constant dense<"0x0000000003000000070000000E00000015000000"> : tensor<5xi32>
  %c4 = arith.constant dense<"0x0A0E19050B191C01050F1214151B000A0C14181E1F"> : tensor<21xi8>
  %expected = arith.constant dense<"0x000098BF000030BF000080BE0000703F000080BE00002C400000104000003C40000078C0000050400040414200006440000058C0000050400080DF41000080BE0000C8BF0000000000002C40000058C000001040000058C000001040000048C0000000BE00806F4200000000000098BF000098BF0000703F000080BE0000C8BF00006CC0000058C000007840000058C000003CC000007C40000034C0000070C00000D03F000034C00000784000802242000058C0000078400000F8BF00006CC00000203F00006CC00000A0BE0000784000006CC000006CC00000F8BF00003CC00000484000404042000018400000A0BE000047410000484000006CC0000000400000A0BE00008541000070C00000A03F0000F0BF00C083420000303F0000484000002CC00000084000002CC00000A0BE0000203F0000203F000030C000802742000030400000F0BF00001E4100002840000081410000D83F00002CC0000030400000F0BF0000F0BF000048400000F0400000303F00000840000080BE0000F0BF00005E4100002CC00000A0BF000070BF000064400000A03E000070BF000044400000A0BF0000303F000022420000784000406A420000A0BF00006440000060400000303F0000703F0000803D0000A03E0080BE410000303F0000303F0000444000000E41000078C00000703F00002CC000002CC0000000000000E2410080C541"> : tensor<4x32xf32>
  call @small(%c0, %c1, %c2, %c3, %c4, %expected) : (tensor<4x16xi8>, tensor<4x1x16xf16>, tensor<21x1xi16>, tensor<5xi32>, tensor<21xi8>, tensor<4x32xf32>) -> ()
  return
}
