//===- LowbitAttrs.td - Encodings: code, granularity, pattern, layout -*- tablegen -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_LOWBIT_IR_LOWBITATTRS_TD
#define DIALECTS_LOWBIT_IR_LOWBITATTRS_TD

include "dialects/Lowbit/IR/LowbitDialect.td"
include "dialects/Lowbit/IR/LowbitEnums.td"
include "dialects/Lowbit/IR/LowbitInterfaces.td"
include "mlir/IR/OpAsmInterface.td"

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

def Lowbit_IntCodeAttr : Lowbit_Attr<"IntCode", "int_code",
    [DeclareAttrInterfaceMethods<Lowbit_CodeAttrInterface>]> {
  let summary = "integer code of 1 to 32 bits, optionally of a sub-range";
  let description = [{
    `int<b>`, `uint<b>`, `int<b, lo:hi>`; `ternary` is `int<2, -1:1>`, `w2star` is
    `uint<3, 0:4>`. Rule V1: lo <= hi, the range fits b bits, at least 2 levels.

    ```mlir
    #lowbit.leaf<int<4>>
    #lowbit.leaf<uint<3, 0:4>>
    ```
  }];
  let parameters = (ins "bool":$isSigned, "unsigned":$width, "int64_t":$lo,
                        "int64_t":$hi);
  // The surface syntax is context-free inside an encoding: `int<4>`, not a struct.
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Lowbit_FloatCodeAttr : Lowbit_Attr<"FloatCode", "float_code",
    [DeclareAttrInterfaceMethods<Lowbit_CodeAttrInterface>]> {
  let summary = "floating-point code: f32, f16 or bf16";
  let description = [{
    `fp<f16>` as a code; the bare type (`f16 per row`) as a parameter.

    ```mlir
    #lowbit.leaf<fp<bf16>>
    ```
  }];
  let parameters = (ins "::mlir::FloatType":$type);
  let hasCustomAssemblyFormat = 1; // see IntCode
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Granularity and parameters
//===----------------------------------------------------------------------===//

def Lowbit_MapGranularityAttr : Lowbit_Attr<"MapGranularity", "granularity",
    [DeclareAttrInterfaceMethods<Lowbit_GranularityAttrInterface>]> {
  let summary = "granules given by a map of the logical index";
  let description = [{
    `tensor` is `(d0, d1) -> ()`, `row` is `(d0, d1) -> (d0)`, `col` is
    `(d0, d1) -> (d1)`, anything else `map<...>`. Rule V2.

    ```mlir
    #lowbit.leaf<int<4>, scale = [f16 per map<(d0, d1) -> (d0, d1 floordiv 32)>]>
    ```
  }];
  let parameters = (ins "::mlir::AffineMap":$map);
  let hasCustomAssemblyFormat = 1; // see IntCode
}

def Lowbit_ParamSpecAttr : Lowbit_Attr<"ParamSpec", "param_spec"> {
  let summary = "one factor of a scale or offset, or a zero point";
  let description = [{
    The number's type, its granularity, and, once a layout is chosen, the
    placement: granule index to place in the stored array (`at MAP`).

    ```mlir
    #lowbit.leaf<int<4>, scale = [f16 per row at (d0) -> (d0 floordiv 8, d0 mod 8)]>
    ```
  }];
  let parameters = (ins "::mlir::Attribute":$number,
                        "::mlir::Attribute":$granularity,
                        "::mlir::AffineMap":$placement);
  let hasCustomAssemblyFormat = 1; // see IntCode; `placement` may be null
  let extraClassDeclaration = [{
    ::lowbit::StatusOr<::lowbit::ParamDesc>
    getParamDesc(::llvm::ArrayRef<int64_t> shape);
  }];
}

//===----------------------------------------------------------------------===//
// Layout
//===----------------------------------------------------------------------===//

def Lowbit_FieldAttr : Lowbit_Attr<"Field", "field"> {
  let summary = "a run of bits of the code and where it lies";
  let description = [{
    Bits [shift, shift + width) of the stored code lie in words of `wordType` at
    index `word`, from bit `bit` on.
  }];
  let parameters = (ins "unsigned":$shift, "unsigned":$width,
                        "::mlir::IntegerType":$wordType,
                        "::mlir::AffineMap":$word, "::mlir::AffineMap":$bit);
  let hasCustomAssemblyFormat = 1; // see IntCode
}

def Lowbit_BitsLayoutAttr : Lowbit_Attr<"BitsLayout", "bits",
    [DeclareAttrInterfaceMethods<Lowbit_LayoutAttrInterface>]> {
  let summary = "codes as runs of bits inside words";
  let description = [{
    `bits<i32, word = MAP, bit = MAP>` for codes in one piece;
    `bits<[i8 x 4, word = MAP, bit = MAP], [i8 x 1, word = MAP, bit = MAP]>` for codes
    split into fields, lowest bits first. `store = biased` keeps `code - lo`.
    Rule V5: (word, bit) is injective and in range.

    ```mlir
    #lowbit.leaf<ternary, layout = bits<i32, word = (d0, d1) -> (d0, d1 floordiv 16),
                                        bit = (d0, d1) -> ((d1 mod 16) * 2)>>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"FieldAttr">:$fields,
                        EnumParameter<Lowbit_StoreKind>:$store);
  let hasCustomAssemblyFormat = 1; // two spellings, see above
}

//===----------------------------------------------------------------------===//
// Encodings
//===----------------------------------------------------------------------===//

def Lowbit_LeafAttr : Lowbit_Attr<"Leaf", "leaf",
    [DeclareAttrInterfaceMethods<Lowbit_EncodingAttrInterface>,
     OpAsmAttrInterface]> {
  let summary = "one array of codes with scales, zero point and offsets";
  let description = [{
    Clause E1: `value(n,k) = prod_i S_i * (c - Z) + O`, each factor looked up at the
    granule of (n, k).

    ```mlir
    #lowbit.leaf<uint<4>, scale = [f16 per map<(d0, d1) -> (d0, d1 floordiv 32)>],
                 offset = [f16 per map<(d0, d1) -> (d0, d1 floordiv 32)>]>
    ```
  }];
  let parameters = (ins "::mlir::Attribute":$code,
                        ArrayRefParameter<"ParamSpecAttr">:$scales,
                        "ParamSpecAttr":$zero,
                        ArrayRefParameter<"ParamSpecAttr">:$offsets,
                        "bool":$offsetNegated,
                        "::mlir::Attribute":$layout);
  let hasCustomAssemblyFormat = 1; // a small language of its own, DESIGN section 3
  let genVerifyDecl = 1;
  let genMnemonicAlias = 1;
  let extraClassDeclaration = [{
    /// The encoding with plain codes of `code` and nothing else.
    static LeafAttr getPlain(::mlir::Attribute code);
  }];
}

//===----------------------------------------------------------------------===//
// Where parameters come from
//===----------------------------------------------------------------------===//

def Lowbit_FileSourceAttr : Lowbit_Attr<"FileSource", "file"> {
  let summary = "a tensor of the input checkpoint";
  let description = [{
    `tensor` is the tensor's name in the checkpoint, `format` a name of the table
    in lib/Packing (`gguf.q4_1`, `safetensors.bf16`, `hf.bitnet`). Formats whose
    scale is a tensor of its own name it in `scale`; `invert_scale` says that the
    stored number is the reciprocal.

    ```mlir
    lowbit.param @q : tensor<64xf32> = #lowbit.file<tensor = "blk.0.attn_norm.weight", format = "gguf.f32">
    ```
  }];
  let parameters = (ins StringRefParameter<"name in the checkpoint">:$tensor,
                        StringRefParameter<"source layout">:$format,
                        DefaultValuedParameter<"::mlir::StringAttr", "::mlir::StringAttr()">:$scale,
                        DefaultValuedParameter<"bool", "false">:$invert_scale);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Lowbit_RopeTableAttr : Lowbit_Attr<"RopeTable", "rope_table"> {
  let summary = "rotary table computed in f64, rounded once to f32";
  let description = [{
    Entry (p, i) is (cos, sin) of `p * f_i`, `f_i = theta^(-2i/dim)`, scaled. `factor`
    divides the frequencies (linear), or, with `low_freq_factor` and
    `high_freq_factor` above 0, by the llama3 rule over `original_context`.

    ```mlir
    lowbit.param @rope : tensor<512x4x2xf32> = #lowbit.rope_table<theta = 1.000000e+04>
    ```
  }];
  let parameters = (ins "::mlir::FloatAttr":$theta,
                        DefaultValuedParameter<"::mlir::FloatAttr", "::mlir::FloatAttr()">:$factor,
                        DefaultValuedParameter<"::mlir::FloatAttr", "::mlir::FloatAttr()">:$low_freq_factor,
                        DefaultValuedParameter<"::mlir::FloatAttr", "::mlir::FloatAttr()">:$high_freq_factor,
                        DefaultValuedParameter<"int64_t", "0">:$original_context);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Lowbit_SplatSourceAttr : Lowbit_Attr<"SplatSource", "splat"> {
  let summary = "every code and every parameter the same constant";
  let description = [{
    For shape-only work (`--weights=splat`): codes are `code`, float parameters and
    float codes `value`, integer parameters 1.

    ```mlir
    lowbit.param @n : tensor<64xf32> = #lowbit.splat<value = 1.000000e+00, code = 0>
    ```
  }];
  let parameters = (ins "::mlir::FloatAttr":$value, "int64_t":$code);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Lowbit_ComputedSourceAttr : Lowbit_Attr<"ComputedSource", "computed"> {
  let summary = "numbers that a compression pass made";
  let description = [{
    The components, in the canonical layout of the parameter's type, are entry `id`
    of the compilation's store of computed weights; `hash` is XXH3-128 of them. Between
    phases the store is the file `X.mlir.weights` beside `X.mlir`.

    ```mlir
    lowbit.param @q : !lowbit.tensor<64x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
        = #lowbit.computed<id = 3, hash = "99aa06d3014798d86001c324468d497f">
    ```
  }];
  let parameters = (ins "uint64_t":$id, StringRefParameter<"XXH3-128">:$hash);
  let assemblyFormat = "`<` struct(params) `>`";
}

//===----------------------------------------------------------------------===//
// Decisions
//===----------------------------------------------------------------------===//

def Lowbit_FusionGroupAttr : Lowbit_Attr<"FusionGroup", "fusion_group"> {
  let summary = "dispatch to which an op belongs, written by lowbit-select-fusion-groups";
  let parameters = (ins "int64_t":$id);
  let assemblyFormat = "`<` $id `>`";
}

def Lowbit_StrategyAttr : Lowbit_Attr<"Strategy", "strategy"> {
  let summary = "how a dispatch is computed on one target";
  let description = [{
    `max_tokens` bounds the number of rows this variant serves (0: any). `cost` is
    the model's estimate in picoseconds a row, for the report.
  }];
  let parameters = (ins StringRefParameter<"target">:$target,
                        EnumParameter<Lowbit_StrategyKind>:$kind,
                        "int64_t":$max_tokens, "int64_t":$cost);
  let assemblyFormat = "`<` struct(params) `>`";
}

#endif // DIALECTS_LOWBIT_IR_LOWBITATTRS_TD
