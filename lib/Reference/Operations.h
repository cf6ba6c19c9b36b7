//===- Operations.h - One plain function for each op ------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The compute ops of the dialect on values, without IR: kernels' conformance
// tests call them too. Arguments have the shapes that the ops' verifiers ask for;
// what only the data can violate (ids, positions) is an error.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_REFERENCE_OPERATIONS_H
#define LOWBIT_LIB_REFERENCE_OPERATIONS_H

#include "lib/Reference/Value.h"

namespace lowbit::reference {

/// `decode` (E3).
Tensor decode(const CompressedTensor &source);

/// `quantize` (N7, N8). `leaf` describes the result.
CompressedTensor quantize(const Tensor &input, const LeafDesc &leaf,
                          float floor);

/// `matmul` of float rows (N3). `bias` may be null.
Tensor matmul(const Tensor &input, const CompressedTensor &weight,
              const Tensor *bias);
/// `matmul` of quantized rows (N4, N5).
Tensor matmul(const CompressedTensor &input, const CompressedTensor &weight,
              const Tensor *bias);

enum class NormKind : uint8_t { rms, layer };
/// `norm` (N12) of each of `heads` equal parts of a row. Each optional operand may be
/// null; scale and shift are one row, or a row for each row of the input.
Tensor norm(NormKind kind, const Tensor &input, float eps, const Tensor *weight,
            const Tensor *bias, const Tensor *scale, const Tensor *shift,
            int64_t heads = 1);

/// `repeat_rows` (N20).
Tensor repeatRows(const Tensor &input, int64_t times, int64_t first, int64_t columns);
/// `cycle_rows` (N20): `rows` rows.
Tensor cycleRows(const Tensor &table, int64_t rows);
/// `concat_rows` (N23): `rows[i]` rows an image of input i. Inputs of other numbers of
/// whole images than the first are an error.
StatusOr<Tensor> concatRows(std::span<const Tensor *const> inputs,
                            std::span<const int64_t> rows);
/// `slice_rows` (N23): rows [first, first + count) of each `of`. A rest is an error.
StatusOr<Tensor> sliceRows(const Tensor &input, int64_t first, int64_t count, int64_t of);
/// An image cut into patches (N21).
struct PatchShape {
  int64_t channels = 1, height = 1, width = 1, patch = 1;
  bool channelsLast = false;
  int64_t tokens() const { return height / patch * (width / patch); }
};
/// `patchify` and `unpatchify` (N21). Rows that are not whole images are an error.
Tensor patchify(const Tensor &images, const PatchShape &shape);
StatusOr<Tensor> unpatchify(const Tensor &patches, const PatchShape &shape);

/// `rope` (N13) of rows at consecutive positions, which with `sequence` above 0 begin
/// anew after that many rows. A position outside the table is an error.
StatusOr<Tensor> rope(const Tensor &input, const Tensor &table, int64_t position,
                      int64_t heads, bool adjacent, int64_t sequence = 0);

/// `kv.append`. A position beyond the appended ones (a hole) is an error;
/// appending at an earlier one forgets what came after.
Status appendKeysValues(KVState &cache, const Tensor &keys,
                        const Tensor &values, int64_t position);

enum class MaskKind : uint8_t { none, causal, window };
struct AttentionOptions {
  MaskKind mask = MaskKind::causal;
  int64_t heads = 1;
  int64_t window = 0; ///< keys a query sees, itself included (mask window)
  float scale = 1.0f;
};
/// `attention` (N14): query row t is at `position + t`, key row j at j.
/// A query that sees no key is an error.
StatusOr<Tensor> attention(const Tensor &query, const KVState &cache,
                           int64_t position, const AttentionOptions &options);

/// `attention` of independent sequences: rows [i * sequence, (i + 1) * sequence) of
/// query, keys and values see each other alone, at positions from 0. Rows that are not
/// whole sequences are an error.
StatusOr<Tensor> attentionOfSequences(const Tensor &query, const Tensor &keys,
                                      const Tensor &values, int64_t kvHeads,
                                      int64_t sequence,
                                      const AttentionOptions &options);

/// `gather_rows` (N16). An id outside the table is an error.
StatusOr<Tensor> gatherRows(const CompressedTensor &table, const Tensor &ids);

} // namespace lowbit::reference

#endif // LOWBIT_LIB_REFERENCE_OPERATIONS_H
