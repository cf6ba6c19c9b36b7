// RUN: lowbit-opt %s --pass-pipeline='builtin.module(lowbit-quantize{code=ternary group=row random-weights=1},lowbit-lowrank-residual{rank=4})' | FileCheck %s
// DEFINE: %{run} = not lowbit-opt %s -o /dev/null
// RUN: %{run} --lowbit-lowrank-residual='rank=4 random-weights=1' 2>&1 | FileCheck %s --check-prefix=FIRST
// RUN: %{run} --pass-pipeline='builtin.module(lowbit-quantize{code=int8 group=row random-weights=1},lowbit-lowrank-residual{rank=9})' 2>&1 | FileCheck %s --check-prefix=RANK
// RUN: %{run} --pass-pipeline='builtin.module(lowbit-quantize{code=ternary group=row random-weights=1},lowbit-lowrank-residual{rank=2},lowbit-lowrank-residual{rank=2})' 2>&1 | FileCheck %s --check-prefix=TWICE

// FIRST: error: pass 'lowrank-residual': 'l0.q' is as it was imported; lowrank-residual comes after the step whose loss it makes up for
// RANK: error: pass 'lowrank-residual': rank=9 is not 1 to 8, which 'l0.q' allows
// TWICE: error: pass 'lowrank-residual': 'l0.q' is a sum or product already

// CHECK: #[[S:.+]] = #lowbit.sum<{{.*}}ternary{{.*}}prod<{{.*}}inner [4]>
// CHECK: lowbit.param @l0.q : !lowbit.tensor<8x32xf32, #[[S]]> = #lowbit.computed
#f = #lowbit.leaf<fp<f32>>
module {
  lowbit.param @l0.q : !lowbit.tensor<8x32xf32, #f>
  lowbit.param_set @layer0 [@l0.q]
  lowbit.block @block(%x: tensor<?x32xf32>, %a: !lowbit.tensor<8x32xf32, #f>) -> tensor<?x8xf32>
      attributes {num_params = 1 : i64, num_states = 0 : i64} {
    %0 = lowbit.matmul %x, %a : tensor<?x32xf32>, !lowbit.tensor<8x32xf32, #f> -> tensor<?x8xf32>
    lowbit.return %0 : tensor<?x8xf32>
  }
  func.func @forward(%x: tensor<?x32xf32>) -> tensor<?x8xf32> {
    %0 = lowbit.layer @block(%x) params @layer0 : (tensor<?x32xf32>) -> tensor<?x8xf32>
    return %0 : tensor<?x8xf32>
  }
}
