//===- StoriesTest.cpp - A whole model through the interpreter ------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// stories260K against logits computed in f64 by test/Inputs/reference/
// stories260K.py from another file of the same model.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/ModelImporter.h"
#include "lib/Reference/Interpreter.h"
#include "lowbit/Compiler/Registration.h"
#include "lowbit/Support/Npy.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

using namespace lowbit;
using namespace lowbit::reference;

namespace {

class ModelTest : public testing::Test {
protected:
  ModelTest() : context(makeRegistry()) {}
  static mlir::DialectRegistry makeRegistry() {
    mlir::DialectRegistry registry;
    mlir::lowbit::registerAllDialects(registry);
    return registry;
  }

  void import(const std::string &name) {
    const std::string path = std::string(LOWBIT_SHARED_DIR) + "/models/" + name;
    if (!std::filesystem::exists(path))
      GTEST_SKIP() << "no " << path;
    mlir::lowbit::ImportOptions options;
    options.readTokenizer = false;
    StatusOr<mlir::lowbit::ImportedModel> imported =
        mlir::lowbit::importModel(path, options, context);
    ASSERT_TRUE(imported.isOk()) << imported.status().toString();
    model = std::move(*imported);
    interpreter.emplace(*model.module,
                        [this](mlir::lowbit::ParamOp param,
                               std::vector<std::vector<uint8_t>> &components) {
                          return model.archive->materialize(param, components);
                        });
  }

  /// Logits of tokens at `position` and after it.
  std::vector<float> logitsOf(std::vector<int64_t> tokens, int64_t position) {
    Tensor ids = Tensor::zeros(ElementType::i32,
                               {static_cast<int64_t>(tokens.size())});
    ids.integers = std::move(tokens);
    auto hidden = interpreter->call(
        "forward", {Value(std::move(ids)), Value(Tensor::scalar(position))});
    EXPECT_TRUE(hidden.isOk()) << hidden.status().toString();
    auto out = interpreter->call("head", {(*hidden)[0]});
    EXPECT_TRUE(out.isOk()) << out.status().toString();
    return (*out)[0].tensor->floats;
  }

  mlir::MLIRContext context;
  mlir::lowbit::ImportedModel model;
  std::optional<Interpreter> interpreter;
};

class StoriesTest : public ModelTest,
                    public testing::WithParamInterface<const char *> {
protected:
  void SetUp() override { import(GetParam()); }

  /// Logits of tokens [begin, end) of the fixture's text.
  std::vector<float> logits(int64_t begin, int64_t end) {
    std::vector<int64_t> tokens;
    for (int64_t i = begin; i < end; ++i)
      tokens.push_back((1 + 37 * i) % 512);
    return logitsOf(std::move(tokens), begin);
  }
};

TEST_P(StoriesTest, LogitsAreThoseOfAnotherProgram) {
  StatusOr<NpyArray> fixture =
      readNpy(std::string(LOWBIT_SOURCE_DIR) +
              "/test/Inputs/reference/stories260K-logits.npy");
  ASSERT_TRUE(fixture.isOk()) << fixture.status().message();
  std::vector<float> expected(fixture->bytes.size() / 4);
  std::memcpy(expected.data(), fixture->bytes.data(), fixture->bytes.size());
  std::vector<float> actual = logits(0, 16);
  ASSERT_EQ(actual.size(), expected.size());
  float worst = 0;
  for (size_t i = 0; i < expected.size(); ++i)
    worst = std::max(worst, std::fabs(actual[i] - expected[i]));
  EXPECT_LT(worst, 3e-5f);
}

TEST_P(StoriesTest, TokenByTokenGivesTheSameBits) {
  std::vector<float> whole = logits(0, 16);
  interpreter->resetCaches();
  std::vector<float> steps;
  for (auto [begin, end] : {std::pair<int64_t, int64_t>{0, 5}, {5, 6}, {6, 7},
                            {7, 13}, {13, 16}}) {
    std::vector<float> part = logits(begin, end);
    steps.insert(steps.end(), part.begin(), part.end());
  }
  ASSERT_EQ(whole.size(), steps.size());
  EXPECT_EQ(std::memcmp(whole.data(), steps.data(), whole.size() * 4), 0);
}

INSTANTIATE_TEST_SUITE_P(Containers, StoriesTest,
                         testing::Values("stories260K.gguf", "stories260K-hf"));

/// Greedy tokens from BOS as PyTorch computed them in f64 around integer dots
/// (shared/models/SOURCES.md).
constexpr int64_t ternaryGolden[] = {
    1, 403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317,
    426, 338, 401, 396, 267, 337, 410, 408, 419, 292, 411, 322, 265, 282, 295,
    433, 426, 385, 328, 432, 358, 394, 261, 370, 268, 414, 444, 322, 265, 282,
    295, 433, 426, 338, 391, 266, 267, 337, 335, 312, 432, 398, 312, 286, 267,
    414, 270, 295, 418};

TEST_F(ModelTest, PackedBitNetWritesTheGoldenText) {
  import("stories-ternary-2M");
  if (IsSkipped())
    return;
  for (size_t i = 0; i + 1 < std::size(ternaryGolden); ++i) {
    std::vector<float> next =
        logitsOf({ternaryGolden[i]}, static_cast<int64_t>(i));
    ASSERT_EQ(next.size(), 512u);
    EXPECT_EQ(std::max_element(next.begin(), next.end()) - next.begin(),
              ternaryGolden[i + 1])
        << "after token " << i;
  }
}

} // namespace
