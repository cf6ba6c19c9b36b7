//===- GatherStage.cpp - Rows of a table in any layout ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/RowStages.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace lowbit::kernel {

using V = AbstractValue;
using mlir::Value;

static constexpr ValueType scalarF32{Scalar::f32, 0};
static constexpr ValueType scalarI32{Scalar::i32, 0};

namespace {

/// Scalar decode of one element (E1 to E3), generic over maps: it reads single rows
/// of an embedding, where vector loads of a blocked layout would fetch seven others.
class ElementDecoder {
public:
  ElementDecoder(StageFunction &stage, const GatherStage &spec)
      : stage(stage), b(stage.values()), spec(spec), leaf(spec.table) {}

  V decode(Value row, Value column) {
    next = 0;
    const Value index[] = {row, column};
    V code = loadCode(index);
    std::vector<V> scaleFloats, offsetFloats;
    std::optional<V> scaleInteger, offsetInteger;
    for (const ParamDesc &param : leaf.scales)
      addFactor(param, index, scaleFloats, scaleInteger);
    if (leaf.zero)
      code = b.sub(code, loadParam(*leaf.zero, index));
    for (const ParamDesc &param : leaf.offsets)
      addFactor(param, index, offsetFloats, offsetInteger);
    V value = leaf.code.isFloat() ? code : b.signedToFloat(code);
    std::optional<V> scale = product(scaleFloats, scaleInteger);
    std::optional<V> offset = product(offsetFloats, offsetInteger);
    if (!offset)
      return scale ? b.mulF(*scale, value) : value;
    V one = b.constantFloat(scalarF32, 1.0);
    V added = leaf.offsetNegated ? b.negF(*offset) : *offset;
    return b.fma(scale ? *scale : one, value, added);
  }

private:
  /// `map` at `index`, one i64 a result.
  llvm::SmallVector<Value> evaluate(const IndexMap &map, llvm::ArrayRef<Value> index) {
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

  Value position(llvm::ArrayRef<Value> index, llvm::ArrayRef<int64_t> extents) {
    Value place = stage.index(0);
    for (auto [value, extent] : llvm::zip(index, extents))
      place = stage.addI(stage.mulI(place, extent), value);
    return place;
  }

  /// The word at `place` of the next binding; f32 words stay floats.
  Value loadWord(unsigned bits, Value place) {
    Value pointer = stage.at(stage.binding(spec.bindings[next++]),
                             stage.mulI(place, bits / 8));
    return stage.load(stage.builder().getIntegerType(bits), pointer);
  }

  V floatOf(FloatFormat format, V word) {
    switch (format) {
    case FloatFormat::f16:
      return b.halfToFloat(word);
    case FloatFormat::bf16:
      return b.bfloatToFloat(word);
    case FloatFormat::f32:
    case FloatFormat::none:
      break;
    }
    return b.bitcast(word, scalarF32);
  }

  V loadCode(llvm::ArrayRef<Value> index) {
    if (leaf.code.isFloat()) {
      const FieldDesc &field = leaf.fields[0];
      Value place = position(evaluate(field.word, index), field.storage);
      return floatOf(leaf.code.format,
                     IRValueBuilder::wrap(loadWord(field.wordBits, place)));
    }
    V code = b.constantInt(scalarI32, 0);
    for (const FieldDesc &field : leaf.fields) {
      Value place = position(evaluate(field.word, index), field.storage);
      V word = IRValueBuilder::wrap(loadWord(field.wordBits, place));
      if (field.wordBits < 32)
        word = b.extendUnsigned(word, Scalar::i32);
      V bit = b.truncate(IRValueBuilder::wrap(evaluate(field.bit, index)[0]),
                         Scalar::i32);
      Value shifted = mlir::arith::ShRUIOp::create(
          stage.builder(), stage.loc(), IRValueBuilder::unwrap(word),
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
  V loadParam(const ParamDesc &param, llvm::ArrayRef<Value> index) {
    Value place = position(evaluate(param.placement, evaluate(param.granularity, index)),
                           param.storage);
    unsigned bits = param.number.storageBits();
    V word = IRValueBuilder::wrap(loadWord(bits, place));
    if (param.number.isFloat())
      return floatOf(param.number.format, word);
    if (bits == 32)
      return word;
    return param.number.kind == NumberKind::signedInt
               ? b.extendSigned(word, Scalar::i32)
               : b.extendUnsigned(word, Scalar::i32);
  }

  void addFactor(const ParamDesc &param, llvm::ArrayRef<Value> index,
                 std::vector<V> &floats, std::optional<V> &integer) {
    V value = loadParam(param, index);
    if (param.number.isFloat())
      floats.push_back(value);
    else
      integer = integer ? b.mul(*integer, value) : value;
  }

  std::optional<V> product(const std::vector<V> &floats, std::optional<V> integer) {
    std::optional<V> result;
    for (V factor : floats)
      result = result ? b.mulF(*result, factor) : factor;
    if (integer) {
      V factor = b.signedToFloat(*integer);
      result = result ? b.mulF(*result, factor) : factor;
    }
    return result;
  }

  StageFunction &stage;
  ValueBuilder &b;
  const GatherStage &spec;
  const LeafDesc &leaf;
  unsigned next = 0; ///< binding of the next component, in canonical order
};

} // namespace

Status emitGatherStage(mlir::ModuleOp module, const GatherStage &spec,
                       const KernelCapabilities &capabilities) {
  LOWBIT_ASSIGN_OR_RETURN(auto components, componentsOf(spec.table));
  if (components.size() != spec.bindings.size())
    return invalidArgument("%zu bindings given for %zu components of the table",
                           spec.bindings.size(), components.size());
  StageFunction stage(module, spec.name, capabilities);
  stage.loop(stage.begin(), stage.end(), 1, [&](Value token) {
    V id = stage.load(scalarI32, stage.at(stage.binding(spec.ids), stage.mulI(token, 4)));
    Value row = IRValueBuilder::unwrap(
        stage.values().extendUnsigned(id, Scalar::i64));
    stage.loop(stage.index(0), stage.index(spec.table.columns), 1, [&](Value column) {
      V value = ElementDecoder(stage, spec).decode(row, column);
      stage.store(value, rowAddress(stage, spec.output, token, column));
    });
  });
  return Status::success();
}

} // namespace lowbit::kernel
