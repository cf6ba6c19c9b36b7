//===- RunOptions.h - Flags of lowbit-run -----------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LOWBIT_RUN_RUNOPTIONS_H
#define LOWBIT_TOOLS_LOWBIT_RUN_RUNOPTIONS_H

#include "runtime/Text/Sampler.h"
#include "tools/common/LoadedModule.h"
#include "tools/lowbit-run/PictureOptions.h"

namespace lowbit {

struct RunOptions {
  ModuleFlags module;

  // Language models.
  std::string prompt;
  std::string promptFile;
  std::string tokenList;
  std::string systemMessage;
  bool hasPrompt = false;
  bool hasTokens = false;
  bool chat = false;
  int64_t tokens = 256;
  SamplerOptions sampler;
  int64_t topK = 0;
  int64_t repeatLastN = 64;
  std::vector<std::string> stops;
  bool ignoreEnd = false;
  int64_t context = 0;
  int64_t ubatch = 128;
  std::string dumpLogits;
  std::string dumpTokens;
  std::string tokenizeFile;
  std::string stats;
  bool timeKernels = false;
  bool quiet = false;

  // Diffusion models.
  PictureOptions pictures;

  // One function.
  std::string function;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<std::string> expected;
  float tolerance = 0;
  int64_t position = 0;

  void addTo(Flags &flags);
  /// Settles flags that depend on each other; a usage error otherwise.
  Status finish(const Flags &flags);
};

/// Generates text, or tokenizes a file. Returns the exit code.
StatusOr<int> runLlm(const RunOptions &options);
/// Makes pictures. Returns the exit code.
StatusOr<int> runDiffusion(const RunOptions &options);
/// Runs one function of the plan on arrays. Returns the exit code.
StatusOr<int> runFunction(const RunOptions &options);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LOWBIT_RUN_RUNOPTIONS_H
