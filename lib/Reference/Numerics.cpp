//===- Numerics.cpp - The exact numerics contract, scalar by scalar -------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Numerics.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>

namespace lowbit::reference {

static constexpr float infinity = std::numeric_limits<float>::infinity();

//===----------------------------------------------------------------------===//
// Sums: N1 to N6
//===----------------------------------------------------------------------===//

float tree(std::span<float> values) {
  size_t n = values.size();
  if (n == 0)
    return 0.0f;
  while (n > 1) {
    for (size_t i = 0; i < n / 2; ++i)
      values[i] = values[2 * i] + values[2 * i + 1];
    if (n % 2 == 1)
      values[n / 2] = values[n - 1];
    n = (n + 1) / 2;
  }
  return values[0];
}

float dot(std::span<const float> w, std::span<const float> x) {
  assert(w.size() == x.size() && "rows of one length");
  const int64_t size = static_cast<int64_t>(x.size());
  std::vector<float> chunks;
  for (int64_t begin = 0; begin < size; begin += chunkElements) {
    const int64_t end = std::min(begin + chunkElements, size);
    float lanes[chunkLanes] = {};
    // Chunks begin at multiples of 32, so k mod 32 counts from the chunk too.
    for (int64_t k = begin; k < end; ++k)
      lanes[k % chunkLanes] = std::fma(w[k], x[k], lanes[k % chunkLanes]);
    const int64_t used = std::min(chunkLanes, end - begin);
    chunks.push_back(tree(std::span<float>(lanes, used)));
  }
  return tree(chunks);
}

float sum(std::span<const float> x) {
  const int64_t size = static_cast<int64_t>(x.size());
  std::vector<float> chunks;
  for (int64_t begin = 0; begin < size; begin += chunkElements) {
    const int64_t end = std::min(begin + chunkElements, size);
    float lanes[chunkLanes] = {};
    for (int64_t k = begin; k < end; ++k)
      lanes[k % chunkLanes] = lanes[k % chunkLanes] + x[k];
    const int64_t used = std::min(chunkLanes, end - begin);
    chunks.push_back(tree(std::span<float>(lanes, used)));
  }
  return tree(chunks);
}

/// The exact integer sums s and u of one group. V10 keeps both below 2^31.
static LowBitTerm sumGroup(std::span<const LowBitTerm> terms,
                           std::span<const int16_t> activations, int64_t begin,
                           int64_t end) {
  LowBitTerm total{0, 0};
  for (int64_t k = begin; k < end; ++k) {
    total.scaled += terms[k].scaled * activations[k];
    total.offset += terms[k].offset * activations[k];
  }
  assert(std::abs(total.scaled) < (int64_t{1} << 31) &&
         std::abs(total.offset) < (int64_t{1} << 31) && "V10");
  return total;
}

float groupedDot(std::span<const LowBitTerm> terms,
                 std::span<const int16_t> activations,
                 std::span<const LowBitGroup> groups, bool hasOffset,
                 float unit) {
  std::vector<float> chunks;
  size_t next = 0;
  for (int64_t begin = 0; begin < static_cast<int64_t>(terms.size());
       begin += chunkElements) {
    float acc = 0.0f;
    for (; next < groups.size() && groups[next].begin < begin + chunkElements;
         ++next) {
      const LowBitGroup &group = groups[next];
      const LowBitTerm s = sumGroup(terms, activations, group.begin, group.end);
      acc = std::fma(static_cast<float>(s.scaled) * unit, group.scale, acc);
      if (hasOffset)
        acc = std::fma(static_cast<float>(s.offset), group.offset, acc);
    }
    chunks.push_back(acc);
  }
  return tree(chunks);
}

float oneGroupDot(std::span<const LowBitTerm> terms,
                  std::span<const int16_t> activations, float scale,
                  float offset, bool hasOffset, float unit) {
  const LowBitTerm s =
      sumGroup(terms, activations, 0, static_cast<int64_t>(terms.size()));
  float y = static_cast<float>(s.scaled) * unit * scale;
  if (hasOffset)
    y = std::fma(static_cast<float>(s.offset), offset, y);
  return y;
}

//===----------------------------------------------------------------------===//
// Quantization: N7, N8
//===----------------------------------------------------------------------===//

int16_t clampToInt(float v, int64_t lo, int64_t hi) {
  if (std::isnan(v))
    return 0;
  const float low = static_cast<float>(lo), high = static_cast<float>(hi);
  v = v < low ? low : v > high ? high : v;
  // Adding 1.5 * 2^23 leaves no room for a fraction: it rounds to nearest even.
  return static_cast<int16_t>((v + 12582912.0f) - 12582912.0f);
}

QuantizedGroup quantizeGroup(std::span<const float> x, int64_t lo, int64_t hi,
                             float floor) {
  QuantizedGroup group;
  float m = 0.0f;
  for (float value : x)
    m = std::fabs(value) > m ? std::fabs(value) : m;
  m = floor > m ? floor : m;
  const float high = static_cast<float>(hi);
  const float c = high / m;
  for (float value : x)
    group.codes.push_back(clampToInt(value * c, lo, hi));
  group.scale = m / high;
  return group;
}

//===----------------------------------------------------------------------===//
// Elementary functions: N9 to N11
//===----------------------------------------------------------------------===//

float rsqrt(float x) { return 1.0f / std::sqrt(x); }

/// 2^e for a normal result.
static float powerOfTwo(int32_t e) {
  return std::bit_cast<float>(static_cast<uint32_t>(e + 127) << 23);
}

float exp(float x) {
  if (std::isnan(x))
    return x;
  if (x > 88.72284f)
    return infinity;
  if (x < -87.33655f)
    return 0.0f;
  const float n = std::fma(x, 1.44269504f, 12582912.0f) - 12582912.0f;
  float r = std::fma(n, -0.693145752f, x);
  r = std::fma(n, -1.42860677e-06f, r);
  float p = 1.98412698e-4f;
  for (float c : {1.38888889e-3f, 8.33333333e-3f, 4.16666667e-2f,
                  1.66666667e-1f, 0.5f, 1.0f, 1.0f})
    p = std::fma(p, r, c);
  // Two steps, since 2^128 is not a number and results may be subnormal.
  const int32_t whole = static_cast<int32_t>(n);
  const int32_t half = whole >> 1;
  return (p * powerOfTwo(half)) * powerOfTwo(whole - half);
}

float sigmoid(float x) { return 1.0f / (1.0f + exp(-x)); }

float silu(float x) { return x / (1.0f + exp(-x)); }

float tanh(float x) {
  const float a = std::fabs(x);
  const float e = exp(-2.0f * a);
  const float t = (1.0f - e) / (1.0f + e);
  return std::copysign(t, x);
}

float geluTanh(float x) {
  const float cube = (x * x) * x;
  const float u = 0.797884561f * std::fma(0.044715f, cube, x);
  return (0.5f * x) * (1.0f + tanh(u));
}

float relu2(float x) {
  const float r = x > 0.0f ? x : 0.0f;
  return r * r;
}

//===----------------------------------------------------------------------===//
// Layers: N12 to N14
//===----------------------------------------------------------------------===//

/// The part that rms and layer norm share: `d` are the rows' deviations.
static void scaleNorm(std::span<const float> d, float eps,
                      const NormOperands &operands, std::span<float> out) {
  const float q = dot(d, d);
  const float v = q / static_cast<float>(d.size());
  const float r = rsqrt(v + eps);
  for (size_t k = 0; k < d.size(); ++k) {
    float y = d[k] * r;
    if (!operands.weight.empty())
      y = y * operands.weight[k];
    if (!operands.bias.empty())
      y = y + operands.bias[k];
    if (!operands.scale.empty())
      y = std::fma(y, 1.0f + operands.scale[k], operands.shift[k]);
    out[k] = y;
  }
}

void rmsNorm(std::span<const float> x, float eps, const NormOperands &operands,
             std::span<float> out) {
  scaleNorm(x, eps, operands, out);
}

void layerNorm(std::span<const float> x, float eps,
               const NormOperands &operands, std::span<float> out) {
  const float mu = sum(x) / static_cast<float>(x.size());
  std::vector<float> d(x.size());
  for (size_t k = 0; k < x.size(); ++k)
    d[k] = x[k] - mu;
  scaleNorm(d, eps, operands, out);
}

void rope(std::span<float> head, std::span<const float> table, bool adjacent) {
  const size_t pairs = table.size() / 2;
  assert(2 * pairs <= head.size() && "the table rotates at most a head");
  for (size_t i = 0; i < pairs; ++i) {
    float &first = head[adjacent ? 2 * i : i];
    float &second = head[adjacent ? 2 * i + 1 : i + pairs];
    const float a = first, b = second;
    const float cosine = table[2 * i], sine = table[2 * i + 1];
    first = std::fma(a, cosine, -(b * sine));
    second = std::fma(a, sine, b * cosine);
  }
}

namespace {
/// What N14 keeps of one chunk, and of all chunks so far.
struct AttentionPart {
  float m = -infinity;
  float l = 0.0f;
  std::vector<float> o;
};
} // namespace

static AttentionPart attendChunk(std::span<const float> query,
                                 const float *keys, const float *values,
                                 int64_t stride, int64_t begin, int64_t end,
                                 float scale) {
  AttentionPart part;
  std::vector<float> scores;
  for (int64_t j = begin; j < end; ++j) {
    std::span<const float> key(keys + j * stride, query.size());
    const float s = dot(query, key) * scale;
    part.m = s > part.m ? s : part.m;
    scores.push_back(s);
  }
  float lanes[chunkLanes] = {};
  part.o.assign(query.size(), 0.0f);
  for (int64_t j = begin; j < end; ++j) {
    const float p = exp(scores[j - begin] - part.m);
    lanes[j % chunkLanes] = lanes[j % chunkLanes] + p;
    for (size_t d = 0; d < query.size(); ++d)
      part.o[d] = std::fma(p, values[j * stride + d], part.o[d]);
  }
  part.l = tree(lanes);
  return part;
}

static void mergePart(AttentionPart &all, const AttentionPart &part) {
  const float m = part.m > all.m ? part.m : all.m;
  const float a = exp(all.m - m);
  const float b = exp(part.m - m);
  all.l = std::fma(all.l, a, part.l * b);
  for (size_t d = 0; d < all.o.size(); ++d)
    all.o[d] = std::fma(all.o[d], a, part.o[d] * b);
  all.m = m;
}

void attention(std::span<const float> query, const float *keys,
               const float *values, int64_t stride, int64_t begin, int64_t end,
               float scale, std::span<float> out) {
  assert(begin < end && "a query sees at least one key");
  AttentionPart all;
  for (int64_t from = begin; from < end;) {
    const int64_t border = (from / attentionChunk + 1) * attentionChunk;
    const int64_t to = std::min(border, end);
    AttentionPart part =
        attendChunk(query, keys, values, stride, from, to, scale);
    if (from == begin)
      all = std::move(part);
    else
      mergePart(all, part);
    from = to;
  }
  for (size_t d = 0; d < out.size(); ++d)
    out[d] = all.o[d] / all.l;
}

} // namespace lowbit::reference
