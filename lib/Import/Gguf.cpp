//===- Gguf.cpp - GGUF v3 files: reading and validation -------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gguf.h"

#include "lowbit/Support/CheckedMath.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace lowbit::import {
namespace {

constexpr uint64_t maxKeyLength = 65535; // by the specification
constexpr uint64_t maxNameLength = 1024; // files in use stay below 64
constexpr uint64_t maxAlignment = uint64_t{1} << 20;
constexpr unsigned maxDimensions = 4;
constexpr unsigned maxArrayDepth = 8;

/// Bytes of a scalar, or 0 for strings, arrays and unknown types.
unsigned scalarBytes(GgufType type) {
  switch (type) {
  case GgufType::u8:
  case GgufType::i8:
  case GgufType::boolean:
    return 1;
  case GgufType::u16:
  case GgufType::i16:
    return 2;
  case GgufType::u32:
  case GgufType::i32:
  case GgufType::f32:
    return 4;
  case GgufType::u64:
  case GgufType::i64:
  case GgufType::f64:
    return 8;
  case GgufType::string:
  case GgufType::array:
    return 0;
  }
  return 0;
}

bool isKnownType(uint32_t type) { return type <= 12; }

/// A name fit for a message, whatever bytes it has.
std::string printable(std::string_view text) {
  std::string result;
  for (char c : text.substr(0, 96)) {
    unsigned char u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7f)
      result += formatString("\\x%02x", u);
    else
      result += c;
  }
  if (text.size() > 96)
    result += "...";
  return result;
}

unsigned long long ull(uint64_t value) { return value; }

} // namespace

const char *ggufTypeName(GgufType type) {
  static constexpr const char *names[] = {
      "u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
      "bool", "string", "array", "u64", "i64", "f64"};
  uint32_t id = static_cast<uint32_t>(type);
  return isKnownType(id) ? names[id] : "unknown";
}

const char *ggmlTypeName(uint32_t id) {
  // Ids of ggml_type. Missing ones were removed or never given out.
  static constexpr std::pair<uint32_t, const char *> names[] = {
      {0, "F32"},      {1, "F16"},     {2, "Q4_0"},     {3, "Q4_1"},
      {6, "Q5_0"},     {7, "Q5_1"},    {8, "Q8_0"},     {9, "Q8_1"},
      {10, "Q2_K"},    {11, "Q3_K"},   {12, "Q4_K"},    {13, "Q5_K"},
      {14, "Q6_K"},    {15, "Q8_K"},   {16, "IQ2_XXS"}, {17, "IQ2_XS"},
      {18, "IQ3_XXS"}, {19, "IQ1_S"},  {20, "IQ4_NL"},  {21, "IQ3_S"},
      {22, "IQ2_S"},   {23, "IQ4_XS"}, {24, "I8"},      {25, "I16"},
      {26, "I32"},     {27, "I64"},    {28, "F64"},     {29, "IQ1_M"},
      {30, "BF16"},    {34, "TQ1_0"},  {35, "TQ2_0"},   {39, "MXFP4"},
      {40, "NVFP4"},   {41, "Q1_0"},   {42, "Q2_0"}};
  for (const auto &[known, name] : names)
    if (known == id)
      return name;
  return nullptr;
}

int64_t GgufTensor::rows() const {
  int64_t product = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i)
    product *= shape[i];
  return product;
}

int64_t GgufTensor::columns() const { return shape.empty() ? 1 : shape.back(); }

/// Reads the file front to back; every count is checked against the bytes that
/// are left before anything is allocated for it.
class GgufReader {
public:
  explicit GgufReader(GgufFile &file) : file(file), bytes(file.contents) {}
  Status run();

private:
  /// "'file': offset N: " and the printf-style detail.
  Status error(uint64_t at, const char *format, ...) LOWBIT_PRINTF(3, 4);
  uint64_t left() const { return bytes.size() - position; }
  template <typename Number>
  Status number(Number &value, const char *what) {
    if (left() < sizeof(Number))
      return error(position, "the file ends within %s", what);
    std::memcpy(&value, bytes.data() + position, sizeof(Number));
    position += sizeof(Number);
    return Status::success();
  }
  Status string(std::string_view &text, uint64_t limit, const char *what);
  Status skipValue(GgufType type, unsigned depth, const char *what);
  Status readHeader();
  Status readEntry(uint64_t index);
  Status readTensor(uint64_t index);
  Status readAlignment();
  Status placeTensors();

  GgufFile &file;
  std::span<const uint8_t> bytes;
  uint64_t position = 0;
  uint64_t tensorCount = 0;
  uint64_t entryCount = 0;
};

Status GgufReader::error(uint64_t at, const char *format, ...) {
  char detail[2048];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(detail, sizeof(detail), format, arguments);
  va_end(arguments);
  return invalidArgument("'%s': offset %llu: %s", file.name.c_str(), ull(at),
                         detail);
}

Status GgufReader::string(std::string_view &text, uint64_t limit,
                          const char *what) {
  const uint64_t at = position;
  uint64_t length = 0;
  LOWBIT_RETURN_IF_ERROR(number(length, what));
  if (length > limit)
    return error(at, "%s has %llu bytes; at most %llu are allowed", what,
                 ull(length), ull(limit));
  if (length > left())
    return error(at, "%s has %llu bytes, the file has %llu more", what,
                 ull(length), ull(left()));
  text = {reinterpret_cast<const char *>(bytes.data() + position),
          static_cast<size_t>(length)};
  position += length;
  return Status::success();
}

Status GgufReader::skipValue(GgufType type, unsigned depth, const char *what) {
  if (unsigned size = scalarBytes(type)) {
    if (left() < size)
      return error(position, "the file ends within %s", what);
    if (type == GgufType::boolean && bytes[position] > 1)
      return error(position, "%s: a bool of value %u", what, bytes[position]);
    position += size;
    return Status::success();
  }
  if (type == GgufType::string) {
    std::string_view text;
    return string(text, UINT64_MAX, what);
  }

  const uint64_t at = position;
  uint32_t elementId = 0;
  uint64_t count = 0;
  LOWBIT_RETURN_IF_ERROR(number(elementId, what));
  LOWBIT_RETURN_IF_ERROR(number(count, what));
  if (!isKnownType(elementId))
    return error(at, "%s: array of unknown type %u", what, elementId);
  GgufType element = static_cast<GgufType>(elementId);
  if (element == GgufType::array && depth + 1 >= maxArrayDepth)
    return error(at, "%s: arrays nested deeper than %u levels", what,
                 maxArrayDepth);
  // A string or array takes at least the 8 or 12 bytes of its head.
  uint64_t least = scalarBytes(element);
  if (least == 0)
    least = element == GgufType::string ? 8 : 12;
  if (count > left() / least)
    return error(at, "%s: array of %llu elements, the file has %llu more bytes",
                 what, ull(count), ull(left()));
  if (scalarBytes(element) && element != GgufType::boolean) {
    position += count * least;
    return Status::success();
  }
  for (uint64_t i = 0; i < count; ++i)
    LOWBIT_RETURN_IF_ERROR(skipValue(element, depth + 1, what));
  return Status::success();
}

Status GgufReader::readHeader() {
  uint32_t magic = 0, version = 0;
  LOWBIT_RETURN_IF_ERROR(number(magic, "the magic"));
  if (magic != 0x46554747)
    return error(0, "not a GGUF file (magic 0x%08x)", magic);
  LOWBIT_RETURN_IF_ERROR(number(version, "the version"));
  if (version == 0x03000000)
    return error(4, "a big-endian GGUF file; only little-endian ones are read");
  if (version != 3)
    return error(4, "GGUF version %u; only version 3 is read", version);
  LOWBIT_RETURN_IF_ERROR(number(tensorCount, "the tensor count"));
  LOWBIT_RETURN_IF_ERROR(number(entryCount, "the metadata count"));
  // An entry takes at least 8 + 4 + 1 bytes, a tensor 8 + 4 + 8 + 4 + 8.
  if (entryCount > left() / 13)
    return error(16, "%llu metadata entries do not fit the file",
                 ull(entryCount));
  if (tensorCount > left() / 32)
    return error(8, "%llu tensors do not fit the file", ull(tensorCount));
  return Status::success();
}

Status GgufReader::readEntry(uint64_t index) {
  const uint64_t at = position;
  std::string_view key;
  LOWBIT_RETURN_IF_ERROR(string(
      key, maxKeyLength,
      formatString("the key of metadata entry %llu", ull(index)).c_str()));
  if (key.empty())
    return error(at, "metadata entry %llu has an empty key", ull(index));
  const std::string what = "metadata key '" + printable(key) + "'";
  GgufValue value;
  value.offset = at;
  const uint64_t typeAt = position;
  uint32_t typeId = 0;
  LOWBIT_RETURN_IF_ERROR(number(typeId, what.c_str()));
  if (!isKnownType(typeId))
    return error(typeAt, "%s has unknown type %u", what.c_str(), typeId);
  value.type = static_cast<GgufType>(typeId);

  const uint64_t begin = position;
  LOWBIT_RETURN_IF_ERROR(skipValue(value.type, 0, what.c_str()));
  value.dataOffset = begin;
  if (value.type == GgufType::array) {
    uint32_t elementId = 0;
    std::memcpy(&elementId, bytes.data() + begin, 4);
    std::memcpy(&value.count, bytes.data() + begin + 4, 8);
    value.elementType = static_cast<GgufType>(elementId);
    value.dataOffset = begin + 12;
  } else if (value.type == GgufType::string) {
    value.dataOffset = begin + 8;
  }
  value.data = bytes.subspan(value.dataOffset, position - value.dataOffset);
  if (!file.keyIndex.emplace(std::string(key), file.entries.size()).second)
    return error(at, "%s occurs twice", what.c_str());
  file.entries.emplace_back(std::string(key), value);
  return Status::success();
}

Status GgufReader::readAlignment() {
  const GgufValue *value = file.findKey("general.alignment");
  if (!value)
    return Status::success();
  LOWBIT_ASSIGN_OR_RETURN(std::optional<int64_t> stated,
                          file.getInt("general.alignment"));
  uint64_t alignment = static_cast<uint64_t>(*stated);
  if (*stated < 1 || alignment > maxAlignment ||
      (alignment & (alignment - 1)) != 0)
    return error(value->dataOffset,
                 "general.alignment is %lld; it must be a power of two up to "
                 "%llu",
                 static_cast<long long>(*stated), ull(maxAlignment));
  file.dataAlignment = alignment;
  return Status::success();
}

Status GgufReader::readTensor(uint64_t index) {
  GgufTensor tensor;
  tensor.entryOffset = position;
  std::string_view name;
  LOWBIT_RETURN_IF_ERROR(
      string(name, maxNameLength,
             formatString("the name of tensor %llu", ull(index)).c_str()));
  if (name.empty())
    return error(tensor.entryOffset, "tensor %llu has an empty name",
                 ull(index));
  tensor.name = std::string(name);
  const std::string what = "tensor '" + printable(name) + "'";

  uint64_t at = position;
  uint32_t dimensions = 0;
  LOWBIT_RETURN_IF_ERROR(number(dimensions, what.c_str()));
  if (dimensions < 1 || dimensions > maxDimensions)
    return error(at, "%s has %u dimensions; 1 to %u are allowed", what.c_str(),
                 dimensions, maxDimensions);
  int64_t count = 1;
  for (uint32_t i = 0; i < dimensions; ++i) {
    at = position;
    uint64_t extent = 0;
    LOWBIT_RETURN_IF_ERROR(number(extent, what.c_str()));
    if (extent == 0)
      return error(at, "%s: dimension %u is zero", what.c_str(), i);
    std::optional<int64_t> product =
        extent <= static_cast<uint64_t>(INT64_MAX)
            ? checkedMul(count, static_cast<int64_t>(extent))
            : std::nullopt;
    if (!product)
      return error(at, "%s: its element count overflows 63 bits", what.c_str());
    count = *product;
    tensor.shape.push_back(static_cast<int64_t>(extent));
  }
  std::reverse(tensor.shape.begin(), tensor.shape.end());

  at = position;
  LOWBIT_RETURN_IF_ERROR(number(tensor.typeId, what.c_str()));
  const char *typeName = ggmlTypeName(tensor.typeId);
  if (!typeName)
    return error(at, "%s has tensor type %u, which does not exist",
                 what.c_str(), tensor.typeId);
  tensor.layout = findSourceLayout(typeName);
  if (!tensor.layout)
    return unimplemented(
        "'%s': offset %llu: %s has type %s, which is not "
        "supported; convert the file to one of F32, F16, BF16, "
        "Q8_0, Q4_0 to Q5_1, Q2_K to Q6_K, TQ1_0, TQ2_0",
        file.name.c_str(), ull(at), what.c_str(), typeName);

  at = position;
  LOWBIT_RETURN_IF_ERROR(number(tensor.offset, what.c_str()));
  if (tensor.offset % file.dataAlignment != 0)
    return error(at,
                 "%s: data offset %llu is not a multiple of the alignment "
                 "%llu",
                 what.c_str(), ull(tensor.offset), ull(file.dataAlignment));
  if (!file.tensorIndex.emplace(tensor.name, file.tensorList.size()).second)
    return error(tensor.entryOffset, "%s occurs twice", what.c_str());
  file.tensorList.push_back(std::move(tensor));
  return Status::success();
}

/// Gives every tensor its bytes and checks that none leaves the file and no two
/// overlap.
Status GgufReader::placeTensors() {
  std::optional<uint64_t> aligned =
      checkedAlignTo(position, file.dataAlignment);
  if (!aligned)
    return error(position, "the data section overflows 64 bits");
  const uint64_t dataBegin = *aligned;
  if (file.tensorList.empty())
    return Status::success();
  if (dataBegin > bytes.size())
    return error(position, "the file ends before its data section at %llu",
                 ull(dataBegin));

  std::vector<const GgufTensor *> order;
  for (GgufTensor &tensor : file.tensorList) {
    const std::string what = "tensor '" + printable(tensor.name) + "'";
    StatusOr<uint64_t> size =
        sourceBytes(*tensor.layout, tensor.rows(), tensor.columns());
    if (!size.isOk())
      return error(tensor.entryOffset, "%s: %s", what.c_str(),
                   size.status().message().c_str());
    if (!rangeFits(tensor.offset, *size, bytes.size() - dataBegin))
      return error(tensor.entryOffset,
                   "%s: %llu bytes at data offset %llu, but the data section "
                   "has %llu",
                   what.c_str(), ull(*size), ull(tensor.offset),
                   ull(bytes.size() - dataBegin));
    tensor.offset += dataBegin;
    tensor.bytes = bytes.subspan(tensor.offset, *size);
    order.push_back(&tensor);
  }
  std::sort(order.begin(), order.end(),
            [](const GgufTensor *a, const GgufTensor *b) {
              return a->offset != b->offset ? a->offset < b->offset
                                            : a->entryOffset < b->entryOffset;
            });
  for (size_t i = 1; i < order.size(); ++i)
    if (order[i]->offset - order[i - 1]->offset < order[i - 1]->bytes.size())
      return error(order[i]->entryOffset, "tensor '%s' overlaps tensor '%s'",
                   printable(order[i]->name).c_str(),
                   printable(order[i - 1]->name).c_str());
  return Status::success();
}

Status GgufReader::run() {
  LOWBIT_RETURN_IF_ERROR(readHeader());
  for (uint64_t i = 0; i < entryCount; ++i)
    LOWBIT_RETURN_IF_ERROR(readEntry(i));
  LOWBIT_RETURN_IF_ERROR(readAlignment());
  for (uint64_t i = 0; i < tensorCount; ++i)
    LOWBIT_RETURN_IF_ERROR(readTensor(i));
  return placeTensors();
}

StatusOr<GgufFile> GgufFile::read(std::span<const uint8_t> bytes,
                                  std::string name) {
  GgufFile file;
  file.contents = bytes;
  file.name = std::move(name);
  LOWBIT_RETURN_IF_ERROR(GgufReader(file).run());
  return file;
}

StatusOr<GgufFile> GgufFile::open(const std::string &path) {
  LOWBIT_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::open(path));
  auto shared = std::make_shared<MappedFile>(std::move(mapped));
  LOWBIT_ASSIGN_OR_RETURN(GgufFile file, read(shared->bytes(), path));
  file.mapping = std::move(shared);
  return file;
}

} // namespace lowbit::import
