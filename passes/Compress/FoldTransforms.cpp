//===- FoldTransforms.cpp - Rotations and norms into weights --------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/Quantizer.h"
#include "lib/Compress/Rotation.h"
#include "passes/Compress/CompressionPass.h"
#include "passes/Compress/LeafWriter.h"
#include "passes/Compress/Matrices.h"
#include "passes/Compress/MatrixQuantizer.h"
#include "passes/Compress/Origin.h"
#include "passes/Compress/Passes.h"
#include "passes/Compress/ResidualStream.h"
#include "passes/Compress/Retype.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_FOLDTRANSFORMSPASS
#include "passes/Compress/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;
using namespace ::lowbit::compress;
using ::lowbit::FloatFormat;
using ::lowbit::invalidArgument;
using ::lowbit::LeafDesc;
using ::lowbit::Status;
using ::lowbit::StatusOr;

namespace {

struct FoldTransformsPass
    : mlir::lowbit::impl::FoldTransformsPassBase<FoldTransformsPass>,
      CompressionPass {
  using Base::Base;

  Exactness exactness() const override { return Exactness::E1; }

  void runOnOperation() override {
    if (failed(runStep(*this, getOperation(), randomWeights,
                       [&](CompressionSession &s) { return fold(s); })))
      signalPassFailure();
  }

private:
  Status fold(CompressionSession &session) {
    if (transform != "hadamard" && transform != "none")
      return invalidArgument("option 'transform' requires hadamard or none, got '%s'",
                             transform.c_str());
    LOWBIT_ASSIGN_OR_RETURN(ResidualStream stream, findResidualStream(getOperation()));
    StatusOr<Rotation> rotation =
        Rotation::create(stream.width, transform == "none" ? 1 : block, seed);
    if (!rotation.isOk())
      return invalidArgument("option 'block': %s", rotation.status().message().c_str());
    types.clear();
    splitTiedHead(stream);
    // Decided; now done, one parameter at a time.
    const size_t total = stream.roles.size() + stream.norms.size();
    size_t done = 0;
    for (auto &[op, role] : stream.roles) {
      auto param = cast<ParamOp>(op);
      showProgress(session, ++done, total, param.getSymName());
      LOWBIT_RETURN_IF_ERROR(foldOne(session, param, role, *rotation));
    }
    for (Operation *op : stream.norms)
      LOWBIT_RETURN_IF_ERROR(setOnes(session, cast<ParamOp>(op)));
    retypeParams(getOperation(), types);
    return Status::success();
  }

  /// An embedding that is the head's matrix, too, takes no weight of a norm: the head
  /// gets a copy, `NAME.head`.
  void splitTiedHead(ResidualStream &stream) {
    for (MatmulOp read : stream.readsOfFunctions) {
      auto get = read.getWeight().getDefiningOp<GetParamOp>();
      auto param = getOperation().lookupSymbol<ParamOp>(get.getParam());
      StreamRole &role = stream.roles[param];
      if (!role.embeds)
        continue;
      OpBuilder builder(param);
      builder.setInsertionPointAfter(param);
      auto copy = cast<ParamOp>(builder.clone(*param));
      copy.setSymName((param.getSymName() + ".head").str());
      SymbolTable(getOperation()).insert(copy);
      builder.setInsertionPoint(get);
      auto own = GetParamOp::create(builder, get.getLoc(), get.getType(),
                                    FlatSymbolRefAttr::get(copy.getSymNameAttr()));
      read.getWeightMutable().set(own.getResult());
      StreamRole reader;
      reader.reads = true;
      reader.norm = role.norm;
      role.reads = false;
      role.norm = ParamOp();
      stream.roles[copy] = reader;
      if (get.use_empty())
        get.erase();
    }
  }

  Status foldOne(CompressionSession &session, ParamOp param, const StreamRole &role,
                 const Rotation &rotation) {
    MaterializeOptions materialize;
    materialize.threads = session.threads;
    LOWBIT_ASSIGN_OR_RETURN(std::vector<float> numbers,
                            session.archive->decode(param, materialize));
    if (role.norm) {
      LOWBIT_ASSIGN_OR_RETURN(std::vector<float> weight,
                              session.archive->decode(role.norm, materialize));
      for (size_t i = 0; i < numbers.size(); ++i)
        numbers[i] *= weight[i % weight.size()];
    }
    if (role.reads || role.embeds)
      rotation.applyToRows(numbers);
    else
      rotation.applyToColumns(numbers); // a bias is a column
    return store(session, param, numbers);
  }

  Status setOnes(CompressionSession &session, ParamOp param) {
    const int64_t count = cast<RankedTensorType>(param.getType()).getNumElements();
    return store(session, param, std::vector<float>(static_cast<size_t>(count), 1.0f));
  }

  /// Gives `param` these numbers as f32.
  Status store(CompressionSession &session, ParamOp param,
               std::span<const float> numbers) {
    ComponentBytes components(1);
    auto type = dyn_cast<LowbitTensorType>(param.getType());
    if (!type) {
      components[0] = plainFloats(numbers, FloatFormat::f32);
    } else {
      LeafDesc leaf;
      leaf.rows = type.getShape()[0];
      leaf.columns = type.getShape()[1];
      leaf.code = ::lowbit::NumberDesc::floating(FloatFormat::f32);
      LOWBIT_RETURN_IF_ERROR(writeLeaf(
          leaf, {}, plainFloats(numbers, FloatFormat::f32), {}, components));
      auto newType = LowbitTensorType::get(
          &getContext(), type.getShape(), type.getElementType(),
          getLeafAttr(&getContext(), leaf, /*withLayout=*/false));
      types[param.getSymNameAttr()] = newType;
      LedgerParameter entry;
      entry.name = param.getSymName().str();
      entry.shape = {leaf.rows, leaf.columns};
      entry.encoding = ::lowbit::describe(leaf);
      entry.bitsBefore = bitsPerWeight(type);
      entry.bitsAfter = bitsPerWeight(newType);
      step.parameters.push_back(std::move(entry));
    }
    LOWBIT_ASSIGN_OR_RETURN(
        ComputedSourceAttr source,
        session.archive->addComputed(&getContext(), components));
    param.setSourceAttr(source);
    // Errors of later steps are against these numbers.
    forgetOrigin(param);
    return Status::success();
  }

  DenseMap<StringAttr, Type> types;
};

} // namespace
