//===- ElementDecoder.cpp - One element of a weight in any layout ---------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/ElementDecoder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cmath>

using namespace lowbit;
using namespace lowbit::kernel;
using mlir::Value;
using V = AbstractValue;

static constexpr ValueType scalarF32{Scalar::f32, 0};
static constexpr ValueType scalarI32{Scalar::i32, 0};

Status ElementDecoder::check(const LeafDesc &leaf) {
  for (const FieldDesc &field : leaf.fields)
    if (field.entropyBlock != 0)
      return unimplemented("weight %s: elements of a prefix code are not read "
                           "one by one",
                           describe(leaf).c_str());
  if (leaf.pattern && leaf.pattern->kind == PatternKind::complement)
    return unimplemented("weight %s: a complement is not read by itself",
                         describe(leaf).c_str());
  if (leaf.pattern && leaf.lut)
    return unimplemented("weight %s: tables of vectors with a pattern",
                         describe(leaf).c_str());
  return Status::success();
}

static unsigned componentsOfParam(const ParamDesc &param) {
  return param.rank > 0 ? 2 : 1;
}

ElementDecoder::ElementDecoder(StageFunction &stage, const LeafDesc &leaf,
                               std::span<const unsigned> bindings)
    : stage(stage), b(stage.values()), leaf(leaf), bindings(bindings) {
  tableAt = leaf.codeArrays();
  indexAt = tableAt + (leaf.lut ? 1 : 0);
  scalesAt = unsigned(firstParamComponent(leaf));
  zeroAt = scalesAt;
  for (const ParamDesc &scale : leaf.scales)
    zeroAt += componentsOfParam(scale);
  offsetsAt = zeroAt + (leaf.zero ? 1 : 0);
}

//===----------------------------------------------------------------------===//
// Words
//===----------------------------------------------------------------------===//

/// `map` at `index`, one i64 a result.
llvm::SmallVector<Value> ElementDecoder::evaluate(const IndexMap &map,
                                                  Index index) {
  llvm::SmallVector<Value> results;
  for (const IndexExpr &expr : map.results) {
    Value sum = stage.index(expr.constant);
    for (const IndexTerm &term : expr.terms) {
      Value value = stage.divI(index[term.dim], term.div);
      if (term.mod)
        value = stage.remI(value, term.mod);
      sum = stage.addI(sum, stage.mulI(value, term.mul));
    }
    results.push_back(sum);
  }
  return results;
}

Value ElementDecoder::position(Index index, llvm::ArrayRef<int64_t> extents) {
  Value place = stage.index(0);
  for (auto [value, extent] : llvm::zip(index, extents))
    place = stage.addI(stage.mulI(place, extent), value);
  return place;
}

V ElementDecoder::loadWord(unsigned component, unsigned bits, Value entry) {
  Value pointer = stage.at(stage.binding(bindings[component]),
                           stage.mulI(entry, bits / 8));
  return IRValueBuilder::wrap(
      stage.load(stage.builder().getIntegerType(bits), pointer));
}

V ElementDecoder::loadUnsigned(unsigned component, unsigned bits, Value entry) {
  V word = loadWord(component, bits, entry);
  return bits < 32 ? b.extendUnsigned(word, Scalar::i32) : word;
}

Value ElementDecoder::loadIndex(unsigned component, unsigned bits,
                                Value entry) {
  return IRValueBuilder::unwrap(
      b.extendUnsigned(loadUnsigned(component, bits, entry), Scalar::i64));
}

V ElementDecoder::extractBits(V word, Value bit, unsigned width) {
  V by = b.truncate(IRValueBuilder::wrap(bit), Scalar::i32);
  Value shifted = mlir::arith::ShRUIOp::create(
      stage.builder(), stage.loc(), IRValueBuilder::unwrap(word),
      IRValueBuilder::unwrap(by));
  V run = IRValueBuilder::wrap(shifted);
  return width >= 32 ? run : b.bitAnd(run, (int64_t(1) << width) - 1);
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

V ElementDecoder::storedBits(Index stored) {
  V bits = b.constantInt(scalarI32, 0);
  for (const FieldDesc &field : leaf.fields) {
    Value entry = position(evaluate(field.word, stored), field.storage);
    V word = loadUnsigned(field.array, field.wordBits, entry);
    V run = extractBits(word, evaluate(field.bit, stored)[0], field.width);
    bits = b.bitOr(bits, field.shift ? b.shiftLeft(run, field.shift) : run);
  }
  return bits;
}

// Digit i of a group number: the constants of all positions are known, so each
// is computed and the one that is meant is kept.
V ElementDecoder::digitOf(V number, Value digit) {
  const FieldDesc &field = leaf.fields[0];
  unsigned bits = 0;
  for (const FieldDesc &part : leaf.fields)
    bits = std::max(bits, unsigned(part.shift) + part.width);
  auto constant = [&](int64_t value) { return b.constantInt(scalarI32, value); };
  auto divide = [&](V value, int64_t by) {
    Value quotient = mlir::arith::DivUIOp::create(
        stage.builder(), stage.loc(), IRValueBuilder::unwrap(value),
        IRValueBuilder::unwrap(constant(by)));
    return IRValueBuilder::wrap(quotient);
  };
  V which = b.truncate(IRValueBuilder::wrap(digit), Scalar::i32);
  V result;
  int64_t power = 1;
  for (unsigned i = 0; i < field.digits; ++i, power *= field.radix) {
    V value;
    if (field.store == RadixStore::plain) {
      V quotient = divide(number, power);
      value = b.sub(quotient, b.mul(divide(quotient, field.radix),
                                    constant(field.radix)));
    } else {
      V fraction = b.bitAnd(b.mul(number, constant(power)),
                            (int64_t(1) << bits) - 1);
      value =
          b.shiftRightLogical(b.mul(fraction, constant(field.radix)), bits);
    }
    result = i == 0 ? value
                    : b.select(b.compareInt(Predicate::equal, which,
                                            constant(int64_t(i))),
                               value, result);
  }
  return result;
}

V ElementDecoder::storedCode(Index stored) {
  V bits = storedBits(stored);
  const FieldDesc &field = leaf.fields[0];
  return field.radix ? digitOf(bits, evaluate(field.digit, stored)[0]) : bits;
}

V ElementDecoder::integerCode(Index stored) {
  V code = storedCode(stored);
  const NumberDesc &number = leaf.code;
  if (leaf.biased || number.step != 1) {
    if (number.step != 1)
      code = b.mul(code, b.constantInt(scalarI32, number.step));
    return number.lo ? b.add(code, b.constantInt(scalarI32, number.lo)) : code;
  }
  if (number.kind != NumberKind::signedInt || number.width >= 32)
    return code;
  unsigned unused = 32 - number.width;
  return b.shiftRightArithmetic(b.shiftLeft(code, unused), unused);
}

// A small float is sign, exponent and mantissa; as an integer times a power of
// two it is (implicit one and mantissa) shifted by the exponent (E6).
V ElementDecoder::miniFloatInteger(const NumberDesc &number, V bits) {
  unsigned mantissaBits = number.format == FloatFormat::f4E2M1FN   ? 1
                          : number.format == FloatFormat::f6E2M3FN ? 3
                                                                   : 2;
  unsigned signBit = number.width - 1, exponentBits = signBit - mantissaBits;
  int64_t one = int64_t(1) << mantissaBits;
  auto constant = [&](int64_t value) { return b.constantInt(scalarI32, value); };
  V mantissa = b.bitAnd(bits, one - 1);
  V exponent = b.bitAnd(b.shiftRightLogical(bits, mantissaBits),
                        (int64_t(1) << exponentBits) - 1);
  V result = mantissa;
  V normal = b.bitOr(mantissa, constant(one));
  for (int64_t e = 1; e < int64_t(1) << exponentBits; ++e)
    result = b.select(b.compareInt(Predicate::equal, exponent, constant(e)),
                      b.shiftLeft(normal, unsigned(e - 1)), result);
  V negative = b.sub(constant(0), result);
  V sign = b.bitAnd(b.shiftRightLogical(bits, signBit), 1);
  return b.select(b.compareInt(Predicate::equal, sign, constant(1)), negative,
                  result);
}

/// The float whose bits are `word`: i32 (f32 and small floats) or i16.
V ElementDecoder::floatOf(const NumberDesc &number, V word) {
  switch (number.format) {
  case FloatFormat::f16:
    return b.halfToFloat(word);
  case FloatFormat::bf16:
    return b.bfloatToFloat(word);
  case FloatFormat::f4E2M1FN:
  case FloatFormat::f6E2M3FN:
  case FloatFormat::f6E3M2FN: {
    V wide = word.type.scalar == Scalar::i32
                 ? word
                 : b.extendUnsigned(word, Scalar::i32);
    V value = b.signedToFloat(miniFloatInteger(number, wide));
    V scale = b.constantFloat(
        scalarF32, std::ldexp(1.0, -*exactIntegerExponent(number)));
    // The integer has no negative zero.
    V zeroBits = b.shiftLeft(
        b.bitAnd(wide, int64_t(1) << (number.width - 1)), 32 - number.width);
    V magnitude = b.mulF(value, scale);
    return b.bitcast(b.bitOr(b.bitcast(magnitude, scalarI32), zeroBits),
                     scalarF32);
  }
  case FloatFormat::f8E4M3FN:
  case FloatFormat::f8E5M2:
  case FloatFormat::f8E8M0FNU: {
    V wide = word.type.scalar == Scalar::i32
                 ? word
                 : b.extendUnsigned(word, Scalar::i32);
    auto constant = [&](int64_t v) { return b.constantInt(scalarI32, v); };
    if (number.format == FloatFormat::f8E8M0FNU) {
      // 2^(e - 127): e is the exponent field of an f32, but for 0 and NaN.
      V bits = b.shiftLeft(wide, 23);
      bits = b.select(b.compareInt(Predicate::equal, wide, constant(0)),
                      constant(0x00400000), bits);
      bits = b.select(b.compareInt(Predicate::equal, wide, constant(255)),
                      constant(0x7fc00000), bits);
      return b.bitcast(bits, scalarF32);
    }
    if (number.format == FloatFormat::f8E5M2) // the upper byte of an f16
      return b.halfToFloat(b.truncate(b.shiftLeft(wide, 8), Scalar::i16));
    // e4m3: as an f16 the exponent is too small by 8; S.1111.111 is NaN.
    V half = b.bitOr(b.shiftLeft(b.bitAnd(wide, 0x80), 8),
                     b.shiftLeft(b.bitAnd(wide, 0x7f), 7));
    V value = b.mulF(b.halfToFloat(b.truncate(half, Scalar::i16)),
                     b.constantFloat(scalarF32, 256.0));
    V isNaN = b.compareInt(Predicate::equal, b.bitAnd(wide, 0x7f),
                           constant(0x7f));
    return b.select(isNaN, b.bitcast(constant(0x7fc00000), scalarF32), value);
  }
  case FloatFormat::f32:
  case FloatFormat::none:
    break;
  }
  return b.bitcast(word, scalarF32);
}

V ElementDecoder::floatCode(Index stored) {
  V bits = storedCode(stored);
  bool isHalf = leaf.code.format == FloatFormat::f16 ||
                leaf.code.format == FloatFormat::bf16;
  return floatOf(leaf.code, isHalf ? b.truncate(bits, Scalar::i16) : bits);
}

// E7: entries of the books, added in f32 in order.
V ElementDecoder::tableValue(const ElementPlace &place) {
  const LutDesc &lut = *leaf.lut;
  const Value index[] = {place.row, place.column};
  llvm::SmallVector<Value> granule = evaluate(lut.granularity, index);
  Value book = stage.mulI(position(granule, lut.granules), lut.books);
  Value inside = stage.addI(
      stage.mulI(stage.remI(place.row, lut.vecRows), lut.vecColumns),
      stage.remI(place.column, lut.vecColumns));
  V sum;
  for (int64_t j = 0; j < lut.books; ++j) {
    const Value stored[] = {place.storedRow, stage.addI(place.storedColumn, j)};
    V code = b.extendUnsigned(storedCode(stored), Scalar::i64);
    Value entry = stage.addI(
        stage.mulI(stage.addI(book, j), int64_t(1) << leaf.code.width),
        IRValueBuilder::unwrap(code));
    entry = stage.addI(stage.mulI(entry, lut.vecRows * lut.vecColumns), inside);
    unsigned bits = lut.entry.storageBits();
    V word = loadWord(tableAt, bits, entry);
    V value = lut.entry.isFloat() ? floatOf(lut.entry, word)
              : bits == 32        ? b.signedToFloat(word)
              : lut.entry.kind == NumberKind::signedInt
                  ? b.signedToFloat(b.extendSigned(word, Scalar::i32))
                  : b.signedToFloat(b.extendUnsigned(word, Scalar::i32));
    sum = j == 0 ? value : b.addF(sum, value);
  }
  return sum;
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

// E5: fma over the terms in order from +0.0.
V ElementDecoder::rankSum(const ParamDesc &param, unsigned component,
                          const ElementPlace &place) {
  unsigned bits = param.number.storageBits();
  Value zero = IRValueBuilder::unwrap(b.constantFloat(scalarF32, 0));
  auto sum = stage.loop(
      stage.index(0), stage.index(param.rank), 1, zero,
      [&](Value j, mlir::ValueRange carried) -> llvm::SmallVector<Value> {
        V u = floatOf(param.number,
                      loadWord(component, bits,
                               stage.addI(stage.mulI(place.row, param.rank), j)));
        V v = floatOf(
            param.number,
            loadWord(component + 1, bits,
                     stage.addI(stage.mulI(j, leaf.columns), place.column)));
        return {IRValueBuilder::unwrap(
            b.fma(u, v, IRValueBuilder::wrap(carried[0])))};
      });
  return IRValueBuilder::wrap(sum[0]);
}

/// f32, or the integer as i32.
V ElementDecoder::loadParam(const ParamDesc &param, unsigned component,
                            const ElementPlace &place) {
  if (param.rank > 0)
    return rankSum(param, component, place);
  bool isLogical = param.space == IndexSpace::logical;
  const Value index[] = {isLogical ? place.row : place.storedRow,
                         isLogical ? place.column : place.storedColumn};
  Value entry =
      position(evaluate(param.placement, evaluate(param.granularity, index)),
               param.storage);
  if (param.packed) {
    int64_t perByte = 8 / param.packed;
    V byte = loadUnsigned(component, 8, stage.divI(entry, perByte));
    V bits = extractBits(
        byte, stage.mulI(stage.remI(entry, perByte), int64_t(param.packed)),
        param.packed);
    if (param.number.isFloat())
      return floatOf(param.number, bits);
    return param.number.lo
               ? b.add(bits, b.constantInt(scalarI32, param.number.lo))
               : bits;
  }
  unsigned bits = param.number.storageBits();
  V word = loadWord(component, bits, entry);
  if (param.number.isFloat())
    return floatOf(param.number, word);
  if (bits == 32)
    return word;
  return param.number.kind == NumberKind::signedInt
             ? b.extendSigned(word, Scalar::i32)
             : b.extendUnsigned(word, Scalar::i32);
}

ElementDecoder::Product
ElementDecoder::loadProduct(llvm::ArrayRef<ParamDesc> params,
                            unsigned firstComponent,
                            const ElementPlace &place) {
  Product product;
  unsigned component = firstComponent;
  for (const ParamDesc &param : params) {
    V factor = loadParam(param, component, place);
    component += componentsOfParam(param);
    if (param.number.isFloat())
      product.floats =
          product.floats.handle ? b.mulF(product.floats, factor) : factor;
    else
      product.integers =
          product.integers.handle ? b.mul(product.integers, factor) : factor;
  }
  return product;
}

V ElementDecoder::combine(const Product &product) {
  V result = product.floats;
  if (product.integers.handle) {
    V factor = b.signedToFloat(product.integers);
    result = result.handle ? b.mulF(result, factor) : factor;
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

V ElementDecoder::decode(const ElementPlace &place) {
  const Value stored[] = {place.storedRow, place.storedColumn};
  V value;
  if (leaf.lut) {
    value = tableValue(place);
  } else if (leaf.code.isFloat()) {
    value = floatCode(stored);
  } else {
    V code = integerCode(stored);
    if (leaf.zero)
      code = b.sub(code, loadParam(*leaf.zero, zeroAt, place));
    value = b.signedToFloat(code);
  }
  V scale = combine(loadProduct(leaf.scales, scalesAt, place));
  V offset = combine(loadProduct(leaf.offsets, offsetsAt, place));
  if (!offset.handle)
    return scale.handle ? b.mulF(scale, value) : value;
  V added = leaf.offsetNegated ? b.negF(offset) : offset;
  return b.fma(scale.handle ? scale : b.constantFloat(scalarF32, 1.0), value,
               added);
}

V ElementDecoder::dotValue(const ElementPlace &place) {
  const Value stored[] = {place.storedRow, place.storedColumn};
  V code = leaf.code.isFloat() ? miniFloatInteger(leaf.code, storedCode(stored))
                               : integerCode(stored);
  if (leaf.zero)
    code = b.sub(code, loadParam(*leaf.zero, zeroAt, place));
  Product scale = loadProduct(leaf.scales, scalesAt, place);
  return scale.integers.handle ? b.mul(code, scale.integers) : code;
}

V ElementDecoder::offsetFactor(const ElementPlace &place) {
  Product offset = loadProduct(leaf.offsets, offsetsAt, place);
  return offset.integers.handle ? offset.integers
                                : b.constantInt(scalarI32, 1);
}

V ElementDecoder::floatScale(const ElementPlace &place) {
  Product scale = loadProduct(leaf.scales, scalesAt, place);
  return scale.floats.handle ? scale.floats : b.constantFloat(scalarF32, 1.0);
}

V ElementDecoder::floatOffset(const ElementPlace &place) {
  Product offset = loadProduct(leaf.offsets, offsetsAt, place);
  if (!offset.floats.handle)
    return b.constantFloat(scalarF32, leaf.offsetNegated ? -1.0 : 1.0);
  return leaf.offsetNegated ? b.negF(offset.floats) : offset.floats;
}
