//===- PruneWidth.cpp - Narrower layers
//---------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/Quantizer.h"
#include "passes/Compress/ChannelSets.h"
#include "passes/Compress/CompressionPass.h"
#include "passes/Compress/LeafWriter.h"
#include "passes/Compress/Matrices.h"
#include "passes/Compress/MatrixQuantizer.h"
#include "passes/Compress/ModelRunner.h"
#include "passes/Compress/Origin.h"
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

/// The squared norm of each column of a matrix.
static std::vector<double> squaredNorms(std::span<const float> matrix,
                                        int64_t columns) {
  std::vector<double> norms(columns, 0.0);
  for (size_t i = 0; i < matrix.size(); ++i)
    norms[i % columns] += static_cast<double>(matrix[i]) * matrix[i];
  return norms;
}

/// The numbers of the units `kept`, each of `unit` numbers.
static std::vector<float> takeUnits(std::span<const float> numbers,
                                    std::span<const int64_t> kept,
                                    int64_t unit) {
  std::vector<float> taken;
  taken.reserve(kept.size() * unit);
  for (int64_t index : kept)
    taken.insert(taken.end(), numbers.begin() + index * unit,
                 numbers.begin() + (index + 1) * unit);
  return taken;
}

namespace {

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
    if (dim != "ffn" && dim != "heads")
      return invalidArgument("option 'dim' requires ffn or heads, got '%s'",
                             dim.c_str());
    if (!(keep > 0 && keep <= 1))
      return invalidArgument(
          "option 'keep' requires a number in (0, 1], got %g",
          static_cast<double>(keep));
    if (multiple < 1)
      return invalidArgument("option 'multiple' requires a positive number");
    LOWBIT_ASSIGN_OR_RETURN(std::vector<ChannelSet> sets,
                            dim == "ffn"
                                ? findFeedForwardChannels(getOperation())
                                : findHeadChannels(getOperation()));
    LOWBIT_RETURN_IF_ERROR(readInputs(session, sets));
    types.clear();
    for (auto [index, set] : llvm::enumerate(sets)) {
      showProgress(session, index + 1, sets.size(), set.reader.getSymName());
      LOWBIT_RETURN_IF_ERROR(narrow(session, set));
    }
    retypeParams(getOperation(), types);
    inferWidths(getOperation());
    return Status::success();
  }

  /// Second moments of the channels, where calibration data is at hand.
  Status readInputs(CompressionSession &session,
                    const std::vector<ChannelSet> &sets) {
    moments.clear();
    if (!session.runner || !session.runner->hasCalibration())
      return Status::success();
    SmallVector<ParamOp> readers;
    for (const ChannelSet &set : sets)
      readers.push_back(set.reader);
    return forEachHessian(
        session, getOperation(), readers, DenseMap<StringAttr, Type>(),
        [&](ParamOp param, const Hessian &hessian, LayerWalk &) {
          std::vector<double> &diagonal = moments[param.getSymNameAttr()];
          for (int64_t i = 0; i < hessian.columns(); ++i)
            diagonal.push_back(hessian.at(i, i));
          return Status::success();
        });
  }

  //===--------------------------------------------------------------------===//
  // Narrowing
  //===--------------------------------------------------------------------===//

  /// What each unit contributes: over its channels, the norm of the column that
  /// reads one times that of its values, or, without data, times that of the
  /// rows that make it.
  std::vector<double> score(ChannelSet &set, std::span<const float> reader,
                            ArrayRef<std::vector<float>> makers) {
    std::vector<double> columns = squaredNorms(reader, set.units * set.width);
    auto found = moments.find(set.reader.getSymNameAttr());
    if (found != moments.end())
      for (auto [norm, moment] : llvm::zip_equal(columns, found->second))
        norm *= moment;
    std::vector<double> scores(set.units, 0.0);
    for (auto [index, norm] : llvm::enumerate(columns))
      scores[index / set.width] += norm;
    if (found != moments.end())
      return scores;
    for (auto [maker, numbers] : llvm::zip_equal(set.makers, makers)) {
      if (!maker.carriesValue)
        continue;
      const int64_t unit = static_cast<int64_t>(numbers.size()) / set.units;
      for (int64_t i = 0; i < set.units; ++i) {
        double norm = 0;
        for (int64_t j = i * unit; j < (i + 1) * unit; ++j)
          norm += static_cast<double>(numbers[j]) * numbers[j];
        scores[i] *= norm;
      }
    }
    return scores;
  }

  /// The units to keep, ascending.
  std::vector<int64_t> select(const std::vector<double> &scores) {
    const int64_t units = static_cast<int64_t>(scores.size());
    // Heads are few and wide enough each.
    const int64_t step =
        dim == "ffn" ? std::min(multiple.getValue(), units) : 1;
    const int64_t kept = std::clamp<int64_t>(
        std::llround(keep * units / step) * step, step, units);
    std::vector<int64_t> order(units);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
    });
    order.resize(kept);
    std::sort(order.begin(), order.end());
    return order;
  }

  Status narrow(CompressionSession &session, ChannelSet &set) {
    MaterializeOptions materialize;
    materialize.threads = session.threads;
    LOWBIT_ASSIGN_OR_RETURN(std::vector<float> reader,
                            session.archive->decode(set.reader, materialize));
    SmallVector<std::vector<float>> makers;
    for (ChannelMaker &maker : set.makers) {
      const int64_t rows =
          cast<LowbitTensorType>(maker.matrix.getType()).getShape()[0];
      if (rows != set.units * maker.width)
        return invalidArgument("'%s' makes %lld channels, '%s' reads %lld",
                               maker.matrix.getSymName().str().c_str(),
                               static_cast<long long>(rows),
                               set.reader.getSymName().str().c_str(),
                               static_cast<long long>(set.units * maker.width));
      LOWBIT_ASSIGN_OR_RETURN(
          std::vector<float> numbers,
          session.archive->decode(maker.matrix, materialize));
      makers.push_back(std::move(numbers));
    }
    const std::vector<int64_t> kept = select(score(set, reader, makers));

    for (auto [maker, numbers] : llvm::zip_equal(set.makers, makers)) {
      const int64_t rows = static_cast<int64_t>(kept.size()) * maker.width;
      const int64_t columns =
          static_cast<int64_t>(numbers.size()) / (set.units * maker.width);
      LOWBIT_RETURN_IF_ERROR(replace(
          session, maker.matrix,
          takeUnits(numbers, kept, maker.width * columns), rows, columns));
      if (!maker.bias)
        continue;
      LOWBIT_ASSIGN_OR_RETURN(std::vector<float> bias,
                              session.archive->decode(maker.bias, materialize));
      ComponentBytes components(1);
      components[0] =
          plainFloats(takeUnits(bias, kept, maker.width), FloatFormat::f32);
      LOWBIT_ASSIGN_OR_RETURN(
          ComputedSourceAttr source,
          session.archive->addComputed(&getContext(), components));
      maker.bias.setSourceAttr(source);
      types[maker.bias.getSymNameAttr()] =
          RankedTensorType::get({rows}, Float32Type::get(&getContext()));
    }
    const int64_t all = set.units * set.width;
    const int64_t rows = static_cast<int64_t>(reader.size()) / all;
    std::vector<float> columns;
    for (int64_t n = 0; n < rows; ++n) {
      std::vector<float> row =
          takeUnits(std::span<const float>(reader).subspan(n * all, all), kept,
                    set.width);
      columns.insert(columns.end(), row.begin(), row.end());
    }
    return replace(session, set.reader, columns, rows,
                   static_cast<int64_t>(kept.size()) * set.width);
  }

  /// Gives `param` the numbers of a smaller matrix: in its own float code, or
  /// as f32 where it was quantized.
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
    forgetOrigin(param);
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
    entry.note = ::lowbit::formatString("was %lldx%lld",
                                        static_cast<long long>(before.rows),
                                        static_cast<long long>(before.columns));
    step.parameters.push_back(std::move(entry));
    return Status::success();
  }

  DenseMap<StringAttr, Type> types;
  DenseMap<StringAttr, std::vector<double>> moments;
};

} // namespace
