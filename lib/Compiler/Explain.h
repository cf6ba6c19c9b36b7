//===- Explain.h - Why a strategy was chosen --------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_COMPILER_EXPLAIN_H
#define LIB_COMPILER_EXPLAIN_H

#include "passes/Conversion/DispatchToLLVM/DispatchLowering.h"

namespace mlir::lowbit {

/// For each distinct dispatch and target: every candidate strategy with its estimated
/// cost, the chosen one marked, refused ones with the reason.
std::string explainStrategies(const KernelTable &kernels,
                              llvm::ArrayRef<std::string> targets);

} // namespace mlir::lowbit

#endif // LIB_COMPILER_EXPLAIN_H
