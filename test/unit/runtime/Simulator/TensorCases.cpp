//===- TensorCases.cpp - Kernels of matrix and asynchronous instructions --===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Numerics.h"
#include "runtime/Simulator/TensorCore.h"
#include "test/unit/runtime/Simulator/Cases.h"

#include <bit>
#include <cmath>

using namespace lowbit;
using namespace lowbit::ptx;
using namespace lowbit::ptx::testing;

using Words = std::vector<uint32_t>;

namespace {
/// Matrices first, fragments by the ISA's prose ("groupID = lane / 4,
/// threadID_in_group = lane mod 4") element by element, not by words.
struct Mma {
  const char *kernel;
  unsigned rows, k, bits; ///< Bits of an element.
  bool signedA, signedB;
  int mode; ///< 0 integer, 1 xor, 2 and
};

unsigned rowOfA(const Mma &m, unsigned lane, unsigned i) {
  unsigned chunk = 32 / m.bits; // consecutive elements of a register
  return lane / 4 + (m.rows == 16 && (i / chunk) % 2 ? 8 : 0);
}
unsigned columnOfA(const Mma &m, unsigned lane, unsigned i) {
  unsigned chunk = 32 / m.bits, per = m.rows == 16 ? 2 * chunk : chunk;
  return lane % 4 * chunk + i % chunk + i / per * 4 * chunk;
}
unsigned rowOfB(const Mma &m, unsigned lane, unsigned i) {
  unsigned chunk = 32 / m.bits;
  return lane % 4 * chunk + i % chunk + i / chunk * 4 * chunk;
}
int64_t element(uint32_t code, unsigned bits, bool isSigned) {
  return isSigned ? int64_t(int32_t(code << (32 - bits)) >> (32 - bits)) : int64_t(code);
}
uint32_t codeAt(const Words &registers, unsigned lane, unsigned i, unsigned bits) {
  unsigned chunk = 32 / bits;
  uint32_t w = registers[i / chunk * 32 + lane] >> (bits * (i % chunk));
  return bits == 32 ? w : w & ((1u << bits) - 1);
}

std::string runInteger(const Mma &m, Bench &b, uint64_t seed, bool races) {
  unsigned ra = m.rows * m.k * m.bits / 1024, rb = 8 * m.k * m.bits / 1024, rc = m.rows / 4;
  Words a = randomWords(ra * 32, 21), bb = randomWords(rb * 32, 22), c = randomWords(rc * 32, 23);
  std::vector<std::vector<int64_t>> A(m.rows, std::vector<int64_t>(m.k)), B(m.k, std::vector<int64_t>(8));
  unsigned chunk = 32 / m.bits;
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned i = 0; i < ra * chunk; ++i)
      A[rowOfA(m, lane, i)][columnOfA(m, lane, i)] = element(codeAt(a, lane, i, m.bits), m.bits, m.signedA);
    for (unsigned i = 0; i < rb * chunk; ++i)
      B[rowOfB(m, lane, i)][lane / 4] = element(codeAt(bb, lane, i, m.bits), m.bits, m.signedB);
  }
  Words want(rc * 32);
  bool saturate = std::strcmp(m.kernel, "mma_u8s8_k32") == 0;
  if (saturate) // near the ends, so that it matters
    for (size_t i = 0; i < c.size(); ++i)
      c[i] = i & 1 ? 0x7ffffff0 : 0x80000010;
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned v = 0; v < rc; ++v) {
      unsigned row = lane / 4 + (v >= 2 ? 8 : 0), column = lane % 4 * 2 + (v & 1);
      int64_t sum = int32_t(c[v * 32 + lane]);
      for (unsigned k = 0; k < m.k; ++k)
        sum += m.mode == 0 ? A[row][k] * B[k][column] : m.mode == 1 ? A[row][k] ^ B[k][column] : A[row][k] & B[k][column];
      if (saturate)
        sum = sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum;
      want[v * 32 + lane] = uint32_t(sum);
    }
  uint64_t out = b.room<uint32_t>(want.size());
  b.arg(b.put(a)).arg(b.put(bb)).arg(b.put(c)).arg(out);
  std::string s = outcome(b, b.run(m.kernel, shape(1, 32, seed, races)));
  return s.empty() ? compare(b.get<uint32_t>(out, want.size()), want) : s;
}

/// Float mma on small integers: every order of exact sums gives one result.
std::string runFloat(const Mma &m, int type, bool half, Bench &b, uint64_t seed, bool races) {
  unsigned ra = m.rows * m.k * m.bits / 1024, rb = 8 * m.k * m.bits / 1024, chunk = 32 / m.bits;
  Words random = randomWords(4096, 31);
  auto value = [&](size_t i) { return float(int(random[i % 4096] % 17) - 8) * 0.25f; };
  auto encode = [&](float v) -> uint32_t { return type == 2 ? std::bit_cast<uint32_t>(v) : type == 1 ? std::bit_cast<uint32_t>(v) >> 16 : floatToHalf(v); };
  Words a(ra * 32), bb(rb * 32), c((half ? 2 : 4) * 32);
  float A[16][16] = {}, B[16][8] = {};
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned i = 0; i < ra * chunk; ++i) {
      float v = A[rowOfA(m, lane, i)][columnOfA(m, lane, i)] = value(lane * 16 + i);
      a[i / chunk * 32 + lane] |= encode(v) << (m.bits % 32 * (i % chunk));
    }
    for (unsigned i = 0; i < rb * chunk; ++i) {
      float v = B[rowOfB(m, lane, i)][lane / 4] = value(lane * 16 + i + 999);
      bb[i / chunk * 32 + lane] |= encode(v) << (m.bits % 32 * (i % chunk));
    }
  }
  Words want(c.size());
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned v = 0; v < 4; ++v) {
      unsigned row = lane / 4 + (v >= 2 ? 8 : 0), column = lane % 4 * 2 + (v & 1);
      float start = value(lane * 4 + v + 2000), sum = start;
      for (unsigned k = 0; k < m.k; ++k)
        sum += A[row][k] * B[k][column];
      if (half) {
        c[v / 2 * 32 + lane] |= uint32_t(floatToHalf(start)) << (16 * (v & 1));
        want[v / 2 * 32 + lane] |= uint32_t(floatToHalf(sum)) << (16 * (v & 1));
      } else {
        c[v * 32 + lane] = std::bit_cast<uint32_t>(start);
        want[v * 32 + lane] = std::bit_cast<uint32_t>(sum);
      }
    }
  uint64_t out = b.room<uint32_t>(want.size());
  b.arg(b.put(a)).arg(b.put(bb)).arg(b.put(c)).arg(out);
  std::string s = outcome(b, b.run(m.kernel, shape(1, 32, seed, races)));
  return s.empty() ? compare(b.get<uint32_t>(out, want.size()), want) : s;
}

KernelCase integer(Mma m) {
  return {"tensor", m.kernel, 80, [m](Bench &b, uint64_t seed, bool races) { return runInteger(m, b, seed, races); }};
}
KernelCase real(Mma m, int type, bool half = false) {
  return {"tensor", m.kernel, 80, [=](Bench &b, uint64_t seed, bool races) { return runFloat(m, type, half, b, seed, races); }};
}

std::string mmaDouble(Bench &b, uint64_t seed, bool races) {
  std::vector<double> a(32), bb(32), c(64), want(64);
  for (size_t i = 0; i < 64; ++i) {
    c[i] = double(i) / 3;
    a[i % 32] = std::sqrt(double(i % 32) + 2);
    bb[i % 32] = std::cos(double(i % 32));
  }
  for (size_t lane = 0; lane < 32; ++lane)
    for (size_t v = 0; v < 2; ++v) {
      double sum = c[v * 32 + lane];
      for (size_t k = 0; k < 4; ++k) // A row lane / 4, B column lane / 4
        sum = std::fma(a[lane / 4 * 4 + k], bb[(lane % 4 * 2 + v) * 4 + k], sum);
      want[v * 32 + lane] = sum;
    }
  uint64_t out = b.room<double>(64);
  b.arg(b.put(a)).arg(b.put(bb)).arg(b.put(c)).arg(out);
  std::string s = outcome(b, b.run("mma_f64", shape(1, 32, seed, races)));
  return s.empty() ? compare(b.get<double>(out, 64), want) : s;
}

std::string wmmaBits(Bench &b, uint64_t seed, bool races) {
  Words a = randomWords(32, 41), bb = randomWords(32, 42), c = randomWords(64, 43), want = c;
  for (size_t m = 0; m < 8; ++m)
    for (size_t n = 0; n < 8; ++n)
      for (size_t w = 0; w < 4; ++w)
        want[m * 8 + n] += uint32_t(std::popcount(a[m * 4 + w] ^ bb[n * 4 + w]));
  uint64_t out = b.room<uint32_t>(64);
  b.arg(b.put(a)).arg(b.put(bb)).arg(b.put(c)).arg(out);
  std::string s = outcome(b, b.run("wmma_bits", shape(1, 32, seed, races)));
  return s.empty() ? compare(b.get<uint32_t>(out, 64), want) : s;
}

std::string matrixMoves(Bench &b, uint64_t seed, bool races) {
  std::vector<uint16_t> a(256);
  for (size_t i = 0; i < 256; ++i)
    a[i] = uint16_t(i * 257 + 3);
  auto at = [&](size_t matrix, size_t r, size_t c) { return uint32_t(a[matrix * 64 + r * 8 + c]); };
  Words want(8 * 32);
  for (size_t l = 0; l < 32; ++l) {
    auto plain = [&](size_t m) { return at(m, l / 4, l % 4 * 2) | at(m, l / 4, l % 4 * 2 + 1) << 16; };
    auto turned = [&](size_t m) { return at(m, l % 4 * 2, l / 4) | at(m, l % 4 * 2 + 1, l / 4) << 16; };
    uint32_t v[] = {plain(0), plain(1), plain(2), plain(3), turned(0), turned(1), plain(0), turned(0)};
    for (size_t j = 0; j < 8; ++j)
      want[j * 32 + l] = v[j];
  }
  uint64_t out = b.room<uint32_t>(256);
  b.arg(b.put(a)).arg(out);
  std::string s = outcome(b, b.run("matrix_moves", shape(1, 32, seed, races)));
  return s.empty() ? compare(b.get<uint32_t>(out, 256), want) : s;
}
std::string storesMatrix(Bench &b, uint64_t seed, bool races) {
  Words a = randomWords(128, 44);
  std::vector<uint16_t> want(256);
  for (size_t m = 0; m < 4; ++m)
    for (size_t l = 0; l < 32; ++l) {
      want[m * 64 + l / 4 * 8 + l % 4 * 2] = uint16_t(a[m * 32 + l]);
      want[m * 64 + l / 4 * 8 + l % 4 * 2 + 1] = uint16_t(a[m * 32 + l] >> 16);
    }
  uint64_t out = b.room<uint16_t>(256);
  b.arg(b.put(a)).arg(out);
  std::string s = outcome(b, b.run("stores_matrix", shape(1, 32, seed, races)));
  return s.empty() ? compare(b.get<uint16_t>(out, 256), want) : s;
}
std::string copies(Bench &b, uint64_t seed, bool races) {
  const int n = 150;
  Words a = randomWords(n * 4, 45), want(256 * 4);
  for (size_t i = 0; i < 256; ++i)
    for (size_t w = 0; w < 4; ++w) {
      size_t from = i / 64 * 64 + 63 - i % 64;
      want[i * 4 + w] = from < n ? a[from * 4 + w] : 0;
    }
  uint64_t out = b.room<uint32_t>(want.size());
  b.arg(b.put(a)).arg(out).arg(n);
  std::string s = outcome(b, b.run("copies", shape(1, 64, seed, races)));
  return s.empty() ? compare(b.get<uint32_t>(out, want.size()), want) : s;
}
std::string copiesSmall(Bench &b, uint64_t seed, bool races) {
  Words a = randomWords(256, 46), want(128);
  for (size_t l = 0; l < 64; ++l) {
    want[l] = a[63 - l];
    want[64 + l] = a[128 + 2 * l] + a[129 + 2 * l];
  }
  uint64_t out = b.room<uint32_t>(128);
  b.arg(b.put(a)).arg(out);
  std::string s = outcome(b, b.run("copies_small", shape(1, 64, seed, races)));
  return s.empty() ? compare(b.get<uint32_t>(out, 128), want) : s;
}
std::string mbarriers(Bench &b, uint64_t seed, bool races) {
  Words a = randomWords(64, 47), want(64, 0);
  for (size_t l = 0; l < 64; ++l)
    for (uint32_t phase = 0; phase < 4; ++phase)
      want[l] = want[l] * 3 + a[63 - l] + phase;
  uint64_t out = b.room<uint32_t>(64);
  b.arg(b.put(a)).arg(out);
  std::string s = outcome(b, b.run("mbarriers", shape(1, 64, seed, races)));
  return s.empty() ? compare(b.get<uint32_t>(out, 64), want) : s;
}
std::string waitParity(Bench &b, uint64_t seed, bool races) {
  Words a = randomWords(64, 48), want(64);
  for (size_t l = 0; l < 64; ++l)
    want[l] = a[63 - l];
  uint64_t out = b.room<uint32_t>(64);
  b.arg(b.put(a)).arg(out);
  std::string s = outcome(b, b.run("wait_parity", shape(1, 64, seed, races)));
  return s.empty() ? compare(b.get<uint32_t>(out, 64), want) : s;
}
} // namespace

std::vector<KernelCase> lowbit::ptx::testing::tensorCases() {
  return {integer({"mma_s8_k32", 16, 32, 8, true, true, 0}), integer({"mma_u8s8_k32", 16, 32, 8, false, true, 0}),
          integer({"mma_s8_k16", 16, 16, 8, true, true, 0}), integer({"mma_s8_m8", 8, 16, 8, true, false, 0}),
          integer({"mma_s4_k64", 16, 64, 4, true, true, 0}), integer({"mma_u4_k32", 16, 32, 4, false, false, 0}),
          integer({"mma_b1_and", 16, 256, 1, false, false, 2}), integer({"mma_b1_xor", 16, 128, 1, false, false, 1}),
          integer({"mma_b1_m8", 8, 128, 1, false, false, 1}), real({"mma_f16_k16", 16, 16, 16, false, false, 0}, 0),
          real({"mma_f16_k8", 16, 8, 16, false, false, 0}, 0), real({"mma_bf16_k16", 16, 16, 16, false, false, 0}, 1),
          real({"mma_tf32_k8", 16, 8, 32, false, false, 0}, 2), real({"mma_f16_acc16", 16, 16, 16, false, false, 0}, 0, true),
          {"tensor", "mma_f64", 80, mmaDouble}, {"tensor", "wmma_bits", 80, wmmaBits}, {"tensor", "matrix_moves", 80, matrixMoves},
          {"hopper", "stores_matrix", 90, storesMatrix}, {"tensor", "copies", 80, copies}, {"tensor", "copies_small", 80, copiesSmall},
          {"tensor", "mbarriers", 80, mbarriers}, {"hopper", "wait_parity", 90, waitParity}};
}
