//===- HoistSteps.cpp - What does not depend on the latent, once ----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Structure/Passes.h"

#include "dialects/Lowbit/IR/LowbitOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_HOISTSTEPSPASS
#include "passes/Structure/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;

//===----------------------------------------------------------------------===//
// Layers into the function
//===----------------------------------------------------------------------===//

/// Puts the body of the block in the place of its call. Kernels are compared by
/// what they do, so equal layers still share them.
static void inlineLayer(LayerOp layer, SymbolTableCollection &tables) {
  auto block = tables.lookupNearestSymbolFrom<BlockOp>(layer, layer.getCalleeAttr());
  Block &body = block.getBody().front();
  OpBuilder builder(layer);
  IRMapping mapping;
  unsigned next = 0;
  for (Value input : layer.getInputs())
    mapping.map(body.getArgument(next++), input);
  if (layer.getParamsAttr()) {
    auto set = tables.lookupNearestSymbolFrom<ParamSetOp>(layer, layer.getParamsAttr());
    for (FlatSymbolRefAttr member : set.resolveMembers(tables)) {
      BlockArgument argument = body.getArgument(next++);
      mapping.map(argument, GetParamOp::create(builder, layer.getLoc(),
                                               argument.getType(), member)
                                .getResult());
    }
  }
  for (Operation &op : body.without_terminator())
    builder.clone(op, mapping);
  for (auto [result, value] :
       llvm::zip(layer.getResults(), body.getTerminator()->getOperands()))
    result.replaceAllUsesWith(mapping.lookup(value));
  layer.erase();
}

/// Blocks and sets that nobody calls any more.
static void eraseUncalled(ModuleOp module) {
  DenseSet<StringAttr> used;
  module.walk([&](LayerOp layer) {
    used.insert(layer.getCalleeAttr().getAttr());
    if (layer.getParamsAttr())
      used.insert(layer.getParamsAttr().getAttr());
  });
  SmallVector<ParamSetOp> sets(module.getOps<ParamSetOp>());
  for (ParamSetOp set : sets)
    if (used.contains(set.getSymNameAttr()) && set.getBaseAttr())
      used.insert(set.getBaseAttr().getAttr());
  for (ParamSetOp set : sets)
    if (!used.contains(set.getSymNameAttr()))
      set.erase();
  for (auto block : llvm::make_early_inc_range(module.getOps<BlockOp>()))
    if (!used.contains(block.getSymNameAttr()))
      block.erase();
}

//===----------------------------------------------------------------------===//
// Dependence
//===----------------------------------------------------------------------===//

/// A parameter or a constant: whoever needs one has its own.
static bool isSource(Operation *op) {
  return op->getNumOperands() == 0 && op->getNumResults() != 0;
}

/// A view of columns: it computes nothing, so users inside and outside the loop have
/// one each.
static bool isColumnView(Operation *op) {
  auto repeat = dyn_cast<RepeatRowsOp>(op);
  return repeat && repeat.getTimes() == 1;
}

/// Ops whose results have other numbers of rows than one an image.
static bool changesRows(Operation *op) {
  return isa<RepeatRowsOp, CycleRowsOp, PatchifyOp, UnpatchifyOp, ConcatRowsOp,
             SliceRowsOp>(op) &&
         !isColumnView(op);
}

static bool isKeptAsRows(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 2 && tensor.isDynamicDim(0) &&
         tensor.getElementType().isF32();
}

static StringRef argumentName(func::FuncOp function, unsigned index) {
  auto name = function.getArgAttrOfType<StringAttr>(index, "lowbit.name");
  return name ? name.getValue() : StringRef();
}

namespace {

/// What of one function depends on its latent. An op can leave the loop over steps
/// when nothing that it reads depends on the latent and what it gives can be kept as
/// f32 rows, one an image. Regions may capture anything, so ops with one stay.
class StepDependence {
public:
  explicit StepDependence(func::FuncOp function) : body(function.front()) {
    for (BlockArgument argument : function.getArguments())
      if (argumentName(function, argument.getArgNumber()) == "latent")
        dependent.insert(argument);
    // Marks only ever grow, so this ends.
    while (propagate()) {
    }
  }

  SmallVector<Operation *> hoistable() const {
    SmallVector<Operation *> ops;
    SmallPtrSet<Operation *, 32> leaving;
    for (Operation &op : llvm::reverse(body.without_terminator())) {
      if (isSource(&op) || op.getNumResults() == 0 || depends(&op))
        continue;
      // A view leaves with what leaves and reads it, never alone.
      if (isColumnView(&op) &&
          llvm::none_of(op.getUsers(), [&](Operation *user) {
            return leaving.contains(user);
          }))
        continue;
      leaving.insert(&op);
      ops.push_back(&op);
    }
    std::reverse(ops.begin(), ops.end());
    return ops;
  }

private:
  bool depends(Operation *op) const {
    return llvm::any_of(op->getResults(),
                        [&](Value value) { return dependent.contains(value); });
  }

  bool mustStay(Operation *op) const {
    if (changesRows(op) || isa<LayerOp>(op) || op->getNumRegions() != 0 ||
        !isMemoryEffectFree(op))
      return true;
    return llvm::any_of(op->getOperands(),
                        [&](Value value) { return dependent.contains(value); }) ||
           llvm::any_of(op->getResults(), [&](Value result) {
             return !isKeptAsRows(result.getType()) &&
                    llvm::any_of(result.getUsers(), [&](Operation *user) {
                      return user->getNumResults() == 0 || depends(user);
                    });
           });
  }

  bool propagate() {
    bool changed = false;
    for (Operation &op : body.without_terminator())
      if (!isSource(&op) && !depends(&op) && mustStay(&op)) {
        dependent.insert(op.result_begin(), op.result_end());
        changed |= op.getNumResults() != 0;
      }
    return changed;
  }

  Block &body;
  DenseSet<Value> dependent;
};

//===----------------------------------------------------------------------===//
// Splitting
//===----------------------------------------------------------------------===//

/// Moves `ops` of a function into a function of their own.
class FunctionSplitter {
public:
  FunctionSplitter(func::FuncOp function, ArrayRef<Operation *> ops)
      : function(function), ops(ops), inside(ops.begin(), ops.end()) {
    // From the last op on, so that what a view hands out is known before its input.
    for (Operation *op : llvm::reverse(ops))
      for (Value result : op->getResults())
        if (llvm::any_of(result.getUsers(),
                         [&](Operation *user) { return staysBehind(user); })) {
          if (isColumnView(op))
            twins.insert(op);
          else
            kept.push_back(result);
        }
    std::reverse(kept.begin(), kept.end());
  }

  void run() {
    makeConditionFunction();
    takeKeptAsArguments();
    for (Operation *op : llvm::reverse(ops))
      if (!twins.contains(op))
        op->erase();
    for (Operation &op :
         llvm::make_early_inc_range(function.front().without_terminator()))
      if (isSource(&op) && op.use_empty())
        op.erase();
    dropUnusedArguments();
  }

  size_t keptCount() const { return kept.size(); }

private:
  /// Whether the op is in the function after the split.
  bool staysBehind(Operation *op) const {
    return !inside.contains(op) || twins.contains(op);
  }

  /// Arguments of the function that the moved ops read.
  SmallVector<BlockArgument> argumentsRead() {
    SmallVector<BlockArgument> read;
    for (BlockArgument argument : function.getArguments())
      if (llvm::any_of(argument.getUsers(),
                       [&](Operation *user) { return inside.contains(user); }))
        read.push_back(argument);
    return read;
  }

  NamedAttribute nameOf(size_t index) {
    Builder builder(function.getContext());
    return builder.getNamedAttr("lowbit.name",
                                builder.getStringAttr("c" + std::to_string(index)));
  }

  void makeConditionFunction() {
    OpBuilder builder(function);
    SmallVector<BlockArgument> read = argumentsRead();
    SmallVector<Type> inputs;
    for (BlockArgument argument : read)
      inputs.push_back(argument.getType());
    auto condition = func::FuncOp::create(
        builder, function.getLoc(), (function.getName() + ".condition").str(),
        builder.getFunctionType(inputs, ValueRange(kept).getTypes()));
    Block *body = condition.addEntryBlock();
    IRMapping mapping;
    for (auto [index, argument] : llvm::enumerate(read)) {
      mapping.map(argument, body->getArgument(index));
      condition.setArgAttrs(index, function.getArgAttrDict(argument.getArgNumber()));
    }
    builder.setInsertionPointToStart(body);
    for (Operation *op : ops) {
      for (Value operand : op->getOperands())
        if (Operation *def = operand.getDefiningOp();
            def && !inside.contains(def) && !mapping.contains(operand))
          builder.clone(*def, mapping);
      builder.clone(*op, mapping);
    }
    SmallVector<Value> results;
    for (auto [index, value] : llvm::enumerate(kept)) {
      results.push_back(mapping.lookup(value));
      condition.setResultAttrs(
          index, builder.getDictionaryAttr({nameOf(index)}));
    }
    func::ReturnOp::create(builder, function.getLoc(), results);
  }

  void takeKeptAsArguments() {
    for (auto [index, value] : llvm::enumerate(kept)) {
      unsigned place = function.getNumArguments();
      (void)function.insertArgument(
          place, value.getType(),
          DictionaryAttr::get(function.getContext(), {nameOf(index)}),
          value.getLoc());
      value.replaceUsesWithIf(function.getArgument(place), [&](OpOperand &use) {
        return staysBehind(use.getOwner());
      });
    }
  }

  void dropUnusedArguments() {
    for (unsigned i = function.getNumArguments(); i-- > 0;)
      if (function.getArgument(i).use_empty() && argumentName(function, i) != "latent")
        (void)function.eraseArgument(i);
  }

  func::FuncOp function;
  ArrayRef<Operation *> ops;
  SmallPtrSet<Operation *, 32> inside;
  SmallPtrSet<Operation *, 8> twins; ///< views that leave and stay
  SmallVector<Value> kept;
};

struct HoistStepsPass : mlir::lowbit::impl::HoistStepsPassBase<HoistStepsPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTableCollection tables;
    SetVector<Operation *> functions;
    for (auto denoise : module.getOps<DenoiseOp>())
      for (Attribute variant : denoise.getVariants())
        if (auto function = tables.lookupNearestSymbolFrom<func::FuncOp>(
                denoise, cast<FlatSymbolRefAttr>(variant)))
          functions.insert(function);
    for (Operation *function : functions)
      if (failed(hoist(cast<func::FuncOp>(function), tables)))
        return signalPassFailure();
    if (!functions.empty())
      eraseUncalled(module);
  }

private:
  /// Inlines layers until none is left; blocks do not call themselves (rule of
  /// `layer`), but may call each other often.
  static LogicalResult inlineLayers(func::FuncOp function,
                                    SymbolTableCollection &tables) {
    constexpr int64_t most = 1 << 16;
    int64_t count = 0;
    SmallVector<LayerOp> layers;
    do {
      layers.clear();
      function.walk([&](LayerOp layer) {
        if (!layer.getCache())
          layers.push_back(layer);
      });
      count += static_cast<int64_t>(layers.size());
      if (count > most)
        return function.emitError() << "calls more than " << most << " layers";
      for (LayerOp layer : layers)
        inlineLayer(layer, tables);
    } while (!layers.empty());
    return success();
  }

  LogicalResult hoist(func::FuncOp function, SymbolTableCollection &tables) {
    // A function that reads kept rows was split before.
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (StringRef name = argumentName(function, i);
          name != "latent" && name != "time" && name != "label")
        return success();
    if (failed(inlineLayers(function, tables)))
      return failure();
    SmallVector<Operation *> ops = StepDependence(function).hoistable();
    FunctionSplitter splitter(function, ops);
    if (splitter.keptCount() == 0)
      return success();
    remark::passed(function.getLoc(),
                   remark::RemarkOpts::name("hoisted").category("lowbit-structure"))
        << "computed once for all steps"
        << remark::metric("Ops", static_cast<int64_t>(ops.size()))
        << remark::metric("Kept", static_cast<int64_t>(splitter.keptCount()));
    splitter.run();
    return success();
  }
};

} // namespace
