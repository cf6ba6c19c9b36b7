//===- FixtureFiles.h - Reading test/Inputs/tokenizer -----------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_RUNTIME_TEXT_FIXTUREFILES_H
#define LOWBIT_TEST_UNIT_RUNTIME_TEXT_FIXTUREFILES_H

#include "llvm/Support/JSON.h"

#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <string>

namespace lowbit::test {

inline std::string fixturePath(const std::string &name) {
  return std::string(LOWBIT_SOURCE_DIR "/test/Inputs/tokenizer/") + name;
}

/// The bytes of a file; empty when it is absent.
inline std::string readText(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

inline llvm::json::Value readJson(const std::string &path) {
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(readText(path));
  if (!value) {
    ADD_FAILURE() << path << ": " << llvm::toString(value.takeError());
    return nullptr;
  }
  return std::move(*value);
}

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_RUNTIME_TEXT_FIXTUREFILES_H
