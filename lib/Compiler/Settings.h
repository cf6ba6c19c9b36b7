//===- Settings.h - Options of the driver to options of phases *- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_COMPILER_SETTINGS_H
#define LIB_COMPILER_SETTINGS_H

#include "lowbit/Compiler/Compile.h"
#include "lowbit/Compiler/Phases.h"
#include "lowbit/Support/Status.h"

namespace mlir::lowbit {

/// What the phases need to know of `options`: targets by their full names
/// ("cpu:x86-64-v3", "nvptx:sm_80"), each once, the host's when none is given; the
/// kind of activations and their group. Errors name the flag.
::lowbit::StatusOr<PhaseOptions> phaseOptions(const CompileOptions &options);

} // namespace mlir::lowbit

#endif // LIB_COMPILER_SETTINGS_H
