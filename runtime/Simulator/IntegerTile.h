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

inline constexpr unsigned longestRow = 64; ///< elements of k

/// Elements of `words`, bytes or, with `nibbles`, two in a byte (the low one first):
/// k of them, a multiple of 16, as signed or unsigned numbers.
void expandIntegers(const uint32_t *words, unsigned k, bool nibbles,
                    bool isSigned, int16_t *out);

/// sums[m][n] = sum over x < k of a[m][x] * b[n][x], exact: k is even and numbers
/// are of at most 9 bits.
void multiplyIntegers(const int16_t (*a)[longestRow], const int16_t (*b)[longestRow],
                      unsigned k, unsigned rows, int32_t (*sums)[8]);

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_INTEGERTILE_H
