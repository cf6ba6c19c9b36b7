//===- ErrorFeedback.cpp - Rounding that makes up for its errors ----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/ErrorFeedback.h"
#include "lib/Compress/Parallel.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace lowbit;
using namespace lowbit::compress;

#if defined(__x86_64__)
#define LOWBIT_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define LOWBIT_WIDE
#endif

LOWBIT_WIDE static void subtractScaled(float *target, const float *source,
                                       float factor, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    target[i] -= factor * source[i];
}

void lowbit::compress::replaceWithFeedback(
    std::span<float> weights, int64_t rows, int64_t columns,
    std::span<const float> factor, int64_t group, Replacement &replacement,
    unsigned threads) {
  // A block ends where a group ends, so that a group's weights are up to date
  // when its grid is chosen. Rows do not depend on each other.
  constexpr int64_t rowsAtOnce = 8, usualBlock = 128;
  const int64_t step = group > 0 ? group : columns;
  const int64_t block = std::max(step, usualBlock / step * step);
  parallelFor(rows, rowsAtOnce, threads, [&](int64_t begin, int64_t end) {
    std::vector<float> errors(rowsAtOnce * block);
    for (int64_t first = 0; first < columns; first += block) {
      const int64_t last = std::min(columns, first + block);
      for (int64_t n = begin; n < end; ++n) {
        float *w = weights.data() + n * columns;
        for (int64_t j = first; j < last; ++j) {
          if (j % step == 0)
            replacement.beginGroup(
                n, j, {w + j, static_cast<size_t>(std::min(step, columns - j))});
          const float *u = factor.data() + j * columns;
          const float value = replacement.replace(n, j, w[j]);
          const float error = (w[j] - value) / u[j];
          w[j] = value;
          errors[(n - begin) * block + j - first] = error;
          subtractScaled(w + j + 1, u + j + 1, error, last - j - 1);
        }
      }
      for (int64_t j = first; j < last; ++j)
        for (int64_t n = begin; n < end; ++n)
          subtractScaled(weights.data() + n * columns + last,
                         factor.data() + j * columns + last,
                         errors[(n - begin) * block + j - first],
                         columns - last);
    }
  });
}

//===----------------------------------------------------------------------===//
// GPTQ
//===----------------------------------------------------------------------===//

namespace {

class GptqReplacement : public Replacement {
public:
  GptqReplacement(const Quantizer &quantizer, int64_t rows, int64_t columns,
                  std::span<const int64_t> order, std::span<const float> factor,
                  std::span<const uint8_t> kept)
      : quantizer(quantizer), columns(columns), order(order), kept(kept),
        fixedGrids(false) {
    const int64_t wanted = quantizer.options().granules.group;
    width = wanted > 0 ? wanted : columns;
    isTensor = wanted < 0;
    grids.resize(isTensor ? 1 : rows * (columns / width));
    result.codes.resize(rows * columns);
    // What an error in a column costs after all others have made up for it.
    importance.resize(columns);
    for (int64_t j = 0; j < columns; ++j)
      importance[j] = 1.0f / (factor[j * columns + j] * factor[j * columns + j]);
  }

  /// Chooses all grids from weights in their own order; beginGroup keeps them.
  void fixGrids(std::span<const float> weights, int64_t rows) {
    fixedGrids = true;
    if (isTensor) {
      grids[0] = quantizer.chooseGrid(weights);
      return;
    }
    std::vector<float> ordered(columns);
    for (int64_t i = 0; i < columns; ++i)
      ordered[columnAt(i)] = importance[i];
    parallelFor(rows, 16, quantizer.options().threads,
                [&](int64_t begin, int64_t end) {
                  for (int64_t i = begin * columns; i < end * columns;
                       i += width)
                    grids[i / width] = choose(
                        weights.subspan(i, width), i,
                        std::span(ordered).subspan(i % columns, width));
                });
  }

  void beginGroup(int64_t row, int64_t position,
                  std::span<const float> weights) override {
    if (fixedGrids)
      return;
    const int64_t first = row * columns + position;
    grids[first / width] =
        choose(weights, first,
               std::span(importance).subspan(position, weights.size()));
  }

  float replace(int64_t row, int64_t position, float weight) override {
    const int64_t index = row * columns + columnAt(position);
    const Grid &grid = grids[isTensor ? 0 : index / width];
    if (!kept.empty() && !kept[index])
      weight = 0.0f;
    const size_t level = quantizer.quantize(weight, grid);
    result.codes[index] = quantizer.codes().stored(level);
    return quantizer.dequantize(level, grid);
  }

  QuantizedMatrix finish() {
    for (const Grid &grid : grids) {
      result.scales.push_back(grid.scale);
      if (!quantizer.options().symmetric)
        result.zeros.push_back(static_cast<int8_t>(
            static_cast<uint8_t>(static_cast<int>(grid.zero))));
    }
    return std::move(result);
  }

private:
  int64_t columnAt(int64_t position) const {
    return order.empty() ? position : order[position];
  }

  Grid choose(std::span<const float> weights, int64_t first,
              std::span<const float> costs) const {
    if (kept.empty())
      return quantizer.chooseGrid(weights, costs);
    std::vector<float> values, factors;
    for (size_t i = 0; i < weights.size(); ++i)
      if (kept[first + i]) {
        values.push_back(weights[i]);
        factors.push_back(costs[i]);
      }
    return quantizer.chooseGrid(values, factors);
  }

  const Quantizer &quantizer;
  int64_t columns;
  std::span<const int64_t> order;
  std::span<const uint8_t> kept;
  bool fixedGrids;
  bool isTensor = false;
  int64_t width = 0;
  std::vector<float> importance; ///< by position
  std::vector<Grid> grids;
  QuantizedMatrix result;
};

} // namespace

StatusOr<QuantizedMatrix>
lowbit::compress::quantizeGptq(const Quantizer &quantizer,
                               std::span<const float> weights, int64_t rows,
                               const Hessian &hessian,
                               const GptqOptions &options) {
  const int64_t columns = hessian.columns();
  const unsigned threads = quantizer.options().threads;
  const int64_t group = quantizer.options().granules.group;
  if (group > 0 && columns % group != 0)
    return invalidArgument("requires group to divide the columns, got %lld and "
                           "%lld",
                           static_cast<long long>(group),
                           static_cast<long long>(columns));
  for (float weight : weights)
    if (!std::isfinite(weight))
      return invalidArgument("a weight is not a finite number");
  std::vector<int64_t> order;
  if (options.activationOrder) {
    order.resize(columns);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      float x = hessian.at(a, a), y = hessian.at(b, b);
      return x != y ? x > y : a < b;
    });
  }
  LOWBIT_ASSIGN_OR_RETURN(
      std::vector<float> factor,
      inverseFactor(hessian, options.damping, order, threads));
  GptqReplacement replacement(quantizer, rows, columns, order, factor,
                              options.kept);
  if (options.activationOrder || group < 0)
    replacement.fixGrids(weights, rows);
  std::vector<float> work(weights.begin(), weights.end());
  if (!order.empty())
    for (int64_t n = 0; n < rows; ++n)
      for (int64_t j = 0; j < columns; ++j)
        work[n * columns + j] = weights[n * columns + order[j]];
  replaceWithFeedback(work, rows, columns, factor, group > 0 ? group : 0,
                      replacement, threads);
  return replacement.finish();
}
