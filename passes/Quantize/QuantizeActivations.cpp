//===- QuantizeActivations.cpp - Integer activations for low-bit matmuls ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/Passes.h"

#include "dialects/Lowbit/IR/LowbitOps.h"
#include "lowbit/Packing/Layouts.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_QUANTIZEACTIVATIONSPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;

namespace {

struct QuantizeActivationsPass
    : mlir::lowbit::impl::QuantizeActivationsPassBase<QuantizeActivationsPass> {
  using Base::Base;

  void runOnOperation() override {
    if (granularity != "auto" && granularity != "token" && granularity != "group") {
      getOperation().emitError()
          << "option 'granularity' requires auto, token or group, got '"
          << granularity.getValue() << "'";
      return signalPassFailure();
    }
    if (granularity == "group" && (groupSize < 16 || groupSize % 16 != 0)) {
      getOperation().emitError() << "option 'group-size' requires a positive "
                                    "multiple of 16, got "
                                 << groupSize.getValue();
      return signalPassFailure();
    }
    SmallVector<MatmulOp> matmuls;
    getOperation().walk([&](MatmulOp op) { matmuls.push_back(op); });
    for (MatmulOp op : matmuls)
      if (failed(quantizeInput(op)))
        return signalPassFailure();
  }

private:
  /// Columns that share one activation scale for `weight`; 0 is one scale a token:
  /// also where the weight's groups are too fine for whole vectors of codes.
  int64_t chooseGroup(const ::lowbit::LeafDesc &weight) const {
    if (granularity == "token")
      return 0;
    if (granularity == "group")
      return groupSize;
    int64_t group = 0;
    auto refine = [&](const ::lowbit::ParamDesc &param) {
      if (!param.number.isFloat())
        return;
      for (const auto &result : param.granularity.results)
        for (const auto &term : result.terms)
          if (term.dim == 1)
            group = group ? std::min(group, term.div) : term.div;
    };
    llvm::for_each(weight.scales, refine);
    llvm::for_each(weight.offsets, refine);
    return group % 16 == 0 && weight.columns % std::max<int64_t>(group, 1) == 0 ? group
                                                                               : 0;
  }

  LogicalResult quantizeInput(MatmulOp op) {
    auto input = dyn_cast<RankedTensorType>(op.getInput().getType());
    if (!input)
      return success(); // the model quantizes by itself
    auto weight = op.getWeight().getType().getLeafDesc();
    if (!weight.isOk())
      return op.emitError() << weight.status().message();
    if (!weight->takesIntegerDot())
      return success();
    int64_t columns = input.getShape()[1], group = chooseGroup(*weight);
    if (group && columns % group != 0)
      return op.emitError() << "requires the activation group to divide the "
                               "columns, got "
                            << group << " and " << columns;
    ::lowbit::LeafDesc leaf;
    leaf.code = ::lowbit::NumberDesc::signedInt(8);
    leaf.code.lo = -127;
    auto f32 = ::lowbit::NumberDesc::floating(::lowbit::FloatFormat::f32);
    leaf.scales.push_back(group && group != columns
                              ? ::lowbit::paramPerGroup(f32, 1, columns, group)
                              : ::lowbit::paramPerRow(f32, 1));
    auto type = LowbitTensorType::get(
        op.getContext(), input.getShape(), input.getElementType(),
        getLeafAttr(op.getContext(), leaf, /*withLayout=*/false));
    op.getInputMutable().assign(findOrCreate(op, type));
    return success();
  }

  /// One quantize op serves all matmuls of a value: right after its definition.
  Value findOrCreate(MatmulOp op, LowbitTensorType type) {
    Value source = op.getInput();
    for (Operation *user : source.getUsers())
      if (auto quantize = dyn_cast<QuantizeOp>(user))
        if (quantize.getResult().getType() == type &&
            quantize->getBlock() == op->getBlock() &&
            quantize->isBeforeInBlock(op))
          return quantize.getResult();
    OpBuilder builder(op);
    builder.setInsertionPointAfterValue(source);
    auto created = QuantizeOp::create(builder, op.getLoc(), type, source,
                                      builder.getF32FloatAttr(0.0f));
    return created.getResult();
  }
};

} // namespace
