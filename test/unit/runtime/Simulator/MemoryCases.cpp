//===- MemoryCases.cpp - Kernels of shared and global memory and atomics --===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/runtime/Simulator/Cases.h"

#include <algorithm>

using namespace lowbit;
using namespace lowbit::ptx;
using namespace lowbit::ptx::testing;

using Words = std::vector<uint32_t>;

static std::string variables(Bench &b, uint64_t seed, bool races) {
  const uint32_t table[] = {1, 4, 9, 16, 25, 36, 49, 64};
  std::vector<uint32_t> counters(4, 0);
  uint64_t address = 0, bytes = 0;
  if (!b.module->variable("counters", address, bytes) || bytes != 16)
    return "no variable 'counters'";
  std::memset(b.memory.host(address), 0, 16);
  std::string s = runWords(b, "variables", shape(2, 64, seed, races), [&](const Words (&in)[3]) {
    WordTable r(2, Words(in[0].size()));
    for (size_t i = 0; i < in[0].size(); ++i) {
      r[0][i] = table[in[0][i] & 7];
      r[1][i] = 16;
      ++counters[(in[0][i] & 1) * 2];
      counters[1] += in[0][i] & 3;
    }
    return r;
  });
  return s.empty() ? compare(b.get<uint32_t>(address, 4), counters) : s;
}

static std::string reduceBlock(Bench &b, uint64_t seed, bool races) {
  Words in = randomWords(4 * 256, 5), want(4, 0);
  for (size_t i = 0; i < in.size(); ++i)
    want[i / 256] += in[i];
  uint64_t out = b.room<uint32_t>(4);
  b.arg(b.put(in)).arg(out);
  std::string s = outcome(b, b.run("reduce_block", shape(4, 256, seed, races)));
  return s.empty() ? compare(b.get<uint32_t>(out, 4), want) : s;
}
static std::string reduceWarps(Bench &b, uint64_t seed, bool races) {
  Words in = randomWords(2 * 256, 6), want(16, 0);
  for (size_t i = 0; i < in.size(); ++i)
    want[i / 32] += in[i];
  uint64_t out = b.room<uint32_t>(16);
  b.arg(b.put(in)).arg(out);
  std::string s = outcome(b, b.run("reduce_warp_shared", shape(2, 256, seed, races)));
  return s.empty() ? compare(b.get<uint32_t>(out, 16), want) : s;
}
static std::string transpose(Bench &b, uint64_t seed, bool races) {
  const int w = 70, h = 45;
  std::vector<float> in(w * h), want(w * h);
  for (int i = 0; i < w * h; ++i)
    in[size_t(i)] = float(i) * 0.25f;
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x)
      want[size_t(x * h + y)] = in[size_t(y * w + x)];
  uint64_t out = b.room<float>(in.size());
  b.arg(b.put(in)).arg(out).arg(w).arg(h);
  LaunchConfig c = shape(3, 32, seed, races);
  c.grid[1] = 2;
  c.block[1] = 8;
  std::string s = outcome(b, b.run("transpose", c));
  return s.empty() ? compare(b.get<float>(out, in.size()), want) : s;
}
static std::string reverse(Bench &b, uint64_t seed, bool races) {
  Words in = randomWords(3 * 96, 7), want(in.size());
  for (size_t i = 0; i < in.size(); ++i)
    want[i] = in[i / 96 * 96 + 95 - i % 96];
  uint64_t out = b.room<uint32_t>(in.size());
  b.arg(b.put(in)).arg(out);
  LaunchConfig c = shape(3, 96, seed, races);
  c.dynamicShared = 96 * 4;
  std::string s = outcome(b, b.run("dynamic_reverse", c));
  return s.empty() ? compare(b.get<uint32_t>(out, in.size()), want) : s;
}
static std::string vectors(Bench &b, uint64_t seed, bool races) {
  const size_t n = 128;
  Words a = randomWords(4 * n, 8), d = randomWords(2 * n, 9), want = a;
  std::vector<int16_t> sh(n);
  std::vector<uint8_t> bytes(n);
  std::vector<float> f(n);
  for (size_t i = 0; i < n; ++i) {
    sh[i] = int16_t(a[i] >> 3);
    want[4 * i] += d[2 * i];
    want[4 * i + 3] ^= d[2 * i + 1];
    bytes[i] = uint8_t(want[4 * i] >> 8);
  }
  for (size_t i = 0; i < n; ++i)
    f[i] = float(sh[i]) * 0.5f + float(reinterpret_cast<const int8_t *>(sh.data())[i]);
  uint64_t out = b.room<uint32_t>(4 * n), ob = b.room<uint8_t>(n), of = b.room<float>(n);
  b.arg(b.put(a)).arg(b.put(d)).arg(out).arg(ob).arg(b.put(sh)).arg(of);
  std::string s = outcome(b, b.run("vectors", shape(2, 64, seed, races)));
  if (s.empty())
    s = compare(b.get<uint32_t>(out, 4 * n), want);
  if (s.empty())
    s = compare(b.get<uint8_t>(ob, n), bytes);
  return s.empty() ? compare(b.get<float>(of, n), f) : s;
}
static std::string atomics(Bench &b, uint64_t seed, bool races) {
  const size_t n = 256;
  Words a = randomWords(n, 10), cells(64 + n, 0);
  cells[1] = ~0u;
  cells[3] = ~0u;
  cells[2] = 0x80000000;
  Words want = cells;
  uint64_t sum = 0, highest = 0;
  float f = 0;
  double d = 0;
  for (uint32_t x : a) {
    want[0] += x;
    want[1] = std::min(want[1], x);
    want[2] = uint32_t(std::max(int32_t(want[2]), int32_t(x)));
    want[3] &= x;
    want[4] |= x;
    want[5] ^= x;
    want[6] = want[6] >= 100 ? 0 : want[6] + 1;
    want[7] = want[7] == 0 || want[7] > 50 ? 50 : want[7] - 1;
    sum += uint64_t(x) << 20;
    highest = std::max(highest, uint64_t(x) << 8);
    f += float(x & 255);
    d += double(x & 255);
    want[32] += x & 7;
    ++want[33 + (x & 1)];
  }
  std::memcpy(&want[8], &sum, 8);
  std::memcpy(&want[10], &f, 4);
  std::memcpy(&want[12], &d, 8);
  std::memcpy(&want[14], &highest, 8);
  for (size_t i = 0; i < n; ++i)
    want[64 + i] = 1;
  uint64_t in = b.put(a), out = b.put(cells);
  b.arg(in).arg(in).arg(in).arg(out);
  std::string s = outcome(b, b.run("atomics", shape(2, 128, seed, races)));
  Words got = b.get<uint32_t>(out, cells.size());
  for (size_t k = 16; k < 32; ++k) { // any of the values exchanged may be last
    bool seen = false;
    for (size_t i = k - 16; i < n; i += 16)
      seen |= got[k] == a[i];
    if (!seen)
      return s + " exchanged cell has a value nobody wrote";
    got[k] = want[k];
  }
  return s.empty() ? compare(got, want) : s;
}
static std::string halfAtomics(Bench &b, uint64_t seed, bool races) {
  uint64_t out = b.put(Words{0, 0});
  b.arg(out).arg(out).arg(out).arg(out);
  std::string s = outcome(b, b.run("half_atomics", shape(2, 64, seed, races)));
  return s.empty() ? compare(b.get<uint32_t>(out, 2), Words{0x58005c00, 0x58005800}) : s; // 128, 256
}
static std::string spinLock(Bench &b, uint64_t seed, bool races) {
  uint64_t lock = b.put(Words{0}), value = b.put(Words{0});
  b.arg(lock).arg(value);
  std::string s = outcome(b, b.run("spin_lock", shape(4, 64, seed, races)));
  return s.empty() ? compare(b.get<uint32_t>(value, 1), Words{256}) : s;
}
static std::string gridBarrier(Bench &b, uint64_t seed, bool races) {
  const size_t n = 6 * 64;
  Words a = randomWords(n, 12), want(n);
  for (size_t i = 0; i < n; ++i)
    want[i] = a[n - 1 - i] * 2 + 1;
  uint64_t count = b.put(Words{0}), mid = b.room<uint32_t>(n), out = b.room<uint32_t>(n);
  b.arg(count).arg(b.put(a)).arg(mid).arg(out);
  std::string s = outcome(b, b.run("grid_barrier", shape(6, 64, seed, races)));
  return s.empty() ? compare(b.get<uint32_t>(out, n), want) : s;
}

std::vector<KernelCase> lowbit::ptx::testing::memoryCases() {
  return {{"warps", "variables", 80, variables},         {"warps", "reduce_block", 80, reduceBlock},
          {"warps", "reduce_warp_shared", 80, reduceWarps}, {"warps", "transpose", 80, transpose},
          {"warps", "dynamic_reverse", 80, reverse},     {"warps", "vectors", 80, vectors},
          {"warps", "atomics", 80, atomics},             {"warps", "half_atomics", 80, halfAtomics},
          {"warps", "spin_lock", 80, spinLock},          {"warps", "grid_barrier", 80, gridBarrier}};
}
