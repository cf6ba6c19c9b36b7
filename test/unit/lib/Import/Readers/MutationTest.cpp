//===- MutationTest.cpp - Damaged checkpoints -----------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Truncations and byte flips of real files through reader and validator, always
// the same ones. Each gives one clean error that names the file, or a valid
// other model. Meant to run under AddressSanitizer and UBSan as well.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Gguf.h"
#include "lib/Import/GgufConfig.h"
#include "lib/Import/ModelConfig.h"
#include "lib/Import/Safetensors.h"
#include "lowbit/Packing/Pack.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <random>

using namespace lowbit;
using namespace lowbit::import;

namespace {

using Bytes = std::vector<uint8_t>;
using Reader = std::function<Status(std::span<const uint8_t>)>;

constexpr int truncations = 200;
constexpr int flips = 5000;

bool load(const std::string &name, Bytes &bytes) {
  auto file =
      MappedFile::open(std::string(LOWBIT_SHARED_DIR) + "/models/" + name);
  if (!file.isOk())
    return false;
  bytes.assign(file->bytes().begin(), file->bytes().end());
  return true;
}

void expectNamed(const Status &status) {
  if (!status.isOk())
    ASSERT_NE(status.message().find("'damaged"), std::string::npos)
        << status.toString();
}

/// `head` bytes hold the structure; most flips go there.
void mutate(const Bytes &original, size_t head, const Reader &read) {
  Status clean = read(original);
  ASSERT_TRUE(clean.isOk()) << clean.toString();
  std::mt19937_64 random(20251123);
  int errors = 0;
  for (int i = 0; i < truncations; ++i) {
    size_t length = random() % (i % 4 ? head : original.size());
    // A buffer of exactly this size, so that a sanitizer sees any overrun.
    Bytes cut(original.begin(), original.begin() + static_cast<long>(length));
    Status status = read(cut);
    EXPECT_FALSE(status.isOk()) << "accepted the first " << length << " bytes";
    expectNamed(status);
  }
  Bytes damaged = original;
  for (int i = 0; i < flips; ++i) {
    size_t at = random() % (i % 5 ? head : original.size());
    uint8_t kept = damaged[at];
    damaged[at] ^= static_cast<uint8_t>(1 + random() % 255);
    Status status = read(damaged);
    errors += !status.isOk();
    expectNamed(status);
    damaged[at] = kept;
  }
  EXPECT_GT(errors, 0);
}

/// Every row of every tensor, as the importer would read it.
Status readRows(const SourceLayout &layout, std::span<const uint8_t> bytes,
                int64_t rows, int64_t columns) {
  CanonicalRows plain;
  Status status = readCanonicalRows(layout, bytes, rows, columns, 0,
                                    std::min<int64_t>(rows, 2), plain);
  return status;
}

Status readGguf(std::span<const uint8_t> bytes) {
  LOWBIT_ASSIGN_OR_RETURN(GgufFile file, GgufFile::read(bytes, "damaged.gguf"));
  LOWBIT_ASSIGN_OR_RETURN(ModelConfig config, readGgufConfig(file));
  LOWBIT_ASSIGN_OR_RETURN(auto tokenizer, readGgufTokenizer(file));
  for (const GgufTensor &tensor : file.tensors())
    LOWBIT_RETURN_IF_ERROR(readRows(*tensor.layout, tensor.bytes, tensor.rows(),
                                    tensor.columns()));
  return Status::success();
}

Status readSafetensors(std::span<const uint8_t> bytes) {
  LOWBIT_ASSIGN_OR_RETURN(SafetensorsFile file,
                          SafetensorsFile::read(bytes, "damaged.safetensors"));
  for (const SafeTensor &tensor : file.tensors()) {
    const SourceLayout *layout = safetensorsLayout(tensor.dtype);
    int64_t count = *checkedElementCount(tensor.shape);
    if (layout && count > 0) {
      int64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
      LOWBIT_RETURN_IF_ERROR(
          readRows(*layout, tensor.bytes, count / columns, columns));
    }
  }
  return Status::success();
}

size_t headerOf(const Bytes &safetensors) {
  uint64_t length = 0;
  std::memcpy(&length, safetensors.data(), 8);
  return 8 + length;
}

TEST(Mutation, Gguf) {
  Bytes bytes;
  if (!load("stories260K.gguf", bytes))
    GTEST_SKIP() << "no " LOWBIT_SHARED_DIR "/models/stories260K.gguf";
  auto file = GgufFile::read(bytes, "whole");
  ASSERT_TRUE(file.isOk());
  size_t head = SIZE_MAX;
  for (const GgufTensor &tensor : file->tensors())
    head = std::min<size_t>(head, tensor.offset);
  mutate(bytes, head, readGguf);
}

TEST(Mutation, Safetensors) {
  Bytes bytes;
  if (!load("stories260K-hf/model.safetensors", bytes))
    GTEST_SKIP() << "no " LOWBIT_SHARED_DIR "/models/stories260K-hf";
  mutate(bytes, headerOf(bytes), readSafetensors);
}

TEST(Mutation, TernarySafetensors) {
  Bytes bytes;
  if (!load("stories-ternary-2M/model.safetensors", bytes))
    GTEST_SKIP() << "no " LOWBIT_SHARED_DIR "/models/stories-ternary-2M";
  mutate(bytes, headerOf(bytes), readSafetensors);
}

TEST(Mutation, Config) {
  for (const char *name :
       {"stories260K-hf/config.json", "stories-ternary-2M/config.json"}) {
    Bytes bytes;
    if (!load(name, bytes))
      GTEST_SKIP() << "no " LOWBIT_SHARED_DIR "/models/" << name;
    while (!bytes.empty() && bytes.back() != '}')
      bytes.pop_back(); // so that every truncation is one
    mutate(bytes, bytes.size(), [](std::span<const uint8_t> text) -> Status {
      auto config = parseHuggingFaceConfig(
          {reinterpret_cast<const char *>(text.data()), text.size()},
          "damaged.json");
      return config.isOk() ? Status::success() : std::move(config).status();
    });
  }
}

} // namespace
