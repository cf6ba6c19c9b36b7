//===- Numerics.h - Small float formats and exact rounding ------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_NUMERICS_H
#define RUNTIME_SIMULATOR_NUMERICS_H

#include <bit>
#include <cmath>
#include <cstdint>

namespace lowbit::ptx {

/// Rounding: to nearest even, toward zero, down, up, to nearest away.
enum class Round : uint8_t { rn, rz, rm, rp, rna };

inline float asFloat(uint32_t bits) { return std::bit_cast<float>(bits); }
inline uint32_t asBits(float f) { return std::bit_cast<uint32_t>(f); }
inline double asDouble(uint64_t bits) { return std::bit_cast<double>(bits); }
inline uint64_t asBits(double d) { return std::bit_cast<uint64_t>(d); }

/// The one NaN that NVIDIA's f32 arithmetic returns.
inline constexpr uint32_t canonicalNaN = 0x7fffffff;

inline float canonical(float f) { return f != f ? asFloat(canonicalNaN) : f; }
/// Subnormals become zero of the same sign.
inline float flush(float f) {
  uint32_t b = asBits(f);
  return (b & 0x7f800000) == 0 ? asFloat(b & 0x80000000) : f;
}
inline float saturate(float f) { return f > 0.0f ? (f < 1.0f ? f : 1.0f) : 0.0f; }

inline float halfToFloat(uint16_t h) {
  uint32_t sign = uint32_t(h & 0x8000) << 16, em = h & 0x7fff;
  // The product moves the exponent and normalises subnormals, exactly.
  uint32_t v = asBits(asFloat(em << 13) * asFloat(0x77800000));
  v = em >= 0x7c00 ? (em << 13) | 0x7f800000 : v;
  return asFloat(v | sign);
}
inline float bfloatToFloat(uint16_t h) { return asFloat(uint32_t(h) << 16); }

/// A binary float format of up to 32 bits.
struct FloatFormat {
  uint8_t exponentBits, mantissaBits;
  enum Special : uint8_t {
    ieee,       ///< Infinity and NaN.
    nanOnly,    ///< e4m3: S.1111.111 is NaN, no infinity.
    finiteOnly, ///< e2m1, e2m3, e3m2.
  } special;
};
inline constexpr FloatFormat formatF16{5, 10, FloatFormat::ieee};
inline constexpr FloatFormat formatBF16{8, 7, FloatFormat::ieee};
inline constexpr FloatFormat formatTF32{8, 10, FloatFormat::ieee};
inline constexpr FloatFormat formatF32{8, 23, FloatFormat::ieee};
inline constexpr FloatFormat formatE4M3{4, 3, FloatFormat::nanOnly};
inline constexpr FloatFormat formatE5M2{5, 2, FloatFormat::ieee};
inline constexpr FloatFormat formatE2M1{2, 1, FloatFormat::finiteOnly};
inline constexpr FloatFormat formatE2M3{2, 3, FloatFormat::finiteOnly};
inline constexpr FloatFormat formatE3M2{3, 2, FloatFormat::finiteOnly};

/// Code of `value` in `format`. With `saturateFinite` what is too large,
/// infinities included, becomes the largest finite value. NaN becomes the
/// format's canonical NaN (positive), or its largest value where it has none.
uint32_t encodeFloat(double value, FloatFormat format, Round round,
                     bool saturateFinite = false);
/// Value of a code; exact.
double decodeFloat(uint32_t code, FloatFormat format);

inline uint16_t floatToHalf(float f) {
  return uint16_t(encodeFloat(f, formatF16, Round::rn));
}
inline uint16_t floatToBfloat(float f) {
  uint32_t b = asBits(f);
  if (f != f)
    return 0x7fff;
  return uint16_t((b + 0x7fff + (b >> 16 & 1)) >> 16);
}

/// a * b + c with a, b, c of at most 11 significant bits, rounded to odd in
/// double: one more rounding to a smaller format then equals a single one.
double fmaToOdd(double a, double b, double c);

// Directed rounding in f32 and f64, by the host's rounding mode.
float addRounded(float a, float b, Round round);
float mulRounded(float a, float b, Round round);
float fmaRounded(float a, float b, float c, Round round);
float divRounded(float a, float b, Round round);
float sqrtRounded(float a, Round round);
double addRounded(double a, double b, Round round);
double mulRounded(double a, double b, Round round);
double fmaRounded(double a, double b, double c, Round round);
double divRounded(double a, double b, Round round);
double sqrtRounded(double a, Round round);
float toFloatRounded(double a, Round round);
float intToFloatRounded(int64_t a, Round round);
float intToFloatRounded(uint64_t a, Round round);
double intToDoubleRounded(int64_t a, Round round);
double intToDoubleRounded(uint64_t a, Round round);

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_NUMERICS_H
