//===- OpsMove.cpp - Moves, address windows and hints ---------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Lanes.h"

using namespace lowbit::ptx;

//===----------------------------------------------------------------------===//
// mov
//===----------------------------------------------------------------------===//

namespace {
/// d = {pool[aux..]}: p0 parts of p1 bytes.
void runPack(Warp &w, const Inst &i, uint32_t mask) {
  for (unsigned k = 0; k < i.p0; ++k) {
    const uint8_t *a = w.r + w.pool[i.aux + k];
    for (unsigned l = 0; l < 32; ++l)
      if (mask >> l & 1)
        std::memcpy(w.r + i.d + l * i.p0 * i.p1 + k * i.p1, a + l * i.p1, i.p1);
  }
}
void runUnpack(Warp &w, const Inst &i, uint32_t mask) {
  // A destination may be the source's own row only through different registers,
  // but copy first all the same.
  uint8_t copy[32 * 16];
  unsigned size = unsigned(i.p0) * i.p1;
  std::memcpy(copy, w.r + i.a, 32 * size);
  for (unsigned k = 0; k < i.p0; ++k) {
    uint8_t *d = w.r + w.pool[i.aux + k];
    for (unsigned l = 0; l < 32; ++l)
      if (mask >> l & 1)
        std::memcpy(d + l * i.p1, copy + l * size + k * i.p1, i.p1);
  }
}
/// Clocks advance with every instruction of the worker. p0: 64 bits.
void runClock(Warp &w, const Inst &i, uint32_t mask) {
  uint64_t now = w.worker->executed;
  if (i.p0)
    eachLane(row<uint64_t>(w, i.d), mask, [=](unsigned) { return now; });
  else
    eachLane(row<uint32_t>(w, i.d), mask, [=](unsigned) { return uint32_t(now); });
}
} // namespace

static Type partType(unsigned bytes) {
  return bytes == 1   ? Type::b8
         : bytes == 2 ? Type::b16
         : bytes == 4 ? Type::b32
         : bytes == 8 ? Type::b64
                      : Type::none;
}

static bool decodeMov(Decoder &d) {
  Type type;
  if (!d.expectType(type) || !d.expectOperands(2, 2))
    return false;
  const Operand &to = d.operand(0), &from = d.operand(1);
  if (to.kind == OperandKind::vector || from.kind == OperandKind::vector) {
    bool pack = from.kind == OperandKind::vector;
    const Operand &vector = pack ? from : to;
    size_t n = vector.elems.size();
    if (pack && to.kind == OperandKind::vector)
      return d.fail("mov between vectors");
    if ((n != 2 && n != 4) || type < Type::b16 || type > Type::b128)
      return d.fail("mov packs or unpacks 2 or 4 parts of .b16 to .b128");
    unsigned part = typeSize(type) / unsigned(n);
    std::vector<uint32_t> slots;
    if (part < 1 || (part == 1 && n == 2))
      return d.fail("mov of byte parts is not supported");
    if (part == 1)
      return d.fail("mov of byte parts is not supported");
    if (!d.vectorOf(pack ? 1 : 0, partType(part), !pack, n, slots))
      return false;
    d.out.p0 = uint8_t(n);
    d.out.p1 = uint8_t(part);
    d.out.aux = d.addPool(slots);
    if (!(pack ? d.dest(0, type, d.out.d) : d.source(1, type, d.out.a)))
      return false;
    return finish(d, pack ? runPack : runUnpack);
  }
  if (from.kind == OperandKind::special &&
      (from.name == "%clock" || from.name == "%clock64" || from.name == "%globaltimer" || from.name == "%clock_hi" ||
       from.name == "%globaltimer_lo" || from.name == "%globaltimer_hi")) {
    d.out.p0 = typeSize(type) == 8;
    return d.dest(0, type, d.out.d) && finish(d, runClock);
  }
  if (!d.dest(0, type, d.out.d))
    return false;
  if (from.kind == OperandKind::symbol && from.variable == -1 && d.isFunction(from.name))
    return d.fail(from.loc, "addresses of functions are not supported");
  if (!d.source(1, type, d.out.a))
    return false;
  if (type == Type::pred)
    d.out.p0 = from.negated;
  return finish(d, moveHandler(type));
}

//===----------------------------------------------------------------------===//
// cvta, isspacep, prefetch and relatives
//===----------------------------------------------------------------------===//

namespace {
/// d = a + imm where a is in the window, p0: 1 = to a space (subtract).
void runCvta(Warp &w, const Inst &i, uint32_t mask) {
  const uint64_t *a = row<uint64_t>(w, i.a);
  uint64_t base = i.imm;
  if (i.p0)
    eachLane(row<uint64_t>(w, i.d), mask, [=](unsigned l) { return a[l] - base; });
  else
    eachLane(row<uint64_t>(w, i.d), mask, [=](unsigned l) { return a[l] + base; });
}
void runIsSpace(Warp &w, const Inst &i, uint32_t mask) {
  const uint64_t *a = row<uint64_t>(w, i.a);
  uint32_t m = 0;
  for (unsigned l = 0; l < 32; ++l) {
    bool in = i.imm == globalWindow ? a[l] >= globalWindow : a[l] - i.imm < windowBytes;
    m |= uint32_t(in) << l;
  }
  uint32_t &p = predicate(w, i.d);
  p = (p & ~mask) | (m & mask);
}
void runNothing(Warp &, const Inst &, uint32_t) {}

bool windowOf(Decoder &d, uint64_t &base) {
  int s = d.eatOneOf({"global", "shared", "shared::cta", "local", "param", "const", "param::entry"});
  if (s < 0)
    return d.badModifier("a state space");
  static const uint64_t bases[] = {0, sharedWindow, sharedWindow, localWindow, paramWindow, 0, paramWindow};
  base = bases[s];
  return true;
}
} // namespace

static bool decodeCvta(Decoder &d) {
  d.out.p0 = d.eat("to");
  if (!windowOf(d, d.out.imm))
    return false;
  if (!d.eat("u64"))
    return d.badModifier(".u64");
  return d.expectOperands(2, 2) && d.dest(0, Type::u64, d.out.d) && d.source(1, Type::u64, d.out.a) &&
         finish(d, d.out.imm ? runCvta : runMove64);
}
static bool decodeIsspacep(Decoder &d) {
  bool global = d.peek("global");
  if (!windowOf(d, d.out.imm))
    return false;
  if (global)
    d.out.imm = globalWindow;
  return d.expectOperands(2, 2) && d.dest(0, Type::pred, d.out.d) && d.source(1, Type::u64, d.out.a) &&
         finish(d, runIsSpace);
}
/// Hints: parsed strictly, without effect.
static bool decodePrefetch(Decoder &d) {
  int space = d.eatOneOf({"global", "local"});
  if (d.eatOneOf({"L1", "L2", "L2::evict_last", "L2::evict_normal"}) < 0)
    return d.badModifier(".L1 or .L2");
  Decoder::Address address;
  return d.expectOperands(1, 1) && d.address(0, space == 0 ? Space::global : space == 1 ? Space::local : Space::none, address) &&
         finish(d, runNothing, Pipe::lsu);
}
static bool decodeCreatePolicy(Decoder &d) {
  if (!d.require(80, 74, "createpolicy"))
    return false;
  if (!d.eat("fractional"))
    return d.unsupported("createpolicy other than .fractional");
  int n = 0;
  while (d.eatOneOf({"L2::evict_last", "L2::evict_normal", "L2::evict_first", "L2::evict_unchanged"}) >= 0)
    ++n;
  if (!n || n > 2 || !d.eat("b64"))
    return d.badModifier("one or two priorities and .b64");
  d.out.a = d.constant(0x12f0000000000000, 8);
  return d.expectOperands(1, 2) && d.dest(0, Type::b64, d.out.d) && finish(d, runMove64);
}
bool lowbit::ptx::decodeRefused(Decoder &d) {
  return d.unsupported(("'" + d.inst().opcode + "'").c_str());
}

const OpcodeRow lowbit::ptx::moveOpcodes[] = {
    {"mov", decodeMov},
    {"cvta", decodeCvta},
    {"isspacep", decodeIsspacep},
    {"prefetch", decodePrefetch},
    {"prefetchu", decodePrefetch},
    {"createpolicy", decodeCreatePolicy},
    {"discard", decodeRefused},
    {"applypriority", decodeRefused},
    {nullptr, nullptr}};
