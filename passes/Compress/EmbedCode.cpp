//===- EmbedCode.cpp - Codes into other codes and layouts -----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/CompressionPass.h"
#include "passes/Compress/Matrices.h"
#include "passes/Compress/MatrixQuantizer.h"
#include "passes/Compress/Passes.h"
#include "passes/Compress/Recode.h"
#include "passes/Compress/Retype.h"

#include "lowbit/Packing/Layouts.h"

#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_EMBEDCODEPASS
#define GEN_PASS_DEF_DECOMPOSEBITPLANESPASS
#include "passes/Compress/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::invalidArgument;
using ::lowbit::LeafDesc;
using ::lowbit::NumberDesc;
using ::lowbit::Status;
using ::lowbit::StatusOr;

/// Gives `params` the code (their own without one) and the layout (that of
/// compiled kernels without one); one ledger entry each.
static Status
embed(CompressionSession &session, ModuleOp module, ArrayRef<ParamOp> params,
      std::optional<NumberDesc> code, StringRef layout,
      std::vector<::lowbit::compress::LedgerParameter> &entries,
      llvm::function_ref<void(size_t, StringRef)> progress) {
  DenseMap<StringAttr, Type> types;
  size_t done = 0;
  for (ParamOp param : params) {
    progress(++done, param.getSymName());
    auto one = [&]() -> Status {
      LOWBIT_ASSIGN_OR_RETURN(Recoding recoding, Recoding::read(session, param));
      LeafDesc target = recoding.canonical;
      target.code = code.value_or(target.code);
      if (recoding.leaf.zero && target.code.isFloat())
        return invalidArgument("a zero point needs an integer code; "
                               "expand-zero-points comes first");
      if (!layout.empty())
        LOWBIT_RETURN_IF_ERROR(
            applyLayoutText(module.getContext(), layout, target));
      else
        LOWBIT_RETURN_IF_ERROR(::lowbit::applyCanonicalLayout(target));
      LOWBIT_ASSIGN_OR_RETURN(
          std::vector<uint8_t> codes,
          translateCodes(recoding.codes, recoding.leaf.code, target.code));
      LOWBIT_ASSIGN_OR_RETURN(Type type,
                              recoding.write(session, target, !layout.empty(),
                                             std::move(codes),
                                             recoding.params()));
      entries.push_back(recoding.entryFor(type));
      types[param.getSymNameAttr()] = type;
      return Status::success();
    };
    Status status = one();
    if (!status.isOk())
      return std::move(status).addNote("in parameter '" +
                                       param.getSymName().str() + "'");
  }
  retypeParams(module, types);
  return Status::success();
}

namespace {

struct EmbedCodePass : mlir::lowbit::impl::EmbedCodePassBase<EmbedCodePass>,
                       CompressionPass {
  using Base::Base;

  Exactness exactness() const override { return Exactness::E0; }

  void runOnOperation() override {
    auto work = [&](CompressionSession &session) -> Status {
      if (code.empty() && layout.empty())
        return invalidArgument("requires option 'code' or 'layout'");
      std::optional<NumberDesc> target;
      if (!code.empty()) {
        LOWBIT_ASSIGN_OR_RETURN(target, parseCodeText(code, &getContext()));
        if (target->width > 8)
          return invalidArgument("option 'code' requires at most 8 bits, got %d",
                                 target->width);
      }
      LOWBIT_ASSIGN_OR_RETURN(SmallVector<ParamOp> params,
                              selectMatrices(getOperation(), only, except));
      return embed(session, getOperation(), params, target, layout,
                   step.parameters, [&](size_t done, StringRef name) {
                     showProgress(session, done, params.size(), name);
                   });
    };
    if (failed(runStep(*this, getOperation(), randomWeights, work)))
      signalPassFailure();
  }
};

struct DecomposeBitplanesPass
    : mlir::lowbit::impl::DecomposeBitplanesPassBase<DecomposeBitplanesPass>,
      CompressionPass {
  using Base::Base;

  Exactness exactness() const override { return Exactness::E0; }

  void runOnOperation() override {
    auto work = [&](CompressionSession &session) -> Status {
      if (order != "lsb" && order != "msb")
        return invalidArgument("option 'order' requires lsb or msb, got '%s'",
                               order.c_str());
      LOWBIT_ASSIGN_OR_RETURN(SmallVector<ParamOp> params,
                              selectMatrices(getOperation(), only, except));
      return embed(session, getOperation(), params, std::nullopt,
                   order == "msb" ? "planes-msb" : "planes", step.parameters,
                   [&](size_t done, StringRef name) {
                     showProgress(session, done, params.size(), name);
                   });
    };
    if (failed(runStep(*this, getOperation(), randomWeights, work)))
      signalPassFailure();
  }
};

} // namespace
