//===- CheckTest.cpp - Bad PTX and bad launches are refused, never a crash ===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/runtime/Simulator/Harness.h"

#include <set>

using namespace lowbit;
using namespace lowbit::ptx;
using namespace lowbit::ptx::testing;

namespace {
std::string kernel(const std::string &body, const std::string &head = ".version 8.0\n.target sm_80\n.address_size 64\n") {
  return head + ".visible .entry k(.param .u64 p)\n{\n.reg .b32 %r<9>; .reg .b64 %rd<9>; .reg .pred %p<4>; .reg .f32 %f<4>;\n" + body + "\nret;\n}\n";
}
std::string errorOf(const std::string &text, uint32_t arch = 80) { return Bench(text, arch).error; }
} // namespace

TEST(SimulatorCheck, NamesThePlace) {
  struct {
    const char *body, *message;
  } cases[] = {
      {"frobnicate.u32 %r1, %r2;", "line 7 column 1: unknown instruction 'frobnicate'"},
      {"add.u32.wobble %r1, %r2, %r3;", "line 7 column 8: '.wobble' is not expected"},
      {"add.q32 %r1, %r2, %r3;", "line 7 column 4: '.q32' is not expected in 'add', expected a type"},
      {"add.u32 %r1, %r2;", "'add' takes 3 operands, found 2"},
      {"add.u32 %r1, %r2, %rd3;", "a register of type .b64 does not go with .u32 here"},
      {"add.f32 %f1, %f2, 1;", "a float operand needs a float literal"},
      {"add.u32 %r1, %r2, 4294967296;", "literal does not fit .u32"},
      {"add.u32 %r1, %r2, %r77;", "unknown special register '%r77'"},
      {"bra nowhere;", "label 'nowhere' is not defined"},
      {"ld.global.v4.b64 {%rd1,%rd2,%rd3,%rd4}, [%rd5];", "32-byte access needs .target sm_100"},
      {"ld.shared.v4.b64 {%rd1,%rd2,%rd3,%rd4}, [%r5];", "vector of more than 16 bytes"},
      {"ld.shared.u32 %r1, [nothing];", "'nothing' is not declared"},
      {"mma.sync.aligned.m16n8k17.row.col.s32.s8.s8.s32 {%r1,%r2,%r3,%r4},{%r1},{%r1},{%r1};", "'.m16n8k17' is not expected"},
      {"mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%r1,%r2,%r3,%r4},{%r1,%r2},{%r1,%r2},{%r1,%r2,%r3,%r4};", "expected 4 registers, found 2"},
      {"stmatrix.sync.aligned.m8n8.x1.shared.b16 [%r1], {%r2};", "stmatrix needs .target sm_90 or higher"},
      {"wgmma.fence.sync.aligned;", "is not supported by this simulator"},
      {"cp.async.bulk.commit_group;", "cp.async.bulk (TMA) is not supported by this simulator"},
      {"shfl.down.b32 %r1, %r2, 1, 31;", "shfl without .sync"},
      {"call f, (%r1);", "function 'f' is not declared"},
      {"setp.lo.s32 %p1, %r1, %r2;", "comparison does not go with this type"},
      {"cvt.f32.s32 %f1, %r1;", "cvt needs a rounding mode here"},
      {"{ add.u32 %r1, %r1, 1;", "expected"},
  };
  for (auto &c : cases)
    EXPECT_NE(errorOf(kernel(c.body)).find(c.message), std::string::npos) << c.body << "\n" << errorOf(kernel(c.body));
}

TEST(SimulatorCheck, VersionsAndTargets) {
  EXPECT_NE(errorOf(kernel("movmatrix.sync.aligned.m8n8.trans.b16 %r1, %r2;", ".version 7.0\n.target sm_80\n")).find("movmatrix needs .version 7.8"), std::string::npos);
  EXPECT_NE(errorOf(kernel("", ".version 8.0\n.target sm_90\n"), 80).find("does not run on sm_80"), std::string::npos);
  EXPECT_NE(errorOf(kernel("", ".version 8.0\n.target sm_90a\n"), 100).find("does not run on sm_100"), std::string::npos);
  EXPECT_EQ(errorOf(kernel("", ".version 8.0\n.target sm_90a\n"), 90), "");
  EXPECT_NE(errorOf("hello").find("a module starts with .version"), std::string::npos);
  EXPECT_NE(errorOf("").find("a module starts with .version"), std::string::npos);
}

// Every prefix and many single-byte changes of a real module: an error or a
// module, never a crash.
TEST(SimulatorCheck, SurvivesDamage) {
  std::string text = readFile(inputPath("tensor"));
  for (size_t n = 0; n < text.size(); n += 97)
    (void)errorOf(text.substr(0, n));
  std::vector<uint32_t> random = randomWords(300, 77);
  for (uint32_t r : random) {
    std::string changed = text;
    changed[r % text.size()] = "{};,.%$@[]09azR\n\""[r >> 24 & 15];
    (void)errorOf(changed);
  }
  (void)errorOf(std::string(100000, '{'));
  (void)errorOf(kernel(std::string(5000, '{')));
}

TEST(SimulatorCheck, RefusesBadLaunches) {
  Bench bench(readFile(inputPath("warps")), 80);
  ASSERT_EQ(bench.error, "");
  auto run = [&](uint32_t grid, uint32_t block, uint32_t shared) {
    LaunchConfig c = shape(grid, block);
    c.dynamicShared = shared;
    return bench.run("dynamic_reverse", c);
  };
  EXPECT_NE(run(1, 1025, 0).toString().find("block size 1025"), std::string::npos);
  EXPECT_NE(run(0, 32, 0).toString().find("grid size 0"), std::string::npos);
  EXPECT_EQ(run(1, 32, 200 << 10).code(), StatusCode::resourceExhausted);
  // A null pointer is an illegal address, with the line.
  bench.arg(uint64_t(0)).arg(uint64_t(0));
  LaunchConfig c = shape(1, 32);
  c.dynamicShared = 128;
  ASSERT_TRUE(bench.run("dynamic_reverse", c).isOk());
  EXPECT_TRUE(bench.result.failed);
  EXPECT_EQ(bench.result.failure, FindingKind::outOfBounds);
}

TEST(SimulatorCheck, BranchTableAndCounters) {
  std::string text = kernel(R"(
mov.u32 %r1, %tid.x; and.b32 %r2, %r1, 3; ld.param.u64 %rd1, [p]; mul.wide.u32 %rd2, %r1, 4; add.s64 %rd1, %rd1, %rd2;
ts: .branchtargets A, B, C, D;
brx.idx %r2, ts;
A: mov.u32 %r3, 10; bra E;
B: mov.u32 %r3, 20; bra E;
C: mov.u32 %r3, 30; bra E;
D: mov.u32 %r3, 40;
E: st.global.u32 [%rd1], %r3;)");
  Bench bench(text);
  ASSERT_EQ(bench.error, "");
  uint64_t out = bench.room<uint32_t>(32);
  bench.arg(out);
  ASSERT_TRUE(bench.run("k", shape(1, 32)).isOk());
  EXPECT_EQ(bench.findings(), "");
  std::vector<uint32_t> got = bench.get<uint32_t>(out, 32);
  for (uint32_t l = 0; l < 32; ++l)
    EXPECT_EQ(got[l], 10 * (l % 4 + 1));
  for (const LineStats &line : bench.result.lines)
    if (line.spelling == "st.global.u32") {
      EXPECT_EQ(line.issues, 1u); // the lanes met again
      EXPECT_EQ(line.sectors, 4u);
      EXPECT_EQ(line.bytes, 128u);
    }
}

// Counters that the layout determines.
TEST(SimulatorCheck, BankConflicts) {
  auto passes = [](unsigned stride) {
    std::string text = kernel(".shared .align 16 .b8 s[8192];\nmov.u32 %r1, %tid.x; mov.u32 %r2, s; mad.lo.u32 %r3, %r1, " +
                              std::to_string(stride) + ", %r2; st.shared.u32 [%r3], %r1;");
    Bench bench(text);
    EXPECT_EQ(bench.error, "");
    bench.arg(uint64_t(0));
    EXPECT_TRUE(bench.run("k", shape(1, 32)).isOk());
    uint64_t n = 0;
    for (const LineStats &line : bench.result.lines)
      n += line.passes;
    return n;
  };
  EXPECT_EQ(passes(4), 1u);
  EXPECT_EQ(passes(8), 2u);
  EXPECT_EQ(passes(128), 32u);
  EXPECT_EQ(passes(132), 1u);
}

// Sectors and values of loads whose lanes lie in runs, repeat, fall, or are few.
TEST(SimulatorCheck, SectorsOfPatterns) {
  struct {
    const char *offset; ///< of lane %r1, in bytes into %r2
    uint32_t (*place)(uint32_t lane);
    uint64_t sectors;
  } cases[] = {
      {"shl.b32 %r2, %r1, 2;", [](uint32_t l) { return l; }, 4},
      {"mov.u32 %r2, 64;", [](uint32_t) { return 16u; }, 1},
      {"shr.u32 %r2, %r1, 3; shl.b32 %r2, %r2, 5;", [](uint32_t l) { return l / 8 * 8; }, 4},
      {"shr.u32 %r3, %r1, 3; shl.b32 %r3, %r3, 8; and.b32 %r2, %r1, 7; shl.b32 %r2, %r2, 2; add.u32 %r2, %r2, %r3;",
       [](uint32_t l) { return l / 8 * 64 + l % 8; }, 4},
      {"shl.b32 %r2, %r1, 2; add.u32 %r2, %r2, 16;", [](uint32_t l) { return l + 4; }, 5},
      {"xor.b32 %r2, %r1, 31; shl.b32 %r2, %r2, 2;", [](uint32_t l) { return 31 - l; }, 4},
      {"shl.b32 %r2, %r1, 5;", [](uint32_t l) { return 8 * l; }, 32},
      {"mul.lo.u32 %r2, %r1, 2056; and.b32 %r2, %r2, 0xffc; ", [](uint32_t l) { return (l * 2056 & 0xffc) / 4; }, 0}};
  for (auto &c : cases)
    for (uint32_t threads : {32u, 20u}) {
      Bench bench(kernel("mov.u32 %r1, %tid.x; ld.param.u64 %rd1, [p];" + std::string(c.offset) +
                         "cvt.u64.u32 %rd2, %r2; add.s64 %rd2, %rd1, %rd2; ld.global.u32 %r4, [%rd2];"
                         "mul.wide.u32 %rd3, %r1, 4; add.s64 %rd3, %rd3, %rd1; st.global.u32 [%rd3+8192], %r4;"));
      ASSERT_EQ(bench.error, "");
      std::vector<uint32_t> data(4096);
      for (uint32_t i = 0; i < data.size(); ++i)
        data[i] = i * 7 + 1;
      uint64_t at = bench.put(data);
      bench.arg(at);
      ASSERT_TRUE(bench.run("k", shape(1, threads)).isOk());
      EXPECT_EQ(bench.findings(), "");
      std::vector<uint32_t> got = bench.get<uint32_t>(at + 8192, threads);
      std::set<uint64_t> sectors;
      for (uint32_t l = 0; l < threads; ++l) {
        EXPECT_EQ(got[l], c.place(l) * 7 + 1) << c.offset << " lane " << l;
        sectors.insert((at + c.place(l) * 4) / 32);
      }
      if (c.sectors && threads == 32) {
        EXPECT_EQ(sectors.size(), c.sectors) << c.offset;
      }
      for (const LineStats &line : bench.result.lines)
        if (line.spelling == "ld.global.u32") {
          EXPECT_EQ(line.sectors, sectors.size()) << c.offset << " " << threads;
        }
    }
}

// What ld.global.nc reads, the kernel must not write: before or after, in whichever
// block; bytes beside it are free.
TEST(SimulatorCheck, NonCoherentLoadsOfWrittenData) {
  auto findings = [](const char *body, uint32_t grid) {
    Bench bench(kernel(std::string("mov.u32 %r1, %ctaid.x; setp.eq.u32 %p1, %r1, 0; ld.param.u64 %rd1, [p];") + body));
    EXPECT_EQ(bench.error, "");
    bench.arg(bench.put(std::vector<uint32_t>(64, 5)));
    EXPECT_TRUE(bench.run("k", shape(grid, 1, 0, true)).isOk());
    for (const Finding &f : bench.result.findings)
      EXPECT_EQ(f.kind, FindingKind::race) << findingToString(f);
    return bench.findings();
  };
  EXPECT_NE(findings("ld.global.nc.u32 %r2, [%rd1]; st.global.u32 [%rd1], %r2;", 1)
                .find("write of global address"), std::string::npos);
  EXPECT_NE(findings("st.global.u32 [%rd1], %r1; ld.global.nc.u32 %r2, [%rd1];", 1)
                .find("which this kernel writes"), std::string::npos);
  EXPECT_NE(findings("@%p1 ld.global.nc.u32 %r2, [%rd1+124]; @!%p1 st.global.u8 [%rd1+127], %r1;", 2)
                .find("write of global address"), std::string::npos);
  EXPECT_NE(findings("@%p1 ld.global.nc.u32 %r2, [%rd1]; @!%p1 red.global.add.u32 [%rd1], 1;", 2)
                .find("write of global address"), std::string::npos);
  EXPECT_EQ(findings("ld.global.nc.u8 %r2, [%rd1+64]; st.global.u8 [%rd1+65], %r2; st.global.u8 [%rd1+63], %r2;", 1), "");
}
