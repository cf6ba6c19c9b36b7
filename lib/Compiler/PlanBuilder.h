//===- PlanBuilder.h - Scheduled IR to an execution plan --------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Blocks become procedures, layers calls, dispatches dispatches. Values become
// buffers whose slots are reused as soon as their last reader has run.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_COMPILER_PLANBUILDER_H
#define LIB_COMPILER_PLANBUILDER_H

#include "dialects/Lowbit/IR/LowbitOps.h"
#include "lowbit/Format/Plan.h"
#include "passes/Conversion/DispatchToLLVM/DispatchLowering.h"

#include "llvm/ADT/StringMap.h"

namespace mlir::lowbit {

/// Indices of the components of each parameter, by symbol, in canonical order.
using ComponentIndices = llvm::StringMap<llvm::SmallVector<uint32_t>>;

/// Builds the plan of a scheduled module. `kernels` and `lowered` are parallel:
/// one kernel for each distinct dispatch.
::lowbit::StatusOr<::lowbit::Plan>
buildPlan(ModuleOp module, const KernelTable &kernels,
          llvm::ArrayRef<LoweredDispatch> lowered,
          const ComponentIndices &components);

} // namespace mlir::lowbit

#endif // LIB_COMPILER_PLANBUILDER_H
