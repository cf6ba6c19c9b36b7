//===- ModelRunner.h - Running the model during compression ----*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What passes ask of a running model. The compile driver implements it on the
// CPU runtime (lib/Compiler/ModelRunner); passes see no runtime.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_COMPRESS_MODELRUNNER_H
#define PASSES_COMPRESS_MODELRUNNER_H

#include "dialects/Lowbit/IR/LowbitOps.h"
#include "lowbit/Support/Status.h"

#include <functional>
#include <span>

namespace mlir::lowbit {

/// A value that products of a layer read: its width, and the symbols of the
/// weights that it is multiplied by.
struct LayerTap {
  int64_t columns = 0;
  SmallVector<StringAttr> weights;
};

/// Goes through the layers of a model with all calibration tokens, one layer at
/// a time, so that memory is that of the tokens' hidden states and one layer.
/// Layers run with float activations.
class LayerWalk {
public:
  virtual ~LayerWalk() = default;
  /// Layers in the order of their calls.
  virtual size_t layerCount() const = 0;
  /// Number of the current layer; layerCount() at the end.
  virtual size_t position() const = 0;
  virtual LayerOp layer() const = 0;
  /// The distinct inputs of the current layer's products, in program order.
  virtual const std::vector<LayerTap> &taps() const = 0;

  /// Rows [rows x columns] of a tap, `stride` floats apart, for some tokens.
  using RowFunction = std::function<void(size_t tap, const float *values,
                                         int64_t rows, int64_t stride)>;
  /// Runs the current layer as the module has it now and shows every tap for
  /// every token. Hidden states stay where they are. Params that a pass has
  /// given new sources but not yet new types are named in `types`.
  virtual ::lowbit::Status observe(const DenseMap<StringAttr, Type> &types,
                                   const RowFunction &onRows) = 0;
  /// Hidden states before the current layer, a row of hiddenColumns() a token.
  /// To see what a layer does, copy them, advance(), and compare.
  virtual std::span<const float> hidden() const = 0;
  virtual int64_t hiddenColumns() const = 0;

  /// Hidden states after the current layer, a row of hiddenColumns() for each of the
  /// first `tokens` tokens (fewer where there are fewer); `types` as for observe.
  /// Those of the walk stay where they are.
  virtual ::lowbit::StatusOr<std::vector<float>>
  tryLayer(const DenseMap<StringAttr, Type> &types, int64_t tokens) = 0;

  /// Runs the current layer and goes to the next; `types` as for observe. The last
  /// layer is run only with `runLast`: most passes need no hidden states after it.
  virtual ::lowbit::Status advance(const DenseMap<StringAttr, Type> &types,
                                   bool runLast) = 0;
  ::lowbit::Status advance(const DenseMap<StringAttr, Type> &types) {
    return advance(types, /*runLast=*/false);
  }
};

class ModelRunner {
public:
  virtual ~ModelRunner() = default;
  /// True with --calibration.
  virtual bool hasCalibration() const = 0;
  /// Starts at the first layer of @forward. Fails when the model is no chain of
  /// layers over rows of hidden states. `module` must outlive the walk.
  virtual ::lowbit::StatusOr<std::unique_ptr<LayerWalk>>
  walkLayers(ModuleOp module) = 0;
  /// Perplexity of the module as it is on the text of --eval.
  virtual ::lowbit::StatusOr<double> perplexity(ModuleOp module) = 0;
};

} // namespace mlir::lowbit

#endif // PASSES_COMPRESS_MODELRUNNER_H
