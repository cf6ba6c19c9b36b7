//===- Pack.cpp - Codes into and out of layouts ---------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Packing/Pack.h"

#include "PlainArray.h"

#include "lowbit/Support/Float.h"

#include <cmath>

// Semantics.md names every fused operation; the compiler must add none.
#pragma STDC FP_CONTRACT OFF

namespace lowbit {

using namespace packing;

namespace {

/// Where a field's elements lie: word rowWord(n) + columnWord[k], bit
/// rowBit(n) + columnBit[k].
struct FieldTable {
  const FieldDesc *desc = nullptr;
  uint64_t bytes = 0;
  std::vector<int64_t> columnWord;
  std::vector<int8_t> columnBit;

  int64_t wordAt(int64_t row, int64_t column) const {
    const int64_t index[] = {row, column};
    int64_t place[16];
    desc->word.eval(index, place);
    return linearize({place, desc->word.results.size()}, desc->storage);
  }
  int64_t bitAt(int64_t row, int64_t column) const {
    const int64_t index[] = {row, column};
    return desc->bit.results[0].eval(index);
  }
};

/// A parameter along a row: the first column of each run of equal granules.
struct ParamTable {
  const ParamDesc *desc = nullptr;
  size_t component = 0;
  std::vector<int64_t> runs; ///< ends with `columns`
};

template <typename Word>
void scatter(const FieldTable &table, int64_t row, const uint32_t *codes,
             uint8_t *stored) {
  const FieldDesc &field = *table.desc;
  const int64_t base = table.wordAt(row, 0);
  const int64_t bit = table.bitAt(row, 0);
  const uint32_t mask = lowMask(field.width);
  const unsigned shift = field.shift;
  const size_t columns = table.columnWord.size();
  if (field.width == sizeof(Word) * 8) {
    for (size_t k = 0; k < columns; ++k)
      store<Word>(stored + (base + table.columnWord[k]) * sizeof(Word),
                  static_cast<Word>(codes[k] >> shift));
    return;
  }
  for (size_t k = 0; k < columns; ++k) {
    uint8_t *place = stored + (base + table.columnWord[k]) * sizeof(Word);
    unsigned at = static_cast<unsigned>(bit + table.columnBit[k]);
    uint32_t word = load<Word>(place) & ~(mask << at);
    store<Word>(place,
                static_cast<Word>(word | ((codes[k] >> shift) & mask) << at));
  }
}

template <typename Word>
void gather(const FieldTable &table, int64_t row, const uint8_t *stored,
            uint32_t *codes) {
  const FieldDesc &field = *table.desc;
  const int64_t base = table.wordAt(row, 0);
  const int64_t bit = table.bitAt(row, 0);
  const uint32_t mask = lowMask(field.width);
  const size_t columns = table.columnWord.size();
  for (size_t k = 0; k < columns; ++k) {
    uint32_t word = load<Word>(stored + (base + table.columnWord[k]) *
                                            static_cast<int64_t>(sizeof(Word)));
    unsigned at = static_cast<unsigned>(bit + table.columnBit[k]);
    codes[k] |= ((word >> at) & mask) << field.shift;
  }
}

/// Plain codes of one row to stored numbers; returns the first column out of
/// range, or `columns`.
size_t toStored(const LeafDesc &leaf, const uint8_t *plain, size_t columns,
                uint32_t *codes) {
  if (leaf.code.isFloat()) {
    unsigned size = leaf.code.width / 8;
    for (size_t k = 0; k < columns; ++k)
      codes[k] = loadBits(plain + k * size, size);
    return columns;
  }
  const uint8_t low = static_cast<uint8_t>(leaf.code.lo);
  const uint8_t span = static_cast<uint8_t>(leaf.code.hi - leaf.code.lo);
  const uint8_t bias = leaf.biased ? low : 0;
  const uint32_t mask = lowMask(leaf.code.width);
  bool bad = false;
  for (size_t k = 0; k < columns; ++k) {
    bad |= static_cast<uint8_t>(plain[k] - low) > span;
    codes[k] = static_cast<uint8_t>(plain[k] - bias) & mask;
  }
  if (!bad)
    return columns;
  size_t k = 0;
  while (static_cast<uint8_t>(plain[k] - low) <= span)
    ++k;
  return k;
}

int64_t plainValue(const NumberDesc &code, uint8_t byte) {
  return code.kind == NumberKind::signedInt ? static_cast<int8_t>(byte) : byte;
}

/// A stored number as a logical value.
int64_t fromStored(const LeafDesc &leaf, uint32_t stored) {
  if (leaf.biased)
    return static_cast<int64_t>(stored) + leaf.code.lo;
  if (leaf.code.kind == NumberKind::signedInt)
    return signExtend(stored, leaf.code.width);
  return stored;
}

Status outOfRange(const LeafDesc &leaf, uint8_t plain, int64_t row,
                  size_t column) {
  return invalidArgument(
      "code %lld of element (%lld, %zu) is outside %lld..%lld",
      static_cast<long long>(plainValue(leaf.code, plain)),
      static_cast<long long>(row), column, static_cast<long long>(leaf.code.lo),
      static_cast<long long>(leaf.code.hi));
}

float floatValue(const NumberDesc &number, uint32_t bits) {
  switch (number.format) {
  case FloatFormat::f16:
    return f16ToF32(static_cast<uint16_t>(bits));
  case FloatFormat::bf16:
    return bf16ToF32(static_cast<uint16_t>(bits));
  default:
    return floatFromBits(bits);
  }
}

Status checkRows(const LeafDesc &leaf, int64_t begin, int64_t end,
                 size_t plainSize) {
  if (begin < 0 || begin > end || end > leaf.rows)
    return invalidArgument("rows [%lld, %lld) of a tensor of %lld rows",
                           static_cast<long long>(begin),
                           static_cast<long long>(end),
                           static_cast<long long>(leaf.rows));
  uint64_t expected = static_cast<uint64_t>(end - begin) *
                      static_cast<uint64_t>(leaf.columns) *
                      plainCodeBytes(leaf.code);
  if (plainSize != expected)
    return invalidArgument("plain array of %zu bytes where %llu are needed",
                           plainSize,
                           static_cast<unsigned long long>(expected));
  return Status::success();
}

template <typename Byte>
Status checkFields(const LeafDesc &leaf,
                   const std::vector<ComponentDesc> &components,
                   std::span<const std::span<Byte>> fields) {
  if (fields.size() != leaf.fields.size())
    return invalidArgument("%zu code arrays given, the layout has %zu",
                           fields.size(), leaf.fields.size());
  for (size_t i = 0; i < fields.size(); ++i)
    if (fields[i].size() < components[i].bytes)
      return invalidArgument(
          "component '%s' has %zu bytes where %llu are needed",
          components[i].name().c_str(), fields[i].size(),
          static_cast<unsigned long long>(components[i].bytes));
  return Status::success();
}

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
  void gatherRow(std::span<const std::span<const uint8_t>> stored, int64_t row,
                 uint32_t *codes) const;
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
  for (size_t i = 0; i < leaf.fields.size(); ++i) {
    FieldTable table;
    table.desc = &leaf.fields[i];
    table.bytes = components[i].bytes;
    const int64_t word = table.wordAt(0, 0), bit = table.bitAt(0, 0);
    table.columnWord.reserve(static_cast<size_t>(leaf.columns));
    table.columnBit.reserve(static_cast<size_t>(leaf.columns));
    for (int64_t k = 0; k < leaf.columns; ++k) {
      table.columnWord.push_back(table.wordAt(0, k) - word);
      table.columnBit.push_back(static_cast<int8_t>(table.bitAt(0, k) - bit));
    }
    fields.push_back(std::move(table));
  }
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

Status LeafCodec::packCodes(int64_t rowBegin, int64_t rowEnd,
                            std::span<const uint8_t> plain,
                            std::span<const std::span<uint8_t>> fields) const {
  const LeafDesc &leaf = impl->leaf;
  LOWBIT_RETURN_IF_ERROR(checkRows(leaf, rowBegin, rowEnd, plain.size()));
  LOWBIT_RETURN_IF_ERROR(checkFields(leaf, impl->components, fields));
  const size_t columns = static_cast<size_t>(leaf.columns);
  const size_t rowBytes = columns * plainCodeBytes(leaf.code);
  std::vector<uint32_t> codes(columns);
  for (int64_t row = rowBegin; row < rowEnd; ++row) {
    const uint8_t *source =
        plain.data() + static_cast<size_t>(row - rowBegin) * rowBytes;
    size_t bad = toStored(leaf, source, columns, codes.data());
    if (bad < columns)
      return outOfRange(leaf, source[bad], row, bad);
    for (size_t i = 0; i < fields.size(); ++i) {
      const FieldTable &table = impl->fields[i];
      switch (table.desc->wordBits) {
      case 8:
        scatter<uint8_t>(table, row, codes.data(), fields[i].data());
        break;
      case 16:
        scatter<uint16_t>(table, row, codes.data(), fields[i].data());
        break;
      default:
        scatter<uint32_t>(table, row, codes.data(), fields[i].data());
      }
    }
  }
  return Status::success();
}

void LeafCodec::Impl::gatherRow(
    std::span<const std::span<const uint8_t>> stored, int64_t row,
    uint32_t *codes) const {
  std::fill(codes, codes + leaf.columns, 0u);
  for (size_t i = 0; i < fields.size(); ++i) {
    switch (fields[i].desc->wordBits) {
    case 8:
      gather<uint8_t>(fields[i], row, stored[i].data(), codes);
      break;
    case 16:
      gather<uint16_t>(fields[i], row, stored[i].data(), codes);
      break;
    default:
      gather<uint32_t>(fields[i], row, stored[i].data(), codes);
    }
  }
}

Status LeafCodec::unpackCodes(int64_t rowBegin, int64_t rowEnd,
                              std::span<const std::span<const uint8_t>> fields,
                              std::span<uint8_t> plain) const {
  const LeafDesc &leaf = impl->leaf;
  LOWBIT_RETURN_IF_ERROR(checkRows(leaf, rowBegin, rowEnd, plain.size()));
  LOWBIT_RETURN_IF_ERROR(checkFields(leaf, impl->components, fields));
  const size_t columns = static_cast<size_t>(leaf.columns);
  const unsigned size = plainCodeBytes(leaf.code);
  std::vector<uint32_t> codes(columns);
  uint8_t *out = plain.data();
  for (int64_t row = rowBegin; row < rowEnd; ++row) {
    impl->gatherRow(fields, row, codes.data());
    for (size_t k = 0; k < columns; ++k, out += size) {
      if (leaf.code.isFloat())
        storeBits(out, size, codes[k]);
      else
        *out = static_cast<uint8_t>(fromStored(leaf, codes[k]));
    }
  }
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

  std::vector<uint32_t> codes(columns);
  impl->gatherRow(components, row, codes.data());
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

Status packCodesByMaps(const LeafDesc &leaf, int64_t rowBegin, int64_t rowEnd,
                       std::span<const uint8_t> plain,
                       std::span<const std::span<uint8_t>> fields) {
  LOWBIT_RETURN_IF_ERROR(validate(leaf));
  LOWBIT_ASSIGN_OR_RETURN(std::vector<ComponentDesc> components,
                          componentsOf(leaf));
  LOWBIT_RETURN_IF_ERROR(checkRows(leaf, rowBegin, rowEnd, plain.size()));
  LOWBIT_RETURN_IF_ERROR(checkFields(leaf, components, fields));
  const unsigned size = plainCodeBytes(leaf.code);
  const uint8_t *source = plain.data();
  for (int64_t n = rowBegin; n < rowEnd; ++n) {
    for (int64_t k = 0; k < leaf.columns; ++k, source += size) {
      uint32_t code = 0;
      if (toStored(leaf, source, 1, &code) == 0)
        return outOfRange(leaf, *source, n, static_cast<size_t>(k));
      for (size_t i = 0; i < fields.size(); ++i) {
        const FieldDesc &field = leaf.fields[i];
        FieldTable table;
        table.desc = &field;
        const unsigned wordBytes = field.wordBits / 8u;
        uint8_t *place = fields[i].data() + table.wordAt(n, k) * wordBytes;
        unsigned at = static_cast<unsigned>(table.bitAt(n, k));
        uint32_t word = loadBits(place, wordBytes);
        word &= ~(lowMask(field.width) << at);
        word |= ((code >> field.shift) & lowMask(field.width)) << at;
        storeBits(place, wordBytes, word);
      }
    }
  }
  return Status::success();
}

Status unpackCodesByMaps(const LeafDesc &leaf, int64_t rowBegin, int64_t rowEnd,
                         std::span<const std::span<const uint8_t>> fields,
                         std::span<uint8_t> plain) {
  LOWBIT_RETURN_IF_ERROR(validate(leaf));
  LOWBIT_ASSIGN_OR_RETURN(std::vector<ComponentDesc> components,
                          componentsOf(leaf));
  LOWBIT_RETURN_IF_ERROR(checkRows(leaf, rowBegin, rowEnd, plain.size()));
  LOWBIT_RETURN_IF_ERROR(checkFields(leaf, components, fields));
  const unsigned size = plainCodeBytes(leaf.code);
  uint8_t *out = plain.data();
  for (int64_t n = rowBegin; n < rowEnd; ++n) {
    for (int64_t k = 0; k < leaf.columns; ++k, out += size) {
      uint32_t code = 0;
      for (size_t i = 0; i < fields.size(); ++i) {
        FieldTable table;
        table.desc = &leaf.fields[i];
        const unsigned wordBytes = table.desc->wordBits / 8u;
        uint32_t word = loadBits(
            fields[i].data() + table.wordAt(n, k) * wordBytes, wordBytes);
        code |= ((word >> table.bitAt(n, k)) & lowMask(table.desc->width))
                << table.desc->shift;
      }
      if (leaf.code.isFloat())
        storeBits(out, size, code);
      else
        *out = static_cast<uint8_t>(fromStored(leaf, code));
    }
  }
  return Status::success();
}

} // namespace lowbit
