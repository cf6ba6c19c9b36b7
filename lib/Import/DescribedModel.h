//===- DescribedModel.h - A graph in a file, weights in another -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `lowbit-compile WEIGHTS --model=FILE.mlir`: a user's architecture is lowbit
// IR whose params name the tensors of a checkpoint, each either by a source,
// `#lowbit.file<...>`, or by its own symbol (`lowbit.param @"b.0.weight" : T`).
// Of the latter the stored form follows from T and the file: floats as they
// are; I8 as ternary with NAME_scale, one f32 a tensor; I8 with NAME_scale, one
// f32 a row.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_DESCRIBEDMODEL_H
#define LOWBIT_LIB_IMPORT_DESCRIBEDMODEL_H

#include "lib/Import/ModelImporter.h"

namespace mlir::lowbit {

/// Parses `description`, binds its params to the tensors of the checkpoint
/// `weights`, and checks both against each other: one error lists the tensors
/// that are missing, those of another shape or type, and those that no param
/// names. A tensor has the shape of its param, but for extents of 1 in front
/// and for trailing axes that the param takes together (a convolution's).
/// Module attributes as importModel sets them, "model.kind" = "diffusion" where
/// there is a `lowbit.denoise`, else "graph".
::lowbit::StatusOr<ImportedModel> importDescribed(const std::string &weights,
                                                  const std::string &description,
                                                  MLIRContext &context);

/// Gives each param of `module` without a source the tensor of its own name, and
/// checks all of them against `archive`'s checkpoint as importDescribed does.
/// `description` is what messages call the module.
::lowbit::Status bindParameters(ModuleOp module, ParameterArchive &archive,
                                const std::string &description);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_IMPORT_DESCRIBEDMODEL_H
