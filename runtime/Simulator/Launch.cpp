//===- Launch.cpp - Launching kernels -------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Device/CPU/FloatControl.h"
#include "runtime/Simulator/Launch.h"
#include "runtime/Simulator/Ptxas.h"
#include "runtime/Simulator/Interpreter.h"
#include "runtime/Simulator/Races.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <thread>

using namespace lowbit;
using namespace lowbit::ptx;

static constexpr size_t maxFindings = 200;
static constexpr uint64_t maxResident = 1024;

const char *lowbit::ptx::findingKindName(FindingKind kind) {
  static const char *const names[] = {
      "race",          "uninitialized read", "out of bounds",
      "misaligned",    "divergent barrier",  "sync mask",
      "async copy",    "trap",               "assertion",
      "instruction limit", "deadlock",           "sparse metadata"};
  return names[unsigned(kind)];
}

/// The finding of the current instruction, with the launch's mutex held; or null.
static Finding *findFinding(Warp &w, FindingKind kind, uint32_t otherPc) {
  LaunchState &launch = *w.worker->launch;
  const InstOrigin &origin = launch.program->origins[w.pc];
  Loc other = otherPc != ~0u ? launch.program->origins[otherPc].loc : Loc();
  for (Finding &f : launch.result->findings)
    if (f.kind == kind && f.loc.line == origin.loc.line &&
        f.otherLoc.line == other.line)
      return &f;
  return nullptr;
}

bool lowbit::ptx::reportedBefore(Warp &w, FindingKind kind, uint32_t otherPc) {
  std::lock_guard<std::mutex> lock(w.worker->launch->mutex);
  Finding *f = findFinding(w, kind, otherPc);
  if (f)
    ++f->count;
  return f != nullptr;
}

static void addFinding(Warp &w, FindingKind kind, uint32_t lane,
                       uint64_t address, std::string message, uint32_t otherPc,
                       bool fatal) {
  Worker &worker = *w.worker;
  LaunchState &launch = *worker.launch;
  std::lock_guard<std::mutex> lock(launch.mutex);
  LaunchResult &result = *launch.result;
  if (fatal) {
    worker.stop = true;
    if (!launch.stop.exchange(true)) {
      result.failed = true;
      result.failure = kind;
    }
  }
  if (Finding *f = findFinding(w, kind, otherPc)) {
    ++f->count;
    return;
  }
  const InstOrigin &origin = launch.program->origins[w.pc];
  if (result.findings.size() >= maxFindings)
    return;
  Finding f;
  f.kind = kind;
  f.kernel = launch.program->name;
  f.loc = origin.loc;
  f.sourceLine = origin.sourceLine;
  f.otherLoc = otherPc != ~0u ? launch.program->origins[otherPc].loc : Loc();
  std::copy(std::begin(w.cta->id), std::end(w.cta->id), f.cta);
  f.thread = w.index * 32 + lane;
  f.address = address;
  f.message = std::move(message);
  result.findings.push_back(std::move(f));
}

void lowbit::ptx::report(Warp &warp, FindingKind kind, uint32_t lane,
                         uint64_t address, std::string message, bool fatal) {
  addFinding(warp, kind, lane, address, std::move(message), ~0u, fatal);
}

void lowbit::ptx::reportRace(Warp &warp, uint32_t lane, uint64_t address,
                             std::string message, uint32_t otherPc) {
  addFinding(warp, FindingKind::race, lane, address, std::move(message),
             otherPc, false);
}

std::string lowbit::ptx::findingToString(const Finding &f) {
  std::string s = formatString(
      "%s: %s (kernel %s, line %u column %u", findingKindName(f.kind),
      f.message.c_str(), f.kernel.c_str(), f.loc.line, f.loc.column);
  if (f.otherLoc.line)
    s += formatString(", other access line %u", f.otherLoc.line);
  if (f.sourceLine)
    s += formatString(", source line %u", f.sourceLine);
  s += formatString(", block %u,%u,%u thread %u", f.cta[0], f.cta[1], f.cta[2],
                    f.thread);
  if (f.count > 1)
    s += formatString(", %llu times", (unsigned long long)f.count);
  return s + ")";
}

/// True while some warp of the CTA can go on.
static bool stepCta(Worker &worker, Cta &cta, uint64_t quantum, bool &expired) {
  const LaunchConfig &config = *worker.launch->config;
  bool progress = false;
  size_t n = cta.warps.size();
  size_t first = config.seed ? worker.nextRandom() % n : 0;
  for (size_t k = 0; k < n && !worker.stop && !cta.done; ++k) {
    Warp &w = cta.warps[(first + k) % n];
    if (!w.groupCount)
      continue;
    if (config.seed && worker.nextRandom() % 4 == 0 && k + 1 < n) {
      progress = true; // skipped this time; it may be able to run
      continue;
    }
    uint64_t budget = config.seed ? 1 + worker.nextRandom() % 96 : quantum;
    if (config.maxInstructions) {
      uint64_t done = worker.executed;
      if (done >= config.maxInstructions) {
        report(w, FindingKind::limit, 0, 0,
               "the limit of instructions was reached", true);
        break;
      }
      budget = std::min(budget, config.maxInstructions - done);
    }
    worker.yield = false;
    uint64_t before = worker.executed;
    progress |= runWarp(w, budget);
    expired |= worker.executed - before >= budget || worker.yield;
  }
  bool released = false;
  if (!cta.done && !worker.stop)
    released = releaseBarriers(cta);
  return progress || released;
}

static void reportDeadlock(Cta &cta) {
  for (Warp &w : cta.warps)
    for (uint32_t i = 0; i < w.groupCount; ++i) {
      LaneGroup &g = w.groups[i];
      if (g.state == LaneGroup::ready)
        continue;
      w.pc = g.pc;
      uint32_t lane = uint32_t(std::countr_zero(g.mask));
      if (g.state == LaneGroup::atWarpSync) {
        report(w, FindingKind::syncMask, lane, 0,
               formatString("lanes 0x%08x wait for lanes of their member mask "
                            "0x%08x that never come",
                            g.mask,
                            row<uint32_t>(w, w.worker->launch->program->code[g.pc].c)[lane]),
               true);
        return;
      }
      const BarrierState &b = cta.barriers[g.barrier];
      report(w, FindingKind::deadlock, lane, g.barrier,
             formatString("barrier %u waits for %u threads, %u came", g.barrier,
                          b.expected ? b.expected : cta.liveThreads, b.arrived),
             true);
      return;
    }
}

void lowbit::ptx::runWorker(Worker &worker) {
  // What the program that launches has set for itself must not reach the kernel.
  ExactFloatScope exact;
  LaunchState &launch = *worker.launch;
  const LaunchConfig &config = *launch.config;
  std::vector<std::unique_ptr<Cta>> resident, spare;
  uint64_t target = config.seed ? 1 + worker.nextRandom() % 4 : 1;
  bool more = true;
  while (!worker.stop && !launch.stop.load(std::memory_order_relaxed)) {
    while (more && resident.size() < target) {
      uint64_t index = launch.nextCta.fetch_add(1);
      if (index >= launch.ctaCount) {
        more = false;
        break;
      }
      std::unique_ptr<Cta> cta;
      if (spare.empty()) {
        cta = std::make_unique<Cta>();
      } else {
        cta = std::move(spare.back());
        spare.pop_back();
      }
      startCta(worker, *cta, index);
      resident.push_back(std::move(cta));
    }
    if (resident.empty())
      break;
    bool finished = false, expired = false;
    for (size_t i = 0; i < resident.size() && !worker.stop;) {
      size_t k = config.seed ? worker.nextRandom() % resident.size() : i;
      Cta &cta = *resident[k];
      // Blocks that wait for each other take short turns.
      uint64_t quantum = resident.size() > 1 ? 1 << 10 : 1 << 14;
      bool progress = stepCta(worker, cta, quantum, expired);
      if (cta.done) {
        finished = true;
        spare.push_back(std::move(resident[k]));
        resident.erase(resident.begin() + ptrdiff_t(k));
        continue;
      }
      if (!progress && !worker.stop)
        reportDeadlock(cta);
      ++i;
    }
    // Blocks that do not end may wait for blocks that have not started.
    if (!finished && expired && !config.seed && target < maxResident)
      target *= 2;
    if (!finished && config.seed && ++worker.turns % 256 == 0 &&
        target < maxResident)
      ++target;
    if (finished && !config.seed && target > 1)
      --target;
  }
}

static Status checkConfig(const Program &program, const DeviceLimits &limits,
                          const LaunchConfig &config) {
  static const uint32_t gridLimit[] = {0x7fffffff, 65535, 65535};
  static const uint32_t blockLimit[] = {1024, 1024, 64};
  uint64_t threads = 1;
  for (int i = 0; i < 3; ++i) {
    if (!config.grid[i] || config.grid[i] > gridLimit[i])
      return invalidArgument("grid size %u in dimension %c is outside 1 to %u",
                             config.grid[i], "xyz"[i], gridLimit[i]);
    if (!config.block[i] || config.block[i] > blockLimit[i])
      return invalidArgument("block size %u in dimension %c is outside 1 to %u",
                             config.block[i], "xyz"[i], blockLimit[i]);
    threads *= config.block[i];
  }
  if (threads > limits.maxThreadsPerBlock)
    return invalidArgument("%llu threads in a block, the device allows %u",
                           (unsigned long long)threads,
                           limits.maxThreadsPerBlock);
  if (program.reqntid[0])
    for (int i = 0; i < 3; ++i)
      if (config.block[i] != program.reqntid[i])
        return invalidArgument("the kernel '%s' requires blocks of %u,%u,%u "
                               "threads (.reqntid)",
                               program.name.c_str(), program.reqntid[0],
                               program.reqntid[1], program.reqntid[2]);
  if (program.maxntid[0] && threads > uint64_t(program.maxntid[0]) *
                                          program.maxntid[1] *
                                          program.maxntid[2])
    return invalidArgument("the kernel '%s' allows %u threads in a block "
                           "(.maxntid)",
                           program.name.c_str(),
                           program.maxntid[0] * program.maxntid[1] *
                               program.maxntid[2]);
  if (program.registers &&
      registersOfBlock(program.registers, threads) > limits.registersPerMultiprocessor)
    return resourceExhausted("the kernel '%s' takes %u registers a thread, %llu for a block of "
                             "%llu threads; the device has %u, enough for %u threads",
                             program.name.c_str(), program.registers,
                             (unsigned long long)registersOfBlock(program.registers, threads),
                             (unsigned long long)threads, limits.registersPerMultiprocessor,
                             threadsByRegisters(program.registers, limits));
  uint64_t shared = uint64_t(std::max(program.staticShared, program.assembledShared)) +
                    config.dynamicShared;
  if (shared > limits.sharedPerBlockOptin)
    return resourceExhausted("%llu bytes of shared memory in a block, the "
                             "device has %u",
                             (unsigned long long)shared,
                             limits.sharedPerBlockOptin);
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    return unavailable("the simulator was built for a CPU with AVX2 and FMA");
  return Status::success();
}

/// What the workers touched together.
static void countTouched(std::vector<std::unique_ptr<Worker>> &workers,
                         LaunchResult &result) {
  if (!workers[0]->touched)
    return;
  TouchedBytes &all = *workers[0]->touched;
  for (size_t t = 1; t < workers.size(); ++t)
    for (auto &page : *workers[t]->touched)
      for (size_t i = 0; i < page.second.size(); ++i)
        all[page.first][i] |= page.second[i];
  for (auto &page : all)
    for (uint64_t bits : page.second) {
      result.uniqueBytes += uint64_t(std::popcount(bits));
      result.uniqueSectors += (uint32_t(bits) != 0) + (bits >> 32 != 0);
    }
}

Status lowbit::ptx::launch(const Program &program, DeviceMemory &memory,
                           const DeviceLimits &limits,
                           const LaunchConfig &config, const uint8_t *params,
                           LaunchResult &result) {
  LOWBIT_RETURN_IF_ERROR(checkConfig(program, limits, config));
  auto begin = std::chrono::steady_clock::now();
  LaunchState state;
  state.program = &program;
  state.memory = &memory;
  state.config = &config;
  state.result = &result;
  state.params = params;
  state.ctaCount = uint64_t(config.grid[0]) * config.grid[1] * config.grid[2];
  state.threadsPerCta = config.block[0] * config.block[1] * config.block[2];
  state.warpsPerCta = (state.threadsPerCta + 31) / 32;
  state.sharedBytes = program.usesDynamicShared
                          ? program.dynamicSharedOffset - sharedBase +
                                config.dynamicShared
                          : program.staticShared;
  unsigned threads = config.races || config.seed ? 1 : std::max(1u, config.threads);
  threads = unsigned(std::min<uint64_t>(threads, state.ctaCount));
  std::unique_ptr<RaceDetector> races;
  if (config.races)
    races = std::make_unique<RaceDetector>(state);
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::vector<PerInstruction>> counters(threads);
  std::vector<std::vector<RunCount>> runs(threads);
  for (unsigned t = 0; t < threads; ++t) {
    counters[t].resize(program.code.size());
    runs[t].resize(program.code.size() + 1);
    auto worker = std::make_unique<Worker>();
    worker->launch = &state;
    worker->perInstruction = counters[t].data();
    worker->runs = runs[t].data();
    worker->random = (config.seed + 1) * 0x9e3779b97f4a7c15ull + t;
    worker->races = races.get();
    if (config.unique)
      worker->touched = std::make_unique<TouchedBytes>();
    workers.push_back(std::move(worker));
  }
  std::vector<std::thread> pool;
  for (unsigned t = 1; t < threads; ++t)
    pool.emplace_back([&, t] { runWorker(*workers[t]); });
  runWorker(*workers[0]);
  for (std::thread &t : pool)
    t.join();
  RunCount running;
  for (size_t pc = 0; pc < program.code.size(); ++pc) {
    const InstOrigin &origin = program.origins[pc];
    LineStats line{origin.loc, origin.sourceLine, origin.spelling,
                   program.code[pc].pipe, 0, 0, 0, 0, 0, 0, 0, 0};
    for (const auto &r : runs) {
      running.issues += r[pc].issues;
      running.lanes += r[pc].lanes;
    }
    line.issues = running.issues;
    line.lanes = running.lanes;
    for (auto &c : counters) {
      const PerInstruction &p = c[pc];
      if (p.stores)
        memory.noteStored(p.cacheBegin, p.bytes);
      line.lanes -= p.guardedOff;
      line.requests += p.requests;
      line.sectors += p.sectors;
      line.bytes += p.bytes;
      line.passes += p.passes;
      line.minimumPasses += p.minimumPasses;
      line.divergent += p.divergent;
    }
    result.warpInstructions += line.issues;
    result.lines.push_back(std::move(line));
  }
  for (auto &w : workers)
    result.barriers += w->barriers;
  countTouched(workers, result);
  result.seconds = std::chrono::duration<double>(
                       std::chrono::steady_clock::now() - begin)
                       .count();
  return Status::success();
}

bool lowbit::ptx::deviceLimits(uint32_t arch, DeviceLimits &l) {
  static const DeviceLimits table[] = {
      // arch, SMs, threads a block, threads an SM, registers, shared: default,
      // opt-in, per SM; blocks an SM
      {75, 40, 1024, 1024, 65536, 48 << 10, 64 << 10, 64 << 10, 16},
      {80, 108, 1024, 2048, 65536, 48 << 10, 163 << 10, 164 << 10, 32},
      {86, 84, 1024, 1536, 65536, 48 << 10, 99 << 10, 100 << 10, 16},
      {87, 16, 1024, 1536, 65536, 48 << 10, 163 << 10, 164 << 10, 16},
      {89, 128, 1024, 1536, 65536, 48 << 10, 99 << 10, 100 << 10, 24},
      {90, 132, 1024, 2048, 65536, 48 << 10, 227 << 10, 228 << 10, 32},
      {100, 148, 1024, 2048, 65536, 48 << 10, 227 << 10, 228 << 10, 32},
      {103, 148, 1024, 2048, 65536, 48 << 10, 227 << 10, 228 << 10, 32},
      {120, 170, 1024, 1536, 65536, 48 << 10, 99 << 10, 100 << 10, 24},
      {121, 48, 1024, 1536, 65536, 48 << 10, 99 << 10, 100 << 10, 24},
  };
  for (const DeviceLimits &row : table)
    if (row.arch == arch) {
      l = row;
      return true;
    }
  return false;
}
