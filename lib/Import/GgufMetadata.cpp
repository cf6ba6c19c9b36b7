//===- GgufMetadata.cpp - GGUF v3 files: typed access ---------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gguf.h"

#include <cmath>
#include <cstring>

namespace lowbit::import {
namespace {

template <typename Number>
Number numberAt(const uint8_t *bytes) {
  Number value;
  std::memcpy(&value, bytes, sizeof(Number));
  return value;
}

unsigned integerBytes(GgufType type) {
  switch (type) {
  case GgufType::u8:
  case GgufType::i8:
    return 1;
  case GgufType::u16:
  case GgufType::i16:
    return 2;
  case GgufType::u32:
  case GgufType::i32:
    return 4;
  case GgufType::u64:
  case GgufType::i64:
    return 8;
  default:
    return 0;
  }
}

/// The integer at `bytes`, or nothing for a u64 beyond 63 bits.
std::optional<int64_t> integerAt(GgufType type, const uint8_t *bytes) {
  switch (type) {
  case GgufType::u8:
    return bytes[0];
  case GgufType::i8:
    return numberAt<int8_t>(bytes);
  case GgufType::u16:
    return numberAt<uint16_t>(bytes);
  case GgufType::i16:
    return numberAt<int16_t>(bytes);
  case GgufType::u32:
    return numberAt<uint32_t>(bytes);
  case GgufType::i32:
    return numberAt<int32_t>(bytes);
  case GgufType::i64:
    return numberAt<int64_t>(bytes);
  default: {
    uint64_t value = numberAt<uint64_t>(bytes);
    if (value > static_cast<uint64_t>(INT64_MAX))
      return std::nullopt;
    return static_cast<int64_t>(value);
  }
  }
}

std::string typeText(const GgufValue &value) {
  if (value.type != GgufType::array)
    return ggufTypeName(value.type);
  return std::string("array of ") + ggufTypeName(value.elementType);
}

Status wrongType(const GgufFile &file, std::string_view key,
                 const GgufValue &value, const char *expected) {
  return invalidArgument(
      "'%s': offset %llu: metadata key '%.*s' is %s where %s "
      "is needed",
      file.path().c_str(), static_cast<unsigned long long>(value.offset),
      static_cast<int>(key.size()), key.data(), typeText(value).c_str(),
      expected);
}

Status tooLarge(const GgufFile &file, std::string_view key, uint64_t offset) {
  return invalidArgument(
      "'%s': offset %llu: metadata key '%.*s' exceeds 63 bits",
      file.path().c_str(), static_cast<unsigned long long>(offset),
      static_cast<int>(key.size()), key.data());
}

} // namespace

const GgufTensor *GgufFile::find(std::string_view tensorName) const {
  auto found = tensorIndex.find(std::string(tensorName));
  return found == tensorIndex.end() ? nullptr : &tensorList[found->second];
}

StatusOr<const GgufTensor *>
GgufFile::require(std::string_view tensorName) const {
  if (const GgufTensor *tensor = find(tensorName))
    return tensor;
  return notFound("'%s' has no tensor '%.*s'", name.c_str(),
                  static_cast<int>(tensorName.size()), tensorName.data());
}

const GgufValue *GgufFile::findKey(std::string_view key) const {
  auto found = keyIndex.find(std::string(key));
  return found == keyIndex.end() ? nullptr : &entries[found->second].second;
}

StatusOr<std::optional<int64_t>> GgufFile::getInt(std::string_view key) const {
  const GgufValue *value = findKey(key);
  if (!value)
    return std::optional<int64_t>();
  if (!integerBytes(value->type))
    return wrongType(*this, key, *value, "an integer");
  std::optional<int64_t> result = integerAt(value->type, value->data.data());
  if (!result)
    return tooLarge(*this, key, value->dataOffset);
  return result;
}

StatusOr<std::optional<double>> GgufFile::getFloat(std::string_view key) const {
  const GgufValue *value = findKey(key);
  if (!value)
    return std::optional<double>();
  if (value->type == GgufType::f32)
    return std::optional<double>(numberAt<float>(value->data.data()));
  if (value->type == GgufType::f64)
    return std::optional<double>(numberAt<double>(value->data.data()));
  return wrongType(*this, key, *value, "a float");
}

StatusOr<std::optional<bool>> GgufFile::getBool(std::string_view key) const {
  const GgufValue *value = findKey(key);
  if (!value)
    return std::optional<bool>();
  if (value->type != GgufType::boolean)
    return wrongType(*this, key, *value, "a bool");
  return std::optional<bool>(value->data[0] != 0);
}

StatusOr<std::optional<std::string>>
GgufFile::getString(std::string_view key) const {
  const GgufValue *value = findKey(key);
  if (!value)
    return std::optional<std::string>();
  if (value->type != GgufType::string)
    return wrongType(*this, key, *value, "a string");
  return std::optional<std::string>(
      std::string(value->data.begin(), value->data.end()));
}

StatusOr<std::optional<std::vector<int64_t>>>
GgufFile::getIntArray(std::string_view key) const {
  const GgufValue *value = findKey(key);
  if (!value)
    return std::optional<std::vector<int64_t>>();
  unsigned size =
      value->type == GgufType::array ? integerBytes(value->elementType) : 0;
  if (!size)
    return wrongType(*this, key, *value, "an array of integers");
  std::vector<int64_t> result;
  result.reserve(value->count);
  for (uint64_t i = 0; i < value->count; ++i) {
    std::optional<int64_t> element =
        integerAt(value->elementType, value->data.data() + i * size);
    if (!element)
      return tooLarge(*this, key, value->dataOffset + i * size);
    result.push_back(*element);
  }
  return std::optional(std::move(result));
}

StatusOr<std::optional<std::vector<float>>>
GgufFile::getFloatArray(std::string_view key) const {
  const GgufValue *value = findKey(key);
  if (!value)
    return std::optional<std::vector<float>>();
  if (value->type != GgufType::array || value->elementType != GgufType::f32)
    return wrongType(*this, key, *value, "an array of f32");
  std::vector<float> result(value->count);
  if (!result.empty())
    std::memcpy(result.data(), value->data.data(),
                value->count * sizeof(float));
  return std::optional(std::move(result));
}

StatusOr<std::optional<std::vector<std::string_view>>>
GgufFile::getStringArray(std::string_view key) const {
  const GgufValue *value = findKey(key);
  if (!value)
    return std::optional<std::vector<std::string_view>>();
  if (value->type != GgufType::array || value->elementType != GgufType::string)
    return wrongType(*this, key, *value, "an array of strings");
  // Lengths were checked when the file was read.
  std::vector<std::string_view> result;
  result.reserve(value->count);
  const uint8_t *position = value->data.data();
  for (uint64_t i = 0; i < value->count; ++i) {
    uint64_t length = numberAt<uint64_t>(position);
    result.emplace_back(reinterpret_cast<const char *>(position + 8),
                        static_cast<size_t>(length));
    position += 8 + length;
  }
  return std::optional(std::move(result));
}

} // namespace lowbit::import
