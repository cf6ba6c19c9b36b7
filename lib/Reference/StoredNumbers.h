//===- StoredNumbers.h - Numbers in bytes ----------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_REFERENCE_STOREDNUMBERS_H
#define LIB_REFERENCE_STOREDNUMBERS_H

#include "lib/Reference/Value.h"

#include "lowbit/Support/Float.h"

#include <cstring>

namespace lowbit::reference {

inline float floatFromStored(ElementType element, const uint8_t *bytes) {
  if (element == ElementType::f32) {
    uint32_t bits;
    std::memcpy(&bits, bytes, 4);
    return floatFromBits(bits);
  }
  uint16_t bits;
  std::memcpy(&bits, bytes, 2);
  return element == ElementType::f16 ? f16ToF32(bits) : bf16ToF32(bits);
}

/// Two's complement of `size` bytes.
inline int64_t integerFromStored(const uint8_t *bytes, unsigned size) {
  uint64_t bits = 0;
  std::memcpy(&bits, bytes, size);
  const unsigned unused = 64 - 8 * size;
  return static_cast<int64_t>(bits << unused) >> unused;
}

inline void storeFloat(ElementType element, float value, uint8_t *bytes) {
  if (element == ElementType::f32) {
    std::memcpy(bytes, &value, 4);
    return;
  }
  const uint16_t bits =
      element == ElementType::f16 ? f32ToF16(value) : f32ToBf16(value);
  std::memcpy(bytes, &bits, 2);
}

} // namespace lowbit::reference

#endif // LIB_REFERENCE_STOREDNUMBERS_H
