//===- Phases.h - The seven phases as pass pipelines -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_COMPILER_PHASES_H
#define LOWBIT_COMPILER_PHASES_H

#include <optional>
#include <string>
#include <vector>

namespace llvm {
class StringRef;
}

namespace mlir {
class OpPassManager;

namespace lowbit {

/// DESIGN section 2. Import and link read and write files and are not pass
/// pipelines; the five between them are.
enum class Phase { import, compress, encode, fuse, schedule, codegen, link };

inline constexpr Phase allPhases[] = {Phase::import,   Phase::compress,
                                      Phase::encode,   Phase::fuse,
                                      Phase::schedule, Phase::codegen,
                                      Phase::link};

/// "import", "compress", ...
const char *phaseName(Phase phase);
std::optional<Phase> parsePhase(llvm::StringRef name);

/// Options of all phase pipelines; each reads its own part.
struct PhaseOptions {
  /// Compress: "auto" (default), "token", "group", or "f32" for float activations.
  std::string activations = "auto";
  /// Columns of one activation scale with activations = "group".
  int64_t activationGroup = 0;
  /// Compress: compute once for all denoising steps what does not depend on the latent.
  bool hoistSteps = true;
  /// Schedule and codegen: target specifications ("cpu:x86-64-v3").
  std::vector<std::string> targets;
};

/// Appends the passes of `phase` (compress to codegen) to `manager`. A recipe is
/// not among them: the driver runs its steps before.
void buildPhasePipeline(Phase phase, const PhaseOptions &options,
                        OpPassManager &manager);

/// Registers `lowbit-<phase>-pipeline` for lowbit-opt.
void registerPhasePipelines();

} // namespace lowbit
} // namespace mlir

#endif // LOWBIT_COMPILER_PHASES_H
