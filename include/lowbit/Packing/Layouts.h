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

/// The layout that CPU kernels read fastest: rows in lanes where the encoding is
/// plain (LeafDesc::isPlain), else packed rows.
Status applyComputeLayout(LeafDesc &leaf);

/// Granularity helpers: one number for each `group` columns of each row
/// (group must divide `columns`), one a row, one for the tensor.
ParamDesc paramPerGroup(NumberDesc number, int64_t rows, int64_t columns,
                        int64_t group);
ParamDesc paramPerRow(NumberDesc number, int64_t rows);
ParamDesc paramPerTensor(NumberDesc number);

} // namespace lowbit

#endif // LOWBIT_PACKING_LAYOUTS_H
