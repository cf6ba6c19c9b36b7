//===- Pack.h - Moving numbers into and out of layouts -------- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A *plain array* holds numbers in row-major logical order without any layout:
// integer codes one byte each (the low 8 bits of the value in two's
// complement), 16- and 32-bit floats as their bits, integer parameters in
// NumberDesc::storageBits() / 8 bytes (two's complement), all little-endian.
// Pack writes plain arrays into component bytes, unpack reads them back, for
// any maps that validate() accepts.
//
// Every map is a sum of terms of one dimension each, so an address is
// A(row) + B(column): the packers build both tables once and then touch each
// element once.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_PACKING_PACK_H
#define LOWBIT_PACKING_PACK_H

#include "lowbit/Packing/Encoding.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace lowbit {

/// Bytes of one code / parameter in a plain array.
unsigned plainCodeBytes(const NumberDesc &code);
unsigned plainParamBytes(const NumberDesc &param);

/// Address tables of one leaf; building costs O(rows + columns) memory and time
/// and validates the leaf. Immutable afterwards: may be shared by threads that
/// work on rows whose words are disjoint.
class LeafCodec {
public:
  static StatusOr<LeafCodec> create(const LeafDesc &leaf);
  LeafCodec(LeafCodec &&) noexcept;
  LeafCodec &operator=(LeafCodec &&) noexcept;
  ~LeafCodec();

  const LeafDesc &leaf() const;
  /// componentsOf(leaf()).
  const std::vector<ComponentDesc> &components() const;

  /// Writes rows [rowBegin, rowEnd) of codes. `plain` holds exactly those rows.
  /// `fields` has one span of the component's full size for each field (zeroed
  /// by the caller at first). An integer code outside [lo, hi] is an error that
  /// names row and column.
  Status packCodes(int64_t rowBegin, int64_t rowEnd,
                   std::span<const uint8_t> plain,
                   std::span<const std::span<uint8_t>> fields) const;
  /// The inverse. Stored values outside [lo, hi] are returned as they are.
  Status unpackCodes(int64_t rowBegin, int64_t rowEnd,
                     std::span<const std::span<const uint8_t>> fields,
                     std::span<uint8_t> plain) const;

  /// decode(row, k) for every k by Semantics.md E1-E3. `components` has the
  /// full bytes of each component in canonical order; out has `columns` floats.
  Status decodeRow(std::span<const std::span<const uint8_t>> components,
                   int64_t row, std::span<float> out) const;

private:
  struct Impl;
  explicit LeafCodec(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

/// Writes the granules whose first index is in [begin, end) (granules of rank
/// 0: begin 0, end 1) from a plain array in granule order into the stored
/// array. Values outside the number's range are an error.
Status packParam(const ParamDesc &param, int64_t begin, int64_t end,
                 std::span<const uint8_t> plain, std::span<uint8_t> stored);
/// The inverse.
Status unpackParam(const ParamDesc &param, int64_t begin, int64_t end,
                   std::span<const uint8_t> stored, std::span<uint8_t> plain);
/// Granules along the first axis of a parameter (1 for rank 0).
int64_t granuleRows(const ParamDesc &param);
/// The granule rows that rows [rowBegin, rowEnd) of the tensor refer to.
std::pair<int64_t, int64_t> granuleRowsOf(const ParamDesc &param,
                                          int64_t rowBegin, int64_t rowEnd);

/// One-call forms of the LeafCodec members.
Status packCodes(const LeafDesc &leaf, int64_t rowBegin, int64_t rowEnd,
                 std::span<const uint8_t> plain,
                 std::span<const std::span<uint8_t>> fields);
Status unpackCodes(const LeafDesc &leaf, int64_t rowBegin, int64_t rowEnd,
                   std::span<const std::span<const uint8_t>> fields,
                   std::span<uint8_t> plain);
Status decodeRow(const LeafDesc &leaf,
                 std::span<const std::span<const uint8_t>> components,
                 int64_t row, std::span<float> out);

/// Element by element through IndexMap::eval: what the table forms are tested
/// against. Slow.
Status packCodesByMaps(const LeafDesc &leaf, int64_t rowBegin, int64_t rowEnd,
                       std::span<const uint8_t> plain,
                       std::span<const std::span<uint8_t>> fields);
Status unpackCodesByMaps(const LeafDesc &leaf, int64_t rowBegin, int64_t rowEnd,
                         std::span<const std::span<const uint8_t>> fields,
                         std::span<uint8_t> plain);

} // namespace lowbit

#endif // LOWBIT_PACKING_PACK_H
