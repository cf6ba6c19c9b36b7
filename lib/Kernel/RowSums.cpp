//===- RowSums.cpp - Sums over a row in the order of the contract ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/RowSums.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace lowbit::kernel {

using V = AbstractValue;
using mlir::Value;

static constexpr int64_t chunkColumns = 512, laneCount = 32, width = 8;

uint64_t rowSumScratchBytes(int64_t columns) {
  int64_t chunks = (columns + chunkColumns - 1) / chunkColumns;
  return uint64_t(chunks + 15) / 16 * 64;
}

/// i1 x 8, true in the first `count` lanes.
static V laneMask(StageFunction &stage, int64_t count) {
  mlir::OpBuilder &builder = stage.builder();
  llvm::SmallVector<bool> bits;
  for (int64_t i = 0; i < width; ++i)
    bits.push_back(i < count);
  auto type = mlir::VectorType::get({width}, builder.getI1Type());
  return IRValueBuilder::wrap(mlir::arith::ConstantOp::create(
      builder, stage.loc(), mlir::DenseElementsAttr::get(type, llvm::ArrayRef<bool>(bits))));
}

V keepLanes(StageFunction &stage, V value, int64_t count) {
  if (count >= width)
    return value;
  ValueBuilder &b = stage.values();
  V zero = isFloat(value.type.scalar) ? b.constantFloat(value.type, 0.0)
                                      : b.constantInt(value.type, 0);
  return b.select(laneMask(stage, count), value, zero);
}

/// `tree` over the first `count` lanes of four vectors of 8.
static V treeOfLanes(StageFunction &stage, llvm::ArrayRef<V> sums, int64_t count) {
  ValueBuilder &b = stage.values();
  if (count >= laneCount)
    return emitLaneTree(b, {sums.data(), sums.size()});
  std::vector<V> lanes;
  for (int64_t i = 0; i < count; ++i)
    lanes.push_back(b.extractLane(sums[i / width], unsigned(i % width)));
  return b.treeSum(lanes);
}

/// The lanes of columns [first, first + length), length <= 512.
static V sumChunk(StageFunction &stage, Value first, int64_t length,
                  const RowTerm &term) {
  ValueBuilder &b = stage.values();
  int64_t whole = length / laneCount * laneCount;
  llvm::SmallVector<Value> zeros(
      laneCount / width, IRValueBuilder::unwrap(b.constantFloat(rowVector, 0.0)));
  llvm::SmallVector<Value> sums = zeros;
  if (whole)
    sums = stage.loop(first, stage.addI(first, whole), laneCount, zeros,
                      [&](Value column, mlir::ValueRange carried) {
                        llvm::SmallVector<Value> next;
                        for (auto [i, sum] : llvm::enumerate(carried))
                          next.push_back(IRValueBuilder::unwrap(
                              term(IRValueBuilder::wrap(sum),
                                   stage.addI(column, int64_t(i) * width))));
                        return next;
                      });
  llvm::SmallVector<V> lanes;
  for (Value sum : sums)
    lanes.push_back(IRValueBuilder::wrap(sum));
  // The tail: lanes without an element keep their sum.
  for (int64_t i = 0; i * width < length - whole; ++i) {
    V next = term(lanes[i], stage.addI(first, whole + i * width));
    int64_t present = length - whole - i * width;
    lanes[i] = present >= width ? next
                                : b.select(laneMask(stage, present), next, lanes[i]);
  }
  return treeOfLanes(stage, lanes, std::min(length, laneCount));
}

V emitRowSum(StageFunction &stage, int64_t columns, Value scratch, const RowTerm &term) {
  ValueBuilder &b = stage.values();
  const ValueType scalar{Scalar::f32, 0};
  int64_t whole = columns / chunkColumns, rest = columns % chunkColumns;
  if (whole + (rest != 0) == 1)
    return sumChunk(stage, stage.index(0), columns, term);
  stage.loop(stage.index(0), stage.index(whole), 1, [&](Value chunk) {
    V sum = sumChunk(stage, stage.mulI(chunk, chunkColumns), chunkColumns, term);
    stage.store(sum, stage.at(scratch, stage.mulI(chunk, 4)));
  });
  std::vector<V> sums;
  for (int64_t i = 0; i < whole; ++i)
    sums.push_back(stage.load(scalar, stage.at(scratch, i * 4)));
  if (rest)
    sums.push_back(sumChunk(stage, stage.index(whole * chunkColumns), rest, term));
  return b.treeSum(sums);
}

} // namespace lowbit::kernel
