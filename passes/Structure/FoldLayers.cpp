//===- FoldLayers.cpp - Remove layers, share weights (FoldGPT) ------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/CompressionPass.h"
#include "passes/Structure/LayerGates.h"
#include "passes/Structure/LayerGraph.h"
#include "passes/Structure/LayerInfluence.h"
#include "passes/Structure/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"

#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_FOLDLAYERSPASS
#include "passes/Structure/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;

using ::lowbit::invalidArgument;
using ::lowbit::Status;

namespace {

struct FoldLayersPass : mlir::lowbit::impl::FoldLayersPassBase<FoldLayersPass>,
                        CompressionPass {
  using Base::Base;

  Exactness exactness() const override { return Exactness::E3; }

  void runOnOperation() override {
    if (failed(runStep(*this, getOperation(), /*randomWeights=*/-1,
                       [&](CompressionSession &session) { return fold(session); })))
      signalPassFailure();
  }

private:
  using Pair = std::pair<int64_t, int64_t>;

  Status fold(CompressionSession &session) {
    ModuleOp module = getOperation();
    if (holes != "static")
      return invalidArgument("option 'holes' requires static, got '%s': project and "
                             "mask serve layers that are skipped at run time",
                             holes.c_str());
    LOWBIT_ASSIGN_OR_RETURN(LayerGraph graph, LayerGraph::create(module));
    if (!gates.empty() && !foldGates && by != "gate")
      return invalidArgument("option 'gates' requires fold-gates, or by=gate with "
                             "remove-count or share-count; otherwise nobody reads them");
    SmallVector<int64_t> removed(remove.begin(), remove.end());
    if (foldGates)
      LOWBIT_RETURN_IF_ERROR(checkGates(graph, removed));
    llvm::sort(removed);
    removed.erase(llvm::unique(removed), removed.end());
    SmallVector<Pair> pairs;
    LOWBIT_RETURN_IF_ERROR(checkRemoved(graph, removed));
    LOWBIT_RETURN_IF_ERROR(parsePairs(graph, removed, pairs));
    if (removeCount != 0 || shareCount != 0)
      LOWBIT_RETURN_IF_ERROR(choose(session, graph, removed, pairs));

    for (auto [from, to] : pairs)
      for (auto [source, target] :
           llvm::zip(graph.callsOf(from), graph.callsOf(to)))
        LOWBIT_RETURN_IF_ERROR(shareWeights(source, target, from, to));
    if (foldGates) {
      LOWBIT_ASSIGN_OR_RETURN(
          int64_t folded, mlir::lowbit::foldGates(module, graph, ArrayRef<double>(gates),
                                                  removed, session));
      step.metrics.emplace_back("parameters_with_gates", double(folded));
    }
    for (int64_t index : removed)
      for (LayerOp layer : graph.callsOf(index))
        LayerGraph::remove(layer);
    if (!removed.empty())
      LOWBIT_RETURN_IF_ERROR(renumberSlots(module));
    eraseUnusedParameters(module);
    step.metrics.emplace_back("layers_removed", double(removed.size()));
    step.metrics.emplace_back("layers_shared", double(pairs.size()));
    return Status::success();
  }

  /// A gate for each layer, and those of 0 to `removed`.
  Status checkGates(const LayerGraph &graph, SmallVectorImpl<int64_t> &removed) {
    if (static_cast<int64_t>(gates.size()) != graph.size())
      return invalidArgument("fold-gates requires 'gates' of all %lld layers, got %zu",
                             static_cast<long long>(graph.size()), gates.size());
    for (auto [index, gate] : llvm::enumerate(gates)) {
      if (!std::isfinite(gate))
        return invalidArgument("the gate of layer %zu is no finite number", index);
      if (gate == 0)
        removed.push_back(static_cast<int64_t>(index));
    }
    return Status::success();
  }

  /// Layers to remove and pairs to share, by what layers do.
  Status choose(CompressionSession &session, const LayerGraph &graph,
                SmallVectorImpl<int64_t> &removed, SmallVectorImpl<Pair> &pairs) {
    LOWBIT_RETURN_IF_ERROR(checkCounts(graph, removed, pairs));
    std::vector<double> scores(gates.begin(), gates.end());
    for (double &gate : scores)
      gate = std::abs(gate);
    if (by == "similarity") {
      LOWBIT_ASSIGN_OR_RETURN(scores, layerInfluences(getOperation(), session));
      if (static_cast<int64_t>(scores.size()) != graph.size())
        return ::lowbit::internalError("%zu layers were measured, not %lld",
                                       scores.size(),
                                       static_cast<long long>(graph.size()));
    }
    SmallVector<int64_t> candidates;
    for (int64_t i = 0; i < graph.size(); ++i)
      if (llvm::all_of(graph.callsOf(i), LayerGraph::canRemove))
        candidates.push_back(i);
    if (static_cast<int64_t>(candidates.size()) < removeCount)
      return invalidArgument("only %zu layers can be removed", candidates.size());
    removed.append(leastOf(scores, candidates, removeCount));
    SmallVector<int64_t> remaining;
    for (int64_t i = 0; i < graph.size(); ++i)
      if (!llvm::is_contained(removed, i))
        remaining.push_back(i);
    pairs.append(leastPairs(scores, remaining, shareCount));
    if (static_cast<int64_t>(pairs.size()) < shareCount)
      return invalidArgument("option 'share-count' requires pairs of neighbours among "
                             "the layers that remain; there are %zu",
                             pairs.size());
    tell(scores, removed, pairs);
    return Status::success();
  }

  Status checkCounts(const LayerGraph &graph, ArrayRef<int64_t> removed,
                     ArrayRef<Pair> pairs) {
    if (by != "similarity" && by != "gate")
      return invalidArgument("option 'by' requires similarity or gate, got '%s'",
                             by.c_str());
    if (removeCount < 0 || shareCount < 0)
      return invalidArgument("options 'remove-count' and 'share-count' must not be "
                             "negative");
    if ((removeCount && !removed.empty()) || (shareCount && !pairs.empty()))
      return invalidArgument("give either the layers or their count");
    if (by == "gate" && static_cast<int64_t>(gates.size()) != graph.size())
      return invalidArgument("by=gate requires 'gates' of all %lld layers, got %zu",
                             static_cast<long long>(graph.size()), gates.size());
    if (removeCount >= graph.size())
      return invalidArgument("option 'remove-count' requires less than the %lld layers, "
                             "got %lld",
                             static_cast<long long>(graph.size()),
                             static_cast<long long>(removeCount.getValue()));
    return Status::success();
  }

  /// What was chosen, for the ledger and --explain.
  void tell(ArrayRef<double> scores, ArrayRef<int64_t> removed, ArrayRef<Pair> pairs) {
    std::string text;
    for (int64_t index : removed)
      text += (text.empty() ? "removed " : ",") + std::to_string(index);
    for (auto [index, pair] : llvm::enumerate(pairs))
      text += (index ? "," : text.empty() ? "shared " : "; shared ") +
              std::to_string(pair.first) + ":" + std::to_string(pair.second);
    text += "; " + (by == "gate" ? std::string("gates") : "influences") + " of layers:";
    for (double score : scores)
      text += ::lowbit::formatString(" %.4f", score);
    step.note += (step.note.empty() ? "" : "; ") + text;
    for (auto [index, score] : llvm::enumerate(scores))
      remark::analysis(getOperation().getLoc(),
                       remark::RemarkOpts::name("influence")
                           .category("lowbit-structure"))
          << remark::metric("Layer", static_cast<int64_t>(index))
          << remark::metric("Influence", static_cast<float>(score));
  }

  static Status checkIndex(const LayerGraph &graph, const char *option, int64_t index) {
    if (index >= 0 && index < graph.size())
      return Status::success();
    return invalidArgument("option '%s' requires layers below %lld, got %lld", option,
                           static_cast<long long>(graph.size()),
                           static_cast<long long>(index));
  }

  static Status checkRemoved(const LayerGraph &graph, ArrayRef<int64_t> removed) {
    for (int64_t index : removed) {
      LOWBIT_RETURN_IF_ERROR(checkIndex(graph, "remove", index));
      for (LayerOp layer : graph.callsOf(index))
        if (!LayerGraph::canRemove(layer))
          return invalidArgument("layer %lld cannot be removed: its results have other "
                                 "types than its inputs",
                                 static_cast<long long>(index));
    }
    return Status::success();
  }

  Status parsePairs(const LayerGraph &graph, ArrayRef<int64_t> removed,
                    SmallVectorImpl<Pair> &pairs) {
    for (const std::string &text : share) {
      auto [left, right] = StringRef(text).split(':');
      Pair pair;
      if (left.getAsInteger(10, pair.first) || right.getAsInteger(10, pair.second))
        return invalidArgument("option 'share' requires pairs like 4:5, got '%s'",
                               text.c_str());
      LOWBIT_RETURN_IF_ERROR(checkIndex(graph, "share", pair.first));
      LOWBIT_RETURN_IF_ERROR(checkIndex(graph, "share", pair.second));
      if (pair.first == pair.second || llvm::is_contained(removed, pair.first) ||
          llvm::is_contained(removed, pair.second))
        return invalidArgument("option 'share' requires two layers that both remain, "
                               "got '%s'",
                               text.c_str());
      pairs.push_back(pair);
    }
    return Status::success();
  }

  /// Layer `target` takes the compressed members of `source`'s set.
  Status shareWeights(LayerOp source, LayerOp target, int64_t from, int64_t to) {
    SymbolTableCollection tables;
    auto setOf = [&](LayerOp layer) {
      return layer.getParamsAttr() ? tables.lookupNearestSymbolFrom<ParamSetOp>(
                                         layer, layer.getParamsAttr())
                                   : ParamSetOp();
    };
    ParamSetOp base = setOf(source), own = setOf(target);
    if (!base || !own || source.getCallee() != target.getCallee())
      return invalidArgument("layer %lld cannot take the weights of layer %lld: they are "
                             "calls of different blocks",
                             static_cast<long long>(to), static_cast<long long>(from));
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
    return Status::success();
  }
};

} // namespace
