//===- JsonText.cpp - JSON from outside, with limits ----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "JsonText.h"

#include "lowbit/Support/MappedFile.h"

#include <set>

namespace lowbit::import {
namespace {

/// Walks JSON text once without recursion. It checks what llvm::json does not
/// (depth, duplicate keys); everything else is left to the parser.
class Scanner {
public:
  Scanner(std::string_view text, std::string_view what,
          const JsonLimits &limits, uint64_t baseOffset)
      : text(text), what(what), limits(limits), baseOffset(baseOffset) {}

  Status run() {
    while (position < text.size()) {
      char c = text[position];
      if (c == '"') {
        LOWBIT_RETURN_IF_ERROR(scanString());
        continue;
      }
      if (c == '{' || c == '[') {
        if (open.size() >= limits.depth)
          return error(position, formatString("is nested deeper than %u levels",
                                              limits.depth));
        open.push_back({c == '{', c == '{', {}});
      } else if (c == '}' || c == ']') {
        if (open.empty())
          return error(position, "closes a bracket that was not opened");
        open.pop_back();
      } else if (c == ',' && !open.empty() && open.back().isObject) {
        open.back().keyNext = true;
      }
      ++position;
    }
    return Status::success();
  }

private:
  struct Level {
    bool isObject;
    bool keyNext;
    std::set<std::string, std::less<>> keys;
  };

  Status error(size_t at, const std::string &detail) {
    return invalidArgument("'%.*s': the JSON at offset %llu %s",
                           static_cast<int>(what.size()), what.data(),
                           static_cast<unsigned long long>(baseOffset + at),
                           detail.c_str());
  }

  Status scanString() {
    const size_t begin = position++;
    bool escaped = false;
    while (position < text.size() && text[position] != '"') {
      if (text[position] == '\\') {
        escaped = true;
        ++position;
      }
      ++position;
    }
    if (position >= text.size())
      return error(begin, "has a string without end");
    std::string_view raw = text.substr(begin + 1, position - begin - 1);
    ++position;
    if (open.empty() || !open.back().keyNext)
      return Status::success();
    open.back().keyNext = false;
    std::string key(raw);
    if (escaped) {
      // Two spellings of one key are the same key.
      auto value = llvm::json::parse(
          llvm::StringRef(text.data() + begin, position - begin));
      if (!value) {
        llvm::consumeError(value.takeError());
        return error(begin, "has a malformed key");
      }
      key = value->getAsString()->str();
    }
    if (!limits.allowDuplicateKeys && !open.back().keys.insert(key).second)
      return error(begin, "repeats the key \"" + printable(key) + "\"");
    return Status::success();
  }

  static std::string printable(std::string_view key) {
    std::string result;
    for (char c : key.substr(0, 80))
      result += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    return result;
  }

  std::string_view text;
  std::string_view what;
  const JsonLimits &limits;
  uint64_t baseOffset;
  size_t position = 0;
  std::vector<Level> open;
};

} // namespace

Status scanJson(std::string_view text, std::string_view what,
                const JsonLimits &limits, uint64_t baseOffset) {
  return Scanner(text, what, limits, baseOffset).run();
}

StatusOr<llvm::json::Value> parseJson(std::string_view text,
                                      std::string_view what,
                                      const JsonLimits &limits,
                                      uint64_t baseOffset) {
  LOWBIT_RETURN_IF_ERROR(scanJson(text, what, limits, baseOffset));
  auto value = llvm::json::parse(llvm::StringRef(text.data(), text.size()));
  if (!value) {
    std::string reason = llvm::toString(value.takeError());
    return invalidArgument("'%.*s': malformed JSON (text from offset %llu): %s",
                           static_cast<int>(what.size()), what.data(),
                           static_cast<unsigned long long>(baseOffset),
                           reason.c_str());
  }
  return std::move(*value);
}

StatusOr<llvm::json::Value> parseJsonFile(const std::string &path,
                                          uint64_t maxBytes,
                                          const JsonLimits &limits) {
  LOWBIT_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  if (file.size() > maxBytes)
    return invalidArgument("'%s': %llu bytes of JSON; at most %llu are read",
                           path.c_str(),
                           static_cast<unsigned long long>(file.size()),
                           static_cast<unsigned long long>(maxBytes));
  std::string_view text(reinterpret_cast<const char *>(file.bytes().data()),
                        file.bytes().size());
  return parseJson(text, path, limits);
}

} // namespace lowbit::import
