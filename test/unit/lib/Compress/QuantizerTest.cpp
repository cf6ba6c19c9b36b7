//===- QuantizerTest.cpp - Bounds and optimality of quantizers ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/Quantizer.h"
#include "test/unit/lib/Compress/Matrices.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace lowbit;
using namespace lowbit::compress;

namespace {

struct Case {
  NumberDesc code;
  int64_t group;
  bool symmetric;
  GridMethod method;
  FloatFormat scale;
};

std::vector<Case> allCases() {
  std::vector<Case> cases;
  for (unsigned bits = 2; bits <= 8; ++bits)
    for (int64_t group : {16, 0, -1})
      for (GridMethod method :
           {GridMethod::absmax, GridMethod::mse, GridMethod::lsq})
        for (FloatFormat scale :
             {FloatFormat::f32, FloatFormat::f16, FloatFormat::bf16}) {
          cases.push_back({NumberDesc::signedInt(bits), group, true, method, scale});
          if (method != GridMethod::lsq) {
            cases.push_back({NumberDesc::unsignedInt(bits), group, false, method, scale});
            cases.push_back({NumberDesc::signedInt(bits), group, false, method, scale});
          }
        }
  NumberDesc ternary = NumberDesc::signedInt(2);
  ternary.lo = -1;
  for (GridMethod method : {GridMethod::absmax, GridMethod::absmean,
                            GridMethod::lsq, GridMethod::mse})
    cases.push_back({ternary, 16, true, method, FloatFormat::f32});
  return cases;
}

QuantizeOptions optionsOf(const Case &test) {
  QuantizeOptions options;
  options.code = test.code;
  options.granules.group = test.group;
  options.symmetric = test.symmetric;
  options.method = test.method;
  options.scale = test.scale;
  return options;
}

/// What the codes decode to, from the plain arrays alone.
std::vector<float> decode(const QuantizedMatrix &matrix, const Case &test,
                          int64_t rows, int64_t columns) {
  std::vector<float> values(rows * columns);
  const int64_t width = test.group > 0 ? test.group : columns;
  for (int64_t i = 0; i < rows * columns; ++i) {
    int64_t granule = test.group < 0 ? 0 : i / width;
    int code = matrix.codes[i];
    if (test.code.kind == NumberKind::signedInt)
      code = static_cast<int8_t>(code);
    EXPECT_GE(code, test.code.lo);
    EXPECT_LE(code, test.code.hi);
    int zero = 0;
    if (!test.symmetric)
      zero = test.code.kind == NumberKind::signedInt
                 ? matrix.zeros[granule]
                 : static_cast<uint8_t>(matrix.zeros[granule]);
    values[i] = matrix.scales[granule] * static_cast<float>(code - zero);
  }
  return values;
}

double squaredError(const std::vector<float> &a, const std::vector<float> &b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
  return sum;
}

} // namespace

// The E2 bound holds for every element and is at most 4 times what is observed;
// so does the bound on outputs, |dy| <= sum |x| bound, for inputs along the
// signs of the errors.
TEST(Quantizer, BoundHoldsAndIsTight) {
  for (const Case &test : allCases())
    for (uint32_t seed = 0; seed < 4; ++seed) {
      const int64_t rows = 6, columns = 48;
      std::vector<float> w = randomMatrix(seed, rows, columns, seed == 3);
      auto quantizer = Quantizer::create(optionsOf(test));
      ASSERT_TRUE(quantizer.isOk()) << quantizer.status().message();
      auto matrix = quantizer->quantizeMatrix(w, rows, columns);
      ASSERT_TRUE(matrix.isOk());
      std::vector<float> decoded = decode(*matrix, test, rows, columns);
      WeightError error = measureError(w, decoded);
      ASSERT_LE(error.largest, matrix->bound * 1.00001);
      // Beside outliers all other weights are far within half a gap of 0.
      if (seed != 3)
        ASSERT_GE(4 * error.largest, matrix->bound);
      if (test.group >= 0)
        continue; // granules of a row: below
      for (int64_t n = 0; n < rows; ++n) {
        double change = 0, bound = 0;
        for (int64_t k = 0; k < columns; ++k) {
          double delta = static_cast<double>(w[n * columns + k]) -
                         decoded[n * columns + k];
          change += std::abs(delta); // x_k = sign(delta)
          bound += matrix->bound;
        }
        ASSERT_LE(change, bound * 1.00001);
      }
    }
}

// With inputs along the signs of the errors the bound on the outputs of a row is
// attained within 4 times (uniform errors come to half of it).
TEST(Quantizer, OutputBoundIsAttained) {
  for (unsigned bits = 3; bits <= 8; ++bits) {
    const int64_t rows = 16, columns = 256;
    std::vector<float> w = randomMatrix(bits, rows, columns);
    Case test{NumberDesc::signedInt(bits), 0, true, GridMethod::absmax,
              FloatFormat::f32};
    auto quantizer = Quantizer::create(optionsOf(test));
    auto matrix = quantizer->quantizeMatrix(w, rows, columns);
    std::vector<float> decoded = decode(*matrix, test, rows, columns);
    for (int64_t n = 0; n < rows; ++n) {
      double change = 0;
      for (int64_t k = 0; k < columns; ++k)
        change += std::abs(static_cast<double>(w[n * columns + k]) -
                           decoded[n * columns + k]);
      double bound = 0.5 * matrix->scales[n] * columns;
      EXPECT_LE(change, bound * 1.00001);
      EXPECT_GE(4 * change, bound);
    }
  }
}

TEST(Quantizer, BetterMethodsHaveSmallerErrors) {
  for (unsigned bits = 2; bits <= 6; ++bits)
    for (uint32_t seed = 0; seed < 20; ++seed) {
      std::vector<float> w = randomMatrix(seed, 8, 64);
      double errors[3];
      for (GridMethod method :
           {GridMethod::absmax, GridMethod::mse, GridMethod::lsq}) {
        Case test{NumberDesc::signedInt(bits), 32, true, method, FloatFormat::f32};
        auto quantizer = Quantizer::create(optionsOf(test));
        auto matrix = quantizer->quantizeMatrix(w, 8, 64);
        errors[static_cast<int>(method) == 3 ? 2 : static_cast<int>(method)] =
            squaredError(w, decode(*matrix, test, 8, 64));
      }
      EXPECT_LT(errors[1], errors[0]);
      EXPECT_LE(errors[2], errors[1] * 1.000001);
    }
}

// Exhaustive: ternary least squares of four weights against every scale that can
// be optimal (the mean magnitude of the k largest).
TEST(Quantizer, TernaryLeastSquaresIsNearlyOptimal) {
  Case test{NumberDesc::signedInt(2), 4, true, GridMethod::lsq, FloatFormat::f32};
  test.code.lo = -1;
  auto quantizer = Quantizer::create(optionsOf(test));
  double ours = 0, optimal = 0;
  for (uint32_t seed = 0; seed < 1000; ++seed) {
    std::vector<float> w = randomMatrix(seed, 1, 4);
    auto matrix = quantizer->quantizeMatrix(w, 1, 4);
    double error = squaredError(w, decode(*matrix, test, 1, 4));
    std::vector<float> sorted(w);
    std::sort(sorted.begin(), sorted.end(), [](float a, float b) {
      return std::abs(a) > std::abs(b);
    });
    double total = 0, best = 0, sum = 0;
    for (float value : w)
      total += static_cast<double>(value) * value;
    for (int k = 1; k <= 4; ++k) {
      sum += std::abs(sorted[k - 1]);
      best = std::max(best, sum * sum / k);
    }
    ASSERT_GE(error, (total - best) * 0.99999 - 1e-9);
    ours += error;
    optimal += total - best;
  }
  EXPECT_LT(ours, optimal * 1.01);
}

TEST(Quantizer, AbsmaxRoundsHalfToEven) {
  Case test{NumberDesc::signedInt(4), 8, true, GridMethod::absmax, FloatFormat::f32};
  auto quantizer = Quantizer::create(optionsOf(test));
  std::vector<float> w = {7, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -7, 0};
  auto matrix = quantizer->quantizeMatrix(w, 1, 8);
  ASSERT_EQ(matrix->scales[0], 1.0f);
  const int expected[] = {7, 0, 2, 2, 0, -2, -7, 0};
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(static_cast<int8_t>(matrix->codes[i]), expected[i]);
}

// A code with steps has no 0: every weight goes to one side.
TEST(Quantizer, PlusMinusOneHasTwoLevels) {
  for (GridMethod method : {GridMethod::absmax, GridMethod::mse, GridMethod::lsq}) {
    Case test{NumberDesc::plusMinusOne(), 4, true, method, FloatFormat::f32};
    auto quantizer = Quantizer::create(optionsOf(test));
    ASSERT_TRUE(quantizer.isOk());
    std::vector<float> w = {2, 0.25f, -0.25f, -1};
    auto matrix = quantizer->quantizeMatrix(w, 1, 4);
    ASSERT_TRUE(matrix.isOk());
    const int expected[] = {1, 1, -1, -1};
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(static_cast<int8_t>(matrix->codes[i]), expected[i]);
    if (method == GridMethod::lsq) { // the mean of the magnitudes
      EXPECT_FLOAT_EQ(matrix->scales[0], 0.875f);
    }
  }
}

TEST(Quantizer, ZerosAndThreads) {
  for (const Case &test : allCases()) {
    QuantizeOptions options = optionsOf(test);
    std::vector<float> zeros(3 * 48), w = randomMatrix(7, 40, 48);
    auto one = Quantizer::create(options);
    auto matrix = one->quantizeMatrix(zeros, 3, 48);
    ASSERT_TRUE(matrix.isOk());
    for (float value : decode(*matrix, test, 3, 48))
      ASSERT_EQ(value, 0.0f);
    options.threads = 3;
    auto three = Quantizer::create(options);
    auto a = one->quantizeMatrix(w, 40, 48), b = three->quantizeMatrix(w, 40, 48);
    ASSERT_EQ(a->codes, b->codes);
    ASSERT_EQ(a->scales, b->scales);
    ASSERT_EQ(a->zeros, b->zeros);
  }
}

TEST(Quantizer, Refusals) {
  QuantizeOptions options;
  options.code = NumberDesc::unsignedInt(4);
  EXPECT_EQ(Quantizer::create(options).status().message(),
            "symmetric quantization requires a code with negative values; use "
            "symmetric=false");
  options.code = NumberDesc::signedInt(4);
  options.method = GridMethod::absmean;
  EXPECT_EQ(Quantizer::create(options).status().message(),
            "method=absmean requires code=ternary");
  options.method = GridMethod::absmax;
  options.granules.group = 5;
  auto quantizer = Quantizer::create(options);
  std::vector<float> w(12);
  EXPECT_EQ(quantizer->quantizeMatrix(w, 1, 12).status().message(),
            "requires group to divide the columns, got 5 and 12");
  options.granules.group = 4;
  w[7] = NAN;
  EXPECT_EQ(Quantizer::create(options)->quantizeMatrix(w, 1, 12).status().message(),
            "a weight is not a finite number");
}
