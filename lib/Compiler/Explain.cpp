//===- Explain.cpp - Why a strategy was chosen ----------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compiler/Explain.h"

#include "passes/Schedule/CostModel.h"

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::formatString;

/// The strategy that the schedule phase wrote for `target`, if any.
static std::optional<StrategyKind> chosenFor(DispatchOp dispatch, StringRef target) {
  if (ArrayAttr strategies = dispatch.getStrategiesAttr())
    for (auto strategy : strategies.getAsRange<StrategyAttr>())
      if (strategy.getTarget() == target)
        return strategy.getKind();
  return std::nullopt;
}

std::string mlir::lowbit::explainStrategies(const KernelTable &kernels,
                                            ArrayRef<std::string> targets) {
  std::string text = "strategies (estimated microseconds a row; * chosen)\n";
  for (auto [index, name] : llvm::enumerate(kernels.names)) {
    DispatchOp dispatch = kernels.representatives[index];
    DispatchWork work = measureWork(dispatch);
    text += formatString("  %s: %llu parameter bytes, %llu products a row\n", name.c_str(),
                         static_cast<unsigned long long>(work.parameterBytes),
                         static_cast<unsigned long long>(work.products));
    for (const std::string &target : targets) {
      auto machine = machineModelOf(target);
      if (!machine.isOk())
        continue;
      std::optional<StrategyKind> chosen = chosenFor(dispatch, machine->target);
      for (const Candidate &candidate : enumerateStrategies(work, *machine)) {
        std::string kind = stringifyStrategyKind(candidate.kind).str();
        text += formatString("    %-16s %c %-16s ", machine->target.c_str(),
                             chosen == candidate.kind ? '*' : ' ', kind.c_str());
        text += candidate.refusal.empty()
                    ? formatString("%10.2f\n", candidate.picoseconds / 1e6)
                    : "refused: " + candidate.refusal + "\n";
      }
    }
  }
  return text;
}
