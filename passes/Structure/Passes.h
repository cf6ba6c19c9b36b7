//===- Passes.h - Changes of the graph of layers -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_STRUCTURE_PASSES_H
#define PASSES_STRUCTURE_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::lowbit {

#define GEN_PASS_DECL
#include "passes/Structure/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Structure/Passes.h.inc"

} // namespace mlir::lowbit

#endif // PASSES_STRUCTURE_PASSES_H
