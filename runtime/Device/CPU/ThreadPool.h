//===- ThreadPool.h - Workers that claim ranges of items --------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Work is claimed in chunks from one atomic word, because a neighbour on a shared
// machine can make one core much slower than another. Any partition gives the same
// bits (kernel.h), so dynamic claiming does not touch results. Chunks shrink: the
// first of each worker is long, so that weights are read as few long streams, the
// last ones are short, so that nobody waits long for the slowest.
//
// The word holds the number of the job and of the next chunk together. A worker
// takes a chunk by compare-and-exchange, which fails if the job has changed since
// it looked; so the caller waits for chunks to be done, never for a worker that
// the operating system has put aside without work.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_DEVICE_CPU_THREADPOOL_H
#define LOWBIT_RUNTIME_DEVICE_CPU_THREADPOOL_H

#include "lowbit-c/kernel.h"
#include "lowbit/Support/Status.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace lowbit {

class ThreadPool {
public:
  /// `threads` >= 1 workers, the caller of run() included.
  static StatusOr<std::unique_ptr<ThreadPool>> create(unsigned threads);
  ~ThreadPool();

  unsigned threads() const { return static_cast<unsigned>(scratch.size()); }
  /// Scratch of at least `bytes` for every worker. Not while run() is active.
  Status reserveScratch(uint64_t bytes);

  /// Calls `function` on a partition of [0, items) into ranges that begin at
  /// multiples of `grain`; returns when all are done. Ranges that one worker can
  /// do alone run on the calling thread without waking anybody.
  void run(lowbit_stage_fn function, void *const *bindings, const int64_t *dims,
           int64_t items, int64_t grain);

private:
  /// What the workers are to do, and the next chunk of it. One cache line, all
  /// that has to travel to a waiting worker. Everything but `claim` is written
  /// only while `claim` is closed, and read only to be confirmed by a successful
  /// exchange on `claim`.
  struct alignas(64) Job {
    /// Epoch in the high half, next unclaimed chunk in the low half.
    std::atomic<uint64_t> claim{closedChunk};
    std::atomic<lowbit_stage_fn> function{nullptr};
    std::atomic<void *const *> bindings{nullptr};
    std::atomic<const int64_t *> dims{nullptr};
    std::atomic<int64_t> items{0};
    std::atomic<int64_t> grain{1};
    std::atomic<uint32_t> chunks{0};
  };

  ThreadPool() = default;
  void workerLoop(unsigned index);
  bool claimAndRun(unsigned worker);
  void sleepUntilNews();
  bool hasUnclaimedChunk() const;
  int64_t chunkBegin(uint32_t chunk, int64_t items, int64_t grain) const;

  static constexpr uint64_t closedChunk = 0xffffffffu;
  Job job;
  /// Chunks that the workers (not the caller) have finished.
  alignas(64) std::atomic<uint32_t> done{0};
  alignas(64) std::atomic<uint32_t> news{0}; ///< changes to wake sleepers
  std::atomic<uint32_t> sleepers{0};
  std::atomic<bool> stopping{false};

  struct FreeAligned {
    void operator()(void *pointer) const { std::free(pointer); }
  };
  std::vector<std::unique_ptr<void, FreeAligned>> scratch;
  uint64_t scratchBytes = 0;
  std::vector<std::thread> workers;
};

} // namespace lowbit

#endif // LOWBIT_RUNTIME_DEVICE_CPU_THREADPOOL_H
