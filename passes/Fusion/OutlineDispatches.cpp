//===- OutlineDispatches.cpp - Fusion groups to dispatch regions ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion/Passes.h"

#include "dialects/Lowbit/IR/LowbitOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_OUTLINEDISPATCHESPASS
#include "passes/Fusion/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;

namespace {

/// Ops of a block in units: a fusion group, or one op that is in none.
struct Unit {
  SmallVector<Operation *> ops;
  bool isGroup = false;
};

SmallVector<Unit> collectUnits(Block &block) {
  SmallVector<Unit> units;
  DenseMap<int64_t, size_t> unitOfGroup;
  for (Operation &op : block.without_terminator()) {
    if (auto group = op.getAttrOfType<FusionGroupAttr>("lowbit.group")) {
      auto [it, isNew] = unitOfGroup.try_emplace(group.getId(), units.size());
      if (isNew)
        units.emplace_back().isGroup = true;
      units[it->second].ops.push_back(&op);
    } else {
      units.emplace_back().ops.push_back(&op);
    }
  }
  return units;
}

/// Units in an order that respects values and memory effects, else source order.
FailureOr<SmallVector<Unit>> orderUnits(SmallVector<Unit> units) {
  DenseMap<Operation *, size_t> unitOf;
  for (auto [index, unit] : llvm::enumerate(units))
    for (Operation *op : unit.ops)
      unitOf[op] = index;
  SmallVector<llvm::SetVector<size_t>> needs(units.size());
  std::optional<size_t> lastEffect;
  for (auto [index, unit] : llvm::enumerate(units)) {
    bool hasEffect = false;
    for (Operation *op : unit.ops) {
      for (Value operand : op->getOperands())
        if (Operation *def = operand.getDefiningOp())
          if (auto it = unitOf.find(def); it != unitOf.end() && it->second != index)
            needs[index].insert(it->second);
      hasEffect |= !isMemoryEffectFree(op);
    }
    if (hasEffect) {
      if (lastEffect)
        needs[index].insert(*lastEffect);
      lastEffect = index;
    }
  }
  SmallVector<Unit> ordered;
  SmallVector<bool> done(units.size());
  while (ordered.size() < units.size()) {
    bool progress = false;
    for (auto [index, unit] : llvm::enumerate(units)) {
      if (done[index] ||
          !llvm::all_of(needs[index], [&](size_t need) { return done[need]; }))
        continue;
      done[index] = progress = true;
      ordered.push_back(unit);
      break;
    }
    if (!progress)
      return failure();
  }
  return ordered;
}

/// Wraps the ops of `unit`, which stand together before `before`.
void outline(Unit &unit, Operation *before) {
  llvm::SetVector<Operation *> members(unit.ops.begin(), unit.ops.end());
  llvm::SetVector<Value> inputs;
  SmallVector<Value> outputs;
  for (Operation *op : unit.ops) {
    for (Value operand : op->getOperands())
      if (!operand.getDefiningOp() || !members.contains(operand.getDefiningOp()))
        inputs.insert(operand);
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) {
            return !members.contains(user);
          }))
        outputs.push_back(result);
  }
  OpBuilder builder(before);
  SmallVector<Location> locs;
  for (Operation *op : unit.ops)
    locs.push_back(op->getLoc());
  Location loc = builder.getFusedLoc(locs);
  auto dispatch = DispatchOp::create(builder, loc, ValueRange(outputs).getTypes(),
                                     inputs.getArrayRef(), ArrayAttr(), /*rows=*/IntegerAttr());
  Block *body = builder.createBlock(&dispatch.getBody());
  IRMapping mapping;
  for (Value input : inputs)
    mapping.map(input, body->addArgument(input.getType(), input.getLoc()));
  for (Operation *op : unit.ops) {
    Operation *copy = builder.clone(*op, mapping);
    copy->removeAttr("lowbit.group");
  }
  SmallVector<Value> returned;
  for (Value output : outputs)
    returned.push_back(mapping.lookup(output));
  ReturnOp::create(builder, loc, returned);
  for (auto [output, result] : llvm::zip(outputs, dispatch.getResults()))
    output.replaceUsesWithIf(result, [&](OpOperand &use) {
      return !members.contains(use.getOwner());
    });
  for (Operation *op : llvm::reverse(unit.ops))
    op->erase();
}

struct OutlineDispatchesPass
    : mlir::lowbit::impl::OutlineDispatchesPassBase<OutlineDispatchesPass> {
  using Base::Base;

  void runOnOperation() override {
    auto function = cast<FunctionOpInterface>(getOperation());
    if (function.isExternal() || !function.getFunctionBody().hasOneBlock())
      return;
    Block &block = function.getFunctionBody().front();
    FailureOr<SmallVector<Unit>> units = orderUnits(collectUnits(block));
    if (failed(units)) {
      function.emitError("requires fusion groups that do not depend on each "
                         "other; two of them form a cycle");
      return signalPassFailure();
    }
    Operation *terminator = block.getTerminator();
    for (Unit &unit : *units)
      for (Operation *op : unit.ops)
        op->moveBefore(terminator);
    for (Unit &unit : *units)
      if (unit.isGroup)
        outline(unit, unit.ops.front());
  }
};

} // namespace
