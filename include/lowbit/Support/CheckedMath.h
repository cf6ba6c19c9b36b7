//===- CheckedMath.h - Arithmetic that notices overflow ------- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sizes read from files are multiplied and added only through these.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_SUPPORT_CHECKEDMATH_H
#define LOWBIT_SUPPORT_CHECKEDMATH_H

#include <cassert>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace lowbit {

/// a + b, or nothing when the sum does not fit T.
template <typename T>
[[nodiscard]] std::optional<T> checkedAdd(T a, std::type_identity_t<T> b) {
  T result;
  if (__builtin_add_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

/// a - b, or nothing when the difference does not fit T.
template <typename T>
[[nodiscard]] std::optional<T> checkedSub(T a, std::type_identity_t<T> b) {
  T result;
  if (__builtin_sub_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

/// a * b, or nothing when the product does not fit T.
template <typename T>
[[nodiscard]] std::optional<T> checkedMul(T a, std::type_identity_t<T> b) {
  T result;
  if (__builtin_mul_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

/// Smallest multiple of `align` (a power of two) that is >= value.
template <typename T>
[[nodiscard]] std::optional<T> checkedAlignTo(T value,
                                              std::type_identity_t<T> align) {
  assert(align > 0 && (align & (align - 1)) == 0 && "not a power of two");
  std::optional<T> sum = checkedAdd<T>(value, align - 1);
  if (!sum)
    return std::nullopt;
  return static_cast<T>(*sum & ~static_cast<T>(align - 1));
}

/// ceil(a / b) for a >= 0, b > 0; cannot overflow.
constexpr int64_t ceilDiv(int64_t a, int64_t b) {
  return a / b + (a % b != 0 ? 1 : 0);
}

/// True when [offset, offset + size) lies within [0, total).
constexpr bool rangeFits(uint64_t offset, uint64_t size, uint64_t total) {
  return offset <= total && size <= total - offset;
}

} // namespace lowbit

#endif // LOWBIT_SUPPORT_CHECKEDMATH_H
