//===- Link.h - Scheduled IR and weights to a module file -------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_COMPILER_LINK_H
#define LIB_COMPILER_LINK_H

#include "lib/Codegen/CPU/CpuCodegen.h"
#include "lib/Compiler/Report.h"
#include "lib/Import/ParameterArchive.h"
#include "passes/Conversion/DispatchToLLVM/DispatchLowering.h"

#include "lowbit/Format/GpuCode.h"

#include <map>
#include <optional>

namespace mlir::lowbit {

/// Code of one target: an image for CPUs, kernels of threads for NVPTX.
struct TargetCode {
  std::string target;
  CpuImage image;
  std::optional<::lowbit::GpuCode> gpu;
};

struct LinkInputs {
  ModuleOp module; ///< after the schedule phase
  ParameterArchive *archive = nullptr;
  const KernelTable *kernels = nullptr;
  llvm::ArrayRef<LoweredDispatch> lowered;
  llvm::ArrayRef<TargetCode> code;
  std::vector<std::pair<std::string, std::string>> meta;
  std::vector<uint8_t> tokenizer; ///< may be empty
  std::string ledger;             ///< JSON
  unsigned threads = 1;
  /// Called after each parameter with how many are done and how many there are.
  std::function<void(size_t done, size_t total)> progress;
};

/// Writes the module file; `report` gets what only the linker knows (sizes, memory
/// plan) and is stored in the module. Returns the file's size.
::lowbit::StatusOr<uint64_t> linkModule(const LinkInputs &inputs,
                                        const std::string &path,
                                        CompileReport &report);

} // namespace mlir::lowbit

#endif // LIB_COMPILER_LINK_H
