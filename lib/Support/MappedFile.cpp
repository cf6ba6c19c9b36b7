//===- MappedFile.cpp - Read-only mapping of a file -----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Support/MappedFile.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lowbit {

MappedFile::~MappedFile() {
  if (data)
    ::munmap(const_cast<uint8_t *>(data), length);
}

void MappedFile::swap(MappedFile &other) noexcept {
  std::swap(data, other.data);
  std::swap(length, other.length);
  std::swap(name, other.name);
}

StatusOr<MappedFile> MappedFile::open(const std::string &path) {
  int descriptor;
  do
    descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      return notFound("cannot open '%s': no such file", path.c_str());
    return invalidArgument("cannot open '%s': %s", path.c_str(),
                           std::strerror(errno));
  }

  struct stat info;
  if (::fstat(descriptor, &info) != 0) {
    int error = errno;
    ::close(descriptor);
    return invalidArgument("cannot read '%s': %s", path.c_str(),
                           std::strerror(error));
  }
  if (!S_ISREG(info.st_mode)) {
    ::close(descriptor);
    return invalidArgument("cannot read '%s': %s", path.c_str(),
                           S_ISDIR(info.st_mode) ? "it is a folder"
                                                 : "it is not a regular file");
  }

  MappedFile file;
  file.name = path;
  if (info.st_size > 0) {
    void *address = ::mmap(nullptr, static_cast<size_t>(info.st_size),
                           PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (address == MAP_FAILED) {
      int error = errno;
      ::close(descriptor);
      return resourceExhausted("cannot map '%s' (%lld bytes): %s", path.c_str(),
                               static_cast<long long>(info.st_size),
                               std::strerror(error));
    }
    file.data = static_cast<const uint8_t *>(address);
    file.length = static_cast<size_t>(info.st_size);
  }
  ::close(descriptor);
  return file;
}

void MappedFile::advise(uint64_t offset, uint64_t size, int advice) const {
  if (offset >= length || size == 0)
    return;
  size = std::min<uint64_t>(size, length - offset);
  uint64_t page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  uint64_t begin = offset & ~(page - 1);
  ::madvise(const_cast<uint8_t *>(data) + begin, offset + size - begin, advice);
}

void MappedFile::willNeed(uint64_t offset, uint64_t size) const {
  advise(offset, size, MADV_WILLNEED);
}

void MappedFile::doneWith(uint64_t offset, uint64_t size) const {
  advise(offset, size, MADV_DONTNEED);
}

} // namespace lowbit
