// Class E0: the value decoded after the layout passes has the same bits.
// RUN: lowbit-interpret %s --weights=splat --function=main --output=@%t.before.npy
// RUN: lowbit-opt %s --lowbit-select-layouts --lowbit-apply-layouts -o %t.mlir
// RUN: lowbit-interpret %t.mlir --weights=splat --function=main --output=@%t.after.npy
// RUN: cmp %t.before.npy %t.after.npy

#w = #lowbit.leaf<int<5>, scale = [f16 per map<(n, k) -> (n, k floordiv 32)>]>
lowbit.param @w : !lowbit.tensor<9x96xf32, #w>
func.func @main() -> tensor<9x96xf32> {
  %w = lowbit.get_param @w : !lowbit.tensor<9x96xf32, #w>
  %d = lowbit.decode %w : !lowbit.tensor<9x96xf32, #w> -> tensor<9x96xf32>
  return %d : tensor<9x96xf32>
}
