//===- ValueOps.cpp - assemble, disassemble, decode, convert ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lowbit/IR/LowbitOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::lowbit;

/// C1 of assemble and disassemble: `types` are the components of `tensor`.
static LogicalResult verifyComponents(Operation *op, LowbitTensorType tensor,
                                      TypeRange types) {
  auto expected = tensor.getComponentTypes();
  if (!expected.isOk())
    return op->emitOpError() << expected.status().message();
  if (expected->size() != types.size())
    return op->emitOpError() << "requires " << expected->size()
                             << " components, got " << types.size();
  for (auto [index, pair] : llvm::enumerate(llvm::zip(*expected, types)))
    if (std::get<0>(pair) != std::get<1>(pair))
      return op->emitOpError()
             << "requires component " << index << " of type "
             << std::get<0>(pair) << ", got " << std::get<1>(pair);
  return success();
}

LogicalResult AssembleOp::verify() {
  LowbitTensorType type = getResult().getType();
  if (failed(verifyComponents(*this, type, getOperandTypes())))
    return failure();
  // C2 (V14): what stands in the text stays small. Codes are not concerned: test
  // programs spell them out.
  auto parts = ::lowbit::componentsOf(*type.getEncodingDesc());
  for (auto [index, component] : llvm::enumerate(getComponents())) {
    int64_t entries = cast<RankedTensorType>(component.getType()).hasStaticShape()
                          ? cast<RankedTensorType>(component.getType())
                                .getNumElements()
                          : 0;
    using ::lowbit::ComponentRole;
    const ComponentRole role = (*parts)[index].role;
    if (role != ComponentRole::codes && role != ComponentRole::index &&
        entries > 16 && component.getDefiningOp<arith::ConstantOp>())
      return emitOpError()
             << "requires tables, scales, zeros and offsets above 16 entries to "
                "be parameters, not literals (V14), component "
             << index << " has " << entries;
  }
  return success();
}

OpFoldResult AssembleOp::fold(FoldAdaptor) {
  // The components of a tensor of this type, all and in order.
  if (getComponents().empty())
    return {};
  auto source = getComponents()[0].getDefiningOp<DisassembleOp>();
  if (source && source.getSource().getType() == getResult().getType() &&
      ValueRange(getComponents()) == ValueRange(source.getResults()))
    return source.getSource();
  return {};
}

LogicalResult DisassembleOp::verify() {
  return verifyComponents(*this, getSource().getType(), getResultTypes());
}

LogicalResult DisassembleOp::fold(FoldAdaptor,
                                  SmallVectorImpl<OpFoldResult> &results) {
  // Components of an assembled tensor. Padding has no value (E4).
  auto source = getSource().getDefiningOp<AssembleOp>();
  if (!source)
    return failure();
  results.append(source.getComponents().begin(), source.getComponents().end());
  return success();
}

LogicalResult DecodeOp::verify() {
  Type expected = getSource().getType().getDecodedType();
  if (getResult().getType() != expected)
    return emitOpError() << "requires the result type " << expected << ", got "
                         << getResult().getType();
  return success();
}

LogicalResult ConvertOp::verify() {
  LowbitTensorType from = getSource().getType(), to = getResult().getType();
  if (from.getShape() != to.getShape() ||
      from.getElementType() != to.getElementType())
    return emitOpError() << "requires equal shapes and element types, got "
                         << from.getDecodedType() << " and "
                         << to.getDecodedType();
  if (from.getEncodingInterface().withoutLayout() !=
      to.getEncodingInterface().withoutLayout())
    return emitOpError("requires encodings that differ in the layout only");
  return success();
}

OpFoldResult ConvertOp::fold(FoldAdaptor) {
  if (getSource().getType() == getResult().getType())
    return getSource();
  // Only the last of two layouts counts.
  if (auto previous = getSource().getDefiningOp<ConvertOp>()) {
    if (previous.getSource().getType() == getResult().getType())
      return previous.getSource();
    getSourceMutable().assign(previous.getSource());
    return getResult();
  }
  return {};
}
