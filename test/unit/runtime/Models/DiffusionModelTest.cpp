//===- DiffusionModelTest.cpp - Schedules bound to plan functions ---------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/DiffusionModel.h"
#include "test/conformance/TinyDiffusion.h"
#include "test/conformance/TinyModule.h"

#include <cmath>

#include <gtest/gtest.h>

using namespace lowbit;
using namespace lowbit::test;

namespace {

class DiffusionModelTest : public ::testing::TestWithParam<unsigned> {
protected:
  void SetUp() override {
    if (!haveCompiler())
      GTEST_SKIP() << "no C compiler";
    DeviceOptions options;
    options.threads = GetParam();
    device = builtinDevices().create("cpu", options).value();
    ASSERT_NO_FATAL_FAILURE(load(tinySchedule()));
    for (size_t i = 0; i < labels.size() * 15; ++i)
      noise.push_back(static_cast<float>(i % 23) / 16.0f - 0.5f);
  }
  void load(const DenoiseSchedule &schedule) {
    Status written = writeTinyDiffusion(folder.file("m.lowbit"), schedule);
    ASSERT_TRUE(written.isOk()) << written.toString();
    auto loaded = Module::load(folder.file("m.lowbit"), *device);
    ASSERT_TRUE(loaded.isOk()) << loaded.status().toString();
    module = std::move(*loaded);
  }
  std::unique_ptr<DiffusionModel> model(const std::string &variant = "") {
    DiffusionOptions options;
    options.rows = 2 * static_cast<int64_t>(labels.size());
    options.variant = variant;
    auto made = DiffusionModel::create(*module, options);
    EXPECT_TRUE(made.isOk()) << made.status().toString();
    return std::move(*made);
  }
  DenoiseOptions options(int64_t steps) {
    DenoiseOptions result;
    result.steps.all = *samplerSteps(*module->file().schedule(), steps);
    result.steps.end = steps;
    result.guidance = 2;
    result.nullLabel = 4;
    return result;
  }
  /// Weight of the variant that makes step i.
  static float expectedOne(float x, int32_t label, float time, float weight) {
    float c = static_cast<float>(label);
    for (float angle : {3 * time, 3 * time * 0.5f})
      c += static_cast<float>(std::cos(static_cast<double>(angle)));
    for (float angle : {3 * time, 3 * time * 0.5f})
      c += static_cast<float>(std::sin(static_cast<double>(angle)));
    c += weight;
    return c * x + tinyWeightLoop;
  }
  std::vector<float> expected(const DenoiseOptions &options,
                              const std::string &variants) {
    std::vector<float> x = noise;
    for (size_t step = 0; step < options.steps.all.size(); ++step) {
      float weight = variants[step] == 'a' ? tinyWeightA : tinyWeightB;
      float time = options.steps.all[step].time;
      std::vector<float> v, u;
      for (size_t i = 0; i < x.size(); ++i) {
        v.push_back(expectedOne(x[i], labels[i / 15], time, weight));
        u.push_back(expectedOne(x[i], 4, time, weight));
      }
      applyGuidance(2, u, v);
      advance(SamplerKind::euler, options.steps.all[step], v, x);
    }
    return x;
  }
  std::vector<float> run(DiffusionModel &made, const DenoiseOptions &options) {
    std::vector<float> latents = noise;
    KeptPredictions kept;
    auto result = denoise(made, labels, latents, kept, options);
    EXPECT_TRUE(result.isOk()) << result.status().toString();
    return latents;
  }

  const std::vector<int32_t> labels = {3, 0, 1};
  std::vector<float> noise;
  TemporaryFolder folder;
  std::unique_ptr<Device> device;
  std::unique_ptr<Module> module;
};

TEST_P(DiffusionModelTest, StepsAreMadeByTheirVariants) {
  std::unique_ptr<DiffusionModel> made = model();
  EXPECT_EQ(run(*made, options(6)), expected(options(6), "aaaabb"));
  // Ranges scale with the number of steps.
  EXPECT_EQ(run(*made, options(3)), expected(options(3), "aab"));
  EXPECT_EQ(made->variantOf(7, 12), "a");
  EXPECT_EQ(made->variantOf(8, 12), "b");
}

TEST_P(DiffusionModelTest, OneVariantForAllSteps) {
  for (const char *name : {"a", "b"})
    EXPECT_EQ(run(*model(name), options(5)),
              expected(options(5), std::string(5, name[0])));
}

TEST_P(DiffusionModelTest, BatchAndInterruptionDoNotMatter) {
  std::vector<float> whole = run(*model(), options(6));
  for (int64_t batch : {1, 2}) {
    DenoiseOptions some = options(6);
    some.batch = batch;
    EXPECT_EQ(run(*model(), some), whole);
  }
  for (int64_t stop = 1; stop < 6; ++stop) {
    std::vector<float> latents = noise;
    KeptPredictions kept;
    DenoiseOptions part = options(6);
    part.steps.end = stop;
    ASSERT_TRUE(denoise(*model(), labels, latents, kept, part).isOk());
    part.steps.first = stop;
    part.steps.end = 6;
    ASSERT_TRUE(denoise(*model(), labels, latents, kept, part).isOk());
    EXPECT_EQ(latents, whole);
  }
}

TEST_P(DiffusionModelTest, ConditioningIsComputedOnce) {
  std::unique_ptr<DiffusionModel> made = model("a");
  run(*made, options(6));
  DiffusionParameters parameters = made->parameters();
  EXPECT_EQ(parameters.readByPrepare, 4u);
  EXPECT_EQ(parameters.readByLoop, 6 * 4u);
  EXPECT_EQ(parameters.prepareOnly, 4u);
  EXPECT_EQ(parameters.loop, 4u);
  EXPECT_EQ(made->statistics()[0].calls, 1u);
  EXPECT_EQ(made->statistics()[1].calls, 6u);
  EXPECT_EQ(made->statistics()[2].calls, 0u);
  made->resetStatistics();
  EXPECT_EQ(made->parameters().readByPrepare, 0u);
}

TEST_P(DiffusionModelTest, WhatDoesNotFitIsRefused) {
  DiffusionOptions none;
  none.variant = "c";
  EXPECT_EQ(DiffusionModel::create(*module, none).status().message(),
            folder.file("m.lowbit") + " has no variant 'c'; it has: a, b");
  DenoiseSchedule schedule = tinySchedule();
  schedule.width = 4;
  load(schedule);
  EXPECT_FALSE(DiffusionModel::create(*module, {}).isOk());
  schedule = tinySchedule();
  schedule.timeFrequencies.pop_back();
  load(schedule);
  EXPECT_FALSE(DiffusionModel::create(*module, {1, "b"}).isOk());
  // The conditioning of "a" is seen when it is made.
  std::vector<float> latents = noise;
  KeptPredictions kept;
  EXPECT_FALSE(denoise(*model("a"), labels, latents, kept, options(6)).isOk());
  schedule = tinySchedule();
  schedule.variants[0].condition = "";
  load(schedule);
  EXPECT_EQ(denoise(*model("a"), labels, latents, kept, options(6))
                .status()
                .message(),
            "function 'a.predict' takes 'c0', which nothing gives; compile the "
            "model again");
  schedule.variants[0].predict = "a.condition";
  load(schedule);
  EXPECT_FALSE(DiffusionModel::create(*module, {1, "a"}).isOk());
}

INSTANTIATE_TEST_SUITE_P(Threads, DiffusionModelTest,
                         ::testing::Values(1u, 2u, 8u));

TEST(DiffusionModel, SchedulesThatThePlanDoesNotHaveAreNotWritten) {
  TemporaryFolder folder;
  DenoiseSchedule schedule = tinySchedule();
  schedule.variants[1].predict = "c.predict";
  EXPECT_EQ(writeTinyDiffusion(folder.file("m.lowbit"), schedule).message(),
            "variant 'b' names the function 'c.predict', which the plan does not "
            "have");
}

} // namespace
