//===- DispatchLowering.h - One dispatch to the stages of a kernel -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A dispatch becomes a kernel: a list of stages and a list of pointers. The stages
// are emitted by lib/Kernel; here the ops of a region are matched to them, operands
// get bindings, and intermediates that cross a stage get temporaries.
//
// Rows (f32 [tokens, columns]) are stored with a stride of columns rounded up to 8.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_CONVERSION_DISPATCHTOLLVM_DISPATCHLOWERING_H
#define PASSES_CONVERSION_DISPATCHTOLLVM_DISPATCHLOWERING_H

#include "dialects/Lowbit/IR/LowbitOps.h"
#include "lib/Kernel/ThreadStages.h"
#include "lowbit/Format/Plan.h"

namespace mlir::lowbit {

/// What one pointer of a kernel points to.
struct KernelBinding {
  enum class Kind {
    component, ///< component `component` of operand `index` (a parameter)
    rows,      ///< operand `index`: f32 rows or ids
    keys,      ///< keys of the cache that operand `index` is
    values,    ///< its values
    result,    ///< result `index`
    temporary, ///< temporary `index`
  };
  Kind kind;
  unsigned index = 0;
  unsigned component = 0;
};

/// A kernel, ready to be put into a plan.
struct LoweredDispatch {
  std::vector<::lowbit::PlanStage> stages;
  std::vector<KernelBinding> bindings;
  /// Bytes of each temporary; alive during the dispatch only.
  std::vector<::lowbit::LinearExpr> temporaries;
  /// One a stage, of a dispatch lowered for a machine of threads.
  std::vector<::lowbit::kernel::ThreadLaunch> launches;
  uint64_t parameterBytes = 0;  ///< read by one run
  uint64_t operationsPerToken = 0; ///< multiply-adds times two
};

/// Floats from one row to the next.
inline int64_t rowStride(int64_t columns) { return (columns + 7) / 8 * 8; }

/// Emits the stages of `dispatch` into `kernels` under names that begin with `name`:
/// for a CPU, or with `machine` for a machine of threads. Stage lists and bindings do
/// not depend on the machine; scratch sizes may.
::lowbit::StatusOr<LoweredDispatch>
lowerDispatch(DispatchOp dispatch, llvm::StringRef name,
              const ::lowbit::kernel::KernelCapabilities &capabilities,
              ModuleOp kernels,
              const ::lowbit::kernel::ThreadMachine *machine = nullptr);

/// Distinct dispatches of a module in program order; equal ones share a kernel.
struct KernelTable {
  llvm::SmallVector<DispatchOp> representatives;
  llvm::SmallVector<std::string> names; ///< unique and readable
  llvm::DenseMap<Operation *, unsigned> kernelOf;
};
KernelTable collectKernels(ModuleOp module);

/// The capabilities that lib/Kernel asks for, of a CPU target ("cpu:NAME").
::lowbit::StatusOr<::lowbit::kernel::KernelCapabilities>
cpuKernelCapabilities(llvm::StringRef target);

/// Name of the nested module that convert-dispatch-to-llvm appends for `target`.
std::string kernelModuleName(llvm::StringRef target);

} // namespace mlir::lowbit

#endif // PASSES_CONVERSION_DISPATCHTOLLVM_DISPATCHLOWERING_H
