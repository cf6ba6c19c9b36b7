//===- TextDamageTest.cpp - Damaged PTX through parser and decoder --------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The kernels of test/Inputs/ptx with tokens and bytes changed at random
// (seeded), as `lowbit-ptx check` reads them: each text is refused with a place
// and a message, or decodes. LOWBIT_SHOW_MUTATIONS=1 prints each text before.
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Decoder.h"
#include "runtime/Simulator/Memory.h"
#include "runtime/Simulator/Ptx.h"
#include "test/unit/MutatedText.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <sstream>

using namespace lowbit;
using namespace lowbit::ptx;
using namespace lowbit::test;

namespace {

/// Each kernel of each file, with what stands before the first kernel.
std::vector<std::string> kernelTexts() {
  std::vector<std::string> texts;
  for (const auto &entry : std::filesystem::directory_iterator(
           std::string(LOWBIT_SOURCE_DIR) + "/test/Inputs/ptx")) {
    if (entry.path().extension() != ".ptx")
      continue;
    std::stringstream file;
    file << std::ifstream(entry.path()).rdbuf();
    std::string text = file.str();
    const std::string mark = ".visible .entry";
    size_t at = text.find(mark);
    const std::string head = text.substr(0, at);
    while (at != std::string::npos) {
      size_t next = text.find(mark, at + 1);
      texts.push_back(head + text.substr(at, next - at));
      at = next;
    }
  }
  std::sort(texts.begin(), texts.end());
  return texts;
}

/// What `lowbit-ptx check` does; false when the text is refused.
bool accepts(const std::string &text, uint32_t arch,
             std::vector<ptx::Diagnostic> &diagnostics) {
  ptx::Module module;
  if (!parseModule(text, module, diagnostics))
    return false;
  DecodeEnvironment environment;
  environment.arch = arch;
  uint64_t address = globalWindow;
  for (const Variable &variable : module.variables)
    environment.globals[variable.name] = address += 4096;
  bool good = true;
  for (const Function &function : module.functions) {
    if (function.isDeclaration)
      continue;
    if (function.isEntry)
      good &=
          decodeKernel(module, function, environment, diagnostics) != nullptr;
    else
      good &= checkFunction(module, function, environment, diagnostics);
  }
  return good;
}

} // namespace

TEST(SimulatorText, DamagedKernels) {
  std::vector<std::string> texts = kernelTexts();
  ASSERT_GT(texts.size(), 20u);
  TokenPool pool;
  std::vector<Tokens> kernels;
  for (const std::string &text : texts) {
    kernels.push_back(tokensOf(text));
    pool.add(kernels.back());
  }
  const bool show = std::getenv("LOWBIT_SHOW_MUTATIONS") != nullptr;
  std::mt19937_64 random(20251123);
  int accepted = 0, refused = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string text =
        mutated(kernels[random() % kernels.size()], pool, random);
    if (i % 10 == 0)
      text.resize(random() % text.size());
    if (show)
      std::fprintf(stderr, "=====\n%s\n", text.c_str());
    std::vector<ptx::Diagnostic> diagnostics;
    if (accepts(text, 100, diagnostics)) {
      ++accepted;
      continue;
    }
    ++refused;
    ASSERT_FALSE(diagnostics.empty()) << text;
    for (const ptx::Diagnostic &diagnostic : diagnostics) {
      EXPECT_FALSE(diagnostic.message.empty());
      EXPECT_EQ(diagnostic.message.find('\n'), std::string::npos)
          << diagnostic.message;
    }
  }
  EXPECT_GT(accepted, 500);
  EXPECT_GT(refused, 500);
  RecordProperty("accepted", accepted);
  RecordProperty("refused", refused);
}
