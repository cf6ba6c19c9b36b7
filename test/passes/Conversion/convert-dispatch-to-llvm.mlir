// RUN: lowbit-opt %s --convert-dispatch-to-llvm=targets=cpu:x86-64-v3 --verify-roundtrip | FileCheck %s
// RUN: lowbit-opt %s --convert-dispatch-to-llvm=targets=cpu:x86-64 | FileCheck %s --check-prefix=BASE
// RUN: not lowbit-opt %s --convert-dispatch-to-llvm=targets=cpu:z80 2>&1 | FileCheck %s --check-prefix=BAD

// BAD: option 'targets':

#w = #lowbit.leaf<uint<4>, scale = [f32 per row at (n) -> (n floordiv 8, n mod 8)], layout = bits<i8,
   word = (n, k) -> (n floordiv 8, k floordiv 32, (k floordiv 4) mod 4, n mod 8, k mod 4),
   bit = (n, k) -> (4 * ((k floordiv 16) mod 2))>>
#a = #lowbit.leaf<int<8>, scale = [f32 per row]>
// Two equal dispatches, one kernel of two stages; bodies are dialect code, not calls.
// CHECK: module @kernels_cpu_x86_64_v3
// CHECK: llvm.func @matmul_uint4_64x8_prologue(
// CHECK: llvm.func @matmul_uint4_64x8_matmul(
// CHECK: llvm.x86.avx2.pmadd.ub.sw
// CHECK-NOT: llvm.func @matmul
// CHECK-NOT: func.call
// BASE: module @kernels_cpu_x86_64
// BASE-NOT: llvm.x86
func.func @twice(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>, %w: !lowbit.tensor<8x64xf32, #w>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %0 = lowbit.dispatch (%p = %x : tensor<?x64xf32>, %v = %w : !lowbit.tensor<8x64xf32, #w>) -> (tensor<?x8xf32>) {
    %q = lowbit.quantize %p : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a>
    %m = lowbit.matmul %q, %v : !lowbit.tensor<?x64xf32, #a>, !lowbit.tensor<8x64xf32, #w> -> tensor<?x8xf32>
    lowbit.return %m : tensor<?x8xf32>
  }
  %1 = lowbit.dispatch (%p = %y : tensor<?x64xf32>, %v = %w : !lowbit.tensor<8x64xf32, #w>) -> (tensor<?x8xf32>) {
    %q = lowbit.quantize %p : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a>
    %m = lowbit.matmul %q, %v : !lowbit.tensor<?x64xf32, #a>, !lowbit.tensor<8x64xf32, #w> -> tensor<?x8xf32>
    lowbit.return %m : tensor<?x8xf32>
  }
  return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
}
