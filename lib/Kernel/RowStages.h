//===- RowStages.h - Stages whose work items are tokens or heads ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything of a model that is not a matmul: norm and quantization, rotary
// embedding and cache append, attention, row gather, elementwise chains. Rows are
// f32 [tokens][stride], stride a multiple of 8; lanes beyond `columns` hold
// unspecified values that no result depends on (Semantics E4). Each function appends
// one llvm.func with the ABI of lowbit-c/kernel.h.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_KERNEL_ROWSTAGES_H
#define LIB_KERNEL_ROWSTAGES_H

#include "lib/Kernel/Activation.h"
#include "lib/Kernel/StageFunction.h"
#include "lowbit/Packing/Encoding.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace lowbit::kernel {

/// f32 rows in a binding. Row t of a view lies at row t floordiv repeat (then mod
/// cycle, where that is above 0), from column `first` on (Semantics N20).
struct RowsRef {
  unsigned binding = 0;
  int64_t stride = 0; ///< floats, a multiple of 8
  int64_t first = 0;  ///< a multiple of 8, but for CopyStage and PatchStage
  int64_t repeat = 1;
  int64_t cycle = 0;
  /// Or: row t is part t mod parts, of partColumns, of row t floordiv parts.
  int64_t parts = 1, partColumns = 0;
};

/// N12.
struct NormSpec {
  bool layer = false; ///< subtract the mean first
  float eps = 1e-5f;
  std::optional<unsigned> weight, bias, scale, shift; ///< f32 [columns]
  /// Or a modulation for each row.
  std::optional<RowsRef> scaleRows, shiftRows;
};

/// N7, N8. Codes go to i8 [tokens][columns rounded up to 32], zeros at the end.
struct QuantizeSpec {
  unsigned codes = 0, scales = 0; ///< bindings; scales f32 [tokens][groups]
  std::optional<unsigned> sums;   ///< i32 [tokens][padded columns / 16]
  int64_t group = 0;              ///< columns of one scale, 0 = the whole row
  int lo = -127, hi = 127;
  float floor = 0;
};

/// norm and/or quantization of each row; one token an item.
struct PrologueStage {
  std::string name;
  RowsRef input;
  int64_t columns = 0;
  std::optional<NormSpec> norm;
  std::optional<RowsRef> output; ///< where normed rows go, if anybody reads them
  std::optional<QuantizeSpec> quantize;
};
/// Whether the stage is one that kernels compute; the emitters ask it.
Status checkPrologueStage(const PrologueStage &stage);
/// Returns the scratch bytes of one worker.
StatusOr<uint64_t> emitPrologueStage(mlir::ModuleOp module, const PrologueStage &stage,
                                     const KernelCapabilities &capabilities);

/// N13 on every head of a row.
struct RopeSpec {
  RowsRef input, output;
  int64_t heads = 1, headDim = 0, pairs = 0; ///< pairs * 2 <= headDim rotate
  bool adjacent = false;
  unsigned table = 0; ///< f32 [positions][pairs][2]
  /// Above 0: row t is at position t mod sequence, else at POSITION + t.
  int64_t sequence = 0;
};
/// Key and value rows to positions POSITION + token of a cache slot: keys
/// [heads][CAPACITY / 8][headDim][8], values [heads][CAPACITY][headDim].
struct AppendSpec {
  RowsRef keys, values;
  unsigned cacheKeys = 0, cacheValues = 0;
  int64_t heads = 1, headDim = 0;
};
/// Rotations in order, then the append; one token an item.
struct RopeStage {
  std::string name;
  std::vector<RopeSpec> ropes;
  std::optional<AppendSpec> append;
};
Status checkRopeStage(const RopeStage &stage);
Status emitRopeStage(mlir::ModuleOp module, const RopeStage &stage,
                     const KernelCapabilities &capabilities);

/// N14 over a cache slot; one head of one token an item.
struct AttentionStage {
  std::string name;
  RowsRef query, output;
  unsigned cacheKeys = 0, cacheValues = 0;
  int64_t heads = 1, kvHeads = 1, headDim = 0;
  float scale = 1;
  bool causal = true; ///< else every appended key is seen
  int64_t window = 0; ///< last `window` keys only; 0 = all
};
Status checkAttentionStage(const AttentionStage &stage);
StatusOr<uint64_t> emitAttentionStage(mlir::ModuleOp module,
                                      const AttentionStage &stage,
                                      const KernelCapabilities &capabilities);

/// N14 without a mask inside sequences of `sequence` rows, whose keys and values are
/// rows, too; one head of one sequence an item.
struct SequenceAttentionStage {
  std::string name;
  RowsRef query, keys, values, output;
  int64_t heads = 1, kvHeads = 1, headDim = 0, sequence = 1;
  float scale = 1;
};
Status checkSequenceAttention(const SequenceAttentionStage &stage);
StatusOr<uint64_t> emitSequenceAttentionStage(mlir::ModuleOp module,
                                              const SequenceAttentionStage &stage,
                                              const KernelCapabilities &capabilities);

/// N21; one patch an item.
struct PatchStage {
  std::string name;
  RowsRef image, patches;
  int64_t channels = 1, height = 1, width = 1, patch = 1;
  bool channelsLast = false;
  bool toImage = false; ///< unpatchify
};
Status checkPatchStage(const PatchStage &stage);
Status emitPatchStage(mlir::ModuleOp module, const PatchStage &stage,
                      const KernelCapabilities &capabilities);

/// N23, and rows that begin at any column; one row an item. Row t of what moves is row
/// `t mod count` of image `t floordiv count`; images have `inputRows` and `outputRows`
/// rows, of which those from `inputFirst` and `outputFirst` on are meant.
struct CopyStage {
  std::string name;
  RowsRef input, output; ///< columns, strides and parts of any number
  int64_t columns = 0;
  int64_t count = 1;
  int64_t inputRows = 1, inputFirst = 0;
  int64_t outputRows = 1, outputFirst = 0;
};
Status checkCopyStage(const CopyStage &stage);
Status emitCopyStage(mlir::ModuleOp module, const CopyStage &stage,
                     const KernelCapabilities &capabilities);
/// Rows of the input and of the output that work item `item` moves (all i64).
std::pair<mlir::Value, mlir::Value> copiedRows(StageFunction &stage,
                                               const CopyStage &spec, mlir::Value item);

/// N16 from a table in any layout; one token an item.
struct GatherStage {
  std::string name;
  unsigned ids = 0; ///< i32 [tokens], each in [0, rows)
  LeafDesc table;
  std::vector<unsigned> bindings; ///< components of the table
  RowsRef output;
};
Status emitGatherStage(mlir::ModuleOp module, const GatherStage &stage,
                       const KernelCapabilities &capabilities);

/// An elementwise chain: `body` is emitted once and runs for each 8 columns of a row,
/// from `column` (i64) on. One token an item.
Status emitElementwiseStage(
    mlir::ModuleOp module, const std::string &name, int64_t columns,
    const KernelCapabilities &capabilities,
    const std::function<void(StageFunction &stage, mlir::Value token,
                             mlir::Value column)> &body);

/// Pointer to column `column` of row `token` (both i64).
mlir::Value rowAddress(StageFunction &stage, const RowsRef &rows, mlir::Value token,
                       mlir::Value column);

/// f32 x 8, the width of all row code.
inline constexpr ValueType rowVector{Scalar::f32, 8};

} // namespace lowbit::kernel

#endif // LIB_KERNEL_ROWSTAGES_H
