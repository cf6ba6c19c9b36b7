//===- Utf8.h - Characters in byte strings ----------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_TEXT_UTF8_H
#define LOWBIT_RUNTIME_TEXT_UTF8_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lowbit::text {

/// Length in bytes of the well-formed UTF-8 character at `text[at]`: 1 to 4, or
/// 0 when there is none (Unicode 15, table 3-7: no surrogates, nothing
/// overlong). `codePoint`, when given, gets its value.
size_t characterLength(std::string_view text, size_t at,
                       uint32_t *codePoint = nullptr);

/// True when `bytes`, of 1 to 3 bytes, could be the start of a character.
bool isCharacterPrefix(std::string_view bytes);

/// Unicode White_Space.
bool isWhiteSpace(uint32_t codePoint);
/// Letters, marks, decimal digits and connector punctuation: \w.
bool isWordCharacter(uint32_t codePoint);

/// NFC of the well-formed runs of `text`; other bytes stay as they are.
std::string normalizeNfc(std::string_view text);

} // namespace lowbit::text

#endif // LOWBIT_RUNTIME_TEXT_UTF8_H
