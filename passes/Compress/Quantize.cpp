//===- Quantize.cpp - Weights to low-bit codes ----------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/CompressionPass.h"
#include "passes/Compress/Matrices.h"
#include "passes/Compress/MatrixQuantizer.h"
#include "passes/Compress/Passes.h"

#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_QUANTIZEPASS
#include "passes/Compress/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::invalidArgument;
using ::lowbit::Status;

namespace {

struct QuantizePass : mlir::lowbit::impl::QuantizePassBase<QuantizePass>,
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
    QuantizeRequest request;
    LOWBIT_ASSIGN_OR_RETURN(request.options.code,
                            parseCodeText(code, &getContext()));
    LOWBIT_ASSIGN_OR_RETURN(request.options.granules, parseGroup(group));
    LOWBIT_RETURN_IF_ERROR(parseMethod(method, request));
    LOWBIT_ASSIGN_OR_RETURN(request.options.scale,
                            parseScale(scale, request.options.granules));
    if (!(damping >= 0)) // NaN too
      return invalidArgument("option 'damping' requires a number >= 0, got %g",
                             static_cast<double>(damping));
    request.options.symmetric = symmetric;
    request.options.threads = session.threads;
    request.feedback.damping = damping;
    request.feedback.activationOrder = activationOrder;
    LOWBIT_ASSIGN_OR_RETURN(SmallVector<ParamOp> params,
                            selectMatrices(getOperation(), only, except));
    MatrixQuantizer quantizer(session, getOperation(), std::move(request),
                              [&](size_t done, size_t total, StringRef what) {
                                showProgress(session, done, total, what);
                              });
    return quantizer.run(params, step.parameters);
  }
};

} // namespace
