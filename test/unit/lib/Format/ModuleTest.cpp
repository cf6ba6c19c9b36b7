//===- ModuleTest.cpp - Module files: round trips and damage --------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Format/ByteStream.h"
#include "lowbit/Format/Module.h"
#include "lowbit/Packing/Layouts.h"
#include "lowbit/Packing/Pack.h"
#include "test/conformance/TinyModule.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <random>

using namespace lowbit;
using namespace lowbit::test;

namespace {

std::vector<uint8_t> readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return std::vector<uint8_t>((std::istreambuf_iterator<char>(file)),
                              std::istreambuf_iterator<char>());
}

/// A 5 x 64 tensor of 4-bit codes with a scale for every 32.
LeafDesc smallLeaf() {
  LeafDesc leaf;
  leaf.rows = 5;
  leaf.columns = 64;
  leaf.code = NumberDesc::unsignedInt(4);
  leaf.scales = {paramPerGroup(NumberDesc::floating(FloatFormat::f16), 5, 64, 32)};
  EXPECT_TRUE(applyRowsInLanesLayout(leaf).isOk());
  return leaf;
}

/// The tiny module plus a packed parameter, a tokenizer and a report.
Status writeFullModule(const std::string &path) {
  LOWBIT_ASSIGN_OR_RETURN(ModuleWriter writer, ModuleWriter::create(path));
  LOWBIT_RETURN_IF_ERROR(fillTinyModule(writer, tinyPlan()));
  Parameter parameter;
  parameter.symbol = "packed";
  parameter.shape = {5, 64};
  parameter.elementType = "f32";
  parameter.encoding = "#lowbit.leaf<uint<4>>";
  parameter.leaf = smallLeaf();
  LOWBIT_ASSIGN_OR_RETURN(std::vector<ComponentDesc> components,
                          componentsOf(*parameter.leaf));
  for (const ComponentDesc &desc : components) {
    Component component;
    component.symbol = "packed:" + desc.name();
    component.role = componentRoleName(desc.role);
    component.elementType = desc.number.isFloat() ? "f16" : "i8";
    component.shape = desc.storage;
    std::vector<uint8_t> bytes(desc.bytes);
    for (size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<uint8_t>(desc.number.isFloat() ? 0x3c : i * 37);
    // In two pieces, as a streaming writer does.
    LOWBIT_RETURN_IF_ERROR(writer.beginComponent(component));
    LOWBIT_RETURN_IF_ERROR(writer.append(std::span(bytes).first(10)));
    LOWBIT_RETURN_IF_ERROR(writer.append(std::span(bytes).subspan(10)));
    LOWBIT_ASSIGN_OR_RETURN(uint32_t index, writer.endComponent());
    parameter.components.push_back(index);
  }
  LOWBIT_ASSIGN_OR_RETURN(uint32_t unused, writer.addParameter(parameter));
  Component alias = writer.components().components[0];
  alias.symbol = "alias";
  LOWBIT_ASSIGN_OR_RETURN(unused, writer.shareComponent(alias, 0));
  (void)unused;
  writer.setTokenizer({1, 2, 3});
  writer.setReport("{\"x\": 1}");
  writer.addCode("nvptx:sm_80", serializeTextTable({{"k", ".version 7.0\n"}}));
  StatusOr<uint64_t> size = writer.finish();
  return size.isOk() ? Status() : size.status();
}

class ModuleTest : public ::testing::Test {
protected:
  void SetUp() override {
    Status status = writeFullModule(folder.file("m.lowbit"));
    ASSERT_TRUE(status.isOk()) << status.toString();
    bytes = readFile(folder.file("m.lowbit"));
  }
  /// Reads bytes from 64-byte aligned memory.
  StatusOr<ModuleReader> read(const std::vector<uint8_t> &content,
                              const ModuleReadOptions &options = {}) {
    memory.reset(static_cast<uint8_t *>(
        std::aligned_alloc(64, (content.size() + 64) / 64 * 64)));
    if (!content.empty())
      std::memcpy(memory.get(), content.data(), content.size());
    return ModuleReader::fromBytes({memory.get(), content.size()}, "m.lowbit",
                                   options);
  }
  struct Free {
    void operator()(uint8_t *pointer) const { std::free(pointer); }
  };

  TemporaryFolder folder;
  std::vector<uint8_t> bytes;
  std::unique_ptr<uint8_t, Free> memory;
};

TEST_F(ModuleTest, EverythingComesBack) {
  auto reader = ModuleReader::open(folder.file("m.lowbit"));
  ASSERT_TRUE(reader.isOk()) << reader.status().toString();
  EXPECT_TRUE(reader->plan() == tinyPlan());
  EXPECT_EQ(reader->metaValue("model.kind"), "llm");
  EXPECT_EQ(reader->metaValue("absent", "x"), "x");
  EXPECT_EQ(reader->tokenizer().size(), 3u);
  EXPECT_EQ(reader->ledger(), "[]");
  EXPECT_EQ(reader->report(), "{\"x\": 1}");
  EXPECT_EQ(reader->weights().size() % modulePage, 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(reader->weights().data()) % modulePage,
            0u);
  auto texts = parseTextTable(reader->code("nvptx:sm_80"));
  ASSERT_TRUE(texts.isOk());
  EXPECT_EQ(texts->at("k"), ".version 7.0\n");
  EXPECT_TRUE(reader->code("nvptx:sm_90").empty());
  const ComponentTable &table = reader->components();
  EXPECT_EQ(table.components.back().offset, table.components[0].offset);
  for (uint32_t i = 0; i < table.components.size(); ++i) {
    EXPECT_EQ(table.components[i].offset % 64, 0u);
    EXPECT_EQ(xxh3Wide(reader->componentBytes(i)), table.components[i].hash);
  }
}

TEST_F(ModuleTest, ParametersDecode) {
  auto reader = ModuleReader::open(folder.file("m.lowbit"));
  ASSERT_TRUE(reader.isOk());
  const Parameter *parameter = reader->components().findParameter("packed");
  ASSERT_TRUE(parameter && parameter->leaf);
  EXPECT_TRUE(*parameter->leaf == smallLeaf());
  std::vector<std::span<const uint8_t>> components;
  for (uint32_t index : parameter->components)
    components.push_back(reader->componentBytes(index));
  std::vector<float> row(64);
  ASSERT_TRUE(decodeRow(*parameter->leaf, components, 0, row).isOk());
  // 0x3c3c is the half 1.0586; byte 0 of the codes is 0, byte 1 is 37 = 0x25.
  EXPECT_EQ(row[0], 0.0f);
  EXPECT_EQ(row[1], 5 * 1.05859375f);
  EXPECT_EQ(row[17], 2 * 1.05859375f);
}

TEST_F(ModuleTest, SameInputGivesSameBytes) {
  ASSERT_TRUE(writeFullModule(folder.file("again.lowbit")).isOk());
  EXPECT_EQ(readFile(folder.file("again.lowbit")), bytes);
}

TEST_F(ModuleTest, EveryFlippedByteIsNoticed) {
  ASSERT_TRUE(read(bytes).isOk());
  std::mt19937_64 random(1);
  size_t step = std::max<size_t>(bytes.size() / 4000, 1);
  for (size_t offset = 0; offset < bytes.size(); offset += step) {
    std::vector<uint8_t> damaged = bytes;
    damaged[offset] ^= static_cast<uint8_t>(1 + random() % 255);
    auto reader = read(damaged);
    ASSERT_FALSE(reader.isOk()) << "offset " << offset;
    ASSERT_NE(reader.status().message().find("m.lowbit: "), std::string::npos);
  }
}

TEST_F(ModuleTest, EveryTruncationIsNoticed) {
  size_t step = std::max<size_t>(bytes.size() / 500, 1);
  for (size_t length = 0; length < bytes.size(); length += step) {
    std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + length);
    ASSERT_FALSE(read(cut).isOk()) << length;
  }
  std::vector<uint8_t> longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(read(longer).isOk());
}

/// What a hostile writer can do that checksums do not see: sections with valid
/// checksums around random bytes.
TEST_F(ModuleTest, HostileSectionsNeverCrash) {
  auto reader = ModuleReader::open(folder.file("m.lowbit"));
  ASSERT_TRUE(reader.isOk());
  std::vector<uint8_t> table = serializeComponents(reader->components());
  std::mt19937_64 random(3);
  int valid = 0;
  for (int round = 0; round < 5000; ++round) {
    std::vector<uint8_t> damaged = table;
    for (int flips = 1 + static_cast<int>(random() % 4); flips > 0; --flips)
      damaged[random() % damaged.size()] ^=
          static_cast<uint8_t>(1 + random() % 255);
    auto parsed = parseComponents(damaged);
    if (parsed.isOk() &&
        validateComponents(*parsed, reader->weights().size()).isOk())
      ++valid;
  }
  EXPECT_LT(valid, 5000);
  for (size_t length = 0; length < table.size(); ++length)
    ASSERT_FALSE(parseComponents(std::span(table).first(length)).isOk());
}

TEST_F(ModuleTest, WeightsMayGoUnverified) {
  std::vector<uint8_t> damaged = bytes;
  damaged[modulePage] ^= 1;
  EXPECT_FALSE(read(damaged).isOk());
  ModuleReadOptions options;
  options.verifyWeights = false;
  EXPECT_TRUE(read(damaged, options).isOk());
  damaged[12] ^= 1;
  EXPECT_FALSE(read(damaged, options).isOk());
}

TEST_F(ModuleTest, MessagesNameTheSection) {
  auto reader = ModuleReader::open(folder.file("m.lowbit"));
  ASSERT_TRUE(reader.isOk());
  for (const Section &section : reader->sections()) {
    std::vector<uint8_t> damaged = bytes;
    damaged[section.offset] ^= 0x10;
    auto again = read(damaged);
    ASSERT_FALSE(again.isOk());
    const std::string &message = again.status().message();
    EXPECT_NE(message.find(sectionKindName(section.kind)), std::string::npos);
    EXPECT_NE(message.find(std::to_string(section.offset)), std::string::npos);
  }
  std::vector<uint8_t> text = {'G', 'G', 'U', 'F', 0, 0, 0, 0, 0, 0};
  EXPECT_NE(read(text).status().message().find("not a lowbit module"),
            std::string::npos);
  std::vector<uint8_t> newer = bytes;
  newer[8] = 2;
  EXPECT_NE(read(newer).status().message().find("version 2"),
            std::string::npos);
}

TEST(ModuleWriterTest, FailuresLeaveNothingBehind) {
  TemporaryFolder folder;
  {
    auto writer = ModuleWriter::create(folder.file("m.lowbit"));
    ASSERT_TRUE(writer.isOk());
    ASSERT_TRUE(writer->beginComponent({}).isOk());
    EXPECT_FALSE(writer->beginComponent({}).isOk());
    EXPECT_FALSE(writer->finish().isOk());
  }
  EXPECT_FALSE(std::ifstream(folder.file("m.lowbit")).good());
  {
    auto writer = ModuleWriter::create(folder.file("m.lowbit"));
    ASSERT_TRUE(writer.isOk());
    Component component;
    component.symbol = "c";
    component.elementType = "f32";
    component.shape = {3};
    std::vector<uint8_t> bytes(8);
    // The shape needs 12 bytes.
    ASSERT_TRUE(writer->addComponent(component, bytes).isOk());
    auto size = writer->finish();
    ASSERT_FALSE(size.isOk());
    EXPECT_NE(size.status().message().find("component 'c'"), std::string::npos);
  }
  EXPECT_FALSE(std::ifstream(folder.file("m.lowbit")).good());
  auto writer = ModuleWriter::create(folder.file("m.lowbit"));
  ASSERT_TRUE(writer.isOk());
  EXPECT_FALSE(writer->append({}).isOk());
  EXPECT_FALSE(writer->endComponent().isOk());
  EXPECT_FALSE(writer->shareComponent({}, 0).isOk());
  Parameter parameter;
  parameter.components = {0};
  EXPECT_FALSE(writer->addParameter(parameter).isOk());
  writer->addCode("cpu:x86-64", {1});
  writer->addCode("cpu:x86-64", {2});
  EXPECT_FALSE(writer->finish().isOk());
  EXPECT_FALSE(ModuleWriter::create(folder.file("none/m.lowbit")).isOk());
  // A full disk.
  auto full = ModuleWriter::create("/dev/full");
  if (full.isOk()) {
    Status filled = fillTinyModule(*full, tinyPlan());
    EXPECT_FALSE(filled.isOk() && full->finish().isOk());
  }
}

TEST(ByteStreamTest, ReadsWhatWasWritten) {
  ByteWriter out;
  out.u8(1);
  out.u16(0x203);
  out.u32(0x4050607);
  out.u64(0x8090a0b0c0d0e0f);
  out.i64(-5);
  out.f32(1.5f);
  out.f64(-2.25);
  out.string("name");
  ByteReader in(out.result());
  EXPECT_EQ(in.u8(), 1);
  EXPECT_EQ(in.u16(), 0x203);
  EXPECT_EQ(in.u32(), 0x4050607u);
  EXPECT_EQ(in.u64(), 0x8090a0b0c0d0e0fu);
  EXPECT_EQ(in.i64(), -5);
  EXPECT_EQ(in.f32(), 1.5f);
  EXPECT_EQ(in.f64(), -2.25);
  EXPECT_EQ(in.string(), "name");
  EXPECT_TRUE(in.finish().isOk());
  EXPECT_EQ(in.u32(), 0u);
  EXPECT_FALSE(in.finish().isOk());
}

TEST(ByteStreamTest, LyingCountsAndNamesAreErrors) {
  ByteWriter out;
  out.u32(0xffffffff);
  ByteReader counts(out.result());
  EXPECT_EQ(counts.count(1), 0u);
  EXPECT_TRUE(counts.failed());
  ByteReader lengths(out.result());
  EXPECT_EQ(lengths.string(), "");
  EXPECT_TRUE(lengths.failed());
  ByteWriter control;
  control.string("a\nb");
  ByteReader names(control.result());
  EXPECT_EQ(names.string(), "");
  EXPECT_NE(names.status().message().find("control"), std::string::npos);
  ByteReader binary(control.result());
  EXPECT_EQ(binary.string(100, true), "a\nb");
}

} // namespace
