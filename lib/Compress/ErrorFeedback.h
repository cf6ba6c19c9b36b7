//===- ErrorFeedback.h - Rounding that makes up for its errors -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// GPTQ (Frantar et al., arXiv:2210.17323) and SparseGPT (arXiv:2301.00774): the
// weights of a row are replaced column by column, and what that does to the
// outputs is made up for by the columns not yet replaced, along the inverse of
// the inputs' second moments.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_COMPRESS_ERRORFEEDBACK_H
#define LOWBIT_LIB_COMPRESS_ERRORFEEDBACK_H

#include "lib/Compress/Hessian.h"
#include "lib/Compress/Quantizer.h"

namespace lowbit::compress {

/// What replaces a weight. Called for different rows by several threads at once.
class Replacement {
public:
  virtual ~Replacement() = default;
  /// Before column `position` where a group begins: the weights of the group
  /// (or what is left of the row), as the columns before have changed them.
  virtual void beginGroup(int64_t row, int64_t position,
                          std::span<const float> weights) {}
  /// The number that takes the place of `weight`.
  virtual float replace(int64_t row, int64_t position, float weight) = 0;
};

/// Replaces all of `weights` [rows, columns] in place. Positions are columns in
/// the order that `factor` (from inverseFactor) was made for; `weights` is in
/// that order, too. `group` columns begin a group; 0: the row is one.
void replaceWithFeedback(std::span<float> weights, int64_t rows,
                         int64_t columns, std::span<const float> factor,
                         int64_t group, Replacement &replacement,
                         unsigned threads);

struct GptqOptions {
  double damping = 0.01; ///< share of the mean diagonal
  /// Columns of large second moment first; then grids of groups come from the
  /// weights as they were.
  bool activationOrder = false;
  /// One byte a weight, 0 where it is pruned and stays 0; empty: none is.
  std::span<const uint8_t> kept;
};

/// Quantizes [rows, hessian.columns()] with error feedback on the grids of
/// `quantizer`. Fails as quantizeMatrix and inverseFactor do.
StatusOr<QuantizedMatrix> quantizeGptq(const Quantizer &quantizer,
                                       std::span<const float> weights,
                                       int64_t rows, const Hessian &hessian,
                                       const GptqOptions &options);

} // namespace lowbit::compress

#endif // LOWBIT_LIB_COMPRESS_ERRORFEEDBACK_H
