//===- IdentityTest.cpp - The identities that passes rely on --------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// DESIGN section 5, each on 1,000 seeded instances and, where the domain is
// below 2^20, on all of it. Integers are exact; identities over the reals are
// tested on integers, where they hold exactly too.
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Operations.h"

#include "lowbit/Packing/Layouts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <random>

using namespace lowbit;
using namespace lowbit::reference;

namespace {

constexpr int instances = 1000;

using Vector = std::vector<int64_t>;

struct Random {
  std::mt19937 engine;
  explicit Random(unsigned seed) : engine(seed) {}
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(engine() % static_cast<uint64_t>(high - low + 1));
  }
  Vector vector(size_t size, int64_t low, int64_t high) {
    Vector result(size);
    for (int64_t &value : result)
      value = between(low, high);
    return result;
  }
};

int64_t dotOf(const Vector &a, const Vector &b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), int64_t{0});
}

/// Bit `bit` of the two's complement of every element.
std::vector<bool> planeOf(const Vector &values, unsigned bit) {
  std::vector<bool> plane;
  for (int64_t value : values)
    plane.push_back((static_cast<uint64_t>(value) >> bit & 1u) != 0);
  return plane;
}

int64_t popcountOfAnd(const std::vector<bool> &a, const std::vector<bool> &b) {
  int64_t count = 0;
  for (size_t i = 0; i < a.size(); ++i)
    count += a[i] && b[i];
  return count;
}

int64_t popcount(const std::vector<bool> &a) {
  return std::count(a.begin(), a.end(), true);
}

/// Range of a code of `width` bits.
std::pair<int64_t, int64_t> rangeOf(unsigned width, bool isSigned) {
  return isSigned ? std::pair(-(int64_t{1} << (width - 1)),
                              (int64_t{1} << (width - 1)) - 1)
                  : std::pair(int64_t{0}, (int64_t{1} << width) - 1);
}

/// I1: sum_ij +-2^(i+j) popc(a_i & w_j), top planes of signed operands negative.
int64_t planeProduct(const Vector &a, unsigned p, bool aSigned, const Vector &w,
                     unsigned q, bool wSigned) {
  int64_t sum = 0;
  for (unsigned i = 0; i < p; ++i)
    for (unsigned j = 0; j < q; ++j) {
      const int64_t sign = ((aSigned && i + 1 == p) ? -1 : 1) *
                           ((wSigned && j + 1 == q) ? -1 : 1);
      sum += sign * (int64_t{1} << (i + j)) *
             popcountOfAnd(planeOf(a, i), planeOf(w, j));
    }
  return sum;
}

TEST(Identity, PlaneProduct) {
  Random random(1);
  for (int i = 0; i < instances; ++i) {
    const unsigned p = static_cast<unsigned>(random.between(1, 8));
    const unsigned q = static_cast<unsigned>(random.between(1, 8));
    const bool aSigned = random.between(0, 1), wSigned = random.between(0, 1);
    const auto [aLow, aHigh] = rangeOf(p, aSigned);
    const auto [wLow, wHigh] = rangeOf(q, wSigned);
    const size_t size = static_cast<size_t>(random.between(1, 100));
    const Vector a = random.vector(size, aLow, aHigh);
    const Vector w = random.vector(size, wLow, wHigh);
    ASSERT_EQ(planeProduct(a, p, aSigned, w, q, wSigned), dotOf(a, w));
  }
  // One product of every pair of values of every pair of widths.
  for (unsigned p = 1; p <= 8; ++p)
    for (unsigned q = 1; q <= 8; ++q)
      for (int signs = 0; signs < 4; ++signs) {
        const auto [aLow, aHigh] = rangeOf(p, signs & 1);
        const auto [wLow, wHigh] = rangeOf(q, signs & 2);
        for (int64_t a = aLow; a <= aHigh; ++a)
          for (int64_t w = wLow; w <= wHigh; ++w)
            ASSERT_EQ(planeProduct({a}, p, signs & 1, {w}, q, signs & 2), a * w);
      }
}

TEST(Identity, ZeroPointsPerGroup) {
  Random random(2);
  for (int i = 0; i < instances; ++i) {
    const size_t size = static_cast<size_t>(random.between(1, 64));
    const Vector a = random.vector(size, -128, 255);
    const Vector w = random.vector(size, -128, 255);
    const int64_t za = random.between(-300, 300), zw = random.between(-300, 300);
    int64_t direct = 0, sumA = 0, sumW = 0;
    for (size_t k = 0; k < size; ++k) {
      direct += (a[k] - za) * (w[k] - zw);
      sumA += a[k];
      sumW += w[k];
    }
    ASSERT_EQ(direct, dotOf(a, w) - za * sumW - zw * sumA +
                          static_cast<int64_t>(size) * za * zw);
  }
}

TEST(Identity, PlusMinusOneByAndOnly) {
  auto check = [](const std::vector<bool> &b, const std::vector<bool> &c) {
    const int64_t size = static_cast<int64_t>(b.size());
    int64_t direct = 0, differ = 0;
    for (size_t k = 0; k < b.size(); ++k) {
      direct += (b[k] ? 1 : -1) * (c[k] ? 1 : -1);
      differ += b[k] != c[k];
    }
    EXPECT_EQ(direct, 4 * popcountOfAnd(b, c) - 2 * popcount(b) -
                          2 * popcount(c) + size);
    EXPECT_EQ(direct, size - 2 * differ);
  };
  Random random(3);
  for (int i = 0; i < instances; ++i) {
    const size_t size = static_cast<size_t>(random.between(1, 200));
    check(planeOf(random.vector(size, 0, 1), 0),
          planeOf(random.vector(size, 0, 1), 0));
  }
  for (unsigned b = 0; b < 512; ++b) // all pairs of vectors of 9
    for (unsigned c = 0; c < 512; ++c) {
      Vector x, y;
      for (unsigned k = 0; k < 9; ++k) {
        x.push_back(b >> k & 1);
        y.push_back(c >> k & 1);
      }
      check(planeOf(x, 0), planeOf(y, 0));
    }
}

TEST(Identity, TernaryAsTwoPlanes) {
  Random random(4);
  auto check = [](const Vector &t, const Vector &a) {
    std::vector<bool> positive, negative;
    for (int64_t value : t) {
      positive.push_back(value > 0);
      negative.push_back(value < 0);
    }
    int64_t sum = 0;
    for (unsigned i = 0; i < 8; ++i) // unsigned activations of 8 bits
      sum += (int64_t{1} << i) * (popcountOfAnd(planeOf(a, i), positive) -
                                  popcountOfAnd(planeOf(a, i), negative));
    EXPECT_EQ(sum, dotOf(t, a));
    EXPECT_EQ(planeProduct(a, 8, false, t, 2, true), dotOf(t, a));
  };
  for (int i = 0; i < instances; ++i) {
    const size_t size = static_cast<size_t>(random.between(1, 100));
    check(random.vector(size, -1, 1), random.vector(size, 0, 255));
  }
  for (int64_t t = -1; t <= 1; ++t)
    for (int64_t a = 0; a < 256; ++a)
      check({t}, {a});
}

TEST(Identity, FiveLevelsNeedThreePlanes) {
  // I5: two {0, 1} planes with any weights reach at most four values.
  for (int u = -16; u <= 16; ++u)
    for (int v = -16; v <= 16; ++v) {
      std::vector<int> values = {0, u, v, u + v};
      std::sort(values.begin(), values.end());
      values.erase(std::unique(values.begin(), values.end()), values.end());
      EXPECT_LE(values.size(), 4u);
    }
  std::vector<bool> reached(5, false);
  for (int bits = 0; bits < 8; ++bits)
    reached[static_cast<size_t>((bits & 1) + (bits >> 1 & 1) +
                                2 * (bits >> 2 & 1))] = true;
  EXPECT_EQ(std::count(reached.begin(), reached.end(), true), 5);
}

TEST(Identity, NestedBits) {
  // All values, all prefixes; the rest is a code of the low bits.
  for (int64_t w = 0; w < 256; ++w)
    for (unsigned b = 1; b <= 8; ++b) {
      const int64_t high = w >> (8 - b), rest = w & ((1 << (8 - b)) - 1);
      EXPECT_EQ(w, (int64_t{1} << (8 - b)) * high + rest);
    }
  for (int64_t w = -128; w < 128; ++w)
    for (unsigned b = 1; b <= 8; ++b)
      EXPECT_EQ(w, (int64_t{1} << (8 - b)) * (w >> (8 - b)) +
                       (w & ((1 << (8 - b)) - 1)));
}

/// Row-major [rows, columns].
struct Matrix {
  size_t rows, columns;
  Vector values;
  int64_t at(size_t i, size_t j) const { return values[i * columns + j]; }
};

Matrix randomMatrix(Random &random, size_t rows, size_t columns) {
  return {rows, columns, random.vector(rows * columns, -9, 9)};
}

Matrix product(const Matrix &a, const Matrix &b) {
  Matrix c{a.rows, b.columns, Vector(a.rows * b.columns, 0)};
  for (size_t i = 0; i < a.rows; ++i)
    for (size_t j = 0; j < b.columns; ++j)
      for (size_t k = 0; k < a.columns; ++k)
        c.values[i * c.columns + j] += a.at(i, k) * b.at(k, j);
  return c;
}

TEST(Identity, ResidualChannelsAsConcatenation) {
  Random random(5);
  for (int i = 0; i < instances; ++i) {
    const size_t m = static_cast<size_t>(random.between(1, 4));
    const size_t k = static_cast<size_t>(random.between(1, 12));
    const size_t s = static_cast<size_t>(random.between(1, 4));
    const size_t n = static_cast<size_t>(random.between(1, 5));
    const Matrix x = randomMatrix(random, m, k), r = randomMatrix(random, m, s);
    const Matrix w = randomMatrix(random, k, n), ws = randomMatrix(random, s, n);
    Matrix wide{m, k + s, {}}, tall = w;
    for (size_t row = 0; row < m; ++row) {
      for (size_t j = 0; j < k; ++j)
        wide.values.push_back(x.at(row, j));
      for (size_t j = 0; j < s; ++j)
        wide.values.push_back(r.at(row, j));
    }
    tall.rows += s;
    tall.values.insert(tall.values.end(), ws.values.begin(), ws.values.end());
    Matrix split = product(x, w);
    const Matrix added = product(r, ws);
    for (size_t j = 0; j < split.values.size(); ++j)
      split.values[j] += added.values[j];
    ASSERT_EQ(product(wide, tall).values, split.values);
  }
}

TEST(Identity, KroneckerByTwoProducts) {
  Random random(6);
  for (int i = 0; i < instances; ++i) {
    const size_t a = static_cast<size_t>(random.between(1, 4));
    const size_t b = static_cast<size_t>(random.between(1, 4));
    const Matrix p = randomMatrix(random, a, a), q = randomMatrix(random, b, b);
    const Matrix x = randomMatrix(random, 1, a * b);
    Matrix kron{a * b, a * b, Vector(a * b * a * b)};
    for (size_t r = 0; r < a * b; ++r)
      for (size_t c = 0; c < a * b; ++c)
        kron.values[r * a * b + c] = p.at(r / b, c / b) * q.at(r % b, c % b);
    // x as [a, b]: P^T X Q.
    Matrix transposed{a, a, Vector(a * a)};
    for (size_t r = 0; r < a; ++r)
      for (size_t c = 0; c < a; ++c)
        transposed.values[r * a + c] = p.at(c, r);
    const Matrix square{a, b, x.values};
    ASSERT_EQ(product(product(transposed, square), q).values,
              product(x, kron).values);
  }
}

TEST(Identity, LowRankAndScaledSigns) {
  Random random(7);
  for (int i = 0; i < instances; ++i) {
    const size_t n = static_cast<size_t>(random.between(1, 6));
    const size_t k = static_cast<size_t>(random.between(1, 6));
    const size_t r = static_cast<size_t>(random.between(1, 3));
    const Matrix q = randomMatrix(random, n, k), x = randomMatrix(random, k, 1);
    const Matrix u = randomMatrix(random, n, r), v = randomMatrix(random, r, k);
    const Matrix uv = product(u, v);
    // (Q + U V) x = Q x + U (V x)
    Matrix sum = q;
    for (size_t j = 0; j < sum.values.size(); ++j)
      sum.values[j] += uv.values[j];
    Vector split = product(q, x).values;
    const Vector low = product(u, product(v, x)).values;
    for (size_t j = 0; j < split.size(); ++j)
      split[j] += low[j];
    ASSERT_EQ(product(sum, x).values, split);
    // I9: (B o (U V)) x = sum_j u_j o (B (v_j o x))
    Matrix signs = q, scaled = q;
    for (size_t j = 0; j < q.values.size(); ++j) {
      signs.values[j] = q.values[j] >= 0 ? 1 : -1;
      scaled.values[j] = signs.values[j] * uv.values[j];
    }
    Vector terms(n, 0);
    for (size_t j = 0; j < r; ++j) {
      Matrix weighted = x;
      for (size_t c = 0; c < k; ++c)
        weighted.values[c] *= v.at(j, c);
      const Vector part = product(signs, weighted).values;
      for (size_t row = 0; row < n; ++row)
        terms[row] += u.at(row, j) * part[row];
    }
    ASSERT_EQ(product(scaled, x).values, terms);
  }
}

/// Whether every value of an integer code is a value of a float format.
bool embeds(NumberDesc code, FloatFormat format) {
  const NumberDesc target = NumberDesc::floating(format);
  for (int64_t value = code.lo; value <= code.hi; value += code.step)
    if (floatFromCode(target, floatToCode(target, static_cast<float>(value))) !=
        static_cast<float>(value))
      return false;
  return true;
}

TEST(Identity, CodeEmbedding) {
  NumberDesc ternary = NumberDesc::signedInt(2), w2star = NumberDesc::unsignedInt(3);
  ternary.lo = -1;
  w2star.hi = 4;
  for (const NumberDesc &code :
       {NumberDesc::plusMinusOne(), ternary, w2star, NumberDesc::signedInt(2),
        NumberDesc::unsignedInt(2), NumberDesc::signedInt(3)})
    EXPECT_TRUE(embeds(code, FloatFormat::f4E2M1FN));
  EXPECT_FALSE(embeds(NumberDesc::unsignedInt(3), FloatFormat::f4E2M1FN)); // 5, 7
  for (FloatFormat format :
       {FloatFormat::f6E3M2FN, FloatFormat::f8E4M3FN, FloatFormat::f8E5M2})
    EXPECT_TRUE(embeds(NumberDesc::signedInt(4), format));
  EXPECT_TRUE(embeds(NumberDesc::unsignedInt(4), FloatFormat::f8E4M3FN));
  EXPECT_TRUE(embeds(NumberDesc::signedInt(5), FloatFormat::f8E4M3FN));
  EXPECT_FALSE(embeds(NumberDesc::unsignedInt(5), FloatFormat::f8E4M3FN)); // 17
  EXPECT_TRUE(embeds(NumberDesc::signedInt(8), FloatFormat::bf16));
  EXPECT_TRUE(embeds(NumberDesc::signedInt(8), FloatFormat::f16));
}

TEST(Identity, BoundsOfThirtyTwoBits) {
  // I13, the exact edge.
  EXPECT_LT(int64_t{255} * 255 * 33025, int64_t{1} << 31);
  EXPECT_GE(int64_t{255} * 255 * 33026, int64_t{1} << 31);
  EXPECT_LT(int64_t{128} * 128 * 131071, int64_t{1} << 31);
  EXPECT_GE(int64_t{128} * 128 * 131072, int64_t{1} << 31);
}

/// Step hoisting: rows computed together have the bits of rows computed alone.
TEST(Identity, BatchedRowsAreSingleRows) {
  Random random(8);
  for (int i = 0; i < instances; ++i) {
    const int64_t n = random.between(1, 5), k = random.between(1, 70);
    const int64_t steps = random.between(1, 6);
    CompressedTensor weight;
    weight.leaf.rows = n;
    weight.leaf.columns = k;
    weight.leaf.code = NumberDesc::signedInt(4);
    weight.leaf.scales = {
        paramPerRow(NumberDesc::floating(FloatFormat::f32), n)};
    weight.scales.resize(1);
    for (int64_t row = 0; row < n; ++row)
      weight.scales[0].floats.push_back(
          std::ldexp(static_cast<float>(random.between(1, 1 << 20)), -24));
    for (int64_t at = 0; at < n * k; ++at)
      weight.codes.push_back(static_cast<int16_t>(random.between(-8, 7)));
    Tensor inputs = Tensor::zeros(ElementType::f32, {steps, k});
    for (float &x : inputs.floats)
      x = std::ldexp(static_cast<float>(random.between(-(1 << 20), 1 << 20)), -18);
    const Tensor together = matmul(inputs, weight, nullptr);
    for (int64_t step = 0; step < steps; ++step) {
      Tensor one = Tensor::zeros(ElementType::f32, {1, k});
      std::copy(inputs.row(step).begin(), inputs.row(step).end(),
                one.floats.begin());
      const Tensor alone = matmul(one, weight, nullptr);
      for (int64_t row = 0; row < n; ++row)
        ASSERT_EQ(std::bit_cast<uint32_t>(alone.floats[row]),
                  std::bit_cast<uint32_t>(together.row(step)[row]));
    }
  }
}

} // namespace
