//===- IntegerTile.cpp - Integer products of matrix fragments -------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Eight columns are the lanes of a vector; pairs along k meet in one multiply-add of
// 16-bit numbers, whose sums of two products fit 32 bits. Which two numbers of a word make
// a pair does not matter as long as both operands agree: a plane is the numbers at one
// place of each half word, and comes out of the words by two shifts.
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/IntegerTile.h"
#include "runtime/Simulator/Fragments.h"

#include <algorithm>
#include <type_traits>

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

/// Words of eight columns: four vectors of one word each, of columns 0 2 4 6 1 3 5 7. That
/// is the order in which lanes hold C.
static inline void turn(const uint32_t *block, __m256i (&words)[4]) {
  __m256i y[4], u[4];
  for (unsigned i = 0; i < 4; ++i)
    y[i] = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(block + 8 * i));
  for (unsigned i = 0; i < 2; ++i) {
    u[2 * i] = _mm256_unpacklo_epi32(y[2 * i], y[2 * i + 1]);
    u[2 * i + 1] = _mm256_unpackhi_epi32(y[2 * i], y[2 * i + 1]);
  }
  for (unsigned i = 0; i < 2; ++i) {
    words[2 * i] = _mm256_unpacklo_epi64(u[i], u[2 + i]);
    words[2 * i + 1] = _mm256_unpackhi_epi64(u[i], u[2 + i]);
  }
}

template <unsigned bits, bool signedA, bool signedB, unsigned runs>
static void multiply(const TileOperand &a, const TileOperand &b, unsigned halves, const uint32_t *const *in, uint32_t *const *out) {
  constexpr unsigned planes = 16 / bits;
  __m256i right[runs * 4][planes];
  for (unsigned s = 0; s < runs; ++s) {
    __m256i words[4];
    turn(b.blocks[s], words);
    for (unsigned w = 0; w < 4; ++w)
      for (unsigned p = 0; p < planes; ++p)
        right[4 * s + w][p] = plane<bits, signedB>(words[w], p);
  }
  // All of A before anything is written: the result may have its registers.
  alignas(32) int32_t left[2][runs][planes][32];
  for (unsigned h = 0; h < halves; ++h)
    for (unsigned s = 0; s < runs; ++s)
      for (unsigned i = 0; i < 4; ++i) {
        const __m256i x = _mm256_loadu_si256(
            reinterpret_cast<const __m256i *>(a.blocks[halves * s + h] + 8 * i));
        for (unsigned p = 0; p < planes; ++p)
          _mm256_store_si256(reinterpret_cast<__m256i *>(&left[h][s][p][8 * i]),
                             plane<bits, signedA>(x, p));
      }
  for (unsigned h = 0; h < halves; ++h)
    for (unsigned m = 0; m < 8; m += 4) { // four rows share what is read of B
      // Columns 0 2 4 6 are value 0 of four lanes, 1 3 5 7 value 1.
      __m256i sums[4];
      for (unsigned pair = 0; pair < 2; ++pair) {
        auto load = [&](unsigned v) {
          return _mm256_loadu_si256(
              reinterpret_cast<const __m256i *>(in[2 * h + v] + 4 * m + 8 * pair));
        };
        const __m256i even = load(0), odd = load(1);
        sums[2 * pair] = _mm256_permute2x128_si256(even, odd, 0x20);
        sums[2 * pair + 1] = _mm256_permute2x128_si256(even, odd, 0x31);
      }
      for (unsigned s = 0; s < runs; ++s)
        for (unsigned w = 0; w < 4; ++w)
          for (unsigned p = 0; p < planes; ++p) {
            const __m256i column = right[4 * s + w][p];
            const int32_t *row = &left[h][s][p][4 * m + w];
            for (unsigned r = 0; r < 4; ++r)
              sums[r] = _mm256_add_epi32(
                  sums[r], _mm256_madd_epi16(_mm256_set1_epi32(row[4 * r]), column));
          }
      for (unsigned pair = 0; pair < 2; ++pair) {
        auto store = [&](unsigned v, __m256i x) {
          _mm256_storeu_si256(
              reinterpret_cast<__m256i *>(out[2 * h + v] + 4 * m + 8 * pair), x);
        };
        const __m256i first = sums[2 * pair], second = sums[2 * pair + 1];
        store(0, _mm256_permute2x128_si256(first, second, 0x20));
        store(1, _mm256_permute2x128_si256(first, second, 0x31));
      }
    }
}

#else

static int32_t number(uint32_t word, unsigned place, unsigned bits, bool isSigned) {
  const uint32_t x = word << (32 - bits * (place + 1));
  return isSigned ? int32_t(x) >> (32 - bits) : int32_t(x >> (32 - bits));
}

template <unsigned bits, bool signedA, bool signedB, unsigned runs>
static void multiply(const TileOperand &a, const TileOperand &b, unsigned halves, const uint32_t *const *in, uint32_t *const *out) {
  uint32_t sums[4][32];
  for (unsigned v = 0; v < 2 * halves; ++v)
    for (unsigned lane = 0; lane < 32; ++lane) {
      const FragmentPlace place = placeInC(lane, v);
      int32_t sum = 0;
      for (unsigned s = 0; s < runs; ++s)
        for (unsigned w = 0; w < 4; ++w)
          for (unsigned x = 0; x < 32 / bits; ++x)
            sum += number(a.blocks[halves * s + v / 2][4 * (place.row % 8) + w], x, bits,
                          signedA) *
                   number(b.blocks[s][4 * place.column + w], x, bits, signedB);
      sums[v][lane] = in[v][lane] + uint32_t(sum);
    }
  for (unsigned v = 0; v < 2 * halves; ++v)
    std::copy(sums[v], sums[v] + 32, out[v]);
}

#endif

void lowbit::ptx::multiplyTiles(const TileOperand &a, const TileOperand &b,
                                unsigned halves, unsigned runs, bool nibbles,
                                const uint32_t *const *in, uint32_t *const *out) {
  auto forRuns = [&](auto width, auto signedA, auto signedB) {
    constexpr unsigned bits = decltype(width)::value;
    constexpr bool sa = decltype(signedA)::value, sb = decltype(signedB)::value;
    runs == 1 ? multiply<bits, sa, sb, 1>(a, b, halves, in, out)
              : multiply<bits, sa, sb, 2>(a, b, halves, in, out);
  };
  auto forSigns = [&](auto width) {
    constexpr std::true_type yes;
    constexpr std::false_type no;
    if (a.isSigned)
      b.isSigned ? forRuns(width, yes, yes) : forRuns(width, yes, no);
    else
      b.isSigned ? forRuns(width, no, yes) : forRuns(width, no, no);
  };
  if (nibbles)
    forSigns(std::integral_constant<unsigned, 4>());
  else
    forSigns(std::integral_constant<unsigned, 8>());
}
