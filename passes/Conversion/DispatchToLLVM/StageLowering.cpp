//===- StageLowering.cpp - Stages that move rows ----------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Conversion/DispatchToLLVM/StageLowering.h"

using namespace mlir;
using namespace mlir::lowbit;

using ::lowbit::LinearExpr;
using ::lowbit::Status;
namespace kernel = ::lowbit::kernel;

StageLowering::StageLowering(DispatchOp dispatch, StringRef name,
                             const kernel::KernelCapabilities &capabilities,
                             ModuleOp kernels, const kernel::ThreadMachine *machine)
    : DispatchBindings(dispatch), name(name.str()), capabilities(capabilities),
      kernels(kernels) {
  if (machine)
    threads = {*machine, capabilities,
               [this](unsigned binding) { return isReadOnly(binding); }};
}

void StageLowering::addStage(std::string suffix, LinearExpr items,
                             kernel::ThreadLaunch launch) {
  addStage(std::move(suffix), std::move(items), uint64_t(0));
  result.launches.push_back(std::move(launch));
  stageReads.clear();
}

void StageLowering::addStage(std::string suffix, LinearExpr items, uint64_t scratch) {
  ::lowbit::PlanStage stage;
  stage.symbol = name + suffix;
  stage.items = std::move(items);
  stage.scratchBytes = LinearExpr(static_cast<int64_t>(scratch));
  result.stages.push_back(std::move(stage));
}

Status StageLowering::addCopy(kernel::CopyStage stage, LinearExpr items) {
  std::string suffix = "_copy" + std::to_string(copyCount++);
  stage.name = name + suffix;
  if (threads) {
    LOWBIT_ASSIGN_OR_RETURN(kernel::ThreadLaunch launch,
                            kernel::emitThreadCopy(kernels, stage, *threads));
    addStage(std::move(suffix), std::move(items), std::move(launch));
    return Status::success();
  }
  LOWBIT_RETURN_IF_ERROR(kernel::emitCopyStage(kernels, stage, capabilities));
  addStage(std::move(suffix), std::move(items), uint64_t(0));
  return Status::success();
}

Status StageLowering::copyOddViews() {
  LOWBIT_ASSIGN_OR_RETURN(SmallVector<RowCopy> copies, alignViews());
  for (const RowCopy &copy : copies)
    LOWBIT_RETURN_IF_ERROR(
        addCopy({"", copy.input, copy.output, copy.columns}, perRow()));
  return Status::success();
}

/// One copy for each input. The result has most rows of the dispatch.
Status StageLowering::lowerConcat(ConcatRowsOp concat) {
  kernel::CopyStage stage;
  stage.output = rowsOf(concat.getResult());
  stage.columns = columnsOf(concat.getResult());
  stage.outputRows = concat.getRowsOfImage();
  int64_t images = rows / stage.outputRows;
  for (auto [input, count] : llvm::zip(concat.getInputs(), concat.getRows())) {
    stage.input = rowsOf(input);
    stage.count = stage.inputRows = count;
    LOWBIT_RETURN_IF_ERROR(
        addCopy(stage, LinearExpr::of(LOWBIT_DIM_TOKENS, images * count)));
    stage.outputFirst += count;
  }
  return Status::success();
}

Status StageLowering::lowerSlice(SliceRowsOp slice) {
  kernel::CopyStage stage;
  stage.input = rowsOf(slice.getInput());
  stage.output = rowsOf(slice.getResult());
  stage.columns = columnsOf(slice.getResult());
  stage.count = stage.outputRows = static_cast<int64_t>(slice.getCount());
  stage.inputRows = static_cast<int64_t>(slice.getOf());
  stage.inputFirst = static_cast<int64_t>(slice.getFirst());
  return addCopy(stage, LinearExpr::of(LOWBIT_DIM_TOKENS,
                                       rows / stage.inputRows * stage.count));
}

Status StageLowering::lowerGather(GatherRowsOp gather) {
  kernel::GatherStage stage;
  stage.name = name + "_gather";
  stage.ids = vectorBinding(gather.getIds());
  LOWBIT_ASSIGN_OR_RETURN(stage.table, gather.getTable().getType().getLeafDesc());
  stage.bindings.assign(bindingsOf[gather.getTable()].begin(),
                        bindingsOf[gather.getTable()].end());
  stage.output = rowsOf(gather.getResult());
  if (threads) {
    LOWBIT_ASSIGN_OR_RETURN(kernel::ThreadLaunch launch,
                            kernel::emitThreadGather(kernels, stage, *threads));
    addStage("_gather", perRow(), std::move(launch));
    return Status::success();
  }
  LOWBIT_RETURN_IF_ERROR(kernel::emitGatherStage(kernels, stage, capabilities));
  addStage("_gather", perRow(), uint64_t(0));
  return Status::success();
}

Status StageLowering::lowerPatches(Operation *op) {
  kernel::PatchStage stage;
  stage.name = name + "_patches";
  auto fill = [&](auto patches) {
    ArrayRef<int64_t> image = patches.getImage();
    stage.channels = image[0];
    stage.height = image[1];
    stage.width = image[2];
    stage.patch = patches.getPatch();
    stage.channelsLast = patches.getChannelsLast();
  };
  stage.image = rowsOf(op->getOperand(0));
  stage.patches = rowsOf(op->getResult(0));
  if (auto patchify = dyn_cast<PatchifyOp>(op)) {
    fill(patchify);
  } else {
    fill(cast<UnpatchifyOp>(op));
    stage.toImage = true;
    std::swap(stage.image, stage.patches);
  }
  if (threads) {
    LOWBIT_ASSIGN_OR_RETURN(kernel::ThreadLaunch launch,
                            kernel::emitThreadPatches(kernels, stage, *threads));
    addStage("_patches", perRow(), std::move(launch));
    return Status::success();
  }
  LOWBIT_RETURN_IF_ERROR(kernel::emitPatchStage(kernels, stage, capabilities));
  addStage("_patches", perRow(), uint64_t(0));
  return Status::success();
}
