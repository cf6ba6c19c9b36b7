//===- OpsAtomic.cpp - Atomics and reductions -----------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Lanes.h"
#include "runtime/Simulator/Numerics.h"

#include <algorithm>
#include <bit>

using namespace lowbit::ptx;

namespace {

enum AtomicOp : uint8_t { aAnd, aOr, aXor, aExch, aAdd, aInc, aDec, aMin, aMax, aCas };

uint16_t addHalf(uint16_t a, uint16_t b, bool bf) {
  return bf ? uint16_t(encodeFloat(fmaToOdd(bfloatToFloat(a), 1.0, bfloatToFloat(b)), formatBF16, Round::rn))
            : floatToHalf(halfToFloat(a) + halfToFloat(b));
}

uint64_t apply(AtomicOp op, Type type, uint64_t old, uint64_t b, uint64_t c) {
  switch (op) {
  case aAnd: return old & b;
  case aOr: return old | b;
  case aXor: return old ^ b;
  case aExch: return b;
  case aCas: return old == b ? c : old;
  case aInc: return uint32_t(old) >= uint32_t(b) ? 0 : old + 1;
  case aDec: return uint32_t(old) == 0 || uint32_t(old) > uint32_t(b) ? b : old - 1;
  case aMin: case aMax: {
    bool less;
    switch (type) {
    case Type::s32: less = int32_t(b) < int32_t(old); break;
    case Type::s64: less = int64_t(b) < int64_t(old); break;
    default: less = b < old; break;
    }
    return less == (op == aMin) ? b : old;
  }
  case aAdd: break;
  }
  switch (type) {
  case Type::f32: return asBits(canonical(asFloat(uint32_t(old)) + asFloat(uint32_t(b))));
  case Type::f64: return asBits(asDouble(old) + asDouble(b));
  case Type::f16: case Type::bf16: return addHalf(uint16_t(old), uint16_t(b), type == Type::bf16);
  case Type::f16x2: case Type::bf16x2: {
    bool bf = type == Type::bf16x2;
    return addHalf(uint16_t(old), uint16_t(b), bf) | uint32_t(addHalf(uint16_t(old >> 16), uint16_t(b >> 16), bf)) << 16;
  }
  default: return old + b;
  }
}

template <class T>
T exchange(uint8_t *p, AtomicOp op, Type type, uint64_t b, uint64_t c) {
  T *t = reinterpret_cast<T *>(p);
  T old = __atomic_load_n(t, __ATOMIC_RELAXED);
  for (;;) {
    T next = T(apply(op, type, old, b, c));
    if (__atomic_compare_exchange_n(t, &old, next, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
      return old;
  }
}

/// a = base, imm = offset, b, c = operands, d = result or noSlot, p0 = op,
/// p1 = type, p2 = space (0 generic, 1 global, 2 shared), p3 bit 0 = 64-bit base.
template <class T> void runAtomic(Warp &w, const Inst &i, uint32_t mask) {
  uint64_t address[32] = {};
  const T *b = row<T>(w, i.b);
  const T *c = i.c == noSlot ? b : row<T>(w, i.c);
  bool anyShared = false;
  for (uint32_t m = mask; m; m &= m - 1) {
    unsigned l = unsigned(std::countr_zero(m));
    address[l] = (i.p3 & 1) ? row<uint64_t>(w, i.a)[l] + i.imm
                            : uint32_t(row<uint32_t>(w, i.a)[l] + uint32_t(i.imm));
  }
  w.worker->ordered = true;
  uint64_t lowest = ~uint64_t(0);
  for (uint32_t m = mask; m; m &= m - 1)
    lowest = std::min(lowest, address[std::countr_zero(m)]);
  // Initialised memory of one allocation needs no further checks.
  bool fast = !w.worker->races && i.p2 != 2 && lowest >= globalWindow &&
              coverGlobal(w, address, mask, sizeof(T)) &&
              w.worker->perInstruction[w.pc].cacheWritten;
  DeviceMemory &memory = *w.worker->launch->memory;
  for (uint32_t m = mask; m && !w.worker->stop; m &= m - 1) {
    unsigned l = unsigned(std::countr_zero(m));
    uint8_t *p = fast        ? memory.host(address[l])
                 : i.p2 == 2   ? accessShared(w, l, address[l], sizeof(T), true)
                 : i.p2 == 1 ? accessGlobal(w, l, address[l], sizeof(T), true)
                             : accessGeneric(w, l, address[l], sizeof(T), true);
    if (!p)
      return;
    anyShared |= i.p2 == 2 || address[l] - sharedWindow < windowBytes;
    T old = exchange<T>(p, AtomicOp(i.p0), Type(i.p1), b[l], c[l]);
    if (i.d != noSlot)
      row<T>(w, i.d)[l] = old;
  }
  w.worker->ordered = false;
  if (!anyShared)
    countSectors(w, address, mask, sizeof(T));
}

bool validType(AtomicOp op, Type type, bool isReduction) {
  switch (op) {
  case aAnd: case aOr: case aXor: return type == Type::b32 || type == Type::b64;
  case aExch: case aCas: return type == Type::b32 || type == Type::b64 || (op == aCas && type == Type::b16);
  case aInc: case aDec: return type == Type::u32;
  case aMin: case aMax: return type == Type::u32 || type == Type::s32 || type == Type::u64 || type == Type::s64;
  case aAdd: return type == Type::u32 || type == Type::s32 || type == Type::u64 || type == Type::f32 || type == Type::f64 ||
                    (type >= Type::f16 && type <= Type::bf16x2);
  }
  return false;
}

} // namespace

/// atom{.sem}{.scope}{.space}.op{.noftz}{.cache_hint}.type
static bool decodeAtomic(Decoder &d) {
  bool reduction = d.inst().opcode == "red";
  if (d.eat("async"))
    return d.unsupported("red.async");
  int space = -1;
  for (;;) { // The parts come in more than one order in the wild.
    if (d.eatOneOf({"relaxed", "acquire", "release", "acq_rel"}) >= 0) {
      if (!d.require(70, 60, "memory ordering"))
        return false;
      continue;
    }
    if (d.eatOneOf({"cta", "gpu", "sys"}) >= 0)
      continue;
    int s = d.eatOneOf({"global", "shared", "shared::cta"});
    if (s >= 0 && space < 0) {
      space = s ? 2 : 1;
      continue;
    }
    break;
  }
  int op = d.eatOneOf({"and", "or", "xor", "exch", "add", "inc", "dec", "min", "max", "cas"});
  if (op < 0)
    return d.badModifier("an operation");
  if (reduction && (op == aExch || op == aCas))
    return d.fail("red does not exchange");
  bool noftz = d.eat("noftz");
  bool hint = d.eat("L2::cache_hint");
  if (d.peek("v2") || d.peek("v4") || d.peek("v8"))
    return d.unsupported("vector atomics");
  Type type;
  if (!d.expectType(type))
    return false;
  if (type == Type::b128)
    return d.unsupported("128-bit atomics");
  if (!validType(AtomicOp(op), type, reduction))
    return d.badType(type);
  bool half = type >= Type::f16 && type <= Type::bf16x2;
  if (half != noftz)
    return d.fail("half types need .noftz, others do not have it");
  if (half && !d.require(type == Type::bf16 || type == Type::bf16x2 ? 90 : type == Type::f16 ? 70 : 60,
                         type == Type::bf16 || type == Type::bf16x2 ? 78 : 63, "atomics of half types"))
    return false;
  if (hint && !d.require(80, 74, "cache hints"))
    return false;
  size_t n = (reduction ? 2 : op == aCas ? 4 : 3) + (hint ? 1 : 0);
  if (!d.expectOperands(n, n))
    return false;
  size_t at = reduction ? 0 : 1;
  Decoder::Address address;
  if (!d.address(at, space == 2 ? Space::shared : space == 1 ? Space::global : Space::none, address))
    return false;
  if (!reduction && d.operand(0).kind != OperandKind::sink && !d.dest(0, type, d.out.d))
    return false;
  if (!d.source(at + 1, type, d.out.b) || (op == aCas && !d.source(at + 2, type, d.out.c)))
    return false;
  uint32_t policy;
  if (hint && !d.source(n - 1, Type::b64, policy))
    return false;
  d.out.a = address.slot;
  d.out.imm = uint64_t(address.offset);
  d.out.p0 = uint8_t(op);
  d.out.p1 = uint8_t(type);
  d.out.p2 = uint8_t(space < 0 ? 0 : space);
  d.out.p3 = address.wide;
  d.out.flow = Flow::memory;
  unsigned size = typeSize(type);
  return finish(d, size == 2 ? runAtomic<uint16_t> : size == 4 ? runAtomic<uint32_t> : runAtomic<uint64_t>, Pipe::lsu);
}

const OpcodeRow lowbit::ptx::atomicOpcodes[] = {
    {"atom", decodeAtomic}, {"red", decodeAtomic}, {nullptr, nullptr}};
