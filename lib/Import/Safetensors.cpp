//===- Safetensors.cpp - safetensors files and sharded folders ------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Safetensors.h"

#include "JsonText.h"

#include "lowbit/Support/CheckedMath.h"

#include <algorithm>
#include <cstring>
#include <sys/stat.h>

namespace lowbit::import {
namespace {

constexpr uint64_t maxHeader = 100'000'000; // by the specification
constexpr uint64_t maxIndex = 64u << 20;
constexpr size_t maxDimensions = 8;

struct DType {
  const char *name;
  unsigned bits;
  const char *layout; ///< null: known, but its numbers are not read
};

constexpr DType dtypes[] = {
    {"F32", 32, "F32"},          {"F16", 16, "F16"},
    {"BF16", 16, "BF16"},        {"I8", 8, "I8"},
    {"U8", 8, nullptr},          {"BOOL", 8, nullptr},
    {"I16", 16, nullptr},        {"U16", 16, nullptr},
    {"I32", 32, nullptr},        {"U32", 32, nullptr},
    {"I64", 64, nullptr},        {"U64", 64, nullptr},
    {"F64", 64, nullptr},        {"C64", 64, nullptr},
    {"F8_E4M3", 8, nullptr},     {"F8_E5M2", 8, nullptr},
    {"F8_E8M0", 8, nullptr},     {"F6_E2M3", 6, nullptr},
    {"F6_E3M2", 6, nullptr},     {"F4", 4, nullptr},
    {"F8_E4M3FNUZ", 8, nullptr}, {"F8_E5M2FNUZ", 8, nullptr}};

const DType *findDType(std::string_view name) {
  for (const DType &dtype : dtypes)
    if (name == dtype.name)
      return &dtype;
  return nullptr;
}

std::string printable(std::string_view text) {
  std::string result;
  for (char c : text.substr(0, 96))
    result += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return result;
}

unsigned long long ull(uint64_t value) { return value; }

/// A number of the header that is an exact non-negative integer.
std::optional<int64_t> extentOf(const llvm::json::Value &value) {
  std::optional<int64_t> number = value.getAsInteger();
  return number && *number >= 0 ? number : std::nullopt;
}

bool isFolder(const std::string &path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool exists(const std::string &path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0;
}

/// One entry of the header.
StatusOr<SafeTensor> readEntry(const std::string &file, std::string_view key,
                               const llvm::json::Value &value,
                               std::span<const uint8_t> data,
                               uint64_t dataBegin) {
  const std::string what = "'" + file + "': tensor '" + printable(key) + "'";
  const llvm::json::Object *object = value.getAsObject();
  if (!object)
    return invalidArgument("%s: its header entry is not an object",
                           what.c_str());
  for (const auto &member : *object) {
    llvm::StringRef field = member.first;
    if (field != "dtype" && field != "shape" && field != "data_offsets")
      return invalidArgument("%s: unknown field \"%s\"", what.c_str(),
                             printable(field.str()).c_str());
  }

  SafeTensor tensor;
  tensor.name = std::string(key);
  tensor.file = file;
  auto dtype = object->getString("dtype");
  if (!dtype)
    return invalidArgument("%s: field \"dtype\" is missing or not a string",
                           what.c_str());
  tensor.dtype = dtype->str();
  const DType *known = findDType(tensor.dtype);
  if (!known)
    return unimplemented("%s: dtype %s is not known", what.c_str(),
                         printable(tensor.dtype).c_str());

  const llvm::json::Array *shape = object->getArray("shape");
  if (!shape)
    return invalidArgument("%s: field \"shape\" is missing or not an array",
                           what.c_str());
  if (shape->size() > maxDimensions)
    return invalidArgument("%s: %zu dimensions; at most %zu are read",
                           what.c_str(), shape->size(), maxDimensions);
  for (const llvm::json::Value &element : *shape) {
    std::optional<int64_t> extent = extentOf(element);
    if (!extent)
      return invalidArgument("%s: field \"shape\" has an element that is not a "
                             "non-negative integer",
                             what.c_str());
    tensor.shape.push_back(*extent);
  }
  StatusOr<int64_t> count = checkedElementCount(tensor.shape);
  if (!count.isOk())
    return invalidArgument("%s: %s", what.c_str(),
                           count.status().message().c_str());
  std::optional<uint64_t> bits =
      checkedMul(static_cast<uint64_t>(*count), known->bits);
  if (!bits || *bits % 8 != 0)
    return invalidArgument("%s: its size is not a whole number of bytes",
                           what.c_str());

  const llvm::json::Array *offsets = object->getArray("data_offsets");
  std::optional<int64_t> begin, end;
  if (offsets && offsets->size() == 2) {
    begin = extentOf((*offsets)[0]);
    end = extentOf((*offsets)[1]);
  }
  if (!begin || !end || *begin > *end)
    return invalidArgument("%s: field \"data_offsets\" is not [begin, end]",
                           what.c_str());
  const uint64_t size = static_cast<uint64_t>(*end - *begin);
  if (!rangeFits(static_cast<uint64_t>(*begin), size, data.size()))
    return invalidArgument(
        "%s: data_offsets [%lld, %lld] leave the %zu bytes of "
        "data (offset %llu of the file)",
        what.c_str(), static_cast<long long>(*begin),
        static_cast<long long>(*end), data.size(), ull(dataBegin));
  if (size != *bits / 8)
    return invalidArgument(
        "%s: %llu bytes at offset %llu where dtype and shape "
        "need %llu",
        what.c_str(), ull(size), ull(dataBegin + static_cast<uint64_t>(*begin)),
        ull(*bits / 8));
  tensor.offset = dataBegin + static_cast<uint64_t>(*begin);
  tensor.bytes = data.subspan(static_cast<size_t>(*begin), size);
  return tensor;
}

} // namespace

unsigned safetensorsBits(std::string_view dtype) {
  const DType *known = findDType(dtype);
  return known ? known->bits : 0;
}

const SourceLayout *safetensorsLayout(std::string_view dtype) {
  const DType *known = findDType(dtype);
  return known && known->layout ? findSourceLayout(known->layout) : nullptr;
}

Status SafetensorsFile::parse() {
  if (contents.size() < 8)
    return invalidArgument(
        "'%s': offset 0: the file of %zu bytes ends within the "
        "header length",
        name.c_str(), contents.size());
  uint64_t length = 0;
  std::memcpy(&length, contents.data(), 8);
  if (length > maxHeader)
    return invalidArgument("'%s': offset 0: header of %llu bytes; at most %llu "
                           "are allowed (is it a safetensors file?)",
                           name.c_str(), ull(length), ull(maxHeader));
  if (length > contents.size() - 8)
    return invalidArgument("'%s': offset 0: header of %llu bytes, the file has "
                           "%zu more",
                           name.c_str(), ull(length), contents.size() - 8);
  std::string_view text(reinterpret_cast<const char *>(contents.data()) + 8,
                        static_cast<size_t>(length));
  if (text.empty() || text[0] != '{')
    return invalidArgument("'%s': offset 8: the header does not start with '{'",
                           name.c_str());
  LOWBIT_ASSIGN_OR_RETURN(llvm::json::Value header,
                          parseJson(text, name, {}, 8));
  const llvm::json::Object *object = header.getAsObject();
  if (!object)
    return invalidArgument("'%s': offset 8: the header is not an object",
                           name.c_str());

  const uint64_t dataBegin = 8 + length;
  std::span<const uint8_t> data = contents.subspan(dataBegin);
  for (const auto &member : *object) {
    llvm::StringRef key = member.first;
    if (key == "__metadata__") {
      const llvm::json::Object *strings = member.second.getAsObject();
      if (!strings)
        return invalidArgument("'%s': \"__metadata__\" is not an object",
                               name.c_str());
      for (const auto &entry : *strings) {
        auto value = entry.second.getAsString();
        if (!value)
          return invalidArgument(
              "'%s': \"__metadata__\" entry \"%s\" is not a "
              "string",
              name.c_str(),
              printable(llvm::StringRef(entry.first).str()).c_str());
        entries[llvm::StringRef(entry.first).str()] = value->str();
      }
      continue;
    }
    LOWBIT_ASSIGN_OR_RETURN(SafeTensor tensor,
                            readEntry(name,
                                      std::string_view(key.data(), key.size()),
                                      member.second, data, dataBegin));
    tensorList.push_back(std::move(tensor));
  }

  // The data section is covered exactly once.
  std::sort(tensorList.begin(), tensorList.end(),
            [](const SafeTensor &a, const SafeTensor &b) {
              if (a.offset != b.offset)
                return a.offset < b.offset;
              if (a.bytes.size() != b.bytes.size())
                return a.bytes.size() < b.bytes.size();
              return a.name < b.name;
            });
  uint64_t covered = dataBegin;
  for (const SafeTensor &tensor : tensorList) {
    if (tensor.offset != covered)
      return invalidArgument(
          "'%s': tensor '%s' starts at offset %llu, %s "
          "(expected %llu)",
          name.c_str(), printable(tensor.name).c_str(), ull(tensor.offset),
          tensor.offset < covered ? "overlapping the tensor before it"
                                  : "leaving a hole",
          ull(covered));
    covered += tensor.bytes.size();
  }
  if (covered != contents.size())
    return invalidArgument(
        "'%s': offset %llu: %llu bytes after the last tensor", name.c_str(),
        ull(covered), ull(contents.size() - covered));
  return Status::success();
}

StatusOr<SafetensorsFile> SafetensorsFile::read(std::span<const uint8_t> bytes,
                                                std::string name) {
  SafetensorsFile file;
  file.contents = bytes;
  file.name = std::move(name);
  LOWBIT_RETURN_IF_ERROR(file.parse());
  return file;
}

StatusOr<SafetensorsFile> SafetensorsFile::open(const std::string &path) {
  LOWBIT_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::open(path));
  auto shared = std::make_shared<MappedFile>(std::move(mapped));
  LOWBIT_ASSIGN_OR_RETURN(SafetensorsFile file, read(shared->bytes(), path));
  file.mapping = std::move(shared);
  return file;
}

namespace {

/// Tensor name -> shard file name, as the index states it.
StatusOr<std::map<std::string, std::string>>
readIndex(const std::string &path) {
  LOWBIT_ASSIGN_OR_RETURN(llvm::json::Value index,
                          parseJsonFile(path, maxIndex));
  const llvm::json::Object *object = index.getAsObject();
  const llvm::json::Object *weights =
      object ? object->getObject("weight_map") : nullptr;
  if (!weights || weights->empty())
    return invalidArgument("'%s': field \"weight_map\" is missing or empty",
                           path.c_str());
  std::map<std::string, std::string> shards;
  for (const auto &member : *weights) {
    std::string tensor = llvm::StringRef(member.first).str();
    auto shard = member.second.getAsString();
    // A shard lies beside its index; anything else could read other files.
    if (!shard || shard->empty() || shard->contains('/') ||
        shard->contains('\0') || *shard == "..")
      return invalidArgument(
          "'%s': weight_map entry '%s' does not name a file of "
          "the folder",
          path.c_str(), printable(tensor).c_str());
    shards[tensor] = shard->str();
  }
  return shards;
}

} // namespace

StatusOr<SafetensorsModel>
SafetensorsModel::open(const std::string &folderOrFile) {
  SafetensorsModel model;
  model.name = folderOrFile;
  std::map<std::string, std::string> shardOf;
  std::vector<std::string> paths;
  std::string folder = folderOrFile;
  if (!isFolder(folderOrFile)) {
    paths.push_back(folderOrFile);
  } else {
    if (folder.back() != '/')
      folder += '/';
    const std::string single = folder + "model.safetensors";
    const std::string indexPath = folder + "model.safetensors.index.json";
    if (exists(single)) {
      paths.push_back(single);
    } else if (exists(indexPath)) {
      LOWBIT_ASSIGN_OR_RETURN(shardOf, readIndex(indexPath));
      for (const auto &[tensor, shard] : shardOf) {
        if (std::find(paths.begin(), paths.end(), folder + shard) !=
            paths.end())
          continue;
        if (!exists(folder + shard))
          return notFound("'%s': tensor '%s' is in '%s', which does not exist",
                          indexPath.c_str(), printable(tensor).c_str(),
                          printable(shard).c_str());
        paths.push_back(folder + shard);
      }
      std::sort(paths.begin(), paths.end());
    } else {
      return notFound("'%s' has neither model.safetensors nor "
                      "model.safetensors.index.json",
                      folderOrFile.c_str());
    }
  }

  for (const std::string &path : paths) {
    LOWBIT_ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::open(path));
    const size_t shard = model.shards.size();
    for (size_t i = 0; i < file.tensors().size(); ++i) {
      const std::string &tensor = file.tensors()[i].name;
      auto [place, fresh] = model.index.emplace(tensor, std::pair(shard, i));
      if (!fresh)
        return invalidArgument(
            "'%s': tensor '%s' is also in '%s'", path.c_str(),
            printable(tensor).c_str(),
            model.shards[place->second.first].path().c_str());
    }
    model.shards.push_back(std::move(file));
  }
  for (const auto &[tensor, shard] : shardOf) {
    const SafeTensor *found = model.find(tensor);
    if (!found || found->file != folder + shard)
      return invalidArgument("'%smodel.safetensors.index.json': tensor '%s' is "
                             "not in '%s', which the index names",
                             folder.c_str(), printable(tensor).c_str(),
                             printable(shard).c_str());
  }
  return model;
}

const SafeTensor *SafetensorsModel::find(std::string_view tensorName) const {
  auto found = index.find(std::string(tensorName));
  if (found == index.end())
    return nullptr;
  return &shards[found->second.first].tensors()[found->second.second];
}

StatusOr<const SafeTensor *>
SafetensorsModel::require(std::string_view tensorName) const {
  if (const SafeTensor *tensor = find(tensorName))
    return tensor;
  return notFound("'%s' has no tensor '%.*s'", name.c_str(),
                  static_cast<int>(tensorName.size()), tensorName.data());
}

std::vector<const SafeTensor *> SafetensorsModel::tensors() const {
  std::vector<const SafeTensor *> all;
  for (const SafetensorsFile &file : shards)
    for (const SafeTensor &tensor : file.tensors())
      all.push_back(&tensor);
  return all;
}

} // namespace lowbit::import
