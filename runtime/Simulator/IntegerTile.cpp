//===- IntegerTile.cpp - Integer products of matrix fragments -------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Eight columns are the lanes of a vector; pairs along k meet in one multiply-add of
// 16-bit numbers, whose sums of two products fit 32 bits.
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/IntegerTile.h"

#include <cstring>

#ifdef __AVX2__
#include <immintrin.h>
#endif

using namespace lowbit::ptx;

void lowbit::ptx::expandIntegers(const uint32_t *words, unsigned k, bool nibbles,
                                 bool isSigned, int16_t *out) {
#ifdef __AVX2__
  if (!nibbles && k % 16 == 0) {
    for (unsigned i = 0; i < k; i += 16) {
      __m128i bytes =
          _mm_loadu_si128(reinterpret_cast<const __m128i *>(words + i / 4));
      _mm256_storeu_si256(reinterpret_cast<__m256i *>(out + i),
                          isSigned ? _mm256_cvtepi8_epi16(bytes)
                                   : _mm256_cvtepu8_epi16(bytes));
    }
    return;
  }
#endif
  uint8_t bytes[longestRow];
  if (!nibbles) {
    std::memcpy(bytes, words, k);
  } else {
    uint8_t packed[longestRow / 2];
    std::memcpy(packed, words, k / 2);
    for (unsigned i = 0; i < k / 2; ++i) {
      uint8_t low = packed[i] & 15, high = packed[i] >> 4;
      // (x ^ 8) - 8 extends the sign of four bits.
      bytes[2 * i] = isSigned ? uint8_t((low ^ 8) - 8) : low;
      bytes[2 * i + 1] = isSigned ? uint8_t((high ^ 8) - 8) : high;
    }
  }
  if (isSigned)
    for (unsigned i = 0; i < k; ++i)
      out[i] = int8_t(bytes[i]);
  else
    for (unsigned i = 0; i < k; ++i)
      out[i] = bytes[i];
}

#ifdef __AVX2__
/// Turns 8 rows of 8 words.
static void transpose(const int16_t (*rows)[longestRow], unsigned first,
                      __m256i *columns) {
  __m256i r[8], s[8];
  for (unsigned i = 0; i < 8; ++i)
    r[i] = _mm256_loadu_si256(
        reinterpret_cast<const __m256i *>(rows[i] + 2 * first));
  for (unsigned i = 0; i < 4; ++i) {
    s[2 * i] = _mm256_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    s[2 * i + 1] = _mm256_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
  for (unsigned half = 0; half < 2; ++half) {
    r[4 * half] = _mm256_unpacklo_epi64(s[4 * half], s[4 * half + 2]);
    r[4 * half + 1] = _mm256_unpackhi_epi64(s[4 * half], s[4 * half + 2]);
    r[4 * half + 2] = _mm256_unpacklo_epi64(s[4 * half + 1], s[4 * half + 3]);
    r[4 * half + 3] = _mm256_unpackhi_epi64(s[4 * half + 1], s[4 * half + 3]);
  }
  for (unsigned i = 0; i < 4; ++i) {
    columns[i] = _mm256_permute2x128_si256(r[i], r[4 + i], 0x20);
    columns[4 + i] = _mm256_permute2x128_si256(r[i], r[4 + i], 0x31);
  }
}
#endif

void lowbit::ptx::multiplyIntegers(const int16_t (*a)[longestRow],
                                   const int16_t (*b)[longestRow], unsigned k,
                                   unsigned rows, int32_t (*sums)[8]) {
#ifdef __AVX2__
  if (k % 16 == 0) {
    __m256i turned[longestRow / 2];
    for (unsigned pair = 0; pair < k / 2; pair += 8)
      transpose(b, pair, turned + pair);
    for (unsigned m = 0; m < rows; ++m) {
      __m256i even = _mm256_setzero_si256(), odd = even;
      for (unsigned pair = 0; pair < k / 2; pair += 2) {
        int32_t left[2];
        std::memcpy(left, a[m] + 2 * pair, sizeof(left));
        even = _mm256_add_epi32(
            even, _mm256_madd_epi16(_mm256_set1_epi32(left[0]), turned[pair]));
        odd = _mm256_add_epi32(
            odd, _mm256_madd_epi16(_mm256_set1_epi32(left[1]), turned[pair + 1]));
      }
      _mm256_storeu_si256(reinterpret_cast<__m256i *>(sums[m]),
                          _mm256_add_epi32(even, odd));
    }
    return;
  }
#endif
  for (unsigned m = 0; m < rows; ++m)
    for (unsigned n = 0; n < 8; ++n) {
      int32_t sum = 0;
      for (unsigned x = 0; x < k; ++x)
        sum += a[m][x] * b[n][x];
      sums[m][n] = sum;
    }
}
