//===- LowbitDialect.cpp - Registration ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lowbit/IR/LowbitDialect.h"
#include "dialects/Lowbit/IR/LowbitOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::lowbit;

#include "dialects/Lowbit/IR/LowbitDialect.cpp.inc"
#include "dialects/Lowbit/IR/LowbitEnums.cpp.inc"

void LowbitDialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "dialects/Lowbit/IR/LowbitOps.cpp.inc"
      >();
}
