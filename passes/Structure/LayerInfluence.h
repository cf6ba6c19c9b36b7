//===- LayerInfluence.h - What layers do to hidden states *- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_STRUCTURE_LAYERINFLUENCE_H
#define PASSES_STRUCTURE_LAYERINFLUENCE_H

#include "passes/Compress/CompressionSession.h"

#include <vector>

namespace mlir::lowbit {

/// How much each layer turns its hidden states: 1 - the mean over the calibration
/// tokens of the cosine between the state before and after the layer (block influence:
/// ShortGPT, arXiv 2403.03853, equation 1). In [0, 2], small for a layer that does
/// little. Fails without calibration, or when the model is no chain of layers.
::lowbit::StatusOr<std::vector<double>> layerInfluences(ModuleOp module,
                                                        CompressionSession &session);

/// The `count` smallest of `scores` among `candidates`, in rising order of place; of
/// equal scores the later layers, which repair less of what came before.
SmallVector<int64_t> leastOf(ArrayRef<double> scores, ArrayRef<int64_t> candidates,
                             int64_t count);

/// `count` pairs of neighbours of `candidates` (rising places), none in two pairs,
/// with the smallest sums of scores, taken one after the other; in rising order.
/// Fewer when the candidates do not give so many.
SmallVector<std::pair<int64_t, int64_t>> leastPairs(ArrayRef<double> scores,
                                                    ArrayRef<int64_t> candidates,
                                                    int64_t count);

} // namespace mlir::lowbit

#endif // PASSES_STRUCTURE_LAYERINFLUENCE_H
