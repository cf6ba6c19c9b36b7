//===- CpuMatmul.h - Matrix products as CPU stages --------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One stage computes y = W x for one or more weights and any number of tokens,
// and hands each vector of 8 results to an epilogue that stores it. Sums are
// taken in the order of Semantics.md N3 (f32 activations), N4 and N5 (int8
// activations).
//
// A work item is one block of 8 weight rows of one group. For each item the
// stage walks the tokens four at a time, the rest one at a time; the eight rows
// are the lanes of every vector, so no sum needs a horizontal step, and the
// result of a token does not depend on how many tokens there are.
//
// Weights are in the rows-in-lanes or the planes-in-lanes layout (lib/Packing,
// Layouts.h); any other is read element by element.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_KERNEL_CPUMATMUL_H
#define LIB_KERNEL_CPUMATMUL_H

#include "lib/Kernel/StageFunction.h"
#include "lowbit/Packing/Encoding.h"

#include <functional>
#include <string>
#include <vector>

namespace lowbit::kernel {

/// The x of a product. Quantized codes are i8 [tokens][columns rounded up to
/// 32] with zeros beyond `columns`.
struct MatmulActivation {
  bool quantized = false;
  unsigned binding = 0; ///< f32 numbers, or i8 codes
  /// Floats from one token to the next (f32 only), >= columns.
  int64_t stride = 0;
  // The rest only when quantized.
  unsigned scalesBinding =
      0; ///< f32 [tokens][ceil(columns / group)], or [tokens]
  unsigned sumsBinding =
      0;             ///< i32 [tokens][codes stride / 16]; see needsCodeSums
  int64_t group = 0; ///< columns of one scale; 0 = one scale a token
  int lo = -127, hi = 127; ///< range of the codes
};

/// One product. `bindings` has one entry for each component, in componentsOf's
/// order.
struct MatmulAnchor {
  LeafDesc weight;
  std::vector<unsigned> bindings;
  MatmulActivation activation;
};

/// Stores the results of one row block and token. `results` has one
/// vector<8xf32> an anchor: rows 8 * rowBlock ... + 7; lanes beyond the
/// weight's rows are unspecified. rowBlock and token are i64. Emit at
/// stage.builder()'s insertion point.
using MatmulEpilogue = std::function<void(
    StageFunction &stage, llvm::ArrayRef<mlir::Value> results,
    mlir::Value rowBlock, mlir::Value token)>;

/// Anchors with equal numbers of rows, computed together.
struct MatmulGroup {
  std::vector<MatmulAnchor> anchors;
  MatmulEpilogue epilogue;
};

struct MatmulStage {
  std::string name;
  std::vector<MatmulGroup> groups; ///< their items follow one another
  int64_t rowsPerToken = 1; ///< rows of activations for each token of the call
};

struct MatmulStageInfo {
  int64_t items = 0;         ///< sum over groups of ceil(rows / 8)
  uint64_t scratchBytes = 0; ///< of one worker
};

/// Whether a product needs the activation's code sums: the weight has a zero
/// point, an offset, or codes stored with a bias. False for f32 activations.
bool needsCodeSums(const LeafDesc &weight, const MatmulActivation &activation);

/// Ok when emitMatmulStage can compute this product; otherwise says what stands
/// against it.
Status checkMatmul(const MatmulAnchor &anchor);

/// Whether it can do so only element by element, because no faster way knows
/// the layout or the granularities.
bool needsGenericPath(const MatmulAnchor &anchor);

/// How many bit planes the product takes by AND and population count; 0 where it
/// multiplies codes.
unsigned planesOf(const MatmulAnchor &anchor);

/// Appends the stage to `module` as an llvm.func with the ABI of
/// lowbit-c/kernel.h.
StatusOr<MatmulStageInfo>
emitMatmulStage(mlir::ModuleOp module, const MatmulStage &stage,
                const KernelCapabilities &capabilities);

} // namespace lowbit::kernel

#endif // LIB_KERNEL_CPUMATMUL_H
