//===- CpuCodegen.cpp - Stages to a shared object -------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/CpuCodegen.h"

#include "lib/Codegen/CPU/Linker.h"
#include "lib/Codegen/LowerKernels.h"
#include "lowbit-c/kernel.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"

#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace mlir;
using namespace mlir::lowbit;

using ::lowbit::internalError;
using ::lowbit::invalidArgument;
using ::lowbit::Status;
using ::lowbit::StatusOr;

void mlir::lowbit::registerCpuCodegenDialects(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

/// `const lowbit_code_table *lowbit_query(uint32_t)` and the table it returns.
static Status addQuery(llvm::Module &module, const std::vector<std::string> &stages) {
  llvm::LLVMContext &context = module.getContext();
  auto *pointer = llvm::PointerType::get(context, 0);
  auto *i32 = llvm::Type::getInt32Ty(context);
  std::vector<llvm::Constant *> names, functions;
  auto *i64 = llvm::Type::getInt64Ty(context);
  auto *stageType = llvm::FunctionType::get(
      llvm::Type::getVoidTy(context), {pointer, pointer, pointer, i64, i64}, false);
  for (const std::string &stage : stages) {
    llvm::Function *function = module.getFunction(stage);
    if (!function || function->isDeclaration())
      return internalError("stage '%s' has no code", stage.c_str());
    if (function->getFunctionType() != stageType)
      return internalError("'%s' does not have the type of a stage", stage.c_str());
    if (llvm::is_contained(functions, function) || stage == LOWBIT_QUERY_SYMBOL)
      return internalError("'%s' cannot be in the table of stages %s", stage.c_str(),
                           stage == LOWBIT_QUERY_SYMBOL ? "under this name" : "twice");
    function->setLinkage(llvm::GlobalValue::InternalLinkage);
    functions.push_back(function);
    auto *text = llvm::ConstantDataArray::getString(context, stage);
    names.push_back(new llvm::GlobalVariable(module, text->getType(), true,
                                             llvm::GlobalValue::PrivateLinkage,
                                             text, "name"));
  }
  auto makeArray = [&](std::vector<llvm::Constant *> &values, const char *name) {
    auto *type = llvm::ArrayType::get(pointer, values.size());
    return new llvm::GlobalVariable(module, type, true,
                                    llvm::GlobalValue::InternalLinkage,
                                    llvm::ConstantArray::get(type, values), name);
  };
  auto *nameArray = makeArray(names, "stage_names");
  auto *functionArray = makeArray(functions, "stage_functions");
  auto *tableType = llvm::StructType::get(i32, i32, pointer, pointer);
  auto *table = new llvm::GlobalVariable(
      module, tableType, true, llvm::GlobalValue::InternalLinkage,
      llvm::ConstantStruct::get(
          tableType, {llvm::ConstantInt::get(i32, LOWBIT_KERNEL_ABI_VERSION),
                      llvm::ConstantInt::get(i32, stages.size()), nameArray,
                      functionArray}),
      "code_table");
  auto *query = llvm::Function::Create(
      llvm::FunctionType::get(pointer, {i32}, false),
      llvm::GlobalValue::ExternalLinkage, LOWBIT_QUERY_SYMBOL, module);
  llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "", query));
  llvm::Value *match = builder.CreateICmpEQ(
      query->getArg(0), llvm::ConstantInt::get(i32, LOWBIT_KERNEL_ABI_VERSION));
  builder.CreateRet(builder.CreateSelect(
      match, table, llvm::ConstantPointerNull::get(pointer)));
  return Status::success();
}

static StatusOr<std::unique_ptr<llvm::TargetMachine>>
createMachine(const CpuCodegenOptions &options) {
  llvm::InitializeAllTargetInfos();
  llvm::InitializeAllTargets();
  llvm::InitializeAllTargetMCs();
  llvm::InitializeAllAsmPrinters();
  llvm::InitializeAllAsmParsers();
  std::string error;
  llvm::Triple triple(options.triple);
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return invalidArgument("no back end for '%s': %s", options.triple.c_str(),
                           error.c_str());
  std::unique_ptr<llvm::MCSubtargetInfo> info(
      target->createMCSubtargetInfo(triple, "", ""));
  if (!info || !info->isCPUStringValid(options.cpu))
    return invalidArgument("'%s' is not a CPU of '%s'", options.cpu.c_str(),
                           options.triple.c_str());
  // LLVM only warns about these.
  llvm::SmallVector<llvm::StringRef> features;
  llvm::StringRef(options.features).split(features, ',', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef feature : features) {
    auto known = [&](const llvm::SubtargetFeatureKV &row) {
      return feature.drop_front() == row.Key;
    };
    if (!(feature.starts_with("+") || feature.starts_with("-")) ||
        llvm::none_of(info->getAllProcessorFeatures(), known))
      return invalidArgument("'%s' is not a feature of '%s', to be written +name or "
                             "-name",
                             feature.str().c_str(), options.triple.c_str());
  }
  llvm::TargetOptions targetOptions;
  // The numerics contract says where fma is; nothing else may become one.
  targetOptions.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, options.cpu, options.features, targetOptions, llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return invalidArgument("no code generator for '%s'", options.triple.c_str());
  return machine;
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  for (llvm::Function &function : module) {
    function.addFnAttr("no-builtins");
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    if (!machine.getTargetFeatureString().empty())
      function.addFnAttr("target-features", machine.getTargetFeatureString());
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  // Kernels are vectorised by construction; unrolled again they only grow.
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  tuning.LoopUnrolling = false;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2)
      .run(module, modules);
}

static Status emit(llvm::Module &module, llvm::TargetMachine &machine,
                   llvm::CodeGenFileType type, llvm::SmallVectorImpl<char> &bytes) {
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type))
    return internalError("the target cannot emit this kind of file");
  passes.run(module);
  return Status::success();
}

/// An undefined symbol is a library call that LLVM made up: it must not happen.
static Status checkNoUndefined(llvm::ArrayRef<char> object) {
  llvm::MemoryBufferRef buffer(llvm::StringRef(object.data(), object.size()), "object");
  auto file = llvm::object::ObjectFile::createObjectFile(buffer);
  if (!file)
    return internalError("the object is unreadable: %s",
                         llvm::toString(file.takeError()).c_str());
  for (const llvm::object::SymbolRef &symbol : (*file)->symbols()) {
    auto flags = symbol.getFlags();
    auto name = symbol.getName();
    if (!flags || !name)
      return internalError("the object has an unreadable symbol table");
    if ((*flags & llvm::object::SymbolRef::SF_Undefined) && !name->empty())
      return internalError("kernel code calls '%s', which no module provides",
                           name->str().c_str());
  }
  return Status::success();
}

/// An intrinsic without an instruction would abort LLVM, so they are looked up first.
static Status checkIntrinsics(const llvm::Module &module,
                              const llvm::TargetMachine &machine) {
  static const struct {
    const char *prefix, *feature;
  } needs[] = {{"llvm.x86.sse41.", "+sse4.1"},
               {"llvm.x86.ssse3.", "+ssse3"},
               {"llvm.x86.avx2.", "+avx2"},
               {"llvm.x86.avx512.vpdpbusd.128", "+avxvnni"},
               {"llvm.x86.avx512.vpdpbusd.256", "+avxvnni"},
               {"llvm.x86.avx512.vpdpbusd.512", "+avx512vnni"},
               {"llvm.aarch64.neon.sdot.", "+dotprod"},
               {"llvm.aarch64.neon.udot.", "+dotprod"},
               {"llvm.aarch64.neon.usdot.", "+i8mm"}};
  const llvm::Triple &triple = machine.getTargetTriple();
  auto has = [&](llvm::StringRef feature) {
    return machine.getMCSubtargetInfo()->checkFeatures(feature.str());
  };
  for (const llvm::Function &function : module) {
    llvm::StringRef name = function.getName();
    if (!function.isIntrinsic() || function.use_empty())
      continue;
    bool wrong = (name.starts_with("llvm.x86.") && !triple.isX86()) ||
                 (name.starts_with("llvm.aarch64.") && !triple.isAArch64());
    for (auto [prefix, feature] : needs)
      // vpdpbusd of 256 bits exists in two instruction sets.
      wrong |= !wrong && name.starts_with(prefix) && !has(feature) &&
               !(name.starts_with("llvm.x86.avx512.vpdpbusd.") &&
                 has("+avx512vnni") && has("+avx512vl"));
    if (wrong)
      return internalError("kernels use '%s', which '%s' has no instruction for",
                           name.str().c_str(), machine.getTargetCPU().str().c_str());
  }
  return Status::success();
}

static Status compile(ModuleOp module, const std::vector<std::string> &stages,
                      const CpuCodegenOptions &options, CpuImage &image) {
  LOWBIT_RETURN_IF_ERROR(lowerKernelsToLLVM(module));
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<llvm::TargetMachine> machine,
                          createMachine(options));
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code =
      translateModuleToLLVMIR(module, context, "kernels");
  if (!code)
    return internalError("translating kernels to LLVM IR failed");
  code->setTargetTriple(machine->getTargetTriple());
  code->setDataLayout(machine->createDataLayout());
  LOWBIT_RETURN_IF_ERROR(checkIntrinsics(*code, *machine));
  LOWBIT_RETURN_IF_ERROR(addQuery(*code, stages));
  optimize(*code, *machine);
  if (options.keepLLVM)
    llvm::raw_string_ostream(image.llvmText) << *code;
  if (options.keepAssembly) {
    llvm::SmallString<0> text;
    std::unique_ptr<llvm::Module> copy = llvm::CloneModule(*code);
    LOWBIT_RETURN_IF_ERROR(
        emit(*copy, *machine, llvm::CodeGenFileType::AssemblyFile, text));
    image.assembly = text.str().str();
  }
  llvm::SmallVector<char, 0> object;
  LOWBIT_RETURN_IF_ERROR(
      emit(*code, *machine, llvm::CodeGenFileType::ObjectFile, object));
  LOWBIT_RETURN_IF_ERROR(checkNoUndefined(object));
  image.object.assign(object.begin(), object.end());
  LOWBIT_ASSIGN_OR_RETURN(image.sharedObject, linkSharedObject(image.object));
  return Status::success();
}

StatusOr<CpuImage>
mlir::lowbit::compileCpuModule(ModuleOp module,
                               const std::vector<std::string> &stages,
                               const CpuCodegenOptions &options) {
  CpuImage image;
  Status status;
  // The last net: a back end that gives up ("cannot select") becomes an error.
  llvm::CrashRecoveryContext::Enable();
  llvm::CrashRecoveryContext recovery;
  if (!recovery.RunSafely([&] { status = compile(module, stages, options, image); }))
    status = internalError("LLVM gave up on the kernels for '%s'",
                           options.cpu.c_str());
  llvm::CrashRecoveryContext::Disable();
  LOWBIT_RETURN_IF_ERROR(status);
  return image;
}
