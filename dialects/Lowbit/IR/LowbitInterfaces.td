//===- LowbitInterfaces.td - Questions that encodings answer -*- tablegen -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_LOWBIT_IR_LOWBITINTERFACES_TD
#define DIALECTS_LOWBIT_IR_LOWBITINTERFACES_TD

include "mlir/IR/OpBase.td"

def Lowbit_CodeAttrInterface : AttrInterface<"CodeAttrInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = [{
    The value set of one stored number: of a code, or of one scale, zero or
    offset factor.
  }];
  let methods = [
    InterfaceMethod<"The plain description that packing and kernels work from.",
      "::lowbit::NumberDesc", "getNumberDesc", (ins)>,
    InterfaceMethod<"Prints the surface syntax, without the dialect prefix.",
      "void", "printBare", (ins "::mlir::AsmPrinter &":$printer)>
  ];
}

def Lowbit_GranularityAttrInterface : AttrInterface<"GranularityAttrInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = [{Which elements of a [rows, columns] tensor share one number.}];
  let methods = [
    InterfaceMethod<"(n, k) -> granule index.", "::mlir::AffineMap",
      "getGranuleMap", (ins)>,
    InterfaceMethod<[{Rule V2: each result is `d` or `d floordiv c` and `c`
      divides the dimension.}], "::llvm::LogicalResult", "verifyFor",
      (ins "::llvm::ArrayRef<int64_t>":$shape,
           "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError)>,
    InterfaceMethod<"Prints the surface syntax, without the dialect prefix.",
      "void", "printBare", (ins "::mlir::AsmPrinter &":$printer)>
  ];
}

def Lowbit_LayoutAttrInterface : AttrInterface<"LayoutAttrInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = [{How the bits of the codes lie in words (DESIGN section 3).}];
  let methods = [
    InterfaceMethod<"Fills the code fields and the storage rule of `leaf`.",
      "::lowbit::Status", "describeInto", (ins "::lowbit::LeafDesc &":$leaf)>,
    InterfaceMethod<"Prints the surface syntax, without the dialect prefix.",
      "void", "printBare", (ins "::mlir::AsmPrinter &":$printer)>
  ];
}

def Lowbit_EncodingAttrInterface : AttrInterface<"EncodingAttrInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = [{
    What every pass may ask of an encoding. No pass switches over encoding kinds.
  }];
  let methods = [
    InterfaceMethod<[{The encoding of a tensor of `shape`, as plain data. Without
      a layout the canonical one is filled in (codes row-major, one container
      each). Dynamic leading dimensions are passed as 1.}],
      "::lowbit::StatusOr<::lowbit::LeafDesc>", "getLeafDesc",
      (ins "::llvm::ArrayRef<int64_t>":$shape)>,
    InterfaceMethod<"True once the encode phase has chosen where bits lie.",
      "bool", "hasLayout", (ins)>,
    InterfaceMethod<"The same denotation in the layout and placements of `leaf`.",
      "::mlir::Attribute", "withLayoutOf", (ins "const ::lowbit::LeafDesc &":$leaf)>,
    InterfaceMethod<"The same denotation with no layout chosen.",
      "::mlir::Attribute", "withoutLayout", (ins)>,
    InterfaceMethod<"Rules V1, V2, V5 and V14 for a tensor of `shape`.",
      "::llvm::LogicalResult", "verifyFor",
      (ins "::llvm::ArrayRef<int64_t>":$shape, "::mlir::Type":$elementType,
           "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError)>
  ];
}

#endif // DIALECTS_LOWBIT_IR_LOWBITINTERFACES_TD
