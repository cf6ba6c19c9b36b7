//===- HiddenErrors.cpp - What a parameter's errors do to a model ---------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/HiddenErrors.h"

#include "lib/Compress/Quantizer.h"
#include "passes/Compress/LeafWriter.h"

#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::FloatFormat;
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

StatusOr<double> HiddenErrors::measure(LayerWalk &walk, ParamOp param,
                                       ArrayRef<float> numbers) {
  DenseMap<StringAttr, Type> types;
  if (layer != walk.position()) {
    LOWBIT_ASSIGN_OR_RETURN(before, walk.tryLayer(types, probeTokens));
    layer = walk.position();
  }
  MLIRContext *context = param.getContext();
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
  types[param.getSymNameAttr()] =
      floatMatrixType(cast<LowbitTensorType>(param.getType()));
  LOWBIT_ASSIGN_OR_RETURN(std::vector<float> after,
                          walk.tryLayer(types, probeTokens));
  return relativeError(before, after, walk.hiddenColumns());
}
