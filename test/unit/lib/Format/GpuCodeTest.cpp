//===- GpuCodeTest.cpp - The code section of a GPU target -----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Format/GpuCode.h"

#include <gtest/gtest.h>

#include <functional>

using namespace lowbit;

static Plan twoStages() {
  Plan plan;
  PlanKernel kernel;
  kernel.name = "k";
  kernel.stages.resize(2);
  kernel.stages[0].symbol = "k_a";
  kernel.stages[1].symbol = "k_b";
  kernel.bindings = 3;
  plan.kernels = {kernel};
  return plan;
}

static GpuCode twoKernels() {
  GpuCode code;
  code.texts = {{"k", ".version 7.0\n"}};
  code.stages = {{"k_a", 0, 32, 0, 0, 1, 0, {2, 0}},
                 {"k_b", 0, 256, 7, 4, 16, 4096, {1}}};
  return code;
}

TEST(GpuCodeTest, ComesBackFromBytes) {
  GpuCode code = twoKernels();
  EXPECT_TRUE(validateGpuCode(code, twoStages()).isOk());
  auto back = parseGpuCode(serializeGpuCode(code));
  ASSERT_TRUE(back.isOk()) << back.status().toString();
  EXPECT_EQ(*back, code);
}

TEST(GpuCodeTest, WhatDoesNotFitThePlanIsRefused) {
  struct Case {
    const char *message;
    std::function<void(GpuCode &)> change;
  };
  const Case cases[] = {
      {"lacks stage 'k_b' of kernel 'k'", [](GpuCode &c) { c.stages.pop_back(); }},
      {"'k_a' occurs twice", [](GpuCode &c) { c.stages.push_back(c.stages[0]); }},
      {"names text 1 of 1", [](GpuCode &c) { c.stages[1].text = 1; }},
      {"groups of 0 threads", [](GpuCode &c) { c.stages[0].threads = 0; }},
      {"has no rows for a token", [](GpuCode &c) { c.stages[1].rowsPerToken = 0; }},
      {"groups of 1025 threads", [](GpuCode &c) { c.stages[0].threads = 1025; }},
      {"takes binding 3 of 3", [](GpuCode &c) { c.stages[0].bindings[1] = 3; }},
      {"occurs twice or has no name", [](GpuCode &c) { c.texts.push_back(c.texts[0]); }},
      {"has a zero byte", [](GpuCode &c) { c.texts[0].text += '\0'; }},
  };
  for (const Case &test : cases) {
    GpuCode code = twoKernels();
    test.change(code);
    Status status = validateGpuCode(code, twoStages());
    ASSERT_FALSE(status.isOk()) << test.message;
    EXPECT_NE(status.message().find(test.message), std::string::npos)
        << status.message();
  }
}

TEST(GpuCodeTest, DamagedBytesAreErrors) {
  std::vector<uint8_t> bytes = serializeGpuCode(twoKernels());
  for (size_t length = 0; length < bytes.size(); ++length)
    EXPECT_FALSE(parseGpuCode({bytes.data(), length}).isOk()) << length;
  std::vector<uint8_t> longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(parseGpuCode(longer).isOk());
  // Every byte changed: an error, or code that the plan's check decides about.
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::vector<uint8_t> damaged = bytes;
    damaged[i] ^= 0x81;
    auto code = parseGpuCode(damaged);
    if (code.isOk())
      (void)validateGpuCode(*code, twoStages());
  }
}
