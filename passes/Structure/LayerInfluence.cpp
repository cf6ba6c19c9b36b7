//===- LayerInfluence.cpp - What layers do to hidden states ------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Structure/LayerInfluence.h"

#include "passes/Compress/ModelRunner.h"

#include <cmath>

using namespace mlir;
using namespace mlir::lowbit;

using ::lowbit::failedPrecondition;
using ::lowbit::StatusOr;

/// 1 - mean cosine of the rows of `before` and `after`. A row of zeros turns nothing.
static double influence(std::span<const float> before, std::span<const float> after,
                        int64_t columns) {
  double sum = 0;
  const size_t rows = before.size() / static_cast<size_t>(columns);
  for (size_t row = 0; row < rows; ++row) {
    double dot = 0, left = 0, right = 0;
    for (int64_t i = 0; i < columns; ++i) {
      const size_t at = row * static_cast<size_t>(columns) + static_cast<size_t>(i);
      double a = before[at], b = after[at];
      dot += a * b;
      left += a * a;
      right += b * b;
    }
    double length = std::sqrt(left * right);
    sum += length > 0 ? dot / length : 1.0;
  }
  return rows ? 1.0 - sum / static_cast<double>(rows) : 0.0;
}

StatusOr<std::vector<double>>
mlir::lowbit::layerInfluences(ModuleOp module, CompressionSession &session) {
  if (!session.runner || !session.runner->hasCalibration())
    return failedPrecondition("by=similarity measures hidden states: give "
                              "--calibration=FILE");
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<LayerWalk> walk,
                          session.runner->walkLayers(module));
  std::vector<double> result;
  const DenseMap<StringAttr, Type> unchanged;
  while (walk->position() < walk->layerCount()) {
    std::vector<float> before(walk->hidden().begin(), walk->hidden().end());
    LOWBIT_RETURN_IF_ERROR(walk->advance(unchanged, /*runLast=*/true));
    result.push_back(influence(before, walk->hidden(), walk->hiddenColumns()));
  }
  return result;
}

SmallVector<int64_t> mlir::lowbit::leastOf(ArrayRef<double> scores,
                                           ArrayRef<int64_t> candidates,
                                           int64_t count) {
  SmallVector<int64_t> order(candidates);
  llvm::sort(order, [&](int64_t a, int64_t b) {
    return scores[a] != scores[b] ? scores[a] < scores[b] : a > b;
  });
  order.truncate(std::min<size_t>(order.size(), static_cast<size_t>(count)));
  llvm::sort(order);
  return order;
}

SmallVector<std::pair<int64_t, int64_t>>
mlir::lowbit::leastPairs(ArrayRef<double> scores, ArrayRef<int64_t> candidates,
                         int64_t count) {
  SmallVector<std::pair<int64_t, int64_t>> all, chosen;
  for (size_t i = 0; i + 1 < candidates.size(); ++i)
    all.emplace_back(candidates[i], candidates[i + 1]);
  llvm::stable_sort(all, [&](auto &a, auto &b) {
    return scores[a.first] + scores[a.second] < scores[b.first] + scores[b.second];
  });
  DenseSet<int64_t> taken;
  for (auto pair : all) {
    if (static_cast<int64_t>(chosen.size()) == count)
      break;
    if (taken.contains(pair.first) || taken.contains(pair.second))
      continue;
    taken.insert(pair.first);
    taken.insert(pair.second);
    chosen.push_back(pair);
  }
  llvm::sort(chosen);
  return chosen;
}
