// RUN: lowbit-opt %s --lowbit-fuse-pipeline | FileCheck %s

// Norm with a modulation of the image in the prologue, gate * y + h in the epilogue,
// parts of a joint projection read in place, and 16 rows for each row of the call.

#w = #lowbit.leaf<fp<f32>>
lowbit.param @qkv : !lowbit.tensor<24x8xf32, #w>
lowbit.param @proj : !lowbit.tensor<8x8xf32, #w>

// CHECK-LABEL: func.func @block
func.func @block(%x: tensor<?x128xf32>, %m: tensor<?x24xf32>) -> tensor<?x8xf32> {
  %qkv = lowbit.get_param @qkv : !lowbit.tensor<24x8xf32, #w>
  %proj = lowbit.get_param @proj : !lowbit.tensor<8x8xf32, #w>
  // CHECK: lowbit.dispatch {{.*}} attributes {rows = 16 : i64} {
  // CHECK-NEXT: lowbit.patchify
  %h = lowbit.patchify %x image [8, 4, 4] patch 1 : tensor<?x128xf32> -> tensor<?x8xf32>
  %shift = lowbit.repeat_rows %m times 16 from 0 : tensor<?x24xf32> -> tensor<?x8xf32>
  %scale = lowbit.repeat_rows %m times 16 from 8 : tensor<?x24xf32> -> tensor<?x8xf32>
  %gate = lowbit.repeat_rows %m times 16 from 16 : tensor<?x24xf32> -> tensor<?x8xf32>
  // CHECK: lowbit.dispatch {{.*}} attributes {rows = 16 : i64} {
  // CHECK-NEXT: lowbit.repeat_rows {{.*}} from 8
  // CHECK-NEXT: lowbit.repeat_rows {{.*}} from 0
  // CHECK-NEXT: lowbit.norm layer
  // CHECK-NEXT: lowbit.matmul
  // CHECK-NEXT: lowbit.return
  %n = lowbit.norm layer %h modulate %scale : tensor<?x8xf32>, %shift : tensor<?x8xf32> eps 1.0e-6 : tensor<?x8xf32>
  %a = lowbit.matmul %n, %qkv : tensor<?x8xf32>, !lowbit.tensor<24x8xf32, #w> -> tensor<?x24xf32>
  %q = lowbit.repeat_rows %a times 1 from 0 : tensor<?x24xf32> -> tensor<?x8xf32>
  %k = lowbit.repeat_rows %a times 1 from 8 : tensor<?x24xf32> -> tensor<?x8xf32>
  %v = lowbit.repeat_rows %a times 1 from 16 : tensor<?x24xf32> -> tensor<?x8xf32>
  // CHECK: lowbit.dispatch {{.*}} attributes {rows = 16 : i64} {
  // CHECK-COUNT-3: lowbit.repeat_rows
  // CHECK-NEXT: lowbit.attention
  // CHECK-NEXT: lowbit.return
  %y = lowbit.attention none %q keys %k values %v : tensor<?x8xf32>, tensor<?x8xf32>
      heads 1 scale 1.0 kv_heads 1 sequence 16 : tensor<?x8xf32>
  // CHECK: lowbit.dispatch {{.*}} attributes {rows = 16 : i64} {
  // CHECK-NEXT: lowbit.matmul
  // CHECK-NEXT: lowbit.repeat_rows {{.*}} from 16
  // CHECK-NEXT: arith.mulf
  // CHECK-NEXT: arith.addf
  // CHECK-NEXT: lowbit.return
  %p = lowbit.matmul %y, %proj : tensor<?x8xf32>, !lowbit.tensor<8x8xf32, #w> -> tensor<?x8xf32>
  %g = arith.mulf %gate, %p : tensor<?x8xf32>
  %r = arith.addf %h, %g : tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// Streams are joined and taken apart by kernels of their own, which count the rows of the
// longest of them; columns of a joint projection are read in place.
// CHECK-LABEL: func.func @streams
func.func @streams(%x: tensor<?x128xf32>, %c: tensor<?x16xf32>) -> tensor<?x8xf32> {
  %h = lowbit.patchify %x image [8, 4, 4] patch 1 : tensor<?x128xf32> -> tensor<?x8xf32>
  %c0 = lowbit.repeat_rows %c times 1 from 0 : tensor<?x16xf32> -> tensor<?x8xf32>
  %c1 = lowbit.repeat_rows %c times 1 from 8 : tensor<?x16xf32> -> tensor<?x8xf32>
  // CHECK: lowbit.dispatch {{.*}} attributes {rows = 18 : i64} {
  // CHECK-COUNT-2: lowbit.repeat_rows
  // CHECK-NEXT: lowbit.concat_rows {{.*}} rows [16, 1, 1]
  // CHECK-NEXT: lowbit.return
  %all = lowbit.concat_rows %h, %c0, %c1 rows [16, 1, 1]
      : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  // CHECK: lowbit.dispatch {{.*}} attributes {rows = 18 : i64} {
  // CHECK-NEXT: lowbit.slice_rows
  // CHECK-NEXT: lowbit.return
  %last = lowbit.slice_rows %all from 16 count 2 of 18 : tensor<?x8xf32> -> tensor<?x8xf32>
  // CHECK: lowbit.dispatch {{.*}} attributes {rows = 2 : i64} {
  // CHECK-NEXT: lowbit.activation
  %y = lowbit.activation silu %last : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

lowbit.param @other : !lowbit.tensor<8x8xf32, #w>

// A view of what the kernel itself computes is not read by its epilogue.
// CHECK-LABEL: func.func @view_of_group
func.func @view_of_group(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %joint = lowbit.get_param @qkv : !lowbit.tensor<24x8xf32, #w>
  %other = lowbit.get_param @other : !lowbit.tensor<8x8xf32, #w>
  // CHECK: lowbit.dispatch
  // CHECK: lowbit.matmul
  // CHECK-NEXT: lowbit.matmul
  // CHECK-NEXT: lowbit.return
  %a = lowbit.matmul %x, %joint : tensor<?x8xf32>, !lowbit.tensor<24x8xf32, #w> -> tensor<?x24xf32>
  %b = lowbit.matmul %x, %other : tensor<?x8xf32>, !lowbit.tensor<8x8xf32, #w> -> tensor<?x8xf32>
  // CHECK: lowbit.dispatch
  // CHECK-NEXT: lowbit.repeat_rows
  // CHECK-NEXT: arith.mulf
  %v = lowbit.repeat_rows %a times 1 from 8 : tensor<?x24xf32> -> tensor<?x8xf32>
  %y = arith.mulf %b, %v : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
