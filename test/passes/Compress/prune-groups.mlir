// RUN: lowbit-opt %s --lowbit-prune-groups='group=8 sparsity=0.5 budget=row random-weights=1' | FileCheck %s
// RUN: lowbit-opt %s --lowbit-prune-groups='block=4x16 sparsity=0.25 index=bitmap random-weights=1' | FileCheck %s --check-prefix=BITMAP
// RUN: lowbit-opt %s --pass-pipeline='builtin.module(lowbit-prune-groups{group=8 random-weights=1},lowbit-quantize{code=int4 group=8})' | FileCheck %s --check-prefix=CODES
// RUN: lowbit-opt %s --lowbit-prune-groups='group=8 random-weights=1' --remarks-filter=lowbit-compress -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// DEFINE: %{run} = not lowbit-opt %s -o /dev/null
// RUN: %{run} --lowbit-prune-groups='group=12 random-weights=1' 2>&1 | FileCheck %s --check-prefix=DIVIDE
// RUN: %{run} --lowbit-prune-groups='sparsity=1 random-weights=1' 2>&1 | FileCheck %s --check-prefix=SHARE
// RUN: %{run} --lowbit-prune-groups='saliency=obs random-weights=1' 2>&1 | FileCheck %s --check-prefix=NEEDS
// RUN: %{run} --lowbit-prune-groups='saliency=luck random-weights=1' 2>&1 | FileCheck %s --check-prefix=KIND
// RUN: %{run} --lowbit-prune-groups='block=4 random-weights=1' 2>&1 | FileCheck %s --check-prefix=BLOCK
// RUN: %{run} --lowbit-prune-groups='budget=all random-weights=1' 2>&1 | FileCheck %s --check-prefix=BUDGET
// RUN: %{run} --lowbit-prune-groups='index=list random-weights=1' 2>&1 | FileCheck %s --check-prefix=INDEX
// RUN: %{run} --pass-pipeline='builtin.module(lowbit-prune-groups{group=8 random-weights=1},lowbit-prune-groups{group=8})' 2>&1 | FileCheck %s --check-prefix=TWICE

// 8 rows of 4 blocks, two of each kept.
// CHECK: \22sparsity\22:0.5
// CHECK: lowbit.param @l0.q : !lowbit.tensor<8x32xf32, #[[P:.+]]> = #lowbit.computed
// CHECK: lowbit.matmul %{{.*}}, %{{.*}} : tensor<?x32xf32>, <8x32xf32, #[[P]]>

// BITMAP: \22sparsity\22:0.25
// CODES: \22encoding\22:\22{{[^,]*}}int4

// REMARK: [Passed] prune-groups
// REMARK-SAME: Sparsity=5.000000e-01

// DIVIDE: error: pass 'prune-groups': blocks of 1x12 do not divide the 8x32 of 'l0.q'; use divisors, or except=
// SHARE: error: pass 'prune-groups': option 'sparsity' requires a number in [0, 1), got 1
// NEEDS: error: pass 'prune-groups': saliency=obs needs --calibration=FILE
// KIND: error: pass 'prune-groups': option 'saliency' requires magnitude, activation or obs, got 'luck'
// BLOCK: error: pass 'prune-groups': option 'block' requires ROWSxCOLUMNS, got '4'
// BUDGET: error: pass 'prune-groups': option 'budget' requires global or row, got 'all'
// INDEX: error: pass 'prune-groups': option 'index' requires csr or bitmap, got 'list'
// TWICE: error: pass 'prune-groups': 'l0.q' is sparse already; prune once, before quantize
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
