//===- AddedTokens.h - Control and user-defined tokens in text --*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_TEXT_ADDEDTOKENS_H
#define LOWBIT_RUNTIME_TEXT_ADDEDTOKENS_H

#include "lowbit/Format/Tokenizer.h"

#include <unordered_map>

namespace lowbit::text {

/// A stretch of text: one token (id >= 0) or text still to be encoded (id -1,
/// never empty).
struct TextSegment {
  std::string_view text;
  int32_t id = -1;
};

/// Finds the added tokens of a vocabulary: the leftmost, and of those that
/// start there the longest.
class AddedTokens {
public:
  AddedTokens() = default;
  /// Keeps no reference to `spec`.
  explicit AddedTokens(const TokenizerSpec &spec);

  /// Cuts `text`; special tokens count only with `parseSpecial`.
  std::vector<TextSegment> split(std::string_view text,
                                 bool parseSpecial) const;
  /// The id of exactly `text`, or -1.
  int32_t find(std::string_view text) const;

private:
  struct Match {
    size_t length = 0;
    const AddedToken *token = nullptr;
  };
  Match longestAt(std::string_view text, size_t at, bool parseSpecial) const;
  const uint32_t *child(uint32_t node, char byte) const;

  static constexpr uint32_t noToken = ~0u;
  std::vector<AddedToken> tokens;
  /// A trie over bytes: children by (node << 8 | byte), tokens by node.
  std::unordered_map<uint64_t, uint32_t> children;
  std::vector<uint32_t> tokenOfNode;
  bool starts[256] = {};
};

} // namespace lowbit::text

#endif // LOWBIT_RUNTIME_TEXT_ADDEDTOKENS_H
