//===- Pattern.h - Which elements a leaf stores ------------------ -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One row of a table per pattern kind: stored shape, index arrays, rules, and the
// walk over the stored elements of a logical row. Nothing else in lib/Packing
// looks at the kind.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_PACKING_PATTERN_H
#define LOWBIT_LIB_PACKING_PATTERN_H

#include "lowbit/Packing/Encoding.h"

#include <functional>
#include <string>

namespace lowbit {

/// One index component.
struct IndexArray {
  unsigned bits; ///< of an entry: 8, 16 or 32
  std::vector<int64_t> storage;
  uint32_t part; ///< 0: starts, 1: columns or bitmap, 2: positions
};

/// Extents of the stored space. {0, 0} where the pattern does not divide.
std::array<int64_t, 2> storedShapeOf(const PatternDesc &pattern, int64_t rows,
                                     int64_t columns);
/// The index components in order.
std::vector<IndexArray> indexArraysOf(const PatternDesc &pattern, int64_t rows,
                                      int64_t columns);
/// V4 for a tensor of rows x columns.
Status validatePattern(const PatternDesc &pattern, int64_t rows,
                       int64_t columns);
std::string describePattern(const PatternDesc &pattern);

/// Bytes of the index components, in the order of indexArraysOf. The walks
/// below check what they read.
using IndexBytes = std::span<const std::span<const uint8_t>>;

/// visit(stored row, stored column, k) for the stored elements of logical row n,
/// k ascending.
using ElementVisitor = std::function<void(int64_t, int64_t, int64_t)>;
Status forEachStored(const PatternDesc &pattern, int64_t rows, int64_t columns,
                     IndexBytes index, int64_t n, const ElementVisitor &visit);

/// All rules that index data must meet, in one pass: starts ascend from 0 to the
/// number of blocks, columns and positions ascend and are in range, bitmaps agree
/// with starts.
Status checkPatternData(const PatternDesc &pattern, int64_t rows,
                        int64_t columns, IndexBytes index);

/// Bits of an nm position in its packed array: 1, 2, 4 or 8.
unsigned positionBits(int64_t m);

} // namespace lowbit

#endif // LOWBIT_LIB_PACKING_PATTERN_H
