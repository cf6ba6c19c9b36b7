//===- NumericsTest.cpp - Clauses that have a closed answer ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The bits of every clause are tested from lit against exact fractions
// (test/dialects/Lowbit/interpret). Here: orders that can be told apart by hand,
// and the accuracy of the elementary functions against the C library in f64.
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Numerics.h"

#include "gtest/gtest.h"

#include <cmath>
#include <functional>
#include <limits>

using namespace lowbit;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

TEST(NumericsTest, TreeAddsNeighbours) {
  EXPECT_EQ(reference::tree({}), 0.0f);
  float one[] = {3.0f};
  EXPECT_EQ(reference::tree(one), 3.0f);
  // (2^24 + 1) + (1 + -2^24): from left to right the result would be 1.
  float four[] = {16777216.0f, 1.0f, 1.0f, -16777216.0f};
  EXPECT_EQ(reference::tree(four), 1.0f);
  // ((2^24 + 1) + 1), the odd last one passes: 2^24 + 0 + ... stays even.
  float three[] = {16777216.0f, 1.0f, 1.0f};
  EXPECT_EQ(reference::tree(three), 16777216.0f);
  float pairs[] = {1.0f, 1.0f, 16777216.0f};
  EXPECT_EQ(reference::tree(pairs), 16777218.0f);
}

TEST(NumericsTest, DotKeepsLanesAndChunksApart) {
  // Element 0 and element 32 share a lane, 0 and 1 do not.
  std::vector<float> w(64, 1.0f), x(64, 0.0f);
  x[0] = 16777216.0f;
  x[32] = 1.0f; // Lost in lane 0.
  x[33] = -16777216.0f;
  EXPECT_EQ(reference::dot(w, x), 0.0f);
  x[32] = 0.0f;
  x[34] = 1.0f; // In lane 2, which meets lane 3 before the others.
  EXPECT_EQ(reference::dot(w, x), 1.0f);
  // A second chunk starts from zero even in the same lane.
  w.assign(1024, 1.0f);
  x.assign(1024, 0.0f);
  x[0] = 16777216.0f;
  x[512] = 1.0f;
  x[544] = 1.0f;
  EXPECT_EQ(reference::dot(w, x), 16777218.0f);
}

TEST(NumericsTest, DotUsesOneRounding) {
  // (1 + 2^-12)^2 - 1 needs the exact product.
  const float a = 1.0f + 0x1p-12f;
  std::vector<float> w(33, 0.0f), x(33, 0.0f);
  w[0] = -1.0f;
  x[0] = 1.0f;
  w[32] = x[32] = a;
  EXPECT_EQ(reference::dot(w, x), 0x1p-11f + 0x1p-24f);
}

TEST(NumericsTest, ClampRoundsHalfToEven) {
  EXPECT_EQ(reference::clampToInt(2.5f, -128, 127), 2);
  EXPECT_EQ(reference::clampToInt(3.5f, -128, 127), 4);
  EXPECT_EQ(reference::clampToInt(-2.5f, -128, 127), -2);
  EXPECT_EQ(reference::clampToInt(127.4f, -128, 127), 127);
  EXPECT_EQ(reference::clampToInt(1e9f, -128, 127), 127);
  EXPECT_EQ(reference::clampToInt(-inf, -128, 127), -128);
  EXPECT_EQ(reference::clampToInt(nan, -128, 127), 0);
}

TEST(NumericsTest, QuantizeOfZeros) {
  const float zeros[] = {0.0f, -0.0f};
  reference::QuantizedGroup group = reference::quantizeGroup(zeros, -127, 127, 0);
  EXPECT_EQ(group.codes, (std::vector<int16_t>{0, 0}));
  EXPECT_EQ(group.scale, 0.0f);
  EXPECT_FALSE(std::signbit(group.scale));
}

/// Largest error over [low, high] in units of the result's last place.
double worstUlps(float low, float high, const std::function<float(float)> &ours,
                 const std::function<double(double)> &exact) {
  double worst = 0;
  for (int i = 0; i <= 20000; ++i) {
    const float x = low + (high - low) * static_cast<float>(i) / 20000.0f;
    const double right = exact(x);
    const float rounded = static_cast<float>(right);
    const double unit =
        std::nextafter(std::fabs(rounded), inf) - std::fabs(rounded);
    worst = std::max(worst, std::fabs(ours(x) - right) / unit);
  }
  return worst;
}

TEST(NumericsTest, FunctionsAreAccurate) {
  EXPECT_LT(worstUlps(-87, 88, reference::exp,
                      [](double x) { return std::exp(x); }),
            2.0);
  EXPECT_LT(worstUlps(-80, 80, reference::sigmoid,
                      [](double x) { return 1 / (1 + std::exp(-x)); }),
            4.0);
  EXPECT_LT(worstUlps(-80, 80, reference::silu,
                      [](double x) { return x / (1 + std::exp(-x)); }),
            4.0);
  // tanh of small numbers cancels: an absolute bound there.
  for (int i = -4000; i <= 4000; ++i) {
    const float x = static_cast<float>(i) / 400.0f;
    EXPECT_NEAR(reference::tanh(x), std::tanh(static_cast<double>(x)), 1.5e-7);
  }
}

TEST(NumericsTest, FunctionsAtTheEnds) {
  EXPECT_EQ(reference::exp(inf), inf);
  EXPECT_EQ(reference::exp(-inf), 0.0f);
  EXPECT_EQ(reference::exp(89.0f), inf);
  EXPECT_TRUE(std::isnan(reference::exp(nan)));
  EXPECT_EQ(reference::exp(0.0f), 1.0f);
  EXPECT_TRUE(std::isnan(reference::silu(-inf))); // -inf / inf, as written
  EXPECT_EQ(reference::tanh(inf), 1.0f);
  EXPECT_EQ(reference::tanh(-inf), -1.0f);
  EXPECT_TRUE(std::signbit(reference::tanh(-0.0f)));
  EXPECT_EQ(reference::relu2(nan), 0.0f);
  EXPECT_EQ(reference::relu2(-3.0f), 0.0f);
  EXPECT_EQ(reference::relu2(3.0f), 9.0f);
}

} // namespace
