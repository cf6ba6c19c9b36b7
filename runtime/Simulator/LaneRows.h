//===- LaneRows.h - Moving lanes' data between memory and registers *- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each lane of a load has a few elements side by side in memory and a register for each: a
// transposition of 32 rows. `place(lane)` is the host address of a lane's elements, checked
// before; `rows[k]` is the register of element k.
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_LANEROWS_H
#define RUNTIME_SIMULATOR_LANEROWS_H

#include "runtime/Simulator/Exec.h"

#include <bit>

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace lowbit::ptx {

/// Whether a[l] = a[0] + l * step for all lanes.
template <class T> inline bool inSteps(const T *a, T step) {
  T wrong = 0;
  for (unsigned l = 0; l < 32; ++l)
    wrong |= T(a[l] - (a[0] + T(l) * step));
  return !wrong;
}

#ifdef __AVX2__
/// Eight lanes of four words: one vector of each word.
template <class Place>
inline void loadEightQuads(const Place &place, unsigned l, __m256i (&out)[4]) {
  __m256i x[4];
  for (unsigned j = 0; j < 4; ++j)
    x[j] = _mm256_inserti128_si256(
        _mm256_castsi128_si256(
            _mm_loadu_si128(reinterpret_cast<const __m128i *>(place(l + j)))),
        _mm_loadu_si128(reinterpret_cast<const __m128i *>(place(l + 4 + j))), 1);
  const __m256i a = _mm256_unpacklo_epi32(x[0], x[1]), b = _mm256_unpackhi_epi32(x[0], x[1]),
                c = _mm256_unpacklo_epi32(x[2], x[3]), d = _mm256_unpackhi_epi32(x[2], x[3]);
  out[0] = _mm256_unpacklo_epi64(a, c);
  out[1] = _mm256_unpackhi_epi64(a, c);
  out[2] = _mm256_unpacklo_epi64(b, d);
  out[3] = _mm256_unpackhi_epi64(b, d);
}

/// Eight lanes of two words.
template <class Place>
inline void loadEightPairs(const Place &place, unsigned l, __m256i (&out)[2]) {
  auto two = [&](unsigned first) {
    return _mm_castpd_si128(_mm_loadh_pd(
        _mm_load_sd(reinterpret_cast<const double *>(place(first))),
        reinterpret_cast<const double *>(place(first + 1))));
  };
  const __m256 a = _mm256_castsi256_ps(_mm256_set_m128i(two(l + 4), two(l))),
               b = _mm256_castsi256_ps(_mm256_set_m128i(two(l + 6), two(l + 2)));
  out[0] = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88));
  out[1] = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd));
}
#endif

/// `count` elements of type T a lane, for the lanes of `mask`.
template <class T, class Place>
inline void loadRows(Warp &w, const uint32_t *rows, unsigned count, uint32_t mask,
                     const Place &place) {
  if (mask != allLanes) {
    for (uint32_t m = mask; m; m &= m - 1) {
      const auto l = unsigned(std::countr_zero(m));
      for (unsigned k = 0; k < count; ++k)
        std::memcpy(&row<T>(w, rows[k])[l], place(l) + k * sizeof(T), sizeof(T));
    }
    return;
  }
#ifdef __AVX2__
  if constexpr (sizeof(T) == 4) {
    auto put = [&](unsigned k, unsigned l, __m256i v) {
      _mm256_storeu_si256(reinterpret_cast<__m256i *>(row<T>(w, rows[k]) + l), v);
    };
    if (count == 4) {
      for (unsigned l = 0; l < 32; l += 8) {
        __m256i v[4];
        loadEightQuads(place, l, v);
        for (unsigned k = 0; k < 4; ++k)
          put(k, l, v[k]);
      }
      return;
    }
    if (count == 2) {
      for (unsigned l = 0; l < 32; l += 8) {
        __m256i v[2];
        loadEightPairs(place, l, v);
        put(0, l, v[0]);
        put(1, l, v[1]);
      }
      return;
    }
  }
#endif
  for (unsigned k = 0; k < count; ++k) {
    T *d = row<T>(w, rows[k]);
    for (unsigned l = 0; l < 32; ++l)
      std::memcpy(&d[l], place(l) + k * sizeof(T), sizeof(T));
  }
}

/// The same for all lanes at `first` + lane * `step`, where step may be 0.
template <class T>
inline void loadSteps(Warp &w, const uint32_t *rows, unsigned count, const uint8_t *first,
                      size_t step) {
  if (step == 0) {
    for (unsigned k = 0; k < count; ++k) {
      T v, *d = row<T>(w, rows[k]);
      std::memcpy(&v, first + k * sizeof(T), sizeof(T));
      for (unsigned l = 0; l < 32; ++l)
        d[l] = v;
    }
  } else if (count == 1 && step == sizeof(T)) {
    std::memcpy(row<T>(w, rows[0]), first, 32 * sizeof(T));
  } else {
    loadRows<T>(w, rows, count, allLanes, [=](unsigned l) { return first + l * step; });
  }
}

template <class T, class Place>
inline void storeRows(Warp &w, const uint32_t *rows, unsigned count, uint32_t mask,
                      const Place &place) {
  if (mask == allLanes) {
    for (unsigned k = 0; k < count; ++k) {
      const T *v = row<T>(w, rows[k]);
      for (unsigned l = 0; l < 32; ++l)
        std::memcpy(place(l) + k * sizeof(T), &v[l], sizeof(T));
    }
    return;
  }
  for (uint32_t m = mask; m; m &= m - 1) {
    const auto l = unsigned(std::countr_zero(m));
    for (unsigned k = 0; k < count; ++k)
      std::memcpy(place(l) + k * sizeof(T), &row<T>(w, rows[k])[l], sizeof(T));
  }
}

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_LANEROWS_H
