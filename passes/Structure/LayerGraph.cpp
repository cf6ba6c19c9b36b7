//===- LayerGraph.cpp - The layers of a model and what they share ---------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Structure/LayerGraph.h"

#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace mlir::lowbit;

::lowbit::StatusOr<LayerGraph> LayerGraph::create(ModuleOp module) {
  LayerGraph graph;
  for (auto function : module.getOps<FunctionOpInterface>()) {
    SmallVector<LayerOp> layers;
    function.walk([&](LayerOp layer) { layers.push_back(layer); });
    if (layers.empty())
      continue;
    if (!graph.functions.empty() && graph.functions[0].size() != layers.size())
      return ::lowbit::invalidArgument(
          "every function with layers must have the same number, got %zu and %zu",
          size_t(layers.size()), size_t(graph.functions[0].size()));
    graph.functions.push_back(std::move(layers));
  }
  return graph;
}

SmallVector<LayerOp> LayerGraph::callsOf(int64_t index) const {
  SmallVector<LayerOp> calls;
  for (const SmallVector<LayerOp> &function : functions)
    calls.push_back(function[index]);
  return calls;
}

bool LayerGraph::canRemove(LayerOp layer) {
  return layer.getNumResults() <= layer.getInputs().size() &&
         TypeRange(layer.getInputs().take_front(layer.getNumResults())) ==
             TypeRange(layer.getResultTypes());
}

void LayerGraph::remove(LayerOp layer) {
  layer.replaceAllUsesWith(layer.getInputs().take_front(layer.getNumResults()));
  layer.erase();
}

::lowbit::Status mlir::lowbit::renumberSlots(ModuleOp module) {
  for (auto cache : module.getOps<KVCacheOp>()) {
    DenseMap<int64_t, SmallVector<LayerOp>> users;
    module.walk([&](LayerOp layer) {
      if (layer.getCache() == cache.getSymName())
        users[*layer.getSlot()].push_back(layer);
    });
    if (users.empty())
      return ::lowbit::invalidArgument(
          "at least one layer must remain for the cache '%s'",
          cache.getSymName().str().c_str());
    SmallVector<int64_t> slots = llvm::to_vector(llvm::make_first_range(users));
    llvm::sort(slots);
    for (auto [now, old] : llvm::enumerate(slots))
      for (LayerOp layer : users[old])
        layer.setSlot(now);
    cache.setSlots(slots.size());
  }
  return ::lowbit::Status::success();
}

void mlir::lowbit::eraseUnusedParameters(ModuleOp module) {
  auto eraseUnused = [&](auto range) {
    for (Operation *op : llvm::make_early_inc_range(range))
      if (SymbolTable::symbolKnownUseEmpty(op, module))
        op->erase();
  };
  // Overlays hold their bases, sets hold parameters; users go first.
  SmallVector<Operation *> overlays, sets, params;
  for (auto set : module.getOps<ParamSetOp>())
    (set.getBaseAttr() ? overlays : sets).push_back(set);
  for (auto param : module.getOps<ParamOp>())
    params.push_back(param);
  eraseUnused(overlays);
  eraseUnused(sets);
  eraseUnused(params);
}
