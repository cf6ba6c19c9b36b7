// RUN: lowbit-opt %s --split-input-file --lowbit-hoist-steps --verify-roundtrip | FileCheck %s

// A view of columns leaves the loop with what reads it and stays for what stays; the
// value behind it is kept once. Blocks that call blocks are put in place.
#f = #lowbit.leaf<fp<f32>>
lowbit.param @a : !lowbit.tensor<16x8xf32, #f>
lowbit.param @b : !lowbit.tensor<8x8xf32, #f>
lowbit.param_set @set [@b]
lowbit.block @inner(%h: tensor<?x8xf32>, %b: !lowbit.tensor<8x8xf32, #f>) -> tensor<?x8xf32>
    attributes {num_params = 1 : i64, num_states = 0 : i64} {
  %y = lowbit.matmul %h, %b : tensor<?x8xf32>, !lowbit.tensor<8x8xf32, #f> -> tensor<?x8xf32>
  lowbit.return %y : tensor<?x8xf32>
}
lowbit.block @outer(%h: tensor<?x8xf32>) -> tensor<?x8xf32>
    attributes {num_params = 0 : i64, num_states = 0 : i64} {
  %y = lowbit.layer @inner(%h) params @set : (tensor<?x8xf32>) -> tensor<?x8xf32>
  lowbit.return %y : tensor<?x8xf32>
}
// CHECK-LABEL: func.func @f.condition(
// CHECK-SAME: %[[T:.*]]: tensor<?x8xf32> {lowbit.name = "time"}) -> (tensor<?x16xf32> {lowbit.name = "c0"}, tensor<?x8xf32> {lowbit.name = "c1"})
// CHECK: %[[M:.*]] = lowbit.matmul %[[T]]
// CHECK: %[[V:.*]] = lowbit.repeat_rows %[[M]] times 1 from 8
// CHECK: %[[N:.*]] = lowbit.matmul %[[V]]
// CHECK: return %[[M]], %[[N]]
// CHECK-LABEL: func.func @f(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32> {lowbit.name = "latent"}, %[[C0:.*]]: tensor<?x16xf32> {lowbit.name = "c0"}, %[[C1:.*]]: tensor<?x8xf32> {lowbit.name = "c1"})
// CHECK-NOT: lowbit.matmul
// CHECK: %[[W:.*]] = lowbit.repeat_rows %[[C0]] times 1 from 8
// CHECK: %[[Y:.*]] = arith.addf %[[X]], %[[W]]
// CHECK: arith.mulf %[[Y]], %[[C1]]
func.func @f(%x: tensor<?x8xf32> {lowbit.name = "latent"},
             %t: tensor<?x8xf32> {lowbit.name = "time"}) -> tensor<?x8xf32> {
  %w = lowbit.get_param @a : !lowbit.tensor<16x8xf32, #f>
  %m = lowbit.matmul %t, %w : tensor<?x8xf32>, !lowbit.tensor<16x8xf32, #f> -> tensor<?x16xf32>
  %v = lowbit.repeat_rows %m times 1 from 8 : tensor<?x16xf32> -> tensor<?x8xf32>
  %n = lowbit.layer @outer(%v) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %y = arith.addf %x, %v : tensor<?x8xf32>
  %z = arith.mulf %y, %n : tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}
lowbit.schedule @s euler latent [1, 1, 8] steps 4 features 8
lowbit.denoise @d schedule @s variants [@f] ranges [0, 4]

// -----

// Only values with one row an image can be kept: patches and rows repeated for tokens
// stay, what is before them leaves. A region may capture the latent: it stays.
#f = #lowbit.leaf<fp<f32>>
// CHECK-LABEL: func.func @g.condition(
// CHECK-SAME: -> (tensor<?x16xf32> {lowbit.name = "c0"})
// CHECK: lowbit.activation silu
// CHECK-NOT: patchify
// CHECK-LABEL: func.func @g(
// CHECK: lowbit.patchify
// CHECK: lowbit.patchify
// CHECK: scf.if
func.func @g(%x: tensor<?x16xf32> {lowbit.name = "latent"},
             %t: tensor<?x16xf32> {lowbit.name = "time"}) -> tensor<?x16xf32> {
  %c = arith.constant true
  %s = lowbit.activation silu %t : tensor<?x16xf32>
  %p = lowbit.patchify %s image [1, 4, 4] patch 2 : tensor<?x16xf32> -> tensor<?x4xf32>
  %q = lowbit.activation silu %p : tensor<?x4xf32>
  %l = lowbit.patchify %x image [1, 4, 4] patch 2 : tensor<?x16xf32> -> tensor<?x4xf32>
  %i = scf.if %c -> (tensor<?x4xf32>) {
    scf.yield %l : tensor<?x4xf32>
  } else {
    scf.yield %q : tensor<?x4xf32>
  }
  %h = arith.addf %i, %q : tensor<?x4xf32>
  %y = lowbit.unpatchify %h image [1, 4, 4] patch 2 : tensor<?x4xf32> -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
lowbit.schedule @s euler latent [1, 4, 4] steps 4 features 16
lowbit.denoise @d schedule @s variants [@g] ranges [0, 4]
