//===- PrintEncodings.cpp - What each parameter takes, per weight ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Encoding/Passes.h"

#include "dialects/Lowbit/IR/LowbitOps.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/FormatVariadic.h"

#include <array>

namespace mlir::lowbit {
#define GEN_PASS_DEF_PRINTENCODINGSPASS
#include "passes/Encoding/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;

namespace {

struct PrintEncodingsPass
    : mlir::lowbit::impl::PrintEncodingsPassBase<PrintEncodingsPass> {
  using Base::Base;

  void runOnOperation() override {
    markAllAnalysesPreserved();
    for (auto param : getOperation().getOps<ParamOp>()) {
      auto type = dyn_cast<LowbitTensorType>(param.getType());
      if (!type)
        continue;
      auto encoding = type.getEncodingDesc();
      if (!encoding.isOk()) {
        param.emitError() << encoding.status().message();
        return signalPassFailure();
      }
      auto components = ::lowbit::componentsOf(*encoding);
      if (!components.isOk()) {
        param.emitError() << components.status().message();
        return signalPassFailure();
      }
      std::array<double, 6> byRole{};
      const double weights = static_cast<double>(encoding->rows) *
                             static_cast<double>(encoding->columns);
      double total = 0;
      for (const ::lowbit::ComponentDesc &component : *components) {
        const double bits = static_cast<double>(component.bytes) * 8.0 / weights;
        byRole[static_cast<size_t>(component.role)] += bits;
        total += bits;
      }
      llvm::errs() << "@" << param.getSymName() << ": "
                   << llvm::formatv("{0:f3}", total) << " bits a weight";
      const char *separator = " (";
      for (size_t role = 0; role < byRole.size(); ++role)
        if (byRole[role] > 0) {
          llvm::errs() << separator
                       << ::lowbit::componentRoleName(
                              static_cast<::lowbit::ComponentRole>(role))
                       << llvm::formatv(" {0:f3}", byRole[role]);
          separator = ", ";
        }
      llvm::errs() << "), " << encoding->rows << "x" << encoding->columns << ", "
                   << ::lowbit::describe(*encoding) << "\n";
    }
  }
};

} // namespace
