//===- Registration.h - Every dialect and pass of the compiler --*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_COMPILER_REGISTRATION_H
#define LOWBIT_COMPILER_REGISTRATION_H

namespace mlir {
class DialectRegistry;

namespace lowbit {

/// Adds the lowbit dialect, the upstream dialects that lowbit IR may contain, and
/// the translations to LLVM IR.
void registerAllDialects(DialectRegistry &registry);

/// Registers our passes and phase pipelines under their textual names. Call once.
void registerAllPasses();

} // namespace lowbit
} // namespace mlir

#endif // LOWBIT_COMPILER_REGISTRATION_H
