//===- Hessian.h - Second moments of a layer's inputs ----------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For y = W x and inputs x_1, ..., x_n the squared error that a change D of W
// makes is sum_t |D x_t|^2 = tr(D H D'), H = sum_t x_t x_t'. Optimal brain
// surgeon, GPTQ and SparseGPT work from H and its inverse.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_COMPRESS_HESSIAN_H
#define LOWBIT_LIB_COMPRESS_HESSIAN_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <span>
#include <vector>

namespace lowbit::compress {

/// H = sum_t x_t x_t' in f32, accumulated in strips of rows; the order of
/// additions does not depend on the number of threads.
class Hessian {
public:
  explicit Hessian(int64_t columns)
      : size(columns), sums(static_cast<size_t>(columns) * columns) {}

  int64_t columns() const { return size; }
  int64_t samples() const { return count; }
  /// Adds `rows` inputs, row t at values[t * stride].
  void add(const float *values, int64_t rows, int64_t stride,
           unsigned threads);
  /// H(i, j); symmetric.
  float at(int64_t i, int64_t j) const {
    return i <= j ? sums[i * size + j] : sums[j * size + i];
  }
  /// tr(D H D') / tr(W H W') of one matrix against another, both [rows,
  /// columns()]: the squared relative error of the outputs. 0 without samples.
  double outputError(std::span<const float> before,
                     std::span<const float> after, int64_t rows,
                     unsigned threads) const;

private:
  int64_t size;
  int64_t count = 0;
  std::vector<float> sums; ///< upper triangle
};

/// U upper triangular with inverse(P (H + d I) P') = U' U, where d is `damping`
/// times the mean of H's diagonal and P puts columns into `order` (empty: as they
/// are). Row j of U says how an error in column j is made up for by the columns
/// after it. Columns that were always zero count as independent of the others.
/// Fails when H + d I is not positive definite (not finite inputs; more damping
/// helps). f32 [columns, columns], row-major.
StatusOr<std::vector<float>> inverseFactor(const Hessian &hessian,
                                           double damping,
                                           std::span<const int64_t> order,
                                           unsigned threads);

} // namespace lowbit::compress

#endif // LOWBIT_LIB_COMPRESS_HESSIAN_H
