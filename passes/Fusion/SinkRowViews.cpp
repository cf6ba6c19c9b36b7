//===- SinkRowViews.cpp - One view for each user ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion/Passes.h"

#include "dialects/Lowbit/IR/LowbitOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_SINKROWVIEWSPASS
#include "passes/Fusion/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;

namespace {

struct SinkRowViewsPass : mlir::lowbit::impl::SinkRowViewsPassBase<SinkRowViewsPass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<Operation *> views;
    getOperation()->walk([&](Operation *op) {
      if (isa<RepeatRowsOp, CycleRowsOp>(op))
        views.push_back(op);
    });
    // Last first, so that a view of a view follows its user.
    for (Operation *view : llvm::reverse(views))
      sink(view);
  }

private:
  static void sink(Operation *view) {
    for (OpOperand &use : llvm::make_early_inc_range(view->getUses())) {
      if (use.getOwner()->hasTrait<OpTrait::IsTerminator>())
        continue;
      OpBuilder builder(use.getOwner());
      use.set(builder.clone(*view)->getResult(0));
    }
    if (view->use_empty())
      view->erase();
  }
};

} // namespace
