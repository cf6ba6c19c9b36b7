//===- SelectLayouts.cpp - Choose where bits lie ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Encoding/Passes.h"

#include "dialects/Lowbit/IR/LowbitOps.h"
#include "lowbit/Packing/Layouts.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_SELECTLAYOUTSPASS
#include "passes/Encoding/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;

namespace {

struct SelectLayoutsPass
    : mlir::lowbit::impl::SelectLayoutsPassBase<SelectLayoutsPass> {
  using Base::Base;

  void runOnOperation() override {
    if (layout != "rows-in-lanes") {
      getOperation().emitError()
          << "option 'layout' requires rows-in-lanes, got '" << layout << "'";
      return signalPassFailure();
    }
    for (auto param : getOperation().getOps<ParamOp>()) {
      auto type = dyn_cast<LowbitTensorType>(param.getType());
      if (!type)
        continue;
      const bool hasLayout = type.getEncodingInterface().hasLayout();
      auto leaf = type.getLeafDesc();
      // A layout that somebody chose stays; bit planes stay planes, in the order
      // that kernels read.
      const bool planes = leaf.isOk() && hasLayout && ::lowbit::hasBitPlanes(*leaf);
      if (hasLayout && !planes)
        continue;
      ::lowbit::Status status = !leaf.isOk() ? leaf.status()
                                : planes ? ::lowbit::applyPlanesInLanesLayout(*leaf)
                                         : ::lowbit::applyComputeLayout(*leaf);
      if (!status.isOk()) {
        param.emitError() << status.message();
        return signalPassFailure();
      }
      param->setAttr("lowbit.layout",
                     type.getEncodingInterface().withLayoutOf(*leaf));
    }
  }
};

} // namespace
