//===- CodeAttrs.cpp - Codes: text and rule V1 ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lowbit/IR/LowbitAttrs.h"
#include "dialects/Lowbit/IR/LowbitDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

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
                                  int64_t hi, int64_t step) {
  if (width < 1 || width > 32)
    return emitError() << "requires a code of 1 to 32 bits, got " << width;
  if (lo > hi)
    return emitError() << "requires lo <= hi, got " << lo << ":" << hi;
  if (step < 1 || (step > 1 && (hi - lo) % step != 0))
    return emitError() << "requires a range of whole steps, got " << lo << ":" << hi
                       << " in steps of " << step;
  if (step > 1) {
    // Positions are stored, so the values only have to fit a byte.
    if (lo < lowestOf(isSigned, 8) || hi > highestOf(isSigned, 8) ||
        (width < 32 && (hi - lo) / step >= (int64_t(1) << width)))
      return emitError() << "requires the values " << lo << ":" << hi
                         << " in steps of " << step << " to fit " << width
                         << " bits";
  } else if (lo < lowestOf(isSigned, width) || hi > highestOf(isSigned, width))
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
  desc.step = getStep();
  return desc;
}

/// The sugar for a code, or null.
static const char *nameOf(IntCodeAttr code) {
  auto is = [&](bool isSigned, unsigned width, int64_t lo, int64_t hi,
                int64_t step) {
    return code.getIsSigned() == isSigned && code.getWidth() == width &&
           code.getLo() == lo && code.getHi() == hi && code.getStep() == step;
  };
  return is(true, 2, -1, 1, 1)    ? "ternary"
         : is(false, 3, 0, 4, 1)  ? "w2star"
         : is(true, 1, -1, 1, 2)  ? "bin<pm1>"
         : is(false, 1, 0, 1, 1)  ? "bin<01>"
                                  : nullptr;
}

void IntCodeAttr::printBare(AsmPrinter &printer) const {
  const char *sugar = nameOf(*this);
  if (sugar) {
    printer << sugar;
    return;
  }
  printer << (getIsSigned() ? "int<" : "uint<") << getWidth();
  if (getLo() != lowestOf(getIsSigned(), getWidth()) ||
      getHi() != highestOf(getIsSigned(), getWidth()))
    printer << ", " << getLo() << ":" << getHi();
  if (getStep() != 1)
    printer << ", step = " << getStep();
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

/// The format of a builtin type, none for types that are no code.
static ::lowbit::FloatFormat formatOf(FloatType type) {
  using ::lowbit::FloatFormat;
  return llvm::TypeSwitch<Type, FloatFormat>(type)
      .Case<Float32Type>([](Type) { return FloatFormat::f32; })
      .Case<Float16Type>([](Type) { return FloatFormat::f16; })
      .Case<BFloat16Type>([](Type) { return FloatFormat::bf16; })
      .Case<Float8E4M3FNType>([](Type) { return FloatFormat::f8E4M3FN; })
      .Case<Float8E5M2Type>([](Type) { return FloatFormat::f8E5M2; })
      .Case<Float8E8M0FNUType>([](Type) { return FloatFormat::f8E8M0FNU; })
      .Case<Float6E2M3FNType>([](Type) { return FloatFormat::f6E2M3FN; })
      .Case<Float6E3M2FNType>([](Type) { return FloatFormat::f6E3M2FN; })
      .Case<Float4E2M1FNType>([](Type) { return FloatFormat::f4E2M1FN; })
      .Default([](Type) { return FloatFormat::none; });
}

static FloatType typeOf(MLIRContext *context, ::lowbit::FloatFormat format) {
  using ::lowbit::FloatFormat;
  switch (format) {
  case FloatFormat::f16:
    return Float16Type::get(context);
  case FloatFormat::bf16:
    return BFloat16Type::get(context);
  case FloatFormat::f8E4M3FN:
    return Float8E4M3FNType::get(context);
  case FloatFormat::f8E5M2:
    return Float8E5M2Type::get(context);
  case FloatFormat::f8E8M0FNU:
    return Float8E8M0FNUType::get(context);
  case FloatFormat::f6E2M3FN:
    return Float6E2M3FNType::get(context);
  case FloatFormat::f6E3M2FN:
    return Float6E3M2FNType::get(context);
  case FloatFormat::f4E2M1FN:
    return Float4E2M1FNType::get(context);
  case FloatFormat::f32:
  case FloatFormat::none:
    break;
  }
  return Float32Type::get(context);
}

LogicalResult
FloatCodeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                      FloatType type) {
  if (formatOf(type) == ::lowbit::FloatFormat::none)
    return emitError() << "requires f32, f16, bf16, f8E4M3FN, f8E5M2, f8E8M0FNU, "
                          "f6E2M3FN, f6E3M2FN or f4E2M1FN as a float code, got "
                       << type;
  return success();
}

::lowbit::NumberDesc FloatCodeAttr::getNumberDesc() const {
  return ::lowbit::NumberDesc::floating(formatOf(getType()));
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
// Table codes
//===----------------------------------------------------------------------===//

::lowbit::NumberDesc LutCodeAttr::getNumberDesc() const {
  return ::lowbit::NumberDesc::unsignedInt(getWidth());
}

::lowbit::Status LutCodeAttr::describeInto(::lowbit::LeafDesc &leaf) const {
  leaf.code = getNumberDesc();
  ::lowbit::LutDesc lut;
  lut.entry = cast<CodeAttrInterface>(getEntry()).getNumberDesc();
  lut.vecRows = getVecRows();
  lut.vecColumns = getVecColumns();
  lut.books = getBooks();
  ::lowbit::ParamDesc param;
  LOWBIT_RETURN_IF_ERROR(
      cast<GranularityAttrInterface>(getGranularity()).describeInto(leaf, param));
  if (param.rank > 0 || param.space == ::lowbit::IndexSpace::stored)
    return ::lowbit::invalidArgument(
        "a table is per tensor, row, col or map<...>");
  lut.granularity = std::move(param.granularity);
  lut.granules = std::move(param.granules);
  leaf.lut = std::move(lut);
  return ::lowbit::Status::success();
}

static void printNumber(AsmPrinter &printer, Attribute number) {
  if (auto code = dyn_cast<FloatCodeAttr>(number))
    printer << code.getType();
  else
    cast<CodeAttrInterface>(number).printBare(printer);
}

void LutCodeAttr::printBare(AsmPrinter &printer) const {
  printer << "lut<" << getWidth() << ", ";
  printNumber(printer, getEntry());
  if (getVecRows() != 1 || getVecColumns() != 1)
    printer << ", vec = " << getVecRows() << "x" << getVecColumns();
  if (getBooks() != 1)
    printer << ", books = " << getBooks();
  printer << ">";
  auto map = dyn_cast<MapGranularityAttr>(getGranularity());
  if (map && map.getMap().getNumResults() == 0)
    return;
  printer << " per ";
  cast<GranularityAttrInterface>(getGranularity()).printBare(printer);
}

void LutCodeAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printBare(printer);
  printer << ">";
}

Attribute LutCodeAttr::parse(AsmParser &parser, Type type) {
  return IntCodeAttr::parse(parser, type);
}

/// After `lut`.
static FailureOr<Attribute> parseLut(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  int64_t width = 0, books = 1;
  SmallVector<int64_t> vec = {1, 1};
  if (parser.parseLess() || parser.parseInteger(width) || parser.parseComma())
    return failure();
  FailureOr<Attribute> entry = parseCode(parser, /*bareFloat=*/true);
  if (failed(entry))
    return failure();
  if (isa<LutCodeAttr>(*entry))
    return parser.emitError(loc) << "requires numbers as entries of a table",
           failure();
  while (succeeded(parser.parseOptionalComma())) {
    StringRef key;
    if (parser.parseKeyword(&key) || parser.parseEqual())
      return failure();
    if (key == "vec") {
      vec.clear();
      if (parser.parseDimensionList(vec, /*allowDynamic=*/false,
                                    /*withTrailingX=*/false))
        return failure();
    } else if (key == "books") {
      if (parser.parseInteger(books))
        return failure();
    } else {
      return parser.emitError(loc) << "expected vec or books; got '" << key << "'",
             failure();
    }
  }
  if (parser.parseGreater())
    return failure();
  if (width < 1 || width > 8)
    return parser.emitError(loc) << "requires a table code of 1 to 8 bits, got "
                                 << width,
           failure();
  if (vec.size() != 2)
    return parser.emitError(loc) << "requires vec = rows x columns", failure();
  Attribute granularity = MapGranularityAttr::get(
      parser.getContext(), AffineMap::get(2, 0, parser.getContext()));
  if (succeeded(parser.parseOptionalKeyword("per"))) {
    FailureOr<Attribute> parsed = parseGranularity(parser);
    if (failed(parsed))
      return failure();
    granularity = *parsed;
  }
  return Attribute(LutCodeAttr::get(parser.getContext(),
                                    static_cast<unsigned>(width), *entry, vec[0],
                                    vec[1], books, granularity));
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
    return Attribute(IntCodeAttr::get(context, true, 2, -1, 1, 1));
  if (keyword == "w2star")
    return Attribute(IntCodeAttr::get(context, false, 3, 0, 4, 1));
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
  if (keyword == "lut")
    return parseLut(parser);
  if (keyword == "bin") {
    int64_t one = 0;
    if (parser.parseLess())
      return failure();
    if (succeeded(parser.parseOptionalKeyword("pm1"))) {
      if (parser.parseGreater())
        return failure();
      return Attribute(IntCodeAttr::get(context, true, 1, -1, 1, 2));
    }
    if (parser.parseInteger(one) || parser.parseGreater())
      return failure();
    if (one != 1)
      return emitError() << "expected bin<01> or bin<pm1>", failure();
    return Attribute(IntCodeAttr::get(context, false, 1, 0, 1, 1));
  }
  if (keyword != "int" && keyword != "uint")
    return emitError() << "expected a code: int, uint, ternary, w2star, bin, fp or "
                          "lut; got '"
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
  int64_t step = 1;
  if (succeeded(parser.parseOptionalComma())) {
    if (parser.parseInteger(lo) || parser.parseColon() ||
        parser.parseInteger(hi))
      return failure();
    if (succeeded(parser.parseOptionalComma()))
      if (parser.parseKeyword("step") || parser.parseEqual() ||
          parser.parseInteger(step))
        return failure();
  }
  if (parser.parseGreater())
    return failure();
  if (failed(IntCodeAttr::verify(emitError, isSigned, width, lo, hi, step)))
    return failure();
  return Attribute(IntCodeAttr::get(context, isSigned, width, lo, hi, step));
}

Attribute mlir::lowbit::getCodeAttr(MLIRContext *context,
                                    const ::lowbit::NumberDesc &number) {
  if (number.isFloat())
    return FloatCodeAttr::get(context, typeOf(context, number.format));
  return IntCodeAttr::get(context,
                          number.kind == ::lowbit::NumberKind::signedInt,
                          number.width, number.lo, number.hi, number.step);
}
