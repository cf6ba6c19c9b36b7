//===- SparseCases.cpp - Kernels of mma.sp --------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Numerics.h"
#include "test/unit/runtime/Simulator/Cases.h"

#include <bit>

using namespace lowbit;
using namespace lowbit::ptx;
using namespace lowbit::ptx::testing;

using Words = std::vector<uint32_t>;

namespace {

enum Kind { f16, bf16, tf32, s8, u8s8, s4, u4 };
struct Sparse {
  const char *kernel;
  Kind kind;
  unsigned k, bits;
  unsigned selector;
  bool ordered = true, half = false, saturate = false;
};

/// A dense 16 x K matrix in which the kept elements are known, made from the
/// metadata: each lane that holds some is read as the ISA's figures say ("Tk:
/// [m..n] in cell [x][y..z]"), from the lane's side.
struct Matrices {
  bool isKept[16][128] = {};
  double a[16][128] = {}, b[128][8] = {}, c[16][8] = {};
};

uint32_t encode(const Sparse &s, double v) {
  switch (s.kind) {
  case f16: return floatToHalf(float(v));
  case bf16: return std::bit_cast<uint32_t>(float(v)) >> 16;
  case tf32: return std::bit_cast<uint32_t>(float(v));
  default: return uint32_t(int(v)) & ((1u << s.bits) - 1);
  }
}

double value(const Sparse &s, uint32_t random, bool inA) {
  switch (s.kind) {
  case f16: case bf16: case tf32: return double(int(random % 17) - 8) * 0.25;
  case s8: return int(random % 256) - 128;
  case u8s8: return inA ? int(random % 256) : int(random % 256) - 128;
  case s4: return int(random % 16) - 8;
  case u4: return int(random % 16);
  }
  return 0;
}

/// The metadata register of all lanes; marks what it keeps.
Words metadata(const Sparse &s, Matrices &m) {
  // The six orders of two of four; the second half is not ordered.
  static const uint32_t pairs[] = {0x4, 0x8, 0xc, 0x9, 0xd, 0xe, 0x1, 0x2, 0x3, 0x6, 0x7, 0xb};
  Words e = randomWords(32, 61), random = randomWords(256, 62);
  bool wide = s.bits >= 16;
  unsigned chunk = s.bits == 32 ? 2 : s.bits == 4 ? 8 : 4, chunks = s.k / chunk;
  unsigned lanes = chunks * 8 / 32; // of a quad
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned at = lane % 4;
    if (at / lanes != s.selector)
      continue; // keeps its noise
    at -= s.selector * lanes;
    e[lane] = 0;
    for (unsigned nibble = 0; nibble < 8; ++nibble) {
      // f16, bf16, tf32: bits 0-15 are row groupID, 16-31 row groupID + 8, and
      // the lanes of a pair follow each other along k. Integers: a register is
      // one row, even lanes have row groupID, odd ones groupID + 8.
      unsigned row = wide ? lane / 4 + (nibble >= 4 ? 8 : 0) : lane / 4 + (at % 2 ? 8 : 0);
      unsigned c = wide ? at * 4 + nibble % 4 : at / 2 * 8 + nibble;
      uint32_t r = random[lane * 8 + nibble];
      uint32_t code = s.bits == 32 ? (r & 1 ? 0xe : 0x4) : pairs[r % (s.ordered ? 6 : 12)];
      e[lane] |= code << (4 * nibble);
      if (s.bits == 32) {
        m.isKept[row][c * 2 + (code == 0xe)] = true;
        continue;
      }
      unsigned unit = s.bits == 4 ? 2 : 1;
      for (unsigned i : {code & 3, code >> 2})
        for (unsigned x = 0; x < unit; ++x)
          m.isKept[row][c * chunk + i * unit + x] = true;
    }
  }
  return e;
}

std::string run(const Sparse &s, Bench &bench, uint64_t seed, bool races) {
  Matrices m;
  Words e = metadata(s, m), random = randomWords(4096, 63);
  bool shortA = s.k * s.bits == 256;
  unsigned per = 32 / s.bits, ra = shortA ? 2 : 4, rb = ra;
  Words a(ra * 32), b(rb * 32), c((s.half ? 2 : 4) * 32), want(c.size());
  // Which column a register's element has depends on the order of the indices,
  // so that A is filled in the order of its chunks.
  unsigned chunk = s.bits == 32 ? 2 : s.bits == 4 ? 8 : 4, kept = chunk / 2;
  for (unsigned row = 0; row < 16; ++row)
    for (unsigned n = 0; n < s.k / 2; ++n) {
      // Element n of the row without zeros: register words of `per` elements
      // go round the four lanes of the quad, then to the next pair of registers.
      unsigned word = n / per, lane = row % 8 * 4 + word % 4, reg = row / 8 + word / 4 * 2;
      double v = value(s, random[row * 64 + n], true);
      a[reg * 32 + lane] |= encode(s, v) << (s.bits % 32 * (n % per));
      // Its column: index n mod kept of chunk n / kept, read from the register.
      unsigned ck = n / kept, quad = row % 8 * 4 + s.selector * (s.k / chunk * 8 / 32);
      uint32_t code = s.bits >= 16 ? e[quad + ck / 4] >> (row / 8 * 16 + ck % 4 * 4) & 15 : e[quad + row / 8 + ck / 8 * 2] >> (ck % 8 * 4) & 15;
      unsigned column = s.bits == 32 ? ck * 2 + (code == 0xe)
                        : s.bits == 4 ? ck * 8 + (n % 4 < 2 ? code & 3 : code >> 2) * 2 + n % 2
                                      : ck * 4 + (n % 2 ? code >> 2 : code & 3);
      if (!m.isKept[row][column])
        return "the test's two readings of the metadata differ";
      m.a[row][column] = v;
    }
  for (unsigned k = 0; k < s.k; ++k)
    for (unsigned n = 0; n < 8; ++n) {
      unsigned word = k / per, lane = n * 4 + word % 4, reg = word / 4;
      m.b[k][n] = value(s, random[1024 + k * 8 + n], false);
      b[reg * 32 + lane] |= encode(s, m.b[k][n]) << (s.bits % 32 * (k % per));
    }
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned v = 0; v < 4; ++v) {
      unsigned row = lane / 4 + (v >= 2 ? 8 : 0), column = lane % 4 * 2 + (v & 1);
      double start = s.saturate ? (v & 1 ? 2147483600.0 : -2147483600.0) : value(s, random[3000 + lane * 4 + v], true), sum = start;
      for (unsigned k = 0; k < s.k; ++k)
        sum += m.a[row][k] * m.b[k][column]; // small numbers: every order is exact
      if (s.saturate)
        sum = sum > 2147483647.0 ? 2147483647.0 : sum;
      if (s.half) {
        c[v / 2 * 32 + lane] |= uint32_t(floatToHalf(float(start))) << (16 * (v & 1));
        want[v / 2 * 32 + lane] |= uint32_t(floatToHalf(float(sum))) << (16 * (v & 1));
      } else {
        bool real = s.kind <= tf32;
        c[v * 32 + lane] = real ? std::bit_cast<uint32_t>(float(start)) : uint32_t(int32_t(start));
        want[v * 32 + lane] = real ? std::bit_cast<uint32_t>(float(sum)) : uint32_t(int32_t(sum));
      }
    }
  uint64_t out = bench.room<uint32_t>(want.size());
  bench.arg(bench.put(a)).arg(bench.put(b)).arg(bench.put(c)).arg(bench.put(e)).arg(out);
  std::string text = outcome(bench, bench.run(s.kernel, shape(1, 32, seed, races)));
  return text.empty() ? compare(bench.get<uint32_t>(out, want.size()), want) : text;
}

KernelCase sparse(Sparse s) {
  return {"sparse", s.kernel, 80, [s](Bench &b, uint64_t seed, bool races) { return run(s, b, seed, races); }};
}
} // namespace

std::vector<KernelCase> lowbit::ptx::testing::sparseCases() {
  return {sparse({"sp_f16_k16", f16, 16, 16, 2}),          sparse({"sp_f16_k32", f16, 32, 16, 1}),
          sparse({"sp_bf16_k16", bf16, 16, 16, 3, false}), sparse({"sp_bf16_k32", bf16, 32, 16, 0}),
          sparse({"sp_tf32_k8", tf32, 8, 32, 1}),          sparse({"sp_tf32_k16", tf32, 16, 32, 1, false}),
          sparse({"sp_s8_k32", s8, 32, 8, 1}),             sparse({"sp_u8s8_k64", u8s8, 64, 8, 0}),
          sparse({"sp_s4_k64", s4, 64, 4, 1, false}),      sparse({"sp_u4_k128", u4, 128, 4, 0, true, false, true}),
          sparse({"sp_f16_acc16", f16, 32, 16, 0, true, true})};
}

/// The values that the ISA leaves undefined are findings, not guesses.
TEST(SimulatorSparse, UndefinedMetadataIsReported) {
  struct Row {
    const char *kernel;
    uint32_t good, bad;
  } const rows[] = {{"sp_f16_k32", 0x44444444, 0x44444404}, {"sp_f16_k32", 0x44444444, 0x44414444},
                    {"sp_tf32_k16", 0xe4e4e4e4, 0xe4e4e4c4}, {"sp_s8_k32", 0xeeeeeeee, 0xfeeeeeee}};
  for (const Row &r : rows)
    for (bool broken : {false, true}) {
      Bench bench(readFile(inputPath("sparse")), 80);
      Words e(32, r.good), zeros(128, 0);
      e[7] = broken ? r.bad : r.good; // lane 3 of its quad: selector 1 names it
      uint64_t z = bench.put(zeros), out = bench.room<uint32_t>(128);
      bench.arg(z).arg(z).arg(z).arg(bench.put(e)).arg(out);
      EXPECT_TRUE(bench.run(r.kernel, shape(1, 32)).isOk());
      EXPECT_EQ(bench.findings().find("undefined metadata") != std::string::npos, broken) << r.kernel << bench.findings();
    }
}

TEST(SimulatorSparse, SelectorOutsideItsRangeIsAnError) {
  std::string text = readFile(inputPath("sparse"));
  size_t entry = text.find(".entry sp_f16_k32("), at = text.find(",1;", entry);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, 3, ",2;");
  EXPECT_NE(Bench(text, 80).error.find("sparsity selector is 2"), std::string::npos);
}
