//===- MatrixQuantizer.cpp - Parameters to codes and scales ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/MatrixQuantizer.h"

#include "lowbit/Packing/Layouts.h"
#include "passes/Compress/LeafWriter.h"
#include "passes/Compress/Matrices.h"
#include "passes/Compress/ModelRunner.h"
#include "passes/Compress/Origin.h"
#include "passes/Compress/Retype.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/BuiltinOps.h"

#include <cmath>

using namespace mlir;
using namespace mlir::lowbit;
using namespace ::lowbit::compress;
using ::lowbit::FloatFormat;
using ::lowbit::invalidArgument;
using ::lowbit::LeafDesc;
using ::lowbit::NumberDesc;
using ::lowbit::ParamDesc;
using ::lowbit::PatternDesc;
using ::lowbit::Status;
using ::lowbit::StatusOr;

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

StatusOr<NumberDesc> mlir::lowbit::parseCodeText(StringRef text,
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
  ScopedDiagnosticHandler quiet(context,
                                [](Diagnostic &) { return success(); });
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

StatusOr<Granules> mlir::lowbit::parseGroup(StringRef text) {
  Granules granules;
  if (text == "row")
    granules.group = 0;
  else if (text == "tensor")
    granules.group = -1;
  else if (text.getAsInteger(10, granules.group) || granules.group < 1)
    return invalidArgument(
        "option 'group' requires a number of columns, row or "
        "tensor, got '%s'",
        text.str().c_str());
  return granules;
}

Status mlir::lowbit::parseMethod(StringRef text, QuantizeRequest &request) {
  static const std::pair<StringRef, GridMethod> methods[] = {
      {"absmax", GridMethod::absmax},
      {"mse", GridMethod::mse},
      {"absmean", GridMethod::absmean},
      {"lsq", GridMethod::lsq},
      // Error feedback rounds onto the grids of least squared error.
      {"gptq", GridMethod::mse}};
  for (const auto &[name, method] : methods)
    if (text == name) {
      request.options.method = method;
      request.errorFeedback = name == "gptq";
      return Status::success();
    }
  return invalidArgument(
      "option 'method' requires absmax, mse, absmean, lsq or "
      "gptq, got '%s'",
      text.str().c_str());
}

StatusOr<FloatFormat> mlir::lowbit::parseScale(StringRef text,
                                               Granules granules) {
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

/// One scale for each stored block, where blocks are what shares a scale.
static ParamDesc paramPerBlock(NumberDesc number, const PatternDesc &pattern) {
  ParamDesc param;
  param.number = number;
  param.space = ::lowbit::IndexSpace::stored;
  param.granularity.numDims = 2;
  param.granularity.results.push_back({{::lowbit::IndexTerm()}, 0});
  param.granules = {pattern.count};
  return param;
}

/// True where the group of `options` is the block of the pattern.
static bool scalesBlocks(const QuantizeOptions &options,
                         const StoredElements &elements) {
  return elements.pattern && elements.pattern->blockRows == 1 &&
         elements.pattern->blockColumns == options.granules.group &&
         (elements.pattern->kind == ::lowbit::PatternKind::csr ||
          elements.pattern->kind == ::lowbit::PatternKind::bitmap);
}

/// The encoding of a quantized [rows, columns] matrix, without layout.
static LeafDesc leafFor(const QuantizeOptions &options, int64_t rows,
                        int64_t columns, const StoredElements &elements) {
  LeafDesc leaf;
  leaf.rows = rows;
  leaf.columns = columns;
  leaf.code = options.code;
  leaf.pattern = elements.pattern;
  auto param = [&](NumberDesc number) {
    int64_t group = options.granules.group;
    return scalesBlocks(options, elements)
               ? paramPerBlock(number, *elements.pattern)
           : group < 0  ? ::lowbit::paramPerTensor(number)
           : group == 0 ? ::lowbit::paramPerRow(number, rows)
                        : ::lowbit::paramPerGroup(number, rows, columns, group);
  };
  leaf.scales.push_back(param(NumberDesc::floating(options.scale)));
  if (!options.symmetric)
    leaf.zero = param(options.code);
  return leaf;
}

/// Packs what the quantizer gave into the components of `leaf` (canonical).
static Status writeMatrix(LeafDesc &leaf, const QuantizeOptions &options,
                          const QuantizedMatrix &matrix,
                          const StoredElements &elements,
                          std::span<const uint8_t> mask,
                          ComponentBytes &components) {
  std::vector<float> scales = matrix.scales;
  std::vector<uint8_t> zeros(matrix.zeros.begin(), matrix.zeros.end());
  if (scalesBlocks(options, elements)) {
    // Stored blocks in row-major order are the granules that have elements.
    const int64_t width = options.granules.group;
    size_t kept = 0;
    for (size_t granule = 0; granule < scales.size(); ++granule) {
      if (!mask[granule * width])
        continue;
      scales[kept] = scales[granule];
      if (!zeros.empty())
        zeros[kept] = zeros[granule];
      ++kept;
    }
    scales.resize(kept);
    zeros.resize(zeros.empty() ? 0 : kept);
  }
  std::vector<std::vector<uint8_t>> params = {
      plainFloats(scales, options.scale)};
  if (!options.symmetric)
    params.push_back(std::move(zeros));
  return writeLeaf(leaf, elements, matrix.codes, params, components);
}

//===----------------------------------------------------------------------===//
// Second moments
//===----------------------------------------------------------------------===//

/// Visits the wanted weights of the current layer with their inputs' moments.
static Status observeLayer(
    CompressionSession &session, LayerWalk &walk,
    DenseMap<StringAttr, ParamOp> &pending,
    const DenseMap<StringAttr, Type> &types,
    llvm::function_ref<Status(ParamOp, const Hessian &, LayerWalk &)> visit) {
  std::vector<std::optional<Hessian>> hessians(walk.taps().size());
  bool any = false;
  for (auto [tap, hessian] : llvm::zip(walk.taps(), hessians))
    if (llvm::any_of(tap.weights,
                     [&](StringAttr name) { return pending.contains(name); })) {
      hessian.emplace(tap.columns);
      any = true;
    }
  if (!any)
    return Status::success();
  LOWBIT_RETURN_IF_ERROR(
      walk.observe(types, [&](size_t tap, const float *values, int64_t rows,
                              int64_t stride) {
        if (hessians[tap])
          hessians[tap]->add(values, rows, stride, session.threads);
      }));
  for (auto [tap, hessian] : llvm::zip(walk.taps(), hessians)) {
    for (StringAttr name : tap.weights)
      if (auto found = pending.find(name); found != pending.end()) {
        LOWBIT_RETURN_IF_ERROR(visit(found->second, *hessian, walk));
        pending.erase(found);
      }
    hessian.reset();
  }
  return Status::success();
}

Status mlir::lowbit::forEachHessian(
    CompressionSession &session, ModuleOp module, ArrayRef<ParamOp> params,
    const DenseMap<StringAttr, Type> &types,
    llvm::function_ref<Status(ParamOp, const Hessian &, LayerWalk &)> visit) {
  DenseMap<StringAttr, ParamOp> pending;
  for (ParamOp param : params)
    pending[param.getSymNameAttr()] = param;
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<LayerWalk> walk,
                          session.runner->walkLayers(module));
  while (walk->position() < walk->layerCount()) {
    LOWBIT_RETURN_IF_ERROR(observeLayer(session, *walk, pending, types, visit));
    if (pending.empty())
      break;
    LOWBIT_RETURN_IF_ERROR(walk->advance(types));
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// MatrixQuantizer
//===----------------------------------------------------------------------===//

StatusOr<Quantizer> MatrixQuantizer::quantizerFor(ParamOp param) const {
  QuantizeOptions options = request.options;
  if (auto found = request.codeOf.find(param.getSymNameAttr());
      found != request.codeOf.end())
    options.code = found->second;
  return Quantizer::create(options);
}

Status mlir::lowbit::checkGroups(ArrayRef<ParamOp> params, Granules granules) {
  const int64_t group = granules.group;
  for (ParamOp param : params) {
    int64_t columns = cast<LowbitTensorType>(param.getType()).getShape()[1];
    if (group > 0 && columns % group != 0)
      return invalidArgument(
          "group=%lld does not divide the %lld columns of '%s'; use a divisor, "
          "group=row, or except=",
          static_cast<long long>(group), static_cast<long long>(columns),
          param.getSymName().str().c_str());
  }
  return Status::success();
}

Status MatrixQuantizer::run(ArrayRef<ParamOp> params,
                            std::vector<LedgerParameter> &list) {
  entries = &list;
  types.clear();
  total = params.size();
  LOWBIT_RETURN_IF_ERROR(Quantizer::create(request.options).status());
  LOWBIT_RETURN_IF_ERROR(checkGroups(params, request.options.granules));
  const bool calibrates = session.runner && session.runner->hasCalibration();
  if (request.errorFeedback && !calibrates)
    return invalidArgument("method=gptq needs --calibration=FILE");
  // Layer by layer, each on what the compressed layers before it give.
  if (calibrates)
    LOWBIT_RETURN_IF_ERROR(
        forEachHessian(session, module, params, types,
                       [&](ParamOp param, const Hessian &hessian, LayerWalk &) {
                         return quantizeParam(param, &hessian);
                       }));
  for (ParamOp param : params) {
    if (types.count(param.getSymNameAttr()))
      continue;
    if (request.errorFeedback)
      return invalidArgument(
          "method=gptq works on the matrices of layers, '%s' "
          "is none",
          param.getSymName().str().c_str());
    LOWBIT_RETURN_IF_ERROR(quantizeParam(param, nullptr));
  }
  retypeParams(module, types);
  return Status::success();
}

Status MatrixQuantizer::quantizeParam(ParamOp param, const Hessian *hessian) {
  progress(types.size() + 1, total, param.getSymName());
  Status status = replaceParam(param, hessian);
  if (!status.isOk())
    status.addNote("in parameter '" + param.getSymName().str() + "'");
  return status;
}

Status MatrixQuantizer::replaceParam(ParamOp param, const Hessian *hessian) {
  MLIRContext *context = param.getContext();
  LOWBIT_ASSIGN_OR_RETURN(Quantizer quantizer, quantizerFor(param));
  auto type = cast<LowbitTensorType>(param.getType());
  LOWBIT_ASSIGN_OR_RETURN(LeafDesc before, type.getLeafDesc());
  MaterializeOptions materialize;
  materialize.threads = session.threads;
  ComponentBytes old;
  LOWBIT_RETURN_IF_ERROR(session.archive->materialize(param, old, materialize));
  LOWBIT_ASSIGN_OR_RETURN(std::vector<float> weights,
                          decodeComponents(before, old, session.threads));
  const StoredElements elements = StoredElements::of(before, old);
  LOWBIT_ASSIGN_OR_RETURN(std::vector<uint8_t> mask, storedMask(before, old));
  GptqOptions feedback = request.feedback;
  feedback.kept = mask;
  auto quantized =
      request.errorFeedback
          ? quantizeGptq(quantizer, weights, before.rows, *hessian, feedback)
          : quantizer.quantizeMatrix(weights, before.rows, before.columns);
  LOWBIT_RETURN_IF_ERROR(quantized.status());
  LeafDesc leaf =
      leafFor(quantizer.options(), before.rows, before.columns, elements);
  ComponentBytes components;
  LOWBIT_RETURN_IF_ERROR(writeMatrix(leaf, quantizer.options(), *quantized,
                                     elements, mask, components));
  LOWBIT_ASSIGN_OR_RETURN(ComputedSourceAttr source,
                          session.archive->addComputed(context, components));
  rememberOrigin(param);
  param.setSourceAttr(source);
  auto newType =
      LowbitTensorType::get(context, type.getShape(), type.getElementType(),
                            getLeafAttr(context, leaf, /*withLayout=*/false));
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
  entry.bound = request.errorFeedback ? error.largest : quantized->bound;
  if (hessian)
    entry.outputError = std::sqrt(
        hessian->outputError(weights, decoded, before.rows, session.threads));
  entries->push_back(std::move(entry));
  return Status::success();
}
