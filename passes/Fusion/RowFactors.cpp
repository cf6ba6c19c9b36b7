//===- RowFactors.cpp - Rows of a value for each row of a call ------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Fusion/RowFactors.h"

#include "passes/Fusion/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_SETDISPATCHROWSPASS
#include "passes/Fusion/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;

/// Factors stay far below what sizes in 63 bits can bear.
static constexpr int64_t largestFactor = int64_t(1) << 31;

static bool hasRows(Value value) {
  ArrayRef<int64_t> shape;
  if (auto tensor = dyn_cast<RankedTensorType>(value.getType()))
    shape = tensor.getShape();
  else if (auto packed = dyn_cast<LowbitTensorType>(value.getType()))
    shape = packed.getShape();
  return !shape.empty() && ShapedType::isDynamic(shape[0]);
}

FailureOr<RowFactors> RowFactors::compute(ModuleOp module) {
  RowFactors result;
  WalkResult walk = module.walk([&](func::FuncOp function) {
    return function.isExternal() || succeeded(result.visitBody(function.front()))
               ? WalkResult::advance()
               : WalkResult::interrupt();
  });
  if (walk.wasInterrupted())
    return failure();
  return std::move(result);
}

int64_t RowFactors::of(DispatchOp dispatch) const {
  int64_t rows = 1;
  for (Value argument : dispatch.getBody().getArguments())
    rows = std::max(rows, of(argument));
  for (Operation &op : dispatch.getBody().front())
    for (Value value : op.getResults())
      rows = std::max(rows, of(value));
  return rows;
}

LogicalResult RowFactors::visitBody(Block &body) {
  for (Operation &op : body)
    if (failed(visitOp(&op)))
      return failure();
  return success();
}

LogicalResult RowFactors::visitOp(Operation *op) {
  if (auto layer = dyn_cast<LayerOp>(op))
    return visitLayer(layer);
  if (auto dispatch = dyn_cast<DispatchOp>(op))
    return visitDispatch(dispatch);
  if (auto concat = dyn_cast<ConcatRowsOp>(op))
    return visitConcat(concat);
  std::optional<int64_t> rows;
  for (Value operand : op->getOperands()) {
    if (!hasRows(operand))
      continue;
    if (rows && *rows != of(operand))
      return op->emitOpError() << "requires operands of equally many rows, got " << *rows
                               << " and " << of(operand) << " for each row of the call";
    rows = of(operand);
  }
  int64_t factor = rows.value_or(1);
  if (auto repeat = dyn_cast<RepeatRowsOp>(op)) {
    factor = factor * repeat.getTimes();
  } else if (auto patchify = dyn_cast<PatchifyOp>(op)) {
    factor = factor * patchify.getTokens();
  } else if (auto unpatchify = dyn_cast<UnpatchifyOp>(op)) {
    if (factor % unpatchify.getTokens() != 0)
      return op->emitOpError() << "requires whole images of " << unpatchify.getTokens()
                               << " patches, got " << factor << " rows";
    factor /= unpatchify.getTokens();
  } else if (auto slice = dyn_cast<SliceRowsOp>(op)) {
    auto of = static_cast<int64_t>(slice.getOf());
    if (factor % of != 0)
      return op->emitOpError() << "requires whole images of " << of << " rows, got "
                               << factor << " rows";
    factor = factor / of * static_cast<int64_t>(slice.getCount());
  } else if (auto rope = dyn_cast<RopeOp>(op)) {
    if (rope.getPosition() && factor != 1)
      return op->emitOpError() << "requires 'sequence' for rows of images, which have no "
                                  "consecutive positions; got "
                               << factor << " rows for each row of the call";
    if (rope.getSequence() && factor % static_cast<int64_t>(*rope.getSequence()) != 0)
      return op->emitOpError() << "requires whole sequences of " << *rope.getSequence()
                               << " rows, got " << factor;
  } else if (auto attention = dyn_cast<AttentionOp>(op)) {
    if (attention.getSequence() && factor % *attention.getSequence() != 0)
      return op->emitOpError() << "requires whole sequences of "
                               << *attention.getSequence() << " rows, got " << factor;
  }
  if (factor > largestFactor)
    return op->emitOpError() << "makes " << factor << " rows of one; at most "
                             << largestFactor << " are supported";
  if (factor != 1)
    for (Value value : op->getResults())
      if (hasRows(value))
        factors[value] = factor;
  return success();
}

LogicalResult RowFactors::visitConcat(ConcatRowsOp concat) {
  std::optional<int64_t> images;
  for (auto [input, count] : llvm::zip(concat.getInputs(), concat.getRows())) {
    if (!hasRows(input))
      continue;
    int64_t rows = of(input);
    if (rows % count != 0 || rows / count != images.value_or(rows / count))
      return concat.emitOpError() << "requires inputs of equally many whole images, got "
                                  << rows << " rows for each row of the call where an "
                                  << "image has " << count;
    images = rows / count;
  }
  int64_t factor = images.value_or(1) * concat.getRowsOfImage();
  if (factor > largestFactor)
    return concat.emitOpError() << "makes " << factor << " rows of one; at most "
                                << largestFactor << " are supported";
  if (factor != 1 && hasRows(concat.getResult()))
    factors[concat.getResult()] = factor;
  return success();
}

LogicalResult RowFactors::visitLayer(LayerOp layer) {
  auto block = tables->lookupNearestSymbolFrom<BlockOp>(layer, layer.getCalleeAttr());
  mlir::Block &body = block.getBody().front();
  bool isNew = visited.insert(block).second;
  for (auto [input, argument] : llvm::zip(layer.getInputs(), body.getArguments())) {
    if (isNew && of(input) != 1)
      factors[argument] = of(input);
    else if (!isNew && of(input) != of(argument))
      return layer.emitOpError() << "calls @" << block.getSymName() << " with "
                                 << of(input) << " rows for each row of the call, another "
                                 << "layer with " << of(argument);
  }
  if (isNew && failed(visitBody(body)))
    return failure();
  for (auto [result, value] :
       llvm::zip(layer.getResults(), body.getTerminator()->getOperands()))
    if (of(value) != 1)
      factors[result] = of(value);
  return success();
}

LogicalResult RowFactors::visitDispatch(DispatchOp dispatch) {
  mlir::Block &body = dispatch.getBody().front();
  for (auto [input, argument] : llvm::zip(dispatch.getInputs(), body.getArguments()))
    if (of(input) != 1)
      factors[argument] = of(input);
  if (failed(visitBody(body)))
    return failure();
  for (auto [result, value] :
       llvm::zip(dispatch.getResults(), body.getTerminator()->getOperands()))
    if (of(value) != 1)
      factors[result] = of(value);
  return success();
}

namespace {

struct SetDispatchRowsPass
    : mlir::lowbit::impl::SetDispatchRowsPassBase<SetDispatchRowsPass> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<RowFactors> factors = RowFactors::compute(getOperation());
    if (failed(factors))
      return signalPassFailure();
    getOperation().walk([&](DispatchOp dispatch) {
      int64_t rows = factors->of(dispatch);
      if (rows != 1)
        dispatch.setRows(rows);
      else
        dispatch.removeRowsAttr();
    });
  }
};

} // namespace
