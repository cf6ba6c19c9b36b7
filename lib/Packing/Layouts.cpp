//===- Layouts.cpp - The layouts we choose ourselves ----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Packing/Layouts.h"

#include "lowbit/Support/CheckedMath.h"

namespace lowbit {
namespace {

IndexTerm term(int32_t dim, int64_t mul = 1, int64_t div = 1, int64_t mod = 0) {
  return {dim, mul, div, mod};
}

/// `mul * ((d floordiv div) mod mod)`, or nothing where that is always zero.
IndexExpr reduced(int32_t dim, int64_t mul, int64_t div, int64_t mod) {
  if (mod == 1)
    return {};
  return {{term(dim, mul, div, mod)}, 0};
}

IndexMap makeMap(int32_t dims, std::vector<IndexExpr> results) {
  return {dims, std::move(results)};
}

IndexMap zeroMap(int32_t dims) { return {dims, {IndexExpr{}}}; }

Status checkExtents(const LeafDesc &leaf) {
  // Padding adds less than 32 to an extent and words are at most 4 bytes.
  const int64_t limit = INT64_MAX / 64;
  const int64_t shape[] = {leaf.rows, leaf.columns};
  if (leaf.rows < 1 || leaf.columns < 1 || leaf.rows > limit ||
      leaf.columns > limit)
    return invalidArgument("tensor of %lld x %lld elements cannot be laid out",
                           static_cast<long long>(leaf.rows),
                           static_cast<long long>(leaf.columns));
  return checkedElementCount(shape).isOk()
             ? Status::success()
             : invalidArgument(
                   "tensor of %lld x %lld elements overflows 63 bits",
                   static_cast<long long>(leaf.rows),
                   static_cast<long long>(leaf.columns));
}

void placeInOrder(ParamDesc &param) {
  param.placement =
      IndexMap::identity(static_cast<int32_t>(param.granules.size()));
  param.storage = param.granules;
}

bool isDimension(const IndexExpr &expr, int32_t dim) {
  return expr.constant == 0 && expr.terms.size() == 1 &&
         expr.terms[0] == term(dim);
}

bool usesOnlyColumns(const IndexExpr &expr) {
  for (const IndexTerm &t : expr.terms)
    if (t.dim != 1)
      return false;
  return true;
}

void placeInLanes(ParamDesc &param) {
  if (param.rank > 0 || param.space == IndexSpace::stored) {
    placeInOrder(param);
    return;
  }
  const std::vector<IndexExpr> &results = param.granularity.results;
  if (results.empty()) {
    param.placement = zeroMap(0);
    param.storage = {1};
    return;
  }
  if (results.size() == 1 && usesOnlyColumns(results[0])) {
    placeInOrder(param);
    return;
  }
  if (results.size() == 1 && isDimension(results[0], 0)) {
    param.placement =
        makeMap(1, {{{term(0, 1, 8)}, 0}, {{term(0, 1, 1, 8)}, 0}});
    param.storage = {ceilDiv(param.granules[0], 8), 8};
    return;
  }
  if (results.size() == 2 && isDimension(results[0], 0) &&
      usesOnlyColumns(results[1])) {
    param.placement = makeMap(
        2, {{{term(0, 1, 8)}, 0}, {{term(1)}, 0}, {{term(0, 1, 1, 8)}, 0}});
    param.storage = {ceilDiv(param.granules[0], 8), param.granules[1], 8};
    return;
  }
  // Anything else stays in the order of its granules; kernels that want it in
  // lanes take another way.
  placeInOrder(param);
}

Status placeParamsInLanes(LeafDesc &leaf) {
  for (ParamDesc &param : leaf.scales)
    placeInLanes(param);
  if (leaf.zero)
    placeInLanes(*leaf.zero);
  for (ParamDesc &param : leaf.offsets)
    placeInLanes(param);
  return validate(leaf);
}

} // namespace

Status applyCanonicalLayout(LeafDesc &leaf) {
  LOWBIT_RETURN_IF_ERROR(checkExtents(leaf));
  FieldDesc field;
  field.shift = 0;
  field.width = leaf.code.width;
  field.wordBits = static_cast<uint8_t>(leaf.code.storageBits());
  field.word = IndexMap::identity(2);
  field.bit = zeroMap(2);
  field.storage = {leaf.storedRows(), leaf.storedColumns()};
  leaf.fields = {std::move(field)};
  leaf.biased = leaf.code.step != 1;
  for (ParamDesc &param : leaf.scales)
    placeInOrder(param);
  if (leaf.zero)
    placeInOrder(*leaf.zero);
  for (ParamDesc &param : leaf.offsets)
    placeInOrder(param);
  return validate(leaf);
}

Status applyRowsInLanesLayout(LeafDesc &leaf) {
  LOWBIT_RETURN_IF_ERROR(checkExtents(leaf));
  if (!leaf.isDense())
    return unimplemented("rows in lanes holds every element of a tensor, not %s",
                         describe(leaf).c_str());
  const int64_t strips = ceilDiv(leaf.rows, 8);
  const int64_t blocks = ceilDiv(leaf.columns, 32);
  leaf.fields.clear();
  if (leaf.code.isFloat() && leaf.code.width >= 16) {
    FieldDesc field;
    field.shift = 0;
    field.width = leaf.code.width;
    field.wordBits = leaf.code.width;
    field.word = makeMap(2, {{{term(0, 1, 8)}, 0},
                             {{term(1, 1, 32)}, 0},
                             {{term(1, 1, 1, 32)}, 0},
                             {{term(0, 1, 1, 8)}, 0}});
    field.bit = zeroMap(2);
    field.storage = {strips, blocks, 32, 8};
    leaf.fields.push_back(std::move(field));
    leaf.biased = false;
  } else {
    unsigned shift = 0;
    for (unsigned width : {8u, 4u, 2u, 1u}) {
      if (!(leaf.code.width & width))
        continue;
      int64_t w = width;
      FieldDesc field;
      field.shift = static_cast<uint8_t>(shift);
      field.width = static_cast<uint8_t>(width);
      field.wordBits = 8;
      // v mod w and v floordiv w for v = (k mod 32) floordiv 4 in 0..7; w
      // divides 8, so the outer modulus 32 is absorbed.
      field.word = makeMap(2, {{{term(0, 1, 8)}, 0},
                               {{term(1, 1, 32)}, 0},
                               reduced(1, 1, 4, w),
                               {{term(0, 1, 1, 8)}, 0},
                               {{term(1, 1, 1, 4)}, 0}});
      field.bit = makeMap(2, {reduced(1, w, 4 * w, 8 / w)});
      field.storage = {strips, blocks, w, 8, 4};
      field.array = static_cast<uint8_t>(leaf.fields.size());
      leaf.fields.push_back(std::move(field));
      shift += width;
    }
    leaf.biased =
        leaf.code.kind == NumberKind::signedInt || leaf.code.step != 1;
  }
  return placeParamsInLanes(leaf);
}

bool hasBitPlanes(const LeafDesc &leaf) {
  if (leaf.code.isFloat() || leaf.lut || !leaf.isDense() ||
      leaf.fields.size() != leaf.code.width)
    return false;
  for (const FieldDesc &field : leaf.fields)
    if (field.width != 1 || field.array != 0 || field.radix != 0 ||
        field.entropyBlock != 0 || field.wordBits != 32)
      return false;
  return true;
}

Status applyPlanesInLanesLayout(LeafDesc &leaf) {
  LOWBIT_RETURN_IF_ERROR(checkExtents(leaf));
  if (!leaf.isDense() || leaf.code.isFloat() || leaf.lut)
    return unimplemented("planes in lanes hold integer codes of every element of "
                         "a tensor, not %s",
                         describe(leaf).c_str());
  leaf.fields.clear();
  for (int64_t plane = 0; plane < leaf.code.width; ++plane) {
    FieldDesc field;
    field.shift = static_cast<uint8_t>(plane);
    field.width = 1;
    field.wordBits = 32;
    field.word = makeMap(2, {{{term(0, 1, 8)}, 0},
                             {{term(1, 1, 32)}, 0},
                             {{}, plane},
                             {{term(0, 1, 1, 8)}, 0}});
    field.bit = makeMap(2, {{{term(1, 1, 1, 32)}, 0}});
    field.storage = {ceilDiv(leaf.rows, 8), ceilDiv(leaf.columns, 32),
                     leaf.code.width, 8};
    leaf.fields.push_back(std::move(field));
  }
  leaf.biased =
      leaf.code.kind == NumberKind::signedInt || leaf.code.step != 1;
  return placeParamsInLanes(leaf);
}

Status applyPackedRowsLayout(LeafDesc &leaf) {
  LOWBIT_RETURN_IF_ERROR(checkExtents(leaf));
  const int64_t rows = leaf.storedRows(), columns = leaf.storedColumns();
  leaf.fields.clear();
  const bool wholeWords = leaf.code.isFloat() && leaf.code.width >= 16;
  unsigned shift = 0;
  for (unsigned width : {32u, 16u, 8u, 4u, 2u, 1u}) {
    if (!(leaf.code.width & width) || (width > 8 && !wholeWords))
      continue;
    const int64_t perWord = wholeWords ? 1 : 8 / width;
    FieldDesc field;
    field.shift = static_cast<uint8_t>(shift);
    field.width = static_cast<uint8_t>(width);
    field.wordBits = static_cast<uint8_t>(wholeWords ? width : 8);
    field.array = static_cast<uint8_t>(leaf.fields.size());
    field.word = makeMap(2, {{{term(0)}, 0}, {{term(1, 1, perWord)}, 0}});
    field.bit = makeMap(2, {reduced(1, width, 1, perWord)});
    field.storage = {rows, ceilDiv(columns, perWord)};
    leaf.fields.push_back(std::move(field));
    shift += width;
  }
  leaf.biased = !leaf.code.isFloat() &&
                (leaf.code.kind == NumberKind::signedInt || leaf.code.step != 1);
  auto place = [](ParamDesc &param) {
    if (param.rank == 0)
      placeInOrder(param);
  };
  for (ParamDesc &param : leaf.scales)
    place(param);
  if (leaf.zero)
    place(*leaf.zero);
  for (ParamDesc &param : leaf.offsets)
    place(param);
  return validate(leaf);
}

Status applyComputeLayout(LeafDesc &leaf) {
  return leaf.isPlain() ? applyRowsInLanesLayout(leaf)
                        : applyPackedRowsLayout(leaf);
}

ParamDesc paramPerGroup(NumberDesc number, int64_t rows, int64_t columns,
                        int64_t group) {
  ParamDesc param;
  param.number = number;
  param.granularity = makeMap(2, {{{term(0)}, 0}, {{term(1, 1, group)}, 0}});
  param.granules = {rows, columns / group};
  placeInOrder(param);
  return param;
}

ParamDesc paramPerRow(NumberDesc number, int64_t rows) {
  ParamDesc param;
  param.number = number;
  param.granularity = makeMap(2, {{{term(0)}, 0}});
  param.granules = {rows};
  placeInOrder(param);
  return param;
}

ParamDesc paramPerTensor(NumberDesc number) {
  ParamDesc param;
  param.number = number;
  param.granularity = makeMap(2, {});
  placeInOrder(param);
  return param;
}

} // namespace lowbit
