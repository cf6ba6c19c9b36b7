//===- MatrixQuantizer.h - Parameters to codes and scales ------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What `quantize` and `assign-bits` share: options as recipes write them, and
// the replacement of parameters, one by one or layer by layer on calibration
// data.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_COMPRESS_MATRIXQUANTIZER_H
#define PASSES_COMPRESS_MATRIXQUANTIZER_H

#include "lib/Compress/ErrorFeedback.h"
#include "lib/Compress/Ledger.h"
#include "passes/Compress/CompressionSession.h"

namespace mlir::lowbit {

class LayerWalk;

/// A code as recipes write it: `int4` stands for `int<4>`; else whatever the
/// dialect parses inside a leaf.
::lowbit::StatusOr<::lowbit::NumberDesc> parseCodeText(StringRef text,
                                                       MLIRContext *context);
/// A number of columns, `row` or `tensor`.
::lowbit::StatusOr<::lowbit::compress::Granules> parseGroup(StringRef text);
/// f32, f16, bf16; `auto` is f16 for groups, else f32.
::lowbit::StatusOr<::lowbit::FloatFormat>
parseScale(StringRef text, ::lowbit::compress::Granules granules);

struct QuantizeRequest {
  ::lowbit::compress::QuantizeOptions options;
  bool errorFeedback = false; ///< GPTQ
  ::lowbit::compress::GptqOptions feedback;
  /// Codes of single parameters; the others take options.code.
  DenseMap<StringAttr, ::lowbit::NumberDesc> codeOf;
};

/// `absmax`, `mse`, `absmean`, `lsq`, `gptq` into `request`.
::lowbit::Status parseMethod(StringRef text, QuantizeRequest &request);

/// Fails where `granules` are groups that do not divide the columns of a matrix, which
/// the message names: the usual mistake, to be found before any work.
::lowbit::Status checkGroups(ArrayRef<ParamOp> params,
                             ::lowbit::compress::Granules granules);

class MatrixQuantizer {
public:
  MatrixQuantizer(
      CompressionSession &session, ModuleOp module, QuantizeRequest request,
      std::function<void(size_t done, size_t total, StringRef what)> progress)
      : session(session), module(module), request(std::move(request)),
        progress(std::move(progress)) {}

  /// Replaces `params` and retypes what carries them; one ledger entry each.
  /// Fails before any work where a group does not divide, and without
  /// calibration for error feedback.
  ::lowbit::Status
  run(ArrayRef<ParamOp> params,
      std::vector<::lowbit::compress::LedgerParameter> &entries);

  /// The quantizer for a parameter.
  ::lowbit::StatusOr<::lowbit::compress::Quantizer>
  quantizerFor(ParamOp param) const;

private:
  ::lowbit::Status quantizeParam(ParamOp param,
                                 const ::lowbit::compress::Hessian *hessian);
  ::lowbit::Status replaceParam(ParamOp param,
                                const ::lowbit::compress::Hessian *hessian);

  CompressionSession &session;
  ModuleOp module;
  QuantizeRequest request;
  std::function<void(size_t, size_t, StringRef)> progress;
  /// New types of what is done.
  DenseMap<StringAttr, Type> types;
  size_t total = 0;
  std::vector<::lowbit::compress::LedgerParameter> *entries = nullptr;
};

/// Second moments of the inputs of `params`, from a walk with the model as it
/// is; calls `visit` for every parameter with its inputs' moments, a layer at a
/// time, and with the walk at that layer. Parameters outside of layers are not
/// visited.
::lowbit::Status
forEachHessian(CompressionSession &session, ModuleOp module,
               ArrayRef<ParamOp> params,
               const DenseMap<StringAttr, Type> &types,
               llvm::function_ref<::lowbit::Status(
                   ParamOp, const ::lowbit::compress::Hessian &, LayerWalk &)>
                   visit);

} // namespace mlir::lowbit

#endif // PASSES_COMPRESS_MATRIXQUANTIZER_H
