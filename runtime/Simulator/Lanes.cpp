//===- Lanes.cpp - Results of some lanes ----------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Lanes.h"

#include <bit>

#ifdef __AVX2__
#include <immintrin.h>
#endif

using namespace lowbit::ptx;

template <class T> static void storeEach(void *d, const void *v, uint32_t mask) {
  for (uint32_t m = mask; m; m &= m - 1) {
    const auto at = size_t(std::countr_zero(m)) * sizeof(T);
    std::memcpy(static_cast<uint8_t *>(d) + at, static_cast<const uint8_t *>(v) + at, sizeof(T));
  }
}

#ifdef __AVX2__
/// `bits` holds a vector's bits of the mask in the sign of its elements.
static void blend(void *d, const void *v, unsigned at, __m256i bits, bool wide) {
  auto *to = reinterpret_cast<__m256i *>(static_cast<uint8_t *>(d) + at);
  const __m256i from = _mm256_loadu_si256(
      reinterpret_cast<const __m256i *>(static_cast<const uint8_t *>(v) + at));
  const __m256i old = _mm256_loadu_si256(to);
  _mm256_storeu_si256(
      to, wide ? _mm256_castpd_si256(_mm256_blendv_pd(_mm256_castsi256_pd(old),
                                                      _mm256_castsi256_pd(from),
                                                      _mm256_castsi256_pd(bits)))
               : _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(old),
                                                      _mm256_castsi256_ps(from),
                                                      _mm256_castsi256_ps(bits))));
}

static void storeWords(void *d, const void *v, uint32_t mask) {
  const __m256i shifts = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24);
  for (unsigned part = 0; part < 4; ++part)
    blend(d, v, 32 * part,
          _mm256_sllv_epi32(_mm256_set1_epi32(int(mask >> (8 * part))), shifts), false);
}

static void storePairs(void *d, const void *v, uint32_t mask) {
  const __m256i shifts = _mm256_setr_epi64x(63, 62, 61, 60);
  for (unsigned part = 0; part < 8; ++part)
    blend(d, v, 32 * part,
          _mm256_sllv_epi64(_mm256_set1_epi64x(int64_t(mask >> (4 * part))), shifts), true);
}
#else
static void storeWords(void *d, const void *v, uint32_t mask) { storeEach<uint32_t>(d, v, mask); }
static void storePairs(void *d, const void *v, uint32_t mask) { storeEach<uint64_t>(d, v, mask); }
#endif

void lowbit::ptx::storeLanes(void *d, const void *v, unsigned size, uint32_t mask) {
  switch (size) {
  case 1: return storeEach<uint8_t>(d, v, mask);
  case 2: return storeEach<uint16_t>(d, v, mask);
  case 4: return storeWords(d, v, mask);
  default: return storePairs(d, v, mask);
  }
}
