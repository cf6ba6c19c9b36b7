//===- StageLowering.h - Stages that move rows -------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How a stage joins the kernel of a dispatch, and the ops whose stages only move numbers.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_CONVERSION_DISPATCHTOLLVM_STAGELOWERING_H
#define PASSES_CONVERSION_DISPATCHTOLLVM_STAGELOWERING_H

#include "lib/Kernel/ThreadStages.h"
#include "passes/Conversion/DispatchToLLVM/DispatchBindings.h"

namespace mlir::lowbit {

/// Emits stages of one dispatch into `kernels`: functions for one thread of a CPU, or
/// kernels of threads where there is a `machine`.
class StageLowering : protected DispatchBindings {
public:
  StageLowering(DispatchOp dispatch, StringRef name,
                const ::lowbit::kernel::KernelCapabilities &capabilities, ModuleOp kernels,
                const ::lowbit::kernel::ThreadMachine *machine);
  StageLowering(const StageLowering &) = delete; // `threads` refers to this
  StageLowering &operator=(const StageLowering &) = delete;

protected:
  /// Adds the stage named `name` + `suffix`, which is emitted already, of `items` items.
  void addStage(std::string suffix, ::lowbit::LinearExpr items,
                ::lowbit::kernel::ThreadLaunch launch);
  void addStage(std::string suffix, ::lowbit::LinearExpr items, uint64_t scratch);

  /// Emits and adds a copy of `items` rows.
  ::lowbit::Status addCopy(::lowbit::kernel::CopyStage stage, ::lowbit::LinearExpr items);
  /// Copies the views that row code cannot read in place (alignViews).
  ::lowbit::Status copyOddViews();

  ::lowbit::Status lowerConcat(ConcatRowsOp concat);
  ::lowbit::Status lowerSlice(SliceRowsOp slice);
  ::lowbit::Status lowerGather(GatherRowsOp gather);
  /// `op` is patchify or unpatchify.
  ::lowbit::Status lowerPatches(Operation *op);

  std::string name;
  const ::lowbit::kernel::KernelCapabilities &capabilities;
  ModuleOp kernels;
  std::optional<::lowbit::kernel::ThreadTarget> threads;

private:
  unsigned copyCount = 0;
};

} // namespace mlir::lowbit

#endif // PASSES_CONVERSION_DISPATCHTOLLVM_STAGELOWERING_H
