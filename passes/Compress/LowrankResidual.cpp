//===- LowrankResidual.cpp - What compression lost, at low rank -----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/LowRank.h"
#include "lib/Compress/Quantizer.h"
#include "passes/Compress/CompressionPass.h"
#include "passes/Compress/LeafWriter.h"
#include "passes/Compress/Matrices.h"
#include "passes/Compress/Origin.h"
#include "passes/Compress/Passes.h"
#include "passes/Compress/Retype.h"

#include "mlir/IR/BuiltinOps.h"

#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWRANKRESIDUALPASS
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
using ::lowbit::Status;
using ::lowbit::StatusOr;

namespace {

struct LowrankResidualPass
    : mlir::lowbit::impl::LowrankResidualPassBase<LowrankResidualPass>,
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
    for (ParamOp param : params)
      LOWBIT_RETURN_IF_ERROR(check(param));
    types.clear();
    for (auto [index, param] : llvm::enumerate(params)) {
      showProgress(session, index + 1, params.size(), param.getSymName());
      Status status = addResidual(session, param);
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
      return invalidArgument("'%s' is as it was imported; lowrank-residual comes "
                             "after the step whose loss it makes up for",
                             name.c_str());
    if (!type.getLeafDesc().isOk())
      return invalidArgument("'%s' is a sum or product already", name.c_str());
    const int64_t most = std::min(type.getShape()[0], type.getShape()[1]);
    if (rank < 1 || rank > most)
      return invalidArgument("rank=%lld is not 1 to %lld, which '%s' allows",
                             static_cast<long long>(rank),
                             static_cast<long long>(most), name.c_str());
    return Status::success();
  }

  /// A factor as a leaf of f16 codes: components and the numbers they hold.
  static StatusOr<LeafDesc> writeFactor(std::vector<float> &numbers,
                                        int64_t rows, int64_t columns,
                                        ComponentBytes &components) {
    LeafDesc leaf;
    leaf.rows = rows;
    leaf.columns = columns;
    leaf.code = ::lowbit::NumberDesc::floating(FloatFormat::f16);
    LOWBIT_RETURN_IF_ERROR(writeLeaf(leaf, {},
                                     plainFloats(numbers, FloatFormat::f16), {},
                                     components));
    for (float &number : numbers)
      number = roundScale(number, FloatFormat::f16);
    return leaf;
  }

  Status addResidual(CompressionSession &session, ParamOp param) {
    auto type = cast<LowbitTensorType>(param.getType());
    LOWBIT_ASSIGN_OR_RETURN(LeafDesc base, type.getLeafDesc());
    const int64_t rows = base.rows, columns = base.columns;
    MaterializeOptions materialize;
    materialize.threads = session.threads;
    ComponentBytes components;
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
    LOWBIT_ASSIGN_OR_RETURN(
        LowRank factors, approximateLowRank(rest, rows, columns, rank,
                                            /*rounds=*/4, session.threads));
    ComponentBytes left, right;
    EncodingDesc sum, product;
    LOWBIT_ASSIGN_OR_RETURN(LeafDesc leftLeaf,
                            writeFactor(factors.left, rows, rank, left));
    LOWBIT_ASSIGN_OR_RETURN(LeafDesc rightLeaf,
                            writeFactor(factors.right, rank, columns, right));
    std::vector<float> after = now;
    for (int64_t n = 0; n < rows; ++n)
      for (int64_t r = 0; r < rank; ++r)
        for (int64_t k = 0; k < columns; ++k)
          after[n * columns + k] +=
              factors.left[n * rank + r] * factors.right[r * columns + k];
    const WeightError before = measureError(wanted, now);
    const WeightError error = measureError(wanted, after);

    LedgerParameter entry;
    entry.name = param.getSymName().str();
    entry.shape.assign(type.getShape().begin(), type.getShape().end());
    entry.bitsBefore = bitsPerWeight(type);
    entry.sparsity = error.zeros;
    entry.note = ::lowbit::formatString("error was %.5f without the residual",
                                        before.relative);
    if (error.relative > before.relative) {
      // Nothing to gain (a residual of noise below the rounding of f16).
      entry.note += "; left out: it does not help";
      entry.encoding = ::lowbit::describe(base);
      entry.bitsAfter = entry.bitsBefore;
      entry.weightError = before.relative;
      entry.largestError = before.largest;
      step.parameters.push_back(std::move(entry));
      return Status::success();
    }
    product.kind = EncodingKind::prod;
    sum.kind = EncodingKind::sum;
    sum.rows = product.rows = rows;
    sum.columns = product.columns = columns;
    product.terms = {EncodingDesc::of(leftLeaf), EncodingDesc::of(rightLeaf)};
    sum.terms = {EncodingDesc::of(base), product};
    for (ComponentBytes *part : {&left, &right})
      for (std::vector<uint8_t> &bytes : *part)
        components.push_back(std::move(bytes));
    LOWBIT_ASSIGN_OR_RETURN(
        ComputedSourceAttr source,
        session.archive->addComputed(&getContext(), components));
    param.setSourceAttr(source);
    auto newType = LowbitTensorType::get(
        &getContext(), type.getShape(), type.getElementType(),
        getEncodingAttr(&getContext(), sum, /*withLayout=*/false));
    types[param.getSymNameAttr()] = newType;
    entry.encoding = ::lowbit::describe(sum);
    entry.bitsAfter = bitsPerWeight(newType);
    entry.weightError = error.relative;
    entry.largestError = error.largest;
    entry.bound = error.largest;
    step.parameters.push_back(std::move(entry));
    return Status::success();
  }

  DenseMap<StringAttr, Type> types;
};

} // namespace
