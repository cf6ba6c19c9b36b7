//===- Passes.td - Dispatches -*- tablegen -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_FUSION_PASSES_TD
#define PASSES_FUSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def SinkRowViewsPass
    : InterfacePass<"lowbit-sink-row-views", "::mlir::FunctionOpInterface"> {
  let summary = "give each user of repeated or cycled rows a view of its own";
  let description = [{
    Class E0. `repeat_rows` and `cycle_rows` compute nothing: a kernel reads through
    them. Each use gets a copy right before it, so that fusion can take it along.
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect"];
}

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
    - one attention, one row gather, one patch op, or one chain of norm and
      elementwise ops.
    Views of rows (`repeat_rows`, `cycle_rows`) go with the op that reads them.
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

def SetDispatchRowsPass
    : Pass<"lowbit-set-dispatch-rows", "::mlir::ModuleOp"> {
  let summary = "record how many rows a dispatch has for each row of the call";
  let description = [{
    Class E0. Sets `rows` of every dispatch whose kernel works on tokens of images,
    where the call counts images: `patchify` and `repeat_rows` multiply the rows,
    `unpatchify` divides them. Fails where rows of different counts meet.
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect"];
}

#endif // PASSES_FUSION_PASSES_TD
