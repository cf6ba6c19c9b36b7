//===- NvptxCodegen.h - Kernels of threads to PTX ---------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A module of kernels (StageFunction.h, ThreadMachine) becomes PTX text in process: no
// nvcc, no ptxas, no libdevice. The PTX version is the smallest that the chip and the
// instructions used ask for (lowbit/Target/Nvptx.h).
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CODEGEN_NVPTX_NVPTXCODEGEN_H
#define LIB_CODEGEN_NVPTX_NVPTXCODEGEN_H

#include "lib/Kernel/StageFunction.h"
#include "lowbit/Target/Nvptx.h"

namespace mlir::lowbit {

/// What lib/Kernel may use on `target`, and how it reaches threads there.
::lowbit::kernel::KernelCapabilities
nvptxKernelCapabilities(const ::lowbit::NvptxTarget &target);
::lowbit::kernel::ThreadMachine nvptxThreadMachine();

/// Compiles the kernels of `module` (lowered in place). `instructions` are those of
/// the table that the kernels use. Deterministic. Fails with what is wrong: an op that
/// does not lower, a chip unknown to LLVM or without an instruction, a kernel that would
/// call a function which no module provides.
::lowbit::StatusOr<std::string>
compileNvptxModule(ModuleOp module, const ::lowbit::NvptxTarget &target,
                   std::span<const ::lowbit::NvptxInstruction> instructions);

} // namespace mlir::lowbit

#endif // LIB_CODEGEN_NVPTX_NVPTXCODEGEN_H
