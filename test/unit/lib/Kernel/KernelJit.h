//===- KernelJit.h - Runs generated stages inside a test --------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers a module of stages to machine code of this process. Independent of
// lib/Codegen on purpose: a wrong kernel is then a wrong kernel.
//
//===----------------------------------------------------------------------===//

#ifndef TEST_UNIT_LIB_KERNEL_KERNELJIT_H
#define TEST_UNIT_LIB_KERNEL_KERNELJIT_H

#include "lib/Kernel/ValueBuilder.h"
#include "lowbit-c/kernel.h"

#include "mlir/IR/BuiltinOps.h"

#include <memory>
#include <string>

namespace lowbit::test {

/// A machine to generate for.
struct TestMachine {
  std::string cpu;
  kernel::KernelCapabilities capabilities;
};
TestMachine baselineMachine(); ///< x86-64: SSE2 only
TestMachine avx2Machine();     ///< x86-64-v3
/// Whether this processor runs avx2Machine's code.
bool hostRunsAvx2();

class KernelJit {
public:
  /// Destroys `module`'s higher-level operations. Fails the process on an
  /// error.
  KernelJit(mlir::ModuleOp module, const TestMachine &machine);
  ~KernelJit();
  lowbit_stage_fn stage(const std::string &name) const;
  /// Assembly of the module, for inspection.
  const std::string &assembly() const { return text; }
  /// Functions that the code calls but does not contain.
  std::vector<std::string> undefinedSymbols() const { return undefined; }

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
  std::string text;
  std::vector<std::string> undefined;
};

} // namespace lowbit::test

#endif // TEST_UNIT_LIB_KERNEL_KERNELJIT_H
