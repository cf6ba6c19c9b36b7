//===- LayerModule.h - One layer of a model as a module --------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_COMPILER_LAYERMODULE_H
#define LIB_COMPILER_LAYERMODULE_H

#include "passes/Compress/ModelRunner.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlir::lowbit {

/// The layers of a model's @forward, when they are a chain: the first takes rows
/// computed from the token ids, every other the rows of the one before.
struct LayerChain {
  func::FuncOp function;
  SmallVector<LayerOp> layers;
  int64_t hiddenColumns = 0;

  static ::lowbit::StatusOr<LayerChain> find(ModuleOp module);
};

/// A function `run` from token ids to the first layer's rows, with the params
/// that it needs.
::lowbit::StatusOr<OwningOpRef<ModuleOp>>
buildEmbedding(const LayerChain &chain);

/// A function `run(rows, position) -> rows, taps...` that calls one layer, with
/// its params (of the types in `types`, where they are named) and a cache of one
/// slot. `resultOfTap`, when not null, gets the number of the result that holds
/// each tap, -1 for the layer's own input; without it there are no taps.
::lowbit::StatusOr<OwningOpRef<ModuleOp>>
buildLayer(LayerOp layer, const DenseMap<StringAttr, Type> &types,
           std::vector<LayerTap> *taps, SmallVectorImpl<int> *resultOfTap);

} // namespace mlir::lowbit

#endif // LIB_COMPILER_LAYERMODULE_H
