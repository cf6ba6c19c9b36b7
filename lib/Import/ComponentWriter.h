//===- ComponentWriter.h - Plain numbers into components ------ -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The last step of every source: strips of rows, as plain arrays, are packed
// into the components of a leaf, by several threads where rows do not share
// words.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_COMPONENTWRITER_H
#define LOWBIT_LIB_IMPORT_COMPONENTWRITER_H

#include "lowbit/Packing/Pack.h"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace lowbit::import {

/// Writes into component arrays that it sizes and zeroes, and that must outlive
/// it. The const members may be called by several threads on different rows
/// when rowsAreIndependent().
class ComponentWriter {
public:
  /// Fails with resourceExhausted when the components do not fit in memory.
  static StatusOr<ComponentWriter>
  create(const LeafDesc &leaf, std::vector<std::vector<uint8_t>> &components);

  const LeafDesc &leaf() const { return codec.leaf(); }
  /// Parameters in canonical order: scales, zero, offsets.
  const std::vector<const ParamDesc *> &params() const { return paramList; }
  /// True when codes of different rows never share a word, so that strips may
  /// be packed at the same time.
  bool rowsAreIndependent() const { return independent; }

  /// Plain codes of rows [rowBegin, rowEnd).
  Status writeCodes(int64_t rowBegin, int64_t rowEnd,
                    std::span<const uint8_t> plain) const;
  /// Plain numbers of granule rows [begin, end) of parameter `index`.
  Status writeParam(size_t index, int64_t begin, int64_t end,
                    std::span<const uint8_t> plain) const;

private:
  explicit ComponentWriter(LeafCodec codec) : codec(std::move(codec)) {}

  LeafCodec codec;
  bool independent = false;
  std::vector<const ParamDesc *> paramList;
  std::vector<std::span<uint8_t>> fields;
  std::vector<std::span<uint8_t>> paramBytes;
};

/// Sizes `bytes` to `size` zero bytes; an error instead of an abort when the
/// memory is not there. `what` names the thing in the error.
Status allocateZeroed(std::vector<uint8_t> &bytes, uint64_t size,
                      const char *what);

/// Calls `body(begin, end)` for consecutive strips of at most `strip` rows, on
/// `threads` threads with a contiguous share each. Returns the error of the
/// lowest failing strip, whatever the number of threads.
Status forEachStrip(int64_t rows, int64_t strip, unsigned threads,
                    const std::function<Status(int64_t, int64_t)> &body);

/// Rows in a strip whose plain codes take about 256 KiB: a multiple of 8.
int64_t stripRows(const LeafDesc &leaf);

} // namespace lowbit::import

#endif // LOWBIT_LIB_IMPORT_COMPONENTWRITER_H
