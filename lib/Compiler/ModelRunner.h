//===- ModelRunner.h - The model on the CPU runtime ------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_COMPILER_MODELRUNNER_H
#define LIB_COMPILER_MODELRUNNER_H

#include "lib/Compiler/HostModule.h"
#include "passes/Compress/ModelRunner.h"

namespace mlir::lowbit {

struct ModelRunnerOptions {
  std::string calibrationFile; ///< empty: none
  int64_t calibrationTokens = 16384;
  int64_t calibrationWindow = 512; ///< tokens of one sequence
  std::string evalFile; ///< empty: none
  int64_t evalWindow = 512;
  int64_t evalWindows = 16; ///< 0: all of the text
  bool evalBos = false;
  /// Activations of perplexity runs, as PhaseOptions.
  std::string activations = "auto";
  int64_t activationGroup = 0;
  /// Entries of the module file that the runtime needs, and the tokenizer.
  std::vector<std::pair<std::string, std::string>> meta;
  std::vector<uint8_t> tokenizer;
  unsigned threads = 1;
  std::function<void(const std::string &detail)> progress;
};

/// Reads the texts; fails when a file cannot be read or the model has no
/// tokenizer.
::lowbit::StatusOr<std::unique_ptr<ModelRunner>>
createModelRunner(std::shared_ptr<ParameterArchive> archive,
                  ModelRunnerOptions options);

/// Entries of the module file that follow from the IR: "llm.positions".
void addDerivedMeta(ModuleOp module,
                    std::vector<std::pair<std::string, std::string>> &meta);

} // namespace mlir::lowbit

#endif // LIB_COMPILER_MODELRUNNER_H
