//===- SourceLayout.cpp - Tables of stored formats ------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Packing/SourceLayout.h"

#include "lowbit/Packing/Layouts.h"
#include "lowbit/Support/CheckedMath.h"

namespace lowbit {
namespace {

/// `mul * ((j floordiv div) mod mod)`.
struct T {
  int64_t mul;
  int64_t div = 1;
  int64_t mod = 0;
};

IndexExpr at(int64_t constant, std::initializer_list<T> terms = {}) {
  IndexExpr expr;
  expr.constant = constant;
  for (const T &t : terms)
    expr.terms.push_back({0, t.mul, t.div, t.mod});
  return expr;
}

SourcePiece piece(int32_t end, unsigned shift, unsigned width, IndexExpr byte,
                  IndexExpr bit = {}) {
  SourcePiece result;
  result.end = end;
  result.byte = std::move(byte);
  result.bit = std::move(bit);
  result.shift = static_cast<uint8_t>(shift);
  result.width = static_cast<uint8_t>(width);
  return result;
}

/// Base-3 digits of `bytes` bytes from `firstByte`: digit d of byte b is item
/// begin + d * bytes + b.
SourcePiece trits(int32_t begin, int32_t end, int64_t firstByte,
                  int64_t bytes) {
  SourcePiece result;
  result.begin = begin;
  result.end = end;
  result.byte = at(firstByte, {{1, 1, bytes}});
  result.bit = at(0, {{1, bytes, 0}});
  result.width = 2;
  result.radix = 3;
  return result;
}

SourceNumber number(NumberDesc desc, std::vector<SourcePiece> pieces,
                    int32_t bias = 0) {
  return {desc, bias, false, std::move(pieces)};
}

/// Items [0, count) of 1, 2 or 4 bytes each, one after the other.
SourceNumber array(NumberDesc desc, int32_t count, int64_t firstByte) {
  unsigned width = desc.isFloat() ? desc.width : 8u;
  SourceNumber result = number(
      desc, {piece(count, 0, width, at(firstByte, {{width / 8, 1, 0}}))});
  result.twosComplement = desc.kind == NumberKind::signedInt;
  return result;
}

NumberDesc f16() { return NumberDesc::floating(FloatFormat::f16); }
NumberDesc f32() { return NumberDesc::floating(FloatFormat::f32); }
NumberDesc intOf(unsigned width) { return NumberDesc::signedInt(width); }
NumberDesc uintOf(unsigned width) { return NumberDesc::unsignedInt(width); }
NumberDesc ternary() {
  NumberDesc desc = NumberDesc::signedInt(2);
  desc.lo = -1;
  return desc;
}

SourceParam scale(int32_t group, SourceNumber value) {
  return {ComponentRole::scale, group, std::move(value)};
}
SourceParam offset(int32_t group, SourceNumber value) {
  return {ComponentRole::offset, group, std::move(value)};
}

SourceLayout layout(std::string name, int32_t elements, int32_t bytes,
                    SourceNumber code, std::vector<SourceParam> params = {}) {
  SourceLayout result;
  result.name = std::move(name);
  result.blockElements = elements;
  result.blockBytes = bytes;
  result.code = std::move(code);
  result.params = std::move(params);
  return result;
}

SourceLayout plain(std::string name, NumberDesc code) {
  int32_t bytes = code.width / 8;
  return layout(std::move(name), 1, bytes, array(code, 1, 0));
}

/// Low and high nibbles of 16 bytes: element i of 32 in byte i mod 16.
SourcePiece nibbles32(int64_t firstByte) {
  return piece(32, 0, 4, at(firstByte, {{1, 1, 16}}), at(0, {{4, 16, 0}}));
}

/// Fifth bits of 32 elements, one bit each.
SourcePiece fifthBits32(int64_t firstByte) {
  return piece(32, 4, 1, at(firstByte, {{1, 8, 0}}), at(0, {{1, 1, 8}}));
}

/// 2-bit planes: 128 elements in 32 bytes, element i in byte i mod 32.
SourcePiece pairs256(int64_t firstByte, unsigned shift) {
  return piece(256, shift, 2, at(firstByte, {{32, 128, 0}, {1, 1, 32}}),
               at(0, {{2, 32, 4}}));
}

/// Nibbles in runs of 32 bytes: 64 elements in 32 bytes.
SourcePiece nibbles256(int64_t firstByte) {
  return piece(256, 0, 4, at(firstByte, {{32, 64, 0}, {1, 1, 32}}),
               at(0, {{4, 32, 2}}));
}

/// One bit of 256 elements: element i in byte i mod 32, bit i floordiv 32.
SourcePiece bits256(int64_t firstByte, unsigned shift) {
  return piece(256, shift, 1, at(firstByte, {{1, 1, 32}}), at(0, {{1, 32, 0}}));
}

/// The eight 6-bit scales and minima of Q4_K and Q5_K share 12 bytes: items
/// 0..3 are the low 6 bits of bytes 0..3 (minima: 4..7); items 4..7 take a
/// nibble of bytes 8..11 and the two top bits of bytes 0..3 (minima: 4..7).
SourceNumber packedScales(int64_t firstByte) {
  return number(
      uintOf(6),
      {piece(8, 0, 4, at(firstByte, {{1, 1, 4}, {8, 4, 0}})),
       piece(8, 4, 2, at(firstByte, {{1, 1, 4}}), at(4, {{2, 4, 0}}))});
}
SourceNumber packedMinima(int64_t firstByte) {
  return number(
      uintOf(6),
      {piece(8, 0, 4, at(firstByte + 4, {{1, 1, 4}, {4, 4, 0}}),
             at(0, {{4, 4, 0}})),
       piece(8, 4, 2, at(firstByte + 4, {{1, 1, 4}}), at(4, {{2, 4, 0}}))});
}

std::vector<SourceLayout> makeLegacy() {
  std::vector<SourceLayout> all;
  all.push_back(plain("F32", f32()));
  all.push_back(plain("F16", f16()));
  all.push_back(plain("BF16", NumberDesc::floating(FloatFormat::bf16)));
  all.push_back(plain("I8", intOf(8)));
  all.push_back(layout("Q8_0", 32, 34, array(intOf(8), 32, 2),
                       {scale(32, array(f16(), 1, 0))}));
  all.push_back(layout("Q4_0", 32, 18, number(intOf(4), {nibbles32(2)}, -8),
                       {scale(32, array(f16(), 1, 0))}));
  all.push_back(
      layout("Q4_1", 32, 20, number(uintOf(4), {nibbles32(4)}),
             {scale(32, array(f16(), 1, 0)), offset(32, array(f16(), 1, 2))}));
  all.push_back(layout("Q5_0", 32, 22,
                       number(intOf(5), {nibbles32(6), fifthBits32(2)}, -16),
                       {scale(32, array(f16(), 1, 0))}));
  all.push_back(
      layout("Q5_1", 32, 24, number(uintOf(5), {nibbles32(8), fifthBits32(4)}),
             {scale(32, array(f16(), 1, 0)), offset(32, array(f16(), 1, 2))}));
  return all;
}

void addKQuants(std::vector<SourceLayout> &all) {
  auto nibble = [](int64_t firstByte, int64_t bit) {
    return number(uintOf(4),
                  {piece(16, 0, 4, at(firstByte, {{1, 1, 0}}), at(bit))});
  };
  all.push_back(
      layout("Q2_K", 256, 84, number(uintOf(2), {pairs256(16, 0)}),
             {scale(256, array(f16(), 1, 80)), scale(16, nibble(0, 0)),
              offset(256, array(f16(), 1, 82)), offset(16, nibble(0, 4))}));
  all.back().offsetNegated = true;

  // 6-bit scales: nibbles in bytes 96..103, the two top bits in 104..107.
  SourceNumber sixBits =
      number(intOf(6),
             {piece(16, 0, 4, at(96, {{1, 1, 8}}), at(0, {{4, 8, 0}})),
              piece(16, 4, 2, at(104, {{1, 1, 4}}), at(0, {{2, 4, 0}}))},
             -32);
  all.push_back(layout("Q3_K", 256, 110,
                       number(intOf(3), {pairs256(32, 0), bits256(0, 2)}, -4),
                       {scale(256, array(f16(), 1, 108)), scale(16, sixBits)}));

  auto withMinima = [](SourceLayout result) {
    result.params = {scale(256, array(f16(), 1, 0)), scale(32, packedScales(4)),
                     offset(256, array(f16(), 1, 2)),
                     offset(32, packedMinima(4))};
    result.offsetNegated = true;
    return result;
  };
  all.push_back(withMinima(
      layout("Q4_K", 256, 144, number(uintOf(4), {nibbles256(16)}))));
  all.push_back(withMinima(layout(
      "Q5_K", 256, 176, number(uintOf(5), {nibbles256(48), bits256(16, 4)}))));

  // 64 bytes of low nibbles and 32 bytes of high pairs for each 128 elements.
  SourcePiece low =
      piece(256, 0, 4, at(0, {{64, 128, 0}, {1, 1, 64}}), at(0, {{4, 64, 2}}));
  all.push_back(layout(
      "Q6_K", 256, 210, number(intOf(6), {low, pairs256(128, 4)}, -32),
      {scale(256, array(f16(), 1, 208)), scale(16, array(intOf(8), 16, 192))}));
}

void addTernary(std::vector<SourceLayout> &all) {
  all.push_back(layout("TQ1_0", 256, 54,
                       number(ternary(),
                              {trits(0, 160, 0, 32), trits(160, 240, 32, 16),
                               trits(240, 256, 48, 4)},
                              -1),
                       {scale(256, array(f16(), 1, 52))}));
  all.push_back(layout("TQ2_0", 256, 66,
                       number(ternary(), {pairs256(0, 0)}, -1),
                       {scale(256, array(f16(), 1, 64))}));

  SourceParam perTensor = scale(0, number(f32(), {}));
  all.push_back(layout("BITNET", 1, 1,
                       number(ternary(), {piece(1, 0, 2, at(0))}, -1),
                       {perTensor}));
  all.back().rowPlanes = 4;
  all.back().rowPlaneBits = 2;

  SourceNumber byte = array(ternary(), 1, 0);
  all.push_back(layout("TERNARY_I8", 1, 1, byte, {perTensor}));
  all.push_back(layout("I8_ROW", 1, 1, array(intOf(8), 1, 0),
                       {scale(-1, number(f32(), {}))}));
}

std::vector<SourceLayout> makeAll() {
  std::vector<SourceLayout> all = makeLegacy();
  addKQuants(all);
  addTernary(all);
  return all;
}

} // namespace

const std::vector<SourceLayout> &allSourceLayouts() {
  static const std::vector<SourceLayout> all = makeAll();
  return all;
}

const SourceLayout *findSourceLayout(std::string_view name) {
  for (const SourceLayout &source : allSourceLayouts())
    if (source.name == name)
      return &source;
  return nullptr;
}

StatusOr<uint64_t> sourceBytes(const SourceLayout &source, int64_t rows,
                               int64_t columns) {
  if (rows < 1 || columns < 1)
    return invalidArgument("a tensor of %lld x %lld elements has no %s data",
                           static_cast<long long>(rows),
                           static_cast<long long>(columns),
                           source.name.c_str());
  if (columns % source.blockElements != 0)
    return invalidArgument(
        "rows of %lld elements are not whole %s blocks of %d",
        static_cast<long long>(columns), source.name.c_str(),
        source.blockElements);
  std::optional<int64_t> row =
      checkedMul(columns / source.blockElements, source.blockBytes);
  std::optional<int64_t> total =
      row ? checkedMul(*row, ceilDiv(rows, source.rowPlanes)) : std::nullopt;
  if (!total)
    return invalidArgument(
        "a %s tensor of %lld x %lld elements overflows 63 bits",
        source.name.c_str(), static_cast<long long>(rows),
        static_cast<long long>(columns));
  return static_cast<uint64_t>(*total);
}

StatusOr<LeafDesc> leafOf(const SourceLayout &source, int64_t rows,
                          int64_t columns) {
  LOWBIT_ASSIGN_OR_RETURN(uint64_t bytes, sourceBytes(source, rows, columns));
  (void)bytes;
  LeafDesc leaf;
  leaf.rows = rows;
  leaf.columns = columns;
  leaf.code = source.code.number;
  leaf.offsetNegated = source.offsetNegated;
  for (const SourceParam &stored : source.params) {
    const NumberDesc &desc = stored.value.number;
    ParamDesc param = stored.group > 0
                          ? paramPerGroup(desc, rows, columns, stored.group)
                          : (stored.group < 0 ? paramPerRow(desc, rows)
                                              : paramPerTensor(desc));
    if (stored.role == ComponentRole::zero)
      leaf.zero = std::move(param);
    else
      (stored.role == ComponentRole::scale ? leaf.scales : leaf.offsets)
          .push_back(std::move(param));
  }
  LOWBIT_RETURN_IF_ERROR(applyCanonicalLayout(leaf));
  return leaf;
}

} // namespace lowbit
