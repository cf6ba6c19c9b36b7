//===- IndexMapTest.cpp - Ranges and text of index maps -------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Packing/IndexMap.h"

#include <gtest/gtest.h>

using namespace lowbit;

namespace {

IndexMap mapOf(int32_t dims, std::vector<IndexTerm> terms,
               int64_t constant = 0) {
  return {dims, {IndexExpr{std::move(terms), constant}}};
}

TEST(IndexMap, ImageIsTheSmallestBox) {
  const int64_t shape[] = {7, 100};
  auto image = [&](IndexMap map) { return *map.imageShape(shape); };
  EXPECT_EQ(image(IndexMap::identity(2)), (std::vector<int64_t>{7, 100}));
  EXPECT_EQ(image(mapOf(2, {{0, 1, 8, 0}})), std::vector<int64_t>{1});
  EXPECT_EQ(image(mapOf(2, {{1, 1, 32, 0}})), std::vector<int64_t>{4});
  EXPECT_EQ(image(mapOf(2, {{1, 1, 1, 32}})), std::vector<int64_t>{32});
  EXPECT_EQ(image(mapOf(2, {{1, 1, 64, 32}})), std::vector<int64_t>{2});
  EXPECT_EQ(image(mapOf(2, {{0, 100, 1, 0}, {1, 1, 1, 0}})),
            std::vector<int64_t>{700});
  EXPECT_EQ(image(mapOf(2, {}, 3)), std::vector<int64_t>{4});
  // Two terms of one dimension: 32 * (k floordiv 32) + k mod 32 is k.
  EXPECT_EQ(image(mapOf(2, {{1, 32, 32, 0}, {1, 1, 1, 32}})),
            std::vector<int64_t>{100});
  EXPECT_EQ(image(mapOf(2, {{1, -1, 1, 0}}, 99)), std::vector<int64_t>{100});
}

TEST(IndexMap, CorrelatedTermsOverAHugeExtent) {
  const int64_t shape[] = {int64_t{1} << 40};
  IndexMap map = mapOf(1, {{0, 32, 32, 0}, {0, 1, 1, 32}});
  EXPECT_EQ(*map.imageShape(shape), std::vector<int64_t>{int64_t{1} << 40});
}

TEST(IndexMap, RefusesWhatCannotBeAnAddress) {
  const int64_t shape[] = {7, 100};
  EXPECT_FALSE(mapOf(2, {{0, 1, 0, 0}}).imageShape(shape).isOk());
  EXPECT_FALSE(mapOf(2, {{0, 1, 1, -1}}).imageShape(shape).isOk());
  EXPECT_FALSE(mapOf(2, {{2, 1, 1, 0}}).imageShape(shape).isOk());
  EXPECT_FALSE(mapOf(2, {{-1, 1, 1, 0}}).imageShape(shape).isOk());
  EXPECT_FALSE(mapOf(2, {{0, -1, 1, 0}}).imageShape(shape).isOk());
  EXPECT_FALSE(mapOf(2, {{1, INT64_MAX / 4, 1, 0}}).imageShape(shape).isOk());
  EXPECT_FALSE(mapOf(2, {{0, INT64_MAX / 7, 1, 0}, {1, INT64_MAX / 99, 1, 0}})
                   .imageShape(shape)
                   .isOk());
  EXPECT_FALSE(mapOf(2, {}, INT64_MAX).imageShape(shape).isOk());
  EXPECT_FALSE(mapOf(1, {}).imageShape(shape).isOk());
  const int64_t empty[] = {0, 4};
  EXPECT_FALSE(IndexMap::identity(2).imageShape(empty).isOk());
}

TEST(IndexMap, Text) {
  IndexMap map{2,
               {IndexExpr{{{0, 1, 8, 0}}, 0}, IndexExpr{{{1, 4, 16, 2}}, 0},
                IndexExpr{{{0, 8, 1, 0}, {1, 1, 1, 4}}, 5}, IndexExpr{{}, 0}}};
  EXPECT_EQ(map.toString(), "(d0, d1) -> (d0 floordiv 8, ((d1 floordiv 16) mod "
                            "2) * 4, d0 * 8 + d1 mod 4 + 5, 0)");
}

TEST(IndexMap, ElementCounts) {
  const int64_t big[] = {int64_t{1} << 32, int64_t{1} << 31};
  EXPECT_FALSE(checkedElementCount(big).isOk());
  const int64_t zero[] = {int64_t{1} << 62, 4, 0};
  EXPECT_EQ(*checkedElementCount(zero), 0);
  EXPECT_EQ(*checkedElementCount({}), 1);
  const int64_t negative[] = {3, -1};
  EXPECT_FALSE(checkedElementCount(negative).isOk());
}

} // namespace
