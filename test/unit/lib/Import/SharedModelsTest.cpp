//===- SharedModelsTest.cpp - The shared models, to IR --------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/lib/Import/ImportFixture.h"

#include <regex>

using namespace mlir;
using namespace mlir::lowbit;

namespace {

class SharedModelsTest : public mlir::lowbit::test::ImportTest {
protected:
  static std::string shared(const std::string &name) {
    return std::string(LOWBIT_SHARED_DIR) + "/models/" + name;
  }
  static bool has(const std::string &name) {
    return std::filesystem::exists(shared(name));
  }
  /// The IR without what may differ between containers.
  static std::string neutral(ModuleOp module) {
    module->removeAttr("lowbit.source");
    module->removeAttr("lowbit.meta");
    module.walk([](ParamOp param) {
      if (isa_and_nonnull<FileSourceAttr>(
              param.getSource().value_or(Attribute())))
        param.removeSourceAttr();
    });
    module.walk([](RopeOp rope) { rope.setPairs(RopePairs::Half); });
    return print(module);
  }
};

TEST_F(SharedModelsTest, BothContainersOfStoriesGiveTheSameModel) {
  if (!has("stories260K.gguf") || !has("stories260K-hf"))
    GTEST_SKIP() << "no " << shared("stories260K.gguf");
  ImportedModel gguf = import(shared("stories260K.gguf"));
  ImportedModel folder = import(shared("stories260K-hf"));
  ASSERT_TRUE(gguf.module && folder.module);
  for (RopeOp rope : (*gguf.module).getOps<RopeOp>())
    EXPECT_EQ(rope.getPairs(), RopePairs::Adjacent);
  // Rows of q and k are permuted between the two; everything else has the same
  // numbers.
  for (const char *name : {"token_embedding", "output_norm", "l0.attn_norm",
                           "l1.v", "l2.o", "l3.gate", "l4.down"})
    EXPECT_EQ(decoded(*gguf.archive, paramOf(*gguf.module, name)),
              decoded(*folder.archive, paramOf(*folder.module, name)))
        << name;
  // GGUF pair (2i, 2i + 1) of a head is Hugging Face pair (i, i + 4).
  std::vector<float> adjacent =
      decoded(*gguf.archive, paramOf(*gguf.module, "l0.q"));
  std::vector<float> half =
      decoded(*folder.archive, paramOf(*folder.module, "l0.q"));
  for (int head = 0; head < 8; ++head)
    for (int i = 0; i < 8; ++i)
      for (int k = 0; k < 64; ++k)
        ASSERT_EQ(adjacent[(head * 8 + i) * 64 + k],
                  half[(head * 8 + i / 2 + (i % 2) * 4) * 64 + k]);
  EXPECT_EQ(neutral(*gguf.module), neutral(*folder.module));
}

TEST_F(SharedModelsTest, StoriesHashIsThatOfTheFile) {
  if (!has("stories260K.gguf"))
    GTEST_SKIP() << "no " << shared("stories260K.gguf");
  ImportedModel gguf = import(shared("stories260K.gguf"));
  ASSERT_TRUE(gguf.module);
  EXPECT_EQ(gguf.archive->sha256(),
            "347cdf9478ab9f6d7e7ace74fef3826d66bb46922389a14858099baebda65ba8");
}

TEST_F(SharedModelsTest, TernaryStoriesRunAsTernaryTimesInt8) {
  if (!has("stories-ternary-2M"))
    GTEST_SKIP() << "no " << shared("stories-ternary-2M");
  ImportedModel model = import(shared("stories-ternary-2M"));
  ASSERT_TRUE(model.module);
  int64_t ternary = 0, matmuls = 0;
  (*model.module).walk([&](MatmulOp matmul) {
    if (matmul->getParentOfType<BlockOp>()) {
      ++matmuls;
      EXPECT_TRUE(isa<LowbitTensorType>(matmul.getInput().getType()));
    }
  });
  EXPECT_EQ(matmuls, 7);
  // 2,359,296 ternary weights (SOURCES.md); the zeros were counted in the
  // file's two-bit fields.
  int64_t zeros = 0;
  for (ParamOp param : (*model.module).getOps<ParamOp>()) {
    auto type = dyn_cast<LowbitTensorType>(param.getType());
    if (!type || type.getLeafDesc()->code.isFloat())
      continue;
    for (float value : decoded(*model.archive, param)) {
      ++ternary;
      zeros += value == 0.0f;
    }
  }
  EXPECT_EQ(ternary, 2359296);
  EXPECT_EQ(zeros, 773995);
}

TEST_F(SharedModelsTest, TokenizersComeWithTheModels) {
  if (!has("stories260K.gguf"))
    GTEST_SKIP() << "no " << shared("stories260K.gguf");
  for (const char *name :
       {"stories260K.gguf", "stories260K-hf", "stories-ternary-2M"}) {
    auto model = importModel(shared(name), ImportOptions(), context);
    ASSERT_TRUE(model.isOk()) << model.status().toString();
    EXPECT_EQ(model->tokenizer.tokens.size(), 512u) << name;
    EXPECT_EQ(model->tokenizer.bosId, 1) << name;
    auto again = reopenModel(*model->module);
    ASSERT_TRUE(again.isOk()) << again.status().toString();
    EXPECT_EQ(again->tokenizer, model->tokenizer);
    EXPECT_EQ(again->meta, model->meta);
  }
}

} // namespace
