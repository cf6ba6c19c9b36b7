//===- Float.cpp - Floats of at most 8 bits -------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Support/Float.h"

#include <cmath>
#include <limits>

namespace lowbit {

float smallFloatToF32(SmallFloat format, uint32_t code) {
  const unsigned mantissaBits = format.mantissaBits;
  const uint32_t exponentMask = (1u << format.exponentBits) - 1;
  const uint32_t mantissaMask = (1u << mantissaBits) - 1;
  const uint32_t exponent = (code >> mantissaBits) & exponentMask;
  const uint32_t mantissa = code & mantissaMask;
  const bool negative =
      format.isSigned &&
      (code >> (mantissaBits + format.exponentBits) & 1u) != 0;
  float magnitude;
  if (format.special == SmallFloat::ieee && exponent == exponentMask)
    magnitude = mantissa ? std::numeric_limits<float>::quiet_NaN()
                         : std::numeric_limits<float>::infinity();
  else if (format.special == SmallFloat::nanOnly && exponent == exponentMask &&
           mantissa == mantissaMask)
    magnitude = std::numeric_limits<float>::quiet_NaN();
  else if (exponent == 0 && format.isSigned)
    magnitude = std::ldexp(static_cast<float>(mantissa),
                           1 - format.bias() - static_cast<int>(mantissaBits));
  else // A format without a sign (E8M0) has no subnormal numbers.
    magnitude = std::ldexp(
        static_cast<float>(mantissa | (1u << mantissaBits)),
        static_cast<int>(exponent) - format.bias() -
            static_cast<int>(mantissaBits));
  return negative ? -magnitude : magnitude;
}

uint32_t f32ToSmallFloat(SmallFloat format, float value) {
  const uint32_t signBit = 1u << (format.mantissaBits + format.exponentBits);
  const uint32_t all = signBit - 1; // all bits below the sign
  const uint32_t special = ((1u << format.exponentBits) - 1)
                           << format.mantissaBits;
  if (std::isnan(value))
    return format.special == SmallFloat::finiteOnly ? 0
           : format.special == SmallFloat::nanOnly  ? all
                                                    : special | 1u;
  const bool negative = std::signbit(value);
  const uint32_t sign = format.isSigned && negative ? signBit : 0;
  if (std::isinf(value) && format.special == SmallFloat::ieee)
    return sign | special;
  const uint32_t largest = format.special == SmallFloat::ieee      ? special - 1
                           : format.special == SmallFloat::nanOnly ? all - 1
                                                                   : all;
  const float magnitude =
      !format.isSigned && negative ? 0.0f : std::fabs(value);
  // Codes of growing magnitude are consecutive, so the answer is one of the two
  // codes around the value: found by bisection, decided by exact distances.
  uint32_t low = 0, high = largest;
  if (magnitude >= smallFloatToF32(format, largest))
    return sign | largest;
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    (smallFloatToF32(format, middle) <= magnitude ? low : high) = middle;
  }
  const double below = static_cast<double>(magnitude) -
                       static_cast<double>(smallFloatToF32(format, low));
  const double above = static_cast<double>(smallFloatToF32(format, high)) -
                       static_cast<double>(magnitude);
  const bool up = above < below || (above == below && (high & 1u) == 0);
  return sign | (up ? high : low);
}

} // namespace lowbit
