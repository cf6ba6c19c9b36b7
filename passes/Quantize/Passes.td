//===- Passes.td - Numbers to low-bit numbers -*- tablegen -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_QUANTIZE_PASSES_TD
#define PASSES_QUANTIZE_PASSES_TD

include "mlir/Pass/PassBase.td"

def QuantizeActivationsPass
    : Pass<"lowbit-quantize-activations", "::mlir::ModuleOp"> {
  let summary = "give low-bit matmuls integer activations";
  let description = [{
    Class E2: each activation moves by at most half a scale. Inserts one
    `lowbit.quantize` before the matmuls of one f32 value whose weight has an
    integer code, or a float code of integers times a power of two (E6); weights with
    other float codes or a table keep f32 activations, and quantize ops
    that define the model (packed BitNet) are left alone.

    `granularity=auto`: a scale per token where the weight has one scale per row or
    tensor, and per weight group where it has group scales of a multiple of 16
    columns. `token` and `group=G` force it.

    ```mlir
    %y = lowbit.matmul %x, %w : tensor<?x64xf32>, !lowbit.tensor<32x64xf32, #q4> -> tensor<?x32xf32>
    ```
    becomes
    ```mlir
    %a = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a8>
    %y = lowbit.matmul %a, %w : !lowbit.tensor<?x64xf32, #a8>, !lowbit.tensor<32x64xf32, #q4> -> tensor<?x32xf32>
    ```
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect"];
  let options = [
    Option<"granularity", "granularity", "std::string", "\"auto\"",
           "auto, token, or group (with group-size)">,
    Option<"groupSize", "group-size", "int64_t", "0",
           "columns that share a scale with granularity=group, a multiple of 16">
  ];
}

#endif // PASSES_QUANTIZE_PASSES_TD
