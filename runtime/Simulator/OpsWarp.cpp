//===- OpsWarp.cpp - Exchange between the lanes of a warp -----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/LaneRows.h"
#include "runtime/Simulator/Lanes.h"

#include <bit>

using namespace lowbit::ptx;

bool lowbit::ptx::resultAndPredicate(Decoder &d, const Operand &op, Type type, uint32_t &slot, uint32_t &pred) {
  pred = noSlot;
  slot = noSlot;
  if (op.kind != OperandKind::predPair)
    return d.dest(op, type, slot);
  if (op.reg != ~0u) {
    Operand copy = op;
    copy.kind = OperandKind::reg;
    if (!d.dest(copy, type, slot))
      return false;
  } else {
    slot = d.sinkSlot(4);
  }
  if (op.reg2 != ~0u) {
    if (d.registerType(op.reg2) != Type::pred)
      return d.fail(op.loc, "expected a predicate after '|'");
    pred = d.slotOfRegister(op.reg2);
  }
  return true;
}

namespace {

#ifdef __AVX2__
/// shfl.sync.bfly of a whole warp by one distance within the whole warp.
void exchange(const uint32_t *from, uint32_t *to, uint32_t by) {
  const __m256i lanes = _mm256_xor_si256(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
                                         _mm256_set1_epi32(int(by & 7)));
  __m256i v[4];
  for (unsigned part = 0; part < 4; ++part)
    v[part] = _mm256_permutevar8x32_epi32(
        _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from + 8 * part)), lanes);
  for (unsigned part = 0; part < 4; ++part)
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(to + 8 * part), v[part ^ (by >> 3 & 3)]);
}
#endif

/// shfl.sync: p0 = mode (up, down, bfly, idx), b = lane operand, target =
/// clamp and segment mask; d = value; aux = slot of the predicate or noSlot;
/// c = member mask.
void runShfl(Warp &w, const Inst &i, uint32_t mask) {
#ifdef __AVX2__
  const uint32_t *distance = row<uint32_t>(w, i.b), *bounds = row<uint32_t>(w, i.target);
  if (mask == allLanes && i.p0 == 2 && bounds[0] == 31 && inSteps<uint32_t>(distance, 0) &&
      inSteps<uint32_t>(bounds, 0)) {
    exchange(row<uint32_t>(w, i.a), row<uint32_t>(w, i.d), distance[0] & 31);
    if (i.aux != noSlot)
      predicate(w, i.aux) = allLanes;
    return;
  }
#endif
  uint32_t value[32];
  std::memcpy(value, row<uint32_t>(w, i.a), sizeof(value));
  const uint32_t *b = row<uint32_t>(w, i.b), *c = row<uint32_t>(w, i.target);
  uint32_t *d = row<uint32_t>(w, i.d);
  uint32_t inRange = 0, result[32];
  for (unsigned l = 0; l < 32; ++l) {
    uint32_t segment = c[l] >> 8 & 31, clamp = c[l] & 31, by = b[l] & 31;
    int highest = int((l & segment) | (clamp & ~segment));
    int lowest = int(l & segment);
    int source;
    bool in;
    switch (i.p0) {
    case 0: source = int(l) - int(by); in = source >= highest; break;
    case 1: source = int(l + by); in = source <= highest; break;
    case 2: source = int(l ^ by); in = source <= highest; break;
    default: source = lowest | int(by & ~segment); in = source <= highest; break;
    }
    if (!in)
      source = int(l);
    result[l] = value[source & 31];
    inRange |= uint32_t(in) << l;
    // A lane that does not take part has no value to give.
    if ((mask >> l & 1) && in && !(mask >> (source & 31) & 1) && (w.live >> (source & 31) & 1))
      report(w, FindingKind::syncMask, l, 0, "shfl.sync reads a lane that does not take part", false);
  }
  eachLane(d, mask, [&](unsigned l) { return result[l]; });
  if (i.aux != noSlot) {
    uint32_t &p = predicate(w, i.aux);
    p = (p & ~mask) | (inRange & mask);
  }
}

/// vote.sync: p0 = all, any, uni, ballot; p1 = source negated.
void runVote(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t p = predicate(w, i.a);
  if (i.p1)
    p = ~p;
  const uint32_t *member = row<uint32_t>(w, i.c);
  uint32_t result = 0;
  uint32_t *d = i.p0 == 3 ? row<uint32_t>(w, i.d) : nullptr;
  for (uint32_t m = mask; m; m &= m - 1) {
    unsigned l = unsigned(std::countr_zero(m));
    uint32_t in = member[l] & mask, yes = p & in;
    switch (i.p0) {
    case 0: result |= uint32_t(yes == in) << l; break;
    case 1: result |= uint32_t(yes != 0) << l; break;
    case 2: result |= uint32_t(yes == in || !yes) << l; break;
    default: d[l] = yes; break;
    }
  }
  if (i.p0 != 3) {
    uint32_t &q = predicate(w, i.d);
    q = (q & ~mask) | result;
  }
}

/// match.sync: p0 = any, all; target = predicate of .all.
template <class T> void runMatch(Warp &w, const Inst &i, uint32_t mask) {
  T a[32];
  std::memcpy(a, row<T>(w, i.a), sizeof(a));
  const uint32_t *member = row<uint32_t>(w, i.c);
  uint32_t *d = row<uint32_t>(w, i.d);
  uint32_t all = 0, result[32] = {};
  for (uint32_t m = mask; m; m &= m - 1) {
    unsigned l = unsigned(std::countr_zero(m));
    uint32_t same = 0, in = member[l] & mask;
    for (uint32_t n = in; n; n &= n - 1) {
      unsigned k = unsigned(std::countr_zero(n));
      same |= uint32_t(a[k] == a[l]) << k;
    }
    bool isAll = same == in;
    result[l] = i.p0 ? (isAll ? in : 0) : same;
    all |= uint32_t(isAll) << l;
  }
  eachLane(d, mask, [&](unsigned l) { return result[l]; });
  if (i.target != noSlot) {
    uint32_t &p = predicate(w, i.target);
    p = (p & ~mask) | (all & mask);
  }
}

/// redux.sync: p0 = add, min, max, and, or, xor; p1 = signed.
void runRedux(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t a[32];
  std::memcpy(a, row<uint32_t>(w, i.a), sizeof(a));
  const uint32_t *member = row<uint32_t>(w, i.c);
  uint32_t *d = row<uint32_t>(w, i.d);
  for (uint32_t m = mask; m; m &= m - 1) {
    unsigned l = unsigned(std::countr_zero(m));
    bool first = true;
    uint32_t r = 0;
    for (uint32_t n = member[l] & mask; n; n &= n - 1) {
      uint32_t v = a[std::countr_zero(n)];
      if (first) {
        r = v;
        first = false;
        continue;
      }
      switch (i.p0) {
      case 0: r += v; break;
      case 1: r = i.p1 ? uint32_t(std::min(int32_t(r), int32_t(v))) : std::min(r, v); break;
      case 2: r = i.p1 ? uint32_t(std::max(int32_t(r), int32_t(v))) : std::max(r, v); break;
      case 3: r &= v; break;
      case 4: r |= v; break;
      default: r ^= v; break;
      }
    }
    d[l] = r;
  }
}

void runActivemask(Warp &w, const Inst &i, uint32_t mask) {
  eachLane(row<uint32_t>(w, i.d), mask, [=](unsigned) { return mask; });
}
/// elect.sync d|p, mask: the lowest lane of the mask.
void runElect(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t leader = uint32_t(std::countr_zero(mask));
  if (i.d != noSlot)
    eachLane(row<uint32_t>(w, i.d), mask, [=](unsigned) { return leader; });
  if (i.target != noSlot) {
    uint32_t &p = predicate(w, i.target);
    p = (p & ~mask) | (1u << leader);
  }
}

bool sync(Decoder &d, Handler h) {
  d.out.flow = Flow::warpSync;
  return finish(d, h, Pipe::xu);
}

} // namespace

static bool decodeShfl(Decoder &d) {
  if (!d.eat("sync"))
    return d.fail("shfl without .sync is not possible on sm_70 and later");
  int mode = d.eatOneOf({"up", "down", "bfly", "idx"});
  if (mode < 0 || !d.eat("b32"))
    return d.badModifier(".up, .down, .bfly or .idx, .b32");
  d.out.p0 = uint8_t(mode);
  return d.expectOperands(5, 5) && resultAndPredicate(d, d.operand(0), Type::b32, d.out.d, d.out.aux) &&
         d.source(1, Type::b32, d.out.a) && d.source(2, Type::b32, d.out.b) && d.source(3, Type::b32, d.out.target) &&
         d.source(4, Type::b32, d.out.c) && sync(d, runShfl);
}

static bool decodeVote(Decoder &d) {
  if (!d.eat("sync"))
    return d.fail("vote without .sync is not possible on sm_70 and later");
  int mode = d.eatOneOf({"all", "any", "uni", "ballot"});
  if (mode < 0)
    return d.badModifier(".all, .any, .uni or .ballot");
  if (!d.eat(mode == 3 ? "b32" : "pred"))
    return d.badModifier(mode == 3 ? ".b32" : ".pred");
  bool negated;
  d.out.p0 = uint8_t(mode);
  if (!d.expectOperands(3, 3) || !d.dest(0, mode == 3 ? Type::b32 : Type::pred, d.out.d) ||
      !d.predSource(1, d.out.a, negated) || !d.source(2, Type::b32, d.out.c))
    return false;
  d.out.p1 = negated;
  return sync(d, runVote);
}

static bool decodeMatch(Decoder &d) {
  int mode = d.eatOneOf({"any", "all"});
  if (mode < 0 || !d.eat("sync"))
    return d.badModifier(".any or .all, .sync");
  Type type;
  if (!d.expectType(type))
    return false;
  if (type != Type::b32 && type != Type::b64)
    return d.badType(type);
  d.out.p0 = uint8_t(mode);
  return d.require(70, 60, "match") && d.expectOperands(3, 3) &&
         resultAndPredicate(d, d.operand(0), Type::b32, d.out.d, d.out.target) && d.source(1, type, d.out.a) &&
         d.source(2, Type::b32, d.out.c) && sync(d, type == Type::b32 ? runMatch<uint32_t> : runMatch<uint64_t>);
}

static bool decodeRedux(Decoder &d) {
  if (!d.eat("sync"))
    return d.badModifier(".sync");
  int op = d.eatOneOf({"add", "min", "max", "and", "or", "xor"});
  Type type = Type::none;
  if (op < 0 || !d.expectType(type))
    return op < 0 ? d.badModifier("an operation") : false;
  bool ok = op < 3 ? type == Type::u32 || type == Type::s32 : type == Type::b32;
  if (!ok)
    return type == Type::f32 ? d.unsupported("redux of f32") : d.badType(type);
  d.out.p0 = uint8_t(op);
  d.out.p1 = type == Type::s32;
  return d.require(80, 70, "redux") && d.expectOperands(3, 3) && d.dest(0, type, d.out.d) &&
         d.source(1, type, d.out.a) && d.source(2, Type::b32, d.out.c) && sync(d, runRedux);
}

static bool decodeActivemask(Decoder &d) {
  return (d.eat("b32") || d.badModifier(".b32")) && d.require(30, 62, "activemask") && d.expectOperands(1, 1) &&
         d.dest(0, Type::b32, d.out.d) && finish(d, runActivemask);
}
static bool decodeElect(Decoder &d) {
  return (d.eat("sync") || d.badModifier(".sync")) && d.require(90, 80, "elect") && d.expectOperands(2, 2) &&
         resultAndPredicate(d, d.operand(0), Type::b32, d.out.d, d.out.target) && d.source(1, Type::b32, d.out.c) &&
         sync(d, runElect);
}

const OpcodeRow lowbit::ptx::warpOpcodes[] = {
    {"shfl", decodeShfl},   {"vote", decodeVote},   {"match", decodeMatch},
    {"redux", decodeRedux}, {"activemask", decodeActivemask}, {"elect", decodeElect},
    {nullptr, nullptr}};
