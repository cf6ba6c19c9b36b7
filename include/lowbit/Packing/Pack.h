//===- Pack.h - Moving numbers into and out of layouts -------- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A *plain array* holds numbers in row-major order of the stored space (of a dense
// tensor: logical order) without any layout: integer codes one byte each (the low 8
// bits of the value in two's complement), float codes as their bits in 1, 2 or 4
// bytes, integer parameters in
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
#include <functional>
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

  /// Writes stored rows [rowBegin, rowEnd) of codes. `plain` holds exactly those
  /// rows. `fields` has one span of the component's full size for each code array
  /// (zeroed by the caller at first), or for each component. An integer code
  /// outside [lo, hi] is an error that names row and column. A prefix code is
  /// packed whole, with all components: its table and index are written too.
  Status packCodes(int64_t rowBegin, int64_t rowEnd,
                   std::span<const uint8_t> plain,
                   std::span<const std::span<uint8_t>> fields) const;
  /// The inverse. Stored values outside [lo, hi] are returned as they are.
  Status unpackCodes(int64_t rowBegin, int64_t rowEnd,
                     std::span<const std::span<const uint8_t>> fields,
                     std::span<uint8_t> plain) const;

  /// decode(row, k) for every k by Semantics.md E1-E8 (a complement's elements all
  /// count as present). `components` has the
  /// full bytes of each component in canonical order; out has `columns` floats.
  Status decodeRow(std::span<const std::span<const uint8_t>> components,
                   int64_t row, std::span<float> out) const;

  /// visit(stored row, stored column, k) for the elements that logical row `row`
  /// stores, k ascending. Of several books the first one's column.
  using StoredVisitor = std::function<void(int64_t, int64_t, int64_t)>;
  Status forEachStored(std::span<const std::span<const uint8_t>> components,
                       int64_t row, const StoredVisitor &visit) const;

  /// The rules that contents of index components and prefix codes must meet;
  /// whoever hands them to compiled code checks first. decodeRow and unpackCodes
  /// are safe without.
  Status
  checkIndexData(std::span<const std::span<const uint8_t>> components) const;

  struct Impl; ///< internal

private:
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

/// The parameter components of a leaf, in canonical order, as parameters of their
/// own: a rank scale is two, u [rows, r] and v [r, columns].
std::vector<ParamDesc> componentParams(const LeafDesc &leaf);

/// The prefix code of a leaf's coded field for the plain codes of all stored rows.
struct EntropyCoded {
  std::vector<uint8_t> bytes;   ///< component codes
  std::vector<uint8_t> lengths; ///< component table
  std::vector<uint32_t> starts; ///< component index
};
StatusOr<EntropyCoded> encodeEntropy(const LeafDesc &leaf, const uint8_t *plain);

/// Index components of `pattern` for the elements with mask(n, k) set: a block is
/// stored where any of its elements is. Sets `pattern.count` of csr and bitmap
/// patterns; fixed and nm need as many as they say in each block row or group.
StatusOr<std::vector<std::vector<uint8_t>>>
buildIndex(PatternDesc &pattern, int64_t rows, int64_t columns,
           const std::function<bool(int64_t, int64_t)> &mask);

/// The same numbers in another layout: `to` differs from `from` in fields,
/// `biased` and placements only. For a prefix code the size of `to`'s field is set
/// to what its codes take.
StatusOr<std::vector<std::vector<uint8_t>>>
repack(const LeafDesc &from, std::span<const std::span<const uint8_t>> components,
       LeafDesc &to);

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
