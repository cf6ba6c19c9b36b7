// The exercise of dialects/Lowbit/AddingAFormat.md: a 5-level base-5 format, three codes
// in seven bits, in one definition.
// RUN: lowbit-opt --verify-roundtrip %s | FileCheck %s --check-prefix=TEXT
// RUN: lowbit-opt --lowbit-print-encodings %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=REPORT
// RUN: lowbit-interpret %s

// It prints as it was written, under a name that says what it is.
// TEXT: #{{[a-z0-9_]*}} = #lowbit.leaf<w2star, scale = [f16 per row], zero = uint<8> per row, layout = radix<5, 3, i7>>
#five = #lowbit.leaf<uint<3, 0:4>, scale = [f16 per row], zero = uint<8> per row,
                     layout = radix<5, 3, i7>>
// The same numbers, a byte each.
#plain = #lowbit.leaf<w2star, scale = [f16 per row], zero = uint<8> per row>

// It reports: 7/3 bits a code, 24 more a row of 240.
// REPORT: @weight: 2.433 bits a weight (codes 2.333, scale 0.067, zero 0.033), 64x240
lowbit.param @weight : !lowbit.tensor<64x240xf32, #five>

// It packs, decodes and multiplies: the codes 0, 1, 2, 3, 4, 0, ... of one row of 24.
// Numbers of a group: (0,1,2) = 0 + 5 + 50 = 55, (3,4,0) = 23, (1,2,3) = 86,
// (4,0,1) = 29, (2,3,4) = 117, then again 55, 23, 86. Byte b holds bit b of all eight.
func.func @five_levels(%plain: tensor<1x24xi8>, %bytes: tensor<1x1x7xi8>, %scale: tensor<1xf16>,
                       %zero: tensor<1xi8>, %expected: tensor<1x24xf32>, %x: tensor<1x24xf32>,
                       %y: tensor<1x1xf32>) {
  %w = lowbit.assemble %plain, %scale, %zero
      : (tensor<1x24xi8>, tensor<1xf16>, tensor<1xi8>) -> !lowbit.tensor<1x24xf32, #plain>
  %packed = lowbit.convert %w : !lowbit.tensor<1x24xf32, #plain> to !lowbit.tensor<1x24xf32, #five>
  %c, %s, %z = lowbit.disassemble %packed
      : !lowbit.tensor<1x24xf32, #five> -> tensor<1x1x7xi8>, tensor<1xf16>, tensor<1xi8>
  check.expect_eq %c, %bytes : tensor<1x1x7xi8>
  %again = lowbit.assemble %bytes, %scale, %zero
      : (tensor<1x1x7xi8>, tensor<1xf16>, tensor<1xi8>) -> !lowbit.tensor<1x24xf32, #five>
  %d = lowbit.decode %again : !lowbit.tensor<1x24xf32, #five> -> tensor<1x24xf32>
  check.expect_eq %d, %expected : tensor<1x24xf32>
  %product = lowbit.matmul %x, %again
      : tensor<1x24xf32>, !lowbit.tensor<1x24xf32, #five> -> tensor<1x1xf32>
  check.expect_eq %product, %y : tensor<1x1xf32>
  return
}

func.func @main() {
  %plain = arith.constant dense<[[0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3]]> : tensor<1x24xi8>
  %bytes = arith.constant dense<[[[123, -25, -1, 8, -1, 49, -108]]]> : tensor<1x1x7xi8>
  %scale = arith.constant dense<0.5> : tensor<1xf16>
  %zero = arith.constant dense<2> : tensor<1xi8>
  %expected = arith.constant dense<[[-1.0, -0.5, 0.0, 0.5, 1.0, -1.0, -0.5, 0.0, 0.5, 1.0, -1.0, -0.5, 0.0, 0.5, 1.0, -1.0, -0.5, 0.0, 0.5, 1.0, -1.0, -0.5, 0.0, 0.5]]> : tensor<1x24xf32>
  %x = arith.constant dense<2.0> : tensor<1x24xf32>
  %y = arith.constant dense<-2.0> : tensor<1x1xf32>
  call @five_levels(%plain, %bytes, %scale, %zero, %expected, %x, %y)
      : (tensor<1x24xi8>, tensor<1x1x7xi8>, tensor<1xf16>, tensor<1xi8>, tensor<1x24xf32>, tensor<1x24xf32>, tensor<1x1xf32>) -> ()
  return
}
