//===- AlgebraTest.cpp - Codes, radix, planes, tables, prefix codes -------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/lib/Packing/AlgebraFixture.h"

#include <cmath>
#include <cstring>

using namespace lowbit;
using namespace lowbit::test;

namespace {

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

TEST(Algebra, SmallFloatValues) {
  auto value = [](FloatFormat format, uint32_t code) {
    return floatFromCode(NumberDesc::floating(format), code);
  };
  const float e2m1[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
  for (uint32_t code = 0; code < 8; ++code) {
    EXPECT_EQ(value(FloatFormat::f4E2M1FN, code), e2m1[code]);
    EXPECT_EQ(value(FloatFormat::f4E2M1FN, code + 8), -e2m1[code]);
  }
  EXPECT_EQ(value(FloatFormat::f6E2M3FN, 31), 7.5f);
  EXPECT_EQ(value(FloatFormat::f6E2M3FN, 1), 0.125f);
  EXPECT_EQ(value(FloatFormat::f6E3M2FN, 31), 28.0f);
  EXPECT_EQ(value(FloatFormat::f6E3M2FN, 1), 0.0625f);
  EXPECT_EQ(value(FloatFormat::f8E4M3FN, 0x7e), 448.0f);
  EXPECT_EQ(value(FloatFormat::f8E4M3FN, 0x01), std::ldexp(1.0f, -9));
  EXPECT_TRUE(std::isnan(value(FloatFormat::f8E4M3FN, 0x7f)));
  EXPECT_EQ(value(FloatFormat::f8E5M2, 0x7b), 57344.0f);
  EXPECT_TRUE(std::isinf(value(FloatFormat::f8E5M2, 0xfc)));
  EXPECT_EQ(value(FloatFormat::f8E8M0FNU, 127), 1.0f);
  EXPECT_EQ(value(FloatFormat::f8E8M0FNU, 0), std::ldexp(1.0f, -127));
  EXPECT_TRUE(std::isnan(value(FloatFormat::f8E8M0FNU, 255)));
}

TEST(Algebra, SmallFloatEncodeIsNearest) {
  for (FloatFormat format :
       {FloatFormat::f8E4M3FN, FloatFormat::f8E5M2, FloatFormat::f6E2M3FN,
        FloatFormat::f6E3M2FN, FloatFormat::f4E2M1FN, FloatFormat::f8E8M0FNU}) {
    NumberDesc number = NumberDesc::floating(format);
    std::vector<float> values;
    for (uint32_t code = 0; code < 1u << number.width; ++code) {
      float value = floatFromCode(number, code);
      if (std::isnan(value))
        continue;
      EXPECT_EQ(floatFromCode(number, floatToCode(number, value)), value);
      if (std::isfinite(value))
        values.push_back(value);
    }
    std::mt19937 random(1);
    for (int i = 0; i < 20000; ++i) {
      float x = std::ldexp(static_cast<float>(random() % 65536) / 32768.0f - 1.0f,
                           static_cast<int>(random() % 20) - 10);
      double best = HUGE_VAL;
      for (float value : values)
        best = std::min(best, std::fabs(double(value) - double(x)));
      double got =
          std::fabs(double(floatFromCode(number, floatToCode(number, x))) -
                    double(x));
      EXPECT_EQ(got, best) << floatFormatName(format) << " " << x;
    }
  }
}

TEST(Algebra, ExactIntegerExponents) {
  for (FloatFormat format : {FloatFormat::f6E2M3FN, FloatFormat::f6E3M2FN,
                             FloatFormat::f4E2M1FN}) {
    NumberDesc number = NumberDesc::floating(format);
    int exponent = exactIntegerExponent(number).value();
    bool odd = false;
    for (uint32_t code = 0; code < 1u << number.width; ++code) {
      float scaled = std::ldexp(floatFromCode(number, code), exponent);
      EXPECT_EQ(scaled, std::nearbyint(scaled));
      EXPECT_LE(std::fabs(scaled), 32767.0f);
      odd = odd || std::fmod(std::fabs(scaled), 2.0f) == 1.0f;
    }
    EXPECT_TRUE(odd) << "the exponent is larger than needed";
  }
  EXPECT_FALSE(
      exactIntegerExponent(NumberDesc::floating(FloatFormat::f8E4M3FN)));
}

//===----------------------------------------------------------------------===//
// Layouts, exhaustively
//===----------------------------------------------------------------------===//

/// Every combination of the codes of one word, packed and read back; different
/// combinations give different words.
void allWords(const LeafDesc &leaf) {
  SCOPED_TRACE(describe(leaf));
  auto codec = LeafCodec::create(leaf);
  ASSERT_TRUE(codec.isOk()) << codec.status().toString();
  const size_t count = static_cast<size_t>(leaf.columns);
  const uint64_t levels = static_cast<uint64_t>(leaf.code.levels());
  uint64_t combinations = 1;
  for (size_t i = 0; i < count; ++i)
    combinations *= levels;
  ASSERT_LE(combinations, uint64_t{1} << 20);
  std::vector<std::vector<Bytes>> seen;
  for (uint64_t number = 0; number < combinations; ++number) {
    Bytes plain(count);
    uint64_t rest = number;
    for (uint8_t &code : plain) {
      code = static_cast<uint8_t>(
          leaf.code.lo + leaf.code.step * static_cast<int64_t>(rest % levels));
      rest /= levels;
    }
    std::vector<Bytes> arrays = allocate(leaf);
    ASSERT_TRUE(codec->packCodes(0, 1, plain, spans(arrays)).isOk());
    Bytes back(count);
    ASSERT_TRUE(codec->unpackCodes(0, 1, views(arrays), back).isOk());
    ASSERT_EQ(back, plain);
    seen.push_back(std::move(arrays));
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::unique(seen.begin(), seen.end()), seen.end());
}

NumberDesc ternary() {
  NumberDesc code = NumberDesc::signedInt(2);
  code.lo = -1;
  return code;
}
NumberDesc fiveLevels() {
  NumberDesc code = NumberDesc::unsignedInt(3);
  code.hi = 4;
  return code;
}

TEST(Algebra, RadixWords) {
  allWords(radixLeaf(1, 5, ternary(), 3, 5));
  allWords(radixLeaf(1, 5, ternary(), 3, 5, RadixStore::scaled));
  allWords(radixLeaf(1, 3, fiveLevels(), 5, 3));
  allWords(radixLeaf(1, 3, fiveLevels(), 5, 3, RadixStore::scaled));
  allWords(radixLeaf(1, 8, NumberDesc::plusMinusOne(), 2, 8));
  allWords(radixLeaf(1, 2, NumberDesc::unsignedInt(4), 16, 2));
}

TEST(Algebra, EveryByteOfScaledTrits) {
  // What ggml's TQ1_0 decodes: digit n is ((q * 3^n mod 256) * 3) >> 8.
  LeafDesc leaf = radixLeaf(1, 5, ternary(), 3, 5, RadixStore::scaled);
  for (unsigned q = 0; q < 256; ++q) {
    const Bytes word = {static_cast<uint8_t>(q)};
    const std::span<const uint8_t> view(word);
    Bytes plain(5);
    ASSERT_TRUE(unpackCodes(leaf, 0, 1, {&view, 1}, plain).isOk());
    unsigned power = 1;
    for (int n = 0; n < 5; ++n, power *= 3)
      EXPECT_EQ(static_cast<int8_t>(plain[static_cast<size_t>(n)]),
                static_cast<int>(((q * power & 255) * 3) >> 8) - 1);
  }
}

/// Three 5-level codes in 7 bits: bit b of triple t is bit t mod 8 of byte b of a
/// group of 7.
LeafDesc sevenBits(int64_t rows, int64_t columns) {
  LeafDesc leaf = makeLeaf(rows, columns, fiveLevels());
  for (int64_t bit = 0; bit < 7; ++bit) {
    FieldDesc field;
    field.shift = static_cast<uint8_t>(bit);
    field.width = 1;
    field.wordBits = 8;
    field.word = mapOf({term(0), term(1, 1, 24), IndexExpr{{}, bit}});
    field.bit = mapOf({term(1, 1, 3, 8)});
    field.digit = mapOf({term(1, 1, 1, 3)});
    field.radix = 5;
    field.digits = 3;
    field.storage = {rows, (columns + 23) / 24, 7};
    leaf.fields.push_back(field);
  }
  return leaf;
}

TEST(Algebra, ThreeCodesInSevenBits) {
  std::mt19937 random(2);
  allWords(sevenBits(1, 6));
  roundTrip(sevenBits(5, 48), random);
  roundTrip(sevenBits(3, 50), random);
  EXPECT_NEAR(bitsPerElement(sevenBits(7, 240))->codes, 7.0 / 3.0, 1e-12);
}


TEST(Algebra, Planes) {
  std::mt19937 random(3);
  for (unsigned width = 1; width <= 8; ++width)
    for (bool msbFirst : {false, true}) {
      roundTrip(planes(5, 70, NumberDesc::unsignedInt(width), msbFirst), random);
      if (width > 1)
        roundTrip(planes(3, 33, NumberDesc::signedInt(width), msbFirst), random);
    }
  roundTrip(planes(4, 64, NumberDesc::plusMinusOne(), false), random);
  roundTrip(planes(4, 64, fiveLevels(), false), random);
  allWords(planes(1, 6, fiveLevels(), true));
  allWords(planes(1, 20, NumberDesc::plusMinusOne(), false));
  // Two planes at one place are no layout.
  LeafDesc broken = planes(4, 64, NumberDesc::unsignedInt(2), false);
  broken.fields[1].word = broken.fields[0].word;
  EXPECT_FALSE(validate(broken).isOk());
}

TEST(Algebra, RadixRefusals) {
  EXPECT_FALSE(validate(radixLeaf(1, 6, ternary(), 3, 6)).isOk()); // 729 > 256
  EXPECT_FALSE(validate(radixLeaf(1, 3, fiveLevels(), 4, 3)).isOk());
  LeafDesc unbiased = radixLeaf(1, 5, ternary(), 3, 5);
  unbiased.biased = false;
  EXPECT_FALSE(validate(unbiased).isOk());
  LeafDesc shared = radixLeaf(1, 10, ternary(), 3, 5);
  shared.fields[0].digit = mapOf({term(1, 1, 2, 5)}); // two codes, one digit
  EXPECT_FALSE(validate(shared).isOk());
  LeafDesc far = radixLeaf(1, 10, ternary(), 3, 5);
  far.fields[0].digit = mapOf({term(1, 1, 1, 6)});
  EXPECT_FALSE(validate(far).isOk());
}

//===----------------------------------------------------------------------===//
// Prefix codes
//===----------------------------------------------------------------------===//

LeafDesc entropyLeaf(int64_t rows, int64_t columns, NumberDesc code,
                     int64_t block) {
  LeafDesc leaf = makeLeaf(rows, columns, code);
  EXPECT_TRUE(applyCanonicalLayout(leaf).isOk());
  leaf.fields[0].entropyBlock = block;
  leaf.fields[0].storage = {1};
  leaf.fields[0].word = leaf.fields[0].bit = {};
  return leaf;
}

TEST(Algebra, PrefixCodeRoundTrip) {
  std::mt19937 random(4);
  for (int64_t block : {1, 7, 64, 100000}) {
    LeafDesc from = makeLeaf(9, 50, NumberDesc::signedInt(4));
    ASSERT_TRUE(applyCanonicalLayout(from).isOk());
    std::vector<Bytes> source = allocate(from);
    Bytes plain(450);
    for (uint8_t &code : plain) { // a peaked distribution
      int sum = 0;
      for (int i = 0; i < 6; ++i)
        sum += static_cast<int>(random() % 3) - 1;
      code = static_cast<uint8_t>(sum);
    }
    ASSERT_TRUE(packCodes(from, 0, 9, plain, spans(source)).isOk());
    LeafDesc to = entropyLeaf(9, 50, from.code, block);
    auto packed = repack(from, views(source), to);
    ASSERT_TRUE(packed.isOk()) << packed.status().toString();
    auto codec = LeafCodec::create(to);
    ASSERT_TRUE(codec.isOk()) << codec.status().toString();
    EXPECT_TRUE(codec->checkIndexData(views(*packed)).isOk());
    Bytes back(plain.size());
    ASSERT_TRUE(codec->unpackCodes(0, 9, views(*packed), back).isOk());
    EXPECT_EQ(back, plain);
    std::vector<float> row(50);
    ASSERT_TRUE(codec->decodeRow(views(*packed), 4, row).isOk());
    for (size_t k = 0; k < 50; ++k)
      EXPECT_EQ(row[k], static_cast<int8_t>(plain[200 + k]));
    if (block == 100000) {
      EXPECT_LT((*packed)[0].size(), 450u * 4 / 8);
    }
    // Damage never reads out of bounds.
    for (int i = 0; i < 200; ++i) {
      std::vector<Bytes> damaged = *packed;
      Bytes &array = damaged[random() % damaged.size()];
      array[random() % array.size()] ^= static_cast<uint8_t>(1 + random() % 255);
      (void)codec->unpackCodes(0, 9, views(damaged), back);
      (void)codec->checkIndexData(views(damaged));
    }
    auto again = repack(to, views(*packed), from);
    ASSERT_TRUE(again.isOk()) << again.status().toString();
    EXPECT_EQ(*again, source);
  }
}

//===----------------------------------------------------------------------===//
// Tables, rank scales, packed zeros
//===----------------------------------------------------------------------===//

TEST(Algebra, TwoBooksOfVectors) {
  LeafDesc leaf = makeLeaf(4, 16, NumberDesc::unsignedInt(3));
  LutDesc lut;
  lut.entry = NumberDesc::floating(FloatFormat::f16);
  lut.vecRows = 2;
  lut.vecColumns = 4;
  lut.books = 2;
  lut.granularity = mapOf({});
  leaf.lut = lut;
  ASSERT_TRUE(applyCanonicalLayout(leaf).isOk()) << validate(leaf).toString();
  EXPECT_EQ(leaf.storedRows(), 2);
  EXPECT_EQ(leaf.storedColumns(), 8);
  std::mt19937 random(6);
  std::vector<Bytes> arrays = allocate(leaf);
  ASSERT_EQ(arrays.size(), 2u);
  ASSERT_EQ(arrays[1].size(), 2u * 8 * 8 * 2);
  Bytes plain = randomCodes(leaf, random);
  ASSERT_TRUE(
      packCodes(leaf, 0, 2, plain, {{std::span<uint8_t>(arrays[0])}}).isOk());
  std::vector<float> table;
  for (size_t i = 0; i < 2 * 8 * 8; ++i) {
    table.push_back(static_cast<float>(static_cast<int>(random() % 200) - 100) /
                    8.0f);
    const uint16_t bits =
        static_cast<uint16_t>(floatToCode(lut.entry, table.back()));
    std::memcpy(&arrays[1][2 * i], &bits, 2);
  }
  std::vector<float> row(16);
  for (size_t n = 0; n < 4; ++n) {
    ASSERT_TRUE(
        decodeRow(leaf, views(arrays), static_cast<int64_t>(n), row).isOk());
    for (size_t k = 0; k < 16; ++k) {
      float expected = 0;
      for (size_t j = 0; j < 2; ++j)
        expected += table[(j * 8 + plain[n / 2 * 8 + k / 4 * 2 + j]) * 8 +
                          n % 2 * 4 + k % 4];
      EXPECT_EQ(row[k], expected);
    }
  }
}

TEST(Algebra, RankScaleAndPackedZero) {
  LeafDesc leaf = makeLeaf(3, 8, NumberDesc::unsignedInt(4));
  ParamDesc rank;
  rank.number = NumberDesc::floating(FloatFormat::f32);
  rank.rank = 2;
  rank.granularity = IndexMap::identity(2);
  rank.granules = {3, 8};
  ParamDesc zero = paramPerGroup(NumberDesc::unsignedInt(4), 3, 8, 4);
  zero.packed = 4;
  leaf.scales = {rank};
  leaf.zero = zero;
  ASSERT_TRUE(applyCanonicalLayout(leaf).isOk()) << validate(leaf).toString();
  auto components = componentsOf(leaf);
  ASSERT_EQ(components->size(), 4u);
  EXPECT_EQ((*components)[1].name(), "scale");
  EXPECT_EQ((*components)[2].name(), "scale.1");
  EXPECT_EQ((*components)[3].bytes, 3u); // 6 entries of 4 bits
  std::vector<Bytes> arrays = allocate(leaf);
  Bytes plain(24), zeros = {1, 2, 3, 4, 15, 0};
  std::iota(plain.begin(), plain.end(), 0);
  for (uint8_t &code : plain)
    code &= 15;
  ASSERT_TRUE(
      packCodes(leaf, 0, 3, plain, {{std::span<uint8_t>(arrays[0])}}).isOk());
  ASSERT_TRUE(packParam(*leaf.zero, 0, 3, zeros, arrays[3]).isOk());
  Bytes zerosBack(6);
  ASSERT_TRUE(unpackParam(*leaf.zero, 0, 3, arrays[3], zerosBack).isOk());
  EXPECT_EQ(zerosBack, zeros);
  auto put = [](Bytes &array, size_t at, float value) {
    std::memcpy(&array[4 * at], &value, 4);
  };
  for (size_t i = 0; i < 6; ++i)
    put(arrays[1], i, static_cast<float>(i + 1));
  for (size_t i = 0; i < 16; ++i)
    put(arrays[2], i, static_cast<float>(i) - 5.0f);
  std::vector<float> row(8);
  for (size_t n = 0; n < 3; ++n) {
    ASSERT_TRUE(
        decodeRow(leaf, views(arrays), static_cast<int64_t>(n), row).isOk());
    for (size_t k = 0; k < 8; ++k) {
      const float u0 = static_cast<float>(2 * n + 1), u1 = u0 + 1;
      const float v0 = static_cast<float>(k) - 5, v1 = static_cast<float>(k) + 3;
      EXPECT_EQ(row[k], (u0 * v0 + u1 * v1) *
                            (static_cast<float>(plain[n * 8 + k]) -
                             static_cast<float>(zeros[n * 2 + k / 4])));
    }
  }
}

} // namespace
