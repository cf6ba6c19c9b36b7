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

// Bit planes stay planes, in the order that kernels read; another layout that
// somebody chose stays as it is.
// RUN: lowbit-opt %s --lowbit-select-layouts | FileCheck %s --check-prefix=PLANES
// PLANES: #[[P:.+]] = #lowbit.leaf<int<2>, scale = [f32 per tensor at () -> (0)], layout = bits<[i32 x 1, word = (d0, d1) -> (d0 floordiv 8, d1 floordiv 32, 0, d0 mod 8), bit = (d0, d1) -> (d1 mod 32)], [i32 x 1, word = (d0, d1) -> (d0 floordiv 8, d1 floordiv 32, 1, d0 mod 8), bit = (d0, d1) -> (d1 mod 32), array = 0], store = biased>>
// PLANES: lowbit.param @planes : {{.*}} {lowbit.layout = #[[P]]}
#planes = #lowbit.leaf<int<2>, scale = [f32 per tensor], layout = planes<i32, word = (p, n, k) -> (p, n, k floordiv 32), bit = (p, n, k) -> (k mod 32), order = lsb>>
lowbit.param @planes : !lowbit.tensor<9x64xf32, #planes>
// PLANES: lowbit.param @nibbles : !lowbit.tensor<8x64xf32, #{{[a-z0-9_]+}}>{{$}}
#nibbles = #lowbit.leaf<uint<4>, scale = [f32 per row], layout = bits<i32, word = (n, k) -> (n, k floordiv 8), bit = (n, k) -> ((k mod 8) * 4)>>
lowbit.param @nibbles : !lowbit.tensor<8x64xf32, #nibbles>
