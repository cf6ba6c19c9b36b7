//===- PackTest.cpp - Round trips through layouts -------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Packing/Pack.h"
#include "lowbit/Packing/Layouts.h"
#include "lowbit/Support/Float.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

using namespace lowbit;

namespace {

using Bytes = std::vector<uint8_t>;

LeafDesc makeLeaf(int64_t rows, int64_t columns, NumberDesc code) {
  LeafDesc leaf;
  leaf.rows = rows;
  leaf.columns = columns;
  leaf.code = code;
  return leaf;
}

std::vector<Bytes> allocate(const LeafDesc &leaf) {
  std::vector<Bytes> arrays;
  auto components = componentsOf(leaf);
  EXPECT_TRUE(components.isOk());
  for (const ComponentDesc &component : *components)
    arrays.emplace_back(component.bytes);
  return arrays;
}

std::vector<std::span<uint8_t>> fieldsOf(const LeafDesc &leaf,
                                         std::vector<Bytes> &arrays) {
  return {arrays.begin(),
          arrays.begin() + static_cast<long>(leaf.codeArrays())};
}

std::vector<std::span<const uint8_t>>
constFieldsOf(const LeafDesc &leaf, const std::vector<Bytes> &arrays) {
  return {arrays.begin(),
          arrays.begin() + static_cast<long>(leaf.codeArrays())};
}

Bytes randomCodes(const LeafDesc &leaf, std::mt19937 &random) {
  Bytes plain(static_cast<size_t>(leaf.rows * leaf.columns) *
              plainCodeBytes(leaf.code));
  if (leaf.code.isFloat()) {
    for (uint8_t &byte : plain)
      byte = static_cast<uint8_t>(random());
    return plain;
  }
  std::uniform_int_distribution<int> any(static_cast<int>(leaf.code.lo),
                                         static_cast<int>(leaf.code.hi));
  for (uint8_t &byte : plain)
    byte = static_cast<uint8_t>(any(random));
  return plain;
}

/// Packs by tables and by maps, compares bytes, unpacks both ways.
void roundTrip(const LeafDesc &leaf, std::mt19937 &random) {
  SCOPED_TRACE(describe(leaf) + " " + std::to_string(leaf.rows) + "x" +
               std::to_string(leaf.columns));
  Bytes plain = randomCodes(leaf, random);
  std::vector<Bytes> fast = allocate(leaf), slow = allocate(leaf);
  // In three row ranges, over garbage where words hold other elements' bits
  // too.
  int64_t a = leaf.rows / 3, b = leaf.rows * 2 / 3;
  size_t rowBytes =
      static_cast<size_t>(leaf.columns) * plainCodeBytes(leaf.code);
  for (auto [begin, end] :
       {std::pair(b, leaf.rows), std::pair(int64_t{0}, a), std::pair(a, b)}) {
    std::span<const uint8_t> part(plain.data() + begin * rowBytes,
                                  (end - begin) * rowBytes);
    Status status = packCodes(leaf, begin, end, part, fieldsOf(leaf, fast));
    ASSERT_TRUE(status.isOk()) << status.toString();
    ASSERT_TRUE(
        packCodesByMaps(leaf, begin, end, part, fieldsOf(leaf, slow)).isOk());
  }
  ASSERT_EQ(fast, slow);
  Bytes back(plain.size()), backByMaps(plain.size());
  ASSERT_TRUE(
      unpackCodes(leaf, 0, leaf.rows, constFieldsOf(leaf, fast), back).isOk());
  ASSERT_TRUE(unpackCodesByMaps(leaf, 0, leaf.rows, constFieldsOf(leaf, fast),
                                backByMaps)
                  .isOk());
  EXPECT_EQ(back, plain);
  EXPECT_EQ(backByMaps, plain);

  // Packing again over all ones changes only padding.
  std::vector<Bytes> ones = allocate(leaf);
  for (Bytes &array : ones)
    std::fill(array.begin(), array.end(), 0xff);
  ASSERT_TRUE(
      packCodes(leaf, 0, leaf.rows, plain, fieldsOf(leaf, ones)).isOk());
  ASSERT_TRUE(
      unpackCodes(leaf, 0, leaf.rows, constFieldsOf(leaf, ones), back).isOk());
  EXPECT_EQ(back, plain);
}

std::vector<NumberDesc> allCodes() {
  std::vector<NumberDesc> codes;
  for (unsigned width = 1; width <= 8; ++width) {
    codes.push_back(NumberDesc::signedInt(width));
    codes.push_back(NumberDesc::unsignedInt(width));
  }
  NumberDesc ternary = NumberDesc::signedInt(2);
  ternary.lo = -1;
  codes.push_back(ternary);
  for (FloatFormat format :
       {FloatFormat::f32, FloatFormat::f16, FloatFormat::bf16})
    codes.push_back(NumberDesc::floating(format));
  return codes;
}

TEST(Pack, RoundTripAllWidthsRagged) {
  std::mt19937 random(7);
  const int64_t sizes[] = {1, 7, 33, 100};
  for (const NumberDesc &code : allCodes()) {
    for (int64_t rows : sizes) {
      for (int64_t columns : sizes) {
        LeafDesc leaf = makeLeaf(rows, columns, code);
        ASSERT_TRUE(applyRowsInLanesLayout(leaf).isOk());
        roundTrip(leaf, random);
        ASSERT_TRUE(applyCanonicalLayout(leaf).isOk());
        roundTrip(leaf, random);
      }
    }
    for (auto [rows, columns] : {std::pair(172, 576), std::pair(9, 172)}) {
      LeafDesc leaf = makeLeaf(rows, columns, code);
      ASSERT_TRUE(applyRowsInLanesLayout(leaf).isOk());
      roundTrip(leaf, random);
    }
  }
}

TEST(Pack, RowsInLanesIsWhereItSaysItIs) {
  for (unsigned width : {1u, 2u, 4u, 8u}) {
    LeafDesc leaf = makeLeaf(12, 70, NumberDesc::unsignedInt(width));
    ASSERT_TRUE(applyRowsInLanesLayout(leaf).isOk());
    ASSERT_EQ(leaf.fields.size(), 1u);
    const int64_t w = width;
    EXPECT_EQ(leaf.fields[0].storage, (std::vector<int64_t>{2, 3, w, 8, 4}));
    for (int64_t n = 0; n < leaf.rows; ++n) {
      for (int64_t k = 0; k < leaf.columns; ++k) {
        const int64_t index[] = {n, k};
        int64_t word[5], v = k % 32 / 4;
        leaf.fields[0].word.eval(index, word);
        EXPECT_EQ(word[0], n / 8);
        EXPECT_EQ(word[1], k / 32);
        EXPECT_EQ(word[2], v % w);
        EXPECT_EQ(word[3], n % 8);
        EXPECT_EQ(word[4], k % 4);
        EXPECT_EQ(leaf.fields[0].bit.results[0].eval(index), w * (v / w));
      }
    }
  }
  LeafDesc leaf = makeLeaf(9, 40, NumberDesc::floating(FloatFormat::bf16));
  ASSERT_TRUE(applyRowsInLanesLayout(leaf).isOk());
  EXPECT_EQ(leaf.fields[0].storage, (std::vector<int64_t>{2, 2, 32, 8}));
  EXPECT_EQ(leaf.fields[0].wordBits, 16);
  LeafDesc seven = makeLeaf(8, 32, NumberDesc::signedInt(7));
  ASSERT_TRUE(applyRowsInLanesLayout(seven).isOk());
  ASSERT_EQ(seven.fields.size(), 3u);
  EXPECT_EQ(seven.fields[0].width, 4);
  EXPECT_EQ(seven.fields[1].shift, 4);
  EXPECT_EQ(seven.fields[2].shift, 6);
  EXPECT_TRUE(seven.biased);
}

TEST(Pack, PlanesInLanesAreWhereTheySayTheyAre) {
  LeafDesc leaf = makeLeaf(12, 70, NumberDesc::signedInt(3));
  ASSERT_TRUE(applyPlanesInLanesLayout(leaf).isOk());
  EXPECT_TRUE(hasBitPlanes(leaf));
  EXPECT_TRUE(leaf.biased);
  ASSERT_EQ(leaf.fields.size(), 3u);
  for (int64_t plane = 0; plane < 3; ++plane) {
    const FieldDesc &field = leaf.fields[size_t(plane)];
    EXPECT_EQ(field.storage, (std::vector<int64_t>{2, 3, 3, 8}));
    EXPECT_EQ(field.shift, plane);
    for (int64_t n = 0; n < leaf.rows; ++n)
      for (int64_t k = 0; k < leaf.columns; ++k) {
        const int64_t index[] = {n, k};
        int64_t word[4];
        field.word.eval(index, word);
        EXPECT_EQ(word[0], n / 8);
        EXPECT_EQ(word[1], k / 32);
        EXPECT_EQ(word[2], plane);
        EXPECT_EQ(word[3], n % 8);
        EXPECT_EQ(field.bit.results[0].eval(index), k % 32);
      }
  }
  std::mt19937 random(23);
  for (unsigned width = 1; width <= 8; ++width)
    for (int64_t columns : {1, 31, 32, 33, 100}) {
      LeafDesc any = makeLeaf(9, columns, NumberDesc::signedInt(width));
      ASSERT_TRUE(applyPlanesInLanesLayout(any).isOk());
      roundTrip(any, random);
    }
  LeafDesc half = makeLeaf(8, 32, NumberDesc::floating(FloatFormat::f16));
  EXPECT_FALSE(applyPlanesInLanesLayout(half).isOk());
  LeafDesc plain = makeLeaf(8, 32, NumberDesc::unsignedInt(1));
  ASSERT_TRUE(applyRowsInLanesLayout(plain).isOk());
  EXPECT_FALSE(hasBitPlanes(plain));
}

TEST(Pack, KnownBytes) {
  // One strip, one block: low nibble of byte 4 * row + k is code k, high nibble
  // is code k + 16; biased by 8.
  LeafDesc leaf = makeLeaf(2, 32, NumberDesc::signedInt(4));
  ASSERT_TRUE(applyRowsInLanesLayout(leaf).isOk());
  Bytes plain(64, 0);
  plain[1] = static_cast<uint8_t>(-8);
  plain[17] = 7;
  plain[32 + 5] = 3; // row 1, k 5: vector 1, byte 32 + 4 + 1
  std::vector<Bytes> arrays = allocate(leaf);
  ASSERT_TRUE(packCodes(leaf, 0, 2, plain, fieldsOf(leaf, arrays)).isOk());
  ASSERT_EQ(arrays[0].size(), 128u);
  EXPECT_EQ(arrays[0][0], 0x88);
  EXPECT_EQ(arrays[0][1], 0xf0);
  EXPECT_EQ(arrays[0][32 + 5], 0x8b);
  EXPECT_EQ(arrays[0][8], 0x00) << "padding rows stay zero";
}

TEST(Pack, RefusesCodesOutsideTheRange) {
  LeafDesc leaf = makeLeaf(3, 40, NumberDesc::signedInt(2));
  leaf.code.lo = -1;
  ASSERT_TRUE(applyRowsInLanesLayout(leaf).isOk());
  Bytes plain(120, 0);
  plain[83] = static_cast<uint8_t>(-2);
  std::vector<Bytes> arrays = allocate(leaf);
  Status status = packCodes(leaf, 0, 3, plain, fieldsOf(leaf, arrays));
  ASSERT_FALSE(status.isOk());
  EXPECT_EQ(status.message(), "code -2 of element (2, 3) is outside -1..1");
}

TEST(Pack, RefusesWrongSizes) {
  LeafDesc leaf = makeLeaf(3, 40, NumberDesc::signedInt(2));
  ASSERT_TRUE(applyRowsInLanesLayout(leaf).isOk());
  Bytes plain(120, 0);
  std::vector<Bytes> arrays = allocate(leaf);
  EXPECT_FALSE(packCodes(leaf, 0, 4, plain, fieldsOf(leaf, arrays)).isOk());
  EXPECT_FALSE(packCodes(leaf, -1, 2, plain, fieldsOf(leaf, arrays)).isOk());
  EXPECT_FALSE(packCodes(leaf, 0, 2, plain, fieldsOf(leaf, arrays)).isOk());
  EXPECT_FALSE(packCodes(leaf, 0, 3, plain, {}).isOk());
  arrays[0].pop_back();
  EXPECT_FALSE(packCodes(leaf, 0, 3, plain, fieldsOf(leaf, arrays)).isOk());
}

TEST(Pack, ParamsRoundTrip) {
  std::mt19937 random(3);
  for (int64_t rows : {1, 8, 33}) {
    LeafDesc leaf = makeLeaf(rows, 96, NumberDesc::signedInt(4));
    leaf.scales = {
        paramPerGroup(NumberDesc::floating(FloatFormat::f16), rows, 96, 32),
        paramPerRow(NumberDesc::signedInt(8), rows),
        paramPerTensor(NumberDesc::floating(FloatFormat::f32))};
    leaf.scales[0].number = NumberDesc::floating(FloatFormat::f16);
    ASSERT_TRUE(applyRowsInLanesLayout(leaf).isOk());
    EXPECT_EQ(leaf.scales[0].storage,
              (std::vector<int64_t>{(rows + 7) / 8, 3, 8}));
    EXPECT_EQ(leaf.scales[2].storage, (std::vector<int64_t>{1}));
    std::vector<Bytes> arrays = allocate(leaf);
    for (size_t i = 0; i < 3; ++i) {
      const ParamDesc &param = leaf.scales[i];
      int64_t end = granuleRows(param);
      size_t perRow = i == 0 ? 6 : i == 1 ? 1 : 4;
      Bytes plain(static_cast<size_t>(end) * perRow), back(plain.size());
      for (uint8_t &byte : plain)
        byte = static_cast<uint8_t>(random());
      int64_t middle = end / 2;
      std::span<const uint8_t> all(plain);
      ASSERT_TRUE(
          packParam(param, 0, middle, all.first(middle * perRow), arrays[1 + i])
              .isOk());
      ASSERT_TRUE(packParam(param, middle, end, all.subspan(middle * perRow),
                            arrays[1 + i])
                      .isOk());
      ASSERT_TRUE(unpackParam(param, 0, end, arrays[1 + i], back).isOk());
      EXPECT_EQ(back, plain);
      EXPECT_FALSE(packParam(param, 0, end + 1, plain, arrays[1 + i]).isOk());
    }
    EXPECT_EQ(granuleRowsOf(leaf.scales[0], 0, rows),
              std::pair(int64_t{0}, rows));
    EXPECT_EQ(granuleRowsOf(leaf.scales[2], 0, rows),
              std::pair(int64_t{0}, int64_t{1}));
  }
  ParamDesc param = paramPerTensor(NumberDesc::signedInt(6));
  const uint8_t tooLarge[] = {40};
  uint8_t place[] = {0};
  EXPECT_FALSE(packParam(param, 0, 1, tooLarge, place).isOk());
}

/// E1-E3 element by element, as the clauses read.
float decodeByClauses(const LeafDesc &leaf, int64_t code, double zero,
                      std::span<const float> fScale,
                      std::span<const int64_t> iScale,
                      std::span<const float> fOffset,
                      std::span<const int64_t> iOffset) {
  auto factor = [](std::span<const float> floats,
                   std::span<const int64_t> ints) {
    float f = 1.0f;
    for (float value : floats)
      f *= value;
    int64_t i = 1;
    for (int64_t value : ints)
      i *= value;
    return ints.empty() ? f : f * static_cast<float>(i);
  };
  float v = static_cast<float>(code - static_cast<int64_t>(zero));
  bool scaled = !fScale.empty() || !iScale.empty();
  float s = factor(fScale, iScale);
  if (fOffset.empty() && iOffset.empty())
    return scaled ? s * v : v;
  float o = factor(fOffset, iOffset);
  return std::fma(s, v, leaf.offsetNegated ? -o : o);
}

TEST(Pack, DecodeFollowsTheClauses) {
  std::mt19937 random(11);
  const int64_t rows = 11, columns = 64;
  LeafDesc leaf = makeLeaf(rows, columns, NumberDesc::unsignedInt(4));
  leaf.scales = {
      paramPerGroup(NumberDesc::floating(FloatFormat::bf16), rows, columns, 32),
      paramPerGroup(NumberDesc::signedInt(6), rows, columns, 16),
      paramPerRow(NumberDesc::floating(FloatFormat::f32), rows)};
  leaf.zero = paramPerGroup(NumberDesc::unsignedInt(4), rows, columns, 32);
  leaf.offsets = {paramPerRow(NumberDesc::floating(FloatFormat::f16), rows),
                  paramPerGroup(NumberDesc::unsignedInt(4), rows, columns, 16)};
  leaf.offsetNegated = true;

  for (bool lanes : {false, true}) {
    ASSERT_TRUE(
        (lanes ? applyRowsInLanesLayout(leaf) : applyCanonicalLayout(leaf))
            .isOk());
    std::vector<Bytes> arrays = allocate(leaf);
    Bytes plain = randomCodes(leaf, random);
    ASSERT_TRUE(packCodes(leaf, 0, rows, plain, fieldsOf(leaf, arrays)).isOk());
    std::vector<Bytes> params;
    std::vector<const ParamDesc *> descs = {&leaf.scales[0],  &leaf.scales[1],
                                            &leaf.scales[2],  &*leaf.zero,
                                            &leaf.offsets[0], &leaf.offsets[1]};
    for (size_t i = 0; i < descs.size(); ++i) {
      const ParamDesc &param = *descs[i];
      int64_t count = *checkedElementCount(param.granules);
      Bytes values;
      for (int64_t j = 0; j < count; ++j) {
        float f = std::uniform_real_distribution<float>(-2, 2)(random);
        uint32_t bits = floatBits(f);
        if (param.number.format == FloatFormat::f16)
          bits = f32ToF16(f);
        else if (param.number.format == FloatFormat::bf16)
          bits = f32ToBf16(f);
        else if (!param.number.isFloat())
          bits = static_cast<uint32_t>(std::uniform_int_distribution<int64_t>(
              param.number.lo, param.number.hi)(random));
        for (unsigned b = 0; b < plainParamBytes(param.number); ++b)
          values.push_back(static_cast<uint8_t>(bits >> (8 * b)));
      }
      ASSERT_TRUE(packParam(param, 0, granuleRows(param), values,
                            arrays[leaf.fields.size() + i])
                      .isOk());
      params.push_back(std::move(values));
    }
    auto u16 = [&](size_t i, int64_t j) {
      return static_cast<uint16_t>(params[i][2 * j] | params[i][2 * j + 1]
                                                          << 8);
    };
    std::vector<std::span<const uint8_t>> components(arrays.begin(),
                                                     arrays.end());
    std::vector<float> out(columns);
    for (int64_t n = 0; n < rows; ++n) {
      Status status = decodeRow(leaf, components, n, out);
      ASSERT_TRUE(status.isOk()) << status.toString();
      for (int64_t k = 0; k < columns; ++k) {
        float perRow;
        std::memcpy(&perRow, params[2].data() + 4 * n, 4);
        const float fScale[] = {bf16ToF32(u16(0, n * 2 + k / 32)), perRow};
        const int64_t iScale[] = {
            static_cast<int8_t>(params[1][n * 4 + k / 16])};
        const float fOffset[] = {f16ToF32(u16(4, n))};
        const int64_t iOffset[] = {params[5][n * 4 + k / 16]};
        float want = decodeByClauses(leaf, plain[n * columns + k],
                                     params[3][n * 2 + k / 32], fScale, iScale,
                                     fOffset, iOffset);
        ASSERT_EQ(floatBits(out[k]), floatBits(want)) << n << " " << k;
      }
    }
  }
}

} // namespace
