//===- ErrorFeedbackTest.cpp - GPTQ against rounding ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/ErrorFeedback.h"
#include "test/unit/lib/Compress/Matrices.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace lowbit;
using namespace lowbit::compress;

namespace {

Quantizer quantizerOf(unsigned bits, int64_t group, bool symmetric,
                      unsigned threads = 1) {
  QuantizeOptions options;
  options.code = NumberDesc::signedInt(bits);
  options.granules.group = group;
  options.symmetric = symmetric;
  options.method = GridMethod::mse;
  options.threads = threads;
  return std::move(Quantizer::create(options).value());
}

std::vector<float> decode(const QuantizedMatrix &matrix, int64_t group,
                          int64_t columns) {
  std::vector<float> values(matrix.codes.size());
  const int64_t width = group > 0 ? group : columns;
  for (size_t i = 0; i < values.size(); ++i) {
    size_t granule = group < 0 ? 0 : i / width;
    int zero = matrix.zeros.empty() ? 0 : matrix.zeros[granule];
    values[i] = matrix.scales[granule] *
                static_cast<float>(static_cast<int8_t>(matrix.codes[i]) - zero);
  }
  return values;
}

} // namespace

TEST(ErrorFeedback, OutputsAreBetterThanRounded) {
  const int64_t rows = 20, columns = 96, tokens = 400;
  for (uint32_t seed = 0; seed < 5; ++seed) {
    std::vector<float> x = correlatedInputs(seed, tokens, columns);
    std::vector<float> w = randomMatrix(seed + 100, rows, columns);
    Hessian hessian(columns);
    hessian.add(x.data(), tokens, columns, 2);
    for (int64_t group : {16, 96, 0, -1})
      for (bool symmetric : {true, false})
        for (bool ordered : {false, true}) {
          Quantizer quantizer = quantizerOf(4, group, symmetric);
          auto rounded = quantizer.quantizeMatrix(w, rows, columns);
          GptqOptions options;
          options.activationOrder = ordered;
          auto matrix = quantizeGptq(quantizer, w, rows, hessian, options);
          ASSERT_TRUE(matrix.isOk());
          double before = hessian.outputError(
              w, decode(*rounded, group, columns), rows, 1);
          double after = hessian.outputError(
              w, decode(*matrix, group, columns), rows, 1);
          EXPECT_LT(after, 0.7 * before) << group << symmetric << ordered;
        }
  }
}

// With inputs that do not depend on each other nothing can be made up for.
TEST(ErrorFeedback, IsRoundingForWhiteInputs) {
  const int64_t n = 32;
  std::vector<float> x(n * n), w = randomMatrix(1, 10, n);
  for (int64_t i = 0; i < n; ++i)
    x[i * n + i] = 3;
  Hessian hessian(n);
  hessian.add(x.data(), n, n, 1);
  Quantizer quantizer = quantizerOf(4, 16, true);
  auto matrix = quantizeGptq(quantizer, w, 10, hessian, {});
  auto rounded = quantizer.quantizeMatrix(w, 10, n);
  EXPECT_EQ(decode(*matrix, 16, n), decode(*rounded, 16, n));
}

TEST(ErrorFeedback, PrunedWeightsStayZero) {
  const int64_t rows = 9, columns = 64;
  std::vector<float> x = correlatedInputs(1, 200, columns);
  std::vector<float> w = randomMatrix(2, rows, columns);
  std::vector<uint8_t> kept(w.size());
  for (size_t i = 0; i < w.size(); ++i) {
    kept[i] = (i / 16) % 3 != 1;
    if (!kept[i])
      w[i] = 0;
  }
  Hessian hessian(columns);
  hessian.add(x.data(), 200, columns, 1);
  GptqOptions options;
  options.kept = kept;
  auto matrix = quantizeGptq(quantizerOf(4, 16, true), w, rows, hessian, options);
  std::vector<float> decoded = decode(*matrix, 16, columns);
  for (size_t i = 0; i < w.size(); ++i)
    if (!kept[i])
      ASSERT_EQ(decoded[i], 0.0f);
}

TEST(ErrorFeedback, SameBitsOnAnyThreads) {
  const int64_t rows = 50, columns = 80;
  std::vector<float> x = correlatedInputs(1, 200, columns);
  std::vector<float> w = randomMatrix(2, rows, columns);
  Hessian hessian(columns);
  hessian.add(x.data(), 200, columns, 1);
  auto one = quantizeGptq(quantizerOf(3, 16, true, 1), w, rows, hessian, {});
  auto three = quantizeGptq(quantizerOf(3, 16, true, 3), w, rows, hessian, {});
  EXPECT_EQ(one->codes, three->codes);
  EXPECT_EQ(one->scales, three->scales);
}
