// Class E2: each activation moves by at most half a scale. Codes of the row are exact
// multiples of scale = max / 127, so that here nothing moves at all and the product is
// the float one; the second row moves by at most max / 254 = 0.01 in each of 4 columns.
// RUN: lowbit-opt %s --lowbit-quantize-activations | lowbit-interpret -

#w = #lowbit.leaf<int<4>>
func.func @main() {
  %x = arith.constant dense<[[127.0, -1.0, 64.0, 0.0], [2.54, 1.001, -0.003, 0.5]]> : tensor<2x4xf32>
  %codes = arith.constant dense<[[1, 2, 3, 15], [7, 0, 0, 1]]> : tensor<2x4xi8>
  %w = lowbit.assemble %codes : (tensor<2x4xi8>) -> !lowbit.tensor<2x4xf32, #w>
  %y = lowbit.matmul %x, %w : tensor<2x4xf32>, !lowbit.tensor<2x4xf32, #w> -> tensor<2x2xf32>
  // Exact: 127 - 2 + 192 + 0, 889; 2.54 + 2.002 - 0.009 - 0.5 and 17.78 + 0.5.
  %expected = arith.constant dense<[[317.0, 889.0], [4.033, 18.28]]> : tensor<2x2xf32>
  check.expect_close %y, %expected tolerance 7.0e-02 : tensor<2x2xf32>
  return
}
