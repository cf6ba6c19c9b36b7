//===- HostModule.cpp - IR of the compress phase to running code ----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compiler/HostModule.h"

#include "lowbit/Target/Cpu.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::Status;
using ::lowbit::StatusOr;

StatusOr<CpuCode> mlir::lowbit::generateCpuCode(MLIRContext &context,
                                                const KernelTable &kernels,
                                                const std::string &target,
                                                const CpuCodeOptions &options) {
  CpuCode result;
  result.code.target = target;
  LOWBIT_ASSIGN_OR_RETURN(auto capabilities, cpuKernelCapabilities(target));
  OwningOpRef<ModuleOp> stages =
      ModuleOp::create(UnknownLoc::get(&context), kernelModuleName(target));
  std::vector<std::string> symbols;
  for (auto [index, name] : llvm::enumerate(kernels.names)) {
    if (options.progress)
      options.progress(name);
    auto kernel = lowerDispatch(kernels.representatives[index], name,
                                capabilities, *stages);
    if (!kernel.isOk())
      return std::move(kernel).status().addNote("in kernel '" + name + "'");
    for (const ::lowbit::PlanStage &stage : kernel->stages)
      symbols.push_back(stage.symbol);
    result.lowered.push_back(std::move(*kernel));
  }
  LOWBIT_ASSIGN_OR_RETURN(const ::lowbit::CpuTarget *cpu,
                          ::lowbit::parseCpuTarget(target));
  CpuCodegenOptions codegen;
  codegen.triple = std::string(cpu->triple);
  codegen.cpu = std::string(cpu->cpu);
  codegen.features = std::string(cpu->features);
  codegen.keepLLVM = options.keepLLVM;
  codegen.keepAssembly = options.keepAssembly;
  LOWBIT_ASSIGN_OR_RETURN(result.code.image,
                          compileCpuModule(*stages, symbols, codegen));
  return result;
}

//===----------------------------------------------------------------------===//
// HostCompiler
//===----------------------------------------------------------------------===//

HostCompiler::HostCompiler(ParameterArchive &archive, unsigned threads)
    : archive(archive), threads(threads) {}

/// What the code depends on.
static std::string keyOf(const KernelTable &kernels) {
  std::string key;
  llvm::raw_string_ostream stream(key);
  for (auto [name, dispatch] :
       llvm::zip(kernels.names, kernels.representatives)) {
    stream << name << ": ";
    DispatchOp(dispatch)->print(stream, OpPrintingFlags().useLocalScope());
    stream << "\n";
  }
  return key;
}

Status HostCompiler::compile(ModuleOp module, const Request &request,
                             const std::string &path) {
  MLIRContext *context = module.getContext();
  LOWBIT_ASSIGN_OR_RETURN(const ::lowbit::CpuTarget *cpu,
                          ::lowbit::parseCpuTarget("host"));
  const std::string target = "cpu:" + std::string(cpu->name);
  PhaseOptions phases;
  phases.activations = request.activations;
  phases.activationGroup = request.activationGroup;
  phases.targets = {target};
  for (Phase phase : {Phase::compress, Phase::encode, Phase::fuse,
                      Phase::schedule}) {
    PassManager manager(context);
    buildPhasePipeline(phase, phases, manager);
    if (failed(manager.run(module)))
      return ::lowbit::invalidArgument("the %s phase of a trial run failed",
                                       phaseName(phase));
  }
  KernelTable kernels = collectKernels(module);
  auto [code, isNew] = known.try_emplace(keyOf(kernels));
  if (isNew) {
    auto generated = generateCpuCode(*context, kernels, target, {});
    if (!generated.isOk()) {
      known.erase(code);
      return std::move(generated).status();
    }
    code->second = std::move(*generated);
  }
  LinkInputs inputs;
  inputs.module = module;
  inputs.archive = &archive;
  inputs.kernels = &kernels;
  inputs.lowered = code->second.lowered;
  inputs.code = code->second.code;
  inputs.meta = request.meta;
  inputs.tokenizer = request.tokenizer;
  inputs.threads = threads;
  CompileReport report;
  return linkModule(inputs, path, report).status();
}

//===----------------------------------------------------------------------===//
// TemporaryFile
//===----------------------------------------------------------------------===//

StatusOr<TemporaryFile> TemporaryFile::create(StringRef suffix) {
  const char *folder = std::getenv("TMPDIR");
  TemporaryFile file;
  file.name = std::string(folder && *folder ? folder : "/tmp") +
              "/lowbit-run-XXXXXX" + suffix.str();
  int descriptor =
      ::mkstemps(file.name.data(), static_cast<int>(suffix.size()));
  if (descriptor < 0) {
    std::string name;
    std::swap(name, file.name);
    return ::lowbit::resourceExhausted(
        "cannot create a temporary file '%s': %s; set TMPDIR to a writable "
        "folder",
        name.c_str(), std::strerror(errno));
  }
  ::close(descriptor);
  return file;
}

TemporaryFile::~TemporaryFile() {
  if (!name.empty())
    ::unlink(name.c_str());
}
