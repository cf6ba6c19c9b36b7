//===- Quantizer.cpp - Real matrices to codes and scales ------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/Quantizer.h"
#include "lib/Compress/Parallel.h"

#include "lowbit/Support/Float.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace lowbit;
using namespace lowbit::compress;

float lowbit::compress::roundScale(float scale, FloatFormat format) {
  if (format == FloatFormat::bf16)
    return bf16ToF32(f32ToBf16(scale));
  if (format == FloatFormat::f16)
    return f16ToF32(f32ToF16(std::clamp(scale, -65504.0f, 65504.0f)));
  return scale;
}

std::vector<uint8_t>
lowbit::compress::plainFloats(std::span<const float> numbers,
                              FloatFormat format) {
  const unsigned size =
      format == FloatFormat::f16 || format == FloatFormat::bf16 ? 2 : 4;
  std::vector<uint8_t> plain(numbers.size() * size);
  for (size_t i = 0; i < numbers.size(); ++i) {
    uint32_t bits = format == FloatFormat::f16    ? f32ToF16(numbers[i])
                    : format == FloatFormat::bf16 ? f32ToBf16(numbers[i])
                                                  : floatBits(numbers[i]);
    std::memcpy(plain.data() + i * size, &bits, size);
  }
  return plain;
}

WeightError lowbit::compress::measureError(std::span<const float> a,
                                           std::span<const float> b) {
  WeightError error;
  double norm = 0, difference = 0;
  size_t zeros = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    double delta = static_cast<double>(a[i]) - b[i];
    norm += static_cast<double>(a[i]) * a[i];
    difference += delta * delta;
    error.largest = std::max(error.largest, std::abs(delta));
    zeros += b[i] == 0.0f;
  }
  error.relative = norm > 0 ? std::sqrt(difference / norm) : 0;
  error.zeros = a.empty() ? 0 : static_cast<double>(zeros) / a.size();
  return error;
}

StatusOr<Quantizer> Quantizer::create(const QuantizeOptions &options) {
  LOWBIT_ASSIGN_OR_RETURN(CodeSet set, CodeSet::create(options.code));
  if (options.symmetric && set.symmetricReach() <= 0)
    return invalidArgument("symmetric quantization requires a code with "
                           "negative values; use symmetric=false");
  if (!options.symmetric && !set.isInteger())
    return invalidArgument("a zero point requires an integer code");
  const bool isTernary =
      set.size() == 3 && set.lowest() == -1 && set.highest() == 1;
  if (options.method == GridMethod::absmean && !isTernary)
    return invalidArgument("method=absmean requires code=ternary");
  if (options.method != GridMethod::absmax &&
      options.method != GridMethod::mse && !options.symmetric)
    return invalidArgument("a zero point requires method=absmax or mse");
  return Quantizer(options, std::move(set));
}

float Quantizer::storedScale(float scale) const {
  return roundScale(scale, settings.scale);
}

size_t Quantizer::quantize(float weight, const Grid &grid) const {
  // A granule of zeros (or of numbers below the scale's smallest) has scale 0.
  if (grid.scale == 0.0f)
    return set.nearest(grid.zero);
  return set.nearest(weight / grid.scale + grid.zero);
}

// Wider vectors where the machine has them; no fma, so the same numbers.
#if defined(__x86_64__)
#define LOWBIT_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define LOWBIT_WIDE
#endif

/// Squared error of rounding `count` weights to consecutive integers, in eight
/// lanes: the inner loop of every search for a scale.
LOWBIT_WIDE static float integerError(const float *weights,
                                      const float *importance, int64_t count,
                                      float scale, float inverse, float zero,
                                      float low, float high) {
  float lanes[8] = {};
  auto term = [&](int64_t i) {
    float level = (weights[i] * inverse + zero + 12582912.0f) - 12582912.0f;
    level = level < low ? low : level > high ? high : level;
    float delta = weights[i] - scale * (level - zero);
    return importance ? importance[i] * delta * delta : delta * delta;
  };
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int lane = 0; lane < 8; ++lane)
      lanes[lane] += term(i + lane);
  for (; i < count; ++i)
    lanes[i % 8] += term(i);
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
         ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

double Quantizer::squaredError(std::span<const float> weights,
                               std::span<const float> importance,
                               const Grid &grid) const {
  const float inverse = grid.scale == 0.0f ? 0.0f : 1.0f / grid.scale;
  double sum = 0;
  if (set.isInteger()) {
    constexpr size_t piece = 4096; // f32 sums stay short
    for (size_t i = 0; i < weights.size(); i += piece)
      sum += integerError(weights.data() + i,
                          importance.empty() ? nullptr : importance.data() + i,
                          std::min(piece, weights.size() - i), grid.scale,
                          inverse, grid.zero, set.lowest(), set.highest());
    return sum;
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    float delta = weights[i] - dequantize(quantize(weights[i], grid), grid);
    sum += (importance.empty() ? 1.0f : importance[i]) * delta * delta;
  }
  return sum;
}

/// The asymmetric grid of `scale` that puts `low` near the lowest level.
Grid Quantizer::gridFor(float scale, float low) const {
  Grid grid{storedScale(scale), 0.0f};
  if (grid.scale == 0.0f)
    return grid;
  float zero = std::nearbyint(set.lowest() - low / grid.scale);
  grid.zero = std::clamp(zero, set.lowest(), set.highest());
  return grid;
}

Grid Quantizer::refineGrid(std::span<const float> weights,
                           std::span<const float> importance, Grid grid,
                           int rounds) const {
  double error = squaredError(weights, importance, grid);
  for (int round = 0; round < rounds; ++round) {
    double product = 0, square = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
      double factor = importance.empty() ? 1.0 : importance[i];
      double level = set.value(quantize(weights[i], grid)) - grid.zero;
      product += factor * weights[i] * level;
      square += factor * level * level;
    }
    if (square == 0)
      break;
    Grid next{storedScale(static_cast<float>(product / square)), grid.zero};
    double nextError = squaredError(weights, importance, next);
    if (!(nextError < error))
      break;
    grid = next;
    error = nextError;
  }
  return grid;
}

Grid Quantizer::searchGrid(std::span<const float> weights,
                           std::span<const float> importance) const {
  float low = 0, high = 0;
  for (float weight : weights) {
    low = weight < low ? weight : low;
    high = weight > high ? weight : high;
  }
  Grid best;
  double bestError = squaredError(weights, importance, best);
  auto consider = [&](const Grid &grid) {
    double error = squaredError(weights, importance, grid);
    if (error < bestError) {
      bestError = error;
      best = grid;
    }
  };
  // The longer side of the code may serve either sign of the weights.
  auto considerShare = [&](float keep) {
    if (!settings.symmetric) {
      consider(gridFor((high - low) * keep / (set.highest() - set.lowest()),
                       low * keep));
      return;
    }
    const float reach = std::max(-low, high) * keep;
    if (-set.lowest() != set.highest()) {
      consider({storedScale(reach / set.lowest()), 0.0f});
      consider({storedScale(-reach / set.lowest()), 0.0f});
    }
    consider({storedScale(reach / set.symmetricReach()), 0.0f});
  };
  // The fewer the levels, the more it pays to clip: 2 or 3 levels keep about
  // half of the range.
  constexpr int steps = 24;
  const float least = set.size() <= 4 ? 0.25f : set.size() <= 8 ? 0.4f : 0.55f;
  for (int i = 0; i <= steps; ++i)
    considerShare(least + (1.05f - least) * static_cast<float>(i) / steps);
  return settings.symmetric ? refineGrid(weights, importance, best, 4) : best;
}

Grid Quantizer::chooseGrid(std::span<const float> weights,
                           std::span<const float> importance) const {
  if (settings.method == GridMethod::mse)
    return searchGrid(weights, importance);
  if (settings.method == GridMethod::lsq)
    // From the best of a search, then to the fixed point.
    return refineGrid(weights, importance, searchGrid(weights, importance), 100);
  float low = 0, high = 0;
  double sum = 0;
  for (float weight : weights) {
    low = weight < low ? weight : low;
    high = weight > high ? weight : high;
    sum += std::abs(weight);
  }
  if (settings.method == GridMethod::absmean)
    return {storedScale(static_cast<float>(
                sum / static_cast<double>(std::max<size_t>(weights.size(), 1)))),
            0.0f};
  if (!settings.symmetric)
    return gridFor((high - low) / (set.highest() - set.lowest()), low);
  return {storedScale(std::max(-low, high) / set.symmetricReach()), 0.0f};
}

float Quantizer::granuleBound(std::span<const float> weights,
                              const Grid &grid) const {
  float ends[2] = {grid.scale * (set.lowest() - grid.zero),
                   grid.scale * (set.highest() - grid.zero)};
  float low = std::min(ends[0], ends[1]), high = std::max(ends[0], ends[1]);
  float bound = 0.0f;
  for (float weight : weights) {
    float outside = std::max(low - weight, weight - high);
    bound = std::max(bound, outside > 0 ? outside
                                        : std::abs(grid.scale) * set.halfGap());
  }
  return bound;
}

StatusOr<QuantizedMatrix>
Quantizer::quantizeMatrix(std::span<const float> weights, int64_t rows,
                          int64_t columns) const {
  const int64_t group = settings.granules.group;
  if (group > 0 && columns % group != 0)
    return invalidArgument("requires group to divide the columns, got %lld and "
                           "%lld",
                           static_cast<long long>(group),
                           static_cast<long long>(columns));
  for (float weight : weights)
    if (!std::isfinite(weight))
      return invalidArgument("a weight is not a finite number");
  const bool isTensor = group < 0;
  const int64_t width = group > 0 ? group : columns;
  const int64_t granules = isTensor ? 1 : rows * (columns / width);
  QuantizedMatrix result;
  result.codes.resize(weights.size());
  result.scales.resize(granules);
  if (!settings.symmetric)
    result.zeros.resize(granules);
  Grid whole;
  if (isTensor)
    whole = chooseGrid(weights);
  std::vector<float> rowBound(rows);
  parallelFor(rows, 16, settings.threads, [&](int64_t begin, int64_t end) {
    for (int64_t first = begin * columns; first < end * columns;
         first += width) {
      std::span<const float> granule = weights.subspan(first, width);
      Grid grid = isTensor ? whole : chooseGrid(granule);
      const int64_t index = isTensor ? 0 : first / width;
      if (!isTensor || begin == 0) {
        result.scales[index] = grid.scale;
        if (!settings.symmetric)
          result.zeros[index] = static_cast<int8_t>(
              static_cast<uint8_t>(static_cast<int>(grid.zero)));
      }
      for (int64_t i = 0; i < width; ++i)
        result.codes[first + i] = set.stored(quantize(granule[i], grid));
      float &bound = rowBound[first / columns];
      bound = std::max(bound, granuleBound(granule, grid));
    }
  });
  for (float bound : rowBound)
    result.bound = std::max(result.bound, bound);
  return result;
}

std::vector<float> Quantizer::decodeMatrix(const QuantizedMatrix &matrix,
                                           int64_t rows,
                                           int64_t columns) const {
  float valueOf[256];
  for (int bits = 0; bits < 256; ++bits)
    valueOf[bits] = set.value(set.indexOf(static_cast<uint8_t>(bits)));
  const int64_t group = settings.granules.group;
  const int64_t width = group > 0 ? group : columns;
  const bool isSigned = settings.code.kind == NumberKind::signedInt;
  std::vector<float> values(matrix.codes.size());
  for (int64_t i = 0; i < rows * columns; ++i) {
    const int64_t granule = group < 0 ? 0 : i / width;
    float zero = 0.0f;
    if (!matrix.zeros.empty())
      zero = isSigned ? matrix.zeros[granule]
                      : static_cast<uint8_t>(matrix.zeros[granule]);
    values[i] = matrix.scales[granule] * (valueOf[matrix.codes[i]] - zero);
  }
  return values;
}
