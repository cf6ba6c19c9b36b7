//===- Bpe.cpp - Byte-pair merges -----------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Text/Bpe.h"

#include "runtime/Text/Utf8.h"

#include <bit>
#include <queue>

using namespace lowbit;
using namespace lowbit::text;

//===----------------------------------------------------------------------===//
// By rank
//===----------------------------------------------------------------------===//

// The finalizer of SplitMix64.
uint64_t MergeTable::hash(uint64_t pair) {
  pair = (pair ^ (pair >> 30)) * 0xbf58476d1ce4e5b9ull;
  pair = (pair ^ (pair >> 27)) * 0x94d049bb133111ebull;
  return pair ^ (pair >> 31);
}

MergeTable::MergeTable(std::span<const TokenMerge> merges) {
  if (merges.empty())
    return;
  slots.resize(std::bit_ceil(2 * merges.size()));
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    uint64_t pair = uint64_t(merges[rank].left) << 32 | merges[rank].right;
    size_t slot = hash(pair) & (slots.size() - 1);
    while (slots[slot].pair != emptySlot && slots[slot].pair != pair)
      slot = (slot + 1) & (slots.size() - 1);
    if (slots[slot].pair == emptySlot) // of equal pairs the first one counts
      slots[slot] = {pair, static_cast<uint32_t>(rank), merges[rank].result};
  }
}

const MergeTable::Merge *MergeTable::find(uint32_t left, uint32_t right) const {
  if (slots.empty())
    return nullptr;
  uint64_t pair = uint64_t(left) << 32 | right;
  size_t slot = hash(pair) & (slots.size() - 1);
  while (slots[slot].pair != emptySlot) {
    if (slots[slot].pair == pair)
      return &slots[slot];
    slot = (slot + 1) & (slots.size() - 1);
  }
  return nullptr;
}

void MergeTable::apply(std::vector<int32_t> &ids) const {
  // Ordinary words are short: a scan beats the queue there.
  if (ids.size() <= 24)
    applyShort(ids);
  else
    applyLong(ids);
}

void MergeTable::applyShort(std::vector<int32_t> &ids) const {
  while (ids.size() > 1) {
    const Merge *best = nullptr;
    size_t at = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const Merge *merge = find(static_cast<uint32_t>(ids[i]),
                                static_cast<uint32_t>(ids[i + 1]));
      if (merge && (!best || merge->rank < best->rank)) {
        best = merge;
        at = i;
      }
    }
    if (!best)
      return;
    ids[at] = static_cast<int32_t>(best->result);
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

namespace {
struct RankedPair {
  uint32_t rank;
  int32_t at; ///< index of the left symbol
  int32_t left, right;
  uint32_t result;
};
/// True when `a` is merged after `b`.
struct MergedLater {
  bool operator()(const RankedPair &a, const RankedPair &b) const {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  }
};
} // namespace

void MergeTable::applyLong(std::vector<int32_t> &ids) const {
  auto count = static_cast<int32_t>(ids.size());
  std::vector<int32_t> previous(ids.size()), next(ids.size());
  std::priority_queue<RankedPair, std::vector<RankedPair>, MergedLater> queue;
  auto offer = [&](int32_t at) {
    int32_t right = at >= 0 ? next[at] : count;
    if (right >= count)
      return;
    if (const Merge *merge = find(static_cast<uint32_t>(ids[at]),
                                  static_cast<uint32_t>(ids[right])))
      queue.push({merge->rank, at, ids[at], ids[right], merge->result});
  };
  for (int32_t i = 0; i < count; ++i) {
    previous[i] = i - 1;
    next[i] = i + 1;
  }
  for (int32_t i = 0; i < count; ++i)
    offer(i);
  while (!queue.empty()) {
    RankedPair pair = queue.top();
    queue.pop();
    int32_t right = next[pair.at];
    // Entries stay in the queue when a neighbour changes; skip those.
    if (ids[pair.at] != pair.left || right >= count || ids[right] != pair.right)
      continue;
    ids[pair.at] = static_cast<int32_t>(pair.result);
    ids[right] = -1;
    next[pair.at] = next[right];
    if (next[right] < count)
      previous[next[right]] = pair.at;
    offer(previous[pair.at]);
    offer(pair.at);
  }
  size_t kept = 0;
  for (int32_t i = 0; i < count; i = next[i])
    ids[kept++] = ids[i];
  ids.resize(kept);
}

//===----------------------------------------------------------------------===//
// By score
//===----------------------------------------------------------------------===//

namespace {
struct ScoredPair {
  float score;
  int32_t at;    ///< index of the left symbol
  size_t length; ///< of the concatenation
  int32_t id;
};
struct ScoredLater {
  bool operator()(const ScoredPair &a, const ScoredPair &b) const {
    return a.score != b.score ? a.score < b.score : a.at > b.at;
  }
};
} // namespace

std::vector<ScoredSymbol> text::mergeByScore(std::string_view text,
                                             const TextIds &ids,
                                             std::span<const float> scores,
                                             size_t longestToken) {
  std::vector<ScoredSymbol> symbols;
  for (size_t at = 0; at < text.size();) {
    size_t length = std::max<size_t>(characterLength(text, at), 1);
    auto found = ids.find(text.substr(at, length));
    symbols.push_back(
        {at, length,
         found == ids.end() ? -1 : static_cast<int32_t>(found->second)});
    at += length;
  }
  auto count = static_cast<int32_t>(symbols.size());
  std::vector<int32_t> previous(symbols.size()), next(symbols.size());
  std::priority_queue<ScoredPair, std::vector<ScoredPair>, ScoredLater> queue;
  auto offer = [&](int32_t at) {
    int32_t right = at >= 0 ? next[at] : count;
    if (right >= count)
      return;
    size_t length = symbols[at].length + symbols[right].length;
    if (length > longestToken)
      return;
    auto found = ids.find(text.substr(symbols[at].start, length));
    if (found != ids.end())
      queue.push({scores[found->second], at, length,
                  static_cast<int32_t>(found->second)});
  };
  for (int32_t i = 0; i < count; ++i) {
    previous[i] = i - 1;
    next[i] = i + 1;
  }
  for (int32_t i = 0; i < count; ++i)
    offer(i);
  while (!queue.empty()) {
    ScoredPair pair = queue.top();
    queue.pop();
    int32_t right = next[pair.at];
    // A symbol that was swallowed has length 0; one that grew no longer adds
    // up.
    if (symbols[pair.at].length == 0 || right >= count ||
        symbols[pair.at].length + symbols[right].length != pair.length)
      continue;
    symbols[pair.at].length = pair.length;
    symbols[pair.at].id = pair.id;
    symbols[right].length = 0;
    next[pair.at] = next[right];
    if (next[right] < count)
      previous[next[right]] = pair.at;
    offer(previous[pair.at]);
    offer(pair.at);
  }
  size_t kept = 0;
  for (int32_t i = 0; i < count; i = next[i])
    symbols[kept++] = symbols[i];
  symbols.resize(kept);
  return symbols;
}
