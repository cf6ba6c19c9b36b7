//===- Float.h - Short floats as integer operations ------------ -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Conversions between f16 / bf16 and f32 (Semantics.md N18): widening is exact,
// narrowing rounds to nearest even. They are integer operations, so they do not
// depend on the instruction set or on the floating-point environment.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_SUPPORT_FLOAT_H
#define LOWBIT_SUPPORT_FLOAT_H

#include <bit>
#include <cstdint>

namespace lowbit {

inline uint32_t floatBits(float value) {
  return std::bit_cast<uint32_t>(value);
}
inline float floatFromBits(uint32_t bits) { return std::bit_cast<float>(bits); }

/// IEEE binary16 to binary32, exact. A NaN keeps its payload and becomes quiet.
inline uint32_t f16ToF32Bits(uint16_t half) {
  uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  uint32_t exponent = (half >> 10) & 0x1fu;
  uint32_t mantissa = half & 0x3ffu;
  if (exponent == 0x1f)
    return sign | 0x7f800000u | (mantissa << 13) | (mantissa ? 0x400000u : 0u);
  if (exponent != 0)
    return sign | ((exponent + 112u) << 23) | (mantissa << 13);
  if (mantissa == 0)
    return sign;
  // Subnormal: move the leading one to bit 10.
  unsigned shift = static_cast<unsigned>(std::countl_zero(mantissa)) - 21u;
  mantissa = (mantissa << shift) & 0x3ffu;
  return sign | ((113u - shift) << 23) | (mantissa << 13);
}
inline float f16ToF32(uint16_t half) {
  return floatFromBits(f16ToF32Bits(half));
}

/// binary32 to binary16, round to nearest even; overflow gives infinity.
inline uint16_t f32ToF16(float value) {
  uint32_t bits = floatBits(value);
  uint32_t sign = (bits >> 16) & 0x8000u;
  uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  if (magnitude >= 0x477ff000u) // 65520 and above round to infinity.
    return static_cast<uint16_t>(sign | 0x7c00u);
  if (magnitude < 0x38800000u) {  // Below 2^-14: a subnormal or zero.
    if (magnitude <= 0x33000000u) // 2^-25 ties to zero.
      return static_cast<uint16_t>(sign);
    uint32_t exponent = magnitude >> 23;
    uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    uint32_t shift = 126u - exponent; // 14..24
    uint32_t result = mantissa >> shift;
    uint32_t rest = mantissa & ((1u << shift) - 1u);
    uint32_t halfway = 1u << (shift - 1u);
    result += (rest > halfway || (rest == halfway && (result & 1u))) ? 1u : 0u;
    return static_cast<uint16_t>(sign | result);
  }
  uint32_t rounded = magnitude - 0x38000000u;
  rounded += 0xfffu + ((rounded >> 13) & 1u);
  return static_cast<uint16_t>(sign | (rounded >> 13));
}

/// bfloat16 to binary32, exact.
inline float bf16ToF32(uint16_t bits) {
  return floatFromBits(static_cast<uint32_t>(bits) << 16);
}

/// binary32 to bfloat16, round to nearest even; a NaN stays a (quiet) NaN.
inline uint16_t f32ToBf16(float value) {
  uint32_t bits = floatBits(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/// A float of at most 8 bits: sign (or none), exponent, mantissa.
struct SmallFloat {
  /// What the largest exponent holds: infinities and NaNs as in IEEE, one NaN
  /// pattern (all ones), or numbers only.
  enum Special : uint8_t { ieee, nanOnly, finiteOnly };
  uint8_t exponentBits;
  uint8_t mantissaBits;
  Special special;
  bool isSigned = true;

  int bias() const { return (1 << (exponentBits - 1)) - 1; }
  unsigned width() const {
    return (isSigned ? 1u : 0u) + exponentBits + mantissaBits;
  }
};

/// The value of `code`, exact (every value of 8 bits is a binary32).
float smallFloatToF32(SmallFloat format, uint32_t code);
/// Nearest code, ties to even; magnitudes beyond the largest finite number give
/// that number (infinity stays one where the format has it), NaN the format's NaN
/// or zero. Unsigned formats have no zero: what is not above their least number
/// gives it.
uint32_t f32ToSmallFloat(SmallFloat format, float value);

} // namespace lowbit

#endif // LOWBIT_SUPPORT_FLOAT_H
