// RUN: lowbit-opt %s --pass-pipeline='builtin.module(lowbit-quantize{code=ternary group=row random-weights=1},lowbit-lowrank-residual{rank=4},lowbit-expand-sums)' | FileCheck %s

// An overlay of a widened set becomes a list; a bias belongs to the first term.
// CHECK-DAG: #[[T:.+]] = #lowbit.leaf<ternary, scale = [f32 per row]>
// CHECK-DAG: #[[F:.+]] = #lowbit.leaf<fp<f16>>
// CHECK: lowbit.param @l0.n : tensor<32xf32>
// CHECK: lowbit.param @l0.q.0 : !lowbit.tensor<8x32xf32, #[[T]]> = #lowbit.computed
// CHECK: lowbit.param @l0.q.1.0 : !lowbit.tensor<8x4xf32, #[[F]]> = #lowbit.computed
// CHECK: lowbit.param @l0.q.1.1 : !lowbit.tensor<4x32xf32, #[[F]]> = #lowbit.computed
// CHECK: lowbit.param_set @layer0 [@l0.n, @l0.q.0, @l0.q.1.0, @l0.q.1.1, @l0.b]
// CHECK: lowbit.param_set @layer1 [@l1.n, @l0.q.0, @l0.q.1.0, @l0.q.1.1, @l0.b]
// CHECK: lowbit.block @block(%[[X:.+]]: tensor<?x32xf32>, %[[N:.+]]: tensor<32xf32>, %[[W0:.+]]: !lowbit.tensor<8x32xf32, #[[T]]>, %[[W1:.+]]: !lowbit.tensor<8x4xf32, #[[F]]>, %[[W2:.+]]: !lowbit.tensor<4x32xf32, #[[F]]>, %[[B:.+]]: tensor<8xf32>)
// CHECK-SAME: num_params = 5
// CHECK: %[[H:.+]] = lowbit.norm
// CHECK: %[[Y0:.+]] = lowbit.matmul %[[H]], %[[W0]] bias %[[B]]
// CHECK: %[[Z:.+]] = lowbit.matmul %[[H]], %[[W2]] : {{.*}} -> tensor<?x4xf32>
// CHECK: %[[Y1:.+]] = lowbit.matmul %[[Z]], %[[W1]] : {{.*}} -> tensor<?x8xf32>
// CHECK: %[[Y:.+]] = arith.addf %[[Y0]], %[[Y1]]
// CHECK: lowbit.return %[[Y]]
#f = #lowbit.leaf<fp<f32>>
module {
  lowbit.param @l0.n : tensor<32xf32>
  lowbit.param @l1.n : tensor<32xf32>
  lowbit.param @l0.b : tensor<8xf32>
  lowbit.param @l0.q : !lowbit.tensor<8x32xf32, #f>
  lowbit.param_set @layer0 [@l0.n, @l0.q, @l0.b]
  lowbit.param_set @layer1 overlay @layer0 {0 = @l1.n}
  lowbit.block @block(%x: tensor<?x32xf32>, %n: tensor<32xf32>, %a: !lowbit.tensor<8x32xf32, #f>, %b: tensor<8xf32>) -> tensor<?x8xf32>
      attributes {num_params = 3 : i64, num_states = 0 : i64} {
    %0 = lowbit.norm rms %x weight %n : tensor<32xf32> eps 1.0e-05 : tensor<?x32xf32>
    %1 = lowbit.matmul %0, %a bias %b : tensor<8xf32> : tensor<?x32xf32>, !lowbit.tensor<8x32xf32, #f> -> tensor<?x8xf32>
    lowbit.return %1 : tensor<?x8xf32>
  }
  func.func @forward(%x: tensor<?x32xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
    %0 = lowbit.layer @block(%x) params @layer0 : (tensor<?x32xf32>) -> tensor<?x8xf32>
    %1 = lowbit.layer @block(%x) params @layer1 : (tensor<?x32xf32>) -> tensor<?x8xf32>
    return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
  }
}
