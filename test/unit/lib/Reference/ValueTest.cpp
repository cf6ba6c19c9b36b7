//===- ValueTest.cpp - Numbers in and out of layouts ----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Operations.h"

#include "lowbit/Packing/Layouts.h"
#include "lowbit/Packing/Pack.h"

#include "gtest/gtest.h"

#include <cmath>
#include <random>

using namespace lowbit;
using namespace lowbit::reference;

namespace {

LeafDesc canonical(NumberDesc code, int64_t rows, int64_t columns) {
  LeafDesc leaf;
  leaf.rows = rows;
  leaf.columns = columns;
  leaf.code = code;
  return leaf;
}

/// A tensor with random numbers in every component.
CompressedTensor randomTensor(const LeafDesc &leaf, std::mt19937 &random) {
  CompressedTensor tensor;
  tensor.leaf = leaf;
  auto integer = [&](const NumberDesc &number) {
    return std::uniform_int_distribution<int64_t>(number.lo, number.hi)(random);
  };
  auto real = [&] { // Exact in f16 and bf16.
    return static_cast<float>(static_cast<int>(random() % 255) - 127) / 64.0f;
  };
  for (int64_t i = 0; i < leaf.rows * leaf.columns; ++i) {
    if (leaf.code.isFloat())
      tensor.floatCodes.push_back(real());
    else
      tensor.codes.push_back(static_cast<int16_t>(integer(leaf.code)));
  }
  auto values = [&](const ParamDesc &param) {
    ParamValues result;
    int64_t count = 1;
    for (int64_t extent : param.granules)
      count *= extent;
    for (int64_t i = 0; i < count; ++i) {
      if (param.number.isFloat())
        result.floats.push_back(real());
      else
        result.integers.push_back(integer(param.number));
    }
    return result;
  };
  for (const ParamDesc &param : leaf.scales)
    tensor.scales.push_back(values(param));
  if (leaf.zero)
    tensor.zero = values(*leaf.zero);
  for (const ParamDesc &param : leaf.offsets)
    tensor.offsets.push_back(values(param));
  return tensor;
}

/// Packs, unpacks, and compares decode with lib/Packing's own.
void roundTrip(const CompressedTensor &tensor) {
  StatusOr<std::vector<std::vector<uint8_t>>> components =
      packComponents(tensor);
  ASSERT_TRUE(components.isOk()) << components.status().message();
  std::vector<std::span<const uint8_t>> spans(components->begin(),
                                              components->end());
  StatusOr<CompressedTensor> back = unpackComponents(tensor.leaf, spans);
  ASSERT_TRUE(back.isOk()) << back.status().message();
  EXPECT_EQ(back->codes, tensor.codes);
  EXPECT_EQ(back->floatCodes, tensor.floatCodes);
  std::vector<float> ours(tensor.leaf.columns), packing(tensor.leaf.columns);
  for (int64_t n = 0; n < tensor.leaf.rows; ++n) {
    back->decodeRow(n, ours);
    ASSERT_TRUE(decodeRow(tensor.leaf, spans, n, packing).isOk());
    EXPECT_EQ(ours, packing) << describe(tensor.leaf) << ", row " << n;
  }
}

TEST(ValueTest, EveryCodeSurvivesBothLayoutsAndDecodesAsPackingDoes) {
  std::mt19937 random(7);
  std::vector<NumberDesc> codes = {NumberDesc::floating(FloatFormat::f32),
                                   NumberDesc::floating(FloatFormat::f16),
                                   NumberDesc::floating(FloatFormat::bf16)};
  for (unsigned width = 1; width <= 8; ++width) {
    codes.push_back(NumberDesc::unsignedInt(width));
    if (width > 1)
      codes.push_back(NumberDesc::signedInt(width));
  }
  for (const NumberDesc &code : codes) {
    LeafDesc leaf = canonical(code, 11, 96);
    NumberDesc half = NumberDesc::floating(FloatFormat::f16);
    leaf.scales = {paramPerRow(half, 11),
                   paramPerGroup(NumberDesc::unsignedInt(6), 11, 96, 32)};
    leaf.offsets = {paramPerGroup(half, 11, 96, 48)};
    leaf.offsetNegated = true;
    if (!code.isFloat())
      leaf.zero = paramPerRow(NumberDesc::unsignedInt(4), 11);
    ASSERT_TRUE(applyCanonicalLayout(leaf).isOk());
    roundTrip(randomTensor(leaf, random));
    ASSERT_TRUE(applyRowsInLanesLayout(leaf).isOk());
    roundTrip(randomTensor(leaf, random));
  }
}

TEST(ValueTest, WrongComponentsAreRefused) {
  LeafDesc leaf = canonical(NumberDesc::signedInt(8), 2, 4);
  leaf.scales = {paramPerRow(NumberDesc::floating(FloatFormat::f32), 2)};
  ASSERT_TRUE(applyCanonicalLayout(leaf).isOk());
  std::vector<uint8_t> codes(8), scale(8), small(7);
  std::vector<std::span<const uint8_t>> none, few = {codes};
  EXPECT_FALSE(unpackComponents(leaf, none).isOk());
  EXPECT_FALSE(unpackComponents(leaf, few).isOk());
  std::vector<std::span<const uint8_t>> wrong = {small, scale};
  StatusOr<CompressedTensor> result = unpackComponents(leaf, wrong);
  ASSERT_FALSE(result.isOk());
  EXPECT_EQ(result.status().message(),
            "codes: 7 bytes where the encoding has 8");
}

TEST(ValueTest, TensorsAndBytes) {
  Tensor tensor = Tensor::zeros(ElementType::f16, {2});
  tensor.floats = {1.0f, -2.5f};
  std::vector<uint8_t> bytes = tensorToBytes(tensor);
  EXPECT_EQ(bytes, (std::vector<uint8_t>{0x00, 0x3c, 0x00, 0xc1}));
  StatusOr<Tensor> back = tensorFromBytes(ElementType::f16, {2}, bytes);
  ASSERT_TRUE(back.isOk());
  EXPECT_EQ(back->floats, tensor.floats);
  EXPECT_EQ(back->typeName(), "2xf16");
  EXPECT_FALSE(tensorFromBytes(ElementType::f16, {3}, bytes).isOk());
  const uint8_t byte[] = {0xff};
  EXPECT_EQ(tensorFromBytes(ElementType::i8, {1}, byte)->integers[0], -1);
}

TEST(OperationsTest, CachesForgetWhatIsOverwritten) {
  KVState cache;
  cache.heads = 1;
  cache.dim = 2;
  Tensor rows = Tensor::zeros(ElementType::f32, {3, 2});
  rows.floats = {1, 2, 3, 4, 5, 6};
  ASSERT_TRUE(appendKeysValues(cache, rows, rows, 0).isOk());
  EXPECT_EQ(cache.length, 3);
  EXPECT_FALSE(appendKeysValues(cache, rows, rows, 4).isOk());
  EXPECT_FALSE(appendKeysValues(cache, rows, rows, -1).isOk());
  Tensor one = Tensor::zeros(ElementType::f32, {1, 2});
  one.floats = {7, 8};
  ASSERT_TRUE(appendKeysValues(cache, one, one, 1).isOk());
  EXPECT_EQ(cache.length, 2);
  EXPECT_EQ(cache.keys, (std::vector<float>{1, 2, 7, 8}));
}

TEST(OperationsTest, PositionsThatNoCacheHasAreErrors) {
  KVState cache;
  cache.heads = 1;
  cache.dim = 2;
  Tensor query = Tensor::zeros(ElementType::f32, {1, 2});
  EXPECT_FALSE(attention(query, cache, 0, {}).isOk()); // sees no key
  EXPECT_FALSE(attention(query, cache, INT64_MAX, {}).isOk());
  EXPECT_FALSE(attention(query, cache, -1, {}).isOk());
  Tensor table = Tensor::zeros(ElementType::f32, {4, 1, 2});
  EXPECT_FALSE(rope(query, table, INT64_MAX, 1, true).isOk());
  EXPECT_TRUE(rope(query, table, 3, 1, true).isOk());
  EXPECT_FALSE(rope(query, table, 4, 1, true).isOk());
}

} // namespace
