//===- LowerKernels.h - Kernels to the LLVM dialect -------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CODEGEN_LOWERKERNELS_H
#define LIB_CODEGEN_LOWERKERNELS_H

#include "lowbit/Support/Status.h"

namespace mlir {
class ModuleOp;
}

namespace mlir::lowbit {

/// Lowers a module of `llvm.func` with scf, arith, math, vector and llvm bodies to the
/// LLVM dialect, in place. Uses no library of math functions. Fails with what MLIR says,
/// or with the name of an op that is left.
::lowbit::Status lowerKernelsToLLVM(ModuleOp module);

} // namespace mlir::lowbit

#endif // LIB_CODEGEN_LOWERKERNELS_H
