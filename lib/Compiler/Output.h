//===- Output.h - Files that the compiler writes ----------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_COMPILER_OUTPUT_H
#define LIB_COMPILER_OUTPUT_H

#include "lib/Compiler/Report.h"
#include "lowbit/Support/Status.h"
#include "passes/Conversion/DispatchToLLVM/DispatchLowering.h"

#include <map>

namespace mlir::lowbit {

/// IR as text that parses back.
std::string printIR(ModuleOp module);

/// Writes to a temporary file and renames it; "-" is standard output.
::lowbit::Status writeText(const std::string &path, const std::string &text);
::lowbit::Status writeBytes(const std::string &path, const std::vector<uint8_t> &bytes);

/// Creates the folder and writes one file an entry.
::lowbit::Status writeFolder(const std::string &path,
                             const std::map<std::string, std::string> &files);

/// PTX of the products of one token that lower to `target` ("nvptx:sm_80"), by kernel
/// name: one kernel for each encoding, number of columns and activation grouping. The
/// report gets an entry a kernel, and a note for each product that has none.
::lowbit::StatusOr<std::map<std::string, std::string>>
generatePtx(ModuleOp module, const KernelTable &kernels, const std::string &target,
            CompileReport &report);

} // namespace mlir::lowbit

#endif // LIB_COMPILER_OUTPUT_H
