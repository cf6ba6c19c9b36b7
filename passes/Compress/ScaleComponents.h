//===- ScaleComponents.h - A factor within stored numbers --------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_COMPRESS_SCALECOMPONENTS_H
#define PASSES_COMPRESS_SCALECOMPONENTS_H

#include "lib/Import/ParameterArchive.h"

namespace mlir::lowbit {

/// Changes the components of a tensor so that they denote `factor` times as much, and
/// no code of an integer changes: of each leaf the first scale in f32, f16 or bf16 and
/// the first such factor of its offset are multiplied and rounded to their formats; a
/// leaf of such floats without scale is multiplied itself; a product by its first
/// factor. Exact for powers of two in range. An error where a leaf has nothing of the
/// kind, or where a number would not stay finite.
::lowbit::Status scaleComponents(const ::lowbit::EncodingDesc &encoding, float factor,
                                 ComponentBytes &components);

} // namespace mlir::lowbit

#endif // PASSES_COMPRESS_SCALECOMPONENTS_H
