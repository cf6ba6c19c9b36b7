// RUN: lowbit-opt %s --lowbit-select-layouts --verify-roundtrip | FileCheck %s
// RUN: not lowbit-opt %s --lowbit-select-layouts=layout=columns 2>&1 | FileCheck %s --check-prefix=BAD

// BAD: option 'layout' requires rows-in-lanes, got 'columns'

// The decision is an attribute; types do not change.
// CHECK: #[[$L:.*]] = #lowbit.leaf<uint<5>, scale = [f16 per row at (d0) -> (d0 floordiv 8, d0 mod 8)]
// CHECK-SAME: bits<[i8 x 4, word = (d0, d1) -> (d0 floordiv 8, d1 floordiv 32, (d1 floordiv 4) mod 4, d0 mod 8, d1 mod 4)
// CHECK-SAME: [i8 x 1, word =
// CHECK: lowbit.param @w5 : !lowbit.tensor<9x64xf32, #{{.*}}> {lowbit.layout = #[[$L]]}
#w5 = #lowbit.leaf<uint<5>, scale = [f16 per row]>
lowbit.param @w5 : !lowbit.tensor<9x64xf32, #w5>
// CHECK: lowbit.param @v : tensor<64xf32>{{$}}
lowbit.param @v : tensor<64xf32>
