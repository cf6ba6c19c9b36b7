//===- Noise.cpp - Random numbers of PyTorch's CPU generator --------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/Noise.h"

#include <algorithm>
#include <bit>
#include <cmath>

using namespace lowbit;

// Products and sums below must stay what they are: a contracted one would give
// other bits on CPUs with fma.
#pragma STDC FP_CONTRACT OFF

//===----------------------------------------------------------------------===//
// Logarithm, sine and cosine from + - * /
//===----------------------------------------------------------------------===//

/// Natural logarithm of a finite x > 0, error below 2e-16 relative to
/// max(|log x|, 2^-30): x = 2^e m with m in [sqrt(1/2), sqrt(2)), and
/// log m = 2 atanh(s) = 2 (s + s^3/3 + s^5/5 + ...) with s = (m - 1) / (m + 1),
/// |s| < 0.172, cut where the rest is below 2^-57.
static double plainLog(double x) {
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

/// sin and cos of 2 pi u for u in [0, 1]. The reduction to an eighth of a turn is
/// exact; then Taylor series for |angle| <= pi/4 up to where the rest is below
/// 2^-57.
static void sinCosTurn(double u, double &sine, double &cosine) {
  double quarters = std::floor(u * 4.0 + 0.5);
  double angle = (u - quarters * 0.25) * 6.283185307179586;
  double square = angle * angle;
  double s = 0, c = 0;
  for (int k = 9; k >= 1; --k) {
    s = -(1.0 + s) * (square / ((2.0 * k) * (2.0 * k + 1.0)));
    c = -(1.0 + c) * (square / ((2.0 * k - 1.0) * (2.0 * k)));
  }
  // Now s = sin(angle) / angle - 1 and c = cos(angle) - 1.
  s = angle + angle * s;
  c = 1.0 + c;
  switch (static_cast<int>(quarters) & 3) {
  case 0: sine = s, cosine = c; return;
  case 1: sine = c, cosine = -s; return;
  case 2: sine = -s, cosine = -c; return;
  default: sine = -c, cosine = s; return;
  }
}

//===----------------------------------------------------------------------===//
// The generator
//===----------------------------------------------------------------------===//

TorchGenerator::TorchGenerator(uint64_t seed) {
  state[0] = static_cast<uint32_t>(seed);
  for (uint32_t i = 1; i < state.size(); ++i)
    state[i] = 1812433253u * (state[i - 1] ^ (state[i - 1] >> 30)) + i;
}

void TorchGenerator::twist() {
  constexpr size_t n = 624, m = 397;
  for (size_t i = 0; i < n; ++i) {
    uint32_t mixed =
        (state[i] & 0x80000000u) | (state[(i + 1) % n] & 0x7fffffffu);
    state[i] = state[(i + m) % n] ^ (mixed >> 1) ^
               ((mixed & 1) ? 0x9908b0dfu : 0u);
  }
  used = 0;
}

uint32_t TorchGenerator::next() {
  if (used == state.size())
    twist();
  uint32_t y = state[used++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

float TorchGenerator::uniform24() {
  return static_cast<float>(next() & 0xffffffu) * 0x1p-24f;
}

double TorchGenerator::uniform53() {
  uint64_t high = next();
  uint64_t bits = high << 32 | next();
  return static_cast<double>(bits & ((uint64_t(1) << 53) - 1)) * 0x1p-53;
}

void TorchGenerator::uniform(std::span<float> values) {
  for (float &value : values)
    value = uniform24();
}

double TorchGenerator::smallNormal() {
  if (hasSpare) {
    hasSpare = false;
    return spare;
  }
  double u1 = uniform53();
  double u2 = uniform53();
  double radius = std::sqrt(-2.0 * plainLog(1.0 - u2));
  double sine = 0, cosine = 0;
  sinCosTurn(u1, sine, cosine);
  spare = radius * sine;
  hasSpare = true;
  return radius * cosine;
}

/// Turns 16 uniforms into normals: 0..7 give the radii, 8..15 the angles.
static void boxMuller16(float *values) {
  for (int i = 0; i < 8; ++i) {
    double u1 = 1.0 - static_cast<double>(values[i]);
    double radius = std::sqrt(-2.0 * plainLog(u1));
    double sine = 0, cosine = 0;
    sinCosTurn(static_cast<double>(values[i + 8]), sine, cosine);
    values[i] = static_cast<float>(radius * cosine);
    values[i + 8] = static_cast<float>(radius * sine);
  }
}

void TorchGenerator::normal(std::span<float> values) {
  constexpr size_t block = 16;
  if (values.size() < block) {
    for (float &value : values)
      value = static_cast<float>(smallNormal());
    return;
  }
  uniform(values);
  for (size_t i = 0; i + block <= values.size(); i += block)
    boxMuller16(values.data() + i);
  // The last 16 numbers are drawn again where they are not a whole block.
  if (values.size() % block != 0) {
    std::span<float> last = values.last(block);
    uniform(last);
    boxMuller16(last.data());
  }
}
