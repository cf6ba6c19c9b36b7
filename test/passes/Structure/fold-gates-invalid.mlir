// What takes no gate: one message each, and nothing has changed.
// RUN: not lowbit-opt %s --split-input-file --lowbit-fold-layers='fold-gates gates=0.5' 2>&1 | FileCheck %s
// CHECK: layer 0 takes no gate: 'arith.addf' adds something else than a product to the stream
// CHECK: layer 0 takes no gate: 'lowbit.return' returns something else than the stream
// CHECK: layer 0 takes no gate: 'lowbit.matmul' has a weight or bias that is no parameter of its own
// CHECK: 'w' takes no gate: it is used outside of layers, too
// CHECK: layer 0 has no parameters that could take its gate

#w = #lowbit.leaf<int<8>, scale = [f32 per row]>
lowbit.param @w : !lowbit.tensor<8x8xf32, #w>
lowbit.param_set @l [@w]
lowbit.block @b(%h: tensor<?x8xf32>, %w: !lowbit.tensor<8x8xf32, #w>) -> tensor<?x8xf32> attributes {num_params = 1 : i64, num_states = 0 : i64} {
  %0 = lowbit.matmul %h, %w : tensor<?x8xf32>, !lowbit.tensor<8x8xf32, #w> -> tensor<?x8xf32>
  %1 = lowbit.activation silu %0 : tensor<?x8xf32>
  %2 = arith.addf %h, %1 : tensor<?x8xf32>
  lowbit.return %2 : tensor<?x8xf32>
}
func.func @forward(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = lowbit.layer @b(%x) params @l : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

#w = #lowbit.leaf<int<8>, scale = [f32 per row]>
lowbit.param @w : !lowbit.tensor<8x8xf32, #w>
lowbit.param_set @l [@w]
lowbit.block @b(%h: tensor<?x8xf32>, %w: !lowbit.tensor<8x8xf32, #w>) -> tensor<?x8xf32> attributes {num_params = 1 : i64, num_states = 0 : i64} {
  %0 = lowbit.matmul %h, %w : tensor<?x8xf32>, !lowbit.tensor<8x8xf32, #w> -> tensor<?x8xf32>
  lowbit.return %0 : tensor<?x8xf32>
}
func.func @forward(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = lowbit.layer @b(%x) params @l : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

#w = #lowbit.leaf<int<8>, scale = [f32 per row]>
lowbit.param @w : !lowbit.tensor<8x8xf32, #w>
lowbit.param_set @l [@w]
lowbit.block @b(%h: tensor<?x8xf32>, %w: !lowbit.tensor<8x8xf32, #w>) -> tensor<?x8xf32> attributes {num_params = 1 : i64, num_states = 0 : i64} {
  %0 = lowbit.matmul %h, %w : tensor<?x8xf32>, !lowbit.tensor<8x8xf32, #w> -> tensor<?x8xf32>
  %1 = lowbit.matmul %0, %w : tensor<?x8xf32>, !lowbit.tensor<8x8xf32, #w> -> tensor<?x8xf32>
  %2 = arith.addf %h, %1 : tensor<?x8xf32>
  lowbit.return %2 : tensor<?x8xf32>
}
func.func @forward(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = lowbit.layer @b(%x) params @l : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

#w = #lowbit.leaf<int<8>, scale = [f32 per row]>
lowbit.param @w : !lowbit.tensor<8x8xf32, #w>
lowbit.param_set @l [@w]
lowbit.block @b(%h: tensor<?x8xf32>, %w: !lowbit.tensor<8x8xf32, #w>) -> tensor<?x8xf32> attributes {num_params = 1 : i64, num_states = 0 : i64} {
  %0 = lowbit.matmul %h, %w : tensor<?x8xf32>, !lowbit.tensor<8x8xf32, #w> -> tensor<?x8xf32>
  %1 = arith.addf %0, %h : tensor<?x8xf32>
  lowbit.return %1 : tensor<?x8xf32>
}
func.func @forward(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = lowbit.layer @b(%x) params @l : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %w = lowbit.get_param @w : !lowbit.tensor<8x8xf32, #w>
  %1 = lowbit.matmul %0, %w : tensor<?x8xf32>, !lowbit.tensor<8x8xf32, #w> -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// -----

lowbit.block @b(%h: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {num_params = 0 : i64, num_states = 0 : i64} {
  %0 = arith.addf %h, %h : tensor<?x8xf32>
  lowbit.return %0 : tensor<?x8xf32>
}
func.func @forward(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = lowbit.layer @b(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}
