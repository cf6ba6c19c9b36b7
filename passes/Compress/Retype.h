//===- Retype.h - New types for parameters ---------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_COMPRESS_RETYPE_H
#define PASSES_COMPRESS_RETYPE_H

#include "dialects/Lowbit/IR/LowbitOps.h"

namespace mlir {
class ModuleOp;
}

namespace mlir::lowbit {

/// Gives the params named by `types` their new types, and everything that
/// carries them: `get_param` results and the arguments of blocks. Layers of one
/// block whose parameters no longer have equal types get copies of it,
/// `NAME_1`, `NAME_2`, ... in the order of the layers.
void retypeParams(ModuleOp module, const DenseMap<StringAttr, Type> &types);

} // namespace mlir::lowbit

#endif // PASSES_COMPRESS_RETYPE_H
