//===- LowbitTypes.cpp - Compressed tensor and cache types ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lowbit/IR/LowbitTypes.h"
#include "dialects/Lowbit/IR/LowbitDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::lowbit;

static ParseResult parseKVShape(AsmParser &parser, int64_t &heads, int64_t &dim,
                                Type &elementType) {
  SmallVector<int64_t> shape;
  if (parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(elementType))
    return failure();
  if (shape.size() != 2)
    return parser.emitError(parser.getCurrentLocation(),
                            "expected heads x dim x type");
  heads = shape[0];
  dim = shape[1];
  return success();
}

static void printKVShape(AsmPrinter &printer, int64_t heads, int64_t dim,
                         Type elementType) {
  printer << heads << "x" << dim << "x" << elementType;
}

#define GET_TYPEDEF_CLASSES
#include "dialects/Lowbit/IR/LowbitTypes.cpp.inc"

void LowbitDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Lowbit/IR/LowbitTypes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Compressed tensors
//===----------------------------------------------------------------------===//

void LowbitTensorType::print(AsmPrinter &printer) const {
  printer << "<";
  for (int64_t size : getShape()) {
    if (ShapedType::isDynamic(size))
      printer << "?";
    else
      printer << size;
    printer << "x";
  }
  printer << getElementType() << ", " << getEncoding() << ">";
}

Type LowbitTensorType::parse(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<int64_t> shape;
  Type elementType;
  if (parser.parseLess() || parser.parseDimensionList(shape) ||
      parser.parseType(elementType) || parser.parseComma())
    return {};
  FailureOr<Attribute> encoding = parseEncoding(parser);
  if (failed(encoding) || parser.parseGreater())
    return {};
  return LowbitTensorType::getChecked([&] { return parser.emitError(loc); },
                                      parser.getContext(), shape, elementType,
                                      *encoding);
}

LogicalResult
LowbitTensorType::verify(function_ref<InFlightDiagnostic()> emitError,
                         ArrayRef<int64_t> shape, Type elementType,
                         Attribute encoding) {
  auto interface = dyn_cast_or_null<EncodingAttrInterface>(encoding);
  if (!interface)
    return emitError() << "requires an encoding attribute";
  for (int64_t size : shape)
    if (!ShapedType::isDynamic(size) &&
        (size < 1 || size > (int64_t(1) << 40)))
      return emitError() << "requires dimensions of 1 to 2^40, got " << size;
  return interface.verifyFor(shape, elementType, emitError);
}

EncodingAttrInterface LowbitTensorType::getEncodingInterface() const {
  return cast<EncodingAttrInterface>(getEncoding());
}

RankedTensorType LowbitTensorType::getDecodedType() const {
  return RankedTensorType::get(getShape(), getElementType());
}

::lowbit::StatusOr<::lowbit::LeafDesc> LowbitTensorType::getLeafDesc() const {
  return getEncodingInterface().getLeafDesc(getShape());
}

::lowbit::StatusOr<::lowbit::EncodingDesc>
LowbitTensorType::getEncodingDesc() const {
  SmallVector<int64_t, 2> shape(getShape());
  for (int64_t &size : shape)
    size = ShapedType::isDynamic(size) ? 1 : size;
  return getEncodingInterface().getEncodingDesc(shape);
}

/// True where the first extent of `component` counts rows of the tensor.
static bool variesWithRows(const ::lowbit::LeafDesc &leaf,
                           const ::lowbit::ComponentDesc &component) {
  using ::lowbit::ComponentRole;
  if (component.role == ComponentRole::codes)
    return true;
  if (component.role == ComponentRole::table ||
      component.role == ComponentRole::index)
    return false;
  const ::lowbit::ParamDesc &param =
      component.role == ComponentRole::scale  ? leaf.scales[component.param]
      : component.role == ComponentRole::zero ? *leaf.zero
                                              : leaf.offsets[component.param];
  const auto &results = param.granularity.results;
  return component.part == 0 && !results.empty() && !results[0].terms.empty() &&
         results[0].terms[0].dim == 0;
}

::lowbit::StatusOr<SmallVector<RankedTensorType>>
LowbitTensorType::getComponentTypes() const {
  LOWBIT_ASSIGN_OR_RETURN(::lowbit::EncodingDesc encoding, getEncodingDesc());
  LOWBIT_ASSIGN_OR_RETURN(auto components, ::lowbit::componentsOf(encoding));
  SmallVector<RankedTensorType> types;
  Builder builder(getContext());
  const bool isDynamic = ShapedType::isDynamic(getShape()[0]);
  for (const ::lowbit::ComponentDesc &component : components) {
    // Codes of any kind are words; so are floats of at most 8 bits, one in a byte.
    Type element = builder.getIntegerType(component.number.storageBits());
    if (component.number.isFloat() && component.number.width >= 16)
      element = cast<FloatCodeAttr>(getCodeAttr(getContext(), component.number))
                    .getType();
    SmallVector<int64_t> shape(component.storage.begin(),
                               component.storage.end());
    // Only leaves have dynamic rows.
    if (isDynamic && variesWithRows(encoding.leaf, component))
      shape[0] = ShapedType::kDynamic;
    types.push_back(RankedTensorType::get(shape, element));
  }
  return types;
}

//===----------------------------------------------------------------------===//
// Caches
//===----------------------------------------------------------------------===//

LogicalResult KVType::verify(function_ref<InFlightDiagnostic()> emitError,
                             int64_t heads, int64_t dim, Type elementType) {
  if (heads < 1 || dim < 1 || heads > (1 << 20) || dim > (1 << 20))
    return emitError() << "requires 1 to 2^20 heads and elements a head, got "
                       << heads << " and " << dim;
  if (!elementType.isF32())
    return emitError() << "requires f32 elements, got " << elementType;
  return success();
}
