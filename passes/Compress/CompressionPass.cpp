//===- CompressionPass.cpp - Base of the compression passes ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/CompressionPass.h"
#include "passes/Compress/Matrices.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::Status;
using ::lowbit::StatusOr;
using ::lowbit::compress::LedgerParameter;
using ::lowbit::compress::LedgerStep;

//===----------------------------------------------------------------------===//
// The ledger of a module
//===----------------------------------------------------------------------===//

void mlir::lowbit::appendLedgerStep(ModuleOp module, const LedgerStep &step) {
  Builder builder(module.getContext());
  SmallVector<Attribute> steps;
  if (auto old = module->getAttrOfType<ArrayAttr>(ledgerAttrName))
    llvm::append_range(steps, old);
  steps.push_back(builder.getStringAttr(::lowbit::compress::toJson(step)));
  module->setAttr(ledgerAttrName, builder.getArrayAttr(steps));
}

void mlir::lowbit::replaceLastLedgerStep(ModuleOp module,
                                         const LedgerStep &step) {
  Builder builder(module.getContext());
  if (auto old = module->getAttrOfType<ArrayAttr>(ledgerAttrName))
    module->setAttr(ledgerAttrName,
                    builder.getArrayAttr(old.getValue().drop_back()));
  appendLedgerStep(module, step);
}

StatusOr<std::vector<LedgerStep>> mlir::lowbit::readLedger(ModuleOp module) {
  std::vector<LedgerStep> steps;
  auto array = module->getAttrOfType<ArrayAttr>(ledgerAttrName);
  if (!array)
    return steps;
  for (Attribute entry : array) {
    auto text = dyn_cast<StringAttr>(entry);
    if (!text)
      return ::lowbit::invalidArgument("'lowbit.ledger' requires strings");
    LOWBIT_ASSIGN_OR_RETURN(LedgerStep step, ::lowbit::compress::parseLedgerStep(
                                                 text.getValue()));
    steps.push_back(std::move(step));
  }
  return steps;
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

StringRef mlir::lowbit::recipeNameOf(Pass &pass) {
  StringRef name = pass.getArgument();
  name.consume_front("lowbit-");
  return name;
}

/// Remarks with metrics: one a parameter.
static void emitRemarks(ModuleOp module, StringRef pass,
                        const LedgerStep &step) {
  for (const LedgerParameter &parameter : step.parameters) {
    Operation *param = module.lookupSymbol(parameter.name);
    remark::passed(param ? param->getLoc() : module.getLoc(),
                   remark::RemarkOpts::name(pass).category("lowbit-compress"))
        << parameter.name + ": " + parameter.encoding
        << remark::metric("BitsPerWeight", parameter.bitsAfter)
        << remark::metric("Sparsity", parameter.sparsity)
        << remark::metric("WeightError", parameter.weightError);
  }
}

/// The text as one would write it: a short name, no empty options.
static std::string tidyPipeline(StringRef text) {
  text.consume_front("lowbit-");
  auto [name, options] = text.split('{');
  options.consume_back("}");
  SmallVector<StringRef> words, kept;
  options.split(words, ' ', -1, /*KeepEmpty=*/false);
  for (StringRef word : words)
    if (!word.ends_with("=") && word != "random-weights=-1")
      kept.push_back(word);
  std::string tidy = name.str();
  if (!kept.empty())
    tidy += "{" + llvm::join(kept, " ") + "}";
  return tidy;
}

LogicalResult CompressionPass::runStep(
    Pass &pass, ModuleOp module, int64_t randomWeights,
    llvm::function_ref<Status(CompressionSession &)> work) {
  recipeName = recipeNameOf(pass).str();
  auto run = [&]() -> Status {
    LOWBIT_ASSIGN_OR_RETURN(
        CompressionSession * session,
        CompressionSession::findOrOpen(module, randomWeights));
    if (exactness() > session->maxExactness)
      return ::lowbit::invalidArgument(
          "is of class %s, which --max-exactness=%s refuses",
          exactnessName(exactness()), exactnessName(session->maxExactness));
    step = LedgerStep();
    step.pass = recipeName;
    step.exactness = exactnessName(exactness());
    {
      llvm::raw_string_ostream stream(step.pipeline);
      pass.printAsTextualPipeline(stream);
    }
    step.pipeline = tidyPipeline(step.pipeline);
    step.bitsBefore = bitsPerWeight(module);
    auto start = std::chrono::steady_clock::now();
    LOWBIT_RETURN_IF_ERROR(work(*session));
    std::chrono::duration<double> seconds =
        std::chrono::steady_clock::now() - start;
    if (session->times)
      step.seconds = seconds.count();
    step.bitsAfter = bitsPerWeight(module);
    appendLedgerStep(module, step);
    emitRemarks(module, recipeName, step);
    return Status::success();
  };
  Status status = run();
  if (status.isOk())
    return success();
  // Not module.emitError(): that prints the whole module.
  InFlightDiagnostic error = mlir::emitError(module.getLoc())
                             << "pass '" << recipeName
                             << "': " << status.message();
  for (const std::string &note : status.notes())
    error.attachNote() << note;
  return error;
}

void CompressionPass::showProgress(CompressionSession &session, size_t done,
                                   size_t total, StringRef what) {
  if (session.progress)
    session.progress(recipeName, std::to_string(done) + " of " +
                                     std::to_string(total) + ": " + what.str());
}
