//===- Quantize.cpp - Weights to low-bit codes ----------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/ErrorFeedback.h"
#include "lib/Import/ComponentWriter.h"
#include "lowbit/Packing/Layouts.h"
#include "passes/Compress/CompressionPass.h"
#include "passes/Compress/Matrices.h"
#include "passes/Compress/ModelRunner.h"
#include "passes/Compress/Passes.h"
#include "passes/Compress/Retype.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/BuiltinOps.h"

#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_QUANTIZEPASS
#include "passes/Compress/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;
using namespace ::lowbit::compress;
using ::lowbit::FloatFormat;
using ::lowbit::invalidArgument;
using ::lowbit::LeafDesc;
using ::lowbit::NumberDesc;
using ::lowbit::ParamDesc;
using ::lowbit::Status;
using ::lowbit::StatusOr;

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

/// A code as recipes write it: `int4` stands for `int<4>`.
static StatusOr<NumberDesc> parseCodeText(StringRef text,
                                          MLIRContext *context) {
  std::string spelled = text.str();
  for (StringRef prefix : {"uint", "int"}) {
    StringRef width = text;
    if (width.consume_front(prefix) && !width.empty() &&
        llvm::all_of(width, llvm::isDigit)) {
      spelled = (prefix + "<" + width + ">").str();
      break;
    }
  }
  // The dialect's own parser: whatever code it knows is a code here.
  ScopedDiagnosticHandler quiet(context, [](Diagnostic &) { return success(); });
  Attribute attribute =
      parseAttribute("#lowbit.leaf<" + spelled + ">", context);
  auto encoding = dyn_cast_or_null<EncodingAttrInterface>(attribute);
  if (!encoding)
    return invalidArgument("option 'code' is not a code: '%s'; write int4, "
                           "uint3, ternary, int<4, -7:7>",
                           text.str().c_str());
  LOWBIT_ASSIGN_OR_RETURN(LeafDesc leaf, encoding.getLeafDesc({1, 1}));
  return leaf.code;
}

static StatusOr<Granules> parseGroup(StringRef text) {
  Granules granules;
  if (text == "row")
    granules.group = 0;
  else if (text == "tensor")
    granules.group = -1;
  else if (text.getAsInteger(10, granules.group) || granules.group < 1)
    return invalidArgument("option 'group' requires a number of columns, row or "
                           "tensor, got '%s'",
                           text.str().c_str());
  return granules;
}

static StatusOr<GridMethod> parseMethod(StringRef text) {
  static const std::pair<StringRef, GridMethod> methods[] = {
      {"absmax", GridMethod::absmax},
      {"mse", GridMethod::mse},
      {"absmean", GridMethod::absmean},
      {"lsq", GridMethod::lsq},
      // Error feedback rounds onto the grids of least squared error.
      {"gptq", GridMethod::mse}};
  for (const auto &[name, method] : methods)
    if (text == name)
      return method;
  return invalidArgument("option 'method' requires absmax, mse, absmean, lsq or "
                         "gptq, got '%s'",
                         text.str().c_str());
}

static StatusOr<FloatFormat> parseScale(StringRef text, Granules granules) {
  if (text == "auto")
    return granules.group > 0 ? FloatFormat::f16 : FloatFormat::f32;
  static const std::pair<StringRef, FloatFormat> formats[] = {
      {"f32", FloatFormat::f32},
      {"f16", FloatFormat::f16},
      {"bf16", FloatFormat::bf16}};
  for (const auto &[name, format] : formats)
    if (text == name)
      return format;
  return invalidArgument("option 'scale' requires auto, f32, f16 or bf16, got "
                         "'%s'",
                         text.str().c_str());
}

//===----------------------------------------------------------------------===//
// Encodings
//===----------------------------------------------------------------------===//

/// The encoding of a quantized [rows, columns] matrix.
static LeafDesc leafFor(const QuantizeOptions &options, int64_t rows,
                        int64_t columns) {
  LeafDesc leaf;
  leaf.rows = rows;
  leaf.columns = columns;
  leaf.code = options.code;
  auto param = [&](NumberDesc number) {
    int64_t group = options.granules.group;
    return group < 0    ? ::lowbit::paramPerTensor(number)
           : group == 0 ? ::lowbit::paramPerRow(number, rows)
                        : ::lowbit::paramPerGroup(number, rows, columns, group);
  };
  leaf.scales.push_back(param(NumberDesc::floating(options.scale)));
  if (!options.symmetric)
    leaf.zero = param(options.code);
  return leaf;
}

/// Packs what the quantizer gave into the components of `leaf` (canonical).
static Status writeComponents(const LeafDesc &leaf,
                              const QuantizedMatrix &matrix,
                              ComponentBytes &components) {
  LOWBIT_ASSIGN_OR_RETURN(
      auto writer, ::lowbit::import::ComponentWriter::create(leaf, components));
  LOWBIT_RETURN_IF_ERROR(writer.writeParam(
      0, 0, ::lowbit::granuleRows(leaf.scales[0]),
      plainFloats(matrix.scales, leaf.scales[0].number.format)));
  if (leaf.zero)
    LOWBIT_RETURN_IF_ERROR(writer.writeParam(
        1, 0, ::lowbit::granuleRows(*leaf.zero),
        {reinterpret_cast<const uint8_t *>(matrix.zeros.data()),
         matrix.zeros.size()}));
  return writer.writeCodes(0, leaf.rows, matrix.codes);
}

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
    QuantizeOptions options;
    LOWBIT_ASSIGN_OR_RETURN(options.code, parseCodeText(code, &getContext()));
    LOWBIT_ASSIGN_OR_RETURN(options.granules, parseGroup(group));
    LOWBIT_ASSIGN_OR_RETURN(options.method, parseMethod(method));
    LOWBIT_ASSIGN_OR_RETURN(options.scale, parseScale(scale, options.granules));
    options.symmetric = symmetric;
    options.threads = session.threads;
    LOWBIT_ASSIGN_OR_RETURN(Quantizer quantizer, Quantizer::create(options));
    LOWBIT_ASSIGN_OR_RETURN(SmallVector<ParamOp> params,
                            selectMatrices(getOperation(), only, except));
    LOWBIT_RETURN_IF_ERROR(checkGroups(params, options.granules));
    const bool calibrates = session.runner && session.runner->hasCalibration();
    if (method == "gptq" && !calibrates)
      return invalidArgument("method=gptq needs --calibration=FILE");
    if (damping < 0)
      return invalidArgument("option 'damping' requires a number >= 0, got %g",
                             static_cast<double>(damping));
    types.clear();
    total = params.size();
    if (calibrates)
      LOWBIT_RETURN_IF_ERROR(walkLayers(session, quantizer, params));
    for (ParamOp param : params)
      if (!types.count(param.getSymNameAttr())) {
        if (method == "gptq")
          return invalidArgument("method=gptq works on the matrices of layers, "
                                 "'%s' is none",
                                 param.getSymName().str().c_str());
        LOWBIT_RETURN_IF_ERROR(quantizeParam(session, quantizer, param, nullptr));
      }
    retypeParams(getOperation(), types);
    return Status::success();
  }

  /// Layer by layer, each on what the compressed layers before it give.
  Status walkLayers(CompressionSession &session, const Quantizer &quantizer,
                    ArrayRef<ParamOp> params) {
    DenseMap<StringAttr, ParamOp> pending;
    for (ParamOp param : params)
      pending[param.getSymNameAttr()] = param;
    LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<LayerWalk> walk,
                            session.runner->walkLayers(getOperation()));
    while (walk->position() < walk->layerCount()) {
      std::vector<std::optional<Hessian>> hessians(walk->taps().size());
      bool any = false;
      for (auto [tap, hessian] : llvm::zip(walk->taps(), hessians))
        if (llvm::any_of(tap.weights, [&](StringAttr name) {
              return pending.contains(name);
            })) {
          hessian.emplace(tap.columns);
          any = true;
        }
      if (any)
        LOWBIT_RETURN_IF_ERROR(walk->observe(
            types, [&](size_t tap, const float *values, int64_t rows,
                       int64_t stride) {
              if (hessians[tap])
                hessians[tap]->add(values, rows, stride, session.threads);
            }));
      for (auto [tap, hessian] : llvm::zip(walk->taps(), hessians))
        for (StringAttr name : tap.weights)
          if (auto found = pending.find(name); found != pending.end()) {
            LOWBIT_RETURN_IF_ERROR(
                quantizeParam(session, quantizer, found->second, &*hessian));
            pending.erase(found);
          }
      if (pending.empty())
        break;
      LOWBIT_RETURN_IF_ERROR(walk->advance(types));
    }
    return Status::success();
  }

  /// Before any work: a group that does not divide is the usual mistake.
  static Status checkGroups(ArrayRef<ParamOp> params, Granules granules) {
    for (ParamOp param : params) {
      int64_t columns = cast<LowbitTensorType>(param.getType()).getShape()[1];
      if (granules.group > 0 && columns % granules.group != 0)
        return invalidArgument(
            "group=%lld does not divide the %lld columns of '%s'; use a divisor, "
            "group=row, or except=",
            static_cast<long long>(granules.group),
            static_cast<long long>(columns), param.getSymName().str().c_str());
    }
    return Status::success();
  }

  /// Quantizes one parameter; `hessian` are its inputs' second moments, or null.
  Status quantizeParam(CompressionSession &session, const Quantizer &quantizer,
                       ParamOp param, const Hessian *hessian) {
    showProgress(session, types.size() + 1, total, param.getSymName());
    Status status = replaceParam(session, quantizer, param, hessian);
    if (!status.isOk())
      status.addNote("in parameter '" + param.getSymName().str() + "'");
    return status;
  }

  Status replaceParam(CompressionSession &session, const Quantizer &quantizer,
                      ParamOp param, const Hessian *hessian) {
    auto type = cast<LowbitTensorType>(param.getType());
    LOWBIT_ASSIGN_OR_RETURN(LeafDesc before, type.getLeafDesc());
    MaterializeOptions materialize;
    materialize.threads = session.threads;
    LOWBIT_ASSIGN_OR_RETURN(std::vector<float> weights,
                            session.archive->decode(param, materialize));
    GptqOptions gptq;
    gptq.damping = damping;
    gptq.activationOrder = activationOrder;
    auto quantized = method == "gptq"
                         ? quantizeGptq(quantizer, weights, before.rows,
                                        *hessian, gptq)
                         : quantizer.quantizeMatrix(weights, before.rows,
                                                    before.columns);
    LOWBIT_RETURN_IF_ERROR(quantized.status());
    const QuantizedMatrix &matrix = *quantized;
    LeafDesc leaf =
        leafFor(quantizer.options(), before.rows, before.columns);
    LOWBIT_RETURN_IF_ERROR(::lowbit::applyCanonicalLayout(leaf));
    ComponentBytes components;
    LOWBIT_RETURN_IF_ERROR(writeComponents(leaf, matrix, components));
    LOWBIT_RETURN_IF_ERROR(setComputed(session, param, components));
    auto newType = LowbitTensorType::get(
        &getContext(), type.getShape(), type.getElementType(),
        getLeafAttr(&getContext(), leaf, /*withLayout=*/false));
    types[param.getSymNameAttr()] = newType;

    LedgerParameter entry;
    entry.name = param.getSymName().str();
    entry.shape.assign(type.getShape().begin(), type.getShape().end());
    entry.encoding = ::lowbit::describe(leaf);
    entry.bitsBefore = bitsPerWeight(type);
    entry.bitsAfter = bitsPerWeight(newType);
    if (!before.code.isFloat())
      entry.note = "quantized again: was " + ::lowbit::describe(before);
    // Measured on what will be decoded later, not on what was meant.
    LOWBIT_ASSIGN_OR_RETURN(std::vector<float> decoded,
                            decodeComponents(leaf, components, session.threads));
    WeightError error = measureError(weights, decoded);
    entry.weightError = error.relative;
    entry.largestError = error.largest;
    entry.sparsity = error.zeros;
    // Error feedback moves weights on purpose: its bound is what was measured.
    entry.bound = method == "gptq" ? error.largest : matrix.bound;
    if (hessian)
      entry.outputError = std::sqrt(hessian->outputError(
          weights, decoded, before.rows, session.threads));
    step.parameters.push_back(std::move(entry));
    return Status::success();
  }

  /// New types of what is done.
  DenseMap<StringAttr, Type> types;
  size_t total = 0;
};

} // namespace
