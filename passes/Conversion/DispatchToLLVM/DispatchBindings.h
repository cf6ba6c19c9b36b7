//===- DispatchBindings.h - Pointers of one dispatch's kernel --*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Values of a dispatch region and the pointers of its kernel: operands and results
// have bindings from the start, values that cross a stage get temporaries, views
// (repeat_rows, cycle_rows) are read where their source lies.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_CONVERSION_DISPATCHTOLLVM_DISPATCHBINDINGS_H
#define PASSES_CONVERSION_DISPATCHTOLLVM_DISPATCHBINDINGS_H

#include "lib/Kernel/RowStages.h"
#include "passes/Conversion/DispatchToLLVM/DispatchLowering.h"

namespace mlir::lowbit {

/// Columns of rows, of a vector, or of an encoded matrix.
int64_t columnsOf(Value rows);

/// Rows that another stage needs elsewhere.
struct RowCopy {
  ::lowbit::kernel::RowsRef input, output;
  int64_t columns;
};

/// The bindings of one dispatch, and the kernel as made so far.
class DispatchBindings {
protected:
  /// Binds the operands and results of `dispatch`.
  explicit DispatchBindings(DispatchOp dispatch);

  /// Row code moves eight columns at a time: views whose rows do not begin at a
  /// multiple of eight get temporaries, which the returned copies fill.
  ::lowbit::StatusOr<SmallVector<RowCopy>> alignViews();

  /// Whether `op` only says where the rows of another value are read (N20).
  static bool isView(Operation *op) { return isa<RepeatRowsOp, CycleRowsOp>(op); }

  /// Rows of `value`: a view's source, a result's or operand's binding, else a new
  /// temporary.
  ::lowbit::kernel::RowsRef rowsOf(Value value);

  /// The first binding of an operand.
  unsigned vectorBinding(Value value) { return bindingsOf[value].front(); }

  /// A new temporary of `bytes`.
  unsigned addTemporary(::lowbit::LinearExpr bytes);

  /// `factor` for each row of the kernel.
  ::lowbit::LinearExpr perRow(int64_t factor = 1) const {
    return ::lowbit::LinearExpr::of(LOWBIT_DIM_TOKENS, rows * factor);
  }

  /// Whether no stage writes a binding while the current one runs.
  bool isReadOnly(unsigned binding) const;

  mlir::Block &body;
  int64_t rows; ///< of the kernel for each row of the call
  llvm::SmallDenseSet<unsigned> stageReads; ///< bindings the current stage only reads
  LoweredDispatch result;
  DenseMap<Value, SmallVector<unsigned>> bindingsOf;
  DenseMap<Value, SmallVector<unsigned>> resultBindings;
  DenseMap<Value, ::lowbit::kernel::RowsRef> alignedViews; ///< see alignViews

private:
  unsigned addBinding(KernelBinding binding);
  void bindOperand(BlockArgument argument);
  ::lowbit::kernel::RowsRef viewOf(Operation *op);
};

} // namespace mlir::lowbit

#endif // PASSES_CONVERSION_DISPATCHTOLLVM_DISPATCHBINDINGS_H
