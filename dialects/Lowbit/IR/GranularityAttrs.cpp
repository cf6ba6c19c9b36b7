//===- GranularityAttrs.cpp - Granularities and factors: text and V2, V3 ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lowbit/IR/LowbitAttrs.h"
#include "dialects/Lowbit/IR/LowbitDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace mlir::lowbit;

//===----------------------------------------------------------------------===//
// Granularity
//===----------------------------------------------------------------------===//

static std::string textOf(AffineExpr expr) {
  std::string text;
  llvm::raw_string_ostream(text) << expr;
  return text;
}

::lowbit::Status
MapGranularityAttr::describeInto(const ::lowbit::LeafDesc &leaf,
                                 ::lowbit::ParamDesc &param) const {
  const int64_t shape[] = {leaf.rows, leaf.columns};
  LOWBIT_ASSIGN_OR_RETURN(param.granularity, toIndexMap(getMap()));
  LOWBIT_ASSIGN_OR_RETURN(auto granules, paddedExtents(param.granularity, shape));
  param.granules.assign(granules.begin(), granules.end());
  return ::lowbit::Status::success();
}

LogicalResult
MapGranularityAttr::verifyFor(ArrayRef<int64_t> shape,
                              function_ref<InFlightDiagnostic()> emitError) const {
  AffineMap map = getMap();
  if (map.getNumDims() != shape.size() || map.getNumSymbols() != 0)
    return emitError() << "requires a granularity map of " << shape.size()
                       << " dimensions, got " << AffineMapAttr::get(map);
  for (AffineExpr result : map.getResults()) {
    int64_t divisor = 1;
    AffineExpr base = result;
    if (auto binary = dyn_cast<AffineBinaryOpExpr>(result)) {
      auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
      if (binary.getKind() != AffineExprKind::FloorDiv || !constant)
        return emitError() << "requires each granularity result to be 'd' or 'd "
                              "floordiv c', got "
                           << textOf(result);
      divisor = constant.getValue();
      base = binary.getLHS();
    }
    auto dim = dyn_cast<AffineDimExpr>(base);
    if (!dim || divisor < 1)
      return emitError() << "requires each granularity result to be 'd' or 'd "
                            "floordiv c', got "
                         << textOf(result);
    int64_t size = shape[dim.getPosition()];
    if (!ShapedType::isDynamic(size) && size % divisor != 0)
      return emitError() << "requires the group to divide dimension "
                         << dim.getPosition() << ", got " << divisor << " and "
                         << size;
  }
  return success();
}

void MapGranularityAttr::printBare(AsmPrinter &printer) const {
  AffineMap map = getMap();
  MLIRContext *context = map.getContext();
  if (map.getNumDims() == 2 && map.getNumResults() == 0)
    printer << "tensor";
  else if (map == AffineMap::get(2, 0, getAffineDimExpr(0, context)))
    printer << "row";
  else if (map == AffineMap::get(2, 0, getAffineDimExpr(1, context)))
    printer << "col";
  else
    printer << "map<" << map << ">";
}

void MapGranularityAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printBare(printer);
  printer << ">";
}

FailureOr<Attribute> mlir::lowbit::parseGranularity(AsmParser &parser) {
  MLIRContext *context = parser.getContext();
  SMLoc loc = parser.getCurrentLocation();
  StringRef keyword;
  if (parser.parseKeyword(&keyword))
    return failure();
  AffineMap map;
  if (keyword == "tensor") {
    map = AffineMap::get(2, 0, context);
  } else if (keyword == "row") {
    map = AffineMap::get(2, 0, getAffineDimExpr(0, context));
  } else if (keyword == "col") {
    map = AffineMap::get(2, 0, getAffineDimExpr(1, context));
  } else if (keyword == "map") {
    if (parser.parseLess() || parser.parseAffineMap(map) ||
        parser.parseGreater())
      return failure();
  } else if (keyword == "block") {
    return Attribute(BlockGranularityAttr::get(context));
  } else if (keyword == "rank") {
    int64_t rank = 0;
    if (parser.parseLess() || parser.parseInteger(rank) || parser.parseGreater())
      return failure();
    if (rank < 1)
      return parser.emitError(loc) << "requires a rank of at least 1, got " << rank,
             failure();
    return Attribute(RankGranularityAttr::get(context, rank));
  } else {
    return parser.emitError(loc)
               << "expected a granularity: tensor, row, col, map<...>, block or "
                  "rank<r>; got '"
               << keyword << "'",
           failure();
  }
  return Attribute(MapGranularityAttr::get(context, map));
}

Attribute MapGranularityAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<Attribute> attr = parseGranularity(parser);
  if (failed(attr) || parser.parseGreater())
    return {};
  return *attr;
}

/// V3: the pattern says what a stored block is.
::lowbit::Status
BlockGranularityAttr::describeInto(const ::lowbit::LeafDesc &leaf,
                                   ::lowbit::ParamDesc &param) const {
  using ::lowbit::PatternKind;
  param.space = ::lowbit::IndexSpace::stored;
  param.granularity.numDims = 2;
  ::lowbit::IndexExpr row;
  row.terms = {{0, 1, 1, 0}};
  const bool isNm = leaf.pattern && leaf.pattern->kind == PatternKind::nm;
  const bool isBlock = leaf.pattern && (leaf.pattern->kind == PatternKind::csr ||
                                        leaf.pattern->kind == PatternKind::bitmap ||
                                        leaf.pattern->kind == PatternKind::fixed);
  if (!isNm && !isBlock)
    return ::lowbit::invalidArgument("requires a block or nm pattern where a number "
                                     "is given per block (V3)");
  param.granularity.results = {row};
  param.granules = {leaf.storedRows()};
  if (isNm && leaf.pattern->count > 0) {
    ::lowbit::IndexExpr group;
    group.terms = {{1, 1, leaf.pattern->count, 0}};
    param.granularity.results.push_back(group);
    param.granules.push_back(leaf.storedColumns() / leaf.pattern->count);
  }
  return ::lowbit::Status::success();
}

LogicalResult BlockGranularityAttr::verifyFor(
    ArrayRef<int64_t>, function_ref<InFlightDiagnostic()>) const {
  return success();
}

void BlockGranularityAttr::printBare(AsmPrinter &printer) const {
  printer << "block";
}
void BlockGranularityAttr::print(AsmPrinter &printer) const {
  printer << "<block>";
}
Attribute BlockGranularityAttr::parse(AsmParser &parser, Type type) {
  return MapGranularityAttr::parse(parser, type);
}

::lowbit::Status
RankGranularityAttr::describeInto(const ::lowbit::LeafDesc &leaf,
                                  ::lowbit::ParamDesc &param) const {
  param.rank = getRank();
  param.granularity = ::lowbit::IndexMap::identity(2);
  param.granules = {leaf.rows, leaf.columns};
  return ::lowbit::Status::success();
}

LogicalResult RankGranularityAttr::verifyFor(
    ArrayRef<int64_t>, function_ref<InFlightDiagnostic()>) const {
  return success();
}

void RankGranularityAttr::printBare(AsmPrinter &printer) const {
  printer << "rank<" << getRank() << ">";
}
void RankGranularityAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printBare(printer);
  printer << ">";
}
Attribute RankGranularityAttr::parse(AsmParser &parser, Type type) {
  return MapGranularityAttr::parse(parser, type);
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

void ParamSpecAttr::print(AsmPrinter &printer) const {
  if (auto number = dyn_cast<FloatCodeAttr>(getNumber()))
    printer << number.getType();
  else
    cast<CodeAttrInterface>(getNumber()).printBare(printer);
  printer << " per ";
  cast<GranularityAttrInterface>(getGranularity()).printBare(printer);
  if (getPlacement())
    printer << " at " << getPlacement();
  if (getPacked())
    printer << " packed";
}

Attribute ParamSpecAttr::parse(AsmParser &parser, Type) {
  FailureOr<Attribute> number = parseCode(parser, /*bareFloat=*/true);
  if (failed(number) || parser.parseKeyword("per"))
    return {};
  FailureOr<Attribute> granularity = parseGranularity(parser);
  if (failed(granularity))
    return {};
  AffineMap placement;
  if (succeeded(parser.parseOptionalKeyword("at")))
    if (parser.parseAffineMap(placement))
      return {};
  const bool packed = succeeded(parser.parseOptionalKeyword("packed"));
  return ParamSpecAttr::get(parser.getContext(), *number, *granularity, placement,
                            packed);
}
