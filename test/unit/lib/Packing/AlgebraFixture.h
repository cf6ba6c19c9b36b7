//===- AlgebraFixture.h - Leaves for tests of the algebra --------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_LIB_PACKING_ALGEBRAFIXTURE_H
#define LOWBIT_TEST_UNIT_LIB_PACKING_ALGEBRAFIXTURE_H

#include "lowbit/Packing/Layouts.h"
#include "lowbit/Packing/Pack.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace lowbit::test {

using Bytes = std::vector<uint8_t>;

inline LeafDesc makeLeaf(int64_t rows, int64_t columns, NumberDesc code) {
  LeafDesc leaf;
  leaf.rows = rows;
  leaf.columns = columns;
  leaf.code = code;
  return leaf;
}

inline std::vector<Bytes> allocate(const LeafDesc &leaf) {
  std::vector<Bytes> arrays;
  auto components = componentsOf(leaf);
  EXPECT_TRUE(components.isOk());
  for (const ComponentDesc &component : *components)
    arrays.emplace_back(component.bytes);
  return arrays;
}

inline std::vector<std::span<uint8_t>> spans(std::vector<Bytes> &arrays) {
  return {arrays.begin(), arrays.end()};
}
inline std::vector<std::span<const uint8_t>> views(const std::vector<Bytes> &arrays) {
  return {arrays.begin(), arrays.end()};
}

inline IndexMap mapOf(std::vector<IndexExpr> results) { return {2, std::move(results)}; }
inline IndexExpr term(int32_t dim, int64_t mul = 1, int64_t div = 1, int64_t mod = 0) {
  return {{{dim, mul, div, mod}}, 0};
}

/// `digits` codes of base `radix` in each byte of a row.
inline LeafDesc radixLeaf(int64_t rows, int64_t columns, NumberDesc code, int radix,
                   int digits, RadixStore store = RadixStore::plain) {
  LeafDesc leaf = makeLeaf(rows, columns, code);
  leaf.biased = code.lo != 0;
  FieldDesc field;
  field.width = field.wordBits = 8;
  field.word = mapOf({term(0), term(1, 1, digits)});
  field.bit = mapOf({IndexExpr{}});
  field.digit = mapOf({term(1, 1, 1, digits)});
  field.radix = static_cast<uint8_t>(radix);
  field.digits = static_cast<uint8_t>(digits);
  field.store = store;
  field.storage = {rows, (columns + digits - 1) / digits};
  leaf.fields = {field};
  return leaf;
}

inline Bytes randomCodes(const LeafDesc &leaf, std::mt19937 &random) {
  Bytes plain(static_cast<size_t>(leaf.storedRows() * leaf.storedColumns()) *
              plainCodeBytes(leaf.code));
  for (uint8_t &byte : plain)
    byte = leaf.code.isFloat()
               ? static_cast<uint8_t>(random() & ((1u << leaf.code.width) - 1))
               : static_cast<uint8_t>(leaf.code.lo +
                                      leaf.code.step *
                                          static_cast<int64_t>(
                                              random() % static_cast<uint64_t>(
                                                             leaf.code.levels())));
  return plain;
}

inline void roundTrip(const LeafDesc &leaf, std::mt19937 &random) {
  SCOPED_TRACE(describe(leaf));
  Status valid = validate(leaf);
  ASSERT_TRUE(valid.isOk()) << valid.toString();
  Bytes plain = randomCodes(leaf, random);
  std::vector<Bytes> fast = allocate(leaf), slow = allocate(leaf);
  const unsigned arrays = leaf.codeArrays();
  std::vector<std::span<uint8_t>> fastSpans(fast.begin(), fast.begin() + arrays);
  std::vector<std::span<uint8_t>> slowSpans(slow.begin(), slow.begin() + arrays);
  ASSERT_TRUE(packCodes(leaf, 0, leaf.storedRows(), plain, fastSpans).isOk());
  ASSERT_TRUE(
      packCodesByMaps(leaf, 0, leaf.storedRows(), plain, slowSpans).isOk());
  EXPECT_EQ(fast, slow);
  Bytes back(plain.size()), backByMaps(plain.size());
  std::vector<std::span<const uint8_t>> from(fast.begin(),
                                             fast.begin() + arrays);
  ASSERT_TRUE(unpackCodes(leaf, 0, leaf.storedRows(), from, back).isOk());
  ASSERT_TRUE(
      unpackCodesByMaps(leaf, 0, leaf.storedRows(), from, backByMaps).isOk());
  EXPECT_EQ(back, plain);
  EXPECT_EQ(backByMaps, plain);
}

/// Bit planes of `code` in i32 words, all in one array, lowest bit first or last.
inline LeafDesc planes(int64_t rows, int64_t columns, NumberDesc code, bool msbFirst) {
  LeafDesc leaf = makeLeaf(rows, columns, code);
  leaf.biased = code.step != 1;
  for (unsigned bit = 0; bit < code.width; ++bit) {
    FieldDesc field;
    field.shift = static_cast<uint8_t>(bit);
    field.width = 1;
    field.wordBits = 32;
    const int64_t plane = msbFirst ? code.width - 1 - bit : bit;
    field.word = mapOf({IndexExpr{{}, plane}, term(0), term(1, 1, 32)});
    field.bit = mapOf({{{{1, -1, 1, 32}}, 31}});
    field.storage = {code.width, rows, (columns + 31) / 32};
    leaf.fields.push_back(field);
  }
  return leaf;
}

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_LIB_PACKING_ALGEBRAFIXTURE_H
