//===- Hessian.cpp - Second moments of a layer's inputs -------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/Hessian.h"
#include "lib/Compress/Parallel.h"

#include <algorithm>
#include <cmath>

using namespace lowbit;
using namespace lowbit::compress;

// Wider vectors where the machine has them; no fma, so the same numbers.
#if defined(__x86_64__)
#define LOWBIT_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define LOWBIT_WIDE
#endif

//===----------------------------------------------------------------------===//
// Accumulation
//===----------------------------------------------------------------------===//

static constexpr int64_t tileRows = 4, tileColumns = 16;

/// sums[i][j] += sum_t x[t][i] * x[t][j] for a tile; `rows` and `columns` are its
/// extents, at most tileRows x tileColumns.
LOWBIT_WIDE static void addTile(const float *x, int64_t samples, int64_t stride,
                                int64_t i0, int64_t j0, int64_t rows,
                                int64_t columns, float *sums, int64_t size) {
  float acc[tileRows][tileColumns] = {};
  if (rows == tileRows && columns == tileColumns) {
    for (int64_t t = 0; t < samples; ++t) {
      const float *row = x + t * stride;
      for (int64_t i = 0; i < tileRows; ++i)
        for (int64_t j = 0; j < tileColumns; ++j)
          acc[i][j] += row[i0 + i] * row[j0 + j];
    }
  } else {
    for (int64_t t = 0; t < samples; ++t) {
      const float *row = x + t * stride;
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j)
          acc[i][j] += row[i0 + i] * row[j0 + j];
    }
  }
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      sums[(i0 + i) * size + j0 + j] += acc[i][j];
}

void Hessian::add(const float *values, int64_t rows, int64_t stride,
                  unsigned threads) {
  // Short sums in registers, long ones in memory: f32 stays exact enough for
  // tens of thousands of samples, and the strip stays in the cache.
  constexpr int64_t strip = 128;
  count += rows;
  for (int64_t first = 0; first < rows; first += strip) {
    const int64_t samples = std::min(strip, rows - first);
    const float *x = values + first * stride;
    parallelFor(size, 4 * tileRows, threads, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i += tileRows)
        for (int64_t j = i / tileColumns * tileColumns; j < size;
             j += tileColumns)
          addTile(x, samples, stride, i, j, std::min(tileRows, end - i),
                  std::min(tileColumns, size - j), sums.data(), size);
    });
  }
}

double Hessian::outputError(std::span<const float> before,
                            std::span<const float> after, int64_t rows,
                            unsigned threads) const {
  std::vector<double> errors(rows), norms(rows);
  parallelFor(rows, 8, threads, [&](int64_t begin, int64_t end) {
    std::vector<float> difference(size);
    for (int64_t n = begin; n < end; ++n) {
      const float *w = before.data() + n * size, *q = after.data() + n * size;
      for (int64_t k = 0; k < size; ++k)
        difference[k] = w[k] - q[k];
      for (int64_t i = 0; i < size; ++i) {
        const float *h = sums.data() + i * size;
        float lanesD[8] = {}, lanesW[8] = {};
        int64_t j = i + 1;
        for (; j + 8 <= size; j += 8)
          for (int lane = 0; lane < 8; ++lane) {
            lanesD[lane] += h[j + lane] * difference[j + lane];
            lanesW[lane] += h[j + lane] * w[j + lane];
          }
        double sumD = 0, sumW = 0;
        for (int lane = 0; lane < 8; ++lane) {
          sumD += lanesD[lane];
          sumW += lanesW[lane];
        }
        for (; j < size; ++j) {
          sumD += h[j] * difference[j];
          sumW += h[j] * w[j];
        }
        errors[n] += difference[i] * (2 * sumD + h[i] * difference[i]);
        norms[n] += w[i] * (2 * sumW + h[i] * w[i]);
      }
    }
  });
  double error = 0, norm = 0;
  for (int64_t n = 0; n < rows; ++n) {
    error += errors[n];
    norm += norms[n];
  }
  return norm > 0 ? std::max(error, 0.0) / norm : 0;
}

//===----------------------------------------------------------------------===//
// Factorization
//===----------------------------------------------------------------------===//

/// Dot product in eight lanes.
LOWBIT_WIDE static double dot(const double *a, const double *b, int64_t count) {
  double lanes[8] = {};
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int lane = 0; lane < 8; ++lane)
      lanes[lane] += a[i + lane] * b[i + lane];
  double sum = 0;
  for (; i < count; ++i)
    sum += a[i] * b[i];
  for (double lane : lanes)
    sum += lane;
  return sum;
}

LOWBIT_WIDE static void subtractScaled(double *target, const double *source,
                                       double factor, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    target[i] -= factor * source[i];
}

/// Lower triangular L with A = L L', in place, by panels. False when A is not
/// positive definite.
static bool factorize(std::vector<double> &a, int64_t n, unsigned threads) {
  constexpr int64_t panel = 48;
  for (int64_t first = 0; first < n; first += panel) {
    const int64_t last = std::min(n, first + panel);
    // What the columns before contribute to this panel.
    parallelFor(n - first, 16, threads, [&](int64_t begin, int64_t end) {
      for (int64_t i = first + begin; i < first + end; ++i)
        for (int64_t j = first; j < std::min(last, i + 1); ++j)
          a[i * n + j] -= dot(&a[i * n], &a[j * n], first);
    });
    for (int64_t j = first; j < last; ++j) {
      double pivot = a[j * n + j] - dot(&a[j * n + first], &a[j * n + first],
                                        j - first);
      if (!(pivot > 0) || !std::isfinite(pivot))
        return false;
      pivot = std::sqrt(pivot);
      a[j * n + j] = pivot;
      for (int64_t i = j + 1; i < last; ++i)
        a[i * n + j] = (a[i * n + j] - dot(&a[i * n + first],
                                           &a[j * n + first], j - first)) /
                       pivot;
    }
    parallelFor(n - last, 16, threads, [&](int64_t begin, int64_t end) {
      for (int64_t i = last + begin; i < last + end; ++i)
        for (int64_t j = first; j < last; ++j)
          a[i * n + j] = (a[i * n + j] - dot(&a[i * n + first],
                                             &a[j * n + first], j - first)) /
                         a[j * n + j];
    });
  }
  return true;
}

/// The inverse of a lower triangular matrix; strips of columns by themselves.
static std::vector<double> invertLower(const std::vector<double> &l, int64_t n,
                                       unsigned threads) {
  std::vector<double> inverse(static_cast<size_t>(n) * n);
  constexpr int64_t strip = 32;
  parallelFor(n, strip, threads, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < n; ++i) {
      double *row = &inverse[i * n];
      if (i < end)
        row[i] = 1.0;
      for (int64_t k = begin; k < i; ++k)
        subtractScaled(row + begin, &inverse[k * n + begin], l[i * n + k],
                       std::min(k + 1, end) - begin);
      for (int64_t j = begin; j < std::min(i + 1, end); ++j)
        row[j] /= l[i * n + i];
    }
  });
  return inverse;
}

StatusOr<std::vector<float>>
lowbit::compress::inverseFactor(const Hessian &hessian, double damping,
                                std::span<const int64_t> order,
                                unsigned threads) {
  const int64_t n = hessian.columns();
  auto column = [&](int64_t i) { return order.empty() ? i : order[i]; };
  double mean = 0;
  for (int64_t i = 0; i < n; ++i)
    mean += hessian.at(i, i);
  mean /= static_cast<double>(n);
  if (!(mean > 0) || !std::isfinite(mean))
    return failedPrecondition("the calibration data gives a layer inputs that are "
                              "all zero or not finite");
  // With A = H in reversed order = L L', H = R R' for R upper triangular, and
  // inverse(H) = (1/R)' (1/R): one factorization and one triangular inverse.
  std::vector<double> a(static_cast<size_t>(n) * n);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j <= i; ++j)
      a[i * n + j] = hessian.at(column(n - 1 - i), column(n - 1 - j));
    double &diagonal = a[i * n + i];
    diagonal = diagonal > 0 ? diagonal + damping * mean : mean;
  }
  if (!factorize(a, n, threads))
    return failedPrecondition("the second moments of a layer's inputs are not "
                              "positive definite; use more calibration tokens or "
                              "more damping");
  std::vector<double> inverse = invertLower(a, n, threads);
  std::vector<float> factor(static_cast<size_t>(n) * n);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = i; j < n; ++j)
      factor[i * n + j] =
          static_cast<float>(inverse[(n - 1 - i) * n + (n - 1 - j)]);
  return factor;
}
