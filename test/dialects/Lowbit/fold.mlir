// RUN: lowbit-opt -canonicalize %s | FileCheck %s

#plain = #lowbit.leaf<uint<4>, scale = [f32 per row]>
#words = #lowbit.leaf<uint<4>, scale = [f32 per row], layout = bits<i32,
    word = (d0, d1) -> (d0, d1 floordiv 8), bit = (d0, d1) -> ((d1 mod 8) * 4)>>
#bytes = #lowbit.leaf<uint<4>, scale = [f32 per row], layout = bits<i8,
    word = (d0, d1) -> (d0, d1 floordiv 2), bit = (d0, d1) -> ((d1 mod 2) * 4)>>

// CHECK-LABEL: @convert_to_itself
// CHECK-SAME: (%[[A:.*]]: !lowbit.tensor
func.func @convert_to_itself(%a: !lowbit.tensor<8x32xf32, #plain>) -> !lowbit.tensor<8x32xf32, #plain> {
  // CHECK-NEXT: return %[[A]]
  %b = lowbit.convert %a : !lowbit.tensor<8x32xf32, #plain> to !lowbit.tensor<8x32xf32, #plain>
  return %b : !lowbit.tensor<8x32xf32, #plain>
}

// CHECK-LABEL: @convert_and_back
// CHECK-SAME: (%[[A:.*]]: !lowbit.tensor
func.func @convert_and_back(%a: !lowbit.tensor<8x32xf32, #plain>) -> !lowbit.tensor<8x32xf32, #plain> {
  // CHECK-NEXT: return %[[A]]
  %b = lowbit.convert %a : !lowbit.tensor<8x32xf32, #plain> to !lowbit.tensor<8x32xf32, #words>
  %c = lowbit.convert %b : !lowbit.tensor<8x32xf32, #words> to !lowbit.tensor<8x32xf32, #plain>
  return %c : !lowbit.tensor<8x32xf32, #plain>
}

// CHECK-LABEL: @last_layout_counts
// CHECK-SAME: (%[[A:.*]]: !lowbit.tensor
func.func @last_layout_counts(%a: !lowbit.tensor<8x32xf32, #plain>) -> !lowbit.tensor<8x32xf32, #bytes> {
  // CHECK-NEXT: %[[B:.*]] = lowbit.convert %[[A]]
  // CHECK-NEXT: return %[[B]]
  %b = lowbit.convert %a : !lowbit.tensor<8x32xf32, #plain> to !lowbit.tensor<8x32xf32, #words>
  %c = lowbit.convert %b : !lowbit.tensor<8x32xf32, #words> to !lowbit.tensor<8x32xf32, #bytes>
  return %c : !lowbit.tensor<8x32xf32, #bytes>
}

// CHECK-LABEL: @components_of_assembled
// CHECK-SAME: (%[[C:.*]]: tensor<8x32xi8>, %[[S:.*]]: tensor<8xf32>)
func.func @components_of_assembled(%c: tensor<8x32xi8>, %s: tensor<8xf32>) -> (tensor<8x32xi8>, tensor<8xf32>) {
  // CHECK-NEXT: return %[[C]], %[[S]]
  %a = lowbit.assemble %c, %s : (tensor<8x32xi8>, tensor<8xf32>) -> !lowbit.tensor<8x32xf32, #plain>
  %c1, %s1 = lowbit.disassemble %a : !lowbit.tensor<8x32xf32, #plain> -> tensor<8x32xi8>, tensor<8xf32>
  return %c1, %s1 : tensor<8x32xi8>, tensor<8xf32>
}

// CHECK-LABEL: @assembled_from_components
// CHECK-SAME: (%[[A:.*]]: !lowbit.tensor
func.func @assembled_from_components(%a: !lowbit.tensor<8x32xf32, #plain>) -> !lowbit.tensor<8x32xf32, #plain> {
  // CHECK-NEXT: return %[[A]]
  %c, %s = lowbit.disassemble %a : !lowbit.tensor<8x32xf32, #plain> -> tensor<8x32xi8>, tensor<8xf32>
  %b = lowbit.assemble %c, %s : (tensor<8x32xi8>, tensor<8xf32>) -> !lowbit.tensor<8x32xf32, #plain>
  return %b : !lowbit.tensor<8x32xf32, #plain>
}

// Another encoding of the same components is another tensor.
// CHECK-LABEL: @reassembled_as_another_type
func.func @reassembled_as_another_type(%a: !lowbit.tensor<8x32xf32, #plain>)
    -> !lowbit.tensor<8x32xf32, #lowbit.leaf<int<4>, scale = [f32 per row]>> {
  // CHECK: lowbit.disassemble
  // CHECK: lowbit.assemble
  %c, %s = lowbit.disassemble %a : !lowbit.tensor<8x32xf32, #plain> -> tensor<8x32xi8>, tensor<8xf32>
  %b = lowbit.assemble %c, %s : (tensor<8x32xi8>, tensor<8xf32>)
      -> !lowbit.tensor<8x32xf32, #lowbit.leaf<int<4>, scale = [f32 per row]>>
  return %b : !lowbit.tensor<8x32xf32, #lowbit.leaf<int<4>, scale = [f32 per row]>>
}
