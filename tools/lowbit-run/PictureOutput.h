//===- PictureOutput.h - Finished images as files ---------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LOWBIT_RUN_PICTUREOUTPUT_H
#define LOWBIT_TOOLS_LOWBIT_RUN_PICTUREOUTPUT_H

#include "lowbit/Format/Module.h"
#include "runtime/Models/DenoiseState.h"

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
  const ModuleReader *module = nullptr;
  const DenoiseState *state = nullptr; ///< after the last step
  NoiseSource noise;
};

/// XXH3-128 of a module's file, as xxh128sum prints it.
StatusOr<std::string> hashOfFile(const std::string &path);

/// Writes the images of `origin.state` as PNG: one sheet, or one file each where
/// the path has a %d.
Status writePictures(const std::string &path, const PictureOrigin &origin);
/// Writes f32 [images, latentSize] numbers with the axes of `shape` after the
/// first.
Status writeNumbers(const std::string &path, std::span<const float> numbers,
                    std::span<const int64_t> shape);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LOWBIT_RUN_PICTUREOUTPUT_H
