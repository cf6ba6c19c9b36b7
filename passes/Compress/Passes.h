//===- Passes.h - Passes of the Compress family ----------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_COMPRESS_PASSES_H
#define PASSES_COMPRESS_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::lowbit {

#define GEN_PASS_DECL
#include "passes/Compress/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Compress/Passes.h.inc"

} // namespace mlir::lowbit

#endif // PASSES_COMPRESS_PASSES_H
