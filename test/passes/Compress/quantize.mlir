// RUN: lowbit-opt %s --lowbit-quantize='code=int4 group=16 only=q random-weights=1' | FileCheck %s
// RUN: lowbit-opt %s --lowbit-quantize='code=ternary group=row method=lsq random-weights=1' | FileCheck %s --check-prefix=ALL
// RUN: lowbit-opt %s --lowbit-quantize='code=uint3 symmetric=false group=tensor method=mse except=o random-weights=1' | FileCheck %s --check-prefix=ZERO
// RUN: lowbit-opt %s --lowbit-quantize='code=int4 group=16 only=q random-weights=1' --remarks-filter=lowbit-compress -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: lowbit-opt %s --pass-pipeline='builtin.module(lowbit-quantize{code=int8 group=row random-weights=1},lowbit-quantize{code=int4 group=8})' | FileCheck %s --check-prefix=TWICE

#f = #lowbit.leaf<fp<f32>>

// Two layers of one block. Only the first layer's q changes: the second layer
// needs a block of its own.
// CHECK-DAG: #[[Q:.+]] = #lowbit.leaf<int<4>, scale = [f16 per map<(d0, d1) -> (d0, d1 floordiv 16)>]>
// CHECK: module attributes {lowbit.ledger = [
// CHECK-SAME: \22pass\22:\22quantize\22
// CHECK: lowbit.param @l0.q : !lowbit.tensor<8x32xf32, #[[Q]]> = #lowbit.computed<id = 0, hash = "{{[0-9a-f]+}}">
// CHECK: lowbit.param @l0.o : !lowbit.tensor<8x32xf32, #[[F:.+]]>
// CHECK-NOT: lowbit.computed
// CHECK: lowbit.block @block(%{{.*}}: tensor<?x32xf32>, %{{.*}}: !lowbit.tensor<8x32xf32, #[[Q]]>, %{{.*}}: !lowbit.tensor<8x32xf32, #[[F]]>)
// CHECK: lowbit.block @block_{{.*}}(%{{.*}}: tensor<?x32xf32>, %{{.*}}: !lowbit.tensor<8x32xf32, #[[F]]>, %{{.*}}: !lowbit.tensor<8x32xf32, #[[F]]>)
// CHECK: lowbit.layer @block(%{{.*}}) params @layer0
// CHECK: lowbit.layer @block_{{.*}}(%{{.*}}) params @layer1

// Both layers alike: one block.
// ALL: #[[T:.+]] = #lowbit.leaf<ternary, scale = [f32 per row]>
// ALL: lowbit.param @l0.q : !lowbit.tensor<8x32xf32, #[[T]]> = #lowbit.computed<id = 0
// ALL: lowbit.param @l1.o : !lowbit.tensor<8x32xf32, #[[T]]> = #lowbit.computed<id = 3
// ALL: lowbit.block @block(
// ALL-NOT: lowbit.block

// ZERO: #[[Z:.+]] = #lowbit.leaf<uint<3>, scale = [f32 per tensor], zero = uint<3> per tensor>
// ZERO: lowbit.param @l0.q : !lowbit.tensor<8x32xf32, #[[Z]]>
// ZERO: lowbit.param @l0.o : !lowbit.tensor<8x32xf32, #[[F:.+]]>

// REMARK: [Passed] quantize
// REMARK-SAME: Category:lowbit-compress
// REMARK-SAME: BitsPerWeight=5
// REMARK-SAME: l0.q: int4, scale f16/16

// The second step starts from the first one's numbers, and says so.
// TWICE: \22note\22:\22quantized again: was int8, scale f32/row\22
// TWICE: lowbit.param @l0.q : {{.*}} = #lowbit.computed<id = 4
module {
  lowbit.param @l0.q : !lowbit.tensor<8x32xf32, #f>
  lowbit.param @l0.o : !lowbit.tensor<8x32xf32, #f>
  lowbit.param @l1.k : !lowbit.tensor<8x32xf32, #f>
  lowbit.param @l1.o : !lowbit.tensor<8x32xf32, #f>
  lowbit.param_set @layer0 [@l0.q, @l0.o]
  lowbit.param_set @layer1 [@l1.k, @l1.o]
  lowbit.block @block(%x: tensor<?x32xf32>, %a: !lowbit.tensor<8x32xf32, #f>, %b: !lowbit.tensor<8x32xf32, #f>) -> tensor<?x8xf32>
      attributes {num_params = 2 : i64, num_states = 0 : i64} {
    %0 = lowbit.matmul %x, %a : tensor<?x32xf32>, !lowbit.tensor<8x32xf32, #f> -> tensor<?x8xf32>
    %1 = lowbit.matmul %x, %b : tensor<?x32xf32>, !lowbit.tensor<8x32xf32, #f> -> tensor<?x8xf32>
    %2 = arith.addf %0, %1 : tensor<?x8xf32>
    lowbit.return %2 : tensor<?x8xf32>
  }
  func.func @forward(%x: tensor<?x32xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
    %0 = lowbit.layer @block(%x) params @layer0 : (tensor<?x32xf32>) -> tensor<?x8xf32>
    %1 = lowbit.layer @block(%x) params @layer1 : (tensor<?x32xf32>) -> tensor<?x8xf32>
    return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
  }
}
