//===- SamplerTest.cpp ----------------------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Text/Sampler.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace lowbit;

static int32_t pick(const SamplerOptions &options, std::vector<float> logits) {
  Sampler sampler(options);
  StatusOr<int32_t> id = sampler.sample(logits);
  EXPECT_TRUE(id.isOk());
  return id.isOk() ? *id : -1;
}

TEST(Sampler, GreedyTakesTheLowestIdAmongEquals) {
  EXPECT_EQ(pick({}, {1, 3, 3, 2}), 1);
  EXPECT_EQ(pick({}, {-1, -3, -1}), 0);
  SamplerOptions one;
  one.temperature = 1.0f;
  one.topK = 1;
  EXPECT_EQ(pick(one, {1, 3, 3, 2}), 1);
}

TEST(Sampler, NanIsNeverChosen) {
  float nan = std::numeric_limits<float>::quiet_NaN();
  float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(pick({}, {nan, -5, nan}), 1);
  SamplerOptions hot;
  hot.temperature = 100.0f;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    hot.seed = seed;
    EXPECT_EQ(pick(hot, {nan, -5, -inf}), 1);
    EXPECT_EQ(pick(hot, {0, inf, inf}), 1);
  }
  Sampler sampler({});
  EXPECT_FALSE(sampler.sample(std::vector<float>{nan, -inf}).isOk());
  EXPECT_FALSE(sampler.sample({}).isOk());
}

TEST(Sampler, RefusesBadOptions) {
  SamplerOptions options;
  options.repeatPenalty = 0.0f;
  EXPECT_FALSE(validate(options).isOk());
  options = {};
  options.temperature = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(validate(options).isOk());
  options = {};
  options.repeatLastN = -2;
  EXPECT_FALSE(validate(options).isOk());
  EXPECT_TRUE(validate(SamplerOptions()).isOk());
}

TEST(Sampler, Pcg32IsTheReferenceGenerator) {
  // The stream of the reference implementation, computed in Python from the
  // recurrence of the paper: seed 42, default stream.
  Pcg32 random(42);
  const uint32_t expected[] = {0xc2f57bd6u, 0x6b07c4a9u, 0x72b7b29bu,
                               0x44215383u, 0xf5af5eadu, 0x68beb632u};
  for (uint32_t value : expected)
    EXPECT_EQ(random.next(), value);
}

TEST(Sampler, ExpAgreesWithTheLibrary) {
  for (double x = 0; x > -700; x -= 0.0371) {
    double want = std::exp(x);
    EXPECT_NEAR(deterministicExp(x) / want, 1.0, 4e-16) << x;
  }
  EXPECT_EQ(deterministicExp(0), 1.0);
  EXPECT_EQ(deterministicExp(-800), 0.0);
  EXPECT_EQ(deterministicExp(std::nan("")), 0.0);
  EXPECT_EQ(deterministicExp(-std::numeric_limits<double>::infinity()), 0.0);
}

/// How often each id is drawn.
static std::vector<double> frequencies(SamplerOptions options,
                                       std::vector<float> logits, int draws) {
  Sampler sampler(options);
  std::vector<double> counts(logits.size());
  for (int i = 0; i < draws; ++i)
    counts[static_cast<size_t>(sampler.sample(logits).value())] += 1.0 / draws;
  return counts;
}

TEST(Sampler, DrawsWithTheProbabilitiesOfTheLogits) {
  SamplerOptions options;
  options.temperature = 1.0f;
  std::vector<float> logits = {std::log(0.1f), std::log(0.6f), std::log(0.3f)};
  std::vector<double> counts = frequencies(options, logits, 20000);
  EXPECT_NEAR(counts[0], 0.1, 0.02);
  EXPECT_NEAR(counts[1], 0.6, 0.02);
  EXPECT_NEAR(counts[2], 0.3, 0.02);
  options.temperature = 0.5f; // squares: 0.01, 0.36, 0.09 of 0.46
  counts = frequencies(options, logits, 20000);
  EXPECT_NEAR(counts[0], 0.01 / 0.46, 0.02);
  EXPECT_NEAR(counts[1], 0.36 / 0.46, 0.02);
}

TEST(Sampler, FiltersKeepWhatTheirRulesSay) {
  std::vector<float> logits = {std::log(0.1f), std::log(0.6f), std::log(0.3f)};
  SamplerOptions options;
  options.temperature = 1.0f;
  options.topP = 0.85f; // 0.6, then 0.9
  EXPECT_EQ(frequencies(options, logits, 2000)[0], 0.0);
  EXPECT_GT(frequencies(options, logits, 2000)[2], 0.2);
  options.topP = 0.5f;
  EXPECT_EQ(frequencies(options, logits, 500)[2], 0.0);
  options.topP = 0.0f; // at least one stays
  EXPECT_NEAR(frequencies(options, logits, 500)[1], 1.0, 1e-9);
  options = {};
  options.temperature = 1.0f;
  options.minP = 0.4f; // 0.3 / 0.6 stays, 0.1 / 0.6 goes
  EXPECT_EQ(frequencies(options, logits, 2000)[0], 0.0);
  EXPECT_GT(frequencies(options, logits, 2000)[2], 0.2);
  options.minP = 5.0f;
  EXPECT_NEAR(frequencies(options, logits, 500)[1], 1.0, 1e-9);
  options = {};
  options.temperature = 1.0f;
  options.topK = 2;
  EXPECT_EQ(frequencies(options, logits, 2000)[0], 0.0);
  EXPECT_GT(frequencies(options, logits, 2000)[2], 0.2);
}

TEST(Sampler, SameSeedSameIds) {
  SamplerOptions options;
  options.temperature = 1.5f;
  options.topP = 0.95f;
  options.seed = 7;
  std::vector<float> logits(1000);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = static_cast<float>((i * 2654435761u) % 1000) / 200.0f;
  Sampler a(options), b(options);
  options.seed = 8;
  Sampler c(options);
  bool differs = false;
  for (int i = 0; i < 64; ++i) {
    int32_t id = a.sample(logits).value();
    EXPECT_EQ(id, b.sample(logits).value());
    differs |= id != c.sample(logits).value();
  }
  EXPECT_TRUE(differs);
}

TEST(Sampler, RepeatPenaltyCountsEachIdOnceWithinTheWindow) {
  SamplerOptions options;
  options.repeatPenalty = 2.0f;
  options.repeatLastN = 2;
  Sampler sampler(options);
  std::vector<float> logits = {4.0f, 3.0f, -1.0f};
  EXPECT_EQ(sampler.sample(logits).value(), 0);
  sampler.accept(0);
  sampler.accept(0);
  EXPECT_EQ(sampler.sample(logits).value(), 1); // 4 / 2 < 3
  sampler.accept(1);
  EXPECT_EQ(sampler.sample(logits).value(), 0); // 2 against 1.5
  sampler.accept(1);
  EXPECT_EQ(sampler.sample(logits).value(), 0); // 0 left the window
  // A negative logit is multiplied, ids outside the vocabulary are ignored.
  Sampler negative(options);
  negative.accept(0);
  negative.accept(99);
  EXPECT_EQ(negative.sample(std::vector<float>{-1.0f, -1.5f}).value(), 1);
}
