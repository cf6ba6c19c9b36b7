//===- RowFactors.h - Rows of a value for each row of a call ----*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arguments of a function have one row for each row of the call. `patchify` and
// `repeat_rows` make more of them, `unpatchify` and `slice_rows` fewer, `concat_rows`
// the sum; everything else keeps the number. Kernels and buffers are sized by it.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_FUSION_ROWFACTORS_H
#define PASSES_FUSION_ROWFACTORS_H

#include "dialects/Lowbit/IR/LowbitOps.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"

#include <memory>

namespace mlir::lowbit {

class RowFactors {
public:
  /// Follows the rows through all functions of `module`, the blocks that they call
  /// and dispatches. Emits an error where rows of different numbers meet, where a
  /// block is called with different ones, or where a division has a rest.
  static FailureOr<RowFactors> compute(ModuleOp module);

  /// Rows of `value` for each row of the call; 1 for what has no dynamic rows.
  int64_t of(Value value) const {
    auto it = factors.find(value);
    return it == factors.end() ? 1 : it->second;
  }
  /// Rows that the kernel of `dispatch` works on.
  int64_t of(DispatchOp dispatch) const;

private:
  LogicalResult visitBody(Block &body);
  LogicalResult visitOp(Operation *op);
  LogicalResult visitConcat(ConcatRowsOp concat);
  LogicalResult visitLayer(LayerOp layer);
  LogicalResult visitDispatch(DispatchOp dispatch);

  DenseMap<Value, int64_t> factors;
  DenseSet<Operation *> visited;
  /// Behind a pointer, because it cannot be moved.
  std::unique_ptr<SymbolTableCollection> tables =
      std::make_unique<SymbolTableCollection>();
};

} // namespace mlir::lowbit

#endif // PASSES_FUSION_ROWFACTORS_H
