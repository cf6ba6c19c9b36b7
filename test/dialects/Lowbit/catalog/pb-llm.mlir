// Written by generate.py. PB-LLM: 10 % of the weights in 8 bits, the others binary; supports disjoint.
// The binary plane stores a bit at every place, as the published code does.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 3.416 bits a weight
lowbit.param @layer : !lowbit.tensor<4096x4096xf32, #lowbit.sum<leaf<int<8>, scale = [f16 per row], pattern = block<1x1, index = csr<i32, i16>, nnz = 1677722>>, leaf<bin<pm1>, scale = [f16 per row], pattern = complement<0>, layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>, partition>>

func.func @small(%c0: tensor<24x1xi8>, %c1: tensor<5xi32>, %c2: tensor<24xi8>, %c3: tensor<4xf16>, %c4: tensor<4x1xi32>, %c5: tensor<4xf16>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1, %c2, %c3, %c4, %c5 : (tensor<24x1xi8>, tensor<5xi32>, tensor<24xi8>, tensor<4xf16>, tensor<4x1xi32>, tensor<4xf16>) -> !lowbit.tensor<4x32xf32, #lowbit.sum<leaf<int<8>, scale = [f16 per row], pattern = block<1x1, index = csr<i32, i8>, nnz = 24>>, leaf<bin<pm1>, scale = [f16 per row], pattern = complement<0>, layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>, partition>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.sum<leaf<int<8>, scale = [f16 per row], pattern = block<1x1, index = csr<i32, i8>, nnz = 24>>, leaf<bin<pm1>, scale = [f16 per row], pattern = complement<0>, layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>, partition>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:6 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.sum<leaf<int<8>, scale = [f16 per row], pattern = block<1x1, index = csr<i32, i8>, nnz = 24>>, leaf<bin<pm1>, scale = [f16 per row], pattern = complement<0>, layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>, partition>> -> tensor<24x1xi8>, tensor<5xi32>, tensor<24xi8>, tensor<4xf16>, tensor<4x1xi32>, tensor<4xf16>
  check.expect_eq %p#0, %c0 : tensor<24x1xi8>
  check.expect_eq %p#1, %c1 : tensor<5xi32>
  check.expect_eq %p#2, %c2 : tensor<24xi8>
  check.expect_eq %p#3, %c3 : tensor<4xf16>
  check.expect_eq %p#4, %c4 : tensor<4x1xi32>
  check.expect_eq %p#5, %c5 : tensor<4xf16>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0xA237594B15225CF3CB60AF6FE0F5A42FDFC9868C5C23B840"> : tensor<24x1xi8>
  %c1 = arith.constant dense<"0x00000000070000000E0000001100000018000000"> : tensor<5xi32>
  %c2 = arith.constant dense<"0x0103070E111B1F03040D0F11131E08171A000A0B0D121617"> : tensor<24xi8>
  %c3 = arith.constant dense<"0x803C803E003C803E"> : tensor<4xf16>
  %c4 = arith.constant dense<"0x0915284C6D2485B75FB7DD43E328BD32"> : tensor<4x1xi32>
  %c5 = arith.constant dense<"0xC03F80386040003E"> : tensor<4xf16>
  %expected = arith.constant dense<"0x0000F83F0080D3C20000F8BF008077420000F8BF0000F8BF0000F8BF0040C8420000F83F0000F8BF0000F83F0000F8BF0000F83F0000F8BF00C0A8420000F8BF0000F8BF0000BD410000F8BF0000F83F0000F8BF0000F83F0000F8BF0000F8BF0000F8BF0000F8BF0000F83F000019420000F8BF0000F8BF0000F83F0000CF420000103F000010BF0000103F0000A9C10040ACC20000103F0000103F000010BF000010BF000010BF0000103F000010BF000010BF00001C43000010BF00A003C30000103F006034430000103F000050C2000010BF000010BF000010BF0000103F0000103F0000103F0000103F000010BF0000103F0000103F00008FC10000103F00000C4000000C4000000C4000000C4000000C4000000CC000000C4000000CC00000B8C200000C4000000C4000000CC000000C4000000C4000000CC000000C4000000C4000000CC000000C4000000C4000000C4000000CC000000C4000003C4200000C4000000C40000004C200000CC000000CC000000CC000000C4000000CC000C0B2C20000C03F0000C0BF0000C0BF0000C0BF0000C03F0000C03F0000C03F0000C0BF0000C0BF004046C300803CC30000C0BF008015430000C0BF0000C0BF0000C03F0000C0BF008063420000C03F0000C03F0000C03F0000EAC20000D0420000C0BF0000C03F0000C0BF0000C0BF0000C03F0000C03F0000C0BF0000C0BF"> : tensor<4x32xf32>
  call @small(%c0, %c1, %c2, %c3, %c4, %c5, %expected) : (tensor<24x1xi8>, tensor<5xi32>, tensor<24xi8>, tensor<4xf16>, tensor<4x1xi32>, tensor<4xf16>, tensor<4x32xf32>) -> ()
  return
}
