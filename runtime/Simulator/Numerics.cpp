//===- Numerics.cpp - Small float formats and exact rounding --------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file is compiled with -frounding-math: the compiler must not move float
// operations across fesetround.
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Numerics.h"

#include <cfenv>

using namespace lowbit::ptx;

uint32_t lowbit::ptx::encodeFloat(double value, FloatFormat format, Round round,
                                  bool saturateFinite) {
  const unsigned m = format.mantissaBits, e = format.exponentBits;
  const int bias = (1 << (e - 1)) - 1;
  const uint32_t signBit = 1u << (m + e);
  uint64_t bits = asBits(value);
  uint32_t sign = (bits >> 63) ? signBit : 0;
  uint32_t largest; // magnitude of the largest finite code
  switch (format.special) {
  case FloatFormat::ieee: largest = (((1u << e) - 1) << m) - 1; break;
  case FloatFormat::nanOnly: largest = (1u << (m + e)) - 2; break;
  default: largest = (1u << (m + e)) - 1; break;
  }
  uint32_t nan = format.special == FloatFormat::finiteOnly ? largest
                                                           : (1u << (m + e)) - 1;
  if (value != value)
    return nan;
  auto overflow = [&]() -> uint32_t {
    bool toLargest = saturateFinite || format.special == FloatFormat::finiteOnly;
    if (!toLargest && !std::isinf(value))
      toLargest = round == Round::rz || (round == Round::rm && !sign) ||
                  (round == Round::rp && sign);
    if (toLargest)
      return sign | largest;
    return format.special == FloatFormat::nanOnly ? sign | nan
                                                  : sign | (largest + 1);
  };
  if (std::isinf(value))
    return overflow();
  if ((bits << 1) == 0)
    return sign;
  int exponent = int(bits >> 52 & 0x7ff) - 1023;
  uint64_t significand = bits & ((uint64_t(1) << 52) - 1);
  if (exponent == -1023) { // a double subnormal: far below every format
    exponent = -1022;
  } else {
    significand |= uint64_t(1) << 52;
  }
  // Bits to drop so that the last kept one is the format's last place.
  int drop = 52 - int(m);
  if (exponent < 1 - bias)
    drop += 1 - bias - exponent;
  uint64_t kept, rest, half;
  if (drop >= 64) {
    kept = 0;
    rest = 1;
    half = 2; // less than half
  } else {
    kept = drop > 63 ? 0 : significand >> drop;
    rest = significand & ((uint64_t(1) << drop) - 1);
    half = uint64_t(1) << (drop - 1);
  }
  bool up = false;
  switch (round) {
  case Round::rn: up = rest > half || (rest == half && (kept & 1)); break;
  case Round::rna: up = rest >= half; break;
  case Round::rz: break;
  case Round::rm: up = rest && sign; break;
  case Round::rp: up = rest && !sign; break;
  }
  kept += up;
  // kept holds the hidden bit for normal results, so adding the exponent field
  // below it carries as it must.
  uint64_t code = exponent < 1 - bias
                      ? kept
                      : kept + (uint64_t(exponent + bias - 1) << m);
  if (code > largest)
    return overflow();
  return sign | uint32_t(code);
}

double lowbit::ptx::decodeFloat(uint32_t code, FloatFormat format) {
  const unsigned m = format.mantissaBits, e = format.exponentBits;
  const int bias = (1 << (e - 1)) - 1;
  bool negative = code >> (m + e) & 1;
  uint32_t magnitude = code & ((1u << (m + e)) - 1);
  uint32_t exponent = magnitude >> m, mantissa = magnitude & ((1u << m) - 1);
  double v;
  if (format.special == FloatFormat::ieee && exponent == (1u << e) - 1)
    v = mantissa ? asDouble(0x7ff8000000000000) : HUGE_VAL;
  else if (format.special == FloatFormat::nanOnly &&
           magnitude == (1u << (m + e)) - 1)
    v = asDouble(0x7ff8000000000000);
  else if (exponent == 0)
    v = std::ldexp(double(mantissa), 1 - bias - int(m));
  else
    v = std::ldexp(double(mantissa | 1u << m), int(exponent) - bias - int(m));
  return negative ? -v : v;
}

double lowbit::ptx::fmaToOdd(double a, double b, double c) {
  double p = a * b; // exact: 22 bits
  double s = p + c;
  if (!std::isfinite(s))
    return s;
  double v = s - p;
  double error = (p - (s - v)) + (c - v);
  uint64_t bits = asBits(s);
  if (error != 0 && !(bits & 1)) {
    // Truncate toward zero, then set the last bit.
    bool away = (error < 0) == (s > 0);
    bits = away ? bits - 1 : bits | 1;
  }
  return asDouble(bits);
}

namespace {
/// The host's rounding mode for one operation. It is to nearest outside: kernels run
/// in an ExactFloatScope.
struct Mode {
  bool directed;
  explicit Mode(Round r) : directed(r != Round::rn && r != Round::rna) {
    static const int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD,
                                FE_UPWARD, FE_TONEAREST};
    if (directed)
      std::fesetround(modes[unsigned(r)]);
  }
  ~Mode() {
    if (directed)
      std::fesetround(FE_TONEAREST);
  }
};
/// Hides a value from the optimiser, so that the operation stays in its mode.
template <class T> T opaque(T v) {
  volatile T x = v;
  return x;
}
} // namespace

#define LOWBIT_ROUNDED(TYPE)                                                   \
  TYPE lowbit::ptx::addRounded(TYPE a, TYPE b, Round r) {                      \
    Mode mode(r);                                                              \
    return opaque(opaque(a) + opaque(b));                                      \
  }                                                                            \
  TYPE lowbit::ptx::mulRounded(TYPE a, TYPE b, Round r) {                      \
    Mode mode(r);                                                              \
    return opaque(opaque(a) * opaque(b));                                      \
  }                                                                            \
  TYPE lowbit::ptx::fmaRounded(TYPE a, TYPE b, TYPE c, Round r) {              \
    Mode mode(r);                                                              \
    return opaque(TYPE(std::fma(opaque(a), opaque(b), opaque(c))));            \
  }                                                                            \
  TYPE lowbit::ptx::divRounded(TYPE a, TYPE b, Round r) {                      \
    Mode mode(r);                                                              \
    return opaque(opaque(a) / opaque(b));                                      \
  }                                                                            \
  TYPE lowbit::ptx::sqrtRounded(TYPE a, Round r) {                             \
    Mode mode(r);                                                              \
    return opaque(TYPE(std::sqrt(opaque(a))));                                 \
  }
LOWBIT_ROUNDED(float)
LOWBIT_ROUNDED(double)
#undef LOWBIT_ROUNDED

float lowbit::ptx::toFloatRounded(double a, Round r) {
  Mode mode(r);
  return opaque(float(opaque(a)));
}
float lowbit::ptx::intToFloatRounded(int64_t a, Round r) {
  Mode mode(r);
  return opaque(float(opaque(a)));
}
double lowbit::ptx::intToDoubleRounded(int64_t a, Round r) {
  Mode mode(r);
  return opaque(double(opaque(a)));
}
double lowbit::ptx::intToDoubleRounded(uint64_t a, Round r) {
  if (a >> 63 == 0)
    return intToDoubleRounded(int64_t(a), r);
  Mode mode(r);
  // Halving with a sticky bit keeps the rounding, doubling is exact.
  int64_t half = int64_t(a >> 1 | (a & 1));
  return opaque(opaque(double(opaque(half))) * 2);
}
float lowbit::ptx::intToFloatRounded(uint64_t a, Round r) {
  if (a >> 63 == 0)
    return intToFloatRounded(int64_t(a), r);
  Mode mode(r);
  int64_t half = int64_t(a >> 1 | (a & 1));
  return opaque(opaque(float(opaque(half))) * 2);
}
