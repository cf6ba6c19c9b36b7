//===- Splitter.cpp - Cutting text into words -----------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Text/Splitter.h"

#include "runtime/Text/Utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

using namespace lowbit;
using namespace lowbit::text;

namespace {
struct FreeCode {
  void operator()(pcre2_code *code) const { pcre2_code_free(code); }
};
struct FreeMatch {
  void operator()(pcre2_match_data *data) const { pcre2_match_data_free(data); }
};
using MatchData = std::unique_ptr<pcre2_match_data, FreeMatch>;
} // namespace

struct Splitter::Pattern {
  std::unique_ptr<pcre2_code, FreeCode> code;
};

Splitter::Splitter() = default;
Splitter::Splitter(Splitter &&) = default;
Splitter &Splitter::operator=(Splitter &&) = default;
Splitter::~Splitter() = default;

static std::string pcreMessage(int code) {
  PCRE2_UCHAR buffer[256];
  if (pcre2_get_error_message(code, buffer, sizeof(buffer)) < 0)
    return formatString("PCRE2 error %d", code);
  return reinterpret_cast<const char *>(buffer);
}

/// PCRE2's \s has U+180E, which Unicode's White_Space lost long ago.
static std::string spellOutWhiteSpace(const std::string &pattern) {
  std::string result;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '\\' || i + 1 == pattern.size()) {
      result.push_back(pattern[i]);
      continue;
    }
    char escaped = pattern[++i];
    if (escaped == 's')
      result += "\\p{White_Space}";
    else if (escaped == 'S')
      result += "\\P{White_Space}";
    else
      result.append({'\\', escaped});
  }
  return result;
}

StatusOr<Splitter>
Splitter::create(const std::vector<std::string> &patternTexts) {
  Splitter splitter;
  for (const std::string &text : patternTexts) {
    std::string pattern = spellOutWhiteSpace(text);
    int error = 0;
    PCRE2_SIZE offset = 0;
    Pattern compiled;
    compiled.code.reset(pcre2_compile(
        reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
        PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset,
        nullptr));
    if (!compiled.code)
      return invalidArgument(
          "split pattern '%.200s' is not valid: %s at offset "
          "%zu",
          pattern.c_str(), pcreMessage(error).c_str(),
          static_cast<size_t>(offset));
    // Without a JIT (a hardened kernel) the interpreter gives the same answer.
    (void)pcre2_jit_compile(compiled.code.get(), PCRE2_JIT_COMPLETE);
    splitter.patterns.push_back(std::move(compiled));
  }
  return splitter;
}

Status Splitter::apply(const Pattern &pattern, std::string_view text,
                       std::vector<std::string_view> &pieces) const {
  MatchData data(pcre2_match_data_create(1, nullptr));
  if (!data)
    return resourceExhausted("no memory to split text");
  auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  size_t kept = 0; // everything before is in pieces
  size_t at = 0;
  while (at < text.size()) {
    // The text is known to be UTF-8 and `at` is a character's start.
    uint32_t options = PCRE2_NO_UTF_CHECK;
    int result = pcre2_match(pattern.code.get(), subject, text.size(), at,
                             options, data.get(), nullptr);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT)
      result = pcre2_match(pattern.code.get(), subject, text.size(), at,
                           options | PCRE2_NO_JIT, data.get(), nullptr);
    if (result == PCRE2_ERROR_NOMATCH)
      break;
    if (result < 0)
      return resourceExhausted("splitting text at byte %zu failed: %s", at,
                               pcreMessage(result).c_str());
    const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(data.get());
    size_t start = bounds[0], end = bounds[1];
    if (start < at || end <= start) { // empty, or moved by \K
      at += characterLength(text, at);
      continue;
    }
    if (start > kept)
      pieces.push_back(text.substr(kept, start - kept));
    pieces.push_back(text.substr(start, end - start));
    at = kept = end;
  }
  if (kept < text.size())
    pieces.push_back(text.substr(kept));
  return Status::success();
}

Status Splitter::split(std::string_view text,
                       std::vector<std::string_view> &pieces) const {
  std::vector<std::string_view> current, next;
  size_t at = 0;
  while (at < text.size()) {
    size_t start = at;
    while (size_t length = characterLength(text, at))
      at += length;
    if (at > start) {
      current.assign(1, text.substr(start, at - start));
      for (const Pattern &pattern : patterns) {
        next.clear();
        for (std::string_view piece : current)
          LOWBIT_RETURN_IF_ERROR(apply(pattern, piece, next));
        current.swap(next);
      }
      pieces.insert(pieces.end(), current.begin(), current.end());
    }
    start = at;
    while (at < text.size() && characterLength(text, at) == 0)
      ++at;
    if (at > start)
      pieces.push_back(text.substr(start, at - start));
  }
  return Status::success();
}
