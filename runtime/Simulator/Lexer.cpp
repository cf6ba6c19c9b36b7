//===- Lexer.cpp - Tokens of PTX text -------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Lexer.h"

#include <cstdlib>
#include <cstring>

using namespace lowbit::ptx;

static bool isWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' || c == '$' || c == '%';
}

static bool isDigit(char c) { return c >= '0' && c <= '9'; }

static int hexValue(char c) {
  if (isDigit(c))
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

bool Lexer::skipBlanks() {
  while (position < text.size()) {
    char c = text[position];
    if (c == '\n') {
      ++position;
      ++line;
      lineStart = position;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++position;
    } else if (text.substr(position, 2) == "//") {
      while (position < text.size() && text[position] != '\n')
        ++position;
    } else if (text.substr(position, 2) == "/*") {
      size_t close = text.find("*/", position + 2);
      if (close == std::string_view::npos)
        return false;
      for (; position < close + 2; ++position)
        if (text[position] == '\n') {
          ++line;
          lineStart = position + 1;
        }
    } else {
      break;
    }
  }
  return true;
}

Token Lexer::number(Token token) {
  size_t start = position;
  auto bad = [&](const char *what) {
    token.kind = TokenKind::bad;
    token.text = what;
    return token;
  };
  if (text[position] == '0' && position + 1 < text.size()) {
    char form = text[position + 1];
    if (form == 'f' || form == 'F' || form == 'd' || form == 'D') {
      unsigned digits = (form == 'f' || form == 'F') ? 8 : 16;
      position += 2;
      uint64_t bits = 0;
      for (unsigned i = 0; i < digits; ++i, ++position) {
        int v = position < text.size() ? hexValue(text[position]) : -1;
        if (v < 0)
          return bad("hexadecimal float with too few digits");
        bits = bits << 4 | unsigned(v);
      }
      if (position < text.size() && isWord(text[position]))
        return bad("hexadecimal float with too many digits");
      token.kind = digits == 8 ? TokenKind::real32 : TokenKind::real64;
      token.bits = bits;
      return token;
    }
  }
  unsigned base = 10;
  if (text[position] == '0' && position + 1 < text.size()) {
    char form = text[position + 1];
    if (form == 'x' || form == 'X')
      base = 16, position += 2;
    else if (form == 'b' || form == 'B')
      base = 2, position += 2;
    else if (isDigit(form))
      base = 8, position += 1;
  }
  uint64_t value = 0;
  size_t first = position;
  bool overflow = false;
  while (position < text.size()) {
    int v = hexValue(text[position]);
    if (v < 0 || unsigned(v) >= base)
      break;
    overflow |= value > (UINT64_MAX - unsigned(v)) / base;
    value = value * base + unsigned(v);
    ++position;
  }
  bool real = base <= 10 && position < text.size() &&
              (text[position] == '.' || text[position] == 'e' ||
               text[position] == 'E');
  if (real && text[position] == '.' &&
      !(position + 1 < text.size() && isDigit(text[position + 1])))
    real = position + 1 >= text.size() || !isWord(text[position + 1]);
  if (real) {
    position = start;
    std::string copy;
    while (position < text.size() &&
           (isDigit(text[position]) || text[position] == '.' ||
            text[position] == 'e' || text[position] == 'E' ||
            ((text[position] == '-' || text[position] == '+') &&
             (text[position - 1] == 'e' || text[position - 1] == 'E'))))
      copy += text[position++];
    char *end = nullptr;
    double d = std::strtod(copy.c_str(), &end);
    if (*end)
      return bad("malformed decimal float");
    std::memcpy(&token.bits, &d, 8);
    token.kind = TokenKind::real64;
    return token;
  }
  if (position == first && base != 8)
    return bad("number without digits");
  if (overflow)
    return bad("integer does not fit 64 bits");
  if (position < text.size() && (text[position] == 'U'))
    ++position;
  if (position < text.size() && isWord(text[position]))
    return bad("stray letter after a number");
  token.kind = TokenKind::integer;
  token.bits = value;
  return token;
}

Token Lexer::next() {
  Token token;
  if (!skipBlanks()) {
    token.kind = TokenKind::bad;
    token.loc = {line, uint32_t(position - lineStart + 1)};
    token.text = "comment is not closed";
    position = text.size();
    return token;
  }
  token.loc = {line, uint32_t(position - lineStart + 1)};
  if (position >= text.size())
    return token;
  char c = text[position];
  if (isDigit(c))
    return number(token);
  if (isWord(c)) {
    size_t start = position;
    while (position < text.size() && isWord(text[position]))
      ++position;
    token.kind = TokenKind::identifier;
    token.text = text.substr(start, position - start);
    return token;
  }
  if (c == '.' && position + 1 < text.size() && isWord(text[position + 1])) {
    size_t start = ++position;
    while (position < text.size() &&
           (isWord(text[position]) ||
            (text.substr(position, 2) == "::" && position + 2 < text.size() &&
             isWord(text[position + 2])))) {
      position += text[position] == ':' ? 2 : 1;
    }
    token.kind = TokenKind::dotted;
    token.text = text.substr(start, position - start);
    return token;
  }
  if (c == '"') {
    size_t close = text.find('"', position + 1);
    if (close == std::string_view::npos) {
      token.kind = TokenKind::bad;
      token.text = "string is not closed";
      position = text.size();
      return token;
    }
    token.kind = TokenKind::string;
    token.text = text.substr(position + 1, close - position - 1);
    position = close + 1;
    return token;
  }
  token.text = text.substr(position, 1);
  ++position;
  if (!std::strchr("{}[]()<>,;:=+-!|@*&", c) || c == 0) {
    token.kind = TokenKind::bad;
    token.text = "character that PTX does not use";
    return token;
  }
  token.kind = TokenKind::punctuation;
  return token;
}
