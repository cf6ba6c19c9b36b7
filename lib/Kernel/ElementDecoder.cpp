//===- ElementDecoder.cpp - One element of a weight in any layout ---------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/ElementDecoder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace lowbit;
using namespace lowbit::kernel;
using mlir::Value;
using V = AbstractValue;

static constexpr ValueType scalarF32{Scalar::f32, 0};
static constexpr ValueType scalarI32{Scalar::i32, 0};

ElementDecoder::ElementDecoder(StageFunction &stage, const LeafDesc &leaf,
                               std::span<const unsigned> bindings)
    : stage(stage), b(stage.values()), leaf(leaf), bindings(bindings) {
  firstScale = unsigned(leaf.fields.size());
  zero = firstScale + unsigned(leaf.scales.size());
  firstOffset = zero + (leaf.zero ? 1 : 0);
}

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

V ElementDecoder::loadWord(unsigned component, unsigned bits, Value place) {
  Value pointer =
      stage.at(stage.binding(bindings[component]), stage.mulI(place, bits / 8));
  return IRValueBuilder::wrap(
      stage.load(stage.builder().getIntegerType(bits), pointer));
}

V ElementDecoder::floatOf(FloatFormat format, V word) {
  switch (format) {
  case FloatFormat::f16:
    return b.halfToFloat(word);
  case FloatFormat::bf16:
    return b.bfloatToFloat(word);
  default:
    return b.bitcast(word, scalarF32);
  }
}

V ElementDecoder::loadCode(Index index) {
  if (leaf.code.isFloat()) {
    const FieldDesc &field = leaf.fields[0];
    Value place = position(evaluate(field.word, index), field.storage);
    return floatOf(leaf.code.format, loadWord(0, field.wordBits, place));
  }
  V code = b.constantInt(scalarI32, 0);
  for (auto [component, field] : llvm::enumerate(leaf.fields)) {
    Value place = position(evaluate(field.word, index), field.storage);
    V word = loadWord(unsigned(component), field.wordBits, place);
    if (field.wordBits < 32)
      word = b.extendUnsigned(word, Scalar::i32);
    V bit = b.truncate(IRValueBuilder::wrap(evaluate(field.bit, index)[0]),
                       Scalar::i32);
    Value shifted = mlir::arith::ShRUIOp::create(stage.builder(), stage.loc(),
                                                 IRValueBuilder::unwrap(word),
                                                 IRValueBuilder::unwrap(bit));
    V run = b.bitAnd(IRValueBuilder::wrap(shifted),
                     (int64_t(1) << field.width) - 1);
    code = b.bitOr(code, b.shiftLeft(run, field.shift));
  }
  if (leaf.biased)
    return b.add(code, b.constantInt(scalarI32, leaf.code.lo));
  if (leaf.code.kind != NumberKind::signedInt)
    return code;
  unsigned unused = 32 - leaf.code.width;
  return b.shiftRightArithmetic(b.shiftLeft(code, unused), unused);
}

/// f32, or the integer as i32.
V ElementDecoder::loadParam(const ParamDesc &param, unsigned component,
                            Index index) {
  Value place =
      position(evaluate(param.placement, evaluate(param.granularity, index)),
               param.storage);
  unsigned bits = param.number.storageBits();
  V word = loadWord(component, bits, place);
  if (param.number.isFloat())
    return floatOf(param.number.format, word);
  if (bits == 32)
    return word;
  return param.number.kind == NumberKind::signedInt
             ? b.extendSigned(word, Scalar::i32)
             : b.extendUnsigned(word, Scalar::i32);
}

ElementDecoder::Product
ElementDecoder::loadProduct(llvm::ArrayRef<ParamDesc> params,
                            unsigned firstComponent, Index index) {
  Product product;
  for (auto [i, param] : llvm::enumerate(params)) {
    V factor = loadParam(param, firstComponent + unsigned(i), index);
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

V ElementDecoder::codeMinusZero(Index index) {
  V code = loadCode(index);
  return leaf.zero ? b.sub(code, loadParam(*leaf.zero, zero, index)) : code;
}

V ElementDecoder::decode(Value row, Value column) {
  const Value index[] = {row, column};
  V code = codeMinusZero(index);
  V value = leaf.code.isFloat() ? code : b.signedToFloat(code);
  V scale = combine(loadProduct(leaf.scales, firstScale, index));
  V offset = combine(loadProduct(leaf.offsets, firstOffset, index));
  if (!offset.handle)
    return scale.handle ? b.mulF(scale, value) : value;
  V added = leaf.offsetNegated ? b.negF(offset) : offset;
  return b.fma(scale.handle ? scale : b.constantFloat(scalarF32, 1.0), value,
               added);
}

V ElementDecoder::dotValue(Value row, Value column) {
  const Value index[] = {row, column};
  V code = codeMinusZero(index);
  Product scale = loadProduct(leaf.scales, firstScale, index);
  return scale.integers.handle ? b.mul(code, scale.integers) : code;
}

V ElementDecoder::offsetFactor(Value row, Value column) {
  const Value index[] = {row, column};
  Product offset = loadProduct(leaf.offsets, firstOffset, index);
  return offset.integers.handle ? offset.integers : b.constantInt(scalarI32, 1);
}

V ElementDecoder::floatScale(Value row, Value column) {
  const Value index[] = {row, column};
  Product scale = loadProduct(leaf.scales, firstScale, index);
  return scale.floats.handle ? scale.floats : b.constantFloat(scalarF32, 1.0);
}

V ElementDecoder::floatOffset(Value row, Value column) {
  const Value index[] = {row, column};
  Product offset = loadProduct(leaf.offsets, firstOffset, index);
  if (!offset.floats.handle)
    return b.constantFloat(scalarF32, leaf.offsetNegated ? -1.0 : 1.0);
  return leaf.offsetNegated ? b.negF(offset.floats) : offset.floats;
}
