// RUN: lowbit-opt --verify-roundtrip %s | FileCheck %s

// CHECK-DAG: #[[$T0:[a-z0-9_]+]] = #lowbit.leaf<ternary, scale = [f32 per tensor]>{{$}}
// CHECK-DAG: #[[$T1:[a-z0-9_]+]] = #lowbit.leaf<uint<4>>{{$}}
// CHECK-DAG: #[[$T2:[a-z0-9_]+]] = #lowbit.leaf<int<8>, scale = [f32 per row]>{{$}}

// CHECK-LABEL: func.func private @weight
// CHECK-SAME: !lowbit.tensor<576x576xf32, #[[$T0]]>
func.func private @weight(!lowbit.tensor<576x576xf32, #lowbit.leaf<ternary, scale = [f32 per tensor]>>)

// The encoding may be written without its prefix.
// CHECK-LABEL: func.func private @bare
// CHECK-SAME: !lowbit.tensor<8x32xf32, #[[$T1]]>
func.func private @bare(!lowbit.tensor<8x32xf32, leaf<uint<4>>>)

// CHECK-LABEL: func.func private @activations
// CHECK-SAME: !lowbit.tensor<?x64xf32, #[[$T2]]>
func.func private @activations(!lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>)

// The layout of the 1.58-bit example of the design: 2-bit codes, 16 in a word.
// CHECK-LABEL: func.func private @packed_ternary
func.func private @packed_ternary(!lowbit.tensor<16x64xf32, #lowbit.leaf<ternary, scale = [f32 per row],
    layout = bits<i32, word = (n, k) -> (n, k floordiv 16), bit = (n, k) -> (2 * (k mod 16))>>>)

// Rows in lanes, padded in both dimensions.
// CHECK-LABEL: func.func private @rows_in_lanes
func.func private @rows_in_lanes(!lowbit.tensor<12x40xf32, #lowbit.leaf<uint<4>,
    scale = [f16 per row at (n) -> (n floordiv 8, n mod 8)],
    layout = bits<i8, word = (n, k) -> (n floordiv 8, k floordiv 32, (k mod 16) floordiv 4, n mod 8, k mod 4),
                  bit = (n, k) -> (4 * ((k mod 32) floordiv 16))>>>)

// CHECK-LABEL: func.func private @cache
// CHECK-SAME: !lowbit.kv<3x64xf32>
func.func private @cache(!lowbit.kv<3x64xf32>)
