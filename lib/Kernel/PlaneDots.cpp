//===- PlaneDots.cpp - Products of bit planes -----------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ABQ-LLM's product (DESIGN section 5, plane product):
//
//   sum_k w_k a_k = sum_ij s_i 2^(i+j) popcount(a_i & w_j)
//
// over planes a_i of the activation's two's complement bytes, where s_7 = -1 and
// the other s_i = 1, and planes w_j of the unsigned stored codes. A word is 32
// columns of one row; eight rows are the lanes. The activation's planes are signs
// of its bytes, which are shifted left from plane to plane.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/MatmulTile.h"

using namespace lowbit::kernel;
using mlir::SmallVector;
using mlir::Value;
using V = AbstractValue;

SmallVector<V> lowbit::kernel::emitPlaneDots(StageFunction &stage,
                                             const MatmulPlan &plan,
                                             Value planes, Value codes,
                                             unsigned tokens, Value block,
                                             llvm::ArrayRef<unsigned> vectors) {
  IRValueBuilder &b = stage.values();
  constexpr int64_t vectorBytes = 32;
  constexpr unsigned activationBits = 8;
  constexpr ValueType i16x16{Scalar::i16, 16};
  int64_t columns = 0; // a bit for each column that counts
  for (unsigned v : vectors)
    columns |= int64_t(0xf) << (4 * v);
  const bool wholeBlock = vectors.size() * 4 == size_t(columnsPerBlock);

  Value place = stage.at(planes, stage.mulI(block, vectorBytes * plan.planes));
  SmallVector<V> words;
  for (unsigned j = 0; j < plan.planes; ++j)
    words.push_back(
        stage.load(i32x8, stage.at(place, vectorBytes * j), vectorBytes));
  Value quads = stage.at(codes, stage.mulI(block, columnsPerBlock));
  V zero = b.constantInt(i8x32, 0);
  SmallVector<V> dots;
  for (unsigned t = 0; t < tokens; ++t) {
    V x = stage.load(i8x32, stage.at(quads, int64_t(t) * plan.paddedColumns()), 4);
    // Sums over the planes of the activation, for each plane of the weight: at
    // most 2 * 8 * 128 in magnitude a pair of bytes.
    SmallVector<V> sums(plan.planes);
    for (unsigned i = activationBits; i-- > 0;) {
      V word = b.bitcast(b.compareInt(Predicate::less, x, zero),
                         ValueType{Scalar::i32, 0});
      if (!wholeBlock)
        word = b.bitAnd(word, columns);
      V row = b.splat(word, 8);
      V factor = b.constantInt(i8x32, i == 7 ? -128 : 1 << i);
      for (unsigned j = 0; j < plan.planes; ++j) {
        V ones = b.popCount(b.bitcast(b.bitAnd(words[j], row), i8x32));
        V weighted = b.maddU8S8(ones, factor);
        sums[j] = sums[j].handle ? b.add(sums[j], weighted) : weighted;
      }
      if (i > 0)
        x = b.add(x, x);
    }
    V dot;
    for (unsigned j = 0; j < plan.planes; ++j) {
      V weighted =
          b.maddI16(sums[j], b.constantInt(i16x16, plan.codeStep << j));
      dot = dot.handle ? b.add(dot, weighted) : weighted;
    }
    dots.push_back(dot);
  }
  return dots;
}
