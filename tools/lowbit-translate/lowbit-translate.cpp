//===- lowbit-translate.cpp - Checkpoints to IR ---------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/ModelImporter.h"
#include "lowbit/Support/MappedFile.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

namespace cl = llvm::cl;
using lowbit::Status;

namespace {
struct Options {
  cl::OptionCategory category{"lowbit-translate"};
  cl::opt<std::string> model{
      "import-model", cl::Required, cl::value_desc("PATH"),
      cl::desc("GGUF file or Hugging Face folder to print as lowbit IR"),
      cl::cat(category)};
  cl::opt<std::string> output{"o", cl::init("-"), cl::value_desc("FILE"),
                              cl::desc("output file (stdout)"),
                              cl::cat(category)};
  cl::opt<long long> maxContext{
      "max-context", cl::init(0), cl::value_desc("N"),
      cl::desc("rows of the rotary table (the model's context, at most 8192)"),
      cl::cat(category)};
  cl::opt<bool> skipTokenizer{
      "no-tokenizer", cl::desc("do not read the tokenizer"), cl::cat(category)};
};
} // namespace

static Status translate(const Options &options) {
  mlir::MLIRContext context;
  mlir::lowbit::ImportOptions importOptions;
  importOptions.maxContext = options.maxContext;
  importOptions.readTokenizer = !options.skipTokenizer;
  LOWBIT_ASSIGN_OR_RETURN(mlir::lowbit::ImportedModel model,
                          mlir::lowbit::importModel(options.model.getValue(),
                                                    importOptions, context));
  std::string text;
  llvm::raw_string_ostream stream(text);
  model.module->print(stream);
  stream << "\n";
  if (options.output == "-") {
    llvm::outs() << text;
    llvm::outs().flush();
    std::error_code error = llvm::outs().error();
    // Else the stream ends the process when it is destroyed.
    llvm::outs().clear_error();
    if (error)
      return lowbit::resourceExhausted("cannot write the standard output: %s",
                                       error.message().c_str());
    return Status::success();
  }
  LOWBIT_ASSIGN_OR_RETURN(lowbit::AtomicFile file,
                          lowbit::AtomicFile::create(options.output));
  LOWBIT_RETURN_IF_ERROR(file.write(text));
  return file.commit();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  Options options;
  mlir::registerAsmPrinterCLOptions();
  mlir::registerMLIRContextCLOptions();
  cl::extrahelp examples("\nexamples:\n"
                         "  lowbit-translate --import-model model.gguf\n"
                         "  lowbit-translate --import-model folder "
                         "--max-context 2048 -o model.mlir\n");
  cl::ParseCommandLineOptions(argc, argv, "lowbit checkpoint translator\n");
  Status status = translate(options);
  if (status.isOk())
    return 0;
  llvm::errs() << "lowbit-translate: error: " << status.toString() << "\n";
  return 1;
}
