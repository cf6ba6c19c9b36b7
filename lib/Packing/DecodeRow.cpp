//===- DecodeRow.cpp - E1 to E8 for one row -------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Codec.h"
#include "StoredCodes.h"

#include <algorithm>
#include <cmath>

// Semantics.md names every fused operation; the compiler must add none.
#pragma STDC FP_CONTRACT OFF

namespace lowbit {

using namespace packing;

uint32_t packing::paramBits(const ParamDesc &param,
                            std::span<const uint8_t> stored, int64_t at) {
  if (param.packed == 0) {
    const unsigned size = param.number.storageBits() / 8;
    return loadBits(stored.data() + at * size, size);
  }
  const int64_t perByte = 8 / param.packed;
  return stored[static_cast<size_t>(at / perByte)] >>
             (at % perByte * param.packed) &
         lowMask(param.packed);
}

int64_t packing::paramInteger(const ParamDesc &param, uint32_t bits) {
  if (param.packed != 0)
    return static_cast<int64_t>(bits) + param.number.lo;
  return param.number.kind == NumberKind::signedInt
             ? signExtend(bits, param.number.storageBits())
             : static_cast<int64_t>(bits);
}

//===----------------------------------------------------------------------===//
// Dense rows, by runs of equal granules
//===----------------------------------------------------------------------===//

/// Calls visit(begin, end, bits) for the columns [begin, end) of `row` that
/// share one number.
template <typename Visit>
void LeafCodec::Impl::forEachRun(const ParamTable &table, Components stored,
                                 int64_t row, Visit visit) const {
  const ParamDesc &param = *table.desc;
  const unsigned size = param.number.storageBits() / 8;
  int64_t granule[16], place[16];
  for (size_t run = 0; run + 1 < table.runs.size(); ++run) {
    const int64_t index[] = {row, table.runs[run]};
    param.granularity.eval(index, granule);
    param.placement.eval({granule, param.granules.size()}, place);
    int64_t at =
        linearize({place, param.placement.results.size()}, param.storage);
    visit(table.runs[run], table.runs[run + 1],
          loadBits(stored[table.component].data() + at * size, size));
  }
}

/// s or o of E3 for every column into `out`; false without factors.
bool LeafCodec::Impl::factors(const std::vector<ParamTable> &tables,
                              std::span<const std::span<const uint8_t>> stored,
                              int64_t row, std::vector<float> &out) const {
  if (tables.empty())
    return false;
  const size_t columns = static_cast<size_t>(leaf.columns);
  out.assign(columns, 1.0f);
  std::vector<int64_t> integers;
  for (const ParamTable &table : tables) {
    const NumberDesc &number = table.desc->number;
    forEachRun(table, stored, row,
               [&](int64_t begin, int64_t end, uint32_t bits) {
                 if (number.isFloat()) {
                   float factor = floatFromCode(number, bits);
                   for (int64_t k = begin; k < end; ++k)
                     out[static_cast<size_t>(k)] *= factor;
                   return;
                 }
                 integers.resize(columns, 1);
                 int64_t factor = number.kind == NumberKind::signedInt
                                      ? signExtend(bits, number.storageBits())
                                      : static_cast<int64_t>(bits);
                 for (int64_t k = begin; k < end; ++k)
                   integers[static_cast<size_t>(k)] *= factor;
               });
  }
  for (size_t k = 0; k < integers.size(); ++k)
    out[k] *= static_cast<float>(integers[k]);
  return true;
}

Status LeafCodec::Impl::decodeByRuns(Components stored, int64_t row,
                                     std::span<float> out) const {
  const size_t columns = static_cast<size_t>(leaf.columns);
  std::vector<uint32_t> codes;
  LOWBIT_RETURN_IF_ERROR(gatherRow(stored, row, codes));
  std::vector<int64_t> zeros;
  if (zero) {
    zeros.resize(columns);
    const NumberDesc &number = zero->desc->number;
    forEachRun(
        *zero, stored, row,
        [&](int64_t begin, int64_t end, uint32_t bits) {
          int64_t value = number.kind == NumberKind::signedInt
                              ? signExtend(bits, number.storageBits())
                              : static_cast<int64_t>(bits);
          std::fill(zeros.begin() + begin, zeros.begin() + end, value);
        });
  }
  for (size_t k = 0; k < columns; ++k) {
    if (leaf.code.isFloat())
      out[k] = floatFromCode(leaf.code, codes[k]);
    else
      out[k] = static_cast<float>(fromStored(leaf, codes[k]) -
                                  (zeros.empty() ? 0 : zeros[k]));
  }

  std::vector<float> scale, offset;
  bool scaled = factors(scales, stored, row, scale);
  bool shifted = factors(offsets, stored, row, offset);
  if (shifted) {
    float sign = leaf.offsetNegated ? -1.0f : 1.0f;
    for (size_t k = 0; k < columns; ++k)
      out[k] = std::fma(scaled ? scale[k] : 1.0f, out[k], sign * offset[k]);
  } else if (scaled) {
    for (size_t k = 0; k < columns; ++k)
      out[k] = scale[k] * out[k];
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Any leaf, element by element
//===----------------------------------------------------------------------===//

namespace {

/// Where an element is: in the tensor and in the stored space.
struct Element {
  int64_t n, k, storedRow, storedColumn;
};

/// One factor of a scale or offset, or a zero point, of one element.
struct Factor {
  const ParamTable &table;
  Components stored;

  uint32_t bits(const Element &element) const {
    const ParamDesc &param = *table.desc;
    const bool isLogical = param.space == IndexSpace::logical;
    const int64_t index[] = {isLogical ? element.n : element.storedRow,
                             isLogical ? element.k : element.storedColumn};
    int64_t granule[8], place[8]; // validate() allows no higher rank
    param.granularity.eval(index, granule);
    param.placement.eval({granule, param.granules.size()}, place);
    return paramBits(
        param, stored[table.component],
        linearize({place, param.placement.results.size()}, param.storage));
  }
  /// E5: fma over the terms in order from +0.0.
  float rankSum(const Element &element, int64_t columns) const {
    const ParamDesc &param = *table.desc;
    const unsigned size = param.number.storageBits() / 8;
    float sum = 0.0f;
    for (int64_t j = 0; j < param.rank; ++j) {
      const uint32_t u =
          loadBits(stored[table.component].data() +
                       (element.n * param.rank + j) * size,
                   size);
      const uint32_t v = loadBits(stored[table.component + 1].data() +
                                      (j * columns + element.k) * size,
                                  size);
      sum = std::fma(floatFromCode(param.number, u),
                     floatFromCode(param.number, v), sum);
    }
    return sum;
  }
};

/// F * f32(I) of E3; 1 without factors.
float product(const std::vector<ParamTable> &tables, Components stored,
              const Element &element, int64_t columns) {
  float floats = 1.0f;
  int64_t integers = 1;
  bool hasInteger = false;
  for (const ParamTable &table : tables) {
    const Factor factor{table, stored};
    if (table.desc->rank > 0) {
      floats *= factor.rankSum(element, columns);
    } else if (table.desc->number.isFloat()) {
      floats *= floatFromCode(table.desc->number, factor.bits(element));
    } else {
      integers *= paramInteger(*table.desc, factor.bits(element));
      hasInteger = true;
    }
  }
  return hasInteger ? floats * static_cast<float>(integers) : floats;
}

/// E7: entries of the table for element (n, k), added in f32 in book order.
float tableValue(const LeafDesc &leaf, std::span<const uint8_t> table,
                 const std::vector<uint32_t> &codes, const Element &element) {
  const LutDesc &lut = *leaf.lut;
  const int64_t index[] = {element.n, element.k};
  int64_t granule[8]; // validate() allows no higher rank
  lut.granularity.eval(index, granule);
  const int64_t book = linearize({granule, lut.granules.size()}, lut.granules) *
                       lut.books;
  const int64_t values = lut.vecRows * lut.vecColumns;
  const int64_t inside = element.n % lut.vecRows * lut.vecColumns +
                         element.k % lut.vecColumns;
  const unsigned size = lut.entry.storageBits() / 8;
  float sum = 0.0f;
  for (int64_t j = 0; j < lut.books; ++j) {
    const int64_t at =
        (((book + j) << leaf.code.width) +
         codes[static_cast<size_t>(element.storedColumn + j)]) *
            values +
        inside;
    const uint32_t bits = loadBits(table.data() + at * size, size);
    const float entry =
        lut.entry.isFloat()
            ? floatFromCode(lut.entry, bits)
            : static_cast<float>(lut.entry.kind == NumberKind::signedInt
                                     ? signExtend(bits, 8 * size)
                                     : static_cast<int64_t>(bits));
    sum = j == 0 ? entry : sum + entry;
  }
  return sum;
}

} // namespace

Status LeafCodec::Impl::decodeByElements(Components stored, int64_t row,
                                         std::span<float> out) const {
  std::fill(out.begin(), out.end(), 0.0f);
  std::vector<uint32_t> codes;
  int64_t gathered = -1;
  Status failure = Status::success();
  auto decode = [&](int64_t storedRow, int64_t storedColumn, int64_t k) {
    if (!failure.isOk())
      return;
    if (storedRow != gathered) {
      failure = gatherRow(stored, storedRow, codes);
      if (!failure.isOk())
        return;
      gathered = storedRow;
    }
    const Element element{row, k, storedRow, storedColumn};
    const uint32_t code = codes[static_cast<size_t>(storedColumn)];
    float value;
    if (leaf.lut)
      value = tableValue(leaf, stored[tableComponent], codes, element);
    else if (leaf.code.isFloat())
      value = floatFromCode(leaf.code, code);
    else
      value = static_cast<float>(
          fromStored(leaf, code) -
          (zero ? paramInteger(*zero->desc, Factor{*zero, stored}.bits(element))
                : 0));
    const float scale = product(scales, stored, element, leaf.columns);
    if (!offsets.empty()) {
      const float offset = product(offsets, stored, element, leaf.columns);
      value = std::fma(scale, value, leaf.offsetNegated ? -offset : offset);
    } else if (!scales.empty()) {
      value = scale * value;
    }
    out[static_cast<size_t>(k)] = value;
  };

  if (leaf.pattern) {
    LOWBIT_RETURN_IF_ERROR(lowbit::forEachStored(*leaf.pattern, leaf.rows, leaf.columns,
                                         stored.subspan(indexComponent), row,
                                         decode));
    return failure;
  }
  const int64_t vecRows = leaf.lut ? leaf.lut->vecRows : 1;
  const int64_t vecColumns = leaf.lut ? leaf.lut->vecColumns : 1;
  const int64_t books = leaf.lut ? leaf.lut->books : 1;
  for (int64_t k = 0; k < leaf.columns; ++k)
    decode(row / vecRows, k / vecColumns * books, k);
  return failure;
}

Status
LeafCodec::decodeRow(std::span<const std::span<const uint8_t>> components,
                     int64_t row, std::span<float> out) const {
  const LeafDesc &leaf = impl->leaf;
  if (row < 0 || row >= leaf.rows ||
      out.size() != static_cast<size_t>(leaf.columns))
    return invalidArgument(
        "row %lld into %zu floats of a tensor of %lld x %lld",
        static_cast<long long>(row), out.size(),
        static_cast<long long>(leaf.rows),
        static_cast<long long>(leaf.columns));
  LOWBIT_RETURN_IF_ERROR(impl->checkComponents(components));
  return impl->byRuns ? impl->decodeByRuns(components, row, out)
                      : impl->decodeByElements(components, row, out);
}

Status LeafCodec::forEachStored(
    std::span<const std::span<const uint8_t>> components, int64_t row,
    const StoredVisitor &visit) const {
  const LeafDesc &leaf = impl->leaf;
  LOWBIT_RETURN_IF_ERROR(impl->checkComponents(components));
  if (row < 0 || row >= leaf.rows)
    return invalidArgument("row %lld of %lld", static_cast<long long>(row),
                           static_cast<long long>(leaf.rows));
  if (leaf.pattern)
    return lowbit::forEachStored(*leaf.pattern, leaf.rows, leaf.columns,
                                 components.subspan(impl->indexComponent), row,
                                 visit);
  const LutDesc *lut = leaf.lut ? &*leaf.lut : nullptr;
  for (int64_t k = 0; k < leaf.columns; ++k)
    visit(lut ? row / lut->vecRows : row,
          lut ? k / lut->vecColumns * lut->books : k, k);
  return Status::success();
}

Status LeafCodec::checkIndexData(
    std::span<const std::span<const uint8_t>> components) const {
  LOWBIT_RETURN_IF_ERROR(impl->checkComponents(components));
  const LeafDesc &leaf = impl->leaf;
  if (leaf.pattern)
    LOWBIT_RETURN_IF_ERROR(
        checkPatternData(*leaf.pattern, leaf.rows, leaf.columns,
                         components.subspan(impl->indexComponent)));
  std::vector<uint8_t> symbols;
  for (const FieldDesc &field : leaf.fields)
    if (field.entropyBlock > 0)
      LOWBIT_RETURN_IF_ERROR(impl->entropySymbols(
          field, components, 0, leaf.storedRows() * leaf.storedColumns(),
          symbols));
  return Status::success();
}

} // namespace lowbit
