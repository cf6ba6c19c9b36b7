//===- LayerGates.h - Gates of layers within their weights -------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_STRUCTURE_LAYERGATES_H
#define PASSES_STRUCTURE_LAYERGATES_H

#include "passes/Compress/CompressionSession.h"
#include "passes/Structure/LayerGraph.h"

namespace mlir::lowbit {

/// Folds gates into weights (DESIGN section 4): each addition x + f(x) of layer i to its
/// stream becomes x + gates[i] * f(x), within the matrices whose products (or these
/// times a factor, as the gates of adaLN) are added and their biases. `gates` has a
/// number for each layer; those of layers in `removed` are not read. Returns how many
/// parameters changed. An error, before anything has changed, where a layer adds
/// something else than a product, or where layers with different gates share a
/// parameter that would take one.
::lowbit::StatusOr<int64_t> foldGates(ModuleOp module, const LayerGraph &graph,
                                      ArrayRef<double> gates, ArrayRef<int64_t> removed,
                                      CompressionSession &session);

} // namespace mlir::lowbit

#endif // PASSES_STRUCTURE_LAYERGATES_H
