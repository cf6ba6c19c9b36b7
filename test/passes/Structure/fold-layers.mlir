// RUN: lowbit-opt %s --lowbit-fold-layers='remove=1' --verify-roundtrip | FileCheck %s --check-prefix=REMOVE
// RUN: lowbit-opt %s --lowbit-fold-layers='share=0:2' | FileCheck %s --check-prefix=SHARE
// RUN: lowbit-opt %s --lowbit-fold-layers='remove=0 share=1:2' | FileCheck %s --check-prefix=BOTH
// RUN: not lowbit-opt %s --lowbit-fold-layers='remove=3' 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: not lowbit-opt %s --lowbit-fold-layers='remove=0,1,2' 2>&1 | FileCheck %s --check-prefix=ALL
// RUN: not lowbit-opt %s --lowbit-fold-layers='share=0' 2>&1 | FileCheck %s --check-prefix=PAIR
// RUN: not lowbit-opt %s --lowbit-fold-layers='remove=2 share=1:2' 2>&1 | FileCheck %s --check-prefix=REMAIN
// RUN: not lowbit-opt %s --lowbit-fold-layers='share=0:7' 2>&1 | FileCheck %s --check-prefix=FAR
// RUN: not lowbit-opt %s --lowbit-fold-layers='remove=1 holes=mask' 2>&1 | FileCheck %s --check-prefix=HOLES
// RUN: lowbit-opt %s --lowbit-fold-layers='remove=1' | FileCheck %s --check-prefix=LEDGER

// RUN: lowbit-opt %s --lowbit-fold-layers='remove-count=1 by=gate gates=0.5,-0.01,0.75' | FileCheck %s --check-prefix=REMOVE
// RUN: lowbit-opt %s --lowbit-fold-layers='remove-count=1 by=gate gates=0.5,-0.01,0.75' | FileCheck %s --check-prefix=CHOSEN
// RUN: lowbit-opt %s --lowbit-fold-layers='share-count=1 by=gate gates=0.9,0.3,0.2' | FileCheck %s --check-prefix=PAIRED
// RUN: not lowbit-opt %s --lowbit-fold-layers='remove-count=1' 2>&1 | FileCheck %s --check-prefix=TEXT
// RUN: not lowbit-opt %s --lowbit-fold-layers='remove-count=1 by=gate gates=1,2' 2>&1 | FileCheck %s --check-prefix=GATES
// RUN: not lowbit-opt %s --lowbit-fold-layers='remove-count=3 by=gate gates=1,2,3' 2>&1 | FileCheck %s --check-prefix=COUNT
// RUN: not lowbit-opt %s --lowbit-fold-layers='share-count=2 by=gate gates=1,2,3' 2>&1 | FileCheck %s --check-prefix=PAIRS
// RUN: not lowbit-opt %s --lowbit-fold-layers='remove-count=1 by=size' 2>&1 | FileCheck %s --check-prefix=BY
// RUN: not lowbit-opt %s --lowbit-fold-layers='remove-count=1 remove=1 by=gate gates=1,2,3' 2>&1 | FileCheck %s --check-prefix=EITHER

// RUN: lowbit-opt %s --lowbit-fold-layers='fold-gates gates=1,0,1' | FileCheck %s --check-prefix=REMOVE
// RUN: not lowbit-opt %s --lowbit-fold-layers='fold-gates gates=1,1' 2>&1 | FileCheck %s --check-prefix=EACH
// RUN: not lowbit-opt %s --lowbit-fold-layers='fold-gates gates=1,nan,1' 2>&1 | FileCheck %s --check-prefix=FINITE
// RUN: not lowbit-opt %s --lowbit-fold-layers='share=0:2 fold-gates gates=1,1,0.5' 2>&1 | FileCheck %s --check-prefix=SHARED
// RUN: not lowbit-opt %s --lowbit-fold-layers='remove=1 gates=1,0,1' 2>&1 | FileCheck %s --check-prefix=UNREAD
// UNREAD: option 'gates' requires fold-gates, or by=gate with remove-count or share-count; otherwise nobody reads them
// EACH: fold-gates requires 'gates' of all 3 layers, got 2
// FINITE: the gate of layer 1 is no finite number
// SHARED: layers 0 and 2 share 'w0', but their gates are 1 and 0.5; what layers share takes one gate

// CHOSEN: removed 1; gates of layers: 0.5000 0.0100 0.7500
// PAIRED: param_set @layer2_shares_layer1 overlay @layer1 {0 = @n2}
// TEXT: by=similarity measures hidden states: give --calibration=FILE
// GATES: by=gate requires 'gates' of all 3 layers, got 2
// COUNT: option 'remove-count' requires less than the 3 layers, got 3
// PAIRS: option 'share-count' requires pairs of neighbours among the layers that remain; there are 1
// BY: option 'by' requires similarity or gate, got 'size'
// EITHER: give either the layers or their count
// RANGE: option 'remove' requires layers below 3, got 3
// ALL: pass 'fold-layers': at least one layer must remain for the cache 'kv'
// PAIR: option 'share' requires pairs like 4:5, got '0'
// REMAIN: option 'share' requires two layers that both remain, got '1:2'
// FAR: option 'share' requires layers below 3, got 7
// HOLES: option 'holes' requires static, got 'mask': project and mask serve layers that are skipped at run time
// LEDGER: lowbit.ledger = [{{.*}}layers_removed

// REMOVE-NOT: lowbit.param @n1
// REMOVE-NOT: lowbit.param @w1
// REMOVE-NOT: @layer1
// REMOVE: lowbit.kv_cache @kv slots 2
// REMOVE: %[[A:.*]] = lowbit.layer @block(%{{.*}}) params @layer0 state @kv[0]
// REMOVE: lowbit.layer @block(%[[A]], %{{.*}}) params @layer2 state @kv[1]

// Layer 2 keeps its vector, and the weights of layer 0 serve both.
// SHARE: lowbit.param @n2
// SHARE-NOT: lowbit.param @w2
// SHARE: lowbit.param_set @layer2_shares_layer0 overlay @layer0 {0 = @n2}
// SHARE: lowbit.kv_cache @kv slots 3
// SHARE: params @layer0 state @kv[0]
// SHARE: params @layer1 state @kv[1]
// SHARE: params @layer2_shares_layer0 state @kv[2]

// BOTH-NOT: @w0
// BOTH: lowbit.param_set @layer2_shares_layer1 overlay @layer1 {0 = @n2}
// BOTH: params @layer1 state @kv[0]
// BOTH-NEXT: params @layer2_shares_layer1 state @kv[1]

#w = #lowbit.leaf<int<8>, scale = [f32 per row]>
lowbit.param @n0 : tensor<32xf32>
lowbit.param @w0 : !lowbit.tensor<32x32xf32, #w>
lowbit.param @n1 : tensor<32xf32>
lowbit.param @w1 : !lowbit.tensor<32x32xf32, #w>
lowbit.param @n2 : tensor<32xf32>
lowbit.param @w2 : !lowbit.tensor<32x32xf32, #w>
lowbit.param_set @layer0 [@n0, @w0]
lowbit.param_set @layer1 [@n1, @w1]
lowbit.param_set @layer2 [@n2, @w2]
lowbit.kv_cache @kv slots 3 : !lowbit.kv<2x16xf32>
lowbit.block @block(%h: tensor<?x32xf32>, %pos: i64, %kv: !lowbit.kv<2x16xf32>, %n: tensor<32xf32>, %w: !lowbit.tensor<32x32xf32, #w>) -> tensor<?x32xf32>
    attributes {num_params = 2 : i64, num_states = 1 : i64} {
  %0 = lowbit.norm rms %h weight %n : tensor<32xf32> eps 1.0e-05 : tensor<?x32xf32>
  lowbit.kv.append %kv, %0, %0 at %pos : !lowbit.kv<2x16xf32>, tensor<?x32xf32>
  %1 = lowbit.attention causal %0 cache %kv at %pos : !lowbit.kv<2x16xf32> heads 2 scale 0.25 : tensor<?x32xf32>
  %2 = lowbit.matmul %1, %w : tensor<?x32xf32>, !lowbit.tensor<32x32xf32, #w> -> tensor<?x32xf32>
  %3 = arith.addf %h, %2 : tensor<?x32xf32>
  lowbit.return %3 : tensor<?x32xf32>
}
func.func @forward(%x: tensor<?x32xf32>, %pos: i64) -> tensor<?x32xf32> {
  %0 = lowbit.layer @block(%x, %pos) params @layer0 state @kv[0] : (tensor<?x32xf32>, i64) -> tensor<?x32xf32>
  %1 = lowbit.layer @block(%0, %pos) params @layer1 state @kv[1] : (tensor<?x32xf32>, i64) -> tensor<?x32xf32>
  %2 = lowbit.layer @block(%1, %pos) params @layer2 state @kv[2] : (tensor<?x32xf32>, i64) -> tensor<?x32xf32>
  return %2 : tensor<?x32xf32>
}
