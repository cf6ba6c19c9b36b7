//===- Gguf.h - GGUF v3 files --------------------------------- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads and validates a GGUF file completely before giving access to anything:
// counts, strings, types, dimensions, offsets, duplicates and overlaps. Every
// error names the file, the key or tensor, and the byte offset.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_GGUF_H
#define LOWBIT_LIB_IMPORT_GGUF_H

#include "lowbit/Packing/SourceLayout.h"
#include "lowbit/Support/MappedFile.h"
#include "lowbit/Support/Status.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace lowbit::import {

enum class GgufType : uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};
const char *ggufTypeName(GgufType type);

/// One metadata entry. Numbers are kept as their bits; strings and arrays point
/// into the file.
struct GgufValue {
  GgufType type = GgufType::u8;
  GgufType elementType = GgufType::u8; ///< of an array
  uint64_t count = 1;                  ///< elements of an array
  uint64_t offset = 0;                 ///< of the key's entry in the file
  uint64_t dataOffset = 0;             ///< of the value (first array element)
  std::span<const uint8_t> data;       ///< bytes of the value
};

struct GgufTensor {
  std::string name;
  uint32_t typeId = 0;
  const SourceLayout *layout = nullptr; ///< never null in a read file
  std::vector<int64_t> shape; ///< outermost first (reversed GGUF order)
  uint64_t entryOffset = 0;   ///< of its entry in the tensor table
  uint64_t offset = 0;        ///< of its bytes in the file
  std::span<const uint8_t> bytes;
  int64_t rows() const;    ///< product of all but the last extent
  int64_t columns() const; ///< last extent
};

class GgufFile {
public:
  /// Maps and reads `path`.
  static StatusOr<GgufFile> open(const std::string &path);
  /// Reads bytes that the caller keeps alive; `name` stands for the path.
  static StatusOr<GgufFile> read(std::span<const uint8_t> bytes,
                                 std::string name);

  const std::string &path() const { return name; }
  std::span<const uint8_t> bytes() const { return contents; }
  uint64_t alignment() const { return dataAlignment; }
  const std::vector<GgufTensor> &tensors() const { return tensorList; }
  /// The tensor, or null.
  const GgufTensor *find(std::string_view tensorName) const;
  /// The tensor, or an error that names the file.
  StatusOr<const GgufTensor *> require(std::string_view tensorName) const;

  const std::vector<std::pair<std::string, GgufValue>> &metadata() const {
    return entries;
  }
  const GgufValue *findKey(std::string_view key) const;

  /// Typed access. Integers of any stored width are accepted where the value
  /// fits; a float is accepted from f32 and f64. A missing key is nullopt, a
  /// key of the wrong type an error naming key, file and offset.
  StatusOr<std::optional<int64_t>> getInt(std::string_view key) const;
  StatusOr<std::optional<double>> getFloat(std::string_view key) const;
  StatusOr<std::optional<bool>> getBool(std::string_view key) const;
  StatusOr<std::optional<std::string>> getString(std::string_view key) const;
  StatusOr<std::optional<std::vector<int64_t>>>
  getIntArray(std::string_view key) const;
  StatusOr<std::optional<std::vector<float>>>
  getFloatArray(std::string_view key) const;
  /// The strings point into the file.
  StatusOr<std::optional<std::vector<std::string_view>>>
  getStringArray(std::string_view key) const;

private:
  friend class GgufReader;
  std::shared_ptr<MappedFile> mapping;
  std::span<const uint8_t> contents;
  std::string name;
  uint64_t dataAlignment = 32;
  std::vector<std::pair<std::string, GgufValue>> entries;
  std::unordered_map<std::string, size_t> keyIndex;
  std::vector<GgufTensor> tensorList;
  std::unordered_map<std::string, size_t> tensorIndex;
};

/// Name of a ggml tensor type id that we know of ("Q4_K", "IQ2_XS"), or null
/// for a hole.
const char *ggmlTypeName(uint32_t id);

} // namespace lowbit::import

#endif // LOWBIT_LIB_IMPORT_GGUF_H
