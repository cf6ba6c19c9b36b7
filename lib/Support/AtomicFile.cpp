//===- AtomicFile.cpp - Output files that are whole or absent -------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Support/MappedFile.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lowbit {
namespace {

constexpr size_t bufferLimit = 1u << 20;

/// Folder part of `path` with its final slash, or nothing.
std::string folderOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

/// Follows `path` when it is a symbolic link, so that the link's target is
/// replaced and not the link.
std::string resolveLink(const std::string &path) {
  struct stat info;
  if (::lstat(path.c_str(), &info) != 0 || !S_ISLNK(info.st_mode))
    return path;
  char *resolved = ::realpath(path.c_str(), nullptr);
  if (!resolved)
    return path;
  std::string result(resolved);
  std::free(resolved);
  return result;
}

const char *hintFor(int error) {
  switch (error) {
  case ENOSPC:
  case EDQUOT:
    return "; free some space or choose another folder";
  case EACCES:
  case EPERM:
  case EROFS:
    return "; choose a folder you may write to";
  case ENOENT:
    return "; create the folder first";
  default:
    return "";
  }
}

std::string descriptorPath(int descriptor) {
  return "/proc/self/fd/" + std::to_string(descriptor);
}

/// A file without a name in `folder`, which is gone with the process however
/// that ends; -1 where the file system cannot do that or could not name it
/// later.
int openUnnamed(const std::string &folder) {
  int descriptor = ::open(folder.empty() ? "." : folder.c_str(),
                          O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (descriptor >= 0 &&
      ::access(descriptorPath(descriptor).c_str(), F_OK) != 0) {
    ::close(descriptor);
    descriptor = -1;
  }
  return descriptor;
}

} // namespace

void AtomicFile::swap(AtomicFile &other) noexcept {
  std::swap(descriptor, other.descriptor);
  std::swap(direct, other.direct);
  std::swap(seekable, other.seekable);
  std::swap(written, other.written);
  std::swap(target, other.target);
  std::swap(temporary, other.temporary);
  std::swap(buffer, other.buffer);
}

StatusOr<AtomicFile> AtomicFile::create(const std::string &path) {
  AtomicFile file;
  file.target = resolveLink(path);

  struct stat info;
  bool exists = ::stat(file.target.c_str(), &info) == 0;
  if (exists && S_ISDIR(info.st_mode))
    return invalidArgument("cannot write '%s': it is a folder", path.c_str());
  if (exists && !S_ISREG(info.st_mode)) {
    // A device or pipe cannot be renamed over.
    file.direct = true;
    file.descriptor = ::open(file.target.c_str(), O_WRONLY | O_CLOEXEC);
    if (file.descriptor < 0)
      return file.fail("open", errno);
    file.seekable =
        ::lseek(file.descriptor, 0, SEEK_SET) == 0 && !S_ISCHR(info.st_mode);
    return file;
  }

  file.descriptor = openUnnamed(folderOf(file.target));
  if (file.descriptor < 0) {
    std::string pattern = folderOf(file.target) + ".lowbit-XXXXXX";
    file.descriptor = ::mkostemp(pattern.data(), O_CLOEXEC);
    if (file.descriptor < 0)
      return file.fail("create", errno);
    file.temporary = pattern;
  }
  // Private so far; the result gets the usual mode.
  mode_t mask = ::umask(0);
  ::umask(mask);
  mode_t mode = exists ? (info.st_mode & 07777) : (0666 & ~mask);
  if (::fchmod(file.descriptor, mode) != 0)
    return file.fail("create", errno);
  return file;
}

Status AtomicFile::fail(const char *what, int error) {
  std::string path = target;
  discard();
  const char *format = "cannot %s '%s': %s%s";
  if (error == ENOSPC || error == EDQUOT)
    return resourceExhausted(format, what, path.c_str(), std::strerror(error),
                             hintFor(error));
  return invalidArgument(format, what, path.c_str(), std::strerror(error),
                         hintFor(error));
}

Status AtomicFile::writeAll(const uint8_t *data, size_t size) {
  while (size > 0) {
    ssize_t count = ::write(descriptor, data, size);
    if (count < 0) {
      if (errno == EINTR)
        continue;
      return fail("write", errno);
    }
    data += count;
    size -= static_cast<size_t>(count);
  }
  return Status::success();
}

Status AtomicFile::flush() {
  Status status =
      writeAll(reinterpret_cast<const uint8_t *>(buffer.data()), buffer.size());
  buffer.clear();
  return status;
}

Status AtomicFile::write(std::span<const uint8_t> bytes) {
  if (descriptor < 0)
    return failedPrecondition("write to a file that is not open");
  written += bytes.size();
  if (buffer.size() + bytes.size() > bufferLimit)
    LOWBIT_RETURN_IF_ERROR(flush());
  if (bytes.size() > bufferLimit)
    return writeAll(bytes.data(), bytes.size());
  buffer.append(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  return Status::success();
}

Status AtomicFile::write(std::string_view text) {
  return write(std::span<const uint8_t>(
      reinterpret_cast<const uint8_t *>(text.data()), text.size()));
}

Status AtomicFile::padTo(uint64_t alignment) {
  assert(alignment > 0 && "alignment starts at one byte");
  static constexpr uint8_t zeros[4096] = {};
  uint64_t missing = (alignment - written % alignment) % alignment;
  while (missing > 0) {
    uint64_t count = std::min<uint64_t>(missing, sizeof(zeros));
    LOWBIT_RETURN_IF_ERROR(write(std::span<const uint8_t>(zeros, count)));
    missing -= count;
  }
  return Status::success();
}

Status AtomicFile::writeAt(uint64_t offset, std::span<const uint8_t> bytes) {
  if (descriptor < 0)
    return failedPrecondition("write to a file that is not open");
  if (offset > written || bytes.size() > written - offset)
    return internalError("writeAt beyond the %llu bytes written to '%s'",
                         static_cast<unsigned long long>(written),
                         target.c_str());
  LOWBIT_RETURN_IF_ERROR(flush());
  if (!seekable)
    return invalidArgument(
        "cannot write '%s': it cannot be rewound; write to a "
        "regular file",
        target.c_str());
  size_t done = 0;
  while (done < bytes.size()) {
    ssize_t count =
        ::pwrite(descriptor, bytes.data() + done, bytes.size() - done,
                 static_cast<off_t>(offset + done));
    if (count < 0) {
      if (errno == EINTR)
        continue;
      return fail("write", errno);
    }
    done += static_cast<size_t>(count);
  }
  return Status::success();
}

Status AtomicFile::nameTemporary() {
  std::string from = descriptorPath(descriptor);
  std::string stem =
      folderOf(target) + ".lowbit-" + std::to_string(::getpid()) + "-";
  for (unsigned attempt = 0;; ++attempt) {
    std::string name = stem + std::to_string(attempt);
    if (::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, name.c_str(),
                 AT_SYMLINK_FOLLOW) == 0) {
      temporary = name;
      return Status::success();
    }
    // Another thread of this process, or what an earlier one left.
    if (errno != EEXIST || attempt == 1000)
      return fail("name", errno);
  }
}

Status AtomicFile::commit() {
  if (descriptor < 0)
    return failedPrecondition("commit of a file that is not open");
  LOWBIT_RETURN_IF_ERROR(flush());
  // Some file systems report a full disk only here.
  if (!direct && ::fsync(descriptor) != 0)
    return fail("write", errno);
  if (!direct && temporary.empty())
    LOWBIT_RETURN_IF_ERROR(nameTemporary());
  int closing = descriptor;
  descriptor = -1;
  if (::close(closing) != 0)
    return fail("write", errno);
  if (direct)
    return Status::success();
  if (::rename(temporary.c_str(), target.c_str()) != 0)
    return fail("rename to", errno);
  temporary.clear();
  return Status::success();
}

void AtomicFile::discard() {
  if (descriptor >= 0)
    ::close(descriptor);
  descriptor = -1;
  if (!temporary.empty())
    ::unlink(temporary.c_str());
  temporary.clear();
  buffer.clear();
}

} // namespace lowbit
