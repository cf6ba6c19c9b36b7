//===- WarpCases.cpp - Kernels of warps, control flow and barriers --------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/runtime/Simulator/Cases.h"

#include <algorithm>
#include <bit>

using namespace lowbit;
using namespace lowbit::ptx;
using namespace lowbit::ptx::testing;

using Words = std::vector<uint32_t>;

static WordTable shuffles(const Words (&in)[3]) {
  const Words &x = in[0], &y = in[1];
  WordTable r(10, Words(x.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    size_t w = i & ~size_t(31), l = i & 31;
    r[0][i] = x[w + (y[i] & 31)];
    r[1][i] = l >= 3 ? x[i - 3] : x[i];
    r[2][i] = l + 5 < 32 ? x[i + 5] : x[i];
    r[3][i] = x[i ^ 9];
    r[4][i] = x[(i & ~size_t(7)) + (y[i] & 7)];
    r[5][i] = (l & 15) >= 3 ? x[i - 3] : x[i];
    r[6][i] = (l & 3) + 2 < 4 ? x[i + 2] : x[i];
    r[7][i] = x[i ^ 5];
    r[8][i] = l + 7 < 32 ? x[i + 7] : x[i];
    r[9][i] = l + 7 < 32;
  }
  return r;
}

static WordTable votes(const Words (&in)[3]) {
  const Words &x = in[0], &y = in[1];
  WordTable r(16, Words(x.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    size_t w = i & ~size_t(31);
    uint32_t ballot = 0, any = 0, two = 0, match = 0, match64 = 0, sum = 0, lo = x[w], hi = x[w], all = ~0u, some = 0, odd = 0, half = 0;
    for (size_t l = 0; l < 32; ++l) {
      uint32_t v = x[w + l];
      ballot |= (v & 1) << l;
      any |= v == y[w + l];
      two |= uint32_t((v & 2) != 0) << l;
      match |= uint32_t((v & 3) == (x[i] & 3)) << l;
      match64 |= uint32_t((y[w + l] & 3) == (y[i] & 3)) << l;
      sum += v;
      lo = int32_t(v) < int32_t(lo) ? v : lo;
      hi = std::max(hi, v);
      all &= v;
      some |= v;
      odd ^= v;
      if ((l & 16) == (i & 16))
        half += (i & 16) ? v : y[w + l];
    }
    uint32_t row[] = {ballot, any, 1, ~0u, two == 0 || two == ~0u, match, ~0u, 1, match64, sum, lo, hi, all, some, odd, half};
    for (size_t k = 0; k < 16; ++k)
      r[k][i] = row[k];
  }
  return r;
}

static WordTable diverge(const Words (&in)[3]) {
  WordTable r(3, Words(in[0].size()));
  for (size_t i = 0; i < in[0].size(); ++i) {
    uint32_t x = in[0][i], y = in[1][i], z = in[2][i], v = 0;
    for (uint32_t j = 0; j < (x & 15); ++j) {
      if (y >> j & 1)
        v += j * z;
      else
        v ^= z >> j;
      if (v == 12345)
        break;
    }
    r[0][i] = v;
    const uint32_t cases[] = {x, y + 3, x ^ y, 17, x * y, v - y, ~x, v + 5, x / 3, 99, 99};
    r[1][i] = v = cases[z % 11];
    if (x & 1)
      v = (y & 1) ? 1 : 2;
    else
      while (v > 10)
        v >>= 1;
    r[2][i] = v;
  }
  return r;
}

static WordTable calls(const Words (&in)[3]) {
  WordTable r(2, Words(in[0].size()));
  auto helper = [](uint32_t a, uint32_t b) { return a < b ? a * 3 : b + 7; };
  for (size_t i = 0; i < in[0].size(); ++i) {
    uint32_t v = helper(in[0][i], in[1][i]);
    if (v & 1)
      v += helper(in[1][i], in[2][i]);
    r[0][i] = v;
    r[1][i] = (in[0][i] & 0xffff) * 3;
  }
  return r;
}

static WordTable locals(const Words (&in)[3]) {
  WordTable r(1, Words(in[0].size()));
  for (size_t i = 0; i < in[0].size(); ++i) {
    uint32_t t[16], s = 0, y = in[1][i];
    for (uint32_t j = 0; j < 16; ++j)
      t[j] = in[0][i] * j;
    for (uint32_t j = 0; j < 16; ++j)
      t[(j * (y & 7) + 1) & 15] += t[in[2][i] & 15];
    for (uint32_t j = 0; j < 16; ++j)
      s = s * 31 + t[(j + y) & 15];
    r[0][i] = s;
  }
  return r;
}

static WordTable barriers(const Words (&in)[3]) {
  const Words &x = in[0], &y = in[1];
  WordTable r(5, Words(x.size()));
  for (size_t block = 0; block < x.size(); block += 128) {
    uint32_t count = 0, all = 1, any = 0;
    for (size_t t = 0; t < 128; ++t) {
      count += x[block + t] & 1;
      all &= x[block + t] != 0;
      any |= x[block + t] == y[block + t];
    }
    for (size_t t = 0; t < 128; ++t) {
      size_t i = block + t;
      r[0][i] = x[block + t / 64 * 64 + 63 - (t & 63)];
      r[1][i] = count;
      r[2][i] = all;
      r[3][i] = any;
      r[4][i] = t < 64 ? 1 : y[i - 64];
    }
  }
  return r;
}

static WordTable generic(const Words (&in)[3]) {
  const Words &x = in[0], &y = in[1], &z = in[2];
  WordTable r(2, Words(x.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    size_t block = i & ~size_t(63), t = i & 63;
    bool shared = x[i] & 1, local = !shared && (y[i] & 1);
    r[0][i] = shared ? z[block + ((t + 1) & 63)] : local ? (z[i] & 1 ? y[i] : x[i]) : x[i ^ 1];
    r[1][i] = shared ? 1 : local ? 4 : 2;
  }
  return r;
}

template <WordTable (*Expected)(const Words (&)[3])>
static KernelCase words(const char *kernel, uint32_t grid, uint32_t block) {
  return {"warps", kernel, 80, [=](Bench &b, uint64_t seed, bool races) {
            return runWords(b, kernel, shape(grid, block, seed, races), Expected);
          }};
}

std::vector<KernelCase> lowbit::ptx::testing::warpCases() {
  return {
      words<shuffles>("shuffles", 2, 128), words<votes>("votes", 2, 128),     words<diverge>("diverge", 4, 96),
      words<calls>("calls", 2, 64),        words<locals>("local_arrays", 2, 64), words<barriers>("barriers", 3, 128),
      words<generic>("generic_addresses", 2, 64),
      {"hopper", "elects", 90,
       [](Bench &b, uint64_t seed, bool races) {
         uint64_t out = b.room<uint32_t>(64);
         b.arg(out);
         std::string s = outcome(b, b.run("elects", shape(1, 64, seed, races)));
         Words want(64, 0);
         want[0] = want[32] = 1;
         return s.empty() ? compare(b.get<uint32_t>(out, 64), want) : s;
       }},
      {"warps", "specials", 80,
       [](Bench &b, uint64_t seed, bool races) {
         LaunchConfig c = shape(1, 8, seed, races);
         c.grid[1] = 3;
         c.grid[2] = 2;
         c.block[1] = 5;
         c.block[2] = 2;
         c.dynamicShared = 64;
         size_t n = 6 * 80;
         uint64_t out = b.room<uint32_t>(n * 9);
         b.arg(out);
         std::string s = outcome(b, b.run("specials", c));
         Words want;
         for (uint32_t z = 0; z < 2; ++z)
           for (uint32_t y = 0; y < 3; ++y)
             for (uint32_t t = 0; t < 80; ++t) {
               uint32_t l = t % 32;
               for (uint32_t v : {l, t / 32, (1u << l) - 1, ~((1u << l) - 1), 3u, 64u, z, t / 8 % 5, 1u})
                 want.push_back(v);
             }
         return s.empty() ? compare(b.get<uint32_t>(out, n * 9), want) : s;
       }},
      {"warps", "prints", 80,
       [](Bench &b, uint64_t seed, bool races) {
         b.arg(int32_t(-7)).arg(2.5);
         std::string s = outcome(b, b.run("prints", shape(1, 32, seed, races)));
         std::string want = "v=-7 d=2.500 s=text u=12345678901 x=00000abc%\n";
         return !s.empty() ? s : b.result.printed == want ? "" : "printed: " + b.result.printed;
       }},
      {"warps", "seldom", 80,
       [](Bench &b, uint64_t seed, bool races) {
         return runWords(b, "seldom", shape(2, 64, seed, races), [](const std::vector<uint32_t>(&in)[3]) {
           WordTable want(2);
           for (size_t i = 0; i < in[0].size(); ++i) {
             uint32_t x = in[0][i], which = in[1][i] % 3;
             want[0].push_back(which == 0 ? x + 1 : which == 1 ? x * 3 : ~x);
             want[1].push_back(x & 1 ? 0 : 1);
           }
           return want;
         });
       }},
      {"warps", "traps", 80,
       [](Bench &b, uint64_t seed, bool races) -> std::string {
         std::vector<uint32_t> a = randomWords(32, 7);
         uint64_t out = b.room<uint32_t>(32);
         b.arg(b.put(a)).arg(out);
         std::string s = outcome(b, b.run("traps", shape(1, 32, seed, races)));
         if (!s.empty() || !(s = compare(b.get<uint32_t>(out, 32), a)).empty())
           return s;
         a[9] = 666;
         b.arg(b.put(a)).arg(out);
         if (!b.run("traps", shape(1, 32, seed, races)).isOk() || !b.result.failed || b.result.failure != FindingKind::trap || b.result.findings.size() != 1 || b.result.findings[0].thread != 9)
           return "the trap of thread 9 was not reported";
         return "";
       }},
  };
}
