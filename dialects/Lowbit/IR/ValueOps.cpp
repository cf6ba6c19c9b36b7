//===- ValueOps.cpp - assemble, disassemble, decode, convert ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lowbit/IR/LowbitOps.h"

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
  return verifyComponents(*this, getResult().getType(), getOperandTypes());
}

LogicalResult DisassembleOp::verify() {
  return verifyComponents(*this, getSource().getType(), getResultTypes());
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
  return getSource().getType() == getResult().getType() ? getSource()
                                                         : OpFoldResult();
}
