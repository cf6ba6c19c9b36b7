//===- ValueBuilderTest.cpp - Abstract arithmetic on literals -------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/CodeDecode.h"
#include "lib/Kernel/EvalBuilder.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <gtest/gtest.h>

using namespace lowbit;
using namespace lowbit::kernel;

namespace {

uint64_t next(uint64_t &seed) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

bool sameFloat(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) ||
         std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

KernelCapabilities withMultiplyAdd() {
  KernelCapabilities caps;
  caps.vectorBits = 256;
  caps.fma = true;
  caps.halfConversion = true;
  caps.maddU8S8Intrinsic = "u8s8";
  caps.maddI16Intrinsic = "i16";
  return caps;
}

float evalFma(const KernelCapabilities &caps, float a, float b, float c) {
  EvalBuilder builder(caps);
  float in[] = {a, b, c};
  AbstractValue v[3];
  for (int i = 0; i < 3; ++i)
    v[i] = builder.literalF32({&in[i], 1});
  return EvalBuilder::floatLane(builder.fma(v[0], v[1], v[2]), 0);
}

} // namespace

TEST(ValueBuilder, FmaWithoutHardwareRoundsOnce) {
  const float special[] = {0.0f,          -0.0f,           1.0f,
                           -1.0f,         0x1p-149f,       -0x1p-149f,
                           0x1p-126f,     0x1.fffffep127f, -0x1.fffffep127f,
                           INFINITY,      -INFINITY,       NAN,
                           0x1.000002p0f, 0x1.fffffep-1f,  0x1p-75f,
                           3.0f};
  for (float a : special)
    for (float b : special)
      for (float c : special)
        EXPECT_TRUE(sameFloat(evalFma({}, a, b, c), std::fma(a, b, c)))
            << a << " * " << b << " + " << c;
  uint64_t seed = 12345;
  for (int i = 0; i < 100000; ++i) {
    float a = std::bit_cast<float>(uint32_t(next(seed) >> 16));
    float b = std::bit_cast<float>(uint32_t(next(seed) >> 16));
    // Near -a*b, where a second rounding would show.
    float c = i % 2 ? -a * b : std::bit_cast<float>(uint32_t(next(seed) >> 16));
    if (i % 4 == 1)
      c *= 0x1p-24f;
    ASSERT_TRUE(sameFloat(evalFma({}, a, b, c), std::fma(a, b, c)))
        << a << " * " << b << " + " << c;
  }
}

TEST(ValueBuilder, HalfBitsToFloatByIntegersEqualsConversion) {
  for (unsigned bits = 0; bits < 65536; ++bits) {
    uint64_t lane = bits;
    EvalBuilder plain{KernelCapabilities()}, hardware(withMultiplyAdd());
    ValueType i16{Scalar::i16, 1};
    float a = EvalBuilder::floatLane(
        plain.halfToFloat(plain.literal(i16, {&lane, 1})), 0);
    float b = EvalBuilder::floatLane(
        hardware.halfToFloat(hardware.literal(i16, {&lane, 1})), 0);
    ASSERT_TRUE(sameFloat(a, b)) << bits;
    float c = EvalBuilder::floatLane(
        plain.bfloatToFloat(plain.literal(i16, {&lane, 1})), 0);
    ASSERT_TRUE(sameFloat(c, std::bit_cast<float>(uint32_t(bits << 16))));
  }
}

TEST(ValueBuilder, ExpandedProductsEqualTheInstructions) {
  uint64_t seed = 99;
  for (int round = 0; round < 200; ++round) {
    std::vector<uint64_t> u, s, w;
    for (int i = 0; i < 32; ++i) {
      u.push_back(next(seed) % 128); // pairs stay in i16
      s.push_back(next(seed) & 255);
    }
    for (int i = 0; i < 16; ++i)
      w.push_back(next(seed) & 0xffff);
    EvalBuilder plain{KernelCapabilities()}, hardware(withMultiplyAdd());
    auto run = [&](EvalBuilder &b) {
      AbstractValue pairs = b.maddU8S8(b.literal({Scalar::i8, 32}, u),
                                       b.literal({Scalar::i8, 32}, s));
      AbstractValue quads = b.pairSumI16(pairs);
      AbstractValue products =
          b.maddI16(pairs, b.literal({Scalar::i16, 16}, w));
      AbstractValue sums = b.add(quads, products);
      auto lanes = EvalBuilder::lanes(sums);
      return std::vector<uint64_t>(lanes.begin(), lanes.end());
    };
    EXPECT_EQ(run(plain), run(hardware));
  }
}

TEST(ValueBuilder, MultiplyAddSaturates) {
  EvalBuilder b(withMultiplyAdd());
  std::vector<uint64_t> u(32, 255), s(32, 127);
  AbstractValue pairs = b.maddU8S8(b.literal({Scalar::i8, 32}, u),
                                   b.literal({Scalar::i8, 32}, s));
  EXPECT_EQ(EvalBuilder::signedLane(pairs, 0), 32767);
  AbstractValue top = b.constantInt({Scalar::i16, 1}, 32767);
  EXPECT_EQ(EvalBuilder::signedLane(b.addSaturating(top, top), 0), 32767);
  EXPECT_EQ(EvalBuilder::signedLane(b.add(top, top), 0), -2);
}

TEST(ValueBuilder, TreeAddsNeighboursAndPassesAnOddLast) {
  EvalBuilder b{KernelCapabilities()};
  const float in[] = {1e8f, -1e8f, 3.0f, 1e-3f, 7.0f};
  std::vector<AbstractValue> values;
  for (const float &x : in)
    values.push_back(b.literalF32({&x, 1}));
  float want = ((in[0] + in[1]) + (in[2] + in[3])) + in[4];
  EXPECT_TRUE(sameFloat(EvalBuilder::floatLane(b.treeSum(values), 0), want));
}

// Every width, every code value at every place of a block.
TEST(CodeDecode, ColumnVectorsOfEveryWidth) {
  for (unsigned width = 1; width <= 8; ++width) {
    std::vector<FieldPlan> fields;
    unsigned shift = 0;
    for (unsigned part : {8u, 4u, 2u, 1u})
      if (width & part) {
        fields.push_back({part, shift, 0});
        shift += part;
      }
    for (unsigned round = 0; round < 256; ++round) {
      auto codeAt = [&](unsigned v, unsigned byte) {
        return (round + 37 * v + 11 * byte) & ((1u << width) - 1);
      };
      EvalBuilder b{KernelCapabilities()};
      FieldBytes bytes = [&](unsigned f, unsigned j) {
        std::vector<uint64_t> lanes(32, 0);
        unsigned w = fields[f].width;
        for (unsigned v = j; v < 8; v += w)
          for (unsigned i = 0; i < 32; ++i)
            lanes[i] |=
                uint64_t(codeAt(v, i) >> fields[f].shift & ((1u << w) - 1))
                << (w * (v / w));
        return b.literal({Scalar::i8, 32}, lanes);
      };
      for (unsigned v = 0; v < 8; ++v) {
        AbstractValue whole = decodeColumnVector(b, fields, bytes, v);
        for (unsigned i = 0; i < 32; ++i)
          ASSERT_EQ(EvalBuilder::lanes(whole)[i], codeAt(v, i))
              << width << " " << v;
        for (unsigned q = 0; q < 4; ++q) {
          AbstractValue column = columnOfVector(b, whole, q);
          for (unsigned row = 0; row < 8; ++row)
            ASSERT_EQ(EvalBuilder::lanes(column)[row], codeAt(v, 4 * row + q));
        }
        if (width <= 4)
          continue;
        AbstractValue high = decodeColumnVector(b, fields, bytes, v, 4, 4);
        for (unsigned i = 0; i < 32; ++i)
          ASSERT_EQ(EvalBuilder::lanes(high)[i], codeAt(v, i) >> 4);
      }
    }
  }
}

TEST(CodeDecode, StorageOrderVisitsEachVectorOnce) {
  for (unsigned width : {1u, 2u, 4u, 8u}) {
    std::vector<FieldPlan> fields = {{width, 0, 0}};
    std::vector<unsigned> order = storageOrder(fields);
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, (std::vector<unsigned>{0, 1, 2, 3, 4, 5, 6, 7})) << width;
  }
}

TEST(CountBuilder, CountsRegistersNotLanes) {
  CountBuilder b(withMultiplyAdd());
  std::vector<FieldPlan> fields = {{4, 0, 0}};
  FieldBytes bytes = [&](unsigned, unsigned) {
    return b.input({Scalar::i8, 32});
  };
  decodeColumnVector(b, fields, bytes, 0);
  EXPECT_EQ(b.total(), 1u); // a mask
  decodeColumnVector(b, fields, bytes, 4);
  EXPECT_EQ(b.count(Opcode::shiftRightLogical), 1u);
  EXPECT_EQ(b.total(), 3u);
  CountBuilder narrow{KernelCapabilities()}; // registers of 128 bits
  FieldBytes narrowBytes = [&](unsigned, unsigned) {
    return narrow.input({Scalar::i8, 32});
  };
  decodeColumnVector(narrow, fields, narrowBytes, 0);
  EXPECT_EQ(narrow.total(), 2u);
}

// The word form of machines with scalars: four bytes of a row at a time.
TEST(CodeDecode, WordsDecodeAsVectorsDoAndDotAsTheFormulaSays) {
  uint64_t seed = 4711;
  for (unsigned width = 1; width <= 8; ++width) {
    // Fields as the layout splits them: 2+1, 4+1, 4+2, 4+2+1.
    std::vector<FieldPlan> fields;
    for (unsigned part : {8u, 4u, 2u, 1u})
      if (width & part)
        fields.push_back(
            {part,
             fields.empty() ? 0 : fields.back().shift + fields.back().width,
             0});
    std::vector<std::vector<uint64_t>> words(fields.size());
    for (size_t f = 0; f < fields.size(); ++f)
      for (unsigned i = 0; i < fields[f].width * 4; ++i)
        words[f].push_back(next(seed) >> 20 & 255);
    for (bool hardware : {false, true}) {
      KernelCapabilities caps;
      if (hardware)
        caps.dot4WordIntrinsic = "dot4";
      EvalBuilder b(caps);
      EXPECT_EQ(b.hasDot4(0), hardware);
      EXPECT_FALSE(b.hasDot4(8));
      ValueType bytes{Scalar::i8, 4}, word{Scalar::i32, 0};
      FieldBytes load = [&](unsigned f, unsigned j) {
        return b.literal(bytes, std::span(words[f]).subspan(4 * j, 4));
      };
      AbstractValue sum = b.constantInt(word, -3);
      int64_t want = -3;
      for (unsigned v = 0; v < 8; ++v) {
        std::vector<uint64_t> x;
        for (unsigned q = 0; q < 4; ++q)
          x.push_back(next(seed) >> 20 & 255);
        AbstractValue codes = decodeColumnVector(b, fields, load, v);
        sum = b.dot4U8S8(sum, codes, b.literal(bytes, x));
        for (unsigned q = 0; q < 4; ++q) {
          uint64_t code = 0;
          for (size_t f = 0; f < fields.size(); ++f) {
            unsigned w = fields[f].width;
            uint64_t field = words[f][4 * (v % w) + q] >> (w * (v / w));
            code |= (field & ((1u << w) - 1)) << fields[f].shift;
          }
          EXPECT_EQ(EvalBuilder::lanes(codes)[q], code) << "width " << width;
          want += int64_t(code) * int8_t(x[q]);
        }
      }
      EXPECT_EQ(EvalBuilder::signedLane(sum, 0), want) << "width " << width;
    }
  }
}
