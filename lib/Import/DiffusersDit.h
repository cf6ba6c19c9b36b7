//===- DiffusersDit.h - DiTTransformer2DModel of diffusers ---- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_DIFFUSERSDIT_H
#define LOWBIT_LIB_IMPORT_DIFFUSERSDIT_H

#include "lib/Import/ModelImporter.h"

namespace mlir::lowbit {

/// Whether `path` is a folder of diffusers: a model (config.json with a
/// `_class_name`) or a pipeline (model_index.json).
bool isDiffusersFolder(llvm::StringRef path);

/// Imports the DiTTransformer2DModel in `path`, or in its subfolder
/// "transformer". A scheduler_config.json beside it (or in "scheduler") gives the
/// betas; without one they go from 1e-4 to 0.02 in 1000 steps, diffusers' default
/// for this model. Another class, a normalization or an activation that the
/// class does not have by default is refused by name.
::lowbit::StatusOr<ImportedModel> importDiffusers(const std::string &path,
                                                  MLIRContext &context);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_IMPORT_DIFFUSERSDIT_H
