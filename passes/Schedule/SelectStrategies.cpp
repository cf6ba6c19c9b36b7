//===- SelectStrategies.cpp - Choose an instruction strategy ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Schedule/CostModel.h"
#include "passes/Schedule/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_SELECTSTRATEGIESPASS
#include "passes/Schedule/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;

namespace {

struct SelectStrategiesPass
    : mlir::lowbit::impl::SelectStrategiesPassBase<SelectStrategiesPass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<MachineModel> machines;
    for (const std::string &target : targets) {
      auto machine = machineModelOf(target);
      if (!machine.isOk()) {
        getOperation().emitError()
            << "option 'targets': " << machine.status().message();
        return signalPassFailure();
      }
      machines.push_back(*machine);
    }
    if (machines.empty()) {
      getOperation().emitError("option 'targets' requires at least one target");
      return signalPassFailure();
    }
    WalkResult walk = getOperation().walk([&](DispatchOp dispatch) {
      return failed(select(dispatch, machines)) ? WalkResult::interrupt()
                                                : WalkResult::advance();
    });
    if (walk.wasInterrupted())
      signalPassFailure();
  }

private:
  LogicalResult select(DispatchOp dispatch, ArrayRef<MachineModel> machines) {
    DispatchWork work = measureWork(dispatch);
    SmallVector<Attribute> strategies;
    for (const MachineModel &machine : machines) {
      SmallVector<Candidate> candidates = enumerateStrategies(work, machine);
      const Candidate *best = nullptr;
      for (const Candidate &candidate : candidates) {
        if (!candidate.refusal.empty()) {
          remark::missed(dispatch.getLoc(),
                         remark::RemarkOpts::name("refused").category(
                             "lowbit-schedule"))
              << stringifyStrategyKind(candidate.kind).str() + " on " +
                     machine.target + ": " + candidate.refusal;
          continue;
        }
        if (!best || candidate.picoseconds < best->picoseconds)
          best = &candidate;
      }
      if (!best) {
        // A GPU target takes the matmuls only; the host must take everything.
        if (!machine.isHost)
          continue;
        return dispatch.emitError() << "has no legal strategy on "
                                    << machine.target;
      }
      remark::passed(
          dispatch.getLoc(),
          remark::RemarkOpts::name("strategy").category("lowbit-schedule"))
          << stringifyStrategyKind(best->kind).str() + " on " + machine.target
          << remark::metric("PicosecondsPerRow",
                            static_cast<int64_t>(best->picoseconds));
      strategies.push_back(StrategyAttr::get(
          &getContext(), machine.target, best->kind, /*max_tokens=*/0,
          static_cast<int64_t>(best->picoseconds)));
    }
    dispatch.setStrategiesAttr(ArrayAttr::get(&getContext(), strategies));
    return success();
  }
};

} // namespace
