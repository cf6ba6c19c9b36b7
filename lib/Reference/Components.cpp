//===- Components.cpp - Components to elements and back -------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/StoredNumbers.h"
#include "lib/Reference/Value.h"

#include "lowbit/Packing/Pack.h"
#include "lowbit/Support/Float.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace lowbit::reference {

/// An integer of a plain array, read with the sign that its type gives it.
static int64_t plainInteger(const NumberDesc &number, const uint8_t *bytes,
                            unsigned size) {
  if (number.kind == NumberKind::signedInt)
    return integerFromStored(bytes, size);
  uint64_t bits = 0;
  std::memcpy(&bits, bytes, size);
  return static_cast<int64_t>(bits);
}

static Status checkRange(const NumberDesc &number, int64_t value,
                         const std::string &what, int64_t position) {
  if (value >= number.lo && value <= number.hi)
    return Status::success();
  return invalidArgument("%s: number %lld at position %lld is outside %lld:%lld",
                         what.c_str(), static_cast<long long>(value),
                         static_cast<long long>(position),
                         static_cast<long long>(number.lo),
                         static_cast<long long>(number.hi));
}

/// Numbers of a plain array.
static StatusOr<ParamValues> valuesOf(const NumberDesc &number,
                                      const std::string &what,
                                      std::span<const uint8_t> plain) {
  const unsigned size = number.storageBits() / 8;
  ParamValues values;
  for (size_t i = 0; i < plain.size() / size; ++i) {
    const uint8_t *from = plain.data() + i * size;
    if (number.isFloat()) {
      uint32_t bits = 0;
      std::memcpy(&bits, from, size);
      values.floats.push_back(floatFromCode(number, bits));
      continue;
    }
    const int64_t value = plainInteger(number, from, size);
    LOWBIT_RETURN_IF_ERROR(
        checkRange(number, value, what, static_cast<int64_t>(i)));
    values.integers.push_back(value);
  }
  return values;
}

static StatusOr<ParamValues> unpackValues(const ParamDesc &param,
                                          const std::string &what,
                                          std::span<const uint8_t> stored) {
  LOWBIT_ASSIGN_OR_RETURN(int64_t count, checkedElementCount(param.granules));
  const unsigned size = plainParamBytes(param.number);
  std::vector<uint8_t> plain(static_cast<size_t>(count) * size);
  LOWBIT_RETURN_IF_ERROR(
      unpackParam(param, 0, granuleRows(param), stored, plain));
  return valuesOf(param.number, what, plain);
}

static Status unpackAllCodes(CompressedTensor &tensor, const LeafCodec &codec,
                             std::span<const std::span<const uint8_t>> stored) {
  const LeafDesc &leaf = tensor.leaf;
  const unsigned size = plainCodeBytes(leaf.code);
  const int64_t columns = leaf.storedColumns();
  std::vector<uint8_t> plain(static_cast<size_t>(columns) * size);
  for (int64_t n = 0; n < leaf.storedRows(); ++n) {
    LOWBIT_RETURN_IF_ERROR(codec.unpackCodes(n, n + 1, stored, plain));
    for (int64_t k = 0; k < columns; ++k) {
      const uint8_t *from = plain.data() + k * size;
      if (leaf.code.isFloat()) {
        uint32_t bits = 0;
        std::memcpy(&bits, from, size);
        tensor.floatCodes.push_back(floatFromCode(leaf.code, bits));
        continue;
      }
      const int64_t code = plainInteger(leaf.code, from, size);
      LOWBIT_RETURN_IF_ERROR(
          checkRange(leaf.code, code, "codes", n * columns + k));
      tensor.codes.push_back(static_cast<int16_t>(code));
    }
  }
  return Status::success();
}

/// Table, index data and the places of the elements.
static Status unpackPattern(CompressedTensor &tensor, const LeafCodec &codec,
                            std::span<const std::span<const uint8_t>> stored) {
  const LeafDesc &leaf = tensor.leaf;
  const std::vector<ComponentDesc> &descs = codec.components();
  LOWBIT_RETURN_IF_ERROR(codec.checkIndexData(stored));
  for (size_t i = 0; i < descs.size(); ++i) {
    if (descs[i].role == ComponentRole::table && descs[i].part == 0) {
      LOWBIT_ASSIGN_OR_RETURN(
          tensor.table, valuesOf(descs[i].number, descs[i].name(), stored[i]));
    }
    if (descs[i].role == ComponentRole::index && descs[i].part < 3)
      tensor.index.emplace_back(stored[i].begin(), stored[i].end());
  }
  if (!leaf.pattern)
    return Status::success();
  tensor.places.assign(static_cast<size_t>(leaf.rows * leaf.columns), -1);
  const int64_t storedColumns = leaf.storedColumns();
  for (int64_t n = 0; n < leaf.rows; ++n)
    LOWBIT_RETURN_IF_ERROR(codec.forEachStored(
        stored, n, [&](int64_t row, int64_t column, int64_t k) {
          tensor.places[n * leaf.columns + k] = row * storedColumns + column;
        }));
  return Status::success();
}

/// E8: an element of a complement exists where `other` has none.
static void removePresent(CompressedTensor &complement,
                          const CompressedTensor &other) {
  for (int64_t n = 0; n < complement.leaf.rows; ++n)
    for (int64_t k = 0; k < complement.leaf.columns; ++k)
      if (other.isPresent(n, k))
        complement.places[n * complement.leaf.columns + k] = -1;
}

StatusOr<CompressedTensor>
unpackComponents(const EncodingDesc &encoding,
                 std::span<const std::span<const uint8_t>> components) {
  if (encoding.kind == EncodingKind::leaf)
    return unpackComponents(encoding.leaf, components);
  CompressedTensor tensor;
  tensor.tree = encoding;
  tensor.leaf.rows = encoding.rows;
  tensor.leaf.columns = encoding.columns;
  size_t next = 0;
  for (const EncodingDesc &term : encoding.terms) {
    LOWBIT_ASSIGN_OR_RETURN(auto descs, componentsOf(term));
    if (next + descs.size() > components.size())
      return invalidArgument("%zu components are too few", components.size());
    LOWBIT_ASSIGN_OR_RETURN(
        CompressedTensor part,
        unpackComponents(term, components.subspan(next, descs.size())));
    next += descs.size();
    tensor.terms.push_back(std::move(part));
  }
  if (next != components.size())
    return invalidArgument("%zu components where the encoding has %zu",
                           components.size(), next);
  for (CompressedTensor &term : tensor.terms)
    if (!term.tree && term.leaf.pattern &&
        term.leaf.pattern->kind == PatternKind::complement)
      removePresent(term, tensor.terms[term.leaf.pattern->count]);
  return tensor;
}

StatusOr<CompressedTensor>
unpackComponents(const LeafDesc &leaf,
                 std::span<const std::span<const uint8_t>> components) {
  LOWBIT_ASSIGN_OR_RETURN(LeafCodec codec, LeafCodec::create(leaf));
  const std::vector<ComponentDesc> &descs = codec.components();
  if (descs.size() != components.size())
    return invalidArgument("%zu components where the encoding has %zu",
                           components.size(), descs.size());
  for (size_t i = 0; i < descs.size(); ++i)
    if (components[i].size() != descs[i].bytes)
      return invalidArgument("%s: %zu bytes where the encoding has %llu",
                             descs[i].name().c_str(), components[i].size(),
                             static_cast<unsigned long long>(descs[i].bytes));
  CompressedTensor tensor;
  tensor.leaf = leaf;
  LOWBIT_RETURN_IF_ERROR(unpackAllCodes(tensor, codec, components));
  LOWBIT_RETURN_IF_ERROR(unpackPattern(tensor, codec, components));
  size_t next = firstParamComponent(leaf);
  auto unpackNext = [&](const ParamDesc &param) -> StatusOr<ParamValues> {
    if (param.rank == 0) {
      const size_t at = next++;
      return unpackValues(param, descs[at].name(), components[at]);
    }
    LOWBIT_ASSIGN_OR_RETURN(ParamValues u, valuesOf(param.number, "u",
                                                    components[next]));
    LOWBIT_ASSIGN_OR_RETURN(ParamValues v, valuesOf(param.number, "v",
                                                    components[next + 1]));
    next += 2;
    u.floats.insert(u.floats.end(), v.floats.begin(), v.floats.end());
    return u;
  };
  for (const ParamDesc &scale : leaf.scales) {
    LOWBIT_ASSIGN_OR_RETURN(ParamValues values, unpackNext(scale));
    tensor.scales.push_back(std::move(values));
  }
  if (leaf.zero) {
    LOWBIT_ASSIGN_OR_RETURN(tensor.zero, unpackNext(*leaf.zero));
  }
  for (const ParamDesc &offset : leaf.offsets) {
    LOWBIT_ASSIGN_OR_RETURN(ParamValues values, unpackNext(offset));
    tensor.offsets.push_back(std::move(values));
  }
  return tensor;
}

/// A plain array of numbers.
static std::vector<uint8_t> plainOf(const NumberDesc &number,
                                    std::span<const float> floats,
                                    std::span<const int64_t> integers) {
  const unsigned size = number.storageBits() / 8;
  const size_t count = number.isFloat() ? floats.size() : integers.size();
  std::vector<uint8_t> plain(count * size);
  for (size_t i = 0; i < count; ++i) {
    const uint64_t bits = number.isFloat()
                              ? floatToCode(number, floats[i])
                              : static_cast<uint64_t>(integers[i]);
    std::memcpy(plain.data() + i * size, &bits, size);
  }
  return plain;
}

/// Codes of all stored elements into their component or, for a prefix code, with
/// its table and index.
static Status packAllCodes(const CompressedTensor &tensor, const LeafCodec &codec,
                           std::vector<std::vector<uint8_t>> &components) {
  const LeafDesc &leaf = tensor.leaf;
  std::vector<uint8_t> plain;
  if (leaf.code.isFloat()) {
    plain = plainOf(leaf.code, tensor.floatCodes, {});
  } else {
    for (int16_t code : tensor.codes)
      plain.push_back(static_cast<uint8_t>(code));
  }
  const std::vector<std::span<uint8_t>> spans(components.begin(),
                                              components.end());
  return codec.packCodes(0, leaf.storedRows(), plain, spans);
}

StatusOr<std::vector<std::vector<uint8_t>>>
packComponents(const CompressedTensor &tensor) {
  std::vector<std::vector<uint8_t>> components;
  for (const CompressedTensor &term : tensor.terms) {
    LOWBIT_ASSIGN_OR_RETURN(auto parts, packComponents(term));
    std::move(parts.begin(), parts.end(), std::back_inserter(components));
  }
  if (tensor.tree)
    return components;
  const LeafDesc &leaf = tensor.leaf;
  LOWBIT_ASSIGN_OR_RETURN(LeafCodec codec, LeafCodec::create(leaf));
  const std::vector<ComponentDesc> &descs = codec.components();
  for (const ComponentDesc &desc : descs)
    components.emplace_back(desc.bytes, 0);
  LOWBIT_RETURN_IF_ERROR(packAllCodes(tensor, codec, components));
  size_t nextIndex = 0;
  for (size_t i = 0; i < descs.size(); ++i) {
    if (descs[i].role == ComponentRole::table && descs[i].part == 0)
      components[i] = plainOf(descs[i].number, tensor.table.floats,
                              tensor.table.integers);
    if (descs[i].role == ComponentRole::index && descs[i].part < 3)
      components[i] = tensor.index[nextIndex++];
  }

  size_t next = firstParamComponent(leaf);
  auto packNext = [&](const ParamDesc &param,
                      const ParamValues &values) -> Status {
    if (param.rank > 0) {
      const std::span<const float> all(values.floats);
      const size_t u = static_cast<size_t>(leaf.rows * param.rank);
      components[next++] = plainOf(param.number, all.first(u), {});
      components[next++] = plainOf(param.number, all.subspan(u), {});
      return Status::success();
    }
    std::vector<uint8_t> &stored = components[next++];
    return packParam(param, 0, granuleRows(param),
                     plainOf(param.number, values.floats, values.integers),
                     stored);
  };
  for (size_t i = 0; i < leaf.scales.size(); ++i)
    LOWBIT_RETURN_IF_ERROR(packNext(leaf.scales[i], tensor.scales[i]));
  if (leaf.zero)
    LOWBIT_RETURN_IF_ERROR(packNext(*leaf.zero, tensor.zero));
  for (size_t i = 0; i < leaf.offsets.size(); ++i)
    LOWBIT_RETURN_IF_ERROR(packNext(leaf.offsets[i], tensor.offsets[i]));
  return components;
}

} // namespace lowbit::reference
