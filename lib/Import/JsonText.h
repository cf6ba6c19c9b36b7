//===- JsonText.h - JSON from outside, with limits ------------ -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LLVM's JSON parser recurses without limit and keeps the last of two equal
// keys. parseJson scans the text first and refuses both.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_JSONTEXT_H
#define LOWBIT_LIB_IMPORT_JSONTEXT_H

#include "lowbit/Support/Status.h"

#include "llvm/Support/JSON.h"

#include <string_view>

namespace lowbit::import {

struct JsonLimits {
  unsigned depth = 64;
  bool allowDuplicateKeys = false;
};

/// Checks nesting and duplicate keys; `what` names the text in errors
/// ("'dir/config.json'"), `baseOffset` is added to the byte offsets they give.
Status scanJson(std::string_view text, std::string_view what,
                const JsonLimits &limits = {}, uint64_t baseOffset = 0);

/// scanJson, then llvm::json::parse.
StatusOr<llvm::json::Value> parseJson(std::string_view text,
                                      std::string_view what,
                                      const JsonLimits &limits = {},
                                      uint64_t baseOffset = 0);

/// Reads a whole (mapped) file of at most `maxBytes` and parses it.
StatusOr<llvm::json::Value> parseJsonFile(const std::string &path,
                                          uint64_t maxBytes,
                                          const JsonLimits &limits = {});

} // namespace lowbit::import

#endif // LOWBIT_LIB_IMPORT_JSONTEXT_H
