//===- LayerParams.h - Parameters behind a block's arguments ----*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_COMPRESS_LAYERPARAMS_H
#define PASSES_COMPRESS_LAYERPARAMS_H

#include "dialects/Lowbit/IR/LowbitOps.h"

#include "mlir/IR/SymbolTable.h"

namespace mlir::lowbit {

/// A layer with the parameters that it hands to its block.
class LayerParams {
public:
  LayerParams(LayerOp layer, SymbolTableCollection &tables)
      : layer(layer), tables(tables),
        block(tables.lookupNearestSymbolFrom<BlockOp>(layer,
                                                      layer.getCalleeAttr())),
        members(tables
                    .lookupNearestSymbolFrom<ParamSetOp>(layer,
                                                         layer.getParamsAttr())
                    .resolveMembers(tables)),
        first(block.getNumArguments() - block.getNumParams()) {}

  Block &body() { return block.getBody().front(); }

  /// The param behind an argument of the block; null for any other value.
  ParamOp of(Value value) {
    auto argument = dyn_cast_or_null<BlockArgument>(value);
    if (!argument || argument.getArgNumber() < first)
      return {};
    return tables.lookupNearestSymbolFrom<ParamOp>(
        layer, members[argument.getArgNumber() - first]);
  }

private:
  LayerOp layer;
  SymbolTableCollection &tables;
  BlockOp block;
  SmallVector<FlatSymbolRefAttr> members;
  unsigned first;
};

} // namespace mlir::lowbit

#endif // PASSES_COMPRESS_LAYERPARAMS_H
