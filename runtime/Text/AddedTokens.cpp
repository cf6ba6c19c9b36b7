//===- AddedTokens.cpp - Control and user-defined tokens in text ----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Text/AddedTokens.h"

#include "runtime/Text/Utf8.h"

#include <algorithm>

using namespace lowbit;
using namespace lowbit::text;

AddedTokens::AddedTokens(const TokenizerSpec &spec) : tokens(spec.added) {
  tokenOfNode.push_back(noToken);
  for (size_t i = 0; i < tokens.size(); ++i) {
    uint32_t node = 0;
    const std::string &text = spec.tokens[tokens[i].id];
    for (char c : text) {
      auto key = uint64_t(node) << 8 | static_cast<uint8_t>(c);
      auto [entry, isNew] =
          children.try_emplace(key, static_cast<uint32_t>(tokenOfNode.size()));
      if (isNew)
        tokenOfNode.push_back(noToken);
      node = entry->second;
    }
    if (node == 0)
      continue;
    starts[static_cast<uint8_t>(text[0])] = true;
    if (tokenOfNode[node] == noToken) // the lower id of two equal texts
      tokenOfNode[node] = static_cast<uint32_t>(i);
  }
}

const uint32_t *AddedTokens::child(uint32_t node, char byte) const {
  auto found = children.find(uint64_t(node) << 8 | static_cast<uint8_t>(byte));
  return found == children.end() ? nullptr : &found->second;
}

int32_t AddedTokens::find(std::string_view text) const {
  uint32_t node = 0;
  for (char c : text) {
    const uint32_t *next = child(node, c);
    if (!next)
      return -1;
    node = *next;
  }
  if (tokenOfNode.empty() || tokenOfNode[node] == noToken)
    return -1;
  return static_cast<int32_t>(tokens[tokenOfNode[node]].id);
}

AddedTokens::Match AddedTokens::longestAt(std::string_view text, size_t at,
                                          bool parseSpecial) const {
  Match best;
  uint32_t node = 0;
  for (size_t end = at; end < text.size();) {
    const uint32_t *next = child(node, text[end++]);
    if (!next)
      break;
    node = *next;
    if (tokenOfNode[node] == noToken)
      continue;
    const AddedToken &token = tokens[tokenOfNode[node]];
    if (!token.special || parseSpecial)
      best = {end - at, &token};
  }
  return best;
}

/// The code point that ends at `text[end - 1]`, or 0.
static uint32_t lastCodePoint(std::string_view text, size_t end,
                              size_t &length) {
  for (length = 1; length <= 4 && length <= end; ++length) {
    uint32_t codePoint = 0;
    if (characterLength(text.substr(0, end), end - length, &codePoint) ==
        length)
      return codePoint;
  }
  length = 0;
  return 0;
}

static bool touchesWord(std::string_view text, size_t start, size_t end) {
  size_t length = 0;
  uint32_t before = lastCodePoint(text, start, length);
  if (length != 0 && isWordCharacter(before))
    return true;
  uint32_t after = 0;
  return characterLength(text, end, &after) != 0 && isWordCharacter(after);
}

std::vector<TextSegment> AddedTokens::split(std::string_view text,
                                            bool parseSpecial) const {
  std::vector<TextSegment> segments;
  size_t done = 0; // everything before is in segments
  for (size_t at = 0; at < text.size();) {
    if (!starts[static_cast<uint8_t>(text[at])]) {
      ++at;
      continue;
    }
    Match match = longestAt(text, at, parseSpecial);
    if (!match.token ||
        (match.token->singleWord && touchesWord(text, at, at + match.length))) {
      ++at;
      continue;
    }
    size_t start = at, end = at + match.length;
    size_t length = 0;
    uint32_t codePoint = 0;
    if (match.token->leftStrip)
      while (start > done && isWhiteSpace(lastCodePoint(text, start, length)) &&
             length <= start - done)
        start -= length;
    if (match.token->rightStrip)
      while ((length = characterLength(text, end, &codePoint)) != 0 &&
             isWhiteSpace(codePoint))
        end += length;
    if (start > done)
      segments.push_back({text.substr(done, start - done), -1});
    segments.push_back({text.substr(start, end - start),
                        static_cast<int32_t>(match.token->id)});
    at = done = end;
  }
  if (done < text.size())
    segments.push_back({text.substr(done), -1});
  return segments;
}
