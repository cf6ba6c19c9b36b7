//===- NamedLayouts.cpp - Radix words, planes, prefix codes, fragments ----===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Packing/Layouts.h"
#include "lowbit/Support/CheckedMath.h"

namespace lowbit {
namespace {

IndexExpr term(int32_t dim, int64_t mul = 1, int64_t div = 1, int64_t mod = 0) {
  return {{{dim, mul, div, mod}}, 0};
}
IndexExpr constant(int64_t value) { return {{}, value}; }
IndexMap mapOf(std::vector<IndexExpr> results) { return {2, std::move(results)}; }

/// `d mod mod` of the column, nothing where that is always zero.
IndexExpr columnPart(int64_t mul, int64_t div, int64_t mod) {
  return mod == 1 ? constant(0) : term(1, mul, div, mod);
}

Status requireInteger(const LeafDesc &leaf, const char *what) {
  if (leaf.code.isFloat())
    return invalidArgument("layout %s: requires an integer code", what);
  return Status::success();
}

Status setFragment(LeafDesc &leaf) {
  LOWBIT_RETURN_IF_ERROR(requireInteger(leaf, "mma_m16n8k32"));
  const int64_t width = leaf.code.width;
  if (width != 1 && width != 2 && width != 4 && width != 8)
    return invalidArgument("layout mma_m16n8k32: requires codes of 1, 2, 4 or 8 "
                           "bits, got %lld",
                           static_cast<long long>(width));
  const int64_t tilesDown = ceilDiv(leaf.storedRows(), 8);
  const int64_t tilesAcross = ceilDiv(leaf.storedColumns(), 32);
  // Register 0 holds k mod 32 below 16, register 1 the rest; codes of a register
  // are `width` bits apart.
  FieldDesc field;
  field.width = static_cast<uint8_t>(width);
  field.wordBits = static_cast<uint8_t>(width == 8 ? 32 : 8 * width);
  field.word = mapOf({term(0, 1, 8), term(1, 1, 32), term(0, 1, 1, 8),
                      term(1, 1, 4, 4)});
  field.bit = mapOf({term(1, width, 1, 4)});
  field.storage = {tilesDown, tilesAcross, 8, 4};
  if (width == 8) {
    field.word.results.push_back(term(1, 1, 16, 2));
    field.storage.push_back(2);
  } else {
    field.bit.results[0].terms.push_back({1, 4 * width, 16, 2});
  }
  leaf.biased = leaf.code.step != 1;
  leaf.fields = {field};
  return Status::success();
}

Status setRowsInLanes(LeafDesc &leaf) {
  LeafDesc codes;
  codes.rows = leaf.rows;
  codes.columns = leaf.columns;
  codes.code = leaf.code;
  if (leaf.pattern)
    return unimplemented("layout rows_in_lanes holds every element of a tensor");
  LOWBIT_RETURN_IF_ERROR(applyRowsInLanesLayout(codes));
  leaf.fields = codes.fields;
  leaf.biased = codes.biased;
  return Status::success();
}

/// Every named order: one row, one formula.
constexpr struct {
  const char *name;
  Status (*set)(LeafDesc &);
} namedLayouts[] = {
    {"rows_in_lanes", setRowsInLanes},
    {"mma_m16n8k32", setFragment},
};

} // namespace

Status setRadixFields(LeafDesc &leaf, unsigned radix, unsigned digits,
                      unsigned wordBits, RadixStore store) {
  LOWBIT_RETURN_IF_ERROR(requireInteger(leaf, "radix"));
  const int64_t n = digits;
  if (n < 1 || radix < 2 || radix > 255 || n > 32)
    return invalidArgument("layout radix: %u digits of base %u", digits, radix);
  const bool whole = wordBits == 8 || wordBits == 16 || wordBits == 32;
  if (!whole && (wordBits < 1 || wordBits > 8))
    return invalidArgument("layout radix: words of %u bits; use 1 to 8, 16 or 32",
                           wordBits);
  const int64_t rows = leaf.storedRows();
  FieldDesc field;
  field.radix = static_cast<uint8_t>(radix);
  field.digits = static_cast<uint8_t>(digits);
  field.digit = mapOf({columnPart(1, 1, n)});
  field.store = store;
  leaf.biased = leaf.code.lo != 0 || leaf.code.step != 1;
  leaf.fields.clear();
  if (whole) {
    field.width = field.wordBits = static_cast<uint8_t>(wordBits);
    field.word = mapOf({term(0), term(1, 1, n)});
    field.bit = mapOf({constant(0)});
    field.storage = {rows, ceilDiv(leaf.storedColumns(), n)};
    leaf.fields.push_back(std::move(field));
    return Status::success();
  }
  for (unsigned bit = 0; bit < wordBits; ++bit) {
    field.shift = static_cast<uint8_t>(bit);
    field.width = 1;
    field.wordBits = 8;
    field.word = mapOf({term(0), term(1, 1, 8 * n), constant(bit)});
    field.bit = mapOf({term(1, 1, n, 8)});
    field.storage = {rows, ceilDiv(leaf.storedColumns(), 8 * n), wordBits};
    leaf.fields.push_back(field);
  }
  return Status::success();
}

Status setEntropyFields(LeafDesc &leaf, int64_t block, int64_t bytes) {
  FieldDesc coded;
  coded.entropyBlock = block;
  coded.storage = {bytes};
  leaf.fields.clear();
  leaf.biased = leaf.code.step != 1;
  if (block < 1)
    return invalidArgument("layout entropy: blocks of %lld elements",
                           static_cast<long long>(block));
  if (leaf.code.width <= 8) {
    coded.width = leaf.code.width;
    leaf.fields = {std::move(coded)};
    return Status::success();
  }
  if (leaf.code.format != FloatFormat::bf16)
    return invalidArgument("layout entropy: requires codes of at most 8 bits, or "
                           "bf16, whose exponent is coded");
  // Array 0: the exponent. Array 1: the mantissa, and the sign above it.
  coded.shift = 7;
  coded.width = 8;
  FieldDesc mantissa;
  mantissa.shift = 0;
  mantissa.width = 7;
  mantissa.array = 1;
  mantissa.word = IndexMap::identity(2);
  mantissa.bit = mapOf({constant(0)});
  mantissa.storage = {leaf.storedRows(), leaf.storedColumns()};
  FieldDesc sign = mantissa;
  sign.shift = 15;
  sign.width = 1;
  sign.bit = mapOf({constant(7)});
  leaf.fields = {std::move(coded), std::move(mantissa), std::move(sign)};
  return Status::success();
}

Status setPlaneFields(LeafDesc &leaf, bool msbFirst) {
  LOWBIT_RETURN_IF_ERROR(requireInteger(leaf, "planes"));
  leaf.biased = leaf.code.step != 1;
  leaf.fields.clear();
  const int64_t planes = leaf.code.width;
  for (int64_t bit = 0; bit < planes; ++bit) {
    FieldDesc field;
    field.shift = static_cast<uint8_t>(bit);
    field.width = 1;
    field.wordBits = 32;
    field.word = mapOf({constant(msbFirst ? planes - 1 - bit : bit), term(0),
                        term(1, 1, 32)});
    field.bit = mapOf({term(1, 1, 1, 32)});
    field.storage = {planes, leaf.storedRows(), ceilDiv(leaf.storedColumns(), 32)};
    leaf.fields.push_back(std::move(field));
  }
  return Status::success();
}

Status setNamedFields(LeafDesc &leaf, const std::string &name) {
  std::string known;
  for (const auto &row : namedLayouts) {
    if (name == row.name)
      return row.set(leaf);
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  return invalidArgument("layout fragment: unknown order '%s'; known are %s",
                         name.c_str(), known.c_str());
}

} // namespace lowbit
