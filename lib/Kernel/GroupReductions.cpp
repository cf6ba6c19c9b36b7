//===- GroupReductions.cpp - Sums and maxima over groups of threads -------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/ThreadStages.h"

using namespace lowbit;
using namespace lowbit::kernel;
using mlir::SmallVector;
using mlir::Value;
using V = AbstractValue;

static constexpr int64_t chunkColumns = 512, warpThreads = 32;
static constexpr ValueType scalarF32{Scalar::f32, 0};

static int64_t chunksOf(int64_t columns) {
  return (columns + chunkColumns - 1) / chunkColumns;
}

GroupReductions::GroupReductions(StageFunction &stage, uint64_t offset)
    : stage(stage), b(stage.values()), offset(offset),
      laneIndex(stage.remI(stage.thread(), warpThreads)),
      warpIndex(stage.divI(stage.thread(), warpThreads)) {}

uint64_t GroupReductions::bytes(int64_t columns) {
  constexpr int64_t mostWarps = 32;
  return uint64_t(std::max(chunksOf(columns), mostWarps)) * 4;
}

V GroupReductions::treeOfLanes(V value) {
  for (unsigned mask = 1; mask < warpThreads; mask *= 2)
    value = b.addF(value, stage.exchange(value, mask));
  return value;
}

/// `tree` over lanes [0, count): a neighbour at or beyond count does not exist.
V GroupReductions::treeOfFirst(V value, Value count) {
  for (unsigned mask = 1; mask < warpThreads; mask *= 2) {
    V sum = b.addF(value, stage.exchange(value, mask));
    // First lane of the neighbour's part of the tree. Lanes that hold a whole part
    // all hold its sum, so the odd last part may stand left or right.
    V self = IRValueBuilder::wrap(laneIndex);
    V other = b.bitAnd(b.bitXor(self, int64_t(mask)), ~int64_t(mask - 1));
    V exists = b.compareInt(Predicate::less, other, IRValueBuilder::wrap(count));
    value = b.select(exists, sum, value);
  }
  return value;
}

V GroupReductions::rowSum(int64_t columns, const Term &term) {
  int64_t chunks = chunksOf(columns), rest = columns % chunkColumns;
  bool fewLanes = rest != 0 && rest < warpThreads;
  auto chunkSum = [&](Value chunk) {
    Value first = stage.mulI(chunk, chunkColumns);
    Value end = stage.minI(stage.addI(first, chunkColumns), stage.index(columns));
    Value zero = IRValueBuilder::unwrap(b.constantFloat(scalarF32, 0.0));
    auto sums = stage.loop(stage.addI(first, laneIndex), end, warpThreads, {zero},
                           [&](Value column, mlir::ValueRange carried) {
                             V next = term(IRValueBuilder::wrap(carried[0]), column);
                             return SmallVector<Value>{IRValueBuilder::unwrap(next)};
                           });
    V sum = IRValueBuilder::wrap(sums[0]);
    return fewLanes ? treeOfFirst(sum, stage.subI(end, first)) : treeOfLanes(sum);
  };
  // Every thread takes the value of lane 0, which always exists.
  Value partials = stage.at(stage.scratch(), int64_t(offset));
  stage.barrier();
  stage.loop(warpIndex, stage.index(chunks), warps(), [&](Value chunk) {
    V sum = chunkSum(chunk);
    stage.ifThen(stage.lessI(laneIndex, stage.index(1)), [&] {
      stage.store(sum, stage.at(partials, stage.mulI(chunk, 4)));
    });
  });
  stage.barrier();
  std::vector<V> sums;
  for (int64_t chunk = 0; chunk < chunks; ++chunk)
    sums.push_back(stage.load(scalarF32, stage.at(partials, chunk * 4)));
  return b.treeSum(sums);
}

V GroupReductions::warpMax(V value) {
  for (unsigned mask = 1; mask < warpThreads; mask *= 2)
    value = emitMax(b, stage.exchange(value, mask), value);
  return value;
}

V GroupReductions::groupMax(V value) {
  value = warpMax(value);
  if (warps() == 1)
    return value;
  Value partials = stage.at(stage.scratch(), int64_t(offset));
  stage.barrier();
  stage.ifThen(stage.lessI(laneIndex, stage.index(1)), [&] {
    stage.store(value, stage.at(partials, stage.mulI(warpIndex, 4)));
  });
  stage.barrier();
  for (unsigned warp = 0; warp < warps(); ++warp)
    value = emitMax(b, stage.load(scalarF32, stage.at(partials, int64_t(warp) * 4)),
                    value);
  return value;
}
