// Written by generate.py. ARMOR: block diagonal x 2:4 core x block diagonal.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 3.504 bits a weight
lowbit.param @layer : !lowbit.tensor<4096x4096xf32, #lowbit.prod<leaf<fp<f16>, pattern = blockdiag<64>>, leaf<int<4>, scale = [f16 per row], pattern = nm<2:4>, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>, leaf<fp<f16>, pattern = blockdiag<64>> inner [4096, 4096]>>

func.func @small(%c0: tensor<8x4xi16>, %c1: tensor<8x4xi8>, %c2: tensor<8x2xi8>, %c3: tensor<8xf16>, %c4: tensor<16x4xi16>, %expected: tensor<8x16xf32>) {
  %w = lowbit.assemble %c0, %c1, %c2, %c3, %c4 : (tensor<8x4xi16>, tensor<8x4xi8>, tensor<8x2xi8>, tensor<8xf16>, tensor<16x4xi16>) -> !lowbit.tensor<8x16xf32, #lowbit.prod<leaf<fp<f16>, pattern = blockdiag<2>>, leaf<int<4>, scale = [f16 per row], pattern = nm<2:4>, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>, leaf<fp<f16>, pattern = blockdiag<4>> inner [8, 16]>>
  %d = lowbit.decode %w : !lowbit.tensor<8x16xf32, #lowbit.prod<leaf<fp<f16>, pattern = blockdiag<2>>, leaf<int<4>, scale = [f16 per row], pattern = nm<2:4>, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>, leaf<fp<f16>, pattern = blockdiag<4>> inner [8, 16]>> -> tensor<8x16xf32>
  check.expect_eq %d, %expected : tensor<8x16xf32>
  %p:5 = lowbit.disassemble %w : !lowbit.tensor<8x16xf32, #lowbit.prod<leaf<fp<f16>, pattern = blockdiag<2>>, leaf<int<4>, scale = [f16 per row], pattern = nm<2:4>, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> (4 * (k mod 2))>>, leaf<fp<f16>, pattern = blockdiag<4>> inner [8, 16]>> -> tensor<8x4xi16>, tensor<8x4xi8>, tensor<8x2xi8>, tensor<8xf16>, tensor<16x4xi16>
  check.expect_eq %p#0, %c0 : tensor<8x4xi16>
  check.expect_eq %p#1, %c1 : tensor<8x4xi8>
  check.expect_eq %p#2, %c2 : tensor<8x2xi8>
  check.expect_eq %p#3, %c3 : tensor<8xf16>
  check.expect_eq %p#4, %c4 : tensor<16x4xi16>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0x003C003800BE003E00C000BE00BC00C0003E003C000000B8003C00BC003E00C0003C00B800B8003C003E00C0003800B8003C00C000B800BC000000B800B8003E"> : tensor<8x4xi16>
  %c1 = arith.constant dense<"0x3632155247342167666373566762553462665411212412774571334252665242"> : tensor<8x4xi8>
  %c2 = arith.constant dense<"0x498D4CED4C498ED8EED4C49888D9EC94"> : tensor<8x2xi8>
  %c3 = arith.constant dense<"0x8038C03F803A0034803B803C003A803E"> : tensor<8xf16>
  %c4 = arith.constant dense<"0x003E00B8000000380000003C00BE00BC00BE00BE00BE00C0000000BC003E003E000000B800C000BC003C00BE003C00BE00B800C000BC00B8003C00BE003E003800C0003E003E003800C0000000BE0038003C003E00BC0000003E00BE0038003E003C003C00C00000003800BE00C000C00038003C000000BE0000003800B800B8"> : tensor<16x4xi16>
  %expected = arith.constant dense<"0x0080E8C00000D2BF000055C100C060C1000076C00000BCBF008012C100005C3F0000DDC000C02EC1008028410000984000006CC000405C4100C0904100C00AC10020DCC100B00E4200000DC100E0AAC1008077C1007020420040A54100103142008005410000B4C000608B41002089C10020B9C100E005C200600F420030724200E08E41004033C10000D83E00800E4100800B4100C079C1008014C100A0AAC1008093C000400FC10000E6C000801D410040254100C0CE41000000C10060FAC10000D5C000804A410000F0C0008000C10000964000004D40000062410000303F000040C00040244100E091C100007DC00080A340004070C1000094C1000068410000283F00807DC10000AE410040AB410000FC40004036C200005E4100005840004013C20000C9400000E1C000800C410000843F000042400000A43F000024C0008017C1008065C10000DB400000B83F000081C00000D5C000801A410000A240000005C100001CC00080B8C00000E63F00E088C10000A94000E0E74100F0654200003AC10000903F00001C4000006CC00000A8C00000F941000049410000074100005C41000031C100008740000089C00040A4C10000B64000A0174200908E420000BD40008044C100C0B1410000BD410000F04000C02BC200005841000058400080FAC100004640008014C10000ED4000004040000099400000C03E008005C1"> : tensor<8x16xf32>
  call @small(%c0, %c1, %c2, %c3, %c4, %expected) : (tensor<8x4xi16>, tensor<8x4xi8>, tensor<8x2xi8>, tensor<8xf16>, tensor<16x4xi16>, tensor<8x16xf32>) -> ()
  return
}
