//===- AssignBits.cpp - Widths by sensitivity -----------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/BitAllocation.h"
#include "passes/Compress/CompressionPass.h"
#include "passes/Compress/HiddenErrors.h"
#include "passes/Compress/Matrices.h"
#include "passes/Compress/MatrixQuantizer.h"
#include "passes/Compress/ModelRunner.h"
#include "passes/Compress/Passes.h"

#include "mlir/IR/BuiltinOps.h"

#include <cmath>
#include <map>

namespace mlir::lowbit {
#define GEN_PASS_DEF_ASSIGNBITSPASS
#include "passes/Compress/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;
using namespace ::lowbit::compress;
using ::lowbit::invalidArgument;
using ::lowbit::LeafDesc;
using ::lowbit::NumberDesc;
using ::lowbit::Status;
using ::lowbit::StatusOr;

namespace {

struct AssignBitsPass : mlir::lowbit::impl::AssignBitsPassBase<AssignBitsPass>,
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
    LOWBIT_RETURN_IF_ERROR(checkOptions(session));
    QuantizeRequest request;
    LOWBIT_ASSIGN_OR_RETURN(request.options.granules, parseGroup(group));
    LOWBIT_RETURN_IF_ERROR(parseMethod(method, request));
    LOWBIT_ASSIGN_OR_RETURN(request.options.scale,
                            parseScale(scale, request.options.granules));
    request.options.threads = session.threads;
    request.options.code = codes.back();
    LOWBIT_ASSIGN_OR_RETURN(SmallVector<ParamOp> params,
                            selectMatrices(getOperation(), only, except));
    LOWBIT_RETURN_IF_ERROR(checkGroups(params, request.options.granules));
    LOWBIT_RETURN_IF_ERROR(measure(session, params, request));
    LOWBIT_RETURN_IF_ERROR(choose(params, request));
    MatrixQuantizer quantizer(session, getOperation(), std::move(request),
                              [&](size_t done, size_t total, StringRef what) {
                                showProgress(session, done, total, what);
                              });
    return quantizer.run(params, step.parameters);
  }

  Status checkOptions(CompressionSession &session) {
    if (!std::isfinite(budget) || budget <= 0)
      return invalidArgument("option 'budget' requires a number of bits above 0, "
                             "got %g",
                             static_cast<double>(budget));
    if (sensitivity != "output" && sensitivity != "weight")
      return invalidArgument(
          "option 'sensitivity' requires output or weight, got "
          "'%s'",
          sensitivity.c_str());
    if (sensitivity == "output" &&
        !(session.runner && session.runner->hasCalibration()))
      return invalidArgument("sensitivity=output needs --calibration=FILE; "
                             "sensitivity=weight does not");
    codes.clear();
    SmallVector<int64_t> widths(candidates.begin(), candidates.end());
    if (widths.empty())
      widths = {2, 3, 4, 8};
    llvm::sort(widths);
    for (int64_t width : widths) {
      if (width < 2 || width > 8)
        return invalidArgument("option 'candidates' requires widths of 2 to 8 "
                               "bits, got %lld",
                               static_cast<long long>(width));
      codes.push_back(NumberDesc::signedInt(static_cast<unsigned>(width)));
    }
    return Status::success();
  }

  /// The sensitivity table: what each candidate costs each parameter, measured
  /// one at a time with all others as they are.
  Status measure(CompressionSession &session, ArrayRef<ParamOp> params,
                 const QuantizeRequest &request) {
    choices.clear();
    total = params.size();
    HiddenErrors hidden(session);
    if (sensitivity == "output")
      LOWBIT_RETURN_IF_ERROR(forEachHessian(
          session, getOperation(), params, DenseMap<StringAttr, Type>(),
          [&](ParamOp param, const Hessian &hessian,
              LayerWalk &walk) -> Status {
            LOWBIT_ASSIGN_OR_RETURN(std::vector<float> weights,
                                    start(session, param));
            LOWBIT_RETURN_IF_ERROR(
                measureCandidates(session, param, weights, &hessian, request));
            return scaleToHiddenStates(session, hidden, walk, param, weights,
                                       hessian, request);
          }));
    for (ParamOp param : params) {
      if (choices.contains(param.getSymNameAttr()))
        continue;
      LOWBIT_ASSIGN_OR_RETURN(std::vector<float> weights,
                              start(session, param));
      LOWBIT_RETURN_IF_ERROR(
          measureCandidates(session, param, weights, nullptr, request));
    }
    return Status::success();
  }

  /// The parameter's numbers.
  StatusOr<std::vector<float>> start(CompressionSession &session,
                                     ParamOp param) {
    showProgress(session, choices.size() + 1, total,
                 ("sensitivity of " + param.getSymName()).str());
    MaterializeOptions materialize;
    materialize.threads = session.threads;
    return session.archive->decode(param, materialize);
  }

  /// Squared relative errors of what the parameter is multiplied with, or
  /// without `hessian` of its numbers, each rounded by itself.
  Status measureCandidates(CompressionSession &session, ParamOp param,
                           ArrayRef<float> weights, const Hessian *hessian,
                           const QuantizeRequest &request) {
    auto shape = cast<LowbitTensorType>(param.getType()).getShape();
    const int64_t rows = shape[0], columns = shape[1];
    std::vector<Choice> list;
    for (const NumberDesc &code : codes) {
      QuantizeOptions options = request.options;
      options.code = code;
      LOWBIT_ASSIGN_OR_RETURN(Quantizer quantizer, Quantizer::create(options));
      LOWBIT_ASSIGN_OR_RETURN(QuantizedMatrix matrix,
                              quantizer.quantizeMatrix(weights, rows, columns));
      std::vector<float> decoded =
          quantizer.decodeMatrix(matrix, rows, columns);
      Choice choice;
      choice.cost =
          hessian
              ? hessian->outputError(weights, decoded, rows, session.threads)
              : std::pow(measureError(weights, decoded).relative, 2);
      choice.bits = static_cast<double>(code.width) * rows * columns +
                    static_cast<double>(matrix.scales.size()) *
                        (options.scale == ::lowbit::FloatFormat::f32 ? 32 : 16);
      list.push_back(choice);
    }
    choices[param.getSymNameAttr()] = std::move(list);
    return Status::success();
  }

  /// Makes the costs errors of hidden states. How much of a product's error
  /// reaches them differs between products, and so does what error feedback
  /// saves, but not much between widths: measured for the one next to the
  /// budget.
  Status scaleToHiddenStates(CompressionSession &session, HiddenErrors &hidden,
                             LayerWalk &walk, ParamOp param,
                             ArrayRef<float> weights, const Hessian &hessian,
                             const QuantizeRequest &request) {
    size_t next = 0;
    while (next + 1 < codes.size() && codes[next + 1].width <= budget)
      ++next;
    auto type = cast<LowbitTensorType>(param.getType());
    const int64_t rows = type.getShape()[0], columns = type.getShape()[1];
    std::vector<Choice> &list = choices[param.getSymNameAttr()];
    if (list[next].cost == 0)
      return Status::success();
    QuantizeOptions options = request.options;
    options.code = codes[next];
    LOWBIT_ASSIGN_OR_RETURN(Quantizer quantizer, Quantizer::create(options));
    GptqOptions feedback = request.feedback;
    std::vector<uint8_t> kept;
    LOWBIT_ASSIGN_OR_RETURN(LeafDesc leaf, type.getLeafDesc());
    if (leaf.pattern) {
      for (float weight : weights)
        kept.push_back(weight != 0);
      feedback.kept = kept;
    }
    auto matrix =
        request.errorFeedback
            ? quantizeGptq(quantizer, weights, rows, hessian, feedback)
            : quantizer.quantizeMatrix(weights, rows, columns);
    LOWBIT_RETURN_IF_ERROR(matrix.status());
    LOWBIT_ASSIGN_OR_RETURN(
        double error,
        hidden.measure(walk, param,
                       quantizer.decodeMatrix(*matrix, rows, columns)));
    for (const double factor = error / list[next].cost; Choice &choice : list)
      choice.cost *= factor;
    return Status::success();
  }

  Status choose(ArrayRef<ParamOp> params, QuantizeRequest &request) {
    std::vector<std::vector<Choice>> items;
    double weights = 0;
    for (ParamOp param : params) {
      auto shape = cast<LowbitTensorType>(param.getType()).getShape();
      weights += static_cast<double>(shape[0]) * shape[1];
      items.push_back(choices[param.getSymNameAttr()]);
    }
    auto picked = allocateBits(items, budget * weights);
    if (!picked.isOk()) {
      double least = 0;
      for (const std::vector<Choice> &item : items)
        least += item.front().bits;
      return invalidArgument(
          "budget=%g bits a weight is below the %.3f that the "
          "smallest candidates take with group=%s",
          static_cast<double>(budget), least / weights, group.c_str());
    }
    double bits = 0, cost = 0;
    std::map<int, int> counts;
    for (auto [param, item, choice] : llvm::zip(params, items, *picked)) {
      request.codeOf[ParamOp(param).getSymNameAttr()] = codes[choice];
      bits += item[choice].bits;
      cost += item[choice].cost;
      ++counts[codes[choice].width];
    }
    step.metrics.emplace_back("assigned bits a weight", bits / weights);
    step.metrics.emplace_back("sum of squared relative errors", cost);
    for (auto [width, count] : counts)
      step.metrics.emplace_back("parameters with int" + std::to_string(width),
                                count);
    step.note = sensitivity == "output"
                    ? "widths by a knapsack over the errors of hidden states"
                    : "widths by a knapsack over the errors of weights";
    return Status::success();
  }

  std::vector<NumberDesc> codes;
  DenseMap<StringAttr, std::vector<Choice>> choices;
  size_t total = 0;
};

} // namespace
