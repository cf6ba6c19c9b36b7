//===- Parallel.cpp - A loop on several threads ---------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/Parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

void lowbit::compress::parallelFor(
    int64_t count, int64_t grain, unsigned threads,
    const std::function<void(int64_t, int64_t)> &body) {
  grain = std::max<int64_t>(grain, 1);
  const int64_t pieces = (count + grain - 1) / grain;
  std::atomic<int64_t> next = 0;
  auto work = [&] {
    for (int64_t piece = next++; piece < pieces; piece = next++)
      body(piece * grain, std::min(count, (piece + 1) * grain));
  };
  const int64_t workers = std::clamp<int64_t>(threads, 1, 64);
  std::vector<std::thread> pool;
  for (int64_t i = 1; i < std::min(workers, pieces); ++i)
    pool.emplace_back(work);
  work();
  for (std::thread &thread : pool)
    thread.join();
}
