// RUN: lowbit-opt %s --lowbit-assign-bits='budget=4.6 group=16 sensitivity=weight random-weights=3' | FileCheck %s
// RUN: not lowbit-opt %s -o /dev/null --lowbit-assign-bits='budget=2.5 group=16 sensitivity=weight random-weights=3' 2>&1 | FileCheck %s --check-prefix=BUDGET
// RUN: not lowbit-opt %s -o /dev/null --lowbit-assign-bits='random-weights=3' 2>&1 | FileCheck %s --check-prefix=NEEDS
// RUN: not lowbit-opt %s -o /dev/null --lowbit-assign-bits='sensitivity=weight candidates=1,9 random-weights=3' 2>&1 | FileCheck %s --check-prefix=WIDTH
// RUN: not lowbit-opt %s -o /dev/null --lowbit-assign-bits='sensitivity=best random-weights=3' 2>&1 | FileCheck %s --check-prefix=KIND
// RUN: not lowbit-opt %s -o /dev/null --lowbit-assign-bits='budget=nan random-weights=3' 2>&1 | FileCheck %s --check-prefix=NAN
// RUN: not lowbit-opt %s -o /dev/null --lowbit-assign-bits='sensitivity=weight group=24 random-weights=3' 2>&1 | FileCheck %s --check-prefix=GROUP

// NAN: error: pass 'assign-bits': option 'budget' requires a number of bits above 0, got nan
// GROUP: error: pass 'assign-bits': group=24 does not divide the 32 columns of 'l0.q'; use a divisor, group=row, or except=
// BUDGET: error: pass 'assign-bits': budget=2.5 bits a weight is below the 3.000 that the smallest candidates take with group=16
// NEEDS: error: pass 'assign-bits': sensitivity=output needs --calibration=FILE; sensitivity=weight does not
// WIDTH: error: pass 'assign-bits': option 'candidates' requires widths of 2 to 8 bits, got 1
// KIND: error: pass 'assign-bits': option 'sensitivity' requires output or weight, got 'best'

// Two matrices of one kind of numbers: 3 and 4 bits plus a scale of 16 bits for 16
// weights make 4.5 on average, under the budget; each layer has its own block.
// CHECK: \22assigned bits a weight\22:4.5
// CHECK: lowbit.param @l0.q : !lowbit.tensor<8x32xf32, #[[A:.+]]> = #lowbit.computed
// CHECK: lowbit.param @l1.q : !lowbit.tensor<8x32xf32, #[[B:.+]]> = #lowbit.computed
// CHECK: lowbit.block @block(
// CHECK: lowbit.block @block_
#f = #lowbit.leaf<fp<f32>>
module {
  lowbit.param @l0.q : !lowbit.tensor<8x32xf32, #f>
  lowbit.param @l1.q : !lowbit.tensor<8x32xf32, #f>
  lowbit.param_set @layer0 [@l0.q]
  lowbit.param_set @layer1 [@l1.q]
  lowbit.block @block(%x: tensor<?x32xf32>, %a: !lowbit.tensor<8x32xf32, #f>) -> tensor<?x8xf32>
      attributes {num_params = 1 : i64, num_states = 0 : i64} {
    %0 = lowbit.matmul %x, %a : tensor<?x32xf32>, !lowbit.tensor<8x32xf32, #f> -> tensor<?x8xf32>
    lowbit.return %0 : tensor<?x8xf32>
  }
  func.func @forward(%x: tensor<?x32xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
    %0 = lowbit.layer @block(%x) params @layer0 : (tensor<?x32xf32>) -> tensor<?x8xf32>
    %1 = lowbit.layer @block(%x) params @layer1 : (tensor<?x32xf32>) -> tensor<?x8xf32>
    return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
  }
}
