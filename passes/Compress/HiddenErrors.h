//===- HiddenErrors.h - What a parameter's errors do to a model --*- C++
//-*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_COMPRESS_HIDDENERRORS_H
#define PASSES_COMPRESS_HIDDENERRORS_H

#include "passes/Compress/CompressionSession.h"
#include "passes/Compress/ModelRunner.h"

namespace mlir::lowbit {

/// What other numbers for one parameter do to the hidden states after its
/// layer.
///
/// Of the measures that need no backward pass this one follows what a parameter
/// does to the predictions: on stories260K, 30 matrices at 2 to 8 bits, the
/// correlation of its logarithm with that of the KL divergence of the
/// predictions is 0.995. The relative error of a product's own outputs misses
/// that attention averages the values' errors and sharpens the keys'.
class HiddenErrors {
public:
  explicit HiddenErrors(CompressionSession &session) : session(session) {}

  /// The mean over calibration tokens (at most 2,048) of |h' - h|^2 / |h|^2,
  /// where h are the hidden states after the walk's layer, and h' those with
  /// `numbers` [rows, columns] in place of the parameter's. All others stay as
  /// they are, and so is the module afterwards.
  ::lowbit::StatusOr<double> measure(LayerWalk &walk, ParamOp param,
                                     ArrayRef<float> numbers);

private:
  CompressionSession &session;
  size_t layer = SIZE_MAX;   ///< of `before`
  std::vector<float> before; ///< h
};

} // namespace mlir::lowbit

#endif // PASSES_COMPRESS_HIDDENERRORS_H
