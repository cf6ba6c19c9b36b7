//===- OpsMemory.cpp - Loads, stores and addresses ------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/LaneRows.h"
#include "runtime/Simulator/Lanes.h"
#include "runtime/Simulator/Races.h"

#include <bit>

using namespace lowbit::ptx;

namespace {

// Fields of ld and st: a = base slot, imm = offset, d = register (first of the
// vector), aux = pool index of all registers, p0 = their count, p1 = bytes of
// an element, p2 = bytes of a register.
// p3: bit 0 = the base has 64 bits, bit 1 = sign-extend, bit 2 = ordered,
// bit 3 = non-coherent (.nc).

inline void laneAddresses(Warp &w, const Inst &i, uint64_t *__restrict out) {
  if (i.p3 & 1) {
    const uint64_t *a = row<uint64_t>(w, i.a);
    LOWBIT_LANE_LOOP
    for (unsigned l = 0; l < 32; ++l)
      out[l] = a[l] + i.imm;
  } else {
    const uint32_t *a = row<uint32_t>(w, i.a);
    LOWBIT_LANE_LOOP
    for (unsigned l = 0; l < 32; ++l)
      out[l] = uint32_t(a[l] + uint32_t(i.imm));
  }
}

/// Fills one lane's registers from memory (or zeros).
void fillLane(Warp &w, const Inst &i, unsigned l, const uint8_t *p) {
  for (unsigned k = 0; k < i.p0; ++k) {
    uint8_t *d = w.r + w.pool[i.aux + k] + l * i.p2;
    uint64_t v[2] = {0, 0};
    if (p)
      std::memcpy(v, p + k * i.p1, i.p1);
    if ((i.p3 & 2) && i.p2 > i.p1) {
      unsigned shift = 64 - 8 * i.p1;
      v[0] = uint64_t(int64_t(v[0] << shift) >> shift);
    }
    std::memcpy(d, v, i.p2);
  }
}
void takeLane(Warp &w, const Inst &i, unsigned l, uint8_t *p) {
  for (unsigned k = 0; k < i.p0; ++k)
    std::memcpy(p + k * i.p1, w.r + w.pool[i.aux + k] + l * i.p2, i.p1);
}

/// Calls `rows` with an element of the type that memory and registers have, or else `lane`
/// for each lane of `mask`.
template <class Rows, class Lane>
inline void byElement(const Inst &i, uint32_t mask, const Rows &rows, const Lane &lane) {
  if (i.p1 == 4 && i.p2 == 4)
    rows(uint32_t());
  else if (i.p1 == 8)
    rows(uint64_t());
  else if (i.p1 == 2 && i.p2 == 2)
    rows(uint16_t());
  else
    for (uint32_t m = mask; m; m &= m - 1)
      lane(unsigned(std::countr_zero(m)));
}
template <class Place>
void loadAll(Warp &w, const Inst &i, uint32_t mask, const Place &place) {
  byElement(
      i, mask,
      [&](auto t) { loadRows<decltype(t)>(w, w.pool + i.aux, i.p0, mask, place); },
      [&](unsigned l) { fillLane(w, i, l, place(l)); });
}
template <class Place>
void storeAll(Warp &w, const Inst &i, uint32_t mask, const Place &place) {
  byElement(
      i, mask,
      [&](auto t) { storeRows<decltype(t)>(w, w.pool + i.aux, i.p0, mask, place); },
      [&](unsigned l) { takeLane(w, i, l, place(l)); });
}

bool marked(const uint8_t *marks, uint32_t bytes) {
  switch (bytes) {
  case 1: return *marks == 1;
  case 2: { uint16_t v; std::memcpy(&v, marks, 2); return v == 0x0101; }
  case 4: { uint32_t v; std::memcpy(&v, marks, 4); return v == 0x01010101; }
  default:
    for (uint32_t k = 0; k < bytes; k += 8) {
      uint64_t v;
      std::memcpy(&v, marks + k, 8);
      if (v != 0x0101010101010101)
        return false;
    }
    return true;
  }
}

/// An access of all lanes at places with one distance, the usual case: true when it is done,
/// false (nothing was done) where it needs a look at each lane.
bool accessInSteps(Warp &w, const Inst &i, bool isStore) {
  Worker &worker = *w.worker;
  if (!(i.p3 & 1) || worker.races || worker.touched)
    return false;
  const uint32_t bytes = uint32_t(i.p0) * i.p1;
  const uint64_t *a = row<uint64_t>(w, i.a);
  const uint64_t step = a[1] - a[0], low = a[0] + i.imm, high = low + 31 * step;
  constexpr uint64_t farthest = 1 << 24, sectorBytes = 32;
  if (step > farthest || ((low | step) & (bytes - 1)) || !inSteps(a, step) ||
      !rememberGlobal(w, low, high, bytes))
    return false;
  PerInstruction &pi = worker.perInstruction[w.pc];
  DeviceMemory &memory = *worker.launch->memory;
  if (!pi.cacheWritten && isStore) {
    pi.stores = true;
    for (uint64_t l = 0; l < 32; ++l)
      fillBytes(memory.marks(low + l * step), byteWritten, bytes);
  } else if (!pi.cacheWritten) {
    for (uint64_t l = 0; l < 32; ++l)
      if (!marked(memory.marks(low + l * step), bytes))
        return false;
  }
  ++pi.requests;
  pi.bytes += 32 * bytes;
  // An aligned access lies in one sector, and steps of a sector or less leave none out.
  pi.sectors += step >= sectorBytes ? 32 : high / sectorBytes - low / sectorBytes + 1;
  uint8_t *first = memory.host(low);
  auto place = [=](unsigned l) { return first + l * step; };
  if (isStore)
    storeAll(w, i, allLanes, place);
  else
    byElement(
        i, allLanes,
        [&](auto t) { loadSteps<decltype(t)>(w, w.pool + i.aux, i.p0, first, step); },
        [&](unsigned l) { fillLane(w, i, l, place(l)); });
  return true;
}

void globalAccess(Warp &w, const Inst &i, uint32_t mask, const uint64_t *address, bool isStore) {
  uint32_t bytes = uint32_t(i.p0) * i.p1;
  Worker &worker = *w.worker;
  const bool ascending = coverAscending(w, address, mask, bytes);
  if (!ascending && !coverGlobal(w, address, mask, bytes)) {
    for (uint32_t m = mask; m && !worker.stop; m &= m - 1) {
      unsigned l = unsigned(std::countr_zero(m));
      uint8_t *p = accessGlobal(w, l, address[l], bytes, isStore, !isStore);
      if (!isStore)
        fillLane(w, i, l, p);
      else if (p)
        takeLane(w, i, l, p);
    }
    if (!worker.stop && !ascending)
      countSectors(w, address, mask, bytes);
    return;
  }
  if (!ascending)
    countSectors(w, address, mask, bytes);
  if (worker.races) {
    if ((i.p3 & 8) && bytes <= 32) {
      worker.races->readConstant(w, address, mask, bytes);
    } else {
      Access access = worker.ordered ? Access::atomic
                      : isStore      ? Access::write
                                     : Access::read;
      for (uint32_t m = mask; m; m &= m - 1) {
        unsigned l = unsigned(std::countr_zero(m));
        noteGlobal(w, l, address[l], bytes, access);
      }
    }
  }
  DeviceMemory &memory = *worker.launch->memory;
  if (!worker.perInstruction[w.pc].cacheWritten) {
    worker.perInstruction[w.pc].stores |= isStore;
    for (uint32_t m = mask; m; m &= m - 1) {
      unsigned l = unsigned(std::countr_zero(m));
      uint8_t *marks = memory.marks(address[l]);
      if (isStore)
        fillBytes(marks, byteWritten, bytes);
      else if (!marked(marks, bytes))
        accessGlobal(w, l, address[l], bytes, false); // reports
    }
  }
  uint8_t *host = memory.host(globalWindow) - globalWindow;
  auto place = [=](unsigned l) { return host + address[l]; };
  if (isStore)
    storeAll(w, i, mask, place);
  else
    loadAll(w, i, mask, place);
}

void sharedAccess(Warp &w, const Inst &i, uint32_t mask, const uint64_t *offset, bool isStore) {
  uint32_t bytes = uint32_t(i.p0) * i.p1;
  Worker &worker = *w.worker;
  Cta &cta = *w.cta;
  uint64_t size = cta.shared.size();
  bool fast = size >= bytes;
  uint64_t bits = 0, worst = 0;
  for (uint32_t m = mask; m; m &= m - 1) {
    uint64_t at = offset[std::countr_zero(m)] - sharedBase;
    worst = at > worst ? at : worst;
    bits |= at;
  }
  static_assert((sharedBase & 15) == 0);
  if (!fast || worst > size - bytes || (bits & (bytes - 1))) {
    for (uint32_t m = mask; m && !worker.stop; m &= m - 1) {
      unsigned l = unsigned(std::countr_zero(m));
      uint8_t *p = accessShared(w, l, offset[l], bytes, isStore, !isStore);
      if (!isStore)
        fillLane(w, i, l, p);
      else if (p)
        takeLane(w, i, l, p);
    }
    if (!worker.stop)
      countSharedPasses(w, offset, mask, bytes);
    return;
  }
  countSharedPasses(w, offset, mask, bytes);
  const Access access = worker.ordered ? Access::atomic
                        : isStore      ? Access::write
                                       : Access::read;
  SharedMarks &marks = cta.sharedMarks;
  for (uint32_t m = mask; m; m &= m - 1) {
    unsigned l = unsigned(std::countr_zero(m));
    if (isStore)
      marks.setWritten(offset[l] - sharedBase, bytes);
    else if (!marks.written(offset[l] - sharedBase, bytes)) {
      accessShared(w, l, offset[l], bytes, false); // reports, and notes
      continue;
    }
    if (worker.races)
      noteShared(w, l, offset[l], bytes, access);
  }
  uint8_t *host = cta.shared.data() - sharedBase;
  auto place = [=](unsigned l) { return host + offset[l]; };
  if (isStore)
    storeAll(w, i, mask, place);
  else
    loadAll(w, i, mask, place);
}

template <bool Store> void runGlobal(Warp &w, const Inst &i, uint32_t mask) {
  if (mask == allLanes && accessInSteps(w, i, Store))
    return;
  uint64_t address[32];
  laneAddresses(w, i, address);
  w.worker->ordered = i.p3 & 4;
  globalAccess(w, i, mask, address, Store);
}
template <bool Store> void runShared(Warp &w, const Inst &i, uint32_t mask) {
  uint64_t offset[32];
  laneAddresses(w, i, offset);
  w.worker->ordered = i.p3 & 4;
  sharedAccess(w, i, mask, offset, Store);
}
template <bool Store> void runLocal(Warp &w, const Inst &i, uint32_t mask) {
  uint64_t offset[32];
  laneAddresses(w, i, offset);
  for (uint32_t m = mask; m && !w.worker->stop; m &= m - 1) {
    unsigned l = unsigned(std::countr_zero(m));
    uint8_t *p = accessLocal(w, l, offset[l], uint32_t(i.p0) * i.p1, Store, !Store);
    if (!Store)
      fillLane(w, i, l, p);
    else if (p)
      takeLane(w, i, l, p);
  }
}
template <bool Store> void runGeneric(Warp &w, const Inst &i, uint32_t mask) {
  if (mask == allLanes && accessInSteps(w, i, Store))
    return;
  uint64_t address[32];
  laneAddresses(w, i, address);
  w.worker->ordered = i.p3 & 4;
  bool allShared = true, allGlobal = true;
  for (uint32_t m = mask; m; m &= m - 1) {
    uint64_t a = address[std::countr_zero(m)];
    allGlobal &= a >= globalWindow;
    allShared &= a - sharedWindow < windowBytes;
  }
  if (allGlobal)
    return globalAccess(w, i, mask, address, Store);
  if (allShared) {
    for (uint64_t &a : address)
      a -= sharedWindow;
    return sharedAccess(w, i, mask, address, Store);
  }
  for (uint32_t m = mask; m && !w.worker->stop; m &= m - 1) {
    unsigned l = unsigned(std::countr_zero(m));
    uint8_t *p = accessGeneric(w, l, address[l], uint32_t(i.p0) * i.p1, Store, !Store);
    if (!Store)
      fillLane(w, i, l, p);
    else if (p)
      takeLane(w, i, l, p);
  }
}
void runParam(Warp &w, const Inst &i, uint32_t mask) {
  uint64_t address[32];
  laneAddresses(w, i, address);
  for (uint32_t m = mask; m && !w.worker->stop; m &= m - 1) {
    unsigned l = unsigned(std::countr_zero(m));
    fillLane(w, i, l, accessGeneric(w, l, paramWindow + address[l], uint32_t(i.p0) * i.p1, false));
  }
}
/// The usual case: a constant offset, one 4- or 8-byte element, checked when
/// decoded.
template <class T> void runParamScalar(Warp &w, const Inst &i, uint32_t mask) {
  T v;
  std::memcpy(&v, w.worker->launch->params + i.imm, sizeof(T));
  eachLane(row<T>(w, i.d), mask, [=](unsigned) { return v; });
}

/// What comes between the opcode and the type.
struct MemoryModifiers {
  Space space = Space::none;
  bool nonCoherent = false, cacheHint = false, ordered = false;
  unsigned vector = 1;
  Type type = Type::none;
};

bool parseModifiers(Decoder &d, MemoryModifiers &m) {
  bool isLoad = d.inst().opcode != "st";
  for (;;) {
    if (d.eat("weak"))
      continue;
    if (d.eat("volatile")) {
      m.ordered = true;
      continue;
    }
    if (d.peek("relaxed") || d.peek("acquire") || d.peek("release") || d.peek("mmio")) {
      if (!d.require(70, 60, "memory ordering"))
        return false;
      if (d.peek(isLoad ? "release" : "acquire"))
        return d.badModifier("another ordering");
      m.ordered = true;
      d.skipModifier();
      continue;
    }
    if (d.eatOneOf({"cta", "gpu", "sys"}) >= 0)
      continue;
    if (d.peek("cluster")) {
      if (!d.require(90, 78, ".cluster"))
        return false;
      d.skipModifier();
      continue;
    }
    int space = d.eatOneOf({"global", "shared", "shared::cta", "local", "param", "const", "param::func", "param::entry"});
    if (space >= 0) {
      static const Space spaces[] = {Space::global, Space::shared, Space::shared, Space::local,
                                     Space::param,  Space::constant, Space::param, Space::param};
      if (m.space != Space::none)
        return d.fail("two state spaces");
      m.space = spaces[space];
      continue;
    }
    if (d.peek("shared::cluster"))
      return d.unsupported("shared memory of a cluster");
    if (isLoad && d.eat("nc")) {
      m.nonCoherent = true;
      continue;
    }
    if (d.eatOneOf({"ca", "cg", "cs", "lu", "cv", "wb", "wt", "L1::evict_normal", "L1::evict_unchanged", "L1::evict_first",
                    "L1::evict_last", "L1::no_allocate", "L2::evict_normal", "L2::evict_first", "L2::evict_last",
                    "L2::64B", "L2::128B", "L2::256B"}) >= 0)
      continue;
    if (d.eat("L2::cache_hint")) {
      m.cacheHint = true;
      if (!d.require(80, 74, "cache hints"))
        return false;
      continue;
    }
    break;
  }
  int vector = d.eatOneOf({"v2", "v4", "v8"});
  m.vector = vector < 0 ? 1 : 2u << vector;
  return d.expectType(m.type);
}

} // namespace

static bool decodeLoadStore(Decoder &d) {
  bool store = d.inst().opcode == "st";
  MemoryModifiers m;
  if (!parseModifiers(d, m))
    return false;
  if (m.nonCoherent && m.space != Space::global)
    return d.fail(".nc goes with .global");
  unsigned size = typeSize(m.type);
  if (m.type == Type::pred || m.type == Type::f16x2 || m.type == Type::bf16x2 || m.type == Type::f16 || m.type == Type::bf16)
    return d.badType(m.type);
  if (m.vector * size > 16 && !(m.vector * size == 32 && m.space == Space::global && d.require(100, 88, "32-byte access")))
    return d.diagnosed() ? false : d.fail("vector of more than 16 bytes");
  if (size == 16 && !d.require(70, 83, "128-bit loads and stores"))
    return false;
  size_t n = m.cacheHint ? 3 : 2;
  if (!d.expectOperands(n, n))
    return false;
  size_t data = store ? 1 : 0, place = store ? 0 : 1;
  uint32_t policy;
  if (m.cacheHint && !d.source(2, Type::b64, policy))
    return false;
  Decoder::Address address;
  if (!d.address(place, m.space, address))
    return false;
  const Operand &op = d.operand(data);
  std::vector<const Operand *> list;
  if (op.kind == OperandKind::vector)
    for (const Operand &e : op.elems)
      list.push_back(&e);
  else
    list.push_back(&op);
  if (list.size() != m.vector)
    return d.fail(op.loc, "the number of registers does not match the vector");
  std::vector<uint32_t> slots;
  unsigned registerSize = 0;
  for (const Operand *e : list) {
    uint32_t slot;
    unsigned got;
    if (!(store ? d.wideSource(*e, m.type, slot, got) : d.wideDest(*e, m.type, slot, got)))
      return false;
    if (registerSize && got != registerSize && e->kind == OperandKind::reg)
      return d.fail(e->loc, "registers of different sizes");
    if (e->kind == OperandKind::reg || !registerSize)
      registerSize = got;
    slots.push_back(slot);
  }
  Inst &o = d.out;
  o.d = slots[0];
  o.aux = d.addPool(slots);
  o.p0 = uint8_t(m.vector);
  o.p1 = uint8_t(size);
  o.p2 = uint8_t(registerSize);
  o.a = address.slot;
  o.imm = uint64_t(address.offset);
  o.p3 = uint8_t((address.wide ? 1 : 0) | (isSigned(m.type) ? 2 : 0) | (m.ordered ? 4 : 0) | (m.nonCoherent ? 8 : 0));
  o.flow = Flow::memory;
  o.pipe = Pipe::lsu;
  Handler h = nullptr;
  switch (m.space) {
  case Space::global: case Space::constant:
    if (store && m.space == Space::constant)
      return d.fail("stores to .const are not possible");
    h = store ? runGlobal<true> : runGlobal<false>;
    break;
  case Space::shared: h = store ? runShared<true> : runShared<false>; break;
  case Space::local: h = store ? runLocal<true> : runLocal<false>; break;
  case Space::none: h = store ? runGeneric<true> : runGeneric<false>; break;
  case Space::param:
    if (!d.operand(place).elems[0].name.empty() && !address.isKernelParam) {
      h = store ? runLocal<true> : runLocal<false>; // of a called function
      break;
    }
    if (store)
      return d.fail("a kernel cannot write its parameters");
    h = runParam;
    if (address.isKernelParam) {
      uint64_t at = d.kernelParamAddress(address);
      if (at + size * m.vector > d.kernelParamBytes())
        return d.fail("load beyond the parameters");
      if (m.vector == 1 && registerSize == size && (size == 4 || size == 8)) {
        h = size == 4 ? runParamScalar<uint32_t> : runParamScalar<uint64_t>;
        o.imm = at;
        o.flow = Flow::next;
      }
    }
    break;
  default: return d.fail("unknown state space");
  }
  o.run = h;
  d.emit();
  return true;
}

const OpcodeRow lowbit::ptx::memoryOpcodes[] = {
    {"ld", decodeLoadStore}, {"ldu", decodeLoadStore}, {"st", decodeLoadStore},
    {nullptr, nullptr}};
