//===- BitAllocationTest.cpp - The knapsack against trying everything ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/BitAllocation.h"

#include <gtest/gtest.h>
#include <random>

using namespace lowbit;
using namespace lowbit::compress;

TEST(BitAllocation, BestOfAllWithinBudget) {
  std::mt19937 engine(1);
  std::uniform_real_distribution<double> uniform;
  for (int round = 0; round < 1000; ++round) {
    std::vector<std::vector<Choice>> items(1 + round % 6);
    double least = 0, most = 0;
    for (auto &item : items) {
      double bits = 100 * (1 + uniform(engine)), cost = 10 * uniform(engine);
      least += bits;
      for (int c = 0; c < 4; ++c) {
        item.push_back({bits, cost});
        bits *= 1.2 + uniform(engine);
        cost *= uniform(engine);
      }
      most += item.back().bits;
    }
    double budget = least + (most - least) * uniform(engine);
    auto picked = allocateBits(items, budget);
    ASSERT_TRUE(picked.isOk());
    double bits = 0, cost = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      bits += items[i][(*picked)[i]].bits;
      cost += items[i][(*picked)[i]].cost;
    }
    ASSERT_LE(bits, budget * 1.0000001);
    double best = 1e30;
    for (size_t code = 0; code < size_t(1) << (2 * items.size()); ++code) {
      double b = 0, c = 0;
      for (size_t i = 0; i < items.size(); ++i) {
        b += items[i][code >> (2 * i) & 3].bits;
        c += items[i][code >> (2 * i) & 3].cost;
      }
      if (b <= budget)
        best = std::min(best, c);
    }
    // Sizes are rounded up to 2^-16 of the budget: a best that just fits may be
    // missed, by little.
    ASSERT_LE(cost, best * 1.02 + 1e-9);
  }
}

TEST(BitAllocation, RefusesWhatCannotFit) {
  std::vector<std::vector<Choice>> items = {{{10, 1}, {20, 0}}, {{10, 1}}};
  EXPECT_EQ(allocateBits(items, 19).status().message(),
            "the budget of 19 bits is below the 20 bits that the smallest "
            "choices take");
  EXPECT_EQ(*allocateBits(items, 20), (std::vector<size_t>{0, 0}));
  EXPECT_EQ(*allocateBits(items, 30), (std::vector<size_t>{1, 0}));
}
