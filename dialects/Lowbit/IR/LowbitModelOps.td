//===- LowbitModelOps.td - Parameters, blocks, layers, dispatches -*- tablegen -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_LOWBIT_IR_LOWBITMODELOPS_TD
#define DIALECTS_LOWBIT_IR_LOWBITMODELOPS_TD

include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/CallInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

def Lowbit_ParamOp : Lowbit_Op<"param", [Symbol]> {
  let summary = "symbol bound to external components";
  let description = [{
    Weights never stand in the IR. `source` says where the components come from: a
    tensor of the input file, a computed table, or nothing (bound by name later).
    C1: the type is a compressed tensor or a static builtin tensor. C2: the source is
    `#lowbit.file`, `#lowbit.splat`, `#lowbit.computed`, or, for a tensor [positions, d / 2, 2] of f32,
    `#lowbit.rope_table`; never a literal (V14).

    ```mlir
    lowbit.param @norm : tensor<64xf32> = #lowbit.file<tensor = "output_norm.weight", format = "gguf.f32">
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$type,
                       OptionalAttr<AnyAttr>:$source,
                       OptionalAttr<StrAttr>:$sym_visibility);
  let assemblyFormat = [{
    $sym_name `:` $type (`=` $source^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Lowbit_GetParamOp : Lowbit_Op<"get_param",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "value of a parameter";
  let description = [{
    C1: the symbol is a `lowbit.param` of the result's type.

    ```mlir
    %g = lowbit.get_param @norm : tensor<64xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$param);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$param attr-dict `:` type($result)";
}

def Lowbit_KVCacheOp : Lowbit_Op<"kv_cache", [Symbol]> {
  let summary = "the caches of a model, one slot a layer instance";
  let description = [{
    C1 (V13): slots >= 1; each function that uses the cache uses every slot in
    exactly one `lowbit.layer`.

    ```mlir
    lowbit.kv_cache @kv slots 5 : !lowbit.kv<4x8xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$slots,
                       TypeAttrOf<Lowbit_KVType>:$type,
                       OptionalAttr<StrAttr>:$sym_visibility);
  let assemblyFormat = "$sym_name `slots` $slots `:` $type attr-dict";
  let hasVerifier = 1;
}

def Lowbit_ParamSetOp : Lowbit_Op<"param_set",
    [Symbol, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "parameters of one layer, in the order of its block";
  let description = [{
    C1: every member is a `lowbit.param`. Layers that share bytes share sets or
    members. (`overlay` of a base set, rule V11, names only the members that
    differ: `overlay @base {index = @param}`.)

    ```mlir
    lowbit.param_set @layer0 [@n0, @q0]
    lowbit.param_set @layer1 overlay @layer0 {0 = @n1}
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       OptionalAttr<FlatSymbolRefAttr>:$base,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$indices,
                       ArrayAttr:$members,
                       OptionalAttr<StrAttr>:$sym_visibility);
  // Either a list, or a base with index = symbol pairs.
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// All members with overlays applied. Requires verified IR.
    ::llvm::SmallVector<::mlir::FlatSymbolRefAttr>
    resolveMembers(::mlir::SymbolTableCollection &tables);
  }];
}

//===----------------------------------------------------------------------===//
// Blocks and layers
//===----------------------------------------------------------------------===//

def Lowbit_BlockOp : Lowbit_Op<"block",
    [AutomaticAllocationScope, FunctionOpInterface, IsolatedFromAbove,
     AffineScope]> {
  let summary = "function of inputs, state and parameters: one layer's computation";
  let description = [{
    Arguments are inputs, then state (caches), then parameters. A model of 30 equal
    layers is 30 calls of one block. C1: states are caches; C2: num_states +
    num_params do not exceed the arguments.

    ```mlir
    lowbit.block @layer(%h: tensor<?x64xf32>, %g: tensor<64xf32>) -> tensor<?x64xf32>
        attributes {num_params = 1 : i64, num_states = 0 : i64} {
      %n = lowbit.norm rms %h weight %g : tensor<64xf32> eps 1.000000e-05 : tensor<?x64xf32>
      lowbit.return %n : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       TypeAttrOf<FunctionType>:$function_type,
                       OptionalAttr<StrAttr>:$sym_visibility,
                       OptionalAttr<DictArrayAttr>:$arg_attrs,
                       OptionalAttr<DictArrayAttr>:$res_attrs,
                       I64Attr:$num_states, I64Attr:$num_params);
  let regions = (region AnyRegion:$body);
  // The syntax of functions, shared through function_interface_impl.
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::Region *getCallableRegion() { return &getBody(); }
    ::llvm::ArrayRef<::mlir::Type> getArgumentTypes() { return getFunctionType().getInputs(); }
    ::llvm::ArrayRef<::mlir::Type> getResultTypes() { return getFunctionType().getResults(); }
    int64_t getNumInputs() {
      return getFunctionType().getNumInputs() - getNumStates() - getNumParams();
    }
  }];
}

def Lowbit_ReturnOp : Lowbit_Op<"return",
    [Pure, ReturnLike, Terminator, ParentOneOf<["BlockOp", "DispatchOp"]>]> {
  let hasVerifier = 1;
  let summary = "results of a block or dispatch";
  let description = [{
    ```mlir
    lowbit.return %n : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$operands);
  let assemblyFormat = "($operands^ `:` type($operands))? attr-dict";
}

def Lowbit_LayerOp : Lowbit_Op<"layer",
    [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "call of a block with a parameter set and a cache slot";
  let description = [{
    C1: the block exists and its inputs and results have the call's types. C2: the
    set's members have the types of the block's parameters. C3: a cache is given
    exactly when the block has state, 0 <= slot < slots.

    ```mlir
    %h1 = lowbit.layer @layer(%h) params @layer0 state @kv[0]
        : (tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<AnyType>:$inputs,
                       OptionalAttr<FlatSymbolRefAttr>:$params,
                       OptionalAttr<FlatSymbolRefAttr>:$cache,
                       OptionalAttr<I64Attr>:$slot);
  let results = (outs Variadic<AnyType>:$results);
  let assemblyFormat = [{
    $callee `(` $inputs `)` (`params` $params^)? (`state` $cache^ `[` $slot `]`)?
    attr-dict `:` functional-type($inputs, $results)
  }];
}

//===----------------------------------------------------------------------===//
// Lowered compute
//===----------------------------------------------------------------------===//

def Lowbit_DispatchOp : Lowbit_Op<"dispatch",
    [IsolatedFromAbove, SingleBlock, RecursiveMemoryEffects]> {
  let summary = "isolated region that becomes one kernel";
  let description = [{
    Prologue (per token), anchor and epilogue ops as they stood in the block, over
    region arguments. `strategies` holds one choice for each target and bucket of
    rows; empty until the schedule phase. `rows` is the number of rows that the kernel
    works on for each row of the call (tokens of an image); absent: 1. C1: region arguments have the operands'
    types, the terminator returns the results' types.

    ```mlir
    %y = lowbit.dispatch (%a = %x : tensor<?x64xf32>) -> (tensor<?x64xf32>) {
      %0 = lowbit.activation silu %a : tensor<?x64xf32>
      lowbit.return %0 : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$inputs,
                       OptionalAttr<ArrayAttr>:$strategies,
                       OptionalAttr<I64Attr>:$rows);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$body);
  // Binds region arguments to operands, which declarative formats cannot.
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

#endif // DIALECTS_LOWBIT_IR_LOWBITMODELOPS_TD
