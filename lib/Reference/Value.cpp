//===- Value.cpp - What the reference interpreter computes on -------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Value.h"

#include "lib/Reference/Numerics.h"
#include "lib/Reference/StoredNumbers.h"

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

} // namespace lowbit::reference
