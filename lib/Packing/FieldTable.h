//===- FieldTable.h - Addresses of one field ------------------ -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every map is a sum of terms of one dimension each, so an address is A(n) +
// B(k). The table holds B for all columns; rows evaluate A once.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_PACKING_FIELDTABLE_H
#define LOWBIT_LIB_PACKING_FIELDTABLE_H

#include "PlainArray.h"

#include "lowbit/Packing/Encoding.h"

namespace lowbit::packing {

/// Word of element (n, k), row-major in the field's storage.
inline int64_t wordOf(const FieldDesc &field, int64_t row, int64_t column) {
  const int64_t index[] = {row, column};
  int64_t place[8]; // validate() allows no higher rank
  field.word.eval(index, place);
  return linearize({place, field.word.results.size()}, field.storage);
}

/// Its lowest bit there.
inline int64_t bitOf(const FieldDesc &field, int64_t row, int64_t column) {
  const int64_t index[] = {row, column};
  return field.bit.results[0].eval(index);
}

/// base^exponent; validate() keeps it within 33 bits.
inline uint64_t powerOf(uint64_t base, unsigned exponent) {
  uint64_t result = 1;
  while (exponent-- > 0)
    result *= base;
  return result;
}

/// Bits of a group number: the fields' together.
inline unsigned groupBits(const LeafDesc &leaf) {
  unsigned bits = 0;
  for (const FieldDesc &field : leaf.fields)
    bits += field.width;
  return bits;
}

/// Digit `at` of a group number of `bits` bits.
inline uint32_t digitOf(const FieldDesc &field, unsigned bits, uint32_t number,
                        unsigned at) {
  if (field.store == RadixStore::plain)
    return static_cast<uint32_t>(number / powerOf(field.radix, at) % field.radix);
  const uint64_t fraction = number * powerOf(field.radix, at) & lowMask(bits);
  return static_cast<uint32_t>(fraction * field.radix >> bits);
}

/// The number with digit `at` replaced.
inline uint32_t withDigit(const FieldDesc &field, unsigned bits, uint32_t number,
                          unsigned at, uint32_t digit) {
  if (field.store == RadixStore::plain)
    return static_cast<uint32_t>(
        number + (uint64_t{digit} - digitOf(field, bits, number, at)) *
                     powerOf(field.radix, at));
  uint64_t value = 0;
  for (unsigned i = 0; i < field.digits; ++i)
    value =
        value * field.radix + (i == at ? digit : digitOf(field, bits, number, i));
  const uint64_t states = powerOf(field.radix, field.digits);
  // value < states <= 2^bits <= 2^32, so the product fits.
  return static_cast<uint32_t>(((value << bits) + states - 1) / states);
}

/// Element (n, k) is in word wordOf(n, 0) + columnWord[k] at bit
/// bitOf(n, 0) + columnBit[k].
struct FieldTable {
  const FieldDesc *desc = nullptr;
  std::vector<int64_t> columnWord;
  std::vector<int8_t> columnBit;
  /// The first 4 * quads columns come in fours that take consecutive bytes at
  /// the same bit, so four are moved at a time. Zero for wider words.
  size_t quads = 0;

  FieldTable(const FieldDesc &field, int64_t columns) : desc(&field) {
    if (field.entropyBlock > 0)
      return;
    const int64_t word = wordOf(field, 0, 0), bit = bitOf(field, 0, 0);
    columnWord.reserve(static_cast<size_t>(columns));
    columnBit.reserve(static_cast<size_t>(columns));
    for (int64_t k = 0; k < columns; ++k) {
      columnWord.push_back(wordOf(field, 0, k) - word);
      columnBit.push_back(static_cast<int8_t>(bitOf(field, 0, k) - bit));
    }
    auto isQuad = [&](size_t k) {
      for (size_t i = 1; i < 4; ++i)
        if (columnWord[k + i] != columnWord[k] + static_cast<int64_t>(i) ||
            columnBit[k + i] != columnBit[k])
          return false;
      return true;
    };
    while (field.wordBits == 8 && !field.radix && 4 * quads + 4 <= columnWord.size() &&
           isQuad(4 * quads))
      ++quads;
  }

  /// Writes a row of codes; Word has desc->wordBits bits.
  template <typename Word, typename Code>
  void scatter(int64_t row, const Code *codes, uint8_t *stored) const {
    const int64_t base = wordOf(*desc, row, 0);
    const unsigned bit = static_cast<unsigned>(bitOf(*desc, row, 0));
    const uint32_t mask = lowMask(desc->width);
    const unsigned shift = desc->shift;
    size_t k = 0;
    if constexpr (sizeof(Word) == 1 && sizeof(Code) == 1) {
      const uint32_t masks = mask * 0x01010101u;
      for (; k < 4 * quads; k += 4) {
        uint8_t *place = stored + base + columnWord[k];
        const unsigned at = bit + static_cast<unsigned>(columnBit[k]);
        uint32_t four =
            load<uint32_t>(reinterpret_cast<const uint8_t *>(codes + k));
        store<uint32_t>(place, (load<uint32_t>(place) & ~(masks << at)) |
                                   ((four >> shift) & masks) << at);
      }
    }
    for (; k < columnWord.size(); ++k) {
      uint8_t *place =
          stored + (base + columnWord[k]) * static_cast<int64_t>(sizeof(Word));
      const unsigned at = bit + static_cast<unsigned>(columnBit[k]);
      uint32_t word = load<Word>(place) & ~(mask << at);
      uint32_t piece = (static_cast<uint32_t>(codes[k]) >> shift) & mask;
      store<Word>(place, static_cast<Word>(word | piece << at));
    }
  }

  /// Ors the field's bits of a row into codes.
  template <typename Word, typename Code>
  void gather(int64_t row, const uint8_t *stored, Code *codes) const {
    const int64_t base = wordOf(*desc, row, 0);
    const unsigned bit = static_cast<unsigned>(bitOf(*desc, row, 0));
    const uint32_t mask = lowMask(desc->width);
    const unsigned shift = desc->shift;
    size_t k = 0;
    if constexpr (sizeof(Word) == 1 && sizeof(Code) == 1) {
      const uint32_t masks = mask * 0x01010101u;
      for (; k < 4 * quads; k += 4) {
        const unsigned at = bit + static_cast<unsigned>(columnBit[k]);
        uint32_t four = load<uint32_t>(stored + base + columnWord[k]);
        uint8_t *to = reinterpret_cast<uint8_t *>(codes + k);
        store<uint32_t>(to, load<uint32_t>(to) | ((four >> at) & masks)
                                                     << shift);
      }
    }
    for (; k < columnWord.size(); ++k) {
      uint32_t word = load<Word>(
          stored + (base + columnWord[k]) * static_cast<int64_t>(sizeof(Word)));
      const unsigned at = bit + static_cast<unsigned>(columnBit[k]);
      codes[k] = static_cast<Code>(codes[k] | ((word >> at) & mask) << shift);
    }
  }

  /// A(row) of the address.
  struct RowBase {
    int64_t word, bit;
  };
  RowBase baseOf(int64_t row) const {
    return {wordOf(*desc, row, 0), bitOf(*desc, row, 0)};
  }
  /// The field's run of column k of a row, and the same replaced.
  uint32_t run(RowBase base, size_t k, const uint8_t *stored) const {
    const unsigned size = desc->wordBits / 8u;
    const int64_t word = base.word + columnWord[k];
    const int64_t at = base.bit + columnBit[k];
    return loadBits(stored + word * size, size) >> at & lowMask(desc->width);
  }
  void setRun(RowBase base, size_t k, uint32_t value, uint8_t *stored) const {
    const unsigned size = desc->wordBits / 8u;
    const int64_t word = base.word + columnWord[k];
    const int64_t at = base.bit + columnBit[k];
    const uint32_t mask = lowMask(desc->width);
    uint8_t *place = stored + word * size;
    storeBits(place, size,
              (loadBits(place, size) & ~(mask << at)) | (value & mask) << at);
  }

  template <typename Code>
  void scatterRow(int64_t row, const Code *codes, uint8_t *stored) const {
    switch (desc->wordBits) {
    case 8:
      return scatter<uint8_t>(row, codes, stored);
    case 16:
      return scatter<uint16_t>(row, codes, stored);
    default:
      return scatter<uint32_t>(row, codes, stored);
    }
  }

  template <typename Code>
  void gatherRow(int64_t row, const uint8_t *stored, Code *codes) const {
    switch (desc->wordBits) {
    case 8:
      return gather<uint8_t>(row, stored, codes);
    case 16:
      return gather<uint16_t>(row, stored, codes);
    default:
      return gather<uint32_t>(row, stored, codes);
    }
  }
};

} // namespace lowbit::packing

#endif // LOWBIT_LIB_PACKING_FIELDTABLE_H
