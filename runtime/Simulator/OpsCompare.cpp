//===- OpsCompare.cpp - Comparison and selection --------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Lanes.h"
#include "runtime/Simulator/Numerics.h"

using namespace lowbit::ptx;

namespace {

enum Comparison : uint8_t {
  cEq, cNe, cLt, cLe, cGt, cGe, cLo, cLs, cHi, cHs,
  cEqu, cNeu, cLtu, cLeu, cGtu, cGeu, cNum, cNan,
};

template <class T, class F>
uint32_t lanesWhere(const T *a, const T *b, const F &test) {
  uint32_t m = 0;
  LOWBIT_LANE_LOOP
  for (unsigned l = 0; l < 32; ++l)
    m |= uint32_t(test(a[l], b[l])) << l;
  return m;
}

template <class T> uint32_t compareRows(Comparison c, const T *a, const T *b) {
  switch (c) {
  case cEq: return lanesWhere(a, b, [](T x, T y) { return x == y; });
  case cNe:
    if constexpr (std::is_floating_point_v<T>)
      return lanesWhere(a, b, [](T x, T y) { return bool((x < y) | (x > y)); });
    return lanesWhere(a, b, [](T x, T y) { return x != y; });
  case cLt: case cLo: return lanesWhere(a, b, [](T x, T y) { return x < y; });
  case cLe: case cLs: return lanesWhere(a, b, [](T x, T y) { return x <= y; });
  case cGt: case cHi: return lanesWhere(a, b, [](T x, T y) { return x > y; });
  case cGe: case cHs: return lanesWhere(a, b, [](T x, T y) { return x >= y; });
  // The unordered forms are the negation of the opposite ordered ones.
  case cEqu: return ~lanesWhere(a, b, [](T x, T y) { return bool((x < y) | (x > y)); });
  case cNeu: return lanesWhere(a, b, [](T x, T y) { return !(x == y); });
  case cLtu: return lanesWhere(a, b, [](T x, T y) { return !(x >= y); });
  case cLeu: return lanesWhere(a, b, [](T x, T y) { return !(x > y); });
  case cGtu: return lanesWhere(a, b, [](T x, T y) { return !(x <= y); });
  case cGeu: return lanesWhere(a, b, [](T x, T y) { return !(x < y); });
  case cNum: return lanesWhere(a, b, [](T x, T y) { return bool((x == x) & (y == y)); });
  case cNan: return lanesWhere(a, b, [](T x, T y) { return bool((x != x) | (y != y)); });
  }
  return 0;
}

template <class T> uint32_t compareOperands(Warp &w, const Inst &i) {
  return compareRows<T>(Comparison(i.p0), row<T>(w, i.a), row<T>(w, i.b));
}
template <bool Bf, unsigned Step> uint32_t compareHalves(Warp &w, const Inst &i, unsigned which) {
  const uint16_t *a = row<uint16_t>(w, i.a), *b = row<uint16_t>(w, i.b);
  float x[32], y[32];
  for (unsigned l = 0; l < 32; ++l) {
    x[l] = Bf ? bfloatToFloat(a[l * Step + which]) : halfToFloat(a[l * Step + which]);
    y[l] = Bf ? bfloatToFloat(b[l * Step + which]) : halfToFloat(b[l * Step + which]);
  }
  return compareRows<float>(Comparison(i.p0), x, y);
}
uint32_t compareFlushed(Warp &w, const Inst &i) {
  const float *a = row<float>(w, i.a), *b = row<float>(w, i.b);
  float x[32], y[32];
  for (unsigned l = 0; l < 32; ++l)
    x[l] = flush(a[l]), y[l] = flush(b[l]);
  return compareRows<float>(Comparison(i.p0), x, y);
}
uint32_t compareByType(Warp &w, const Inst &i) {
  switch (Type(i.p2)) {
  case Type::u16: case Type::b16: return compareOperands<uint16_t>(w, i);
  case Type::s16: return compareOperands<int16_t>(w, i);
  case Type::u32: case Type::b32: return compareOperands<uint32_t>(w, i);
  case Type::s32: return compareOperands<int32_t>(w, i);
  case Type::u64: case Type::b64: return compareOperands<uint64_t>(w, i);
  case Type::s64: return compareOperands<int64_t>(w, i);
  case Type::f32: return (i.imm & 1) ? compareFlushed(w, i) : compareOperands<float>(w, i);
  case Type::f64: return compareOperands<double>(w, i);
  case Type::f16: return compareHalves<false, 1>(w, i, 0);
  case Type::bf16: return compareHalves<true, 1>(w, i, 0);
  default: return 0;
  }
}

// p1 bits 0..1: 0 no combination, 1 and, 2 or, 3 xor; bit 2: third operand
// negated.
uint32_t combine(Warp &w, const Inst &i, uint32_t m) {
  if (!(i.p1 & 3))
    return m;
  uint32_t c = predicate(w, i.c);
  if (i.p1 & 4)
    c = ~c;
  switch (i.p1 & 3) {
  case 1: return m & c;
  case 2: return m | c;
  default: return m ^ c;
  }
}
void writePredicate(Warp &w, uint32_t slot, uint32_t value, uint32_t mask) {
  uint32_t &d = predicate(w, slot);
  d = (d & ~mask) | (value & mask);
}
/// setp: d = p, target = q (the negated comparison, combined likewise).
void runSetp(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t m = compareByType(w, i);
  uint32_t p = combine(w, i, m), q = i.target == noSlot ? 0 : combine(w, i, ~m);
  if (i.d != noSlot)
    writePredicate(w, i.d, p, mask);
  if (i.target != noSlot)
    writePredicate(w, i.target, q, mask);
}
/// Hot forms without combination and second result.
template <class T> void runSetpPlain(Warp &w, const Inst &i, uint32_t mask) {
  writePredicate(w, i.d, compareOperands<T>(w, i), mask);
}
/// setp of packed halves: p from the low, q from the high half.
template <bool Bf> void runSetpPacked(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t p = combine(w, i, compareHalves<Bf, 2>(w, i, 0));
  uint32_t q = combine(w, i, compareHalves<Bf, 2>(w, i, 1));
  if (i.d != noSlot)
    writePredicate(w, i.d, p, mask);
  if (i.target != noSlot)
    writePredicate(w, i.target, q, mask);
}
/// set: p3 = 1: f32 result 1.0, 2: f16 result, else all ones; packed: each half.
void runSet(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t m = combine(w, i, compareByType(w, i));
  uint32_t one = i.p3 == 1 ? 0x3f800000 : ~0u;
  eachLane(row<uint32_t>(w, i.d), mask, [=](unsigned l) { return (m >> l & 1) ? one : 0; });
}
template <bool Bf> void runSetHalf(Warp &w, const Inst &i, uint32_t mask) {
  bool packed = Type(i.p2) == Type::f16x2 || Type(i.p2) == Type::bf16x2;
  uint32_t lo = combine(w, i, packed ? compareHalves<Bf, 2>(w, i, 0) : compareHalves<Bf, 1>(w, i, 0));
  uint16_t one = i.p3 == 2 ? (Bf ? 0x3f80 : 0x3c00) : 0xffff;
  if (!packed) {
    uint16_t *d = row<uint16_t>(w, i.d);
    eachLane(d, mask, [=](unsigned l) { return uint16_t((lo >> l & 1) ? one : 0); });
    return;
  }
  uint32_t hi = combine(w, i, compareHalves<Bf, 2>(w, i, 1));
  eachLane(row<uint32_t>(w, i.d), mask, [=](unsigned l) {
    return uint32_t((lo >> l & 1) ? one : 0) | uint32_t((hi >> l & 1) ? one : 0) << 16;
  });
}

template <class T> void runSelp(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = row<T>(w, i.a), *b = row<T>(w, i.b);
  uint32_t p = predicate(w, i.c);
  if (i.p0)
    p = ~p;
  eachLane(row<T>(w, i.d), mask, [=](unsigned l) { return (p >> l & 1) ? a[l] : b[l]; });
}
template <class T, class C> void runSlct(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = row<T>(w, i.a), *b = row<T>(w, i.b);
  const C *c = row<C>(w, i.c);
  eachLane(row<T>(w, i.d), mask, [=](unsigned l) { return c[l] >= 0 ? a[l] : b[l]; });
}
/// testp: p0 = finite, infinite, number, notanumber, normal, subnormal.
template <class T> void runTestp(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = row<T>(w, i.a);
  uint32_t m = 0;
  for (unsigned l = 0; l < 32; ++l) {
    int c = std::fpclassify(a[l]);
    bool r = false;
    switch (i.p0) {
    case 0: r = c != FP_INFINITE && c != FP_NAN; break;
    case 1: r = c == FP_INFINITE; break;
    case 2: r = c != FP_NAN; break;
    case 3: r = c == FP_NAN; break;
    case 4: r = c == FP_NORMAL; break;
    case 5: r = c == FP_SUBNORMAL; break;
    }
    m |= uint32_t(r) << l;
  }
  writePredicate(w, i.d, m, mask);
}

} // namespace

/// Comparison, optional boolean operator.
static bool decodeComparison(Decoder &d, bool &ftzAfter) {
  int c = d.eatOneOf({"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"});
  if (c < 0)
    return d.badModifier("a comparison");
  int boolean = d.eatOneOf({"and", "or", "xor"});
  d.out.p0 = uint8_t(c);
  d.out.p1 = uint8_t(boolean + 1);
  ftzAfter = d.eat("ftz");
  return true;
}

static bool checkComparison(Decoder &d, Type type) {
  uint8_t c = d.out.p0;
  bool bits = type == Type::b16 || type == Type::b32 || type == Type::b64;
  bool ok = isFloat(type)    ? c < cLo || c > cHs
            : bits           ? c <= cNe
            : isSigned(type) ? c <= cGe
                             : c <= cHs;
  if (ok && type >= Type::b16 && type != Type::b128 && type != Type::u8 && type != Type::s8)
    return true;
  return d.fail("comparison does not go with this type");
}

static bool decodeSetp(Decoder &d) {
  bool ftz;
  Type type;
  if (!decodeComparison(d, ftz) || !d.expectType(type) || !checkComparison(d, type))
    return false;
  d.out.p2 = uint8_t(type);
  d.out.imm = ftz;
  size_t n = (d.out.p1 & 3) ? 4 : 3;
  if (!d.expectOperands(n, n))
    return false;
  const Operand &result = d.operand(0);
  d.out.target = noSlot;
  if (result.kind == OperandKind::predPair) {
    if (result.reg != ~0u) {
      if (d.registerType(result.reg) != Type::pred)
        return d.fail(result.loc, "setp writes predicates");
      d.out.d = d.slotOfRegister(result.reg);
    }
    if (result.reg2 != ~0u) {
      if (d.registerType(result.reg2) != Type::pred)
        return d.fail(result.loc, "setp writes predicates");
      d.out.target = d.slotOfRegister(result.reg2);
    }
  } else if (!d.dest(0, Type::pred, d.out.d)) {
    return false;
  }
  bool negated = false;
  if (!d.source(1, type, d.out.a) || !d.source(2, type, d.out.b) ||
      (n == 4 && !d.predSource(3, d.out.c, negated)))
    return false;
  d.out.p1 |= negated ? 4 : 0;
  if (type == Type::f16x2 || type == Type::bf16x2)
    return finish(d, type == Type::bf16x2 ? runSetpPacked<true> : runSetpPacked<false>);
  Handler h = runSetp;
  if (n == 3 && d.out.target == noSlot && d.out.d != noSlot && !ftz) {
    switch (type) {
    case Type::u32: case Type::b32: h = runSetpPlain<uint32_t>; break;
    case Type::s32: h = runSetpPlain<int32_t>; break;
    case Type::u64: case Type::b64: h = runSetpPlain<uint64_t>; break;
    case Type::s64: h = runSetpPlain<int64_t>; break;
    case Type::f32: h = runSetpPlain<float>; break;
    default: break;
    }
  }
  return finish(d, h);
}

static bool decodeSet(Decoder &d) {
  bool ftz;
  Type to, type;
  if (!decodeComparison(d, ftz) || !d.expectType(to) || !d.expectType(type) || !checkComparison(d, type))
    return false;
  d.out.p2 = uint8_t(type);
  d.out.imm = ftz;
  size_t n = (d.out.p1 & 3) ? 4 : 3;
  bool negated = false;
  bool half = type >= Type::f16 && type <= Type::bf16x2;
  if (typeSize(to) != 4 && !half)
    return d.badType(to);
  if (!d.expectOperands(n, n) || !d.dest(0, to, d.out.d) || !d.source(1, type, d.out.a) ||
      !d.source(2, type, d.out.b) || (n == 4 && !d.predSource(3, d.out.c, negated)))
    return false;
  d.out.p1 |= negated ? 4 : 0;
  d.out.p3 = to == Type::f32 ? 1 : isFloat(to) ? 2 : 0;
  bool bf = type == Type::bf16 || type == Type::bf16x2;
  if (half && (typeSize(to) == typeSize(type)))
    return finish(d, bf ? runSetHalf<true> : runSetHalf<false>);
  if (typeSize(to) != 4 || type == Type::f16x2 || type == Type::bf16x2)
    return d.badType(to);
  return finish(d, runSet);
}

static bool decodeSelp(Decoder &d) {
  Type type;
  bool negated;
  if (!d.expectType(type) || !d.expectOperands(4, 4) || !d.dest(0, type, d.out.d) ||
      !d.source(1, type, d.out.a) || !d.source(2, type, d.out.b) || !d.predSource(3, d.out.c, negated))
    return false;
  d.out.p0 = negated;
  switch (typeSize(type)) {
  case 2: return finish(d, runSelp<uint16_t>);
  case 4: return type == Type::pred ? d.badType(type) : finish(d, runSelp<uint32_t>);
  case 8: return finish(d, runSelp<uint64_t>);
  default: return d.badType(type);
  }
}

static bool decodeSlct(Decoder &d) {
  d.eat("ftz");
  Type type, ctype;
  if (!d.expectType(type) || !d.expectType(ctype))
    return false;
  if (ctype != Type::s32 && ctype != Type::f32)
    return d.badType(ctype);
  if (!d.expectOperands(4, 4) || !d.dest(0, type, d.out.d) || !d.source(1, type, d.out.a) ||
      !d.source(2, type, d.out.b) || !d.source(3, ctype, d.out.c))
    return false;
  bool f = ctype == Type::f32;
  switch (typeSize(type)) {
  case 2: return finish(d, f ? runSlct<uint16_t, float> : runSlct<uint16_t, int32_t>);
  case 4: return finish(d, f ? runSlct<uint32_t, float> : runSlct<uint32_t, int32_t>);
  case 8: return finish(d, f ? runSlct<uint64_t, float> : runSlct<uint64_t, int32_t>);
  default: return d.badType(type);
  }
}

static bool decodeTestp(Decoder &d) {
  int test = d.eatOneOf({"finite", "infinite", "number", "notanumber", "normal", "subnormal"});
  Type type;
  if (test < 0)
    return d.badModifier("a property");
  if (!d.expectType(type) || !d.expectOperands(2, 2) || !d.dest(0, Type::pred, d.out.d) || !d.source(1, type, d.out.a))
    return false;
  d.out.p0 = uint8_t(test);
  if (type != Type::f32 && type != Type::f64)
    return d.badType(type);
  return finish(d, type == Type::f32 ? runTestp<float> : runTestp<double>);
}

const OpcodeRow lowbit::ptx::compareOpcodes[] = {
    {"setp", decodeSetp}, {"set", decodeSet},     {"selp", decodeSelp},
    {"slct", decodeSlct}, {"testp", decodeTestp}, {nullptr, nullptr}};
