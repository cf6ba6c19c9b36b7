//===- lowbit-lsp-server.cpp - Editor support for lowbit IR ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Compiler/Registration.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "llvm/Support/CommandLine.h"

int main(int argc, char **argv) {
  llvm::cl::extrahelp examples(
      "\nexamples (an editor starts it and speaks to it by stdin and stdout):\n"
      "  lowbit-lsp-server --log=error\n"
      "  lowbit-lsp-server --lit-test --pretty < requests.test\n");
  mlir::DialectRegistry registry;
  mlir::lowbit::registerAllDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
