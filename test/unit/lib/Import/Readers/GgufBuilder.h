//===- GgufBuilder.h - Small GGUF files for tests ------------- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_LIB_IMPORT_READERS_GGUFBUILDER_H
#define LOWBIT_TEST_UNIT_LIB_IMPORT_READERS_GGUFBUILDER_H

#include "lib/Import/Gguf.h"

#include <cstring>
#include <string>
#include <vector>

namespace lowbit::test {

/// Writes what it is told, right or wrong.
class GgufBuilder {
public:
  using Type = import::GgufType;
  uint32_t magic = 0x46554747, version = 3;
  std::string entries, tensors, data;
  uint64_t entryCount = 0, tensorCount = 0;
  uint64_t alignment = 32;

  template <typename Number>
  static std::string raw(Number value) {
    std::string bytes(sizeof(Number), '\0');
    std::memcpy(bytes.data(), &value, sizeof(Number));
    return bytes;
  }
  static std::string text(const std::string &value) {
    return raw<uint64_t>(value.size()) + value;
  }

  GgufBuilder &add(const std::string &key, Type type,
                   const std::string &bytes) {
    entries += text(key) + raw(static_cast<uint32_t>(type)) + bytes;
    ++entryCount;
    return *this;
  }
  GgufBuilder &addInt(const std::string &key, uint32_t value) {
    return add(key, Type::u32, raw(value));
  }
  GgufBuilder &addFloat(const std::string &key, float value) {
    return add(key, Type::f32, raw(value));
  }
  GgufBuilder &addText(const std::string &key, const std::string &value) {
    return add(key, Type::string, text(value));
  }

  /// `shape` in the order of the file, innermost first.
  GgufBuilder &tensorEntry(const std::string &name,
                           const std::vector<uint64_t> &shape, uint32_t type,
                           uint64_t offset) {
    tensors += text(name) + raw(static_cast<uint32_t>(shape.size()));
    for (uint64_t extent : shape)
      tensors += raw(extent);
    tensors += raw(type) + raw(offset);
    ++tensorCount;
    return *this;
  }
  /// With data of `bytes` bytes after what there is.
  GgufBuilder &tensor(const std::string &name,
                      const std::vector<uint64_t> &shape, uint32_t type,
                      size_t bytes) {
    data.resize((data.size() + alignment - 1) / alignment * alignment);
    tensorEntry(name, shape, type, data.size());
    data.resize(data.size() + bytes);
    return *this;
  }

  std::vector<uint8_t> bytes() const {
    std::string all = raw(magic) + raw(version) + raw(tensorCount) +
                      raw(entryCount) + entries + tensors;
    if (!data.empty())
      all.resize((all.size() + alignment - 1) / alignment * alignment);
    all += data;
    return {all.begin(), all.end()};
  }
};

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_LIB_IMPORT_READERS_GGUFBUILDER_H
