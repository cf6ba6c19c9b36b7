//===- Json.cpp - Writing JSON --------------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/common/Json.h"

#include <cmath>
#include <cstdio>

using namespace lowbit;

/// Length of the UTF-8 sequence at `text`, 0 where it is malformed.
static size_t utf8Length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = byte(0);
  size_t length = first < 0x80             ? 1
                  : first >= 0xc2 && first < 0xe0 ? 2
                  : first >= 0xe0 && first < 0xf0 ? 3
                  : first >= 0xf0 && first < 0xf5 ? 4
                                                  : 0;
  if (length == 0 || length > text.size())
    return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80)
      return 0;
  bool overlong = (first == 0xe0 && byte(1) < 0xa0) ||
                  (first == 0xf0 && byte(1) < 0x90);
  bool surrogate = first == 0xed && byte(1) >= 0xa0;
  bool beyond = first == 0xf4 && byte(1) >= 0x90;
  return overlong || surrogate || beyond ? 0 : length;
}

std::string lowbit::jsonQuote(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size();) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    size_t length = utf8Length(text.substr(i));
    if (length == 0) {
      out += "\xef\xbf\xbd";
      ++i;
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[i];
    } else if (c == '\n') {
      out += "\\n";
    } else if (c < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x", c);
      out += escape;
    } else {
      out += text.substr(i, length);
    }
    i += length;
  }
  return out + "\"";
}

void JsonWriter::newLine() {
  out += '\n';
  out.append(2 * empty.size(), ' ');
}

void JsonWriter::beforeValue() {
  if (afterKey) {
    afterKey = false;
    return;
  }
  if (empty.empty())
    return;
  if (!empty.back())
    out += ',';
  empty.back() = false;
  newLine();
}

void JsonWriter::open(char bracket) {
  beforeValue();
  out += bracket;
  empty.push_back(true);
}

void JsonWriter::close(char bracket) {
  bool wasEmpty = empty.back();
  empty.pop_back();
  if (!wasEmpty)
    newLine();
  out += bracket;
}

JsonWriter &JsonWriter::key(std::string_view name) {
  beforeValue();
  out += jsonQuote(name) + ": ";
  afterKey = true;
  return *this;
}

void JsonWriter::value(std::string_view text) { raw(jsonQuote(text)); }
void JsonWriter::value(bool truth) { raw(truth ? "true" : "false"); }
void JsonWriter::value(int64_t number) { raw(std::to_string(number)); }
void JsonWriter::value(uint64_t number) { raw(std::to_string(number)); }
void JsonWriter::value(double number) {
  if (!std::isfinite(number)) {
    raw("null");
    return;
  }
  char text[40];
  std::snprintf(text, sizeof(text), "%.9g", number);
  raw(text);
}
void JsonWriter::raw(std::string_view json) {
  beforeValue();
  out += json;
}
