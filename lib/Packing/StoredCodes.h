//===- StoredCodes.h - Stored codes as numbers ---------------- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the table-driven and the map-driven packers share.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_PACKING_STOREDCODES_H
#define LOWBIT_LIB_PACKING_STOREDCODES_H

#include "PlainArray.h"

#include "lowbit/Packing/Pack.h"
#include "lowbit/Support/Float.h"

namespace lowbit::packing {

/// Plain codes of one row to stored numbers (Code: uint8_t for codes of at most 8
/// bits, or uint32_t); returns the first column out of range, or `columns`.
template <typename Code>
size_t toStored(const LeafDesc &leaf, const uint8_t *plain, size_t columns,
                Code *codes) {
  const NumberDesc &code = leaf.code;
  if (code.isFloat()) {
    const unsigned size = code.storageBits() / 8;
    const uint32_t limit = lowMask(code.width);
    for (size_t k = 0; k < columns; ++k) {
      const uint32_t bits = loadBits(plain + k * size, size);
      if (bits > limit)
        return k;
      codes[k] = static_cast<Code>(bits);
    }
    return columns;
  }
  const uint8_t low = static_cast<uint8_t>(code.lo);
  const uint8_t span = static_cast<uint8_t>(code.hi - code.lo);
  const uint8_t step = static_cast<uint8_t>(code.step);
  const uint8_t bias = leaf.biased ? low : 0;
  const uint8_t mask = static_cast<uint8_t>(lowMask(code.width));
  auto isBad = [&](size_t k) {
    const uint8_t position = static_cast<uint8_t>(plain[k] - low);
    return position > span || (step > 1 && position % step != 0);
  };
  uint8_t bad = 0;
  if (step > 1) {
    for (size_t k = 0; k < columns; ++k) {
      bad |= isBad(k);
      codes[k] =
          static_cast<Code>(static_cast<uint8_t>(plain[k] - low) / step);
    }
  } else {
    for (size_t k = 0; k < columns; ++k) {
      bad |= static_cast<uint8_t>(plain[k] - low) > span;
      codes[k] = static_cast<uint8_t>((plain[k] - bias) & mask);
    }
  }
  if (!bad)
    return columns;
  size_t k = 0;
  while (!isBad(k))
    ++k;
  return k;
}

inline int64_t plainValue(const NumberDesc &code, uint8_t byte) {
  return code.kind == NumberKind::signedInt ? static_cast<int8_t>(byte) : byte;
}

/// A stored number as a logical value.
inline int64_t fromStored(const LeafDesc &leaf, uint32_t stored) {
  if (leaf.biased)
    return static_cast<int64_t>(stored) * leaf.code.step + leaf.code.lo;
  if (leaf.code.kind == NumberKind::signedInt)
    return signExtend(stored, leaf.code.width);
  return stored;
}

inline Status outOfRange(const LeafDesc &leaf, uint8_t plain, int64_t row,
                         size_t column) {
  return invalidArgument(
      "code %lld of element (%lld, %zu) is outside %lld..%lld",
      static_cast<long long>(plainValue(leaf.code, plain)),
      static_cast<long long>(row), column, static_cast<long long>(leaf.code.lo),
      static_cast<long long>(leaf.code.hi));
}

inline Status checkRows(const LeafDesc &leaf, int64_t begin, int64_t end,
                        size_t plainSize) {
  if (begin < 0 || begin > end || end > leaf.storedRows())
    return invalidArgument("rows [%lld, %lld) of a tensor of %lld rows",
                           static_cast<long long>(begin),
                           static_cast<long long>(end),
                           static_cast<long long>(leaf.storedRows()));
  uint64_t expected = static_cast<uint64_t>(end - begin) *
                      static_cast<uint64_t>(leaf.storedColumns()) *
                      plainCodeBytes(leaf.code);
  if (plainSize != expected)
    return invalidArgument("plain array of %zu bytes where %llu are needed",
                           plainSize,
                           static_cast<unsigned long long>(expected));
  return Status::success();
}

template <typename Byte>
Status checkFields(const LeafDesc &leaf,
                   const std::vector<ComponentDesc> &components,
                   std::span<const std::span<Byte>> fields) {
  if (fields.size() != leaf.codeArrays() && fields.size() != components.size())
    return invalidArgument("%zu code arrays given, the layout has %u",
                           fields.size(), leaf.codeArrays());
  for (size_t i = 0; i < fields.size(); ++i)
    if (fields[i].size() < components[i].bytes)
      return invalidArgument(
          "component '%s' has %zu bytes where %llu are needed",
          components[i].name().c_str(), fields[i].size(),
          static_cast<unsigned long long>(components[i].bytes));
  return Status::success();
}

} // namespace lowbit::packing

#endif // LOWBIT_LIB_PACKING_STOREDCODES_H
