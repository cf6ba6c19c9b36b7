// RUN: not lowbit-opt %s --lowbit-quantize-activations=granularity=column 2>&1 | FileCheck %s --check-prefix=KIND
// RUN: not lowbit-opt %s --lowbit-quantize-activations="granularity=group group-size=7" 2>&1 | FileCheck %s --check-prefix=SIZE
// RUN: not lowbit-opt %s --lowbit-quantize-activations="granularity=group group-size=48" 2>&1 | FileCheck %s --check-prefix=FIT

// KIND: option 'granularity' requires auto, token or group, got 'column'
// SIZE: option 'group-size' requires a positive multiple of 16, got 7
// FIT: requires the activation group to divide the columns, got 48 and 64
#q4 = #lowbit.leaf<uint<4>, scale = [f16 per row]>
func.func @f(%x: tensor<?x64xf32>, %w: !lowbit.tensor<8x64xf32, #q4>) -> tensor<?x8xf32> {
  %0 = lowbit.matmul %x, %w : tensor<?x64xf32>, !lowbit.tensor<8x64xf32, #q4> -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}
