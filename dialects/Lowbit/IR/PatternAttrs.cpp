//===- PatternAttrs.cpp - Which elements are stored: text ---===//
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

using ::lowbit::PatternKind;

::lowbit::PatternDesc PatternAttr::getPatternDesc() const {
  ::lowbit::PatternDesc desc;
  desc.kind = getKind();
  desc.blockRows = getBlockRows();
  desc.blockColumns = getBlockColumns();
  desc.count = getCount();
  desc.indexBits = static_cast<uint8_t>(getIndexBits());
  return desc;
}

void PatternAttr::printBare(AsmPrinter &printer) const {
  switch (getKind()) {
  case PatternKind::nm:
    printer << "nm<" << getCount() << ":" << getBlockColumns() << ">";
    return;
  case PatternKind::blockDiagonal:
    printer << "blockdiag<" << getCount() << ">";
    return;
  case PatternKind::complement:
    printer << "complement<" << getCount() << ">";
    return;
  case PatternKind::csr:
  case PatternKind::bitmap:
  case PatternKind::fixed:
    break;
  }
  printer << "block<" << getBlockRows() << "x" << getBlockColumns() << ", index = ";
  if (getKind() == PatternKind::fixed) {
    printer << "fixed<" << getCount() << ", i" << getIndexBits() << ">>";
    return;
  }
  if (getKind() == PatternKind::csr)
    printer << "csr<i32, i" << getIndexBits() << ">";
  else
    printer << "bitmap";
  printer << ", nnz = " << getCount() << ">";
}

void PatternAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printBare(printer);
  printer << ">";
}

Attribute PatternAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<Attribute> attr = parsePattern(parser);
  if (failed(attr) || parser.parseGreater())
    return {};
  return *attr;
}

/// `, i8` or the like, after `csr<i32` or `fixed<s`.
static ParseResult parseIndexType(AsmParser &parser, unsigned &bits) {
  IntegerType type;
  SMLoc loc;
  if (parser.parseComma())
    return failure();
  loc = parser.getCurrentLocation();
  if (parser.parseType(type))
    return failure();
  bits = type.getWidth();
  if (!type.isSignless() || (bits != 8 && bits != 16 && bits != 32))
    return parser.emitError(loc)
           << "requires block columns of type i8, i16 or i32, got " << type;
  return success();
}

/// After `block`.
static FailureOr<Attribute> parseBlocks(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<int64_t> extents;
  StringRef index;
  if (parser.parseLess() ||
      parser.parseDimensionList(extents, /*allowDynamic=*/false,
                                /*withTrailingX=*/false) ||
      parser.parseComma() || parser.parseKeyword("index") || parser.parseEqual() ||
      parser.parseKeyword(&index))
    return failure();
  if (extents.size() != 2)
    return parser.emitError(loc) << "requires blocks of rows x columns", failure();
  PatternKind kind = PatternKind::csr;
  int64_t count = 0;
  unsigned bits = 32;
  if (index == "fixed") {
    kind = PatternKind::fixed;
    if (parser.parseLess() || parser.parseInteger(count) ||
        parseIndexType(parser, bits) || parser.parseGreater())
      return failure();
  } else if (index == "csr") {
    IntegerType starts;
    if (parser.parseLess() || parser.parseType(starts))
      return failure();
    if (!starts.isSignlessInteger(32))
      return parser.emitError(loc) << "requires row starts of type i32, got "
                                   << starts,
             failure();
    if (parseIndexType(parser, bits) || parser.parseGreater())
      return failure();
  } else if (index == "bitmap") {
    kind = PatternKind::bitmap;
  } else {
    return parser.emitError(loc)
               << "expected an index: csr<i32, i8>, bitmap or fixed<s, i8>; got '"
               << index << "'",
           failure();
  }
  if (kind != PatternKind::fixed)
    if (parser.parseComma() || parser.parseKeyword("nnz") || parser.parseEqual() ||
        parser.parseInteger(count))
      return failure();
  if (parser.parseGreater())
    return failure();
  return Attribute(PatternAttr::get(parser.getContext(), kind, extents[0],
                                    extents[1], count, bits));
}

FailureOr<Attribute> mlir::lowbit::parsePattern(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  MLIRContext *context = parser.getContext();
  StringRef keyword;
  if (parser.parseKeyword(&keyword))
    return failure();
  int64_t count = 0, columns = 1;
  if (keyword == "block")
    return parseBlocks(parser);
  if (keyword == "nm") {
    if (parser.parseLess() || parser.parseInteger(count) || parser.parseColon() ||
        parser.parseInteger(columns) || parser.parseGreater())
      return failure();
    return Attribute(
        PatternAttr::get(context, PatternKind::nm, 1, columns, count, 32));
  }
  if (keyword == "blockdiag" || keyword == "complement") {
    if (parser.parseLess() || parser.parseInteger(count) || parser.parseGreater())
      return failure();
    return Attribute(PatternAttr::get(context,
                                      keyword == "blockdiag"
                                          ? PatternKind::blockDiagonal
                                          : PatternKind::complement,
                                      1, 1, count, 32));
  }
  return parser.emitError(loc) << "expected a pattern: nm<n:m>, block<...>, "
                                  "blockdiag<b> or complement<i>; got '"
                               << keyword << "'",
         failure();
}
