//===- SourceLayout.h - How checkpoint files store numbers ---- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every stored format that we read is a table: where the bits of the codes and
// of each parameter lie within a block, and what to add to the stored value.
// There is no code for a single format; the reader follows the table.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_PACKING_SOURCELAYOUT_H
#define LOWBIT_PACKING_SOURCELAYOUT_H

#include "lowbit/Packing/Encoding.h"

#include <string_view>

namespace lowbit {

/// Bits of items [begin, end) of a block, where item i is the element (codes)
/// or the granule (parameters) within the block. With j = i - begin: radix 0:
/// `width` bits at byte `byte(j)`, bit `bit(j)`, which are bits [shift, shift +
/// width) of the number; a piece of 16 or 32 bits starts at a byte. Radix 3:
/// byte `byte(j)` holds base-3 digits, most significant first, as a fixed-point
/// fraction of 256 (TQ1_0); `bit(j)` is the digit.
struct SourcePiece {
  int32_t begin = 0;
  int32_t end = 0;
  IndexExpr byte; ///< of the one dimension j
  IndexExpr bit;
  uint8_t shift = 0;
  uint8_t width = 8;
  uint8_t radix = 0;
};

/// A number stored in the file. value = stored + bias for integers (stored is
/// sign-extended from number.width bits when twosComplement); float bits as is.
struct SourceNumber {
  NumberDesc number;
  int32_t bias = 0;
  bool twosComplement = false;
  std::vector<SourcePiece> pieces;
};

struct SourceParam {
  ComponentRole role = ComponentRole::scale;
  /// Elements of a row that share one number (divides blockElements). Numbers
  /// that lie in a tensor of their own and are not read by readCanonicalRows:
  /// 0, one a tensor; -1, one a row.
  int32_t group = 0;
  SourceNumber value;
};

struct SourceLayout {
  std::string name;          ///< "Q4_K", "F16", "BITNET"
  int32_t blockElements = 1; ///< consecutive elements of a row in a block
  int32_t blockBytes = 0;
  /// Rows that share bytes: with R = ceil(rows / rowPlanes), row n lies in byte
  /// row n mod R, its bits moved up by rowPlaneBits * (n floordiv R).
  int32_t rowPlanes = 1;
  int32_t rowPlaneBits = 0;
  SourceNumber code;
  std::vector<SourceParam> params; ///< in list order of scales, then offsets
  bool offsetNegated = false;
};

/// The layout of a name, or null: F32 F16 BF16 I8 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q2_K
/// Q3_K Q4_K Q5_K Q6_K TQ1_0 TQ2_0, BITNET (Hugging Face's packed ternary with
/// one f32 scale a tensor), TERNARY_I8 (I8 in {-1, 0, 1} with such a scale),
/// I8_ROW (I8 with one f32 scale a row).
const SourceLayout *findSourceLayout(std::string_view name);
/// All of them, in a fixed order.
const std::vector<SourceLayout> &allSourceLayouts();

/// The encoding of a [rows, columns] tensor so stored, with canonical layout.
/// Fails when blockElements does not divide columns or sizes overflow.
StatusOr<LeafDesc> leafOf(const SourceLayout &source, int64_t rows,
                          int64_t columns);
/// Bytes that such a tensor takes in the file.
StatusOr<uint64_t> sourceBytes(const SourceLayout &source, int64_t rows,
                               int64_t columns);

/// Plain arrays (see Pack.h) of some rows.
struct CanonicalRows {
  std::vector<uint8_t> codes;
  /// scales, zero, offsets in the order of componentsOf; empty for a parameter
  /// that lies elsewhere (SourceParam::group <= 0).
  std::vector<std::vector<uint8_t>> params;
};

/// Reads rows [rowBegin, rowEnd) of a tensor. `bytes` is the whole tensor, of
/// exactly sourceBytes(). `out` is reused between calls. A stored code outside
/// the number's range (3 in a ternary tensor) is an error with row and column.
Status readCanonicalRows(const SourceLayout &source,
                         std::span<const uint8_t> bytes, int64_t rows,
                         int64_t columns, int64_t rowBegin, int64_t rowEnd,
                         CanonicalRows &out);

} // namespace lowbit

#endif // LOWBIT_PACKING_SOURCELAYOUT_H
