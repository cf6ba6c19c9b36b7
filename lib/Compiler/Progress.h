//===- Progress.h - What a long compilation is doing ------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_COMPILER_PROGRESS_H
#define LIB_COMPILER_PROGRESS_H

#include "lowbit/Support/Status.h"

#include <chrono>
#include <memory>
#include <string>

namespace mlir::lowbit {

/// Writes to standard error: one redrawn line on a terminal (at most 10 a second),
/// plain lines (at most one in 10 s) or JSON lines elsewhere.
class Progress {
public:
  /// `mode`: auto (terminal, else plain), plain, json or none.
  static ::lowbit::StatusOr<std::unique_ptr<Progress>> create(const std::string &mode);
  void update(const std::string &phase, const std::string &detail);
  /// Ends a redrawn line. Call before other output.
  void finish();

private:
  enum class Mode { terminal, plain, json, none };
  explicit Progress(Mode mode) : mode(mode) {}
  Mode mode;
  bool lineOpen = false;
  std::string lastPhase;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last;
};

} // namespace mlir::lowbit

#endif // LIB_COMPILER_PROGRESS_H
