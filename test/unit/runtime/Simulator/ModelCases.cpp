//===- ModelCases.cpp - Whole kernels of low-bit models -------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/runtime/Simulator/Cases.h"

#include <cmath>

using namespace lowbit;
using namespace lowbit::ptx;
using namespace lowbit::ptx::testing;

static std::vector<int8_t> randomBytes(size_t n, uint64_t seed) {
  std::vector<uint32_t> w = randomWords(n, seed);
  std::vector<int8_t> v(n);
  for (size_t i = 0; i < n; ++i)
    v[i] = int8_t(w[i]);
  return v;
}
static std::vector<float> randomFloats(size_t n, uint64_t seed) {
  std::vector<uint32_t> w = randomWords(n, seed);
  std::vector<float> v(n);
  for (size_t i = 0; i < n; ++i)
    v[i] = float(int32_t(w[i])) * 0x1p-31f;
  return v;
}

static std::string gemvInt8(Bench &b, uint64_t seed, bool races) {
  const int rows = 10, k = 16 * 230; // tails of rows and words, full and partial unrolling
  std::vector<int8_t> w = randomBytes(size_t(rows * k), 51), x = randomBytes(size_t(k), 52);
  std::vector<int32_t> want(rows, 0);
  for (int r = 0; r < rows; ++r)
    for (int i = 0; i < k; ++i)
      want[size_t(r)] += w[size_t(r * k + i)] * x[size_t(i)];
  uint64_t out = b.room<int32_t>(rows);
  b.arg(b.put(w)).arg(b.put(x)).arg(out).arg(k / 16).arg(rows);
  std::string s = outcome(b, b.run("gemv_int8", shape(3, 128, seed, races)));
  return s.empty() ? compare(b.get<int32_t>(out, rows), want) : s;
}
static std::string gemvTernary(Bench &b, uint64_t seed, bool races) {
  const int rows = 7, groups = 40, k = groups * 32;
  std::vector<uint32_t> w = randomWords(size_t(rows * groups * 2), 53);
  std::vector<int8_t> x = randomBytes(size_t(k), 54);
  std::vector<float> scales = randomFloats(size_t(rows * groups), 55), want(rows);
  for (int r = 0; r < rows; ++r) {
    float lane[32] = {};
    for (int g = 0; g < groups; ++g) {
      int s = 0;
      for (int half = 0; half < 2; ++half)
        for (int j = 0; j < 4; ++j)
          for (int q = 0; q < 4; ++q) {
            int code = int(w[size_t((r * groups + g) * 2 + half)] >> (8 * q + 2 * j) & 3);
            s += (code - 1) * x[size_t(g * 32 + half * 16 + j * 4 + q)];
          }
      lane[g % 32] = std::fma(float(s), scales[size_t(r * groups + g)], lane[g % 32]);
    }
    for (int d = 16; d; d >>= 1) { // the butterfly adds the same pairs in all lanes
      float next[32];
      for (int l = 0; l < 32; ++l)
        next[l] = lane[l] + lane[l ^ d];
      std::copy(next, next + 32, lane);
    }
    want[size_t(r)] = lane[0];
  }
  uint64_t out = b.room<float>(rows);
  b.arg(b.put(w)).arg(b.put(x)).arg(b.put(scales)).arg(out).arg(groups).arg(rows);
  std::string s = outcome(b, b.run("gemv_ternary", shape(2, 128, seed, races)));
  return s.empty() ? compare(b.get<float>(out, rows), want) : s;
}
static std::string gemmInt8(Bench &b, uint64_t seed, bool races) {
  const int M = 64, N = 128, K = 192;
  std::vector<int8_t> A = randomBytes(M * K, 56), B = randomBytes(N * K, 57);
  std::vector<int32_t> want(M * N, 0);
  for (int m = 0; m < M; ++m)
    for (int n = 0; n < N; ++n)
      for (int k = 0; k < K; ++k)
        want[size_t(m * N + n)] += A[size_t(m * K + k)] * B[size_t(n * K + k)];
  uint64_t out = b.room<int32_t>(M * N);
  b.arg(b.put(A)).arg(b.put(B)).arg(out).arg(N).arg(K);
  LaunchConfig c = shape(N / 64, 128, seed, races);
  c.grid[1] = M / 64;
  std::string s = outcome(b, b.run("gemm_int8", c));
  return s.empty() ? compare(b.get<int32_t>(out, M * N), want) : s;
}
static std::string rmsNorm(Bench &b, uint64_t seed, bool races) {
  const int n = 300, rows = 3;
  std::vector<float> x = randomFloats(n * rows, 58), w = randomFloats(n, 59), want(n * rows);
  for (int r = 0; r < rows; ++r) {
    float lanes[128] = {}, part[4];
    for (int i = 0; i < n; ++i)
      lanes[i % 128] = std::fma(x[size_t(r * n + i)], x[size_t(r * n + i)], lanes[i % 128]);
    for (int warp = 0; warp < 4; ++warp) {
      float *l = lanes + warp * 32;
      for (int d = 16; d; d >>= 1) {
        float next[32];
        for (int i = 0; i < 32; ++i)
          next[i] = l[i] + l[i ^ d];
        std::copy(next, next + 32, l);
      }
      part[warp] = l[0];
    }
    volatile float s = 0;
    for (float p : part)
      s = s + p;
    volatile float mean = s / float(n), shifted = mean + 1e-5f;
    float scale = 1.0f / std::sqrt(float(shifted));
    for (int i = 0; i < n; ++i) {
      volatile float v = x[size_t(r * n + i)] * scale;
      want[size_t(r * n + i)] = v * w[size_t(i)];
    }
  }
  uint64_t out = b.room<float>(n * rows);
  b.arg(b.put(x)).arg(b.put(w)).arg(out).arg(n).arg(1e-5f);
  std::string s = outcome(b, b.run("rms_norm", shape(rows, 128, seed, races)));
  return s.empty() ? compare(b.get<float>(out, n * rows), want) : s;
}
static std::string quantize(Bench &b, uint64_t seed, bool races) {
  const int n = 200, rows = 2;
  std::vector<float> x = randomFloats(n * rows, 60), scales(rows);
  std::vector<int8_t> want(n * rows);
  for (int r = 0; r < rows; ++r) {
    float m = 0;
    for (int i = 0; i < n; ++i)
      m = std::max(m, std::fabs(x[size_t(r * n + i)]));
    volatile float c = 127.0f / m;
    for (int i = 0; i < n; ++i)
      want[size_t(r * n + i)] = int8_t(std::nearbyint(x[size_t(r * n + i)] * c));
    scales[size_t(r)] = m / 127.0f;
  }
  uint64_t out = b.room<int8_t>(n * rows), os = b.room<float>(rows);
  b.arg(b.put(x)).arg(out).arg(os).arg(n);
  std::string s = outcome(b, b.run("quantize", shape(rows, 96, seed, races)));
  if (s.empty())
    s = compare(b.get<int8_t>(out, n * rows), want);
  return s.empty() ? compare(b.get<float>(os, rows), scales) : s;
}
static std::string vecAdd(Bench &b, uint64_t seed, bool races) {
  const int n = 1000;
  std::vector<float> a = randomFloats(n, 61), c = randomFloats(n, 62), want(n);
  for (size_t i = 0; i < n; ++i)
    want[i] = a[i] + c[i];
  uint64_t out = b.room<float>(n);
  b.arg(b.put(a)).arg(b.put(c)).arg(out).arg(n);
  std::string s = outcome(b, b.run("vec_add", shape(4, 256, seed, races)));
  return s.empty() ? compare(b.get<float>(out, n), want) : s;
}

std::vector<KernelCase> lowbit::ptx::testing::modelCases() {
  return {{"models", "gemv_int8", 80, gemvInt8}, {"models", "gemv_ternary", 80, gemvTernary}, {"models", "gemm_int8", 80, gemmInt8},
          {"models", "rms_norm", 80, rmsNorm},   {"models", "quantize", 80, quantize},        {"models", "vec_add", 80, vecAdd}};
}

std::vector<KernelCase> lowbit::ptx::testing::allCases() {
  std::vector<KernelCase> all;
  for (auto *make : {warpCases, memoryCases, tensorCases, sparseCases, modelCases})
    for (KernelCase &c : make())
      all.push_back(std::move(c));
  return all;
}
