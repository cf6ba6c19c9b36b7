//===- Pruner.cpp - Which blocks of a matrix to drop ----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/Pruner.h"
#include "lib/Compress/ErrorFeedback.h"
#include "lib/Compress/Parallel.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace lowbit;
using namespace lowbit::compress;

//===----------------------------------------------------------------------===//
// Saliency
//===----------------------------------------------------------------------===//

/// Lower Cholesky factor of the block of inverse(H) = U' U over columns [first,
/// first + width), row-major f64.
static std::vector<double> inverseBlock(std::span<const float> factor,
                                        int64_t columns, int64_t first,
                                        int64_t width) {
  std::vector<double> a(width * width);
  for (int64_t t = 0; t < first + width; ++t) {
    const float *u = factor.data() + t * columns + first;
    for (int64_t i = 0; i < width; ++i)
      for (int64_t j = 0; j <= i; ++j)
        a[i * width + j] += static_cast<double>(u[i]) * u[j];
  }
  for (int64_t j = 0; j < width; ++j)
    for (int64_t i = j; i < width; ++i) {
      double sum = a[i * width + j];
      for (int64_t k = 0; k < j; ++k)
        sum -= a[i * width + k] * a[j * width + k];
      // U has a positive diagonal, so the block is positive definite; f32
      // rounding of U must not make a pivot vanish.
      a[i * width + j] =
          i == j ? std::sqrt(std::max(sum, 1e-30)) : sum / a[j * width + j];
    }
  return a;
}

/// |L^-1 w|^2 = w' (L L')^-1 w.
static double solvedNorm(const std::vector<double> &l, const float *w,
                         int64_t width, std::vector<double> &y) {
  double norm = 0;
  for (int64_t i = 0; i < width; ++i) {
    double sum = w[i];
    for (int64_t k = 0; k < i; ++k)
      sum -= l[i * width + k] * y[k];
    y[i] = sum / l[i * width + i];
    norm += y[i] * y[i];
  }
  return norm;
}

/// One score a block, row-major.
static std::vector<double> scoreBlocks(std::span<const float> weights,
                                       int64_t rows, int64_t columns,
                                       const Hessian *hessian,
                                       std::span<const float> factor,
                                       const PruneOptions &options) {
  const auto [blockRows, width] = options.block;
  const int64_t across = columns / width;
  std::vector<double> scores(rows / blockRows * across);
  // One column of blocks by itself: the inverse's block is made once.
  parallelFor(across, 1, options.threads, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * width;
      std::vector<double> l, y(width), diagonal(width, 1.0);
      if (options.saliency == Saliency::obs)
        l = inverseBlock(factor, columns, first, width);
      if (options.saliency == Saliency::activation)
        for (int64_t k = 0; k < width; ++k)
          diagonal[k] = hessian->at(first + k, first + k);
      for (int64_t n = 0; n < rows; ++n) {
        const float *w = weights.data() + n * columns + first;
        double &score = scores[n / blockRows * across + block];
        if (options.saliency == Saliency::obs) {
          score += solvedNorm(l, w, width, y);
          continue;
        }
        for (int64_t k = 0; k < width; ++k)
          score += static_cast<double>(w[k]) * w[k] * diagonal[k];
      }
    }
  });
  return scores;
}

//===----------------------------------------------------------------------===//
// Selection
//===----------------------------------------------------------------------===//

/// Clears `kept` for the `drop` lowest scores of [begin, end).
static void dropLowest(const std::vector<double> &scores, int64_t begin,
                       int64_t end, int64_t drop, std::vector<uint8_t> &kept) {
  std::vector<int64_t> order(end - begin);
  std::iota(order.begin(), order.end(), begin);
  auto lower = [&](int64_t a, int64_t b) {
    return scores[a] != scores[b] ? scores[a] < scores[b] : a < b;
  };
  std::nth_element(order.begin(), order.begin() + drop, order.end(), lower);
  for (int64_t i = 0; i < drop; ++i)
    kept[order[i]] = 0;
}

namespace {

/// Zeros for dropped weights, the others as they have become.
class Dropping : public Replacement {
public:
  Dropping(const PrunedMatrix &pruned, BlockShape block, int64_t columns)
      : pruned(pruned), block(block), across(columns / block.columns) {}
  float replace(int64_t row, int64_t position, float weight) override {
    int64_t index =
        row / block.rows * across + position / block.columns;
    return pruned.kept[index] ? weight : 0.0f;
  }

private:
  const PrunedMatrix &pruned;
  BlockShape block;
  int64_t across;
};

} // namespace

StatusOr<PrunedMatrix>
lowbit::compress::pruneBlocks(std::span<const float> weights, int64_t rows,
                              int64_t columns, const Hessian *hessian,
                              const PruneOptions &options) {
  const auto [blockRows, width] = options.block;
  if (blockRows < 1 || width < 1 || rows % blockRows != 0 ||
      columns % width != 0)
    return invalidArgument("requires a block that divides the matrix, got "
                           "%lldx%lld for %lldx%lld",
                           static_cast<long long>(blockRows),
                           static_cast<long long>(width),
                           static_cast<long long>(rows),
                           static_cast<long long>(columns));
  for (float weight : weights)
    if (!std::isfinite(weight))
      return invalidArgument("a weight is not a finite number");
  std::vector<float> factor;
  if (options.saliency == Saliency::obs) {
    LOWBIT_ASSIGN_OR_RETURN(
        factor, inverseFactor(*hessian, options.damping, {}, options.threads));
  }
  const std::vector<double> scores =
      scoreBlocks(weights, rows, columns, hessian, factor, options);
  const int64_t down = rows / blockRows, across = columns / width;
  PrunedMatrix pruned;
  pruned.kept.assign(scores.size(), 1);
  auto share = [&](int64_t blocks) {
    return std::min(blocks - 1, static_cast<int64_t>(std::llround(
                                    options.sparsity * blocks)));
  };
  if (options.balanced)
    for (int64_t i = 0; i < down; ++i)
      dropLowest(scores, i * across, (i + 1) * across, share(across),
                 pruned.kept);
  else
    dropLowest(scores, 0, down * across, share(down * across), pruned.kept);
  pruned.leastInRow = across;
  for (int64_t i = 0; i < down; ++i) {
    int64_t count = std::count(pruned.kept.begin() + i * across,
                               pruned.kept.begin() + (i + 1) * across, 1);
    pruned.keptBlocks += count;
    pruned.mostInRow = std::max(pruned.mostInRow, count);
    pruned.leastInRow = std::min(pruned.leastInRow, count);
  }
  pruned.weights.assign(weights.begin(), weights.end());
  Dropping dropping(pruned, options.block, columns);
  if (options.saliency == Saliency::obs) {
    replaceWithFeedback(pruned.weights, rows, columns, factor, width, dropping,
                        options.threads);
    return pruned;
  }
  for (int64_t n = 0; n < rows; ++n)
    for (int64_t k = 0; k < columns; ++k)
      pruned.weights[n * columns + k] =
          dropping.replace(n, k, weights[n * columns + k]);
  return pruned;
}
