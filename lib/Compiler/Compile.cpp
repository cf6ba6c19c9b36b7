//===- Compile.cpp - The compile driver -----------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Compiler/Compile.h"

#include "lib/Compiler/Explain.h"
#include "lib/Compiler/HostModule.h"
#include "lib/Compiler/GpuKernels.h"
#include "lib/Compiler/Link.h"
#include "lib/Compiler/ModelRunner.h"
#include "lib/Compiler/Output.h"
#include "lib/Compiler/Recipe.h"
#include "lib/Compiler/SemanticsVerifier.h"
#include "lib/Compiler/Settings.h"
#include "lib/Import/DescribedModel.h"
#include "lib/Import/DiffusersDit.h"
#include "lib/Import/ModelImporter.h"
#include "passes/Compress/CompressionPass.h"
#include "passes/Compress/Matrices.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

#include <chrono>
#include <sys/resource.h>
#include <thread>

using namespace mlir;
using namespace mlir::lowbit;

using ::lowbit::invalidArgument;
using ::lowbit::Status;
using ::lowbit::StatusOr;

namespace {

/// One run of the driver.
class Driver {
public:
  Driver(const CompileOptions &options, MLIRContext &context)
      : options(options), context(context) {}
  ~Driver() { CompressionSession::attach(&context, nullptr); }

  Status run() {
    // MLIR's errors become one message, without the module's text; its remarks go
    // to --explain.
    context.printOpOnDiagnostic(false);
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() == DiagnosticSeverity::Error) {
        llvm::raw_string_ostream stream(diagnostics);
        stream << (diagnostics.empty() ? "" : "\nnote: ");
        if (auto loc = dyn_cast<FileLineColLoc>(diagnostic.getLocation()))
          stream << loc.getFilename().getValue() << ":" << loc.getLine() << ":"
                 << loc.getColumn() << ": ";
        stream << diagnostic;
        for (Diagnostic &note : diagnostic.getNotes())
          stream << "\nnote: " << note;
      }
      return success();
    });
    Status status = runPhases();
    if (!status.isOk() && !diagnostics.empty())
      status.addNote(diagnostics);
    return status;
  }

private:
  Status runPhases() {
    LOWBIT_RETURN_IF_ERROR(setUp());
    LOWBIT_RETURN_IF_ERROR(timed(Phase::import, [&] { return load(); }));
    if (stopsAt(Phase::import))
      return emitIR();
    for (Phase phase : {Phase::compress, Phase::encode, Phase::fuse, Phase::schedule}) {
      if (phase <= doneUntil)
        continue;
      LOWBIT_RETURN_IF_ERROR(timed(phase, [&] { return runPasses(phase); }));
      if (stopsAt(phase))
        return emitIR();
    }
    if (options.explain && options.print)
      options.print(explainStrategies(collectKernels(*module), phases.targets));
    if (options.emit == EmitKind::ptx || options.emit == EmitKind::cubin)
      return timed(Phase::codegen, [&] { return emitPtx(); });
    if (stopsAt(Phase::codegen)) {
      LOWBIT_RETURN_IF_ERROR(timed(Phase::codegen, [&] { return runPasses(Phase::codegen); }));
      return emitIR();
    }
    LOWBIT_RETURN_IF_ERROR(timed(Phase::codegen, [&] { return generateCode(); }));
    if (options.emit != EmitKind::module)
      return emitCode();
    return timed(Phase::link, [&] { return link(); });
  }

  //===--------------------------------------------------------------------===//
  // Options
  //===--------------------------------------------------------------------===//

  Status setUp() {
    bool links = !options.to || *options.to == Phase::link;
    if (options.output == "-" && options.emit == EmitKind::module && links)
      return invalidArgument("a module cannot go to the standard output: its header is "
                             "written last; give -o FILE");
    report.input = options.input;
    report.output = options.output;
    report.activations = options.activations;
    LOWBIT_ASSIGN_OR_RETURN(phases, phaseOptions(options));
    report.targets = phases.targets;
    if (auto exactness = parseExactness(options.maxExactness))
      session.maxExactness = *exactness;
    else
      return invalidArgument("--max-exactness requires E0, E1, E2 or E3, got '%s'",
                             options.maxExactness.c_str());
    threads = options.threads ? options.threads
                              : std::max(1u, std::thread::hardware_concurrency());
    if (!options.dumpPhasesTo.empty())
      if (std::error_code code = llvm::sys::fs::create_directories(options.dumpPhasesTo))
        return invalidArgument("cannot create the folder '%s': %s",
                               options.dumpPhasesTo.c_str(), code.message().c_str());
    return Status::success();
  }

  bool stopsAt(Phase phase) const { return options.to && *options.to == phase; }

  template <typename Work> Status timed(Phase phase, Work work) {
    if (options.progress)
      options.progress(phaseName(phase), "");
    auto start = std::chrono::steady_clock::now();
    Status status = work();
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    report.phases.push_back({phaseName(phase), seconds.count()});
    if (!status.isOk())
      return status;
    if (!options.dumpPhasesTo.empty() && phase < Phase::codegen) {
      llvm::SmallString<128> path(options.dumpPhasesTo);
      llvm::sys::path::append(path, std::to_string(static_cast<int>(phase)) + "-" +
                                        phaseName(phase) + ".mlir");
      return writeText(path.str().str(), printIR(*module));
    }
    return status;
  }

  //===--------------------------------------------------------------------===//
  // Import
  //===--------------------------------------------------------------------===//

  Status load() {
    if (StringRef(options.input).ends_with(".mlir") || options.input == "-") {
      if (!options.description.empty())
        return invalidArgument("--model describes the weights of a checkpoint, '%s' is "
                               "IR; use --weights",
                               options.input.c_str());
      return loadText();
    }
    if (options.from)
      return invalidArgument("--compile-from=%s requires .mlir input, got '%s'",
                             phaseName(*options.from), options.input.c_str());
    ImportOptions import;
    import.maxContext = options.maxContext;
    LOWBIT_ASSIGN_OR_RETURN(
        ImportedModel imported,
        !options.description.empty()
            ? importDescribed(options.input, options.description, context)
        : isDiffusersFolder(options.input) ? importDiffusers(options.input, context)
                                           : importModel(options.input, import, context));
    module = std::move(imported.module);
    archive = std::move(imported.archive);
    meta = std::move(imported.meta);
    tokenizer = ::lowbit::serializeTokenizer(imported.tokenizer);
    return checkModel();
  }

  Status loadText() {
    llvm::SourceMgr sources;
    auto file = llvm::MemoryBuffer::getFileOrSTDIN(options.input);
    if (!file)
      return invalidArgument("cannot read '%s': %s", options.input.c_str(),
                             file.getError().message().c_str());
    sources.AddNewSourceBuffer(std::move(*file), llvm::SMLoc());
    module = parseSourceFile<ModuleOp>(sources, ParserConfig(&context));
    if (!module)
      return invalidArgument("'%s' is not valid lowbit IR", options.input.c_str());
    doneUntil = Phase::import;
    if (options.from && *options.from > Phase::import)
      doneUntil = static_cast<Phase>(static_cast<int>(*options.from) - 1);
    // Kernel code is made again from the dispatches: it is a function of them.
    for (auto kernels : llvm::make_early_inc_range(module->getOps<ModuleOp>()))
      kernels.erase();
    if ((*module)->hasAttr("lowbit.source")) {
      LOWBIT_ASSIGN_OR_RETURN(ImportedModel reopened, reopenModel(*module));
      archive = std::move(reopened.archive);
      meta = std::move(reopened.meta);
      tokenizer = ::lowbit::serializeTokenizer(reopened.tokenizer);
    } else {
      LOWBIT_ASSIGN_OR_RETURN(archive, ParameterArchive::openFor(*module));
    }
    if (options.weights == "splat")
      archive->bindSplat(0.01f, 1);
    else if (!options.weights.empty())
      LOWBIT_RETURN_IF_ERROR(archive->bindFile(options.weights));
    return Status::success();
  }

  /// A model whose definition has integer activations cannot run on float ones.
  Status checkModel() {
    if (phases.activations != "f32")
      return Status::success();
    WalkResult walk = module->walk([](QuantizeOp) { return WalkResult::interrupt(); });
    if (walk.wasInterrupted())
      return invalidArgument("--activations=f32 is refused: '%s' is defined with int8 "
                             "activations (packed BitNet)",
                             options.input.c_str());
    return Status::success();
  }

  //===--------------------------------------------------------------------===//
  // Passes
  //===--------------------------------------------------------------------===//

  Status runPasses(Phase phase) {
    if (phase == Phase::compress) {
      LOWBIT_RETURN_IF_ERROR(runRecipe());
      if (phases.activations != "f32" && hasFloatActivations() &&
          session.maxExactness < Exactness::E2)
        return invalidArgument("--max-exactness=%s refuses int8 activations (E2); use "
                               "--activations=f32",
                               options.maxExactness.c_str());
      noteActivations();
    }
    PassManager manager(&context);
    buildPhasePipeline(phase, phases, manager);
    return runManager(manager, std::string("the ") + phaseName(phase) + " phase failed");
  }

  /// Runs passes, interpreting before and after each with --verify-semantics.
  Status runManager(PassManager &manager, const std::string &failure) {
    std::optional<SemanticsVerifier> verifier;
    if (options.verifySemantics) {
      context.disableMultithreading();
      verifier.emplace(*module, archive, options.print);
      verifier->attach(manager);
    }
    LogicalResult result = manager.run(*module);
    if (verifier)
      LOWBIT_RETURN_IF_ERROR(verifier->status());
    return succeeded(result) ? Status::success()
                             : invalidArgument("%s", failure.c_str());
  }

  /// The compression passes, each with an entry in the ledger.
  Status runRecipe() {
    if (!(*module)->hasAttr(ledgerAttrName)) {
      ::lowbit::compress::LedgerStep step;
      step.pass = "import";
      step.exactness = "E0";
      step.note = "every stored number is kept";
      step.bitsAfter = bitsPerWeight(*module);
      appendLedgerStep(*module, step);
    }
    // Not for recipes alone: expand-sums stores parameters too.
    session.archive = archive;
    session.threads = threads;
    session.times = options.ledgerTimes;
    session.progress = options.progress;
    CompressionSession::attach(&context, &session);
    if (options.recipe.empty())
      return Status::success();
    LOWBIT_ASSIGN_OR_RETURN(std::vector<std::string> steps, splitRecipe(options.recipe));
    // All are read before the first one runs for minutes.
    for (const std::string &step : steps) {
      PassManager manager(&context);
      LOWBIT_RETURN_IF_ERROR(buildStep(step, session.maxExactness, manager));
    }
    LOWBIT_RETURN_IF_ERROR(openRunner());
    std::optional<double> perplexity;
    for (const std::string &step : steps)
      LOWBIT_RETURN_IF_ERROR(runStep(step, perplexity));
    return Status::success();
  }

  /// One step; `perplexity` is the model's before it, and then after it.
  Status runStep(const std::string &step, std::optional<double> &perplexity) {
    PassManager manager(&context);
    LOWBIT_RETURN_IF_ERROR(buildStep(step, session.maxExactness, manager));
    const bool isLossy = exactnessOf(manager) != Exactness::E0;
    if (!options.eval.empty() && isLossy && !perplexity) {
      LOWBIT_ASSIGN_OR_RETURN(perplexity, runner->perplexity(*module));
    }
    const Attribute before = (*module)->getAttr(ledgerAttrName);
    LOWBIT_RETURN_IF_ERROR(
        runManager(manager, "the recipe's step '" + step + "' failed"));
    if (options.eval.empty() || !isLossy || before == (*module)->getAttr(ledgerAttrName))
      return Status::success();
    LOWBIT_ASSIGN_OR_RETURN(auto ledger, readLedger(*module));
    ledger.back().perplexityBefore = perplexity;
    LOWBIT_ASSIGN_OR_RETURN(perplexity, runner->perplexity(*module));
    ledger.back().perplexityAfter = perplexity;
    replaceLastLedgerStep(*module, ledger.back());
    return Status::success();
  }

  /// What runs the model for passes that need activations, and for --eval.
  Status openRunner() {
    if (options.calibration.empty() && options.eval.empty())
      return Status::success();
    ModelRunnerOptions settings;
    settings.calibrationFile = options.calibration;
    settings.calibrationTokens = options.calibrationTokens;
    settings.evalFile = options.eval;
    settings.evalWindow = options.evalWindow;
    settings.evalWindows = options.evalWindows;
    settings.evalBos = options.evalBos;
    settings.activations = phases.activations;
    settings.activationGroup = phases.activationGroup;
    settings.meta = meta;
    settings.tokenizer = tokenizer;
    settings.threads = threads;
    if (options.progress)
      settings.progress = [this](const std::string &detail) {
        options.progress("compress", detail);
      };
    // A trial run needs dialects that later phases load; a pass must not.
    context.loadAllAvailableDialects();
    LOWBIT_ASSIGN_OR_RETURN(runner, createModelRunner(archive, std::move(settings)));
    session.runner = runner.get();
    return Status::success();
  }

  void noteActivations() {
    if (phases.activations == "f32")
      return;
    ::lowbit::compress::LedgerStep step;
    step.pass = "quantize-activations";
    // A module that is taken up after its compress phase says so already.
    auto steps = readLedger(*module);
    if (steps.isOk() && !steps->empty() && steps->back().pass == step.pass)
      return;
    step.exactness = "E2";
    step.note = "activations of low-bit products as " + options.activations;
    appendLedgerStep(*module, step);
  }

  /// True when quantize-activations would find work.
  bool hasFloatActivations() {
    WalkResult walk = module->walk([](MatmulOp op) {
      auto type = op.getWeight().getType();
      auto encoding = type.getEncodingInterface().getEncodingDesc(type.getShape());
      bool takes = encoding.isOk() && isa<RankedTensorType>(op.getInput().getType()) &&
                   llvm::any_of(::lowbit::leavesOf(*encoding), [](const auto *leaf) {
                     return leaf->takesIntegerDot();
                   });
      return takes ? WalkResult::interrupt() : WalkResult::advance();
    });
    return walk.wasInterrupted();
  }

  //===--------------------------------------------------------------------===//
  // Code
  //===--------------------------------------------------------------------===//

  Status generateCode() {
    kernels = collectKernels(*module);
    // GPUs last: the plan is made from the stages of a CPU.
    auto isGpu = [](StringRef target) { return target.starts_with("nvptx:"); };
    std::vector<std::string> targets = phases.targets;
    llvm::stable_sort(targets, [&](auto &a, auto &b) { return isGpu(a) < isGpu(b); });
    if (isGpu(targets.front()))
      return invalidArgument("a module needs a CPU target beside '%s'",
                             targets.front().c_str());
    for (const std::string &target : targets) {
      TargetCode code{target, {}, {}};
      if (!isGpu(target))
        LOWBIT_RETURN_IF_ERROR(generateCpu(target, code));
      else
        LOWBIT_RETURN_IF_ERROR(
            generateGpuCode(context, kernels, lowered, target, report, code.gpu));
      if (!isGpu(target) || code.gpu)
        codes.push_back(std::move(code));
    }
    reportKernels();
    return Status::success();
  }

  Status generateCpu(const std::string &target, TargetCode &code) {
    CpuCodeOptions codegen;
    codegen.keepLLVM = options.emit == EmitKind::llvm;
    codegen.keepAssembly = options.emit == EmitKind::assembly;
    if (options.progress)
      codegen.progress = [&](const std::string &name) {
        options.progress("codegen", name);
      };
    LOWBIT_ASSIGN_OR_RETURN(CpuCode made,
                            generateCpuCode(context, kernels, target, codegen));
    for (auto [index, kernel] : llvm::enumerate(made.lowered))
      mergeLowered(index, std::move(kernel));
    code.image = std::move(made.code.image);
    return Status::success();
  }

  /// The plan is shared by all CPU images: stages are equal, scratch the largest.
  void mergeLowered(size_t index, LoweredDispatch kernel) {
    if (lowered.size() <= index) {
      lowered.push_back(std::move(kernel));
      return;
    }
    for (auto [old, stage] : llvm::zip(lowered[index].stages, kernel.stages))
      old.scratchBytes.constant =
          std::max(old.scratchBytes.constant, stage.scratchBytes.constant);
  }

  void reportKernels() {
    std::vector<unsigned> uses(kernels.names.size());
    for (auto &[op, index] : kernels.kernelOf)
      ++uses[index];
    for (auto [index, name] : llvm::enumerate(kernels.names)) {
      KernelReport entry;
      entry.name = name;
      entry.dispatches = uses[index];
      entry.parameterBytes = lowered[index].parameterBytes;
      entry.operationsPerToken = lowered[index].operationsPerToken;
      if (auto strategies = kernels.representatives[index].getStrategiesAttr())
        for (auto strategy : strategies.getAsRange<StrategyAttr>())
          entry.strategies.push_back(stringifyStrategyKind(strategy.getKind()).str() +
                                     " on " + strategy.getTarget().str());
      report.kernels.push_back(std::move(entry));
    }
  }

  //===--------------------------------------------------------------------===//
  // Output
  //===--------------------------------------------------------------------===//

  Status emitIR() {
    if (options.emit != EmitKind::module && options.emit != EmitKind::mlir)
      return invalidArgument("--compile-to stops at IR; --emit must be mlir");
    LOWBIT_RETURN_IF_ERROR(saveComputed());
    return writeText(options.output, printIR(*module));
  }

  /// Weights that a recipe made go beside the IR that names them.
  Status saveComputed() {
    if (!archive)
      return Status::success();
    if (options.output == "-") {
      for (auto param : module->getOps<ParamOp>())
        if (isa_and_nonnull<ComputedSourceAttr>(param.getSourceAttr()))
          return invalidArgument("IR with computed weights needs a file: use -o "
                                 "FILE.mlir, which gets FILE.mlir.weights beside it");
      return Status::success();
    }
    return archive->saveComputed(*module, options.output + ".weights").status();
  }

  Status emitCode() {
    switch (options.emit) {
    case EmitKind::mlir:
      LOWBIT_RETURN_IF_ERROR(saveComputed());
      return writeText(options.output, printIR(*module));
    case EmitKind::llvm:
      return writeText(options.output, codes.front().image.llvmText);
    case EmitKind::assembly:
      return writeText(options.output, codes.front().image.assembly);
    case EmitKind::obj:
      return writeBytes(options.output, codes.front().image.object);
    case EmitKind::module:
    case EmitKind::ptx:
    case EmitKind::cubin:
      break;
    }
    return ::lowbit::internalError("nothing to emit");
  }

  Status emitPtx() {
    kernels = collectKernels(*module);
    if (options.emit == EmitKind::cubin)
      return ::lowbit::unimplemented("--emit=cubin is not supported yet; use --emit=ptx "
                                     "and ptxas");
    std::map<std::string, std::string> texts;
    bool anyTarget = false;
    for (const std::string &target : phases.targets) {
      if (!StringRef(target).starts_with("nvptx:"))
        continue;
      anyTarget = true;
      LOWBIT_ASSIGN_OR_RETURN(auto part, generatePtx(*module, kernels, target, report));
      for (auto &[name, text] : part)
        texts[name + "." + StringRef(target).drop_front(6).str() + ".ptx"] = text;
    }
    if (!anyTarget)
      return invalidArgument("--emit=ptx requires --target=nvptx:sm_NN");
    if (texts.empty())
      return invalidArgument("'%s' has no low-bit product with quantized activations; "
                             "PTX is made for those only",
                             options.input.c_str());
    LOWBIT_RETURN_IF_ERROR(writeFolder(options.output, texts));
    std::string list = report.ptxText();
    for (const std::string &note : report.notes)
      list += "  note         " + note + "\n";
    for (auto &[name, text] : texts)
      list += "  wrote        " + name + "\n";
    if (options.print)
      options.print(list);
    return Status::success();
  }

  Status link() {
    LinkInputs inputs;
    inputs.module = *module;
    inputs.archive = archive.get();
    inputs.kernels = &kernels;
    inputs.lowered = lowered;
    inputs.code = codes;
    inputs.meta = meta;
    inputs.meta.emplace_back("model.activations", options.activations);
    inputs.meta.emplace_back("producer", "lowbit-compile 0.1.0");
    addDerivedMeta(*module, inputs.meta);
    inputs.tokenizer = tokenizer;
    LOWBIT_ASSIGN_OR_RETURN(auto steps, readLedger(*module));
    inputs.ledger = ::lowbit::compress::ledgerJson(steps);
    inputs.threads = threads;
    if (options.progress)
      inputs.progress = [this](size_t done, size_t total) {
        options.progress("link", std::to_string(done) + " of " + std::to_string(total) +
                                     " parameters");
      };
    LOWBIT_ASSIGN_OR_RETURN(report.moduleBytes,
                            linkModule(inputs, options.output, report));
    return Status::success();
  }

public:
  /// The report's last words: peak memory, then JSON and text.
  Status finishReport() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    report.peakResidentMiB = usage.ru_maxrss / 1024.0;
    if (!options.reportPath.empty())
      LOWBIT_RETURN_IF_ERROR(writeText(options.reportPath, report.toJson(true)));
    if (options.print && options.emit == EmitKind::module && !options.to)
      options.print(report.toText());
    return Status::success();
  }

private:
  const CompileOptions &options;
  MLIRContext &context;
  PhaseOptions phases;
  CompressionSession session;
  std::unique_ptr<ModelRunner> runner;
  Phase doneUntil = Phase::import;
  unsigned threads = 1;
  std::string diagnostics;
  OwningOpRef<ModuleOp> module;
  std::shared_ptr<ParameterArchive> archive;
  std::vector<std::pair<std::string, std::string>> meta;
  std::vector<uint8_t> tokenizer;
  KernelTable kernels;
  std::vector<LoweredDispatch> lowered;
  std::vector<TargetCode> codes;
  CompileReport report;
};

} // namespace

Status mlir::lowbit::compile(const CompileOptions &options, MLIRContext &context) {
  Driver driver(options, context);
  LOWBIT_RETURN_IF_ERROR(driver.run());
  return driver.finishReport();
}
