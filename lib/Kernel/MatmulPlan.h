//===- MatmulPlan.h - What a product's encodings ask of the loops -*- C++
//-*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything about a product that can be decided without emitting code: where
// the components lie, how long the groups of Semantics N4 are, how many byte
// products fit 16 bits. Kept apart from emission so that unit tests reach it.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_KERNEL_MATMULPLAN_H
#define LIB_KERNEL_MATMULPLAN_H

#include "lib/Kernel/CpuMatmul.h"

#include <optional>

namespace lowbit::kernel {

constexpr int64_t rowsPerBlock = 8;
constexpr int64_t columnsPerBlock = 32;
constexpr int64_t columnsPerChunk = 512; ///< Semantics N2

inline int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// A run of code bits: 32 * width bytes a block of 8 rows x 32 columns.
struct FieldPlan {
  unsigned width, shift, binding;
};

/// A scale, zero or offset factor in the rows-in-lanes layout.
struct ParamPlan {
  NumberDesc number;
  unsigned binding = 0;
  bool perRow = false;
  int64_t columns = 0;  ///< of one granule; 0 = does not depend on the column
  int64_t granules = 1; ///< along the columns
  bool variesAlongColumns() const { return columns != 0; }
};

struct MatmulPlan {
  int64_t rows = 0, columns = 0;
  int64_t rowBlocks = 0, blocks = 0, chunks = 0;
  NumberDesc code;
  int64_t codeBias = 0;          ///< true code = stored + codeBias
  uint64_t maxStored = 0;        ///< largest stored integer code
  std::vector<FieldPlan> fields; ///< integer codes
  unsigned codeBinding = 0;      ///< float codes, bit planes
  /// Not 0: integer codes in so many bit planes in lanes instead of `fields`.
  unsigned planes = 0;
  int64_t codeStep = 1; ///< planes only: true code = codeStep * stored + codeBias
  std::vector<ParamPlan> floatScales, intScales, floatOffsets, intOffsets;
  std::optional<ParamPlan> zero;
  bool hasScale = false, hasOffset = false, offsetNegated = false;
  MatmulActivation activation;

  /// Columns of one float group, cut at chunks (N4); 0 = one group a row (N5).
  int64_t group = 0;
  /// Columns over which integer parameters are constant: 16 or 32.
  int64_t unit = 32;
  /// Byte products (pairs) that may be added in 16 bits.
  unsigned pairsInI16 = 0;
  /// The code is multiplied in two digits of 4 bits because one pair of
  /// products could leave 16 bits.
  bool twoDigits = false;

  /// The weight is read element by element through its index maps, because no
  /// faster way knows its layout or granularities. Then `fields` and the
  /// parameter lists are empty and `anchor` says where the components are.
  bool generic = false;
  MatmulAnchor anchor;
  /// Generic only: the distances in columns at which float parameters change,
  /// 512 last; `group` is their greatest common divisor. Empty with `group` 0.
  std::vector<int64_t> floatSteps;
  bool hasIntOffset = false; ///< generic only: I_O is not 1 everywhere
  /// Generic only: runs of `group` columns, or one.
  int64_t units() const { return group ? ceilDiv(columns, group) : 1; }
  /// Generic only: whether the factor of each column in sum I_O * a is kept; it
  /// is 0 where a pattern has no element.
  bool storesOffsetFactors() const {
    return hasIntOffset || (hasOffset && anchor.weight.pattern);
  }

  /// Where this product's part of the stage's scratch begins.
  uint64_t scratchBase = 0;

  int64_t paddedColumns() const { return blocks * columnsPerBlock; }
  bool dotHasBias() const { return codeBias != 0 || zero.has_value(); }
  /// Sums of codes are needed for each unit (not only for each float group).
  bool biasInUnits() const;
};

/// Plans the product, or says why the kernels cannot compute it.
StatusOr<MatmulPlan> planMatmul(const MatmulAnchor &anchor);

} // namespace lowbit::kernel

#endif // LIB_KERNEL_MATMULPLAN_H
