// RUN: lowbit-opt %s --lowbit-cse-params | FileCheck %s
// RUN: lowbit-opt %s --lowbit-cse-params=except=q | FileCheck %s --check-prefix=EXCEPT
// RUN: not lowbit-opt %s --lowbit-cse-params='only=[' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REGEX

// REGEX: error: pass 'cse-params': option is not a regular expression: '['

// Equal numbers of another type or value stay apart.
// CHECK: \22note\22:\22the same as 'l0.n'\22
// CHECK: lowbit.param @l0.n
// CHECK-NEXT: lowbit.param @l1.n
// CHECK-NEXT: lowbit.param @l0.q
// CHECK-NEXT: lowbit.param @l3.q
// CHECK-NEXT: lowbit.param_set @s0 [@l0.n, @l0.q]
// CHECK-NEXT: lowbit.param_set @s1 [@l1.n, @l0.q]
// CHECK-NEXT: lowbit.param_set @s3 [@l0.n, @l3.q]
// CHECK-NEXT: lowbit.block
// CHECK: params @s0
// CHECK: params @s1
// CHECK: params @s0
// CHECK: params @s3

// EXCEPT: lowbit.param_set @s2 [@l0.n, @l2.q]
#t = #lowbit.leaf<int<4>, scale = [f32 per row]>
module {
  lowbit.param @l0.n : tensor<32xf32> = #lowbit.splat<value = 1.0 : f32, code = 0>
  lowbit.param @l1.n : tensor<32xf32> = #lowbit.splat<value = 2.0 : f32, code = 0>
  lowbit.param @l2.n : tensor<32xf32> = #lowbit.splat<value = 1.0 : f32, code = 0>
  lowbit.param @l0.q : !lowbit.tensor<32x32xf32, #t> = #lowbit.splat<value = 1.0 : f32, code = 3>
  lowbit.param @l1.q : !lowbit.tensor<32x32xf32, #t> = #lowbit.splat<value = 1.0 : f32, code = 3>
  lowbit.param @l2.q : !lowbit.tensor<32x32xf32, #t> = #lowbit.splat<value = 1.0 : f32, code = 3>
  lowbit.param @l3.q : !lowbit.tensor<32x32xf32, #t> = #lowbit.splat<value = 1.0 : f32, code = 4>
  lowbit.param_set @s0 [@l0.n, @l0.q]
  lowbit.param_set @s1 [@l1.n, @l1.q]
  lowbit.param_set @s2 [@l2.n, @l2.q]
  lowbit.param_set @s3 [@l0.n, @l3.q]
  lowbit.block @block(%x: tensor<?x32xf32>, %n: tensor<32xf32>, %a: !lowbit.tensor<32x32xf32, #t>) -> tensor<?x32xf32>
      attributes {num_params = 2 : i64, num_states = 0 : i64} {
    %0 = lowbit.norm rms %x weight %n : tensor<32xf32> eps 1.0e-05 : tensor<?x32xf32>
    %1 = lowbit.matmul %0, %a : tensor<?x32xf32>, !lowbit.tensor<32x32xf32, #t> -> tensor<?x32xf32>
    lowbit.return %1 : tensor<?x32xf32>
  }
  func.func @forward(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
    %0 = lowbit.layer @block(%x) params @s0 : (tensor<?x32xf32>) -> tensor<?x32xf32>
    %1 = lowbit.layer @block(%0) params @s1 : (tensor<?x32xf32>) -> tensor<?x32xf32>
    %2 = lowbit.layer @block(%1) params @s2 : (tensor<?x32xf32>) -> tensor<?x32xf32>
    %3 = lowbit.layer @block(%2) params @s3 : (tensor<?x32xf32>) -> tensor<?x32xf32>
    return %3 : tensor<?x32xf32>
  }
}
