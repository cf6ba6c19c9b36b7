//===- Matrices.h - Which parameters a pass works on -----------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_COMPRESS_MATRICES_H
#define PASSES_COMPRESS_MATRICES_H

#include "dialects/Lowbit/IR/LowbitOps.h"
#include "lowbit/Support/Status.h"

namespace mlir {
class ModuleOp;
}

namespace mlir::lowbit {

/// A parameter of a compressed type.
struct Matrix {
  ParamOp param;
  /// A member of a layer's set that the block multiplies by.
  bool inLayer = false;
};

/// All of them, in the order of the module.
SmallVector<Matrix> findMatrices(ModuleOp module);

/// Those that match `only` (empty: those of layers) and not `except`; both are
/// regular expressions found anywhere in the symbol name. Fails when one does
/// not parse, and when nothing is selected.
::lowbit::StatusOr<SmallVector<ParamOp>>
selectMatrices(ModuleOp module, StringRef only, StringRef except);

/// Bits that one logical weight takes, metadata included: code bits and
/// parameters, without the padding that a layout may add.
double bitsPerWeight(LowbitTensorType type);

/// The same over all matrices of a module, each parameter counted once.
double bitsPerWeight(ModuleOp module);

} // namespace mlir::lowbit

#endif // PASSES_COMPRESS_MATRICES_H
