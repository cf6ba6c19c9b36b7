//===- CseParams.cpp - Equal parameters are one ---------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/CompressionPass.h"
#include "passes/Compress/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Regex.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_CSEPARAMSPASS
#include "passes/Compress/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::invalidArgument;
using ::lowbit::Status;

namespace {

struct CseParamsPass : mlir::lowbit::impl::CseParamsPassBase<CseParamsPass>,
                       CompressionPass {
  using Base::Base;

  Exactness exactness() const override { return Exactness::E0; }

  void runOnOperation() override {
    if (failed(runStep(*this, getOperation(), randomWeights,
                       [&](CompressionSession &s) { return merge(s); })))
      signalPassFailure();
  }

private:
  Status merge(CompressionSession &session) {
    SmallVector<ParamOp> params;
    LOWBIT_RETURN_IF_ERROR(select(params));
    llvm::StringMap<SmallVector<ParamOp>> byContent;
    llvm::MapVector<Operation *, ParamOp> replacements;
    size_t done = 0;
    for (ParamOp param : params) {
      showProgress(session, ++done, params.size(), param.getSymName());
      LOWBIT_ASSIGN_OR_RETURN(::lowbit::Hash128 hash,
                              session.archive->contentHash(param));
      SmallVector<ParamOp> &equals = byContent[::lowbit::toHex(hash)];
      ParamOp first;
      for (ParamOp candidate : equals) {
        LOWBIT_ASSIGN_OR_RETURN(bool same, areEqual(session, candidate, param));
        if (same) {
          first = candidate;
          break;
        }
      }
      if (first)
        replacements[param] = first;
      else
        equals.push_back(param);
    }
    replaceUses(replacements);
    mergeSets();
    step.metrics.emplace_back("parameters_merged", double(replacements.size()));
    return Status::success();
  }

  Status select(SmallVectorImpl<ParamOp> &params) {
    for (const auto *pattern : {&only, &except}) {
      std::string error;
      if (!pattern->empty() && !llvm::Regex(pattern->getValue()).isValid(error))
        return invalidArgument("option is not a regular expression: '%s' (%s)",
                               pattern->c_str(), error.c_str());
    }
    const llvm::Regex wanted(only), unwanted(except);
    for (auto param : getOperation().getOps<ParamOp>())
      if ((only.empty() || wanted.match(param.getSymName())) &&
          (except.empty() || !unwanted.match(param.getSymName())))
        params.push_back(param);
    return Status::success();
  }

  /// Hashes find candidates, bytes decide.
  static ::lowbit::StatusOr<bool> areEqual(CompressionSession &session,
                                           ParamOp a, ParamOp b) {
    if (a.getType() != b.getType() ||
        a.getSymVisibilityAttr() != b.getSymVisibilityAttr())
      return false;
    ComponentBytes left, right;
    MaterializeOptions options;
    options.threads = session.threads;
    LOWBIT_RETURN_IF_ERROR(session.archive->materialize(a, left, options));
    LOWBIT_RETURN_IF_ERROR(session.archive->materialize(b, right, options));
    return left == right;
  }

  /// Symbols are used as attributes of sets and get_param alone.
  void replaceUses(const llvm::MapVector<Operation *, ParamOp> &replacements) {
    DenseMap<Attribute, Attribute> names;
    for (auto &[op, first] : replacements) {
      ParamOp kept = first;
      names[FlatSymbolRefAttr::get(cast<ParamOp>(op).getSymNameAttr())] =
          FlatSymbolRefAttr::get(kept.getSymNameAttr());
    }
    getOperation().walk([&](GetParamOp get) {
      if (Attribute name = names.lookup(get.getParamAttr()))
        get.setParamAttr(cast<FlatSymbolRefAttr>(name));
    });
    getOperation().walk([&](ParamSetOp set) {
      SmallVector<Attribute> members;
      for (Attribute member : set.getMembers()) {
        Attribute name = names.lookup(member);
        members.push_back(name ? name : member);
      }
      set.setMembersAttr(ArrayAttr::get(&getContext(), members));
    });
    for (auto &[op, first] : replacements) {
      ParamOp kept = first;
      ::lowbit::compress::LedgerParameter entry;
      entry.name = cast<ParamOp>(op).getSymName().str();
      entry.note = "the same as '" + kept.getSymName().str() + "'";
      step.parameters.push_back(std::move(entry));
      op->erase();
    }
  }

  /// Layers of equal sets call with the first one.
  void mergeSets() {
    SymbolTableCollection tables;
    DenseMap<Attribute, FlatSymbolRefAttr> firstOf;
    DenseMap<Attribute, FlatSymbolRefAttr> names;
    for (auto set : getOperation().getOps<ParamSetOp>()) {
      SmallVector<Attribute> members;
      for (FlatSymbolRefAttr member : set.resolveMembers(tables))
        members.push_back(member);
      auto name = FlatSymbolRefAttr::get(set.getSymNameAttr());
      auto [first, isNew] = firstOf.try_emplace(
          ArrayAttr::get(&getContext(), members), name);
      if (!isNew)
        names[name] = first->second;
    }
    getOperation().walk([&](LayerOp layer) {
      if (FlatSymbolRefAttr name = names.lookup(layer.getParamsAttr()))
        layer.setParamsAttr(name);
    });
    // Overlays of a merged set still name it.
    for (auto set : llvm::make_early_inc_range(getOperation().getOps<ParamSetOp>()))
      if (names.contains(FlatSymbolRefAttr::get(set.getSymNameAttr())) &&
          SymbolTable::symbolKnownUseEmpty(set, getOperation()))
        set.erase();
  }
};

} // namespace
