//===- KernelTest.cpp - Every test kernel under several schedules ---------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/runtime/Simulator/Cases.h"

using namespace lowbit::ptx::testing;

class SimulatorKernel : public ::testing::TestWithParam<KernelCase> {};

TEST_P(SimulatorKernel, RightUnderEverySchedule) {
  const KernelCase &c = GetParam();
  std::string text = readFile(inputPath(c.file));
  ASSERT_FALSE(text.empty());
  for (uint64_t seed = 0; seed < 5; ++seed)
    for (bool races : {false, true}) {
      Bench bench(text, c.arch);
      ASSERT_EQ(bench.error, "");
      EXPECT_EQ(c.run(bench, seed, races), "") << "seed " << seed << " races " << races;
    }
}
// The newest device must run what was compiled for older ones.
TEST_P(SimulatorKernel, RightOnLaterDevice) {
  const KernelCase &c = GetParam();
  Bench bench(readFile(inputPath(c.file)), 120);
  ASSERT_EQ(bench.error, "");
  EXPECT_EQ(c.run(bench, 0, false), "");
}

INSTANTIATE_TEST_SUITE_P(All, SimulatorKernel, ::testing::ValuesIn(allCases()),
                         [](const auto &info) { return std::string(info.param.kernel); });
