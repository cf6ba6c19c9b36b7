//===- LowRank.h - The best product of two thin matrices -------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_COMPRESS_LOWRANK_H
#define LOWBIT_LIB_COMPRESS_LOWRANK_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <span>
#include <vector>

namespace lowbit::compress {

struct LowRank {
  std::vector<float> left;  ///< [rows, rank]
  std::vector<float> right; ///< [rank, columns]
};

/// left * right near the closest matrix of `rank` to `matrix` [rows, columns] in
/// the Frobenius norm: subspace iteration from fixed random numbers (Halko,
/// Martinsson, Tropp, SIAM Review 53(2), 2011, algorithm 4.4) with `rounds`
/// rounds and 8 vectors more than asked for. Each left column and right row have
/// equal norms. The result does not depend on the number of threads. Fails when
/// the rank is not 1 to min(rows, columns).
StatusOr<LowRank> approximateLowRank(std::span<const float> matrix,
                                     int64_t rows, int64_t columns,
                                     int64_t rank, int rounds,
                                     unsigned threads);

} // namespace lowbit::compress

#endif // LOWBIT_LIB_COMPRESS_LOWRANK_H
