//===- Retype.cpp - New types for parameters ------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/Retype.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mlir::lowbit;

namespace {

/// Layers of one block whose parameters have the same types.
using Variants = llvm::MapVector<ArrayAttr, SmallVector<LayerOp>>;

} // namespace

static void setParamTypes(BlockOp block, ArrayAttr types) {
  unsigned first = block.getNumArguments() - block.getNumParams();
  for (auto [index, type] : llvm::enumerate(types.getAsValueRange<TypeAttr>()))
    block.getArgument(first + index).setType(type);
  SmallVector<Type> inputs(block.getBody().getArgumentTypes());
  block.setFunctionType(FunctionType::get(block.getContext(), inputs,
                                          block.getFunctionType().getResults()));
}

/// The types that the set of `layer` gives to its block's parameters.
static ArrayAttr memberTypes(LayerOp layer, SymbolTableCollection &tables) {
  SmallVector<Attribute> types;
  auto set = tables.lookupNearestSymbolFrom<ParamSetOp>(layer,
                                                        layer.getParamsAttr());
  for (FlatSymbolRefAttr member : set.resolveMembers(tables))
    types.push_back(TypeAttr::get(
        tables.lookupNearestSymbolFrom<ParamOp>(layer, member).getType()));
  return ArrayAttr::get(layer.getContext(), types);
}

/// Blocks that have become equal but for their names: layers call the first.
static void mergeEqualBlocks(ModuleOp module) {
  llvm::StringMap<BlockOp> firstOf;
  DenseMap<StringAttr, StringAttr> replacement;
  for (auto block : llvm::make_early_inc_range(module.getOps<BlockOp>())) {
    StringAttr name = block.getSymNameAttr();
    std::string text;
    {
      llvm::raw_string_ostream stream(text);
      block.setSymName("");
      block->print(stream, OpPrintingFlags().useLocalScope());
      block.setSymNameAttr(name);
    }
    auto [first, isNew] = firstOf.try_emplace(text, block);
    if (!isNew) {
      replacement[name] = first->second.getSymNameAttr();
      block.erase();
    }
  }
  module.walk([&](LayerOp layer) {
    if (StringAttr name = replacement.lookup(layer.getCalleeAttr().getAttr()))
      layer.setCalleeAttr(FlatSymbolRefAttr::get(name));
  });
}

void mlir::lowbit::retypeParams(ModuleOp module,
                                const DenseMap<StringAttr, Type> &types) {
  for (auto param : module.getOps<ParamOp>())
    if (auto it = types.find(param.getSymNameAttr()); it != types.end())
      param.setType(it->second);
  module.walk([&](GetParamOp get) {
    if (auto it = types.find(get.getParamAttr().getAttr()); it != types.end())
      get.getResult().setType(it->second);
  });

  SymbolTableCollection tables;
  SymbolTable &symbols = tables.getSymbolTable(module);
  llvm::MapVector<Operation *, Variants> uses;
  module.walk([&](LayerOp layer) {
    auto block =
        tables.lookupNearestSymbolFrom<BlockOp>(layer, layer.getCalleeAttr());
    if (layer.getParamsAttr())
      uses[block][memberTypes(layer, tables)].push_back(layer);
  });
  for (auto &[op, variants] : uses) {
    auto original = cast<BlockOp>(op);
    OpBuilder builder(original->getContext());
    Operation *last = original;
    for (auto [index, variant] : llvm::enumerate(variants)) {
      BlockOp block = original;
      if (index > 0) {
        // The body mentions no parameter's type, so any variant may be copied.
        block = cast<BlockOp>(original->clone());
        builder.setInsertionPointAfter(last);
        builder.insert(block);
        symbols.insert(block); // renames
        last = block;
        for (LayerOp layer : variant.second)
          layer.setCalleeAttr(FlatSymbolRefAttr::get(block.getSymNameAttr()));
      }
      setParamTypes(block, variant.first);
    }
  }
  mergeEqualBlocks(module);
}
