//===- SafetensorsTest.cpp - safetensors files, right and wrong -----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Safetensors.h"
#include "lib/Import/JsonText.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

using namespace lowbit;
using namespace lowbit::import;

namespace {

std::vector<uint8_t> fileOf(const std::string &header, size_t data) {
  uint64_t length = header.size();
  std::string all(reinterpret_cast<const char *>(&length), 8);
  all += header + std::string(data, '\1');
  return {all.begin(), all.end()};
}

void expectError(const std::string &header, size_t data,
                 const std::string &text) {
  std::vector<uint8_t> bytes = fileOf(header, data);
  auto file = SafetensorsFile::read(bytes, "x.safetensors");
  ASSERT_FALSE(file.isOk()) << "accepted; expected: " << text;
  const std::string &message = file.status().message();
  EXPECT_NE(message.find(text), std::string::npos) << message;
  EXPECT_EQ(message.rfind("'x.safetensors'", 0), 0u) << message;
}

std::string entry(const std::string &name, const std::string &dtype,
                  const std::string &shape, const std::string &offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}

TEST(Safetensors, ReadsWhatIsThere) {
  std::string header = "{\"__metadata__\":{\"format\":\"pt\"}," +
                       entry("b", "F16", "[2,3]", "[5,17]") + "," +
                       entry("a", "U8", "[5]", "[0,5]") + "," +
                       entry("s", "F32", "[]", "[17,21]") + "," +
                       entry("none", "F32", "[0,7]", "[21,21]") + "}   ";
  std::vector<uint8_t> bytes = fileOf(header, 21);
  auto file = SafetensorsFile::read(bytes, "x.safetensors");
  ASSERT_TRUE(file.isOk()) << file.status().toString();
  ASSERT_EQ(file->tensors().size(), 4u);
  EXPECT_EQ(file->tensors()[0].name, "a");
  EXPECT_EQ(file->tensors()[1].name, "b");
  EXPECT_EQ(file->tensors()[1].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(file->tensors()[1].offset, 8 + header.size() + 5);
  EXPECT_EQ(file->tensors()[1].bytes.size(), 12u);
  EXPECT_EQ(file->metadata().at("format"), "pt");
  EXPECT_EQ(safetensorsLayout("BF16")->name, "BF16");
  EXPECT_EQ(safetensorsLayout("U8"), nullptr);
  EXPECT_EQ(safetensorsBits("F4"), 4u);
}

TEST(Safetensors, RefusesHeaders) {
  std::vector<uint8_t> bytes = {1, 2, 3};
  EXPECT_FALSE(SafetensorsFile::read(bytes, "x").isOk());
  bytes = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, '{', '}'};
  EXPECT_FALSE(SafetensorsFile::read(bytes, "x").isOk());
  bytes = {3, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
  EXPECT_FALSE(SafetensorsFile::read(bytes, "x").isOk());
  expectError("", 0, "offset 8");
  expectError("[1]", 0, "does not start with '{'");
  expectError("{", 0, "malformed JSON");
  expectError("{\"a\":\"\xff\"}", 0, "malformed JSON");
  expectError("{\"__metadata__\":{\"a\":1}}", 0, "__metadata__");
  expectError("{\"__metadata__\":3}", 0, "__metadata__");
  expectError("{" + std::string(40000, '[') + "}", 0, "nested deeper");
  expectError("{\"a\":" + std::string(40000, '{') + "}", 0, "nested deeper");
}

TEST(Safetensors, RefusesDuplicateKeys) {
  std::string a = entry("a", "U8", "[4]", "[0,4]");
  expectError("{" + a + "," + a + "}", 4, "repeats the key \"a\"");
  expectError("{" + a + "," + entry("\\u0061", "U8", "[4]", "[0,4]") + "}", 4,
              "repeats the key \"a\"");
  expectError("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[4],"
              "\"data_offsets\":[0,4]}}",
              4, "repeats the key \"dtype\"");
}

TEST(Safetensors, RefusesTensors) {
  auto one = [](const std::string &text) { return "{" + text + "}"; };
  expectError(one(entry("a", "F32", "[2]", "[0,8]")), 7, "leave the 7 bytes");
  expectError(one(entry("a", "F32", "[2]", "[0,8]")), 9, "1 bytes after");
  expectError(one(entry("a", "F32", "[2]", "[0,4]")), 4, "need 8");
  expectError(one(entry("a", "F32", "[2]", "[8,0]")), 8, "data_offsets");
  expectError(one(entry("a", "F32", "[2]", "[-8,0]")), 8, "data_offsets");
  expectError(one(entry("a", "F32", "[2]", "[0.5,8]")), 8, "data_offsets");
  expectError(one(entry("a", "F32", "[2]", "[0]")), 8, "data_offsets");
  expectError(one(entry("a", "F32", "[2]", "[0,18446744073709551615]")), 8,
              "data_offsets");
  expectError(one(entry("a", "F32", "[-2]", "[0,8]")), 8, "\"shape\"");
  expectError(one(entry("a", "F32", "[\"2\"]", "[0,8]")), 8, "\"shape\"");
  expectError(one(entry("a", "F32", "2", "[0,8]")), 8, "\"shape\"");
  expectError(one(entry("a", "F32", "[4294967296,4294967296]", "[0,8]")), 8,
              "overflows");
  expectError(one(entry("a", "F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]")), 8,
              "9 dimensions");
  expectError(one(entry("a", "Q9", "[2]", "[0,8]")), 8, "dtype Q9");
  expectError(one(entry("a", "F4", "[3]", "[0,2]")), 2,
              "whole number of bytes");
  expectError("{\"a\":3}", 0, "not an object");
  expectError("{\"a\":{}}", 0, "\"dtype\"");
  expectError("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],"
              "\"x\":1}}",
              1, "unknown field \"x\"");
  expectError(one(entry("a", "U8", "[4]", "[0,4]") + "," +
                  entry("b", "U8", "[4]", "[3,7]")),
              7, "overlapping");
  expectError(one(entry("a", "U8", "[4]", "[0,4]") + "," +
                  entry("b", "U8", "[4]", "[5,9]")),
              9, "leaving a hole");
  expectError(one(entry("a", "U8", "[4]", "[1,5]")), 5, "leaving a hole");
}

class Sharded : public testing::Test {
protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "shards-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  void write(const std::string &name, const std::vector<uint8_t> &bytes) {
    std::ofstream(folder + "/" + name, std::ios::binary)
        .write(reinterpret_cast<const char *>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  void writeText(const std::string &name, const std::string &text) {
    write(name, {text.begin(), text.end()});
  }
  void expect(const char *text) {
    auto model = SafetensorsModel::open(folder);
    ASSERT_FALSE(model.isOk()) << text;
    EXPECT_NE(model.status().message().find(text), std::string::npos)
        << model.status().message();
  }
  std::string folder;
};

TEST_F(Sharded, ReadsShards) {
  write("one.safetensors",
        fileOf("{" + entry("a", "U8", "[4]", "[0,4]") + "}", 4));
  write("two.safetensors",
        fileOf("{" + entry("b", "U8", "[2]", "[0,2]") + "}", 2));
  writeText("model.safetensors.index.json",
            R"({"metadata":{"total_size":6},"weight_map":{)"
            R"("a":"one.safetensors","b":"two.safetensors"}})");
  auto model = SafetensorsModel::open(folder);
  ASSERT_TRUE(model.isOk()) << model.status().toString();
  EXPECT_EQ(model->files().size(), 2u);
  EXPECT_EQ(model->tensors().size(), 2u);
  EXPECT_EQ((*model->require("b"))->file, folder + "/two.safetensors");
  EXPECT_FALSE(model->require("c").isOk());
  auto single = SafetensorsModel::open(folder + "/one.safetensors");
  ASSERT_TRUE(single.isOk());
  EXPECT_NE(single->find("a"), nullptr);
}

TEST_F(Sharded, Refusals) {
  expect("neither model.safetensors nor");
  writeText("model.safetensors.index.json", "{}");
  expect("weight_map");
  writeText("model.safetensors.index.json",
            R"({"weight_map":{"a":"../one.safetensors"}})");
  expect("does not name a file");
  writeText("model.safetensors.index.json",
            R"({"weight_map":{"a":"one.safetensors"}})");
  expect("tensor 'a' is in 'one.safetensors', which does not exist");
  write("one.safetensors",
        fileOf("{" + entry("b", "U8", "[4]", "[0,4]") + "}", 4));
  expect("tensor 'a' is not in 'one.safetensors'");
  write("two.safetensors",
        fileOf("{" + entry("b", "U8", "[4]", "[0,4]") + "}", 4));
  writeText("model.safetensors.index.json",
            R"({"weight_map":{"b":"one.safetensors","a":"two.safetensors"}})");
  expect("tensor 'b' is also in");
}

TEST(JsonText, Scans) {
  EXPECT_TRUE(scanJson(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})", "x").isOk());
  EXPECT_TRUE(scanJson(R"(["a","a",{"b":"a","c":"a"}])", "x").isOk());
  EXPECT_FALSE(scanJson(R"({"a":1,"b":{},"a":2})", "x").isOk());
  EXPECT_FALSE(scanJson("\"abc", "x").isOk());
  EXPECT_FALSE(scanJson("\"abc\\", "x").isOk());
  EXPECT_FALSE(scanJson("]", "x").isOk());
  Status status = scanJson(R"({"a":1,"a":2})", "x.json", {}, 100);
  EXPECT_EQ(status.message(),
            "'x.json': the JSON at offset 107 repeats the key \"a\"");
  EXPECT_TRUE(scanJson(R"({"a":1,"a":2})", "x", {64, true}).isOk());
}

} // namespace
