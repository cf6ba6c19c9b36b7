// RUN: lowbit-opt %s -split-input-file --lowbit-apply-layouts -verify-diagnostics | FileCheck %s

#w = #lowbit.leaf<uint<4>>
#lanes = #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> ((k mod 2) * 4)>>
// CHECK: #[[$L:.*]] = #lowbit.leaf<uint<4>, layout = bits<i8
// CHECK: lowbit.param @a : !lowbit.tensor<8x32xf32, #[[$L]]>{{$}}
lowbit.param @a : !lowbit.tensor<8x32xf32, #w> {lowbit.layout = #lanes}
// CHECK: lowbit.block @b(%{{.*}}: tensor<?x32xf32>, %{{.*}}: !lowbit.tensor<8x32xf32, #[[$L]]>)
lowbit.block @b(%x: tensor<?x32xf32>, %w: !lowbit.tensor<8x32xf32, #w>) -> tensor<?x8xf32>
    attributes {num_states = 0 : i64, num_params = 1 : i64} {
  // CHECK: lowbit.matmul %{{.*}} : tensor<?x32xf32>, {{.*}}<8x32xf32, #[[$L]]>
  %y = lowbit.matmul %x, %w : tensor<?x32xf32>, !lowbit.tensor<8x32xf32, #w> -> tensor<?x8xf32>
  lowbit.return %y : tensor<?x8xf32>
}

// -----

#w = #lowbit.leaf<uint<4>>
#lanes = #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> ((k mod 2) * 4)>>
lowbit.param @a : !lowbit.tensor<8x32xf32, #w> {lowbit.layout = #lanes}
// expected-error @below {{requires one layout for all parameters of type}}
lowbit.param @b : !lowbit.tensor<8x32xf32, #w>

// -----

#w = #lowbit.leaf<uint<4>>
#broken = #lowbit.leaf<uint<4>, layout = bits<i8, word = (n, k) -> (n, k floordiv 2), bit = (n, k) -> ((k mod 2) * 8)>>
// expected-error @below {{'lowbit.layout': codes: bit 8 plus width 4 leaves the word of 8 bits (V5)}}
lowbit.param @a : !lowbit.tensor<8x32xf32, #w> {lowbit.layout = #broken}

// -----

#w = #lowbit.leaf<uint<4>>
#other = #lowbit.leaf<uint<8>, layout = bits<i8, word = (n, k) -> (n, k), bit = (n, k) -> (0)>>
// expected-error @below {{'lowbit.layout' requires the same numbers in another layout}}
lowbit.param @a : !lowbit.tensor<8x32xf32, #w> {lowbit.layout = #other}

// -----

#w = #lowbit.leaf<uint<4>>
// expected-error @below {{'lowbit.layout': requires an encoding}}
lowbit.param @a : !lowbit.tensor<8x32xf32, #w> {lowbit.layout = 7 : i64}
