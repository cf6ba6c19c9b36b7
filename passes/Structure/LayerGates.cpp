//===- LayerGates.cpp - Gates of layers within their weights --------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Structure/LayerGates.h"

#include "lib/Compress/Quantizer.h"
#include "passes/Compress/LayerParams.h"
#include "passes/Compress/Origin.h"
#include "passes/Compress/ScaleComponents.h"

#include "lowbit/Packing/Layouts.h"
#include "lowbit/Packing/Pack.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::EncodingDesc;
using ::lowbit::invalidArgument;
using ::lowbit::LeafDesc;
using ::lowbit::Status;
using ::lowbit::StatusOr;

namespace {

/// Which gate a parameter takes, and whose it is.
struct Claim {
  double gate = 1;
  int64_t layer = 0;
};

class GateFolder {
public:
  GateFolder(ModuleOp module, CompressionSession &session)
      : module(module), session(session) {}

  /// Claims for the parameters of one call: those that write its stream take `gate`,
  /// the others none.
  Status decide(LayerOp layer, int64_t index, double gate);
  StatusOr<int64_t> apply();

private:
  Status findWriters(LayerOp layer, int64_t index, LayerParams &params,
                     DenseSet<Value> &writers);
  Status claim(ParamOp param, Claim claim);
  Status scale(ParamOp param, double gate);

  ModuleOp module;
  CompressionSession &session;
  SymbolTableCollection tables;
  llvm::MapVector<Operation *, Claim> claims;
};

} // namespace

/// The product of `added`, which may have a factor (adaLN's gate); null where there is
/// none or others read it.
static MatmulOp productWithin(Value added) {
  if (!added.hasOneUse())
    return nullptr;
  if (auto matmul = added.getDefiningOp<MatmulOp>())
    return matmul;
  if (auto multiply = added.getDefiningOp<arith::MulFOp>())
    for (Value factor : multiply->getOperands())
      if (auto matmul = factor.getDefiningOp<MatmulOp>(); matmul && factor.hasOneUse())
        return matmul;
  return nullptr;
}

/// The arguments of the block that are matrices and biases of what it adds to its
/// stream: its first inputs, as many as it has results.
Status GateFolder::findWriters(LayerOp layer, int64_t index, LayerParams &params,
                               DenseSet<Value> &writers) {
  auto refuse = [&](Operation *op, const char *why) {
    return invalidArgument("layer %lld takes no gate: '%s' %s",
                           static_cast<long long>(index),
                           op->getName().getStringRef().str().c_str(), why);
  };
  Block &body = params.body();
  DenseSet<Value> stream;
  for (unsigned i = 0; i < layer.getNumResults(); ++i)
    stream.insert(body.getArgument(i));
  for (auto add : body.getOps<arith::AddFOp>()) {
    Value left = add.getLhs(), right = add.getRhs();
    if (!stream.contains(left))
      std::swap(left, right);
    if (!stream.contains(left))
      continue;
    auto matmul = productWithin(right);
    if (!matmul)
      return refuse(add, "adds something else than a product to the stream");
    for (Value argument : {Value(matmul.getWeight()), Value(matmul.getBias())}) {
      if (!argument)
        continue;
      if (!params.of(argument) || !argument.hasOneUse())
        return refuse(matmul, "has a weight or bias that is no parameter of its own");
      writers.insert(argument);
    }
    stream.insert(add.getResult());
  }
  Operation *end = body.getTerminator();
  for (Value value : end->getOperands())
    if (!stream.contains(value))
      return refuse(end, "returns something else than the stream");
  return Status::success();
}

Status GateFolder::claim(ParamOp param, Claim claim) {
  auto [found, isNew] = claims.insert({param, claim});
  const Claim &other = found->second;
  if (isNew || other.gate == claim.gate)
    return Status::success();
  return invalidArgument("layers %lld and %lld share '%s', but their gates are %g and "
                         "%g; what layers share takes one gate",
                         static_cast<long long>(other.layer),
                         static_cast<long long>(claim.layer),
                         param.getSymName().str().c_str(), other.gate, claim.gate);
}

Status GateFolder::decide(LayerOp layer, int64_t index, double gate) {
  if (!layer.getParamsAttr())
    return gate == 1 ? Status::success()
                     : invalidArgument("layer %lld has no parameters that could take "
                                       "its gate",
                                       static_cast<long long>(index));
  LayerParams params(layer, tables);
  DenseSet<Value> writers;
  if (gate != 1)
    LOWBIT_RETURN_IF_ERROR(findWriters(layer, index, params, writers));
  for (Value argument : params.body().getArguments())
    if (ParamOp param = params.of(argument))
      LOWBIT_RETURN_IF_ERROR(
          claim(param, {writers.contains(argument) ? gate : 1.0, index}));
  return Status::success();
}

/// Components of any layout in the canonical one, in which the archive keeps them.
static Status makeCanonical(const EncodingDesc &encoding, ComponentBytes &components) {
  size_t begin = 0;
  for (const LeafDesc *leaf : ::lowbit::leavesOf(encoding)) {
    LOWBIT_ASSIGN_OR_RETURN(auto descs, ::lowbit::componentsOf(*leaf));
    LeafDesc canonical = *leaf;
    canonical.fields.clear();
    canonical.biased = false;
    LOWBIT_RETURN_IF_ERROR(::lowbit::applyCanonicalLayout(canonical));
    if (canonical != *leaf) {
      std::vector<std::span<const uint8_t>> views(
          components.begin() + begin, components.begin() + begin + descs.size());
      LOWBIT_ASSIGN_OR_RETURN(ComponentBytes moved,
                              ::lowbit::repack(*leaf, views, canonical));
      std::move(moved.begin(), moved.end(), components.begin() + begin);
    }
    begin += descs.size();
  }
  return Status::success();
}

Status GateFolder::scale(ParamOp param, double gate) {
  const auto factor = static_cast<float>(gate);
  MaterializeOptions options;
  options.threads = session.threads;
  ComponentBytes components;
  if (auto type = dyn_cast<LowbitTensorType>(param.getType())) {
    LOWBIT_RETURN_IF_ERROR(session.archive->materialize(param, components, options));
    LOWBIT_ASSIGN_OR_RETURN(EncodingDesc encoding, type.getEncodingDesc());
    LOWBIT_RETURN_IF_ERROR(scaleComponents(encoding, factor, components));
    LOWBIT_RETURN_IF_ERROR(makeCanonical(encoding, components));
    LOWBIT_RETURN_IF_ERROR(scaleOrigin(session, param, factor));
  } else {
    LOWBIT_ASSIGN_OR_RETURN(std::vector<float> numbers,
                            session.archive->decode(param, options));
    for (float &number : numbers)
      number *= factor;
    components.push_back(
        ::lowbit::compress::plainFloats(numbers, ::lowbit::FloatFormat::f32));
  }
  LOWBIT_ASSIGN_OR_RETURN(
      ComputedSourceAttr source,
      session.archive->addComputed(module.getContext(), components));
  param.setSourceAttr(source);
  return Status::success();
}

StatusOr<int64_t> GateFolder::apply() {
  llvm::StringSet<> elsewhere;
  module.walk([&](GetParamOp get) { elsewhere.insert(get.getParam()); });
  SmallVector<std::pair<ParamOp, double>> gated;
  for (auto &[op, claim] : claims) {
    if (claim.gate == 1)
      continue;
    auto param = cast<ParamOp>(op);
    if (elsewhere.contains(param.getSymName()))
      return invalidArgument("'%s' takes no gate: it is used outside of layers, too",
                             param.getSymName().str().c_str());
    gated.emplace_back(param, claim.gate);
  }
  for (auto [param, gate] : gated) {
    Status status = scale(param, gate);
    if (!status.isOk())
      return std::move(status).addNote("in parameter '" + param.getSymName().str() +
                                       "'");
  }
  return static_cast<int64_t>(gated.size());
}

StatusOr<int64_t> mlir::lowbit::foldGates(ModuleOp module, const LayerGraph &graph,
                                          ArrayRef<double> gates,
                                          ArrayRef<int64_t> removed,
                                          CompressionSession &session) {
  GateFolder folder(module, session);
  for (int64_t index = 0; index < graph.size(); ++index) {
    if (llvm::is_contained(removed, index))
      continue;
    for (LayerOp layer : graph.callsOf(index))
      LOWBIT_RETURN_IF_ERROR(folder.decide(layer, index, gates[index]));
  }
  return folder.apply();
}
