//===- PictureOutput.h - The files of a diffusion run -----------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LOWBIT_RUN_PICTUREOUTPUT_H
#define LOWBIT_TOOLS_LOWBIT_RUN_PICTUREOUTPUT_H

#include "lowbit/Support/MappedFile.h"
#include "tools/lowbit-run/PictureMetadata.h"
#include "tools/lowbit-run/PictureOptions.h"

namespace lowbit {

/// What -o, --dump-velocity and --stats name. All of it is opened before the
/// first step, so that a run that could not keep its result does not begin, and
/// gets its names by commit(), when everything is written: a run that fails
/// leaves none. (States are no part of this: they are saved so that a failure
/// loses no step.)
class PictureOutput {
public:
  /// Opens the files of a run of `images` images. An error also where the
  /// images cannot be drawn, two outputs have one name, or the state's file
  /// could not be written. `stats`: FILE, - for standard output, or empty.
  static StatusOr<PictureOutput> open(const PictureOptions &options,
                                      const std::string &stats,
                                      const DenoiseSchedule &schedule,
                                      int64_t images);

  /// The images of `origin.state`: PNG, one sheet or one file each, or the f32
  /// numbers [images, latentSize] with the axes of `shape`.
  Status writeImages(const PictureOrigin &origin,
                     std::span<const int64_t> shape);
  /// f32 [images, latentSize].
  Status writeVelocity(std::span<const float> velocity,
                       std::span<const int64_t> shape);
  Status writeStats(std::string text);
  /// Gives the files that were written their names; the others (images of an
  /// interrupted run) never have one.
  Status commit();

private:
  struct File {
    AtomicFile file;
    bool special = false; ///< a device or pipe, which has no name to be given
    bool written = false;
  };
  static StatusOr<File> create(const std::string &path);
  static Status write(File &file, std::span<const uint8_t> bytes);
  static Status writeNumbers(File &file, std::span<const float> numbers,
                             std::span<const int64_t> shape);
  Status writePictures(const PictureOrigin &origin);

  bool numbers = false;     ///< images are one .npy file
  bool separate = false;    ///< images are a .png file each
  std::vector<File> images; ///< none without -o
  File velocity, stats;
  bool statsToConsole = false;
  std::string statsText;
};

/// How many images have a NaN, which a picture shows as black.
size_t imagesWithNaN(const DenoiseState &state);

/// XXH3-128 of a module's file, as xxh128sum prints it.
StatusOr<std::string> hashOfFile(const std::string &path);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LOWBIT_RUN_PICTUREOUTPUT_H
