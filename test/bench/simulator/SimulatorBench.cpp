//===- SimulatorBench.cpp - Warp instructions a second --------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// simulator-bench [MILLIONS] [KERNEL] [--races]: launches GEMV and GEMM kernels of
// test/Inputs/ptx on one host thread, counters on, until each has executed that
// many (100) million warp instructions, and prints how many a second of the
// processor's time they make.
//
//===----------------------------------------------------------------------===//

#include "test/unit/runtime/Simulator/Harness.h"

#include <cstdio>
#include <ctime>

using namespace lowbit;
using namespace lowbit::ptx;
using namespace lowbit::ptx::testing;

namespace {

struct BenchCase {
  const char *kernel;
  uint32_t grid[2], threads;
  /// Appends the kernel's parameters.
  void (*arguments)(Bench &bench);
};

template <class T> uint64_t random(Bench &bench, size_t n, uint64_t seed) {
  std::vector<uint32_t> words = randomWords(n * sizeof(T) / 4 + 1, seed);
  std::vector<T> values(n);
  std::memcpy(values.data(), words.data(), n * sizeof(T));
  return bench.put(values);
}

constexpr int rows = 512, columns = 4096;

const BenchCase cases[] = {
    {"gemv_int8", {rows / 4, 1}, 128,
     [](Bench &b) {
       static uint64_t w = 0, x = 0, y = 0;
       if (!w) {
         w = random<int8_t>(b, size_t(rows) * columns, 1);
         x = random<int8_t>(b, columns, 2);
         y = b.room<int32_t>(rows);
       }
       b.arg(w).arg(x).arg(y).arg(columns / 16).arg(rows);
     }},
    {"gemv_ternary", {rows / 4, 1}, 128,
     [](Bench &b) {
       static uint64_t w = 0, x = 0, s = 0, y = 0;
       if (!w) {
         w = random<uint32_t>(b, size_t(rows) * columns / 16, 3);
         x = random<int8_t>(b, columns, 4);
         s = b.put(std::vector<float>(size_t(rows) * columns / 32, 0.5f));
         y = b.room<float>(rows);
       }
       b.arg(w).arg(x).arg(s).arg(y).arg(columns / 32).arg(rows);
     }},
    {"gemm_int8", {8, 8}, 128, [](Bench &b) {
       static uint64_t a = 0, w = 0, c = 0;
       if (!a) {
         a = random<int8_t>(b, 512 * 512, 5);
         w = random<int8_t>(b, 512 * 512, 6);
         c = b.room<int32_t>(512 * 512);
       }
       b.arg(a).arg(w).arg(c).arg(512).arg(512);
     }}};

double processorSeconds() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return double(t.tv_sec) + double(t.tv_nsec) * 1e-9;
}

} // namespace

int main(int argc, char **argv) {
  uint64_t wanted = 100;
  bool races = false;
  std::string only;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--races")
      races = true;
    else if (argv[i][0] < '0' || argv[i][0] > '9')
      only = argv[i];
    else
      wanted = std::strtoull(argv[i], nullptr, 10);
  }
  for (const BenchCase &c : cases) {
    if (!only.empty() && only != c.kernel)
      continue;
    Bench bench(readFile(inputPath("models")), 80);
    LaunchConfig config = shape(c.grid[0], c.threads, 0, races);
    config.grid[1] = c.grid[1];
    config.maxInstructions = 0;
    uint64_t executed = 0, launches = 0;
    const double begin = processorSeconds();
    while (executed < wanted * 1000000) {
      c.arguments(bench);
      Status status = bench.run(c.kernel, config);
      if (!status.isOk() || !bench.result.findings.empty()) {
        std::fprintf(stderr, "%s: %s%s\n", c.kernel, status.toString().c_str(),
                     bench.findings().c_str());
        return 1;
      }
      executed += bench.result.warpInstructions;
      ++launches;
    }
    const double seconds = processorSeconds() - begin;
    std::printf("%-13s %6.1f M warp instructions in %llu launches, %6.2f s of the "
                "processor: %5.1f M/s\n",
                c.kernel, double(executed) * 1e-6, (unsigned long long)launches,
                seconds, double(executed) * 1e-6 / seconds);
  }
  return 0;
}
