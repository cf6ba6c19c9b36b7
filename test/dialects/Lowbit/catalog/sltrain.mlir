// Written by generate.py. SLTrain: 3 % random support plus low rank.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 8.976 bits a weight
lowbit.param @layer : !lowbit.tensor<2048x2048xf32, #lowbit.sum<leaf<fp<f16>, pattern = block<1x1, index = csr<i32, i16>, nnz = 125829>>, prod<leaf<fp<f16>>, leaf<fp<f16>> inner [512]>>>

func.func @small(%c0: tensor<11x1xi16>, %c1: tensor<5xi32>, %c2: tensor<11xi8>, %c3: tensor<4x2xi16>, %c4: tensor<2x32xi16>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1, %c2, %c3, %c4 : (tensor<11x1xi16>, tensor<5xi32>, tensor<11xi8>, tensor<4x2xi16>, tensor<2x32xi16>) -> !lowbit.tensor<4x32xf32, #lowbit.sum<leaf<fp<f16>, pattern = block<1x1, index = csr<i32, i8>, nnz = 11>>, prod<leaf<fp<f16>>, leaf<fp<f16>> inner [2]>>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.sum<leaf<fp<f16>, pattern = block<1x1, index = csr<i32, i8>, nnz = 11>>, prod<leaf<fp<f16>>, leaf<fp<f16>> inner [2]>>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:5 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.sum<leaf<fp<f16>, pattern = block<1x1, index = csr<i32, i8>, nnz = 11>>, prod<leaf<fp<f16>>, leaf<fp<f16>> inner [2]>>> -> tensor<11x1xi16>, tensor<5xi32>, tensor<11xi8>, tensor<4x2xi16>, tensor<2x32xi16>
  check.expect_eq %p#0, %c0 : tensor<11x1xi16>
  check.expect_eq %p#1, %c1 : tensor<5xi32>
  check.expect_eq %p#2, %c2 : tensor<11xi8>
  check.expect_eq %p#3, %c3 : tensor<4x2xi16>
  check.expect_eq %p#4, %c4 : tensor<2x32xi16>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0x6452D04C1050B04890535C523851B04BE04D184DE852"> : tensor<11x1xi16>
  %c1 = arith.constant dense<"0x000000000200000006000000080000000B000000"> : tensor<5xi32>
  %c2 = arith.constant dense<"0x091C090B191B021E00081C"> : tensor<11xi8>
  %c3 = arith.constant dense<"0x003A0038003D00BC00BA00BC003F003E"> : tensor<4x2xi16>
  %c4 = arith.constant dense<"0x0038003D003800BA003C003D003F0038003A00BE00BC00BF003A003F000000BA003E003800BF00B400B4003F003F00BD00BE00C000BE00C000BE003400BF00BC00B400BD003F00BD003C00B800B400C0003C003D0000000000C000BF00BC003C00BF00BA003E00B4003E00BF003E003D003F003400BA000000C0003D003F003A"> : tensor<2x32xi16>
  %expected = arith.constant dense<"0x0000803E0000A03E0000A03F000098BF0000A03F0000303F0000983F000020BF0000883F00804A42000040BF0000A8BF0000E0BE0000E03E000000BF000080BD0000803E00000000000010BF0000A0BE0000103F0000E03E000004400000A0BE000080BE0000B0BF0000C0BF0000C0BF000089410000503F0000E0BE0000C0BE0000603F00003440000090BF0000A03E0000803E0000044000001C4000002840000080BD0000EB410000A0BF0000E64000003C4000007C400000803F0000F8BF000068400000B03F00006CC0000080BD0000E8BF00007C400000303F000034C0000068C000006742000090BF008041420000003E000070BF00007CC0000000C0000000BE0000A03E00801E420000E83F0000E0BF0000E0BE000088BF0000D03F0000C8BF000000BE0000403F0000A83F0000B83F0000E03E0000803F0000E0BE0000203F0000C03E000040BE0000E03E0000A8BF0000E03E000034C00000A0BE000020BF0000A03F0000F03F0000C03F000048400000B8BF00006F41000000000000C0410000A03E0000604000004CC0000050400000B83F00002C40000008C00080B941000040BF0000E0BF000044C00000D8BF0000E03E0000C0BF0000403E00000000000080BE000050BF000050BF0000E83F0000E03E0000AA400000A0BE00000000000048C0000070C0000060C000804642000014400000E0BE000020BF"> : tensor<4x32xf32>
  call @small(%c0, %c1, %c2, %c3, %c4, %expected) : (tensor<11x1xi16>, tensor<5xi32>, tensor<11xi8>, tensor<4x2xi16>, tensor<2x32xi16>, tensor<4x32xf32>) -> ()
  return
}
