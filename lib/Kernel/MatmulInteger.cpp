//===- MatmulInteger.cpp - Low-bit dot products (N4, N5) ------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stored codes are unsigned bytes q with c = q + codeBias. Within a unit of 16
// or 32 columns, where every integer parameter is constant,
//
//   sum (c - Z) * a = sum q * a + (codeBias - Z) * sum a,
//
// the first by byte multiply-adds, the second from the activation's code sums.
// Zero codes in the padding of the activation make the padding of weights
// harmless. Bit planes give the first sum by PlaneDots instead.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/MatmulTile.h"

using namespace lowbit::kernel;
using llvm::ArrayRef;
using mlir::SmallVector;
using mlir::Value;
using mlir::ValueRange;
using V = AbstractValue;

namespace {

/// What accumulates over the blocks of one float group, for each token.
struct Sums {
  SmallVector<V> dots;   ///< i32x8: s_g (without what `plain` adds later)
  SmallVector<V> plain;  ///< sum of codes: <2 x i32> (two halves) or i32x8
  SmallVector<V> scaled; ///< i32x8: sum of I_O * codes
};

class IntegerTile {
public:
  IntegerTile(StageFunction &stage, const MatmulPlan &plan, const Tile &tile)
      : stage(stage), b(stage.values()), plan(plan), tile(tile),
        params(stage, plan, tile.rowBlock) {}

  SmallVector<Value> emit();

private:
  SmallVector<V> emitOneGroup();
  SmallVector<V> emitGrouped();
  SmallVector<V> emitChunk(Value chunk);
  SmallVector<V> addGroup(Value column, const Sums &sums, ArrayRef<V> acc);
  SmallVector<V> addHalfGroups(Value block, ArrayRef<V> acc);

  void addSlices(Sums &sums);
  Sums zeroSums();
  Sums sumBlocks(Value begin, Value end);
  void addBlock(Value block, Sums &sums);
  void addUnit(Value column, ArrayRef<unsigned> vectors, Sums &sums);
  SmallVector<V> dotVectors(Value block, ArrayRef<unsigned> vectors);
  void prefetchCodes(Value block);

  /// Bits of a code that lie behind fieldBases[f].
  int64_t bitsOfField(unsigned f) const {
    return plan.planes ? plan.planes : plan.fields[f].width;
  }

  /// s_g and u_g of each token.
  std::pair<SmallVector<V>, SmallVector<V>> finish(const Sums &sums,
                                                   Value column);

  V activationQuad(Value block, unsigned token, unsigned v);
  /// Sum of the codes of `columns` (16 or 32) columns from `column` as i32x8.
  V codeSum(Value column, int64_t columns, unsigned token);
  /// The two code sums of a block as <2 x i32>.
  V codeSumPair(Value block, unsigned token);
  /// A_g of a token as f32x8.
  V activationScale(Value column, unsigned token);
  Value tokenOffset(int64_t bytesPerToken) {
    return stage.mulI(tile.token, bytesPerToken);
  }
  /// Start of half 1 of a block, kept within the columns that have parameters.
  Value clampedUnitColumn(Value column);
  bool oddUnits() const { return ceilDiv(plan.columns, 16) % 2 != 0; }

  bool needsPlain() const {
    return (plan.dotHasBias() && !plan.biasInUnits()) ||
           (plan.hasOffset && plan.intOffsets.empty());
  }
  bool needsScaled() const {
    return plan.hasOffset && !plan.intOffsets.empty();
  }

  StageFunction &stage;
  IRValueBuilder &b;
  const MatmulPlan &plan;
  const Tile &tile;
  ParamReader params;
  Value codes, scales, sums;     ///< activation rows of the tile's first token
  SmallVector<Value> fieldBases; ///< codes of the row block: a field, or planes
};

} // namespace

static SmallVector<Value> unwrapAll(llvm::ArrayRef<V> values) {
  SmallVector<Value> result;
  for (V value : values)
    result.push_back(IRValueBuilder::unwrap(value));
  return result;
}

static SmallVector<V> wrapAll(ValueRange values) {
  SmallVector<V> result;
  for (Value value : values)
    result.push_back(IRValueBuilder::wrap(value));
  return result;
}

V IntegerTile::activationQuad(Value block, unsigned token, unsigned v) {
  int64_t inToken = int64_t(token) * plan.paddedColumns() + 4 * v;
  Value pointer =
      stage.at(stage.at(codes, stage.mulI(block, columnsPerBlock)), inToken);
  V quad = stage.load(ValueType{Scalar::i32, 0}, pointer, 4);
  return b.bitcast(stage.spreadRows(quad), stage.rowBytes());
}

V IntegerTile::codeSum(Value column, int64_t columns, unsigned token) {
  int64_t inToken = int64_t(token) * plan.paddedColumns() / 16 * 4;
  Value pointer =
      stage.at(stage.at(sums, stage.mulI(stage.divI(column, 16), 4)), inToken);
  V sum = stage.spreadRows(stage.load(ValueType{Scalar::i32, 0}, pointer));
  if (columns == 16)
    return sum;
  V second = stage.spreadRows(
      stage.load(ValueType{Scalar::i32, 0}, stage.at(pointer, 4)));
  return b.add(sum, second);
}

V IntegerTile::codeSumPair(Value block, unsigned token) {
  int64_t inToken = int64_t(token) * plan.paddedColumns() / 16 * 4;
  Value pointer = stage.at(stage.at(sums, stage.mulI(block, 8)), inToken);
  return stage.load(ValueType{Scalar::i32, 2}, pointer);
}

V IntegerTile::activationScale(Value column, unsigned token) {
  int64_t group = plan.activation.group;
  int64_t perToken = group ? ceilDiv(plan.columns, group) : 1;
  Value pointer = stage.at(scales, int64_t(token) * perToken * 4);
  if (group)
    pointer = stage.at(pointer, stage.mulI(stage.divI(column, group), 4));
  return stage.spreadRows(stage.load(ValueType{Scalar::f32, 0}, pointer));
}

Value IntegerTile::clampedUnitColumn(Value column) {
  if (!oddUnits())
    return column;
  return stage.minI(column, stage.index((ceilDiv(plan.columns, 16) - 1) * 16));
}

// Products of pairs of bytes are added in 16 bits as often as their range
// allows.
SmallVector<V> IntegerTile::dotVectors(Value block,
                                       ArrayRef<unsigned> vectors) {
  if (plan.planes)
    return emitPlaneDots(stage, plan, fieldBases[0], codes, tile.tokens, block,
                         vectors);
  SmallVector<SmallVector<V>> loaded;
  for (const FieldPlan &field : plan.fields)
    loaded.emplace_back(field.width);
  FieldBytes bytes = [&](unsigned f, unsigned j) {
    V &value = loaded[f][j];
    if (!value.handle) {
      int64_t size = columnsPerBlock * plan.fields[f].width;
      Value pointer = stage.at(stage.at(fieldBases[f], stage.mulI(block, size)),
                               int64_t(j) * columnsPerBlock);
      value = stage.loadRowBytes(pointer);
    }
    return value;
  };

  SmallVector<V> dots(tile.tokens);
  auto accumulate = [&](V &acc, V value) {
    acc = acc.handle ? b.add(acc, value) : value;
  };
  // Never saturates (planDigits); a plain add would be regrouped by token, and
  // then the decoded codes no longer fit in registers.
  auto accumulateI16 = [&](V &acc, V value) {
    acc = acc.handle ? b.addSaturating(acc, value) : value;
  };
  ValueType sumType = stage.rowsOf(Scalar::i32);
  if (b.hasDot4(sumType.lanes)) {
    for (V &dot : dots)
      dot = b.constantInt(sumType, 0);
    for (unsigned v : vectors) {
      V q = decodeColumnVector(b, plan.fields, bytes, v);
      for (unsigned t = 0; t < tile.tokens; ++t)
        dots[t] = b.dot4U8S8(dots[t], q, activationQuad(block, t, v));
    }
    return dots;
  }

  unsigned digits = plan.twoDigits ? 2 : 1;
  SmallVector<V> low(tile.tokens), high(tile.tokens);
  unsigned pairs = 0;
  auto widen = [&] {
    for (unsigned t = 0; t < tile.tokens; ++t) {
      accumulate(dots[t], b.pairSumI16(low[t]));
      low[t] = {};
      if (digits == 2)
        accumulate(dots[t],
                   b.maddI16(high[t], b.constantInt(high[t].type, 16)));
      high[t] = {};
    }
    pairs = 0;
  };
  for (unsigned v : vectors) {
    if (pairs == plan.pairsInI16)
      widen();
    V q = decodeColumnVector(b, plan.fields, bytes, v, 0, digits == 2 ? 4 : 8);
    V q2 =
        digits == 2 ? decodeColumnVector(b, plan.fields, bytes, v, 4, 4) : V();
    for (unsigned t = 0; t < tile.tokens; ++t) {
      V a = activationQuad(block, t, v);
      accumulateI16(low[t], b.maddU8S8(q, a));
      if (digits == 2)
        accumulateI16(high[t], b.maddU8S8(q2, a));
    }
    ++pairs;
  }
  widen();
  return dots;
}

void IntegerTile::addUnit(Value column, ArrayRef<unsigned> vectors,
                          Sums &sums) {
  Value block = stage.divI(column, columnsPerBlock);
  SmallVector<V> dots = dotVectors(block, vectors);
  bool biased = plan.biasInUnits();
  Value place = plan.unit == 16 ? clampedUnitColumn(column) : column;
  V bias = biased ? params.bias(place) : V();
  V scale = plan.intScales.empty() ? V() : params.intScale(place);
  V offset = needsScaled() ? params.intOffset(place) : V();
  for (unsigned t = 0; t < tile.tokens; ++t) {
    V codeSumOfUnit;
    if (biased || needsScaled())
      codeSumOfUnit = codeSum(column, int64_t(vectors.size()) * 4, t);
    V dot = dots[t];
    if (biased)
      dot = b.add(dot, b.mul(bias, codeSumOfUnit));
    if (scale.handle)
      dot = b.mul(dot, scale);
    sums.dots[t] = sums.dots[t].handle ? b.add(sums.dots[t], dot) : dot;
    if (needsScaled()) {
      V term = b.mul(offset, codeSumOfUnit);
      sums.scaled[t] =
          sums.scaled[t].handle ? b.add(sums.scaled[t], term) : term;
    }
  }
}

void IntegerTile::addBlock(Value block, Sums &sums) {
  Value column = stage.mulI(block, columnsPerBlock);
  if (plan.planes && plan.unit == 32) {
    addUnit(column, {0, 1, 2, 3, 4, 5, 6, 7}, sums);
  } else if (plan.unit == 32) {
    addUnit(column, storageOrder(plan.fields), sums);
  } else {
    addUnit(column, {0, 1, 2, 3}, sums);
    addUnit(stage.addI(column, 16), {4, 5, 6, 7}, sums);
  }
}

void IntegerTile::prefetchCodes(Value block) {
  if (tile.tokens != 1 || stage.isThread())
    return;
  constexpr int64_t ahead = 1536, line = 64;
  for (unsigned f = 0; f < fieldBases.size(); ++f) {
    int64_t size = columnsPerBlock * bitsOfField(f);
    Value pointer = stage.at(fieldBases[f], stage.mulI(block, size));
    for (int64_t offset = 0; offset < size; offset += line)
      stage.prefetch(stage.at(pointer, ahead + offset));
  }
}

Sums IntegerTile::zeroSums() {
  Sums zero;
  zero.dots.assign(tile.tokens, V());
  zero.plain.assign(tile.tokens, V());
  zero.scaled.assign(tile.tokens, V());
  return zero;
}

// Blocks [begin, end) as a loop that carries the sums in registers.
Sums IntegerTile::sumBlocks(Value begin, Value end) {
  Sums start;
  ValueType sumType = stage.rowsOf(Scalar::i32);
  start.dots.assign(tile.tokens, b.constantInt(sumType, 0));
  if (needsPlain())
    start.plain.assign(tile.tokens,
                       b.constantInt(ValueType{Scalar::i32, 2}, 0));
  if (needsScaled())
    start.scaled.assign(tile.tokens, b.constantInt(sumType, 0));
  auto flatten = [](const Sums &sums) {
    SmallVector<Value> all = unwrapAll(sums.dots);
    all.append(unwrapAll(sums.plain));
    all.append(unwrapAll(sums.scaled));
    return all;
  };
  auto restore = [&](ValueRange values) {
    Sums sums;
    unsigned n = tile.tokens;
    sums.dots = wrapAll(values.take_front(n));
    values = values.drop_front(n);
    if (needsPlain()) {
      sums.plain = wrapAll(values.take_front(n));
      values = values.drop_front(n);
    }
    if (needsScaled())
      sums.scaled = wrapAll(values.take_front(n));
    return sums;
  };
  auto result = stage.loop(
      begin, end, 1, flatten(start), [&](Value block, ValueRange carried) {
        prefetchCodes(block);
        Sums sums = restore(carried);
        addBlock(block, sums);
        for (unsigned t = 0; t < sums.plain.size(); ++t)
          sums.plain[t] = b.add(sums.plain[t], codeSumPair(block, t));
        return flatten(sums);
      });
  return restore(result);
}

std::pair<SmallVector<V>, SmallVector<V>> IntegerTile::finish(const Sums &sums,
                                                              Value column) {
  SmallVector<V> s(sums.dots), u(tile.tokens);
  bool lateBias = plan.dotHasBias() && !plan.biasInUnits();
  V bias = lateBias ? params.bias(column) : V();
  for (unsigned t = 0; t < tile.tokens; ++t) {
    if (needsPlain()) {
      V pair = sums.plain[t];
      u[t] = pair.type.lanes == 2
                 ? stage.spreadRows(
                       b.add(b.extractLane(pair, 0), b.extractLane(pair, 1)))
                 : pair;
    }
    if (lateBias)
      s[t] = b.add(s[t], b.mul(bias, u[t]));
    if (needsScaled())
      u[t] = sums.scaled[t];
  }
  return {s, u};
}

// The step of N4 for one group: acc = fma(f32(s), S, acc); acc = fma(f32(u), O,
// acc).
SmallVector<V> IntegerTile::addGroup(Value column, const Sums &sums,
                                     ArrayRef<V> acc) {
  auto [s, u] = finish(sums, column);
  V scale = params.floatScale(column);
  V offset = plan.hasOffset ? params.floatOffset(column) : V();
  SmallVector<V> next;
  for (unsigned t = 0; t < tile.tokens; ++t) {
    V groupScale = scale, groupOffset = offset;
    if (plan.activation.group) {
      V a = activationScale(column, t);
      groupScale = plan.floatScales.empty() ? a : b.mulF(scale, a);
      if (plan.hasOffset)
        groupOffset = b.mulF(offset, a);
    }
    V sum = b.fma(b.signedToFloat(s[t]), groupScale, acc[t]);
    if (plan.hasOffset)
      sum = b.fma(b.signedToFloat(u[t]), groupOffset, sum);
    next.push_back(sum);
  }
  return next;
}

// Groups of 16 columns: two in a block. Where the number of groups is odd the
// second half of the last block is padding and must leave the accumulator as it
// is.
SmallVector<V> IntegerTile::addHalfGroups(Value block, ArrayRef<V> acc) {
  SmallVector<V> current(acc);
  for (unsigned half = 0; half < 2; ++half) {
    Value column = stage.addI(stage.mulI(block, columnsPerBlock), 16 * half);
    SmallVector<unsigned> vectors;
    for (unsigned v = 4 * half; v < 4 * half + 4; ++v)
      vectors.push_back(v);
    Sums sums = zeroSums();
    addUnit(column, vectors, sums);
    for (unsigned t = 0; needsPlain() && t < tile.tokens; ++t)
      sums.plain[t] = codeSum(column, 16, t);
    Value place = half ? clampedUnitColumn(column) : column;
    SmallVector<V> next = addGroup(place, sums, current);
    if (half && oddUnits()) {
      V exists =
          IRValueBuilder::wrap(stage.lessI(column, stage.index(plan.columns)));
      for (unsigned t = 0; t < tile.tokens; ++t)
        next[t] = b.select(stage.spreadRows(exists), next[t], current[t]);
    }
    current = next;
  }
  return current;
}

SmallVector<V> IntegerTile::emitChunk(Value chunk) {
  SmallVector<V> zero(tile.tokens,
                      b.constantFloat(stage.rowsOf(Scalar::f32), 0));
  int64_t step = std::max(plan.group, columnsPerBlock);
  int64_t steps = ceilDiv(plan.columns, step),
          perChunk = columnsPerChunk / step;
  Value begin = stage.mulI(chunk, perChunk);
  Value end = stage.minI(stage.addI(begin, perChunk), stage.index(steps));
  auto body = [&](Value i, ValueRange carried) -> SmallVector<Value> {
    SmallVector<V> acc = wrapAll(carried);
    if (plan.group < columnsPerBlock) {
      prefetchCodes(i);
      return unwrapAll(addHalfGroups(i, acc));
    }
    Value column = stage.mulI(i, step);
    Sums sums;
    if (step == columnsPerBlock) {
      prefetchCodes(i);
      sums = zeroSums();
      addBlock(i, sums);
      for (unsigned t = 0; needsPlain() && t < tile.tokens; ++t)
        sums.plain[t] = codeSum(column, columnsPerBlock, t);
    } else {
      int64_t blocks = step / columnsPerBlock;
      Value first = stage.mulI(i, blocks);
      sums = sumBlocks(first, stage.minI(stage.addI(first, blocks),
                                         stage.index(plan.blocks)));
    }
    return unwrapAll(addGroup(column, sums, acc));
  };
  return wrapAll(stage.loop(begin, end, 1, unwrapAll(zero), body));
}

SmallVector<V> IntegerTile::emitGrouped() {
  SmallVector<V> result;
  if (plan.chunks == 1) {
    result = emitChunk(stage.index(0));
  } else {
    Value partials = stage.at(stage.scratch(),
                              int64_t(MatmulScratch::forPlan(plan).partials));
    constexpr int64_t vector = 32;
    stage.loop(stage.slice(), stage.index(plan.chunks), stage.slices(),
               [&](Value chunk) {
                 SmallVector<V> sums = emitChunk(chunk);
                 Value row =
                     stage.at(partials, stage.mulI(chunk, wideTile * vector));
                 for (unsigned t = 0; t < tile.tokens; ++t)
                   stage.storeRows(sums[t], stage.at(row, t * vector), 32);
               });
    stage.barrier();
    for (unsigned t = 0; t < tile.tokens; ++t)
      result.push_back(emitTreeFromMemory(stage, stage.at(partials, t * vector),
                                          plan.chunks, wideTile * vector));
  }
  for (unsigned t = 0; plan.activation.group == 0 && t < tile.tokens; ++t)
    result[t] = b.mulF(result[t], activationScale(stage.index(0), t));
  return result;
}

// Integer sums of a row that threads have divided among them: each leaves its
// part in shared memory and adds up all parts. The order does not matter, as
// addition wraps.
void IntegerTile::addSlices(Sums &sums) {
  const int64_t vector = 32, most = 3 * int64_t(tile.tokens);
  int64_t next = 0;
  auto exchange = [&](SmallVector<V> &values, bool isPair) {
    for (V &value : values) {
      if (!value.handle)
        continue;
      if (isPair)
        value = b.add(b.extractLane(value, 0), b.extractLane(value, 1));
      Value place = stage.at(stage.scratch(), vector * next++);
      stage.storeRows(
          value, stage.at(place, stage.mulI(stage.slice(), vector * most)));
    }
  };
  exchange(sums.dots, false);
  exchange(sums.plain, true);
  exchange(sums.scaled, false);
  stage.barrier();
  next = 0;
  auto collect = [&](SmallVector<V> &values) {
    for (V &value : values) {
      if (!value.handle)
        continue;
      Value place = stage.at(stage.scratch(), vector * next++);
      value = stage.loadRows(Scalar::i32, place);
      for (unsigned slice = 1; slice < stage.slices(); ++slice)
        value = b.add(value,
                      stage.loadRows(Scalar::i32,
                                     stage.at(place, slice * vector * most)));
    }
  };
  collect(sums.dots);
  collect(sums.plain);
  collect(sums.scaled);
}

// N5: integers over the whole row, then the scales once.
SmallVector<V> IntegerTile::emitOneGroup() {
  Value start = stage.index(0);
  int64_t perSlice = ceilDiv(plan.blocks, stage.slices());
  Value begin = stage.mulI(stage.slice(), perSlice);
  Value end = stage.index(plan.blocks);
  Sums sums = sumBlocks(
      begin,
      stage.slices() == 1 ? end : stage.minI(stage.addI(begin, perSlice), end));
  if (stage.slices() > 1)
    addSlices(sums);
  auto [s, u] = finish(sums, start);
  V scale = params.floatScale(start);
  V offset = plan.hasOffset ? params.floatOffset(start) : V();
  SmallVector<V> result;
  for (unsigned t = 0; t < tile.tokens; ++t) {
    V y = b.signedToFloat(s[t]);
    if (!plan.floatScales.empty())
      y = b.mulF(y, scale);
    if (plan.hasOffset)
      y = b.fma(b.signedToFloat(u[t]), offset, y);
    result.push_back(b.mulF(y, activationScale(start, t)));
  }
  return result;
}

SmallVector<Value> IntegerTile::emit() {
  const MatmulActivation &x = plan.activation;
  codes = stage.at(stage.binding(x.binding), tokenOffset(plan.paddedColumns()));
  int64_t scalesPerToken = x.group ? ceilDiv(plan.columns, x.group) : 1;
  scales =
      stage.at(stage.binding(x.scalesBinding), tokenOffset(scalesPerToken * 4));
  if (plan.dotHasBias() || plan.hasOffset)
    sums = stage.at(stage.binding(x.sumsBinding),
                    tokenOffset(plan.paddedColumns() / 16 * 4));
  unsigned fields = plan.planes ? 1 : unsigned(plan.fields.size());
  for (unsigned f = 0; f < fields; ++f)
    fieldBases.push_back(stage.at(
        stage.binding(plan.planes ? plan.codeBinding : plan.fields[f].binding),
        stage.mulI(tile.rowBlock,
                   plan.blocks * columnsPerBlock * bitsOfField(f))));
  return unwrapAll(plan.group ? emitGrouped() : emitOneGroup());
}

SmallVector<Value> lowbit::kernel::emitIntegerTile(StageFunction &stage,
                                                   const MatmulPlan &plan,
                                                   const Tile &tile) {
  return IntegerTile(stage, plan, tile).emit();
}
