//===- GgufTest.cpp - GGUF files, right and wrong -------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GgufBuilder.h"

#include "lib/Import/GgufConfig.h"
#include "lib/Import/ModelConfig.h"

#include <gtest/gtest.h>

using namespace lowbit;
using namespace lowbit::import;
using lowbit::test::GgufBuilder;
using Type = GgufType;

namespace {

void expectError(const GgufBuilder &builder, const std::string &text) {
  std::vector<uint8_t> bytes = builder.bytes();
  auto file = GgufFile::read(bytes, "x.gguf");
  ASSERT_FALSE(file.isOk()) << "accepted; expected: " << text;
  const std::string &message = file.status().message();
  EXPECT_NE(message.find(text), std::string::npos) << message;
  EXPECT_EQ(message.rfind("'x.gguf': offset ", 0), 0u) << message;
}

TEST(Gguf, ReadsWhatIsThere) {
  GgufBuilder builder;
  builder.addText("a.text", "hello");
  builder.addInt("a.int", 7);
  builder.add("a.negative", Type::i16, GgufBuilder::raw<int16_t>(-3));
  builder.add("a.double", Type::f64, GgufBuilder::raw<double>(0.25));
  builder.add("a.bool", Type::boolean, std::string(1, '\1'));
  builder.add("a.ints", Type::array,
              GgufBuilder::raw<uint32_t>(1) + GgufBuilder::raw<uint64_t>(3) +
                  std::string("\1\2\377", 3));
  builder.add("a.texts", Type::array,
              GgufBuilder::raw<uint32_t>(8) + GgufBuilder::raw<uint64_t>(2) +
                  GgufBuilder::text("x") + GgufBuilder::text(""));
  builder.tensor("w", {64, 3}, 2, 6 * 18); // Q4_0
  builder.tensor("b", {5}, 0, 20);
  std::vector<uint8_t> bytes = builder.bytes();
  auto file = GgufFile::read(bytes, "x.gguf");
  ASSERT_TRUE(file.isOk()) << file.status().toString();

  EXPECT_EQ(**file->getString("a.text"), "hello");
  EXPECT_EQ(**file->getInt("a.int"), 7);
  EXPECT_EQ(**file->getInt("a.negative"), -3);
  EXPECT_EQ(**file->getFloat("a.double"), 0.25);
  EXPECT_EQ(**file->getBool("a.bool"), true);
  EXPECT_EQ(**file->getIntArray("a.ints"), (std::vector<int64_t>{1, 2, -1}));
  EXPECT_EQ(**file->getStringArray("a.texts"),
            (std::vector<std::string_view>{"x", ""}));
  EXPECT_FALSE(file->getInt("none")->has_value());
  auto wrong = file->getInt("a.text");
  ASSERT_FALSE(wrong.isOk());
  EXPECT_EQ(wrong.status().message(),
            "'x.gguf': offset 24: metadata key 'a.text' is string where an "
            "integer is needed");
  EXPECT_FALSE(file->getFloat("a.int").isOk());
  EXPECT_FALSE(file->getBool("a.int").isOk());
  EXPECT_FALSE(file->getString("a.int").isOk());
  EXPECT_FALSE(file->getStringArray("a.ints").isOk());
  EXPECT_FALSE(file->getIntArray("a.texts").isOk());
  EXPECT_FALSE(file->getFloatArray("a.ints").isOk());

  const GgufTensor *w = file->find("w");
  ASSERT_NE(w, nullptr);
  EXPECT_EQ(w->shape, (std::vector<int64_t>{3, 64}));
  EXPECT_EQ(w->rows(), 3);
  EXPECT_EQ(w->columns(), 64);
  EXPECT_EQ(w->layout->name, "Q4_0");
  EXPECT_EQ(w->bytes.size(), 108u);
  EXPECT_EQ(file->find("b")->rows(), 1);
  EXPECT_EQ(file->find("b")->offset % 32, 0u);
  EXPECT_FALSE(file->require("c").isOk());
}

TEST(Gguf, RefusesHeaders) {
  GgufBuilder builder;
  builder.magic = 0x46554748;
  expectError(builder, "not a GGUF file");
  builder = {};
  builder.version = 2;
  expectError(builder, "version 2");
  builder.version = 0x03000000;
  expectError(builder, "big-endian");
  builder = {};
  builder.tensorCount = uint64_t{1} << 60;
  expectError(builder, "offset 8: 1152921504606846976 tensors");
  builder = {};
  builder.entryCount = uint64_t{1} << 60;
  expectError(builder, "metadata entries do not fit");
}

TEST(Gguf, RefusesMetadata) {
  GgufBuilder builder;
  expectError(builder.addInt("k", 1).addInt("k", 2), "'k' occurs twice");
  builder = {};
  expectError(builder.addInt("", 1), "empty key");
  builder = {};
  expectError(builder.add("k", static_cast<Type>(13), "1234"),
              "unknown type 13");
  builder = {};
  expectError(builder.add("k", Type::boolean, "\2"), "a bool of value 2");
  builder = {};
  builder.add("k", Type::string,
              GgufBuilder::raw<uint64_t>(UINT64_MAX) + "abcd");
  expectError(builder, "has 18446744073709551615 bytes");
  builder = {};
  builder.add("k", Type::array,
              GgufBuilder::raw<uint32_t>(4) +
                  GgufBuilder::raw<uint64_t>(uint64_t{1} << 62));
  expectError(builder, "array of 4611686018427387904 elements");
  builder = {};
  builder.add("k", Type::array,
              GgufBuilder::raw<uint32_t>(77) + GgufBuilder::raw<uint64_t>(0));
  expectError(builder, "array of unknown type 77");
  std::string nested;
  for (int i = 0; i < 20; ++i)
    nested += GgufBuilder::raw<uint32_t>(9) + GgufBuilder::raw<uint64_t>(1);
  builder = {};
  expectError(builder.add("k", Type::array, nested), "nested deeper");
  builder = {};
  builder.add(std::string(70000, 'k'), Type::u8, "1");
  expectError(builder, "at most 65535");
  for (uint32_t alignment : {0u, 3u, 1u << 30}) {
    builder = {};
    expectError(builder.addInt("general.alignment", alignment),
                "general.alignment is");
  }
}

TEST(Gguf, HonoursAlignment) {
  GgufBuilder builder;
  builder.alignment = 128;
  builder.addInt("general.alignment", 128);
  builder.tensor("a", {1}, 0, 4).tensor("b", {1}, 0, 4);
  std::vector<uint8_t> bytes = builder.bytes();
  auto file = GgufFile::read(bytes, "x.gguf");
  ASSERT_TRUE(file.isOk()) << file.status().toString();
  EXPECT_EQ(file->find("b")->offset % 128, 0u);
}

TEST(Gguf, RefusesTensors) {
  GgufBuilder builder;
  expectError(builder.tensor("w", {4}, 0, 16).tensor("w", {4}, 0, 16),
              "'w' occurs twice");
  builder = {};
  expectError(builder.tensor("w", {}, 0, 16), "0 dimensions");
  builder = {};
  expectError(builder.tensor("w", {1, 1, 1, 1, 1}, 0, 16), "5 dimensions");
  builder = {};
  expectError(builder.tensor("w", {4, 0}, 0, 16), "dimension 1 is zero");
  builder = {};
  expectError(
      builder.tensor("w", {uint64_t{1} << 40, uint64_t{1} << 40}, 0, 16),
      "overflows 63 bits");
  builder = {};
  expectError(builder.tensor("w", {uint64_t{1} << 63}, 0, 16),
              "overflows 63 bits");
  builder = {};
  expectError(builder.tensor("w", {uint64_t{1} << 62}, 0, 16),
              "overflows 63 bits");
  for (uint32_t hole : {4u, 5u, 31u, 36u, 38u, 43u, 1000u}) {
    builder = {};
    expectError(builder.tensor("w", {256}, hole, 16), "which does not exist");
  }
  builder = {};
  expectError(builder.tensor("w", {256}, 17, 74), "IQ2_XS");
  builder = {};
  expectError(builder.tensor("w", {33}, 2, 36), "whole Q4_0 blocks");
  builder = {};
  expectError(builder.tensor("w", {4}, 0, 12), "the data section has 12");
  builder = {};
  builder.tensor("v", {4}, 0, 16);
  expectError(builder.tensorEntry("w", {4}, 0, 1 << 20), "data offset 1048576");
  builder = {};
  builder.tensor("v", {4}, 0, 16);
  expectError(builder.tensorEntry("w", {4}, 0, UINT64_MAX - 31),
              "data offset 18446744073709551584");
  builder = {};
  builder.tensor("v", {4}, 0, 64);
  expectError(builder.tensorEntry("w", {4}, 0, 16), "not a multiple");
  builder = {};
  builder.tensor("v", {16}, 0, 64);
  expectError(builder.tensorEntry("w", {4}, 0, 32), "'w' overlaps tensor 'v'");
  builder = {};
  expectError(builder.tensor("", {4}, 0, 16), "empty name");
}

GgufBuilder llama() {
  GgufBuilder builder;
  builder.addText("general.architecture", "llama");
  builder.addInt("llama.embedding_length", 64);
  builder.addInt("llama.feed_forward_length", 172);
  builder.addInt("llama.block_count", 2);
  builder.addInt("llama.attention.head_count", 8);
  builder.tensor("token_embd.weight", {64, 10}, 0, 64 * 10 * 4);
  return builder;
}

StatusOr<ModelConfig> configOf(const GgufBuilder &builder) {
  std::vector<uint8_t> bytes = builder.bytes();
  auto file = GgufFile::read(bytes, "x.gguf");
  if (!file.isOk())
    return std::move(file).status();
  return readGgufConfig(*file);
}

TEST(GgufConfig, DefaultsAndFacts) {
  auto config = configOf(llama());
  ASSERT_TRUE(config.isOk()) << config.status().toString();
  EXPECT_EQ(config->kvHeads, 8);
  EXPECT_EQ(config->headDim, 8);
  EXPECT_EQ(config->ropeDim, 8);
  EXPECT_EQ(config->vocabSize, 10);
  EXPECT_TRUE(config->tieEmbeddings);
  EXPECT_EQ(config->rope.pairs, RopePairs::adjacent);
  EXPECT_EQ(config->rope.scaling, RopeScalingKind::none);

  GgufBuilder builder = llama();
  builder.addInt("llama.attention.head_count_kv", 2)
      .addInt("llama.attention.key_length", 16)
      .addFloat("llama.rope.freq_base", 5e5f)
      .addText("llama.rope.scaling.type", "linear")
      .addFloat("llama.rope.scaling.factor", 2)
      .addInt("llama.attention.sliding_window", 32)
      .addInt("tokenizer.ggml.bos_token_id", 1)
      .addInt("tokenizer.ggml.eos_token_id", 2)
      .addInt("tokenizer.ggml.eot_token_id", 3);
  builder.tensor("output.weight", {64, 10}, 0, 64 * 10 * 4);
  builder.tensor("blk.0.attn_q.bias", {128}, 0, 512);
  config = configOf(builder);
  ASSERT_TRUE(config.isOk()) << config.status().toString();
  EXPECT_EQ(config->kvHeads, 2);
  EXPECT_EQ(config->headDim, 16);
  EXPECT_EQ(config->rope.theta, 5e5);
  EXPECT_EQ(config->rope.scaling, RopeScalingKind::linear);
  EXPECT_EQ(config->rope.factor, 2);
  EXPECT_EQ(config->slidingWindow, 32);
  EXPECT_FALSE(config->tieEmbeddings);
  EXPECT_TRUE(config->attentionBias);
  EXPECT_EQ(config->eosIds, (std::vector<int64_t>{2, 3}));
}

TEST(GgufConfig, Refusals) {
  auto expect = [](GgufBuilder builder, const char *text) {
    auto config = configOf(builder);
    ASSERT_FALSE(config.isOk()) << text;
    EXPECT_NE(config.status().message().find(text), std::string::npos)
        << config.status().message();
    EXPECT_NE(config.status().message().find("x.gguf"), std::string::npos);
  };
  expect(GgufBuilder(), "general.architecture' is missing");
  GgufBuilder builder;
  expect(builder.addText("general.architecture", "mamba"), "mamba");
  builder = {};
  expect(builder.addText("general.architecture", "llama"),
         "llama.embedding_length' is missing");
  expect(llama().addInt("llama.attention.head_count_kv", 0), "must be in 1..");
  expect(llama().addInt("llama.attention.head_count_kv", 3), "do not divide");
  expect(llama().addInt("llama.attention.key_length", 7), "is odd");
  expect(llama().addInt("llama.attention.value_length", 4), "only equal");
  expect(llama().addFloat("llama.rope.freq_base", -1), "positive");
  expect(llama().addText("llama.rope.scaling.type", "yarn"), "yarn");
  expect(llama().addInt("llama.expert_count", 8), "experts");
  expect(llama().addText("llama.context_length", "many"), "an integer");
  expect(llama().addInt("llama.rope.dimension_count", 64), "rotated");
  expect(llama().addInt("tokenizer.ggml.bos_token_id", 10), "vocabulary");
}

TEST(GgufConfig, Tokenizer) {
  GgufBuilder builder;
  builder.addText("tokenizer.ggml.model", "llama");
  builder.add("tokenizer.ggml.tokens", Type::array,
              GgufBuilder::raw<uint32_t>(8) + GgufBuilder::raw<uint64_t>(2) +
                  GgufBuilder::text("a") + GgufBuilder::text("b"));
  builder.add("tokenizer.ggml.scores", Type::array,
              GgufBuilder::raw<uint32_t>(6) + GgufBuilder::raw<uint64_t>(2) +
                  GgufBuilder::raw(1.5f) + GgufBuilder::raw(-2.0f));
  builder.add("tokenizer.ggml.add_bos_token", Type::boolean,
              std::string(1, '\1'));
  builder.addInt("tokenizer.ggml.padding_token_id", UINT32_MAX);
  std::vector<uint8_t> bytes = builder.bytes();
  auto file = GgufFile::read(bytes, "x.gguf");
  ASSERT_TRUE(file.isOk());
  auto data = readGgufTokenizer(*file);
  ASSERT_TRUE(data.isOk()) << data.status().toString();
  ASSERT_TRUE(data->has_value());
  EXPECT_EQ((*data)->tokens, (std::vector<std::string_view>{"a", "b"}));
  EXPECT_EQ((*data)->scores, (std::vector<float>{1.5f, -2.0f}));
  EXPECT_EQ((*data)->addBos, true);
  EXPECT_FALSE((*data)->padId.has_value());
}

} // namespace
