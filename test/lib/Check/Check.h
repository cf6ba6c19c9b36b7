//===- Check.h - Expectations inside test programs --------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_LIB_CHECK_CHECK_H
#define LOWBIT_TEST_LIB_CHECK_CHECK_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"

#include "test/lib/Check/CheckDialect.h.inc"

#define GET_OP_CLASSES
#include "test/lib/Check/CheckOps.h.inc"

namespace lowbit::reference {
class Interpreter;
}

namespace lowbit::check {

/// Counts expectations of one run.
struct CheckReport {
  unsigned checked = 0;
  unsigned failed = 0;
};

/// Makes `interpreter` execute the dialect's ops. Failures are emitted as errors
/// at the op and counted; `report` must outlive the interpreter.
void registerHandlers(reference::Interpreter &interpreter, CheckReport &report);

/// Adds the dialect to a registry.
void registerDialect(mlir::DialectRegistry &registry);

} // namespace lowbit::check

#endif // LOWBIT_TEST_LIB_CHECK_CHECK_H
