//===- DenoiseStateTest.cpp -----------------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/DenoiseState.h"

#include "lowbit/Support/Hash.h"
#include "test/conformance/TinyModule.h"

#include <cmath>
#include <cstring>
#include <random>

#include <gtest/gtest.h>

using namespace lowbit;

namespace {

DenoiseState someState() {
  DenoiseState state;
  state.signature = "f32[1,2,2] velocity";
  state.steps = 20;
  state.nextStep = 7;
  state.times = hashOfTimes(SamplerKind::euler, *samplerSteps(DenoiseSchedule(), 20));
  state.reuse = hashOfReuse(std::vector<int64_t>{-1, -1, 1});
  state.guidance = 2;
  state.noise = "seed 5";
  state.origins = {{0, 5, "float", "abc"}, {5, 7, "ternary", "abc"}};
  state.labels = {3, 7, 0};
  state.latentSize = 4;
  for (int i = 0; i < 12; ++i)
    state.latents.push_back(0.25f * static_cast<float>(i));
  state.kept[4] = state.latents;
  return state;
}

/// Gives bytes the checksum that belongs to them.
std::vector<uint8_t> withChecksum(std::vector<uint8_t> bytes) {
  uint64_t sum = xxh3(std::span(bytes).first(bytes.size() - 8));
  for (size_t i = 0; i < 8; ++i)
    bytes[bytes.size() - 8 + i] = static_cast<uint8_t>(sum >> (8 * i));
  return bytes;
}

std::string refusal(const DenoiseState &state) {
  return parseState(serializeState(state), "s").status().message();
}

TEST(DenoiseState, ReadsWhatItWrote) {
  StatusOr<DenoiseState> back = parseState(serializeState(someState()), "s");
  ASSERT_TRUE(back.isOk()) << back.status().toString();
  EXPECT_EQ(*back, someState());
}

TEST(DenoiseState, FileIsWrittenAndRead) {
  test::TemporaryFolder folder;
  ASSERT_TRUE(writeState(folder.file("state"), someState()).isOk());
  EXPECT_EQ(*readState(folder.file("state")), someState());
  EXPECT_FALSE(readState(folder.file("none")).isOk());
}

TEST(DenoiseState, StepsHaveAHash) {
  EXPECT_NE(hashOfTimes(SamplerKind::euler, *samplerSteps(DenoiseSchedule(), 20)),
            hashOfTimes(SamplerKind::euler, *samplerSteps(DenoiseSchedule(), 21)));
  EXPECT_NE(hashOfTimes(SamplerKind::euler, *samplerSteps(DenoiseSchedule(), 20)),
            hashOfTimes(SamplerKind::ddim, *samplerSteps(DenoiseSchedule(), 20)));
}

TEST(DenoiseState, ReuseHasAHash) {
  auto hash = [](std::vector<int64_t> reuse) { return hashOfReuse(reuse); };
  EXPECT_EQ(hash({}), hash({-1, -1, -1}));
  EXPECT_EQ(hash({-1, 0}), hash({-1, 0, -1}));
  EXPECT_NE(hash({-1, 0}), hash({}));
  EXPECT_NE(hash({-1, 0, -1}), hash({-1, -1, 0}));
  EXPECT_NE(hash({-1, -1, 0}), hash({-1, -1, 1}));
}

TEST(DenoiseState, FieldsOutOfRangeAreRefused) {
  DenoiseState state = someState();
  state.nextStep = state.origins[1].end = 20;
  EXPECT_EQ(refusal(state), "s: the saved state is malformed: the next step is "
                            "20; 1 to 19 is possible in a loop of 20 steps");
  state.nextStep = 0;
  EXPECT_NE(refusal(state), "");
  state = someState();
  state.steps = int64_t(1) << 60;
  EXPECT_EQ(refusal(state),
            "s: the saved state is malformed: 1152921504606846976 steps; 1 to "
            "100000 are possible");
  state = someState();
  state.guidance = NAN;
  EXPECT_NE(refusal(state), "");
  state = someState();
  state.latentSize = int64_t(1) << 62;
  EXPECT_NE(refusal(state), "");
  state.latentSize = -4;
  EXPECT_NE(refusal(state), "");
  state = someState();
  state.labels.clear();
  state.latents.clear();
  state.kept.clear();
  EXPECT_NE(refusal(state), "");
}

TEST(DenoiseState, OriginsMakeUpTheSteps) {
  DenoiseState state = someState();
  state.origins[1].end = 8;
  EXPECT_EQ(refusal(state), "s: the saved state is malformed: 8 steps were made, "
                            "but step 7 is next");
  state = someState();
  state.origins[1].first = 4;
  EXPECT_NE(refusal(state), "");
  std::vector<StepOrigin> origins;
  appendOrigin(origins, {0, 1, "a", "m"});
  appendOrigin(origins, {1, 2, "a", "m"});
  appendOrigin(origins, {2, 3, "b", "m"});
  EXPECT_EQ(origins, (std::vector<StepOrigin>{{0, 2, "a", "m"}, {2, 3, "b", "m"}}));
}

TEST(DenoiseState, KeptPredictionsAreOfStepsBefore) {
  DenoiseState state = someState();
  state.kept[7] = state.latents;
  EXPECT_EQ(refusal(state), "s: the saved state is malformed: a kept prediction "
                            "of step 7 is out of place");
  state = someState();
  state.kept[4].pop_back();
  EXPECT_NE(refusal(state), "");
}

TEST(DenoiseState, OtherFilesAreRefused) {
  std::vector<uint8_t> bytes = serializeState(someState());
  EXPECT_EQ(parseState(std::span(bytes).first(10), "s").status().message(),
            "s: is not a saved state; --save-state writes one");
  std::vector<uint8_t> later = bytes;
  later[8] = 9;
  EXPECT_EQ(parseState(withChecksum(later), "s").status().message(),
            "s: is a saved state of version 9; this program reads version 2");
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(parseState(std::span(bytes).first(size), "s").isOk());
}

/// Any bytes are an error or a state that is written back as it was read.
TEST(DenoiseState, HostileBytes) {
  std::mt19937 random(1);
  std::vector<uint8_t> good = serializeState(someState());
  size_t accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint8_t> bytes = good;
    unsigned changes = 1 + random() % 4;
    for (unsigned i = 0; i < changes; ++i)
      bytes[8 + random() % (bytes.size() - 16)] = static_cast<uint8_t>(random());
    if (random() % 4 == 0)
      bytes.resize(20 + random() % (bytes.size() - 20));
    EXPECT_EQ(parseState(bytes, "s").isOk(), bytes == good);
    bytes = withChecksum(bytes);
    StatusOr<DenoiseState> state = parseState(bytes, "s");
    if (!state.isOk())
      continue;
    ++accepted;
    EXPECT_EQ(serializeState(*state), bytes);
  }
  EXPECT_GT(accepted, 1000u);
}

} // namespace
