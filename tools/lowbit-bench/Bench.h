//===- Bench.h - Parts of lowbit-bench --------------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LOWBIT_BENCH_BENCH_H
#define LOWBIT_TOOLS_LOWBIT_BENCH_BENCH_H

#include "tools/common/LoadedModule.h"

#include <vector>

namespace lowbit {

enum class BenchFormat : uint8_t { md, json, csv };

struct BenchOptions {
  ModuleFlags module;
  std::string threadList;
  std::string prompts = "512";
  std::string generated = "128";
  std::string depths = "0";
  int64_t repetitions = 5;
  int64_t ubatch = 128;
  bool noWarmup = false;
  std::string formatName = "md";
  BenchFormat format = BenchFormat::md;
  bool quiet = false;

  std::string perplexityFile;
  int64_t window = 512;
  int64_t windows = 0;
  bool bos = false;

  int64_t steps = 0;
  std::string batches = "1";
  float guidance = 1;
  std::string variant;
  bool diffusion = false;

  bool kernels = false;
  std::string filter;

  bool compare = false;
  std::string compareOld; ///< MODULE's place
  std::string compareNew;
  float threshold = 0.05f;

  void addTo(Flags &flags);
  Status finish(const Flags &flags);
};

/// "512", "1,2,4", "1-8", "128-512+128": in the order given, without repetition.
StatusOr<std::vector<int64_t>> parseRanges(const std::string &text);

/// Tokens a second for prompts and generation. Prints the table.
Status runSpeed(const BenchOptions &options);
/// Denoising steps a second. Prints the table.
Status runSteps(const BenchOptions &options);
/// Perplexity on a text file.
Status runPerplexity(const BenchOptions &options);
/// Time of each kernel of a module.
Status runKernels(const BenchOptions &options);
/// Compares two result files; the exit code is exitError on a regression.
StatusOr<int> runCompare(const BenchOptions &options);

/// Ids that stand for text: pseudo-random, the same on every machine.
std::vector<int32_t> benchTokens(int64_t count, int64_t vocabulary);
/// Logical weights of a module.
uint64_t parameterCount(const ModuleReader &file);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LOWBIT_BENCH_BENCH_H
