//===- NestBits.cpp - Codes whose prefixes are codes too ------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/CompressionPass.h"
#include "passes/Compress/Matrices.h"
#include "passes/Compress/Passes.h"
#include "passes/Compress/Recode.h"
#include "passes/Compress/Retype.h"

#include "lowbit/Packing/Layouts.h"
#include "lowbit/Packing/Pack.h"

#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_NESTBITSPASS
#define GEN_PASS_DEF_SPECIALIZEELASTICPASS
#include "passes/Compress/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::EncodingDesc;
using ::lowbit::EncodingKind;
using ::lowbit::invalidArgument;
using ::lowbit::LeafDesc;
using ::lowbit::Status;
using ::lowbit::StatusOr;

namespace {

struct NestBitsPass : mlir::lowbit::impl::NestBitsPassBase<NestBitsPass>,
                      CompressionPass {
  using Base::Base;

  Exactness exactness() const override { return Exactness::E0; }

  void runOnOperation() override {
    if (failed(runStep(*this, getOperation(), randomWeights,
                       [&](CompressionSession &s) { return nest(s); })))
      signalPassFailure();
  }

private:
  Status nest(CompressionSession &session) {
    LOWBIT_ASSIGN_OR_RETURN(SmallVector<ParamOp> params,
                            selectMatrices(getOperation(), only, except));
    DenseMap<StringAttr, Type> types;
    for (ParamOp param : params) {
      showProgress(session, types.size() + 1, params.size(), param.getSymName());
      StatusOr<Type> type = nestOne(session, param);
      if (!type.isOk())
        return std::move(type).status().addNote("in parameter '" +
                                                param.getSymName().str() + "'");
      types[param.getSymNameAttr()] = *type;
    }
    retypeParams(getOperation(), types);
    return Status::success();
  }

  StatusOr<Type> nestOne(CompressionSession &session, ParamOp param) {
    LOWBIT_ASSIGN_OR_RETURN(Recoding recoding, Recoding::read(session, param));
    LeafDesc target = recoding.canonical;
    LOWBIT_RETURN_IF_ERROR(::lowbit::setPlaneFields(target, /*msbFirst=*/true));
    EncodingDesc elastic;
    elastic.kind = EncodingKind::elastic;
    elastic.rows = target.rows;
    elastic.columns = target.columns;
    elastic.terms = {EncodingDesc::of(target)};
    elastic.axis = ::lowbit::ElasticAxis::planes;
    elastic.minimum = minimum;
    LOWBIT_RETURN_IF_ERROR(::lowbit::validate(elastic));
    LOWBIT_RETURN_IF_ERROR(recoding
                               .write(session, target, /*withLayout=*/true,
                                      recoding.codes, recoding.params())
                               .status());
    auto before = cast<LowbitTensorType>(param.getType());
    auto type = LowbitTensorType::get(
        &getContext(), before.getShape(), before.getElementType(),
        getEncodingAttr(&getContext(), elastic, /*withLayout=*/true));
    step.parameters.push_back(recoding.entryFor(type));
    step.parameters.back().encoding = ::lowbit::describe(elastic);
    return Type(type);
  }
};

struct SpecializeElasticPass
    : mlir::lowbit::impl::SpecializeElasticPassBase<SpecializeElasticPass>,
      CompressionPass {
  using Base::Base;

  Exactness exactness() const override { return Exactness::E3; }

  void runOnOperation() override {
    if (failed(runStep(*this, getOperation(), randomWeights,
                       [&](CompressionSession &s) { return specialize(s); })))
      signalPassFailure();
  }

private:
  static StatusOr<EncodingDesc> encodingOf(ParamOp param) {
    auto type = cast<LowbitTensorType>(param.getType());
    return type.getEncodingInterface().getEncodingDesc(type.getShape());
  }

  Status specialize(CompressionSession &session) {
    LOWBIT_ASSIGN_OR_RETURN(SmallVector<ParamOp> selected,
                            selectMatrices(getOperation(), only, except));
    DenseMap<StringAttr, Type> types;
    for (ParamOp param : selected) {
      LOWBIT_ASSIGN_OR_RETURN(EncodingDesc elastic, encodingOf(param));
      if (elastic.kind != EncodingKind::elastic)
        continue;
      showProgress(session, types.size() + 1, selected.size(),
                   param.getSymName());
      StatusOr<Type> type = choose(session, param, elastic);
      if (!type.isOk())
        return std::move(type).status().addNote("in parameter '" +
                                                param.getSymName().str() + "'");
      types[param.getSymNameAttr()] = *type;
    }
    if (types.empty())
      return invalidArgument("none of the selected parameters is elastic; "
                             "nest-bits makes them so");
    retypeParams(getOperation(), types);
    return Status::success();
  }

  /// The member's components are the first bytes of the whole's (V9).
  StatusOr<Type> choose(CompressionSession &session, ParamOp param,
                        const EncodingDesc &elastic) {
    if (elastic.axis == ::lowbit::ElasticAxis::width)
      return invalidArgument("a prefix along width has another shape than what "
                             "reads it");
    LOWBIT_ASSIGN_OR_RETURN(EncodingDesc member,
                            ::lowbit::elasticMember(elastic, length));
    LOWBIT_ASSIGN_OR_RETURN(auto wanted, ::lowbit::componentsOf(member));
    ComponentBytes components;
    MaterializeOptions options;
    options.threads = session.threads;
    LOWBIT_RETURN_IF_ERROR(
        session.archive->materialize(param, components, options));
    components.resize(wanted.size());
    for (auto [desc, bytes] : llvm::zip(wanted, components)) {
      if (bytes.size() < desc.bytes)
        return ::lowbit::internalError("component '%s' is shorter than a prefix "
                                       "of it",
                                       desc.name().c_str());
      bytes.resize(desc.bytes);
    }
    const bool isLeaf = member.kind == EncodingKind::leaf;
    if (isLeaf) {
      // The store keeps leaves in the canonical layout; kernels choose theirs.
      LeafDesc canonical = member.leaf;
      canonical.fields.clear();
      canonical.biased = false;
      LOWBIT_RETURN_IF_ERROR(::lowbit::applyCanonicalLayout(canonical));
      std::vector<std::span<const uint8_t>> views(components.begin(),
                                                  components.end());
      LOWBIT_ASSIGN_OR_RETURN(
          components, ::lowbit::repack(member.leaf, views, canonical));
    }
    auto before = cast<LowbitTensorType>(param.getType());
    auto type = LowbitTensorType::get(
        &getContext(), before.getShape(), before.getElementType(),
        getEncodingAttr(&getContext(), member, /*withLayout=*/!isLeaf));
    LOWBIT_ASSIGN_OR_RETURN(
        ComputedSourceAttr source,
        session.archive->addComputed(&getContext(), components));
    param.setSourceAttr(source);
    ::lowbit::compress::LedgerParameter entry;
    entry.name = param.getSymName().str();
    entry.shape.assign(before.getShape().begin(), before.getShape().end());
    entry.encoding = ::lowbit::describe(member);
    entry.bitsBefore = bitsPerWeight(before);
    entry.bitsAfter = bitsPerWeight(type);
    step.parameters.push_back(std::move(entry));
    return Type(type);
  }
};

} // namespace
