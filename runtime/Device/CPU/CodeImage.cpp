//===- CodeImage.cpp - A shared object loaded from memory -----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Device/CPU/CodeImage.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

using namespace lowbit;

static bool writeAll(int descriptor, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return false;
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return true;
}

/// An anonymous file with the bytes; -1 where the system forbids it.
static int memoryFile(std::span<const uint8_t> bytes) {
  int descriptor = ::memfd_create("lowbit-code",
                                  MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (descriptor < 0 && errno == EINVAL) // Linux before 6.3
    descriptor = ::memfd_create("lowbit-code", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor < 0)
    return -1;
  if (!writeAll(descriptor, bytes)) {
    ::close(descriptor);
    return -1;
  }
  ::fcntl(descriptor, F_ADD_SEALS,
          F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
  return descriptor;
}

Status CodeImage::open(std::span<const uint8_t> bytes) {
  // The descriptor stays open as long as the library: a later memfd would get
  // the same number, and glibc would answer dlopen of the same path with the
  // library that it knows already.
  descriptor = memoryFile(bytes);
  if (descriptor >= 0) {
    std::string path = "/proc/self/fd/" + std::to_string(descriptor);
    library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library)
      return {};
  }
  // Without memfd or /proc: a private file that is gone once it is loaded.
  const char *folder = std::getenv("TMPDIR");
  std::string path =
      std::string(folder && *folder ? folder : "/tmp") + "/lowbit-code-XXXXXX";
  int file = ::mkstemp(path.data());
  if (file < 0)
    return unavailable("code for %s cannot be loaded: no memory file and no "
                       "temporary file in %s (%s)",
                       name.c_str(), folder ? folder : "/tmp",
                       std::strerror(errno));
  bool written = writeAll(file, bytes);
  ::close(file);
  if (written)
    library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  const char *reason = library ? nullptr : ::dlerror();
  std::string text = reason ? reason : "the temporary file cannot be written";
  ::unlink(path.c_str());
  if (library)
    return {};
  return invalidArgument("code for %s cannot be loaded: %s", name.c_str(),
                         text.c_str());
}

Status CodeImage::readTable() {
  auto query = reinterpret_cast<lowbit_query_fn>(
      ::dlsym(library, LOWBIT_QUERY_SYMBOL));
  if (!query)
    return invalidArgument("code for %s does not export %s", name.c_str(),
                           LOWBIT_QUERY_SYMBOL);
  table = query(LOWBIT_KERNEL_ABI_VERSION);
  if (!table || table->abi_version != LOWBIT_KERNEL_ABI_VERSION)
    return invalidArgument("code for %s was made for another version of the "
                           "runtime (this one has version %u); compile the "
                           "model again",
                           name.c_str(), LOWBIT_KERNEL_ABI_VERSION);
  for (uint32_t i = 0; i < table->stage_count; ++i) {
    if (!table->names[i] || !table->stages[i])
      return invalidArgument("code for %s: stage %u is empty", name.c_str(), i);
    if (!numbers.emplace(table->names[i], i).second)
      return invalidArgument("code for %s has two stages '%s'", name.c_str(),
                             table->names[i]);
  }
  return {};
}

StatusOr<std::unique_ptr<Executable>>
CodeImage::load(std::span<const uint8_t> bytes, const std::string &target) {
  if (bytes.size() < 64 || std::memcmp(bytes.data(), "\x7f" "ELF", 4) != 0)
    return invalidArgument("code for %s is not an ELF shared object",
                           target.c_str());
  auto image = std::unique_ptr<CodeImage>(new CodeImage());
  image->name = target;
  LOWBIT_RETURN_IF_ERROR(image->open(bytes));
  LOWBIT_RETURN_IF_ERROR(image->readTable());
  return std::unique_ptr<Executable>(std::move(image));
}

CodeImage::~CodeImage() {
  if (library)
    ::dlclose(library);
  if (descriptor >= 0)
    ::close(descriptor);
}

StatusOr<uint32_t> CodeImage::findStage(std::string_view symbol) const {
  auto found = numbers.find(symbol);
  if (found == numbers.end())
    return notFound("code for %s has no stage '%.*s'; compile the model again",
                    name.c_str(), static_cast<int>(symbol.size()),
                    symbol.data());
  return found->second;
}
