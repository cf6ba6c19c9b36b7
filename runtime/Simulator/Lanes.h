//===- Lanes.h - Loops over the 32 lanes ------------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Handlers of operations that treat every lane alike. The loops have constant
// bounds and no branches, so the compiler makes vector code of them.
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_LANES_H
#define RUNTIME_SIMULATOR_LANES_H

#include "runtime/Simulator/Decoder.h"
#include "runtime/Simulator/Exec.h"

#include <type_traits>

#if defined(__clang__)
// Unrolled before vectors are made of it, a loop would stay scalar.
#define LOWBIT_LANE_LOOP _Pragma("clang loop vectorize(enable) interleave_count(4) unroll(disable)")
#define LOWBIT_SHORT_LANE_LOOP _Pragma("clang loop vectorize(enable) interleave_count(2) unroll(disable)")
#else
#define LOWBIT_LANE_LOOP _Pragma("GCC ivdep")
#define LOWBIT_SHORT_LANE_LOOP LOWBIT_LANE_LOOP
#endif

namespace lowbit::ptx {

/// d[l] = v[l] for the lanes of `mask`; `size` bytes each: 1, 2, 4 or 8.
void storeLanes(void *d, const void *v, unsigned size, uint32_t mask);

/// v[l] = value(l)
template <class D, class F> inline void valuesOfLanes(D (&v)[32], const F &value) {
  if constexpr (sizeof(D) >= 4) {
    LOWBIT_LANE_LOOP
    for (unsigned l = 0; l < 32; ++l)
      v[l] = value(l);
  } else {
    LOWBIT_SHORT_LANE_LOOP
    for (unsigned l = 0; l < 32; ++l)
      v[l] = value(l);
  }
}

/// d[l] = value(l) for the lanes of `mask`; value is asked for all lanes. Values are made
/// apart from all rows, which the compiler would otherwise take for overlapping.
template <class D, class F>
inline void eachLane(D *d, uint32_t mask, const F &value) {
  if (mask == allLanes) [[likely]] {
    D v[32];
    valuesOfLanes(v, value);
    std::memcpy(d, v, sizeof(v));
  } else {
    D v[32];
    valuesOfLanes(v, value);
    storeLanes(d, v, sizeof(D), mask);
  }
}

/// d = Op::run(a)
template <class Op, class D, class A = D>
void unaryLanes(Warp &w, const Inst &i, uint32_t mask) {
  const A *a = row<A>(w, i.a);
  eachLane(row<D>(w, i.d), mask, [=](unsigned l) { return Op::run(a[l]); });
}

/// d = Op::run(a, b)
template <class Op, class D, class A = D, class B = A>
void binaryLanes(Warp &w, const Inst &i, uint32_t mask) {
  const A *a = row<A>(w, i.a);
  const B *b = row<B>(w, i.b);
  eachLane(row<D>(w, i.d), mask,
           [=](unsigned l) { return Op::run(a[l], b[l]); });
}

/// d = Op::run(a, b, c)
template <class Op, class D, class A = D, class B = A, class C = D>
void ternaryLanes(Warp &w, const Inst &i, uint32_t mask) {
  const A *a = row<A>(w, i.a);
  const B *b = row<B>(w, i.b);
  const C *c = row<C>(w, i.c);
  eachLane(row<D>(w, i.d), mask,
           [=](unsigned l) { return Op::run(a[l], b[l], c[l]); });
}

/// d = Op::run(inst, a), for operations with parameters in the instruction.
template <class Op, class D, class A = D>
void unaryInst(Warp &w, const Inst &i, uint32_t mask) {
  const A *a = row<A>(w, i.a);
  D *d = row<D>(w, i.d);
  for (unsigned l = 0; l < 32; ++l)
    if (mask >> l & 1)
      d[l] = Op::run(i, a[l]);
}
template <class Op, class D, class A = D, class B = A>
void binaryInst(Warp &w, const Inst &i, uint32_t mask) {
  const A *a = row<A>(w, i.a);
  const B *b = row<B>(w, i.b);
  D *d = row<D>(w, i.d);
  for (unsigned l = 0; l < 32; ++l)
    if (mask >> l & 1)
      d[l] = Op::run(i, a[l], b[l]);
}
template <class Op, class D, class A = D, class B = A, class C = D>
void ternaryInst(Warp &w, const Inst &i, uint32_t mask) {
  const A *a = row<A>(w, i.a);
  const B *b = row<B>(w, i.b);
  const C *c = row<C>(w, i.c);
  D *d = row<D>(w, i.d);
  for (unsigned l = 0; l < 32; ++l)
    if (mask >> l & 1)
      d[l] = Op::run(i, a[l], b[l], c[l]);
}

/// Unsigned type in which T's arithmetic wraps without promotion to int.
template <class T>
using Wrap = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
template <class T>
using Wide = std::conditional_t<
    sizeof(T) == 2, std::conditional_t<std::is_signed_v<T>, int32_t, uint32_t>,
    std::conditional_t<
        sizeof(T) == 4,
        std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>,
        std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>>>;

/// Picks H<T>::run... for an integer type of 16 to 64 bits, null for others.
template <template <class> class H> Handler pickInteger(Type type) {
  switch (type) {
  case Type::u16: return H<uint16_t>::handler;
  case Type::s16: return H<int16_t>::handler;
  case Type::u32: return H<uint32_t>::handler;
  case Type::s32: return H<int32_t>::handler;
  case Type::u64: return H<uint64_t>::handler;
  case Type::s64: return H<int64_t>::handler;
  default: return nullptr;
  }
}

/// Decoding of `d, a[, b[, c]]`, all of one type.
inline bool threeOperands(Decoder &d, Type type, size_t sources) {
  if (!d.expectOperands(sources + 1, sources + 1) ||
      !d.dest(0, type, d.out.d) || !d.source(1, type, d.out.a))
    return false;
  if (sources > 1 && !d.source(2, type, d.out.b))
    return false;
  if (sources > 2 && !d.source(3, type, d.out.c))
    return false;
  return true;
}

inline bool finish(Decoder &d, Handler handler, Pipe pipe = Pipe::alu) {
  if (!handler)
    return d.fail("'" + d.inst().opcode + "' has no form for this type");
  d.out.run = handler;
  d.out.pipe = pipe;
  d.emit();
  return true;
}

/// True when the last modifier names a float type.
inline bool lastIsFloat(const Decoder &d) {
  const auto &m = d.inst().modifiers;
  return !m.empty() && isFloat(parseType(m.back().text));
}

bool decodeWmma(Decoder &d);

// Float forms of opcodes that integers share.
bool decodeFloatAdd(Decoder &d);
bool decodeFloatSub(Decoder &d);
bool decodeFloatMul(Decoder &d);
bool decodeFloatFma(Decoder &d);
bool decodeFloatDiv(Decoder &d);
bool decodeFloatMinMax(Decoder &d);
bool decodeFloatNegAbs(Decoder &d);

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_LANES_H
