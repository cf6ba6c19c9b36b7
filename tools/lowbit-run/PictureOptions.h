//===- PictureOptions.h - Flags for making pictures -------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LOWBIT_RUN_PICTUREOPTIONS_H
#define LOWBIT_TOOLS_LOWBIT_RUN_PICTUREOPTIONS_H

#include "tools/common/Flags.h"

namespace lowbit {

/// What the command line says about pictures; the seed is RunOptions' own.
struct PictureOptions {
  std::string classList;
  std::vector<int64_t> classes;
  int64_t steps = 0;
  float guidance = 1;
  std::string sampler;
  std::string noiseFile;
  int64_t batch = 0; ///< 0: not given
  int64_t height = 0, width = 0;
  std::string output;
  std::string variant;
  std::string saveState;
  int64_t stopAt = 0;
  std::string resume;
  std::string dumpVelocity;
  bool hasSteps = false, hasGuidance = false, hasSeed = false;
  bool hasStopAt = false;
  /// Any of the flags is on the command line.
  bool given = false;

  /// -o names a file for each image: it has a %d or %03d.
  bool separate() const { return numberSize > 0; }
  /// The file of image i; `output` itself where it is not separate.
  std::string fileOfImage(int64_t i) const;

  void addTo(Flags &flags);
  /// Settles flags that depend on each other; a usage error otherwise.
  Status finish(const Flags &flags);
  bool wantsNumbers() const; ///< -o names an .npy file

private:
  Status findNumber();
  /// Where the %d or %03d is in `output`, its bytes (0: there is none) and the
  /// digits that it asks for at least.
  size_t numberBegin = 0, numberSize = 0, numberDigits = 1;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_LOWBIT_RUN_PICTUREOPTIONS_H
