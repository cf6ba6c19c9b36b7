//===- DamageTest.cpp - Damaged modules through reader and runtime --------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiled models, truncated and with flipped bytes. A checksum catches every
// flip. What checksums hide is reached by sealing the damage again: the flipped
// module has valid checksums, and its tables must give an error or a valid
// other module that loads, plans its memory and launches on the null device.
// The code sections stay as they are: native code is trusted once its checksum
// holds.
//
//===----------------------------------------------------------------------===//

#include "lib/Format/ModuleLayout.h"
#include "lowbit/Compiler/Compile.h"
#include "lowbit/Compiler/Registration.h"
#include "runtime/Models/Llm.h"
#include "runtime/Text/Tokenizer.h"
#include "test/unit/DamagedFile.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"

#include <cstdlib>
#include <filesystem>
#include <map>

using namespace lowbit;
using lowbit::test::damageFlips;
using lowbit::test::damageTruncations;

namespace {

const std::string moduleName = "damaged.lowbit";

/// The bytes of a compiled checkpoint; empty where the checkpoint is absent.
/// Compiled once in each process.
const std::string &compiledModule(const std::string &checkpoint) {
  static std::map<std::string, std::string> modules;
  auto [entry, isNew] = modules.try_emplace(checkpoint);
  if (!isNew || !std::filesystem::exists(checkpoint))
    return entry->second;
  mlir::DialectRegistry registry;
  mlir::lowbit::registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  mlir::lowbit::CompileOptions options;
  options.input = checkpoint;
  options.targets = {"cpu:x86-64"};
  options.output = (std::filesystem::temp_directory_path() /
                    ("lowbit-damage-" + std::to_string(::getpid()) + ".lowbit"))
                       .string();
  Status status = mlir::lowbit::compile(options, context);
  EXPECT_TRUE(status.isOk()) << status.toString();
  std::ifstream file(options.output, std::ios::binary);
  entry->second.assign(std::istreambuf_iterator<char>(file),
                       std::istreambuf_iterator<char>());
  std::filesystem::remove(options.output);
  return entry->second;
}

/// Bytes in 64-byte aligned memory that ends where they do, so that a sanitizer
/// sees any overrun.
class AlignedBytes {
public:
  explicit AlignedBytes(std::string_view content) : size(content.size()) {
    EXPECT_EQ(::posix_memalign(&memory, 64, std::max<size_t>(size, 1)), 0);
    if (size != 0)
      std::memcpy(memory, content.data(), size);
  }
  ~AlignedBytes() { std::free(memory); }
  AlignedBytes(const AlignedBytes &) = delete;
  AlignedBytes &operator=(const AlignedBytes &) = delete;
  std::span<uint8_t> bytes() { return {static_cast<uint8_t *>(memory), size}; }

private:
  void *memory = nullptr;
  size_t size;
};

void store64(std::span<uint8_t> bytes, size_t offset, uint64_t value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(value));
}

class ModuleDamageTest : public ::testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    std::string path = GetParam();
    path = path[0] == '@' ? LOWBIT_SHARED_DIR + path.substr(1)
                          : LOWBIT_SOURCE_DIR + path;
    if (!std::filesystem::exists(path))
      GTEST_SKIP() << "no " << path;
    original = compiledModule(path);
    ASSERT_FALSE(original.empty());
    auto null = builtinDevices().create("null", {});
    ASSERT_TRUE(null.isOk());
    device = std::move(*null);
  }

  void expectRefused(const Status &status) {
    ASSERT_FALSE(status.isOk());
    lowbit::test::expectNamesPlace(status.message(), moduleName);
  }

  /// Everything that lowbit-run does before the first kernel computes.
  Status load(std::span<const uint8_t> bytes) {
    LOWBIT_ASSIGN_OR_RETURN(ModuleReader reader,
                            ModuleReader::fromBytes(bytes, moduleName));
    LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<Module> module,
                            Module::load(std::move(reader), *device));
    LlmOptions options;
    options.context = 64;
    options.ubatch = 8;
    LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<Llm> llm,
                            Llm::create(*module, options));
    LOWBIT_ASSIGN_OR_RETURN(TokenizerSpec spec,
                            parseTokenizer(module->file().tokenizer()));
    if (spec.kind != TokenizerKind::none) {
      LOWBIT_ASSIGN_OR_RETURN(Tokenizer tokenizer,
                              Tokenizer::create(std::move(spec)));
      (void)tokenizer.encode("Once upon a time \u00e9").isOk();
    }
    const int32_t ids[] = {1, 2, 3};
    return llm->feed(ids, LogitRows::last);
  }

  std::string original;
  std::unique_ptr<Device> device;
};

TEST_P(ModuleDamageTest, EveryTruncationAndFlipIsNoticed) {
  std::mt19937_64 random(20251123);
  {
    AlignedBytes whole(original);
    Status status = load(whole.bytes());
    ASSERT_TRUE(status.isOk()) << status.toString();
  }
  for (int i = 0; i < damageTruncations; ++i) {
    size_t length = random() % original.size();
    SCOPED_TRACE("the first " + std::to_string(length) + " bytes");
    AlignedBytes cut(std::string_view(original).substr(0, length));
    expectRefused(load(cut.bytes()));
  }
  AlignedBytes damaged(original);
  for (int i = 0; i < damageFlips; ++i) {
    size_t offset = random() % (i % 5 ? original.size() : modulePage);
    uint8_t &byte = damaged.bytes()[offset];
    const uint8_t kept = byte;
    byte ^= static_cast<uint8_t>(1 + random() % 255);
    SCOPED_TRACE("offset " + std::to_string(offset));
    expectRefused(load(damaged.bytes()));
    byte = kept;
  }
}

TEST_P(ModuleDamageTest, SealedDamageIsRefusedOrAnotherModule) {
  AlignedBytes memory(original);
  std::span<uint8_t> bytes = memory.bytes();
  std::vector<Section> sections;
  size_t tableOffset = 0;
  {
    auto reader = ModuleReader::fromBytes(bytes, moduleName);
    ASSERT_TRUE(reader.isOk()) << reader.status().toString();
    sections.assign(reader->sections().begin(), reader->sections().end());
    std::vector<uint8_t> table = serializeSections(sections);
    tableOffset = original.size() - table.size();
    ASSERT_EQ(
        std::memcmp(bytes.data() + tableOffset, table.data(), table.size()), 0);
  }
  /// Makes all checksums right again; `damagedSection` may be null.
  auto seal = [&](const Section *damagedSection) {
    if (damagedSection) {
      std::vector<Section> sealed = sections;
      Section &section = sealed[damagedSection - sections.data()];
      section.checksum = xxh3(bytes.subspan(section.offset, section.size));
      std::vector<uint8_t> table = serializeSections(sealed);
      std::copy(table.begin(), table.end(), bytes.begin() + tableOffset);
    }
    // The last two words of the header: see ModuleLayout.h.
    store64(bytes, 40, xxh3(bytes.subspan(tableOffset)));
    store64(bytes, 56, xxh3(bytes.first(56)));
  };

  std::mt19937_64 random(3);
  std::map<std::string, std::pair<int, int>> tally; // refused, accepted
  auto tryIt = [&](const std::string &what, size_t offset,
                   const Section *section) {
    SCOPED_TRACE(what + ", offset " + std::to_string(offset));
    bytes[offset] ^= static_cast<uint8_t>(1 + random() % 255);
    seal(section);
    Status status = load(bytes);
    auto &[refused, accepted] = tally[what];
    ++(status.isOk() ? accepted : refused);
    if (!status.isOk()) {
      EXPECT_EQ(status.message().find('\n'), std::string::npos)
          << status.message();
      EXPECT_LT(status.message().size(), 4000u);
    }
    bytes[offset] = static_cast<uint8_t>(original[offset]);
    for (size_t start : {size_t(0), tableOffset})
      std::memcpy(bytes.data() + start, original.data() + start,
                  start ? original.size() - start : moduleHeaderSize);
  };
  for (const Section &section : sections) {
    if (section.kind == SectionKind::code || section.size == 0)
      continue;
    const bool structure = section.kind == SectionKind::plan ||
                           section.kind == SectionKind::components;
    for (int i = 0; i < (structure ? damageFlips / 2 : damageFlips / 20); ++i)
      tryIt(sectionKindName(section.kind),
            section.offset + random() % section.size, &section);
  }
  for (int i = 0; i < damageFlips / 5; ++i)
    tryIt("table", tableOffset + random() % (original.size() - tableOffset),
          nullptr);
  for (int i = 0; i < damageFlips / 50; ++i)
    tryIt("header", random() % 40, nullptr);
  for (const auto &[what, counts] : tally)
    RecordProperty(what, std::to_string(counts.first) + " refused, " +
                             std::to_string(counts.second) + " accepted");
  EXPECT_GT(tally["plan"].first, 0);
  EXPECT_GT(tally["weights"].second, 0);
}

INSTANTIATE_TEST_SUITE_P(All, ModuleDamageTest,
                         ::testing::Values("@/models/stories260K.gguf",
                                           "/examples/stories-ternary"),
                         [](const auto &info) {
                           return info.param[0] == '@' ? "stories260K"
                                                       : "ternary";
                         });

} // namespace
