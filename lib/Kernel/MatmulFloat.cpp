//===- MatmulFloat.cpp - Products with f32 activations (N3) ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// N3 keeps 32 accumulators a chunk apart, one for each k mod 32 (a *lane of the
// sum*); here each is a vector over the eight rows, so they are summed without
// shuffles. A few of them are kept in registers at a time while the chunk is
// walked; finished ones go to scratch, from where the tree takes them.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/RowBlockDecoder.h"

using namespace lowbit;
using namespace lowbit::kernel;
using mlir::SmallVector;
using mlir::Value;
using mlir::ValueRange;
using V = AbstractValue;

namespace {

constexpr int64_t vectorBytes = 32;
constexpr int64_t sumLanes = 32;

class FloatTile {
public:
  FloatTile(StageFunction &stage, const MatmulPlan &plan, const Tile &tile)
      : stage(stage), b(stage.values()), plan(plan), tile(tile),
        scratch(MatmulScratch::forPlan(plan)) {}

  SmallVector<Value> emit();

private:
  SmallVector<V> emitChunk(Value chunk, int64_t length);
  void emitLanes(Value chunk, int64_t length, Value firstLane);
  void prefetchNextChunk(Value chunk, Value step);
  void emitFused(Value chunk, int64_t length);
  V weight(Value column, unsigned laneOffset);
  V activation(Value column, unsigned laneOffset, unsigned token);
  /// Sum lanes held in registers at a time.
  unsigned lanesAtOnce() const { return tile.tokens == 1 ? 8 : 2; }

  StageFunction &stage;
  IRValueBuilder &b;
  const MatmulPlan &plan;
  const Tile &tile;
  MatmulScratch scratch;
  std::optional<RowBlockDecoder> decoder; ///< for one token: decodes as it goes
  NumberDesc number;                      ///< how `weights` stores numbers
  Value weights, rows;
};

} // namespace

V FloatTile::weight(Value column, unsigned laneOffset) {
  Scalar scalar = storedScalar(number);
  int64_t bytes = rowsPerBlock * bitsOf(scalar) / 8;
  Value pointer = stage.at(stage.at(weights, stage.mulI(column, bytes)),
                           int64_t(laneOffset) * bytes);
  V raw = stage.load(ValueType{scalar, 8}, pointer, unsigned(bytes));
  return paramToFloat(b, number, raw);
}

V FloatTile::activation(Value column, unsigned laneOffset, unsigned token) {
  int64_t fixed = (int64_t(token) * plan.activation.stride + laneOffset) * 4;
  Value pointer = stage.at(stage.at(rows, stage.mulI(column, 4)), fixed);
  return b.splat(stage.load(ValueType{Scalar::f32, 0}, pointer), 8);
}

// One token reads each weight once, but the walk touches a part of every block
// and comes back for the next part. What lies one chunk ahead is therefore
// asked for as one forward stream, in equal steps: `step` counts the iterations
// of this chunk's lane groups.
void FloatTile::prefetchNextChunk(Value chunk, Value step) {
  if (tile.tokens != 1 || decodesToScratch(plan))
    return;
  int64_t bytes = rowsPerBlock * bitsOf(storedScalar(number)) / 8;
  int64_t perStep = lanesAtOnce() * bytes;
  Value next = stage.mulI(stage.addI(chunk, 1), columnsPerChunk * bytes);
  Value pointer = stage.at(stage.at(weights, next), stage.mulI(step, perStep));
  constexpr int64_t line = 64;
  for (int64_t offset = 0; offset < perStep; offset += line)
    stage.prefetch(stage.at(pointer, offset));
}

// One token of a weight that must be decoded: all 32 lanes live in scratch (1
// KiB), so that each block is decoded once and its numbers never leave the
// registers.
void FloatTile::emitFused(Value chunk, int64_t length) {
  Value buffer = stage.at(stage.scratch(), int64_t(scratch.lanes));
  for (int64_t lane = 0; lane < sumLanes; ++lane)
    stage.store(b.constantFloat(f32x8, 0), stage.at(buffer, lane * vectorBytes),
                32);
  auto add = [&](Value column, unsigned lane, V weight) {
    Value place = stage.at(buffer, lane * vectorBytes);
    // Volatile, or the optimizer carries all 32 in registers that do not exist.
    auto sum = mlir::LLVM::LoadOp::create(
        stage.builder(), stage.loc(),
        IRValueBuilder::irType(stage.builder().getContext(), f32x8), place,
        /*alignment=*/32, /*isVolatile=*/true);
    stage.store(
        b.fma(weight, activation(column, 0, 0), IRValueBuilder::wrap(sum)),
        place, 32);
  };
  Value begin = stage.mulI(chunk, columnsPerChunk / columnsPerBlock);
  Value end = stage.addI(begin, length / columnsPerBlock);
  stage.loop(begin, end, 1, [&](Value block) {
    decoder->decodeBlock(block, columnsPerBlock, add);
  });
  if (length % columnsPerBlock)
    decoder->decodeBlock(end, unsigned(length % columnsPerBlock), add);
}

// Lanes firstLane ... + lanesAtOnce() - 1 of a chunk of `length` columns, for
// every token of the tile, into the scratch buffer.
void FloatTile::emitLanes(Value chunk, int64_t length, Value firstLane) {
  unsigned lanes = lanesAtOnce();
  Value begin = stage.addI(stage.mulI(chunk, columnsPerChunk), firstLane);
  Value end = stage.addI(begin, length / sumLanes * sumLanes);
  SmallVector<Value> zeros(size_t(lanes) * tile.tokens,
                           IRValueBuilder::unwrap(b.constantFloat(f32x8, 0)));
  auto sums = stage.loop(
      begin, end, sumLanes, zeros, [&](Value column, ValueRange acc) {
        SmallVector<Value> next;
        Value block = stage.divI(stage.subI(column, begin), sumLanes);
        Value finished =
            stage.mulI(stage.divI(firstLane, lanes), length / sumLanes);
        prefetchNextChunk(chunk, stage.addI(finished, block));
        for (unsigned lane = 0; lane < lanes; ++lane) {
          V w = weight(column, lane);
          for (unsigned t = 0; t < tile.tokens; ++t)
            next.push_back(IRValueBuilder::unwrap(
                b.fma(w, activation(column, lane, t),
                      IRValueBuilder::wrap(acc[lane * tile.tokens + t]))));
        }
        return next;
      });
  // The last columns reach only some lanes; the others keep what they have
  // (E4).
  int64_t rest = length % sumLanes;
  for (unsigned lane = 0; rest && lane < lanes; ++lane) {
    Value place = stage.addI(firstLane, lane);
    V exists =
        b.splat(IRValueBuilder::wrap(stage.lessI(place, stage.index(rest))), 8);
    Value column =
        stage.minI(stage.addI(end, lane), stage.index(plan.columns - 1));
    V w = weight(column, 0);
    for (unsigned t = 0; t < tile.tokens; ++t) {
      Value &sum = sums[lane * tile.tokens + t];
      V old = IRValueBuilder::wrap(sum);
      sum = IRValueBuilder::unwrap(
          b.select(exists, b.fma(w, activation(column, 0, t), old), old));
    }
  }
  Value buffer = stage.at(stage.scratch(), int64_t(scratch.lanes));
  for (unsigned lane = 0; lane < lanes; ++lane) {
    Value place =
        stage.at(buffer, stage.mulI(stage.addI(firstLane, lane), vectorBytes));
    for (unsigned t = 0; t < tile.tokens; ++t)
      stage.store(IRValueBuilder::wrap(sums[lane * tile.tokens + t]),
                  stage.at(place, int64_t(t) * sumLanes * vectorBytes), 32);
  }
}

SmallVector<V> FloatTile::emitChunk(Value chunk, int64_t length) {
  if (decoder)
    emitFused(chunk, length);
  else
    stage.loop(stage.index(0), stage.index(sumLanes), lanesAtOnce(),
               [&](Value firstLane) { emitLanes(chunk, length, firstLane); });
  Value buffer = stage.at(stage.scratch(), int64_t(scratch.lanes));
  SmallVector<V> results;
  for (unsigned t = 0; t < tile.tokens; ++t)
    results.push_back(emitTreeFromMemory(
        stage, stage.at(buffer, int64_t(t) * sumLanes * vectorBytes),
        std::min(length, sumLanes), vectorBytes));
  return results;
}

SmallVector<Value> FloatTile::emit() {
  rows = stage.at(stage.binding(plan.activation.binding),
                  stage.mulI(tile.token, plan.activation.stride * 4));
  if (tile.tokens == 1 && decodesToScratch(plan) &&
      !singleTokenReadsScratch(plan)) {
    decoder.emplace(stage, plan, tile.rowBlock);
  } else if (decodesToScratch(plan)) {
    number = NumberDesc::floating(FloatFormat::f32);
    weights = stage.at(stage.scratch(), int64_t(scratch.decoded));
  } else {
    number = plan.code;
    int64_t bytes = rowsPerBlock * bitsOf(storedScalar(number)) / 8;
    weights = stage.at(stage.binding(plan.codeBinding),
                       stage.mulI(tile.rowBlock, plan.paddedColumns() * bytes));
  }

  int64_t full = plan.columns / columnsPerChunk,
          rest = plan.columns % columnsPerChunk;
  SmallVector<V> result;
  if (plan.chunks == 1) {
    result = emitChunk(stage.index(0), plan.columns);
  } else {
    Value partials = stage.at(stage.scratch(), int64_t(scratch.partials));
    auto emitStored = [&](Value chunk, int64_t length) {
      SmallVector<V> sums = emitChunk(chunk, length);
      Value row = stage.at(partials, stage.mulI(chunk, wideTile * vectorBytes));
      for (unsigned t = 0; t < tile.tokens; ++t)
        stage.store(sums[t], stage.at(row, t * vectorBytes), 32);
    };
    stage.loop(stage.index(0), stage.index(full), 1,
               [&](Value chunk) { emitStored(chunk, columnsPerChunk); });
    if (rest)
      emitStored(stage.index(full), rest);
    for (unsigned t = 0; t < tile.tokens; ++t)
      result.push_back(emitTreeFromMemory(stage,
                                          stage.at(partials, t * vectorBytes),
                                          plan.chunks, wideTile * vectorBytes));
  }
  SmallVector<Value> values;
  for (V sum : result)
    values.push_back(IRValueBuilder::unwrap(sum));
  return values;
}

SmallVector<Value> lowbit::kernel::emitFloatTile(StageFunction &stage,
                                                 const MatmulPlan &plan,
                                                 const Tile &tile) {
  return FloatTile(stage, plan, tile).emit();
}

bool lowbit::kernel::decodesToScratch(const MatmulPlan &plan) {
  return plan.generic ||
         (!plan.activation.quantized &&
          (!plan.code.isFloat() || plan.hasScale || plan.hasOffset));
}

bool lowbit::kernel::singleTokenReadsScratch(const MatmulPlan &plan) {
  return plan.generic || (decodesToScratch(plan) && plan.code.isFloat());
}

void lowbit::kernel::emitDecodeRowBlock(StageFunction &stage,
                                        const MatmulPlan &plan,
                                        Value rowBlock) {
  if (plan.generic)
    return emitGenericDecode(stage, plan, rowBlock);
  RowBlockDecoder decoder(stage, plan, rowBlock);
  Value out =
      stage.at(stage.scratch(), int64_t(MatmulScratch::forPlan(plan).decoded));
  auto store = [&](Value column, V value) {
    stage.store(value, stage.at(out, stage.mulI(column, vectorBytes)), 32);
  };
  if (plan.code.isFloat())
    stage.loop(stage.index(0), stage.index(plan.columns), 1, [&](Value column) {
      store(column, decoder.decodeFloatColumn(column));
    });
  else
    stage.loop(stage.index(0), stage.index(plan.blocks), 1, [&](Value block) {
      decoder.decodeBlock(
          block, columnsPerBlock,
          [&](Value column, unsigned, V value) { store(column, value); });
    });
}
