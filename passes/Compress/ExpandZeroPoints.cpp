//===- ExpandZeroPoints.cpp - Codes without zero points -------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/CompressionPass.h"
#include "passes/Compress/Matrices.h"
#include "passes/Compress/Passes.h"
#include "passes/Compress/Recode.h"
#include "passes/Compress/Retype.h"

#include "lowbit/Packing/Layouts.h"
#include "lowbit/Packing/Pack.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstring>

namespace mlir::lowbit {
#define GEN_PASS_DEF_EXPANDZEROPOINTSPASS
#include "passes/Compress/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::invalidArgument;
using ::lowbit::LeafDesc;
using ::lowbit::NumberDesc;
using ::lowbit::ParamDesc;
using ::lowbit::Status;
using ::lowbit::StatusOr;

namespace {

/// Least and greatest c - Z.
struct CodeRange {
  int64_t lo = INT64_MAX, hi = INT64_MIN;
  void include(int64_t value) {
    lo = std::min(lo, value);
    hi = std::max(hi, value);
  }
};

} // namespace

/// The narrowest integer code that holds `range`.
static StatusOr<NumberDesc> codeFor(const CodeRange &range) {
  for (unsigned width = 1; width <= 8; ++width) {
    NumberDesc code = range.lo >= 0 ? NumberDesc::unsignedInt(width)
                                    : NumberDesc::signedInt(width);
    if (code.lo <= range.lo && range.hi <= code.hi)
      return code;
  }
  return invalidArgument("codes minus zero points run from %lld to %lld, which "
                         "takes more than 8 bits; into=offset has no such limit",
                         static_cast<long long>(range.lo),
                         static_cast<long long>(range.hi));
}

/// c - Z of every stored element, in the order of plain codes.
static StatusOr<std::vector<int16_t>> subtractZeros(const Recoding &recoding) {
  const LeafDesc &leaf = recoding.canonical;
  const ParamDesc &zero = *leaf.zero;
  size_t component = ::lowbit::firstParamComponent(leaf);
  for (const ParamDesc &scale : leaf.scales)
    component += scale.rank > 0 ? 2 : 1;
  const unsigned size = ::lowbit::plainParamBytes(zero.number);
  LOWBIT_ASSIGN_OR_RETURN(int64_t count,
                          ::lowbit::checkedElementCount(zero.granules));
  std::vector<uint8_t> plain(count * size);
  LOWBIT_RETURN_IF_ERROR(::lowbit::unpackParam(
      zero, 0, ::lowbit::granuleRows(zero), recoding.components[component],
      plain));
  LOWBIT_ASSIGN_OR_RETURN(::lowbit::LeafCodec codec,
                          ::lowbit::LeafCodec::create(leaf));
  std::vector<std::span<const uint8_t>> views(recoding.components.begin(),
                                              recoding.components.end());
  std::vector<int16_t> values(recoding.codes.size());
  std::vector<int64_t> granule(zero.granularity.results.size());
  const bool isSigned = leaf.code.kind == ::lowbit::NumberKind::signedInt;
  for (int64_t n = 0; n < leaf.rows; ++n)
    LOWBIT_RETURN_IF_ERROR(codec.forEachStored(
        views, n, [&](int64_t row, int64_t column, int64_t k) {
          const bool isStored = zero.space == ::lowbit::IndexSpace::stored;
          const int64_t index[] = {isStored ? row : n, isStored ? column : k};
          zero.granularity.eval(index, granule);
          const int64_t place = ::lowbit::linearize(granule, zero.granules);
          int32_t z = 0;
          if (zero.number.kind == ::lowbit::NumberKind::signedInt &&
              (plain[(place + 1) * size - 1] & 0x80))
            z = -1; // sign extension
          std::memcpy(&z, &plain[place * size], size);
          const size_t at = row * leaf.storedColumns() + column;
          const uint8_t code = recoding.codes[at];
          const int32_t value =
              isSigned ? static_cast<int8_t>(code) : static_cast<int32_t>(code);
          values[at] = static_cast<int16_t>(
              std::clamp(value - z, -32768, 32767)); // far beyond any code
        }));
  return values;
}

namespace {

struct ExpandZeroPointsPass
    : mlir::lowbit::impl::ExpandZeroPointsPassBase<ExpandZeroPointsPass>,
      CompressionPass {
  using Base::Base;

  Exactness exactness() const override {
    return into == "offset" ? Exactness::E1 : Exactness::E0;
  }

  void runOnOperation() override {
    if (failed(runStep(*this, getOperation(), randomWeights,
                       [&](CompressionSession &s) { return expand(s); })))
      signalPassFailure();
  }

private:
  Status expand(CompressionSession &session) {
    if (into != "codes" && into != "offset")
      return invalidArgument("option 'into' requires codes or offset, got '%s'",
                             into.c_str());
    LOWBIT_ASSIGN_OR_RETURN(SmallVector<ParamOp> selected,
                            selectMatrices(getOperation(), only, except));
    SmallVector<ParamOp> params;
    for (ParamOp param : selected)
      if (auto leaf = cast<LowbitTensorType>(param.getType()).getLeafDesc();
          leaf.isOk() && leaf->zero)
        params.push_back(param);
    DenseMap<StringAttr, Type> types;
    // One code for all parameters of a type, so that layers stay calls of one
    // block: the ranges first.
    DenseMap<Type, CodeRange> ranges;
    if (into == "codes")
      LOWBIT_RETURN_IF_ERROR(forEach(session, params, [&](Recoding &recoding) {
        return measure(recoding, ranges[recoding.param.getType()]);
      }));
    LOWBIT_RETURN_IF_ERROR(
        forEach(session, params, [&](Recoding &recoding) -> Status {
          LOWBIT_ASSIGN_OR_RETURN(
              Type type, into == "codes"
                             ? intoCodes(session, recoding,
                                         ranges[recoding.param.getType()])
                             : intoOffset(session, recoding));
          types[recoding.param.getSymNameAttr()] = type;
          step.parameters.push_back(recoding.entryFor(type));
          return Status::success();
        }));
    retypeParams(getOperation(), types);
    step.metrics.emplace_back("zero_points_expanded", double(params.size()));
    return Status::success();
  }

  Status forEach(CompressionSession &session, ArrayRef<ParamOp> params,
                 llvm::function_ref<Status(Recoding &)> visit) {
    size_t done = 0;
    for (ParamOp param : params) {
      showProgress(session, ++done, params.size(), param.getSymName());
      auto one = [&]() -> Status {
        LOWBIT_ASSIGN_OR_RETURN(Recoding recoding,
                                Recoding::read(session, param));
        return visit(recoding);
      };
      Status status = one();
      if (!status.isOk())
        return std::move(status).addNote("in parameter '" +
                                         param.getSymName().str() + "'");
    }
    return Status::success();
  }

  static Status measure(const Recoding &recoding, CodeRange &range) {
    LOWBIT_ASSIGN_OR_RETURN(auto values, subtractZeros(recoding));
    for (int16_t value : values)
      range.include(value);
    return Status::success();
  }

  StatusOr<Type> intoCodes(CompressionSession &session, const Recoding &recoding,
                           const CodeRange &range) {
    LeafDesc target = recoding.canonical;
    LOWBIT_ASSIGN_OR_RETURN(target.code, codeFor(range));
    target.zero.reset();
    LOWBIT_RETURN_IF_ERROR(::lowbit::applyCanonicalLayout(target));
    LOWBIT_ASSIGN_OR_RETURN(auto values, subtractZeros(recoding));
    std::vector<uint8_t> codes(values.begin(), values.end());
    ComponentBytes params = recoding.params();
    size_t scales = 0;
    for (const ParamDesc &scale : target.scales)
      scales += scale.rank > 0 ? 2 : 1;
    params.erase(params.begin() + scales);
    return recoding.write(session, target, /*withLayout=*/false,
                          std::move(codes), std::move(params));
  }

  /// -S * Z as an offset: the factors of the scale and the zero point again.
  StatusOr<Type> intoOffset(CompressionSession &session,
                            const Recoding &recoding) {
    LeafDesc target = recoding.canonical;
    if (!target.offsets.empty())
      return invalidArgument("it has an offset already; use into=codes");
    if (target.scales.empty())
      return invalidArgument("it has no scale, so its zero points are part of its "
                             "codes; use into=codes");
    target.offsets = target.scales;
    target.offsets.push_back(*target.zero);
    target.offsetNegated = true;
    target.zero.reset();
    ComponentBytes params = recoding.params();
    const std::vector<uint8_t> zero = std::move(params.back());
    params.pop_back();
    const size_t scales = params.size();
    for (size_t i = 0; i < scales; ++i)
      params.push_back(params[i]);
    params.push_back(zero);
    return recoding.write(session, target, /*withLayout=*/false,
                          recoding.codes, std::move(params));
  }
};

} // namespace
