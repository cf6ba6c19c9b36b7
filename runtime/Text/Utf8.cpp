//===- Utf8.cpp - Characters in byte strings ------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Text/Utf8.h"

#include <cstdlib>
#include <utf8proc.h>

using namespace lowbit;

namespace {
/// What a lead byte demands: the length of its character and the range of the
/// second byte (Unicode 15, table 3-7).
struct LeadByte {
  size_t length;
  uint8_t secondLow;
  uint8_t secondHigh;
};
} // namespace

static LeadByte leadByte(uint8_t byte) {
  if (byte < 0x80)
    return {1, 0, 0};
  if (byte < 0xc2)
    return {0, 0, 0};
  if (byte < 0xe0)
    return {2, 0x80, 0xbf};
  if (byte < 0xf0)
    return {3, static_cast<uint8_t>(byte == 0xe0 ? 0xa0 : 0x80),
            static_cast<uint8_t>(byte == 0xed ? 0x9f : 0xbf)};
  if (byte < 0xf5)
    return {4, static_cast<uint8_t>(byte == 0xf0 ? 0x90 : 0x80),
            static_cast<uint8_t>(byte == 0xf4 ? 0x8f : 0xbf)};
  return {0, 0, 0};
}

/// Whether byte number `index` (from 1) may follow in a character.
static bool mayFollow(const LeadByte &lead, size_t index, uint8_t byte) {
  if (index == 1)
    return byte >= lead.secondLow && byte <= lead.secondHigh;
  return (byte & 0xc0) == 0x80;
}

size_t text::characterLength(std::string_view text, size_t at,
                             uint32_t *codePoint) {
  if (at >= text.size())
    return 0;
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[at + i]); };
  LeadByte lead = leadByte(byte(0));
  if (lead.length == 0 || lead.length > text.size() - at)
    return 0;
  uint32_t value = lead.length == 1 ? byte(0) : byte(0) & (0x7f >> lead.length);
  for (size_t i = 1; i < lead.length; ++i) {
    if (!mayFollow(lead, i, byte(i)))
      return 0;
    value = (value << 6) | (byte(i) & 0x3f);
  }
  if (codePoint)
    *codePoint = value;
  return lead.length;
}

bool text::isCharacterPrefix(std::string_view bytes) {
  if (bytes.empty())
    return false;
  LeadByte lead = leadByte(static_cast<uint8_t>(bytes[0]));
  if (lead.length <= bytes.size())
    return false;
  for (size_t i = 1; i < bytes.size(); ++i)
    if (!mayFollow(lead, i, static_cast<uint8_t>(bytes[i])))
      return false;
  return true;
}

bool text::isWhiteSpace(uint32_t c) {
  return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
         c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool text::isWordCharacter(uint32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_MC:
  case UTF8PROC_CATEGORY_ME:
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_PC:
    return true;
  default:
    return false;
  }
}

std::string text::normalizeNfc(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  size_t at = 0;
  while (at < text.size()) {
    size_t start = at;
    bool ascii = true;
    while (size_t length = characterLength(text, at)) {
      ascii &= length == 1;
      at += length;
    }
    std::string_view run = text.substr(start, at - start);
    utf8proc_uint8_t *composed = nullptr;
    utf8proc_ssize_t length = -1;
    if (!ascii)
      length = utf8proc_map(
          reinterpret_cast<const utf8proc_uint8_t *>(run.data()),
          static_cast<utf8proc_ssize_t>(run.size()), &composed,
          static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    if (length >= 0)
      result.append(reinterpret_cast<const char *>(composed),
                    static_cast<size_t>(length));
    else
      result.append(run);
    std::free(composed);
    if (at < text.size())
      result.push_back(text[at++]);
  }
  return result;
}
