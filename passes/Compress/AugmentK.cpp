//===- AugmentK.cpp - Residuals of columns, appended along K --------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/Hessian.h"
#include "lib/Compress/Quantizer.h"
#include "passes/Compress/CompressionPass.h"
#include "passes/Compress/LeafWriter.h"
#include "passes/Compress/Matrices.h"
#include "passes/Compress/MatrixQuantizer.h"
#include "passes/Compress/ModelRunner.h"
#include "passes/Compress/Origin.h"
#include "passes/Compress/Passes.h"
#include "passes/Compress/Retype.h"

#include "lowbit/Packing/Pack.h"

#include "mlir/IR/BuiltinOps.h"

#include <algorithm>
#include <numeric>

namespace mlir::lowbit {
#define GEN_PASS_DEF_AUGMENTKPASS
#include "passes/Compress/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;
using namespace ::lowbit::compress;
using ::lowbit::EncodingDesc;
using ::lowbit::EncodingKind;
using ::lowbit::FloatFormat;
using ::lowbit::invalidArgument;
using ::lowbit::LeafDesc;
using ::lowbit::PatternDesc;
using ::lowbit::Status;
using ::lowbit::StatusOr;

namespace {

struct AugmentKPass : mlir::lowbit::impl::AugmentKPassBase<AugmentKPass>,
                      CompressionPass {
  using Base::Base;

  Exactness exactness() const override { return Exactness::E2; }

  void runOnOperation() override {
    if (failed(runStep(*this, getOperation(), randomWeights,
                       [&](CompressionSession &s) { return compress(s); })))
      signalPassFailure();
  }

private:
  Status compress(CompressionSession &session) {
    LOWBIT_ASSIGN_OR_RETURN(SmallVector<ParamOp> params,
                            selectMatrices(getOperation(), only, except));
    QuantizeOptions options;
    LOWBIT_ASSIGN_OR_RETURN(options.code, parseCodeText(code, &getContext()));
    options.scale = FloatFormat::f16;
    options.method = GridMethod::mse;
    options.threads = session.threads;
    LOWBIT_ASSIGN_OR_RETURN(Quantizer quantizer, Quantizer::create(options));
    for (ParamOp param : params)
      LOWBIT_RETURN_IF_ERROR(check(param));
    moments.clear();
    if (session.runner && session.runner->hasCalibration())
      LOWBIT_RETURN_IF_ERROR(readMoments(session, params));
    types.clear();
    for (auto [index, param] : llvm::enumerate(params)) {
      showProgress(session, index + 1, params.size(), param.getSymName());
      Status status = augment(session, param, quantizer);
      if (!status.isOk())
        return std::move(status).addNote("in parameter '" +
                                         param.getSymName().str() + "'");
    }
    retypeParams(getOperation(), types);
    return Status::success();
  }

  Status check(ParamOp param) {
    auto type = cast<LowbitTensorType>(param.getType());
    const std::string name = param.getSymName().str();
    if (!hasOrigin(param))
      return invalidArgument(
          "'%s' is as it was imported; augment-k comes after the "
          "step whose loss it makes up for",
          name.c_str());
    if (!type.getLeafDesc().isOk())
      return invalidArgument("'%s' is a sum or product already", name.c_str());
    if (channels < 1 || channels > type.getShape()[1])
      return invalidArgument("channels=%lld is not 1 to %lld, which '%s' has",
                             static_cast<long long>(channels),
                             static_cast<long long>(type.getShape()[1]),
                             name.c_str());
    return Status::success();
  }

  /// Mean squares of the inputs of every matrix.
  Status readMoments(CompressionSession &session, ArrayRef<ParamOp> params) {
    return forEachHessian(
        session, getOperation(), params, DenseMap<StringAttr, Type>(),
        [&](ParamOp param, const Hessian &hessian, LayerWalk &) {
          std::vector<double> &diagonal = moments[param.getSymNameAttr()];
          for (int64_t i = 0; i < hessian.columns(); ++i)
            diagonal.push_back(hessian.at(i, i));
          return Status::success();
        });
  }

  /// The columns whose rounding costs outputs most, ascending: the energy of
  /// their error, times that of the inputs where it is known.
  std::vector<int64_t> chooseColumns(ParamOp param, std::span<const float> rest,
                                     int64_t columns) {
    std::vector<double> cost(columns, 0.0);
    for (size_t i = 0; i < rest.size(); ++i)
      cost[i % columns] += static_cast<double>(rest[i]) * rest[i];
    if (auto found = moments.find(param.getSymNameAttr());
        found != moments.end())
      for (int64_t k = 0; k < columns; ++k)
        cost[k] *= found->second[k];
    std::vector<int64_t> order(columns);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return cost[a] != cost[b] ? cost[a] > cost[b] : a < b;
    });
    order.resize(channels);
    std::sort(order.begin(), order.end());
    return order;
  }

  /// The residual's columns as blocks of one column, a scale each. `rest`
  /// becomes what they denote.
  StatusOr<LeafDesc> writeColumns(const Quantizer &quantizer,
                                  ArrayRef<int64_t> chosen, int64_t rows,
                                  int64_t columns, std::vector<float> &rest,
                                  ComponentBytes &components) {
    const auto count = static_cast<int64_t>(chosen.size());
    std::vector<float> turned; // [channels, rows]
    for (int64_t k : chosen)
      for (int64_t n = 0; n < rows; ++n)
        turned.push_back(rest[n * columns + k]);
    LOWBIT_ASSIGN_OR_RETURN(QuantizedMatrix quantized,
                            quantizer.quantizeMatrix(turned, count, rows));
    turned = quantizer.decodeMatrix(quantized, count, rows);
    std::vector<uint8_t> codes(rows * columns), mask(rows * columns);
    std::fill(rest.begin(), rest.end(), 0.0f);
    for (auto [channel, k] : llvm::enumerate(chosen))
      for (int64_t n = 0; n < rows; ++n) {
        codes[n * columns + k] = quantized.codes[channel * rows + n];
        mask[n * columns + k] = 1;
        rest[n * columns + k] = turned[channel * rows + n];
      }
    LeafDesc leaf;
    leaf.rows = rows;
    leaf.columns = columns;
    leaf.code = quantizer.options().code;
    StoredElements elements;
    PatternDesc pattern;
    pattern.kind = ::lowbit::PatternKind::csr;
    pattern.blockRows = rows;
    pattern.blockColumns = 1;
    pattern.indexBits = columns <= 256 ? 8 : columns <= 65536 ? 16 : 32;
    LOWBIT_ASSIGN_OR_RETURN(
        elements.index,
        ::lowbit::buildIndex(pattern, rows, columns, [&](int64_t n, int64_t k) {
          return mask[n * columns + k] != 0;
        }));
    elements.pattern = pattern;
    leaf.pattern = pattern;
    ::lowbit::ParamDesc scale;
    scale.number = ::lowbit::NumberDesc::floating(FloatFormat::f16);
    scale.space = ::lowbit::IndexSpace::stored;
    scale.granularity.numDims = 2;
    scale.granularity.results.push_back({{::lowbit::IndexTerm()}, 0});
    scale.granules = {pattern.count};
    leaf.scales = {scale};
    const std::vector<uint8_t> scales =
        plainFloats(quantized.scales, FloatFormat::f16);
    LOWBIT_RETURN_IF_ERROR(
        writeLeaf(leaf, elements, codes, std::span(&scales, 1), components));
    return leaf;
  }

  Status augment(CompressionSession &session, ParamOp param,
                 const Quantizer &quantizer) {
    auto type = cast<LowbitTensorType>(param.getType());
    LOWBIT_ASSIGN_OR_RETURN(LeafDesc base, type.getLeafDesc());
    MaterializeOptions materialize;
    materialize.threads = session.threads;
    ComponentBytes components, residual;
    LOWBIT_RETURN_IF_ERROR(
        session.archive->materialize(param, components, materialize));
    LOWBIT_ASSIGN_OR_RETURN(
        std::vector<float> now,
        decodeComponents(base, components, session.threads));
    LOWBIT_ASSIGN_OR_RETURN(std::vector<float> wanted,
                            decodeOrigin(session, param));
    std::vector<float> rest(wanted.size());
    for (size_t i = 0; i < rest.size(); ++i)
      rest[i] = wanted[i] - now[i];
    const std::vector<int64_t> chosen =
        chooseColumns(param, rest, base.columns);
    LOWBIT_ASSIGN_OR_RETURN(LeafDesc leaf,
                            writeColumns(quantizer, chosen, base.rows,
                                         base.columns, rest, residual));
    const WeightError before = measureError(wanted, now);
    for (size_t i = 0; i < now.size(); ++i)
      now[i] += rest[i];
    const WeightError error = measureError(wanted, now);

    EncodingDesc sum;
    sum.kind = EncodingKind::sum;
    sum.rows = base.rows;
    sum.columns = base.columns;
    sum.terms = {EncodingDesc::of(base), EncodingDesc::of(leaf)};
    for (std::vector<uint8_t> &bytes : residual)
      components.push_back(std::move(bytes));
    LOWBIT_ASSIGN_OR_RETURN(
        ComputedSourceAttr source,
        session.archive->addComputed(&getContext(), components));
    param.setSourceAttr(source);
    auto newType = LowbitTensorType::get(
        &getContext(), type.getShape(), type.getElementType(),
        getEncodingAttr(&getContext(), sum, /*withLayout=*/false));
    types[param.getSymNameAttr()] = newType;
    LedgerParameter entry;
    entry.name = param.getSymName().str();
    entry.shape.assign(type.getShape().begin(), type.getShape().end());
    entry.encoding = ::lowbit::describe(sum);
    entry.bitsBefore = bitsPerWeight(type);
    entry.bitsAfter = bitsPerWeight(newType);
    entry.sparsity = error.zeros;
    entry.weightError = error.relative;
    entry.largestError = error.largest;
    entry.bound = error.largest;
    entry.note = ::lowbit::formatString("error was %.5f without the columns",
                                        before.relative);
    step.parameters.push_back(std::move(entry));
    return Status::success();
  }

  DenseMap<StringAttr, Type> types;
  DenseMap<StringAttr, std::vector<double>> moments;
};

} // namespace
