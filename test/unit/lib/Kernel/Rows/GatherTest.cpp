//===- GatherTest.cpp - Rows of tables, elementwise chains ----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StageHarness.h"

#include "lib/Kernel/RowStages.h"
#include "lib/Reference/Numerics.h"
#include "lowbit/Packing/Layouts.h"
#include "lowbit/Packing/Pack.h"

#include <gtest/gtest.h>

using namespace lowbit;
using namespace lowbit::kernel;
using namespace lowbit::test;

namespace {

NumberDesc f16() { return NumberDesc::floating(FloatFormat::f16); }
NumberDesc f32() { return NumberDesc::floating(FloatFormat::f32); }
NumberDesc bf16() { return NumberDesc::floating(FloatFormat::bf16); }

enum class Layout { canonical, rowsInLanes };

/// Any bits in every component: what a table decodes to is judged by lib/Packing.
void run(const char *name, LeafDesc leaf, Layout layout) {
  SCOPED_TRACE(::testing::Message() << name << ", layout " << int(layout));
  Status placed = layout == Layout::canonical ? applyCanonicalLayout(leaf)
                                              : applyRowsInLanesLayout(leaf);
  ASSERT_TRUE(placed.isOk()) << placed.toString();
  auto components = componentsOf(leaf);
  ASSERT_TRUE(components.isOk()) << components.status().toString();
  Random random(uint64_t(leaf.columns * leaf.code.width));
  std::vector<Buffer> bytes;
  for (const ComponentDesc &component : *components) {
    Buffer buffer(component.bytes);
    for (uint8_t &byte : buffer)
      byte = uint8_t(random.next());
    bytes.push_back(buffer);
  }
  std::vector<std::span<const uint8_t>> spans(bytes.begin(), bytes.end());
  const int64_t stride = (leaf.columns + 7) / 8 * 8;
  std::vector<int32_t> ids = {0, int32_t(leaf.rows - 1), 3, 3, int32_t(leaf.rows / 2)};
  StageInput input;
  input.tokens = input.items = int64_t(ids.size());
  input.bindings = {bytesOf(ids), unwritten(ids.size() * size_t(stride) * 4)};
  GatherStage stage{"stage", 0, leaf, {}, {1, stride}};
  for (const Buffer &buffer : bytes) {
    stage.bindings.push_back(unsigned(input.bindings.size()));
    input.bindings.push_back(buffer);
  }
  runStage(
      [&](mlir::ModuleOp module,
          const KernelCapabilities &capabilities) -> StatusOr<uint64_t> {
        LOWBIT_RETURN_IF_ERROR(emitGatherStage(module, stage, capabilities));
        return uint64_t(0);
      },
      input, [&](const std::vector<Buffer> &after, const std::string &where) {
        std::vector<float> rows = numbersOf<float>(after[1]);
        std::vector<float> want(size_t(leaf.columns));
        for (size_t t = 0; t < ids.size(); ++t) {
          Status status = decodeRow(leaf, spans, ids[t], want);
          ASSERT_TRUE(status.isOk()) << status.toString();
          for (size_t k = 0; k < want.size(); ++k)
            ASSERT_TRUE(sameFloat(rows[t * size_t(stride) + k], want[k]))
                << where << ": row " << ids[t] << " column " << k << ": "
                << rows[t * size_t(stride) + k] << ", want " << want[k];
        }
      });
}

void runBoth(const char *name, const LeafDesc &leaf) {
  run(name, leaf, Layout::canonical);
  run(name, leaf, Layout::rowsInLanes);
}

LeafDesc table(NumberDesc code, int64_t rows, int64_t columns) {
  LeafDesc leaf;
  leaf.rows = rows;
  leaf.columns = columns;
  leaf.code = code;
  return leaf;
}

} // namespace

TEST(Gather, FloatTables) {
  for (int64_t columns : {1, 7, 31, 32, 33, 72}) {
    runBoth("f32", table(f32(), 13, columns));
    runBoth("f16", table(f16(), 16, columns));
    runBoth("bf16", table(bf16(), 9, columns));
  }
}

TEST(Gather, EveryWidthOfCode) {
  for (unsigned width = 1; width <= 8; ++width) {
    LeafDesc leaf = table(NumberDesc::unsignedInt(width), 11, 64);
    leaf.scales = {paramPerGroup(f16(), 11, 64, 32)};
    leaf.offsets = {paramPerGroup(f16(), 11, 64, 32)};
    runBoth("unsigned", leaf);
    if (width == 1)
      continue;
    leaf = table(NumberDesc::signedInt(width), 20, 45);
    leaf.scales = {paramPerRow(f32(), 20)};
    runBoth("signed", leaf);
  }
}

TEST(Gather, ListsOfFactors) {
  // As Q4_K: f16 a 256 times 6 bits a 32, with a subtracted minimum of the same shape.
  LeafDesc leaf = table(NumberDesc::unsignedInt(4), 10, 512);
  leaf.scales = {paramPerGroup(f16(), 10, 512, 256),
                 paramPerGroup(NumberDesc::unsignedInt(6), 10, 512, 32)};
  leaf.offsets = leaf.scales;
  leaf.offsetNegated = true;
  runBoth("q4_k", leaf);
  // As Q6_K: f16 a 256 times int8 a 16.
  leaf = table(NumberDesc::signedInt(6), 10, 256);
  leaf.scales = {paramPerGroup(f16(), 10, 256, 256),
                 paramPerGroup(NumberDesc::signedInt(8), 10, 256, 16)};
  runBoth("q6_k", leaf);
  // Zero points, no scale; one scale a tensor; two float factors.
  leaf = table(NumberDesc::unsignedInt(4), 10, 64);
  leaf.zero = paramPerGroup(NumberDesc::unsignedInt(4), 10, 64, 16);
  runBoth("zero", leaf);
  leaf.scales = {paramPerTensor(f32()), paramPerRow(bf16(), 10)};
  runBoth("zero, two scales", leaf);
  leaf = table(NumberDesc::signedInt(2), 10, 40);
  leaf.code.lo = -1;
  leaf.code.hi = 1;
  runBoth("ternary", leaf);
  leaf.offsets = {paramPerTensor(f32())};
  runBoth("ternary and an offset", leaf);
}

TEST(Gather, RefusesMissingBindings) {
  LeafDesc leaf = table(f32(), 8, 8);
  ASSERT_TRUE(applyCanonicalLayout(leaf).isOk());
  GatherStage stage{"stage", 0, leaf, {}, {1, 8}};
  Status status = emitOnly(
      [&](mlir::ModuleOp module, const KernelCapabilities &caps) -> StatusOr<uint64_t> {
        LOWBIT_RETURN_IF_ERROR(emitGatherStage(module, stage, caps));
        return uint64_t(0);
      });
  EXPECT_EQ(status.code(), StatusCode::invalidArgument);
}

// silu(a) * b + c, then relu2: what a fused chain looks like.
TEST(Elementwise, Chain) {
  for (int64_t columns : {1, 8, 13, 96}) {
    const int64_t tokens = 4, stride = (columns + 7) / 8 * 8;
    Random random(7 + uint64_t(columns));
    std::vector<std::vector<float>> x;
    StageInput input;
    input.tokens = input.items = tokens;
    for (int i = 0; i < 3; ++i) {
      x.push_back(random.numbers(size_t(tokens * columns), 9.0f));
      input.bindings.push_back(bytesOf(paddedRows(x.back(), columns, stride)));
    }
    input.bindings.push_back(unwritten(size_t(tokens * stride) * 4));
    auto body = [&](StageFunction &stage, mlir::Value token, mlir::Value column) {
      ValueBuilder &b = stage.values();
      auto operand = [&](unsigned i) {
        return stage.load(rowVector, rowAddress(stage, {i, stride}, token, column), 32);
      };
      AbstractValue y = b.mulF(emitActivation(b, Activation::silu, operand(0)), operand(1));
      y = emitActivation(b, Activation::relu2, b.addF(y, operand(2)));
      stage.store(y, rowAddress(stage, {3, stride}, token, column), 32);
    };
    runStage(
        [&](mlir::ModuleOp module,
            const KernelCapabilities &capabilities) -> StatusOr<uint64_t> {
          LOWBIT_RETURN_IF_ERROR(
              emitElementwiseStage(module, "stage", columns, capabilities, body));
          return uint64_t(0);
        },
        input, [&](const std::vector<Buffer> &after, const std::string &where) {
          std::vector<float> got = numbersOf<float>(after[3]);
          for (size_t i = 0; i < x[0].size(); ++i) {
            float want = reference::relu2(reference::silu(x[0][i]) * x[1][i] + x[2][i]);
            size_t place =
                i / size_t(columns) * size_t(stride) + i % size_t(columns);
            ASSERT_TRUE(sameFloat(got[place], want)) << where << " at " << i;
          }
        });
  }
}
