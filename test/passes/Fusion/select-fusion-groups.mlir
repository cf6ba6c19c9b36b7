// RUN: lowbit-opt %s --pass-pipeline='builtin.module(any(lowbit-select-fusion-groups))' --verify-roundtrip | FileCheck %s

#w = #lowbit.leaf<fp<f32>>
// CHECK-LABEL: lowbit.block @layer
lowbit.block @layer(%h: tensor<?x64xf32>, %pos: i64, %tab: tensor<16x4x2xf32>, %kv: !lowbit.kv<4x8xf32>,
    %g: tensor<64xf32>, %wq: !lowbit.tensor<64x64xf32, #w>, %wk: !lowbit.tensor<32x64xf32, #w>) -> tensor<?x64xf32>
    attributes {num_states = 1 : i64, num_params = 3 : i64} {
  // The norm and both products of its result are one group.
  // CHECK: lowbit.norm {{.*}} {lowbit.group = #lowbit.fusion_group<0>}
  // CHECK: lowbit.matmul {{.*}} {lowbit.group = #lowbit.fusion_group<0>}
  // CHECK: lowbit.matmul {{.*}} {lowbit.group = #lowbit.fusion_group<0>}
  %n = lowbit.norm rms %h weight %g : tensor<64xf32> eps 1.0e-05 : tensor<?x64xf32>
  %q = lowbit.matmul %n, %wq : tensor<?x64xf32>, !lowbit.tensor<64x64xf32, #w> -> tensor<?x64xf32>
  %k = lowbit.matmul %n, %wk : tensor<?x64xf32>, !lowbit.tensor<32x64xf32, #w> -> tensor<?x32xf32>
  // Rotations go with the append.
  // CHECK: lowbit.rope {{.*}} {lowbit.group = #lowbit.fusion_group<[[R:[0-9]+]]>}
  // CHECK: lowbit.rope {{.*}} {lowbit.group = #lowbit.fusion_group<[[R]]>}
  // CHECK: lowbit.kv.append {{.*}} {lowbit.group = #lowbit.fusion_group<[[R]]>}
  %qr = lowbit.rope adjacent %q table %tab at %pos heads 8 : tensor<?x64xf32>, tensor<16x4x2xf32>
  %kr = lowbit.rope adjacent %k table %tab at %pos heads 4 : tensor<?x32xf32>, tensor<16x4x2xf32>
  lowbit.kv.append %kv, %kr, %k at %pos : !lowbit.kv<4x8xf32>, tensor<?x32xf32>
  // CHECK: lowbit.attention {{.*}} {lowbit.group = #lowbit.fusion_group<{{[0-9]+}}>}
  %a = lowbit.attention causal %qr cache %kv at %pos : !lowbit.kv<4x8xf32> heads 8 scale 0.35 : tensor<?x64xf32>
  // The residual is the epilogue of the product.
  // CHECK: lowbit.matmul {{.*}} {lowbit.group = #lowbit.fusion_group<[[O:[0-9]+]]>}
  // CHECK: arith.addf {{.*}} {lowbit.group = #lowbit.fusion_group<[[O]]>}
  %o = lowbit.matmul %a, %wq : tensor<?x64xf32>, !lowbit.tensor<64x64xf32, #w> -> tensor<?x64xf32>
  %r = arith.addf %h, %o : tensor<?x64xf32>
  lowbit.return %r : tensor<?x64xf32>
}

// An elementwise op that also needs another group's later result stays out.
// CHECK-LABEL: func.func @later
func.func @later(%x: tensor<?x64xf32>, %z: tensor<?x64xf32>, %w: !lowbit.tensor<64x64xf32, #w>) -> tensor<?x64xf32> {
  // CHECK: lowbit.matmul {{.*}} {lowbit.group = #lowbit.fusion_group<[[A:[0-9]+]]>}
  // CHECK: lowbit.matmul {{.*}} {lowbit.group = #lowbit.fusion_group<[[B:[0-9]+]]>}
  // CHECK: arith.mulf {{.*}} {lowbit.group = #lowbit.fusion_group<[[B]]>}
  %a = lowbit.matmul %x, %w : tensor<?x64xf32>, !lowbit.tensor<64x64xf32, #w> -> tensor<?x64xf32>
  %b = lowbit.matmul %z, %w : tensor<?x64xf32>, !lowbit.tensor<64x64xf32, #w> -> tensor<?x64xf32>
  %m = arith.mulf %b, %a : tensor<?x64xf32>
  return %m : tensor<?x64xf32>
}
