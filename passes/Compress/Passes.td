//===- Passes.td - Compression of weights -*- tablegen -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_COMPRESS_PASSES_TD
#define PASSES_COMPRESS_PASSES_TD

include "mlir/Pass/PassBase.td"

class CompressPass<string flag> : Pass<flag, "::mlir::ModuleOp"> {
  let dependentDialects = ["::mlir::lowbit::LowbitDialect"];
  list<Option> selection = [
    Option<"only", "only", "std::string", "\"\"",
           "regular expression: the parameters to work on, by symbol name "
           "(without it: the matrices of layers)">,
    Option<"except", "except", "std::string", "\"\"",
           "regular expression: parameters to leave alone">,
    Option<"randomWeights", "random-weights", "int64_t", "-1",
           "seed of numbers for parameters without a source, for tests (-1: "
           "none)">
  ];
}

def QuantizePass : CompressPass<"lowbit-quantize"> {
  let summary = "round weights to the levels of a code, with a scale a granule";
  let description = [{
    Class E2. Each selected parameter gets the encoding
    `leaf<code, scale = [scale per granule], zero?>` and computed components. No
    weight moves by more than half a gap of its grid, or, where the method clips,
    by its distance from the grid's end; the ledger has that bound.

    Methods: `absmax` (the largest magnitude lands on the last level), `mse` (least
    squared error over scales of both signs), `lsq` (scale and codes by least
    squares in turns), `absmean` (ternary by the mean magnitude, BitNet b1.58),
    `gptq` (onto the grids of `mse`, column by column, later columns making up for
    the errors of earlier ones on the calibration data, layer after layer).
    Ties round to even. Weights that are quantized already are decoded first; the
    ledger says so.

    ```mlir
    lowbit.param @l0.q : !lowbit.tensor<64x64xf32, #lowbit.leaf<fp<f32>>> = #lowbit.file<...>
    ```
    becomes, with `code=int4 group=32`,
    ```mlir
    lowbit.param @l0.q : !lowbit.tensor<64x64xf32, #lowbit.leaf<int<4>,
        scale = [f16 per map<(d0, d1) -> (d0, d1 floordiv 32)>]>> = #lowbit.computed<...>
    ```
  }];
  let options = !listconcat([
    Option<"code", "code", "std::string", "\"int4\"",
           "code of the algebra: int4, uint3, ternary, int<4, -7:7>">,
    Option<"group", "group", "std::string", "\"32\"",
           "columns that share a scale, or row, or tensor">,
    Option<"symmetric", "symmetric", "bool", "true",
           "no zero point; unsigned codes need symmetric=false">,
    Option<"method", "method", "std::string", "\"absmax\"",
           "absmax, mse, absmean, lsq, or gptq, which needs calibration">,
    Option<"damping", "damping", "double", "0.01",
           "gptq: share of the mean second moment added to each column's">,
    Option<"activationOrder", "activation-order", "bool", "false",
           "gptq: columns with large inputs first">,
    Option<"scale", "scale", "std::string", "\"auto\"",
           "type of scales: f32, f16, bf16; auto is f16 for groups, else f32">
  ], selection);
}

def PruneGroupsPass : CompressPass<"lowbit-prune-groups"> {
  let summary = "drop the blocks of weights that matter least";
  let description = [{
    Class E3; against the masked dense model E0. Each selected parameter gets the
    pattern `block<R x C, index>` over f32 codes, with `sparsity` of its blocks
    dropped: `[[out]] = mask * [[in]]`. With `saliency=obs` the weights that stay
    make up for those that go (SparseGPT), so they change too. `quantize` keeps the
    pattern and gives each stored block of its group size one scale.

    ```mlir
    lowbit.param @l0.q : !lowbit.tensor<64x64xf32, #lowbit.leaf<fp<f32>>> = #lowbit.file<...>
    ```
    becomes
    ```mlir
    lowbit.param @l0.q : !lowbit.tensor<64x64xf32, #lowbit.leaf<fp<f32>,
        pattern = block<1x16, index = csr<i32, i8>, nnz = 128>>> = #lowbit.computed<...>
    ```
  }];
  let options = !listconcat([
    Option<"group", "group", "int64_t", "16", "columns of a block of one row">,
    Option<"block", "block", "std::string", "\"\"",
           "ROWSxCOLUMNS of a block, instead of group">,
    Option<"sparsity", "sparsity", "double", "0.5",
           "share of blocks to drop, in [0, 1)">,
    Option<"saliency", "saliency", "std::string", "\"magnitude\"",
           "magnitude, activation (weights times second moments of inputs) or obs "
           "(what removal costs after the other weights made up for it)">,
    Option<"budget", "budget", "std::string", "\"global\"",
           "global: the lowest blocks of each matrix; row: as many in every row of "
           "blocks">,
    Option<"index", "index", "std::string", "\"csr\"",
           "csr or bitmap: how the places of blocks are stored">,
    Option<"damping", "damping", "double", "0.01",
           "obs: share of the mean second moment added to each column's">
  ], selection);
}

def LowrankResidualPass : CompressPass<"lowbit-lowrank-residual"> {
  let summary = "add the best product of two thin matrices to what is left of a weight";
  let description = [{
    Class E2: the distance to the weights before the first lossy step is not larger
    than without it. `enc` becomes `sum<enc, prod<leaf<fp<f16>>, leaf<fp<f16>>> inner
    [rank]>`, the product near the closest one of its rank to what is missing
    (LoRC). Comes after `quantize` or `prune-groups`.

    ```mlir
    lowbit.param @q : !lowbit.tensor<64x64xf32, #q4> = #lowbit.computed<...>
    ```
    becomes
    ```mlir
    lowbit.param @q : !lowbit.tensor<64x64xf32, #lowbit.sum<#q4,
        prod<leaf<fp<f16>>, leaf<fp<f16>>> inner [16]>> = #lowbit.computed<...>
    ```
  }];
  let options = !listconcat([
    Option<"rank", "rank", "int64_t", "16", "inner dimension of the product">
  ], selection);
}

def AugmentKPass : CompressPass<"lowbit-augment-k"> {
  let summary = "append residuals of the columns that rounding hurts most";
  let description = [{
    Class E2 (ARCQuant's residual channels): y = W x becomes [W, R_S] [x, x_S], the
    identity of residual channels as K-concatenation (DESIGN section 5), where R_S is
    what a step before (quantize) lost in the columns S, rounded to `code` with a scale
    a column. It is stored and multiplied as a second term, W + R_S, of blocks of one
    column. S are the `channels` columns whose error costs most: its energy, times that
    of the inputs where calibration data is given.

    ```mlir
    lowbit.param @q : !lowbit.tensor<64x64xf32, #lowbit.leaf<int<4>, scale = [f16 per group<32>]>>
    ```
    becomes
    ```mlir
    lowbit.param @q : !lowbit.tensor<64x64xf32, #lowbit.sum<leaf<int<4>, scale = [f16 per group<32>]>,
        leaf<int<8>, scale = [f16 @ block], pattern = block<64x1, csr<8>>>>>
    ```
  }];
  let options = !listconcat([
    Option<"channels", "channels", "int64_t", "16", "columns appended to each matrix">,
    Option<"code", "code", "std::string", "\"int8\"", "code of the residuals">
  ], selection);
}

def EmbedCodePass : CompressPass<"lowbit-embed-code"> {
  let summary = "store the same weights in another code or layout";
  let description = [{
    Class E0: every weight is the same number in the new code, so products keep their
    bits (E6 for float codes). Fails on a number that the new code lacks. `layout`
    fixes where bits lie (planes, planes-msb, radix, tq2, or a layout of the algebra);
    without it later passes choose.

    ```mlir
    lowbit.param @q : !lowbit.tensor<64x64xf32, #lowbit.leaf<ternary, scale = [f32 per tensor]>>
    ```
    becomes, with `code=fp<f4E2M1FN>`,
    ```mlir
    lowbit.param @q : !lowbit.tensor<64x64xf32, #lowbit.leaf<fp<f4E2M1FN>, scale = [f32 per tensor]>> = #lowbit.computed<...>
    ```
  }];
  let options = !listconcat([
    Option<"code", "code", "std::string", "\"\"",
           "code of at most 8 bits (default: the one that there is)">,
    Option<"layout", "layout", "std::string", "\"\"",
           "planes, planes-msb, radix, tq2, or a layout like radix<3, 20, i32>">
  ], selection);
}

def DecomposeBitplanesPass : CompressPass<"lowbit-decompose-bitplanes"> {
  let summary = "store integer codes as bit planes (ABQ-LLM)";
  let description = [{
    Class E0. Codes of any width, signed (the top plane counts negative) or unsigned,
    become planes of 32-bit words; products with them go plane by plane. Zero points
    stay, or go first by `expand-zero-points`.

    ```mlir
    lowbit.param @q : !lowbit.tensor<64x64xf32, #lowbit.leaf<uint<3, 0:4>, scale = [f32 per row]>>
    ```
    becomes
    ```mlir
    lowbit.param @q : !lowbit.tensor<64x64xf32, #lowbit.leaf<uint<3, 0:4>, scale = [f32 per row],
        layout = planes<i32, ...>>> = #lowbit.computed<...>
    ```
  }];
  let options = !listconcat([
    Option<"order", "order", "std::string", "\"lsb\"",
           "lsb or msb: which plane comes first">
  ], selection);
}

def ExpandZeroPointsPass : CompressPass<"lowbit-expand-zero-points"> {
  let summary = "fold zero points into codes, or make them offsets";
  let description = [{
    `into=codes`, class E0: codes `c - Z` of the narrowest width that holds them all,
    one for the parameters of a type; fails where that takes more than 8 bits.
    `into=offset`, class E1: `S * (c - Z)` becomes `S * c - S * Z`, so that integer
    products see the codes alone and Z meets sums of activations.
    Parameters without a zero point stay.

    ```mlir
    lowbit.param @q : !lowbit.tensor<64x64xf32, #lowbit.leaf<uint<4>, scale = [f16 per row], zero = uint<4> per row>>
    ```
    becomes, with `into=codes`,
    ```mlir
    lowbit.param @q : !lowbit.tensor<64x64xf32, #lowbit.leaf<int<5>, scale = [f16 per row]>> = #lowbit.computed<...>
    ```
  }];
  let options = !listconcat([
    Option<"into", "into", "std::string", "\"codes\"", "codes or offset">
  ], selection);
}

def NestBitsPass : CompressPass<"lowbit-nest-bits"> {
  let summary = "let the highest bit planes of codes be codes too";
  let description = [{
    Class E0: an elastic encoding denotes its full member (E11). Unsigned codes become
    bit planes, the highest first, of which every prefix of at least `min` planes is a
    coarser code of the same scale (V9: prefixes of two's complement are not);
    `specialize-elastic` takes one.

    ```mlir
    lowbit.param @q : !lowbit.tensor<64x64xf32, #lowbit.leaf<uint<8>, scale = [f32 per row]>>
    ```
    becomes
    ```mlir
    lowbit.param @q : !lowbit.tensor<64x64xf32, #lowbit.elastic<leaf<uint<8>, scale = [f32 per row],
        layout = planes<...>>, axis = planes, min = 2>> = #lowbit.computed<...>
    ```
  }];
  let options = !listconcat([
    Option<"minimum", "min", "int64_t", "2", "planes of the coarsest member">
  ], selection);
}

def SpecializeElasticPass : CompressPass<"lowbit-specialize-elastic"> {
  let summary = "replace elastic parameters by a member of theirs";
  let description = [{
    Class E3. The selected elastic parameters become their member of prefix length
    `length` (planes, terms, or the rank of a product); the bytes beyond the prefix go.
    Parameters that are not elastic stay.

    ```mlir
    lowbit.param @q : !lowbit.tensor<64x64xf32, #lowbit.elastic<leaf<uint<8>, scale = [f32 per row],
        layout = planes<...>>, axis = planes, min = 2>>
    ```
    becomes, with `length=4`, codes 0, 16, ..., 240 in 4 bits.
  }];
  let options = !listconcat([
    Option<"length", "length", "int64_t", "4", "prefix length">
  ], selection);
}

def FoldTransformsPass : CompressPass<"lowbit-fold-transforms"> {
  let summary = "rotate the residual stream of a language model, within its weights";
  let description = [{
    Class E1 (QuaRot's R1, SpinQuant). Weights of rms norms go into the matrices behind
    them, then every matrix that reads the residual stream becomes W Q, every one that
    is added to it Q^T W, the embedding E Q, with Q of random signs and Hadamard
    transforms of `block` neighbours: the same function over the reals, with weights
    and activations of fewer outliers. Nothing is computed at run time. An embedding
    that is also the head's matrix gets a copy. Weights become f32; quantize afterwards.
    `transform=none` moves the weights of norms only.

    ```mlir
    lowbit.param @l0.q : !lowbit.tensor<64x64xf32, #f32> = #lowbit.file<...>
    ```
    becomes
    ```mlir
    lowbit.param @l0.q : !lowbit.tensor<64x64xf32, #f32> = #lowbit.computed<...>
    ```
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect",
                           "::mlir::arith::ArithDialect"];
  let options = [
    Option<"transform", "transform", "std::string", "\"hadamard\"", "hadamard or none">,
    Option<"block", "block", "int64_t", "0",
           "columns of a Hadamard transform, a power of two (0: the largest)">,
    Option<"seed", "seed", "uint64_t", "1", "of the signs">,
    Option<"randomWeights", "random-weights", "int64_t", "-1",
           "seed of numbers for parameters without a source, for tests (-1: none)">
  ];
}

def CseParamsPass : CompressPass<"lowbit-cse-params"> {
  let summary = "keep one of equal parameters and of equal parameter sets";
  let description = [{
    Class E0. Parameters (vectors too; `only=` and `except=` choose among all) of one
    type with the same bytes become one, then layers of equal sets call with one set.

    ```mlir
    lowbit.param_set @a [@a.norm, @a.q]
    lowbit.param_set @b [@b.norm, @b.q]
    ```
    becomes, where the bytes of `@b.q` are those of `@a.q`,
    ```mlir
    lowbit.param_set @a [@a.norm, @a.q]
    lowbit.param_set @b [@b.norm, @a.q]
    ```
  }];
  let options = selection;
}

def ExpandSumsPass : Pass<"lowbit-expand-sums", "::mlir::ModuleOp"> {
  let summary = "split sums and products of encodings into their leaves";
  let description = [{
    Class E0, by the definitions E9 and E10. Ends the compress phase, so that kernels
    meet leaves only: a parameter of `sum` or `prod` becomes one parameter a leaf,
    parameter sets and blocks take as many in its place, and a product with it
    becomes the sum of the products with its terms, or one product after the other.

    ```mlir
    %y = lowbit.matmul %x, %w : tensor<?x64xf32>, !lowbit.tensor<32x64xf32,
        #lowbit.sum<#q4, prod<leaf<fp<f16>>, leaf<fp<f16>>> inner [16]>> -> tensor<?x32xf32>
    ```
    becomes
    ```mlir
    %0 = lowbit.matmul %x, %w0 : tensor<?x64xf32>, !lowbit.tensor<32x64xf32, #q4> -> tensor<?x32xf32>
    %1 = lowbit.matmul %x, %w11 : tensor<?x64xf32>, !lowbit.tensor<16x64xf32, #f16> -> tensor<?x16xf32>
    %2 = lowbit.matmul %1, %w10 : tensor<?x16xf32>, !lowbit.tensor<32x16xf32, #f16> -> tensor<?x32xf32>
    %y = arith.addf %0, %2 : tensor<?x32xf32>
    ```
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect",
                           "::mlir::arith::ArithDialect"];
  let options = [
    Option<"randomWeights", "random-weights", "int64_t", "-1",
           "seed of numbers for parameters without a source, for tests (-1: none)">
  ];
}

def PruneWidthPass : CompressPass<"lowbit-prune-width"> {
  let summary = "drop the inner channels or the heads that matter least";
  let description = [{
    Class E3; E1 against the same channels set to zero. With `dim=ffn`, in every layer
    the product that reads elementwise combinations of other products loses columns,
    those products (and their biases) lose the rows that make them. With `dim=heads`
    each attention loses key/value heads with the query heads that read them, the same
    number in every layer, so that caches shrink too. What matters least is the norm
    of the columns that read a channel times that of its values on the calibration
    data, or, without it, of the rows that make it. Quantized weights become f32;
    quantize again afterwards.

    ```mlir
    lowbit.param @l0.up : !lowbit.tensor<172x64xf32, #lowbit.leaf<fp<f32>>> = #lowbit.file<...>
    ```
    becomes, with `keep=0.75`,
    ```mlir
    lowbit.param @l0.up : !lowbit.tensor<128x64xf32, #lowbit.leaf<fp<f32>>> = #lowbit.computed<...>
    ```
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect",
                           "::mlir::arith::ArithDialect"];
  let options = [
    Option<"keep", "keep", "double", "0.75", "share of channels or heads to keep, in (0, 1]">,
    Option<"dim", "dim", "std::string", "\"ffn\"", "what to narrow: ffn or heads">,
    Option<"multiple", "multiple", "int64_t", "32",
           "channels kept (not heads) are a multiple of this">,
    Option<"randomWeights", "random-weights", "int64_t", "-1",
           "seed of numbers for parameters without a source, for tests (-1: none)">
  ];
}

def AssignBitsPass : CompressPass<"lowbit-assign-bits"> {
  let summary = "give each matrix the width that a budget and its sensitivity allow";
  let description = [{
    Class E3. Quantizes every selected parameter with every candidate width by
    itself, measures what that does to the hidden states after its layer on the
    calibration data (or to its weights), solves the knapsack for `budget` bits a weight, scales included,
    and quantizes with the widths chosen. The ledger has the widths and what they
    cost.
  }];
  let options = !listconcat([
    Option<"budget", "budget", "double", "4.0",
           "bits a weight over the selected parameters, scales included">,
    ListOption<"candidates", "candidates", "int64_t",
               "widths to choose from, 2 to 8 bits (default: 2,3,4,8)">,
    Option<"sensitivity", "sensitivity", "std::string", "\"output\"",
           "output (of its layer; needs calibration) or weight">,
    Option<"group", "group", "std::string", "\"32\"",
           "columns that share a scale, or row, or tensor">,
    Option<"method", "method", "std::string", "\"mse\"",
           "absmax, mse, lsq, gptq">,
    Option<"scale", "scale", "std::string", "\"auto\"",
           "type of scales: f32, f16, bf16; auto is f16 for groups, else f32">
  ], selection);
}

#endif // PASSES_COMPRESS_PASSES_TD
