//===- Harness.h - Running test kernels on the simulator --------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEST_UNIT_RUNTIME_SIMULATOR_HARNESS_H
#define TEST_UNIT_RUNTIME_SIMULATOR_HARNESS_H

#include "runtime/Simulator/Launch.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>

namespace lowbit::ptx::testing {

inline std::string readFile(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream s;
  s << in.rdbuf();
  return s.str();
}
inline std::string inputPath(const std::string &name) {
  return std::string(LOWBIT_SOURCE_DIR) + "/test/Inputs/ptx/" + name + ".ptx";
}

/// A module on a device of its own.
class Bench {
public:
  explicit Bench(const std::string &text, uint32_t arch = 80)
      : memory(uint64_t(1) << 32) {
    deviceLimits(arch, limits);
    auto loaded = LoadedModule::load(text, arch, memory);
    if (!loaded.isOk())
      error = loaded.status().toString();
    else
      module = std::move(*loaded);
  }
  template <class T> uint64_t put(const std::vector<T> &v) {
    uint64_t a = memory.allocate(v.size() * sizeof(T));
    std::memcpy(memory.host(a), v.data(), v.size() * sizeof(T));
    memory.markWritten(a, v.size() * sizeof(T));
    return a;
  }
  template <class T> uint64_t room(size_t n) { return memory.allocate(n * sizeof(T)); }
  template <class T> std::vector<T> get(uint64_t a, size_t n) {
    std::vector<T> v(n);
    std::memcpy(v.data(), memory.host(a), n * sizeof(T));
    return v;
  }
  /// Appends a parameter at its alignment.
  template <class T> Bench &arg(T v) {
    size_t at = (params.size() + sizeof(T) - 1) / sizeof(T) * sizeof(T);
    params.resize(at + sizeof(T));
    std::memcpy(params.data() + at, &v, sizeof(T));
    return *this;
  }
  /// Runs; the parameters are taken.
  Status run(const std::string &kernel, const LaunchConfig &config) {
    result = LaunchResult();
    const Program *p = module ? module->kernel(kernel) : nullptr;
    if (!p)
      return notFound("no kernel %s: %s", kernel.c_str(), error.c_str());
    params.resize(std::max<size_t>(params.size(), p->paramBytes));
    Status s = launch(*p, memory, limits, config, params.data(), result);
    params.clear();
    return s;
  }
  std::string findings() const {
    std::string s;
    for (const Finding &f : result.findings)
      s += findingToString(f) + "\n";
    return s;
  }

  DeviceMemory memory;
  DeviceLimits limits;
  std::unique_ptr<LoadedModule> module;
  std::vector<uint8_t> params;
  LaunchResult result;
  std::string error;
};

inline LaunchConfig shape(uint32_t grid, uint32_t block, uint64_t seed = 0, bool races = false) {
  LaunchConfig c;
  c.grid[0] = grid;
  c.block[0] = block;
  c.seed = seed;
  c.races = races;
  c.maxInstructions = 200000; // a broken kernel must not hang the test
  return c;
}

/// Pseudo-random bits; the same on every machine.
inline std::vector<uint32_t> randomWords(size_t n, uint64_t seed) {
  std::vector<uint32_t> v(n);
  uint64_t s = seed * 0x9e3779b97f4a7c15ull + 1;
  for (uint32_t &x : v) {
    s ^= s << 13;
    s ^= s >> 7;
    s ^= s << 17;
    x = uint32_t(s >> 16);
  }
  return v;
}

} // namespace lowbit::ptx::testing

#endif // TEST_UNIT_RUNTIME_SIMULATOR_HARNESS_H
