//===- CodeSet.h - The values that a code can take -------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Quantizers work on values, not on formats: a code is the sorted list of the
// numbers it denotes and their stored bits.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_COMPRESS_CODESET_H
#define LOWBIT_LIB_COMPRESS_CODESET_H

#include "lowbit/Packing/Encoding.h"

#include <cstdint>
#include <vector>

namespace lowbit::compress {

/// The levels of a code of at most 8 bits.
class CodeSet {
public:
  /// Fails for codes without a short list of values (f32, int<16>).
  static StatusOr<CodeSet> create(const NumberDesc &code);

  float lowest() const { return values.front(); }
  float highest() const { return values.back(); }
  /// The largest magnitude that both signs reach: 7 for int4, 1 for ternary;
  /// 0 for a code without negative values.
  float symmetricReach() const;
  size_t size() const { return values.size(); }
  float value(size_t index) const { return values[index]; }
  uint8_t stored(size_t index) const { return bits[index]; }
  /// Index of a stored code; 0 for bits that no level has.
  size_t indexOf(uint8_t stored) const;
  bool isInteger() const { return uniform; }

  /// Index of the level nearest to `x`; a tie goes to the even level for
  /// consecutive integers (round half to even), else to the even index. NaN
  /// gives the level nearest to zero.
  size_t nearest(float x) const;
  /// value(nearest(x)): what rounding makes of x.
  float round(float x) const { return values[nearest(x)]; }
  /// Largest distance from a number in [lowest, highest] to its nearest level.
  float halfGap() const { return largestGap / 2; }

private:
  std::vector<float> values;
  std::vector<uint8_t> bits;
  /// Consecutive integers: nearest() is one rounding.
  bool uniform = false;
  float largestGap = 0;
};

} // namespace lowbit::compress

#endif // LOWBIT_LIB_COMPRESS_CODESET_H
