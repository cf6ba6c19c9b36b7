//===- CpuCodegen.h - Stages to a shared object -----------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A module of `llvm.func` stages whose bodies are scf, arith, math, vector and llvm
// ops becomes a shared object without undefined symbols that exports `lowbit_query`
// (lowbit-c/kernel.h). No process is started: passes, LLVM and lld run in ours.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CODEGEN_CPU_CPUCODEGEN_H
#define LIB_CODEGEN_CPU_CPUCODEGEN_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mlir {
class DialectRegistry;
class ModuleOp;
} // namespace mlir

namespace mlir::lowbit {

struct CpuCodegenOptions {
  std::string triple;   ///< "x86_64-unknown-linux-gnu"
  std::string cpu;      ///< "x86-64-v3"; must be known to LLVM
  std::string features; ///< "+avx2,..."; may be empty
  /// Which of the texts below to fill beside the image.
  bool keepLLVM = false;
  bool keepAssembly = false;
};

struct CpuImage {
  std::vector<uint8_t> sharedObject;
  std::vector<uint8_t> object;
  std::string llvmText; ///< optimised LLVM IR
  std::string assembly;
};

/// Adds the dialect translations that compileCpuModule needs.
void registerCpuCodegenDialects(DialectRegistry &registry);

/// Compiles `stages` (names of functions of `module`, in table order). `module` is
/// lowered in place. Deterministic. Fails with what is wrong: an op that does not
/// lower, an unknown cpu, a symbol that stays undefined, a linker message.
::lowbit::StatusOr<CpuImage> compileCpuModule(ModuleOp module,
                                              const std::vector<std::string> &stages,
                                              const CpuCodegenOptions &options);

} // namespace mlir::lowbit

#endif // LIB_CODEGEN_CPU_CPUCODEGEN_H
