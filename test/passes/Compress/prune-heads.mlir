// RUN: lowbit-opt %s --split-input-file --verify-diagnostics --lowbit-prune-width='dim=heads keep=0.5 random-weights=3' | FileCheck %s

// Two key/value heads with two query heads each: one of them goes, with its
// queries, its bias and its columns of the output product; norms of heads stay.
// CHECK: lowbit.param @l0.q : !lowbit.tensor<16x24xf32, #[[F:.+]]> = #lowbit.computed
// CHECK: lowbit.param @l0.q_bias : tensor<16xf32> = #lowbit.computed
// CHECK: lowbit.param @l0.k : !lowbit.tensor<8x24xf32, #[[F]]> = #lowbit.computed
// CHECK: lowbit.param @l0.v : !lowbit.tensor<8x24xf32, #[[F]]> = #lowbit.computed
// CHECK: lowbit.param @l0.o : !lowbit.tensor<24x16xf32, #[[F]]> = #lowbit.computed
// CHECK: lowbit.param @norm : tensor<8xf32>{{$}}
// CHECK: lowbit.kv_cache @kv slots 1 : !lowbit.kv<1x8xf32>
// CHECK: lowbit.norm rms {{.*}} heads 2 : tensor<?x16xf32>
// CHECK: lowbit.kv.append {{.*}} : <1x8xf32>, tensor<?x8xf32>
// CHECK: lowbit.attention causal {{.*}} : !lowbit.kv<1x8xf32> heads 2 scale {{.*}} : tensor<?x16xf32>
#f = #lowbit.leaf<fp<f32>>
module {
  lowbit.param @l0.q : !lowbit.tensor<32x24xf32, #f>
  lowbit.param @l0.q_bias : tensor<32xf32>
  lowbit.param @l0.k : !lowbit.tensor<16x24xf32, #f>
  lowbit.param @l0.v : !lowbit.tensor<16x24xf32, #f>
  lowbit.param @l0.o : !lowbit.tensor<24x32xf32, #f>
  lowbit.param @norm : tensor<8xf32>
  lowbit.param_set @layer0 [@l0.q, @l0.q_bias, @l0.k, @l0.v, @l0.o, @norm]
  lowbit.kv_cache @kv slots 1 : !lowbit.kv<2x8xf32>
  lowbit.block @block(%x: tensor<?x24xf32>, %pos: i64, %kv: !lowbit.kv<2x8xf32>, %q: !lowbit.tensor<32x24xf32, #f>, %qb: tensor<32xf32>, %k: !lowbit.tensor<16x24xf32, #f>, %v: !lowbit.tensor<16x24xf32, #f>, %o: !lowbit.tensor<24x32xf32, #f>, %n: tensor<8xf32>) -> tensor<?x24xf32>
      attributes {num_params = 6 : i64, num_states = 1 : i64} {
    %0 = lowbit.matmul %x, %q bias %qb : tensor<32xf32> : tensor<?x24xf32>, !lowbit.tensor<32x24xf32, #f> -> tensor<?x32xf32>
    %1 = lowbit.norm rms %0 weight %n : tensor<8xf32> eps 1.000000e-05 heads 4 : tensor<?x32xf32>
    %2 = lowbit.matmul %x, %k : tensor<?x24xf32>, !lowbit.tensor<16x24xf32, #f> -> tensor<?x16xf32>
    %3 = lowbit.matmul %x, %v : tensor<?x24xf32>, !lowbit.tensor<16x24xf32, #f> -> tensor<?x16xf32>
    lowbit.kv.append %kv, %2, %3 at %pos : !lowbit.kv<2x8xf32>, tensor<?x16xf32>
    %4 = lowbit.attention causal %1 cache %kv at %pos : !lowbit.kv<2x8xf32> heads 4 scale 0.353553385 : tensor<?x32xf32>
    %5 = lowbit.matmul %4, %o : tensor<?x32xf32>, !lowbit.tensor<24x32xf32, #f> -> tensor<?x24xf32>
    %6 = arith.addf %x, %5 : tensor<?x24xf32>
    lowbit.return %6 : tensor<?x24xf32>
  }
  func.func @forward(%x: tensor<?x24xf32>, %pos: i64) -> tensor<?x24xf32> {
    %0 = lowbit.layer @block(%x, %pos) params @layer0 state @kv[0] : (tensor<?x24xf32>, i64) -> tensor<?x24xf32>
    return %0 : tensor<?x24xf32>
  }
}

// -----

// What reads attention is a norm of the whole row: its weight would be of another
// width in each layer.
#f = #lowbit.leaf<fp<f32>>
// expected-error @below {{dim=heads: attention is read by something else than one product with a parameter}}
module {
  lowbit.param @o : !lowbit.tensor<16x16xf32, #f>
  lowbit.param_set @layer0 [@o]
  lowbit.block @block(%x: tensor<?x16xf32>, %o: !lowbit.tensor<16x16xf32, #f>) -> tensor<?x16xf32>
      attributes {num_params = 1 : i64, num_states = 0 : i64} {
    %0 = lowbit.attention none %x keys %x values %x : tensor<?x16xf32>, tensor<?x16xf32> heads 2 scale 1.000000e+00 kv_heads 2 : tensor<?x16xf32>
    %1 = lowbit.norm rms %0 eps 1.000000e-05 : tensor<?x16xf32>
    %2 = lowbit.matmul %1, %o : tensor<?x16xf32>, !lowbit.tensor<16x16xf32, #f> -> tensor<?x16xf32>
    lowbit.return %2 : tensor<?x16xf32>
  }
  func.func @forward(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
    %0 = lowbit.layer @block(%x) params @layer0 : (tensor<?x16xf32>) -> tensor<?x16xf32>
    return %0 : tensor<?x16xf32>
  }
}

// -----

#f = #lowbit.leaf<fp<f32>>
// expected-error @below {{dim=heads: queries, keys or values are made by something else than a product with a parameter, norms of heads and rope}}
module {
  lowbit.param @o : !lowbit.tensor<16x16xf32, #f>
  lowbit.param_set @layer0 [@o]
  lowbit.block @block(%x: tensor<?x16xf32>, %o: !lowbit.tensor<16x16xf32, #f>) -> tensor<?x16xf32>
      attributes {num_params = 1 : i64, num_states = 0 : i64} {
    %0 = lowbit.attention none %x keys %x values %x : tensor<?x16xf32>, tensor<?x16xf32> heads 2 scale 1.000000e+00 kv_heads 2 : tensor<?x16xf32>
    %2 = lowbit.matmul %0, %o : tensor<?x16xf32>, !lowbit.tensor<16x16xf32, #f> -> tensor<?x16xf32>
    lowbit.return %2 : tensor<?x16xf32>
  }
  func.func @forward(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
    %0 = lowbit.layer @block(%x) params @layer0 : (tensor<?x16xf32>) -> tensor<?x16xf32>
    return %0 : tensor<?x16xf32>
  }
}
