//===- Parallel.h - A loop on several threads ------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_COMPRESS_PARALLEL_H
#define LOWBIT_LIB_COMPRESS_PARALLEL_H

#include <cstdint>
#include <functional>

namespace lowbit::compress {

/// Calls `body(begin, end)` for pieces of [0, count) of at most `grain`, on up
/// to `threads` threads (0 counts as 1). Pieces are the same whatever the number
/// of threads; which thread takes one is not. Bodies must not fail.
void parallelFor(int64_t count, int64_t grain, unsigned threads,
                 const std::function<void(int64_t, int64_t)> &body);

} // namespace lowbit::compress

#endif // LOWBIT_LIB_COMPRESS_PARALLEL_H
