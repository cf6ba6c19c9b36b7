//===- Compile.h - The compile driver ---------------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a checkpoint (or IR of some phase) to a module file (or IR of a later phase).
// Everything a flag of lowbit-compile sets is a field here; nothing is global.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_COMPILER_COMPILE_H
#define LOWBIT_COMPILER_COMPILE_H

#include "lowbit/Compiler/Phases.h"
#include "lowbit/Support/Status.h"

#include <functional>
#include <string>
#include <vector>

namespace mlir {
class MLIRContext;

namespace lowbit {

/// What the output path holds.
enum class EmitKind { module, mlir, llvm, obj, assembly, ptx, cubin };
std::optional<EmitKind> parseEmitKind(llvm::StringRef name);

struct CompileOptions {
  std::string input;
  std::string description; ///< graph of a safetensors input; may be empty
  std::string output; ///< "-" writes text to standard output
  /// "host", "cpu:x86-64-v3", "nvptx:sm_80"; empty means host.
  std::vector<std::string> targets;
  /// "int8", "int8:token", "int8:group=G" or "f32".
  std::string activations = "int8";
  bool hoistSteps = true; ///< see lowbit-hoist-steps
  std::string recipe; ///< textual pipeline of compression passes
  std::string maxExactness = "E3";
  /// Text for passes that need activations, and how much of it; may be empty.
  std::string calibration;
  int64_t calibrationTokens = 16384;
  /// Text on which perplexity is measured around each lossy step; may be empty.
  std::string eval;
  int64_t evalWindow = 512; ///< tokens of a window, as lowbit-bench --window
  int64_t evalWindows = 16; ///< 0: all of the text
  bool evalBos = false;
  std::string weights; ///< for .mlir input: a safetensors file, or "splat"
  std::optional<Phase> from, to;
  std::string dumpPhasesTo; ///< folder that gets one file a phase
  EmitKind emit = EmitKind::module;
  std::string reportPath;
  bool explain = false;
  bool verifySemantics = false;
  /// Wall time of each step in the module's ledger. Without it the same input
  /// and options give the same bytes.
  bool ledgerTimes = true;
  int64_t maxContext = 0;
  unsigned threads = 0; ///< 0: all cores
  /// Called with a phase's name and a detail while work goes on; may be empty.
  std::function<void(const std::string &phase, const std::string &detail)> progress;
  /// Receives the text report (and explanations).
  std::function<void(const std::string &text)> print;
};

/// Runs the phases. Diagnostics of MLIR become the message of the status. On
/// failure no output file is left behind.
::lowbit::Status compile(const CompileOptions &options, MLIRContext &context);

} // namespace lowbit
} // namespace mlir

#endif // LOWBIT_COMPILER_COMPILE_H
