//===- Number.cpp - Values of codes and parameters ---------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Packing/Encoding.h"
#include "lowbit/Support/Float.h"

namespace lowbit {

namespace {

struct FormatRow {
  const char *name;
  unsigned width;
  SmallFloat small; ///< of formats of at most 8 bits
};

/// Indexed by FloatFormat.
constexpr FormatRow formats[] = {
    {"none", 0, {}},
    {"f32", 32, {}},
    {"f16", 16, {}},
    {"bf16", 16, {}},
    {"f8E4M3FN", 8, {4, 3, SmallFloat::nanOnly}},
    {"f8E5M2", 8, {5, 2, SmallFloat::ieee}},
    {"f8E8M0FNU", 8, {8, 0, SmallFloat::nanOnly, false}},
    {"f6E2M3FN", 6, {2, 3, SmallFloat::finiteOnly}},
    {"f6E3M2FN", 6, {3, 2, SmallFloat::finiteOnly}},
    {"f4E2M1FN", 4, {2, 1, SmallFloat::finiteOnly}},
};

const FormatRow &rowOf(FloatFormat format) {
  return formats[static_cast<size_t>(format)];
}

} // namespace

const char *floatFormatName(FloatFormat format) { return rowOf(format).name; }
unsigned floatFormatWidth(FloatFormat format) { return rowOf(format).width; }

NumberDesc NumberDesc::signedInt(unsigned width) {
  NumberDesc number;
  number.kind = NumberKind::signedInt;
  number.format = FloatFormat::none;
  number.width = static_cast<uint8_t>(width);
  number.lo = -(int64_t{1} << (width - 1));
  number.hi = (int64_t{1} << (width - 1)) - 1;
  return number;
}

NumberDesc NumberDesc::unsignedInt(unsigned width) {
  NumberDesc number;
  number.kind = NumberKind::unsignedInt;
  number.format = FloatFormat::none;
  number.width = static_cast<uint8_t>(width);
  number.lo = 0;
  number.hi = (int64_t{1} << width) - 1;
  return number;
}

NumberDesc NumberDesc::floating(FloatFormat format) {
  NumberDesc number;
  number.kind = NumberKind::floating;
  number.format = format;
  number.width = static_cast<uint8_t>(floatFormatWidth(format));
  return number;
}

NumberDesc NumberDesc::plusMinusOne() {
  NumberDesc number = signedInt(1);
  number.lo = -1;
  number.hi = 1;
  number.step = 2;
  return number;
}

unsigned NumberDesc::storageBits() const {
  return width <= 8 ? 8 : width <= 16 ? 16 : 32;
}

float floatFromCode(const NumberDesc &number, uint32_t bits) {
  switch (number.format) {
  case FloatFormat::none:
  case FloatFormat::f32:
    return floatFromBits(bits);
  case FloatFormat::f16:
    return f16ToF32(static_cast<uint16_t>(bits));
  case FloatFormat::bf16:
    return bf16ToF32(static_cast<uint16_t>(bits));
  default:
    return smallFloatToF32(rowOf(number.format).small, bits);
  }
}

uint32_t floatToCode(const NumberDesc &number, float value) {
  switch (number.format) {
  case FloatFormat::none:
  case FloatFormat::f32:
    return floatBits(value);
  case FloatFormat::f16:
    return f32ToF16(value);
  case FloatFormat::bf16:
    return f32ToBf16(value);
  default:
    return f32ToSmallFloat(rowOf(number.format).small, value);
  }
}

std::optional<int> exactIntegerExponent(const NumberDesc &number) {
  if (!number.isFloat())
    return 0;
  switch (number.format) {
  case FloatFormat::f4E2M1FN: // multiples of 2^-1 up to 6
    return 1;
  case FloatFormat::f6E2M3FN: // multiples of 2^-3 up to 7.5
    return 3;
  case FloatFormat::f6E3M2FN: // multiples of 2^-4 up to 28
    return 4;
  default:
    return std::nullopt;
  }
}

} // namespace lowbit
