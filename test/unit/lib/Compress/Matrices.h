//===- Matrices.h - Random matrices for tests -*- C++ -*- ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_LIB_COMPRESS_MATRICES_H
#define LOWBIT_TEST_UNIT_LIB_COMPRESS_MATRICES_H

#include <random>
#include <vector>

namespace lowbit::compress {

/// Normal numbers; every 17th column twenty times as large when `outliers`.
inline std::vector<float> randomMatrix(uint32_t seed, int64_t rows,
                                       int64_t columns, bool outliers = false) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  std::vector<float> matrix(rows * columns);
  for (int64_t i = 0; i < rows * columns; ++i)
    matrix[i] = normal(engine) * (outliers && i % columns % 17 == 3 ? 20 : 1);
  return matrix;
}

/// Inputs whose columns depend on each other: a random walk along the row.
inline std::vector<float> correlatedInputs(uint32_t seed, int64_t rows,
                                           int64_t columns) {
  std::vector<float> x = randomMatrix(seed, rows, columns);
  for (int64_t t = 0; t < rows; ++t)
    for (int64_t k = 1; k < columns; ++k)
      x[t * columns + k] += 0.9f * x[t * columns + k - 1];
  return x;
}

} // namespace lowbit::compress

#endif // LOWBIT_TEST_UNIT_LIB_COMPRESS_MATRICES_H
