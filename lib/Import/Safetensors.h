//===- Safetensors.h - safetensors files and sharded folders -- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads and validates the header of a safetensors file, or of all shards that a
// model.safetensors.index.json names. The bytes stay mapped.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_SAFETENSORS_H
#define LOWBIT_LIB_IMPORT_SAFETENSORS_H

#include "lowbit/Packing/SourceLayout.h"
#include "lowbit/Support/MappedFile.h"
#include "lowbit/Support/Status.h"

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace lowbit::import {

struct SafeTensor {
  std::string name;
  std::string dtype; ///< as written: "F32", "BF16", "U8", ...
  std::vector<int64_t> shape;
  std::string file;    ///< path of the shard it lies in
  uint64_t offset = 0; ///< of its bytes in that file (may be unaligned)
  std::span<const uint8_t> bytes;
};

class SafetensorsFile {
public:
  static StatusOr<SafetensorsFile> open(const std::string &path);
  /// Reads bytes that the caller keeps alive; `name` stands for the path.
  static StatusOr<SafetensorsFile> read(std::span<const uint8_t> bytes,
                                        std::string name);

  const std::string &path() const { return name; }
  std::span<const uint8_t> bytes() const { return contents; }
  /// In order of their bytes.
  const std::vector<SafeTensor> &tensors() const { return tensorList; }
  const std::map<std::string, std::string> &metadata() const { return entries; }

private:
  Status parse();
  std::shared_ptr<MappedFile> mapping;
  std::span<const uint8_t> contents;
  std::string name;
  std::vector<SafeTensor> tensorList;
  std::map<std::string, std::string> entries;
};

/// The tensors of a folder: model.safetensors, or the shards of
/// model.safetensors.index.json (every listed tensor must be in the shard that
/// the index names, no tensor twice). A path to one .safetensors file works
/// too.
class SafetensorsModel {
public:
  static StatusOr<SafetensorsModel> open(const std::string &folderOrFile);

  const std::string &path() const { return name; }
  const std::vector<SafetensorsFile> &files() const { return shards; }
  const SafeTensor *find(std::string_view tensorName) const;
  StatusOr<const SafeTensor *> require(std::string_view tensorName) const;
  /// All tensors, by shard and then by position.
  std::vector<const SafeTensor *> tensors() const;

private:
  std::string name;
  std::vector<SafetensorsFile> shards;
  std::unordered_map<std::string, std::pair<size_t, size_t>> index;
};

/// Bits of one element of a safetensors dtype, or 0 for an unknown one.
unsigned safetensorsBits(std::string_view dtype);
/// The source layout of a dtype whose numbers we read: F32 F16 BF16 I8; else
/// null.
const SourceLayout *safetensorsLayout(std::string_view dtype);

} // namespace lowbit::import

#endif // LOWBIT_LIB_IMPORT_SAFETENSORS_H
