//===- Passes.td - Dispatches -*- tablegen -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_FUSION_PASSES_TD
#define PASSES_FUSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def SelectFusionGroupsPass
    : InterfacePass<"lowbit-select-fusion-groups", "::mlir::FunctionOpInterface"> {
  let summary = "choose which ops become one dispatch, as attributes";
  let description = [{
    Class E0. Every compute op gets `lowbit.group = #lowbit.fusion_group<N>`. A group
    has one anchor kind:
    - matmuls of one input, with the quantize and norm that make this input
      (prologue) and the elementwise ops that use only their results and earlier
      values (epilogue);
    - rotary embeddings with the cache append that uses them;
    - one attention, one row gather, or one chain of norm and elementwise ops.
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect"];
}

def OutlineDispatchesPass
    : InterfacePass<"lowbit-outline-dispatches", "::mlir::FunctionOpInterface"> {
  let summary = "move each fusion group into a dispatch region";
  let description = [{
    Class E0. Obeys `lowbit.group`; dispatches follow in dependence order, ties in
    the order of the source. Fails on groups that depend on each other.
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect"];
}

#endif // PASSES_FUSION_PASSES_TD
