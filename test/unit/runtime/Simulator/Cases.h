//===- Cases.h - Test kernels with inputs and expected results --*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEST_UNIT_RUNTIME_SIMULATOR_CASES_H
#define TEST_UNIT_RUNTIME_SIMULATOR_CASES_H

#include "test/unit/runtime/Simulator/Harness.h"

namespace lowbit::ptx::testing {

/// Runs a kernel of `bench` with `seed` and `races` and compares; empty when
/// the results are right and nothing was found, else what is wrong.
using CaseRunner = std::function<std::string(Bench &bench, uint64_t seed, bool races)>;

struct KernelCase {
  const char *file, *kernel;
  uint32_t arch;
  CaseRunner run;
};

std::vector<KernelCase> warpCases();
std::vector<KernelCase> memoryCases();
std::vector<KernelCase> tensorCases();
std::vector<KernelCase> sparseCases();
std::vector<KernelCase> modelCases();
std::vector<KernelCase> allCases();

/// Status and findings of a launch, "" if all is well.
inline std::string outcome(Bench &bench, const Status &status) {
  return status.isOk() ? bench.findings() : status.toString();
}
template <class T> std::string compare(const std::vector<T> &got, const std::vector<T> &want) {
  for (size_t i = 0; i < want.size(); ++i)
    if (std::memcmp(&got[i], &want[i], sizeof(T))) {
      std::ostringstream s;
      s << "result " << i << " is " << +got[i] << ", expected " << +want[i];
      return s.str();
    }
  return "";
}
/// Thread i of `n` maps words of a, b, c to results; `expected` gives those of
/// all threads at once: [result][thread].
using WordTable = std::vector<std::vector<uint32_t>>;
inline std::string runWords(Bench &bench, const char *kernel, LaunchConfig config, const std::function<WordTable(const std::vector<uint32_t> (&)[3])> &expected) {
  size_t n = size_t(config.grid[0]) * config.block[0];
  std::vector<uint32_t> in[3] = {randomWords(n, 1), randomWords(n, 2), randomWords(n, 3)};
  WordTable want = expected(in);
  uint64_t out = bench.room<uint32_t>(n * want.size());
  bench.arg(bench.put(in[0])).arg(bench.put(in[1])).arg(bench.put(in[2])).arg(out);
  std::string s = outcome(bench, bench.run(kernel, config));
  if (!s.empty())
    return s;
  std::vector<uint32_t> flat;
  for (auto &row : want)
    flat.insert(flat.end(), row.begin(), row.end());
  return compare(bench.get<uint32_t>(out, flat.size()), flat);
}

} // namespace lowbit::ptx::testing

#endif // TEST_UNIT_RUNTIME_SIMULATOR_CASES_H
