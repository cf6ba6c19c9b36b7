//===- EncodingDesc.cpp - Encodings as plain data, and back ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lowbit/IR/LowbitAttrs.h"

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::lowbit;

using ::lowbit::IndexExpr;
using ::lowbit::IndexMap;
using ::lowbit::IndexTerm;
using ::lowbit::invalidArgument;
using ::lowbit::LeafDesc;
using ::lowbit::ParamDesc;
using ::lowbit::Status;
using ::lowbit::StatusOr;

//===----------------------------------------------------------------------===//
// Affine maps and index maps
//===----------------------------------------------------------------------===//

static std::string textOf(AffineExpr expr) {
  std::string text;
  llvm::raw_string_ostream(text) << expr;
  return text;
}

/// Adds `scale * expr` to `out`. Handles sums, constant factors, and one
/// floordiv and one mod around a dimension, in this nesting.
static Status addTerms(AffineExpr expr, int64_t scale, IndexExpr &out) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    int64_t product;
    if (__builtin_mul_overflow(scale, constant.getValue(), &product) ||
        __builtin_add_overflow(out.constant, product, &out.constant))
      return invalidArgument("a constant of the map is too large");
    return Status::success();
  }
  IndexTerm term;
  term.mul = scale;
  AffineExpr rest = expr;
  if (auto binary = dyn_cast<AffineBinaryOpExpr>(rest)) {
    if (binary.getKind() == AffineExprKind::Add) {
      LOWBIT_RETURN_IF_ERROR(addTerms(binary.getLHS(), scale, out));
      return addTerms(binary.getRHS(), scale, out);
    }
    auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
    if (binary.getKind() == AffineExprKind::Mul && constant) {
      int64_t product;
      if (__builtin_mul_overflow(scale, constant.getValue(), &product))
        return invalidArgument("a factor of the map is too large");
      return addTerms(binary.getLHS(), product, out);
    }
    if (binary.getKind() == AffineExprKind::Mod && constant) {
      term.mod = constant.getValue();
      if (term.mod < 1) // 0 would mean "no modulus"
        return invalidArgument("requires a modulus of at least 1, got '%s'",
                               textOf(expr).c_str());
      rest = binary.getLHS();
    }
  }
  if (auto binary = dyn_cast<AffineBinaryOpExpr>(rest)) {
    auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
    if (binary.getKind() == AffineExprKind::FloorDiv && constant) {
      term.div = constant.getValue();
      rest = binary.getLHS();
    } else if (binary.getKind() == AffineExprKind::Mod && constant &&
               term.mod == 0) {
      term.mod = constant.getValue();
      rest = binary.getLHS();
    }
  }
  // (d mod m) floordiv c = (d floordiv c) mod (m / c) where c divides m.
  if (auto binary = dyn_cast<AffineBinaryOpExpr>(rest)) {
    auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
    if (binary.getKind() == AffineExprKind::Mod && constant &&
        term.div >= 1 && constant.getValue() % term.div == 0 &&
        (term.mod == 0 || (constant.getValue() / term.div) % term.mod == 0)) {
      if (term.mod == 0)
        term.mod = constant.getValue() / term.div;
      rest = binary.getLHS();
    }
  }
  auto dim = dyn_cast<AffineDimExpr>(rest);
  if (!dim || term.div < 1 || term.mod < 0)
    return invalidArgument("requires map results that are sums of 'c * ((d "
                           "floordiv a) mod b)', got '%s'",
                           textOf(expr).c_str());
  term.dim = static_cast<int32_t>(dim.getPosition());
  out.terms.push_back(term);
  return Status::success();
}

StatusOr<IndexMap> mlir::lowbit::toIndexMap(AffineMap map) {
  if (map.getNumSymbols() != 0)
    return invalidArgument("requires a map without symbols");
  IndexMap result;
  result.numDims = static_cast<int32_t>(map.getNumDims());
  for (AffineExpr expr : map.getResults()) {
    IndexExpr index;
    LOWBIT_RETURN_IF_ERROR(addTerms(expr, 1, index));
    result.results.push_back(std::move(index));
  }
  return result;
}

AffineMap mlir::lowbit::toAffineMap(const IndexMap &map, MLIRContext *context) {
  SmallVector<AffineExpr> results;
  for (const IndexExpr &index : map.results) {
    AffineExpr sum = getAffineConstantExpr(index.constant, context);
    for (const IndexTerm &term : index.terms) {
      AffineExpr expr = getAffineDimExpr(term.dim, context);
      if (term.div != 1)
        expr = expr.floorDiv(term.div);
      if (term.mod != 0)
        expr = expr % term.mod;
      sum = sum + expr * term.mul;
    }
    results.push_back(sum);
  }
  return AffineMap::get(map.numDims, 0, results, context);
}

StatusOr<SmallVector<int64_t>>
mlir::lowbit::paddedExtents(const IndexMap &map, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> extents;
  for (const IndexExpr &index : map.results) {
    __int128 last = index.constant;
    for (const IndexTerm &term : index.terms) {
      if (term.dim < 0 || term.dim >= static_cast<int64_t>(shape.size()) ||
          term.div < 1 || term.mul < 0)
        return invalidArgument("requires non-negative strides in '%s'",
                               map.toString().c_str());
      const int64_t extent = shape[term.dim];
      int64_t steps = extent / term.div + (extent % term.div != 0);
      // A modulus spans its whole range: that is the layout's padding.
      int64_t range = term.mod ? term.mod : steps;
      if (range < 1)
        return invalidArgument("requires a dimension of at least 1, got %lld",
                               static_cast<long long>(shape[term.dim]));
      last += static_cast<__int128>(term.mul) * (range - 1);
    }
    if (last < 0 || last >= (__int128(1) << 48))
      return invalidArgument("the map '%s' reaches beyond 2^48",
                             map.toString().c_str());
    extents.push_back(static_cast<int64_t>(last) + 1);
  }
  return extents;
}

//===----------------------------------------------------------------------===//
// Parameters and leaves
//===----------------------------------------------------------------------===//

StatusOr<ParamDesc> ParamSpecAttr::getParamDesc(const LeafDesc &leaf) {
  ParamDesc desc;
  desc.number = cast<CodeAttrInterface>(getNumber()).getNumberDesc();
  LOWBIT_RETURN_IF_ERROR(
      cast<GranularityAttrInterface>(getGranularity()).describeInto(leaf, desc));
  if (AffineMap placement = getPlacement()) {
    LOWBIT_ASSIGN_OR_RETURN(desc.placement, toIndexMap(placement));
    if (desc.placement.numDims != static_cast<int32_t>(desc.granules.size()))
      return invalidArgument("requires a placement of %zu dimensions, got %d",
                             desc.granules.size(), desc.placement.numDims);
    LOWBIT_ASSIGN_OR_RETURN(auto storage,
                            paddedExtents(desc.placement, desc.granules));
    desc.storage.assign(storage.begin(), storage.end());
  } else {
    desc.placement =
        IndexMap::identity(static_cast<int32_t>(desc.granules.size()));
    desc.storage = desc.granules;
  }
  if (getPacked()) {
    const unsigned width = desc.number.width;
    if (desc.number.isFloat() || (width != 1 && width != 2 && width != 4))
      return invalidArgument("requires integers of 1, 2 or 4 bits where they are "
                             "packed, got %u bits",
                             width);
    desc.packed = static_cast<uint8_t>(width);
  }
  return desc;
}

/// Codes row-major in the stored space, one container each.
static Status addCanonicalField(LeafDesc &leaf) {
  ::lowbit::FieldDesc field;
  field.width = leaf.code.width;
  field.wordBits = static_cast<uint8_t>(leaf.code.storageBits());
  field.word = IndexMap::identity(2);
  field.bit.numDims = 2;
  field.bit.results.emplace_back();
  field.storage = {leaf.storedRows(), leaf.storedColumns()};
  leaf.biased = leaf.code.step != 1;
  leaf.fields.push_back(std::move(field));
  return Status::success();
}

StatusOr<LeafDesc> LeafAttr::getLeafDesc(ArrayRef<int64_t> shape) const {
  if (shape.size() != 2)
    return invalidArgument("requires a [rows, columns] tensor, got rank %zu",
                           shape.size());
  LeafDesc leaf;
  leaf.rows = ShapedType::isDynamic(shape[0]) ? 1 : shape[0];
  leaf.columns = ShapedType::isDynamic(shape[1]) ? 1 : shape[1];
  if (Attribute pattern = getPattern())
    leaf.pattern = cast<PatternAttrInterface>(pattern).getPatternDesc();
  LOWBIT_RETURN_IF_ERROR(cast<CodeAttrInterface>(getCode()).describeInto(leaf));
  for (ParamSpecAttr param : getScales()) {
    LOWBIT_ASSIGN_OR_RETURN(ParamDesc desc, param.getParamDesc(leaf));
    leaf.scales.push_back(std::move(desc));
  }
  if (ParamSpecAttr param = getZero()) {
    LOWBIT_ASSIGN_OR_RETURN(ParamDesc desc, param.getParamDesc(leaf));
    leaf.zero = std::move(desc);
  }
  for (ParamSpecAttr param : getOffsets()) {
    LOWBIT_ASSIGN_OR_RETURN(ParamDesc desc, param.getParamDesc(leaf));
    leaf.offsets.push_back(std::move(desc));
  }
  leaf.offsetNegated = getOffsetNegated();
  if (Attribute layout = getLayout())
    LOWBIT_RETURN_IF_ERROR(cast<LayoutAttrInterface>(layout).describeInto(leaf));
  else
    LOWBIT_RETURN_IF_ERROR(addCanonicalField(leaf));
  return leaf;
}

bool LeafAttr::hasLayout() const { return static_cast<bool>(getLayout()); }

Attribute LeafAttr::withLayoutOf(const LeafDesc &leaf) const {
  return getLeafAttr(getContext(), leaf, /*withLayout=*/true);
}

Attribute LeafAttr::withoutLayout() const {
  auto strip = [](ParamSpecAttr param) {
    return ParamSpecAttr::get(param.getContext(), param.getNumber(),
                              param.getGranularity(), AffineMap());
  };
  SmallVector<ParamSpecAttr> scales = llvm::map_to_vector(getScales(), strip);
  SmallVector<ParamSpecAttr> offsets = llvm::map_to_vector(getOffsets(), strip);
  return LeafAttr::get(getContext(), getCode(), scales,
                       getZero() ? strip(getZero()) : ParamSpecAttr(), offsets,
                       getOffsetNegated(), Attribute(), getPattern());
}

Attribute mlir::lowbit::getLeafAttr(MLIRContext *context, const LeafDesc &leaf,
                                    bool withLayout) {
  auto paramAttr = [&](const ParamDesc &param) {
    AffineMap placement;
    if (withLayout &&
        param.placement !=
            IndexMap::identity(static_cast<int32_t>(param.granules.size())))
      placement = toAffineMap(param.placement, context);
    Attribute granularity;
    if (param.rank > 0)
      granularity = RankGranularityAttr::get(context, param.rank);
    else if (param.space == ::lowbit::IndexSpace::stored)
      granularity = BlockGranularityAttr::get(context);
    else
      granularity = MapGranularityAttr::get(
          context, toAffineMap(param.granularity, context));
    return ParamSpecAttr::get(context, getCodeAttr(context, param.number),
                              granularity, placement,
                              withLayout && param.packed != 0);
  };
  SmallVector<ParamSpecAttr> scales, offsets;
  for (const ParamDesc &param : leaf.scales)
    scales.push_back(paramAttr(param));
  for (const ParamDesc &param : leaf.offsets)
    offsets.push_back(paramAttr(param));
  ParamSpecAttr zero;
  if (leaf.zero)
    zero = paramAttr(*leaf.zero);
  Attribute code = getCodeAttr(context, leaf.code);
  if (leaf.lut)
    code = LutCodeAttr::get(
        context, leaf.code.width, getCodeAttr(context, leaf.lut->entry),
        leaf.lut->vecRows, leaf.lut->vecColumns, leaf.lut->books,
        MapGranularityAttr::get(context,
                                toAffineMap(leaf.lut->granularity, context)));
  Attribute pattern;
  if (leaf.pattern)
    pattern = PatternAttr::get(context, leaf.pattern->kind,
                               leaf.pattern->blockRows, leaf.pattern->blockColumns,
                               leaf.pattern->count, leaf.pattern->indexBits);
  return LeafAttr::get(context, code, scales, zero, offsets, leaf.offsetNegated,
                       withLayout ? getLayoutAttr(context, leaf) : Attribute(),
                       pattern);
}
