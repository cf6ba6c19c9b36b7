//===- HessianTest.cpp - Second moments and their inverse factor ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/Hessian.h"
#include "test/unit/lib/Compress/Matrices.h"

#include <cmath>
#include <gtest/gtest.h>
#include <numeric>

using namespace lowbit;
using namespace lowbit::compress;

static Hessian hessianOf(const std::vector<float> &x, int64_t rows,
                         int64_t columns, unsigned threads = 1) {
  Hessian hessian(columns);
  hessian.add(x.data(), rows, columns, threads);
  return hessian;
}

TEST(Hessian, SumsOuterProducts) {
  for (int64_t columns : {1, 3, 16, 33, 70}) {
    const int64_t rows = 300;
    std::vector<float> x = correlatedInputs(columns, rows, columns);
    Hessian hessian = hessianOf(x, rows, columns);
    EXPECT_EQ(hessian.samples(), rows);
    for (int64_t i = 0; i < columns; ++i)
      for (int64_t j = 0; j < columns; ++j) {
        double sum = 0, size = 0;
        for (int64_t t = 0; t < rows; ++t) {
          double product = static_cast<double>(x[t * columns + i]) *
                           x[t * columns + j];
          sum += product;
          size += std::abs(product);
        }
        ASSERT_NEAR(hessian.at(i, j), sum, size * 1e-5);
      }
  }
}

TEST(Hessian, SameBitsOnAnyThreads) {
  std::vector<float> x = correlatedInputs(1, 500, 50);
  Hessian one = hessianOf(x, 500, 50, 1), three = hessianOf(x, 500, 50, 3);
  for (int64_t i = 0; i < 50; ++i)
    for (int64_t j = 0; j < 50; ++j)
      ASSERT_EQ(one.at(i, j), three.at(i, j));
  auto a = inverseFactor(one, 0.01, {}, 1), b = inverseFactor(three, 0.01, {}, 3);
  EXPECT_EQ(*a, *b);
}

// U' U (P H P' + d) = 1.
TEST(Hessian, FactorOfTheInverse) {
  for (int64_t n : {1, 2, 31, 48, 49, 100}) {
    std::vector<float> x = correlatedInputs(n, 4 * n + 50, n);
    Hessian hessian = hessianOf(x, 4 * n + 50, n);
    std::vector<int64_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    std::reverse(order.begin(), order.end());
    for (bool reversed : {false, true}) {
      auto factor = inverseFactor(hessian, 0.01,
                                  reversed ? order : std::vector<int64_t>(), 2);
      ASSERT_TRUE(factor.isOk());
      double mean = 0;
      for (int64_t i = 0; i < n; ++i)
        mean += hessian.at(i, i) / static_cast<double>(n);
      auto h = [&](int64_t i, int64_t j) {
        int64_t a = reversed ? order[i] : i, b = reversed ? order[j] : j;
        return hessian.at(a, b) + (i == j ? 0.01 * mean : 0);
      };
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < n; ++j) {
          double product = 0;
          for (int64_t k = 0; k < n; ++k) {
            double inverse = 0;
            for (int64_t t = 0; t <= std::min(i, k); ++t)
              inverse += static_cast<double>((*factor)[t * n + i]) *
                         (*factor)[t * n + k];
            product += inverse * h(k, j);
          }
          ASSERT_NEAR(product, i == j ? 1 : 0, 2e-4) << n << " " << i << " " << j;
        }
    }
  }
}

TEST(Hessian, OutputErrorIsThatOfTheOutputs) {
  const int64_t tokens = 80, rows = 5, columns = 37;
  std::vector<float> x = correlatedInputs(3, tokens, columns);
  std::vector<float> w = randomMatrix(4, rows, columns), q = randomMatrix(5, rows, columns);
  for (size_t i = 0; i < w.size(); ++i)
    q[i] = w[i] + 0.1f * q[i];
  double error = 0, norm = 0;
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t n = 0; n < rows; ++n) {
      double y = 0, z = 0;
      for (int64_t k = 0; k < columns; ++k) {
        y += static_cast<double>(w[n * columns + k]) * x[t * columns + k];
        z += static_cast<double>(q[n * columns + k]) * x[t * columns + k];
      }
      error += (y - z) * (y - z);
      norm += y * y;
    }
  Hessian hessian = hessianOf(x, tokens, columns);
  EXPECT_NEAR(hessian.outputError(w, q, rows, 2), error / norm, 1e-4 * error / norm);
}

TEST(Hessian, ColumnsWithoutInputs) {
  std::vector<float> x = randomMatrix(9, 40, 8);
  for (int64_t t = 0; t < 40; ++t)
    x[t * 8 + 2] = 0;
  auto factor = inverseFactor(hessianOf(x, 40, 8), 0.01, {}, 1);
  ASSERT_TRUE(factor.isOk());
  for (int64_t k = 3; k < 8; ++k)
    EXPECT_EQ((*factor)[2 * 8 + k], 0.0f);
  std::vector<float> zeros(64);
  EXPECT_FALSE(inverseFactor(hessianOf(zeros, 8, 8), 0.01, {}, 1).isOk());
}
