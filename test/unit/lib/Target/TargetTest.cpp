//===- TargetTest.cpp - Target tables and the host ------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Target/Cpu.h"
#include "lowbit/Target/Nvptx.h"

#include <gtest/gtest.h>

#include <set>

using namespace lowbit;

namespace {

TEST(CpuTest, NamesAreUniqueAndFound) {
  std::set<std::string_view> names;
  for (const CpuTarget &target : allCpuTargets()) {
    EXPECT_TRUE(names.insert(target.name).second);
    EXPECT_EQ(findCpuTarget(target.name), &target);
    EXPECT_TRUE(runsOn(target, target));
  }
  EXPECT_EQ(findCpuTarget("x86-64-v9"), nullptr);
}

TEST(CpuTest, LevelsAreOrdered) {
  auto fits = [](const char *image, const char *machine) {
    return runsOn(*findCpuTarget(image), *findCpuTarget(machine));
  };
  EXPECT_TRUE(fits("x86-64", "x86-64-v3"));
  EXPECT_TRUE(fits("x86-64-v2", "x86-64-v4"));
  EXPECT_TRUE(fits("x86-64-v3", "x86-64-v4-vnni"));
  EXPECT_TRUE(fits("x86-64-v4", "x86-64-v4-vnni"));
  EXPECT_FALSE(fits("x86-64-v2", "x86-64"));
  EXPECT_FALSE(fits("x86-64-v3", "x86-64-v2"));
  EXPECT_FALSE(fits("x86-64-v4", "x86-64-v3-vnni"));
  EXPECT_FALSE(fits("x86-64-v4-vnni", "x86-64-v4"));
  // AVX-VNNI and AVX512-VNNI are different instructions.
  EXPECT_FALSE(fits("x86-64-v3-vnni", "x86-64-v4-vnni"));
  EXPECT_FALSE(fits("aarch64", "x86-64-v4"));
  EXPECT_FALSE(fits("x86-64", "aarch64"));
}

TEST(CpuTest, HostHasARow) {
  const CpuTarget *host = hostCpuTarget();
#if defined(__x86_64__)
  ASSERT_NE(host, nullptr);
  EXPECT_TRUE(runsOn(*findCpuTarget("x86-64"), *host));
  EXPECT_EQ(runsOn(*findCpuTarget("x86-64-v3"), *host),
            __builtin_cpu_supports("x86-64-v3") != 0);
  EXPECT_EQ(runsOn(*findCpuTarget("x86-64-v4"), *host),
            __builtin_cpu_supports("x86-64-v4") != 0);
#endif
  EXPECT_EQ(*parseCpuTarget("host"), host);
  EXPECT_EQ(*parseCpuTarget("cpu:host"), host);
  EXPECT_EQ((*parseCpuTarget("cpu:x86-64-v3"))->name, "x86-64-v3");
  EXPECT_FALSE(parseCpuTarget("cpu:pentium").isOk());
}

TEST(CpuTest, BestImageIsSelected) {
  std::vector<std::string> targets = {"cpu:x86-64", "cpu:x86-64-v3",
                                      "cpu:x86-64-v4", "nvptx:sm_80"};
  EXPECT_EQ(*selectCpuImage(targets, findCpuTarget("x86-64-v3")),
            "cpu:x86-64-v3");
  EXPECT_EQ(*selectCpuImage(targets, findCpuTarget("x86-64-v2")), "cpu:x86-64");
  EXPECT_EQ(*selectCpuImage(targets, findCpuTarget("x86-64-v4-vnni")),
            "cpu:x86-64-v4");
  auto none = selectCpuImage(targets, findCpuTarget("aarch64"));
  ASSERT_FALSE(none.isOk());
  EXPECT_EQ(none.status().code(), StatusCode::unavailable);
  EXPECT_NE(none.status().message().find("nvptx:sm_80"), std::string::npos);
  EXPECT_FALSE(selectCpuImage({}, nullptr).isOk());
}

TEST(NvptxTest, RowsAndInstructions) {
  EXPECT_EQ(allNvptxTargets().size(), 13u);
  for (const NvptxTarget &target : allNvptxTargets()) {
    EXPECT_EQ(findNvptxTarget(target.name), &target);
    EXPECT_TRUE(supportOf(target, NvptxInstruction::dp4a).native);
    EXPECT_EQ(supportOf(target, NvptxInstruction::mmaS8M16N8K32).available,
              target.sm >= 80);
  }
  const NvptxTarget &turing = *findNvptxTarget("sm_75");
  EXPECT_EQ(turing.minimumPtx, 63u);
  EXPECT_EQ(supportOf(turing, NvptxInstruction::mmaS8M8N8K16).minimumPtx, 65u);
  const NvptxTarget &ampere = *findNvptxTarget("sm_80");
  EXPECT_EQ(supportOf(ampere, NvptxInstruction::mmaB1AndM16N8K256).minimumPtx,
            71u);
  EXPECT_FALSE(supportOf(*findNvptxTarget("sm_100"),
                         NvptxInstruction::mmaB1AndM16N8K256)
                   .native);
  EXPECT_FALSE(
      supportOf(*findNvptxTarget("sm_103a"), NvptxInstruction::tcgen05I8)
          .available);
  NvptxInstruction wanted[] = {NvptxInstruction::dp4a,
                               NvptxInstruction::mmaB1AndM16N8K256};
  EXPECT_EQ(*requiredPtx(ampere, wanted), 71u);
  EXPECT_FALSE(requiredPtx(turing, wanted).isOk());
  EXPECT_EQ((*parseNvptxTarget("nvptx:sm_90a"))->minimumPtx, 80u);
  EXPECT_FALSE(parseNvptxTarget("nvptx:sm_107").isOk());
}

TEST(TargetTest, ListNamesEverything) {
  std::string text = listTargets();
  for (const CpuTarget &target : allCpuTargets())
    EXPECT_NE(text.find("cpu:" + std::string(target.name)), std::string::npos);
  for (const NvptxTarget &target : allNvptxTargets())
    EXPECT_NE(text.find("nvptx:" + std::string(target.name)),
              std::string::npos);
  EXPECT_NE(text.find("(this machine)"), std::string::npos);
}

} // namespace
