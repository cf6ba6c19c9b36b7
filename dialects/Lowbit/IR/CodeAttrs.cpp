//===- CodeAttrs.cpp - Codes and granularities: text and rules V1, V2 ---===//
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
// Integer codes
//===----------------------------------------------------------------------===//

static int64_t lowestOf(bool isSigned, unsigned width) {
  return isSigned ? -(int64_t(1) << (width - 1)) : 0;
}
static int64_t highestOf(bool isSigned, unsigned width) {
  return (int64_t(1) << (isSigned ? width - 1 : width)) - 1;
}

LogicalResult IntCodeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  bool isSigned, unsigned width, int64_t lo,
                                  int64_t hi) {
  if (width < 1 || width > 32)
    return emitError() << "requires a code of 1 to 32 bits, got " << width;
  if (lo > hi)
    return emitError() << "requires lo <= hi, got " << lo << ":" << hi;
  if (lo < lowestOf(isSigned, width) || hi > highestOf(isSigned, width))
    return emitError() << "requires the range to fit "
                       << (isSigned ? "int<" : "uint<") << width << ">, got "
                       << lo << ":" << hi;
  if (lo == hi)
    return emitError() << "requires at least 2 levels, got " << lo << ":" << hi;
  return success();
}

::lowbit::NumberDesc IntCodeAttr::getNumberDesc() const {
  ::lowbit::NumberDesc desc;
  desc.kind = getIsSigned() ? ::lowbit::NumberKind::signedInt
                            : ::lowbit::NumberKind::unsignedInt;
  desc.format = ::lowbit::FloatFormat::none;
  desc.width = static_cast<uint8_t>(getWidth());
  desc.lo = getLo();
  desc.hi = getHi();
  return desc;
}

void IntCodeAttr::printBare(AsmPrinter &printer) const {
  if (getIsSigned() && getWidth() == 2 && getLo() == -1 && getHi() == 1) {
    printer << "ternary";
    return;
  }
  if (!getIsSigned() && getWidth() == 3 && getLo() == 0 && getHi() == 4) {
    printer << "w2star";
    return;
  }
  printer << (getIsSigned() ? "int<" : "uint<") << getWidth();
  if (getLo() != lowestOf(getIsSigned(), getWidth()) ||
      getHi() != highestOf(getIsSigned(), getWidth()))
    printer << ", " << getLo() << ":" << getHi();
  printer << ">";
}

void IntCodeAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printBare(printer);
  printer << ">";
}

Attribute IntCodeAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<Attribute> code = parseCode(parser, /*bareFloat=*/false);
  if (failed(code) || parser.parseGreater())
    return {};
  return *code;
}

//===----------------------------------------------------------------------===//
// Float codes
//===----------------------------------------------------------------------===//

LogicalResult
FloatCodeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                      FloatType type) {
  if (!type.isF32() && !type.isF16() && !type.isBF16())
    return emitError() << "requires f32, f16 or bf16 as a float code, got "
                       << type;
  return success();
}

::lowbit::NumberDesc FloatCodeAttr::getNumberDesc() const {
  using ::lowbit::FloatFormat;
  FloatFormat format = getType().isF32()   ? FloatFormat::f32
                       : getType().isF16() ? FloatFormat::f16
                                           : FloatFormat::bf16;
  return ::lowbit::NumberDesc::floating(format);
}

void FloatCodeAttr::printBare(AsmPrinter &printer) const {
  printer << "fp<" << getType() << ">";
}

void FloatCodeAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printBare(printer);
  printer << ">";
}

Attribute FloatCodeAttr::parse(AsmParser &parser, Type type) {
  return IntCodeAttr::parse(parser, type);
}

//===----------------------------------------------------------------------===//
// The code grammar
//===----------------------------------------------------------------------===//

FailureOr<Attribute> mlir::lowbit::parseCode(AsmParser &parser, bool bareFloat) {
  MLIRContext *context = parser.getContext();
  SMLoc loc = parser.getCurrentLocation();
  auto emitError = [&] { return parser.emitError(loc); };
  if (bareFloat) {
    Type type;
    OptionalParseResult parsed = parser.parseOptionalType(type);
    if (parsed.has_value()) {
      auto floatType = dyn_cast_or_null<FloatType>(type);
      if (failed(*parsed) || !floatType)
        return emitError() << "expected a float type or an integer code",
               failure();
      if (failed(FloatCodeAttr::verify(emitError, floatType)))
        return failure();
      return Attribute(FloatCodeAttr::get(context, floatType));
    }
  }
  StringRef keyword;
  if (parser.parseKeyword(&keyword))
    return failure();
  if (keyword == "ternary")
    return Attribute(IntCodeAttr::get(context, true, 2, -1, 1));
  if (keyword == "w2star")
    return Attribute(IntCodeAttr::get(context, false, 3, 0, 4));
  if (keyword == "fp") {
    Type type;
    if (parser.parseLess() || parser.parseType(type) || parser.parseGreater())
      return failure();
    auto floatType = dyn_cast<FloatType>(type);
    if (!floatType)
      return emitError() << "expected a float type in fp<>, got " << type,
             failure();
    if (failed(FloatCodeAttr::verify(emitError, floatType)))
      return failure();
    return Attribute(FloatCodeAttr::get(context, floatType));
  }
  if (keyword == "bin" || keyword == "lut")
    return emitError() << "code '" << keyword << "' is not supported yet",
           failure();
  if (keyword != "int" && keyword != "uint")
    return emitError() << "expected a code: int, uint, ternary, w2star or fp; "
                          "got '"
                       << keyword << "'",
           failure();
  bool isSigned = keyword == "int";
  int64_t width = 0;
  if (parser.parseLess() || parser.parseInteger(width))
    return failure();
  if (width < 1 || width > 32)
    return emitError() << "requires a code of 1 to 32 bits, got " << width,
           failure();
  int64_t lo = lowestOf(isSigned, width), hi = highestOf(isSigned, width);
  if (succeeded(parser.parseOptionalComma()))
    if (parser.parseInteger(lo) || parser.parseColon() ||
        parser.parseInteger(hi))
      return failure();
  if (parser.parseGreater())
    return failure();
  if (failed(IntCodeAttr::verify(emitError, isSigned, width, lo, hi)))
    return failure();
  return Attribute(IntCodeAttr::get(context, isSigned, width, lo, hi));
}

Attribute mlir::lowbit::getCodeAttr(MLIRContext *context,
                                    const ::lowbit::NumberDesc &number) {
  if (!number.isFloat())
    return IntCodeAttr::get(context,
                            number.kind == ::lowbit::NumberKind::signedInt,
                            number.width, number.lo, number.hi);
  Builder builder(context);
  switch (number.format) {
  case ::lowbit::FloatFormat::f16:
    return FloatCodeAttr::get(context, builder.getF16Type());
  case ::lowbit::FloatFormat::bf16:
    return FloatCodeAttr::get(context, builder.getBF16Type());
  default:
    break;
  }
  return FloatCodeAttr::get(context, builder.getF32Type());
}

//===----------------------------------------------------------------------===//
// Granularity
//===----------------------------------------------------------------------===//

static std::string textOf(AffineExpr expr) {
  std::string text;
  llvm::raw_string_ostream(text) << expr;
  return text;
}

AffineMap MapGranularityAttr::getGranuleMap() const { return getMap(); }

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

static FailureOr<Attribute> parseGranularity(AsmParser &parser) {
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
  } else if (keyword == "block" || keyword == "rank") {
    return parser.emitError(loc) << "granularity '" << keyword
                                 << "' is not supported yet",
           failure();
  } else {
    return parser.emitError(loc)
               << "expected a granularity: tensor, row, col or map<...>; got '"
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
  return ParamSpecAttr::get(parser.getContext(), *number, *granularity,
                            placement);
}
