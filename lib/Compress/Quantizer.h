//===- Quantizer.h - Real matrices to codes and scales ---------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A *grid* is what a granule of weights is rounded to: `scale * (level - zero)`
// for the levels of a code. The methods differ in how they choose it; all round
// to the nearest level of the scale *as it is stored*, so that what is decoded
// later is what was measured here.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_COMPRESS_QUANTIZER_H
#define LOWBIT_LIB_COMPRESS_QUANTIZER_H

#include "lib/Compress/CodeSet.h"

#include <span>

namespace lowbit::compress {

enum class GridMethod : uint8_t {
  absmax,  ///< the largest magnitude lands on the last level
  mse,     ///< least squared error over a search of scales and both signs
  absmean, ///< scale = mean |w| (BitNet b1.58); ternary only
  lsq,     ///< least squares: scale and codes in turns until neither moves
};

/// Which weights share a grid.
struct Granules {
  /// Columns of a row that share one; 0: the whole row; -1: the whole matrix.
  int64_t group = 0;
};

struct QuantizeOptions {
  NumberDesc code;
  Granules granules;
  /// False: an integer zero point a granule, of the code's own range.
  bool symmetric = true;
  GridMethod method = GridMethod::absmax;
  /// How scales are stored: f32, f16 or bf16.
  FloatFormat scale = FloatFormat::f32;
  unsigned threads = 1;
};

/// What a granule is rounded to.
struct Grid {
  float scale = 0.0f; ///< as stored; may be negative (mse) or 0
  float zero = 0.0f;  ///< an integer in the code's range; 0 when symmetric
};

/// A matrix as codes: plain arrays (lowbit/Packing/Pack.h) but for scales.
struct QuantizedMatrix {
  std::vector<uint8_t> codes;  ///< [rows, columns]
  std::vector<float> scales;   ///< a granule each, row-major
  std::vector<int8_t> zeros;   ///< the same; empty when symmetric
  float bound = 0.0f;          ///< no weight moved further: see granuleBound
};

/// How far apart two matrices are.
struct WeightError {
  double relative = 0; ///< |a - b| / |a| in the Frobenius norm; 0 for a = b = 0
  double largest = 0;  ///< largest |a_i - b_i|
  double zeros = 0;    ///< share of zeros in b
};
WeightError measureError(std::span<const float> a, std::span<const float> b);

class Quantizer {
public:
  /// Fails when code, method and symmetry do not go together.
  static StatusOr<Quantizer> create(const QuantizeOptions &options);

  const CodeSet &codes() const { return set; }
  const QuantizeOptions &options() const { return settings; }

  /// The grid for the weights of one granule. `importance` (empty, or one
  /// non-negative factor a weight) weighs the squared errors of mse and lsq.
  Grid chooseGrid(std::span<const float> weights,
                  std::span<const float> importance = {}) const;
  /// Level of `weight` on `grid`.
  size_t quantize(float weight, const Grid &grid) const;
  /// scale * (level - zero), rounded as E3 says.
  float dequantize(size_t level, const Grid &grid) const {
    return grid.scale * (set.value(level) - grid.zero);
  }
  /// Largest error that quantize() may make on these weights: half a gap of
  /// the grid, or the distance of the furthest weight outside it.
  float granuleBound(std::span<const float> weights, const Grid &grid) const;

  /// The whole matrix [rows, columns]; a group must divide the columns. The
  /// result does not depend on options().threads.
  StatusOr<QuantizedMatrix> quantizeMatrix(std::span<const float> weights,
                                           int64_t rows,
                                           int64_t columns) const;

  /// What a matrix that this quantizer made denotes.
  std::vector<float> decodeMatrix(const QuantizedMatrix &matrix, int64_t rows,
                                  int64_t columns) const;

private:
  Quantizer(const QuantizeOptions &options, CodeSet set)
      : settings(options), set(std::move(set)) {}
  float storedScale(float scale) const;
  Grid gridFor(float scale, float low) const;
  double squaredError(std::span<const float> weights,
                      std::span<const float> importance,
                      const Grid &grid) const;
  Grid searchGrid(std::span<const float> weights,
                  std::span<const float> importance) const;
  Grid refineGrid(std::span<const float> weights,
                  std::span<const float> importance, Grid grid,
                  int rounds) const;

  QuantizeOptions settings;
  CodeSet set;
};

/// Numbers as a plain array (lowbit/Packing/Pack.h) of a format that holds them.
std::vector<uint8_t> plainFloats(std::span<const float> numbers,
                                 FloatFormat format);

/// `scale` rounded to a storage format; f16 saturates at its largest number.
float roundScale(float scale, FloatFormat format);

} // namespace lowbit::compress

#endif // LOWBIT_LIB_COMPRESS_QUANTIZER_H
