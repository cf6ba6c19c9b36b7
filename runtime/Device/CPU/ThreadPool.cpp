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
#include <iterator>
#include <system_error>

#include <pthread.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace lowbit;

/// Rounds of watching before a worker sleeps: some 300 microseconds, longer than
/// what a program does between two tokens. Being woken costs 50 or more.
static constexpr int spinRounds = 10000;
/// Rounds after which the caller offers its core to a worker it waits for.
static constexpr int yieldRounds = 2000;

/// Where the rounds of chunks begin, in parts of 32 of the items: in each round
/// every worker has one chunk in expectation.
static constexpr int64_t roundStart[] = {0, 18, 26, 30, 32};
static constexpr uint32_t rounds = std::size(roundStart) - 1;

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
  if (workers.empty() || items <= grain) {
    ExactFloatScope exact;
    function(bindings, dims, scratch[0].get(), 0, items);
    return;
  }
  uint32_t chunks = rounds * threads();
  uint64_t epoch = (job.claim.load(std::memory_order_relaxed) >> 32) + 1;
  job.claim.store((epoch << 32) | closedChunk, std::memory_order_release);
  job.function.store(function, std::memory_order_release);
  job.bindings.store(bindings, std::memory_order_release);
  job.dims.store(dims, std::memory_order_release);
  job.items.store(items, std::memory_order_release);
  job.grain.store(grain, std::memory_order_release);
  job.chunks.store(chunks, std::memory_order_release);
  done.store(0, std::memory_order_relaxed);
  job.claim.store(epoch << 32, std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst) != 0) {
    news.fetch_add(1, std::memory_order_seq_cst);
    news.notify_all();
  }

  {
    ExactFloatScope exact;
    while (claimAndRun(0))
      --chunks;
  }
  for (int round = 1; done.load(std::memory_order_acquire) != chunks; ++round) {
    relax();
    // The one who works may be waiting for our core.
    if (round % yieldRounds == 0)
      std::this_thread::yield();
  }
}

int64_t ThreadPool::chunkBegin(uint32_t chunk, int64_t items,
                               int64_t grain) const {
  auto perRound = static_cast<int64_t>(threads());
  uint32_t round = chunk / threads();
  if (round == rounds)
    return items;
  int64_t parts = 32 * perRound;
  int64_t part = roundStart[round] * perRound +
                 chunk % threads() * (roundStart[round + 1] - roundStart[round]);
  // grains * part / parts without the large product.
  int64_t grains = ceilDiv(items, grain);
  return (grains / parts * part + grains % parts * part / parts) * grain;
}

bool ThreadPool::claimAndRun(unsigned worker) {
  uint64_t word = job.claim.load(std::memory_order_acquire);
  for (;;) {
    auto chunk = static_cast<uint32_t>(word);
    lowbit_stage_fn function = job.function.load(std::memory_order_acquire);
    void *const *bindings = job.bindings.load(std::memory_order_acquire);
    const int64_t *dims = job.dims.load(std::memory_order_acquire);
    int64_t items = job.items.load(std::memory_order_acquire);
    int64_t grain = job.grain.load(std::memory_order_acquire);
    if (chunk >= job.chunks.load(std::memory_order_acquire))
      return false;
    // Success proves that the job read above is the one this chunk belongs to.
    if (!job.claim.compare_exchange_weak(word, word + 1,
                                         std::memory_order_acq_rel,
                                         std::memory_order_acquire))
      continue;
    int64_t begin = chunkBegin(chunk, items, grain);
    int64_t end = chunkBegin(chunk + 1, items, grain);
    if (begin < end)
      function(bindings, dims, scratch[worker].get(), begin, end);
    if (worker != 0)
      done.fetch_add(1, std::memory_order_release);
    return true;
  }
}

bool ThreadPool::hasUnclaimedChunk() const {
  auto chunk = static_cast<uint32_t>(job.claim.load(std::memory_order_seq_cst));
  return chunk < job.chunks.load(std::memory_order_acquire);
}

// Either the caller sees the sleeper after it has opened a job, or the sleeper sees
// the open job: both write before they look, in one order of all.
void ThreadPool::sleepUntilNews() {
  uint32_t seen = news.load(std::memory_order_seq_cst);
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  if (!stopping.load() && !hasUnclaimedChunk())
    news.wait(seen, std::memory_order_seq_cst);
  sleepers.fetch_sub(1, std::memory_order_seq_cst);
}

void ThreadPool::workerLoop(unsigned index) {
  ExactFloatScope exact;
  int idle = 0;
  while (!stopping.load(std::memory_order_relaxed)) {
    if (hasUnclaimedChunk() && claimAndRun(index)) {
      idle = 0;
      continue;
    }
    relax();
    if (++idle >= spinRounds) {
      idle = 0;
      sleepUntilNews();
    }
  }
}
