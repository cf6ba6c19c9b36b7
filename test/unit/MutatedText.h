//===- MutatedText.h - Texts with a few tokens changed --------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For tests of parsers: most changed texts are still close to valid ones.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_MUTATEDTEXT_H
#define LOWBIT_TEST_UNIT_MUTATEDTEXT_H

#include <cctype>
#include <cstdint>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace lowbit::test {

using Tokens = std::vector<std::string>;

/// Words, numbers and single marks, each with the blanks before it.
inline Tokens tokensOf(const std::string &text) {
  Tokens tokens;
  auto isWord = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' ||
           c == '.' || c == '$';
  };
  size_t at = 0;
  while (at < text.size()) {
    size_t end = at;
    while (end < text.size() &&
           std::isspace(static_cast<unsigned char>(text[end])))
      ++end;
    if (end < text.size() && isWord(text[end]))
      while (end < text.size() && isWord(text[end]))
        ++end;
    else if (end < text.size())
      ++end;
    tokens.push_back(text.substr(at, end - at));
    at = end;
  }
  return tokens;
}

/// Words, numbers and marks.
enum class TokenClass { word, number, mark };
inline TokenClass classOf(const std::string &token) {
  char last = token.empty() ? ' ' : token.back();
  size_t begin = token.find_first_not_of(" \n\t");
  char first = begin == std::string::npos ? ' ' : token[begin];
  if (std::isdigit(static_cast<unsigned char>(first)))
    return TokenClass::number;
  return std::isalnum(static_cast<unsigned char>(last)) ? TokenClass::word
                                                        : TokenClass::mark;
}

/// Tokens by class; most replacements are from the class of what they replace,
/// so that the text gets past the parser to the verifiers.
struct TokenPool {
  void add(const Tokens &tokens) {
    for (const std::string &token : tokens) {
      all.push_back(token);
      byClass[static_cast<int>(classOf(token))].push_back(token);
    }
  }
  Tokens all;
  Tokens byClass[3];
};

/// Changes one to three tokens of `tokens`.
inline std::string mutated(Tokens tokens, const TokenPool &pool,
                           std::mt19937_64 &random) {
  static const char *const extremes[] = {"0",
                                         "1",
                                         "2",
                                         "3",
                                         "32",
                                         "64",
                                         "65",
                                         "255",
                                         "-1",
                                         "-7",
                                         "2147483648",
                                         "4294967297",
                                         "9223372036854775807",
                                         "-9223372036854775808",
                                         "18446744073709551616",
                                         "1e400",
                                         "0x7fc00000"};
  auto pick = [&](const auto &from) {
    return std::string(from[random() % std::size(from)]);
  };
  for (int count = random() % 4 ? 1 : 3; count > 0 && !tokens.empty();
       --count) {
    std::string &token = tokens[random() % tokens.size()];
    switch (random() % 10) {
    case 0:
      token.clear();
      break;
    case 1:
      token += token;
      break;
    case 2:
      token = pick(pool.all);
      break;
    case 3:
      std::swap(token, tokens[random() % tokens.size()]);
      break;
    case 4:
      if (!token.empty())
        token[random() % token.size()] ^=
            static_cast<char>(1 << (random() % 8));
      break;
    default:
      if (classOf(token) == TokenClass::number && random() % 2)
        token = " " + pick(extremes);
      else
        token = pick(pool.byClass[static_cast<int>(classOf(token))]);
    }
  }
  std::string text;
  for (const std::string &token : tokens)
    text += token;
  return text;
}

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_MUTATEDTEXT_H
