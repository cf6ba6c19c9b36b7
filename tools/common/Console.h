//===- Console.h - What a tool prints, and how it ends ----------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_COMMON_CONSOLE_H
#define LOWBIT_TOOLS_COMMON_CONSOLE_H

#include "lowbit/Support/MappedFile.h"
#include "lowbit/Support/Status.h"
#include "tools/common/Flags.h"

#include <atomic>
#include <span>
#include <string>
#include <string_view>

namespace lowbit {

/// Prints "TOOL: error: ..." with notes to stderr and gives the exit code.
int reportError(const char *tool, const Status &status);

/// Writes to stdout and flushes; a closed or full stdout is an error.
Status printText(std::string_view text);
/// Writes a text file, completely or not at all; "-" is stdout.
Status writeTextFile(const std::string &path, std::string_view text);
/// The bytes of a file, "-" being standard input.
StatusOr<std::string> readTextFile(const std::string &path);

/// True from the first SIGINT on; the second one ends the process. Installs the
/// handler when first called.
const std::atomic<bool> &interruptFlag();

/// "12.3 MB" (10^6), "1.2 kB", "17 B".
std::string formatBytes(uint64_t bytes);
/// Largest resident memory of this process so far, in bytes.
uint64_t peakResidentBytes();

/// Progress on stderr: one line that is redrawn at most ten times a second on a
/// terminal, otherwise a line every ten seconds; nothing when quiet.
class Progress {
public:
  explicit Progress(bool quiet);
  ~Progress() { clear(); }
  void show(const std::string &line);
  void clear();

private:
  bool quiet;
  bool terminal;
  bool drawn = false;
  double last;
};

/// Streams rows of f32 into a .npy file when their number is known at the end.
class NpyRowWriter {
public:
  static StatusOr<NpyRowWriter> create(const std::string &path, int64_t columns);
  Status append(std::span<const float> row);
  Status finish();

private:
  AtomicFile file;
  int64_t columns = 0;
  int64_t rows = 0;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_COMMON_CONSOLE_H
