//===- ValueBuilder.cpp - Arithmetic written once over abstract values ----===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/ValueBuilder.h"

#include <cassert>

using namespace lowbit::kernel;
using V = AbstractValue;

unsigned lowbit::kernel::bitsOf(Scalar scalar) {
  switch (scalar) {
  case Scalar::i1:
    return 1;
  case Scalar::i8:
    return 8;
  case Scalar::i16:
    return 16;
  case Scalar::i32:
  case Scalar::f32:
    return 32;
  case Scalar::i64:
  case Scalar::f64:
    return 64;
  }
  return 0;
}

const char *lowbit::kernel::opcodeName(Opcode opcode) {
  static const char *const names[] = {"constantInt",
                                      "constantFloat",
                                      "splat",
                                      "extractLane",
                                      "bitcast",
                                      "shuffle",
                                      "bitAnd",
                                      "bitOr",
                                      "bitXor",
                                      "shiftLeft",
                                      "shiftRightLogical",
                                      "shiftRightArithmetic",
                                      "add",
                                      "sub",
                                      "mul",
                                      "addSaturating",
                                      "minSigned",
                                      "maxSigned",
                                      "popCount",
                                      "extendSigned",
                                      "extendUnsigned",
                                      "truncate",
                                      "signedToFloat",
                                      "floatToSigned",
                                      "addF",
                                      "subF",
                                      "mulF",
                                      "divF",
                                      "sqrtF",
                                      "fmaF",
                                      "negF",
                                      "absF",
                                      "extendF",
                                      "truncateF",
                                      "compareInt",
                                      "compareFloat",
                                      "select",
                                      "halfToFloat",
                                      "maddU8S8",
                                      "maddI16",
                                      "dot4U8S8"};
  static_assert(sizeof(names) / sizeof(*names) == opcodeCount);
  return names[unsigned(opcode)];
}

V ValueBuilder::constantInt(ValueType type, int64_t value) {
  assert(!isFloat(type.scalar));
  return emit({Opcode::constantInt, type, {}, value});
}

V ValueBuilder::constantFloat(ValueType type, double value) {
  assert(isFloat(type.scalar));
  return emit({Opcode::constantFloat, type, {}, 0, value});
}

V ValueBuilder::splat(V scalar, unsigned lanes) {
  assert(scalar.type.lanes == 0 && lanes > 0);
  return emit({Opcode::splat, {scalar.type.scalar, lanes}, {&scalar, 1}});
}

V ValueBuilder::extractLane(V vector, unsigned lane) {
  assert(lane < vector.type.lanes);
  return emit(
      {Opcode::extractLane, {vector.type.scalar, 0}, {&vector, 1}, lane});
}

V ValueBuilder::bitcast(V value, ValueType type) {
  assert(value.type.bits() == type.bits());
  if (value.type == type)
    return value;
  return emit({Opcode::bitcast, type, {&value, 1}});
}

V ValueBuilder::shuffle(V a, std::span<const int> mask) {
  ValueType type{a.type.scalar, unsigned(mask.size())};
  return emit({Opcode::shuffle, type, {&a, 1}, 0, 0, mask});
}

V ValueBuilder::shuffle(V a, V b, std::span<const int> mask) {
  assert(a.type == b.type);
  V operands[] = {a, b};
  ValueType type{a.type.scalar, unsigned(mask.size())};
  return emit({Opcode::shuffle, type, operands, 0, 0, mask});
}

V ValueBuilder::unary(Opcode opcode, V a) {
  return emit({opcode, a.type, {&a, 1}});
}

V ValueBuilder::binary(Opcode opcode, V a, V b) {
  assert(a.type == b.type && "operands of one operation have one type");
  V operands[] = {a, b};
  return emit({opcode, a.type, operands});
}

V ValueBuilder::shift(Opcode opcode, V a, unsigned by) {
  assert(by < bitsOf(a.type.scalar));
  if (by == 0)
    return a;
  return emit({opcode, a.type, {&a, 1}, by});
}

V ValueBuilder::convert(Opcode opcode, V a, Scalar to) {
  if (a.type.scalar == to)
    return a;
  return emit({opcode, a.type.with(to), {&a, 1}});
}

V ValueBuilder::compareInt(Predicate predicate, V a, V b) {
  assert(a.type == b.type && !isFloat(a.type.scalar));
  V operands[] = {a, b};
  return emit({Opcode::compareInt,
               a.type.with(Scalar::i1),
               operands,
               0,
               0,
               {},
               predicate});
}

V ValueBuilder::compareFloat(Predicate predicate, V a, V b) {
  assert(a.type == b.type && isFloat(a.type.scalar));
  V operands[] = {a, b};
  return emit({Opcode::compareFloat,
               a.type.with(Scalar::i1),
               operands,
               0,
               0,
               {},
               predicate});
}

V ValueBuilder::select(V condition, V a, V b) {
  assert(a.type == b.type && condition.type.lanes == a.type.lanes);
  V operands[] = {condition, a, b};
  return emit({Opcode::select, a.type, operands});
}

V ValueBuilder::fma(V a, V b, V c) {
  assert(a.type == b.type && a.type == c.type && a.type.scalar == Scalar::f32);
  if (!caps.fma)
    return emitFmaByDoubles(a, b, c);
  V operands[] = {a, b, c};
  return emit({Opcode::fmaF, a.type, operands});
}

// N17. The product of two f32 is exact in f64. The sum is rounded to odd: where
// the TwoSum error is not zero and the last bit is even, step toward the error.
// Rounding that to f32 then gives what one rounding of the exact sum gives,
// because f64 has more than two bits beyond f32.
V ValueBuilder::fmaByDoubles(V a, V b, V c) {
  V p = mulF(extendF(a, Scalar::f64), extendF(b, Scalar::f64));
  V d = extendF(c, Scalar::f64);
  V s = addF(p, d);
  V dPart = subF(s, p);
  V error = addF(subF(p, subF(s, dPart)), subF(d, dPart));
  ValueType wide = a.type.with(Scalar::i64);
  V bits = bitcast(s, wide), one = constantInt(wide, 1);
  // +1 moves away from zero, right when the error has the sign of the sum; else
  // -1.
  V opposite = shiftRightLogical(bitXor(bits, bitcast(error, wide)), 63);
  V step = sub(one, shiftLeft(opposite, 1));
  V whenEven = sub(bitAnd(bits, one), one); // all ones or zero
  V odd = add(bits, bitAnd(step, whenEven));
  // False for a NaN, which stays what it is.
  V inexact = compareFloat(Predicate::greater, absF(error),
                           constantFloat(error.type, 0));
  return truncateF(bitcast(select(inexact, odd, bits), s.type), Scalar::f32);
}

// Sign aside, f16 bits moved up by 13 are an f32 whose exponent is too small by
// 112; the product with 2^112 is exact, denormals included. Exponent 31 becomes
// 255.
V ValueBuilder::halfToFloat(V bits) {
  assert(bits.type.scalar == Scalar::i16);
  if (caps.halfConversion)
    return emit({Opcode::halfToFloat, bits.type.with(Scalar::f32), {&bits, 1}});
  V wide = extendUnsigned(bits, Scalar::i32);
  V sign = shiftLeft(bitAnd(wide, 0x8000), 16);
  V magnitude = shiftLeft(bitAnd(wide, 0x7fff), 13);
  ValueType f = bits.type.with(Scalar::f32);
  V scaled = mulF(bitcast(magnitude, f), constantFloat(f, 0x1p112));
  V special = bitOr(magnitude, 0x7f800000);
  V isSpecial = compareInt(Predicate::greaterEqual, magnitude,
                           constantInt(magnitude.type, 0x0f800000));
  V result = select(isSpecial, special, bitcast(scaled, magnitude.type));
  return bitcast(bitOr(result, sign), f);
}

V ValueBuilder::bfloatToFloat(V bits) {
  assert(bits.type.scalar == Scalar::i16);
  V wide = shiftLeft(extendUnsigned(bits, Scalar::i32), 16);
  return bitcast(wide, bits.type.with(Scalar::f32));
}

V ValueBuilder::maddU8S8(V u, V s) {
  assert(u.type == s.type && u.type.scalar == Scalar::i8 &&
         u.type.lanes % 2 == 0);
  ValueType pairs{Scalar::i16, u.type.lanes / 2};
  if (!caps.maddU8S8Intrinsic.empty() && u.type.lanes == 32) {
    V operands[] = {u, s};
    return emit({Opcode::maddU8S8, pairs, operands});
  }
  V up = bitcast(u, pairs), sp = bitcast(s, pairs);
  V even = mul(bitAnd(up, 0xff), shiftRightArithmetic(shiftLeft(sp, 8), 8));
  V odd = mul(shiftRightLogical(up, 8), shiftRightArithmetic(sp, 8));
  return add(even, odd);
}

V ValueBuilder::maddI16(V a, V b) {
  assert(a.type == b.type && a.type.scalar == Scalar::i16 &&
         a.type.lanes % 2 == 0);
  ValueType pairs{Scalar::i32, a.type.lanes / 2};
  if (!caps.maddI16Intrinsic.empty() && a.type.lanes == 16) {
    V operands[] = {a, b};
    return emit({Opcode::maddI16, pairs, operands});
  }
  V ap = bitcast(a, pairs), bp = bitcast(b, pairs);
  V even = mul(shiftRightArithmetic(shiftLeft(ap, 16), 16),
               shiftRightArithmetic(shiftLeft(bp, 16), 16));
  V odd = mul(shiftRightArithmetic(ap, 16), shiftRightArithmetic(bp, 16));
  return add(even, odd);
}

V ValueBuilder::pairSumI16(V a) {
  if (!caps.maddI16Intrinsic.empty() && a.type.lanes == 16)
    return maddI16(a, constantInt(a.type, 1));
  V pairs = bitcast(a, ValueType{Scalar::i32, a.type.lanes / 2});
  return add(shiftRightArithmetic(shiftLeft(pairs, 16), 16),
             shiftRightArithmetic(pairs, 16));
}

V ValueBuilder::dot4U8S8(V acc, V u, V s) {
  assert(u.type == s.type && u.type.scalar == Scalar::i8 &&
         acc.type.scalar == Scalar::i32 &&
         acc.type.count() == u.type.lanes / 4);
  if (hasDot4(acc.type.lanes)) {
    V operands[] = {acc, u, s};
    return emit({Opcode::dot4U8S8, acc.type, operands});
  }
  ValueType quads = acc.type;
  V up = bitcast(u, quads), sp = bitcast(s, quads);
  for (unsigned i = 0; i < 4; ++i) {
    V x = bitAnd(shiftRightLogical(up, 8 * i), 0xff);
    V y = shiftRightArithmetic(shiftLeft(sp, 24 - 8 * i), 24);
    acc = add(acc, mul(x, y));
  }
  return acc;
}

V ValueBuilder::treeSum(std::span<const V> values) {
  assert(!values.empty());
  std::vector<V> level(values.begin(), values.end());
  while (level.size() > 1) {
    size_t out = 0;
    for (size_t i = 0; i < level.size(); i += 2)
      level[out++] =
          i + 1 < level.size() ? addF(level[i], level[i + 1]) : level[i];
    level.resize(out);
  }
  return level[0];
}
