//===- ThreadPool.cpp - Workers that claim ranges of items ----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Device/CPU/ThreadPool.h"

#include "lowbit/Support/CheckedMath.h"
#include "runtime/Device/CPU/FloatControl.h"

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include <pthread.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace lowbit;

/// Rounds of watching before a worker sleeps: about 50 microseconds, longer than
/// the gap between two kernels of a token.
static constexpr int spinRounds = 2000;
/// Each worker gets one large chunk, together this part of the work; the rest is
/// cut into small ones, which even out cores of different speed.
static constexpr int64_t largePart = 4, ofParts = 5;
static constexpr int64_t smallChunksPerWorker = 4;

static void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

StatusOr<std::unique_ptr<ThreadPool>> ThreadPool::create(unsigned threads) {
  auto pool = std::unique_ptr<ThreadPool>(new ThreadPool());
  pool->scratch.resize(std::max(threads, 1u));
  LOWBIT_RETURN_IF_ERROR(pool->reserveScratch(64));
  for (unsigned i = 1; i < threads; ++i) {
    // std::thread reports failure by throwing, which this build does not catch:
    // see whether the system has room for one more thread first.
    pthread_t probe;
    if (pthread_create(&probe, nullptr, [](void *) -> void * { return nullptr; },
                       nullptr) != 0)
      return resourceExhausted("cannot start thread %u of %u; use fewer threads",
                               i + 1, threads);
    pthread_join(probe, nullptr);
    pool->workers.emplace_back([p = pool.get(), i] { p->workerLoop(i); });
  }
  return pool;
}

ThreadPool::~ThreadPool() {
  stopping.store(true);
  news.fetch_add(1);
  news.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

Status ThreadPool::reserveScratch(uint64_t bytes) {
  if (bytes <= scratchBytes)
    return {};
  std::optional<uint64_t> padded = checkedAlignTo<uint64_t>(bytes, 64);
  for (auto &block : scratch) {
    void *memory = padded ? std::aligned_alloc(64, *padded) : nullptr;
    if (!memory)
      return resourceExhausted("out of memory: %llu bytes of scratch a thread "
                               "are needed",
                               static_cast<unsigned long long>(bytes));
    block.reset(memory);
  }
  scratchBytes = *padded;
  return {};
}

void ThreadPool::run(lowbit_stage_fn function, void *const *bindings,
                     const int64_t *dims, int64_t items, int64_t grain) {
  if (items <= 0)
    return;
  int64_t grains = ceilDiv(items, grain);
  if (workers.empty() || grains == 1) {
    ExactFloatScope exact;
    function(bindings, dims, scratch[0].get(), 0, items);
    return;
  }
  auto count = static_cast<int64_t>(threads());
  int64_t large = grains * largePart / ofParts / count;
  int64_t rest = grains - large * count;
  int64_t small = ceilDiv(rest, smallChunksPerWorker * count);
  int64_t largeChunks = large ? count : 0;
  auto chunks = static_cast<uint32_t>(largeChunks + ceilDiv(rest, small));

  uint64_t epoch = (claim.load(std::memory_order_relaxed) >> 32) + 1;
  claim.store((epoch << 32) | closedChunk, std::memory_order_release);
  job.function.store(function, std::memory_order_release);
  job.bindings.store(bindings, std::memory_order_release);
  job.dims.store(dims, std::memory_order_release);
  job.items.store(items, std::memory_order_release);
  job.largeItems.store(large * grain, std::memory_order_release);
  job.smallItems.store(small * grain, std::memory_order_release);
  job.largeChunks.store(static_cast<uint32_t>(largeChunks), std::memory_order_release);
  job.chunks.store(chunks, std::memory_order_release);
  done.store(0, std::memory_order_relaxed);
  claim.store(epoch << 32, std::memory_order_release);
  news.store(static_cast<uint32_t>(epoch), std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst) != 0)
    news.notify_all();

  {
    ExactFloatScope exact;
    while (claimAndRun(0)) {
    }
  }
  for (int round = 0; done.load(std::memory_order_acquire) != chunks; ++round) {
    relax();
    // The one who works may be waiting for our core.
    if (round % spinRounds == spinRounds - 1)
      std::this_thread::yield();
  }
}

bool ThreadPool::claimAndRun(unsigned worker) {
  uint64_t word = claim.load(std::memory_order_acquire);
  for (;;) {
    uint64_t chunk = word & 0xffffffffu;
    lowbit_stage_fn function = job.function.load(std::memory_order_acquire);
    void *const *bindings = job.bindings.load(std::memory_order_acquire);
    const int64_t *dims = job.dims.load(std::memory_order_acquire);
    int64_t items = job.items.load(std::memory_order_acquire);
    int64_t largeItems = job.largeItems.load(std::memory_order_acquire);
    int64_t smallItems = job.smallItems.load(std::memory_order_acquire);
    int64_t largeChunks = job.largeChunks.load(std::memory_order_acquire);
    if (chunk >= job.chunks.load(std::memory_order_acquire))
      return false;
    // Success proves that the job read above is the one this chunk belongs to.
    if (!claim.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel,
                                     std::memory_order_acquire))
      continue;
    auto number = static_cast<int64_t>(chunk);
    bool isLarge = number < largeChunks;
    int64_t begin = isLarge ? number * largeItems
                            : largeChunks * largeItems +
                                  (number - largeChunks) * smallItems;
    int64_t end = std::min(items, begin + (isLarge ? largeItems : smallItems));
    function(bindings, dims, scratch[worker].get(), begin, end);
    done.fetch_add(1, std::memory_order_release);
    return true;
  }
}

void ThreadPool::sleepUntilNews(uint32_t seen) {
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  if (!stopping.load())
    news.wait(seen, std::memory_order_seq_cst);
  sleepers.fetch_sub(1, std::memory_order_seq_cst);
}

void ThreadPool::workerLoop(unsigned index) {
  ExactFloatScope exact;
  int idle = 0;
  while (!stopping.load(std::memory_order_relaxed)) {
    // Read before looking for work: a job published after the look changes it.
    uint32_t seen = news.load(std::memory_order_seq_cst);
    if (claimAndRun(index)) {
      idle = 0;
      continue;
    }
    relax();
    if (++idle >= spinRounds) {
      idle = 0;
      sleepUntilNews(seen);
    }
  }
}
