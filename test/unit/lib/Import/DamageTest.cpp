//===- DamageTest.cpp - Damaged checkpoints through the importer ----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Truncated files and flipped bytes give one line that names the file and the
// place, or a valid other model: its IR verifies and every byte of its
// parameters can be read. Seeded; run it under AddressSanitizer for what it
// cannot see by itself.
//
//===----------------------------------------------------------------------===//

#include "test/unit/DamagedFile.h"
#include "test/unit/lib/Import/ImportFixture.h"

#include "runtime/Text/Tokenizer.h"

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::test::DamagedFile;
using ::lowbit::test::TestFolder;

namespace {

/// A model, the file of it that is damaged, and the bytes of that file that are
/// structure (0: all).
struct Damage {
  bool shared; ///< of ../shared/models, else of test/Inputs/import
  const char *model;
  const char *file; ///< within the model's folder; empty: the model itself
  size_t head;
};

class DamageTest : public mlir::lowbit::test::ImportTest,
                   public ::testing::WithParamInterface<Damage> {
protected:
  DamageTest() { context.disableMultithreading(); }

  /// Imports the damaged model and reads every parameter.
  void check(const std::string &what) {
    SCOPED_TRACE(what);
    auto model = importModel(modelPath, ImportOptions(), context);
    if (!model.isOk()) {
      ::lowbit::test::expectNamesPlace(model.status().message(), namedPath);
      EXPECT_TRUE(model.status().notes().empty()) << model.status().toString();
      ++refused;
      return;
    }
    ++accepted;
    EXPECT_TRUE(succeeded(verify(*model->module)));
    for (ParamOp param : model->module->getOps<ParamOp>()) {
      ::lowbit::Status status = model->archive->materialize(param, components);
      if (status.isOk())
        continue;
      const std::string &message = status.message();
      EXPECT_NE(message.find("parameter '"), std::string::npos) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
    if (model->tokenizer.kind == ::lowbit::TokenizerKind::none)
      return;
    EXPECT_TRUE(validate(model->tokenizer).isOk());
    auto tokenizer = ::lowbit::Tokenizer::create(std::move(model->tokenizer));
    if (tokenizer.isOk())
      (void)tokenizer->encode("Once upon a time \u00e9 <|end|> 12").isOk();
  }

  std::string modelPath;
  std::string namedPath; ///< what an error must name
  ComponentBytes components;
  int refused = 0, accepted = 0;
};

TEST_P(DamageTest, IsRefusedInOneLineOrAnotherModel) {
  const Damage &damage = GetParam();
  TestFolder folder(
      std::string("lowbit-damage-") +
      ::testing::UnitTest::GetInstance()->current_test_info()->name());
  std::string source =
      damage.shared ? std::string(LOWBIT_SHARED_DIR) + "/models/"
                    : std::string(LOWBIT_SOURCE_DIR) + "/test/Inputs/import/";
  source += damage.model;
  if (!std::filesystem::exists(source))
    GTEST_SKIP() << "no " << source;
  modelPath = folder.path(damage.model);
  std::filesystem::copy(source, modelPath,
                        std::filesystem::copy_options::recursive);
  const std::string path =
      *damage.file ? modelPath + "/" + damage.file : modelPath;
  std::filesystem::permissions(path, std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::add);
  namedPath = folder.path();
  DamagedFile file(path);
  ASSERT_TRUE(file.isOpen()) << path;
  check("nothing damaged");
  ASSERT_EQ(accepted, 1);
  accepted = 0;

  // What may follow the last bracket of JSON can be lost.
  size_t end = file.bytes().find_last_not_of(" \n");
  const size_t head =
      damage.head ? std::min(damage.head, file.bytes().size()) : end;
  int acceptedTruncations = 0;
  file.forEachDamage(
      head,
      [&](const std::string &what) {
        check(what);
        acceptedTruncations = accepted;
      },
      [&](const std::string &what) { check(what); });
  EXPECT_EQ(acceptedTruncations, 0) << "a truncated file was accepted";
  EXPECT_GT(refused, ::lowbit::test::damageTruncations);
  RecordProperty("refused", refused);
  RecordProperty("accepted", accepted);
}

INSTANTIATE_TEST_SUITE_P(
    All, DamageTest,
    ::testing::Values(
        // The three files of one container and the other container of the same
        // model; the heads are the headers of the files.
        Damage{true, "stories260K.gguf", "", 14240},
        Damage{true, "stories260K-hf", "model.safetensors", 5000},
        Damage{true, "stories260K-hf", "config.json", 0},
        Damage{true, "stories260K-hf", "tokenizer.json", 0},
        // Quantized, packed ternary and sharded models of the tree.
        Damage{false, "qwen2-q8.gguf", "", 3000},
        Damage{false, "bitnet-bitlinear", "config.json", 0},
        Damage{false, "bitnet-bitlinear", "model.safetensors", 4000},
        Damage{false, "qwen2", "model.safetensors.index.json", 0}),
    [](const auto &info) {
      std::string name = std::string(info.param.model) + "_" + info.param.file;
      for (char &c : name)
        if (!std::isalnum(static_cast<unsigned char>(c)))
          c = '_';
      return name;
    });

} // namespace
