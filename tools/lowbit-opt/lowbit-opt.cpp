//===- lowbit-opt.cpp - The optimizer driver ------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Compiler/Registration.h"

#ifdef LOWBIT_BUILD_TESTS
#include "test/lib/Check/Check.h"
#endif

#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::lowbit::registerAllDialects(registry);
#ifdef LOWBIT_BUILD_TESTS
  ::lowbit::check::registerDialect(registry);
#endif
  mlir::registerAllPasses();
  mlir::lowbit::registerAllPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "lowbit optimizer driver\n", registry));
}
