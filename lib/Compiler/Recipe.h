//===- Recipe.h - Textual pipelines of compression passes ------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_COMPILER_RECIPE_H
#define LIB_COMPILER_RECIPE_H

#include "passes/Compress/CompressionSession.h"

#include "mlir/Pass/PassManager.h"

namespace mlir::lowbit {

/// The steps of a recipe, `a{x=1},b` or `builtin.module(a{x=1},b)`, each as
/// MLIR's pipeline parser takes it: a name without registered pass gets the
/// prefix `lowbit-`. Line breaks count as spaces. Fails on unbalanced brackets
/// and empty steps.
::lowbit::StatusOr<std::vector<std::string>> splitRecipe(StringRef recipe);

/// Fills `manager` with the pass of one step. Fails with MLIR's reason, or with
/// the class when the pass is above `max`.
::lowbit::Status buildStep(StringRef step, Exactness max,
                           OpPassManager &manager);

/// The highest class of its passes; E0 for passes that are no compression.
Exactness exactnessOf(OpPassManager &manager);

} // namespace mlir::lowbit

#endif // LIB_COMPILER_RECIPE_H
