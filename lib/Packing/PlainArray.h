//===- PlainArray.h - Little-endian numbers in plain arrays --- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shared by the packers; see Pack.h for what a plain array is.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_PACKING_PLAINARRAY_H
#define LOWBIT_LIB_PACKING_PLAINARRAY_H

#include <bit>
#include <cstdint>
#include <cstring>

namespace lowbit::packing {

static_assert(std::endian::native == std::endian::little,
              "stored arrays are little-endian and accessed in place");

template <typename T>
inline T load(const uint8_t *bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

template <typename T>
inline void store(uint8_t *bytes, T value) {
  std::memcpy(bytes, &value, sizeof(T));
}

/// An unsigned number of 1, 2 or 4 bytes.
inline uint32_t loadBits(const uint8_t *bytes, unsigned size) {
  switch (size) {
  case 1:
    return bytes[0];
  case 2:
    return load<uint16_t>(bytes);
  default:
    return load<uint32_t>(bytes);
  }
}

inline void storeBits(uint8_t *bytes, unsigned size, uint32_t value) {
  switch (size) {
  case 1:
    bytes[0] = static_cast<uint8_t>(value);
    return;
  case 2:
    store<uint16_t>(bytes, static_cast<uint16_t>(value));
    return;
  default:
    store<uint32_t>(bytes, value);
  }
}

/// The low `width` bits of `bits` in two's complement.
inline int64_t signExtend(uint32_t bits, unsigned width) {
  unsigned unused = 64 - width;
  return static_cast<int64_t>(static_cast<uint64_t>(bits) << unused) >> unused;
}

inline uint32_t lowMask(unsigned width) {
  return width >= 32 ? ~uint32_t{0} : (uint32_t{1} << width) - 1;
}

} // namespace lowbit::packing

#endif // LOWBIT_LIB_PACKING_PLAINARRAY_H
