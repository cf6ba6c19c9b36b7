//===- Output.cpp - Files that the compiler writes ------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compiler/Output.h"

#include "lowbit/Support/MappedFile.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using ::lowbit::Status;

std::string mlir::lowbit::printIR(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream, OpPrintingFlags());
  stream << "\n";
  return text;
}

Status mlir::lowbit::writeBytes(const std::string &path,
                                const std::vector<uint8_t> &bytes) {
  if (path == "-") {
    llvm::outs().write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
    llvm::outs().flush();
    std::error_code error = llvm::outs().error();
    // Else the stream ends the process when it is destroyed.
    llvm::outs().clear_error();
    if (error)
      return ::lowbit::resourceExhausted("cannot write the standard output: %s",
                                         error.message().c_str());
    return Status::success();
  }
  LOWBIT_ASSIGN_OR_RETURN(::lowbit::AtomicFile file, ::lowbit::AtomicFile::create(path));
  LOWBIT_RETURN_IF_ERROR(file.write(bytes));
  return file.commit();
}

Status mlir::lowbit::writeText(const std::string &path, const std::string &text) {
  return writeBytes(path, std::vector<uint8_t>(text.begin(), text.end()));
}

Status mlir::lowbit::writeFolder(const std::string &path,
                                 const std::map<std::string, std::string> &files) {
  if (std::error_code code = llvm::sys::fs::create_directories(path))
    return ::lowbit::invalidArgument("cannot create the folder '%s': %s", path.c_str(),
                                     code.message().c_str());
  for (const auto &[name, text] : files) {
    llvm::SmallString<128> file(path);
    llvm::sys::path::append(file, name);
    LOWBIT_RETURN_IF_ERROR(writeText(file.str().str(), text));
  }
  return Status::success();
}
