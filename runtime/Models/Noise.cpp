//===- Noise.cpp - Random numbers of PyTorch's CPU generator --------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/Noise.h"

#include "runtime/Models/PlainMath.h"

#include <cmath>

using namespace lowbit;

// Products and sums stay what they are (PlainMath.cpp).
#pragma STDC FP_CONTRACT OFF

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
  sinCosOfTurns(u1, sine, cosine);
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
    sinCosOfTurns(static_cast<double>(values[i + 8]), sine, cosine);
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
