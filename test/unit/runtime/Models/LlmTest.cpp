//===- LlmTest.cpp - The decode loop on a hand-made model -----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/Generate.h"
#include "runtime/Models/Llm.h"
#include "runtime/Models/Perplexity.h"
#include "test/conformance/TinyModule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

using namespace lowbit;
using namespace lowbit::test;

namespace {

class LlmTest : public ::testing::TestWithParam<unsigned> {
protected:
  void SetUp() override {
    if (!haveCompiler())
      GTEST_SKIP() << "no C compiler";
    DeviceOptions options;
    options.threads = GetParam();
    device = builtinDevices().create("cpu", options).value();
    ASSERT_TRUE(writeTinyModule(folder.file("m.lowbit")).isOk());
    auto loaded = Module::load(folder.file("m.lowbit"), *device);
    ASSERT_TRUE(loaded.isOk()) << loaded.status().toString();
    module = std::move(*loaded);
  }
  std::unique_ptr<Llm> llm(int64_t ubatch, int64_t context = 0) {
    LlmOptions options;
    options.ubatch = ubatch;
    options.context = context;
    auto made = Llm::create(*module, options);
    EXPECT_TRUE(made.isOk()) << made.status().toString();
    return std::move(*made);
  }

  TemporaryFolder folder;
  std::unique_ptr<Device> device;
  std::unique_ptr<Module> module;
};

const std::vector<int32_t> someIds = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7,
                                      9, 3, 2, 3, 8, 4, 6, 2, 6, 4, 3, 3, 8, 3};

TEST_P(LlmTest, LogitsDoNotDependOnTheMicroBatch) {
  std::vector<std::vector<float>> expected = tinyReference(someIds);
  for (int64_t ubatch : {1, 2, 5, 17, 28, 128}) {
    std::unique_ptr<Llm> model = llm(ubatch);
    EXPECT_EQ(model->vocabulary(), tinyVocabulary);
    int64_t next = 0;
    Status status = model->feed(
        someIds, LogitRows::all,
        [&](int64_t position, std::span<const float> logits) -> Status {
          EXPECT_EQ(position, next++);
          EXPECT_TRUE(std::equal(logits.begin(), logits.end(),
                                 expected[position].begin(),
                                 expected[position].end()));
          return {};
        });
    ASSERT_TRUE(status.isOk()) << status.toString();
    EXPECT_EQ(next, static_cast<int64_t>(someIds.size()));
    EXPECT_TRUE(std::equal(model->logits().begin(), model->logits().end(),
                           expected.back().begin()));
  }
}

TEST_P(LlmTest, ResetStartsAgain) {
  std::unique_ptr<Llm> model = llm(4);
  ASSERT_TRUE(model->feed(someIds, LogitRows::none).isOk());
  model->reset();
  std::vector<int32_t> two = {7, 2};
  ASSERT_TRUE(model->feed(two, LogitRows::last).isOk());
  std::vector<float> expected = tinyReference(two).back();
  EXPECT_TRUE(std::equal(model->logits().begin(), model->logits().end(),
                         expected.begin()));
}

TEST_P(LlmTest, BadTokensChangeNothing) {
  std::unique_ptr<Llm> model = llm(4, 10);
  EXPECT_EQ(model->context(), 10);
  EXPECT_FALSE(model->feed(someIds, LogitRows::none).isOk());
  for (int32_t bad : {-1, 11, INT32_MAX}) {
    std::vector<int32_t> ids = {1, bad};
    EXPECT_FALSE(model->feed(ids, LogitRows::none).isOk());
  }
  EXPECT_EQ(model->position(), 0);
}

TEST_P(LlmTest, GreedyGenerationFollowsTheLogits) {
  std::unique_ptr<Llm> model = llm(128);
  std::vector<int32_t> prompt = {3, 1, 4};
  GenerateOptions options;
  options.tokens = 12;
  auto result = generate(*model, nullptr, prompt, options);
  ASSERT_TRUE(result.isOk()) << result.status().toString();
  ASSERT_EQ(result->tokens.size(), 12u);
  EXPECT_EQ(result->end, GenerateEnd::length);
  EXPECT_EQ(result->decodeSteps, 11);
  std::vector<int32_t> ids = prompt;
  for (int32_t token : result->tokens) {
    std::vector<float> row = tinyReference(ids).back();
    EXPECT_EQ(token, std::max_element(row.begin(), row.end()) - row.begin());
    ids.push_back(token);
  }
}

TEST_P(LlmTest, GenerationEndsAtTheContext) {
  std::unique_ptr<Llm> model = llm(128, 8);
  std::vector<int32_t> prompt = {3, 1, 4};
  GenerateOptions options;
  auto result = generate(*model, nullptr, prompt, options);
  ASSERT_TRUE(result.isOk());
  EXPECT_EQ(result->end, GenerateEnd::context);
  EXPECT_EQ(result->tokens.size(), 6u);
  std::atomic<bool> interrupt{true};
  options.interrupt = &interrupt;
  model->reset();
  result = generate(*model, nullptr, prompt, options);
  ASSERT_TRUE(result.isOk());
  EXPECT_EQ(result->end, GenerateEnd::interrupted);
  EXPECT_TRUE(result->tokens.empty());
  model->reset();
  EXPECT_FALSE(generate(*model, nullptr, {}, options).isOk());
}

INSTANTIATE_TEST_SUITE_P(Threads, LlmTest, ::testing::Values(1u, 2u, 3u, 8u));

TEST(PerplexityTest, LikelihoodOfUniformLogits) {
  std::vector<float> logits(50, -3.5f);
  EXPECT_NEAR(negativeLogLikelihood(logits, 7), std::log(50.0), 1e-6);
  logits[7] = 1000.0f;
  EXPECT_NEAR(negativeLogLikelihood(logits, 7), 0.0, 1e-6);
  EXPECT_NEAR(negativeLogLikelihood(logits, 8), 1003.5, 1e-3);
}

TEST(StopFilterTest, HoldsBackWhatMayStop) {
  std::vector<std::string> stops = {"END", "NOW"};
  StopFilter filter(stops);
  bool stopped = false;
  EXPECT_EQ(filter.push("abE", stopped), "ab");
  EXPECT_FALSE(stopped);
  EXPECT_EQ(filter.push("Nx", stopped), "ENx");
  EXPECT_EQ(filter.push("NO", stopped), "");
  EXPECT_EQ(filter.push("EN", stopped), "NO");
  EXPECT_EQ(filter.push("D more", stopped), "");
  EXPECT_TRUE(stopped);
  StopFilter open(stops);
  EXPECT_EQ(open.push("xEN", stopped), "x");
  EXPECT_EQ(open.finish(), "EN");
  StopFilter none{std::span<const std::string>()};
  EXPECT_EQ(none.push("END", stopped), "END");
  EXPECT_FALSE(stopped);
}

} // namespace
