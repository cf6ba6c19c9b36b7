//===- HiddenErrors.cpp - What a parameter's errors do to a model ---------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/HiddenErrors.h"

#include "lib/Compress/Quantizer.h"
#include "passes/Compress/ModelRunner.h"

#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::FloatFormat;
using ::lowbit::LeafDesc;
using ::lowbit::NumberDesc;
using ::lowbit::Status;
using ::lowbit::StatusOr;

/// Enough for two digits of a mean of many.
static constexpr int64_t probeTokens = 2048;

/// The mean over rows of |after - before|^2 / |before|^2; rows of zeros do not
/// count.
static double relativeError(ArrayRef<float> before, ArrayRef<float> after,
                            int64_t columns) {
  double sum = 0;
  int64_t rows = 0;
  for (size_t row = 0; row < before.size(); row += columns) {
    double error = 0, size = 0;
    for (int64_t i = 0; i < columns; ++i) {
      const double value = before[row + i], difference = after[row + i] - value;
      error += difference * difference;
      size += value * value;
    }
    if (size == 0)
      continue;
    sum += error / size;
    ++rows;
  }
  return rows ? sum / static_cast<double>(rows) : 0;
}

/// The error at the walk's layer with `numbers` as `param`'s.
static StatusOr<double> tryNumbers(CompressionSession &session, LayerWalk &walk,
                                   ParamOp param, ArrayRef<float> numbers,
                                   ArrayRef<float> before) {
  MLIRContext *context = param.getContext();
  auto type = cast<LowbitTensorType>(param.getType());
  LeafDesc leaf;
  leaf.rows = type.getShape()[0];
  leaf.columns = type.getShape()[1];
  leaf.code = NumberDesc::floating(FloatFormat::f32);
  ComponentBytes components;
  components.push_back(
      ::lowbit::compress::plainFloats(numbers, FloatFormat::f32));
  LOWBIT_ASSIGN_OR_RETURN(ComputedSourceAttr source,
                          session.archive->addComputed(context, components));
  const Attribute own = param.getSourceAttr();
  param.setSourceAttr(source);
  llvm::scope_exit restore([&] {
    param.setSourceAttr(own);
    session.archive->dropComputed(source);
  });
  DenseMap<StringAttr, Type> types;
  types[param.getSymNameAttr()] =
      LowbitTensorType::get(context, type.getShape(), type.getElementType(),
                            getLeafAttr(context, leaf, /*withLayout=*/false));
  LOWBIT_ASSIGN_OR_RETURN(std::vector<float> after,
                          walk.tryLayer(types, probeTokens));
  return relativeError(before, after, walk.hiddenColumns());
}

StatusOr<DenseMap<StringAttr, double>> mlir::lowbit::measureHiddenErrors(
    CompressionSession &session, ModuleOp module, ArrayRef<ParamOp> params,
    llvm::function_ref<StatusOr<std::vector<float>>(ParamOp)> trial) {
  DenseMap<StringAttr, ParamOp> pending;
  for (ParamOp param : params)
    pending[param.getSymNameAttr()] = param;
  DenseMap<StringAttr, double> errors;
  const DenseMap<StringAttr, Type> unchanged;
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<LayerWalk> walk,
                          session.runner->walkLayers(module));
  while (walk->position() < walk->layerCount()) {
    std::vector<float> before;
    for (const LayerTap &tap : walk->taps())
      for (StringAttr name : tap.weights) {
        auto found = pending.find(name);
        if (found == pending.end())
          continue;
        if (before.empty()) {
          LOWBIT_ASSIGN_OR_RETURN(before,
                                  walk->tryLayer(unchanged, probeTokens));
        }
        LOWBIT_ASSIGN_OR_RETURN(std::vector<float> numbers,
                                trial(found->second));
        LOWBIT_ASSIGN_OR_RETURN(
            errors[name],
            tryNumbers(session, *walk, found->second, numbers, before));
        pending.erase(found);
      }
    if (pending.empty())
      break;
    LOWBIT_RETURN_IF_ERROR(walk->advance(unchanged));
  }
  return errors;
}
