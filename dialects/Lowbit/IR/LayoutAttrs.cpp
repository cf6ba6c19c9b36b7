//===- LayoutAttrs.cpp - How bits lie in words ---===//
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

void FieldAttr::print(AsmPrinter &printer) const {
  printer << getWordType() << " x " << getWidth() << ", word = " << getWord()
          << ", bit = " << getBit();
}

/// `, word = MAP, bit = MAP`, shared by both spellings.
static ParseResult parseMaps(AsmParser &parser, AffineMap &word, AffineMap &bit) {
  return failure(parser.parseComma() || parser.parseKeyword("word") ||
                 parser.parseEqual() || parser.parseAffineMap(word) ||
                 parser.parseComma() || parser.parseKeyword("bit") ||
                 parser.parseEqual() || parser.parseAffineMap(bit));
}

Attribute FieldAttr::parse(AsmParser &parser, Type) {
  IntegerType wordType;
  int64_t width = 0;
  AffineMap word, bit;
  if (parser.parseType(wordType) || parser.parseKeyword("x") ||
      parser.parseInteger(width) || parseMaps(parser, word, bit))
    return {};
  if (width < 0 || width > 32)
    return parser.emitError(parser.getCurrentLocation(),
                            "requires a field of at most 32 bits"),
           Attribute();
  return FieldAttr::get(parser.getContext(), 0, static_cast<unsigned>(width),
                        wordType, word, bit);
}

void BitsLayoutAttr::printBare(AsmPrinter &printer) const {
  printer << "bits<";
  ArrayRef<FieldAttr> fields = getFields();
  // Width 0 stands for "all bits of the code" until the leaf resolves it.
  if (fields.size() == 1 && fields[0].getWidth() == 0) {
    printer << fields[0].getWordType() << ", word = " << fields[0].getWord()
            << ", bit = " << fields[0].getBit();
  } else {
    llvm::interleaveComma(fields, printer.getStream(), [&](FieldAttr field) {
      printer << "[";
      field.print(printer);
      printer << "]";
    });
  }
  if (getStore() == StoreKind::Biased)
    printer << ", store = biased";
  printer << ">";
}

void BitsLayoutAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printBare(printer);
  printer << ">";
}

static FailureOr<Attribute> parseBits(AsmParser &parser) {
  MLIRContext *context = parser.getContext();
  SmallVector<FieldAttr> fields;
  StoreKind store = StoreKind::Twos;
  if (parser.parseLess())
    return failure();
  if (succeeded(parser.parseOptionalLSquare())) {
    unsigned shift = 0;
    bool more = true;
    while (more) {
      auto field = dyn_cast_or_null<FieldAttr>(FieldAttr::parse(parser, {}));
      if (!field || parser.parseRSquare())
        return failure();
      fields.push_back(FieldAttr::get(context, shift, field.getWidth(),
                                      field.getWordType(), field.getWord(),
                                      field.getBit()));
      shift += field.getWidth();
      more = false;
      if (succeeded(parser.parseOptionalComma())) {
        if (succeeded(parser.parseOptionalLSquare())) {
          more = true;
          continue;
        }
        if (parser.parseKeyword("store") || parser.parseEqual())
          return failure();
        FailureOr<StoreKind> kind = FieldParser<StoreKind>::parse(parser);
        if (failed(kind))
          return failure();
        store = *kind;
      }
    }
  } else {
    IntegerType wordType;
    AffineMap word, bit;
    if (parser.parseType(wordType) || parseMaps(parser, word, bit))
      return failure();
    fields.push_back(FieldAttr::get(context, 0, 0, wordType, word, bit));
    if (succeeded(parser.parseOptionalComma())) {
      if (parser.parseKeyword("store") || parser.parseEqual())
        return failure();
      FailureOr<StoreKind> kind = FieldParser<StoreKind>::parse(parser);
      if (failed(kind))
        return failure();
      store = *kind;
    }
  }
  if (parser.parseGreater())
    return failure();
  return Attribute(BitsLayoutAttr::get(context, fields, store));
}

Attribute BitsLayoutAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess() || parser.parseKeyword("bits"))
    return {};
  FailureOr<Attribute> layout = parseBits(parser);
  if (failed(layout) || parser.parseGreater())
    return {};
  return *layout;
}

::lowbit::Status BitsLayoutAttr::describeInto(::lowbit::LeafDesc &leaf) const {
  leaf.biased = getStore() == StoreKind::Biased;
  leaf.fields.clear();
  const int64_t shape[] = {leaf.rows, leaf.columns};
  for (FieldAttr field : getFields()) {
    ::lowbit::FieldDesc desc;
    desc.shift = static_cast<uint8_t>(field.getShift());
    desc.width = static_cast<uint8_t>(field.getWidth() ? field.getWidth()
                                                       : leaf.code.width);
    unsigned wordBits = field.getWordType().getWidth();
    if (!field.getWordType().isSignless() ||
        (wordBits != 8 && wordBits != 16 && wordBits != 32))
      return ::lowbit::invalidArgument(
          "requires words of type i8, i16 or i32, got %u bits%s", wordBits,
          field.getWordType().isSignless() ? "" : " with a sign");
    desc.wordBits = static_cast<uint8_t>(wordBits);
    LOWBIT_ASSIGN_OR_RETURN(desc.word, toIndexMap(field.getWord()));
    LOWBIT_ASSIGN_OR_RETURN(desc.bit, toIndexMap(field.getBit()));
    if (desc.word.numDims != 2 || desc.bit.numDims != 2 ||
        desc.bit.results.size() != 1)
      return ::lowbit::invalidArgument(
          "requires word and bit maps of (rows, columns), bit with one result");
    LOWBIT_ASSIGN_OR_RETURN(auto extents, paddedExtents(desc.word, shape));
    desc.storage.assign(extents.begin(), extents.end());
    leaf.fields.push_back(std::move(desc));
  }
  return ::lowbit::Status::success();
}

namespace mlir::lowbit {
/// `bits<...>`; planes, radix, fragment and entropy are named and refused.
FailureOr<Attribute> parseLayout(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef keyword;
  if (parser.parseKeyword(&keyword))
    return failure();
  if (keyword == "bits")
    return parseBits(parser);
  if (keyword == "planes" || keyword == "radix" || keyword == "fragment" ||
      keyword == "entropy")
    return parser.emitError(loc)
               << "layout '" << keyword << "' is not supported yet",
           failure();
  return parser.emitError(loc)
             << "expected a layout: bits<...>; got '" << keyword << "'",
         failure();
}
} // namespace mlir::lowbit
