//===- ScheduleBuilder.h - lowbit.denoise to a module's schedule -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_COMPILER_SCHEDULEBUILDER_H
#define LIB_COMPILER_SCHEDULEBUILDER_H

#include "lib/Compiler/PlanBuilder.h"
#include "lowbit/Format/Schedule.h"

namespace mlir::lowbit {

/// The schedule section of a module with a `lowbit.denoise`; nothing without one.
/// Calls of the plan's functions count images (tokensPerImage 1). A variant @f has
/// the condition function "f.condition" where hoist-steps made one.
::lowbit::StatusOr<std::optional<::lowbit::DenoiseSchedule>>
buildSchedule(ModuleOp module, const ::lowbit::Plan &plan);

} // namespace mlir::lowbit

#endif // LIB_COMPILER_SCHEDULEBUILDER_H
