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
    InterfaceMethod<"Sets the code, and the table of a code that has one, of `leaf`.",
      "::lowbit::Status", "describeInto", (ins "::lowbit::LeafDesc &":$leaf), [{}], [{
        leaf.code = $_attr.getNumberDesc();
        return ::lowbit::Status::success();
      }]>,
    InterfaceMethod<"Prints the surface syntax, without the dialect prefix.",
      "void", "printBare", (ins "::mlir::AsmPrinter &":$printer)>
  ];
}

def Lowbit_GranularityAttrInterface : AttrInterface<"GranularityAttrInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = [{Which elements of a [rows, columns] tensor share one number.}];
  let methods = [
    InterfaceMethod<[{Sets granularity, granules, space and rank of `param`, a factor
      of `leaf`, whose shape and pattern are set.}], "::lowbit::Status",
      "describeInto", (ins "const ::lowbit::LeafDesc &":$leaf,
                           "::lowbit::ParamDesc &":$param)>,
    InterfaceMethod<[{Rule V2: each result is `d` or `d floordiv c` and `c`
      divides the dimension. Rules that need more than the shape (V3) are
      describeInto's.}], "::llvm::LogicalResult", "verifyFor",
      (ins "::llvm::ArrayRef<int64_t>":$shape,
           "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError)>,
    InterfaceMethod<"Prints the surface syntax, without the dialect prefix.",
      "void", "printBare", (ins "::mlir::AsmPrinter &":$printer)>
  ];
}

def Lowbit_PatternAttrInterface : AttrInterface<"PatternAttrInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = [{Which elements of a tensor are stored.}];
  let methods = [
    InterfaceMethod<"The plain description.", "::lowbit::PatternDesc",
      "getPatternDesc", (ins)>,
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
      each). Dynamic leading dimensions are passed as 1. An elastic encoding is its
      full member here; a sum or product is refused: ask getEncodingDesc.}],
      "::lowbit::StatusOr<::lowbit::LeafDesc>", "getLeafDesc",
      (ins "::llvm::ArrayRef<int64_t>":$shape)>,
    InterfaceMethod<"The whole tree as plain data.",
      "::lowbit::StatusOr<::lowbit::EncodingDesc>", "getEncodingDesc",
      (ins "::llvm::ArrayRef<int64_t>":$shape), [{}], [{
        ::lowbit::StatusOr<::lowbit::LeafDesc> leaf = $_attr.getLeafDesc(shape);
        if (!leaf.isOk())
          return std::move(leaf).status();
        return ::lowbit::EncodingDesc::of(std::move(*leaf));
      }]>,
    InterfaceMethod<"Prints the surface syntax, without the dialect prefix.",
      "void", "printBare", (ins "::mlir::AsmPrinter &":$printer)>,
    InterfaceMethod<"True once the encode phase has chosen where bits lie.",
      "bool", "hasLayout", (ins)>,
    InterfaceMethod<[{The same denotation in the layout and placements of `leaf`. For
      encodings that getLeafDesc accepts.}],
      "::mlir::Attribute", "withLayoutOf", (ins "const ::lowbit::LeafDesc &":$leaf)>,
    InterfaceMethod<"The same denotation with no layout chosen.",
      "::mlir::Attribute", "withoutLayout", (ins)>,
    InterfaceMethod<"Rules V1 to V9 for a tensor of `shape`.",
      "::llvm::LogicalResult", "verifyFor",
      (ins "::llvm::ArrayRef<int64_t>":$shape, "::mlir::Type":$elementType,
           "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError)>
  ];
}

#endif // DIALECTS_LOWBIT_IR_LOWBITINTERFACES_TD
