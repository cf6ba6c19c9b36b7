//===- PrologueTest.cpp - Norm and quantization of rows -------------------===//
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

enum class Norm { none, rms, layer };

struct Case {
  int64_t columns;
  Norm norm = Norm::rms;
  bool weight = true, bias = false, modulation = false;
  bool output = true, quantize = false;
  int64_t group = 0;
  float floor = 0;
  int lo = -127, hi = 127;
  int64_t extraStride = 0;
};

int64_t roundUp(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

// Bindings: 0 input, 1 output, 2 codes, 3 scales, 4 sums, 5..8 weight, bias, scale, shift.
PrologueStage describe(const Case &c) {
  PrologueStage stage;
  stage.name = "stage";
  stage.columns = c.columns;
  int64_t stride = roundUp(c.columns, 8);
  stage.input = {0, stride + c.extraStride};
  if (c.norm != Norm::none) {
    stage.norm.emplace();
    stage.norm->layer = c.norm == Norm::layer;
    stage.norm->eps = 1e-6f;
    if (c.weight)
      stage.norm->weight = 5;
    if (c.bias)
      stage.norm->bias = 6;
    if (c.modulation) {
      stage.norm->scale = 7;
      stage.norm->shift = 8;
    }
  }
  if (c.output)
    stage.output = RowsRef{1, stride};
  if (c.quantize)
    stage.quantize = QuantizeSpec{2, 3, 4, c.group, c.lo, c.hi, c.floor};
  return stage;
}

/// Ordinary rows, then zeros, tiny numbers, a NaN and infinities.
std::vector<float> inputRows(Random &random, int64_t columns, int64_t &tokens) {
  tokens = 7;
  std::vector<float> x = random.numbers(size_t(tokens * columns), 3.0f);
  auto row = [&](int64_t t) { return &x[size_t(t * columns)]; };
  std::fill_n(row(2), columns, 0.0f);
  for (int64_t k = 0; k < columns; ++k)
    row(3)[k] *= 1e-41f;
  row(4)[random.below(columns)] = std::nanf("");
  row(5)[random.below(columns)] = -std::numeric_limits<float>::infinity();
  for (int64_t k = 0; k < columns; ++k)
    row(6)[k] *= 1e30f;
  return x;
}

struct Expected {
  std::vector<float> rows;
  std::vector<int16_t> codes;
  std::vector<float> scales;
};

Expected expect(const Case &c, const std::vector<float> &x,
                const std::vector<std::vector<float>> &params) {
  Expected result;
  int64_t group = c.group ? c.group : c.columns;
  for (size_t begin = 0; begin < x.size(); begin += size_t(c.columns)) {
    std::span<const float> row(&x[begin], size_t(c.columns));
    std::vector<float> y(row.begin(), row.end());
    reference::NormOperands operands;
    if (c.weight)
      operands.weight = params[0];
    if (c.bias)
      operands.bias = params[1];
    if (c.modulation) {
      operands.scale = params[2];
      operands.shift = params[3];
    }
    if (c.norm == Norm::rms)
      reference::rmsNorm(row, 1e-6f, operands, y);
    if (c.norm == Norm::layer)
      reference::layerNorm(row, 1e-6f, operands, y);
    result.rows.insert(result.rows.end(), y.begin(), y.end());
    for (int64_t k = 0; k < c.columns; k += group) {
      auto part = reference::quantizeGroup({&y[size_t(k)], size_t(group)}, c.lo, c.hi,
                                           c.floor);
      result.codes.insert(result.codes.end(), part.codes.begin(), part.codes.end());
      result.scales.push_back(part.scale);
    }
  }
  return result;
}

void checkRows(const Case &c, const Expected &want, const Buffer &output, int64_t tokens,
               const std::string &where) {
  std::vector<float> rows = numbersOf<float>(output);
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t k = 0; k < c.columns; ++k) {
      float got = rows[size_t(t * roundUp(c.columns, 8) + k)];
      float right = want.rows[size_t(t * c.columns + k)];
      ASSERT_TRUE(sameFloat(got, right)) << where << ": row " << t << " column " << k
                                         << ": " << got << ", want " << right;
    }
}

void checkCodes(const Case &c, const Expected &want, const std::vector<Buffer> &after,
                int64_t tokens, const std::string &where) {
  std::vector<int8_t> codes = numbersOf<int8_t>(after[2]);
  std::vector<float> scales = numbersOf<float>(after[3]);
  std::vector<int32_t> sums = numbersOf<int32_t>(after[4]);
  ASSERT_EQ(scales.size(), want.scales.size());
  for (size_t i = 0; i < scales.size(); ++i)
    ASSERT_TRUE(sameFloat(scales[i], want.scales[i]))
        << where << ": scale " << i << ": " << scales[i] << ", want " << want.scales[i];
  int64_t padded = roundUp(c.columns, 32);
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t k = 0, sum = 0; k < padded; ++k) {
      int right = k < c.columns ? want.codes[size_t(t * c.columns + k)] : 0;
      ASSERT_EQ(codes[size_t(t * padded + k)], int8_t(right))
          << where << ": row " << t << " column " << k;
      sum += right;
      if (k % 16 == 15) {
        ASSERT_EQ(sums[size_t((t * padded + k) / 16)], sum) << where << ": sum at " << k;
        sum = 0;
      }
    }
}

void run(const Case &c) {
  SCOPED_TRACE(::testing::Message()
               << c.columns << " columns, norm " << int(c.norm) << ", group " << c.group);
  Random random(uint64_t(c.columns * 3 + c.group));
  int64_t tokens = 0;
  std::vector<float> x = inputRows(random, c.columns, tokens);
  std::vector<std::vector<float>> params;
  for (int i = 0; i < 4; ++i)
    params.push_back(random.numbers(size_t(c.columns), 1.5f));
  int64_t stride = roundUp(c.columns, 8), padded = roundUp(c.columns, 32);
  int64_t groups = c.group ? c.columns / c.group : 1;
  StageInput input;
  input.tokens = input.items = tokens;
  input.bindings = {bytesOf(paddedRows(x, c.columns, stride + c.extraStride)),
                    unwritten(size_t(tokens * stride) * 4),
                    unwritten(size_t(tokens * padded)),
                    unwritten(size_t(tokens * groups) * 4),
                    unwritten(size_t(tokens * padded / 16) * 4)};
  for (const std::vector<float> &param : params)
    input.bindings.push_back(bytesOf(param));
  Expected want = expect(c, x, params);
  runStage(
      [&](mlir::ModuleOp module, const KernelCapabilities &capabilities) {
        return emitPrologueStage(module, describe(c), capabilities);
      },
      input, [&](const std::vector<Buffer> &after, const std::string &where) {
        if (c.output)
          checkRows(c, want, after[1], tokens, where);
        if (c.quantize)
          checkCodes(c, want, after, tokens, where);
      });
}

} // namespace

TEST(Prologue, RmsNormOfAnyWidth) {
  for (int64_t columns : {1, 5, 8, 16, 24, 31, 32, 33, 64, 172, 288, 511, 512, 513, 520,
                          576, 1024, 1536, 1541, 2560})
    run({.columns = columns, .extraStride = columns % 3 ? 8 : 0});
}

TEST(Prologue, NormOperandsInEveryCombination) {
  for (Norm norm : {Norm::rms, Norm::layer})
    for (int bits = 0; bits < 8; ++bits)
      run({.columns = bits % 2 ? 61 : 540,
           .norm = norm,
           .weight = (bits & 1) != 0,
           .bias = (bits & 2) != 0,
           .modulation = (bits & 4) != 0});
}

TEST(Prologue, LayerNormOfAnyWidth) {
  for (int64_t columns : {1, 9, 40, 512, 1027, 1100})
    run({.columns = columns, .norm = Norm::layer, .bias = true});
}

TEST(Prologue, OneScaleAToken) {
  for (int64_t columns : {1, 7, 8, 15, 16, 17, 24, 32, 40, 172, 513, 576, 1541})
    for (Norm norm : {Norm::none, Norm::rms})
      run({.columns = columns, .norm = norm, .output = columns % 2 == 0 && norm != Norm::none,
           .quantize = true, .floor = columns % 3 ? 0.0f : 1e-5f});
}

TEST(Prologue, OneScaleAGroup) {
  for (int64_t group : {16, 32, 64, 128, 256})
    for (int64_t columns : {group, group * 3})
      run({.columns = columns, .norm = columns == group ? Norm::none : Norm::rms,
           .output = false, .quantize = true, .group = group});
}

TEST(Prologue, OtherCodeRanges) {
  run({.columns = 96, .norm = Norm::none, .output = false, .quantize = true, .group = 32,
       .lo = -7, .hi = 7});
  run({.columns = 50, .output = false, .quantize = true, .lo = -128, .hi = 127});
}

TEST(Prologue, RefusesGroupsThatDoNotFit) {
  for (int64_t group : {8, 24, 64}) {
    Case c{.columns = 96, .norm = Norm::none, .output = false, .quantize = true,
           .group = group};
    Status status = emitOnly([&](mlir::ModuleOp module, const KernelCapabilities &caps) {
      return emitPrologueStage(module, describe(c), caps);
    });
    EXPECT_EQ(status.code(), StatusCode::unimplemented) << group;
  }
}

TEST(Prologue, RefusesHalfAModulation) {
  PrologueStage stage = describe({.columns = 8, .modulation = true});
  stage.norm->shift.reset();
  Status status = emitOnly([&](mlir::ModuleOp module, const KernelCapabilities &caps) {
    return emitPrologueStage(module, stage, caps);
  });
  EXPECT_EQ(status.code(), StatusCode::invalidArgument);
}
