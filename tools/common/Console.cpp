//===- Console.cpp - What a tool prints, and how it ends ------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/common/Console.h"

#include "lowbit/Support/Npy.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <sys/resource.h>
#include <unistd.h>

using namespace lowbit;

int lowbit::reportError(const char *tool, const Status &status) {
  std::fprintf(stderr, "%s: error: %s\n", tool, status.message().c_str());
  for (const std::string &note : status.notes())
    std::fprintf(stderr, "%s: note: %s\n", tool, note.c_str());
  return status.code() == StatusCode::unavailable ? exitNoDevice : exitError;
}

Status lowbit::printText(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
      std::fflush(stdout) != 0)
    return resourceExhausted("cannot write to standard output: %s",
                             std::strerror(errno));
  return {};
}

Status lowbit::writeTextFile(const std::string &path, std::string_view text) {
  if (path == "-")
    return printText(text);
  LOWBIT_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  LOWBIT_RETURN_IF_ERROR(file.write(text));
  return file.commit();
}

StatusOr<std::string> lowbit::readTextFile(const std::string &path) {
  if (path != "-") {
    LOWBIT_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
    std::span<const uint8_t> bytes = file.bytes();
    return std::string(bytes.begin(), bytes.end());
  }
  std::string text;
  char block[65536];
  while (size_t count = std::fread(block, 1, sizeof(block), stdin))
    text.append(block, count);
  if (std::ferror(stdin))
    return invalidArgument("cannot read standard input");
  return text;
}

// A signal handler can reach nothing but a global.
static std::atomic<bool> interruptSeen{false};

const std::atomic<bool> &lowbit::interruptFlag() {
  static_assert(std::atomic<bool>::is_always_lock_free);
  std::signal(SIGINT, [](int) {
    if (interruptSeen.exchange(true))
      _exit(exitInterrupted);
  });
  return interruptSeen;
}

std::string lowbit::formatBytes(uint64_t bytes) {
  auto value = static_cast<double>(bytes);
  if (value >= 1e9)
    return formatString("%.2f GB", value / 1e9);
  if (value >= 1e6)
    return formatString("%.1f MB", value / 1e6);
  if (value >= 1e3)
    return formatString("%.1f kB", value / 1e3);
  return formatString("%llu B", static_cast<unsigned long long>(bytes));
}

uint64_t lowbit::peakResidentBytes() {
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0)
    return 0;
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

static double now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Progress::Progress(bool quiet)
    : quiet(quiet), terminal(isatty(STDERR_FILENO) == 1), last(now()) {}

void Progress::show(const std::string &line) {
  double time = now();
  if (quiet || time - last < (terminal ? 0.1 : 10.0))
    return;
  last = time;
  if (terminal)
    std::fprintf(stderr, "\r\033[K%s", line.c_str());
  else
    std::fprintf(stderr, "%s\n", line.c_str());
  drawn = terminal;
}

void Progress::clear() {
  if (drawn)
    std::fprintf(stderr, "\r\033[K");
  drawn = false;
}

/// npyHeader gives this length for every two-dimensional array of f32.
static constexpr size_t rowHeaderBytes = 128;

StatusOr<NpyRowWriter> NpyRowWriter::create(const std::string &path,
                                            int64_t columns) {
  NpyRowWriter writer;
  writer.columns = columns;
  LOWBIT_ASSIGN_OR_RETURN(writer.file, AtomicFile::create(path));
  LOWBIT_RETURN_IF_ERROR(writer.file.write(std::string(rowHeaderBytes, ' ')));
  return writer;
}

Status NpyRowWriter::append(std::span<const float> row) {
  if (static_cast<int64_t>(row.size()) != columns)
    return internalError("a row of %zu numbers in an array of %lld columns",
                         row.size(), static_cast<long long>(columns));
  ++rows;
  return file.write(
      {reinterpret_cast<const uint8_t *>(row.data()), row.size_bytes()});
}

Status NpyRowWriter::finish() {
  int64_t shape[] = {rows, columns};
  std::string header = npyHeader("f4", shape);
  if (header.size() != rowHeaderBytes)
    return internalError("a .npy header of %zu bytes", header.size());
  LOWBIT_RETURN_IF_ERROR(file.writeAt(
      0, {reinterpret_cast<const uint8_t *>(header.data()), header.size()}));
  return file.commit();
}
