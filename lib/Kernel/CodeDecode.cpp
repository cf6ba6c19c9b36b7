//===- CodeDecode.cpp - Packed codes to numbers ---------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/CodeDecode.h"

#include <algorithm>
#include <cassert>
#include <optional>

using namespace lowbit;
using namespace lowbit::kernel;

// Bytes are shifted in 16-bit lanes (four bytes as one word), as machines have
// no byte shift; the mask drops what crosses from the neighbour.
static AbstractValue moveBits(ValueBuilder &b, AbstractValue bytes,
                              unsigned from, unsigned to, unsigned count) {
  if (from == to && to == 0 && count == 8)
    return bytes;
  bool isWord = bytes.type.lanes == 4;
  ValueType wide = isWord ? ValueType{Scalar::i32, 0}
                          : ValueType{Scalar::i16, bytes.type.lanes / 2};
  AbstractValue moved = b.bitcast(bytes, wide);
  if (from > to)
    moved = b.shiftRightLogical(moved, from - to);
  else if (from < to)
    moved = b.shiftLeft(moved, to - from);
  int64_t mask = ((1 << count) - 1) << to;
  if (isWord)
    return b.bitcast(b.bitAnd(moved, mask * 0x01010101), bytes.type);
  return b.bitAnd(b.bitcast(moved, bytes.type), mask);
}

AbstractValue kernel::decodeColumnVector(ValueBuilder &b,
                                         std::span<const FieldPlan> fields,
                                         const FieldBytes &bytes, unsigned v,
                                         unsigned bitBegin, unsigned bitCount) {
  assert(v < 8);
  std::optional<AbstractValue> result;
  for (unsigned f = 0; f < fields.size(); ++f) {
    const FieldPlan &field = fields[f];
    unsigned lo = std::max(field.shift, bitBegin);
    unsigned hi = std::min(field.shift + field.width, bitBegin + bitCount);
    if (lo >= hi)
      continue;
    unsigned j = v % field.width, slot = field.width * (v / field.width);
    AbstractValue part = moveBits(b, bytes(f, j), slot + lo - field.shift,
                                  lo - bitBegin, hi - lo);
    result = result ? b.bitOr(*result, part) : part;
  }
  assert(result && "a code has bits in the range");
  return *result;
}

std::vector<unsigned> kernel::storageOrder(std::span<const FieldPlan> fields) {
  unsigned width = fields[0].width;
  std::vector<unsigned> order;
  for (unsigned j = 0; j < width; ++j)
    for (unsigned v = j; v < 8; v += width)
      order.push_back(v);
  return order;
}

AbstractValue kernel::columnOfVector(ValueBuilder &b, AbstractValue codes,
                                     unsigned q) {
  AbstractValue quads =
      b.bitcast(codes, ValueType{Scalar::i32, codes.type.lanes / 4});
  AbstractValue shifted = b.shiftRightLogical(quads, 8 * q);
  return q == 3 ? shifted : b.bitAnd(shifted, 0xff);
}

Scalar kernel::storedScalar(const NumberDesc &number) {
  if (number.isFloat())
    return number.format == FloatFormat::f32 ? Scalar::f32 : Scalar::i16;
  switch (number.storageBits()) {
  case 8:
    return Scalar::i8;
  case 16:
    return Scalar::i16;
  default:
    return Scalar::i32;
  }
}

AbstractValue kernel::paramToFloat(ValueBuilder &b, const NumberDesc &number,
                                   AbstractValue raw) {
  switch (number.format) {
  case FloatFormat::f16:
    return b.halfToFloat(raw);
  case FloatFormat::bf16:
    return b.bfloatToFloat(raw);
  default:
    return raw;
  }
}

AbstractValue kernel::paramToInt(ValueBuilder &b, const NumberDesc &number,
                                 AbstractValue raw) {
  return number.kind == NumberKind::signedInt
             ? b.extendSigned(raw, Scalar::i32)
             : b.extendUnsigned(raw, Scalar::i32);
}

AbstractValue kernel::decodeValue(ValueBuilder &b, const DecodeFactors &factors,
                                  AbstractValue value) {
  auto combine = [&](AbstractValue floats, AbstractValue ints) {
    return ints.handle ? b.mulF(floats, b.signedToFloat(ints)) : floats;
  };
  if (!factors.hasScale && !factors.hasOffset)
    return value;
  AbstractValue scale = factors.hasScale
                            ? combine(factors.floatScale, factors.intScale)
                            : b.constantFloat(value.type, 1.0);
  if (!factors.hasOffset)
    return b.mulF(scale, value);
  AbstractValue offset = combine(factors.floatOffset, factors.intOffset);
  return b.fma(scale, value, offset);
}
