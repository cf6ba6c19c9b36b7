//===- PruneWidth.cpp - Narrower feed-forward layers ----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/Quantizer.h"
#include "passes/Compress/CompressionPass.h"
#include "passes/Compress/LeafWriter.h"
#include "passes/Compress/Matrices.h"
#include "passes/Compress/MatrixQuantizer.h"
#include "passes/Compress/ModelRunner.h"
#include "passes/Compress/Passes.h"
#include "passes/Compress/Retype.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinOps.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

namespace mlir::lowbit {
#define GEN_PASS_DEF_PRUNEWIDTHPASS
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

/// The inner channels of one layer: rows of the weights that make them, columns
/// of the weights that read them.
struct Channels {
  int64_t count = 0;
  SmallVector<ParamOp> makers;  ///< matrices [count, K]
  SmallVector<ParamOp> vectors; ///< biases [count]
  ParamOp reader;               ///< matrix [N, count]
};

struct PruneWidthPass : mlir::lowbit::impl::PruneWidthPassBase<PruneWidthPass>,
                        CompressionPass {
  using Base::Base;

  Exactness exactness() const override { return Exactness::E3; }

  void runOnOperation() override {
    if (failed(runStep(*this, getOperation(), randomWeights,
                       [&](CompressionSession &s) { return compress(s); })))
      signalPassFailure();
  }

private:
  Status compress(CompressionSession &session) {
    if (dim == "heads")
      return ::lowbit::unimplemented("dim=heads is not supported yet; use dim=ffn");
    if (dim != "ffn")
      return invalidArgument("option 'dim' requires ffn or heads, got '%s'",
                             dim.c_str());
    if (!(keep > 0 && keep <= 1))
      return invalidArgument("option 'keep' requires a number in (0, 1], got %g",
                             static_cast<double>(keep));
    if (multiple < 1)
      return invalidArgument("option 'multiple' requires a positive number");
    LOWBIT_ASSIGN_OR_RETURN(std::vector<Channels> layers, findChannels());
    LOWBIT_RETURN_IF_ERROR(readInputs(session, layers));
    types.clear();
    for (auto [index, channels] : llvm::enumerate(layers)) {
      showProgress(session, index + 1, layers.size(),
                   channels.reader.getSymName());
      LOWBIT_RETURN_IF_ERROR(narrow(session, channels));
    }
    retypeParams(getOperation(), types);
    reinferTypes();
    return Status::success();
  }

  //===--------------------------------------------------------------------===//
  // Which channels
  //===--------------------------------------------------------------------===//

  /// The products that `value` is made of by elementwise ops alone; false when
  /// something else is between.
  static bool collectMakers(Value value, SmallVectorImpl<MatmulOp> &makers) {
    Operation *op = value.getDefiningOp();
    if (auto matmul = dyn_cast_or_null<MatmulOp>(op)) {
      if (!llvm::is_contained(makers, matmul))
        makers.push_back(matmul);
      return true;
    }
    if (!isa_and_nonnull<ActivationOp, arith::MulFOp, arith::AddFOp>(op))
      return false;
    return llvm::all_of(op->getOperands(), [&](Value operand) {
      return collectMakers(operand, makers);
    });
  }

  /// In every layer the one product that reads elementwise combinations of
  /// other products.
  StatusOr<std::vector<Channels>> findChannels() {
    SymbolTableCollection tables;
    std::vector<Channels> layers;
    DenseSet<StringRef> seen;
    Status status;
    getOperation().walk([&](LayerOp layer) {
      if (!status.isOk() || !layer.getParamsAttr())
        return;
      auto block = tables.lookupNearestSymbolFrom<BlockOp>(
          layer, layer.getCalleeAttr());
      auto members = tables
                         .lookupNearestSymbolFrom<ParamSetOp>(
                             layer, layer.getParamsAttr())
                         .resolveMembers(tables);
      const unsigned first = block.getNumArguments() - block.getNumParams();
      auto paramOf = [&](Value value) -> ParamOp {
        auto argument = dyn_cast_or_null<BlockArgument>(value);
        if (!argument || argument.getArgNumber() < first)
          return {};
        return tables.lookupNearestSymbolFrom<ParamOp>(
            layer, members[argument.getArgNumber() - first]);
      };
      for (auto reader : block.getBody().front().getOps<MatmulOp>()) {
        SmallVector<MatmulOp> makers;
        Operation *input = reader.getInput().getDefiningOp();
        if (isa_and_nonnull<MatmulOp>(input) ||
            !collectMakers(reader.getInput(), makers))
          continue;
        Channels channels;
        channels.reader = paramOf(reader.getWeight());
        for (MatmulOp maker : makers) {
          channels.makers.push_back(paramOf(maker.getWeight()));
          if (maker.getBias())
            channels.vectors.push_back(paramOf(maker.getBias()));
        }
        if (!channels.reader || llvm::is_contained(channels.makers, ParamOp()) ||
            llvm::is_contained(channels.vectors, ParamOp()))
          continue;
        channels.count = cast<LowbitTensorType>(channels.reader.getType())
                             .getShape()[1];
        // Layers that share weights are one.
        if (seen.insert(channels.reader.getSymName()).second)
          layers.push_back(std::move(channels));
        else if (llvm::any_of(channels.makers, [&](ParamOp maker) {
                   return !seen.contains(maker.getSymName());
                 }))
          status = invalidArgument(
              "'%s' is shared by layers whose other matrices are not; their "
              "widths would not match",
              channels.reader.getSymName().str().c_str());
        for (ParamOp maker : channels.makers)
          seen.insert(maker.getSymName());
      }
    });
    LOWBIT_RETURN_IF_ERROR(status);
    if (layers.empty())
      return invalidArgument("no layer has a product of elementwise combinations "
                             "of products, which is what dim=ffn narrows");
    return layers;
  }

  /// Second moments of the channels, where calibration data is at hand.
  Status readInputs(CompressionSession &session,
                    const std::vector<Channels> &layers) {
    moments.clear();
    if (!session.runner || !session.runner->hasCalibration())
      return Status::success();
    SmallVector<ParamOp> readers;
    for (const Channels &channels : layers)
      readers.push_back(channels.reader);
    return forEachHessian(
        session, getOperation(), readers, DenseMap<StringAttr, Type>(),
        [&](ParamOp param, const Hessian &hessian) {
          std::vector<double> &diagonal = moments[param.getSymNameAttr()];
          for (int64_t i = 0; i < hessian.columns(); ++i)
            diagonal.push_back(hessian.at(i, i));
          return Status::success();
        });
  }

  //===--------------------------------------------------------------------===//
  // Narrowing
  //===--------------------------------------------------------------------===//

  /// What each channel contributes: the norm of the column that reads it times
  /// that of its values, or, without data, of the rows that make it.
  std::vector<double> score(const Channels &channels,
                            std::span<const float> reader,
                            ArrayRef<std::vector<float>> makers) {
    std::vector<double> scores(channels.count, 0.0);
    const int64_t rows = static_cast<int64_t>(reader.size()) / channels.count;
    for (int64_t n = 0; n < rows; ++n)
      for (int64_t k = 0; k < channels.count; ++k)
        scores[k] += static_cast<double>(reader[n * channels.count + k]) *
                     reader[n * channels.count + k];
    ParamOp readerParam = channels.reader;
    auto found = moments.find(readerParam.getSymNameAttr());
    for (int64_t k = 0; k < channels.count; ++k) {
      if (found != moments.end()) {
        scores[k] *= found->second[k];
        continue;
      }
      for (const std::vector<float> &maker : makers) {
        const int64_t columns =
            static_cast<int64_t>(maker.size()) / channels.count;
        double norm = 0;
        for (int64_t i = 0; i < columns; ++i)
          norm += static_cast<double>(maker[k * columns + i]) *
                  maker[k * columns + i];
        scores[k] *= norm;
      }
    }
    return scores;
  }

  Status narrow(CompressionSession &session, Channels &channels) {
    MaterializeOptions materialize;
    materialize.threads = session.threads;
    LOWBIT_ASSIGN_OR_RETURN(
        std::vector<float> reader,
        session.archive->decode(channels.reader, materialize));
    SmallVector<std::vector<float>> makers;
    for (ParamOp maker : channels.makers) {
      if (cast<LowbitTensorType>(maker.getType()).getShape()[0] != channels.count)
        return invalidArgument("'%s' makes %lld channels, '%s' reads %lld",
                               maker.getSymName().str().c_str(),
                               static_cast<long long>(
                                   cast<LowbitTensorType>(maker.getType())
                                       .getShape()[0]),
                               channels.reader.getSymName().str().c_str(),
                               static_cast<long long>(channels.count));
      LOWBIT_ASSIGN_OR_RETURN(std::vector<float> numbers,
                              session.archive->decode(maker, materialize));
      makers.push_back(std::move(numbers));
    }
    const std::vector<double> scores = score(channels, reader, makers);
    int64_t kept = std::llround(keep * channels.count / multiple) * multiple;
    kept = std::clamp<int64_t>(kept, std::min(multiple.getValue(), channels.count),
                               channels.count);
    std::vector<int64_t> order(channels.count);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
    });
    order.resize(kept);
    std::sort(order.begin(), order.end());

    for (auto [maker, numbers] : llvm::zip(channels.makers, makers)) {
      const int64_t columns =
          static_cast<int64_t>(numbers.size()) / channels.count;
      std::vector<float> rows;
      for (int64_t k : order)
        rows.insert(rows.end(), numbers.begin() + k * columns,
                    numbers.begin() + (k + 1) * columns);
      LOWBIT_RETURN_IF_ERROR(replace(session, maker, rows, kept, columns));
    }
    for (ParamOp vector : channels.vectors) {
      LOWBIT_ASSIGN_OR_RETURN(std::vector<float> numbers,
                              session.archive->decode(vector, materialize));
      ComponentBytes components(1);
      std::vector<float> entries;
      for (int64_t k : order)
        entries.push_back(numbers[k]);
      components[0] = plainFloats(entries, FloatFormat::f32);
      LOWBIT_ASSIGN_OR_RETURN(
          ComputedSourceAttr source,
          session.archive->addComputed(&getContext(), components));
      vector.setSourceAttr(source);
      types[vector.getSymNameAttr()] = RankedTensorType::get(
          {kept}, Float32Type::get(&getContext()));
    }
    const int64_t rows = static_cast<int64_t>(reader.size()) / channels.count;
    std::vector<float> columns;
    for (int64_t n = 0; n < rows; ++n)
      for (int64_t k : order)
        columns.push_back(reader[n * channels.count + k]);
    return replace(session, channels.reader, columns, rows, kept);
  }

  /// Gives `param` the numbers of a smaller matrix: in its own float code, or as
  /// f32 where it was quantized.
  Status replace(CompressionSession &session, ParamOp param,
                 std::span<const float> numbers, int64_t rows,
                 int64_t columns) {
    auto type = cast<LowbitTensorType>(param.getType());
    LOWBIT_ASSIGN_OR_RETURN(LeafDesc before, type.getLeafDesc());
    LeafDesc leaf;
    leaf.rows = rows;
    leaf.columns = columns;
    const bool keepsCode = before.code.isFloat() && before.code.width >= 16 &&
                           before.scales.empty() && before.offsets.empty();
    leaf.code = keepsCode ? before.code
                          : ::lowbit::NumberDesc::floating(FloatFormat::f32);
    ComponentBytes components;
    LOWBIT_RETURN_IF_ERROR(writeLeaf(
        leaf, {}, plainFloats(numbers, leaf.code.format), {}, components));
    LOWBIT_ASSIGN_OR_RETURN(
        ComputedSourceAttr source,
        session.archive->addComputed(&getContext(), components));
    param.setSourceAttr(source);
    // What stood for the wider matrix says nothing about this one.
    param->removeAttr("lowbit.origin");
    auto newType = LowbitTensorType::get(
        &getContext(), {rows, columns}, type.getElementType(),
        getLeafAttr(&getContext(), leaf, /*withLayout=*/false));
    types[param.getSymNameAttr()] = newType;
    LedgerParameter entry;
    entry.name = param.getSymName().str();
    entry.shape = {rows, columns};
    entry.encoding = ::lowbit::describe(leaf);
    entry.bitsBefore = bitsPerWeight(type);
    entry.bitsAfter = bitsPerWeight(newType);
    entry.note = ::lowbit::formatString(
        "was %lldx%lld", static_cast<long long>(before.rows),
        static_cast<long long>(before.columns));
    step.parameters.push_back(std::move(entry));
    return Status::success();
  }

  /// Widths of products and of what is elementwise in them follow the weights.
  void reinferTypes() {
    getOperation().walk([](BlockOp block) {
      for (Operation &op : block.getBody().front()) {
        if (auto matmul = dyn_cast<MatmulOp>(op))
          matmul.getResult().setType(RankedTensorType::get(
              {ShapedType::kDynamic, matmul.getWeight().getType().getShape()[0]},
              Float32Type::get(op.getContext())));
        else if (isa<ActivationOp, arith::MulFOp, arith::AddFOp>(op))
          op.getResult(0).setType(op.getOperand(0).getType());
      }
    });
  }

  DenseMap<StringAttr, Type> types;
  DenseMap<StringAttr, std::vector<double>> moments;
};

} // namespace
