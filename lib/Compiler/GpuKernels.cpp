//===- GpuKernels.cpp - Kernels of a plan for GPUs ------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compiler/GpuKernels.h"

#include "lib/Codegen/NVPTX/NvptxCodegen.h"

using namespace mlir;
using namespace mlir::lowbit;

using ::lowbit::GpuCode;
using ::lowbit::internalError;
using ::lowbit::NvptxInstruction;
using ::lowbit::NvptxTarget;
using ::lowbit::Status;
using ::lowbit::StatusOr;
namespace kernel = ::lowbit::kernel;

/// Stages and bindings are shared by all targets of a plan.
static Status checkEqual(const LoweredDispatch &gpu, const LoweredDispatch &plan,
                         const std::string &name) {
  bool equal = gpu.stages.size() == plan.stages.size() &&
               gpu.launches.size() == gpu.stages.size() &&
               gpu.bindings.size() == plan.bindings.size() &&
               gpu.temporaries == plan.temporaries;
  for (size_t i = 0; equal && i < gpu.stages.size(); ++i)
    equal = gpu.stages[i].symbol == plan.stages[i].symbol &&
            gpu.stages[i].items == plan.stages[i].items;
  for (size_t i = 0; equal && i < gpu.bindings.size(); ++i)
    equal = gpu.bindings[i].kind == plan.bindings[i].kind &&
            gpu.bindings[i].index == plan.bindings[i].index &&
            gpu.bindings[i].component == plan.bindings[i].component;
  return equal ? Status::success()
               : internalError("kernel '%s' has other stages or bindings on a GPU",
                               name.c_str());
}

namespace {

class GpuGenerator {
public:
  GpuGenerator(MLIRContext &context, const NvptxTarget &target, CompileReport &report)
      : context(context), target(target), report(report),
        capabilities(nvptxKernelCapabilities(target)), machine(nvptxThreadMachine()) {}

  /// `unimplemented` when there is no kernel for the dispatch.
  Status add(DispatchOp dispatch, const std::string &name, const LoweredDispatch &plan) {
    OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
    LOWBIT_ASSIGN_OR_RETURN(
        LoweredDispatch lowered,
        lowerDispatch(dispatch, name, capabilities, *module, &machine));
    LOWBIT_RETURN_IF_ERROR(checkEqual(lowered, plan, name));
    const NvptxInstruction instructions[] = {NvptxInstruction::dp4a};
    LOWBIT_ASSIGN_OR_RETURN(std::string text,
                            compileNvptxModule(*module, target, instructions));
    for (auto [stage, launch] : llvm::zip(lowered.stages, lowered.launches)) {
      ::lowbit::GpuStage entry;
      entry.symbol = stage.symbol;
      entry.text = static_cast<uint32_t>(code.texts.size());
      entry.threads = launch.threads;
      entry.groups = launch.groups;
      entry.tokensPerGroup = launch.tokensPerGroup;
      entry.rowsPerToken = launch.rowsPerToken;
      entry.sharedBytes = static_cast<uint32_t>(launch.sharedBytes);
      entry.bindings.assign(launch.bindings.begin(), launch.bindings.end());
      addReport(entry, text);
      code.stages.push_back(std::move(entry));
    }
    code.texts.push_back({name, std::move(text)});
    return Status::success();
  }

  GpuCode take() {
    for (PtxKernelReport &entry : entries)
      report.ptxKernels.push_back(std::move(entry));
    return std::move(code);
  }

private:
  void addReport(const ::lowbit::GpuStage &stage, StringRef text) {
    PtxKernelReport entry;
    entry.name = stage.symbol;
    entry.target = "nvptx:" + std::string(target.name);
    // The text from this kernel's entry to the next one's.
    size_t begin = text.find(".entry " + stage.symbol + "(");
    StringRef body = begin == StringRef::npos ? "" : text.substr(begin);
    body = body.substr(0, body.find(".entry ", 1));
    entry.dp4a = static_cast<unsigned>(body.count("dp4a."));
    entry.strategy = entry.dp4a ? "dot4" : "threads";
    entry.threads = stage.threads;
    entry.sharedBytes = stage.sharedBytes;
    entry.products = 1;
    entry.bytes = body.size();
    entries.push_back(std::move(entry));
  }

  MLIRContext &context;
  const NvptxTarget &target;
  CompileReport &report;
  kernel::KernelCapabilities capabilities;
  kernel::ThreadMachine machine;
  GpuCode code;
  std::vector<PtxKernelReport> entries;
};

} // namespace

Status mlir::lowbit::generateGpuCode(MLIRContext &context, const KernelTable &kernels,
                                     ArrayRef<LoweredDispatch> lowered,
                                     const std::string &target, CompileReport &report,
                                     std::optional<GpuCode> &code) {
  LOWBIT_ASSIGN_OR_RETURN(const NvptxTarget *chip, ::lowbit::parseNvptxTarget(target));
  GpuGenerator generator(context, *chip, report);
  bool complete = true;
  for (auto [index, name] : llvm::enumerate(kernels.names)) {
    Status status =
        generator.add(kernels.representatives[index], name, lowered[index]);
    if (status.isOk())
      continue;
    if (status.code() != ::lowbit::StatusCode::unimplemented)
      return status.addNote("in kernel '" + name + "' for " + target);
    report.notes.push_back("no code for " + target + ", because of kernel '" + name +
                           "': " + status.message());
    complete = false;
  }
  if (complete)
    code = generator.take();
  return Status::success();
}
