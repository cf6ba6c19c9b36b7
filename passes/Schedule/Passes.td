//===- Passes.td - Strategies -*- tablegen -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_SCHEDULE_PASSES_TD
#define PASSES_SCHEDULE_PASSES_TD

include "mlir/Pass/PassBase.td"

def SelectStrategiesPass : Pass<"lowbit-select-strategies", "::mlir::ModuleOp"> {
  let summary = "choose an instruction strategy for each dispatch and target";
  let description = [{
    Class E0. Writes `strategies` on every dispatch: for each target the legal
    strategy of least estimated time, max(bytes / bandwidth, operations / rate).
    Capabilities come from the target table; candidates that were refused are
    reported as remarks of category `lowbit-schedule` with the reason.
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect"];
  let options = [ListOption<"targets", "targets", "std::string",
                            "target specifications, e.g. cpu:x86-64-v3">];
}

#endif // PASSES_SCHEDULE_PASSES_TD
