//===- GpuKernels.h - Kernels of a plan for GPUs ----------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_COMPILER_GPUKERNELS_H
#define LIB_COMPILER_GPUKERNELS_H

#include "lib/Compiler/Report.h"
#include "lowbit/Format/GpuCode.h"
#include "passes/Conversion/DispatchToLLVM/DispatchLowering.h"

namespace mlir::lowbit {

/// Puts the code of every kernel for `target` ("nvptx:sm_80") into `code`. `lowered` is
/// what the kernels' plan was made from: stages and bindings must be equal. Nothing, and
/// a note in the report for each reason, where a kernel cannot be lowered to the target.
/// The report gets an entry a stage.
::lowbit::Status generateGpuCode(MLIRContext &context, const KernelTable &kernels,
                                 llvm::ArrayRef<LoweredDispatch> lowered,
                                 const std::string &target, CompileReport &report,
                                 std::optional<::lowbit::GpuCode> &code);

} // namespace mlir::lowbit

#endif // LIB_COMPILER_GPUKERNELS_H
