//===- PackByMaps.cpp - Packing element by element ------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FieldTable.h"
#include "StoredCodes.h"

namespace lowbit {

using namespace packing;

Status packCodesByMaps(const LeafDesc &leaf, int64_t rowBegin, int64_t rowEnd,
                       std::span<const uint8_t> plain,
                       std::span<const std::span<uint8_t>> fields) {
  LOWBIT_RETURN_IF_ERROR(validate(leaf));
  LOWBIT_ASSIGN_OR_RETURN(std::vector<ComponentDesc> components,
                          componentsOf(leaf));
  LOWBIT_RETURN_IF_ERROR(checkRows(leaf, rowBegin, rowEnd, plain.size()));
  LOWBIT_RETURN_IF_ERROR(checkFields(leaf, components, fields));
  for (const FieldDesc &field : leaf.fields)
    if (field.entropyBlock > 0)
      return unimplemented("a prefix code has no map from elements to bits");
  const unsigned size = plainCodeBytes(leaf.code);
  const uint8_t *source = plain.data();
  for (int64_t n = rowBegin; n < rowEnd; ++n) {
    for (int64_t k = 0; k < leaf.storedColumns(); ++k, source += size) {
      uint32_t code = 0;
      if (toStored(leaf, source, 1, &code) == 0)
        return outOfRange(leaf, *source, n, static_cast<size_t>(k));
      if (!leaf.fields.empty() && leaf.fields[0].radix) {
        // The group's number with this digit is what the fields are to hold.
        const int64_t index[] = {n, k};
        uint32_t number = 0;
        for (const FieldDesc &field : leaf.fields) {
          const unsigned wordBytes = field.wordBits / 8u;
          number |= (loadBits(fields[field.array].data() +
                                  wordOf(field, n, k) * wordBytes,
                              wordBytes) >>
                         bitOf(field, n, k) &
                     lowMask(field.width))
                    << field.shift;
        }
        code = withDigit(
            leaf.fields[0], groupBits(leaf), number,
            static_cast<unsigned>(leaf.fields[0].digit.results[0].eval(index)),
            code);
      }
      for (const FieldDesc &field : leaf.fields) {
        const unsigned wordBytes = field.wordBits / 8u;
        uint8_t *place =
            fields[field.array].data() + wordOf(field, n, k) * wordBytes;
        unsigned at = static_cast<unsigned>(bitOf(field, n, k));
        uint32_t word = loadBits(place, wordBytes);
        word &= ~(lowMask(field.width) << at);
        word |= ((code >> field.shift) & lowMask(field.width)) << at;
        storeBits(place, wordBytes, word);
      }
    }
  }
  return Status::success();
}

Status unpackCodesByMaps(const LeafDesc &leaf, int64_t rowBegin, int64_t rowEnd,
                         std::span<const std::span<const uint8_t>> fields,
                         std::span<uint8_t> plain) {
  LOWBIT_RETURN_IF_ERROR(validate(leaf));
  LOWBIT_ASSIGN_OR_RETURN(std::vector<ComponentDesc> components,
                          componentsOf(leaf));
  LOWBIT_RETURN_IF_ERROR(checkRows(leaf, rowBegin, rowEnd, plain.size()));
  LOWBIT_RETURN_IF_ERROR(checkFields(leaf, components, fields));
  for (const FieldDesc &field : leaf.fields)
    if (field.entropyBlock > 0)
      return unimplemented("a prefix code has no map from elements to bits");
  const unsigned size = plainCodeBytes(leaf.code);
  uint8_t *out = plain.data();
  for (int64_t n = rowBegin; n < rowEnd; ++n) {
    for (int64_t k = 0; k < leaf.storedColumns(); ++k, out += size) {
      uint32_t code = 0;
      for (const FieldDesc &field : leaf.fields) {
        const unsigned wordBytes = field.wordBits / 8u;
        const unsigned at = static_cast<unsigned>(bitOf(field, n, k));
        uint32_t word =
            loadBits(fields[field.array].data() + wordOf(field, n, k) * wordBytes,
                     wordBytes);
        code |= ((word >> at) & lowMask(field.width)) << field.shift;
      }
      if (!leaf.fields.empty() && leaf.fields[0].radix) {
        const int64_t index[] = {n, k};
        code = digitOf(
            leaf.fields[0], groupBits(leaf), code,
            static_cast<unsigned>(leaf.fields[0].digit.results[0].eval(index)));
      }
      if (leaf.code.isFloat())
        storeBits(out, size, code);
      else
        *out = static_cast<uint8_t>(fromStored(leaf, code));
    }
  }
  return Status::success();
}

} // namespace lowbit
