//===- AttentionStage.cpp - Attention over a cache slot ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Clause N14. Keys lie eight positions side by side, so a score vector holds eight
// keys and the sum over the head dimension runs down the vector; values lie by
// position, so the weighted sum runs across the head dimension.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/RowStages.h"
#include "lowbit-c/kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

namespace lowbit::kernel {

using V = AbstractValue;
using llvm::SmallVector;
using mlir::Value;

static constexpr int64_t width = 8, chunkKeys = 128, laneCount = 32;
/// Head elements whose sums stay in registers together.
static constexpr int64_t tileElements = 64;
static constexpr ValueType scalarF32{Scalar::f32, 0};

namespace {

class AttentionEmitter {
public:
  AttentionEmitter(StageFunction &stage, const AttentionStage &spec)
      : stage(stage), b(stage.values()), spec(spec), valueStride(spec.headDim) {}

  /// Scratch: scores of a chunk, then the merged sums of a head.
  static uint64_t scratchBytes(int64_t headDim) {
    return uint64_t(chunkKeys * 4 + (headDim + 15) / 16 * 64);
  }

  /// One head of one sequence: keys are laid side by side in scratch, values stay.
  void emitSequence(Value item, const SequenceAttentionStage &rows) {
    Value first = stage.mulI(stage.divI(item, rows.heads), rows.sequence);
    Value head = stage.remI(item, rows.heads);
    Value kvHead = stage.divI(head, rows.heads / rows.kvHeads);
    Value column = stage.mulI(head, rows.headDim);
    Value kvColumn = stage.mulI(kvHead, rows.headDim);
    keys = stage.at(stage.scratch(), int64_t(scratchBytes(rows.headDim)));
    values = rowAddress(stage, rows.values, first, kvColumn);
    valueStride = rows.values.stride;
    packKeys(rows, first, kvColumn);
    firstKey = stage.index(0);
    lastKey = stage.index(rows.sequence - 1);
    stage.loop(stage.index(0), stage.index(rows.sequence), 1, [&](Value t) {
      Value token = stage.addI(first, t);
      query = rowAddress(stage, rows.query, token, column);
      output = rowAddress(stage, rows.output, token, column);
      emitChunks();
    });
  }
  static uint64_t packedKeyBytes(const SequenceAttentionStage &rows) {
    return uint64_t((rows.sequence + width - 1) / width * width * rows.headDim * 4);
  }

  void emit(Value item) {
    Value token = stage.divI(item, spec.heads);
    Value head = stage.remI(item, spec.heads);
    Value kvHead = stage.divI(head, spec.heads / spec.kvHeads);
    Value column = stage.mulI(head, spec.headDim);
    query = rowAddress(stage, spec.query, token, column);
    output = rowAddress(stage, spec.output, token, column);
    Value slot = stage.mulI(
        stage.mulI(kvHead, stage.mulI(stage.dim(LOWBIT_DIM_CAPACITY), spec.headDim)), 4);
    keys = stage.at(stage.binding(spec.cacheKeys), slot);
    values = stage.at(stage.binding(spec.cacheValues), slot);
    Value start = stage.dim(LOWBIT_DIM_POSITION);
    Value position = stage.addI(start, token);
    lastKey = spec.causal
                  ? position
                  : stage.subI(stage.addI(start, stage.dim(LOWBIT_DIM_TOKENS)),
                               stage.index(1));
    firstKey = spec.window ? stage.maxI(stage.addI(position, 1 - spec.window),
                                        stage.index(0))
                           : stage.index(0);
    emitChunks();
  }

private:
  /// Key (t, d) to element ((t / 8) * headDim + d) * 8 + t mod 8. Places beyond the
  /// last key keep what they held: their scores are hidden.
  void packKeys(const SequenceAttentionStage &rows, Value first, Value column) {
    stage.loop(stage.index(0), stage.index(rows.sequence), 1, [&](Value t) {
      Value row = rowAddress(stage, rows.keys, stage.addI(first, t), column);
      Value base = stage.addI(stage.mulI(stage.divI(t, width), rows.headDim * width),
                              stage.remI(t, width));
      stage.loop(stage.index(0), stage.index(rows.headDim), 1, [&](Value d) {
        Value place = stage.addI(base, stage.mulI(d, width));
        stage.store(stage.load(scalarF32, stage.at(row, stage.mulI(d, 4))),
                    stage.at(keys, stage.mulI(place, 4)));
      });
    });
  }

  V f(double value) { return b.constantFloat(scalarF32, value); }
  Value merged(int64_t elementIndex = 0) {
    return stage.at(stage.scratch(), chunkKeys * 4 + elementIndex * 4);
  }

  void emitChunks() {
    Value firstChunk = stage.divI(firstKey, chunkKeys);
    Value endChunk = stage.addI(stage.divI(lastKey, chunkKeys), 1);
    SmallVector<Value> init = {
        IRValueBuilder::unwrap(f(-std::numeric_limits<double>::infinity())),
        IRValueBuilder::unwrap(f(0.0))};
    auto result = stage.loop(
        firstChunk, endChunk, 1, init, [&](Value chunk, mlir::ValueRange carried) {
          Value begin = stage.mulI(chunk, chunkKeys);
          Value low = stage.maxI(firstKey, begin);
          Value high = stage.minI(lastKey, stage.addI(begin, chunkKeys - 1));
          V largest = emitScores(begin, low, high);
          V sum = emitWeights(largest);
          Value isFirst = mlir::arith::CmpIOp::create(
              stage.builder(), stage.loc(), mlir::arith::CmpIPredicate::eq, chunk,
              firstChunk);
          V first = IRValueBuilder::wrap(isFirst);
          return merge(first, begin, low, high, largest, sum,
                       IRValueBuilder::wrap(carried[0]),
                       IRValueBuilder::wrap(carried[1]));
        });
    emitQuotient(IRValueBuilder::wrap(result[1]));
  }

  /// Scores of the visible keys, -inf elsewhere; returns the largest.
  V emitScores(Value begin, Value low, Value high) {
    V hidden = b.constantFloat(rowVector, -std::numeric_limits<double>::infinity());
    for (int64_t i = 0; i < chunkKeys; i += width)
      stage.store(hidden, stage.at(stage.scratch(), i * 4), 32);
    Value firstBlock = stage.divI(low, width);
    Value endBlock = stage.addI(stage.divI(high, width), 1);
    auto result = stage.loop(
        firstBlock, endBlock, 1, {IRValueBuilder::unwrap(hidden)},
        [&](Value block, mlir::ValueRange carried) {
          V score = b.mulF(emitDot(block), b.constantFloat(rowVector, spec.scale));
          V visible = visibleLanes(block, low, high);
          score = b.select(visible, score, hidden);
          Value place = stage.subI(stage.mulI(block, width), begin);
          stage.store(score, stage.at(stage.scratch(), stage.mulI(place, 4)), 32);
          V largest = emitMax(b, score, IRValueBuilder::wrap(carried[0]));
          return SmallVector<Value>{IRValueBuilder::unwrap(largest)};
        });
    V largest = IRValueBuilder::wrap(result[0]);
    for (int lanes = width / 2; lanes >= 1; lanes /= 2) {
      std::vector<int> first, second;
      for (int i = 0; i < lanes; ++i) {
        first.push_back(i);
        second.push_back(i + lanes);
      }
      largest = emitMax(b, b.shuffle(largest, second), b.shuffle(largest, first));
    }
    return b.extractLane(largest, 0);
  }

  /// i1 x 8: keys 8 * block + lane that lie in [low, high].
  V visibleLanes(Value block, Value low, Value high) {
    mlir::OpBuilder &builder = stage.builder();
    auto type = mlir::VectorType::get({width}, builder.getI64Type());
    SmallVector<int64_t> offsets;
    for (int64_t i = 0; i < width; ++i)
      offsets.push_back(i);
    Value lanes = mlir::arith::ConstantOp::create(
        builder, stage.loc(),
        mlir::DenseElementsAttr::get(type, llvm::ArrayRef<int64_t>(offsets)));
    auto splat = [&](Value value) { return b.splat(IRValueBuilder::wrap(value), width); };
    V key = b.add(splat(stage.mulI(block, width)), IRValueBuilder::wrap(lanes));
    return b.bitAnd(b.compareInt(Predicate::greaterEqual, key, splat(low)),
                    b.compareInt(Predicate::lessEqual, key, splat(high)));
  }

  /// N3 over the head dimension for eight keys.
  V emitDot(Value block) {
    Value base = stage.at(keys, stage.mulI(block, spec.headDim * width * 4));
    int64_t lanes = std::min(spec.headDim, laneCount);
    if ((lanes & (lanes - 1)) == 0)
      return dotTree(base, 0, lanes);
    std::vector<V> sums;
    for (int64_t lane = 0; lane < lanes; ++lane)
      sums.push_back(dotLane(base, lane));
    return b.treeSum(sums);
  }
  /// Depth first, so that only one sum a level is alive.
  V dotTree(Value base, int64_t lane, int64_t count) {
    if (count == 1)
      return dotLane(base, lane);
    V left = dotTree(base, lane, count / 2);
    return b.addF(left, dotTree(base, lane + count / 2, count / 2));
  }
  V dotLane(Value base, int64_t lane) {
    V sum = b.constantFloat(rowVector, 0.0);
    for (int64_t d = lane; d < spec.headDim; d += laneCount) {
      V q = b.splat(stage.load(scalarF32, stage.at(query, d * 4)), width);
      V k = stage.load(rowVector, stage.at(base, d * width * 4), 32);
      sum = b.fma(q, k, sum);
    }
    return sum;
  }

  /// Scores become exponentials; returns their sum by 32 lanes and `tree`.
  V emitWeights(V largest) {
    V shift = b.splat(largest, width);
    SmallVector<Value> zeros(
        laneCount / width, IRValueBuilder::unwrap(b.constantFloat(rowVector, 0.0)));
    auto sums = stage.loop(
        stage.index(0), stage.index(chunkKeys), laneCount, zeros,
        [&](Value key, mlir::ValueRange carried) {
          SmallVector<Value> next;
          for (auto [i, sum] : llvm::enumerate(carried)) {
            Value place = stage.at(stage.scratch(),
                                   stage.mulI(stage.addI(key, int64_t(i) * width), 4));
            V p = emitExp(b, b.subF(stage.load(rowVector, place, 32), shift));
            stage.store(p, place, 32);
            next.push_back(
                IRValueBuilder::unwrap(b.addF(IRValueBuilder::wrap(sum), p)));
          }
          return next;
        });
    std::vector<V> lanes;
    for (Value sum : sums)
      lanes.push_back(IRValueBuilder::wrap(sum));
    return emitLaneTree(b, lanes);
  }

  /// Adds a chunk's weighted values to the merged ones; returns (M, L).
  SmallVector<Value> merge(V first, Value begin, Value low, Value high, V largest, V sum,
                           V oldLargest, V oldSum) {
    V newLargest = emitMax(b, largest, oldLargest);
    V a = emitExp(b, b.subF(oldLargest, newLargest));
    V c = emitExp(b, b.subF(largest, newLargest));
    for (int64_t tile = 0; tile < spec.headDim; tile += tileElements)
      mergeTile(first, begin, low, high, tile,
                std::min(tileElements, spec.headDim - tile), a, c);
    V newSum = b.select(first, sum, b.fma(oldSum, a, b.mulF(sum, c)));
    return {IRValueBuilder::unwrap(b.select(first, largest, newLargest)),
            IRValueBuilder::unwrap(newSum)};
  }

  void mergeTile(V first, Value begin, Value low, Value high, int64_t tile,
                 int64_t count, V a, V c) {
    // Whole vectors of eight elements, then single ones.
    SmallVector<std::pair<int64_t, ValueType>> parts;
    for (int64_t i = 0; i < count;) {
      bool vector = count - i >= width;
      parts.push_back({tile + i, vector ? rowVector : scalarF32});
      i += vector ? width : 1;
    }
    auto spread = [&](V scalar, ValueType type) {
      return type.lanes ? b.splat(scalar, type.lanes) : scalar;
    };
    SmallVector<Value> zeros;
    for (auto &[offset, type] : parts)
      zeros.push_back(IRValueBuilder::unwrap(b.constantFloat(type, 0.0)));
    auto sums = stage.loop(
        low, stage.addI(high, 1), 1, zeros, [&](Value key, mlir::ValueRange carried) {
          V p = stage.load(scalarF32,
                           stage.at(stage.scratch(),
                                    stage.mulI(stage.subI(key, begin), 4)));
          Value row = stage.at(values, stage.mulI(key, valueStride * 4));
          SmallVector<Value> next;
          for (auto [part, sum] : llvm::zip(parts, carried)) {
            V v = stage.load(part.second, stage.at(row, part.first * 4), 4);
            next.push_back(IRValueBuilder::unwrap(
                b.fma(spread(p, part.second), v, IRValueBuilder::wrap(sum))));
          }
          return next;
        });
    for (auto [part, sum] : llvm::zip(parts, sums)) {
      Value place = merged(part.first);
      V o = IRValueBuilder::wrap(sum);
      V old = stage.load(part.second, place, 4);
      V joined = b.fma(old, spread(a, part.second), b.mulF(o, spread(c, part.second)));
      Value chosen = mlir::arith::SelectOp::create(
          stage.builder(), stage.loc(), IRValueBuilder::unwrap(first),
          IRValueBuilder::unwrap(o), IRValueBuilder::unwrap(joined));
      stage.store(chosen, place, 4);
    }
  }

  void emitQuotient(V sum) {
    for (int64_t i = 0; i < spec.headDim;) {
      bool vector = spec.headDim - i >= width;
      ValueType type = vector ? rowVector : scalarF32;
      V divisor = vector ? b.splat(sum, width) : sum;
      stage.store(b.divF(stage.load(type, merged(i), 4), divisor),
                  stage.at(output, i * 4), 4);
      i += vector ? width : 1;
    }
  }

  StageFunction &stage;
  ValueBuilder &b;
  const AttentionStage &spec;
  int64_t valueStride; ///< floats from one value row to the next
  Value query, output, keys, values, firstKey, lastKey;
};

} // namespace

Status checkAttentionStage(const AttentionStage &spec) {
  if (spec.headDim < 1 || spec.headDim > 512)
    return unimplemented("attention over heads of %lld elements; at most 512 are "
                         "supported",
                         static_cast<long long>(spec.headDim));
  if (spec.heads < 1 || spec.kvHeads < 1 || spec.heads % spec.kvHeads != 0)
    return invalidArgument("%lld heads do not share %lld key/value heads evenly",
                           static_cast<long long>(spec.heads),
                           static_cast<long long>(spec.kvHeads));
  return Status::success();
}

StatusOr<uint64_t> emitAttentionStage(mlir::ModuleOp module, const AttentionStage &spec,
                                      const KernelCapabilities &capabilities) {
  LOWBIT_RETURN_IF_ERROR(checkAttentionStage(spec));
  StageFunction stage(module, spec.name, capabilities);
  AttentionEmitter emitter(stage, spec);
  stage.loop(stage.begin(), stage.end(), 1, [&](Value item) { emitter.emit(item); });
  return AttentionEmitter::scratchBytes(spec.headDim);
}

/// The heads of a sequence's attention.
static AttentionStage headsOf(const SequenceAttentionStage &rows) {
  AttentionStage spec;
  spec.heads = rows.heads;
  spec.kvHeads = rows.kvHeads;
  spec.headDim = rows.headDim;
  spec.scale = rows.scale;
  return spec;
}

Status checkSequenceAttention(const SequenceAttentionStage &rows) {
  LOWBIT_RETURN_IF_ERROR(checkAttentionStage(headsOf(rows)));
  if (rows.sequence < 1 || rows.sequence > (int64_t(1) << 20))
    return unimplemented("attention over sequences of %lld rows; at most 2^20 are "
                         "supported",
                         static_cast<long long>(rows.sequence));
  return Status::success();
}

StatusOr<uint64_t> emitSequenceAttentionStage(mlir::ModuleOp module,
                                              const SequenceAttentionStage &rows,
                                              const KernelCapabilities &capabilities) {
  LOWBIT_RETURN_IF_ERROR(checkSequenceAttention(rows));
  AttentionStage spec = headsOf(rows);
  StageFunction stage(module, rows.name, capabilities);
  AttentionEmitter emitter(stage, spec);
  stage.loop(stage.begin(), stage.end(), 1,
             [&](Value item) { emitter.emitSequence(item, rows); });
  return AttentionEmitter::scratchBytes(rows.headDim) +
         AttentionEmitter::packedKeyBytes(rows);
}

} // namespace lowbit::kernel
