//===- CombinatorAttrs.cpp - Sums, products and elastic encodings ---===//
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

using ::lowbit::EncodingDesc;
using ::lowbit::EncodingKind;
using ::lowbit::invalidArgument;
using ::lowbit::LeafDesc;
using ::lowbit::StatusOr;

static EncodingAttrInterface encodingOf(Attribute attr) {
  return cast<EncodingAttrInterface>(attr);
}

/// Rules that hold for every encoding, and those of the plain description.
static LogicalResult verifyTree(EncodingAttrInterface encoding,
                                ArrayRef<int64_t> shape, Type elementType,
                                EmitError emitError) {
  if (shape.size() != 2)
    return emitError() << "requires a [rows, columns] tensor, got rank "
                       << shape.size();
  if (!elementType.isF32())
    return emitError() << "requires f32 elements, got " << elementType;
  if (ShapedType::isDynamic(shape[0]) || ShapedType::isDynamic(shape[1]))
    return emitError() << "requires a static shape for sum, prod and elastic";
  StatusOr<EncodingDesc> desc = encoding.getEncodingDesc(shape);
  if (!desc.isOk())
    return emitError() << desc.status().message();
  ::lowbit::Status valid = ::lowbit::validate(*desc);
  if (!valid.isOk())
    return emitError() << valid.message();
  return success();
}

static void printTerms(AsmPrinter &printer, ArrayRef<Attribute> terms) {
  llvm::interleaveComma(terms, printer.getStream(), [&](Attribute term) {
    encodingOf(term).printBare(printer);
  });
}

static SmallVector<Attribute> withoutLayouts(ArrayRef<Attribute> terms) {
  return llvm::map_to_vector(
      terms, [](Attribute term) { return encodingOf(term).withoutLayout(); });
}

static bool allHaveLayouts(ArrayRef<Attribute> terms) {
  return llvm::all_of(terms,
                      [](Attribute term) { return encodingOf(term).hasLayout(); });
}

//===----------------------------------------------------------------------===//
// Sum
//===----------------------------------------------------------------------===//

void SumAttr::printBare(AsmPrinter &printer) const {
  printer << "sum";
  print(printer);
}

void SumAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printTerms(printer, getTerms());
  if (getPartition())
    printer << ", partition";
  printer << ">";
}

Attribute SumAttr::parse(AsmParser &parser, Type) {
  SmallVector<Attribute> terms;
  bool partition = false;
  if (parser.parseLess())
    return {};
  do {
    if (!terms.empty() && succeeded(parser.parseOptionalKeyword("partition"))) {
      partition = true;
      break;
    }
    FailureOr<Attribute> term = parseEncoding(parser);
    if (failed(term))
      return {};
    terms.push_back(*term);
  } while (succeeded(parser.parseOptionalComma()));
  if (parser.parseGreater())
    return {};
  return SumAttr::get(parser.getContext(), terms, partition);
}

StatusOr<LeafDesc> SumAttr::getLeafDesc(ArrayRef<int64_t>) const {
  return invalidArgument("requires a leaf encoding, got a sum; "
                         "lowbit-expand-sums makes leaves of it");
}

StatusOr<EncodingDesc> SumAttr::getEncodingDesc(ArrayRef<int64_t> shape) const {
  EncodingDesc desc;
  desc.kind = EncodingKind::sum;
  desc.rows = shape[0];
  desc.columns = shape[1];
  desc.partition = getPartition();
  for (Attribute term : getTerms()) {
    LOWBIT_ASSIGN_OR_RETURN(EncodingDesc part,
                            encodingOf(term).getEncodingDesc(shape));
    desc.terms.push_back(std::move(part));
  }
  return desc;
}

bool SumAttr::hasLayout() const { return allHaveLayouts(getTerms()); }
Attribute SumAttr::withLayoutOf(const LeafDesc &) const { return *this; }
Attribute SumAttr::withoutLayout() const {
  return SumAttr::get(getContext(), withoutLayouts(getTerms()), getPartition());
}

LogicalResult SumAttr::verifyFor(ArrayRef<int64_t> shape, Type elementType,
                                 EmitError emitError) const {
  if (failed(verifyTree(*this, shape, elementType, emitError)))
    return failure();
  for (Attribute term : getTerms())
    if (failed(encodingOf(term).verifyFor(shape, elementType, emitError)))
      return failure();
  return success();
}

OpAsmAliasResult SumAttr::getAlias(llvm::raw_ostream &os) const {
  os << "sum";
  return OpAsmAliasResult::FinalAlias;
}

//===----------------------------------------------------------------------===//
// Product
//===----------------------------------------------------------------------===//

void ProdAttr::printBare(AsmPrinter &printer) const {
  printer << "prod";
  print(printer);
}

void ProdAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printTerms(printer, getTerms());
  printer << " inner [";
  llvm::interleaveComma(getInner(), printer.getStream());
  printer << "]>";
}

Attribute ProdAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<Attribute> terms;
  SmallVector<int64_t> inner;
  if (parser.parseLess())
    return {};
  do {
    FailureOr<Attribute> term = parseEncoding(parser);
    if (failed(term))
      return {};
    terms.push_back(*term);
  } while (succeeded(parser.parseOptionalComma()));
  if (parser.parseKeyword("inner") ||
      parser.parseCommaSeparatedList(
          AsmParser::Delimiter::Square,
          [&] { return parser.parseInteger(inner.emplace_back()); }) ||
      parser.parseGreater())
    return {};
  if (inner.size() + 1 != terms.size())
    return parser.emitError(loc)
               << "requires " << terms.size() - 1
               << " inner dimensions between " << terms.size()
               << " factors, got " << inner.size() << " (V8)",
           Attribute();
  for (int64_t size : inner)
    if (size < 1 || size > (int64_t(1) << 40))
      return parser.emitError(loc)
                 << "requires inner dimensions of 1 to 2^40, got " << size
                 << " (V8)",
             Attribute();
  return ProdAttr::get(parser.getContext(), terms, inner);
}

StatusOr<LeafDesc> ProdAttr::getLeafDesc(ArrayRef<int64_t>) const {
  return invalidArgument("requires a leaf encoding, got a product; "
                         "lowbit-expand-sums makes leaves of it");
}

/// [rows, columns] of one factor of a product of `shape`.
static std::array<int64_t, 2> shapeOfFactor(ProdAttr product, size_t index,
                                            ArrayRef<int64_t> shape) {
  ArrayRef<int64_t> inner = product.getInner();
  return {index == 0 ? shape[0] : inner[index - 1],
          index == inner.size() ? shape[1] : inner[index]};
}

StatusOr<EncodingDesc> ProdAttr::getEncodingDesc(ArrayRef<int64_t> shape) const {
  EncodingDesc desc;
  desc.kind = EncodingKind::prod;
  desc.rows = shape[0];
  desc.columns = shape[1];
  for (auto [index, term] : llvm::enumerate(getTerms())) {
    LOWBIT_ASSIGN_OR_RETURN(EncodingDesc factor,
                            encodingOf(term).getEncodingDesc(
                                shapeOfFactor(*this, index, shape)));
    desc.terms.push_back(std::move(factor));
  }
  return desc;
}

bool ProdAttr::hasLayout() const { return allHaveLayouts(getTerms()); }
Attribute ProdAttr::withLayoutOf(const LeafDesc &) const { return *this; }
Attribute ProdAttr::withoutLayout() const {
  return ProdAttr::get(getContext(), withoutLayouts(getTerms()), getInner());
}

LogicalResult ProdAttr::verifyFor(ArrayRef<int64_t> shape, Type elementType,
                                  EmitError emitError) const {
  if (failed(verifyTree(*this, shape, elementType, emitError)))
    return failure();
  for (auto [index, term] : llvm::enumerate(getTerms()))
    if (failed(encodingOf(term).verifyFor(shapeOfFactor(*this, index, shape),
                                          elementType, emitError)))
      return failure();
  return success();
}

OpAsmAliasResult ProdAttr::getAlias(llvm::raw_ostream &os) const {
  os << "prod";
  return OpAsmAliasResult::FinalAlias;
}

//===----------------------------------------------------------------------===//
// Elastic
//===----------------------------------------------------------------------===//

void ElasticAttr::printBare(AsmPrinter &printer) const {
  printer << "elastic";
  print(printer);
}

void ElasticAttr::print(AsmPrinter &printer) const {
  printer << "<";
  encodingOf(getEncoding()).printBare(printer);
  printer << ", axis = " << ::lowbit::elasticAxisName(getAxis())
          << ", min = " << getMinimum() << ">";
}

Attribute ElasticAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<Attribute> encoding = parseEncoding(parser);
  StringRef name;
  int64_t minimum = 0;
  SMLoc loc;
  if (failed(encoding) || parser.parseComma() || parser.parseKeyword("axis") ||
      parser.parseEqual() || parser.getCurrentLocation(&loc) ||
      parser.parseKeyword(&name) || parser.parseComma() ||
      parser.parseKeyword("min") || parser.parseEqual() ||
      parser.parseInteger(minimum) || parser.parseGreater())
    return {};
  for (auto axis : {::lowbit::ElasticAxis::terms, ::lowbit::ElasticAxis::planes,
                    ::lowbit::ElasticAxis::rank, ::lowbit::ElasticAxis::width})
    if (name == ::lowbit::elasticAxisName(axis))
      return ElasticAttr::get(parser.getContext(), *encoding, axis, minimum);
  return parser.emitError(loc)
             << "expected axis = terms, planes, rank or width; got '" << name << "'",
         Attribute();
}

StatusOr<LeafDesc> ElasticAttr::getLeafDesc(ArrayRef<int64_t> shape) const {
  return encodingOf(getEncoding()).getLeafDesc(shape);
}

StatusOr<EncodingDesc>
ElasticAttr::getEncodingDesc(ArrayRef<int64_t> shape) const {
  EncodingDesc desc;
  desc.kind = EncodingKind::elastic;
  desc.rows = shape[0];
  desc.columns = shape[1];
  desc.axis = getAxis();
  desc.minimum = getMinimum();
  LOWBIT_ASSIGN_OR_RETURN(EncodingDesc term,
                          encodingOf(getEncoding()).getEncodingDesc(shape));
  desc.terms.push_back(std::move(term));
  return desc;
}

bool ElasticAttr::hasLayout() const {
  return encodingOf(getEncoding()).hasLayout();
}
Attribute ElasticAttr::withLayoutOf(const LeafDesc &leaf) const {
  return ElasticAttr::get(getContext(),
                          encodingOf(getEncoding()).withLayoutOf(leaf), getAxis(),
                          getMinimum());
}
Attribute ElasticAttr::withoutLayout() const {
  // The prefix must stay contiguous, so the layout is part of the encoding.
  return *this;
}

LogicalResult ElasticAttr::verifyFor(ArrayRef<int64_t> shape, Type elementType,
                                     EmitError emitError) const {
  if (failed(verifyTree(*this, shape, elementType, emitError)))
    return failure();
  return encodingOf(getEncoding()).verifyFor(shape, elementType, emitError);
}

OpAsmAliasResult ElasticAttr::getAlias(llvm::raw_ostream &os) const {
  os << "elastic";
  return OpAsmAliasResult::FinalAlias;
}

//===----------------------------------------------------------------------===//
// The tree of a plain description
//===----------------------------------------------------------------------===//

Attribute mlir::lowbit::getEncodingAttr(MLIRContext *context,
                                        const EncodingDesc &encoding,
                                        bool withLayout) {
  if (encoding.kind == EncodingKind::leaf)
    return getLeafAttr(context, encoding.leaf, withLayout);
  SmallVector<Attribute> terms;
  SmallVector<int64_t> inner;
  for (const EncodingDesc &term : encoding.terms) {
    if (!terms.empty())
      inner.push_back(term.rows);
    terms.push_back(getEncodingAttr(context, term, withLayout));
  }
  switch (encoding.kind) {
  case EncodingKind::sum:
    return SumAttr::get(context, terms, encoding.partition);
  case EncodingKind::prod:
    return ProdAttr::get(context, terms, inner);
  case EncodingKind::elastic:
  case EncodingKind::leaf:
    break;
  }
  return ElasticAttr::get(context, terms[0], encoding.axis, encoding.minimum);
}
