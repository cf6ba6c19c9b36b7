//===- StartCta.cpp - A thread block before its first instruction ---------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Interpreter.h"
#include "runtime/Simulator/Races.h"

#include <algorithm>

using namespace lowbit::ptx;

/// Fills the registers of constants and special registers.
static void fillSlots(Worker &worker, Cta &cta, Warp &w, bool constants) {
  const LaunchState &launch = *worker.launch;
  const Program &program = *launch.program;
  const LaunchConfig &config = *launch.config;
  if (constants)
    for (const ConstantSlot &c : program.constants) {
      if (c.isPredicate) {
        predicate(w, c.slot) = uint32_t(c.bits ? ~0u : 0u);
        continue;
      }
      uint64_t v[2] = {c.bits, 0};
      for (unsigned l = 0; l < 32; ++l)
        std::memcpy(w.r + c.slot + l * c.size, v, c.size);
    }
  uint32_t tid[3][32]; // of the warp's lanes
  const uint32_t firstThread = w.index * 32, *block = config.block;
  uint32_t x = firstThread % block[0], y = firstThread / block[0] % block[1],
           z = firstThread / block[0] / block[1];
  for (unsigned l = 0; l < 32; ++l) {
    tid[0][l] = x;
    tid[1][l] = y;
    tid[2][l] = z;
    if (++x == block[0]) {
      x = 0;
      if (++y == block[1]) {
        y = 0;
        ++z;
      }
    }
  }
  for (const SpecialSlot &s : program.specials) {
    uint32_t *d = row<uint32_t>(w, s.slot);
    auto fill = [&](auto value) {
      for (uint32_t l = 0; l < 32; ++l)
        d[l] = value(l);
    };
    auto same = [&](uint32_t v) { fill([=](uint32_t) { return v; }); };
    switch (s.special) {
    case Special::tidX: std::memcpy(d, tid[0], sizeof(tid[0])); break;
    case Special::tidY: std::memcpy(d, tid[1], sizeof(tid[1])); break;
    case Special::tidZ: std::memcpy(d, tid[2], sizeof(tid[2])); break;
    case Special::ntidX: same(block[0]); break;
    case Special::ntidY: same(block[1]); break;
    case Special::ntidZ: same(block[2]); break;
    case Special::ctaidX: same(cta.id[0]); break;
    case Special::ctaidY: same(cta.id[1]); break;
    case Special::ctaidZ: same(cta.id[2]); break;
    case Special::nctaidX: same(config.grid[0]); break;
    case Special::nctaidY: same(config.grid[1]); break;
    case Special::nctaidZ: same(config.grid[2]); break;
    case Special::laneid: fill([](uint32_t l) { return l; }); break;
    case Special::warpid: same(w.index); break;
    case Special::nwarpid: same(launch.warpsPerCta); break;
    case Special::smid: same(0); break;
    case Special::nsmid: same(1); break;
    case Special::gridid: same(1); break;
    case Special::lanemaskEq: fill([](uint32_t l) { return 1u << l; }); break;
    case Special::lanemaskLt: fill([](uint32_t l) { return (1u << l) - 1; }); break;
    case Special::lanemaskLe: fill([](uint32_t l) { return (2u << l) - 1; }); break;
    case Special::lanemaskGt: fill([](uint32_t l) { return ~((2u << l) - 1); }); break;
    case Special::lanemaskGe: fill([](uint32_t l) { return ~((1u << l) - 1); }); break;
    case Special::dynamicShared: same(config.dynamicShared); break;
    case Special::totalShared: same(launch.sharedBytes); break;
    case Special::zero: same(0); break;
    case Special::one: same(1); break;
    }
  }
}

void lowbit::ptx::startCta(Worker &worker, Cta &cta, uint64_t linear) {
  const LaunchState &launch = *worker.launch;
  const Program &program = *launch.program;
  const uint32_t *grid = launch.config->grid;
  cta.linear = linear;
  cta.id[0] = uint32_t(linear % grid[0]);
  cta.id[1] = uint32_t(linear / grid[0] % grid[1]);
  cta.id[2] = uint32_t(linear / grid[0] / grid[1]);
  bool first = cta.warps.empty();
  if (first) {
    cta.shared.resize(launch.sharedBytes);
    cta.sharedMarks.resize(launch.sharedBytes);
    cta.registers.resize(size_t(program.registerBytes) * launch.warpsPerCta + 64);
    cta.local.resize(size_t(program.localBytes) * 32 * launch.warpsPerCta);
    cta.localMarks.resize(cta.local.size());
    cta.warps.resize(launch.warpsPerCta);
  }
  // What an earlier block left must not look like data of this one.
  std::fill(cta.shared.begin(), cta.shared.end(), uint8_t(0xcd));
  cta.sharedMarks.clear();
  std::fill(cta.localMarks.begin(), cta.localMarks.end(), 0);
  std::fill(std::begin(cta.barriers), std::end(cta.barriers), BarrierState());
  cta.liveThreads = launch.threadsPerCta;
  cta.done = false;
  uint8_t *registers = cta.registers.data();
  registers += -reinterpret_cast<uintptr_t>(registers) & 63;
  for (uint32_t i = 0; i < launch.warpsPerCta; ++i) {
    Warp &w = cta.warps[i];
    w.r = registers + size_t(program.registerBytes) * i;
    w.pool = program.pool.data();
    w.cta = &cta;
    w.worker = &worker;
    w.index = i;
    uint32_t lanes = std::min(32u, launch.threadsPerCta - i * 32);
    w.live = lanes == 32 ? allLanes : (1u << lanes) - 1;
    w.started = w.live;
    w.groupCount = 1;
    w.groups[0] = {0, w.live, LaneGroup::ready, 0};
    w.current = 0;
    w.local = cta.local.data() + size_t(program.localBytes) * 32 * i;
    w.localMarks = cta.localMarks.data() + size_t(program.localBytes) * 32 * i;
    w.copies.clear();
    std::fill(std::begin(w.copyGroup), std::end(w.copyGroup), 0);
    w.syncEpoch = 1;
    w.carry = 0;
    fillSlots(worker, cta, w, first);
  }
  if (worker.races)
    worker.races->startCta(cta);
}
