//===- PlainMath.cpp - Functions from + - * / and sqrt --------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/PlainMath.h"

#include <bit>
#include <cmath>
#include <cstdint>

using namespace lowbit;

// Products and sums below must stay what they are: a contracted one would give
// other bits on CPUs with fma.
#pragma STDC FP_CONTRACT OFF

// x = 2^e m with m in [sqrt(1/2), sqrt(2)), and log m = 2 atanh(s) =
// 2 (s + s^3/3 + s^5/5 + ...) with s = (m - 1) / (m + 1), |s| < 0.172, cut where
// the rest is below 2^-57.
double lowbit::plainLog(double x) {
  uint64_t bits = std::bit_cast<uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & ((uint64_t(1) << 52) - 1)) |
                                   (uint64_t(1023) << 52));
  if (m >= 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  double s = (m - 1.0) / (m + 1.0);
  double square = s * s;
  double sum = 0;
  for (int k = 21; k >= 3; k -= 2)
    sum = (sum + 1.0 / k) * square;
  double log = 2.0 * (s + s * sum);
  return static_cast<double>(exponent) * 0.6931471805599453 + log;
}

/// Taylor series for |angle| <= pi/4 up to where the rest is below 2^-57, turned
/// by `quarters` quarters of a turn.
static void sinCosOfOctant(double angle, double quarters, double &sine,
                           double &cosine) {
  double square = angle * angle;
  double s = 0, c = 0;
  for (int k = 9; k >= 1; --k) {
    s = -(1.0 + s) * (square / ((2.0 * k) * (2.0 * k + 1.0)));
    c = -(1.0 + c) * (square / ((2.0 * k - 1.0) * (2.0 * k)));
  }
  // Now s = sin(angle) / angle - 1 and c = cos(angle) - 1.
  s = angle + angle * s;
  c = 1.0 + c;
  switch (static_cast<int64_t>(quarters) & 3) {
  case 0: sine = s, cosine = c; return;
  case 1: sine = c, cosine = -s; return;
  case 2: sine = -s, cosine = -c; return;
  default: sine = -c, cosine = s; return;
  }
}

void lowbit::sinCosOfTurns(double turns, double &sine, double &cosine) {
  // Exact: the result has no bit below the last of `turns`.
  double quarters = std::floor(turns * 4.0 + 0.5);
  double angle = (turns - quarters * 0.25) * 6.283185307179586;
  sinCosOfOctant(angle, quarters, sine, cosine);
}

void lowbit::sinCosOfRadians(double angle, double &sine, double &cosine) {
  // pi/2 in three parts; the first two have 31 bits, so their products with a
  // number below 2^21 are exact and the reduction loses nothing that matters.
  double quarters = std::floor(angle * 0.6366197723675814 + 0.5);
  double reduced = angle - quarters * 0x1.921fb544p+0;
  reduced = reduced - quarters * 0x1.0b4611a4p-34;
  reduced = reduced - quarters * 0x1.13198a2e03707p-65;
  sinCosOfOctant(reduced, quarters, sine, cosine);
}
