//===- TensorCoreTest.cpp - The rounding model against recorded hardware --===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Fragments.h"
#include "runtime/Simulator/Numerics.h"
#include "runtime/Simulator/TensorCore.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>

using namespace lowbit::ptx;

namespace {
uint32_t archOf(const std::string &gpu) {
  if (gpu == "V100") return 70;
  if (gpu == "A100") return 80;
  if (gpu == "A2") return 86;
  if (gpu == "Ada" || gpu == "L40S") return 89;
  if (gpu == "H100" || gpu == "H200") return 90;
  if (gpu == "B200") return 100;
  return 0;
}
} // namespace

// Every result that NVIDIA GPUs gave and Khattak and Mikaitis recorded.
TEST(SimulatorTensorCore, RecordedResults) {
  std::filesystem::path folder = std::filesystem::path(LOWBIT_SHARED_DIR) / "data/tensor-core";
  if (!std::filesystem::exists(folder))
    GTEST_SKIP() << "recorded results are not at " << folder;
  unsigned files = 0, total = 0;
  for (auto &entry : std::filesystem::directory_iterator(folder)) {
    std::string name = entry.path().filename().string();
    if (name.size() < 8 || name.substr(name.size() - 7) != ".txt.gz")
      continue;
    std::string gpu = name.substr(0, name.find('-'));
    std::string type = name.substr(gpu.size() + 1, 4);
    unsigned k = unsigned(std::stoul(name.substr(name.rfind("-k") + 2)));
    uint32_t arch = archOf(gpu);
    ASSERT_NE(arch, 0u) << name;
    TensorInput input = type == "fp16" ? TensorInput::f16 : type == "bf16" ? TensorInput::bf16 : TensorInput::tf32;
    FILE *pipe = popen(("gzip -dc '" + entry.path().string() + "'").c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    char line[8192];
    unsigned lines = 0, wrong = 0;
    while (std::fgets(line, sizeof(line), pipe)) {
      std::vector<uint32_t> v;
      for (char *p = line; *p;) {
        if (std::isxdigit(static_cast<unsigned char>(*p)))
          v.push_back(uint32_t(std::strtoul(p, &p, 16)));
        else
          ++p;
      }
      ASSERT_EQ(v.size(), 2 * k + 2) << name;
      auto code = [&](uint32_t bits) -> uint32_t {
        if (input == TensorInput::tf32)
          return bits;
        return input == TensorInput::bf16 ? bits >> 16 : floatToHalf(asFloat(bits));
      };
      uint32_t a[32] = {}, b[32][8] = {};
      for (unsigned i = 0; i < k; ++i) {
        a[i] = code(v[i]);
        b[i][0] = code(v[k + i]);
      }
      float c = asFloat(v[2 * k]), d;
      tensorDot(a, b, k, 1, &c, &d, input, tensorModel(arch, input));
      bool bothNaN = d != d && asFloat(v[2 * k + 1]) != asFloat(v[2 * k + 1]);
      wrong += asBits(d) != v[2 * k + 1] && !bothNaN;
      ++lines;
    }
    pclose(pipe);
    EXPECT_EQ(wrong, 0u) << name;
    EXPECT_EQ(lines, 800u) << name;
    ++files;
    total += lines;
  }
  EXPECT_EQ(files, 22u);
  EXPECT_EQ(total, 17600u);
}

// The formula of Fragments.h against tables typed from two published sources.
TEST(SimulatorTensorCore, FragmentsOfTheIsa) {
  // PTX ISA, "Matrix Fragments for mma.m16n8k16" (f16): groupID = lane >> 2,
  // row = groupID for a0,a1,a4,a5 and groupID + 8 else; column = (lane % 4) * 2
  // + (i & 1), + 8 for i >= 4.
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 8; ++i) {
      unsigned row = (i < 2 || (i >= 4 && i < 6)) ? lane >> 2 : (lane >> 2) + 8;
      unsigned column = (lane % 4) * 2 + (i & 1) + (i >= 4 ? 8 : 0);
      FragmentPlace p = placeInA(lane, i / 2, 16);
      EXPECT_EQ(p.row, row);
      EXPECT_EQ(p.column * 2 + i % 2, column);
    }
  // PTX ISA, m16n8k32 (s8): row = groupID for ai with i < 4 or 8 <= i < 12,
  // column = (lane % 4) * 4 + (i & 3), + 16 for i >= 8; B: row = (lane % 4) * 4
  // + (i & 3), + 16 for i >= 4, column = groupID.
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned i = 0; i < 16; ++i) {
      unsigned row = (i < 4 || (i >= 8 && i < 12)) ? lane >> 2 : (lane >> 2) + 8;
      unsigned column = (lane % 4) * 4 + (i & 3) + (i >= 8 ? 16 : 0);
      FragmentPlace p = placeInA(lane, i / 4, 16);
      EXPECT_EQ(p.row, row);
      EXPECT_EQ(p.column * 4 + i % 4, column);
    }
    for (unsigned i = 0; i < 8; ++i) {
      FragmentPlace p = placeInB(lane, i / 4);
      EXPECT_EQ(p.row * 4 + i % 4, (lane % 4) * 4 + (i & 3) + (i >= 4 ? 16 : 0));
      EXPECT_EQ(p.column, lane >> 2);
    }
    for (unsigned i = 0; i < 4; ++i) {
      FragmentPlace p = placeInC(lane, i);
      EXPECT_EQ(p.row, (lane >> 2) + (i >= 2 ? 8 : 0));
      EXPECT_EQ(p.column, (lane % 4) * 2 + (i & 1));
    }
  }
}
TEST(SimulatorTensorCore, FragmentsOfCute) {
  // CuTe, mma_traits_sm80.hpp, SM80_16x8x16_F32F16F16F32_TN: ALayout
  // ((4,8),(2,2,2)):((32,1),(16,8,128)) and BLayout ((4,8),(2,2)):((16,1),(8,64)):
  // column-major offsets into 16 x 16 and 8 x 16.
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned v = 0; v < 8; ++v) {
      unsigned offset = (lane % 4) * 32 + lane / 4 + (v & 1) * 16 + (v >> 1 & 1) * 8 + (v >> 2) * 128;
      FragmentPlace p = placeInA(lane, v / 2, 16);
      EXPECT_EQ(p.row, offset % 16);
      EXPECT_EQ(p.column * 2 + v % 2, offset / 16);
    }
    for (unsigned v = 0; v < 4; ++v) {
      unsigned offset = (lane % 4) * 16 + lane / 4 + (v & 1) * 8 + (v >> 1) * 64;
      FragmentPlace p = placeInB(lane, v / 2);
      EXPECT_EQ(p.column, offset % 8);
      EXPECT_EQ(p.row * 2 + v % 2, offset / 8);
    }
  }
}
TEST(SimulatorTensorCore, Specials) {
  auto dot = [](uint32_t a, uint32_t b, float c) {
    uint32_t av[32] = {a}, bv[32][8] = {};
    bv[0][0] = b;
    float d;
    tensorDot(av, bv, 8, 1, &c, &d, TensorInput::f16, tensorModel(80, TensorInput::f16));
    return d;
  };
  EXPECT_TRUE(std::isnan(dot(0x7c00, 0, 1)));           // inf * 0
  EXPECT_EQ(dot(0x7c00, 0x3c00, 1), HUGE_VALF);
  EXPECT_TRUE(std::isnan(dot(0xfc00, 0x3c00, HUGE_VALF)));
  EXPECT_EQ(dot(0x3c00, 0x4000, 0.5f), 2.5f);
  EXPECT_EQ(dot(0, 0x4000, 0.0f), 0.0f);
  EXPECT_EQ(dot(0x0001, 0x3c00, 0.0f), std::ldexp(1.0f, -24)); // subnormal input
}
