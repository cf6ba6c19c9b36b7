//===- FloatTest.cpp - 16-bit floats against the compiler -----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Support/Float.h"
#include "lowbit/Support/CheckedMath.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace lowbit;

namespace {

/// The value that the bits mean, in double.
double f16Value(uint32_t bits) {
  int exponent = static_cast<int>((bits >> 10) & 31);
  double mantissa = bits & 1023;
  double magnitude = exponent == 0 ? std::ldexp(mantissa, -24)
                                   : std::ldexp(1024 + mantissa, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

TEST(Float16, WideningIsExact) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    float value = f16ToF32(static_cast<uint16_t>(bits));
    if ((bits & 0x7c00) == 0x7c00) {
      EXPECT_EQ(std::isnan(value), (bits & 1023) != 0);
      EXPECT_TRUE(std::isnan(value) || std::isinf(value));
      continue;
    }
    ASSERT_EQ(value, f16Value(bits)) << bits;
    ASSERT_EQ(std::signbit(value), (bits & 0x8000) != 0);
    ASSERT_EQ(f32ToF16(value), bits);
  }
}

TEST(Float16, NarrowingRoundsToNearestEven) {
  for (uint32_t low = 0; low < 0x7bff; ++low) {
    double a = f16Value(low), b = f16Value(low + 1);
    float middle = static_cast<float>((a + b) / 2); // exact: 12 bits
    ASSERT_EQ(f32ToF16(middle), low % 2 ? low + 1 : low);
    ASSERT_EQ(f32ToF16(std::nextafterf(middle, 0.0f)), low);
    ASSERT_EQ(f32ToF16(std::nextafterf(middle, 1e30f)), low + 1);
    ASSERT_EQ(f32ToF16(-middle), 0x8000 | (low % 2 ? low + 1 : low));
  }
  EXPECT_EQ(f32ToF16(65519.99f), 0x7bff);
  EXPECT_EQ(f32ToF16(65520.0f), 0x7c00);
  EXPECT_EQ(f32ToF16(INFINITY), 0x7c00);
  EXPECT_EQ(f32ToF16(NAN) & 0x7e00, 0x7e00);
}

TEST(BFloat16, RoundsToNearestEven) {
  for (uint32_t bits = 0; bits < 0x7f80; ++bits) {
    uint16_t narrow = static_cast<uint16_t>(bits);
    ASSERT_EQ(f32ToBf16(bf16ToF32(narrow)), narrow);
    ASSERT_EQ(f32ToBf16(floatFromBits(bits << 16 | 0x8000)), bits + bits % 2);
    ASSERT_EQ(f32ToBf16(floatFromBits(bits << 16 | 0x7fff)), bits);
    ASSERT_EQ(f32ToBf16(floatFromBits(bits << 16 | 0x8001)), bits + 1);
  }
  EXPECT_TRUE(std::isnan(bf16ToF32(f32ToBf16(floatFromBits(0x7f800001)))));
}

TEST(CheckedMath, Limits) {
  EXPECT_EQ(checkedAdd<int64_t>(INT64_MAX, 0), INT64_MAX);
  EXPECT_FALSE(checkedAdd<int64_t>(INT64_MAX, 1));
  EXPECT_FALSE(checkedMul<uint64_t>(uint64_t{1} << 32, uint64_t{1} << 32));
  EXPECT_FALSE(checkedSub<uint64_t>(1, 2));
  EXPECT_EQ(checkedAlignTo<uint64_t>(65, 64), 128u);
  EXPECT_FALSE(checkedAlignTo<uint64_t>(UINT64_MAX - 5, 64));
  EXPECT_TRUE(rangeFits(10, 5, 15));
  EXPECT_FALSE(rangeFits(10, 6, 15));
  EXPECT_FALSE(rangeFits(UINT64_MAX, 2, 15));
}

} // namespace
