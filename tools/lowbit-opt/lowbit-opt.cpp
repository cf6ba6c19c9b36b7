//===- lowbit-opt.cpp - The optimizer driver ------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Compiler/Registration.h"
#include "lowbit/Support/MappedFile.h"

#ifdef LOWBIT_BUILD_TESTS
#include "test/lib/Check/Check.h"
#endif

#include "mlir/InitAllPasses.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>

/// mlir-opt's own main truncates the output file before it knows whether there
/// will be a result, and dies when the disk is full.
static int optimizeToFile(llvm::StringRef input, const std::string &output,
                          mlir::DialectRegistry &registry) {
  std::string error;
  std::unique_ptr<llvm::MemoryBuffer> file = mlir::openInputFile(input, &error);
  if (!file) {
    llvm::errs() << "lowbit-opt: error: " << error << "\n";
    return EXIT_FAILURE;
  }
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (mlir::failed(mlir::MlirOptMain(stream, std::move(file), registry,
                                     mlir::MlirOptMainConfig::createFromCLOptions())))
    return EXIT_FAILURE;
  auto written = lowbit::AtomicFile::create(output);
  lowbit::Status status = written.isOk() ? written->write(text) : written.status();
  if (status.isOk())
    status = written->commit();
  if (status.isOk())
    return EXIT_SUCCESS;
  llvm::errs() << "lowbit-opt: error: " << status.toString() << "\n";
  return EXIT_FAILURE;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  llvm::cl::extrahelp examples(
      "\nexamples:\n"
      "  lowbit-opt model.mlir --lowbit-select-fusion-groups "
      "--lowbit-outline-dispatches -o fused.mlir\n"
      "  lowbit-opt model.mlir --lowbit-compress-pipeline "
      "--lowbit-encode-pipeline\n");
  mlir::DialectRegistry registry;
  mlir::lowbit::registerAllDialects(registry);
#ifdef LOWBIT_BUILD_TESTS
  ::lowbit::check::registerDialect(registry);
#endif
  mlir::registerAllPasses();
  mlir::lowbit::registerAllPasses();
  auto [input, output] = mlir::registerAndParseCLIOptions(
      argc, argv, "lowbit optimizer driver\n", registry);
  mlir::MlirOptMainConfig config = mlir::MlirOptMainConfig::createFromCLOptions();
  if (output != "-" && !config.shouldShowDialects() && !config.shouldListPasses())
    return optimizeToFile(input, output, registry);
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, input, output, registry));
}
