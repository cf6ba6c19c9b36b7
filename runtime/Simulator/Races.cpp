//===- Races.cpp - Data-race detector -------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Races.h"

#include <algorithm>
#include <bit>

using namespace lowbit;
using namespace lowbit::ptx;

RaceDetector::RaceDetector(const LaunchState &launch)
    : launch(launch), warps(launch.warpsPerCta) {}

void RaceDetector::startCta(Cta &cta) {
  auto s = std::make_unique<CtaState>();
  s->shared.resize((launch.sharedBytes + 63) / 64);
  s->clock.assign(size_t(warps) * warps, 0);
  for (uint32_t w = 0; w < warps; ++w)
    s->clock[w * warps + w] = 1;
  s->fullSync.assign(warps, 0);
  s->id = uint32_t(cta.linear);
  if (!cta.raceSlot) {
    states.emplace_back();
    cta.raceSlot = states.size();
  }
  states[cta.raceSlot - 1] = std::move(s);
}

void RaceDetector::barrier(Cta &cta, uint32_t warpMask) {
  CtaState &s = state(cta);
  std::vector<uint32_t> joined(warps, 0);
  for (uint32_t w = 0; w < warps; ++w)
    if (warpMask >> (w & 31) & 1)
      for (uint32_t v = 0; v < warps; ++v)
        joined[v] = std::max(joined[v], s.clock[w * warps + v]);
  for (uint32_t w = 0; w < warps; ++w) {
    if (!(warpMask >> (w & 31) & 1))
      continue;
    std::copy(joined.begin(), joined.end(), s.clock.begin() + w * warps);
    ++s.clock[w * warps + w];
    s.fullSync[w] = ++cta.warps[w].syncEpoch;
  }
}

void RaceDetector::warpSync(Warp &w, uint32_t mask) {
  CtaState &s = state(*w.cta);
  if ((mask & w.live) == w.live) {
    s.fullSync[w.index] = w.syncEpoch;
    return;
  }
  if (s.pairSync.empty())
    s.pairSync.assign(size_t(warps) * 1024, 0);
  uint32_t *pairs = s.pairSync.data() + size_t(w.index) * 1024;
  for (uint32_t m = mask; m; m &= m - 1)
    for (uint32_t n = mask; n; n &= n - 1)
      pairs[std::countr_zero(m) * 32 + std::countr_zero(n)] = w.syncEpoch;
}

void RaceDetector::fence(Warp &, uint32_t, bool) {}

void RaceDetector::arrive(Warp &w, uint64_t barrier) {
  CtaState &s = state(*w.cta);
  std::vector<uint32_t> &clock = s.barriers[barrier];
  clock.resize(warps, 0);
  for (uint32_t v = 0; v < warps; ++v)
    clock[v] = std::max(clock[v], s.clock[w.index * warps + v]);
  ++s.clock[w.index * warps + w.index];
}

void RaceDetector::wait(Warp &w, uint64_t barrier) {
  CtaState &s = state(*w.cta);
  std::vector<uint32_t> &clock = s.barriers[barrier];
  clock.resize(warps, 0);
  for (uint32_t v = 0; v < warps; ++v)
    s.clock[w.index * warps + v] =
        std::max(clock[v], s.clock[w.index * warps + v]);
  s.fullSync[w.index] = ++w.syncEpoch;
}

bool RaceDetector::ordered(CtaState &s, const Warp &w, uint32_t lane,
                           const AccessStamp &before) {
  if (before.cta != s.id) {
    auto seen = s.seen.find(before.cta);
    return seen != s.seen.end() && seen->second >= before.ctaClock;
  }
  uint32_t otherWarp = before.thread / 32, otherLane = before.thread % 32;
  if (otherWarp != w.index)
    return s.clock[w.index * warps + otherWarp] >= before.warpClock;
  if (otherLane == lane)
    return true;
  if (s.fullSync[w.index] > before.syncEpoch)
    return true;
  return !s.pairSync.empty() &&
         s.pairSync[size_t(w.index) * 1024 + otherLane * 32 + lane] >
             before.syncEpoch;
}

AccessStamp RaceDetector::stamp(CtaState &s, Warp &w, uint32_t lane,
                                Access access) {
  AccessStamp a;
  a.thread = w.index * 32 + lane;
  a.cta = s.id;
  a.warpClock = s.clock[w.index * warps + w.index];
  a.syncEpoch = w.syncEpoch;
  a.ctaClock = s.ctaClock;
  a.pc = w.pc;
  a.serial = serial;
  a.access = access;
  return a;
}

void RaceDetector::check(CtaState &s, Warp &w, uint32_t lane, Cell &cell,
                         AccessStamp now, bool isShared, uint64_t address) {
  auto conflicts = [&](const AccessStamp &before) {
    if (before.thread == ~0u || (isShared ? false : !(before.bytes & now.bytes)))
      return false;
    if (before.access == Access::atomic && now.access == Access::atomic)
      return false;
    // Lanes of one instruction that write one place: the hardware picks one.
    if (before.serial == now.serial && before.access != Access::read &&
        now.access != Access::read)
      return false;
    return !ordered(s, w, lane, before);
  };
  auto tell = [&](const AccessStamp &before) {
    static const char *const names[] = {"read", "write", "atomic",
                                        "asynchronous write"};
    if (reportedBefore(w, FindingKind::race, before.pc))
      return;
    reportRace(w, lane, address,
               formatString("%s of %s address 0x%llx is not ordered after the "
                            "%s by block %u thread %u",
                            names[unsigned(now.access)],
                            isShared ? "shared" : "global",
                            (unsigned long long)address,
                            names[unsigned(before.access)], before.cta,
                            before.thread),
               before.pc);
  };
  bool isWrite = now.access != Access::read;
  if (conflicts(cell.write))
    tell(cell.write);
  if (!isWrite) {
    // Two readers of different threads are enough to notice a later writer.
    if (cell.read.thread != ~0u &&
        (cell.read.thread != now.thread || cell.read.cta != now.cta))
      cell.otherRead = cell.read;
    cell.read = now;
    return;
  }
  if (conflicts(cell.read))
    tell(cell.read);
  else if (conflicts(cell.otherRead))
    tell(cell.otherRead);
  cell.write = now;
  cell.read = cell.otherRead = AccessStamp();
}

void RaceDetector::SharedPage::split() {
  bytes = std::make_unique<std::array<Cell, 64>>();
  for (unsigned i = 0; i < 64; ++i)
    (*bytes)[i] = words[i / 4];
}

void RaceDetector::shared(Warp &w, uint32_t lane, uint64_t offset,
                          uint32_t bytes, Access access) {
  CtaState &s = state(*w.cta);
  AccessStamp now = stamp(s, w, lane, access);
  for (uint32_t k = 0; k < bytes;) {
    const uint64_t at = offset - sharedBase + k;
    std::unique_ptr<SharedPage> &page = s.shared[at / 64];
    if (!page)
      page = std::make_unique<SharedPage>();
    if (!page->bytes && at % 4 == 0 && bytes - k >= 4) {
      check(s, w, lane, page->words[at / 4 % 16], now, true, offset + k);
      k += 4;
      continue;
    }
    if (!page->bytes)
      page->split();
    check(s, w, lane, (*page->bytes)[at % 64], now, true, offset + k);
    ++k;
  }
}

/// Bits of the bytes [address, address + bytes) in their group of 64.
static uint64_t bitsOf(uint64_t address, uint32_t bytes) {
  return ((uint64_t(1) << bytes) - 1) << (address & 63);
}

void RaceDetector::readConstant(Warp &w, const uint64_t *addresses,
                                uint32_t mask, uint32_t bytes) {
  // Neighbouring lanes mostly read one group of 64 bytes: it is looked up once.
  for (uint32_t m = mask; m;) {
    const uint32_t lane = uint32_t(std::countr_zero(m));
    const uint64_t number = addresses[lane] >> 6;
    uint64_t bits = 0;
    for (; m; m &= m - 1) {
      const uint64_t address = addresses[std::countr_zero(m)];
      if (address >> 6 != number)
        break;
      bits |= bitsOf(address, bytes);
    }
    ConstantReads &group = constants[number];
    group.read |= bits;
    group.readPc = w.pc;
    if (const uint64_t both = group.written & bits;
        both && !reportedBefore(w, FindingKind::race, group.writePc)) {
      const uint64_t address = (number << 6) + uint64_t(std::countr_zero(both));
      reportRace(w, lane, address,
                 formatString("ld.global.nc of address 0x%llx, which this kernel "
                              "writes",
                              (unsigned long long)address),
                 group.writePc);
    }
  }
}

void RaceDetector::writeConstant(Warp &w, uint32_t lane, uint64_t address,
                                 uint32_t bytes) {
  ConstantReads &group = constants[address >> 6];
  const uint64_t bits = bitsOf(address, bytes);
  group.written |= bits;
  group.writePc = w.pc;
  if (group.read & bits && !reportedBefore(w, FindingKind::race, group.readPc))
    reportRace(w, lane, address,
               formatString("write of global address 0x%llx, which this kernel "
                            "reads with ld.global.nc",
                            (unsigned long long)address),
               group.readPc);
}

void RaceDetector::global(Warp &w, uint32_t lane, uint64_t address,
                          uint32_t bytes, Access access) {
  CtaState &s = state(*w.cta);
  if (access != Access::read)
    for (uint32_t k = 0; k < bytes;) { // no more than a group of 64 at a time
      uint32_t n = std::min(bytes - k, uint32_t(64 - ((address + k) & 63)));
      writeConstant(w, lane, address + k, n);
      k += n;
    }
  if (access == Access::atomic) {
    auto &published = releases[address];
    for (auto &entry : published) {
      uint32_t &mine = s.seen[entry.first];
      mine = std::max(mine, entry.second);
    }
    for (auto &entry : s.seen) {
      uint32_t &theirs = published[entry.first];
      theirs = std::max(theirs, entry.second);
    }
    published[s.id] = s.ctaClock;
  }
  AccessStamp now = stamp(s, w, lane, access);
  for (uint32_t k = 0; k < bytes;) {
    uint32_t within = uint32_t(address + k) & 3;
    uint32_t n = std::min(4 - within, bytes - k);
    now.bytes = uint8_t(((1u << n) - 1) << within);
    check(s, w, lane, words[(address + k) >> 2], now, false, address + k);
    k += n;
  }
  if (access == Access::atomic)
    ++s.ctaClock;
}

void lowbit::ptx::noteShared(Warp &w, uint32_t lane, uint64_t offset,
                             uint32_t bytes, Access access) {
  w.worker->races->shared(w, lane, offset, bytes, access);
}

void lowbit::ptx::noteGlobal(Warp &w, uint32_t lane, uint64_t address,
                             uint32_t bytes, Access access) {
  w.worker->races->global(w, lane, address, bytes, access);
}
