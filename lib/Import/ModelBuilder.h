//===- ModelBuilder.h - Resolved tensors to IR ---------------- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_MODELBUILDER_H
#define LOWBIT_LIB_IMPORT_MODELBUILDER_H

#include "lib/Import/ModelSlots.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlir::lowbit {

/// Builds the module described in ModelImporter.h: parameters, one block for
/// each distinct layer signature, sets, the cache, @forward and @head.
/// `context` positions have rows in the rotary table. The result is verified;
/// an error carries the verifier's text.
::lowbit::StatusOr<OwningOpRef<ModuleOp>>
buildModel(const ::lowbit::import::ModelConfig &config, const ModelSlots &slots,
           int64_t positions, MLIRContext *context);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_IMPORT_MODELBUILDER_H
