//===- CheckDialect.cpp - Expectations inside test programs ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/lib/Check/Check.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"

#include "test/lib/Check/CheckDialect.cpp.inc"

#define GET_OP_CLASSES
#include "test/lib/Check/CheckOps.cpp.inc"

void lowbit::check::CheckDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "test/lib/Check/CheckOps.cpp.inc"
      >();
}

void lowbit::check::registerDialect(mlir::DialectRegistry &registry) {
  registry.insert<CheckDialect>();
}
