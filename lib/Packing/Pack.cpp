//===- Pack.cpp - Codes into and out of layouts ---------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Packing/Pack.h"

#include "FieldTable.h"
#include "StoredCodes.h"

#include <cmath>

// Semantics.md names every fused operation; the compiler must add none.
#pragma STDC FP_CONTRACT OFF

namespace lowbit {

using namespace packing;

namespace {

/// A parameter along a row: the first column of each run of equal granules.
struct ParamTable {
  const ParamDesc *desc = nullptr;
  size_t component = 0;
  std::vector<int64_t> runs; ///< ends with `columns`
};

} // namespace

unsigned plainCodeBytes(const NumberDesc &code) {
  return code.isFloat() ? code.width / 8u : 1u;
}

unsigned plainParamBytes(const NumberDesc &param) {
  return param.storageBits() / 8;
}

struct LeafCodec::Impl {
  LeafDesc leaf;
  std::vector<ComponentDesc> components;
  std::vector<FieldTable> fields;
  std::vector<ParamTable> scales;
  std::optional<ParamTable> zero;
  std::vector<ParamTable> offsets;

  void buildTables();
  ParamTable tableOf(const ParamDesc &param, size_t component) const;
  template <typename Code>
  Status packRows(int64_t rowBegin, int64_t rowEnd, const uint8_t *plain,
                  std::span<const std::span<uint8_t>> stored) const;
  template <typename Code>
  void gatherRow(std::span<const std::span<const uint8_t>> stored, int64_t row,
                 std::vector<Code> &codes) const;
  template <typename Code>
  void unpackRows(int64_t rowBegin, int64_t rowEnd,
                  std::span<const std::span<const uint8_t>> stored,
                  uint8_t *plain) const;
  template <typename Visit>
  void forEachRun(const ParamTable &table,
                  std::span<const std::span<const uint8_t>> stored, int64_t row,
                  Visit visit) const;
  bool factors(const std::vector<ParamTable> &tables,
               std::span<const std::span<const uint8_t>> stored, int64_t row,
               std::vector<float> &out) const;
};

ParamTable LeafCodec::Impl::tableOf(const ParamDesc &param,
                                    size_t component) const {
  ParamTable table;
  table.desc = &param;
  table.component = component;
  table.runs.push_back(0);
  // Rows shift a granule index, they never change where along k it changes.
  std::vector<int64_t> previous(param.granularity.results.size());
  std::vector<int64_t> current(previous.size());
  int64_t index[] = {0, 0};
  param.granularity.eval(index, previous);
  for (int64_t k = 1; k < leaf.columns && !previous.empty(); ++k) {
    index[1] = k;
    param.granularity.eval(index, current);
    if (current == previous)
      continue;
    table.runs.push_back(k);
    std::swap(current, previous);
  }
  table.runs.push_back(leaf.columns);
  return table;
}

void LeafCodec::Impl::buildTables() {
  for (const FieldDesc &field : leaf.fields)
    fields.emplace_back(field, leaf.columns);
  size_t component = leaf.fields.size();
  for (const ParamDesc &param : leaf.scales)
    scales.push_back(tableOf(param, component++));
  if (leaf.zero)
    zero = tableOf(*leaf.zero, component++);
  for (const ParamDesc &param : leaf.offsets)
    offsets.push_back(tableOf(param, component++));
}

LeafCodec::LeafCodec(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
LeafCodec::LeafCodec(LeafCodec &&) noexcept = default;
LeafCodec &LeafCodec::operator=(LeafCodec &&) noexcept = default;
LeafCodec::~LeafCodec() = default;

const LeafDesc &LeafCodec::leaf() const { return impl->leaf; }
const std::vector<ComponentDesc> &LeafCodec::components() const {
  return impl->components;
}

StatusOr<LeafCodec> LeafCodec::create(const LeafDesc &leaf) {
  LOWBIT_RETURN_IF_ERROR(validate(leaf));
  auto impl = std::make_unique<Impl>();
  impl->leaf = leaf;
  LOWBIT_ASSIGN_OR_RETURN(impl->components, componentsOf(leaf));
  impl->buildTables();
  return LeafCodec(std::move(impl));
}

template <typename Code>
Status
LeafCodec::Impl::packRows(int64_t rowBegin, int64_t rowEnd,
                          const uint8_t *plain,
                          std::span<const std::span<uint8_t>> stored) const {
  const size_t columns = static_cast<size_t>(leaf.columns);
  const size_t rowBytes = columns * plainCodeBytes(leaf.code);
  std::vector<Code> codes(columns);
  for (int64_t row = rowBegin; row < rowEnd; ++row, plain += rowBytes) {
    size_t bad = toStored(leaf, plain, columns, codes.data());
    if (bad < columns)
      return outOfRange(leaf, plain[bad], row, bad);
    for (size_t i = 0; i < fields.size(); ++i)
      fields[i].scatterRow(row, codes.data(), stored[i].data());
  }
  return Status::success();
}

Status LeafCodec::packCodes(int64_t rowBegin, int64_t rowEnd,
                            std::span<const uint8_t> plain,
                            std::span<const std::span<uint8_t>> fields) const {
  const LeafDesc &leaf = impl->leaf;
  LOWBIT_RETURN_IF_ERROR(checkRows(leaf, rowBegin, rowEnd, plain.size()));
  LOWBIT_RETURN_IF_ERROR(checkFields(leaf, impl->components, fields));
  if (leaf.code.isFloat())
    return impl->packRows<uint32_t>(rowBegin, rowEnd, plain.data(), fields);
  return impl->packRows<uint8_t>(rowBegin, rowEnd, plain.data(), fields);
}

template <typename Code>
void LeafCodec::Impl::gatherRow(
    std::span<const std::span<const uint8_t>> stored, int64_t row,
    std::vector<Code> &codes) const {
  codes.assign(static_cast<size_t>(leaf.columns), 0);
  for (size_t i = 0; i < fields.size(); ++i)
    fields[i].gatherRow(row, stored[i].data(), codes.data());
}

template <typename Code>
void LeafCodec::Impl::unpackRows(
    int64_t rowBegin, int64_t rowEnd,
    std::span<const std::span<const uint8_t>> stored, uint8_t *plain) const {
  const unsigned size = plainCodeBytes(leaf.code);
  std::vector<Code> codes;
  for (int64_t row = rowBegin; row < rowEnd; ++row) {
    gatherRow(stored, row, codes);
    for (Code code : codes) {
      if (leaf.code.isFloat())
        storeBits(plain, size, code);
      else
        *plain = static_cast<uint8_t>(fromStored(leaf, code));
      plain += size;
    }
  }
}

Status LeafCodec::unpackCodes(int64_t rowBegin, int64_t rowEnd,
                              std::span<const std::span<const uint8_t>> fields,
                              std::span<uint8_t> plain) const {
  const LeafDesc &leaf = impl->leaf;
  LOWBIT_RETURN_IF_ERROR(checkRows(leaf, rowBegin, rowEnd, plain.size()));
  LOWBIT_RETURN_IF_ERROR(checkFields(leaf, impl->components, fields));
  if (leaf.code.isFloat())
    impl->unpackRows<uint32_t>(rowBegin, rowEnd, fields, plain.data());
  else
    impl->unpackRows<uint8_t>(rowBegin, rowEnd, fields, plain.data());
  return Status::success();
}

/// Calls visit(begin, end, bits) for the columns [begin, end) of `row` that
/// share one number.
template <typename Visit>
void LeafCodec::Impl::forEachRun(
    const ParamTable &table, std::span<const std::span<const uint8_t>> stored,
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
                   float factor = floatValue(number, bits);
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

Status
LeafCodec::decodeRow(std::span<const std::span<const uint8_t>> components,
                     int64_t row, std::span<float> out) const {
  const LeafDesc &leaf = impl->leaf;
  const size_t columns = static_cast<size_t>(leaf.columns);
  if (row < 0 || row >= leaf.rows || out.size() != columns)
    return invalidArgument(
        "row %lld into %zu floats of a tensor of %lld x %lld",
        static_cast<long long>(row), out.size(),
        static_cast<long long>(leaf.rows),
        static_cast<long long>(leaf.columns));
  if (components.size() != impl->components.size())
    return invalidArgument("%zu components given, the encoding has %zu",
                           components.size(), impl->components.size());
  for (size_t i = 0; i < components.size(); ++i)
    if (components[i].size() < impl->components[i].bytes)
      return invalidArgument(
          "component '%s' has %zu bytes where %llu are needed",
          impl->components[i].name().c_str(), components[i].size(),
          static_cast<unsigned long long>(impl->components[i].bytes));

  std::vector<uint32_t> codes;
  impl->gatherRow(components, row, codes);
  std::vector<int64_t> zeros;
  if (impl->zero) {
    zeros.resize(columns);
    const NumberDesc &number = impl->zero->desc->number;
    impl->forEachRun(
        *impl->zero, components, row,
        [&](int64_t begin, int64_t end, uint32_t bits) {
          int64_t value = number.kind == NumberKind::signedInt
                              ? signExtend(bits, number.storageBits())
                              : static_cast<int64_t>(bits);
          std::fill(zeros.begin() + begin, zeros.begin() + end, value);
        });
  }
  for (size_t k = 0; k < columns; ++k) {
    if (leaf.code.isFloat())
      out[k] = floatValue(leaf.code, codes[k]);
    else
      out[k] = static_cast<float>(fromStored(leaf, codes[k]) -
                                  (zeros.empty() ? 0 : zeros[k]));
  }

  std::vector<float> scale, offset;
  bool scaled = impl->factors(impl->scales, components, row, scale);
  bool shifted = impl->factors(impl->offsets, components, row, offset);
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

Status packCodes(const LeafDesc &leaf, int64_t rowBegin, int64_t rowEnd,
                 std::span<const uint8_t> plain,
                 std::span<const std::span<uint8_t>> fields) {
  LOWBIT_ASSIGN_OR_RETURN(LeafCodec codec, LeafCodec::create(leaf));
  return codec.packCodes(rowBegin, rowEnd, plain, fields);
}

Status unpackCodes(const LeafDesc &leaf, int64_t rowBegin, int64_t rowEnd,
                   std::span<const std::span<const uint8_t>> fields,
                   std::span<uint8_t> plain) {
  LOWBIT_ASSIGN_OR_RETURN(LeafCodec codec, LeafCodec::create(leaf));
  return codec.unpackCodes(rowBegin, rowEnd, fields, plain);
}

Status decodeRow(const LeafDesc &leaf,
                 std::span<const std::span<const uint8_t>> components,
                 int64_t row, std::span<float> out) {
  LOWBIT_ASSIGN_OR_RETURN(LeafCodec codec, LeafCodec::create(leaf));
  return codec.decodeRow(components, row, out);
}

} // namespace lowbit
