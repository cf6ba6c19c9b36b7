//===- Pruner.h - Which blocks of a matrix to drop -------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_COMPRESS_PRUNER_H
#define LOWBIT_LIB_COMPRESS_PRUNER_H

#include "lib/Compress/Hessian.h"

namespace lowbit::compress {

/// How much a block of weights w matters.
enum class Saliency : uint8_t {
  magnitude,  ///< sum w^2
  activation, ///< sum w_k^2 H(k, k): what its columns' inputs make of it
  obs, ///< what its removal costs when all other weights of the row make up for
       ///< it: w' (inverse(H)_GG)^-1 w, summed over rows of the block
};

/// Rows and columns of a block; both divide the matrix.
struct BlockShape {
  int64_t rows = 1;
  int64_t columns = 16;
};

struct PruneOptions {
  BlockShape block;
  double sparsity = 0.5; ///< share of blocks to drop, 0 <= s < 1
  Saliency saliency = Saliency::magnitude;
  /// True: every row of blocks keeps the same number of them. False: the lowest
  /// of the whole matrix go.
  bool balanced = false;
  /// obs: as inverseFactor.
  double damping = 0.01;
  unsigned threads = 1;
};

struct PrunedMatrix {
  std::vector<float> weights; ///< zero where dropped
  std::vector<uint8_t> kept;  ///< one byte a block, row-major
  int64_t keptBlocks = 0;
  /// Blocks kept in the fullest and emptiest row of blocks.
  int64_t mostInRow = 0, leastInRow = 0;
};

/// Drops round(sparsity * blocks) blocks (of each row of blocks when balanced),
/// ties in index order. `hessian` is needed for activation and obs; with obs the
/// kept weights after a dropped one make up for it (SparseGPT). Fails when the
/// block does not divide the matrix.
StatusOr<PrunedMatrix> pruneBlocks(std::span<const float> weights, int64_t rows,
                                   int64_t columns, const Hessian *hessian,
                                   const PruneOptions &options);

} // namespace lowbit::compress

#endif // LOWBIT_LIB_COMPRESS_PRUNER_H
