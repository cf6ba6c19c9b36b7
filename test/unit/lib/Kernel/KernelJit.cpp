//===- KernelJit.cpp - Runs generated stages inside a test ----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelJit.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/Utils/Cloning.h"

#include <cstdlib>

using namespace lowbit;
using namespace lowbit::test;

static kernel::KernelCapabilities baseline() { return {}; }

TestMachine lowbit::test::baselineMachine() { return {"x86-64", baseline()}; }

TestMachine lowbit::test::avx2Machine() {
  kernel::KernelCapabilities caps;
  caps.vectorBits = 256;
  caps.fma = true;
  caps.halfConversion = true;
  caps.maddU8S8Intrinsic = "llvm.x86.avx2.pmadd.ub.sw";
  caps.maddI16Intrinsic = "llvm.x86.avx2.pmadd.wd";
  return {"x86-64-v3", caps};
}

bool lowbit::test::hostRunsAvx2() {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  return features.lookup("avx2") && features.lookup("fma") &&
         features.lookup("f16c");
}

struct KernelJit::Impl {
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

[[noreturn]] static void fail(const llvm::Twine &what) {
  llvm::errs() << "kernel test: " << what << "\n";
  std::abort();
}

static void lowerToLLVMDialect(mlir::ModuleOp module) {
  mlir::PassManager passes(module.getContext());
  passes.addPass(mlir::createCanonicalizerPass());
  passes.addPass(mlir::createCSEPass());
  passes.addPass(mlir::createSCFToControlFlowPass());
  passes.addPass(mlir::createConvertVectorToLLVMPass());
  passes.addPass(mlir::createConvertMathToLLVMPass());
  passes.addPass(mlir::createArithToLLVMConversionPass());
  passes.addPass(mlir::createConvertControlFlowToLLVMPass());
  passes.addPass(mlir::createReconcileUnrealizedCastsPass());
  if (mlir::failed(passes.run(module)))
    fail("lowering failed");
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PassBuilder builder(&machine);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2)
      .run(module, modules);
}

static std::string assemblyOf(llvm::Module &module,
                              llvm::TargetMachine &machine) {
  auto copy = llvm::CloneModule(module);
  llvm::SmallString<0> buffer;
  llvm::raw_svector_ostream stream(buffer);
  llvm::legacy::PassManager passes;
  machine.addPassesToEmitFile(passes, stream, nullptr,
                              llvm::CodeGenFileType::AssemblyFile);
  passes.run(*copy);
  return std::string(buffer);
}

// Names after call or jmp that the text does not define.
static std::vector<std::string> calledButUndefined(const std::string &text) {
  std::vector<std::string> names;
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(text).split(lines, '\n');
  for (llvm::StringRef line : lines) {
    line = line.trim();
    if (!line.consume_front("callq") && !line.consume_front("call") &&
        !line.consume_front("jmp"))
      continue;
    llvm::StringRef name = line.trim().split('@').first;
    if (!name.empty() && !name.starts_with(".L") && !name.starts_with("*") &&
        text.find("\n" + name.str() + ":") == std::string::npos)
      names.push_back(name.str());
  }
  return names;
}

KernelJit::KernelJit(mlir::ModuleOp module, const TestMachine &machine)
    : impl(std::make_unique<Impl>()) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  lowerToLLVMDialect(module);
  mlir::registerBuiltinDialectTranslation(*module.getContext());
  mlir::registerLLVMDialectTranslation(*module.getContext());
  auto context = std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::Module> code =
      mlir::translateModuleToLLVMIR(module, *context);
  if (!code)
    fail("translation failed");

  llvm::orc::JITTargetMachineBuilder builder(
      llvm::Triple("x86_64-unknown-linux-gnu"));
  builder.setCPU(machine.cpu);
  builder.setCodeGenOptLevel(llvm::CodeGenOptLevel::Aggressive);
  builder.setRelocationModel(llvm::Reloc::PIC_);
  builder.getOptions().MCOptions.AsmVerbose = true; // names spills
  auto target = builder.createTargetMachine();
  if (!target)
    fail(llvm::toString(target.takeError()));
  code->setDataLayout((*target)->createDataLayout());
  code->setTargetTriple(llvm::Triple("x86_64-unknown-linux-gnu"));
  optimize(*code, **target);
  text = assemblyOf(*code, **target);
  undefined = calledButUndefined(text);

  auto jit =
      llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(builder).create();
  if (!jit)
    fail(llvm::toString(jit.takeError()));
  impl->jit = std::move(*jit);
  if (auto error = impl->jit->addIRModule(
          llvm::orc::ThreadSafeModule(std::move(code), std::move(context))))
    fail(llvm::toString(std::move(error)));
}

KernelJit::~KernelJit() = default;

lowbit_stage_fn KernelJit::stage(const std::string &name) const {
  auto symbol = impl->jit->lookup(name);
  if (!symbol)
    fail(llvm::toString(symbol.takeError()));
  return symbol->toPtr<lowbit_stage_fn>();
}
