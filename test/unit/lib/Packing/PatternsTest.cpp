//===- PatternsTest.cpp - Patterns and trees of the algebra ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/lib/Packing/AlgebraFixture.h"

#include "lowbit/Packing/EncodingProduct.h"

#include <cmath>
#include <cstring>

using namespace lowbit;
using namespace lowbit::test;

namespace {

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

PatternDesc blocks(PatternKind kind, int64_t r, int64_t c, int64_t count = 1,
                   uint8_t bits = 8) {
  PatternDesc pattern;
  pattern.kind = kind;
  pattern.blockRows = r;
  pattern.blockColumns = c;
  pattern.count = count;
  pattern.indexBits = bits;
  return pattern;
}

/// Packs random codes under `pattern` where `mask` says, decodes, and compares
/// with the mask and the codes walked in stored order.
void checkPattern(PatternDesc pattern, int64_t rows, int64_t columns,
                  const std::function<bool(int64_t, int64_t)> &mask) {
  std::mt19937 random(5);
  LeafDesc leaf = makeLeaf(rows, columns, NumberDesc::signedInt(4));
  auto index = buildIndex(pattern, rows, columns, mask);
  ASSERT_TRUE(index.isOk()) << index.status().toString();
  leaf.pattern = pattern;
  ParamDesc scale;
  scale.number = NumberDesc::floating(FloatFormat::f16);
  scale.space = IndexSpace::stored;
  scale.granularity = mapOf({term(0)});
  scale.granules = {leaf.storedRows()};
  leaf.scales = {scale};
  ASSERT_TRUE(applyCanonicalLayout(leaf).isOk()) << validate(leaf).toString();
  SCOPED_TRACE(describe(leaf));
  std::vector<Bytes> arrays = allocate(leaf);
  Bytes plain = randomCodes(leaf, random);
  for (uint8_t &code : plain)
    code = code ? code : 1; // so that present and absent differ
  ASSERT_TRUE(packCodes(leaf, 0, leaf.storedRows(), plain,
                        {{std::span<uint8_t>(arrays[0])}})
                  .isOk());
  for (size_t i = 0; i < index->size(); ++i) {
    ASSERT_EQ(arrays[1 + i].size(), (*index)[i].size());
    arrays[1 + i] = (*index)[i];
  }
  for (size_t i = 0; i + 1 < arrays.back().size(); i += 2) {
    const uint16_t one = 0x3c00; // 1.0
    std::memcpy(&arrays.back()[i], &one, 2);
  }
  auto codec = LeafCodec::create(leaf);
  ASSERT_TRUE(codec.isOk());
  Status data = codec->checkIndexData(views(arrays));
  EXPECT_TRUE(data.isOk()) << data.toString();
  std::vector<float> row(static_cast<size_t>(columns));
  size_t present = 0;
  for (int64_t n = 0; n < rows; ++n) {
    ASSERT_TRUE(codec->decodeRow(views(arrays), n, row).isOk());
    std::vector<float> expected(row.size(), 0.0f);
    ASSERT_TRUE(codec
                    ->forEachStored(views(arrays), n,
                                    [&](int64_t r, int64_t c, int64_t k) {
                                      expected[static_cast<size_t>(k)] =
                                          static_cast<int8_t>(plain[static_cast<
                                              size_t>(r * leaf.storedColumns() +
                                                      c)]);
                                    })
                    .isOk());
    EXPECT_EQ(row, expected);
    for (int64_t k = 0; k < columns; ++k) {
      const bool stored = row[static_cast<size_t>(k)] != 0.0f;
      present += stored;
      if (mask(n, k)) {
        EXPECT_TRUE(stored) << n << " " << k;
      }
    }
  }
  EXPECT_EQ(present,
            static_cast<size_t>(leaf.storedRows() * leaf.storedColumns()));
  for (size_t i = 0; i < index->size(); ++i) // damage is noticed or harmless
    for (size_t at = 0; at < std::min<size_t>((*index)[i].size(), 64); ++at) {
      std::vector<Bytes> damaged = arrays;
      damaged[1 + i][at] ^= 0x55;
      (void)codec->checkIndexData(views(damaged));
      for (int64_t n = 0; n < rows; ++n)
        (void)codec->decodeRow(views(damaged), n, row);
    }
}

TEST(Algebra, BlockPatterns) {
  auto mask = [](int64_t n, int64_t k) {
    return (n / 2 * 7 + k / 4 * 5) % 3 != 0;
  };
  auto even = [](int64_t n, int64_t k) { return (n / 2 + k / 4) % 2 == 0; };
  for (uint8_t bits : {8, 16, 32}) {
    checkPattern(blocks(PatternKind::csr, 2, 4, 1, bits), 8, 160, mask);
    checkPattern(blocks(PatternKind::fixed, 2, 4, 20, bits), 8, 160, even);
  }
  checkPattern(blocks(PatternKind::csr, 1, 4), 8, 160, mask);
  checkPattern(blocks(PatternKind::csr, 1, 1), 8, 40, mask);
  checkPattern(blocks(PatternKind::bitmap, 2, 4), 8, 160, mask);
  checkPattern(blocks(PatternKind::bitmap, 1, 4), 8, 132, mask);
}

TEST(Algebra, NmPatterns) {
  for (auto [n, m] : {std::pair{2, 4}, {1, 2}, {1, 4}, {4, 8}, {3, 16}, {5, 32}})
    checkPattern(blocks(PatternKind::nm, 1, m, n), 5, 96,
                 [n = n, m = m](int64_t row, int64_t k) {
                   return ((k % m) + row) % m < n;
                 });
}

TEST(Algebra, BlockDiagonal) {
  checkPattern(blocks(PatternKind::blockDiagonal, 1, 1, 4), 8, 12,
               [](int64_t n, int64_t k) { return n / 2 == k / 3; });
}

TEST(Algebra, PatternRefusals) {
  auto refused = [](PatternDesc pattern, int64_t rows, int64_t columns) {
    LeafDesc leaf = makeLeaf(rows, columns, NumberDesc::signedInt(4));
    leaf.pattern = pattern;
    return !applyCanonicalLayout(leaf).isOk();
  };
  EXPECT_TRUE(refused(blocks(PatternKind::csr, 2, 3), 8, 160));
  EXPECT_TRUE(refused(blocks(PatternKind::csr, 1, 1, 5, 8), 8, 257));
  EXPECT_FALSE(refused(blocks(PatternKind::csr, 1, 1, 5, 8), 8, 256));
  EXPECT_TRUE(refused(blocks(PatternKind::csr, 1, 1, 2049, 16), 8, 256));
  EXPECT_TRUE(refused(blocks(PatternKind::csr, 1, 1, 0, 16), 8, 256));
  EXPECT_TRUE(refused(blocks(PatternKind::csr, 1, 1, 5, 12), 8, 256));
  EXPECT_TRUE(refused(blocks(PatternKind::fixed, 1, 16, 17, 8), 8, 256));
  EXPECT_TRUE(refused(blocks(PatternKind::nm, 1, 4, 4), 8, 256));
  EXPECT_TRUE(refused(blocks(PatternKind::nm, 1, 4, 0), 8, 256));
  EXPECT_TRUE(refused(blocks(PatternKind::nm, 1, 3, 1), 8, 256));
  EXPECT_TRUE(refused(blocks(PatternKind::blockDiagonal, 1, 1, 3), 8, 256));
  EXPECT_TRUE(refused(blocks(PatternKind::blockDiagonal, 1, 1, 0), 8, 256));
}

//===----------------------------------------------------------------------===//
// Trees
//===----------------------------------------------------------------------===//

TEST(Algebra, ElasticPlanesMembers) {
  // I6: the member of p planes is the code with its low bits zero, and its bytes
  // are the first bytes.
  std::mt19937 random(7);
  EncodingDesc elastic;
  elastic.kind = EncodingKind::elastic;
  elastic.axis = ElasticAxis::planes;
  elastic.minimum = 2;
  LeafDesc leaf = planes(4, 40, NumberDesc::unsignedInt(8), /*msbFirst=*/true);
  elastic.terms = {EncodingDesc::of(leaf)};
  elastic.rows = 4;
  elastic.columns = 40;
  ASSERT_TRUE(validate(elastic).isOk()) << validate(elastic).toString();
  Bytes plain = randomCodes(leaf, random);
  std::vector<Bytes> arrays = allocate(leaf);
  ASSERT_TRUE(packCodes(leaf, 0, 4, plain, spans(arrays)).isOk());
  for (int64_t length = 2; length <= 8; ++length) {
    auto member = elasticMember(elastic, length);
    ASSERT_TRUE(member.isOk()) << member.status().toString();
    const size_t bytes = componentsOf(*member)->front().bytes;
    EXPECT_EQ(bytes, arrays[0].size() / 8 * static_cast<size_t>(length));
    const std::span<const uint8_t> prefix(arrays[0].data(), bytes);
    std::vector<float> row(40);
    for (size_t n = 0; n < 4; ++n) {
      ASSERT_TRUE(decodeRow(member->leaf, {&prefix, 1}, static_cast<int64_t>(n),
                            row)
                      .isOk());
      for (size_t k = 0; k < 40; ++k)
        EXPECT_EQ(row[k], plain[n * 40 + k] >> (8 - length) << (8 - length));
    }
  }
  EXPECT_FALSE(elasticMember(elastic, 1).isOk());
  EXPECT_FALSE(elasticMember(elastic, 9).isOk());
  elastic.terms = {EncodingDesc::of(
      planes(4, 40, NumberDesc::unsignedInt(8), /*msbFirst=*/false))};
  EXPECT_FALSE(validate(elastic).isOk()) << "a prefix is not contiguous";
}

TEST(Algebra, ProductsWithTrees) {
  // (0 + (1 2)) 3 + 4, in text: what is applied to x, in which order, and which leaf.
  auto leaf = [] { return EncodingDesc::of(makeLeaf(2, 2, NumberDesc::signedInt(4))); };
  auto tree = [](EncodingKind kind, std::vector<EncodingDesc> terms) {
    EncodingDesc encoding;
    encoding.kind = kind;
    encoding.terms = std::move(terms);
    return encoding;
  };
  EncodingDesc inner = tree(
      EncodingKind::sum,
      {leaf(), tree(EncodingKind::elastic,
                    {tree(EncodingKind::prod, {leaf(), leaf()})})});
  EncodingDesc all = tree(EncodingKind::sum,
                          {tree(EncodingKind::prod, {inner, leaf()}), leaf()});
  auto multiply = [](const std::string &x, const LeafDesc &, size_t number) {
    return std::to_string(number) + "(" + x + ")";
  };
  auto add = [](const std::string &a, const std::string &b) { return a + "+" + b; };
  EXPECT_EQ(multiplyByEncoding(all, std::string("x"), multiply, add),
            "0(3(x))+1(2(3(x)))+4(x)");
}

TEST(Algebra, TreeRules) {
  LeafDesc dense = makeLeaf(8, 32, NumberDesc::signedInt(4));
  ASSERT_TRUE(applyCanonicalLayout(dense).isOk());
  LeafDesc sparse = dense, rest = dense, other = makeLeaf(8, 16, dense.code);
  sparse.pattern = blocks(PatternKind::csr, 1, 4, 5);
  ASSERT_TRUE(applyCanonicalLayout(sparse).isOk());
  ASSERT_TRUE(applyCanonicalLayout(other).isOk());
  rest.pattern = blocks(PatternKind::complement, 1, 1, 0);
  auto tree = [](EncodingKind kind, std::vector<LeafDesc> leaves) {
    EncodingDesc encoding;
    encoding.kind = kind;
    encoding.rows = leaves.front().rows;
    encoding.columns = leaves.back().columns;
    for (LeafDesc &leaf : leaves)
      encoding.terms.push_back(EncodingDesc::of(leaf));
    return encoding;
  };
  EncodingDesc sum = tree(EncodingKind::sum, {sparse, rest});
  EXPECT_TRUE(validate(sum).isOk()) << validate(sum).toString();
  sum.partition = true;
  EXPECT_TRUE(validate(sum).isOk()) << validate(sum).toString();
  auto components = componentsOf(sum);
  ASSERT_EQ(components->size(), 4u);
  EXPECT_EQ((*components)[0].name(), "0.codes");
  EXPECT_EQ((*components)[2].name(), "0.index.1");
  EXPECT_EQ((*components)[3].name(), "1.codes");
  EXPECT_EQ((*components)[3].term, 1);

  EncodingDesc two = tree(EncodingKind::sum, {dense, dense});
  EXPECT_TRUE(validate(two).isOk());
  two.partition = true;
  EXPECT_FALSE(validate(two).isOk());
  EXPECT_FALSE(validate(tree(EncodingKind::sum, {dense, other})).isOk());
  EXPECT_FALSE(validate(tree(EncodingKind::sum, {dense})).isOk());
  EXPECT_FALSE(validate(tree(EncodingKind::sum, {dense, rest})).isOk());
  EXPECT_FALSE(validate(EncodingDesc::of(rest)).isOk());
  EXPECT_FALSE(validate(tree(EncodingKind::prod, {dense, other})).isOk());
  LeafDesc chained = makeLeaf(32, 7, dense.code);
  ASSERT_TRUE(applyCanonicalLayout(chained).isOk());
  EXPECT_TRUE(validate(tree(EncodingKind::prod, {dense, chained})).isOk());
}

} // namespace
