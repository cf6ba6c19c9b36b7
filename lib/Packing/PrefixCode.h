//===- PrefixCode.h - Canonical prefix codes ------------------- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Symbols of at most 8 bits, code words of at most 15, most significant bit
// first. Only the lengths are stored: words of equal length are consecutive
// numbers in symbol order, shorter words come first. Blocks of symbols start at
// a byte.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_PACKING_PREFIXCODE_H
#define LOWBIT_LIB_PACKING_PREFIXCODE_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <span>
#include <vector>

namespace lowbit::packing {

/// Lengths for symbol counts, 0 for absent symbols, by Huffman's method on counts
/// halved until no word exceeds 15 bits. A single symbol gets length 1.
std::vector<uint8_t> prefixLengths(std::span<const uint64_t> counts);

class PrefixCode {
public:
  /// Fails unless the lengths are at most 15 and fill a prefix code at most.
  static StatusOr<PrefixCode> create(std::span<const uint8_t> lengths);

  /// Appends the words of `symbols` to `bytes`, padded to a byte by zeros.
  Status encode(std::span<const uint8_t> symbols,
                std::vector<uint8_t> &bytes) const;
  /// Fills `symbols` from `bytes`; an error when they end or hold no code word.
  Status decode(std::span<const uint8_t> bytes,
                std::span<uint8_t> symbols) const;

private:
  std::vector<uint8_t> lengths;
  std::vector<uint16_t> words;  ///< of each symbol
  std::vector<uint8_t> ordered; ///< symbols by (length, symbol)
  uint32_t first[17] = {};      ///< first word of each length
  uint32_t offset[17] = {};     ///< its place in `ordered`
};

} // namespace lowbit::packing

#endif // LOWBIT_LIB_PACKING_PREFIXCODE_H
