//===- IndexMap.h - Quasi-affine maps between index spaces ------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A layout says where an element lies by two maps: index -> word, index -> bit.
// Every map in use is a sum of terms `mul * ((d floordiv div) mod mod)`, so that
// is all this type can say: it is evaluated without a parser, inverted by
// enumeration, and read by kernels that need its strides. The dialect converts
// affine maps to it and refuses the ones it cannot express.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_PACKING_INDEXMAP_H
#define LOWBIT_PACKING_INDEXMAP_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lowbit {

/// `mul * ((index[dim] floordiv div) mod mod)`; mod == 0 means no modulus.
struct IndexTerm {
  int32_t dim = 0;
  int64_t mul = 1;
  int64_t div = 1;
  int64_t mod = 0;
  bool operator==(const IndexTerm &) const = default;
};

/// One result: the sum of its terms plus a constant.
struct IndexExpr {
  std::vector<IndexTerm> terms;
  int64_t constant = 0;
  int64_t eval(std::span<const int64_t> index) const;
  bool operator==(const IndexExpr &) const = default;
};

/// A map from a `numDims`-dimensional index to `results.size()` numbers.
struct IndexMap {
  int32_t numDims = 0;
  std::vector<IndexExpr> results;

  /// Evaluates every result at `index` (numDims entries) into `out`.
  void eval(std::span<const int64_t> index, std::span<int64_t> out) const;
  /// Smallest box [0, e) that holds every result over the box [0, shape).
  /// Fails on overflow, a negative value, div < 1 or mod < 0.
  StatusOr<std::vector<int64_t>> imageShape(std::span<const int64_t> shape) const;
  /// The identity in `numDims` dimensions.
  static IndexMap identity(int32_t numDims);
  /// "(d0, d1) -> (d0 floordiv 8, d1 mod 4)".
  std::string toString() const;
  bool operator==(const IndexMap &) const = default;
};

/// Row-major position of `index` in `shape`.
int64_t linearize(std::span<const int64_t> index, std::span<const int64_t> shape);
/// Product of `shape`, or an error when it overflows 63 bits or an entry is < 0.
StatusOr<int64_t> checkedElementCount(std::span<const int64_t> shape);

} // namespace lowbit

#endif // LOWBIT_PACKING_INDEXMAP_H
