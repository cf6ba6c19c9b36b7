//===- lowbit-interpret.cpp - The reference interpreter -------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InputText.h"

#include "lib/Import/ParameterArchive.h"
#include "lib/Reference/Interpreter.h"
#include "lib/Reference/Operations.h"
#include "lowbit/Compiler/Registration.h"

#ifdef LOWBIT_BUILD_TESTS
#include "test/lib/Check/Check.h"
#endif

#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"

namespace cl = llvm::cl;
using lowbit::Status;
using lowbit::StatusOr;
using lowbit::reference::Interpreter;
using lowbit::reference::Value;
using mlir::lowbit::ParameterArchive;

/// Exit codes of INTERFACE.md.
static constexpr int exitError = 1, exitCheckFailed = 4;

namespace {
struct Options {
  cl::OptionCategory category{"lowbit-interpret"};
  cl::opt<std::string> file{cl::Positional, cl::Required, cl::desc("FILE.mlir"),
                            cl::cat(category)};
  cl::opt<std::string> function{"function", cl::init("main"),
                                cl::desc("function to call (main)"),
                                cl::cat(category)};
  cl::list<std::string> inputs{
      "input", cl::desc("2x3xf32=1 2 3 4 5 6, i64=7 or @FILE.npy; one for each "
                        "argument"),
      cl::cat(category)};
  cl::list<std::string> outputs{
      "output", cl::desc("@FILE.npy for each result; else results are printed"),
      cl::cat(category)};
  cl::opt<std::string> weights{
      "weights", cl::desc("FILE.safetensors or splat: bytes of parameters"),
      cl::cat(category)};
};
} // namespace

static int fail(const Status &status) {
  llvm::errs() << "lowbit-interpret: error: " << status.toString() << "\n";
  return exitError;
}

static StatusOr<std::shared_ptr<ParameterArchive>>
openParameters(mlir::ModuleOp module, const std::string &weights) {
  LOWBIT_ASSIGN_OR_RETURN(std::shared_ptr<ParameterArchive> archive,
                          ParameterArchive::openFor(module));
  if (weights == "splat")
    archive->bindSplat(1.0f, 1);
  else if (!weights.empty())
    LOWBIT_RETURN_IF_ERROR(archive->bindFile(weights));
  return archive;
}

static Status writeResult(const Value &value, unsigned index,
                          const Options &options) {
  if (value.cache)
    return lowbit::unimplemented("result %u is a cache", index);
  const lowbit::reference::Tensor tensor =
      value.tensor ? *value.tensor : lowbit::reference::decode(*value.compressed);
  if (index >= options.outputs.size()) {
    llvm::outs() << lowbit::interpret::printTensor(tensor) << "\n";
    return Status::success();
  }
  llvm::StringRef output = options.outputs[index];
  if (!output.consume_front("@"))
    return lowbit::invalidArgument("output '%s': expected @FILE.npy",
                                   output.str().c_str());
  return lowbit::interpret::writeTensor(output.str(), tensor);
}

static Status runFunction(Interpreter &interpreter, const Options &options) {
  llvm::SmallVector<Value> inputs;
  for (const std::string &text : options.inputs) {
    LOWBIT_ASSIGN_OR_RETURN(lowbit::reference::Tensor tensor,
                            lowbit::interpret::parseInput(text));
    inputs.push_back(Value(std::move(tensor)));
  }
  LOWBIT_ASSIGN_OR_RETURN(llvm::SmallVector<Value> results,
                          interpreter.call(options.function, inputs));
  if (options.outputs.size() > results.size())
    return lowbit::invalidArgument("%zu outputs for %zu results",
                                   size_t(options.outputs.size()),
                                   results.size());
  for (auto [index, value] : llvm::enumerate(results))
    LOWBIT_RETURN_IF_ERROR(writeResult(value, index, options));
  return Status::success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  Options options;
  cl::HideUnrelatedOptions(options.category);
  cl::extrahelp examples(
      "\nexit status: 0, 1 on an error, 4 when a check op fails\n"
      "\nexamples:\n"
      "  lowbit-interpret test.mlir\n"
      "  lowbit-interpret model.mlir --function=forward --input=3xi32=1,2,3 "
      "--input=i64=0 --output=@h.npy\n");
  cl::ParseCommandLineOptions(argc, argv, "lowbit reference interpreter\n");

  mlir::DialectRegistry registry;
  mlir::lowbit::registerAllDialects(registry);
#ifdef LOWBIT_BUILD_TESTS
  lowbit::check::registerDialect(registry);
#endif
  mlir::MLIRContext context(registry);
  llvm::SourceMgr sources;
  mlir::SourceMgrDiagnosticHandler diagnostics(sources, &context);
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::parseSourceFile<mlir::ModuleOp>(options.file, sources, &context);
  if (!module)
    return exitError;

  StatusOr<std::shared_ptr<ParameterArchive>> archive =
      openParameters(*module, options.weights);
  if (!archive.isOk())
    return fail(archive.status());
  Interpreter interpreter(
      *module, [&](mlir::lowbit::ParamOp param,
                   std::vector<std::vector<uint8_t>> &components) {
        return (*archive)->materialize(param, components);
      });
#ifdef LOWBIT_BUILD_TESTS
  lowbit::check::CheckReport report;
  lowbit::check::registerHandlers(interpreter, report);
#endif
  Status status = runFunction(interpreter, options);
  if (!status.isOk())
    return fail(status);
#ifdef LOWBIT_BUILD_TESTS
  if (report.failed != 0) {
    llvm::errs() << "lowbit-interpret: " << report.failed << " of "
                 << report.checked << " checks failed\n";
    return exitCheckFailed;
  }
#endif
  return 0;
}
