//===- Activation.cpp - Elementwise functions over abstract values ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/Activation.h"

#include <cassert>
#include <limits>

namespace lowbit::kernel {

using V = AbstractValue;

/// 1.5 * 2^23: adding and subtracting it rounds to the nearest even integer.
static constexpr double roundingConstant = 12582912.0;
static constexpr int64_t roundingBits = 0x4B400000;

/// The integer that a float holds to which roundingConstant was added.
static V integerPart(ValueBuilder &b, V shifted) {
  ValueType ints = shifted.type.with(Scalar::i32);
  return b.sub(b.bitcast(shifted, ints), b.constantInt(ints, roundingBits));
}

/// 2^n from bits, -126 <= n <= 127.
static V powerOfTwo(ValueBuilder &b, V n, ValueType floats) {
  V biased = b.add(n, b.constantInt(n.type, 127));
  return b.bitcast(b.shiftLeft(biased, 23), floats);
}

V emitExp(ValueBuilder &b, V x) {
  ValueType type = x.type;
  auto f = [&](double value) { return b.constantFloat(type, value); };
  V shifted = b.fma(x, f(1.44269504), f(roundingConstant));
  V n = b.subF(shifted, f(roundingConstant));
  V r = b.fma(n, f(-0.693145752), x);
  r = b.fma(n, f(-1.42860677e-06), r);
  V p = f(1.98412698e-4);
  for (double c : {1.38888889e-3, 8.33333333e-3, 4.16666667e-2, 1.66666667e-1,
                   0.5, 1.0, 1.0})
    p = b.fma(p, r, f(c));
  V whole = integerPart(b, shifted);
  V half = b.shiftRightArithmetic(whole, 1);
  V result = b.mulF(p, powerOfTwo(b, half, type));
  result = b.mulF(result, powerOfTwo(b, b.sub(whole, half), type));
  // Out of range the integer above is meaningless, so the ends are chosen last.
  result = b.select(b.compareFloat(Predicate::greater, x, f(88.72284)),
                    f(std::numeric_limits<double>::infinity()), result);
  result = b.select(b.compareFloat(Predicate::less, x, f(-87.33655)), f(0.0), result);
  return b.select(b.compareFloat(Predicate::notEqual, x, x), x, result);
}

V emitRsqrt(ValueBuilder &b, V x) {
  return b.divF(b.constantFloat(x.type, 1.0), b.sqrtF(x));
}

static V emitTanh(ValueBuilder &b, V x) {
  V one = b.constantFloat(x.type, 1.0);
  V e = emitExp(b, b.mulF(b.constantFloat(x.type, -2.0), b.absF(x)));
  V t = b.divF(b.subF(one, e), b.addF(one, e));
  ValueType ints = x.type.with(Scalar::i32);
  V sign = b.bitAnd(b.bitcast(x, ints), int64_t(INT32_MIN));
  V magnitude = b.bitAnd(b.bitcast(t, ints), int64_t(INT32_MAX));
  return b.bitcast(b.bitOr(magnitude, sign), x.type);
}

V emitActivation(ValueBuilder &b, Activation kind, V x) {
  V one = b.constantFloat(x.type, 1.0);
  switch (kind) {
  case Activation::exp:
    return emitExp(b, x);
  case Activation::sigmoid:
    return b.divF(one, b.addF(one, emitExp(b, b.negF(x))));
  case Activation::silu:
    return b.divF(x, b.addF(one, emitExp(b, b.negF(x))));
  case Activation::tanh:
    return emitTanh(b, x);
  case Activation::geluTanh: {
    V cube = b.mulF(b.mulF(x, x), x);
    V inner = b.fma(b.constantFloat(x.type, 0.044715), cube, x);
    V t = emitTanh(b, b.mulF(b.constantFloat(x.type, 0.797884561), inner));
    return b.mulF(b.mulF(b.constantFloat(x.type, 0.5), x), b.addF(one, t));
  }
  case Activation::relu2: {
    V zero = b.constantFloat(x.type, 0.0);
    V r = b.select(b.compareFloat(Predicate::greater, x, zero), x, zero);
    return b.mulF(r, r);
  }
  }
  assert(false && "unknown activation");
  return x;
}

V emitClampToInt(ValueBuilder &b, V x, int lo, int hi) {
  auto f = [&](double value) { return b.constantFloat(x.type, value); };
  V v = b.select(b.compareFloat(Predicate::notEqual, x, x), f(0.0), x);
  v = b.select(b.compareFloat(Predicate::less, v, f(lo)), f(lo), v);
  v = b.select(b.compareFloat(Predicate::greater, v, f(hi)), f(hi), v);
  return integerPart(b, b.addF(v, f(roundingConstant)));
}

V emitMax(ValueBuilder &b, V candidate, V largest) {
  return b.select(b.compareFloat(Predicate::greater, candidate, largest), candidate,
                  largest);
}

V emitLaneTree(ValueBuilder &b, std::span<const V> vectors) {
  std::vector<V> level(vectors.begin(), vectors.end());
  // Even and odd lanes of two neighbours are the pairs of the next level.
  while (level.size() > 1) {
    std::vector<V> next;
    unsigned lanes = level[0].type.lanes;
    std::vector<int> even, odd;
    for (unsigned i = 0; i < lanes; ++i) {
      even.push_back(int(2 * i));
      odd.push_back(int(2 * i + 1));
    }
    for (size_t i = 0; i + 1 < level.size(); i += 2)
      next.push_back(b.addF(b.shuffle(level[i], level[i + 1], even),
                            b.shuffle(level[i], level[i + 1], odd)));
    level = std::move(next);
  }
  V sum = level[0];
  while (sum.type.lanes > 1) {
    std::vector<int> even, odd;
    for (unsigned i = 0; i < sum.type.lanes / 2; ++i) {
      even.push_back(int(2 * i));
      odd.push_back(int(2 * i + 1));
    }
    sum = b.addF(b.shuffle(sum, even), b.shuffle(sum, odd));
  }
  return b.extractLane(sum, 0);
}

} // namespace lowbit::kernel
