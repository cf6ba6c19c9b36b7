//===- AttentionTest.cpp - Rotary embedding, cache and attention ----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StageHarness.h"

#include "lib/Kernel/RowStages.h"
#include "lib/Reference/Numerics.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace lowbit;
using namespace lowbit::kernel;
using namespace lowbit::test;

namespace {

int64_t roundUp(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

/// Where the cache keeps element `d` of the key at `position` (HELPERS: [heads]
/// [capacity / 8][headDim][8]).
size_t keyPlace(int64_t head, int64_t position, int64_t d, int64_t headDim,
                int64_t capacity) {
  return size_t(((head * (capacity / 8) + position / 8) * headDim + d) * 8 + position % 8);
}
size_t valuePlace(int64_t head, int64_t position, int64_t d, int64_t headDim,
                  int64_t capacity) {
  return size_t((head * capacity + position) * headDim + d);
}

//===----------------------------------------------------------------------===//
// Rotary embedding and append
//===----------------------------------------------------------------------===//

struct RopeCase {
  int64_t heads, kvHeads, headDim, pairs;
  bool adjacent, inPlace, append;
  int64_t position, tokens;
  int64_t sequence = 0; ///< positions begin anew after so many rows
};

// Bindings: 0 table, 1 q, 2 k, 3 v, 4 q out, 5 k out, 6 cache keys, 7 cache values.
RopeStage describe(const RopeCase &c) {
  int64_t qStride = roundUp(c.heads * c.headDim, 8) + 8;
  int64_t kStride = roundUp(c.kvHeads * c.headDim, 8);
  RopeStage stage;
  stage.name = "stage";
  RowsRef q{1, qStride}, k{2, kStride};
  RowsRef qOut = c.inPlace ? q : RowsRef{4, qStride};
  RowsRef kOut = c.inPlace ? k : RowsRef{5, kStride};
  stage.ropes.push_back({q, qOut, c.heads, c.headDim, c.pairs, c.adjacent, 0,
                         c.sequence});
  stage.ropes.push_back({k, kOut, c.kvHeads, c.headDim, c.pairs, c.adjacent, 0,
                         c.sequence});
  if (c.append)
    stage.append = AppendSpec{kOut, {3, kStride}, 6, 7, c.kvHeads, c.headDim};
  return stage;
}

std::vector<float> rotate(const RopeCase &c, std::vector<float> rows, int64_t heads,
                          const std::vector<float> &table) {
  for (int64_t t = 0; t < c.tokens; ++t)
    for (int64_t h = 0; h < heads; ++h)
      reference::rope({&rows[size_t((t * heads + h) * c.headDim)], size_t(c.headDim)},
                      {&table[size_t((c.sequence ? t % c.sequence : c.position + t) *
                                     c.pairs * 2)],
                       size_t(c.pairs * 2)},
                      c.adjacent);
  return rows;
}

void expectRows(const Buffer &got, const std::vector<float> &want, int64_t columns,
                int64_t stride, const std::string &where) {
  std::vector<float> rows = numbersOf<float>(got);
  for (size_t i = 0; i < want.size(); ++i) {
    size_t place = i / size_t(columns) * size_t(stride) + i % size_t(columns);
    ASSERT_TRUE(sameFloat(rows[place], want[i]))
        << where << ": row " << i / size_t(columns) << " column " << i % size_t(columns)
        << ": " << rows[place] << ", want " << want[i];
  }
}

void runRope(const RopeCase &c) {
  SCOPED_TRACE(::testing::Message() << c.heads << "/" << c.kvHeads << " heads of "
                                    << c.headDim << ", pairs " << c.pairs);
  const int64_t capacity = 256, positions = c.position + c.tokens;
  Random random(uint64_t(c.headDim * 17 + c.pairs));
  std::vector<float> table = random.numbers(size_t(positions * c.pairs * 2));
  std::vector<float> q = random.numbers(size_t(c.tokens * c.heads * c.headDim));
  std::vector<float> k = random.numbers(size_t(c.tokens * c.kvHeads * c.headDim));
  std::vector<float> v = random.numbers(k.size());
  q[0] = std::nanf("");
  k[k.size() - 1] = std::numeric_limits<float>::infinity();
  RopeStage stage = describe(c);
  int64_t qStride = stage.ropes[0].input.stride, kStride = stage.ropes[1].input.stride;
  int64_t qColumns = c.heads * c.headDim, kColumns = c.kvHeads * c.headDim;
  size_t cacheBytes = size_t(capacity * kColumns) * 4;
  StageInput input;
  input.tokens = input.items = c.tokens;
  input.position = c.position;
  input.capacity = capacity;
  input.bindings = {bytesOf(table), bytesOf(paddedRows(q, qColumns, qStride)),
                    bytesOf(paddedRows(k, kColumns, kStride)),
                    bytesOf(paddedRows(v, kColumns, kStride)),
                    unwritten(size_t(c.tokens * qStride) * 4),
                    unwritten(size_t(c.tokens * kStride) * 4), unwritten(cacheBytes),
                    unwritten(cacheBytes)};
  std::vector<float> wantQ = rotate(c, q, c.heads, table);
  std::vector<float> wantK = rotate(c, k, c.kvHeads, table);
  std::vector<float> wantKeys = numbersOf<float>(unwritten(cacheBytes));
  std::vector<float> wantValues = wantKeys;
  if (c.append)
    for (int64_t t = 0; t < c.tokens; ++t)
      for (int64_t h = 0; h < c.kvHeads; ++h)
        for (int64_t d = 0; d < c.headDim; ++d) {
          size_t from = size_t((t * c.kvHeads + h) * c.headDim + d);
          int64_t at = c.position + t;
          wantKeys[keyPlace(h, at, d, c.headDim, capacity)] = wantK[from];
          wantValues[valuePlace(h, at, d, c.headDim, capacity)] = v[from];
        }
  runStage(
      [&](mlir::ModuleOp module,
          const KernelCapabilities &capabilities) -> StatusOr<uint64_t> {
        LOWBIT_RETURN_IF_ERROR(emitRopeStage(module, stage, capabilities));
        return uint64_t(0);
      },
      input, [&](const std::vector<Buffer> &after, const std::string &where) {
        expectRows(after[c.inPlace ? 1 : 4], wantQ, qColumns, qStride, where);
        expectRows(after[c.inPlace ? 2 : 5], wantK, kColumns, kStride, where);
        // Whole caches: nothing else may have changed.
        expectRows(after[6], wantKeys, int64_t(wantKeys.size()), 0, where + ", keys");
        expectRows(after[7], wantValues, int64_t(wantValues.size()), 0,
                   where + ", values");
      });
}

} // namespace

TEST(Rope, RotatesAndAppends) {
  runRope({2, 1, 8, 4, true, false, true, 0, 1});
  runRope({9, 3, 64, 32, false, false, true, 5, 3});
  runRope({9, 3, 64, 32, true, true, true, 126, 4});
  runRope({3, 1, 80, 16, false, true, true, 7, 2}); // a fifth of the head rotates
  runRope({5, 5, 24, 12, true, false, true, 15, 9});
  runRope({1, 1, 2, 1, false, true, true, 200, 2});
  runRope({4, 2, 10, 3, true, false, true, 0, 17});
  runRope({4, 2, 128, 64, false, false, false, 3, 2});
}

TEST(Rope, PositionsInImages) {
  runRope({2, 2, 8, 4, true, false, false, 3, 6, 3}); // POSITION does not count
  runRope({3, 1, 7, 3, false, true, false, 0, 12, 5});
}

TEST(Rope, RefusesMorePairsThanAHeadHas) {
  RopeStage stage = describe({2, 1, 8, 5, true, true, false, 0, 1});
  Status status = emitOnly(
      [&](mlir::ModuleOp module, const KernelCapabilities &caps) -> StatusOr<uint64_t> {
        LOWBIT_RETURN_IF_ERROR(emitRopeStage(module, stage, caps));
        return uint64_t(0);
      });
  EXPECT_EQ(status.code(), StatusCode::invalidArgument);
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

namespace {

struct AttentionCase {
  int64_t heads, kvHeads, headDim;
  int64_t position, tokens;
  bool causal = true;
  int64_t window = 0;
  int special = 0; ///< 1: a NaN in a query, 2: infinite scores, 3: all scores -inf
};

struct AttentionData {
  std::vector<float> query, keys, values; ///< rows; keys and values [head][position][d]
};

AttentionData makeData(const AttentionCase &c) {
  Random random(uint64_t(c.headDim * 31 + c.position * 7 + c.heads));
  int64_t total = c.position + c.tokens;
  AttentionData data;
  data.query = random.numbers(size_t(c.tokens * c.heads * c.headDim), 2.0f);
  data.keys = random.numbers(size_t(c.kvHeads * total * c.headDim), 2.0f);
  data.values = random.numbers(data.keys.size(), 2.0f);
  const float infinity = std::numeric_limits<float>::infinity();
  if (c.special == 1)
    data.query[data.query.size() / 2] = std::nanf("");
  if (c.special == 2)
    data.keys[data.keys.size() / 3] = infinity;
  if (c.special == 3)
    for (int64_t i = 0; i < int64_t(data.keys.size()); ++i) {
      data.keys[size_t(i)] = i % c.headDim == 0 ? -infinity : 0.0f;
      if (size_t(i) < data.query.size())
        data.query[size_t(i)] = 1.0f;
    }
  return data;
}

std::vector<float> expect(const AttentionCase &c, const AttentionData &data, float scale) {
  int64_t total = c.position + c.tokens;
  std::vector<float> out(data.query.size());
  for (int64_t t = 0; t < c.tokens; ++t)
    for (int64_t h = 0; h < c.heads; ++h) {
      size_t at = size_t((t * c.heads + h) * c.headDim);
      size_t slot = size_t(h / (c.heads / c.kvHeads) * total * c.headDim);
      int64_t end = c.causal ? c.position + t + 1 : total;
      int64_t begin = c.window ? std::max<int64_t>(0, c.position + t + 1 - c.window) : 0;
      reference::attention({&data.query[at], size_t(c.headDim)}, &data.keys[slot],
                           &data.values[slot], c.headDim, begin, end, scale,
                           {&out[at], size_t(c.headDim)});
    }
  return out;
}

void runAttention(const AttentionCase &c) {
  SCOPED_TRACE(::testing::Message()
               << c.heads << "/" << c.kvHeads << " heads of " << c.headDim << ", position "
               << c.position << ", window " << c.window << ", special " << c.special);
  int64_t total = c.position + c.tokens, capacity = roundUp(total, 128);
  AttentionData data = makeData(c);
  const float scale = 1.0f / std::sqrt(float(c.headDim));
  size_t cacheBytes = size_t(capacity * c.kvHeads * c.headDim) * 4;
  std::vector<float> keys = numbersOf<float>(unwritten(cacheBytes)), values = keys;
  for (int64_t h = 0; h < c.kvHeads; ++h)
    for (int64_t j = 0; j < total; ++j)
      for (int64_t d = 0; d < c.headDim; ++d) {
        size_t from = size_t((h * total + j) * c.headDim + d);
        keys[keyPlace(h, j, d, c.headDim, capacity)] = data.keys[from];
        values[valuePlace(h, j, d, c.headDim, capacity)] = data.values[from];
      }
  int64_t columns = c.heads * c.headDim, stride = roundUp(columns, 8);
  StageInput input;
  input.tokens = c.tokens;
  input.items = c.tokens * c.heads;
  input.position = c.position;
  input.capacity = capacity;
  input.bindings = {bytesOf(paddedRows(data.query, columns, stride)), bytesOf(keys),
                    bytesOf(values), unwritten(size_t(c.tokens * (stride + 8)) * 4)};
  std::vector<float> want = expect(c, data, scale);
  runStage(
      [&](mlir::ModuleOp module, const KernelCapabilities &capabilities) {
        AttentionStage stage{"stage", {0, stride}, {3, stride + 8}, 1, 2, c.heads,
                             c.kvHeads, c.headDim, scale, c.causal, c.window};
        return emitAttentionStage(module, stage, capabilities);
      },
      input, [&](const std::vector<Buffer> &after, const std::string &where) {
        expectRows(after[3], want, columns, stride + 8, where);
      });
}

} // namespace

TEST(Attention, AnyHeadDimension) {
  for (int64_t headDim : {1, 3, 8, 16, 20, 24, 32, 33, 48, 64, 80, 96, 128, 130, 256})
    runAttention({2, 1, headDim, 130, 2});
}

TEST(Attention, AnyPosition) {
  for (int64_t position : {0, 1, 6, 7, 8, 126, 127, 128, 129, 255, 256, 300, 511})
    runAttention({3, 1, 16, position, position % 3 + 1});
}

TEST(Attention, GroupedHeads) {
  runAttention({1, 1, 16, 9, 2});
  runAttention({4, 4, 16, 9, 2});
  runAttention({9, 3, 64, 40, 3});
  runAttention({8, 2, 24, 140, 2});
  runAttention({7, 7, 8, 0, 5});
}

TEST(Attention, SlidingWindow) {
  for (int64_t window : {1, 2, 7, 8, 9, 100, 128, 129, 300})
    runAttention({2, 2, 16, 260, 3, true, window});
}

TEST(Attention, WithoutMask) {
  runAttention({2, 1, 32, 0, 5, false});
  runAttention({2, 1, 32, 125, 9, false});
}

TEST(Attention, NumbersThatAreNone) {
  for (int special : {1, 2, 3})
    for (int64_t position : {3, 200})
      runAttention({2, 1, 16, position, 2, true, 0, special});
}

TEST(Attention, RefusesWhatItCannotDo) {
  auto statusOf = [](int64_t heads, int64_t kvHeads, int64_t headDim) {
    AttentionStage stage{"stage", {0, 8}, {3, 8}, 1, 2, heads, kvHeads, headDim};
    return emitOnly([&](mlir::ModuleOp module, const KernelCapabilities &caps) {
      return emitAttentionStage(module, stage, caps);
    });
  };
  EXPECT_EQ(statusOf(3, 2, 16).code(), StatusCode::invalidArgument);
  EXPECT_EQ(statusOf(2, 0, 16).code(), StatusCode::invalidArgument);
  EXPECT_EQ(statusOf(2, 1, 0).code(), StatusCode::unimplemented);
  EXPECT_EQ(statusOf(2, 1, 513).code(), StatusCode::unimplemented);
}
