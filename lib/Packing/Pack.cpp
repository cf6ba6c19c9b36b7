//===- Pack.cpp - Codes into and out of layouts ---------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Codec.h"
#include "PrefixCode.h"
#include "StoredCodes.h"

#include <algorithm>

namespace lowbit {

using namespace packing;

unsigned plainCodeBytes(const NumberDesc &code) {
  return code.isFloat() ? code.storageBits() / 8u : 1u;
}

unsigned plainParamBytes(const NumberDesc &param) {
  return param.storageBits() / 8;
}

ParamTable LeafCodec::Impl::tableOf(const ParamDesc &param,
                                    size_t component) const {
  ParamTable table;
  table.desc = &param;
  table.component = component;
  if (!byRuns)
    return table;
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
  byRuns = leaf.isDense() && !leaf.lut;
  auto inspect = [&](const ParamDesc &param) {
    byRuns = byRuns && param.rank == 0 && param.packed == 0;
  };
  for (const ParamDesc &param : leaf.scales)
    inspect(param);
  if (leaf.zero)
    inspect(*leaf.zero);
  for (const ParamDesc &param : leaf.offsets)
    inspect(param);

  for (const FieldDesc &field : leaf.fields) {
    fields.emplace_back(field, leaf.storedColumns());
    hasEntropy = hasEntropy || field.entropyBlock > 0;
    hasDigits = field.radix != 0;
  }
  tableComponent = leaf.codeArrays();
  indexComponent = tableComponent;
  while (indexComponent < components.size() &&
         components[indexComponent].role == ComponentRole::table)
    ++indexComponent;
  size_t component = firstParamComponent(leaf);
  auto next = [&](const ParamDesc &param) {
    ParamTable table = tableOf(param, component);
    component += param.rank > 0 ? 2 : 1;
    return table;
  };
  for (const ParamDesc &param : leaf.scales)
    scales.push_back(next(param));
  if (leaf.zero)
    zero = next(*leaf.zero);
  for (const ParamDesc &param : leaf.offsets)
    offsets.push_back(next(param));
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

Status LeafCodec::Impl::checkComponents(Components stored) const {
  if (stored.size() != components.size())
    return invalidArgument("%zu components given, the encoding has %zu",
                           stored.size(), components.size());
  for (size_t i = 0; i < stored.size(); ++i)
    if (stored[i].size() < components[i].bytes)
      return invalidArgument(
          "component '%s' has %zu bytes where %llu are needed",
          components[i].name().c_str(), stored[i].size(),
          static_cast<unsigned long long>(components[i].bytes));
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Prefix codes
//===----------------------------------------------------------------------===//

std::pair<size_t, size_t>
LeafCodec::Impl::entropyComponents(const FieldDesc &field) const {
  size_t table = 0, index = 0;
  for (size_t i = 0; i < components.size(); ++i) {
    if (components[i].param != field.array)
      continue;
    if (components[i].role == ComponentRole::table && components[i].part == 1)
      table = i;
    if (components[i].role == ComponentRole::index && components[i].part == 3)
      index = i;
  }
  return {table, index};
}

Status LeafCodec::Impl::packEntropy(
    const FieldDesc &field, const uint8_t *plain,
    std::span<const std::span<uint8_t>> stored) const {
  const auto [table, index] = entropyComponents(field);
  LOWBIT_ASSIGN_OR_RETURN(EntropyCoded coded, encodeEntropy(leaf, plain));
  if (coded.bytes.size() != components[field.array].bytes)
    return invalidArgument("prefix code: %zu bytes where the encoding says %llu",
                           coded.bytes.size(),
                           static_cast<unsigned long long>(
                               components[field.array].bytes));
  std::copy(coded.bytes.begin(), coded.bytes.end(),
            stored[field.array].begin());
  std::copy(coded.lengths.begin(), coded.lengths.end(), stored[table].begin());
  for (size_t i = 0; i < coded.starts.size(); ++i)
    store<uint32_t>(stored[index].data() + 4 * i, coded.starts[i]);
  return Status::success();
}

Status LeafCodec::Impl::entropySymbols(const FieldDesc &field,
                                       Components stored, int64_t begin,
                                       int64_t end,
                                       std::vector<uint8_t> &symbols) const {
  const auto [table, index] = entropyComponents(field);
  LOWBIT_ASSIGN_OR_RETURN(
      PrefixCode code,
      PrefixCode::create(stored[table].first(size_t{1} << field.width)));
  const int64_t total = leaf.storedRows() * leaf.storedColumns();
  const int64_t block = field.entropyBlock;
  symbols.clear();
  std::vector<uint8_t> decoded;
  for (int64_t b = begin / block; b * block < end; ++b) {
    const uint32_t from = load<uint32_t>(stored[index].data() + 4 * b);
    const uint32_t to = load<uint32_t>(stored[index].data() + 4 * (b + 1));
    if (from > to || to > stored[field.array].size())
      return invalidArgument("prefix code: block %lld starts beyond its end or "
                             "the array's",
                             static_cast<long long>(b));
    decoded.resize(
        static_cast<size_t>(std::min(total, (b + 1) * block) - b * block));
    LOWBIT_RETURN_IF_ERROR(
        code.decode(stored[field.array].subspan(from, to - from), decoded));
    const int64_t first = std::max(begin - b * block, int64_t{0});
    const int64_t last =
        std::min(end - b * block, static_cast<int64_t>(decoded.size()));
    symbols.insert(symbols.end(), decoded.begin() + first,
                   decoded.begin() + last);
  }
  return Status::success();
}

StatusOr<EntropyCoded> encodeEntropy(const LeafDesc &leaf,
                                     const uint8_t *plain) {
  const FieldDesc *field = nullptr;
  for (const FieldDesc &candidate : leaf.fields)
    if (candidate.entropyBlock > 0)
      field = &candidate;
  if (!field)
    return invalidArgument("the layout has no prefix code");
  const size_t count =
      static_cast<size_t>(leaf.storedRows() * leaf.storedColumns());
  std::vector<uint32_t> codes(count);
  const size_t bad = toStored(leaf, plain, count, codes.data());
  if (bad < count)
    return invalidArgument("the code at position %zu is out of range", bad);
  std::vector<uint8_t> symbols(count);
  std::vector<uint64_t> counts(size_t{1} << field->width, 0);
  for (size_t i = 0; i < count; ++i) {
    symbols[i] =
        static_cast<uint8_t>(codes[i] >> field->shift & lowMask(field->width));
    ++counts[symbols[i]];
  }
  EntropyCoded coded;
  coded.lengths = prefixLengths(counts);
  LOWBIT_ASSIGN_OR_RETURN(PrefixCode code, PrefixCode::create(coded.lengths));
  coded.starts.push_back(0);
  for (size_t at = 0; at < count;) {
    const size_t size =
        std::min(count - at, static_cast<size_t>(field->entropyBlock));
    LOWBIT_RETURN_IF_ERROR(code.encode(
        std::span<const uint8_t>(symbols).subspan(at, size), coded.bytes));
    if (coded.bytes.size() > UINT32_MAX)
      return invalidArgument("prefix code: more than 2^32 bytes");
    coded.starts.push_back(static_cast<uint32_t>(coded.bytes.size()));
    at += size;
  }
  return coded;
}

//===----------------------------------------------------------------------===//
// Digits
//===----------------------------------------------------------------------===//

/// A(row) of every field.
static std::vector<FieldTable::RowBase>
basesOf(const std::vector<FieldTable> &fields, int64_t row) {
  std::vector<FieldTable::RowBase> bases;
  for (const FieldTable &field : fields)
    bases.push_back(field.baseOf(row));
  return bases;
}

/// The group number of column k of a row from all fields.
static uint32_t groupNumber(const std::vector<FieldTable> &fields,
                            const std::vector<FieldTable::RowBase> &bases,
                            size_t k, Components stored) {
  uint32_t number = 0;
  for (size_t i = 0; i < fields.size(); ++i)
    number |=
        fields[i].run(bases[i], k, stored[fields[i].desc->array].data())
        << fields[i].desc->shift;
  return number;
}

void LeafCodec::Impl::packDigits(
    int64_t row, const uint8_t *codes,
    std::span<const std::span<uint8_t>> stored) const {
  const unsigned bits = groupBits(leaf);
  const FieldDesc &field = leaf.fields[0];
  const std::vector<std::span<const uint8_t>> views(stored.begin(),
                                                    stored.end());
  const std::vector<FieldTable::RowBase> bases = basesOf(fields, row);
  for (int64_t k = 0; k < leaf.storedColumns(); ++k) {
    const size_t column = static_cast<size_t>(k);
    const int64_t index[] = {row, k};
    const uint32_t number =
        withDigit(field, bits, groupNumber(fields, bases, column, views),
                  static_cast<unsigned>(field.digit.results[0].eval(index)),
                  codes[column]);
    for (size_t i = 0; i < fields.size(); ++i)
      fields[i].setRun(bases[i], column, number >> fields[i].desc->shift,
                       stored[fields[i].desc->array].data());
  }
}

template <typename Code>
void LeafCodec::Impl::gatherDigits(Components stored, int64_t row,
                                   std::vector<Code> &codes) const {
  const unsigned bits = groupBits(leaf);
  const FieldDesc &field = leaf.fields[0];
  const std::vector<FieldTable::RowBase> bases = basesOf(fields, row);
  for (int64_t k = 0; k < leaf.storedColumns(); ++k) {
    const size_t column = static_cast<size_t>(k);
    const int64_t index[] = {row, k};
    codes[column] = static_cast<Code>(
        digitOf(field, bits, groupNumber(fields, bases, column, stored),
                static_cast<unsigned>(field.digit.results[0].eval(index))));
  }
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

template <typename Code>
Status
LeafCodec::Impl::packRows(int64_t rowBegin, int64_t rowEnd,
                          const uint8_t *plain,
                          std::span<const std::span<uint8_t>> stored) const {
  const size_t columns = static_cast<size_t>(leaf.storedColumns());
  const size_t rowBytes = columns * plainCodeBytes(leaf.code);
  std::vector<Code> codes(columns);
  for (int64_t row = rowBegin; row < rowEnd; ++row, plain += rowBytes) {
    size_t bad = toStored(leaf, plain, columns, codes.data());
    if (bad < columns)
      return outOfRange(leaf, plain[bad * plainCodeBytes(leaf.code)], row, bad);
    if (hasDigits) {
      packDigits(row, reinterpret_cast<const uint8_t *>(codes.data()), stored);
      continue;
    }
    for (const FieldTable &field : fields)
      if (field.desc->entropyBlock == 0)
        field.scatterRow(row, codes.data(), stored[field.desc->array].data());
  }
  return Status::success();
}

Status LeafCodec::packCodes(int64_t rowBegin, int64_t rowEnd,
                            std::span<const uint8_t> plain,
                            std::span<const std::span<uint8_t>> fields) const {
  const LeafDesc &leaf = impl->leaf;
  LOWBIT_RETURN_IF_ERROR(checkRows(leaf, rowBegin, rowEnd, plain.size()));
  LOWBIT_RETURN_IF_ERROR(checkFields(leaf, impl->components, fields));
  if (impl->hasEntropy) {
    if (rowBegin != 0 || rowEnd != leaf.storedRows() ||
        fields.size() != impl->components.size())
      return invalidArgument("a prefix code is packed whole, with all components");
    for (const FieldDesc &field : leaf.fields)
      if (field.entropyBlock > 0)
        LOWBIT_RETURN_IF_ERROR(impl->packEntropy(field, plain.data(), fields));
  }
  if (leaf.code.width > 8)
    return impl->packRows<uint32_t>(rowBegin, rowEnd, plain.data(), fields);
  return impl->packRows<uint8_t>(rowBegin, rowEnd, plain.data(), fields);
}

template <typename Code>
Status LeafCodec::Impl::gatherRow(Components stored, int64_t row,
                                  std::vector<Code> &codes) const {
  const int64_t columns = leaf.storedColumns();
  codes.assign(static_cast<size_t>(columns), 0);
  if (hasDigits) {
    gatherDigits(stored, row, codes);
    return Status::success();
  }
  for (const FieldTable &field : fields) {
    if (field.desc->entropyBlock == 0) {
      field.gatherRow(row, stored[field.desc->array].data(), codes.data());
      continue;
    }
    std::vector<uint8_t> symbols;
    LOWBIT_RETURN_IF_ERROR(entropySymbols(*field.desc, stored, row * columns,
                                          (row + 1) * columns, symbols));
    for (size_t k = 0; k < codes.size(); ++k)
      codes[k] = static_cast<Code>(
          codes[k] | static_cast<uint32_t>(symbols[k]) << field.desc->shift);
  }
  return Status::success();
}

template Status LeafCodec::Impl::gatherRow(Components, int64_t,
                                           std::vector<uint32_t> &) const;

template <typename Code>
Status LeafCodec::Impl::unpackRows(int64_t rowBegin, int64_t rowEnd,
                                   Components stored, uint8_t *plain) const {
  const unsigned size = plainCodeBytes(leaf.code);
  std::vector<Code> codes;
  for (int64_t row = rowBegin; row < rowEnd; ++row) {
    LOWBIT_RETURN_IF_ERROR(gatherRow(stored, row, codes));
    for (Code code : codes) {
      if (leaf.code.isFloat())
        storeBits(plain, size, code);
      else
        *plain = static_cast<uint8_t>(fromStored(leaf, code));
      plain += size;
    }
  }
  return Status::success();
}

Status LeafCodec::unpackCodes(int64_t rowBegin, int64_t rowEnd,
                              std::span<const std::span<const uint8_t>> fields,
                              std::span<uint8_t> plain) const {
  const LeafDesc &leaf = impl->leaf;
  LOWBIT_RETURN_IF_ERROR(checkRows(leaf, rowBegin, rowEnd, plain.size()));
  LOWBIT_RETURN_IF_ERROR(checkFields(leaf, impl->components, fields));
  if (impl->hasEntropy)
    LOWBIT_RETURN_IF_ERROR(impl->checkComponents(fields));
  if (leaf.code.width > 8)
    return impl->unpackRows<uint32_t>(rowBegin, rowEnd, fields, plain.data());
  return impl->unpackRows<uint8_t>(rowBegin, rowEnd, fields, plain.data());
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
