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

/// Stands for "an array of its own" until the position in the list is known.
static constexpr int64_t ownArray = 255;

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
  int64_t array = ownArray;
  if (succeeded(parser.parseOptionalComma()))
    if (parser.parseKeyword("array") || parser.parseEqual() ||
        parser.parseInteger(array))
      return {};
  if (array < 0 || array > ownArray)
    return parser.emitError(parser.getCurrentLocation(),
                            "requires an array below 255"),
           Attribute();
  return FieldAttr::get(parser.getContext(), 0, static_cast<unsigned>(width),
                        wordType, word, bit, static_cast<unsigned>(array));
}

void BitsLayoutAttr::printBare(AsmPrinter &printer) const {
  printer << "bits<";
  ArrayRef<FieldAttr> fields = getFields();
  // Width 0 stands for "all bits of the code" until the leaf resolves it.
  if (fields.size() == 1 && fields[0].getWidth() == 0) {
    printer << fields[0].getWordType() << ", word = " << fields[0].getWord()
            << ", bit = " << fields[0].getBit();
  } else {
    unsigned position = 0;
    llvm::interleaveComma(fields, printer.getStream(), [&](FieldAttr field) {
      printer << "[";
      field.print(printer);
      if (field.getArray() != position++)
        printer << ", array = " << field.getArray();
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

/// 8, 16 or 32.
::lowbit::StatusOr<uint8_t> mlir::lowbit::wordBitsOf(IntegerType type) {
  const unsigned bits = type.getWidth();
  if (!type.isSignless() || (bits != 8 && bits != 16 && bits != 32))
    return ::lowbit::invalidArgument(
        "requires words of type i8, i16 or i32, got %u bits%s", bits,
        type.isSignless() ? "" : " with a sign");
  return static_cast<uint8_t>(bits);
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
      fields.push_back(FieldAttr::get(
          context, shift, field.getWidth(), field.getWordType(), field.getWord(),
          field.getBit(),
          field.getArray() == ownArray ? static_cast<unsigned>(fields.size())
                                       : field.getArray()));
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
    fields.push_back(FieldAttr::get(context, 0, 0, wordType, word, bit, 0));
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
  if (leaf.code.step != 1 && !leaf.biased)
    return ::lowbit::invalidArgument(
        "requires store = biased for a code with steps");
  leaf.fields.clear();
  const int64_t shape[] = {leaf.storedRows(), leaf.storedColumns()};
  for (FieldAttr field : getFields()) {
    ::lowbit::FieldDesc desc;
    desc.shift = static_cast<uint8_t>(field.getShift());
    desc.width = static_cast<uint8_t>(field.getWidth() ? field.getWidth()
                                                       : leaf.code.width);
    desc.array = static_cast<uint8_t>(field.getArray());
    LOWBIT_ASSIGN_OR_RETURN(desc.wordBits, wordBitsOf(field.getWordType()));
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
  // Fields of one array have the extents that all of them need.
  for (::lowbit::FieldDesc &field : leaf.fields)
    for (const ::lowbit::FieldDesc &other : leaf.fields)
      if (other.array == field.array &&
          other.storage.size() == field.storage.size())
        for (size_t i = 0; i < field.storage.size(); ++i)
          field.storage[i] = std::max(field.storage[i], other.storage[i]);
  return ::lowbit::Status::success();
}

FailureOr<Attribute> mlir::lowbit::parseLayout(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef keyword;
  if (parser.parseKeyword(&keyword))
    return failure();
  if (keyword == "bits")
    return parseBits(parser);
  if (FailureOr<Attribute> layout; parseOtherLayout(parser, keyword, layout))
    return layout;
  return parser.emitError(loc) << "expected a layout: bits<...>, planes<...>, "
                                  "radix<...>, fragment<name> or entropy<...>; "
                                  "got '"
                               << keyword << "'",
         failure();
}
