//===- BitAllocation.cpp - Choosing one of several sizes each -------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/BitAllocation.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace lowbit;
using namespace lowbit::compress;

static constexpr double infinite = std::numeric_limits<double>::infinity();

static size_t smallestChoice(const std::vector<Choice> &choices) {
  return std::min_element(choices.begin(), choices.end(),
                          [](const Choice &a, const Choice &b) {
                            return a.bits < b.bits;
                          }) -
         choices.begin();
}

/// Spends what is left of the budget where it helps most a bit.
static void spendRest(std::span<const std::vector<Choice>> items, double rest,
                      std::vector<size_t> &picked) {
  while (true) {
    double best = 0;
    size_t bestItem = 0, bestChoice = 0;
    for (size_t i = 0; i < items.size(); ++i)
      for (size_t c = 0; c < items[i].size(); ++c) {
        double more = items[i][c].bits - items[i][picked[i]].bits;
        double gain = items[i][picked[i]].cost - items[i][c].cost;
        if (gain <= 0 || more > rest)
          continue;
        double ratio = more <= 0 ? infinite : gain / more;
        if (ratio > best) {
          best = ratio;
          bestItem = i;
          bestChoice = c;
        }
      }
    if (best == 0)
      return;
    rest -= items[bestItem][bestChoice].bits -
            items[bestItem][picked[bestItem]].bits;
    picked[bestItem] = bestChoice;
  }
}

StatusOr<std::vector<size_t>>
lowbit::compress::allocateBits(std::span<const std::vector<Choice>> items,
                               double budget) {
  double least = 0;
  std::vector<size_t> picked;
  for (const std::vector<Choice> &choices : items) {
    if (choices.empty())
      return invalidArgument("an item has no choice");
    picked.push_back(smallestChoice(choices));
    least += choices[picked.back()].bits;
  }
  if (least > budget)
    return invalidArgument("the budget of %.0f bits is below the %.0f bits that "
                           "the smallest choices take",
                           budget, least);
  // Above the smallest choices: sizes in steps of the rest.
  const double rest = budget - least;
  constexpr int64_t steps = 1 << 16;
  if (rest > 0) {
    std::vector<double> cost(steps + 1, 0.0), next(steps + 1);
    std::vector<std::vector<uint8_t>> from(items.size());
    for (size_t i = 0; i < items.size(); ++i) {
      std::fill(next.begin(), next.end(), infinite);
      from[i].assign(steps + 1, 0);
      for (size_t c = 0; c < std::min<size_t>(items[i].size(), 256); ++c) {
        double more = items[i][c].bits - items[i][picked[i]].bits;
        auto size = static_cast<int64_t>(std::ceil(more / rest * steps));
        if (more > rest)
          continue;
        for (int64_t at = size; at <= steps; ++at)
          if (cost[at - size] + items[i][c].cost < next[at]) {
            next[at] = cost[at - size] + items[i][c].cost;
            from[i][at] = static_cast<uint8_t>(c);
          }
      }
      std::swap(cost, next);
    }
    // cost[at] may use less than `at`; walk back from the cheapest.
    int64_t at = std::min_element(cost.begin(), cost.end()) - cost.begin();
    const std::vector<size_t> smallest = picked;
    for (size_t i = items.size(); i-- > 0;) {
      picked[i] = from[i][at];
      double more = items[i][picked[i]].bits - items[i][smallest[i]].bits;
      at -= static_cast<int64_t>(std::ceil(more / rest * steps));
    }
  }
  double used = 0;
  for (size_t i = 0; i < items.size(); ++i)
    used += items[i][picked[i]].bits;
  spendRest(items, budget - used, picked);
  return picked;
}
