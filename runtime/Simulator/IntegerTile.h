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

/// Numbers of one operand of a product of tiles. A block is the 32 words of a register of
/// a warp: 8 rows (of B: columns) of 4 words along k.
struct TileOperand {
  const uint32_t *blocks[4]; ///< of A: both halves of the rows for the first 4 words, ...
  bool isSigned;
};

/// out[v][lane] = in[v][lane] + the number at that place of C/D (Fragments.h) of the product
/// of `halves` * 8 rows and 8 columns over `runs` runs of four words along k, modulo 2^32.
/// Words have four bytes each or, with `nibbles`, eight numbers of four bits. Halves and
/// runs are 1 or 2; A has halves * runs blocks, B has runs. Rows of `out` may be rows of A
/// or B, or of `in` with the same v.
void multiplyTiles(const TileOperand &a, const TileOperand &b, unsigned halves,
                   unsigned runs, bool nibbles, const uint32_t *const *in,
                   uint32_t *const *out);

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_INTEGERTILE_H
