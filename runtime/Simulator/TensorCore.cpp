//===- TensorCore.cpp - Arithmetic of the tensor cores --------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/TensorCore.h"
#include "runtime/Simulator/Numerics.h"

#include <algorithm>

using namespace lowbit::ptx;

TensorModel lowbit::ptx::tensorModel(uint32_t arch, TensorInput input) {
  bool tf32 = input == TensorInput::tf32;
  if (arch < 80)
    return {4, 0};
  if (arch < 90)
    return {tf32 ? 4u : 8u, 1};
  // Recorded with K = 4 for tf32: that larger steps are half those of f16 is
  // an inference.
  return {tf32 ? 8u : 16u, 2};
}

namespace {
struct Layout {
  unsigned exponentBits, mantissaBits, shift;
};
Layout layoutOf(TensorInput input) {
  switch (input) {
  case TensorInput::f16: return {5, 10, 0};
  case TensorInput::bf16: return {8, 7, 0};
  case TensorInput::tf32: return {8, 10, 13};
  case TensorInput::e4m3: return {4, 3, 0};
  case TensorInput::e5m2: return {5, 2, 0};
  }
  return {};
}
constexpr int noExponent = -100000;
} // namespace

unsigned lowbit::ptx::tensorFraction(TensorInput input) {
  return layoutOf(input).mantissaBits;
}

TensorTerm lowbit::ptx::tensorTerm(uint32_t code, TensorInput input) {
  Layout f = layoutOf(input);
  code >>= f.shift;
  uint32_t mantissa = code & ((1u << f.mantissaBits) - 1);
  uint32_t exponent = code >> f.mantissaBits & ((1u << f.exponentBits) - 1);
  bool negative = code >> (f.mantissaBits + f.exponentBits) & 1;
  int bias = (1 << (f.exponentBits - 1)) - 1;
  TensorTerm t;
  uint32_t top = (1u << f.exponentBits) - 1;
  t.special = input == TensorInput::e4m3 ? exponent == top && mantissa == 7
                                         : exponent == top;
  t.exponent = int(exponent ? exponent : 1) - bias;
  t.magnitude = int32_t(exponent ? mantissa | 1u << f.mantissaBits : mantissa);
  if (negative)
    t.magnitude = -t.magnitude;
  return t;
}

/// sum * 2^exponent truncated to binary32.
static float truncated(int64_t sum, int exponent) {
  if (!sum)
    return 0.0f;
  bool negative = sum < 0;
  uint64_t m = negative ? uint64_t(0) - uint64_t(sum) : uint64_t(sum);
  int top = 63 - std::countl_zero(m); // value in [2^(top+exponent), ...)
  int e = top + exponent;
  if (e > 127)
    return asFloat(negative ? 0xff800000 : 0x7f800000);
  int place = std::max(e, -126) - 23; // exponent of the last bit kept
  int drop = place - exponent;
  uint64_t kept = drop >= 64 ? 0 : drop >= 0 ? m >> drop : m << -drop;
  uint32_t bits = e < -126 ? uint32_t(kept)
                           : uint32_t(kept & 0x7fffff) | uint32_t(e + 127) << 23;
  return asFloat(bits | (negative ? 0x80000000 : 0));
}

/// Any infinity or NaN decides alone.
static float specialSum(const uint32_t *a, const uint32_t (*b)[8], unsigned n,
                        unsigned column, float c, TensorInput inA,
                        TensorInput inB) {
  double sum = c;
  auto value = [](uint32_t code, TensorInput in) -> double {
    TensorTerm t = tensorTerm(code, in);
    if (!t.special)
      return std::ldexp(double(t.magnitude), t.exponent - int(tensorFraction(in)));
    Layout f = layoutOf(in);
    code >>= f.shift;
    if ((code & ((1u << f.mantissaBits) - 1)) || in == TensorInput::e4m3)
      return NAN;
    return (code >> (f.mantissaBits + f.exponentBits) & 1) ? -HUGE_VAL : HUGE_VAL;
  };
  for (unsigned k = 0; k < n; ++k)
    sum += value(a[k], inA) * value(b[k][column], inB);
  return sum != sum ? asFloat(canonicalNaN)
                    : std::signbit(sum) ? asFloat(0xff800000) : asFloat(0x7f800000);
}

void lowbit::ptx::tensorTile(const uint32_t (*a)[32], const uint32_t (*b)[8],
                             unsigned k, unsigned rows, const float (*c)[8],
                             float (*d)[8], TensorInput inputA,
                             TensorInput inputB, TensorModel model) {
  int32_t mb[32][8], eb[32][8];
  bool specialB = false;
  for (unsigned i = 0; i < k; ++i)
    for (unsigned n = 0; n < 8; ++n) {
      TensorTerm t = tensorTerm(b[i][n], inputB);
      mb[i][n] = t.magnitude;
      eb[i][n] = t.exponent;
      specialB |= t.special;
    }
  const int fraction = int(tensorFraction(inputA) + tensorFraction(inputB));
  const int place = 23 + model.extraBits;
  for (unsigned m = 0; m < rows; ++m) {
    int32_t ma[32], ea[32];
    bool special = specialB;
    for (unsigned i = 0; i < k; ++i) {
      TensorTerm t = tensorTerm(a[m][i], inputA);
      ma[i] = t.magnitude;
      ea[i] = t.exponent;
      special |= t.special;
    }
    float accumulator[8];
    std::copy(c[m], c[m] + 8, accumulator);
    for (unsigned n = 0; n < 8; ++n)
      special |= (asBits(accumulator[n]) & 0x7f800000) == 0x7f800000;
    for (unsigned first = 0; first < k; first += model.step) {
      unsigned last = std::min(k, first + model.step);
      int32_t mc[8], ec[8], emax[8];
      for (unsigned n = 0; n < 8; ++n) {
        uint32_t bits = asBits(accumulator[n]);
        uint32_t exponent = bits >> 23 & 0xff;
        int32_t mag = int32_t(bits & 0x7fffff) | (exponent ? 1 << 23 : 0);
        mc[n] = (bits >> 31) ? -mag : mag;
        ec[n] = int32_t(exponent ? exponent : 1) - 127;
        emax[n] = mag ? ec[n] : noExponent;
      }
      int32_t p[32][8];
      for (unsigned i = first; i < last; ++i)
        for (unsigned n = 0; n < 8; ++n) {
          int32_t product = ma[i] * mb[i][n];
          int32_t e = product ? ea[i] + eb[i][n] : noExponent;
          p[i][n] = product;
          emax[n] = e > emax[n] ? e : emax[n];
        }
      int32_t low[8] = {}, high[8] = {};
      // p * 2^(e - fraction) in units of 2^(emax - place).
      for (unsigned i = first; i < last; ++i) {
        int32_t *sum = (i & 8) ? high : low;
        for (unsigned n = 0; n < 8; ++n) {
          int32_t shift = ea[i] + eb[i][n] - emax[n] + place - fraction;
          int32_t sign = p[i][n] >> 31;
          uint32_t mag = uint32_t((p[i][n] ^ sign) - sign);
          uint32_t left = mag << (shift > 0 ? (shift < 31 ? shift : 31) : 0);
          uint32_t right = left >> (shift < 0 ? (shift > -31 ? -shift : 31) : 0);
          sum[n] += (int32_t(right) ^ sign) - sign;
        }
      }
      for (unsigned n = 0; n < 8; ++n) {
        if (emax[n] == noExponent) {
          // Only zeros: +0 unless everything is -0.
          if (accumulator[n] == 0.0f && std::signbit(accumulator[n])) {
            bool allNegative = true;
            for (unsigned i = first; i < last; ++i) {
              uint32_t signs = a[m][i] ^ b[i][n];
              unsigned top = inputA == TensorInput::tf32 ? 31
                             : inputA >= TensorInput::e4m3 ? 7 : 15;
              allNegative &= signs >> top & 1;
            }
            if (!allNegative)
              accumulator[n] = 0.0f;
          }
          continue;
        }
        int shift = ec[n] - emax[n] + model.extraBits;
        int64_t mag = mc[n] < 0 ? -int64_t(mc[n]) : mc[n];
        mag = shift >= 0 ? mag << shift : shift > -63 ? mag >> -shift : 0;
        int64_t sum = int64_t(low[n]) + high[n] + (mc[n] < 0 ? -mag : mag);
        accumulator[n] = truncated(sum, emax[n] - place);
      }
    }
    for (unsigned n = 0; n < 8; ++n)
      d[m][n] = accumulator[n];
    if (!special)
      continue;
    for (unsigned n = 0; n < 8; ++n) {
      bool here = (asBits(c[m][n]) & 0x7f800000) == 0x7f800000;
      for (unsigned i = 0; i < k; ++i)
        here |= tensorTerm(a[m][i], inputA).special || tensorTerm(b[i][n], inputB).special;
      if (here)
        d[m][n] = specialSum(a[m], b, k, n, c[m][n], inputA, inputB);
    }
  }
}

void lowbit::ptx::tensorDot(const uint32_t *a, const uint32_t (*b)[8],
                            unsigned k, unsigned columns, const float *c,
                            float *d, TensorInput input, TensorModel model) {
  uint32_t row[1][32] = {};
  std::copy(a, a + k, row[0]);
  float in[1][8] = {}, out[1][8];
  std::copy(c, c + columns, in[0]);
  tensorTile(row, b, k, 1, in, out, input, input, model);
  std::copy(out[0], out[0] + columns, d);
}
