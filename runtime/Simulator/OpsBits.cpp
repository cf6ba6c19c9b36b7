//===- OpsBits.cpp - Bit operations, moves and byte selection -------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Lanes.h"

#include <bit>

using namespace lowbit::ptx;

namespace {

struct And {
  template <class T> static T run(T a, T b) { return T(a & b); }
};
struct Or {
  template <class T> static T run(T a, T b) { return T(a | b); }
};
struct Xor {
  template <class T> static T run(T a, T b) { return T(a ^ b); }
};
struct Not {
  template <class T> static T run(T a) { return T(~a); }
};
struct Cnot {
  template <class T> static T run(T a) { return a == 0 ? 1 : 0; }
};
struct Shl {
  template <class T> static T run(T a, uint32_t b) {
    return b >= 8 * sizeof(T) ? T(0) : T(Wrap<T>(a) << b);
  }
};
struct Shr {
  template <class T> static T run(T a, uint32_t b) {
    if (b >= 8 * sizeof(T))
      return a < 0 ? T(-1) : T(0);
    return T(a >> b);
  }
};
struct Popc {
  template <class T> static uint32_t run(T a) { return uint32_t(std::popcount(a)); }
};
struct Clz {
  template <class T> static uint32_t run(T a) { return uint32_t(std::countl_zero(a)); }
};
struct Brev {
  template <class T> static T run(T a) {
    T r = 0;
    for (unsigned i = 0; i < 8 * sizeof(T); ++i)
      r |= T((a >> i) & 1) << (8 * sizeof(T) - 1 - i);
    return r;
  }
};
/// p0: shift amount instead of position.
struct Bfind {
  template <class T> static uint32_t run(const Inst &i, T a) {
    using U = std::make_unsigned_t<T>;
    U u = U(a);
    if (a < 0)
      u = U(~u);
    if (!u)
      return ~0u;
    unsigned bits = 8 * sizeof(T);
    unsigned position = bits - 1 - unsigned(std::countl_zero(u));
    return i.p0 ? bits - 1 - position : position;
  }
};
struct Bfe {
  template <class T> static T run(T a, uint32_t b, uint32_t c) {
    unsigned bits = 8 * sizeof(T), pos = b & 0xff, len = c & 0xff;
    using U = std::make_unsigned_t<T>;
    bool fill = false;
    if (std::is_signed_v<T> && len) {
      unsigned last = pos + len - 1 < bits - 1 ? pos + len - 1 : bits - 1;
      fill = U(a) >> last & 1;
    }
    U v = pos < bits ? U(U(a) >> pos) : U(0);
    unsigned have = pos < bits ? bits - pos : 0;
    unsigned use = len < have ? len : have;
    U keep = use >= bits ? U(~U(0)) : U((U(1) << use) - 1);
    v &= keep;
    return T(fill ? U(v | U(~keep)) : v);
  }
};
/// d = insert the low bits of a into b.
template <class T> struct Bfi {
  static T run(T a, T b, uint32_t c, uint32_t e) {
    unsigned bits = 8 * sizeof(T), pos = c & 0xff, len = e & 0xff;
    if (pos >= bits || !len)
      return b;
    unsigned use = len < bits - pos ? len : bits - pos;
    T keep = use >= bits ? T(~T(0)) : T(((T(1) << use) - 1) << pos);
    return T((b & ~keep) | ((a << pos) & keep));
  }
};
template <class T> void runBfi(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = row<T>(w, i.a), *b = row<T>(w, i.b);
  const uint32_t *c = row<uint32_t>(w, i.c), *e = row<uint32_t>(w, i.target);
  eachLane(row<T>(w, i.d), mask,
           [=](unsigned l) { return Bfi<T>::run(a[l], b[l], c[l], e[l]); });
}

struct Lop3 {
  static uint32_t run(uint32_t table, uint32_t a, uint32_t b, uint32_t c) {
    uint32_t r = 0;
    if (table & 0x01) r |= ~a & ~b & ~c;
    if (table & 0x02) r |= ~a & ~b & c;
    if (table & 0x04) r |= ~a & b & ~c;
    if (table & 0x08) r |= ~a & b & c;
    if (table & 0x10) r |= a & ~b & ~c;
    if (table & 0x20) r |= a & ~b & c;
    if (table & 0x40) r |= a & b & ~c;
    if (table & 0x80) r |= a & b & c;
    return r;
  }
};
void runLop3(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *a = row<uint32_t>(w, i.a), *b = row<uint32_t>(w, i.b),
                 *c = row<uint32_t>(w, i.c);
  uint32_t t = uint32_t(i.imm);
  // The eight minterms as masks, so that the loop has no branches.
  uint32_t m[8];
  for (int k = 0; k < 8; ++k)
    m[k] = (t >> k & 1) ? ~0u : 0;
  eachLane(row<uint32_t>(w, i.d), mask, [=](unsigned l) {
    uint32_t x = a[l], y = b[l], z = c[l];
    uint32_t low = (~z & ((~y & m[0]) | (y & m[2]))) |
                   (z & ((~y & m[1]) | (y & m[3])));
    uint32_t high = (~z & ((~y & m[4]) | (y & m[6]))) |
                    (z & ((~y & m[5]) | (y & m[7])));
    return (~x & low) | (x & high);
  });
}

/// d|p = lop3 with p = (d != 0) BoolOp q: p0 = 1 for and, p1 = q is negated.
void runLop3Predicate(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *q = w.pool + i.aux;
  uint32_t old = predicate(w, q[0]), nonzero = 0;
  if (i.p1)
    old = ~old;
  const uint32_t *a = row<uint32_t>(w, i.a), *b = row<uint32_t>(w, i.b), *c = row<uint32_t>(w, i.c);
  uint32_t *d = row<uint32_t>(w, i.d);
  for (unsigned l = 0; l < 32; ++l) {
    if (!(mask >> l & 1))
      continue;
    d[l] = Lop3::run(uint32_t(i.imm), a[l], b[l], c[l]);
    nonzero |= uint32_t(d[l] != 0) << l;
  }
  if (i.target == noSlot)
    return;
  uint32_t &p = predicate(w, i.target);
  p = (p & ~mask) | ((i.p0 ? nonzero & old : nonzero | old) & mask);
}

/// shf: p0 bit 0 = right, bit 1 = wrap.
void runShf(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *a = row<uint32_t>(w, i.a), *b = row<uint32_t>(w, i.b),
                 *c = row<uint32_t>(w, i.c);
  bool right = i.p0 & 1, wrap = i.p0 & 2;
  eachLane(row<uint32_t>(w, i.d), mask, [=](unsigned l) {
    uint32_t n = wrap ? c[l] & 31 : (c[l] > 32 ? 32 : c[l]);
    uint64_t v = uint64_t(b[l]) << 32 | a[l];
    return right ? uint32_t(v >> n) : uint32_t((v << n) >> 32);
  });
}

uint32_t permute(uint32_t a, uint32_t b, uint32_t selector) {
  uint64_t v = uint64_t(b) << 32 | a;
  uint32_t r = 0;
  for (int k = 0; k < 4; ++k) {
    uint32_t s = selector >> (4 * k) & 0xf;
    uint32_t byte = uint32_t(v >> (8 * (s & 7))) & 0xff;
    if (s & 8)
      byte = (byte & 0x80) ? 0xff : 0;
    r |= byte << (8 * k);
  }
  return r;
}
uint32_t permuteSelector(unsigned mode, uint32_t c) {
  uint32_t n = c & 3;
  static const uint16_t table[6][4] = {
      {0x3210, 0x4321, 0x5432, 0x6543}, // f4e
      {0x5670, 0x6701, 0x7012, 0x0123}, // b4e
      {0x0000, 0x1111, 0x2222, 0x3333}, // rc8
      {0x3210, 0x3211, 0x3222, 0x3333}, // ecl
      {0x0000, 0x1110, 0x2210, 0x3210}, // ecr
      {0x1010, 0x3232, 0x1010, 0x3232}, // rc16
  };
  return mode ? table[mode - 1][n] : c;
}
void runPrmt(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *a = row<uint32_t>(w, i.a), *b = row<uint32_t>(w, i.b),
                 *c = row<uint32_t>(w, i.c);
  unsigned mode = i.p0;
  eachLane(row<uint32_t>(w, i.d), mask, [=](unsigned l) {
    return permute(a[l], b[l], permuteSelector(mode, c[l]));
  });
}
struct Bmsk {
  static uint32_t run(const Inst &i, uint32_t a, uint32_t b) {
    if (i.p0) { // wrap
      a &= 31;
      b &= 31;
    }
    if (a >= 32 || b == 0)
      return 0;
    uint64_t m = b >= 32 ? ~uint64_t(0) : (uint64_t(1) << b) - 1;
    return uint32_t(m << a);
  }
};
template <bool Signed> struct Szext {
  static uint32_t run(const Inst &i, uint32_t a, uint32_t b) {
    if (i.p0)
      b &= 31;
    if (b >= 32)
      return a;
    if (!b)
      return 0;
    uint32_t v = a & ((1u << b) - 1);
    if (Signed && (v >> (b - 1) & 1))
      v |= ~((1u << b) - 1);
    return v;
  }
};
struct Fns {
  static uint32_t run(uint32_t mask, uint32_t base, int32_t offset) {
    if (base > 31)
      return ~0u;
    if (!offset)
      return (mask >> base & 1) ? base : ~0u;
    int step = offset > 0 ? 1 : -1;
    int count = (offset > 0 ? offset : -offset) - 1;
    for (int p = int(base); p >= 0 && p < 32; p += step)
      if ((mask >> p & 1) && count-- == 0)
        return uint32_t(p);
    return ~0u;
  }
};

template <class Op> void predBinary(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t a = predicate(w, i.a), b = predicate(w, i.b);
  if (i.p0) a = ~a;
  if (i.p1) b = ~b;
  uint32_t &d = predicate(w, i.d);
  d = (d & ~mask) | (Op::run(a, b) & mask);
}
void predNot(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t a = predicate(w, i.a);
  if (i.p0) a = ~a;
  uint32_t &d = predicate(w, i.d);
  d = (d & ~mask) | (~a & mask);
}
struct Same {
  template <class T> static T run(T a) { return a; }
};

} // namespace

void lowbit::ptx::runMove16(Warp &w, const Inst &i, uint32_t m) {
  unaryLanes<Same, uint16_t>(w, i, m);
}
void lowbit::ptx::runMove32(Warp &w, const Inst &i, uint32_t m) {
  unaryLanes<Same, uint32_t>(w, i, m);
}
void lowbit::ptx::runMove64(Warp &w, const Inst &i, uint32_t m) {
  unaryLanes<Same, uint64_t>(w, i, m);
}
static void runMove128(Warp &w, const Inst &i, uint32_t m) {
  unaryLanes<Same, unsigned __int128>(w, i, m);
}
void lowbit::ptx::runMovePred(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t a = predicate(w, i.a);
  if (i.p0) a = ~a;
  uint32_t &d = predicate(w, i.d);
  d = (d & ~mask) | (a & mask);
}
Handler lowbit::ptx::moveHandler(Type type) {
  if (type == Type::pred)
    return runMovePred;
  switch (typeSize(type)) {
  case 2: return runMove16;
  case 4: return runMove32;
  case 8: return runMove64;
  case 16: return runMove128;
  default: return nullptr;
  }
}

template <class Op> static Handler pickBinaryBits(Type type) {
  switch (type) {
  case Type::pred: return predBinary<Op>;
  case Type::b16: return binaryLanes<Op, uint16_t>;
  case Type::b32: return binaryLanes<Op, uint32_t>;
  case Type::b64: return binaryLanes<Op, uint64_t>;
  default: return nullptr;
  }
}
static bool decodeLogic(Decoder &d) {
  const std::string &op = d.inst().opcode;
  Type type;
  if (!d.expectType(type) || !threeOperands(d, type, 2))
    return false;
  d.out.p0 = d.operand(1).negated;
  d.out.p1 = d.operand(2).negated;
  return finish(d, op == "and"  ? pickBinaryBits<And>(type)
                   : op == "or" ? pickBinaryBits<Or>(type)
                                : pickBinaryBits<Xor>(type));
}
static bool decodeNot(Decoder &d) {
  bool cnot = d.inst().opcode == "cnot";
  Type type;
  if (!d.expectType(type) || !threeOperands(d, type, 1))
    return false;
  d.out.p0 = d.operand(1).negated;
  Handler h = nullptr;
  switch (type) {
  case Type::pred: h = cnot ? nullptr : predNot; break;
  case Type::b16: h = cnot ? unaryLanes<Cnot, uint16_t> : unaryLanes<Not, uint16_t>; break;
  case Type::b32: h = cnot ? unaryLanes<Cnot, uint32_t> : unaryLanes<Not, uint32_t>; break;
  case Type::b64: h = cnot ? unaryLanes<Cnot, uint64_t> : unaryLanes<Not, uint64_t>; break;
  default: break;
  }
  return finish(d, h);
}

static bool decodeShift(Decoder &d) {
  bool left = d.inst().opcode == "shl";
  Type type;
  if (!d.expectType(type) || !d.expectOperands(3, 3) ||
      !d.dest(0, type, d.out.d) || !d.source(1, type, d.out.a) ||
      !d.source(2, Type::u32, d.out.b))
    return false;
  Handler h = nullptr;
  switch (type) {
  case Type::b16: h = left ? binaryLanes<Shl, uint16_t, uint16_t, uint32_t> : binaryLanes<Shr, uint16_t, uint16_t, uint32_t>; break;
  case Type::b32: h = left ? binaryLanes<Shl, uint32_t, uint32_t, uint32_t> : binaryLanes<Shr, uint32_t, uint32_t, uint32_t>; break;
  case Type::b64: h = left ? binaryLanes<Shl, uint64_t, uint64_t, uint32_t> : binaryLanes<Shr, uint64_t, uint64_t, uint32_t>; break;
  case Type::u16: h = left ? nullptr : binaryLanes<Shr, uint16_t, uint16_t, uint32_t>; break;
  case Type::u32: h = left ? nullptr : binaryLanes<Shr, uint32_t, uint32_t, uint32_t>; break;
  case Type::u64: h = left ? nullptr : binaryLanes<Shr, uint64_t, uint64_t, uint32_t>; break;
  case Type::s16: h = left ? nullptr : binaryLanes<Shr, int16_t, int16_t, uint32_t>; break;
  case Type::s32: h = left ? nullptr : binaryLanes<Shr, int32_t, int32_t, uint32_t>; break;
  case Type::s64: h = left ? nullptr : binaryLanes<Shr, int64_t, int64_t, uint32_t>; break;
  default: break;
  }
  return finish(d, h);
}

static bool decodeCount(Decoder &d) {
  const std::string &op = d.inst().opcode;
  Type type;
  if (!d.expectType(type))
    return false;
  if (type != Type::b32 && type != Type::b64)
    return d.badType(type);
  bool wide = type == Type::b64;
  if (op == "brev")
    return threeOperands(d, type, 1) &&
           finish(d, wide ? unaryLanes<Brev, uint64_t> : unaryLanes<Brev, uint32_t>);
  if (!d.expectOperands(2, 2) || !d.dest(0, Type::u32, d.out.d) ||
      !d.source(1, type, d.out.a))
    return false;
  if (op == "popc")
    return finish(d, wide ? unaryLanes<Popc, uint32_t, uint64_t>
                          : unaryLanes<Popc, uint32_t, uint32_t>);
  return finish(d, wide ? unaryLanes<Clz, uint32_t, uint64_t>
                        : unaryLanes<Clz, uint32_t, uint32_t>);
}
static bool decodeBfind(Decoder &d) {
  d.out.p0 = d.eat("shiftamt");
  Type type;
  if (!d.expectType(type) || !d.expectOperands(2, 2) ||
      !d.dest(0, Type::u32, d.out.d) || !d.source(1, type, d.out.a))
    return false;
  Handler h = nullptr;
  switch (type) {
  case Type::u32: h = unaryInst<Bfind, uint32_t, uint32_t>; break;
  case Type::s32: h = unaryInst<Bfind, uint32_t, int32_t>; break;
  case Type::u64: h = unaryInst<Bfind, uint32_t, uint64_t>; break;
  case Type::s64: h = unaryInst<Bfind, uint32_t, int64_t>; break;
  default: break;
  }
  return finish(d, h);
}
static bool decodeBfe(Decoder &d) {
  Type type;
  if (!d.expectType(type) || !d.expectOperands(4, 4) ||
      !d.dest(0, type, d.out.d) || !d.source(1, type, d.out.a) ||
      !d.source(2, Type::u32, d.out.b) || !d.source(3, Type::u32, d.out.c))
    return false;
  Handler h = nullptr;
  switch (type) {
  case Type::u32: h = ternaryLanes<Bfe, uint32_t, uint32_t, uint32_t, uint32_t>; break;
  case Type::s32: h = ternaryLanes<Bfe, int32_t, int32_t, uint32_t, uint32_t>; break;
  case Type::u64: h = ternaryLanes<Bfe, uint64_t, uint64_t, uint32_t, uint32_t>; break;
  case Type::s64: h = ternaryLanes<Bfe, int64_t, int64_t, uint32_t, uint32_t>; break;
  default: break;
  }
  return finish(d, h);
}
static bool decodeBfi(Decoder &d) {
  Type type;
  if (!d.expectType(type))
    return false;
  if (type != Type::b32 && type != Type::b64)
    return d.badType(type);
  return d.expectOperands(5, 5) && d.dest(0, type, d.out.d) &&
         d.source(1, type, d.out.a) && d.source(2, type, d.out.b) &&
         d.source(3, Type::u32, d.out.c) && d.source(4, Type::u32, d.out.target) &&
         finish(d, type == Type::b32 ? runBfi<uint32_t> : runBfi<uint64_t>);
}
static bool decodeLop3(Decoder &d) {
  int join = d.eatOneOf({"or", "and"});
  if (join >= 0) {
    std::vector<uint32_t> pool(1);
    bool negated = false;
    if (!d.eat("b32"))
      return d.badModifier(".b32");
    if (!d.require(70, 82, "lop3 with a predicate") || !d.expectOperands(6, 6) ||
        !resultAndPredicate(d, d.operand(0), Type::b32, d.out.d, d.out.target) ||
        !d.source(1, Type::b32, d.out.a) || !d.source(2, Type::b32, d.out.b) ||
        !d.source(3, Type::b32, d.out.c) || !d.immediate(4, d.out.imm) ||
        !(d.out.imm < 256 || d.fail("lop3's table has 8 bits")) || !d.predSource(5, pool[0], negated))
      return false;
    d.out.p0 = uint8_t(join);
    d.out.p1 = negated;
    d.out.aux = d.addPool(pool);
    return finish(d, runLop3Predicate);
  }
  if (!d.eat("b32"))
    return d.badModifier(".b32");
  return d.expectOperands(5, 5) && d.dest(0, Type::b32, d.out.d) &&
         d.source(1, Type::b32, d.out.a) && d.source(2, Type::b32, d.out.b) &&
         d.source(3, Type::b32, d.out.c) && d.immediate(4, d.out.imm) &&
         (d.out.imm < 256 || d.fail("lop3's table has 8 bits")) &&
         finish(d, runLop3);
}
static bool decodeShf(Decoder &d) {
  int side = d.eatOneOf({"l", "r"});
  int mode = side < 0 ? -1 : d.eatOneOf({"clamp", "wrap"});
  if (mode < 0 || !d.eat("b32"))
    return d.badModifier(".l or .r, .clamp or .wrap, .b32");
  d.out.p0 = uint8_t(side | mode << 1);
  return threeOperands(d, Type::b32, 3) && finish(d, runShf);
}
static bool decodePrmt(Decoder &d) {
  if (!d.eat("b32"))
    return d.badModifier(".b32");
  d.out.p0 = uint8_t(
      1 + d.eatOneOf({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"}));
  return threeOperands(d, Type::b32, 3) && finish(d, runPrmt);
}
static bool decodeBmsk(Decoder &d) {
  int mode = d.eatOneOf({"clamp", "wrap"});
  if (mode < 0 || !d.eat("b32"))
    return d.badModifier(".clamp or .wrap, .b32");
  d.out.p0 = uint8_t(mode);
  return d.require(70, 76, "bmsk") && threeOperands(d, Type::b32, 2) &&
         finish(d, binaryInst<Bmsk, uint32_t>);
}
static bool decodeSzext(Decoder &d) {
  int mode = d.eatOneOf({"clamp", "wrap"});
  Type type = Type::none;
  if (mode < 0 || !d.expectType(type))
    return mode < 0 ? d.badModifier(".clamp or .wrap") : false;
  if (type != Type::u32 && type != Type::s32)
    return d.badType(type);
  d.out.p0 = uint8_t(mode);
  return d.require(70, 76, "szext") && threeOperands(d, Type::b32, 2) &&
         finish(d, type == Type::s32 ? binaryInst<Szext<true>, uint32_t>
                                     : binaryInst<Szext<false>, uint32_t>);
}
static bool decodeFns(Decoder &d) {
  return (d.eat("b32") || d.badModifier(".b32")) && d.expectOperands(4, 4) &&
         d.dest(0, Type::b32, d.out.d) && d.source(1, Type::b32, d.out.a) &&
         d.source(2, Type::b32, d.out.b) && d.source(3, Type::s32, d.out.c) &&
         finish(d, ternaryLanes<Fns, uint32_t, uint32_t, uint32_t, int32_t>);
}

const OpcodeRow lowbit::ptx::bitOpcodes[] = {
    {"and", decodeLogic},  {"or", decodeLogic},   {"xor", decodeLogic},
    {"not", decodeNot},    {"cnot", decodeNot},   {"shl", decodeShift},
    {"shr", decodeShift},  {"popc", decodeCount}, {"clz", decodeCount},
    {"brev", decodeCount}, {"bfind", decodeBfind}, {"bfe", decodeBfe},
    {"bfi", decodeBfi},    {"lop3", decodeLop3},  {"shf", decodeShf},
    {"prmt", decodePrmt},  {"bmsk", decodeBmsk},  {"szext", decodeSzext},
    {"fns", decodeFns},    {nullptr, nullptr}};
