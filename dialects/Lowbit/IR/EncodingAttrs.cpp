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

namespace mlir::lowbit {
FailureOr<Attribute> parseLayout(AsmParser &parser);
} // namespace mlir::lowbit

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

void LeafAttr::print(AsmPrinter &printer) const {
  printer << "<";
  cast<CodeAttrInterface>(getCode()).printBare(printer);
  printParams(printer, "scale", false, getScales());
  if (getZero()) {
    printer << ", zero = ";
    getZero().print(printer);
  }
  printParams(printer, "offset", getOffsetNegated(), getOffsets());
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
  FailureOr<Attribute> code = parseCode(parser, /*bareFloat=*/false);
  if (failed(code))
    return {};
  SmallVector<ParamSpecAttr> scales, offsets;
  ParamSpecAttr zero;
  bool negated = false;
  Attribute layout;
  SmallVector<StringRef> seen;
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
      return parser.emitError(keyLoc) << "a 'pattern' is not supported yet",
             Attribute();
    } else {
      return parser.emitError(keyLoc)
                 << "expected scale, zero, offset or layout; got '" << key << "'",
             Attribute();
    }
  }
  if (parser.parseGreater())
    return {};
  return LeafAttr::getChecked([&] { return parser.emitError(loc); },
                              parser.getContext(), *code, scales, zero, offsets,
                              negated, layout);
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
    if (keyword == "sum" || keyword == "prod" || keyword == "elastic")
      return parser.emitError(loc)
                 << "encoding '" << keyword << "' is not supported yet",
             failure();
    return parser.emitError(loc)
               << "expected an encoding: leaf<...>; got '" << keyword << "'",
           failure();
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
                               bool offsetNegated, Attribute layout) {
  auto codeInterface = dyn_cast_or_null<CodeAttrInterface>(code);
  if (!codeInterface)
    return emitError() << "requires a code";
  ::lowbit::NumberDesc number = codeInterface.getNumberDesc();
  if (!number.isFloat() && number.width > 8)
    return emitError() << "requires an integer code of at most 8 bits, got "
                       << unsigned(number.width);
  if (zero) {
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
  return LeafAttr::get(code.getContext(), code, {}, {}, {}, false, {});
}
