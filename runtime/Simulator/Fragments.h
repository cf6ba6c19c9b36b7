//===- Fragments.h - Where matrix elements lie in a warp's registers *- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One rule covers every m16n8kK and m8n8kK shape of mma.sync. In 32-bit words
// (two f16, four s8, eight s4, thirty-two b1, one tf32), lane l holds
//
//   A register r: row l/4 + 8(r mod 2), word l mod 4 + 4(r / 2)   (16 rows)
//                 row l/4,              word l mod 4 + 4r         (8 rows)
//   B register r: column l/4,           word l mod 4 + 4r
//   C/D value v:  row l/4 + 8(v / 2),   column 2(l mod 4) + v mod 2
//
// mma.sp holds A without its zeros, in the same places. Four bits of metadata
// belong to a chunk (four elements of which two are kept; two of tf32, of which
// one; four pairs of 4-bit elements). Row r, chunk c is in the quad of lanes
// r mod 8, counted from the lane that the selector names:
//
//   16- and 32-bit elements: lane c / 4,             bits 16(r / 8) + 4(c mod 4)
//   8- and 4-bit elements:   lane r / 8 + 2(c / 8),  bits 4(c mod 8)
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_FRAGMENTS_H
#define RUNTIME_SIMULATOR_FRAGMENTS_H

#include <cstdint>

namespace lowbit::ptx {

struct FragmentPlace {
  unsigned row, column; ///< For B: row = word along k, column = n.
};

constexpr FragmentPlace placeInA(unsigned lane, unsigned reg, unsigned rows) {
  if (rows == 16)
    return {lane / 4 + 8 * (reg % 2), lane % 4 + 4 * (reg / 2)};
  return {lane / 4, lane % 4 + 4 * reg};
}
constexpr FragmentPlace placeInB(unsigned lane, unsigned reg) {
  return {lane % 4 + 4 * reg, lane / 4};
}
constexpr FragmentPlace placeInC(unsigned lane, unsigned value) {
  return {lane / 4 + 8 * (value / 2), 2 * (lane % 4) + value % 2};
}

/// Where the four metadata bits of a chunk of sparse A lie.
struct MetadataPlace {
  unsigned lane, shift;
};
/// `bits` of an element, `lanes` of a quad that hold metadata (1, 2 or 4).
constexpr MetadataPlace placeOfMetadata(unsigned row, unsigned chunk, unsigned bits,
                                        unsigned lanes, unsigned selector) {
  unsigned first = row % 8 * 4 + selector * lanes;
  if (bits >= 16)
    return {first + chunk / 4, 16 * (row / 8) + 4 * (chunk % 4)};
  return {first + row / 8 + 2 * (chunk / 8), 4 * (chunk % 8)};
}

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_FRAGMENTS_H
