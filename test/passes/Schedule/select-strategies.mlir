// RUN: lowbit-opt %s --lowbit-select-strategies=targets=cpu:x86-64-v3,cpu:x86-64,nvptx:sm_80 --verify-roundtrip | FileCheck %s
// RUN: not lowbit-opt %s --lowbit-select-strategies=targets=cpu:z80 2>&1 | FileCheck %s --check-prefix=BAD
// RUN: not lowbit-opt %s --lowbit-select-strategies 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: lowbit-opt %s --lowbit-select-strategies=targets=cpu:x86-64 --remark-format=emitRemark --remarks-filter=lowbit-schedule -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// BAD: option 'targets':
// NONE: option 'targets' requires at least one target
// REMARK: refused{{.*}}pairwise_madd on cpu:x86-64: the target has no such instruction
// REMARK: strategy{{.*}}widen_multiply on cpu:x86-64

#w = #lowbit.leaf<uint<4>, scale = [f32 per row]>
#a = #lowbit.leaf<int<8>, scale = [f32 per row]>
// CHECK-LABEL: func.func @low_bit
func.func @low_bit(%x: tensor<?x64xf32>, %w: !lowbit.tensor<8x64xf32, #w>) -> tensor<?x8xf32> {
  // CHECK: strategies [#lowbit.strategy<target = "cpu:x86-64-v3", kind = pairwise_madd
  // CHECK-SAME: #lowbit.strategy<target = "cpu:x86-64", kind = widen_multiply
  // CHECK-SAME: #lowbit.strategy<target = "nvptx:sm_80", kind = dot4
  %y = lowbit.dispatch (%p = %x : tensor<?x64xf32>, %v = %w : !lowbit.tensor<8x64xf32, #w>) -> (tensor<?x8xf32>) {
    %q = lowbit.quantize %p : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a>
    %m = lowbit.matmul %q, %v : !lowbit.tensor<?x64xf32, #a>, !lowbit.tensor<8x64xf32, #w> -> tensor<?x8xf32>
    lowbit.return %m : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// A GPU takes the matmuls only, so it has no entry here.
// CHECK-LABEL: func.func @rows
func.func @rows(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK: strategies [#lowbit.strategy<target = "cpu:x86-64-v3", kind = elementwise
  // CHECK-NOT: nvptx
  // CHECK: lowbit.activation
  %y = lowbit.dispatch (%p = %x : tensor<?x64xf32>) -> (tensor<?x64xf32>) {
    %s = lowbit.activation silu %p : tensor<?x64xf32>
    lowbit.return %s : tensor<?x64xf32>
  }
  return %y : tensor<?x64xf32>
}

// A layout that no kernel knows is read element by element, and says so.
// RUN: lowbit-opt %s --lowbit-select-strategies=targets=cpu:x86-64-v3 --remark-format=emitRemark --remarks-filter=lowbit-schedule -o /dev/null 2>&1 | FileCheck %s --check-prefix=SLOW
// SLOW: refused{{.*}}pairwise_madd on cpu:x86-64-v3: a weight's layout or granularity is read by element only
// SLOW: strategy{{.*}}by_element on cpu:x86-64-v3
#rows = #lowbit.leaf<uint<4>, scale = [f32 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 8), bit = (n, k) -> ((k mod 8) * 4)>>
// CHECK-LABEL: func.func @unusual
func.func @unusual(%x: tensor<?x64xf32>, %w: !lowbit.tensor<8x64xf32, #rows>) -> tensor<?x8xf32> {
  // CHECK: strategies [#lowbit.strategy<target = "cpu:x86-64-v3", kind = by_element
  // CHECK-SAME: #lowbit.strategy<target = "cpu:x86-64", kind = by_element
  // CHECK-NOT: nvptx
  // CHECK: lowbit.quantize
  %y = lowbit.dispatch (%p = %x : tensor<?x64xf32>, %v = %w : !lowbit.tensor<8x64xf32, #rows>) -> (tensor<?x8xf32>) {
    %q = lowbit.quantize %p : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a>
    %m = lowbit.matmul %q, %v : !lowbit.tensor<?x64xf32, #a>, !lowbit.tensor<8x64xf32, #rows> -> tensor<?x8xf32>
    lowbit.return %m : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// Bit planes in lanes are counted.
// RUN: lowbit-opt %s --lowbit-select-strategies=targets=cpu:x86-64-v3 --remark-format=emitRemark --remarks-filter=lowbit-schedule -o /dev/null 2>&1 | FileCheck %s --check-prefix=PLANES
// PLANES: refused{{.*}}pairwise_madd on cpu:x86-64-v3: a weight's codes are stored as bit planes
// PLANES: strategy{{.*}}plane_popcount on cpu:x86-64-v3
#planes = #lowbit.leaf<uint<2>, scale = [f32 per tensor at () -> (0)], layout = bits<[i32 x 1, word = (n, k) -> (n floordiv 8, k floordiv 32, 0, n mod 8), bit = (n, k) -> (k mod 32)], [i32 x 1, word = (n, k) -> (n floordiv 8, k floordiv 32, 1, n mod 8), bit = (n, k) -> (k mod 32), array = 0]>>
// CHECK-LABEL: func.func @counted
func.func @counted(%x: tensor<?x64xf32>, %w: !lowbit.tensor<8x64xf32, #planes>) -> tensor<?x8xf32> {
  // CHECK: strategies [#lowbit.strategy<target = "cpu:x86-64-v3", kind = plane_popcount
  // CHECK-NOT: nvptx
  // CHECK: lowbit.quantize
  %y = lowbit.dispatch (%p = %x : tensor<?x64xf32>, %v = %w : !lowbit.tensor<8x64xf32, #planes>) -> (tensor<?x8xf32>) {
    %q = lowbit.quantize %p : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a>
    %m = lowbit.matmul %q, %v : !lowbit.tensor<?x64xf32, #a>, !lowbit.tensor<8x64xf32, #planes> -> tensor<?x8xf32>
    lowbit.return %m : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}
