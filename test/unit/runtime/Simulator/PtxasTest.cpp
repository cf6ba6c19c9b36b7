//===- PtxasTest.cpp - The log of ptxas, and what registers allow ---------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Ptxas.h"

#include <gtest/gtest.h>

using namespace lowbit;
using namespace lowbit::ptx;

TEST(SimulatorPtxas, ReadsTheLog) {
  ModuleResources r = parsePtxasLog("ptxas info    : 0 bytes gmem\n"
                                    "ptxas info    : Compiling entry function 'a' for 'sm_80'\n"
                                    "ptxas info    : Function properties for a\n"
                                    "    16 bytes stack frame, 4 bytes spill stores, 4 bytes spill loads\n"
                                    "ptxas info    : Used 41 registers, used 1 barriers, 4608 bytes smem, 380 bytes cmem[0]\n"
                                    "ptxas info    : Function properties for helper\n"
                                    "    99 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
                                    "ptxas info    : Compiling entry function 'b' for 'sm_80'\n"
                                    "ptxas info    : Used 8 registers");
  ASSERT_EQ(r.size(), 2u);
  EXPECT_EQ(r["a"].registers, 41u);
  EXPECT_EQ(r["a"].staticShared, 4608u);
  EXPECT_EQ(r["a"].stack, 16u);
  EXPECT_EQ(r["b"].registers, 8u);
  EXPECT_EQ(r["b"].staticShared, 0u);
  EXPECT_TRUE(parsePtxasLog("").empty());
  EXPECT_TRUE(parsePtxasLog("Compiling entry function '").count(""));
}

// Numbers of NVIDIA's occupancy calculator: registers come by 256 a warp, warps by four.
TEST(SimulatorPtxas, RegistersLimitBlocks) {
  DeviceLimits l;
  ASSERT_TRUE(deviceLimits(80, l));
  EXPECT_EQ(registersOfBlock(64, 1024), 65536u);
  EXPECT_EQ(registersOfBlock(65, 1024), 73728u); // 72 a thread
  EXPECT_EQ(registersOfBlock(32, 33), 4096u);    // two warps take four
  EXPECT_EQ(threadsByRegisters(64, l), 1024u);
  EXPECT_EQ(threadsByRegisters(65, l), 896u);
  EXPECT_EQ(threadsByRegisters(255, l), 256u);
  EXPECT_EQ(threadsByRegisters(0, l), 1024u);
  Program p;
  EXPECT_EQ(residentBlocks(p, l, 256, 0), 8u); // 2048 threads
  p.registers = 64;
  EXPECT_EQ(residentBlocks(p, l, 256, 0), 4u);
  EXPECT_EQ(residentBlocks(p, l, 256, 48 << 10), 3u); // 164 KiB, 49 each
  EXPECT_EQ(residentBlocks(p, l, 2048, 0), 0u);
  p.registers = 255;
  EXPECT_EQ(residentBlocks(p, l, 512, 0), 0u);
}
