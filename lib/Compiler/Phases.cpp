//===- Phases.cpp - The seven phases as pass pipelines ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Compiler/Phases.h"

#include "passes/Compress/Passes.h"
#include "passes/Conversion/Passes.h"
#include "passes/Encoding/Passes.h"
#include "passes/Fusion/Passes.h"
#include "passes/Quantize/Passes.h"
#include "passes/Schedule/Passes.h"
#include "passes/Structure/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

#include "dialects/Lowbit/IR/LowbitOps.h"

using namespace mlir;
using namespace mlir::lowbit;

const char *mlir::lowbit::phaseName(Phase phase) {
  static const char *const names[] = {"import",   "compress", "encode", "fuse",
                                      "schedule", "codegen",  "link"};
  return names[static_cast<int>(phase)];
}

std::optional<Phase> mlir::lowbit::parsePhase(StringRef name) {
  for (Phase phase : allPhases)
    if (name == phaseName(phase))
      return phase;
  return std::nullopt;
}

/// Adds `pass` to every function-like op: blocks and functions.
template <typename Create>
static void addToFunctions(OpPassManager &manager, Create create) {
  manager.addNestedPass<BlockOp>(create());
  manager.addNestedPass<func::FuncOp>(create());
}

/// What follows the recipe, which the driver runs step by step.
static void buildCompress(const PhaseOptions &options, OpPassManager &manager) {
  manager.addPass(createExpandSumsPass());
  if (options.activations != "f32") {
    QuantizeActivationsPassOptions quantize;
    quantize.granularity = options.activations;
    quantize.groupSize = options.activationGroup;
    manager.addPass(createQuantizeActivationsPass(quantize));
  }
  if (options.hoistSteps)
    manager.addPass(createHoistStepsPass());
}

void mlir::lowbit::buildPhasePipeline(Phase phase, const PhaseOptions &options,
                                      OpPassManager &manager) {
  switch (phase) {
  case Phase::import:
  case Phase::link:
    return;
  case Phase::compress:
    return buildCompress(options, manager);
  case Phase::encode:
    manager.addPass(createSelectLayoutsPass());
    manager.addPass(createApplyLayoutsPass());
    return;
  case Phase::fuse:
    addToFunctions(manager, createCSEPass);
    addToFunctions(manager, [] { return createSinkRowViewsPass(); });
    addToFunctions(manager, [] { return createSelectFusionGroupsPass(); });
    addToFunctions(manager, [] { return createOutlineDispatchesPass(); });
    manager.addPass(createSetDispatchRowsPass());
    return;
  case Phase::schedule: {
    SelectStrategiesPassOptions schedule;
    llvm::append_range(schedule.targets, options.targets);
    manager.addPass(createSelectStrategiesPass(schedule));
    return;
  }
  case Phase::codegen: {
    ConvertDispatchToLLVMPassOptions codegen;
    llvm::append_range(codegen.targets, options.targets);
    manager.addPass(createConvertDispatchToLLVMPass(codegen));
    return;
  }
  }
}

namespace {
struct PipelineOptions : PassPipelineOptions<PipelineOptions> {
  Option<std::string> activations{
      *this, "activations",
      llvm::cl::desc("auto, token, group or f32 (compress)"),
      llvm::cl::init("auto")};
  Option<int64_t> activationGroup{
      *this, "activation-group",
      llvm::cl::desc("columns of one activation scale (compress)"),
      llvm::cl::init(0)};
  Option<bool> hoistSteps{*this, "hoist-steps",
                          llvm::cl::desc("split denoising functions (compress)"),
                          llvm::cl::init(true)};
  ListOption<std::string> targets{
      *this, "targets",
      llvm::cl::desc("target specifications (schedule, codegen)")};
};
} // namespace

void mlir::lowbit::registerPhasePipelines() {
  for (Phase phase : {Phase::compress, Phase::encode, Phase::fuse,
                      Phase::schedule, Phase::codegen}) {
    std::string name = std::string("lowbit-") + phaseName(phase) + "-pipeline";
    std::string text = std::string("the passes of the ") + phaseName(phase) + " phase";
    PassPipelineRegistration<PipelineOptions>(
        name, text,
        [phase](OpPassManager &manager, const PipelineOptions &options) {
          PhaseOptions phaseOptions;
          phaseOptions.activations = options.activations;
          phaseOptions.activationGroup = options.activationGroup;
          phaseOptions.hoistSteps = options.hoistSteps;
          phaseOptions.targets.assign(options.targets.begin(),
                                      options.targets.end());
          buildPhasePipeline(phase, phaseOptions, manager);
        });
  }
}
