// RUN: lowbit-opt %s --lowbit-prune-width='keep=0.5 multiple=8 random-weights=1' | FileCheck %s
// DEFINE: %{run} = not lowbit-opt %s -o /dev/null
// RUN: %{run} --lowbit-prune-width='keep=0 random-weights=1' 2>&1 | FileCheck %s --check-prefix=KEEP
// RUN: %{run} --lowbit-prune-width='dim=depth random-weights=1' 2>&1 | FileCheck %s --check-prefix=DIM
// RUN: %{run} --lowbit-prune-width='dim=heads random-weights=1' 2>&1 | FileCheck %s --check-prefix=HEADS

// KEEP: error: pass 'prune-width': option 'keep' requires a number in (0, 1], got 0
// DIM: error: pass 'prune-width': option 'dim' requires ffn or heads, got 'depth'
// HEADS: error: pass 'prune-width': no layer has attention, whose heads dim=heads drops

// 32 inner channels become 16 in gate, up, bias and down; the rest stays.
// CHECK: lowbit.param @l0.gate : !lowbit.tensor<16x16xf32, #[[F:.+]]> = #lowbit.computed
// CHECK: lowbit.param @l0.up : !lowbit.tensor<16x16xf32, #[[F]]> = #lowbit.computed
// CHECK: lowbit.param @l0.up_bias : tensor<16xf32> = #lowbit.computed
// CHECK: lowbit.param @l0.down : !lowbit.tensor<16x16xf32, #[[F]]> = #lowbit.computed
// CHECK: lowbit.matmul {{.*}} -> tensor<?x16xf32>
// CHECK: lowbit.activation silu {{.*}} : tensor<?x16xf32>
#f = #lowbit.leaf<fp<f32>>
module {
  lowbit.param @l0.gate : !lowbit.tensor<32x16xf32, #f>
  lowbit.param @l0.up : !lowbit.tensor<32x16xf32, #f>
  lowbit.param @l0.up_bias : tensor<32xf32>
  lowbit.param @l0.down : !lowbit.tensor<16x32xf32, #f>
  lowbit.param_set @layer0 [@l0.gate, @l0.up, @l0.up_bias, @l0.down]
  lowbit.block @block(%x: tensor<?x16xf32>, %g: !lowbit.tensor<32x16xf32, #f>, %u: !lowbit.tensor<32x16xf32, #f>, %b: tensor<32xf32>, %d: !lowbit.tensor<16x32xf32, #f>) -> tensor<?x16xf32>
      attributes {num_params = 4 : i64, num_states = 0 : i64} {
    %0 = lowbit.matmul %x, %g : tensor<?x16xf32>, !lowbit.tensor<32x16xf32, #f> -> tensor<?x32xf32>
    %1 = lowbit.matmul %x, %u bias %b : tensor<32xf32> : tensor<?x16xf32>, !lowbit.tensor<32x16xf32, #f> -> tensor<?x32xf32>
    %2 = lowbit.activation silu %0 : tensor<?x32xf32>
    %3 = arith.mulf %2, %1 : tensor<?x32xf32>
    %4 = lowbit.matmul %3, %d : tensor<?x32xf32>, !lowbit.tensor<16x32xf32, #f> -> tensor<?x16xf32>
    %5 = arith.addf %x, %4 : tensor<?x16xf32>
    lowbit.return %5 : tensor<?x16xf32>
  }
  func.func @forward(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
    %0 = lowbit.layer @block(%x) params @layer0 : (tensor<?x16xf32>) -> tensor<?x16xf32>
    return %0 : tensor<?x16xf32>
  }
}
