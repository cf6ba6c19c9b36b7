//===- IntegerTile.cpp - Integer products of matrix fragments -------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Eight rows are the lanes of a vector; pairs along k meet in one multiply-add of 16-bit
// numbers, whose sums of two products fit 32 bits. Which two numbers of a word make a pair
// does not matter as long as both operands agree: a plane is the numbers at one place of
// each half word, and comes out of the words by two shifts.
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/IntegerTile.h"
#include "runtime/Simulator/Fragments.h"

#include <algorithm>

#ifdef __AVX2__
#include <immintrin.h>
#endif

using namespace lowbit::ptx;

#ifdef __AVX2__

/// The numbers of `bits` bits at place `p` of each half word, as 16-bit numbers.
template <unsigned bits, bool isSigned> static inline __m256i plane(__m256i x, unsigned p) {
  x = _mm256_slli_epi16(x, int(16 - bits * (p + 1)));
  return isSigned ? _mm256_srai_epi16(x, 16 - bits) : _mm256_srli_epi16(x, 16 - bits);
}

/// Four vectors of which each has words of two rows, a row in each half, become vectors of
/// one word of the rows 0 2 4 6 1 3 5 7; and back.
static inline void turn(__m256i (&x)[4]) {
  const __m256i a = _mm256_unpacklo_epi32(x[0], x[1]), b = _mm256_unpackhi_epi32(x[0], x[1]),
                c = _mm256_unpacklo_epi32(x[2], x[3]), d = _mm256_unpackhi_epi32(x[2], x[3]);
  x[0] = _mm256_unpacklo_epi64(a, c);
  x[1] = _mm256_unpackhi_epi64(a, c);
  x[2] = _mm256_unpacklo_epi64(b, d);
  x[3] = _mm256_unpackhi_epi64(b, d);
}

static inline __m256i load(const uint32_t *p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p));
}
static inline void store(uint32_t *p, __m256i x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(p), x);
}

template <unsigned bits, bool signedA, bool signedB, unsigned halves, unsigned runs>
static void multiply(const uint32_t *const *a, const uint32_t *const *b,
                     const uint32_t *const *in, uint32_t *const *out) {
  constexpr unsigned planes = 16 / bits;
  // All of A and B before anything is written: the result may have their registers.
  alignas(32) uint32_t right[runs][planes][32];
  for (unsigned s = 0; s < runs; ++s)
    for (unsigned i = 0; i < 4; ++i) {
      const __m256i x = load(b[s] + 8 * i);
      for (unsigned p = 0; p < planes; ++p)
        store(&right[s][p][8 * i], plane<bits, signedB>(x, p));
    }
  __m256i left[runs * 4][planes][halves];
  for (unsigned s = 0; s < runs; ++s)
    for (unsigned h = 0; h < halves; ++h) {
      __m256i words[4];
      for (unsigned i = 0; i < 4; ++i)
        words[i] = load(a[halves * s + h] + 8 * i);
      turn(words);
      for (unsigned w = 0; w < 4; ++w)
        for (unsigned p = 0; p < planes; ++p)
          left[4 * s + w][p][h] = plane<bits, signedA>(words[w], p);
    }
  // Columns 0 2 4 6 are value 0 of four lanes, 1 3 5 7 value 1.
  for (unsigned v = 0; v < 2; ++v) {
    __m256i sums[halves][4];
    for (auto &half : sums)
      for (__m256i &sum : half)
        sum = _mm256_setzero_si256();
    for (unsigned s = 0; s < runs; ++s)
#pragma clang loop unroll(disable) // unrolled, the sums do not stay in registers
      for (unsigned w = 0; w < 4; ++w)
        for (unsigned p = 0; p < planes; ++p)
          for (unsigned c = 0; c < 4; ++c) {
            const __m256i column = _mm256_set1_epi32(int(right[s][p][4 * (v + 2 * c) + w]));
            for (unsigned h = 0; h < halves; ++h)
              sums[h][c] = _mm256_add_epi32(
                  sums[h][c], _mm256_madd_epi16(column, left[4 * s + w][p][h]));
          }
    for (unsigned h = 0; h < halves; ++h) {
      turn(sums[h]);
      for (unsigned i = 0; i < 4; ++i)
        store(out[2 * h + v] + 8 * i,
              _mm256_add_epi32(sums[h][i], load(in[2 * h + v] + 8 * i)));
    }
  }
}

#else

static int32_t number(uint32_t word, unsigned place, unsigned bits, bool isSigned) {
  const uint32_t x = word << (32 - bits * (place + 1));
  return isSigned ? int32_t(x) >> (32 - bits) : int32_t(x >> (32 - bits));
}

template <unsigned bits, bool signedA, bool signedB, unsigned halves, unsigned runs>
static void multiply(const uint32_t *const *a, const uint32_t *const *b,
                     const uint32_t *const *in, uint32_t *const *out) {
  uint32_t sums[4][32];
  for (unsigned v = 0; v < 2 * halves; ++v)
    for (unsigned lane = 0; lane < 32; ++lane) {
      const FragmentPlace place = placeInC(lane, v);
      int32_t sum = 0;
      for (unsigned s = 0; s < runs; ++s)
        for (unsigned w = 0; w < 4; ++w)
          for (unsigned x = 0; x < 32 / bits; ++x)
            sum += number(a[halves * s + v / 2][4 * (place.row % 8) + w], x, bits, signedA) *
                   number(b[s][4 * place.column + w], x, bits, signedB);
      sums[v][lane] = in[v][lane] + uint32_t(sum);
    }
  for (unsigned v = 0; v < 2 * halves; ++v)
    std::copy(sums[v], sums[v] + 32, out[v]);
}

#endif

template <unsigned bits, bool signedA, bool signedB>
static TileProduct byExtent(const TileShape &shape) {
  if (shape.halves == 1)
    return shape.runs == 1 ? multiply<bits, signedA, signedB, 1, 1>
                           : multiply<bits, signedA, signedB, 1, 2>;
  return shape.runs == 1 ? multiply<bits, signedA, signedB, 2, 1>
                         : multiply<bits, signedA, signedB, 2, 2>;
}

template <unsigned bits> static TileProduct bySign(const TileShape &shape) {
  if (shape.signedA)
    return shape.signedB ? byExtent<bits, true, true>(shape) : byExtent<bits, true, false>(shape);
  return shape.signedB ? byExtent<bits, false, true>(shape) : byExtent<bits, false, false>(shape);
}

TileProduct lowbit::ptx::tileProduct(const TileShape &shape) {
  return shape.nibbles ? bySign<4>(shape) : bySign<8>(shape);
}
