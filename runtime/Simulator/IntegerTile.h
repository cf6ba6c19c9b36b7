//===- IntegerTile.h - Integer products of matrix fragments -----*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_INTEGERTILE_H
#define RUNTIME_SIMULATOR_INTEGERTILE_H

#include <cstdint>

namespace lowbit::ptx {

/// out[v][lane] = in[v][lane] + the number at that place of C/D (Fragments.h) of a product of
/// matrices, modulo 2^32. Operands are blocks, a block is the 32 words of a register of a
/// warp: 8 rows (of B: columns) of 4 words along k. A has both halves of the rows for the
/// first 4 words, then for the next. Rows of `out` may be rows of A or B, or of `in` with the
/// same v.
using TileProduct = void (*)(const uint32_t *const *a, const uint32_t *const *b,
                             const uint32_t *const *in, uint32_t *const *out);

/// What the numbers of a product are: words of four bytes each or, with `nibbles`, of eight
/// numbers of four bits; `halves` * 8 rows and 8 columns over `runs` runs of four words
/// along k. Halves and runs are 1 or 2; A has halves * runs blocks, B has runs.
struct TileShape {
  bool signedA, signedB, nibbles;
  unsigned halves, runs;
};
TileProduct tileProduct(const TileShape &shape);

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_INTEGERTILE_H
