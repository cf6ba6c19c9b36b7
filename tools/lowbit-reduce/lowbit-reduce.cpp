//===- lowbit-reduce.cpp - Shrinks a program that shows a fault -----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Compiler/Registration.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "llvm/Support/CommandLine.h"

int main(int argc, char **argv) {
  llvm::cl::extrahelp examples(
      "\nexamples (a test program exits with 1 while its input still shows the "
      "fault):\n"
      "  lowbit-reduce fault.mlir --reduction-tree='traversal-mode=0 "
      "test=./shows-fault.sh' -o small.mlir\n"
      "  lowbit-reduce fault.mlir --opt-reduction-pass='opt-pass=canonicalize "
      "test=./shows-fault.sh'\n");
  mlir::DialectRegistry registry;
  mlir::lowbit::registerAllDialects(registry);
  mlir::registerAllPasses();
  mlir::lowbit::registerAllPasses();
  mlir::MLIRContext context(registry);
  return mlir::failed(mlir::mlirReduceMain(argc, argv, context));
}
