//===- Interpreter.cpp - Running the warps of thread blocks ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A warp is a set of lane groups, each with its own place in the program. The
// group at the lowest address runs; groups that meet become one. That makes
// diverged lanes meet again at the end of the structured control flow compilers
// emit, and the budget rotates groups so that lanes which spin cannot starve
// the others.
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Interpreter.h"
#include "runtime/Simulator/Races.h"

#include <algorithm>
#include <bit>

using namespace lowbit;
using namespace lowbit::ptx;

//===----------------------------------------------------------------------===//
// Lane groups
//===----------------------------------------------------------------------===//

static void removeGroup(Warp &w, uint32_t index) {
  w.groups[index] = w.groups[--w.groupCount];
}

/// Joins ready and sync-waiting groups that are at one place.
static void mergeGroups(Warp &w) {
  for (uint32_t i = 0; i < w.groupCount; ++i) {
    if (w.groups[i].state == LaneGroup::atBarrier)
      continue;
    for (uint32_t j = i + 1; j < w.groupCount;) {
      if (w.groups[j].pc == w.groups[i].pc &&
          w.groups[j].state != LaneGroup::atBarrier) {
        w.groups[i].mask |= w.groups[j].mask;
        w.groups[i].state = LaneGroup::ready;
        removeGroup(w, j);
      } else {
        ++j;
      }
    }
  }
}

/// Chooses the ready group at the lowest place, or, when it has run long, one
/// after it. False when none is ready.
static bool chooseGroup(Warp &w, bool rotate) {
  uint32_t best = ~0u, bestPc = ~0u, other = ~0u, otherPc = ~0u;
  for (uint32_t i = 0; i < w.groupCount; ++i) {
    const LaneGroup &g = w.groups[i];
    if (g.state != LaneGroup::ready)
      continue;
    if (g.pc < bestPc) {
      best = i;
      bestPc = g.pc;
    }
  }
  if (best == ~0u)
    return false;
  if (rotate)
    for (uint32_t i = 0; i < w.groupCount; ++i) {
      const LaneGroup &g = w.groups[i];
      if (i != best && g.state == LaneGroup::ready && g.pc < otherPc) {
        other = i;
        otherPc = g.pc;
      }
    }
  w.current = other != ~0u ? other : best;
  return true;
}

static bool isWarpBarrier(const Inst &inst) {
  return inst.p0 == 1 && inst.pipe == Pipe::control;
}

/// Lanes in groups of state atWarpSync at a place where lanes may wait for
/// others at other places (bar.warp.sync): releases them when all are there.
static bool releaseScattered(Warp &w) {
  const Program &program = *w.worker->launch->program;
  uint32_t waiting = 0;
  for (uint32_t i = 0; i < w.groupCount; ++i)
    if (w.groups[i].state == LaneGroup::atWarpSync &&
        isWarpBarrier(program.code[w.groups[i].pc]))
      waiting |= w.groups[i].mask;
  bool released = false;
  for (uint32_t i = 0; i < w.groupCount; ++i) {
    LaneGroup &g = w.groups[i];
    if (g.state != LaneGroup::atWarpSync)
      continue;
    if (!(g.mask & waiting)) {
      // The lanes it waited for may have ended meanwhile.
      uint32_t all = 0;
      for (uint32_t m = g.mask; m; m &= m - 1)
        all |= row<uint32_t>(w, program.code[g.pc].c)[std::countr_zero(m)];
      if ((all & w.live & ~g.mask) == 0) {
        g.state = LaneGroup::ready;
        released = true;
      }
      continue;
    }
    uint32_t member =
        row<uint32_t>(w, program.code[g.pc].c)[std::countr_zero(g.mask)];
    if ((member & w.live & ~waiting) == 0) {
      ++g.pc;
      g.state = LaneGroup::ready;
      released = true;
    }
  }
  if (released && waiting && w.worker->races) {
    ++w.syncEpoch;
    w.worker->races->warpSync(w, waiting);
  }
  return released;
}

static void exitLanes(Warp &w, uint32_t mask) {
  w.live &= ~mask;
  w.cta->liveThreads -= uint32_t(std::popcount(mask));
  bool reported = false;
  for (size_t k = w.copies.first; k < w.copies.entries.size(); ++k) {
    PendingCopy &c = w.copies.entries[k];
    const uint32_t ending = c.mask & mask;
    c.mask &= ~mask;
    if (!ending || reported)
      continue;
    const auto lane = uint32_t(std::countr_zero(ending));
    w.pc = c.pc;
    report(w, FindingKind::asyncPending, lane, c.shared[lane],
           "thread ended before it waited for its cp.async", false);
    reported = true;
  }
  w.copies.settle();
  if (!w.cta->liveThreads)
    w.cta->done = true;
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

static void arriveAtBarrier(Warp &w, LaneGroup &g, const Inst &inst,
                            uint32_t mask) {
  Cta &cta = *w.cta;
  uint32_t lane = uint32_t(std::countr_zero(mask));
  uint32_t id = row<uint32_t>(w, inst.a)[lane];
  if (id >= 16) {
    report(w, FindingKind::trap, lane, id, "barrier number above 15", true);
    return;
  }
  if (inst.p1 && mask != w.live)
    report(w, FindingKind::barrierDivergence, lane, id,
           formatString("aligned barrier reached by lanes 0x%08x of 0x%08x only",
                        mask, w.live),
           false);
  BarrierState &b = cta.barriers[id];
  uint32_t expected = inst.b == noSlot ? 0 : row<uint32_t>(w, inst.b)[lane];
  if (expected % 32 != 0 && inst.b != noSlot)
    report(w, FindingKind::trap, lane, id,
           "thread count of a barrier is not a multiple of 32", true);
  if (b.arrived && b.expected != expected)
    report(w, FindingKind::barrierDivergence, lane, id,
           "warps wait at one barrier with different thread counts", false);
  b.expected = expected;
  b.arrived += uint32_t(std::popcount(mask));
  // A count in threads means whole warps: ended lanes count with the others.
  if (expected && mask == w.live)
    b.arrived += 32 - uint32_t(std::popcount(mask));
  b.warpsArrived |= 1u << (w.index & 31);
  if (inst.p0 >= 2) {
    uint32_t p = predicate(w, inst.c);
    if (inst.p2)
      p = ~p;
    b.reduceTrue += uint32_t(std::popcount(p & mask));
    b.reduceAll += uint32_t(std::popcount(mask));
  }
  if (inst.p0 == 1) { // arrive does not wait
    ++g.pc;
    return;
  }
  g.state = LaneGroup::atBarrier;
  g.barrier = id;
}

bool lowbit::ptx::releaseBarriers(Cta &cta) {
  bool any = false;
  for (uint32_t id = 0; id < 16; ++id) {
    BarrierState &b = cta.barriers[id];
    if (!b.arrived)
      continue;
    if (b.arrived < (b.expected ? b.expected : cta.liveThreads))
      continue;
    Worker &worker = *cta.warps[0].worker;
    for (Warp &w : cta.warps) {
      bool touched = false;
      for (uint32_t i = 0; i < w.groupCount; ++i) {
        LaneGroup &g = w.groups[i];
        if (g.state != LaneGroup::atBarrier || g.barrier != id)
          continue;
        const Inst &inst = worker.launch->program->code[g.pc];
        if (inst.p0 == 2) {
          uint32_t *d = row<uint32_t>(w, inst.d);
          for (unsigned l = 0; l < 32; ++l)
            if (g.mask >> l & 1)
              d[l] = b.reduceTrue;
        } else if (inst.p0 > 2) {
          bool r = inst.p0 == 3 ? b.reduceTrue == b.reduceAll : b.reduceTrue;
          uint32_t &p = predicate(w, inst.d);
          p = (p & ~g.mask) | (r ? g.mask : 0);
        }
        ++g.pc;
        g.state = LaneGroup::ready;
        touched = true;
      }
      if (touched)
        mergeGroups(w);
    }
    if (worker.races)
      worker.races->barrier(cta, b.warpsArrived);
    b = BarrierState();
    any = true;
  }
  return any;
}

//===----------------------------------------------------------------------===//
// The loop
//===----------------------------------------------------------------------===//

/// A .sync operation: true when the group may execute it now.
static bool canSync(Warp &w, LaneGroup &g, const Inst &inst, uint32_t mask) {
  const uint32_t *member = row<uint32_t>(w, inst.c);
  if (mask == allLanes) {
    uint32_t common = allLanes;
    for (unsigned l = 0; l < 32; ++l)
      common &= member[l];
    if (common == allLanes)
      return true;
  }
  uint32_t all = 0;
  for (uint32_t m = mask; m; m &= m - 1) {
    unsigned l = unsigned(std::countr_zero(m));
    all |= member[l];
    if (!(member[l] >> l & 1))
      report(w, FindingKind::syncMask, l, 0,
             formatString("the member mask 0x%08x lacks the lane itself",
                          member[l]),
             false);
  }
  uint32_t ended = all & w.started & ~w.live;
  if (ended)
    report(w, FindingKind::syncMask, uint32_t(std::countr_zero(mask)), 0,
           formatString("the member mask 0x%08x names lanes 0x%08x that have "
                        "ended",
                        all, ended),
           false);
  return (all & w.live & ~mask) == 0;
}

/// Counts that lanes `mask` executed the instructions from `first` up to `end`.
static void countRun(Worker &worker, uint32_t first, uint32_t end, uint32_t mask) {
  if (first == end)
    return;
  const auto lanes = uint64_t(std::popcount(mask));
  RunCount &begin = worker.runs[first], &behind = worker.runs[end];
  ++begin.issues;
  begin.lanes += lanes;
  --behind.issues;
  behind.lanes -= lanes;
}

/// Lanes of `mask` whose guard holds.
static inline uint32_t guarded(Warp &w, const Inst &inst, uint32_t mask) {
  if (inst.guard == noSlot) [[likely]]
    return mask;
  const uint32_t p = predicate(w, inst.guard);
  return mask & (inst.guardNegated ? ~p : p);
}

/// Counts the lanes of `mask` that are not in `m`.
static inline void countOff(Warp &w, uint32_t pc, uint32_t mask, uint32_t m) {
  if (mask != m)
    w.worker->perInstruction[pc].guardedOff += uint64_t(std::popcount(mask ^ m));
}

/// A .sync operation was executed.
static void afterSync(Warp &w, const Inst &inst, uint32_t mask) {
  // Of the .sync operations only bar.warp.sync orders memory.
  if (!w.worker->races || !isWarpBarrier(inst))
    return;
  ++w.syncEpoch;
  w.worker->races->warpSync(w, mask);
}

/// Executes instructions that follow each other up to `end`. Returns the next place: before
/// `end` after one that stops the warp, or at a .sync that not all lanes have reached.
static uint32_t runStraight(Warp &w, uint32_t pc, uint32_t end, uint32_t mask) {
  Worker &worker = *w.worker;
  for (const Inst *inst = worker.launch->program->code.data() + pc; pc != end;
       ++inst, ++pc) {
    w.pc = pc;
    const uint32_t m = guarded(w, *inst, mask);
    if (inst->flow == Flow::warpSync && m != allLanes)
      return pc;
    countOff(w, pc, mask, m);
    if (!m)
      continue;
    if (inst->flow == Flow::next) [[likely]] {
      inst->run(w, *inst, m);
      continue;
    }
    if (worker.races) {
      worker.ordered = false;
      worker.races->beginInstruction(w);
    }
    inst->run(w, *inst, m);
    if (inst->flow == Flow::warpSync)
      afterSync(w, *inst, m);
    if (worker.stop || worker.yield)
      return pc + 1;
  }
  return pc;
}

bool lowbit::ptx::runWarp(Warp &w, uint64_t budget) {
  Worker &worker = *w.worker;
  const Program &program = *worker.launch->program;
  const Inst *code = program.code.data();
  uint64_t left = budget;
  bool rotate = false;
  while (left && !worker.stop) {
    if (w.groupCount > 1)
      mergeGroups(w);
    if (!chooseGroup(w, rotate)) {
      if (w.groupCount && releaseScattered(w))
        continue;
      break;
    }
    LaneGroup &g = w.groups[w.current];
    uint32_t pc = g.pc;
    const uint32_t mask = g.mask;
    // Where another group waits to be joined.
    uint32_t limit = ~0u;
    for (uint32_t i = 0; i < w.groupCount; ++i)
      if (i != w.current && w.groups[i].pc > pc &&
          w.groups[i].state != LaneGroup::atBarrier)
        limit = std::min(limit, w.groups[i].pc);
    uint64_t quantum = w.groupCount > 1 ? std::min<uint64_t>(left, 4096) : left;
    uint64_t start = quantum;
    bool leave = false;
    uint32_t first = pc, behind = pc; // executed and not yet counted
    while (quantum) {
      if (const uint32_t straight = code[pc].straight) {
        const uint64_t most = std::min<uint64_t>(quantum, limit - pc);
        const auto end = pc + uint32_t(std::min<uint64_t>(straight, most));
        behind = runStraight(w, pc, end, mask);
        quantum -= behind - pc;
        pc = behind;
        if (worker.stop || worker.yield) {
          leave = true;
          break;
        }
        if (pc >= limit)
          break;
        if (pc == end)
          continue;
      }
      const Inst &inst = code[pc];
      const uint32_t m = guarded(w, inst, mask);
      --quantum;
      w.pc = pc;
      behind = pc + 1;
      if (inst.flow == Flow::warpSync && m && !canSync(w, g, inst, m)) {
        g.pc = pc;
        // The lanes whose guard is false go on alone.
        if (m != mask) {
          g.mask = mask & ~m;
          ++g.pc;
          pc = g.pc;
          w.groups[w.groupCount++] = {pc - 1, m, LaneGroup::atWarpSync, 0};
        } else {
          g.state = LaneGroup::atWarpSync;
        }
        --behind;
        break;
      }
      countOff(w, pc, mask, m);
      if (inst.flow == Flow::branch) {
        if (m == mask) {
          countRun(worker, first, behind, mask);
          first = behind = pc = inst.target;
        } else if (!m) {
          ++pc;
        } else {
          ++worker.perInstruction[pc].divergent;
          g.mask = mask & ~m;
          g.pc = pc + 1;
          pc = g.pc;
          w.groups[w.groupCount++] = {inst.target, m, LaneGroup::ready, 0};
          break;
        }
        if (pc >= limit || w.groupCount > 1)
          break;
        continue;
      }
      if (!m) {
        ++pc;
        continue;
      }
      g.pc = pc;
      if (inst.flow == Flow::branchIndex) {
        // Lanes leave one target at a time.
        const uint32_t *index = row<uint32_t>(w, inst.a);
        uint32_t lane = uint32_t(std::countr_zero(m)), to = index[lane];
        uint32_t same = 0;
        for (uint32_t n = m; n; n &= n - 1)
          if (index[std::countr_zero(n)] == to)
            same |= n & -n;
        if (to >= inst.imm) {
          report(w, FindingKind::trap, lane, to, "brx.idx beyond its targets",
                 true);
          break;
        }
        uint32_t target = w.pool[inst.aux + to];
        if (same == mask) {
          g.pc = pc = target;
        } else {
          ++worker.perInstruction[w.pc].divergent;
          g.mask = mask & ~same;
          if (m == same) // only guarded-off lanes remain: they go on
            g.pc = pc = pc + 1;
          w.groups[w.groupCount++] = {target, same, LaneGroup::ready, 0};
        }
        break;
      }
      if (inst.flow == Flow::warpSync) {
        if (worker.races) {
          worker.ordered = false;
          worker.races->beginInstruction(w);
        }
        inst.run(w, inst, m);
        afterSync(w, inst, m);
        if (++pc >= limit || worker.stop)
          break;
        continue;
      }
      if (inst.flow == Flow::exit) {
        exitLanes(w, m);
        g.mask = mask & ~m;
        ++pc;
        if (!g.mask) {
          removeGroup(w, w.current);
          pc = ~0u;
        }
        break;
      }
      if (inst.flow == Flow::barrier) {
        if (m != mask) {
          g.mask = mask & ~m;
          ++g.pc;
          w.groups[w.groupCount] = {pc, m, LaneGroup::ready, 0};
          LaneGroup &waiting = w.groups[w.groupCount++];
          arriveAtBarrier(w, waiting, inst, m);
          pc = g.pc;
        } else {
          arriveAtBarrier(w, g, inst, m);
          pc = g.pc;
        }
        ++worker.barriers;
        break;
      }
      report(w, FindingKind::trap, uint32_t(std::countr_zero(m)), 0,
             "trap instruction", true);
      break;
    }
    countRun(worker, first, behind, mask);
    if (pc != ~0u && w.current < w.groupCount && w.groups[w.current].mask &&
        w.groups[w.current].state == LaneGroup::ready)
      w.groups[w.current].pc = pc;
    uint64_t used = start - quantum;
    left -= used;
    worker.executed += used;
    rotate = quantum == 0 && w.groupCount > 1 && !rotate;
    if (leave)
      break;
  }
  return left != budget;
}
