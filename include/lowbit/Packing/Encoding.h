//===- Encoding.h - What a low-bit tensor's bytes mean, without MLIR -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The dialect's leaf encodings, flattened to plain data. This is the one place
// from which packing, unpacking, sizes, bounds, the reference decode and the
// kernels' loads follow (DESIGN section 3):
//
//   value(n, k) = prod_i S_i(g_i(n,k)) * (c(n,k) - Z(g_z(n,k))) + O(g_o(n,k))
//
// with O = (negated ? -1 : 1) * prod_i O_i(...). All products are taken in f32 in
// list order; Semantics.md (N-clauses) gives the exact sequence.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_PACKING_ENCODING_H
#define LOWBIT_PACKING_ENCODING_H

#include "lowbit/Packing/IndexMap.h"

#include <optional>

namespace lowbit {

enum class NumberKind : uint8_t { signedInt, unsignedInt, floating };
enum class FloatFormat : uint8_t { none, f32, f16, bf16 };

/// The values one code or parameter can take. Integers: [lo, hi] within `width`
/// bits, two's complement when signed. Floats: `format`, width 16 or 32.
struct NumberDesc {
  NumberKind kind = NumberKind::floating;
  FloatFormat format = FloatFormat::f32;
  uint8_t width = 32;
  int64_t lo = 0;
  int64_t hi = 0;

  static NumberDesc signedInt(unsigned width);
  static NumberDesc unsignedInt(unsigned width);
  static NumberDesc floating(FloatFormat format);
  bool isFloat() const { return kind == NumberKind::floating; }
  /// Bits of the container a *parameter* of this type is stored in: 8, 16 or 32.
  unsigned storageBits() const;
  bool operator==(const NumberDesc &) const = default;
};

/// A scale, zero or offset factor: one number for each granule.
struct ParamDesc {
  NumberDesc number;
  /// (n, k) -> granule index. () -> () for one number a tensor, (n) a row, ...
  IndexMap granularity;
  /// granule index -> place in the stored array. Identity until a layout is chosen.
  IndexMap placement;
  std::vector<int64_t> granules; ///< image of `granularity` over the tensor
  std::vector<int64_t> storage;  ///< extents of the stored array (may be padded)
  bool operator==(const ParamDesc &) const = default;
};

/// A run of `width` bits of the code, starting at bit `shift`, stored in words of
/// `wordBits` bits: word index by `word`, lowest bit position by `bit`.
/// One field is the ordinary packed layout; 5 bits may be fields of 4 and 1.
struct FieldDesc {
  uint8_t shift = 0;
  uint8_t width = 8;
  uint8_t wordBits = 8;
  IndexMap word;                ///< (n, k) -> word index
  IndexMap bit;                 ///< (n, k) -> one result
  std::vector<int64_t> storage; ///< extents of the word array (padded)
  bool operator==(const FieldDesc &) const = default;
};

/// A leaf encoding of a [rows, columns] tensor.
struct LeafDesc {
  int64_t rows = 0;
  int64_t columns = 0;
  NumberDesc code;
  /// Stored value is code - lo (an unsigned number) instead of two's complement.
  bool biased = false;
  std::vector<FieldDesc> fields;
  std::vector<ParamDesc> scales;
  std::optional<ParamDesc> zero;
  std::vector<ParamDesc> offsets;
  bool offsetNegated = false;
  bool operator==(const LeafDesc &) const = default;
};

enum class ComponentRole : uint8_t { codes, scale, zero, offset };
const char *componentRoleName(ComponentRole role); // "codes", "scale", ...

/// One stored array of an encoding.
struct ComponentDesc {
  ComponentRole role;
  uint32_t index; ///< position within its role
  NumberDesc number;            ///< for codes: an unsigned word
  std::vector<int64_t> storage; ///< extents of the stored array
  uint64_t bytes = 0;           ///< product of extents times container size
  std::string name() const;     ///< "codes", "codes.1", "scale", "offset.1"
};

/// The components in canonical order: fields, scales, zero, offsets. This order
/// is the order of kernel bindings, of module tables and of `disassemble`.
StatusOr<std::vector<ComponentDesc>> componentsOf(const LeafDesc &leaf);

/// Checks everything a hostile file could get wrong: extents, maps (injective and
/// in range: verifier rule V5, by enumerating one period), widths, ranges.
Status validate(const LeafDesc &leaf);

/// Stored bits a logical element: codes alone, and all components together.
struct BitsPerElement {
  double codes = 0;
  double total = 0;
};
StatusOr<BitsPerElement> bitsPerElement(const LeafDesc &leaf);

/// Readable one-line text, e.g. "uint4, scale f16/32, offset f16/32".
std::string describe(const LeafDesc &leaf);

} // namespace lowbit

#endif // LOWBIT_PACKING_ENCODING_H
