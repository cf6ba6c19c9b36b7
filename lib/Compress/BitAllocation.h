//===- BitAllocation.h - Choosing one of several sizes each ----*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_COMPRESS_BITALLOCATION_H
#define LOWBIT_LIB_COMPRESS_BITALLOCATION_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <span>
#include <vector>

namespace lowbit::compress {

/// One way to store one item.
struct Choice {
  double bits = 0; ///< that it takes in all
  double cost = 0; ///< what it does to the model, >= 0
};

/// Picks one choice of each item so that the bits stay within `budget` and the
/// sum of the costs is least (a knapsack with groups, by dynamic programming over
/// the budget in 2^16 steps, each item rounded up; what rounding left over then
/// goes to the upgrades of the best ratio). Fails when even the smallest choices
/// are too large.
StatusOr<std::vector<size_t>>
allocateBits(std::span<const std::vector<Choice>> items, double budget);

} // namespace lowbit::compress

#endif // LOWBIT_LIB_COMPRESS_BITALLOCATION_H
