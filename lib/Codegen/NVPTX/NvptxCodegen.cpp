//===- NvptxCodegen.cpp - Kernels of threads to PTX -----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/NVPTX/NvptxCodegen.h"

#include "lib/Codegen/LowerKernels.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"

#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"

using namespace mlir;
using namespace mlir::lowbit;

using ::lowbit::internalError;
using ::lowbit::invalidArgument;
using ::lowbit::NvptxInstruction;
using ::lowbit::NvptxTarget;
using ::lowbit::Status;
using ::lowbit::StatusOr;
namespace kernel = ::lowbit::kernel;

kernel::KernelCapabilities
mlir::lowbit::nvptxKernelCapabilities(const NvptxTarget &target) {
  kernel::KernelCapabilities capabilities;
  capabilities.vectorBits = 32;
  capabilities.fma = true;
  capabilities.halfConversion = true;
  if (::lowbit::supportOf(target, NvptxInstruction::dp4a).available)
    capabilities.dot4WordIntrinsic = "llvm.nvvm.idp4a.u.s";
  return capabilities;
}

kernel::ThreadMachine mlir::lowbit::nvptxThreadMachine() {
  kernel::ThreadMachine machine;
  machine.threadIndex = "llvm.nvvm.read.ptx.sreg.tid.x";
  machine.groupIndex = "llvm.nvvm.read.ptx.sreg.ctaid.x";
  machine.groupTile = "llvm.nvvm.read.ptx.sreg.ctaid.y";
  machine.exchange = "llvm.nvvm.shfl.sync.bfly.i32";
  // Not the aligned form: slices of one warp leave their loops at different times.
  machine.barrier = "llvm.nvvm.barrier.cta.sync.all";
  machine.sharedSpace = 3;
  machine.markKernel = [](LLVM::LLVMFuncOp function, unsigned threads) {
    Builder builder(function.getContext());
    function.setCConv(LLVM::cconv::CConv::PTX_Kernel);
    Attribute size = builder.getStrArrayAttr({"nvvm.reqntid", std::to_string(threads)});
    function.setPassthroughAttr(builder.getArrayAttr(
        {size, builder.getStringAttr("nounwind")}));
  };
  return machine;
}

static StatusOr<std::unique_ptr<llvm::TargetMachine>>
createMachine(const NvptxTarget &target, uint32_t ptx) {
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
  std::string error, chip(target.name);
  llvm::Triple triple("nvptx64-nvidia-cuda");
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!backend)
    return invalidArgument("this LLVM has no back end for NVPTX: %s", error.c_str());
  // LLVM only warns about a chip it does not know, and then writes PTX 3.2.
  std::unique_ptr<llvm::MCSubtargetInfo> info(
      backend->createMCSubtargetInfo(triple, "", ""));
  if (!info || !info->isCPUStringValid(chip))
    return invalidArgument("this LLVM does not know the chip '%s'", chip.c_str());
  llvm::TargetOptions options;
  // The numerics contract says where fma is; nothing else may become one.
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  std::unique_ptr<llvm::TargetMachine> machine(backend->createTargetMachine(
      triple, chip, "+ptx" + std::to_string(ptx), options, std::nullopt, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return invalidArgument("no code generator for '%s'", chip.c_str());
  return machine;
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  for (llvm::Function &function : module) {
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    function.addFnAttr("target-features", machine.getTargetFeatureString());
  }
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  // Loop bodies are a block of 32 columns already: more copies would only be longer.
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  tuning.LoopUnrolling = false;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

static Status compile(ModuleOp module, const NvptxTarget &target, uint32_t ptx,
                      std::string &text) {
  LOWBIT_RETURN_IF_ERROR(lowerKernelsToLLVM(module));
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<llvm::TargetMachine> machine,
                          createMachine(target, ptx));
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code =
      translateModuleToLLVMIR(module, context, "kernels");
  if (!code)
    return internalError("translating kernels to LLVM IR failed");
  code->setTargetTriple(machine->getTargetTriple());
  code->setDataLayout(machine->createDataLayout());
  optimize(*code, *machine);
  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr,
                                   llvm::CodeGenFileType::AssemblyFile))
    return internalError("the target cannot emit PTX");
  passes.run(*code);
  // A call of a function that LLVM or MLIR made up: nothing would provide it.
  size_t call = bytes.str().find(".extern .func");
  if (call != llvm::StringRef::npos)
    return internalError("kernel code declares '%s', which no module provides",
                         bytes.str().substr(call).split('\n').first.str().c_str());
  text = bytes.str().str();
  return Status::success();
}

StatusOr<std::string>
mlir::lowbit::compileNvptxModule(ModuleOp module, const NvptxTarget &target,
                                 std::span<const NvptxInstruction> instructions) {
  LOWBIT_ASSIGN_OR_RETURN(uint32_t ptx, ::lowbit::requiredPtx(target, instructions));
  std::string text, reason;
  Status status;
  // The last net: a back end that gives up becomes an error, whether it aborts ("cannot
  // select") or would exit ("PTX version ... does not support target").
  llvm::CrashRecoveryContext::Enable();
  llvm::CrashRecoveryContext recovery;
  llvm::ScopedFatalErrorHandler handler(
      [](void *text, const char *message, bool) {
        *static_cast<std::string *>(text) = message;
        if (auto *context = llvm::CrashRecoveryContext::GetCurrent())
          context->HandleExit(1);
      },
      &reason);
  if (!recovery.RunSafely([&] { status = compile(module, target, ptx, text); }))
    status = internalError("LLVM gave up on the kernels for '%s'%s%s",
                           std::string(target.name).c_str(), reason.empty() ? "" : ": ",
                           reason.c_str());
  llvm::CrashRecoveryContext::Disable();
  LOWBIT_RETURN_IF_ERROR(status);
  return text;
}
