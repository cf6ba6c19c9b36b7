//===- LeafWriter.h - Numbers into components of a leaf --------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_COMPRESS_LEAFWRITER_H
#define PASSES_COMPRESS_LEAFWRITER_H

#include "lib/Import/ParameterArchive.h"
#include "lowbit/Packing/Pack.h"

namespace mlir::lowbit {

/// Where the elements of a leaf are stored: with a pattern its index components,
/// without one every element at its own place.
struct StoredElements {
  std::optional<::lowbit::PatternDesc> pattern;
  std::vector<std::vector<uint8_t>> index; ///< components of role index

  /// Those of a parameter's components.
  static StoredElements of(const ::lowbit::LeafDesc &leaf,
                           const ComponentBytes &components);
};

/// Gives `leaf` the canonical layout and fills its components. `codes` are plain
/// codes of the whole logical matrix [rows, columns] (those of elements that are
/// not stored are ignored), `params` plain arrays of scales, zero, offsets.
::lowbit::Status writeLeaf(::lowbit::LeafDesc &leaf,
                           const StoredElements &elements,
                           std::span<const uint8_t> codes,
                           std::span<const std::vector<uint8_t>> params,
                           ComponentBytes &components);

/// One byte a weight, 1 where it is stored; empty where all are.
::lowbit::StatusOr<std::vector<uint8_t>>
storedMask(const ::lowbit::LeafDesc &leaf, const ComponentBytes &components);

/// The same matrix as plain f32 numbers, in the canonical layout.
LowbitTensorType floatMatrixType(LowbitTensorType type);

} // namespace mlir::lowbit

#endif // PASSES_COMPRESS_LEAFWRITER_H
