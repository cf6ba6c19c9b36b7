//===- LaneTest.h - Kernels in which thread i maps a[i], b[i], c[i] to results *- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEST_UNIT_RUNTIME_SIMULATOR_LANETEST_H
#define TEST_UNIT_RUNTIME_SIMULATOR_LANETEST_H

#include "test/unit/runtime/Simulator/Harness.h"

namespace lowbit::ptx::testing {

using Words = std::vector<uint32_t>;
/// Results of one thread, in the order of the kernel's PUTs.
using Expected = std::function<Words(uint32_t x, uint32_t y, uint32_t z)>;

/// Edge values first, then random ones.
inline void laneInputs(Words (&in)[3], size_t n, bool floats) {
  static const uint32_t ints[] = {0, 1, 2, 0xffffffff, 0x7fffffff, 0x80000000, 0x80000001, 0xffff, 0x8000, 0x7fff, 0xff, 31, 32, 33, 0x01020304, 0xfefdfcfb};
  static const uint32_t reals[] = {0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 1, 0x807fffff, 0x00800000, 0x7f7fffff, 0x3f000000, 0x4f000000, 0xcf000001, 0x3effffff, 0x42fe0000};
  for (int k = 0; k < 3; ++k) {
    in[k] = randomWords(n, 11 + uint64_t(k));
    for (size_t i = 0; i < n; ++i) {
      size_t e = k == 0 ? i % 16 : k == 1 ? i / 16 % 16 : (i * 7 + i / 16) % 16;
      if (i < 256)
        in[k][i] = floats ? reals[e] : ints[e];
      else if (floats && i % 3) // comparable exponents
        in[k][i] = (in[k][i] & 0x83ffffff) | 0x3c000000;
    }
  }
}

/// NaNs are equal; `same` may be replaced for tolerances.
inline void checkLanes(const std::string &file, const std::string &kernel, bool floats, const Expected &expected, uint32_t arch = 80,
                       const std::function<bool(size_t k, uint32_t got, uint32_t want)> &same = nullptr) {
  SCOPED_TRACE(kernel);
  Bench bench(readFile(inputPath(file)), arch);
  ASSERT_EQ(bench.error, "");
  const size_t n = 1024;
  Words in[3];
  laneInputs(in, n, floats);
  size_t results = expected(1, 2, 3).size();
  uint64_t a = bench.put(in[0]), b = bench.put(in[1]), c = bench.put(in[2]);
  uint64_t out = bench.room<uint32_t>(n * results);
  bench.arg(a).arg(b).arg(c).arg(out);
  ASSERT_TRUE(bench.run(kernel, shape(4, 256)).isOk());
  EXPECT_EQ(bench.findings(), "");
  Words got = bench.get<uint32_t>(out, n * results);
  unsigned wrong = 0;
  for (size_t i = 0; i < n && wrong < 5; ++i) {
    Words want = expected(in[0][i], in[1][i], in[2][i]);
    for (size_t k = 0; k < results; ++k) {
      uint32_t g = got[k * n + i], w = want[k];
      if (g == w || (same && same(k, g, w)))
        continue;
      ADD_FAILURE() << kernel << " result " << k << " of x=" << std::hex << in[0][i] << " y=" << in[1][i] << " z=" << in[2][i] << ": " << g << ", expected " << w;
      ++wrong;
    }
  }
}

} // namespace lowbit::ptx::testing

#endif // TEST_UNIT_RUNTIME_SIMULATOR_LANETEST_H
