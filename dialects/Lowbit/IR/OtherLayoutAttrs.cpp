//===- OtherLayoutAttrs.cpp - Planes, radix, fragments, prefix codes: text ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lowbit/IR/LowbitAttrs.h"
#include "dialects/Lowbit/IR/LowbitDialect.h"
#include "lowbit/Packing/Layouts.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace mlir::lowbit;

using ::lowbit::invalidArgument;
using ::lowbit::LeafDesc;
using ::lowbit::Status;

/// `<` layout `>` of a layout attribute that stands alone.
static Attribute parseAlone(AsmParser &parser) {
  if (parser.parseLess())
    return {};
  FailureOr<Attribute> layout = parseLayout(parser);
  if (failed(layout) || parser.parseGreater())
    return {};
  return *layout;
}

//===----------------------------------------------------------------------===//
// Planes
//===----------------------------------------------------------------------===//

/// `map` with its first dimension, the plane, fixed.
static ::lowbit::IndexMap atPlane(const ::lowbit::IndexMap &map, int64_t plane) {
  ::lowbit::IndexMap result;
  result.numDims = map.numDims - 1;
  for (const ::lowbit::IndexExpr &expr : map.results) {
    ::lowbit::IndexExpr fixed;
    fixed.constant = expr.constant;
    for (::lowbit::IndexTerm term : expr.terms) {
      if (term.dim == 0) {
        const int64_t value = plane / term.div;
        fixed.constant += term.mul * (term.mod ? value % term.mod : value);
        continue;
      }
      --term.dim;
      fixed.terms.push_back(term);
    }
    result.results.push_back(std::move(fixed));
  }
  return result;
}

Status PlanesLayoutAttr::describeInto(LeafDesc &leaf) const {
  if (leaf.code.isFloat())
    return invalidArgument("requires an integer code in planes<> (V6)");
  leaf.biased = getStore() == StoreKind::Biased;
  if (leaf.code.step != 1 && !leaf.biased)
    return invalidArgument("requires store = biased for a code with steps");
  LOWBIT_ASSIGN_OR_RETURN(uint8_t wordBits, wordBitsOf(getWordType()));
  LOWBIT_ASSIGN_OR_RETURN(::lowbit::IndexMap word, toIndexMap(getWord()));
  LOWBIT_ASSIGN_OR_RETURN(::lowbit::IndexMap bit, toIndexMap(getBit()));
  if (word.numDims != 3 || bit.numDims != 3 || bit.results.size() != 1)
    return invalidArgument("requires word and bit maps of (plane, row, column), bit "
                           "with one result");
  const int64_t planes = leaf.code.width;
  const int64_t shape[] = {planes, leaf.storedRows(), leaf.storedColumns()};
  LOWBIT_ASSIGN_OR_RETURN(auto extents, paddedExtents(word, shape));
  leaf.fields.clear();
  for (int64_t b = 0; b < planes; ++b) {
    const int64_t plane = getMsbFirst() ? planes - 1 - b : b;
    ::lowbit::FieldDesc field;
    field.shift = static_cast<uint8_t>(b);
    field.width = 1;
    field.wordBits = wordBits;
    field.word = atPlane(word, plane);
    field.bit = atPlane(bit, plane);
    field.storage.assign(extents.begin(), extents.end());
    leaf.fields.push_back(std::move(field));
  }
  return Status::success();
}

void PlanesLayoutAttr::printBare(AsmPrinter &printer) const {
  printer << "planes<" << getWordType() << ", word = " << getWord()
          << ", bit = " << getBit() << ", order = " << (getMsbFirst() ? "msb" : "lsb");
  if (getStore() == StoreKind::Biased)
    printer << ", store = biased";
  printer << ">";
}

void PlanesLayoutAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printBare(printer);
  printer << ">";
}

Attribute PlanesLayoutAttr::parse(AsmParser &parser, Type) {
  return parseAlone(parser);
}

static FailureOr<Attribute> parsePlanes(AsmParser &parser) {
  IntegerType wordType;
  AffineMap word, bit;
  StringRef order;
  StoreKind store = StoreKind::Twos;
  if (parser.parseLess() || parser.parseType(wordType) || parser.parseComma() ||
      parser.parseKeyword("word") || parser.parseEqual() ||
      parser.parseAffineMap(word) || parser.parseComma() ||
      parser.parseKeyword("bit") || parser.parseEqual() ||
      parser.parseAffineMap(bit) || parser.parseComma() ||
      parser.parseKeyword("order") || parser.parseEqual())
    return failure();
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&order))
    return failure();
  if (order != "msb" && order != "lsb")
    return parser.emitError(loc) << "expected order = msb or lsb; got '" << order
                                 << "'",
           failure();
  if (succeeded(parser.parseOptionalComma())) {
    if (parser.parseKeyword("store") || parser.parseEqual())
      return failure();
    FailureOr<StoreKind> kind = FieldParser<StoreKind>::parse(parser);
    if (failed(kind))
      return failure();
    store = *kind;
  }
  if (parser.parseGreater())
    return failure();
  return Attribute(PlanesLayoutAttr::get(parser.getContext(), wordType, word, bit,
                                         order == "msb", store));
}

//===----------------------------------------------------------------------===//
// Radix
//===----------------------------------------------------------------------===//

Status RadixLayoutAttr::describeInto(LeafDesc &leaf) const {
  LOWBIT_RETURN_IF_ERROR(::lowbit::setRadixFields(
      leaf, getRadix(), getDigits(), getWordType().getWidth(),
      getScaled() ? ::lowbit::RadixStore::scaled : ::lowbit::RadixStore::plain));
  if (!getWord())
    return Status::success();
  if (leaf.fields.size() != 1)
    return invalidArgument("requires whole words where word and digit are given");
  ::lowbit::FieldDesc &field = leaf.fields[0];
  LOWBIT_ASSIGN_OR_RETURN(field.word, toIndexMap(getWord()));
  LOWBIT_ASSIGN_OR_RETURN(field.digit, toIndexMap(getDigit()));
  if (field.word.numDims != 2 || field.digit.numDims != 2)
    return invalidArgument("requires word and digit maps of (rows, columns)");
  const int64_t shape[] = {leaf.storedRows(), leaf.storedColumns()};
  LOWBIT_ASSIGN_OR_RETURN(auto extents, paddedExtents(field.word, shape));
  field.storage.assign(extents.begin(), extents.end());
  return Status::success();
}

void RadixLayoutAttr::printBare(AsmPrinter &printer) const {
  printer << "radix<" << getRadix() << ", " << getDigits() << ", " << getWordType();
  if (getWord())
    printer << ", word = " << getWord() << ", digit = " << getDigit();
  if (getScaled())
    printer << ", store = scaled";
  printer << ">";
}

void RadixLayoutAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printBare(printer);
  printer << ">";
}

Attribute RadixLayoutAttr::parse(AsmParser &parser, Type) {
  return parseAlone(parser);
}

static FailureOr<Attribute> parseRadix(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  int64_t radix = 0, digits = 0;
  IntegerType wordType;
  AffineMap word, digit;
  bool scaled = false;
  if (parser.parseLess() || parser.parseInteger(radix) || parser.parseComma() ||
      parser.parseInteger(digits) || parser.parseComma() ||
      parser.parseType(wordType))
    return failure();
  while (succeeded(parser.parseOptionalComma())) {
    StringRef key, kind;
    if (parser.parseKeyword(&key) || parser.parseEqual())
      return failure();
    if (key == "word") {
      if (parser.parseAffineMap(word) || parser.parseComma() ||
          parser.parseKeyword("digit") || parser.parseEqual() ||
          parser.parseAffineMap(digit))
        return failure();
    } else if (key == "store") {
      if (parser.parseKeyword(&kind))
        return failure();
      if (kind != "scaled" && kind != "plain")
        return parser.emitError(loc)
                   << "expected store = plain or scaled; got '" << kind << "'",
               failure();
      scaled = kind == "scaled";
    } else {
      return parser.emitError(loc)
                 << "expected word, digit or store; got '" << key << "'",
             failure();
    }
  }
  if (parser.parseGreater())
    return failure();
  if (radix < 2 || radix > 255 || digits < 1 || digits > 32)
    return parser.emitError(loc)
               << "requires a base of 2 to 255 and 1 to 32 digits, got " << radix
               << " and " << digits,
           failure();
  return Attribute(RadixLayoutAttr::get(
      parser.getContext(), static_cast<unsigned>(radix),
      static_cast<unsigned>(digits), wordType, word, digit, scaled));
}

//===----------------------------------------------------------------------===//
// Fragments and prefix codes
//===----------------------------------------------------------------------===//

Status FragmentLayoutAttr::describeInto(LeafDesc &leaf) const {
  return ::lowbit::setNamedFields(leaf, getName().str());
}

void FragmentLayoutAttr::printBare(AsmPrinter &printer) const {
  printer << "fragment<" << getName() << ">";
}

void FragmentLayoutAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printBare(printer);
  printer << ">";
}

Attribute FragmentLayoutAttr::parse(AsmParser &parser, Type) {
  return parseAlone(parser);
}

static FailureOr<Attribute> parseFragment(AsmParser &parser) {
  StringRef name;
  if (parser.parseLess() || parser.parseKeyword(&name) || parser.parseGreater())
    return failure();
  return Attribute(FragmentLayoutAttr::get(parser.getContext(), name));
}

Status EntropyLayoutAttr::describeInto(LeafDesc &leaf) const {
  if (getCoder() != "prefix")
    return invalidArgument("requires the coder 'prefix', got '%s'",
                           getCoder().str().c_str());
  return ::lowbit::setEntropyFields(leaf, getBlock(), getBytes());
}

void EntropyLayoutAttr::printBare(AsmPrinter &printer) const {
  printer << "entropy<" << getCoder() << ", " << getBlock()
          << ", bytes = " << getBytes() << ">";
}

void EntropyLayoutAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printBare(printer);
  printer << ">";
}

Attribute EntropyLayoutAttr::parse(AsmParser &parser, Type) {
  return parseAlone(parser);
}

static FailureOr<Attribute> parseEntropy(AsmParser &parser) {
  StringRef coder;
  int64_t block = 0, bytes = 0;
  if (parser.parseLess() || parser.parseKeyword(&coder) || parser.parseComma() ||
      parser.parseInteger(block) || parser.parseComma() ||
      parser.parseKeyword("bytes") || parser.parseEqual() ||
      parser.parseInteger(bytes) || parser.parseGreater())
    return failure();
  return Attribute(
      EntropyLayoutAttr::get(parser.getContext(), coder, block, bytes));
}

bool mlir::lowbit::parseOtherLayout(AsmParser &parser, StringRef keyword,
                                    FailureOr<Attribute> &layout) {
  if (keyword == "planes")
    layout = parsePlanes(parser);
  else if (keyword == "radix")
    layout = parseRadix(parser);
  else if (keyword == "fragment")
    layout = parseFragment(parser);
  else if (keyword == "entropy")
    layout = parseEntropy(parser);
  else
    return false;
  return true;
}

//===----------------------------------------------------------------------===//
// From plain data
//===----------------------------------------------------------------------===//

static Attribute radixLayoutAttr(MLIRContext *context, const LeafDesc &leaf) {
  const ::lowbit::FieldDesc &field = leaf.fields[0];
  const bool whole = leaf.fields.size() == 1;
  const unsigned bits =
      whole ? field.wordBits : static_cast<unsigned>(leaf.fields.size());
  LeafDesc usual = leaf;
  const bool isUsual =
      ::lowbit::setRadixFields(usual, field.radix, field.digits, bits, field.store)
          .isOk() &&
      usual.fields == leaf.fields;
  const bool scaled = field.store == ::lowbit::RadixStore::scaled;
  return RadixLayoutAttr::get(
      context, field.radix, field.digits, IntegerType::get(context, bits),
      isUsual ? AffineMap() : toAffineMap(field.word, context),
      isUsual ? AffineMap() : toAffineMap(field.digit, context), scaled);
}

Attribute mlir::lowbit::getLayoutAttr(MLIRContext *context, const LeafDesc &leaf) {
  for (const ::lowbit::FieldDesc &field : leaf.fields)
    if (field.entropyBlock > 0)
      return EntropyLayoutAttr::get(context, "prefix", field.entropyBlock,
                                    field.storage[0]);
  if (!leaf.fields.empty() && leaf.fields[0].radix)
    return radixLayoutAttr(context, leaf);
  SmallVector<FieldAttr> fields;
  for (const ::lowbit::FieldDesc &field : leaf.fields) {
    bool whole = leaf.fields.size() == 1;
    fields.push_back(FieldAttr::get(context, field.shift, whole ? 0 : field.width,
                                    IntegerType::get(context, field.wordBits),
                                    toAffineMap(field.word, context),
                                    toAffineMap(field.bit, context), field.array));
  }
  return BitsLayoutAttr::get(
      context, fields, leaf.biased ? StoreKind::Biased : StoreKind::Twos);
}
