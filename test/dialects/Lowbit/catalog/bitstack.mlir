// Written by generate.py. BitStack: sum of signs times rank-16 magnitudes, any prefix usable.
// RUN: lowbit-opt --verify-roundtrip %s -o /dev/null
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s
// RUN: lowbit-interpret %s

// CHECK: @layer: 2.250 bits a weight
lowbit.param @layer : !lowbit.tensor<4096x4096xf32, #lowbit.elastic<sum<leaf<bin<pm1>, scale = [f16 per rank<16>], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>, leaf<bin<pm1>, scale = [f16 per rank<16>], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>>, axis = terms, min = 1>>

func.func @small(%c0: tensor<4x1xi32>, %c1: tensor<4x2xf16>, %c2: tensor<2x32xf16>, %c3: tensor<4x1xi32>, %c4: tensor<4x2xf16>, %c5: tensor<2x32xf16>, %expected: tensor<4x32xf32>) {
  %w = lowbit.assemble %c0, %c1, %c2, %c3, %c4, %c5 : (tensor<4x1xi32>, tensor<4x2xf16>, tensor<2x32xf16>, tensor<4x1xi32>, tensor<4x2xf16>, tensor<2x32xf16>) -> !lowbit.tensor<4x32xf32, #lowbit.elastic<sum<leaf<bin<pm1>, scale = [f16 per rank<2>], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>, leaf<bin<pm1>, scale = [f16 per rank<2>], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>>, axis = terms, min = 1>>
  %d = lowbit.decode %w : !lowbit.tensor<4x32xf32, #lowbit.elastic<sum<leaf<bin<pm1>, scale = [f16 per rank<2>], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>, leaf<bin<pm1>, scale = [f16 per rank<2>], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>>, axis = terms, min = 1>> -> tensor<4x32xf32>
  check.expect_eq %d, %expected : tensor<4x32xf32>
  %p:6 = lowbit.disassemble %w : !lowbit.tensor<4x32xf32, #lowbit.elastic<sum<leaf<bin<pm1>, scale = [f16 per rank<2>], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>, leaf<bin<pm1>, scale = [f16 per rank<2>], layout = bits<i32, word = (n, k) -> (n, k floordiv 32), bit = (n, k) -> (k mod 32), store = biased>>>, axis = terms, min = 1>> -> tensor<4x1xi32>, tensor<4x2xf16>, tensor<2x32xf16>, tensor<4x1xi32>, tensor<4x2xf16>, tensor<2x32xf16>
  check.expect_eq %p#0, %c0 : tensor<4x1xi32>
  check.expect_eq %p#1, %c1 : tensor<4x2xf16>
  check.expect_eq %p#2, %c2 : tensor<2x32xf16>
  check.expect_eq %p#3, %c3 : tensor<4x1xi32>
  check.expect_eq %p#4, %c4 : tensor<4x2xf16>
  check.expect_eq %p#5, %c5 : tensor<2x32xf16>
  return
}

func.func @main() {
  %c0 = arith.constant dense<"0xFF50DC4E7FA8011A4211D27EE5DAFB02"> : tensor<4x1xi32>
  %c1 = arith.constant dense<"0x003D003D00BF00BC003E0034003E00C0"> : tensor<4x2xf16>
  %c2 = arith.constant dense<"0x00BE003D003400BC00BA00BF000000C000B400BA003C0000003C003E003F003C00C0003A00BF00BC00C000BE00BC00BE003D003C003E00BE003C0038003A003A00C0000000BF0000003E00BD00BD003E00BA00B400BC003C003E00C0000000B800BA00BD0034003E00B4003F00BA00C0003C0038000000B4003C00BE00BE003D"> : tensor<2x32xf16>
  %c3 = arith.constant dense<"0x375121EF5D2A1D3C78A82529372E2B95"> : tensor<4x1xi32>
  %c4 = arith.constant dense<"0x00B400BE00B400BE00B400B800BD00B4"> : tensor<4x2xf16>
  %c5 = arith.constant dense<"0x003400BC00BD003A00B8003C0038003800BF00B8003E00BE00B80000003E00B8003E00BF003C0034003F00BF00B800BF00BC00BA003400BE003C00BD00BF003400BE00BA000000BE00C000C0003800380038003400BC00B400C000C0003D00C00000003A000000BA00B4003A00380034003E003A003E003D003C00BC00B800BF"> : tensor<2x32xf16>
  %expected = arith.constant dense<"0x00000CC000003C400000C8BF000054C000008240000080BF000030BF0000803E0000703F0000C03F000090BF000000C00000C840000018C0000080BD000070C0000044400000A83F0000D0BF0000E0BE000030C0000080BF0000C8BF00008EC000009AC00000703F0000E0BE00006CC0000040BF000044400000803E0000803D0000DA40000064C00000D03F0000744000003C400000C83F0000C03E000090BF000060BF0000E8BF0000C0BE000080BE0000003E000018400000AA4000008CC0000078400000403F000044C00000503F000074C0000040BE0000F0BF000096C00000A6400000A8BF0000A03E0000B03F000090C00000983F0000B0BF00000000000004400000A03F000080BE000004400000F03F00006C40000030BF00004040000040BF0000983F0000B0BF0000803E0000403F000040BF0000D0BF000080BE000034400000403F000014400000503F000030C00000F03F0000C8BF000044C0000028C00000E83F00004440000024C0000020400000983F0000803D000010C00000E83F0000E0BE0000AE40000004400000A840000060BF000050400000A8C000004CC0000080BD0000A4C0000080BD000028C00000B8C000009A400000B03F000058C00000B44000008C40000094C00000C0BE000070C0000000BF0000C0BE0000803F000080BE00003CC00000403E000080BF0000B2C00000CEC00000C03F"> : tensor<4x32xf32>
  call @small(%c0, %c1, %c2, %c3, %c4, %c5, %expected) : (tensor<4x1xi32>, tensor<4x2xf16>, tensor<2x32xf16>, tensor<4x1xi32>, tensor<4x2xf16>, tensor<2x32xf16>, tensor<4x32xf32>) -> ()
  return
}
