//===- PruneGroups.cpp - Blocks of weights dropped ------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/Pruner.h"
#include "lib/Compress/Quantizer.h"
#include "passes/Compress/CompressionPass.h"
#include "passes/Compress/LeafWriter.h"
#include "passes/Compress/Matrices.h"
#include "passes/Compress/MatrixQuantizer.h"
#include "passes/Compress/ModelRunner.h"
#include "passes/Compress/Origin.h"
#include "passes/Compress/Passes.h"
#include "passes/Compress/Retype.h"

#include "mlir/IR/BuiltinOps.h"

#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_PRUNEGROUPSPASS
#include "passes/Compress/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;
using namespace ::lowbit::compress;
using ::lowbit::invalidArgument;
using ::lowbit::LeafDesc;
using ::lowbit::PatternDesc;
using ::lowbit::PatternKind;
using ::lowbit::Status;
using ::lowbit::StatusOr;

namespace {

struct PruneGroupsPass
    : mlir::lowbit::impl::PruneGroupsPassBase<PruneGroupsPass>,
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
    const bool calibrates = session.runner && session.runner->hasCalibration();
    LOWBIT_RETURN_IF_ERROR(readOptions(calibrates));
    settings.threads = session.threads;
    LOWBIT_ASSIGN_OR_RETURN(SmallVector<ParamOp> params,
                            selectMatrices(getOperation(), only, except));
    for (ParamOp param : params)
      LOWBIT_RETURN_IF_ERROR(checkShape(param));
    types.clear();
    total = params.size();
    stored = all = 0;
    if (calibrates)
      LOWBIT_RETURN_IF_ERROR(forEachHessian(
          session, getOperation(), params, types,
          [&](ParamOp param, const Hessian &hessian, LayerWalk &) {
            return pruneParam(session, param, &hessian);
          }));
    for (ParamOp param : params) {
      if (types.count(param.getSymNameAttr()))
        continue;
      if (settings.saliency != Saliency::magnitude)
        return invalidArgument(
            "saliency=%s works on the matrices of layers, '%s' "
            "is none",
            saliency.c_str(), param.getSymName().str().c_str());
      LOWBIT_RETURN_IF_ERROR(pruneParam(session, param, nullptr));
    }
    retypeParams(getOperation(), types);
    step.sparsity = 1 - stored / all;
    return Status::success();
  }

  Status readOptions(bool calibrates) {
    settings = PruneOptions();
    settings.sparsity = sparsity;
    if (!(sparsity >= 0 && sparsity < 1))
      return invalidArgument(
          "option 'sparsity' requires a number in [0, 1), got "
          "%g",
          static_cast<double>(sparsity));
    settings.block.columns = group;
    if (!block.empty()) {
      auto [rows, columns] = StringRef(block).split('x');
      if (rows.getAsInteger(10, settings.block.rows) ||
          columns.getAsInteger(10, settings.block.columns))
        return invalidArgument("option 'block' requires ROWSxCOLUMNS, got '%s'",
                               block.c_str());
    }
    if (settings.block.rows < 1 || settings.block.columns < 1)
      return invalidArgument(
          "options 'group' and 'block' require positive sizes");
    static const std::pair<StringRef, Saliency> kinds[] = {
        {"magnitude", Saliency::magnitude},
        {"activation", Saliency::activation},
        {"obs", Saliency::obs}};
    auto *kind = llvm::find_if(
        kinds, [&](const auto &entry) { return entry.first == saliency; });
    if (kind == std::end(kinds))
      return invalidArgument(
          "option 'saliency' requires magnitude, activation or "
          "obs, got '%s'",
          saliency.c_str());
    settings.saliency = kind->second;
    if (settings.saliency != Saliency::magnitude && !calibrates)
      return invalidArgument("saliency=%s needs --calibration=FILE",
                             saliency.c_str());
    if (budget != "global" && budget != "row")
      return invalidArgument("option 'budget' requires global or row, got '%s'",
                             budget.c_str());
    settings.balanced = budget == "row";
    if (!(damping >= 0)) // NaN too
      return invalidArgument("option 'damping' requires a number >= 0, got %g",
                             static_cast<double>(damping));
    settings.damping = damping;
    if (index != "csr" && index != "bitmap")
      return invalidArgument("option 'index' requires csr or bitmap, got '%s'",
                             index.c_str());
    return Status::success();
  }

  Status checkShape(ParamOp param) {
    auto type = cast<LowbitTensorType>(param.getType());
    ArrayRef<int64_t> shape = type.getShape();
    if (shape[0] % settings.block.rows != 0 ||
        shape[1] % settings.block.columns != 0)
      return invalidArgument("blocks of %lldx%lld do not divide the %lldx%lld "
                             "of '%s'; use divisors, "
                             "or except=",
                             static_cast<long long>(settings.block.rows),
                             static_cast<long long>(settings.block.columns),
                             static_cast<long long>(shape[0]),
                             static_cast<long long>(shape[1]),
                             param.getSymName().str().c_str());
    LOWBIT_ASSIGN_OR_RETURN(LeafDesc leaf, type.getLeafDesc());
    if (leaf.pattern)
      return invalidArgument(
          "'%s' is sparse already; prune once, before quantize",
          param.getSymName().str().c_str());
    return Status::success();
  }

  /// The pattern with its index, csr columns in the narrowest type that holds
  /// them.
  StatusOr<StoredElements> patternOf(const PrunedMatrix &pruned, int64_t rows,
                                     int64_t columns) const {
    const int64_t across = columns / settings.block.columns;
    StoredElements elements;
    PatternDesc pattern;
    pattern.kind = index == "csr" ? PatternKind::csr : PatternKind::bitmap;
    pattern.blockRows = settings.block.rows;
    pattern.blockColumns = settings.block.columns;
    pattern.indexBits = index != "csr"      ? 32
                        : across <= 1 << 8  ? 8
                        : across <= 1 << 16 ? 16
                                            : 32;
    LOWBIT_ASSIGN_OR_RETURN(
        elements.index,
        ::lowbit::buildIndex(pattern, rows, columns, [&](int64_t n, int64_t k) {
          return pruned.kept[n / settings.block.rows * across +
                             k / settings.block.columns] != 0;
        }));
    elements.pattern = pattern;
    return elements;
  }

  Status pruneParam(CompressionSession &session, ParamOp param,
                    const Hessian *hessian) {
    showProgress(session, types.size() + 1, total, param.getSymName());
    auto type = cast<LowbitTensorType>(param.getType());
    LOWBIT_ASSIGN_OR_RETURN(LeafDesc before, type.getLeafDesc());
    MaterializeOptions materialize;
    materialize.threads = session.threads;
    LOWBIT_ASSIGN_OR_RETURN(std::vector<float> weights,
                            session.archive->decode(param, materialize));
    LOWBIT_ASSIGN_OR_RETURN(
        PrunedMatrix pruned,
        pruneBlocks(weights, before.rows, before.columns, hessian, settings));
    LeafDesc leaf;
    leaf.rows = before.rows;
    leaf.columns = before.columns;
    leaf.code = ::lowbit::NumberDesc::floating(::lowbit::FloatFormat::f32);
    LOWBIT_ASSIGN_OR_RETURN(StoredElements elements,
                            patternOf(pruned, leaf.rows, leaf.columns));
    ComponentBytes components;
    LOWBIT_RETURN_IF_ERROR(writeLeaf(
        leaf, elements, plainFloats(pruned.weights, ::lowbit::FloatFormat::f32),
        {}, components));
    LOWBIT_ASSIGN_OR_RETURN(
        ComputedSourceAttr source,
        session.archive->addComputed(&getContext(), components));
    rememberOrigin(param);
    param.setSourceAttr(source);
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
    WeightError error = measureError(weights, pruned.weights);
    entry.weightError = error.relative;
    entry.largestError = error.largest;
    entry.sparsity = error.zeros;
    if (hessian)
      entry.outputError = std::sqrt(hessian->outputError(
          weights, pruned.weights, leaf.rows, session.threads));
    entry.note = ::lowbit::formatString(
        "%lld to %lld blocks a row", static_cast<long long>(pruned.leastInRow),
        static_cast<long long>(pruned.mostInRow));
    if (!before.code.isFloat())
      entry.note += "; was " + ::lowbit::describe(before);
    step.parameters.push_back(std::move(entry));
    const double elementsOfBlock =
        static_cast<double>(settings.block.rows) * settings.block.columns;
    stored += static_cast<double>(pruned.keptBlocks) * elementsOfBlock;
    all += static_cast<double>(leaf.rows) * leaf.columns;
    return Status::success();
  }

  PruneOptions settings;
  DenseMap<StringAttr, Type> types;
  size_t total = 0;
  double stored = 0, all = 0;
};

} // namespace
