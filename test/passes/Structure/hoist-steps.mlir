// RUN: lowbit-opt %s --lowbit-hoist-steps --verify-roundtrip | FileCheck %s
// RUN: lowbit-opt %s --lowbit-hoist-steps --lowbit-hoist-steps | FileCheck %s

// What hoists follows from what reads the latent: the argument of that name has
// no other mark, and parameters have names that say nothing.

lowbit.param @a : !lowbit.tensor<16x8xf32, #lowbit.leaf<fp<f32>>>
lowbit.param @b : !lowbit.tensor<8x8xf32, #lowbit.leaf<fp<f32>>>
lowbit.param_set @set [@a, @b]

lowbit.block @layer(%h: tensor<?x8xf32>, %c: tensor<?x8xf32>,
                    %a: !lowbit.tensor<16x8xf32, #lowbit.leaf<fp<f32>>>,
                    %b: !lowbit.tensor<8x8xf32, #lowbit.leaf<fp<f32>>>) -> tensor<?x8xf32>
    attributes {num_params = 2 : i64, num_states = 0 : i64} {
  %s = lowbit.activation silu %c : tensor<?x8xf32>
  %m = lowbit.matmul %s, %a : tensor<?x8xf32>, !lowbit.tensor<16x8xf32, #lowbit.leaf<fp<f32>>> -> tensor<?x16xf32>
  %scale = lowbit.repeat_rows %m times 1 from 0 : tensor<?x16xf32> -> tensor<?x8xf32>
  %shift = lowbit.repeat_rows %m times 1 from 8 : tensor<?x16xf32> -> tensor<?x8xf32>
  %n = lowbit.norm layer %h modulate %scale : tensor<?x8xf32>, %shift : tensor<?x8xf32> eps 1.0e-6 : tensor<?x8xf32>
  %y = lowbit.matmul %n, %b : tensor<?x8xf32>, !lowbit.tensor<8x8xf32, #lowbit.leaf<fp<f32>>> -> tensor<?x8xf32>
  lowbit.return %y : tensor<?x8xf32>
}

// CHECK-NOT: lowbit.block
// CHECK-LABEL: func.func @f.condition(
// CHECK-SAME: %[[T:.*]]: tensor<?x8xf32> {lowbit.name = "time"}) -> (tensor<?x16xf32> {lowbit.name = "c0"})
// CHECK-DAG: %[[A:.*]] = lowbit.get_param @a
// CHECK-DAG: %[[S:.*]] = lowbit.activation silu %[[T]]
// CHECK: %[[M:.*]] = lowbit.matmul %[[S]], %[[A]]
// CHECK-NOT: repeat_rows
// CHECK: return %[[M]]

// CHECK-LABEL: func.func @f(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32> {lowbit.name = "latent"}, %[[C:.*]]: tensor<?x16xf32> {lowbit.name = "c0"})
// CHECK-NOT: @a
// CHECK-NOT: silu
// CHECK: lowbit.repeat_rows %[[C]]
// CHECK: lowbit.norm layer %[[X]]
// CHECK: lowbit.matmul
func.func @f(%x: tensor<?x8xf32> {lowbit.name = "latent"},
             %t: tensor<?x8xf32> {lowbit.name = "time"}) -> tensor<?x8xf32> {
  %y = lowbit.layer @layer(%x, %t) params @set : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// A function that no denoise names stays as it is.
// CHECK-LABEL: func.func @other(
// CHECK: lowbit.activation silu
func.func @other(%x: tensor<?x8xf32> {lowbit.name = "latent"},
                 %t: tensor<?x8xf32> {lowbit.name = "time"}) -> tensor<?x8xf32> {
  %s = lowbit.activation silu %t : tensor<?x8xf32>
  %y = arith.addf %x, %s : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

lowbit.schedule @s euler latent [1, 1, 8] steps 4 features 8
lowbit.denoise @d schedule @s variants [@f] ranges [0, 4]
