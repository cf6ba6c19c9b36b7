//===- LowRank.cpp - The best product of two thin matrices ----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/LowRank.h"
#include "lib/Compress/Parallel.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

using namespace lowbit;
using namespace lowbit::compress;

namespace {

/// Row-major f64.
struct Dense {
  int64_t rows, columns;
  std::vector<double> data;
  Dense(int64_t rows, int64_t columns)
      : rows(rows), columns(columns),
        data(static_cast<size_t>(rows) * columns) {}
  double *row(int64_t i) { return data.data() + i * columns; }
  const double *row(int64_t i) const { return data.data() + i * columns; }
};

} // namespace

/// a x b, a [rows, columns] of f32.
static Dense multiply(std::span<const float> a, int64_t rows, int64_t columns,
                      const Dense &b, unsigned threads) {
  Dense result(rows, b.columns);
  parallelFor(rows, 8, threads, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t k = 0; k < columns; ++k) {
        const double factor = a[i * columns + k];
        const double *source = b.row(k);
        double *target = result.row(i);
        for (int64_t j = 0; j < b.columns; ++j)
          target[j] += factor * source[j];
      }
  });
  return result;
}

/// a' x b; strips of a's columns by themselves.
static Dense multiplyTransposed(std::span<const float> a, int64_t rows,
                                int64_t columns, const Dense &b,
                                unsigned threads) {
  Dense result(columns, b.columns);
  parallelFor(columns, 32, threads, [&](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t k = begin; k < end; ++k) {
        const double factor = a[i * columns + k];
        const double *source = b.row(i);
        double *target = result.row(k);
        for (int64_t j = 0; j < b.columns; ++j)
          target[j] += factor * source[j];
      }
  });
  return result;
}

/// Columns made orthonormal (Gram-Schmidt, twice); dependent ones become zero.
static void orthonormalize(Dense &a) {
  for (int64_t j = 0; j < a.columns; ++j) {
    double before = 0;
    for (int64_t i = 0; i < a.rows; ++i)
      before += a.row(i)[j] * a.row(i)[j];
    for (int pass = 0; pass < 2; ++pass)
      for (int64_t k = 0; k < j; ++k) {
        double product = 0;
        for (int64_t i = 0; i < a.rows; ++i)
          product += a.row(i)[j] * a.row(i)[k];
        for (int64_t i = 0; i < a.rows; ++i)
          a.row(i)[j] -= product * a.row(i)[k];
      }
    double norm = 0;
    for (int64_t i = 0; i < a.rows; ++i)
      norm += a.row(i)[j] * a.row(i)[j];
    const double factor = norm > before * 1e-24 ? 1 / std::sqrt(norm) : 0.0;
    for (int64_t i = 0; i < a.rows; ++i)
      a.row(i)[j] *= factor;
  }
}

/// Eigenvectors (columns of the result) of a symmetric matrix by cyclic Jacobi
/// rotations, `a` becomes diagonal.
static Dense eigenvectors(Dense &a) {
  const int64_t n = a.rows;
  Dense vectors(n, n);
  for (int64_t i = 0; i < n; ++i)
    vectors.row(i)[i] = 1;
  for (int sweep = 0; sweep < 30; ++sweep) {
    double off = 0, diagonal = 0;
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j)
        (i == j ? diagonal : off) += a.row(i)[j] * a.row(i)[j];
    if (off <= 1e-28 * diagonal)
      break;
    for (int64_t p = 0; p < n; ++p)
      for (int64_t q = p + 1; q < n; ++q) {
        if (a.row(p)[q] == 0)
          continue;
        double theta = (a.row(q)[q] - a.row(p)[p]) / (2 * a.row(p)[q]);
        double t = (theta >= 0 ? 1 : -1) /
                   (std::abs(theta) + std::sqrt(theta * theta + 1));
        double c = 1 / std::sqrt(t * t + 1), s = t * c;
        for (int64_t k = 0; k < n; ++k) {
          double x = a.row(k)[p], y = a.row(k)[q];
          a.row(k)[p] = c * x - s * y;
          a.row(k)[q] = s * x + c * y;
        }
        for (int64_t k = 0; k < n; ++k) {
          double x = a.row(p)[k], y = a.row(q)[k];
          a.row(p)[k] = c * x - s * y;
          a.row(q)[k] = s * x + c * y;
        }
        for (int64_t k = 0; k < n; ++k) {
          double x = vectors.row(k)[p], y = vectors.row(k)[q];
          vectors.row(k)[p] = c * x - s * y;
          vectors.row(k)[q] = s * x + c * y;
        }
      }
  }
  return vectors;
}

StatusOr<LowRank>
lowbit::compress::approximateLowRank(std::span<const float> matrix,
                                     int64_t rows, int64_t columns,
                                     int64_t rank, int rounds,
                                     unsigned threads) {
  const int64_t most = std::min(rows, columns);
  if (rank < 1 || rank > most)
    return invalidArgument("requires a rank of 1 to %lld for %lldx%lld, got %lld",
                           static_cast<long long>(most),
                           static_cast<long long>(rows),
                           static_cast<long long>(columns),
                           static_cast<long long>(rank));
  const int64_t width = std::min(most, rank + 8);
  Dense right(columns, width);
  std::mt19937 engine(1);
  for (double &value : right.data)
    value = static_cast<double>(engine()) / 2147483648.0 - 1.0;
  Dense left(rows, width);
  for (int round = 0; round <= rounds; ++round) {
    left = multiply(matrix, rows, columns, right, threads);
    orthonormalize(left);
    right = multiplyTransposed(matrix, rows, columns, left, threads);
    if (round < rounds)
      orthonormalize(right);
  }
  // matrix ~ left right'; the strongest directions are eigenvectors of right'
  // right.
  Dense gram(width, width);
  for (int64_t k = 0; k < columns; ++k)
    for (int64_t i = 0; i < width; ++i)
      for (int64_t j = 0; j < width; ++j)
        gram.row(i)[j] += right.row(k)[i] * right.row(k)[j];
  const Dense vectors = eigenvectors(gram);
  std::vector<int64_t> order(width);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    double x = gram.row(a)[a], y = gram.row(b)[b];
    return x != y ? x > y : a < b;
  });
  LowRank result;
  result.left.resize(rows * rank);
  result.right.resize(rank * columns);
  for (int64_t r = 0; r < rank; ++r) {
    const int64_t v = order[r];
    // Singular value s: both factors get its root.
    const double root = std::pow(std::max(gram.row(v)[v], 0.0), 0.25);
    for (int64_t i = 0; i < rows; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < width; ++j)
        sum += left.row(i)[j] * vectors.row(j)[v];
      result.left[i * rank + r] = static_cast<float>(sum * root);
    }
    for (int64_t k = 0; k < columns; ++k) {
      double sum = 0;
      for (int64_t j = 0; j < width; ++j)
        sum += right.row(k)[j] * vectors.row(j)[v];
      result.right[r * columns + k] =
          static_cast<float>(root > 0 ? sum / root : 0.0);
    }
  }
  return result;
}
