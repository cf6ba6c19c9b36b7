//===- DenoiseTest.cpp - The denoising loop on a formula ------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/Denoise.h"

#include <set>

#include <gtest/gtest.h>

using namespace lowbit;

namespace {

/// prediction = label + time * x, elementwise; remembers what it was asked.
class Formula : public DenoiseFunction {
public:
  int64_t latentSize() const override { return 3; }
  Status prepare(const DenoiseSteps &steps,
                 std::span<const int32_t> labels) override {
    times.clear();
    for (const SamplerStep &step : steps.all)
      times.push_back(step.time);
    known = {labels.begin(), labels.end()};
    EXPECT_EQ(known.size(), labels.size());
    return {};
  }
  Status predict(int64_t step, std::span<const int32_t> labels,
                 std::span<const float> latents,
                 std::span<float> prediction) override {
    EXPECT_EQ(latents.size(), labels.size() * 3);
    EXPECT_EQ(prediction.size(), latents.size());
    if (step == failAt)
      return internalError("no more");
    ++calls;
    mostImages = std::max(mostImages, labels.size());
    for (size_t i = 0; i < latents.size(); ++i) {
      EXPECT_TRUE(known.count(labels[i / 3]));
      prediction[i] = static_cast<float>(labels[i / 3]) +
                      times[static_cast<size_t>(step)] * latents[i];
    }
    return {};
  }
  std::vector<float> times;
  std::set<int32_t> known;
  int64_t failAt = -1;
  size_t calls = 0;
  size_t mostImages = 0;
};

DenoiseOptions fiveSteps() {
  DenoiseOptions options;
  options.steps.all = *samplerSteps(DenoiseSchedule(), 5);
  options.steps.end = 5;
  return options;
}

StatusOr<DenoiseResult> denoise(DenoiseFunction &model,
                                std::span<const int32_t> labels,
                                std::span<float> latents,
                                const DenoiseOptions &options) {
  KeptPredictions kept;
  return lowbit::denoise(model, labels, latents, kept, options);
}

const std::vector<int32_t> labels = {4, 1, 4, 0, 2};
const std::vector<float> noise = {0.5f, -1, 2,  3,  0.25f, 1,    -2, 0.125f,
                                  7,    0,  -3, 1.5f, 1,    0.75f, -0.5f};

std::vector<float> run(const DenoiseOptions &options) {
  Formula model;
  std::vector<float> latents = noise;
  auto result = denoise(model, labels, latents, options);
  EXPECT_TRUE(result.isOk()) << result.status().toString();
  return latents;
}

TEST(Denoise, FollowsTheWrittenOrder) {
  for (float guidance : {1.0f, 2.5f}) {
    DenoiseOptions options = fiveSteps();
    options.guidance = guidance;
    options.nullLabel = 9;
    std::vector<float> expected = noise;
    for (size_t i = 0; i < expected.size(); ++i)
      for (const SamplerStep &step : options.steps.all) {
        float v = static_cast<float>(labels[i / 3]) + step.time * expected[i];
        float u = 9.0f + step.time * expected[i];
        if (guidance != 1) {
          float scaled = guidance * (v - u);
          v = u + scaled;
        }
        float change = v * step.delta;
        expected[i] = expected[i] + change;
      }
    EXPECT_EQ(run(options), expected);
  }
}

TEST(Denoise, BatchDoesNotMatter) {
  DenoiseOptions options = fiveSteps();
  options.guidance = 3;
  options.nullLabel = 9;
  options.batch = 16;
  std::vector<float> together = run(options);
  for (int64_t batch : {1, 2, 3, 5}) {
    options.batch = batch;
    EXPECT_EQ(run(options), together) << batch;
  }
}

TEST(Denoise, GroupsAreNotLargerThanTheBatch) {
  Formula model;
  std::vector<float> latents = noise;
  DenoiseOptions options = fiveSteps();
  options.batch = 2;
  ASSERT_TRUE(denoise(model, labels, latents, options).isOk());
  EXPECT_EQ(model.mostImages, 2u);
  EXPECT_EQ(model.calls, 15u);
  // Without guidance the null label is neither prepared nor asked for.
  EXPECT_EQ(model.known, (std::set<int32_t>{0, 1, 2, 4}));
}

TEST(Denoise, StoppedAndContinuedIsTheSame) {
  std::vector<float> whole = run(fiveSteps());
  Formula model;
  for (int64_t stop = 1; stop < 5; ++stop) {
    DenoiseOptions options = fiveSteps();
    std::vector<float> latents = noise;
    options.steps.end = stop;
    ASSERT_EQ(denoise(model, labels, latents, options)->nextStep, stop);
    options.steps.first = stop;
    options.steps.end = 5;
    ASSERT_EQ(denoise(model, labels, latents, options)->nextStep, 5);
    EXPECT_EQ(latents, whole);
  }
}

TEST(Denoise, InterruptEndsAfterTheStep) {
  Formula model;
  std::atomic<bool> interrupt = false;
  std::vector<int64_t> seen;
  DenoiseOptions options = fiveSteps();
  options.interrupt = &interrupt;
  options.onStep = [&](int64_t done) {
    seen.push_back(done);
    interrupt = done == 2;
  };
  std::vector<float> latents = noise;
  EXPECT_EQ(denoise(model, labels, latents, options)->nextStep, 2);
  EXPECT_EQ(seen, (std::vector<int64_t>{1, 2}));
  DenoiseOptions two = fiveSteps();
  two.steps.end = 2;
  EXPECT_EQ(latents, run(two));
}

TEST(Denoise, FirstPredictionIsKept) {
  Formula model;
  DenoiseOptions options = fiveSteps();
  options.batch = 2;
  std::vector<float> latents = noise;
  auto result = denoise(model, labels, latents, options);
  ASSERT_EQ(result->firstPrediction.size(), noise.size());
  // At time 0 the formula is the label.
  for (size_t i = 0; i < noise.size(); ++i)
    EXPECT_EQ(result->firstPrediction[i], static_cast<float>(labels[i / 3]));
}

TEST(Denoise, ReusedPredictions) {
  DenoiseOptions options = fiveSteps();
  options.reuse = {-1, 0, -1, 2, 0};
  Formula model;
  std::vector<float> latents = noise, expected = noise;
  ASSERT_TRUE(denoise(model, labels, latents, options).isOk());
  EXPECT_EQ(model.calls, 2u);
  std::vector<std::vector<float>> predictions;
  for (size_t step = 0; step < 5; ++step) {
    std::vector<float> prediction;
    for (size_t i = 0; i < noise.size(); ++i)
      prediction.push_back(static_cast<float>(labels[i / 3]) +
                           options.steps.all[step].time * expected[i]);
    int64_t from = options.reuse[step];
    predictions.push_back(from < 0 ? prediction
                                   : predictions[static_cast<size_t>(from)]);
    advance(SamplerKind::euler, options.steps.all[step], predictions.back(),
            expected);
  }
  EXPECT_EQ(latents, expected);

  // What is kept at a stop is what the rest needs, and enough for it.
  for (int64_t stop = 1; stop < 5; ++stop) {
    KeptPredictions kept;
    latents = noise;
    options.steps.first = 0;
    options.steps.end = stop;
    ASSERT_TRUE(lowbit::denoise(model, labels, latents, kept, options).isOk());
    EXPECT_EQ(kept.size(), stop == 3 ? 2u : 1u);
    options.steps.first = stop;
    options.steps.end = 5;
    KeptPredictions none;
    std::vector<float> copy = latents;
    EXPECT_FALSE(lowbit::denoise(model, labels, copy, none, options).isOk());
    ASSERT_TRUE(lowbit::denoise(model, labels, latents, kept, options).isOk());
    EXPECT_EQ(latents, expected);
    EXPECT_TRUE(kept.empty());
  }
}

TEST(Denoise, ReuseOfASchedule) {
  DenoiseSchedule schedule;
  EXPECT_TRUE(stepReuse(schedule, 7)->empty());
  schedule.defaultSteps = 4;
  schedule.reuse = {{1, 0}, {3, 2}};
  EXPECT_EQ(*stepReuse(schedule, 4), (std::vector<int64_t>{-1, 0, -1, 2}));
  EXPECT_EQ(stepReuse(schedule, 5).status().message(),
            "the model's schedule reuses predictions in a loop of 4 steps; 5 are "
            "not possible");
}

TEST(Denoise, BadRequestsAreRefused) {
  Formula model;
  std::vector<float> latents = noise;
  DenoiseOptions options = fiveSteps();
  options.steps.end = 6;
  EXPECT_EQ(denoise(model, labels, latents, options).status().message(),
            "steps 0 to 6 are asked for; the loop has 5");
  options = fiveSteps();
  options.steps.first = 5;
  EXPECT_FALSE(denoise(model, labels, latents, options).isOk());
  options = fiveSteps();
  options.batch = 0;
  EXPECT_FALSE(denoise(model, labels, latents, options).isOk());
  options = fiveSteps();
  EXPECT_EQ(denoise(model, labels, std::span(latents).first(14), options)
                .status()
                .message(),
            "5 images of 3 numbers are not 14 numbers");
  EXPECT_FALSE(denoise(model, {}, {}, options).isOk());
  model.failAt = 3;
  EXPECT_EQ(denoise(model, labels, latents, options).status().message(),
            "no more");
}

} // namespace
