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
      if (!type || type.getEncodingInterface().hasLayout())
        continue;
      auto leaf = type.getLeafDesc();
      ::lowbit::Status status =
          leaf.isOk() ? ::lowbit::applyComputeLayout(*leaf) : leaf.status();
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
