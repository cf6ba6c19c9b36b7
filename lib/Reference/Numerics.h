//===- Numerics.h - The exact numerics contract, scalar by scalar -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The N-clauses of dialects/Lowbit/Semantics.md as plain functions, one a clause,
// in the order of the text. Written to be read next to it, not to be fast. Must
// be compiled with -ffp-contract=off.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_REFERENCE_NUMERICS_H
#define LOWBIT_LIB_REFERENCE_NUMERICS_H

#include <cstdint>
#include <span>
#include <vector>

namespace lowbit::reference {

/// N2: elements of the reduction axis in one chunk.
inline constexpr int64_t chunkElements = 512;
/// N3: lanes of a chunk.
inline constexpr int64_t chunkLanes = 32;
/// N14: key positions in one chunk of attention.
inline constexpr int64_t attentionChunk = 128;

/// N1: balanced tree over neighbours; +0.0 of nothing. Destroys `values`.
float tree(std::span<float> values);

/// N3: dot product of two equally long rows.
float dot(std::span<const float> w, std::span<const float> x);
/// N3: the sum of a row in the order of `dot`.
float sum(std::span<const float> x);

/// One element of N4's and N5's weight side, already in integers.
struct LowBitTerm {
  int64_t scaled; ///< I_S(k) * (c_k - Z_k)
  int64_t offset; ///< I_O(k), 0 without an offset
};
/// One group of N4: a range of columns inside one chunk, with its factors.
struct LowBitGroup {
  int64_t begin = 0, end = 0;
  float scale = 1.0f;  ///< S_g
  float offset = 0.0f; ///< O_g, used only with `hasOffset`
};

/// E6: f32(s) counts `unit`s, a power of two.
/// N4 up to, not including, the per-token scale. `groups` ascend and do not
/// cross multiples of 512.
float groupedDot(std::span<const LowBitTerm> terms,
                 std::span<const int16_t> activations,
                 std::span<const LowBitGroup> groups, bool hasOffset,
                 float unit = 1.0f);
/// N5 up to, not including, the per-token scale.
float oneGroupDot(std::span<const LowBitTerm> terms,
                  std::span<const int16_t> activations, float scale,
                  float offset, bool hasOffset, float unit = 1.0f);

/// N7: the result of quantizing one group or token.
struct QuantizedGroup {
  float scale = 0.0f;
  std::vector<int16_t> codes;
};
QuantizedGroup quantizeGroup(std::span<const float> x, int64_t lo, int64_t hi,
                             float floor);
/// N8. The range lies within 8 bits.
int16_t clampToInt(float v, int64_t lo, int64_t hi);

float rsqrt(float x);    ///< N9
float exp(float x);      ///< N10
float sigmoid(float x);  ///< N11
float silu(float x);     ///< N11
float tanh(float x);     ///< N11
float geluTanh(float x); ///< N11
float relu2(float x);    ///< N11

/// Optional rows of N12; an empty span is absent. All have the row's length.
struct NormOperands {
  std::span<const float> weight, bias, scale, shift;
};
/// N12, rms.
void rmsNorm(std::span<const float> x, float eps, const NormOperands &operands,
             std::span<float> out);
/// N12, layer.
void layerNorm(std::span<const float> x, float eps,
               const NormOperands &operands, std::span<float> out);

/// N13 on one head in place. `table` has (cos, sin) of each pair.
void rope(std::span<float> head, std::span<const float> table, bool adjacent);

/// N14 for one query row and head. Keys [begin, end) are visible; row j of
/// `keys` and `values` starts at element j * stride.
void attention(std::span<const float> query, const float *keys,
               const float *values, int64_t stride, int64_t begin, int64_t end,
               float scale, std::span<float> out);

} // namespace lowbit::reference

#endif // LOWBIT_LIB_REFERENCE_NUMERICS_H
