//===- PrefixCode.cpp - Canonical prefix codes -------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PrefixCode.h"

#include <algorithm>
#include <queue>

namespace lowbit::packing {
namespace {

constexpr unsigned maxLength = 15;

/// Depths of Huffman's tree over the symbols with a count. Ties are broken by
/// node number, so the result is the same everywhere.
std::vector<uint8_t> depthsOf(std::span<const uint64_t> counts) {
  using Node = std::pair<uint64_t, uint32_t>; // weight, number
  std::priority_queue<Node, std::vector<Node>, std::greater<Node>> heap;
  std::vector<uint32_t> parent(counts.size(), 0);
  uint32_t symbols = 0;
  for (uint32_t symbol = 0; symbol < counts.size(); ++symbol)
    if (counts[symbol] > 0) {
      heap.emplace(counts[symbol], symbol);
      ++symbols;
    }
  std::vector<uint8_t> depths(counts.size(), 0);
  if (symbols == 1)
    depths[heap.top().second] = 1;
  if (symbols < 2)
    return depths;
  while (heap.size() > 1) {
    Node a = heap.top();
    heap.pop();
    Node b = heap.top();
    heap.pop();
    const uint32_t joined = static_cast<uint32_t>(parent.size());
    parent.push_back(0);
    parent[a.second] = parent[b.second] = joined;
    heap.emplace(a.first + b.first, joined);
  }
  const uint32_t root = heap.top().second;
  for (uint32_t symbol = 0; symbol < counts.size(); ++symbol)
    if (counts[symbol] > 0)
      for (uint32_t node = symbol; node != root; node = parent[node])
        ++depths[symbol];
  return depths;
}

} // namespace

std::vector<uint8_t> prefixLengths(std::span<const uint64_t> counts) {
  std::vector<uint64_t> scaled(counts.begin(), counts.end());
  while (true) {
    std::vector<uint8_t> depths = depthsOf(scaled);
    if (depths.empty() ||
        *std::max_element(depths.begin(), depths.end()) <= maxLength)
      return depths;
    for (uint64_t &count : scaled)
      count = count ? count / 2 + 1 : 0;
  }
}

StatusOr<PrefixCode> PrefixCode::create(std::span<const uint8_t> lengths) {
  PrefixCode code;
  code.lengths.assign(lengths.begin(), lengths.end());
  code.words.resize(lengths.size());
  uint32_t counts[maxLength + 1] = {};
  for (uint8_t length : lengths) {
    if (length > maxLength)
      return invalidArgument("a prefix code with a word of %u bits; at most %u",
                             length, maxLength);
    ++counts[length];
  }
  counts[0] = 0;
  uint32_t word = 0, place = 0;
  for (unsigned length = 1; length <= maxLength; ++length) {
    word = (word + counts[length - 1]) << 1;
    code.first[length] = word;
    code.offset[length] = place;
    place += counts[length];
    if (word + counts[length] > uint32_t{1} << length)
      return invalidArgument("the lengths of a prefix code leave no room for its "
                             "words of %u bits",
                             length);
    uint32_t next = word;
    for (size_t symbol = 0; symbol < lengths.size(); ++symbol)
      if (lengths[symbol] == length) {
        code.words[symbol] = static_cast<uint16_t>(next++);
        code.ordered.push_back(static_cast<uint8_t>(symbol));
      }
  }
  code.offset[maxLength + 1] = place;
  return code;
}

Status PrefixCode::encode(std::span<const uint8_t> symbols,
                          std::vector<uint8_t> &bytes) const {
  uint32_t pending = 0;
  unsigned held = 0;
  for (uint8_t symbol : symbols) {
    if (symbol >= lengths.size() || lengths[symbol] == 0)
      return invalidArgument("symbol %u has no word in the prefix code", symbol);
    pending = pending << lengths[symbol] | words[symbol];
    held += lengths[symbol];
    while (held >= 8) {
      held -= 8;
      bytes.push_back(static_cast<uint8_t>(pending >> held));
    }
    pending &= (uint32_t{1} << held) - 1;
  }
  if (held > 0)
    bytes.push_back(static_cast<uint8_t>(pending << (8 - held)));
  return Status::success();
}

Status PrefixCode::decode(std::span<const uint8_t> bytes,
                          std::span<uint8_t> symbols) const {
  size_t at = 0; // bit position
  const size_t end = bytes.size() * 8;
  for (uint8_t &symbol : symbols) {
    uint32_t word = 0;
    unsigned length = 0;
    bool found = false;
    while (!found) {
      if (length == maxLength || at == end)
        return invalidArgument("prefix code: %s at bit %zu",
                               at == end ? "the bytes end" : "no code word", at);
      word = word << 1 | (bytes[at / 8] >> (7 - at % 8) & 1u);
      ++at;
      ++length;
      const uint32_t inLength = offset[length + 1] - offset[length];
      if (word >= first[length] && word - first[length] < inLength) {
        symbol = ordered[offset[length] + word - first[length]];
        found = true;
      }
    }
  }
  return Status::success();
}

} // namespace lowbit::packing
