//===- Bpe.h - Byte-pair merges ---------------------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both merge loops keep the symbols of a text in a linked list and the pairs
// that could merge in a priority queue, best first and leftmost among equals: n
// symbols take O(n log n).
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_TEXT_BPE_H
#define LOWBIT_RUNTIME_TEXT_BPE_H

#include "lowbit/Format/Tokenizer.h"

#include <unordered_map>

namespace lowbit::text {

/// Merges by rank.
class MergeTable {
public:
  MergeTable() = default;
  explicit MergeTable(std::span<const TokenMerge> merges);

  /// Merges `ids` in place until no listed pair is left, the lowest rank first.
  void apply(std::vector<int32_t> &ids) const;

private:
  struct Merge {
    uint64_t pair = emptySlot; ///< left << 32 | right
    uint32_t rank = 0;
    uint32_t result = 0;
  };
  static constexpr uint64_t emptySlot = ~uint64_t(0);
  static uint64_t hash(uint64_t pair);
  const Merge *find(uint32_t left, uint32_t right) const;

  void applyShort(std::vector<int32_t> &ids) const;
  void applyLong(std::vector<int32_t> &ids) const;

  /// Open addressing with linear probing; a power of two, at most half full.
  std::vector<Merge> slots;
};

/// Ids of vocabulary texts; the lowest id of equal texts. The texts must
/// outlive the table.
using TextIds = std::unordered_map<std::string_view, uint32_t>;

/// A stretch of the text with its id, or -1 where the text has none.
struct ScoredSymbol {
  size_t start = 0;
  size_t length = 0;
  int32_t id = -1;
};

/// SentencePiece's merges by score: starts from the characters of `text` (bytes
/// where it is not UTF-8) and merges the neighbours whose concatenation is the
/// token with the highest score.
std::vector<ScoredSymbol> mergeByScore(std::string_view text,
                                       const TextIds &ids,
                                       std::span<const float> scores,
                                       size_t longestToken);

} // namespace lowbit::text

#endif // LOWBIT_RUNTIME_TEXT_BPE_H
