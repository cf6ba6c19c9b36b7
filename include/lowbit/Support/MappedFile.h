//===- MappedFile.h - Read-only files, atomic output files ---- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// MappedFile gives the bytes of a file without copying them. AtomicFile writes
// an output file that exists completely or not at all.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_SUPPORT_MAPPEDFILE_H
#define LOWBIT_SUPPORT_MAPPEDFILE_H

#include "lowbit/Support/Status.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace lowbit {

/// A whole file mapped read-only. Movable; the mapping ends with the object.
/// The file must not be truncated by others while it is mapped (as with every
/// mmap reader, an access past its new end is a SIGBUS).
class MappedFile {
public:
  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept { swap(other); }
  MappedFile &operator=(MappedFile &&other) noexcept {
    swap(other);
    return *this;
  }
  ~MappedFile();

  /// Maps `path`. Errors: notFound, invalidArgument (a folder, no permission).
  /// An empty file is valid and has no bytes.
  static StatusOr<MappedFile> open(const std::string &path);

  std::span<const uint8_t> bytes() const { return {data, length}; }
  uint64_t size() const { return length; }
  const std::string &path() const { return name; }

  /// Tells the kernel that [offset, offset + size) is needed soon / no more.
  /// Only hints: they never fail and never change what the bytes are.
  void willNeed(uint64_t offset, uint64_t size) const;
  void doneWith(uint64_t offset, uint64_t size) const;

private:
  void swap(MappedFile &other) noexcept;
  void advise(uint64_t offset, uint64_t size, int advice) const;

  const uint8_t *data = nullptr;
  size_t length = 0;
  std::string name;
};

/// Writes a file without a name in the folder of `path` and gives it that name on
/// commit(). Without commit() (an error, the object goes away, the process is
/// killed) nothing is left behind and an existing file stays as it was. Where the
/// file system knows no such files (NFS) it has a temporary name, which a killed
/// process leaves. Special files (/dev/stdout, /dev/full, pipes) are written directly.
class AtomicFile {
public:
  AtomicFile() = default;
  AtomicFile(AtomicFile &&other) noexcept { swap(other); }
  AtomicFile &operator=(AtomicFile &&other) noexcept {
    swap(other);
    return *this;
  }
  ~AtomicFile() { discard(); }

  /// Creates the temporary file; says clearly when the folder is missing or not
  /// writable.
  static StatusOr<AtomicFile> create(const std::string &path);

  /// Appends bytes. On an error (disk full, quota) the file is discarded.
  Status write(std::span<const uint8_t> bytes);
  Status write(std::string_view text);
  /// Appends zero bytes up to a multiple of `alignment` (>= 1).
  Status padTo(uint64_t alignment);
  /// Overwrites bytes already written (a header whose fields are known late).
  Status writeAt(uint64_t offset, std::span<const uint8_t> bytes);
  /// Bytes appended so far.
  uint64_t position() const { return written; }

  /// Flushes to the disk and gives the file its final name.
  Status commit();
  /// Closes and removes the temporary file; does nothing after commit().
  void discard();

private:
  void swap(AtomicFile &other) noexcept;
  Status flush();
  /// Links an unnamed file under a temporary name.
  Status nameTemporary();
  Status writeAll(const uint8_t *data, size_t size);
  Status fail(const char *what, int error);

  int descriptor = -1;
  bool direct = false;
  bool seekable = true;
  uint64_t written = 0;
  std::string target;
  std::string temporary;
  std::string buffer;
};

} // namespace lowbit

#endif // LOWBIT_SUPPORT_MAPPEDFILE_H
