//===- Layouts.h - The layouts we choose ourselves ------------ -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each function fills the fields' and parameters' places of a leaf whose
// numbers and granularities are set (rows, columns, code, `granularity` and
// `granules` of every parameter).
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_PACKING_LAYOUTS_H
#define LOWBIT_PACKING_LAYOUTS_H

#include "lowbit/Packing/Encoding.h"

namespace lowbit {

/// Plain row-major: one field, one word a code. Integer codes take the low
/// `code.width` bits of a byte (two's complement when signed, the bits above
/// are zero); floats their natural word. Parameters in granule order.
Status applyCanonicalLayout(LeafDesc &leaf);

/// The CPU matmul layout, rows in lanes: blocks of 8 rows x 32 columns.
///
/// A code of b bits is cut into fields of 8, 4, 2, 1 bits, the widest field
/// holding the lowest bits. A field of width w has byte words of extents
/// [ceil(N/8), ceil(K/32), w, 8, 4]; with v = (k mod 32) floordiv 4 element
/// (n, k) is in word (n floordiv 8, k floordiv 32, v mod w, n mod 8, k mod 4)
/// at bit w * (v floordiv w). Signed codes are stored biased. Float codes:
/// words of extents [ceil(N/8), ceil(K/32), 32, 8] at (n floordiv 8, k floordiv
/// 32, k mod 32, n mod 8). Parameters with granule (n, g): [ceil(N/8), G, 8] at
/// (g0 floordiv 8, g1, g0 mod 8); (n): [ceil(N/8), 8]; one a tensor: [1]; (g)
/// along k only: [G]; others in the order of their granules. Padding is zero
/// bytes.
Status applyRowsInLanesLayout(LeafDesc &leaf);

/// Stored rows one after another, each filled up to whole bytes: fields of 8, 4,
/// 2, 1 bits as in rows in lanes, stored column c of a field of width w in byte
/// c floordiv (8 / w) at bit w * (c mod (8 / w)). Float codes: words in order.
/// Parameters stay in the order of their granules. Any pattern or table.
Status applyPackedRowsLayout(LeafDesc &leaf);

/// Whether the codes are stored as bit planes: integers with a field of one bit a
/// plane, all planes in one component, every element at its own place.
bool hasBitPlanes(const LeafDesc &leaf);

/// Bit planes for products by AND and population count: words of 32 bits of extents
/// [ceil(N/8), ceil(K/32), planes, 8], bit j of the code of element (n, k) in word
/// (n floordiv 8, k floordiv 32, j, n mod 8) at bit k mod 32. Signed codes and codes
/// with steps are stored biased; parameters lie as for rows in lanes, padding is
/// zero bits. Integer codes of a dense leaf.
Status applyPlanesInLanesLayout(LeafDesc &leaf);

/// The layout that CPU kernels read fastest: rows in lanes where the encoding is
/// plain (LeafDesc::isPlain), else packed rows.
Status applyComputeLayout(LeafDesc &leaf);
/// Code fields only, of a leaf whose shape, code and pattern are set; parameters
/// keep their places.
///
/// Rows of `digits` codes of base `radix` in a word of `wordBits` bits: 8, 16 or 32,
/// or fewer than 8: then bit b of the group numbers 8t .. 8t+7 of a row is byte b of
/// group t, bit j being that of group number 8t + j.
Status setRadixFields(LeafDesc &leaf, unsigned radix, unsigned digits,
                      unsigned wordBits, RadixStore store);
/// A canonical prefix code of `bytes` bytes over codes of at most 8 bits, or over
/// the exponent of bf16 (whose mantissa and sign then share a byte array), restarted
/// every `block` elements.
Status setEntropyFields(LeafDesc &leaf, int64_t block, int64_t bytes);
/// A tile order by name: rows_in_lanes (as above), mma_m16n8k32 (operand B of the
/// 8-bit tensor-core instruction: tiles of 8 rows x 32 columns; lane 4 (n mod 8) +
/// (k floordiv 4) mod 4 holds its 8 codes, k mod 4 fastest, then k floordiv 16, in
/// one word, or in two of four bytes for codes of 8 bits). Integer codes of 1, 2, 4
/// or 8 bits for the latter.
Status setNamedFields(LeafDesc &leaf, const std::string &name);
/// Bit planes in words of 32, row-major, lowest or highest bit first.
Status setPlaneFields(LeafDesc &leaf, bool msbFirst);

/// Granularity helpers: one number for each `group` columns of each row
/// (group must divide `columns`), one a row, one for the tensor.
ParamDesc paramPerGroup(NumberDesc number, int64_t rows, int64_t columns,
                        int64_t group);
ParamDesc paramPerRow(NumberDesc number, int64_t rows);
ParamDesc paramPerTensor(NumberDesc number);

} // namespace lowbit

#endif // LOWBIT_PACKING_LAYOUTS_H
