//===- GenericTile.cpp - Products of weights in any layout ----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The elements of eight rows are read one by one through the encoding's index
// maps, once for all tokens, and left in scratch with the rows as lanes: the
// integers that the exact dot multiplies, and the float factors of each unit of
// columns. The dot itself is then the same for every encoding. Slower than the
// ways that know a layout; there so that a new format runs before it has one.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/ElementDecoder.h"
#include "lib/Kernel/MatmulTile.h"

#include <cmath>

using namespace lowbit::kernel;
using mlir::SmallVector;
using mlir::Value;
using mlir::ValueRange;
using V = AbstractValue;

static constexpr int64_t vectorBytes = 32;

static Value scratchAt(StageFunction &stage, uint64_t base, Value entry) {
  return stage.at(stage.at(stage.scratch(), int64_t(base)),
                  stage.mulI(entry, vectorBytes));
}

/// Zeroes for the elements that a pattern leaves out, and absence of groups.
static void clearScratch(StageFunction &stage, const MatmulPlan &plan,
                         const MatmulScratch &scratch) {
  IRValueBuilder &b = stage.values();
  V zero = b.constantInt(i32x8, 0); // +0.0 as well
  auto clear = [&](uint64_t base, int64_t count) {
    stage.loop(stage.index(0), stage.index(count), 1, [&](Value entry) {
      stage.store(zero, scratchAt(stage, base, entry), 32);
    });
  };
  if (!plan.activation.quantized)
    return clear(scratch.decoded, plan.columns);
  clear(scratch.dotValues, plan.columns);
  if (plan.hasOffset)
    clear(scratch.offsetFactors, plan.columns);
  if (plan.group)
    return clear(scratch.present, plan.units());
  // A row that stores nothing is +0.0, whatever an earlier row left here.
  clear(scratch.groupScales, plan.units());
  if (plan.hasOffset)
    clear(scratch.groupOffsets, plan.units());
}

void lowbit::kernel::emitGenericDecode(StageFunction &stage,
                                       const MatmulPlan &plan, Value rowBlock) {
  IRValueBuilder &b = stage.values();
  ElementDecoder decoder(stage, plan.anchor.weight, plan.anchor.bindings);
  MatmulScratch scratch = MatmulScratch::forPlan(plan);
  const bool hasPattern = plan.anchor.weight.pattern.has_value();
  if (hasPattern)
    clearScratch(stage, plan, scratch);
  stage.loop(stage.index(0), stage.index(rowsPerBlock), 1, [&](Value lane) {
    // Lanes beyond the last row repeat it; nobody reads their results (E4).
    Value row = stage.minI(stage.addI(stage.mulI(rowBlock, rowsPerBlock), lane),
                           stage.index(plan.rows - 1));
    Value inVector = stage.mulI(lane, 4);
    auto store = [&](uint64_t base, Value entry, V value) {
      stage.store(value, stage.at(scratchAt(stage, base, entry), inVector));
    };
    auto storeFactors = [&](const ElementPlace &place, Value unit) {
      store(scratch.groupScales, unit, decoder.floatScale(place));
      if (plan.hasOffset)
        store(scratch.groupOffsets, unit, decoder.floatOffset(place));
    };
    decoder.forEachStored(row, [&](const ElementPlace &place) {
      if (!plan.activation.quantized)
        return store(scratch.decoded, place.column, decoder.decode(place));
      store(scratch.dotValues, place.column, decoder.dotValue(place));
      if (plan.storesOffsetFactors())
        store(scratch.offsetFactors, place.column, decoder.offsetFactor(place));
      if (!hasPattern)
        return;
      Value unit = plan.group ? stage.divI(place.column, plan.group)
                              : stage.index(0);
      storeFactors(place, unit);
      if (plan.group)
        store(scratch.present, unit, b.constantInt({Scalar::i32, 0}, 1));
    });
    if (!plan.activation.quantized)
      return;
    if (hasPattern)
      return;
    int64_t length = plan.group ? plan.group : plan.columns;
    stage.loop(stage.index(0), stage.index(plan.units()), 1, [&](Value unit) {
      Value column = stage.mulI(unit, length);
      storeFactors({row, column, row, column}, unit);
    });
  });
}

namespace {

class GenericTile {
public:
  GenericTile(StageFunction &stage, const MatmulPlan &plan, const Tile &tile)
      : stage(stage), b(stage.values()), plan(plan), tile(tile),
        scratch(MatmulScratch::forPlan(plan)) {}

  SmallVector<Value> emit();

private:
  V fromScratch(uint64_t base, Scalar scalar, Value entry) {
    return stage.load(ValueType{scalar, 8}, scratchAt(stage, base, entry), 32);
  }
  /// Activation code of a token at `column`, i32 in all lanes.
  V activationCode(Value column, unsigned token);
  /// A_g of a token, f32 in all lanes.
  V activationScale(Value column, unsigned token);
  /// Adds columns [begin, end) to s and, with an offset, to u of each token.
  SmallVector<Value> addColumns(Value begin, Value end, ValueRange sums);
  /// One step of N4 for the unit, from s, u and acc of each token.
  SmallVector<Value> finishUnit(Value unit, Value end, ValueRange carried);
  SmallVector<V> emitChunk(Value chunk);
  SmallVector<V> emitOneGroup();

  /// The exact sum as a float; integers of E6 stand for codes times 2^e.
  V sumToFloat(V sum) {
    V value = b.signedToFloat(sum);
    int exponent = exactIntegerExponent(plan.code).value_or(0);
    return exponent ? b.mulF(value, b.constantFloat(value.type,
                                                    std::ldexp(1.0, -exponent)))
                    : value;
  }
  bool hasFloatScale() const {
    return llvm::any_of(plan.anchor.weight.scales, [](const auto &param) {
      return param.number.isFloat();
    });
  }
  unsigned sumsPerToken() const { return plan.hasOffset ? 2 : 1; }
  SmallVector<Value> zeroSums() {
    return SmallVector<Value>(size_t(tile.tokens) * sumsPerToken(),
                              IRValueBuilder::unwrap(b.constantInt(i32x8, 0)));
  }

  StageFunction &stage;
  IRValueBuilder &b;
  const MatmulPlan &plan;
  const Tile &tile;
  MatmulScratch scratch;
};

} // namespace

V GenericTile::activationCode(Value column, unsigned token) {
  Value row =
      stage.mulI(stage.addI(tile.token, int64_t(token)), plan.paddedColumns());
  Value pointer =
      stage.at(stage.binding(plan.activation.binding), stage.addI(row, column));
  V code = stage.load(ValueType{Scalar::i8, 0}, pointer);
  return b.splat(b.extendSigned(code, Scalar::i32), 8);
}

V GenericTile::activationScale(Value column, unsigned token) {
  int64_t group = plan.activation.group;
  Value row = stage.mulI(stage.addI(tile.token, int64_t(token)),
                         group ? ceilDiv(plan.columns, group) : 1);
  if (group)
    row = stage.addI(row, stage.divI(column, group));
  Value pointer = stage.at(stage.binding(plan.activation.scalesBinding),
                           stage.mulI(row, 4));
  return b.splat(stage.load(ValueType{Scalar::f32, 0}, pointer), 8);
}

SmallVector<Value> GenericTile::addColumns(Value begin, Value end,
                                           ValueRange sums) {
  return stage.loop(begin, end, 1, sums, [&](Value column, ValueRange carried) {
    V weight = fromScratch(scratch.dotValues, Scalar::i32, column);
    V factor;
    if (plan.storesOffsetFactors())
      factor = fromScratch(scratch.offsetFactors, Scalar::i32, column);
    SmallVector<Value> next;
    for (unsigned t = 0, i = 0; t < tile.tokens; ++t) {
      V a = activationCode(column, t);
      V s = IRValueBuilder::wrap(carried[i++]);
      next.push_back(IRValueBuilder::unwrap(b.add(s, b.mul(weight, a))));
      if (!plan.hasOffset)
        continue;
      V u = IRValueBuilder::wrap(carried[i++]);
      next.push_back(IRValueBuilder::unwrap(
          b.add(u, factor.handle ? b.mul(factor, a) : a)));
    }
    return next;
  });
}

// A group ends with this unit where a float parameter changes after it. Inside
// a group the sums go on and the accumulator stays.
SmallVector<Value> GenericTile::finishUnit(Value unit, Value end,
                                           ValueRange carried) {
  bool always = llvm::is_contained(plan.floatSteps, plan.group);
  Value ends = stage.lessI(stage.index(plan.columns - 1), end);
  for (int64_t step : plan.floatSteps) {
    if (always)
      break;
    Value atStep = stage.lessI(stage.remI(end, step), stage.index(1));
    ends = IRValueBuilder::unwrap(
        b.bitOr(IRValueBuilder::wrap(ends), IRValueBuilder::wrap(atStep)));
  }
  V ended = b.splat(IRValueBuilder::wrap(ends), 8);
  V zero = b.constantInt(i32x8, 0);
  V scale = fromScratch(scratch.groupScales, Scalar::f32, unit);
  V offset;
  if (plan.hasOffset)
    offset = fromScratch(scratch.groupOffsets, Scalar::f32, unit);
  V exists; // groups without a stored element add nothing
  if (plan.anchor.weight.pattern)
    exists = b.compareInt(Predicate::notEqual,
                          fromScratch(scratch.present, Scalar::i32, unit), zero);
  Value column = stage.mulI(unit, plan.group);
  SmallVector<Value> next;
  for (unsigned t = 0; t < tile.tokens; ++t) {
    unsigned at = t * (sumsPerToken() + 1);
    V s = IRValueBuilder::wrap(carried[at]);
    V acc = IRValueBuilder::wrap(carried[at + sumsPerToken()]);
    V groupScale = scale, groupOffset = offset;
    if (plan.activation.group) {
      V a = activationScale(column, t);
      groupScale = hasFloatScale() ? b.mulF(scale, a) : a;
      if (plan.hasOffset)
        groupOffset = b.mulF(offset, a);
    }
    V sum = b.fma(sumToFloat(s), groupScale, acc);
    if (plan.hasOffset)
      sum = b.fma(b.signedToFloat(IRValueBuilder::wrap(carried[at + 1])),
                  groupOffset, sum);
    if (exists.handle)
      sum = b.select(exists, sum, acc);
    for (unsigned i = 0; i < sumsPerToken(); ++i) {
      V kept = IRValueBuilder::wrap(carried[at + i]);
      next.push_back(
          IRValueBuilder::unwrap(always ? zero : b.select(ended, zero, kept)));
    }
    next.push_back(
        IRValueBuilder::unwrap(always ? sum : b.select(ended, sum, acc)));
  }
  return next;
}

SmallVector<V> GenericTile::emitChunk(Value chunk) {
  Value first = stage.mulI(chunk, columnsPerChunk / plan.group);
  Value last = stage.minI(stage.addI(first, columnsPerChunk / plan.group),
                          stage.index(ceilDiv(plan.columns, plan.group)));
  SmallVector<Value> start;
  for (unsigned t = 0; t < tile.tokens; ++t) {
    start.append(sumsPerToken(),
                 IRValueBuilder::unwrap(b.constantInt(i32x8, 0)));
    start.push_back(IRValueBuilder::unwrap(b.constantFloat(f32x8, 0)));
  }
  auto result =
      stage.loop(first, last, 1, start, [&](Value unit, ValueRange carried) {
        Value begin = stage.mulI(unit, plan.group);
        Value end = stage.minI(stage.addI(begin, plan.group),
                               stage.index(plan.columns));
        unsigned perToken = sumsPerToken() + 1;
        SmallVector<Value> sums;
        for (unsigned i = 0; i < carried.size(); ++i)
          if (i % perToken != sumsPerToken())
            sums.push_back(carried[i]);
        sums = addColumns(begin, end, sums);
        SmallVector<Value> all;
        for (unsigned i = 0, next = 0; i < carried.size(); ++i)
          all.push_back(i % perToken == sumsPerToken() ? carried[i]
                                                       : sums[next++]);
        return finishUnit(unit, end, all);
      });
  SmallVector<V> sums;
  for (unsigned t = 0; t < tile.tokens; ++t)
    sums.push_back(IRValueBuilder::wrap(
        result[t * (sumsPerToken() + 1) + sumsPerToken()]));
  return sums;
}

// N5: integers over the whole row, then the scales once.
SmallVector<V> GenericTile::emitOneGroup() {
  Value start = stage.index(0);
  auto sums = addColumns(start, stage.index(plan.columns), zeroSums());
  V scale = fromScratch(scratch.groupScales, Scalar::f32, start);
  SmallVector<V> result;
  for (unsigned t = 0; t < tile.tokens; ++t) {
    V y = sumToFloat(IRValueBuilder::wrap(sums[t * sumsPerToken()]));
    if (hasFloatScale())
      y = b.mulF(y, scale);
    if (plan.hasOffset)
      y = b.fma(b.signedToFloat(IRValueBuilder::wrap(sums[2 * t + 1])),
                fromScratch(scratch.groupOffsets, Scalar::f32, start), y);
    result.push_back(y);
  }
  return result;
}

SmallVector<Value> GenericTile::emit() {
  SmallVector<V> result;
  if (plan.group == 0) {
    result = emitOneGroup();
  } else if (plan.chunks == 1) {
    result = emitChunk(stage.index(0));
  } else {
    Value partials = stage.at(stage.scratch(), int64_t(scratch.partials));
    constexpr int64_t row = wideTile * vectorBytes;
    stage.loop(stage.index(0), stage.index(plan.chunks), 1, [&](Value chunk) {
      SmallVector<V> sums = emitChunk(chunk);
      Value place = stage.at(partials, stage.mulI(chunk, row));
      for (unsigned t = 0; t < tile.tokens; ++t)
        stage.store(sums[t], stage.at(place, t * vectorBytes), 32);
    });
    for (unsigned t = 0; t < tile.tokens; ++t)
      result.push_back(emitTreeFromMemory(
          stage, stage.at(partials, t * vectorBytes), plan.chunks, row));
  }
  SmallVector<Value> values;
  for (unsigned t = 0; t < tile.tokens; ++t) {
    V y = result[t];
    if (plan.activation.group == 0)
      y = b.mulF(y, activationScale(stage.index(0), t));
    values.push_back(IRValueBuilder::unwrap(y));
  }
  return values;
}

SmallVector<Value> lowbit::kernel::emitGenericTile(StageFunction &stage,
                                                   const MatmulPlan &plan,
                                                   const Tile &tile) {
  return GenericTile(stage, plan, tile).emit();
}
