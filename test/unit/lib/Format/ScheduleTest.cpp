//===- ScheduleTest.cpp ---------------------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Format/Plan.h"
#include "lowbit/Format/Schedule.h"

#include <cmath>
#include <functional>
#include <random>

#include <gtest/gtest.h>

using namespace lowbit;

namespace {

DenoiseSchedule someSchedule() {
  DenoiseSchedule schedule;
  schedule.height = schedule.width = 8;
  schedule.classes = 10;
  schedule.nullLabel = 10;
  schedule.tokensPerImage = 16;
  schedule.timeFrequencies = {1, 0.5f};
  schedule.timeScale = 1000;
  schedule.signature = "f32[1,8,8] euler";
  schedule.variants = {{"float", "float.predict", "float.condition"},
                       {"ternary", "ternary.predict", ""}};
  schedule.ranges = {{0, 12, 0}, {12, 20, 1}};
  schedule.reuse = {{5, 3}, {6, 3}};
  return schedule;
}

DenoiseSchedule ddimSchedule() {
  DenoiseSchedule schedule = someSchedule();
  schedule.sampler = SamplerKind::ddim;
  schedule.alphas = {0.9f, 0.5f, 0.1f};
  return schedule;
}

std::string refusal(const std::function<void(DenoiseSchedule &)> &change,
                    DenoiseSchedule schedule = someSchedule()) {
  change(schedule);
  return validateSchedule(schedule).message();
}

TEST(Schedule, ReadsWhatItWrote) {
  for (const DenoiseSchedule &schedule : {someSchedule(), ddimSchedule()}) {
    ASSERT_TRUE(validateSchedule(schedule).isOk());
    auto back = parseSchedule(serializeSchedule(schedule));
    ASSERT_TRUE(back.isOk()) << back.status().toString();
    EXPECT_EQ(*back, schedule);
  }
}

TEST(Schedule, GapsAndOverlaps) {
  EXPECT_EQ(refusal([](auto &s) { s.ranges[1].first = 13; }),
            "the schedule has a gap: steps 13 to 20 follow step 12 (V12)");
  EXPECT_EQ(refusal([](auto &s) { s.ranges[1].first = 11; }),
            "the schedule has an overlap: steps 11 to 20 follow step 12 (V12)");
  EXPECT_EQ(refusal([](auto &s) { s.ranges.pop_back(); }),
            "the schedule has a gap: its ranges make 12 of 20 steps (V12)");
  EXPECT_NE(refusal([](auto &s) { s.ranges[0].end = 0; }), "");
  EXPECT_EQ(refusal([](auto &s) { s.ranges[0].variant = 2; }),
            "a range of steps names variant 2 of 2");
}

TEST(Schedule, ReuseIsOfAnEarlierStep) {
  EXPECT_EQ(refusal([](auto &s) { s.reuse[0].from = 5; }),
            "step 5 reuses step 5, which is not an earlier one (V12)");
  EXPECT_EQ(refusal([](auto &s) { s.reuse[1].from = 5; }),
            "step 6 reuses step 5, which does not call the model (V12)");
  EXPECT_NE(refusal([](auto &s) { s.reuse[1].step = 5; }), "");
  EXPECT_NE(refusal([](auto &s) { s.reuse[1].step = 20; }), "");
  EXPECT_NE(refusal([](auto &s) { s.reuse[1].from = -1; }), "");
}

TEST(Schedule, SizesLabelsAndVariants) {
  EXPECT_NE(refusal([](auto &s) { s.height = 0; }), "");
  EXPECT_NE(refusal([](auto &s) { s.width = int64_t(1) << 60; }), "");
  EXPECT_NE(refusal([](auto &s) { s.channels = s.height = s.width = 65536; }), "");
  EXPECT_NE(refusal([](auto &s) { s.nullLabel = 11; }), "");
  EXPECT_NE(refusal([](auto &s) { s.classes = 0; }), "");
  EXPECT_NE(refusal([](auto &s) { s.tokensPerImage = 0; }), "");
  EXPECT_NE(refusal([](auto &s) { s.defaultGuidance = NAN; }), "");
  EXPECT_NE(refusal([](auto &s) { s.timeFrequencies[0] = INFINITY; }), "");
  EXPECT_NE(refusal([](auto &s) { s.signature.clear(); }), "");
  EXPECT_EQ(refusal([](auto &s) { s.variants[1].name = "float"; }),
            "there are two variants 'float'");
  EXPECT_NE(refusal([](auto &s) { s.variants[1].predict.clear(); }), "");
}

TEST(Schedule, Times) {
  EXPECT_EQ(refusal([](auto &s) { s.times = {0, 1}; }),
            "the schedule has 2 times; 20 steps need 21");
  auto twoSteps = [](std::vector<float> times) {
    return [times](DenoiseSchedule &s) {
      s.defaultSteps = 2;
      s.ranges = {{0, 2, 0}};
      s.reuse.clear();
      s.times = times;
    };
  };
  EXPECT_EQ(refusal(twoSteps({0, 0.5f, 1})), "");
  EXPECT_EQ(refusal(twoSteps({0, 0.5f, 0.5f})),
            "time 2 of the schedule is 0.5; times must rise from 0 to 1");
  EXPECT_NE(refusal(twoSteps({0, NAN, 1})), "");
  EXPECT_EQ(refusal(twoSteps({2, 0}), ddimSchedule()), "");
  EXPECT_NE(refusal(twoSteps({2, 0.5f}), ddimSchedule()), "");
  EXPECT_NE(refusal(twoSteps({3, 0}), ddimSchedule()), "");
}

TEST(Schedule, Alphas) {
  EXPECT_NE(refusal([](auto &s) { s.alphas = {1}; }), "");
  EXPECT_NE(refusal([](auto &s) { s.alphas.clear(); }, ddimSchedule()), "");
  EXPECT_EQ(refusal([](auto &s) { s.alphas[1] = 0.95f; }, ddimSchedule()),
            "alpha 1 of the schedule is 0.95; they must fall from at most 1 and "
            "stay positive");
  EXPECT_NE(refusal([](auto &s) { s.alphas[2] = 0; }, ddimSchedule()), "");
  EXPECT_NE(refusal([](auto &s) { s.finalAlpha = 0; }, ddimSchedule()), "");
}

TEST(Schedule, FunctionsExist) {
  Plan plan;
  for (const char *name : {"float.predict", "float.condition"})
    plan.functions.emplace_back().name = name;
  DenoiseSchedule schedule = someSchedule();
  EXPECT_EQ(validateSchedule(schedule, plan).message(),
            "variant 'ternary' names the function 'ternary.predict', which the "
            "plan does not have");
  plan.functions.emplace_back().name = "ternary.predict";
  EXPECT_TRUE(validateSchedule(schedule, plan).isOk());
}

/// Any bytes are an error or a schedule that is written back as it was read.
TEST(Schedule, HostileBytes) {
  std::mt19937 random(1);
  std::vector<uint8_t> good = serializeSchedule(ddimSchedule());
  size_t accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint8_t> bytes = good;
    for (unsigned i = 0; i < 1 + random() % 4; ++i)
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    if (random() % 4 == 0)
      bytes.resize(random() % bytes.size());
    auto schedule = parseSchedule(bytes);
    if (!schedule.isOk())
      continue;
    ++accepted;
    (void)validateSchedule(*schedule).isOk();
    EXPECT_EQ(serializeSchedule(*schedule), bytes);
  }
  EXPECT_GT(accepted, 1000u);
}

} // namespace
