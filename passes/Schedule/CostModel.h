//===- CostModel.h - What a dispatch costs on a target -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A strategy costs max(bytes / bandwidth, operations / rate) a row, both taken from
// the capabilities of a target, never from its name. Figures of `facts/cpu.md`: one
// core reads about 20 GB/s; a 256-bit pairwise multiply-add does 32 products, and two
// issue each cycle.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_SCHEDULE_COSTMODEL_H
#define PASSES_SCHEDULE_COSTMODEL_H

#include "dialects/Lowbit/IR/LowbitOps.h"

#include <string>

namespace mlir::lowbit {

/// What a machine offers to the anchors of dispatches.
struct MachineModel {
  std::string target;           ///< as in the target specification
  bool isHost = true;           ///< executes every kind of dispatch
  double bytesPerNanosecond = 20;
  double cyclesPerNanosecond = 2.5;
  double floatProducts = 8;     ///< f32 multiply-adds a cycle
  double pairwiseProducts = 0;  ///< u8 x s8 pairs into s16; 0 = absent
  double dot4Products = 0;      ///< four products into s32; 0 = absent
  double widenedProducts = 8;   ///< s8 widened before the multiplication
  double elementReads = 0.05;   ///< elements decoded through index maps
  double planeBits = 8;         ///< bits of planes, ANDed, counted and added
};

/// The model of "cpu:NAME" or "nvptx:NAME".
::lowbit::StatusOr<MachineModel> machineModelOf(llvm::StringRef target);

/// One way to compute a dispatch.
struct Candidate {
  StrategyKind kind;
  double picoseconds = 0; ///< of one row; meaningless when refused
  std::string refusal;    ///< why it is not legal; empty when it is
};

/// Bytes of parameters that one run of `dispatch` reads, and its multiply-adds a row.
struct DispatchWork {
  uint64_t parameterBytes = 0;
  uint64_t products = 0;
  bool hasMatmul = false;
  bool hasQuantizedMatmul = false;
  bool hasAttention = false;
  bool readsByElement = false; ///< no faster way knows a weight's layout
  unsigned planes = 0;         ///< most bit planes of a weight; 0 = codes
};
DispatchWork measureWork(DispatchOp dispatch);

/// All strategies that were considered, legal ones with their cost.
llvm::SmallVector<Candidate> enumerateStrategies(const DispatchWork &work,
                                                 const MachineModel &machine);

} // namespace mlir::lowbit

#endif // PASSES_SCHEDULE_COSTMODEL_H
