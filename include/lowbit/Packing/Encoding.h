//===- Encoding.h - What a low-bit tensor's bytes mean, without MLIR -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The dialect's encodings, flattened to plain data. This is the one place from
// which packing, unpacking, sizes, bounds, the reference decode and the kernels'
// loads follow (DESIGN section 3). A leaf denotes
//
//   value(n, k) = mask(n, k) * (prod_i S_i(g_i(n,k)) * (dec(c(n,k)) - Z(g_z(n,k)))
//                               + O(g_o(n,k)))
//
// with O = (negated ? -1 : 1) * prod_i O_i(...); Semantics.md (E-clauses) gives
// the exact sequence. Codes lie in a *stored space* of two dimensions: the
// logical one of a dense tensor, fewer elements under a pattern or where one code
// names a vector of values. Layouts map stored indices, so that every pattern
// packs alike.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_PACKING_ENCODING_H
#define LOWBIT_PACKING_ENCODING_H

#include "lowbit/Packing/IndexMap.h"

#include <array>
#include <optional>

namespace lowbit {

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

enum class NumberKind : uint8_t { signedInt, unsignedInt, floating };
enum class FloatFormat : uint8_t {
  none,
  f32,
  f16,
  bf16,
  f8E4M3FN,
  f8E5M2,
  f8E8M0FNU,
  f6E2M3FN,
  f6E3M2FN,
  f4E2M1FN
};
/// "f32", "f8E4M3FN": the names of MLIR's builtin types. Bits of a number of it.
const char *floatFormatName(FloatFormat format);
unsigned floatFormatWidth(FloatFormat format);

/// The values one code or parameter can take. Integers: lo, lo + step, ..., hi.
/// With step 1 they are held within `width` bits, two's complement when signed;
/// a larger step (bin<pm1>: lo -1, hi 1, step 2, width 1) is always stored as the
/// position (value - lo) / step. Floats: `format`, width as the format says.
struct NumberDesc {
  NumberKind kind = NumberKind::floating;
  FloatFormat format = FloatFormat::f32;
  uint8_t width = 32;
  int64_t lo = 0;
  int64_t hi = 0;
  int64_t step = 1;

  static NumberDesc signedInt(unsigned width);
  static NumberDesc unsignedInt(unsigned width);
  static NumberDesc floating(FloatFormat format);
  /// -1 and 1 in one bit.
  static NumberDesc plusMinusOne();
  bool isFloat() const { return kind == NumberKind::floating; }
  /// Bits of the container a number of this type is stored in by itself: 8, 16
  /// or 32.
  unsigned storageBits() const;
  /// Number of integer values: (hi - lo) / step + 1.
  int64_t levels() const { return (hi - lo) / step + 1; }
  bool operator==(const NumberDesc &) const = default;
};

/// The value of the float whose bits are the low `number.width` bits of `bits`.
float floatFromCode(const NumberDesc &number, uint32_t bits);
/// The float code nearest to `value`: round to nearest even; beyond the largest
/// finite value of a format of at most 8 bits the largest, NaN gives NaN where
/// there is one, else +0.
uint32_t floatToCode(const NumberDesc &number, float value);
/// e >= 0 such that every value of the code is an integer times 2^-e and these
/// integers fit s16 (E6): 0 for integers, 1 for f4E2M1FN, 3 for f6E2M3FN, 4 for
/// f6E3M2FN; nothing for other floats.
std::optional<int> exactIntegerExponent(const NumberDesc &number);

//===----------------------------------------------------------------------===//
// Parts of a leaf
//===----------------------------------------------------------------------===//

/// Which index a granularity maps: (n, k) of the tensor, or (row, column) of the
/// stored space (`@ block`).
enum class IndexSpace : uint8_t { logical, stored };

/// A scale, zero or offset factor: one number for each granule.
struct ParamDesc {
  NumberDesc number;
  /// (n, k) -> granule index. () -> () for one number a tensor, (n) a row, ...
  IndexMap granularity;
  /// granule index -> place in the stored array. Identity until a layout is chosen.
  IndexMap placement;
  std::vector<int64_t> granules; ///< image of `granularity` over the tensor
  std::vector<int64_t> storage;  ///< extents of the stored array (may be padded)
  IndexSpace space = IndexSpace::logical;
  /// 0: an entry takes number.storageBits(). 1, 2 or 4: entry i of the row-major
  /// array takes bits [i * packed mod 8, ...) of byte i * packed / 8, biased by
  /// number.lo. The component is then an array of bytes.
  uint8_t packed = 0;
  /// r > 0: S(n, k) = sum_j U(n, j) V(j, k), two components u [rows, r] and
  /// v [r, columns] of floats; granularity and placement are the identity.
  int64_t rank = 0;
  bool operator==(const ParamDesc &) const = default;
};

/// How `digits` digits make a group number of `bits` bits where `radix` is set.
/// `plain`: sum_i digit_i radix^i. `scaled`: with v = sum_i digit_i
/// radix^(digits-1-i) it is ceil(v 2^bits / radix^digits); digit i is then the
/// integer part of radix times the fraction (number radix^i mod 2^bits) / 2^bits.
enum class RadixStore : uint8_t { plain, scaled };

/// A run of `width` bits of the code, starting at bit `shift`, stored in words of
/// `wordBits` bits: word index by `word`, lowest bit position by `bit`.
/// One field is the ordinary packed layout; 5 bits may be fields of 4 and 1.
struct FieldDesc {
  uint8_t shift = 0;
  uint8_t width = 8;
  uint8_t wordBits = 8;
  IndexMap word;                ///< stored index -> word index
  IndexMap bit;                 ///< stored index -> one result
  std::vector<int64_t> storage; ///< extents of the word array (padded)
  /// The code component it lies in. Fields of one component have equal wordBits
  /// and storage, and share no bit (bit planes are such fields).
  uint8_t array = 0;
  /// Not 0: codes are digits of this base, `digits` of which make a group number.
  /// `shift` and `width` then cut that number instead of the code (all fields
  /// together hold it, 8 bits in one byte or 7 bits in 7 planes), word and bit
  /// place the run, equal for the digits of a group, and `digit` gives the
  /// position in the group. The code is stored biased or has lo = 0. All fields of
  /// the leaf have the same radix, digits, digit and store.
  uint8_t radix = 0;
  uint8_t digits = 0;
  IndexMap digit; ///< stored index -> one result
  RadixStore store = RadixStore::plain;
  /// Not 0: the bits are symbols in a canonical prefix code, restarted every
  /// `entropyBlock` stored elements (row-major). word and bit are unused, storage
  /// is {bytes}; components `table` (code lengths) and `index` (first byte of
  /// each block) belong to it.
  int64_t entropyBlock = 0;
  bool operator==(const FieldDesc &) const = default;
};

/// Codes are positions in a table; one code names a vec of values and `books`
/// tables are added (E7). Component `table`: [granules..., books, 2^width, vec].
struct LutDesc {
  NumberDesc entry;
  int64_t vecRows = 1;
  int64_t vecColumns = 1;
  int64_t books = 1;
  IndexMap granularity;          ///< (n, k) -> granule
  std::vector<int64_t> granules; ///< image of `granularity`
  bool operator==(const LutDesc &) const = default;
};

enum class PatternKind : uint8_t {
  nm,           ///< n of every m columns, positions stored
  csr,          ///< blocks: row starts and block columns
  bitmap,       ///< blocks: row starts and one bit a block
  fixed,        ///< blocks: the same number in every block row
  blockDiagonal, ///< `count` blocks on the diagonal
  complement    ///< where term `count` of the enclosing sum has no element
};

/// Which elements exist; the others are 0 (E8).
struct PatternDesc {
  PatternKind kind = PatternKind::csr;
  int64_t blockRows = 1;    ///< of a block; 1 for nm
  int64_t blockColumns = 1; ///< of a block; m of nm
  int64_t count = 0; ///< csr, bitmap: stored blocks; fixed: blocks a block row;
                     ///< nm: n; blockDiagonal: blocks; complement: term
  uint8_t indexBits = 32; ///< width of a stored block column: 8, 16 or 32
  bool operator==(const PatternDesc &) const = default;
};

/// A leaf encoding of a [rows, columns] tensor.
struct LeafDesc {
  int64_t rows = 0;
  int64_t columns = 0;
  NumberDesc code;
  /// Stored value is the position (code - lo) / step (an unsigned number) instead
  /// of two's complement.
  bool biased = false;
  std::vector<FieldDesc> fields;
  std::vector<ParamDesc> scales;
  std::optional<ParamDesc> zero;
  std::vector<ParamDesc> offsets;
  bool offsetNegated = false;
  std::optional<PatternDesc> pattern;
  std::optional<LutDesc> lut;

  /// Extents of the stored space. Meaningful after validate() or for any desc
  /// whose pattern divides its shape; never traps.
  int64_t storedRows() const;
  int64_t storedColumns() const;
  /// Every element is stored, once, at its own place: no pattern, vec 1x1, one
  /// book.
  bool isDense() const;
  /// Only what the layouts and kernels of the first version know: dense integers
  /// with step 1, or f32, f16, bf16, without table, radix, shared arrays, prefix
  /// codes, packed or rank parameters.
  bool isPlain() const;
  /// Whether products with integer activations are exact integer dots: integer
  /// codes, and float codes that are integers times a power of two (E6), without
  /// a table.
  bool takesIntegerDot() const {
    return !lut && exactIntegerExponent(code).has_value();
  }
  /// Code components (fields may share one).
  unsigned codeArrays() const;
  bool operator==(const LeafDesc &) const = default;
};

//===----------------------------------------------------------------------===//
// Components
//===----------------------------------------------------------------------===//

enum class ComponentRole : uint8_t { codes, table, index, scale, zero, offset };
const char *componentRoleName(ComponentRole role); // "codes", "scale", ...

/// One stored array of an encoding.
struct ComponentDesc {
  ComponentRole role;
  uint32_t index; ///< position within its role
  NumberDesc number;            ///< for codes: an unsigned word
  std::vector<int64_t> storage; ///< extents of the stored array
  uint64_t bytes = 0;           ///< product of extents times container size
  uint32_t param = 0; ///< which field array, scale or offset it belongs to
  uint32_t part = 0;  ///< rank parameters: 0 is u, 1 is v
  int32_t term = -1;  ///< leaf of a sum or product it belongs to, in order
  std::string prefix; ///< path to that leaf: "0.", "1.0."
  std::string name() const; ///< "codes", "codes.1", "scale", "1.offset.1"
};

/// The components in canonical order: codes, tables (lut, then prefix codes),
/// indices (pattern, then prefix codes), scales, zero, offsets. This order is the
/// order of kernel bindings, of module tables and of `disassemble`.
StatusOr<std::vector<ComponentDesc>> componentsOf(const LeafDesc &leaf);
/// Position of the first scale, zero or offset in that order.
size_t firstParamComponent(const LeafDesc &leaf);

/// Checks everything a hostile file could get wrong: extents, maps (injective and
/// in range: verifier rule V5, by enumerating one period), widths, ranges,
/// patterns (V4) and tables (V1). Not the contents of components: checkIndexData.
Status validate(const LeafDesc &leaf);

/// Stored bits a logical element: codes alone, and all components together.
struct BitsPerElement {
  double codes = 0;
  double total = 0;
};
StatusOr<BitsPerElement> bitsPerElement(const LeafDesc &leaf);

/// Readable one-line text, e.g. "uint4, scale f16/32, offset f16/32".
std::string describe(const LeafDesc &leaf);

//===----------------------------------------------------------------------===//
// Encodings
//===----------------------------------------------------------------------===//

enum class EncodingKind : uint8_t { leaf, sum, prod, elastic };
/// What a prefix of an elastic encoding cuts: terms of a sum, bit planes of a
/// leaf (most significant first), the inner dimension of a product of two, or the
/// rows of the tensor.
enum class ElasticAxis : uint8_t { terms, planes, rank, width };
const char *elasticAxisName(ElasticAxis axis);

/// A tree of leaves. `sum` adds its terms (with `partition` their supports are
/// disjoint and cover the tensor), `prod` is the matrix product of its terms in
/// order, `elastic` has one term, of which every prefix of at least `minimum`
/// along `axis` is a value too.
struct EncodingDesc {
  EncodingKind kind = EncodingKind::leaf;
  int64_t rows = 0;
  int64_t columns = 0;
  LeafDesc leaf; ///< of a leaf
  std::vector<EncodingDesc> terms;
  bool partition = false;
  ElasticAxis axis = ElasticAxis::terms;
  int64_t minimum = 1;

  static EncodingDesc of(LeafDesc leaf);
  bool operator==(const EncodingDesc &) const = default;
};

/// The leaves in order (depth first).
std::vector<const LeafDesc *> leavesOf(const EncodingDesc &encoding);
/// Components of the leaves in order, names prefixed "0.", "1.", "1.0." where
/// there is more than one term.
StatusOr<std::vector<ComponentDesc>> componentsOf(const EncodingDesc &encoding);
/// Every leaf, and rules V7, V8, V9. Of a partition what can be told without
/// data: that supports cover is checked when components are at hand.
Status validate(const EncodingDesc &encoding);
StatusOr<BitsPerElement> bitsPerElement(const EncodingDesc &encoding);
std::string describe(const EncodingDesc &encoding);
/// Members of an elastic encoding: prefix lengths minimum..maximum.
StatusOr<int64_t> elasticMaximum(const EncodingDesc &encoding);
/// The member of prefix length `length` as an encoding of its own. Its components
/// hold the first bytes of the elastic one's (V9).
StatusOr<EncodingDesc> elasticMember(const EncodingDesc &encoding,
                                     int64_t length);

} // namespace lowbit

#endif // LOWBIT_PACKING_ENCODING_H
