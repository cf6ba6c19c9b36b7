//===- PictureMetadata.h - What a picture's file says of it -----*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LOWBIT_RUN_PICTUREMETADATA_H
#define LOWBIT_TOOLS_LOWBIT_RUN_PICTUREMETADATA_H

#include "lowbit/Format/Module.h"
#include "runtime/Models/DenoiseState.h"
#include "tools/common/Picture.h"

namespace lowbit {

/// Where the noise came from: a seed for the first image, or a file.
struct NoiseSource {
  bool seeded = true;
  uint64_t seed = 0;
  std::string fileHash; ///< XXH3-128 of the numbers
  /// "seed 7", "file 0123abcd...".
  std::string toString() const;
  static StatusOr<NoiseSource> parse(const std::string &text);
};

/// Everything that a picture's text says; the same run gives the same text,
/// however it was split into batches, threads and processes.
struct PictureOrigin {
  /// The module that made the last step.
  const ModuleReader *module = nullptr;
  /// After the last step that was made: nextStep says how many were.
  const DenoiseState *state = nullptr;
  NoiseSource noise;
};

/// The text of a picture of images [first, first + count): model, module,
/// recipe, sampler, steps, guidance, classes, noise, who made which steps, and
/// a command line that makes the same picture again.
PictureText textOf(const PictureOrigin &origin, size_t first, size_t count);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LOWBIT_RUN_PICTUREMETADATA_H
