//===- SelectFusionGroups.cpp - Choose dispatches ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion/Passes.h"

#include "dialects/Lowbit/IR/LowbitOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_SELECTFUSIONGROUPSPASS
#include "passes/Fusion/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;

namespace {

/// Ops that a dispatch may contain. Constants, parameters and calls stay outside.
bool isCompute(Operation *op) {
  return isa<MatmulOp, NormOp, QuantizeOp, RopeOp, KVAppendOp, AttentionOp,
             GatherRowsOp, PatchifyOp, UnpatchifyOp, RepeatRowsOp, CycleRowsOp,
             ConcatRowsOp, SliceRowsOp>(op) ||
         (op->hasTrait<OpTrait::Elementwise>() && op->getNumResults() == 1 &&
          isa<RankedTensorType>(op->getResult(0).getType()));
}

bool isElementwise(Operation *op) {
  return isCompute(op) && op->hasTrait<OpTrait::Elementwise>();
}

/// Ops that only say where numbers are; whoever uses one reads through it.
bool isView(Operation *op) { return op && isa<RepeatRowsOp, CycleRowsOp>(op); }

/// An op of another dialect that computes rows in a way that Semantics does not define
/// (N15 has the arithmetic that it does).
bool hasNoKernel(Operation *op) {
  return op->getDialect() && op->getDialect()->getNamespace() != "lowbit" &&
         op->getNumOperands() != 0 &&
         !isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp>(op) &&
         llvm::any_of(op->getResultTypes(), [](Type type) {
           auto rows = dyn_cast<RankedTensorType>(type);
           return rows && rows.getRank() == 2 && rows.isDynamicDim(0);
         });
}

class GroupSelector {
public:
  explicit GroupSelector(Block &block) : block(block) {}

  void run() {
    for (Operation &op : block)
      if (auto matmul = dyn_cast<MatmulOp>(op))
        if (!groupOf.count(&op))
          groupMatmuls(matmul);
    groupRopes();
    for (Operation &op : block)
      if (isa<AttentionOp, GatherRowsOp, PatchifyOp, UnpatchifyOp, ConcatRowsOp,
              SliceRowsOp>(op))
        assignWithViews(&op, next++);
    for (Operation &op : block)
      if (isCompute(&op) && !isView(&op) && !groupOf.count(&op))
        groupChain(&op);
    for (Operation &op : block)
      if (isView(&op))
        assign(&op, next++); // those that nobody took
    for (auto [op, group] : groupOf)
      op->setAttr("lowbit.group", FusionGroupAttr::get(op->getContext(), group));
  }

private:
  void assign(Operation *op, int64_t group) { groupOf.try_emplace(op, group); }

  /// With the views that only `op` reads, and views of those.
  void assignWithViews(Operation *op, int64_t group) {
    assign(op, group);
    for (Value operand : op->getOperands())
      if (Operation *def = operand.getDefiningOp();
          isView(def) && def->getBlock() == &block && operand.hasOneUse() &&
          !groupOf.count(def))
        assignWithViews(def, group);
  }

  bool inGroup(Operation *op, int64_t group) const {
    auto it = groupOf.find(op);
    return it != groupOf.end() && it->second == group;
  }

  bool usedOnlyBy(Operation *op, int64_t group) const {
    return llvm::all_of(op->getUsers(),
                        [&](Operation *user) { return inGroup(user, group); });
  }

  /// True when everything that `op` reads outside `group` is defined before the
  /// group's first op, so that fusing cannot create a cycle between groups.
  bool readsOnlyEarlier(Operation *op, int64_t group, Operation *first) const {
    return llvm::all_of(op->getOperands(), [&](Value operand) {
      Operation *def = operand.getDefiningOp();
      return !def || inGroup(def, group) || def->isBeforeInBlock(first) ||
             def->getNumOperands() == 0 ||
             (isView(def) && operand.hasOneUse() && !groupOf.count(def) &&
              !readsGroup(def, group) && readsOnlyEarlier(def, group, first));
    });
  }

  /// A view is read where its source lies, so its source must be there before the
  /// kernel starts.
  bool readsGroup(Operation *view, int64_t group) const {
    return llvm::any_of(view->getOperands(), [&](Value operand) {
      Operation *def = operand.getDefiningOp();
      return def && inGroup(def, group);
    });
  }

  /// Matmuls of one input, their prologue and their epilogue.
  void groupMatmuls(MatmulOp anchor) {
    int64_t group = next++;
    for (Operation *user : anchor.getInput().getUsers())
      if (auto other = dyn_cast<MatmulOp>(user))
        if (other->getBlock() == &block && !groupOf.count(other) &&
            other.getInput() == anchor.getInput())
          assign(other, group);
    Operation *first = anchor;
    if (auto quantize = anchor.getInput().getDefiningOp<QuantizeOp>())
      if (!groupOf.count(quantize) && usedOnlyBy(quantize, group)) {
        assignWithViews(quantize, group);
        first = quantize;
      }
    Value source = isa<QuantizeOp>(first) ? cast<QuantizeOp>(first).getInput()
                                          : anchor.getInput();
    if (auto norm = source.getDefiningOp<NormOp>())
      if (!groupOf.count(norm) && usedOnlyBy(norm, group)) {
        assignWithViews(norm, group);
        first = norm;
      }
    growEpilogue(group, first);
  }

  /// Adds elementwise ops over the results of the group's matmuls.
  void growEpilogue(int64_t group, Operation *first) {
    for (Operation &op : block) {
      if (!isElementwise(&op) || groupOf.count(&op))
        continue;
      bool consumes = llvm::any_of(op.getOperands(), [&](Value operand) {
        Operation *def = operand.getDefiningOp();
        return def && inGroup(def, group) && !isa<NormOp, QuantizeOp>(def);
      });
      bool pure = llvm::none_of(op.getOperands(), [&](Value operand) {
        Operation *def = operand.getDefiningOp();
        return def && inGroup(def, group) && isa<NormOp, QuantizeOp>(def);
      });
      if (consumes && pure && readsOnlyEarlier(&op, group, first))
        assignWithViews(&op, group);
    }
  }

  /// The rotary embeddings before a cache append, with it.
  void groupRopes() {
    for (Operation &op : block) {
      if (!isa<KVAppendOp>(op))
        continue;
      int64_t group = next++;
      assign(&op, group);
      for (Operation &other : block)
        if (isa<RopeOp>(other) && !groupOf.count(&other) &&
            readsOnlyEarlier(&other, group, &op))
          assign(&other, group);
    }
  }

  /// A norm, rope, quantize or elementwise op that no anchor took, with the
  /// elementwise ops that follow from it alone.
  void groupChain(Operation *op) {
    int64_t group = next++;
    assignWithViews(op, group);
    if (!isElementwise(op))
      return;
    for (Operation &other : block)
      if (isElementwise(&other) && !groupOf.count(&other) &&
          other.getResult(0).getType() == op->getResult(0).getType() &&
          readsOnlyEarlier(&other, group, op) &&
          llvm::any_of(other.getOperands(), [&](Value operand) {
            Operation *def = operand.getDefiningOp();
            return def && inGroup(def, group) && !isView(def);
          }))
        assignWithViews(&other, group);
  }

  Block &block;
  llvm::MapVector<Operation *, int64_t> groupOf;
  int64_t next = 0;
};

struct SelectFusionGroupsPass
    : mlir::lowbit::impl::SelectFusionGroupsPassBase<SelectFusionGroupsPass> {
  using Base::Base;
  void runOnOperation() override {
    auto function = cast<FunctionOpInterface>(getOperation());
    if (function.isExternal() || !function.getFunctionBody().hasOneBlock())
      return;
    Block &block = function.getFunctionBody().front();
    for (Operation &op : block)
      if (hasNoKernel(&op)) {
        op.emitOpError("has no kernel: rows are computed by ops of the lowbit dialect "
                       "(lowbit.activation has silu, gelu_tanh, relu2, sigmoid, tanh and "
                       "exp) and by arith.addf, arith.subf, arith.mulf and arith.divf");
        return signalPassFailure();
      }
    GroupSelector(block).run();
  }
};

} // namespace
