//===- ThreadPoolTest.cpp - Every item once, whatever the workers do ------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Device/CPU/ThreadPool.h"

#include <gtest/gtest.h>

#include <chrono>

using namespace lowbit;

namespace {

/// Adds dims[0] to every number of its range and marks its scratch.
void addAll(void *const *bindings, const int64_t *dims, void *scratch,
            int64_t begin, int64_t end) {
  auto *values = static_cast<int64_t *>(bindings[0]);
  for (int64_t i = begin; i < end; ++i)
    values[i] += dims[0];
  ++*static_cast<int64_t *>(scratch);
}

class ThreadPoolTest : public ::testing::TestWithParam<unsigned> {};

TEST_P(ThreadPoolTest, ManyLaunchesOfAllSizes) {
  auto pool = ThreadPool::create(GetParam());
  ASSERT_TRUE(pool.isOk());
  EXPECT_EQ((*pool)->threads(), GetParam());
  for (int64_t round = 1; round < 3000; ++round) {
    int64_t items = 1 + round * 7 % 300;
    std::vector<int64_t> values(items);
    void *bindings[] = {values.data()};
    int64_t dims[LOWBIT_DIM_COUNT] = {round};
    (*pool)->run(addAll, bindings, dims, items, 1 + round % 5);
    for (int64_t value : values)
      ASSERT_EQ(value, round);
    // Long enough for the workers to fall asleep.
    if (round % 500 == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

TEST_P(ThreadPoolTest, NothingToDoAndManyPools) {
  for (int i = 0; i < 20; ++i) {
    auto pool = ThreadPool::create(GetParam());
    ASSERT_TRUE(pool.isOk());
    (*pool)->run(nullptr, nullptr, nullptr, 0, 1);
    EXPECT_TRUE((*pool)->reserveScratch(1 << 16).isOk());
    EXPECT_FALSE((*pool)->reserveScratch(UINT64_MAX - 8).isOk());
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest,
                         ::testing::Values(1u, 2u, 3u, 8u));

} // namespace
