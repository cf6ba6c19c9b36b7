//===- SamplersTest.cpp ---------------------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The fixtures are loops of PyTorch and diffusers
// (test/Inputs/samplers/make_samplers.py).
//
//===----------------------------------------------------------------------===//

#include "lowbit/Support/Npy.h"
#include "runtime/Models/Samplers.h"

#include <cstring>

#include <gtest/gtest.h>

using namespace lowbit;

namespace {

std::vector<float> fixture(const std::string &name) {
  StatusOr<NpyArray> array =
      readNpy(LOWBIT_SOURCE_DIR "/test/Inputs/samplers/" + name + ".npy");
  EXPECT_TRUE(array.isOk()) << array.status().toString();
  if (!array.isOk() || array->dtype != "f4")
    return {};
  std::vector<float> values(array->bytes.size() / 4);
  std::memcpy(values.data(), array->bytes.data(), array->bytes.size());
  return values;
}

/// Runs ten steps on the stored predictions; the largest difference from the
/// stored loop, relative to its largest number. Its timesteps must be equal.
float relativeDifference(SamplerKind kind, std::span<const SamplerStep> steps,
                        const std::string &name) {
  std::vector<float> latent = fixture("noise");
  std::vector<float> predictions = fixture("predictions");
  std::vector<float> expected = fixture(name);
  EXPECT_EQ(expected.size(), steps.size() * 17);
  float largest = 0, scale = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(steps[i].time, expected[i * 17]) << name << " step " << i;
    advance(kind, steps[i], std::span(predictions).subspan(i * 16, 16), latent);
    for (size_t j = 0; j < 16; ++j) {
      float number = expected[i * 17 + 1 + j];
      largest = std::max(largest, std::abs(latent[j] - number));
      scale = std::max(scale, std::abs(number));
    }
  }
  return largest / scale;
}

DenoiseSchedule ddim(std::vector<float> alphas,
                     StepSpacing spacing = StepSpacing::leading,
                     int64_t offset = 0) {
  DenoiseSchedule schedule;
  schedule.sampler = SamplerKind::ddim;
  schedule.alphas = std::move(alphas);
  schedule.spacing = spacing;
  schedule.spacingOffset = offset;
  return schedule;
}

TEST(Samplers, EulerFollowsPyTorch) {
  auto steps = samplerSteps(DenoiseSchedule(), 10);
  ASSERT_TRUE(steps.isOk());
  EXPECT_LE(relativeDifference(SamplerKind::euler, *steps, "euler"), 3e-7f);
}

TEST(Samplers, ExplicitTimes) {
  DenoiseSchedule schedule;
  schedule.defaultSteps = 3;
  schedule.times = {0, 0.25f, 0.75f, 1};
  auto steps = samplerSteps(schedule, 3);
  ASSERT_TRUE(steps.isOk());
  EXPECT_EQ((*steps)[1].time, 0.25f);
  EXPECT_EQ((*steps)[1].delta, 0.5f);
  EXPECT_EQ(samplerSteps(schedule, 4).status().message(),
            "the model's schedule lists the times of 3 steps; 4 are not possible");
  DenoiseSchedule table = ddim({0.9f, 0.64f, 0.36f, 0.25f});
  table.defaultSteps = 2;
  table.times = {3, 1};
  steps = samplerSteps(table, 2);
  ASSERT_TRUE(steps.isOk());
  EXPECT_EQ((*steps)[0].time, 3);
  EXPECT_EQ((*steps)[0].signal, 0.5f);
  EXPECT_EQ((*steps)[0].nextSignal, 0.8f);
  EXPECT_EQ((*steps)[1].nextSignal, 1);
}

TEST(Samplers, DdimFollowsDiffusers) {
  std::vector<float> alphas = fixture("alphas");
  ASSERT_EQ(alphas.size(), 1000u);
  struct Case {
    StepSpacing spacing;
    int64_t offset;
    bool toOne;
    const char *name;
  };
  for (const Case &one : {Case{StepSpacing::leading, 0, true, "ddim-leading"},
                          Case{StepSpacing::leading, 1, false,
                               "ddim-leading-offset"},
                          Case{StepSpacing::trailing, 0, true, "ddim-trailing"},
                          Case{StepSpacing::linspace, 0, true,
                               "ddim-linspace"}}) {
    DenoiseSchedule schedule = ddim(alphas, one.spacing, one.offset);
    schedule.finalAlpha = one.toOne ? 1.0f : alphas[0];
    auto steps = samplerSteps(schedule, 10);
    ASSERT_TRUE(steps.isOk()) << steps.status().toString();
    EXPECT_LE(relativeDifference(SamplerKind::ddim, *steps, one.name), 1e-6f)
        << one.name;
  }
}

TEST(Samplers, StepsOutsideTheScheduleAreRefused) {
  std::vector<float> alphas = {0.9f, 0.8f, 0.7f};
  EXPECT_EQ(samplerSteps(ddim(alphas), 4).status().message(),
            "4 steps are asked for; the model's schedule has 3 timesteps, so 1 to "
            "3 are possible");
  EXPECT_FALSE(samplerSteps(ddim(alphas), 0).isOk());
  EXPECT_EQ(samplerSteps(ddim(alphas, StepSpacing::leading, 1), 3)
                .status()
                .message(),
            "with 3 steps, step 0 is at timestep 3, outside the schedule's 0 to "
            "2; ask for fewer steps");
  for (StepSpacing spacing :
       {StepSpacing::leading, StepSpacing::trailing, StepSpacing::linspace})
    for (int64_t steps : {1, 2, 3})
      EXPECT_TRUE(samplerSteps(ddim(alphas, spacing), steps).isOk());
  EXPECT_EQ(samplerSteps(DenoiseSchedule(), 0).status().message(),
            "0 steps are asked for; 1 to 100000 are possible");
}

TEST(Samplers, GuidanceIsTheWrittenOrder) {
  std::vector<float> predictions = fixture("predictions");
  std::vector<float> expected = fixture("guided");
  std::vector<float> guided(predictions.begin() + 16, predictions.begin() + 32);
  applyGuidance(2.5f, std::span(predictions).first(16), guided);
  EXPECT_EQ(guided, expected);
}

TEST(Samplers, Names) {
  EXPECT_EQ(*parseSampler("ddim"), SamplerKind::ddim);
  EXPECT_EQ(parseSampler("lms").status().message(),
            "there is no sampler 'lms'; there are euler and ddim");
}

} // namespace
