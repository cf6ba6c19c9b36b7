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
    `uint<3, 0:4>`, `bin<01>` is `uint<1>`. With `step = s` the values are lo, lo + s,
    ..., hi, stored as their position; `bin<pm1>` is `int<1, -1:1, step = 2>`. Rule V1:
    lo <= hi, the range fits b bits, at least 2 levels.

    ```mlir
    #lowbit.leaf<int<4>>
    #lowbit.leaf<uint<3, 0:4>>
    #lowbit.leaf<bin<pm1>>
    ```
  }];
  let parameters = (ins "bool":$isSigned, "unsigned":$width, "int64_t":$lo,
                        "int64_t":$hi, "int64_t":$step);
  // The surface syntax is context-free inside an encoding: `int<4>`, not a struct.
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Lowbit_FloatCodeAttr : Lowbit_Attr<"FloatCode", "float_code",
    [DeclareAttrInterfaceMethods<Lowbit_CodeAttrInterface>]> {
  let summary = "floating-point code: f32, f16, bf16 or one of 8, 6 and 4 bits";
  let description = [{
    `fp<f16>` as a code; the bare type (`f16 per row`) as a parameter. The small ones
    are f8E4M3FN, f8E5M2, f8E8M0FNU, f6E2M3FN, f6E3M2FN and f4E2M1FN.

    ```mlir
    #lowbit.leaf<fp<bf16>>
    ```
  }];
  let parameters = (ins "::mlir::FloatType":$type);
  let hasCustomAssemblyFormat = 1; // see IntCode
  let genVerifyDecl = 1;
}

def Lowbit_LutCodeAttr : Lowbit_Attr<"LutCode", "lut_code",
    [DeclareAttrInterfaceMethods<Lowbit_CodeAttrInterface, ["describeInto"]>]> {
  let summary = "codes are positions in a table";
  let description = [{
    `lut<b, entry>`: a table of 2^b entries of type `entry` for each granule, one for
    the tensor unless `per` says otherwise. `vec = n x k`: an entry holds n x k values
    of a block of the tensor. `books = m`: the block is the sum of m entries, of m
    tables. The table is a component (V14). Clause E7.

    ```mlir
    #lowbit.leaf<lut<4, f16> per row>
    #lowbit.leaf<lut<8, f16, vec = 1x8, books = 2>, scale = [f16 per row]>
    ```
  }];
  let parameters = (ins "unsigned":$width, "::mlir::Attribute":$entry,
                        "int64_t":$vecRows, "int64_t":$vecColumns,
                        "int64_t":$books, "::mlir::Attribute":$granularity);
  let hasCustomAssemblyFormat = 1; // see IntCode
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

def Lowbit_BlockGranularityAttr : Lowbit_Attr<"BlockGranularity", "block_granularity",
    [DeclareAttrInterfaceMethods<Lowbit_GranularityAttrInterface>]> {
  let summary = "one number for each stored block of the pattern";
  let description = [{
    `block`: a stored block of a block pattern, a group of m columns of an nm pattern.
    Rule V3.

    ```mlir
    #lowbit.leaf<uint<4>, scale = [f16 per block], zero = uint<4> per block,
                 pattern = block<1x16, index = csr<i32, i8>, nnz = 64>>
    ```
  }];
  let hasCustomAssemblyFormat = 1; // see IntCode
}

def Lowbit_RankGranularityAttr : Lowbit_Attr<"RankGranularity", "rank_granularity",
    [DeclareAttrInterfaceMethods<Lowbit_GranularityAttrInterface>]> {
  let summary = "S(n, k) = sum_j U(n, j) V(j, k)";
  let description = [{
    `rank<r>`: two components u [rows, r] and v [r, columns]. Clause E5.

    ```mlir
    #lowbit.leaf<bin<pm1>, scale = [f16 per rank<16>]>
    ```
  }];
  let parameters = (ins "int64_t":$rank);
  let hasCustomAssemblyFormat = 1; // see IntCode
}

def Lowbit_ParamSpecAttr : Lowbit_Attr<"ParamSpec", "param_spec"> {
  let summary = "one factor of a scale or offset, or a zero point";
  let description = [{
    The number's type, its granularity, and, once a layout is chosen, the
    placement: granule index to place in the stored array (`at MAP`). `packed` keeps
    integers of 1, 2 or 4 bits 8, 4 or 2 to a byte.

    ```mlir
    #lowbit.leaf<int<4>, scale = [f16 per row at (d0) -> (d0 floordiv 8, d0 mod 8)]>
    #lowbit.leaf<uint<4>, scale = [f16 per row], zero = uint<4> per row packed>
    ```
  }];
  let parameters = (ins "::mlir::Attribute":$number,
                        "::mlir::Attribute":$granularity,
                        "::mlir::AffineMap":$placement,
                        DefaultValuedParameter<"bool", "false">:$packed);
  let builders = [AttrBuilder<(ins "::mlir::Attribute":$number,
      "::mlir::Attribute":$granularity, "::mlir::AffineMap":$placement), [{
    return $_get($_ctxt, number, granularity, placement, false);
  }]>];
  let hasCustomAssemblyFormat = 1; // see IntCode; `placement` may be null
  let extraClassDeclaration = [{
    /// The parameter of a leaf whose shape and pattern are set.
    ::lowbit::StatusOr<::lowbit::ParamDesc>
    getParamDesc(const ::lowbit::LeafDesc &leaf);
  }];
}

//===----------------------------------------------------------------------===//
// Pattern
//===----------------------------------------------------------------------===//

def Lowbit_PatternAttr : Lowbit_Attr<"Pattern", "pattern",
    [DeclareAttrInterfaceMethods<Lowbit_PatternAttrInterface>]> {
  let summary = "which elements are stored; the others are 0";
  let description = [{
    `nm<2:4>`; `block<1x16, index = csr<i32, i8>, nnz = N>` (row starts i32, block
    columns i8, i16 or i32), `index = bitmap`, or `index = fixed<s, i16>` with s blocks
    in every block row; `blockdiag<b>` with b blocks on the diagonal; `complement<i>`:
    where term i of the enclosing sum has no element. Clause E8, rule V4.

    ```mlir
    #lowbit.leaf<int<4>, scale = [f16 per row], pattern = nm<2:4>>
    ```
  }];
  let parameters = (ins "::lowbit::PatternKind":$kind, "int64_t":$blockRows,
                        "int64_t":$blockColumns, "int64_t":$count,
                        "unsigned":$indexBits);
  let hasCustomAssemblyFormat = 1; // see IntCode
}

//===----------------------------------------------------------------------===//
// Layout
//===----------------------------------------------------------------------===//

def Lowbit_FieldAttr : Lowbit_Attr<"Field", "field"> {
  let summary = "a run of bits of the code and where it lies";
  let description = [{
    Bits [shift, shift + width) of the stored code lie in words of `wordType` at
    index `word`, from bit `bit` on, in code array `array`.
  }];
  let parameters = (ins "unsigned":$shift, "unsigned":$width,
                        "::mlir::IntegerType":$wordType,
                        "::mlir::AffineMap":$word, "::mlir::AffineMap":$bit,
                        "unsigned":$array);
  let hasCustomAssemblyFormat = 1; // see IntCode
}

def Lowbit_BitsLayoutAttr : Lowbit_Attr<"BitsLayout", "bits",
    [DeclareAttrInterfaceMethods<Lowbit_LayoutAttrInterface>]> {
  let summary = "codes as runs of bits inside words";
  let description = [{
    `bits<i32, word = MAP, bit = MAP>` for codes in one piece;
    `bits<[i8 x 4, word = MAP, bit = MAP], [i8 x 1, word = MAP, bit = MAP]>` for codes
    split into fields, lowest bits first; `array = a` puts a field into the array of
    another one. `store = biased` keeps `code - lo`. Maps are of the stored index: that
    of the tensor, or (block, element) and the like under a pattern.
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

def Lowbit_PlanesLayoutAttr : Lowbit_Attr<"PlanesLayout", "planes",
    [DeclareAttrInterfaceMethods<Lowbit_LayoutAttrInterface>]> {
  let summary = "bit p of every code in plane p";
  let description = [{
    Maps of (plane, row, column); `order = lsb` (plane 0 holds bit 0) or `msb`. Rule V6:
    as many planes as the code has bits; of a signed code in two's complement the
    highest bit's plane is the negative one, with `store = biased` none is.

    ```mlir
    #lowbit.leaf<w2star, layout = planes<i32, word = (d0, d1, d2) -> (d0, d1, d2 floordiv 32),
                                         bit = (d0, d1, d2) -> (d2 mod 32), order = lsb>>
    ```
  }];
  let parameters = (ins "::mlir::IntegerType":$wordType, "::mlir::AffineMap":$word,
                        "::mlir::AffineMap":$bit, "bool":$msbFirst,
                        EnumParameter<Lowbit_StoreKind>:$store);
  let hasCustomAssemblyFormat = 1; // see IntCode
}

def Lowbit_RadixLayoutAttr : Lowbit_Attr<"RadixLayout", "radix",
    [DeclareAttrInterfaceMethods<Lowbit_LayoutAttrInterface>]> {
  let summary = "codes as digits of a base, several in a word";
  let description = [{
    `radix<3, 5, i8>`: 5 digits of base 3 in each byte of a row, the word being
    sum_i digit_i 3^i. `store = scaled` keeps a fixed-point fraction instead (decoded by
    multiplications only). A word narrower than 8 bits, as in `radix<5, 3, i7>`, is
    stored as planes: bit b of the words 8t .. 8t+7 is byte b of group t. `word` and
    `digit` maps choose another order. Codes are stored as positions. Rule V5: r^n is at
    most 2 to the bits of the word.

    ```mlir
    #lowbit.leaf<ternary, scale = [f32 per row], layout = radix<3, 5, i8>>
    ```
  }];
  let parameters = (ins "unsigned":$radix, "unsigned":$digits,
                        "::mlir::IntegerType":$wordType, "::mlir::AffineMap":$word,
                        "::mlir::AffineMap":$digit, "bool":$scaled);
  let hasCustomAssemblyFormat = 1; // see IntCode
}

def Lowbit_FragmentLayoutAttr : Lowbit_Attr<"FragmentLayout", "fragment",
    [DeclareAttrInterfaceMethods<Lowbit_LayoutAttrInterface>]> {
  let summary = "a register or tile order that lib/Packing knows by name";
  let description = [{
    `fragment<rows_in_lanes>` (CPU tiles), `fragment<mma_m16n8k32>` (operand B of the
    8-bit tensor-core instruction, 8 codes a lane).

    ```mlir
    #lowbit.leaf<int<4>, layout = fragment<mma_m16n8k32>>
    ```
  }];
  let parameters = (ins StringRefParameter<"order">:$name);
  let hasCustomAssemblyFormat = 1; // see IntCode
}

def Lowbit_EntropyLayoutAttr : Lowbit_Attr<"EntropyLayout", "entropy",
    [DeclareAttrInterfaceMethods<Lowbit_LayoutAttrInterface>]> {
  let summary = "codes, or the exponents of float codes, in a variable-length code";
  let description = [{
    `entropy<prefix, 1024, bytes = N>`: a canonical prefix code over the whole code (8
    bits at most) or the exponent of bf16, restarted every 1024 elements, N bytes in
    all. Components: codes, code lengths (table), first byte of each block (index).

    ```mlir
    #lowbit.leaf<fp<bf16>, layout = entropy<prefix, 1024, bytes = 4096>>
    ```
  }];
  let parameters = (ins StringRefParameter<"coder">:$coder, "int64_t":$block,
                        "int64_t":$bytes);
  let hasCustomAssemblyFormat = 1; // see IntCode
}

//===----------------------------------------------------------------------===//
// Encodings
//===----------------------------------------------------------------------===//

def Lowbit_LeafAttr : Lowbit_Attr<"Leaf", "leaf",
    [DeclareAttrInterfaceMethods<Lowbit_EncodingAttrInterface>,
     DeclareAttrInterfaceMethods<OpAsmAttrInterface, ["getAlias"]>]> {
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
                        "::mlir::Attribute":$layout,
                        DefaultValuedParameter<"::mlir::Attribute", "{}">:$pattern);
  let builders = [AttrBuilder<(ins "::mlir::Attribute":$code,
      "::llvm::ArrayRef<ParamSpecAttr>":$scales, "ParamSpecAttr":$zero,
      "::llvm::ArrayRef<ParamSpecAttr>":$offsets, "bool":$offsetNegated,
      "::mlir::Attribute":$layout), [{
    return $_get($_ctxt, code, scales, zero, offsets, offsetNegated, layout,
                 ::mlir::Attribute());
  }]>];
  let hasCustomAssemblyFormat = 1; // a small language of its own, DESIGN section 3
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The encoding with plain codes of `code` and nothing else.
    static LeafAttr getPlain(::mlir::Attribute code);
  }];
}

def Lowbit_SumAttr : Lowbit_Attr<"Sum", "sum",
    [DeclareAttrInterfaceMethods<Lowbit_EncodingAttrInterface, ["getEncodingDesc"]>,
     DeclareAttrInterfaceMethods<OpAsmAttrInterface, ["getAlias"]>]> {
  let summary = "the terms added";
  let description = [{
    Clause E9. With `partition` the supports are disjoint and cover the tensor: a leaf
    with a pattern and the `complement` of it. Rule V7.

    ```mlir
    #lowbit.sum<leaf<bin<01>, scale = [f16 per row]>, leaf<bin<01>, scale = [f16 per row]>>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::Attribute">:$terms,
                        "bool":$partition);
  let hasCustomAssemblyFormat = 1; // encodings nest without prefix
}

def Lowbit_ProdAttr : Lowbit_Attr<"Prod", "prod",
    [DeclareAttrInterfaceMethods<Lowbit_EncodingAttrInterface, ["getEncodingDesc"]>,
     DeclareAttrInterfaceMethods<OpAsmAttrInterface, ["getAlias"]>]> {
  let summary = "the matrix product of the factors";
  let description = [{
    `inner [d, ...]` gives the dimensions between them. Clause E10, rule V8.

    ```mlir
    #lowbit.prod<leaf<fp<f16>>, leaf<fp<f16>> inner [64]>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::Attribute">:$terms,
                        ArrayRefParameter<"int64_t">:$inner);
  let hasCustomAssemblyFormat = 1; // encodings nest without prefix
}

def Lowbit_ElasticAttr : Lowbit_Attr<"Elastic", "elastic",
    [DeclareAttrInterfaceMethods<Lowbit_EncodingAttrInterface, ["getEncodingDesc"]>,
     DeclareAttrInterfaceMethods<OpAsmAttrInterface, ["getAlias"]>]> {
  let summary = "an encoding of which a prefix is a value, too";
  let description = [{
    `axis = terms | planes | rank | width`, `min = m`. Denotes its full member; rule V9
    says that every prefix lies contiguously. Clause E11.

    ```mlir
    #lowbit.elastic<prod<leaf<fp<f16>, layout = bits<i16, word = (d0, d1) -> (d1, d0),
                                                     bit = (d0, d1) -> (0)>>,
                         leaf<fp<f16>> inner [64]>, axis = rank, min = 16>
    ```
  }];
  let parameters = (ins "::mlir::Attribute":$encoding, "::lowbit::ElasticAxis":$axis,
                        "int64_t":$minimum);
  let hasCustomAssemblyFormat = 1; // encodings nest without prefix
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
