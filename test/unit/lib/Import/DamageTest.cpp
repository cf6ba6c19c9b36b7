//===- DamageTest.cpp - Damaged checkpoints through the importer ----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Truncated files and flipped bytes give one line that names the file, or a
// valid other model whose parameters can be read. Seeded; run it under
// AddressSanitizer for what it cannot see by itself.
//
//===----------------------------------------------------------------------===//

#include "test/unit/lib/Import/ImportFixture.h"

#include <sstream>

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::test::TestFolder;

namespace {

/// A model of the tree, the file of it that is damaged, and how many of the
/// file's first bytes are flipped (0: all).
struct Damage {
  const char *model;
  const char *file; ///< within the model's folder; empty: the model itself
  size_t region;
};

class DamageTest : public mlir::lowbit::test::ImportTest,
                   public ::testing::WithParamInterface<Damage> {
protected:
  /// Imports `path` and reads every parameter.
  void check(const std::string &path, const std::string &folder) {
    MLIRContext fresh(MLIRContext::Threading::DISABLED);
    auto model = importModel(path, ImportOptions(), fresh);
    if (!model.isOk()) {
      const std::string &message = model.status().message();
      EXPECT_NE(message.find(folder), std::string::npos) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      EXPECT_LT(message.size(), 4000u);
      ++refused;
      return;
    }
    ++accepted;
    ComponentBytes components;
    for (ParamOp param : model->module->getOps<ParamOp>()) {
      ::lowbit::Status status = model->archive->materialize(param, components);
      if (!status.isOk())
        EXPECT_NE(status.message().find("parameter '"), std::string::npos);
    }
  }

  int refused = 0, accepted = 0;
};

TEST_P(DamageTest, IsRefusedInOneLineOrAnotherModel) {
  const Damage &damage = GetParam();
  TestFolder folder("lowbit-damage");
  std::string source = std::string(LOWBIT_SOURCE_DIR) + "/test/Inputs/import/";
  std::filesystem::copy(source + damage.model, folder.path(damage.model),
                        std::filesystem::copy_options::recursive);
  std::string path = folder.path(damage.model);
  std::string file = *damage.file ? path + "/" + damage.file : path;
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  const std::string original = text.str();
  ASSERT_FALSE(original.empty());
  auto write = [&](const std::string &bytes) {
    std::filesystem::remove(file);
    std::ofstream(file, std::ios::binary) << bytes;
  };

  std::mt19937 engine(7);
  for (int i = 0; i < 60; ++i) {
    write(original.substr(0, engine() % original.size()));
    check(path, folder.path());
  }
  EXPECT_EQ(accepted, 0) << "a truncated file was accepted";
  const size_t region = damage.region ? std::min(damage.region, original.size())
                                      : original.size();
  for (int i = 0; i < 300; ++i) {
    std::string bytes = original;
    bytes[engine() % region] ^= static_cast<char>(1 + engine() % 255);
    write(bytes);
    check(path, folder.path());
  }
  EXPECT_GT(refused, 60);
}

INSTANTIATE_TEST_SUITE_P(
    All, DamageTest,
    ::testing::Values(Damage{"qwen2-q8.gguf", "", 3000},
                      Damage{"bitnet-bitlinear", "config.json", 0},
                      Damage{"bitnet-bitlinear", "model.safetensors", 4000},
                      Damage{"qwen2", "model.safetensors.index.json", 0}),
    [](const auto &info) {
      std::string name = std::string(info.param.model) + "_" + info.param.file;
      for (char &c : name)
        if (!std::isalnum(static_cast<unsigned char>(c)))
          c = '_';
      return name;
    });

} // namespace
