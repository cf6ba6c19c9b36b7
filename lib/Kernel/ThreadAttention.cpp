//===- ThreadAttention.cpp - Attention for machines of many threads -------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Clause N14. A group of 128 threads computes one head of one token, or of each token of
// a sequence, one after the other. Over a chunk of 128 keys each thread holds one score; then each holds elements of the head's output
// and walks the keys in order.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/ThreadStages.h"
#include "lowbit-c/kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace lowbit;
using namespace lowbit::kernel;
using mlir::SmallVector;
using mlir::Value;
using V = AbstractValue;

static constexpr int64_t chunkKeys = 128, laneCount = 32, keysSideBySide = 8;
static constexpr ValueType scalarF32{Scalar::f32, 0};

namespace {

class ThreadAttention {
public:
  ThreadAttention(StageFunction &stage, const AttentionStage &spec)
      : stage(stage), b(stage.values()), spec(spec), reductions(stage, maxima) {}

  // Shared memory: weights of a chunk, maxima of warps, the query.
  static constexpr uint64_t maxima = chunkKeys * 4;
  static uint64_t queryPlace() { return maxima + GroupReductions::bytes(1); }
  static uint64_t sharedBytes(int64_t headDim) {
    return queryPlace() + uint64_t(headDim) * 4;
  }

  void emit() {
    Value item = stage.threadRowBlock();
    token = stage.divI(item, spec.heads);
    Value head = stage.remI(item, spec.heads);
    column = stage.mulI(head, spec.headDim);
    Value kvHead = stage.divI(head, spec.heads / spec.kvHeads);
    Value slot = stage.mulI(
        stage.mulI(kvHead, stage.mulI(stage.dim(LOWBIT_DIM_CAPACITY), spec.headDim)), 4);
    Value keys = stage.at(stage.binding(spec.cacheKeys), slot);
    Value values = stage.at(stage.binding(spec.cacheValues), slot);
    // Keys: eight positions side by side.
    keyStride = keysSideBySide;
    keyAddress = [=, this](Value key) {
      Value block = stage.mulI(stage.divI(key, keysSideBySide),
                               spec.headDim * keysSideBySide * 4);
      return stage.at(stage.at(keys, block),
                      stage.mulI(stage.remI(key, keysSideBySide), 4));
    };
    valueAddress = [=, this](Value key) {
      return stage.at(values, stage.mulI(key, spec.headDim * 4));
    };
    Value start = stage.dim(LOWBIT_DIM_POSITION);
    Value position = stage.addI(start, token);
    lastKey = spec.causal
                  ? position
                  : stage.subI(stage.addI(start, stage.dim(LOWBIT_DIM_TOKENS)),
                               stage.index(1));
    firstKey = spec.window ? stage.maxI(stage.addI(position, 1 - spec.window),
                                        stage.index(0))
                           : stage.index(0);
    emitToken();
  }

  /// All tokens of one head of one sequence, whose keys and values are rows.
  void emitSequence(const SequenceAttentionStage &rows) {
    Value item = stage.threadRowBlock();
    Value head = stage.remI(item, spec.heads);
    Value first = stage.mulI(stage.divI(item, spec.heads), rows.sequence);
    column = stage.mulI(head, spec.headDim);
    Value kvColumn = stage.mulI(stage.divI(head, spec.heads / spec.kvHeads), spec.headDim);
    keyStride = 1;
    keyAddress = [=, &rows, this](Value key) {
      return rowAddress(stage, rows.keys, stage.addI(first, key), kvColumn);
    };
    valueAddress = [=, &rows, this](Value key) {
      return rowAddress(stage, rows.values, stage.addI(first, key), kvColumn);
    };
    firstKey = stage.index(0);
    lastKey = stage.index(rows.sequence - 1);
    stage.loop(first, stage.addI(first, rows.sequence), 1, [&](Value row) {
      token = row;
      stage.barrier(); // the query before has been read
      emitToken();
    });
  }

private:
  void emitToken() {
    stage.loop(stage.thread(), stage.index(spec.headDim), stage.threads(), [&](Value d) {
      V q = stage.load(scalarF32,
                       rowAddress(stage, spec.query, token, stage.addI(column, d)));
      stage.store(q, stage.at(query(), stage.mulI(d, 4)));
    });
    stage.barrier();
    emitChunks();
  }

  V f(double value) { return b.constantFloat(scalarF32, value); }
  Value query() { return stage.at(stage.scratch(), int64_t(queryPlace())); }
  Value weight(Value inChunk) {
    return stage.at(stage.scratch(), stage.mulI(inChunk, 4));
  }
  int64_t parts() const { return (spec.headDim + chunkKeys - 1) / chunkKeys; }
  /// The output element of this thread's part `i`, kept inside the head.
  Value elementOf(int64_t i) {
    Value d = stage.addI(stage.thread(), i * chunkKeys);
    return (i + 1) * chunkKeys > spec.headDim
               ? stage.minI(d, stage.index(spec.headDim - 1))
               : d;
  }

  void emitChunks() {
    Value firstChunk = stage.divI(firstKey, chunkKeys);
    Value endChunk = stage.addI(stage.divI(lastKey, chunkKeys), 1);
    // M, L, then the elements of O.
    SmallVector<Value> init = {
        IRValueBuilder::unwrap(f(-std::numeric_limits<double>::infinity()))};
    init.append(1 + parts(), IRValueBuilder::unwrap(f(0.0)));
    auto result = stage.loop(
        firstChunk, endChunk, 1, init, [&](Value chunk, mlir::ValueRange carried) {
          Value begin = stage.mulI(chunk, chunkKeys);
          Value low = stage.maxI(firstKey, begin);
          Value high = stage.minI(lastKey, stage.addI(begin, chunkKeys - 1));
          V score = emitScore(begin, low, high);
          V hidden = f(-std::numeric_limits<double>::infinity());
          V largest = reductions.groupMax(emitMax(b, score, hidden));
          stage.store(emitExp(b, b.subF(score, largest)), weight(stage.thread()));
          stage.barrier();
          V sum = emitSum();
          V isFirst = b.compareInt(Predicate::equal, IRValueBuilder::wrap(chunk),
                                   IRValueBuilder::wrap(firstChunk));
          auto next = merge(isFirst, begin, low, high, largest, sum, carried);
          stage.barrier(); // before the next chunk's weights
          return next;
        });
    V sum = IRValueBuilder::wrap(result[1]);
    for (int64_t i = 0; i < parts(); ++i) {
      Value d = stage.addI(stage.thread(), i * chunkKeys);
      stage.ifThen(stage.lessI(d, stage.index(spec.headDim)), [&] {
        stage.store(b.divF(IRValueBuilder::wrap(result[2 + i]), sum),
                    rowAddress(stage, spec.output, token, stage.addI(column, d)));
      });
    }
  }

  /// The score of this thread's key, -inf where it is not seen.
  V emitScore(Value begin, Value low, Value high) {
    Value key = stage.addI(begin, stage.thread());
    Value place = weight(stage.thread());
    stage.store(f(-std::numeric_limits<double>::infinity()), place);
    V seen = b.bitAnd(b.compareInt(Predicate::greaterEqual, IRValueBuilder::wrap(key),
                                   IRValueBuilder::wrap(low)),
                      b.compareInt(Predicate::lessEqual, IRValueBuilder::wrap(key),
                                   IRValueBuilder::wrap(high)));
    stage.ifThen(IRValueBuilder::unwrap(seen), [&] {
      stage.store(b.mulF(emitDot(keyAddress(key)), f(spec.scale)), place);
    });
    return stage.load(scalarF32, place);
  }

  /// N3 over the head dimension.
  V emitDot(Value base) {
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
    V sum = f(0.0);
    for (int64_t d = lane; d < spec.headDim; d += laneCount) {
      V q = stage.load(scalarF32, stage.at(query(), d * 4));
      V k = stage.load(scalarF32, stage.at(base, d * keyStride * 4));
      sum = b.fma(q, k, sum);
    }
    return sum;
  }

  /// The sum of the weights by 32 lanes and `tree`; each warp does it for itself.
  V emitSum() {
    V sum = f(0.0);
    for (int64_t key = 0; key < chunkKeys; key += laneCount)
      sum = b.addF(sum, stage.load(scalarF32,
                                   weight(stage.addI(reductions.lane(), key))));
    return reductions.treeOfLanes(sum);
  }

  SmallVector<Value> merge(V first, Value begin, Value low, Value high, V largest, V sum,
                           mlir::ValueRange carried) {
    V oldLargest = IRValueBuilder::wrap(carried[0]);
    V oldSum = IRValueBuilder::wrap(carried[1]);
    V newLargest = emitMax(b, largest, oldLargest);
    V a = emitExp(b, b.subF(oldLargest, newLargest));
    V c = emitExp(b, b.subF(largest, newLargest));
    SmallVector<Value> zeros(parts(), IRValueBuilder::unwrap(f(0.0)));
    auto sums = stage.loop(
        low, stage.addI(high, 1), 1, zeros, [&](Value key, mlir::ValueRange old) {
          V p = stage.load(scalarF32, weight(stage.subI(key, begin)));
          Value row = valueAddress(key);
          SmallVector<Value> next;
          for (int64_t i = 0; i < parts(); ++i) {
            V v = stage.load(scalarF32, stage.at(row, stage.mulI(elementOf(i), 4)));
            next.push_back(
                IRValueBuilder::unwrap(b.fma(p, v, IRValueBuilder::wrap(old[i]))));
          }
          return next;
        });
    SmallVector<Value> result = {
        IRValueBuilder::unwrap(b.select(first, largest, newLargest)),
        IRValueBuilder::unwrap(
            b.select(first, sum, b.fma(oldSum, a, b.mulF(sum, c))))};
    for (int64_t i = 0; i < parts(); ++i) {
      V o = IRValueBuilder::wrap(sums[i]), old = IRValueBuilder::wrap(carried[2 + i]);
      V joined = b.fma(old, a, b.mulF(o, c));
      result.push_back(IRValueBuilder::unwrap(b.select(first, o, joined)));
    }
    return result;
  }

  StageFunction &stage;
  ValueBuilder &b;
  const AttentionStage &spec;
  GroupReductions reductions;
  Value token, column, firstKey, lastKey;
  /// First element of a key and of a value; floats between elements of a key.
  std::function<Value(Value key)> keyAddress, valueAddress;
  int64_t keyStride = 1;
};

} // namespace

StatusOr<ThreadLaunch> kernel::emitThreadAttention(mlir::ModuleOp module,
                                                   const AttentionStage &spec,
                                                   const ThreadTarget &target) {
  LOWBIT_RETURN_IF_ERROR(checkAttentionStage(spec));
  ThreadLaunch launch;
  launch.threads = unsigned(chunkKeys);
  launch.sharedBytes = ThreadAttention::sharedBytes(spec.headDim);
  StageFunction stage(module, spec.name, target.capabilities, target.machine,
                      ThreadFrame{launch.threads, launch.sharedBytes, target.readOnly,
                                  true});
  ThreadAttention(stage, spec).emit();
  launch.bindings = stage.boundArguments();
  return launch;
}

StatusOr<ThreadLaunch>
kernel::emitThreadSequenceAttention(mlir::ModuleOp module,
                                    const SequenceAttentionStage &rows,
                                    const ThreadTarget &target) {
  LOWBIT_RETURN_IF_ERROR(checkSequenceAttention(rows));
  AttentionStage spec;
  spec.query = rows.query;
  spec.output = rows.output;
  spec.heads = rows.heads;
  spec.kvHeads = rows.kvHeads;
  spec.headDim = rows.headDim;
  spec.scale = rows.scale;
  ThreadLaunch launch;
  launch.threads = unsigned(chunkKeys);
  launch.sharedBytes = ThreadAttention::sharedBytes(spec.headDim);
  StageFunction stage(module, rows.name, target.capabilities, target.machine,
                      ThreadFrame{launch.threads, launch.sharedBytes, target.readOnly,
                                  true});
  ThreadAttention(stage, spec).emitSequence(rows);
  launch.bindings = stage.boundArguments();
  return launch;
}
