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
