//===- Rotation.h - Randomized Hadamard transforms --------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_COMPRESS_ROTATION_H
#define LIB_COMPRESS_ROTATION_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <span>
#include <vector>

namespace lowbit::compress {

/// The orthogonal matrix Q = D (I x H_b) / sqrt(b): random signs, then Hadamard
/// transforms of blocks of b = 2^n neighbours (QuaRot's R1, Ashkboos et al. 2024).
class Rotation {
public:
  /// Of rows of `width` numbers. `block` is a power of two that divides the width, or
  /// 0 for the largest one. Every seed gives its own signs.
  static StatusOr<Rotation> create(int64_t width, int64_t block, uint64_t seed);

  int64_t width() const { return static_cast<int64_t>(signs.size()); }
  int64_t block() const { return blockSize; }

  /// row := row Q, in f64, rounded once. The row has `width` numbers.
  void apply(std::span<float> row) const;
  /// matrix := matrix Q, each of its rows.
  void applyToRows(std::span<float> matrix) const;
  /// matrix := Q^T matrix, for a matrix of `width` rows.
  void applyToColumns(std::span<float> matrix) const;

private:
  std::vector<double> signs; ///< with the factor 1 / sqrt(b)
  int64_t blockSize = 1;
};

} // namespace lowbit::compress

#endif // LIB_COMPRESS_ROTATION_H
