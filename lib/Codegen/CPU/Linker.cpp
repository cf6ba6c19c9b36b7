//===- Linker.cpp - An object to a shared object, in process --------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Linker.h"

#include "lld/Common/Driver.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

LLD_HAS_DRIVER(elf)

using ::lowbit::internalError;
using ::lowbit::resourceExhausted;
using ::lowbit::StatusOr;

/// The error of a temporary file that cannot be created: names the folder.
static ::lowbit::Status noTemporaryFile(std::error_code code) {
  llvm::SmallString<128> folder;
  llvm::sys::path::system_temp_directory(/*ErasedOnReboot=*/true, folder);
  return resourceExhausted("cannot create a temporary file in '%s': %s; set "
                           "TMPDIR to a writable folder",
                           folder.c_str(), code.message().c_str());
}

StatusOr<std::vector<uint8_t>>
mlir::lowbit::linkSharedObject(const std::vector<uint8_t> &object) {
  // lld reads and writes files only; both go with the folder.
  llvm::SmallString<128> input, output;
  int descriptor = -1;
  if (std::error_code code = llvm::sys::fs::createTemporaryFile(
          "lowbit-kernels", "o", descriptor, input))
    return noTemporaryFile(code);
  llvm::FileRemover removeInput(input);
  llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
  stream.write(reinterpret_cast<const char *>(object.data()), object.size());
  stream.close();
  if (stream.has_error()) {
    std::string reason = stream.error().message();
    stream.clear_error();
    return resourceExhausted("cannot write the temporary file '%s': %s",
                             input.c_str(), reason.c_str());
  }
  if (std::error_code code =
          llvm::sys::fs::createTemporaryFile("lowbit-kernels", "so", output))
    return noTemporaryFile(code);
  llvm::FileRemover removeOutput(output);

  std::string messages;
  llvm::raw_string_ostream errors(messages);
  const char *arguments[] = {"ld.lld",       "-shared",
                             "--no-undefined", "-z",
                             "noexecstack",  "--build-id=none",
                             "--threads=1",  "-s",
                             "-soname",      "lowbit-kernels",
                             input.c_str(),  "-o",
                             output.c_str()};
  const lld::DriverDef drivers[] = {{lld::Gnu, &lld::elf::link}};
  lld::Result result = lld::lldMain(arguments, llvm::nulls(), errors, drivers);
  if (result.retCode != 0)
    return internalError("linking kernels failed: %s", messages.c_str());
  auto buffer = llvm::MemoryBuffer::getFile(output);
  if (!buffer)
    return internalError("cannot read the linked kernels: %s",
                         buffer.getError().message().c_str());
  return std::vector<uint8_t>((*buffer)->getBufferStart(),
                              (*buffer)->getBufferEnd());
}
