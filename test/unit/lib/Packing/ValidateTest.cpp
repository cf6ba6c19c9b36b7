//===- ValidateTest.cpp - Refused encodings -------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Packing/Layouts.h"

#include <gtest/gtest.h>

using namespace lowbit;

namespace {

LeafDesc makeLeaf(int64_t rows, int64_t columns, NumberDesc code) {
  LeafDesc leaf;
  leaf.rows = rows;
  leaf.columns = columns;
  leaf.code = code;
  return leaf;
}

LeafDesc int4Leaf() {
  LeafDesc leaf = makeLeaf(16, 64, NumberDesc::signedInt(4));
  leaf.scales.push_back(
      paramPerGroup(NumberDesc::floating(FloatFormat::f16), 16, 64, 32));
  EXPECT_TRUE(applyRowsInLanesLayout(leaf).isOk());
  return leaf;
}

void expectError(const LeafDesc &leaf, const char *text) {
  Status status = validate(leaf);
  ASSERT_FALSE(status.isOk()) << "accepted; expected: " << text;
  EXPECT_NE(status.toString().find(text), std::string::npos)
      << status.toString();
}

TEST(Validate, AcceptsOwnLayouts) {
  EXPECT_TRUE(validate(int4Leaf()).isOk());
  // Extents that are far too large to enumerate.
  LeafDesc huge =
      makeLeaf(int64_t{1} << 24, int64_t{1} << 20, NumberDesc::signedInt(5));
  EXPECT_TRUE(applyRowsInLanesLayout(huge).isOk());
  EXPECT_TRUE(applyCanonicalLayout(huge).isOk());
}

TEST(Validate, AcceptsRowPlanes) {
  // Hugging Face's packed ternary: bit 2 * (n floordiv R), byte row n mod R.
  LeafDesc leaf = makeLeaf(4096, 512, NumberDesc::signedInt(2));
  FieldDesc field;
  field.width = 2;
  field.word = {
      2, {IndexExpr{{{0, 1, 1, 1024}}, 0}, IndexExpr{{{1, 1, 1, 0}}, 0}}};
  field.bit = {2, {IndexExpr{{{0, 2, 1024, 0}}, 0}}};
  field.storage = {1024, 512};
  leaf.fields = {field};
  Status status = validate(leaf);
  EXPECT_TRUE(status.isOk()) << status.toString();
  leaf.fields[0].bit.results[0].terms[0].mul = 1;
  expectError(leaf, "V5");
}

TEST(Validate, RefusesSharedPlaces) {
  LeafDesc leaf = int4Leaf();
  leaf.fields[0].bit.results[0].terms.clear(); // both nibbles at bit 0
  expectError(leaf, "V5");

  leaf = int4Leaf();
  leaf.fields[0].word.results[3].terms.clear(); // rows of a strip fall together
  expectError(leaf, "V5");

  leaf = int4Leaf();
  leaf.fields[0].word.results[0].terms.clear(); // strips fall together
  expectError(leaf, "V5");

  leaf = int4Leaf();
  leaf.fields[0].word.results[1].terms[0].div = 64; // blocks fall together
  expectError(leaf, "V5");

  leaf = int4Leaf();
  leaf.scales[0].placement.results[1].terms.clear();
  expectError(leaf, "V5");
}

TEST(Validate, RefusesPlacesOutsideTheStorage) {
  LeafDesc leaf = int4Leaf();
  leaf.fields[0].storage[0] = 1;
  expectError(leaf, "V5");

  leaf = int4Leaf();
  leaf.fields[0].bit.results[0].terms[0].mul = 5;
  expectError(leaf, "leaves the word");

  leaf = int4Leaf();
  leaf.fields[0].word.results[4].constant = -1;
  expectError(leaf, "becomes -1");

  leaf = int4Leaf();
  leaf.scales[0].storage[1] = 1;
  expectError(leaf, "V5");

  leaf = int4Leaf();
  leaf.fields[0].storage.pop_back();
  expectError(leaf, "dimensions");
}

TEST(Validate, RefusesOverflowingSizes) {
  LeafDesc leaf =
      makeLeaf(int64_t{1} << 32, int64_t{1} << 32, NumberDesc::signedInt(4));
  EXPECT_FALSE(applyCanonicalLayout(leaf).isOk());
  EXPECT_FALSE(applyRowsInLanesLayout(leaf).isOk());
  leaf = makeLeaf(INT64_MAX, 1, NumberDesc::signedInt(4));
  EXPECT_FALSE(applyRowsInLanesLayout(leaf).isOk());

  leaf = int4Leaf();
  leaf.fields[0].storage = {int64_t{1} << 40, int64_t{1} << 40, 4, 8, 4};
  expectError(leaf, "overflow");

  leaf = int4Leaf();
  leaf.scales[0].storage = {INT64_MAX / 8, 2, 8};
  expectError(leaf, "overflow");
}

TEST(Validate, RefusesNumbers) {
  LeafDesc leaf = int4Leaf();
  leaf.code.hi = 8;
  expectError(leaf, "V1");
  leaf = int4Leaf();
  leaf.code.lo = leaf.code.hi;
  expectError(leaf, "V1");
  leaf = int4Leaf();
  leaf.code.width = 9;
  expectError(leaf, "1..8");
  leaf = int4Leaf();
  leaf.scales[0].number.width = 32;
  expectError(leaf, "float");
  leaf = int4Leaf();
  leaf.scales[0].granules[1] = 3;
  expectError(leaf, "V2");
  leaf = int4Leaf();
  leaf.scales[0].granularity.results[1].terms[0].div = 0;
  expectError(leaf, "divides by 0");
  leaf = int4Leaf();
  leaf.zero = paramPerTensor(NumberDesc::floating(FloatFormat::f16));
  expectError(leaf, "zero");
  leaf = int4Leaf();
  leaf.offsetNegated = true;
  expectError(leaf, "offset");
  leaf = int4Leaf();
  leaf.scales.assign(2, paramPerTensor(NumberDesc::signedInt(32)));
  expectError(leaf, "62 bits");
  leaf = int4Leaf();
  leaf.rows = 0;
  expectError(leaf, "positive");
}

TEST(Validate, RefusesFields) {
  LeafDesc leaf = int4Leaf();
  leaf.fields.clear();
  expectError(leaf, "0 of the 4 bits");
  leaf = int4Leaf();
  leaf.fields[0].wordBits = 12;
  expectError(leaf, "words of 12 bits");
  leaf = int4Leaf();
  leaf.fields[0].shift = 1;
  expectError(leaf, "bits 1..4");
  leaf = int4Leaf();
  leaf.fields.push_back(leaf.fields[0]);
  expectError(leaf, "overlaps");
  leaf = int4Leaf();
  leaf.fields[0].bit.results.clear();
  expectError(leaf, "bit map");
  leaf = int4Leaf();
  leaf.fields[0].word.results.assign(9, IndexExpr{});
  expectError(leaf, "more than 8");
}

TEST(Validate, ComponentsAndText) {
  LeafDesc leaf = int4Leaf();
  auto components = componentsOf(leaf);
  ASSERT_TRUE(components.isOk());
  ASSERT_EQ(components->size(), 2u);
  EXPECT_EQ((*components)[0].name(), "codes");
  EXPECT_EQ((*components)[0].bytes, 16u * 64 / 2);
  EXPECT_EQ((*components)[1].name(), "scale");
  EXPECT_EQ((*components)[1].bytes, 16u * 2 * 2);
  EXPECT_EQ(describe(leaf), "int4, scale f16/32");
  auto bits = bitsPerElement(leaf);
  ASSERT_TRUE(bits.isOk());
  EXPECT_EQ(bits->codes, 4.0);
  EXPECT_EQ(bits->total, 4.5);

  LeafDesc odd = makeLeaf(8, 32, NumberDesc::signedInt(7));
  odd.scales = {paramPerTensor(NumberDesc::floating(FloatFormat::f32)),
                paramPerRow(NumberDesc::signedInt(8), 8)};
  ASSERT_TRUE(applyRowsInLanesLayout(odd).isOk());
  EXPECT_EQ(describe(odd), "int7 in 4+2+1, scale f32/tensor * int8/row");
  EXPECT_EQ((*componentsOf(odd))[2].name(), "codes.2");
}

} // namespace
