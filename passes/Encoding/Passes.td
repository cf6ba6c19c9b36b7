//===- Passes.td - Layouts for a target -*- tablegen -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_ENCODING_PASSES_TD
#define PASSES_ENCODING_PASSES_TD

include "mlir/Pass/PassBase.td"

def SelectLayoutsPass : Pass<"lowbit-select-layouts", "::mlir::ModuleOp"> {
  let summary = "choose where the bits of each weight lie, as attributes";
  let description = [{
    Class E0. Annotates each `lowbit.param` of a compressed type that feeds a matmul
    or a row gather with `lowbit.layout = <encoding>`: the same denotation in the
    layout that the kernels read. `layout=rows-in-lanes` (the only one now) puts 8
    rows into the lanes of a vector, so no sum needs a horizontal step.
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect"];
  let options = [Option<"layout", "layout", "std::string", "\"rows-in-lanes\"",
                        "layout of weights: rows-in-lanes">];
}

def ApplyLayoutsPass : Pass<"lowbit-apply-layouts", "::mlir::ModuleOp"> {
  let summary = "give parameters the layouts that were chosen";
  let description = [{
    Class E0. Replaces the types of annotated parameters and of every value that
    carries them; bytes are packed when the module is linked. Parameters of one type
    must have been given one layout.
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect"];
}

def PrintEncodingsPass : Pass<"lowbit-print-encodings", "::mlir::ModuleOp"> {
  let summary = "print what each compressed parameter takes, per weight";
  let description = [{
    Changes nothing. One line on stderr for each `lowbit.param` of a compressed type:
    encoding, bits a weight in total and by role, from the sizes of its components.
    Without a layout the canonical one counts: whole bytes.
  }];
}

#endif // PASSES_ENCODING_PASSES_TD
