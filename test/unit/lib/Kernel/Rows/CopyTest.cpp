//===- CopyTest.cpp - Streams of rows, rows at odd columns ----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StageHarness.h"

#include "lib/Kernel/RowStages.h"

#include <gtest/gtest.h>

using namespace lowbit;
using namespace lowbit::kernel;
using namespace lowbit::test;

namespace {

/// Place of (row, column) in the numbers of a binding, by N20's words.
size_t placeOf(const RowsRef &ref, int64_t row, int64_t column) {
  if (ref.parts > 1)
    return size_t(row / ref.parts * ref.stride + ref.first +
                  row % ref.parts * ref.partColumns + column);
  row /= ref.repeat;
  if (ref.cycle)
    row %= ref.cycle;
  return size_t(row * ref.stride + ref.first + column);
}

/// Numbers a binding needs for `rows` rows.
size_t sizeOf(const RowsRef &ref, int64_t rows) {
  if (ref.cycle)
    return size_t(ref.cycle * ref.stride);
  return size_t((rows + ref.parts - 1) / ref.parts * ref.stride);
}

EmitStage emitterOf(const CopyStage &stage) {
  return [stage](mlir::ModuleOp module,
                 const KernelCapabilities &capabilities) -> StatusOr<uint64_t> {
    LOWBIT_RETURN_IF_ERROR(emitCopyStage(module, stage, capabilities));
    return uint64_t(0);
  };
}

/// Copies all rows of `images` images; nothing but the rows that are meant may change,
/// and padding at the end of them.
void run(CopyStage stage, int64_t images) {
  SCOPED_TRACE(::testing::Message() << stage.columns << " columns from " << stage.input.first
                                    << " to " << stage.output.first << ", rows "
                                    << stage.inputFirst << " to " << stage.outputFirst);
  stage.name = "stage";
  stage.input.binding = 0;
  stage.output.binding = 1;
  Random random(uint64_t(stage.columns * 31 + stage.outputFirst));
  StageInput input;
  input.tokens = images;
  input.items = images * stage.count;
  std::vector<float> from = random.numbers(sizeOf(stage.input, images * stage.inputRows));
  input.bindings = {bytesOf(from),
                    unwritten(sizeOf(stage.output, images * stage.outputRows) * 4)};
  std::vector<float> want = numbersOf<float>(input.bindings[1]);
  std::vector<bool> padding(want.size());
  for (int64_t i = 0; i < images; ++i)
    for (int64_t t = 0; t < stage.count; ++t) {
      int64_t row = i * stage.outputRows + stage.outputFirst + t;
      for (int64_t k = 0; k < stage.columns; ++k)
        want[placeOf(stage.output, row, k)] = from[placeOf(
            stage.input, i * stage.inputRows + stage.inputFirst + t, k)];
      if (stage.output.parts == 1)
        for (int64_t k = stage.columns; k < stage.output.stride - stage.output.first; ++k)
          padding[placeOf(stage.output, row, k)] = true;
    }
  runStage(emitterOf(stage), input,
           [&](const std::vector<Buffer> &after, const std::string &where) {
             std::vector<float> got = numbersOf<float>(after[1]);
             for (size_t i = 0; i < want.size(); ++i)
               ASSERT_TRUE(padding[i] || sameFloat(got[i], want[i]))
                   << where << " at " << i << ": " << got[i] << ", want " << want[i];
           });
}

} // namespace

TEST(Copy, StreamsOfImages) {
  for (int64_t columns : {1, 8, 21, 64}) {
    int64_t stride = (columns + 7) / 8 * 8;
    // Rows of an image to their place among 19, and back.
    CopyStage join{"", {0, stride}, {1, stride}, columns, 3, 3, 0, 19, 16};
    run(join, 5);
    CopyStage cut{"", {0, stride}, {1, stride}, columns, 16, 19, 0, 16, 0};
    run(cut, 3);
  }
}

TEST(Copy, RowsThatBeginAnywhere) {
  for (int64_t first : {0, 1, 8, 21, 40}) {
    RowsRef part{0, 64, first};
    run({"", part, {1, 24}, 21}, 7);
    part.repeat = 3; // a modulation for the three rows of an image
    run({"", part, {1, 24}, 21, 3, 3, 0, 3, 0}, 4);
  }
  RowsRef table{0, 21};
  table.cycle = 5;
  run({"", table, {1, 24}, 21}, 12);
}

TEST(Copy, PartsOfRowsApartAndBack) {
  for (int64_t columns : {1, 7, 8, 12}) {
    RowsRef parts{0, (columns * 3 + 7) / 8 * 8};
    parts.parts = 3;
    parts.partColumns = columns;
    RowsRef apart{0, (columns + 7) / 8 * 8};
    run({"", parts, apart, columns}, 9);
    run({"", apart, parts, columns}, 9);
  }
}

TEST(Copy, RefusesRowsOutsideAnImage) {
  for (CopyStage stage : {CopyStage{"stage", {0, 8}, {1, 8}, 8, 4, 4, 1, 9, 0},
                          CopyStage{"stage", {0, 8}, {1, 8}, 8, 4, 9, 0, 4, 1},
                          CopyStage{"stage", {0, 8}, {1, 8}, 8, 1, 1, -1, 1, 0},
                          CopyStage{"stage", {0, 8}, {1, 8}, 8, 0, 1, 0, 1, 0}})
    EXPECT_EQ(emitOnly(emitterOf(stage)).code(), StatusCode::invalidArgument);
}
