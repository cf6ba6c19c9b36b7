//===- Passes.td - From one dialect to another -*- tablegen -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_CONVERSION_PASSES_TD
#define PASSES_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertDispatchToLLVMPass
    : Pass<"convert-dispatch-to-llvm", "::mlir::ModuleOp"> {
  let summary = "kernel code for every distinct dispatch and CPU target";
  let description = [{
    Class E0. For each CPU target appends a nested module `@kernels_cpu_<level>` with
    one `llvm.func` for each stage of each distinct dispatch (ABI: lowbit-c/kernel.h).
    The dispatches stay: they are what the link phase turns into a plan.
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect",
    "::mlir::arith::ArithDialect", "::mlir::vector::VectorDialect",
    "::mlir::math::MathDialect"];
  let options = [ListOption<"targets", "targets", "std::string",
                            "target specifications, e.g. cpu:x86-64-v3">];
}

#endif // PASSES_CONVERSION_PASSES_TD
