//===- PlainMathTest.cpp --------------------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/PlainMath.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

using namespace lowbit;

namespace {

TEST(PlainMath, Logarithm) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100000; ++i) {
    double x = std::ldexp(1.0 + static_cast<double>(random() >> 12) * 0x1p-52,
                          static_cast<int>(random() % 200) - 100);
    EXPECT_NEAR(plainLog(x), std::log(x), 4e-16 * std::abs(std::log(x)) + 1e-16);
  }
  EXPECT_EQ(plainLog(1), 0);
}

TEST(PlainMath, SineAndCosine) {
  std::mt19937_64 random(2);
  double sine = 0, cosine = 0;
  for (int i = 0; i < 200000; ++i) {
    double angle = static_cast<double>(random() >> 11) * 0x1p-53;
    angle = std::ldexp(angle, static_cast<int>(random() % 30) - 9);
    if (random() & 1)
      angle = -angle;
    sinCosOfRadians(angle, sine, cosine);
    ASSERT_NEAR(sine, std::sin(angle), 4e-16) << angle;
    ASSERT_NEAR(cosine, std::cos(angle), 4e-16) << angle;
    double turns = angle * 0x1p-20;
    sinCosOfTurns(turns, sine, cosine);
    ASSERT_NEAR(sine, std::sin(turns * 6.283185307179586476925L), 4e-16) << turns;
    ASSERT_NEAR(cosine, std::cos(turns * 6.283185307179586476925L), 4e-16);
  }
  sinCosOfTurns(0.25, sine, cosine);
  EXPECT_EQ(sine, 1);
  EXPECT_EQ(cosine, 0);
}

} // namespace
