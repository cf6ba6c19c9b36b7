//===- LowRankTest.cpp - Thin products of matrices ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/LowRank.h"
#include "test/unit/lib/Compress/Matrices.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace lowbit;
using namespace lowbit::compress;

static double residual(const std::vector<float> &a, const LowRank &factors,
                       int64_t rows, int64_t columns, int64_t rank) {
  double sum = 0;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t k = 0; k < columns; ++k) {
      double value = a[i * columns + k];
      for (int64_t r = 0; r < rank; ++r)
        value -= static_cast<double>(factors.left[i * rank + r]) *
                 factors.right[r * columns + k];
      sum += value * value;
    }
  return sum;
}

TEST(LowRank, FindsAMatrixOfThatRank) {
  for (int64_t rank : {1, 3, 8}) {
    const int64_t rows = 40, columns = 60;
    std::vector<float> u = randomMatrix(1, rows, rank), v = randomMatrix(2, rank, columns);
    std::vector<float> a(rows * columns);
    double norm = 0;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t k = 0; k < columns; ++k) {
        for (int64_t r = 0; r < rank; ++r)
          a[i * columns + k] += u[i * rank + r] * v[r * columns + k];
        norm += a[i * columns + k] * a[i * columns + k];
      }
    auto factors = approximateLowRank(a, rows, columns, rank, 4, 2);
    ASSERT_TRUE(factors.isOk());
    EXPECT_LT(residual(a, *factors, rows, columns, rank), 1e-10 * norm);
  }
}

// Singular values 1, 1/2, 1/4, ... on a diagonal: what is left is their tail.
TEST(LowRank, LeavesTheTailOfTheSpectrum) {
  const int64_t n = 24;
  std::vector<float> a(n * n);
  for (int64_t i = 0; i < n; ++i)
    a[i * n + i] = std::ldexp(1.0f, static_cast<int>(-i));
  for (int64_t rank : {1, 4, 10}) {
    auto factors = approximateLowRank(a, n, n, rank, 6, 1);
    double tail = 0;
    for (int64_t i = rank; i < n; ++i)
      tail += std::ldexp(1.0, static_cast<int>(-2 * i));
    EXPECT_LT(residual(a, *factors, n, n, rank), tail * 1.001 + 1e-12);
  }
}

TEST(LowRank, NeverWorseThanNothingAndSameOnAnyThreads) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    const int64_t rows = 17 + seed, columns = 33;
    std::vector<float> a = randomMatrix(seed, rows, columns);
    double norm = 0, last = 0;
    for (float value : a)
      norm += static_cast<double>(value) * value;
    last = norm;
    for (int64_t rank : {1, 2, 8, 17}) {
      auto one = approximateLowRank(a, rows, columns, rank, 4, 1);
      auto three = approximateLowRank(a, rows, columns, rank, 4, 3);
      ASSERT_EQ(one->left, three->left);
      ASSERT_EQ(one->right, three->right);
      double rest = residual(a, *one, rows, columns, rank);
      EXPECT_LT(rest, last);
      last = rest;
    }
  }
  std::vector<float> zeros(12);
  EXPECT_EQ(residual(zeros, *approximateLowRank(zeros, 3, 4, 2, 4, 1), 3, 4, 2), 0);
  EXPECT_EQ(approximateLowRank(zeros, 3, 4, 4, 4, 1).status().message(),
            "requires a rank of 1 to 3 for 3x4, got 4");
}
