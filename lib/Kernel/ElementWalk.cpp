//===- ElementWalk.cpp - The elements of a row that exist -----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The loops over a row of each kind of pattern. Index data were checked when the
// module was linked and are covered by its checksum, as code is.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/ElementDecoder.h"

#include "lib/Packing/Pattern.h"

using namespace lowbit;
using namespace lowbit::kernel;
using mlir::Value;
using V = AbstractValue;

void ElementDecoder::forEachStored(Value row, const Visit &visit) {
  if (!leaf.pattern) {
    stage.loop(stage.index(0), stage.index(leaf.columns), 1, [&](Value column) {
      if (!leaf.lut)
        return visit({row, column, row, column});
      Value vec = stage.divI(column, leaf.lut->vecColumns);
      visit({row, column, stage.divI(row, leaf.lut->vecRows),
             stage.mulI(vec, leaf.lut->books)});
    });
    return;
  }
  switch (leaf.pattern->kind) {
  case PatternKind::nm:
    return forEachPosition(row, visit);
  case PatternKind::csr:
  case PatternKind::bitmap:
  case PatternKind::fixed:
    return forEachBlock(row, visit);
  case PatternKind::blockDiagonal: {
    int64_t width = leaf.columns / leaf.pattern->count;
    Value first = stage.mulI(
        stage.divI(row, leaf.rows / leaf.pattern->count), width);
    stage.loop(stage.index(0), stage.index(width), 1, [&](Value j) {
      visit({row, stage.addI(first, j), row, j});
    });
    return;
  }
  case PatternKind::complement: // refused by check()
    return;
  }
}

void ElementDecoder::forEachPosition(Value row, const Visit &visit) {
  const PatternDesc &pattern = *leaf.pattern;
  int64_t stored = leaf.storedColumns();
  unsigned bits = positionBits(pattern.blockColumns);
  int64_t perByte = 8 / bits, bytes = (stored + perByte - 1) / perByte;
  stage.loop(stage.index(0), stage.index(stored), 1, [&](Value j) {
    V byte = loadUnsigned(
        indexAt, 8,
        stage.addI(stage.mulI(row, bytes), stage.divI(j, perByte)));
    V position = extractBits(
        byte, stage.mulI(stage.remI(j, perByte), int64_t(bits)), bits);
    Value column = stage.addI(
        stage.mulI(stage.divI(j, pattern.count), pattern.blockColumns),
        IRValueBuilder::unwrap(b.extendUnsigned(position, Scalar::i64)));
    visit({row, column, row, j});
  });
}

void ElementDecoder::visitBlock(Value row, Value block, Value blockColumn,
                                const Visit &visit) {
  const PatternDesc &pattern = *leaf.pattern;
  Value inside = stage.mulI(stage.remI(row, pattern.blockRows),
                            pattern.blockColumns);
  Value first = stage.mulI(blockColumn, pattern.blockColumns);
  stage.loop(stage.index(0), stage.index(pattern.blockColumns), 1,
             [&](Value j) {
               visit({row, stage.addI(first, j), block, stage.addI(inside, j)});
             });
}

void ElementDecoder::forEachBlock(Value row, const Visit &visit) {
  const PatternDesc &pattern = *leaf.pattern;
  Value blockRow = stage.divI(row, pattern.blockRows);
  if (pattern.kind == PatternKind::fixed) {
    Value begin = stage.mulI(blockRow, pattern.count);
    stage.loop(begin, stage.addI(begin, pattern.count), 1, [&](Value block) {
      visitBlock(row, block, loadIndex(indexAt, pattern.indexBits, block),
                 visit);
    });
    return;
  }
  Value begin = loadIndex(indexAt, 32, blockRow);
  if (pattern.kind == PatternKind::csr) {
    Value end = loadIndex(indexAt, 32, stage.addI(blockRow, 1));
    stage.loop(begin, end, 1, [&](Value block) {
      visitBlock(row, block, loadIndex(indexAt + 1, pattern.indexBits, block),
                 visit);
    });
    return;
  }
  // Bitmap: the block's number goes up with each bit that is set.
  int64_t across = leaf.columns / pattern.blockColumns;
  Value words = stage.mulI(blockRow, (across + 31) / 32);
  stage.loop(
      stage.index(0), stage.index(across), 1, begin,
      [&](Value column,
          mlir::ValueRange carried) -> llvm::SmallVector<Value> {
        Value block = carried[0];
        V word = loadUnsigned(indexAt + 1, 32,
                              stage.addI(words, stage.divI(column, 32)));
        V bit = extractBits(word, stage.remI(column, 32), 1);
        Value isSet = IRValueBuilder::unwrap(b.compareInt(
            Predicate::equal, bit, b.constantInt({Scalar::i32, 0}, 1)));
        stage.ifThen(isSet, [&] { visitBlock(row, block, column, visit); });
        return {stage.addI(block, IRValueBuilder::unwrap(
                                      b.extendUnsigned(bit, Scalar::i64)))};
      });
}
