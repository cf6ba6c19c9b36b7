//===- FoldLayers.cpp - Remove layers, share weights (FoldGPT) ------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Structure/LayerGraph.h"
#include "passes/Structure/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_FOLDLAYERSPASS
#include "passes/Structure/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;

namespace {

struct FoldLayersPass : mlir::lowbit::impl::FoldLayersPassBase<FoldLayersPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

private:
  using Pair = std::pair<int64_t, int64_t>;

  LogicalResult run() {
    ModuleOp module = getOperation();
    if (holes != "static")
      return module.emitError()
             << "option 'holes' requires static, got '" << holes
             << "': project and mask serve layers that are skipped at run time";
    FailureOr<LayerGraph> graph = LayerGraph::create(module);
    if (failed(graph))
      return failure();
    SmallVector<int64_t> removed(remove.begin(), remove.end());
    llvm::sort(removed);
    removed.erase(llvm::unique(removed), removed.end());
    SmallVector<Pair> pairs;
    if (failed(checkRemoved(*graph, removed)) ||
        failed(parsePairs(*graph, removed, pairs)))
      return failure();

    for (auto [from, to] : pairs)
      for (auto [source, target] :
           llvm::zip(graph->callsOf(from), graph->callsOf(to)))
        if (failed(shareWeights(source, target, from, to)))
          return failure();
    for (int64_t index : removed)
      for (LayerOp layer : graph->callsOf(index))
        LayerGraph::remove(layer);
    if (!removed.empty() && failed(renumberSlots(module)))
      return failure();
    eraseUnusedParameters(module);
    remark::passed(module.getLoc(),
                   remark::RemarkOpts::name("fold-layers").category("lowbit-compress"))
        << remark::metric("LayersRemoved", static_cast<int64_t>(removed.size()))
        << remark::metric("LayersShared", static_cast<int64_t>(pairs.size()));
    return success();
  }

  LogicalResult checkIndex(const LayerGraph &graph, StringRef option, int64_t index) {
    if (index >= 0 && index < graph.size())
      return success();
    return getOperation().emitError()
           << "option '" << option << "' requires layers below " << graph.size()
           << ", got " << index;
  }

  LogicalResult checkRemoved(const LayerGraph &graph, ArrayRef<int64_t> removed) {
    for (int64_t index : removed) {
      if (failed(checkIndex(graph, "remove", index)))
        return failure();
      for (LayerOp layer : graph.callsOf(index))
        if (!LayerGraph::canRemove(layer))
          return layer.emitError()
                 << "layer " << index
                 << " cannot be removed: its results have other types than its inputs";
    }
    return success();
  }

  LogicalResult parsePairs(const LayerGraph &graph, ArrayRef<int64_t> removed,
                           SmallVectorImpl<Pair> &pairs) {
    for (StringRef text : share) {
      auto [left, right] = text.split(':');
      Pair pair;
      if (left.getAsInteger(10, pair.first) || right.getAsInteger(10, pair.second))
        return getOperation().emitError()
               << "option 'share' requires pairs like 4:5, got '" << text << "'";
      if (failed(checkIndex(graph, "share", pair.first)) ||
          failed(checkIndex(graph, "share", pair.second)))
        return failure();
      if (pair.first == pair.second || llvm::is_contained(removed, pair.first) ||
          llvm::is_contained(removed, pair.second))
        return getOperation().emitError()
               << "option 'share' requires two layers that both remain, got '" << text
               << "'";
      pairs.push_back(pair);
    }
    return success();
  }

  /// Layer `target` takes the compressed members of `source`'s set.
  LogicalResult shareWeights(LayerOp source, LayerOp target, int64_t from, int64_t to) {
    SymbolTableCollection tables;
    auto setOf = [&](LayerOp layer) {
      return layer.getParamsAttr() ? tables.lookupNearestSymbolFrom<ParamSetOp>(
                                         layer, layer.getParamsAttr())
                                   : ParamSetOp();
    };
    auto mismatch = [&](const Twine &what) {
      return target.emitError() << "layer " << to << " cannot take the weights of layer "
                                << from << ": " << what;
    };
    ParamSetOp base = setOf(source), own = setOf(target);
    if (!base || !own || source.getCallee() != target.getCallee())
      return mismatch("they are calls of different blocks");
    SmallVector<FlatSymbolRefAttr> theirs = base.resolveMembers(tables);
    SmallVector<FlatSymbolRefAttr> mine = own.resolveMembers(tables);
    SmallVector<Attribute> members, overlaid;
    SmallVector<int64_t> indices;
    for (auto [index, pair] : llvm::enumerate(llvm::zip(theirs, mine))) {
      auto [their, my] = pair;
      auto param = tables.lookupNearestSymbolFrom<ParamOp>(target, my);
      bool isPrivate = !isa<LowbitTensorType>(param.getType());
      members.push_back(isPrivate ? my : their);
      if (isPrivate && my != their) {
        indices.push_back(static_cast<int64_t>(index));
        overlaid.push_back(my);
      }
    }
    OpBuilder builder(own);
    StringAttr name = builder.getStringAttr(
        (own.getSymName() + "_shares_" + base.getSymName()).str());
    if (!SymbolTable::lookupSymbolIn(getOperation(), name)) {
      bool isOverlay = !base.getBaseAttr();
      ParamSetOp::create(
          builder, own.getLoc(), name,
          isOverlay ? FlatSymbolRefAttr::get(base.getSymNameAttr())
                    : FlatSymbolRefAttr(),
          isOverlay ? ArrayRef<int64_t>(indices) : ArrayRef<int64_t>(),
          builder.getArrayAttr(isOverlay ? overlaid : members), StringAttr());
    }
    target.setParamsAttr(FlatSymbolRefAttr::get(name));
    return success();
  }
};

} // namespace
