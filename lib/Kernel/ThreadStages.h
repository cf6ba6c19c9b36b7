//===- ThreadStages.h - Stages for machines of many threads -----*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The stages of RowStages.h and CpuMatmul.h as kernels of threads, with the bits of
// the same clauses. A group of threads computes one work item of the plan's stage. The
// 32 lanes of Semantics N3 are the threads of a warp of 32, and `tree` is a sum with the
// neighbour at distance 1, 2, 4, 8 and 16; neighbouring threads read neighbouring columns.
//
// Arguments and launches: lowbit/Format/GpuCode.h.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_KERNEL_THREADSTAGES_H
#define LIB_KERNEL_THREADSTAGES_H

#include "lib/Kernel/CpuMatmul.h"
#include "lib/Kernel/RowStages.h"

namespace lowbit::kernel {

/// What the stages are emitted for.
struct ThreadTarget {
  ThreadMachine machine;
  KernelCapabilities capabilities;
  /// Whether no stage of the kernel writes a binding.
  std::function<bool(unsigned binding)> readOnly;
};

/// How a stage is launched.
struct ThreadLaunch {
  unsigned threads = 32;          ///< of a group
  unsigned groups = 0;            ///< 0: one for each work item
  unsigned tokensPerGroup = 0;    ///< groups on a second axis; 0: one
  unsigned rowsPerToken = 1;      ///< of the rows that the second axis divides
  uint64_t sharedBytes = 0;       ///< of a group
  std::vector<unsigned> bindings; ///< pointer arguments, in order
};

StatusOr<ThreadLaunch> emitThreadPrologue(mlir::ModuleOp module,
                                          const PrologueStage &stage,
                                          const ThreadTarget &target);
StatusOr<ThreadLaunch> emitThreadRope(mlir::ModuleOp module, const RopeStage &stage,
                                      const ThreadTarget &target);
StatusOr<ThreadLaunch> emitThreadAttention(mlir::ModuleOp module,
                                           const AttentionStage &stage,
                                           const ThreadTarget &target);
StatusOr<ThreadLaunch> emitThreadSequenceAttention(mlir::ModuleOp module,
                                                   const SequenceAttentionStage &stage,
                                                   const ThreadTarget &target);
StatusOr<ThreadLaunch> emitThreadPatches(mlir::ModuleOp module, const PatchStage &stage,
                                         const ThreadTarget &target);
StatusOr<ThreadLaunch> emitThreadCopy(mlir::ModuleOp module, const CopyStage &stage,
                                      const ThreadTarget &target);
StatusOr<ThreadLaunch> emitThreadGather(mlir::ModuleOp module, const GatherStage &stage,
                                        const ThreadTarget &target);
/// `body` runs for one column of a block of eight a thread (StageFunction::rowsOf).
StatusOr<ThreadLaunch> emitThreadElementwise(
    mlir::ModuleOp module, const std::string &name, int64_t columns,
    const ThreadTarget &target,
    const std::function<void(StageFunction &stage, mlir::Value token,
                             mlir::Value column)> &body);
/// Items are those of emitMatmulStage: blocks of eight rows. `items` gets their number.
StatusOr<ThreadLaunch> emitThreadMatmulStage(mlir::ModuleOp module,
                                             const MatmulStage &stage,
                                             const ThreadTarget &target,
                                             int64_t &items);

/// Sums and maxima over a group of whole warps.
class GroupReductions {
public:
  /// Uses bytes [offset, offset + bytes(columns)) of the group's shared memory.
  GroupReductions(StageFunction &stage, uint64_t offset);
  static uint64_t bytes(int64_t columns);

  mlir::Value lane() { return laneIndex; } ///< thread in its warp
  mlir::Value warp() { return warpIndex; }
  unsigned warps() const { return stage.threads() / 32; }

  /// One lane's new sum from its old one and a column.
  using Term = std::function<AbstractValue(AbstractValue sum, mlir::Value column)>;
  /// N3 over [0, columns); every thread gets the result.
  AbstractValue rowSum(int64_t columns, const Term &term);
  /// `tree` (N1) over the warp's lanes.
  AbstractValue treeOfLanes(AbstractValue value);
  /// N7's maximum over a warp, or over the group; every thread gets the result.
  AbstractValue warpMax(AbstractValue value);
  AbstractValue groupMax(AbstractValue value);

private:
  AbstractValue treeOfFirst(AbstractValue value, mlir::Value count);

  StageFunction &stage;
  IRValueBuilder &b;
  uint64_t offset;
  mlir::Value laneIndex, warpIndex;
};

} // namespace lowbit::kernel

#endif // LIB_KERNEL_THREADSTAGES_H
