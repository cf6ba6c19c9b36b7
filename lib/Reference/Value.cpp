//===- Value.cpp - What the reference interpreter computes on -------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Value.h"

#include "lib/Reference/Numerics.h"

#include "lowbit/Packing/Pack.h"
#include "lowbit/Support/Float.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

namespace lowbit::reference {

//===----------------------------------------------------------------------===//
// Dense tensors
//===----------------------------------------------------------------------===//

const char *elementTypeName(ElementType type) {
  static constexpr const char *names[] = {"f32", "f16", "bf16", "i1",
                                          "i8",  "i16", "i32",  "i64"};
  return names[static_cast<int>(type)];
}

unsigned elementBytes(ElementType type) {
  static constexpr unsigned sizes[] = {4, 2, 2, 1, 1, 2, 4, 8};
  return sizes[static_cast<int>(type)];
}

Tensor Tensor::zeros(ElementType element, std::vector<int64_t> shape) {
  Tensor tensor;
  tensor.element = element;
  tensor.shape = std::move(shape);
  const size_t size = static_cast<size_t>(tensor.size());
  if (isFloat(element))
    tensor.floats.assign(size, 0.0f);
  else
    tensor.integers.assign(size, 0);
  return tensor;
}

Tensor Tensor::scalar(int64_t value) {
  Tensor tensor = zeros(ElementType::i64, {});
  tensor.integers[0] = value;
  return tensor;
}

int64_t Tensor::size() const {
  int64_t size = 1;
  for (int64_t extent : shape)
    size *= extent;
  return size;
}

std::span<const float> Tensor::row(int64_t n) const {
  const size_t columns = static_cast<size_t>(shape.back());
  return std::span<const float>(floats).subspan(n * columns, columns);
}

std::span<float> Tensor::row(int64_t n) {
  const size_t columns = static_cast<size_t>(shape.back());
  return std::span<float>(floats).subspan(n * columns, columns);
}

std::string Tensor::typeName() const {
  std::string name;
  for (int64_t extent : shape)
    name += std::to_string(extent) + "x";
  return name + elementTypeName(element);
}

static float floatFromStored(ElementType element, const uint8_t *bytes) {
  if (element == ElementType::f32) {
    uint32_t bits;
    std::memcpy(&bits, bytes, 4);
    return floatFromBits(bits);
  }
  uint16_t bits;
  std::memcpy(&bits, bytes, 2);
  return element == ElementType::f16 ? f16ToF32(bits) : bf16ToF32(bits);
}

/// Two's complement of `size` bytes.
static int64_t integerFromStored(const uint8_t *bytes, unsigned size) {
  uint64_t bits = 0;
  std::memcpy(&bits, bytes, size);
  const unsigned unused = 64 - 8 * size;
  return static_cast<int64_t>(bits << unused) >> unused;
}

static void storeFloat(ElementType element, float value, uint8_t *bytes) {
  if (element == ElementType::f32) {
    std::memcpy(bytes, &value, 4);
    return;
  }
  const uint16_t bits =
      element == ElementType::f16 ? f32ToF16(value) : f32ToBf16(value);
  std::memcpy(bytes, &bits, 2);
}

StatusOr<Tensor> tensorFromBytes(ElementType element,
                                 std::vector<int64_t> shape,
                                 std::span<const uint8_t> bytes) {
  LOWBIT_ASSIGN_OR_RETURN(int64_t count, checkedElementCount(shape));
  const unsigned size = elementBytes(element);
  if (bytes.size() / size != static_cast<uint64_t>(count) ||
      bytes.size() % size != 0)
    return invalidArgument("tensor of %lld elements of %s from %zu bytes",
                           static_cast<long long>(count),
                           elementTypeName(element), bytes.size());
  Tensor tensor = Tensor::zeros(element, std::move(shape));
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t *from = bytes.data() + i * size;
    if (isFloat(element))
      tensor.floats[i] = floatFromStored(element, from);
    else
      tensor.integers[i] = integerFromStored(from, size);
  }
  return tensor;
}

std::vector<uint8_t> tensorToBytes(const Tensor &tensor) {
  const unsigned size = elementBytes(tensor.element);
  std::vector<uint8_t> bytes(static_cast<size_t>(tensor.size()) * size);
  for (int64_t i = 0; i < tensor.size(); ++i) {
    uint8_t *to = bytes.data() + i * size;
    if (isFloat(tensor.element))
      storeFloat(tensor.element, tensor.floats[i], to);
    else
      std::memcpy(to, &tensor.integers[i], size);
  }
  return bytes;
}

//===----------------------------------------------------------------------===//
// Decoding: E1 to E3
//===----------------------------------------------------------------------===//

namespace {

/// An element's place in the tensor and in the stored space.
struct Element {
  int64_t n, k, row, column;
};

/// Position of the element's granule in the plain array of `param`.
int64_t granuleOf(const ParamDesc &param, const Element &at) {
  const bool isLogical = param.space == IndexSpace::logical;
  const int64_t index[] = {isLogical ? at.n : at.row, isLogical ? at.k : at.column};
  int64_t position = 0;
  for (size_t i = 0; i < param.granularity.results.size(); ++i)
    position = position * param.granules[i] +
               param.granularity.results[i].eval(index);
  return position;
}

/// E5: S(n, k) = sum_j U(n, j) V(j, k), by fma in order from +0.0.
float rankSum(const LeafDesc &leaf, const ParamDesc &param,
              const ParamValues &values, const Element &at) {
  const size_t v = static_cast<size_t>(leaf.rows * param.rank);
  float sum = 0.0f;
  for (int64_t j = 0; j < param.rank; ++j)
    sum = std::fma(values.floats[at.n * param.rank + j],
                   values.floats[v + j * leaf.columns + at.k], sum);
  return sum;
}

/// F: the f32 product of the float factors in list order; 1.0 of none.
float floatProduct(const LeafDesc &leaf, const std::vector<ParamDesc> &descs,
                   const std::vector<ParamValues> &values, const Element &at) {
  bool any = false;
  float product = 1.0f;
  for (size_t i = 0; i < descs.size(); ++i) {
    if (!descs[i].number.isFloat())
      continue;
    const float factor = descs[i].rank > 0
                             ? rankSum(leaf, descs[i], values[i], at)
                             : values[i].floats[granuleOf(descs[i], at)];
    product = any ? product * factor : factor;
    any = true;
  }
  return product;
}

/// I: the exact product of the integer factors; 1 of none.
int64_t integerProduct(const std::vector<ParamDesc> &descs,
                       const std::vector<ParamValues> &values,
                       const Element &at) {
  int64_t product = 1;
  for (size_t i = 0; i < descs.size(); ++i)
    if (!descs[i].number.isFloat())
      product *= values[i].integers[granuleOf(descs[i], at)];
  return product;
}

bool hasInteger(const std::vector<ParamDesc> &descs) {
  for (const ParamDesc &desc : descs)
    if (!desc.number.isFloat())
      return true;
  return false;
}

/// Where (n, k), a present element, is stored.
Element elementAt(const CompressedTensor &tensor, int64_t n, int64_t k) {
  const LeafDesc &leaf = tensor.leaf;
  if (!tensor.places.empty()) {
    const int64_t place = tensor.places[n * leaf.columns + k];
    const int64_t columns = leaf.storedColumns();
    return {n, k, place / columns, place % columns};
  }
  if (leaf.lut)
    return {n, k, n / leaf.lut->vecRows,
            k / leaf.lut->vecColumns * leaf.lut->books};
  return {n, k, n, k};
}

int64_t placeOf(const CompressedTensor &tensor, const Element &at) {
  return at.row * tensor.leaf.storedColumns() + at.column;
}

/// E7: position of the entry of book j in the table.
int64_t entryOf(const CompressedTensor &tensor, const Element &at, int64_t j) {
  const LutDesc &lut = *tensor.leaf.lut;
  const int64_t index[] = {at.n, at.k};
  int64_t granule = 0;
  for (size_t i = 0; i < lut.granules.size(); ++i)
    granule = granule * lut.granules[i] + lut.granularity.results[i].eval(index);
  const int64_t entries = int64_t{1} << tensor.leaf.code.width;
  const int64_t values = lut.vecRows * lut.vecColumns;
  const int64_t code = tensor.codes[placeOf(tensor, at) + j];
  const int64_t inside =
      at.n % lut.vecRows * lut.vecColumns + at.k % lut.vecColumns;
  return ((granule * lut.books + j) * entries + code) * values + inside;
}

/// The code's own value: of integers after the zero point, of tables the sum of
/// the entries in f32, in book order.
float codeValue(const CompressedTensor &tensor, const Element &at) {
  const LeafDesc &leaf = tensor.leaf;
  if (leaf.lut) {
    float sum = 0.0f;
    for (int64_t j = 0; j < leaf.lut->books; ++j) {
      const int64_t entry = entryOf(tensor, at, j);
      const float value = leaf.lut->entry.isFloat()
                              ? tensor.table.floats[entry]
                              : static_cast<float>(tensor.table.integers[entry]);
      sum = j == 0 ? value : sum + value;
    }
    return sum;
  }
  if (leaf.code.isFloat())
    return tensor.floatCodes[placeOf(tensor, at)];
  return static_cast<float>(tensor.codeMinusZero(at.n, at.k));
}

} // namespace

bool CompressedTensor::isPresent(int64_t n, int64_t k) const {
  return places.empty() || places[n * leaf.columns + k] >= 0;
}

int64_t CompressedTensor::codeMinusZero(int64_t n, int64_t k) const {
  const Element at = elementAt(*this, n, k);
  int64_t v = codes[placeOf(*this, at)];
  if (leaf.zero)
    v -= zero.integers[granuleOf(*leaf.zero, at)];
  return v;
}

int64_t CompressedTensor::exactValue(int64_t n, int64_t k) const {
  if (!isPresent(n, k))
    return 0;
  if (!leaf.code.isFloat())
    return codeMinusZero(n, k);
  const int exponent = exactIntegerExponent(leaf.code).value_or(0);
  return static_cast<int64_t>(
      std::ldexp(codeValue(*this, elementAt(*this, n, k)), exponent));
}

float CompressedTensor::exactUnit() const {
  return std::ldexp(1.0f, -exactIntegerExponent(leaf.code).value_or(0));
}

float CompressedTensor::floatScale(int64_t n, int64_t k) const {
  return floatProduct(leaf, leaf.scales, scales, elementAt(*this, n, k));
}

int64_t CompressedTensor::integerScale(int64_t n, int64_t k) const {
  return integerProduct(leaf.scales, scales, elementAt(*this, n, k));
}

float CompressedTensor::floatOffset(int64_t n, int64_t k) const {
  const float product =
      floatProduct(leaf, leaf.offsets, offsets, elementAt(*this, n, k));
  return leaf.offsetNegated ? -product : product;
}

int64_t CompressedTensor::integerOffset(int64_t n, int64_t k) const {
  return integerProduct(leaf.offsets, offsets, elementAt(*this, n, k));
}

float CompressedTensor::decode(int64_t n, int64_t k) const {
  if (tree) {
    std::vector<float> row(static_cast<size_t>(leaf.columns));
    decodeRow(n, row);
    return row[static_cast<size_t>(k)];
  }
  if (!isPresent(n, k))
    return 0.0f;
  const float v = codeValue(*this, elementAt(*this, n, k));
  float s = floatScale(n, k);
  if (hasInteger(leaf.scales))
    s = s * static_cast<float>(integerScale(n, k));
  if (!leaf.offsets.empty()) {
    float o = floatOffset(n, k);
    if (hasInteger(leaf.offsets))
      o = o * static_cast<float>(integerOffset(n, k));
    return std::fma(s, v, o);
  }
  return leaf.scales.empty() ? v : s * v;
}

/// E9: the terms' values added in order.
static void decodeSumRow(const CompressedTensor &sum, int64_t n,
                         std::span<float> out) {
  std::vector<float> row(out.size());
  for (size_t i = 0; i < sum.terms.size(); ++i) {
    const CompressedTensor &term = sum.terms[i];
    term.decodeRow(n, row);
    for (size_t k = 0; k < row.size(); ++k)
      out[k] = i == 0 ? row[k] : out[k] + row[k];
  }
}

/// E10: (A B)(n, k) is the float dot (N3) of row n of A with column k of B, from
/// the left for more than two factors.
static void decodeProductRow(const CompressedTensor &product, int64_t n,
                             std::span<float> out) {
  std::vector<float> left(
      static_cast<size_t>(product.terms[0].leaf.columns));
  product.terms[0].decodeRow(n, left);
  for (size_t i = 1; i < product.terms.size(); ++i) {
    const CompressedTensor &factor = product.terms[i];
    const size_t rows = left.size();
    const size_t columns = static_cast<size_t>(factor.leaf.columns);
    std::vector<std::vector<float>> matrix(rows, std::vector<float>(columns));
    for (size_t j = 0; j < rows; ++j)
      factor.decodeRow(static_cast<int64_t>(j), matrix[j]);
    std::vector<float> next(columns), column(rows);
    for (size_t k = 0; k < columns; ++k) {
      for (size_t j = 0; j < rows; ++j)
        column[j] = matrix[j][k];
      next[k] = dot(column, left);
    }
    left = std::move(next);
  }
  std::copy(left.begin(), left.end(), out.begin());
}

void CompressedTensor::decodeRow(int64_t n, std::span<float> out) const {
  if (!tree) {
    for (int64_t k = 0; k < leaf.columns; ++k)
      out[k] = decode(n, k);
    return;
  }
  switch (tree->kind) {
  case EncodingKind::sum:
    return decodeSumRow(*this, n, out);
  case EncodingKind::prod:
    return decodeProductRow(*this, n, out);
  case EncodingKind::elastic: // E11: the full member
  case EncodingKind::leaf:
    break;
  }
  terms[0].decodeRow(n, out);
}

//===----------------------------------------------------------------------===//
// Components
//===----------------------------------------------------------------------===//

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
