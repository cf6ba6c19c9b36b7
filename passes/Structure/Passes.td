//===- Passes.td - Changes of the graph of layers -*- tablegen -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_STRUCTURE_PASSES_TD
#define PASSES_STRUCTURE_PASSES_TD

include "mlir/Pass/PassBase.td"

def FoldLayersPass : Pass<"lowbit-fold-layers", "::mlir::ModuleOp"> {
  let summary = "remove layers, or let layers share weights (FoldGPT)";
  let description = [{
    Class E3; E0 where only layers of gate 0 are removed. Layers are counted from 0
    in the order of their calls, before anything is removed. A removed layer passes
    its inputs on; the cache slots of the others are numbered anew. In a pair `a:b`
    layer b takes the compressed weights of layer a and keeps its own vectors (norms,
    biases), as an overlay of a's set; its state stays its own. Parameters that
    nobody uses any more are dropped. `remove-count` and `share-count` choose by the
    block influence of ShortGPT (1 - mean cosine of hidden states before and after a
    layer, on the calibration text), or by gates that were learned (FoldGPT); `fold-gates`
    puts the gates of the layers that remain into their weights: each addition
    x + f(x) of layer i to its stream becomes x + gates[i] * f(x).

    ```mlir
    %h1 = lowbit.layer @block(%h0) params @layer0 state @kv[0] : (tensor<?x64xf32>) -> tensor<?x64xf32>
    %h2 = lowbit.layer @block(%h1) params @layer1 state @kv[1] : (tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
    becomes with `remove=0`
    ```mlir
    %h2 = lowbit.layer @block(%h0) params @layer1 state @kv[0] : (tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect"];
  let options = [
    ListOption<"remove", "remove", "int64_t", "layers to remove">,
    Option<"removeCount", "remove-count", "int64_t", "0",
           "how many layers to remove, chosen by `by`">,
    Option<"shareCount", "share-count", "int64_t", "0",
           "how many pairs of neighbours share weights, chosen by `by`">,
    Option<"by", "by", "std::string", "\"similarity\"",
           "similarity (the layers that turn the hidden states of the calibration text "
           "least) or gate (the smallest of `gates`)">,
    ListOption<"gates", "gates", "double", "a learned gate for each layer">,
    ListOption<"share", "share", "std::string",
               "pairs a:b: layer b takes the weights of layer a">,
    Option<"foldGates", "fold-gates", "bool", "false",
           "what a layer adds to its stream is multiplied by its gate, within the "
           "scales of the matrices that add it (biases too); a gate of 0 removes the "
           "layer; layers that share weights need equal gates">,
    Option<"holes", "holes", "std::string", "\"static\"",
           "what becomes of a removed layer's cache: static (its slot goes)">
  ];
}

def HoistStepsPass : Pass<"lowbit-hoist-steps", "::mlir::ModuleOp"> {
  let summary = "compute once for all steps what does not depend on the latent";
  let description = [{
    Class E0: on the exact contract a result does not depend on the rows beside it.
    In each function that a `lowbit.denoise` names, layers without state are put in
    place of their calls; then the ops that read nothing which depends on the argument
    "latent" move to a function `NAME.condition`, whose results (f32 rows, `c0`, `c1`,
    ...) become arguments. The runtime calls it once, with a row for each step and
    label, and may drop the weights that only it reads.

    ```mlir
    func.func @f(%x: tensor<?x64xf32> {lowbit.name = "latent"},
                 %t: tensor<?x8xf32> {lowbit.name = "time"}) -> tensor<?x64xf32>
    ```
    becomes
    ```mlir
    func.func @f.condition(%t: tensor<?x8xf32> {lowbit.name = "time"})
        -> (tensor<?x64xf32> {lowbit.name = "c0"})
    func.func @f(%x: tensor<?x64xf32> {lowbit.name = "latent"},
                 %c: tensor<?x64xf32> {lowbit.name = "c0"}) -> tensor<?x64xf32>
    ```
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect"];
}

#endif // PASSES_STRUCTURE_PASSES_TD
