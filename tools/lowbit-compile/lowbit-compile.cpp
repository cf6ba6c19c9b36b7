//===- lowbit-compile.cpp - Models to modules -----------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compiler/Progress.h"
#include "lowbit/Compiler/Compile.h"
#include "lowbit/Compiler/Registration.h"
#include "lowbit/Target/Cpu.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;
using mlir::lowbit::CompileOptions;

namespace {

/// LLVM's libraries register options of their own ("threads"); ours take the
/// names.
struct NamesFreed {
  NamesFreed() {
    auto &registered = cl::getRegisteredOptions();
    for (const char *name :
         {"threads", "target", "o", "v", "q", "emit", "model", "report"})
      if (auto it = registered.find(name); it != registered.end())
        it->second->removeArgument();
  }
};

struct Flags {
  NamesFreed first;
  cl::OptionCategory category{"lowbit-compile options"};
  cl::opt<std::string> input{
      cl::Positional, cl::cat(category),
      cl::desc("<GGUF file, Hugging Face folder or .mlir>")};
  cl::opt<std::string> output{"o", cl::cat(category),
                              cl::desc("output file (a folder for --emit=ptx)"),
                              cl::value_desc("path")};
  cl::list<std::string> targets{
      "target", cl::cat(category), cl::value_desc("spec"),
      cl::desc("host, cpu:x86-64-v3, nvptx:sm_80; repeatable")};
  cl::opt<bool> listTargets{"list-targets", cl::cat(category),
                            cl::desc("print the targets and stop")};
  cl::opt<std::string> activations{
      "activations", cl::cat(category), cl::init("int8"),
      cl::value_desc("kind"),
      cl::desc("arithmetic of low-bit matmuls: int8, int8:token, int8:group=G, "
               "f32")};
  cl::opt<std::string> numerics{"numerics", cl::cat(category),
                                cl::init("exact"),
                                cl::desc("exact (fast is reserved)")};
  cl::opt<std::string> recipe{"recipe", cl::cat(category),
                              cl::value_desc("pipeline"),
                              cl::desc("compression passes, or @FILE")};
  cl::opt<std::string> calibration{
      "calibration", cl::cat(category), cl::value_desc("file"),
      cl::desc("text for passes that need activations")};
  cl::opt<int64_t> calibrationTokens{
      "calibration-tokens", cl::cat(category), cl::init(16384),
      cl::desc("tokens of the text to use, in sequences of 512")};
  cl::opt<std::string> maxExactness{
      "max-exactness", cl::cat(category), cl::init("E3"),
      cl::desc("refuse passes above E0, E1, E2 or E3")};
  cl::opt<std::string> weights{"weights", cl::cat(category),
                               cl::value_desc("file|splat"),
                               cl::desc("parameters of .mlir input")};
  cl::opt<std::string> model{
      "model", cl::cat(category), cl::value_desc("description"),
      cl::desc("graph whose params name the tensors of a "
               "safetensors file")};
  cl::opt<bool> hoistSteps{
      "hoist-steps", cl::cat(category), cl::init(true),
      cl::desc("compute once for all denoising steps what does not depend on "
               "the latent")};
  cl::opt<std::string> eval{
      "eval", cl::cat(category), cl::value_desc("file"),
      cl::desc("text to measure perplexity on around each lossy step of the "
               "recipe, for the ledger")};
  cl::opt<int64_t> evalWindow{"eval-window", cl::cat(category), cl::init(512),
                              cl::desc("tokens of a window of --eval")};
  cl::opt<int64_t> evalWindows{
      "eval-windows", cl::cat(category), cl::init(16),
      cl::desc("windows of --eval (0: all of the text)")};
  cl::opt<bool> evalBos{"eval-bos", cl::cat(category),
                        cl::desc("BOS before each window of --eval")};
  cl::opt<bool> verifySemantics{
      "verify-semantics", cl::cat(category),
      cl::desc("interpret before and after each pass")};
  cl::opt<std::string> compileTo{
      "compile-to", cl::cat(category), cl::value_desc("phase"),
      cl::desc("import, compress, encode, fuse, schedule, codegen, link")};
  cl::opt<std::string> compileFrom{
      "compile-from", cl::cat(category), cl::value_desc("phase"),
      cl::desc("first phase to run on .mlir input")};
  cl::opt<std::string> dumpPhasesTo{"dump-phases-to", cl::cat(category),
                                    cl::value_desc("folder"),
                                    cl::desc("write the IR after each phase")};
  cl::opt<std::string> emitKind{"emit", cl::cat(category), cl::init("module"),
                                cl::desc("module, mlir, llvm, obj, asm, ptx")};
  cl::opt<std::string> reportPath{"report", cl::cat(category),
                                  cl::value_desc("file.json"),
                                  cl::desc("write the compile report")};
  cl::opt<bool> explain{
      "explain", cl::cat(category),
      cl::desc("say why each strategy was chosen or refused")};
  cl::opt<bool> noTimes{
      "no-times", cl::cat(category),
      cl::desc("leave wall times out of the module's ledger: the same bytes "
               "each time, with a recipe too")};
  cl::opt<unsigned> threads{"threads", cl::cat(category), cl::init(0),
                            cl::desc("worker threads (0: all cores)")};
  cl::opt<int64_t> maxContext{
      "max-context", cl::cat(category), cl::init(0),
      cl::desc("largest context the module can serve (0: min(model, 8192))")};
  cl::opt<std::string> progress{"progress", cl::cat(category), cl::init("auto"),
                                cl::desc("auto, plain, json, none")};
  cl::opt<bool> quiet{"q", cl::cat(category),
                      cl::desc("no progress and no report")};
  cl::opt<bool> verbose{"v", cl::cat(category), cl::desc("more progress")};
};

} // namespace

static int fail(const std::string &message) {
  llvm::errs() << "lowbit-compile: error: " << message << "\n";
  return 1;
}

/// Flags of capabilities that do not exist yet are refused, not ignored.
static std::string reservedFlag(const Flags &flags) {
  if (flags.numerics == "fast")
    return "--numerics=fast is not supported yet; use exact";
  if (flags.numerics != "exact")
    return "--numerics requires exact or fast, got '" + flags.numerics + "'";
  return "";
}

static std::string fillOptions(const Flags &flags, CompileOptions &options) {
  options.input = flags.input;
  options.output = flags.output;
  options.targets.assign(flags.targets.begin(), flags.targets.end());
  options.activations = flags.activations;
  options.maxExactness = flags.maxExactness;
  options.weights = flags.weights;
  options.description = flags.model;
  options.hoistSteps = flags.hoistSteps;
  options.calibration = flags.calibration;
  options.calibrationTokens = flags.calibrationTokens;
  options.eval = flags.eval;
  options.evalWindow = flags.evalWindow;
  options.evalWindows = flags.evalWindows;
  options.evalBos = flags.evalBos;
  options.dumpPhasesTo = flags.dumpPhasesTo;
  options.reportPath = flags.reportPath;
  options.explain = flags.explain;
  options.verifySemantics = flags.verifySemantics;
  options.threads = flags.threads;
  options.maxContext = flags.maxContext;
  options.ledgerTimes = !flags.noTimes;
  options.recipe = flags.recipe;
  if (!options.recipe.empty() && options.recipe.front() == '@') {
    auto file = llvm::MemoryBuffer::getFile(options.recipe.substr(1));
    if (!file)
      return "cannot read the recipe '" + options.recipe.substr(1) +
             "': " + file.getError().message();
    options.recipe = (*file)->getBuffer().trim().str();
  }
  auto emit = mlir::lowbit::parseEmitKind(flags.emitKind);
  if (!emit)
    return "--emit requires module, mlir, llvm, obj, asm, ptx or cubin, got '" +
           flags.emitKind + "'";
  options.emit = *emit;
  for (auto [text, phase] :
       {std::pair(&flags.compileTo.getValue(), &options.to),
        std::pair(&flags.compileFrom.getValue(), &options.from)}) {
    if (text->empty())
      continue;
    *phase = mlir::lowbit::parsePhase(*text);
    if (!*phase)
      return "'" + *text +
             "' is not a phase: import, compress, encode, fuse, schedule, "
             "codegen or link";
  }
  return "";
}

int main(int argc, char **argv) {
  Flags flags;
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(flags.category);
  cl::SetVersionPrinter(
      [](llvm::raw_ostream &out) { out << "lowbit-compile 0.1.0\n"; });
  cl::extrahelp examples(
      "\nexamples:\n"
      "  lowbit-compile SmolLM2-135M-Instruct.Q4_1.gguf -o smollm2.lowbit\n"
      "  lowbit-compile stories260K-hf/ --activations=f32 "
      "--target=cpu:x86-64-v3 "
      "--report=report.json -o stories.lowbit\n");
  std::string usage;
  llvm::raw_string_ostream usageStream(usage);
  if (!cl::ParseCommandLineOptions(argc, argv,
                                   "compiles compressed models ahead of time\n",
                                   &usageStream))
    return fail(usage);
  if (flags.listTargets) {
    llvm::outs() << ::lowbit::listTargets();
    return 0;
  }
  if (flags.input.empty())
    return fail(
        "no input; give a GGUF file, a Hugging Face folder or .mlir text");
  if (flags.output.empty())
    return fail("no output; add -o FILE");
  if (std::string flag = reservedFlag(flags); !flag.empty())
    return fail(flag);
  CompileOptions options;
  if (std::string error = fillOptions(flags, options); !error.empty())
    return fail(error);

  auto meter = mlir::lowbit::Progress::create(
      flags.quiet ? "none" : flags.progress.getValue());
  if (!meter.isOk())
    return fail(meter.status().message());
  options.progress = [&](const std::string &phase, const std::string &detail) {
    (*meter)->update(phase, detail);
  };
  if (!flags.quiet)
    options.print = [&](const std::string &text) {
      (*meter)->finish();
      llvm::errs() << text;
    };

  mlir::DialectRegistry registry;
  mlir::lowbit::registerAllDialects(registry);
  mlir::lowbit::registerAllPasses();
  mlir::MLIRContext context(registry);
  ::lowbit::Status status = mlir::lowbit::compile(options, context);
  (*meter)->finish();
  return status.isOk() ? 0 : fail(status.toString());
}
