//===- OpsAsync.cpp - Asynchronous copies and mbarriers -------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Lanes.h"
#include "runtime/Simulator/Races.h"

#include <algorithm>
#include <bit>

using namespace lowbit;
using namespace lowbit::ptx;

//===----------------------------------------------------------------------===//
// cp.async: the destination is poisoned until the matching wait
//===----------------------------------------------------------------------===//

static constexpr size_t maxPending = 1 << 16;
/// What a destination holds until its copy lands.
static constexpr uint8_t copyPoison = 0xcb;

void CopyQueue::settle() {
  while (first < entries.size() && !entries[first].mask)
    ++first;
  if (first == entries.size()) {
    clear();
  } else if (first >= 64) { // keeps the queue short
    entries.erase(entries.begin(), entries.begin() + ptrdiff_t(first));
    if (!data.empty())
      data.erase(data.begin(), data.begin() + ptrdiff_t(first * dataBytes));
    first = 0;
  }
}

/// Lands the part of one lane of the queue's entry `index`.
static void land(Warp &w, size_t index, uint32_t lane) {
  Cta &cta = *w.cta;
  const PendingCopy &c = w.copies.entries[index];
  const uint32_t at = c.shared[lane] - sharedBase, n = c.sourceBytes[lane];
  uint8_t *to = cta.shared.data() + at;
  const uint8_t *from = (c.taken >> lane & 1)
                            ? w.copies.data.data() + index * CopyQueue::dataBytes + 16 * lane
                            : w.worker->launch->memory->host(c.source[lane]);
  if (n)
    std::memcpy(to, from, n);
  std::memset(to + n, 0, c.bytes - n);
  cta.sharedMarks.setWritten(at, c.bytes);
  if (w.worker->races) {
    uint32_t pc = w.pc;
    w.pc = c.pc; // a race is with the copy, not with the wait
    noteShared(w, lane, c.shared[lane], c.bytes, Access::asyncWrite);
    w.pc = pc;
  }
}

/// The parts of lanes `due` of a copy of 16 bytes a lane.
static void landWhole(Warp &w, const PendingCopy &c, uint32_t due) {
  uint8_t *shared = w.cta->shared.data();
  uint32_t *marks = w.cta->sharedMarks.data();
  DeviceMemory &memory = *w.worker->launch->memory;
  const uint8_t *global = memory.host(globalWindow) - globalWindow;
  auto one = [&](unsigned l) {
    const uint32_t at = c.shared[l] - sharedBase;
    std::memcpy(shared + at, global + c.source[l], 16);
    marks[at / SharedMarks::unitBytes] = SharedMarks::unitWritten;
  };
  if (due == allLanes)
    for (unsigned l = 0; l < 32; ++l)
      one(l);
  else
    for (uint32_t m = due; m; m &= m - 1)
      one(unsigned(std::countr_zero(m)));
}

void lowbit::ptx::landCopies(Warp &w, uint32_t mask, uint32_t pending) {
  if (w.copies.entries.empty())
    return;
  uint32_t differ = 0;
  for (uint32_t group : w.copyGroup)
    differ |= group ^ w.copyGroup[0];
  for (size_t k = w.copies.first; k < w.copies.entries.size(); ++k) {
    PendingCopy &c = w.copies.entries[k];
    uint32_t due = c.mask & mask;
    if (pending != ~0u && !differ) {
      if (uint64_t(c.group) + pending >= w.copyGroup[0])
        continue;
    } else if (pending != ~0u) {
      for (uint32_t m = due; m; m &= m - 1)
        if (uint64_t(c.group) + pending >= w.copyGroup[std::countr_zero(m)])
          due &= ~(m & -m);
    }
    if (c.whole)
      landWhole(w, c, due);
    else
      for (uint32_t m = due; m; m &= m - 1)
        land(w, k, uint32_t(std::countr_zero(m)));
    c.mask &= ~due;
  }
  w.copies.settle();
}

namespace {

/// Where a lane's copy goes, in the shared window.
uint64_t copyTarget(Warp &w, const Inst &i, unsigned l) {
  return (i.p3 & 1) ? row<uint64_t>(w, i.a)[l] + i.imm
                    : uint32_t(row<uint32_t>(w, i.a)[l] + uint32_t(i.imm));
}

/// Checks one lane's copy and notes it in `c`, the queue's last; false after a report.
bool issueCopy(Warp &w, const Inst &i, unsigned l, PendingCopy &c) {
  const uint64_t to = copyTarget(w, i, l), source = c.source[l];
  uint32_t n = i.p0;
  if (i.p1 == 1) {
    n = row<uint32_t>(w, i.c)[l];
    if (n > i.p0) {
      report(w, FindingKind::trap, l, source,
             "cp.async source size is larger than the copy", true);
      return false;
    }
  } else if (i.p1 == 2 && ((predicate(w, i.c) >> l & 1) != i.p2)) {
    n = 0;
  }
  if (source & (i.p0 - 1u)) {
    report(w, FindingKind::misaligned, l, source, "cp.async from a misaligned address", true);
    return false;
  }
  if (!accessShared(w, l, to, i.p0, true, false))
    return false;
  // A partial source is checked byte by byte: its length is no power of two.
  for (uint32_t k = 0; k < n;) {
    const uint32_t step = n == i.p0 ? n : n - k >= 4 ? 4 : 1;
    const uint8_t *p = accessGlobal(w, l, source + k, step, false);
    if (!p)
      return false;
    if (c.taken >> l & 1)
      std::memcpy(w.copies.data.data() + (w.copies.entries.size() - 1) * CopyQueue::dataBytes +
                      16 * l + k,
                  p, step);
    k += step;
  }
  c.shared[l] = uint32_t(to);
  c.sourceBytes[l] = uint8_t(n);
  return true;
}

/// Notes copies of 16 bytes a lane out of one initialised allocation into the block's memory;
/// false (nothing was done) where that is not so, or not known soon enough.
bool issueWhole(Warp &w, const Inst &i, PendingCopy &c) {
  Worker &worker = *w.worker;
  if (i.p1 != 0 || i.p0 != 16 || worker.races || c.taken)
    return false;
  if (i.p3 & 1) {
    for (unsigned l = 0; l < 32; ++l) {
      const uint64_t to = copyTarget(w, i, l);
      c.shared[l] = to >> 32 ? 0 : uint32_t(to);
    }
  } else {
    const uint32_t *base = row<uint32_t>(w, i.a);
    for (unsigned l = 0; l < 32; ++l)
      c.shared[l] = base[l] + uint32_t(i.imm);
  }
  uint32_t bits = 0, worst = 0;
  for (unsigned l = 0; l < 32; ++l) {
    const uint32_t at = (c.mask >> l & 1) ? c.shared[l] - sharedBase : 0;
    bits |= at;
    worst = std::max(worst, at);
  }
  if ((bits & 15) || worst + uint64_t(16) > w.cta->shared.size())
    return false;
  if (!coverAscending(w, c.source, c.mask, 16)) {
    if (!coverGlobal(w, c.source, c.mask, 16))
      return false;
    countSectors(w, c.source, c.mask, 16);
  }
  if (!worker.perInstruction[w.pc].cacheWritten)
    for (uint32_t m = c.mask; m; m &= m - 1) {
      const auto l = unsigned(std::countr_zero(m));
      uint64_t marks[2];
      std::memcpy(marks, worker.launch->memory->marks(c.source[l]), sizeof(marks));
      if ((marks[0] & marks[1]) != byteWritten * 0x0101010101010101u)
        accessGlobal(w, l, c.source[l], 16, false); // reports
    }
  uint8_t *shared = w.cta->shared.data();
  uint32_t *marks = w.cta->sharedMarks.data();
  const uint8_t *global = worker.launch->memory->host(globalWindow) - globalWindow;
  auto poison = [&](unsigned l) {
    const uint32_t at = c.shared[l] - sharedBase;
    fillBytes(shared + at, copyPoison, 16);
    marks[at / SharedMarks::unitBytes] = SharedMarks::unitInFlight;
    // The data are copied at the wait: for the host, too, time to fetch them.
    __builtin_prefetch(global + c.source[l]);
  };
  if (c.mask == allLanes)
    for (unsigned l = 0; l < 32; ++l)
      poison(l);
  else
    for (uint32_t m = c.mask; m; m &= m - 1)
      poison(unsigned(std::countr_zero(m)));
  c.whole = true;
  return true;
}

/// The same for any other copies; false after a report.
bool issueLanes(Warp &w, const Inst &i, PendingCopy &c) {
  uint32_t reading = c.mask;
  for (uint32_t m = c.mask; m; m &= m - 1) {
    const auto l = unsigned(std::countr_zero(m));
    if (!issueCopy(w, i, l, c))
      return false;
    if (!c.sourceBytes[l])
      reading &= ~(1u << l);
  }
  for (uint32_t m = c.mask; m; m &= m - 1) {
    const size_t at = c.shared[std::countr_zero(m)] - sharedBase;
    fillBytes(w.cta->shared.data() + at, copyPoison, c.bytes);
    w.cta->sharedMarks.setInFlight(at, c.bytes);
  }
  if (reading && !w.worker->stop)
    countSectors(w, c.source, reading, i.p0);
  return true;
}

/// a = destination (p3 bit 0: 64 bits), imm = its offset; b = source, target =
/// pool index of its offset; p0 = bytes; c = source size row or predicate;
/// p1: 0 none, 1 source size, 2 ignore-src predicate (p2 negated).
void runCpAsync(Warp &w, const Inst &i, uint32_t mask) {
  Worker &worker = *w.worker;
  if (w.copies.entries.size() - w.copies.first >= maxPending)
    return report(w, FindingKind::asyncPending, uint32_t(std::countr_zero(mask)), 0,
                  "65,536 copies were never waited for", true);
  const uint64_t sourceOffset = uint64_t(w.pool[i.aux]) | uint64_t(w.pool[i.aux + 1]) << 32;
  // Lanes of one commit group at a time: nearly always all.
  for (uint32_t rest = mask; rest && !worker.stop;) {
    w.copies.entries.resize(w.copies.entries.size() + 1);
    PendingCopy &c = w.copies.entries.back();
    c.group = w.copyGroup[std::countr_zero(rest)];
    uint32_t others = 0;
    for (unsigned l = 0; l < 32; ++l)
      others |= uint32_t(w.copyGroup[l] != c.group) << l;
    c.mask = rest & ~others;
    rest &= others;
    c.bytes = i.p0;
    c.pc = w.pc;
    c.taken = 0;
    c.whole = false;
    if (worker.launch->config->seed) {
      c.taken = uint32_t(worker.nextRandom() >> 16) & c.mask;
      w.copies.data.resize(w.copies.entries.size() * CopyQueue::dataBytes);
    }
    const uint64_t *base = row<uint64_t>(w, i.b);
    for (unsigned l = 0; l < 32; ++l)
      c.source[l] = base[l] + sourceOffset;
    if (!issueWhole(w, i, c) && !issueLanes(w, i, c)) {
      w.copies.entries.pop_back();
      return;
    }
  }
}
void runCommit(Warp &w, const Inst &, uint32_t mask) {
  for (uint32_t m = mask; m; m &= m - 1)
    ++w.copyGroup[std::countr_zero(m)];
}
/// imm = groups that may stay pending, or ~0 for wait_all.
void runWait(Warp &w, const Inst &i, uint32_t mask) {
  if (i.p0)
    runCommit(w, i, mask);
  landCopies(w, mask, i.p0 ? ~0u : uint32_t(i.imm));
}

//===----------------------------------------------------------------------===//
// mbarrier: 64 bits in shared memory
//===----------------------------------------------------------------------===//

/// Our layout of the opaque object.
struct Mbarrier {
  uint32_t pending, expected;
  int32_t transactions;
  bool phase;
  static Mbarrier unpack(uint64_t v) {
    Mbarrier b;
    b.pending = uint32_t(v) & 0xfffff;
    b.expected = uint32_t(v >> 20) & 0xfffff;
    b.transactions = int32_t(uint32_t(v >> 40) << 10) >> 10;
    b.phase = v >> 63;
    return b;
  }
  uint64_t pack() const {
    return uint64_t(pending & 0xfffff) | uint64_t(expected & 0xfffff) << 20 |
           uint64_t(uint32_t(transactions) & 0x3fffff) << 40 | uint64_t(phase) << 63;
  }
  void settle() {
    if (pending == 0 && transactions == 0) {
      phase = !phase;
      pending = expected;
    }
  }
};

enum MbarrierOp : uint8_t { mInit, mInval, mArrive, mDrop, mTest, mTestParity, mExpect, mComplete, mCopies };

/// a = address, imm = offset, p0 = op, p1: expect_tx with the arrival, b =
/// count / state / parity, d = state or predicate, p2 = noinc, p3 bit 0 wide.
void runMbarrier(Warp &w, const Inst &i, uint32_t mask) {
  for (uint32_t m = mask; m && !w.worker->stop; m &= m - 1) {
    unsigned l = unsigned(std::countr_zero(m));
    uint64_t at = (i.p3 & 1) ? row<uint64_t>(w, i.a)[l] + i.imm
                             : uint32_t(row<uint32_t>(w, i.a)[l] + uint32_t(i.imm));
    if (at - sharedWindow < windowBytes)
      at -= sharedWindow;
    bool init = i.p0 == mInit;
    w.worker->ordered = true;
    uint8_t *p = accessShared(w, l, at, 8, true, !init);
    w.worker->ordered = false;
    if (!p)
      return;
    uint64_t bits;
    std::memcpy(&bits, p, 8);
    Mbarrier b = Mbarrier::unpack(bits);
    uint32_t count = i.b != noSlot && i.p0 != mTest ? row<uint32_t>(w, i.b)[l] : 1;
    RaceDetector *races = w.worker->races;
    switch (i.p0) {
    case mInit:
      if (!count || count > 0xfffff)
        return report(w, FindingKind::trap, l, at, "mbarrier count outside 1 to 2^20 - 1", true);
      b = {count, count, 0, false};
      break;
    case mInval: break;
    case mCopies:
      landCopies(w, 1u << l, ~0u);
      if (!i.p2)
        break; // one more arrival expected, and made
      [[fallthrough]];
    case mArrive: case mDrop: {
      if (i.d != noSlot)
        row<uint64_t>(w, i.d)[l] = bits;
      uint32_t arrivals = i.p1 ? 1 : count;
      if (i.p1)
        b.transactions += int32_t(count);
      if (arrivals > b.pending)
        return report(w, FindingKind::trap, l, at, "more arrivals at an mbarrier than it expects", true);
      b.pending -= arrivals;
      if (i.p0 == mDrop)
        b.expected -= arrivals;
      if (races)
        races->arrive(w, at);
      b.settle();
      break;
    }
    case mExpect: b.transactions += int32_t(count); break;
    case mComplete: b.transactions -= int32_t(count); b.settle(); break;
    case mTest: case mTestParity: {
      bool was = i.p0 == mTest ? row<uint64_t>(w, i.b)[l] >> 63 : count & 1;
      bool done = b.phase != was;
      uint32_t &q = predicate(w, i.d);
      q = (q & ~(1u << l)) | uint32_t(done) << l;
      if (done && races)
        races->wait(w, at);
      if (!done)
        w.worker->yield = true;
      break;
    }
    }
    bits = b.pack();
    std::memcpy(p, &bits, 8);
  }
}

bool placeInShared(Decoder &d, size_t i) {
  Decoder::Address address;
  if (!d.address(i, Space::shared, address))
    return false;
  d.out.a = address.slot;
  d.out.imm = uint64_t(address.offset);
  d.out.p3 = address.wide;
  d.out.flow = Flow::memory;
  return true;
}

} // namespace

static bool decodeCp(Decoder &d) {
  if (d.peek("reduce"))
    return d.unsupported("cp.reduce (TMA)");
  if (!d.eat("async"))
    return d.badModifier(".async");
  if (d.peek("bulk"))
    return d.unsupported("cp.async.bulk (TMA)");
  if (!d.require(80, 70, "cp.async"))
    return false;
  d.out.flow = Flow::memory;
  if (d.eat("commit_group"))
    return d.expectOperands(0, 0) && finish(d, runCommit, Pipe::lsu);
  if (d.eat("wait_group"))
    return d.expectOperands(1, 1) && d.immediate(0, d.out.imm) && finish(d, runWait, Pipe::lsu);
  if (d.eat("wait_all")) {
    d.out.p0 = 1;
    return d.expectOperands(0, 0) && finish(d, runWait, Pipe::lsu);
  }
  if (d.eat("mbarrier")) {
    if (!d.eat("arrive"))
      return d.badModifier(".arrive");
    d.out.p2 = d.eat("noinc");
    d.eatOneOf({"shared", "shared::cta"});
    d.out.p0 = mCopies;
    if (!d.eat("b64"))
      return d.badModifier(".b64");
    return d.expectOperands(1, 1) && placeInShared(d, 0) && finish(d, runMbarrier, Pipe::lsu);
  }
  int cache = d.eatOneOf({"ca", "cg"});
  if (cache < 0 || d.eatOneOf({"shared", "shared::cta"}) < 0 || !d.eat("global"))
    return d.badModifier(".ca or .cg, .shared, .global");
  bool hint = d.eat("L2::cache_hint");
  d.eatOneOf({"L2::64B", "L2::128B", "L2::256B"});
  if (hint && !d.require(80, 74, "cache hints"))
    return false;
  uint64_t size;
  if (!d.expectOperands(3, 5) || !d.immediate(2, size))
    return false;
  if (size != 16 && (cache == 1 || (size != 4 && size != 8)))
    return d.fail(d.operand(2).loc, cache ? "cp.async.cg copies 16 bytes" : "cp.async copies 4, 8 or 16 bytes");
  size_t n = d.operandCount() - (hint ? 1 : 0);
  if (n == 5)
    return d.fail("too many operands");
  Decoder::Address source;
  if (!placeInShared(d, 0) || !d.address(1, Space::global, source))
    return false;
  if (n == 4) {
    const Operand &op = d.operand(3);
    bool isPredicate = op.kind == OperandKind::reg && d.registerType(op.reg) == Type::pred;
    d.out.p1 = isPredicate ? 2 : 1;
    bool negated = false;
    if (!(isPredicate ? d.predSource(3, d.out.c, negated) : d.source(3, Type::u32, d.out.c)))
      return false;
    d.out.p2 = negated;
  }
  d.out.b = source.slot;
  d.out.aux = d.addPool({uint32_t(source.offset), uint32_t(uint64_t(source.offset) >> 32)});
  d.out.p0 = uint8_t(size);
  return finish(d, runCpAsync, Pipe::lsu);
}

static bool decodeMbarrier(Decoder &d) {
  if (!d.require(80, 70, "mbarrier"))
    return false;
  int op = d.eatOneOf({"init", "inval", "arrive", "arrive_drop", "test_wait", "try_wait", "expect_tx", "complete_tx"});
  if (op < 0)
    return d.badModifier("an operation");
  bool expect = (op == 2 || op == 3) && d.eat("expect_tx");
  bool parity = (op == 4 || op == 5) && d.eat("parity");
  d.eat("noComplete");
  d.eatOneOf({"relaxed", "acquire", "release"});
  if (d.peek("cluster"))
    return d.unsupported("mbarrier of a cluster");
  d.eat("cta");
  d.eatOneOf({"shared", "shared::cta"});
  if (d.peek("shared::cluster"))
    return d.unsupported("mbarrier of a cluster");
  if (!d.eat("b64"))
    return d.badModifier(".b64");
  if ((op >= 5 || expect) && !d.require(90, 78, "try_wait and expect_tx"))
    return false;
  switch (op) {
  case 0:
    d.out.p0 = mInit;
    return d.expectOperands(2, 2) && placeInShared(d, 0) && d.source(1, Type::u32, d.out.b) && finish(d, runMbarrier, Pipe::lsu);
  case 1:
    d.out.p0 = mInval;
    return d.expectOperands(1, 1) && placeInShared(d, 0) && finish(d, runMbarrier, Pipe::lsu);
  case 2: case 3:
    d.out.p0 = op == 2 ? mArrive : mDrop;
    d.out.p1 = expect;
    if (!d.expectOperands(expect ? 3 : 2, 3) || !d.dest(0, Type::b64, d.out.d) || !placeInShared(d, 1))
      return false;
    if (d.operandCount() == 3 && !d.source(2, Type::u32, d.out.b))
      return false;
    return finish(d, runMbarrier, Pipe::lsu);
  case 4: case 5:
    d.out.p0 = parity ? mTestParity : mTest;
    return d.expectOperands(3, op == 5 ? 4 : 3) && d.dest(0, Type::pred, d.out.d) && placeInShared(d, 1) &&
           d.source(2, parity ? Type::u32 : Type::b64, d.out.b) && finish(d, runMbarrier, Pipe::lsu);
  default:
    d.out.p0 = op == 6 ? mExpect : mComplete;
    return d.expectOperands(2, 2) && placeInShared(d, 0) && d.source(1, Type::u32, d.out.b) && finish(d, runMbarrier, Pipe::lsu);
  }
}

const OpcodeRow lowbit::ptx::asyncOpcodes[] = {
    {"cp", decodeCp}, {"mbarrier", decodeMbarrier}, {nullptr, nullptr}};
