//===- LowbitOps.td - Values and compute -*- tablegen -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_LOWBIT_IR_LOWBITOPS_TD
#define DIALECTS_LOWBIT_IR_LOWBITOPS_TD

include "dialects/Lowbit/IR/LowbitAttrs.td"
include "dialects/Lowbit/IR/LowbitTypes.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Lowbit_F32Rows : TensorRankOf<[F32], [2]>;
def Lowbit_F32Vector : TensorRankOf<[F32], [1]>;
def Lowbit_F32VectorOrRows : TensorRankOf<[F32], [1, 2]>;
def Lowbit_RowsOrTensor : AnyTypeOf<[Lowbit_F32Rows, Lowbit_TensorType]>;

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

def Lowbit_AssembleOp : Lowbit_Op<"assemble", [Pure]> {
  let summary = "compressed tensor from its components";
  let description = [{
    C1: one operand for each component of the result's encoding, in canonical
    order (fields, scales, zero, offsets), each of the component's type. C2 (V14): a
    scale, zero or offset of more than 16 entries is not an `arith.constant`.

    ```mlir
    %w = lowbit.assemble %codes, %scale : (tensor<2x32xi8>, tensor<2xf32>)
        -> !lowbit.tensor<2x32xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$components);
  let results = (outs Lowbit_TensorType:$result);
  let assemblyFormat = "$components attr-dict `:` functional-type($components, $result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Lowbit_DisassembleOp : Lowbit_Op<"disassemble", [Pure]> {
  let summary = "components of a compressed tensor";
  let description = [{
    C1 as for `assemble`, for the results.

    ```mlir
    %codes, %scale = lowbit.disassemble %w
        : !lowbit.tensor<2x32xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
        -> tensor<2x32xi8>, tensor<2xf32>
    ```
  }];
  let arguments = (ins Lowbit_TensorType:$source);
  let results = (outs Variadic<AnyRankedTensor>:$components);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($components)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Lowbit_DecodeOp : Lowbit_Op<"decode", [Pure]> {
  let summary = "the dense tensor that a compressed tensor denotes";
  let description = [{
    `result[n,k] = decode(n,k)` (E3). C1: the result has the source's shape and
    element type.

    ```mlir
    %d = lowbit.decode %w : !lowbit.tensor<2x32xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
        -> tensor<2x32xf32>
    ```
  }];
  let arguments = (ins Lowbit_TensorType:$source);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Lowbit_ConvertOp : Lowbit_Op<"convert", [Pure]> {
  let summary = "same denotation in another layout";
  let description = [{
    Moves bits, changes no number. C1: equal shape, element type, and equal
    encodings but for the layout.

    ```mlir
    %b = lowbit.convert %a : !lowbit.tensor<8x32xf32, #lowbit.leaf<uint<4>>>
        to !lowbit.tensor<8x32xf32, #lowbit.leaf<uint<4>, layout = bits<i32,
           word = (d0, d1) -> (d0, d1 floordiv 8), bit = (d0, d1) -> ((d1 mod 8) * 4)>>>
    ```
  }];
  let arguments = (ins Lowbit_TensorType:$source);
  let results = (outs Lowbit_TensorType:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `to` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// Compute
//===----------------------------------------------------------------------===//

def Lowbit_QuantizeOp : Lowbit_Op<"quantize", [Pure]> {
  let summary = "dynamic quantization of activations, a scale per row or group";
  let description = [{
    Clauses N7, N8 with the result's code range and `floor`. C1: the result's
    encoding is an integer code that includes 0 and 1, with one f32 scale per row or
    per group of columns, no zero, no offset. C2: equal shapes. C3: floor is finite
    and >= 0.

    ```mlir
    %a = lowbit.quantize %x floor 1.000000e-05 : tensor<?x64xf32>
        -> !lowbit.tensor<?x64xf32, #lowbit.leaf<int<8>, scale = [f32 per row]>>
    ```
  }];
  let arguments = (ins Lowbit_F32Rows:$input,
                       DefaultValuedAttr<F32Attr, "0.0f">:$floor);
  let results = (outs Lowbit_TensorType:$result);
  let assemblyFormat = [{
    $input (`floor` $floor^)? attr-dict `:` type($input) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Lowbit_MatmulOp : Lowbit_Op<"matmul", [Pure]> {
  let summary = "activations times the transpose of a compressed weight";
  let description = [{
    `result[t,n] = sum_k input[t,k] * weight[n,k] (+ bias[n])` in the order of N3
    (float input), N4 or N5 (quantized input). C1: input is [?, K], weight [N, K],
    result [?, N]. C2: with a quantized input the weight has an integer code.
    C3 (V10): every s32 sum of a group stays below 2^31. C4: bias has N elements.
    C5: a quantized input is encoded as `quantize` C1 says.

    ```mlir
    %y = lowbit.matmul %x, %w : tensor<?x64xf32>,
        !lowbit.tensor<32x64xf32, #lowbit.leaf<uint<4>>> -> tensor<?x32xf32>
    ```
  }];
  let arguments = (ins Lowbit_RowsOrTensor:$input, Lowbit_TensorType:$weight,
                       Optional<Lowbit_F32Vector>:$bias);
  let results = (outs Lowbit_F32Rows:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^ `:` type($bias))? attr-dict `:` type($input) `,`
    type($weight) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Lowbit_NormOp : Lowbit_Op<"norm", [Pure, AttrSizedOperandSegments,
    AllTypesMatch<["input", "result"]>]> {
  let summary = "rms or layer norm of rows, with optional weight and modulation";
  let description = [{
    Clause N12. With `heads`, each of that many equal parts of a row is a row of its
    own. C1: weight, bias, scale and shift have as many elements as a row (a part);
    scale and shift may be rows, one for each row of the input. C2: scale and shift
    come together. C3: eps > 0. C4: heads divides the columns, and then there is no
    modulation.

    ```mlir
    %y = lowbit.norm rms %x weight %g : tensor<64xf32> eps 1.000000e-05 : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Lowbit_NormKindAttr:$kind, Lowbit_F32Rows:$input,
                       Optional<Lowbit_F32Vector>:$weight,
                       Optional<Lowbit_F32Vector>:$bias,
                       Optional<Lowbit_F32VectorOrRows>:$scale,
                       Optional<Lowbit_F32VectorOrRows>:$shift, F32Attr:$eps,
                       OptionalAttr<I64Attr>:$heads);
  let results = (outs Lowbit_F32Rows:$result);
  let assemblyFormat = [{
    $kind $input (`weight` $weight^ `:` type($weight))?
    (`bias` $bias^ `:` type($bias))?
    (`modulate` $scale^ `:` type($scale) `,` $shift `:` type($shift))?
    `eps` $eps (`heads` $heads^)? attr-dict `:` type($input)
  }];
  let hasVerifier = 1;
}

def Lowbit_RopeOp : Lowbit_Op<"rope", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "rotary position embedding of every head of a row";
  let description = [{
    Clause N13. Row t is at position `position + t`, or with `sequence` at position
    `t mod sequence`: rows of images of that many tokens. C1: columns = heads x d; the
    table is [positions, d'/2, 2] with d' <= d even: the first d' elements of a head
    rotate. C2: heads >= 1. C3: a position or a sequence, not both; 1 <= sequence <=
    positions of the table.

    ```mlir
    %q1 = lowbit.rope adjacent %q table %tab at %pos heads 8
        : tensor<?x64xf32>, tensor<512x4x2xf32>
    %q2 = lowbit.rope half %q table %tab16 heads 8 sequence 16
        : tensor<?x64xf32>, tensor<16x4x2xf32>
    ```
  }];
  let arguments = (ins Lowbit_RopePairsAttr:$pairs, Lowbit_F32Rows:$input,
                       RankedTensorOf<[F32]>:$table, Optional<I64>:$position,
                       I64Attr:$heads, OptionalAttr<I64Attr>:$sequence);
  let results = (outs Lowbit_F32Rows:$result);
  let assemblyFormat = [{
    $pairs $input `table` $table (`at` $position^)? `heads` $heads
    (`sequence` $sequence^)? attr-dict `:` type($input) `,` type($table)
  }];
  let hasVerifier = 1;
}

def Lowbit_KVAppendOp : Lowbit_Op<"kv.append",
    [AllTypesMatch<["keys", "values"]>, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "store key and value rows at consecutive positions of a cache";
  let description = [{
    Row t goes to position `position + t`. C1: keys and values have
    cache heads x dim columns.

    ```mlir
    lowbit.kv.append %kv, %k, %v at %pos : !lowbit.kv<4x8xf32>, tensor<?x32xf32>
    ```
  }];
  let arguments = (ins Lowbit_KVType:$cache, Lowbit_F32Rows:$keys,
                       Lowbit_F32Rows:$values, I64:$position);
  let assemblyFormat = [{
    $cache `,` $keys `,` $values `at` $position attr-dict `:` type($cache) `,`
    type($keys)
  }];
  let hasVerifier = 1;
}

def Lowbit_AttentionOp : Lowbit_Op<"attention",
    [AttrSizedOperandSegments, AllTypesMatch<["query", "result"]>,
     DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "softmax(q k^T * scale) v over a cache or over given keys and values";
  let description = [{
    Clause N14. With `cache`, query row t is at position `position + t` and sees, by
    `mask`: all appended keys (none), those at or before it (causal), or the last
    `window` of those (window). With `keys` and `values` key row j is at position j.
    C1: columns of query = heads x dim; heads a multiple of the key/value heads.
    C2: either cache and position, or keys and values with kv_heads. C3: window >= 1
    exactly when the mask is `window`. C4: `sequence` >= 1, with keys and values only
    and the mask `none`: rows [i * sequence, (i + 1) * sequence) see each other alone.

    ```mlir
    %y = lowbit.attention causal %q cache %kv at %pos : !lowbit.kv<4x8xf32>
        heads 8 scale 0.353553385 : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Lowbit_MaskKindAttr:$mask, Lowbit_F32Rows:$query,
                       Optional<Lowbit_KVType>:$cache, Optional<I64>:$position,
                       Optional<Lowbit_F32Rows>:$keys,
                       Optional<Lowbit_F32Rows>:$values, I64Attr:$heads,
                       F32Attr:$scale, OptionalAttr<I64Attr>:$window,
                       OptionalAttr<I64Attr>:$kv_heads,
                       OptionalAttr<I64Attr>:$sequence);
  let results = (outs Lowbit_F32Rows:$result);
  let assemblyFormat = [{
    $mask $query
    (`cache` $cache^ `at` $position `:` type($cache))?
    (`keys` $keys^ `values` $values `:` type($keys) `,` type($values))?
    `heads` $heads `scale` $scale (`window` $window^)? (`kv_heads` $kv_heads^)?
    (`sequence` $sequence^)? attr-dict `:` type($query)
  }];
  let hasVerifier = 1;
}

def Lowbit_GatherRowsOp : Lowbit_Op<"gather_rows", [Pure]> {
  let summary = "decode the rows of a table that ids name";
  let description = [{
    Clause N16. C1: table [N, K], ids [?], result [?, K]. Ids outside [0, N) are
    the caller's error; the runtime refuses them before the call.

    ```mlir
    %h = lowbit.gather_rows %table, %ids
        : !lowbit.tensor<512x64xf32, #lowbit.leaf<fp<f32>>>, tensor<?xi32> -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Lowbit_TensorType:$table, RankedTensorOf<[I32]>:$ids);
  let results = (outs Lowbit_F32Rows:$result);
  let assemblyFormat = [{
    $table `,` $ids attr-dict `:` type($table) `,` type($ids) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Lowbit_ActivationOp : Lowbit_Op<"activation",
    [Pure, Elementwise, SameOperandsAndResultType]> {
  let summary = "elementwise function with a fixed sequence of operations";
  let description = [{
    Clauses N10, N11.

    ```mlir
    %y = lowbit.activation silu %x : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Lowbit_ActivationKindAttr:$kind, Lowbit_F32Rows:$input);
  let results = (outs Lowbit_F32Rows:$result);
  let assemblyFormat = "$kind $input attr-dict `:` type($input)";
}

include "dialects/Lowbit/IR/LowbitModelOps.td"
include "dialects/Lowbit/IR/LowbitDiffusionOps.td"

#endif // DIALECTS_LOWBIT_IR_LOWBITOPS_TD
