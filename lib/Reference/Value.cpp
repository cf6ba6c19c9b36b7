//===- Value.cpp - What the reference interpreter computes on -------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Value.h"

#include "lowbit/Packing/Pack.h"
#include "lowbit/Support/Float.h"

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

/// Position of the granule of (n, k) in the plain array of `param`.
static int64_t granuleOf(const ParamDesc &param, int64_t n, int64_t k) {
  const int64_t index[] = {n, k};
  int64_t position = 0;
  for (size_t i = 0; i < param.granularity.results.size(); ++i)
    position = position * param.granules[i] +
               param.granularity.results[i].eval(index);
  return position;
}

/// F: the f32 product of the float factors in list order; 1.0 of none.
static float floatProduct(const std::vector<ParamDesc> &descs,
                          const std::vector<ParamValues> &values, int64_t n,
                          int64_t k) {
  bool any = false;
  float product = 1.0f;
  for (size_t i = 0; i < descs.size(); ++i) {
    if (!descs[i].number.isFloat())
      continue;
    const float factor = values[i].floats[granuleOf(descs[i], n, k)];
    product = any ? product * factor : factor;
    any = true;
  }
  return product;
}

/// I: the exact product of the integer factors; 1 of none.
static int64_t integerProduct(const std::vector<ParamDesc> &descs,
                              const std::vector<ParamValues> &values, int64_t n,
                              int64_t k) {
  int64_t product = 1;
  for (size_t i = 0; i < descs.size(); ++i)
    if (!descs[i].number.isFloat())
      product *= values[i].integers[granuleOf(descs[i], n, k)];
  return product;
}

static bool hasInteger(const std::vector<ParamDesc> &descs) {
  for (const ParamDesc &desc : descs)
    if (!desc.number.isFloat())
      return true;
  return false;
}

int64_t CompressedTensor::codeMinusZero(int64_t n, int64_t k) const {
  int64_t v = codes[n * leaf.columns + k];
  if (leaf.zero)
    v -= zero.integers[granuleOf(*leaf.zero, n, k)];
  return v;
}

float CompressedTensor::floatScale(int64_t n, int64_t k) const {
  return floatProduct(leaf.scales, scales, n, k);
}

int64_t CompressedTensor::integerScale(int64_t n, int64_t k) const {
  return integerProduct(leaf.scales, scales, n, k);
}

float CompressedTensor::floatOffset(int64_t n, int64_t k) const {
  const float product = floatProduct(leaf.offsets, offsets, n, k);
  return leaf.offsetNegated ? -product : product;
}

int64_t CompressedTensor::integerOffset(int64_t n, int64_t k) const {
  return integerProduct(leaf.offsets, offsets, n, k);
}

float CompressedTensor::decode(int64_t n, int64_t k) const {
  const float v = leaf.code.isFloat()
                      ? floatCodes[n * leaf.columns + k]
                      : static_cast<float>(codeMinusZero(n, k));
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

void CompressedTensor::decodeRow(int64_t n, std::span<float> out) const {
  for (int64_t k = 0; k < leaf.columns; ++k)
    out[k] = decode(n, k);
}

//===----------------------------------------------------------------------===//
// Components
//===----------------------------------------------------------------------===//

static ElementType elementOf(const NumberDesc &number) {
  if (number.isFloat())
    return number.format == FloatFormat::f16    ? ElementType::f16
           : number.format == FloatFormat::bf16 ? ElementType::bf16
                                                : ElementType::f32;
  const unsigned bits = number.storageBits();
  return bits == 8    ? ElementType::i8
         : bits == 16 ? ElementType::i16
                      : ElementType::i32;
}

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

static StatusOr<ParamValues> unpackValues(const ParamDesc &param,
                                          const std::string &what,
                                          std::span<const uint8_t> stored) {
  LOWBIT_ASSIGN_OR_RETURN(int64_t count, checkedElementCount(param.granules));
  const unsigned size = plainParamBytes(param.number);
  std::vector<uint8_t> plain(static_cast<size_t>(count) * size);
  LOWBIT_RETURN_IF_ERROR(
      unpackParam(param, 0, granuleRows(param), stored, plain));
  ParamValues values;
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t *from = plain.data() + i * size;
    if (param.number.isFloat()) {
      values.floats.push_back(floatFromStored(elementOf(param.number), from));
      continue;
    }
    const int64_t value = plainInteger(param.number, from, size);
    LOWBIT_RETURN_IF_ERROR(checkRange(param.number, value, what, i));
    values.integers.push_back(value);
  }
  return values;
}

static Status unpackAllCodes(CompressedTensor &tensor,
                             std::span<const std::span<const uint8_t>> fields) {
  const LeafDesc &leaf = tensor.leaf;
  LOWBIT_ASSIGN_OR_RETURN(LeafCodec codec, LeafCodec::create(leaf));
  const unsigned size = plainCodeBytes(leaf.code);
  std::vector<uint8_t> plain(static_cast<size_t>(leaf.columns) * size);
  for (int64_t n = 0; n < leaf.rows; ++n) {
    LOWBIT_RETURN_IF_ERROR(codec.unpackCodes(n, n + 1, fields, plain));
    for (int64_t k = 0; k < leaf.columns; ++k) {
      const uint8_t *from = plain.data() + k * size;
      if (leaf.code.isFloat()) {
        tensor.floatCodes.push_back(floatFromStored(elementOf(leaf.code), from));
        continue;
      }
      const int64_t code = plainInteger(leaf.code, from, size);
      LOWBIT_RETURN_IF_ERROR(
          checkRange(leaf.code, code, "codes", n * leaf.columns + k));
      tensor.codes.push_back(static_cast<int16_t>(code));
    }
  }
  return Status::success();
}

StatusOr<CompressedTensor>
unpackComponents(const LeafDesc &leaf,
                 std::span<const std::span<const uint8_t>> components) {
  LOWBIT_ASSIGN_OR_RETURN(auto descs, componentsOf(leaf));
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
  LOWBIT_RETURN_IF_ERROR(
      unpackAllCodes(tensor, components.first(leaf.fields.size())));
  size_t next = firstParamComponent(leaf);
  auto unpackNext = [&](const ParamDesc &param) {
    StatusOr<ParamValues> values =
        unpackValues(param, descs[next].name(), components[next]);
    ++next;
    return values;
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

static StatusOr<std::vector<uint8_t>> packValues(const ParamDesc &param,
                                                 const ParamValues &values,
                                                 uint64_t bytes) {
  const unsigned size = plainParamBytes(param.number);
  const size_t count =
      param.number.isFloat() ? values.floats.size() : values.integers.size();
  std::vector<uint8_t> plain(count * size);
  for (size_t i = 0; i < count; ++i) {
    uint8_t *to = plain.data() + i * size;
    if (param.number.isFloat())
      storeFloat(elementOf(param.number), values.floats[i], to);
    else
      std::memcpy(to, &values.integers[i], size);
  }
  std::vector<uint8_t> stored(bytes, 0);
  LOWBIT_RETURN_IF_ERROR(
      packParam(param, 0, granuleRows(param), plain, stored));
  return stored;
}

StatusOr<std::vector<std::vector<uint8_t>>>
packComponents(const CompressedTensor &tensor) {
  const LeafDesc &leaf = tensor.leaf;
  LOWBIT_ASSIGN_OR_RETURN(LeafCodec codec, LeafCodec::create(leaf));
  std::vector<std::vector<uint8_t>> components;
  for (const ComponentDesc &desc : codec.components())
    components.emplace_back(desc.bytes, 0);

  std::vector<std::span<uint8_t>> fields(components.begin(),
                                         components.begin() +
                                             leaf.fields.size());
  const unsigned size = plainCodeBytes(leaf.code);
  const size_t count = static_cast<size_t>(leaf.rows * leaf.columns);
  std::vector<uint8_t> plain(count * size);
  for (size_t i = 0; i < count; ++i) {
    if (leaf.code.isFloat())
      storeFloat(elementOf(leaf.code), tensor.floatCodes[i], &plain[i * size]);
    else
      plain[i] = static_cast<uint8_t>(tensor.codes[i]);
  }
  LOWBIT_RETURN_IF_ERROR(codec.packCodes(0, leaf.rows, plain, fields));

  size_t next = firstParamComponent(leaf);
  auto packNext = [&](const ParamDesc &param,
                      const ParamValues &values) -> Status {
    LOWBIT_ASSIGN_OR_RETURN(
        components[next],
        packValues(param, values, codec.components()[next].bytes));
    ++next;
    return Status::success();
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
