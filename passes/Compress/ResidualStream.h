//===- ResidualStream.h - Who reads and writes the residual -----*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_COMPRESS_RESIDUALSTREAM_H
#define PASSES_COMPRESS_RESIDUALSTREAM_H

#include "dialects/Lowbit/IR/LowbitOps.h"

#include "lowbit/Support/Status.h"

#include "llvm/ADT/MapVector.h"

namespace mlir {
class ModuleOp;
}

namespace mlir::lowbit {

/// What a parameter does to the residual stream of a language model.
struct StreamRole {
  bool embeds = false; ///< rows of the table enter the stream
  bool writes = false; ///< a matrix (or the bias of one) whose product is added
  bool reads = false;  ///< a matrix that multiplies the stream
  ParamOp norm;        ///< of a reader: the weight of the norm before it, or null
};

/// The parameters around the residual stream: from the embedding through every layer
/// to the head. Reading goes through rms norms (which commute with rotations once
/// their weights are in the matrices behind them), writing is adding a product.
struct ResidualStream {
  int64_t width = 0;
  llvm::MapVector<Operation *, StreamRole> roles; ///< by ParamOp
  llvm::SetVector<Operation *> norms;             ///< weights of norms, ParamOps
  /// Reads in functions (the head), whose parameter may also embed.
  SmallVector<MatmulOp> readsOfFunctions;
};

/// Follows the stream through @forward and @head. An error that names the op or the
/// parameter where it is not read and written so, or where layers that share a matrix
/// have norms of their own.
::lowbit::StatusOr<ResidualStream> findResidualStream(ModuleOp module);

} // namespace mlir::lowbit

#endif // PASSES_COMPRESS_RESIDUALSTREAM_H
