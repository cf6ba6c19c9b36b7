// RUN: lowbit-opt %s --lowbit-nest-bits='min=2 only=q random-weights=1' | FileCheck %s
// RUN: lowbit-opt %s --pass-pipeline='builtin.module(lowbit-nest-bits{min=2 only=q random-weights=1},lowbit-specialize-elastic{length=3 random-weights=1})' | FileCheck %s --check-prefix=THREE
// RUN: lowbit-opt %s --pass-pipeline='builtin.module(lowbit-nest-bits{min=2 only=q random-weights=1},lowbit-expand-sums{random-weights=1})' | FileCheck %s --check-prefix=FULL
// DEFINE: %{run} = not lowbit-opt %s -o /dev/null
// RUN: %{run} --lowbit-nest-bits='only=signed random-weights=1' 2>&1 | FileCheck %s --check-prefix=SIGNED
// RUN: %{run} --lowbit-nest-bits='min=5 only=q random-weights=1' 2>&1 | FileCheck %s --check-prefix=MIN
// RUN: %{run} --lowbit-specialize-elastic='length=2 random-weights=1' 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: %{run} --pass-pipeline='builtin.module(lowbit-nest-bits{min=2 only=q random-weights=1},lowbit-specialize-elastic{length=1 random-weights=1})' 2>&1 | FileCheck %s --check-prefix=SHORT

// SIGNED: error: pass 'nest-bits': elastic: axis planes requires an unsigned integer code in planes<> (V9)
// SIGNED: note: in parameter 'signed'
// MIN: error: pass 'nest-bits': elastic:
// NONE: error: pass 'specialize-elastic': none of the selected parameters is elastic; nest-bits makes them so
// SHORT: error: pass 'specialize-elastic': {{.*}}1

// CHECK: #[[E:.+]] = #lowbit.elastic<leaf<uint<4>, scale = [f32 per row], layout = bits<[i32 x 1, word = (d0, d1) -> (3, d0, d1 floordiv 32)
// CHECK-SAME: axis = planes, min = 2>
// CHECK: lowbit.param @q : !lowbit.tensor<8x33xf32, #[[E]]> = #lowbit.computed
// CHECK: lowbit.block @block(%{{.*}}, %{{.*}}: !lowbit.tensor<8x33xf32, #[[E]]>

// The three highest bits: multiples of 2 in 3 bits.
// THREE-NOT: #lowbit.elastic
// THREE: #[[M:.+]] = #lowbit.leaf<uint<3, 0:14, step = 2>, scale = [f32 per row]>
// THREE: lowbit.param @q : !lowbit.tensor<8x33xf32, #[[M]]> = #lowbit.computed
// THREE: lowbit.block @block(%{{.*}}, %{{.*}}: !lowbit.tensor<8x33xf32, #[[M]]>

// FULL-NOT: #lowbit.elastic
// FULL: lowbit.param @q : !lowbit.tensor<8x33xf32, #[[F:.+]]> = #lowbit.computed
#u = #lowbit.leaf<uint<4>, scale = [f32 per row]>
#s = #lowbit.leaf<int<4>, scale = [f32 per row]>
module {
  lowbit.param @q : !lowbit.tensor<8x33xf32, #u>
  lowbit.param @signed : !lowbit.tensor<8x33xf32, #s>
  lowbit.param_set @layer0 [@q, @signed]
  lowbit.block @block(%x: tensor<?x33xf32>, %a: !lowbit.tensor<8x33xf32, #u>, %b: !lowbit.tensor<8x33xf32, #s>) -> tensor<?x8xf32>
      attributes {num_params = 2 : i64, num_states = 0 : i64} {
    %0 = lowbit.matmul %x, %a : tensor<?x33xf32>, !lowbit.tensor<8x33xf32, #u> -> tensor<?x8xf32>
    %1 = lowbit.matmul %x, %b : tensor<?x33xf32>, !lowbit.tensor<8x33xf32, #s> -> tensor<?x8xf32>
    %2 = arith.addf %0, %1 : tensor<?x8xf32>
    lowbit.return %2 : tensor<?x8xf32>
  }
  func.func @main(%x: tensor<?x33xf32>) -> tensor<?x8xf32> {
    %0 = lowbit.layer @block(%x) params @layer0 : (tensor<?x33xf32>) -> tensor<?x8xf32>
    return %0 : tensor<?x8xf32>
  }
}
