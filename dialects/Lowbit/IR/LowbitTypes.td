//===- LowbitTypes.td - Compressed tensors and caches -*- tablegen -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_LOWBIT_IR_LOWBITTYPES_TD
#define DIALECTS_LOWBIT_IR_LOWBITTYPES_TD

include "dialects/Lowbit/IR/LowbitDialect.td"
include "mlir/IR/BuiltinTypeInterfaces.td"

def Lowbit_TensorType : Lowbit_Type<"LowbitTensor", "tensor"> {
  let summary = "compressed tensor: logical shape, logical element type, encoding";
  let description = [{
    An opaque type of our own: upstream ops accept any encoding attribute on
    `tensor`, so packed bytes could be added by accident. Weights are [rows,
    columns]; activations [?, columns].

    ```mlir
    !lowbit.tensor<576x576xf32, #lowbit.leaf<ternary, scale = [f32 per tensor]>>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType,
                        "::mlir::Attribute":$encoding);
  // Shapes print as 4x?xf32, which `struct` cannot.
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    EncodingAttrInterface getEncodingInterface() const;
    /// The dense tensor it denotes.
    ::mlir::RankedTensorType getDecodedType() const;
    /// The plain description; dynamic dimensions count as 1.
    ::lowbit::StatusOr<::lowbit::LeafDesc> getLeafDesc() const;
    /// The whole tree; a leaf for every encoding but sum, prod and elastic.
    ::lowbit::StatusOr<::lowbit::EncodingDesc> getEncodingDesc() const;
    /// Types of the components, in canonical order, as builtin tensors.
    ::lowbit::StatusOr<::llvm::SmallVector<::mlir::RankedTensorType>>
    getComponentTypes() const;
  }];
}

def Lowbit_KVType : Lowbit_Type<"KV", "kv"> {
  let summary = "handle of one layer instance's key/value cache";
  let description = [{
    `heads` key/value heads of `dim` elements. Appending and reading are memory
    effects on the handle.

    ```mlir
    !lowbit.kv<3x64xf32>
    ```
  }];
  let parameters = (ins "int64_t":$heads, "int64_t":$dim, "::mlir::Type":$elementType);
  let assemblyFormat = "`<` custom<KVShape>($heads, $dim, $elementType) `>`";
  let genVerifyDecl = 1;
}

#endif // DIALECTS_LOWBIT_IR_LOWBITTYPES_TD
