//===- Lexer.h - Tokens of PTX text -----------------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_LEXER_H
#define RUNTIME_SIMULATOR_LEXER_H

#include "runtime/Simulator/Ptx.h"

namespace lowbit::ptx {

enum class TokenKind : uint8_t {
  end,
  identifier, ///< text: letters, digits, _ $ %
  dotted,     ///< text: the word after a dot, with :: inside
  integer,    ///< bits
  real32,     ///< bits
  real64,     ///< bits
  string,     ///< text: contents
  punctuation, ///< text: one of the single characters, or "@"
  bad,        ///< text: what is wrong
};

struct Token {
  TokenKind kind = TokenKind::end;
  Loc loc;
  std::string_view text;
  uint64_t bits = 0;
};

/// Cuts text into tokens; comments and white space vanish.
class Lexer {
public:
  explicit Lexer(std::string_view text) : text(text) {}
  Token next();

private:
  std::string_view text;
  size_t position = 0;
  uint32_t line = 1;
  size_t lineStart = 0;

  bool skipBlanks();
  Token number(Token token);
};

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_LEXER_H
