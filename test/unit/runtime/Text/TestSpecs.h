//===- TestSpecs.h - Small tokenizers for tests -----------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_RUNTIME_TEXT_TESTSPECS_H
#define LOWBIT_TEST_UNIT_RUNTIME_TEXT_TESTSPECS_H

#include "lowbit/Format/Tokenizer.h"

namespace lowbit::test {

inline void addToken(TokenizerSpec &spec, std::string text, TokenType type) {
  spec.tokens.push_back(std::move(text));
  spec.types.push_back(type);
}

inline uint32_t idOf(const TokenizerSpec &spec, const std::string &text) {
  for (size_t id = 0; id < spec.tokens.size(); ++id)
    if (spec.tokens[id] == text)
      return static_cast<uint32_t>(id);
  return ~0u;
}

inline void addMerge(TokenizerSpec &spec, const std::string &left,
                     const std::string &right) {
  if (idOf(spec, left + right) == ~0u)
    addToken(spec, left + right, TokenType::normal);
  spec.merges.push_back(
      {idOf(spec, left), idOf(spec, right), idOf(spec, left + right)});
}

/// 256 bytes, two control tokens, a few merges; GPT-2's split.
inline TokenizerSpec smallByteLevel() {
  TokenizerSpec spec;
  spec.kind = TokenizerKind::byteLevelBpe;
  for (unsigned byte = 0; byte < 256; ++byte)
    addToken(spec, toByteLevel(std::string(1, static_cast<char>(byte))),
             TokenType::normal);
  addToken(spec, "<|im_start|>", TokenType::control);
  addToken(spec, "<|im_end|>", TokenType::control);
  spec.added = {{256, true, false, false, false},
                {257, true, false, false, false}};
  addMerge(spec, "h", "e");
  addMerge(spec, "l", "l");
  addMerge(spec, "he", "ll");
  addMerge(spec, "hell", "o");
  addMerge(spec, "a", "a");
  addMerge(spec, "aa", "aa");
  spec.bosId = 256;
  spec.eosId = 257;
  spec.splitPatterns = splitPatternsFor("gpt2", spec.preTokenizer).value();
  finishTokenizerSpec(spec);
  return spec;
}

/// <unk>, <s>, </s>, 256 byte tokens, then pieces with scores.
inline TokenizerSpec smallSentencePiece() {
  TokenizerSpec spec;
  spec.kind = TokenizerKind::sentencePieceBpe;
  addToken(spec, "<unk>", TokenType::unknown);
  addToken(spec, "<s>", TokenType::control);
  addToken(spec, "</s>", TokenType::control);
  for (unsigned byte = 0; byte < 256; ++byte)
    addToken(spec, formatString("<0x%02X>", byte), TokenType::byte);
  for (const char *piece :
       {"\u2581", "a", "b", "c", "ab", "bc", "\u2581a", "\u2581ab", "abc"})
    addToken(spec, piece, TokenType::normal);
  spec.scores.assign(spec.tokens.size(), 0.0f);
  float score = -1.0f;
  for (const char *piece : {"bc", "ab", "\u2581a", "\u2581ab", "abc"})
    spec.scores[idOf(spec, piece)] = score--;
  spec.byteFallback = true;
  spec.spacePrefix = SpacePrefix::everySegment;
  spec.unkId = 0;
  spec.bosId = 1;
  spec.eosId = 2;
  spec.addBos = true;
  for (uint32_t id : {0u, 1u, 2u})
    spec.added.push_back({id, true, false, false, false});
  finishTokenizerSpec(spec);
  return spec;
}

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_RUNTIME_TEXT_TESTSPECS_H
