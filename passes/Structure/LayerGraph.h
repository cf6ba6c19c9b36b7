//===- LayerGraph.h - The layers of a model and what they share -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_STRUCTURE_LAYERGRAPH_H
#define PASSES_STRUCTURE_LAYERGRAPH_H

#include "dialects/Lowbit/IR/LowbitOps.h"
#include "lowbit/Support/Status.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"

namespace mlir::lowbit {

/// The calls of layers, by function. Layer i of a model is the i-th call of each
/// function that has any.
class LayerGraph {
public:
  /// Fails where two functions call different numbers of layers.
  static ::lowbit::StatusOr<LayerGraph> create(ModuleOp module);

  int64_t size() const { return functions.empty() ? 0 : functions[0].size(); }
  /// The calls of layer `index`, one a function.
  SmallVector<LayerOp> callsOf(int64_t index) const;

  /// Whether a call can pass its first inputs on as its results.
  static bool canRemove(LayerOp layer);
  /// Forwards the inputs and erases the call.
  static void remove(LayerOp layer);

private:
  SmallVector<SmallVector<LayerOp>> functions;
};

/// Gives the slots that calls still use the numbers 0, 1, ... in their old order
/// and shortens the caches. Fails where a cache would have no slot left.
::lowbit::Status renumberSlots(ModuleOp module);

/// Erases parameter sets and parameters without a use.
void eraseUnusedParameters(ModuleOp module);

} // namespace mlir::lowbit

#endif // PASSES_STRUCTURE_LAYERGRAPH_H
