//===- EncodingAttrs.cpp - Leaf encodings: text and rules V1, V2, V5, V14 ---===//
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

#include "dialects/Lowbit/IR/LowbitAttrInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Lowbit/IR/LowbitAttrs.cpp.inc"

void LowbitDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Lowbit/IR/LowbitAttrs.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static void printParams(AsmPrinter &printer, StringRef name, bool negated,
                        ArrayRef<ParamSpecAttr> params) {
  if (params.empty())
    return;
  printer << ", " << name << " = " << (negated ? "-" : "") << "[";
  llvm::interleaveComma(params, printer.getStream(),
                        [&](ParamSpecAttr param) { param.print(printer); });
  printer << "]";
}

/// The scales of `nvfp4` and `mxfp4`, whose code is fp<f4E2M1FN>.
static SmallVector<ParamSpecAttr> sugarScales(MLIRContext *context,
                                              StringRef sugar) {
  auto perGroup = [&](int64_t group) {
    AffineExpr n = getAffineDimExpr(0, context), k = getAffineDimExpr(1, context);
    return MapGranularityAttr::get(
        context, AffineMap::get(2, 0, {n, k.floorDiv(group)}, context));
  };
  auto scale = [&](FloatType type, Attribute granularity) {
    return ParamSpecAttr::get(context, FloatCodeAttr::get(context, type),
                              granularity, AffineMap());
  };
  if (sugar == "mxfp4")
    return {scale(Float8E8M0FNUType::get(context), perGroup(32))};
  return {scale(Float8E4M3FNType::get(context), perGroup(16)),
          scale(Float32Type::get(context),
                MapGranularityAttr::get(context, AffineMap::get(2, 0, context)))};
}

/// "nvfp4", "mxfp4" or nothing.
static StringRef sugarOf(LeafAttr leaf) {
  auto code = dyn_cast<FloatCodeAttr>(leaf.getCode());
  if (code && isa<Float4E2M1FNType>(code.getType()))
    for (StringRef sugar : {"nvfp4", "mxfp4"})
      if (leaf.getScales() ==
          ArrayRef<ParamSpecAttr>(sugarScales(leaf.getContext(), sugar)))
        return sugar;
  return {};
}

void LeafAttr::printBare(AsmPrinter &printer) const {
  printer << "leaf";
  print(printer);
}

void LeafAttr::print(AsmPrinter &printer) const {
  printer << "<";
  if (StringRef sugar = sugarOf(*this); !sugar.empty()) {
    printer << sugar;
  } else {
    cast<CodeAttrInterface>(getCode()).printBare(printer);
    printParams(printer, "scale", false, getScales());
  }
  if (getZero()) {
    printer << ", zero = ";
    getZero().print(printer);
  }
  printParams(printer, "offset", getOffsetNegated(), getOffsets());
  if (getPattern()) {
    printer << ", pattern = ";
    cast<PatternAttrInterface>(getPattern()).printBare(printer);
  }
  if (getLayout()) {
    printer << ", layout = ";
    cast<LayoutAttrInterface>(getLayout()).printBare(printer);
  }
  printer << ">";
}

static ParseResult parseParams(AsmParser &parser,
                               SmallVectorImpl<ParamSpecAttr> &params) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() {
    auto param =
        dyn_cast_or_null<ParamSpecAttr>(ParamSpecAttr::parse(parser, {}));
    if (!param)
      return failure();
    params.push_back(param);
    return success();
  });
}

Attribute LeafAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess())
    return {};
  MLIRContext *context = parser.getContext();
  SmallVector<ParamSpecAttr> scales, offsets;
  FailureOr<Attribute> code = failure();
  StringRef sugar;
  SmallVector<StringRef> seen;
  if (succeeded(parser.parseOptionalKeyword(&sugar, {"nvfp4", "mxfp4"}))) {
    code = Attribute(FloatCodeAttr::get(context, Float4E2M1FNType::get(context)));
    scales = sugarScales(context, sugar);
    seen.push_back("scale");
  } else {
    code = parseCode(parser, /*bareFloat=*/false);
  }
  if (failed(code))
    return {};
  ParamSpecAttr zero;
  bool negated = false;
  Attribute layout, pattern;
  while (succeeded(parser.parseOptionalComma())) {
    SMLoc keyLoc = parser.getCurrentLocation();
    StringRef key;
    if (parser.parseKeyword(&key))
      return {};
    if (llvm::is_contained(seen, key))
      return parser.emitError(keyLoc) << "'" << key << "' is given twice",
             Attribute();
    seen.push_back(key);
    if (parser.parseEqual())
      return {};
    if (key == "scale") {
      if (parseParams(parser, scales))
        return {};
    } else if (key == "zero") {
      zero = dyn_cast_or_null<ParamSpecAttr>(ParamSpecAttr::parse(parser, {}));
      if (!zero)
        return {};
    } else if (key == "offset") {
      negated = succeeded(parser.parseOptionalMinus());
      if (parseParams(parser, offsets))
        return {};
    } else if (key == "layout") {
      FailureOr<Attribute> parsed = parseLayout(parser);
      if (failed(parsed))
        return {};
      layout = *parsed;
    } else if (key == "pattern") {
      FailureOr<Attribute> parsed = parsePattern(parser);
      if (failed(parsed))
        return {};
      pattern = *parsed;
    } else {
      return parser.emitError(keyLoc)
                 << "expected scale, zero, offset, pattern or layout; got '" << key
                 << "'",
             Attribute();
    }
  }
  if (parser.parseGreater())
    return {};
  return LeafAttr::getChecked([&] { return parser.emitError(loc); },
                              context, *code, scales, zero, offsets, negated,
                              layout, pattern);
}

FailureOr<Attribute> mlir::lowbit::parseEncoding(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef keyword;
  if (succeeded(parser.parseOptionalKeyword(&keyword))) {
    if (keyword == "leaf") {
      Attribute leaf = LeafAttr::parse(parser, {});
      if (!leaf)
        return failure();
      return leaf;
    }
    Attribute encoding;
    if (keyword == "sum")
      encoding = SumAttr::parse(parser, {});
    else if (keyword == "prod")
      encoding = ProdAttr::parse(parser, {});
    else if (keyword == "elastic")
      encoding = ElasticAttr::parse(parser, {});
    else
      return parser.emitError(loc) << "expected an encoding: leaf<...>, sum<...>, "
                                      "prod<...> or elastic<...>; got '"
                                   << keyword << "'",
             failure();
    if (!encoding)
      return failure();
    return encoding;
  }
  Attribute attr;
  if (parser.parseAttribute(attr))
    return failure();
  if (!isa<EncodingAttrInterface>(attr))
    return parser.emitError(loc) << "expected an encoding, got " << attr,
           failure();
  return attr;
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

LogicalResult LeafAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               Attribute code, ArrayRef<ParamSpecAttr> scales,
                               ParamSpecAttr zero,
                               ArrayRef<ParamSpecAttr> offsets,
                               bool offsetNegated, Attribute layout,
                               Attribute pattern) {
  auto codeInterface = dyn_cast_or_null<CodeAttrInterface>(code);
  if (!codeInterface)
    return emitError() << "requires a code";
  ::lowbit::NumberDesc number = codeInterface.getNumberDesc();
  if (!number.isFloat() && number.width > 8)
    return emitError() << "requires an integer code of at most 8 bits, got "
                       << unsigned(number.width);
  if (zero) {
    if (isa<RankGranularityAttr>(zero.getGranularity()))
      return emitError() << "a zero point has no rank";
    if (cast<CodeAttrInterface>(zero.getNumber()).getNumberDesc().isFloat())
      return emitError() << "requires an integer zero point, got "
                         << zero.getNumber();
    if (number.isFloat())
      return emitError() << "a zero point requires an integer code";
  }
  if (auto bits = dyn_cast_or_null<BitsLayoutAttr>(layout)) {
    unsigned total = 0;
    for (FieldAttr field : bits.getFields())
      total += field.getWidth() ? field.getWidth() : number.width;
    if (total != number.width)
      return emitError() << "requires the fields of the layout to hold the "
                         << unsigned(number.width) << " bits of the code, got "
                         << total;
    if (number.isFloat() && bits.getStore() == StoreKind::Biased)
      return emitError() << "a biased store requires an integer code";
  }
  return success();
}

LogicalResult
LeafAttr::verifyFor(ArrayRef<int64_t> shape, Type elementType,
                    function_ref<InFlightDiagnostic()> emitError) const {
  if (shape.size() != 2)
    return emitError() << "requires a [rows, columns] tensor, got rank "
                       << shape.size();
  if (!elementType.isF32())
    return emitError() << "requires f32 elements, got " << elementType;
  if (ShapedType::isDynamic(shape[1]))
    return emitError() << "requires a static number of columns";
  auto verifyParam = [&](ParamSpecAttr param) {
    return cast<GranularityAttrInterface>(param.getGranularity())
        .verifyFor(shape, emitError);
  };
  for (ParamSpecAttr param : getScales())
    if (failed(verifyParam(param)))
      return failure();
  if (getZero() && failed(verifyParam(getZero())))
    return failure();
  for (ParamSpecAttr param : getOffsets())
    if (failed(verifyParam(param)))
      return failure();
  ::lowbit::StatusOr<::lowbit::LeafDesc> leaf = getLeafDesc(shape);
  if (!leaf.isOk())
    return emitError() << leaf.status().message();
  ::lowbit::Status valid = ::lowbit::validate(*leaf);
  if (!valid.isOk())
    return emitError() << valid.message();
  return success();
}

LeafAttr LeafAttr::getPlain(Attribute code) {
  return LeafAttr::get(code.getContext(), code, {}, {}, {}, false, {}, {});
}

//===----------------------------------------------------------------------===//
// Names in dumps
//===----------------------------------------------------------------------===//

/// Lower-case letters, digits and single underscores of `text`.
static std::string identifierOf(StringRef text) {
  std::string name;
  for (char c : text) {
    if (llvm::isAlnum(c))
      name += llvm::toLower(c);
    else if (!name.empty() && name.back() != '_')
      name += '_';
  }
  while (!name.empty() && name.back() == '_')
    name.pop_back();
  return name;
}

/// "row", "tensor", "g32", "block": empty for anything else.
static std::string shortNameOf(ParamSpecAttr param) {
  if (isa<BlockGranularityAttr>(param.getGranularity()))
    return "block";
  if (isa<RankGranularityAttr>(param.getGranularity()))
    return "rank";
  auto granularity = dyn_cast<MapGranularityAttr>(param.getGranularity());
  if (!granularity)
    return "";
  AffineMap map = granularity.getMap();
  if (map.getNumResults() == 0)
    return "tensor";
  if (map.getNumResults() == 1 && map.getResult(0) == getAffineDimExpr(0, map.getContext()))
    return "row";
  if (map.getNumResults() == 2)
    if (auto group = dyn_cast<AffineBinaryOpExpr>(map.getResult(1)))
      if (auto size = dyn_cast<AffineConstantExpr>(group.getRHS()))
        return "g" + std::to_string(size.getValue());
  return "";
}

OpAsmAliasResult LeafAttr::getAlias(llvm::raw_ostream &os) const {
  StringRef sugar = sugarOf(*this);
  std::string name = sugar.str();
  if (name.empty()) {
    ::lowbit::LeafDesc leaf;
    leaf.rows = leaf.columns = 1;
    if (isa<LutCodeAttr>(getCode()))
      name = "lut" + std::to_string(cast<LutCodeAttr>(getCode()).getWidth());
    else {
      leaf.code = cast<CodeAttrInterface>(getCode()).getNumberDesc();
      name = identifierOf(::lowbit::describe(leaf));
    }
    if (!getScales().empty())
      if (std::string scale = shortNameOf(getScales()[0]); !scale.empty())
        name += "_" + scale;
  }
  if (getPattern())
    name += "_sparse";
  os << name;
  return OpAsmAliasResult::FinalAlias;
}
