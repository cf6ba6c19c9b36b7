//===- Hash.cpp - SHA-256 and XXH3 ----------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Support/Hash.h"

#include <algorithm>
#include <bit>
#include <cstring>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace lowbit {
namespace {

/// First 32 bits of the fractional parts of the cube roots of the first 64
/// primes (FIPS 180-4, section 4.2.2).
constexpr uint32_t roundConstants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

uint32_t loadBigEndian(const uint8_t *bytes) {
  return static_cast<uint32_t>(bytes[0]) << 24 |
         static_cast<uint32_t>(bytes[1]) << 16 |
         static_cast<uint32_t>(bytes[2]) << 8 | bytes[3];
}

#if defined(__x86_64__)
/// Whether the SHA extensions (and the SSE4.1 that the code around them uses)
/// are there.
bool hasShaInstructions() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1))
    return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29));
}

/// `count` blocks of 64 bytes by the SHA extensions. The instructions keep the
/// state as (a, b, e, f) and (c, d, g, h), first letter in the highest lane,
/// and do two rounds each.
__attribute__((target("sha,sse4.1"))) void
compressByInstructions(uint32_t *state, const uint8_t *block, size_t count) {
  const __m128i swapBytes =
      _mm_set_epi64x(0x0c0d0e0f08090a0bll, 0x0405060700010203ll);
  __m128i abef =
      _mm_set_epi32(static_cast<int>(state[0]), static_cast<int>(state[1]),
                    static_cast<int>(state[4]), static_cast<int>(state[5]));
  __m128i cdgh =
      _mm_set_epi32(static_cast<int>(state[2]), static_cast<int>(state[3]),
                    static_cast<int>(state[6]), static_cast<int>(state[7]));
  for (; count > 0; --count, block += 64) {
    const __m128i oldAbef = abef, oldCdgh = cdgh;
    __m128i words[4]; // the last 16 words of the schedule
    for (unsigned i = 0; i < 4; ++i)
      words[i] = _mm_shuffle_epi8(
          _mm_loadu_si128(reinterpret_cast<const __m128i *>(block) + i),
          swapBytes);
    for (unsigned step = 0; step < 16; ++step) {
      __m128i now = words[step % 4];
      __m128i sum =
          _mm_add_epi32(now, _mm_loadu_si128(reinterpret_cast<const __m128i *>(
                                 roundConstants + 4 * step)));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
      if (step >= 12)
        continue;
      // w[i] = s1(w[i-2]) + w[i-7] + s0(w[i-15]) + w[i-16], four at a time.
      __m128i next = words[(step + 1) % 4], last = words[(step + 3) % 4];
      __m128i seventh = _mm_alignr_epi8(last, words[(step + 2) % 4], 4);
      words[step % 4] = _mm_sha256msg2_epu32(
          _mm_add_epi32(_mm_sha256msg1_epu32(now, next), seventh), last);
    }
    abef = _mm_add_epi32(abef, oldAbef);
    cdgh = _mm_add_epi32(cdgh, oldCdgh);
  }
  state[0] = static_cast<uint32_t>(_mm_extract_epi32(abef, 3));
  state[1] = static_cast<uint32_t>(_mm_extract_epi32(abef, 2));
  state[2] = static_cast<uint32_t>(_mm_extract_epi32(cdgh, 3));
  state[3] = static_cast<uint32_t>(_mm_extract_epi32(cdgh, 2));
  state[4] = static_cast<uint32_t>(_mm_extract_epi32(abef, 1));
  state[5] = static_cast<uint32_t>(_mm_extract_epi32(abef, 0));
  state[6] = static_cast<uint32_t>(_mm_extract_epi32(cdgh, 1));
  state[7] = static_cast<uint32_t>(_mm_extract_epi32(cdgh, 0));
}
#endif

} // namespace

Sha256::Sha256()
    : state{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
            0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19},
      pending{} {}

void Sha256::compress(const uint8_t *blocks, size_t count) {
#if defined(__x86_64__)
  static const bool fast = hasShaInstructions();
  if (fast && !portable)
    return compressByInstructions(state.data(), blocks, count);
#endif
  for (size_t i = 0; i < count; ++i)
    compressBlock(blocks + 64 * i);
}

void Sha256::compressBlock(const uint8_t *block) {
  uint32_t schedule[64];
  for (unsigned i = 0; i < 16; ++i)
    schedule[i] = loadBigEndian(block + 4 * i);
  for (unsigned i = 16; i < 64; ++i) {
    uint32_t x = schedule[i - 15], y = schedule[i - 2];
    uint32_t s0 = std::rotr(x, 7) ^ std::rotr(x, 18) ^ (x >> 3);
    uint32_t s1 = std::rotr(y, 17) ^ std::rotr(y, 19) ^ (y >> 10);
    schedule[i] = schedule[i - 16] + s0 + schedule[i - 7] + s1;
  }

  auto [a, b, c, d, e, f, g, h] = state;
  for (unsigned i = 0; i < 64; ++i) {
    uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    uint32_t choice = (e & f) ^ (~e & g);
    uint32_t t1 = h + s1 + choice + roundConstants[i] + schedule[i];
    uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
    uint32_t t2 = s0 + majority;
    h = g, g = f, f = e, e = d + t1;
    d = c, c = b, b = a, a = t1 + t2;
  }
  const uint32_t sums[8] = {a, b, c, d, e, f, g, h};
  for (unsigned i = 0; i < 8; ++i)
    state[i] += sums[i];
}

void Sha256::update(std::span<const uint8_t> bytes) {
  if (bytes.empty())
    return;
  size_t held = total % 64;
  total += bytes.size();
  if (held > 0) {
    size_t take = std::min(bytes.size(), 64 - held);
    std::memcpy(pending.data() + held, bytes.data(), take);
    bytes = bytes.subspan(take);
    if (held + take < 64)
      return;
    compress(pending.data(), 1);
  }
  compress(bytes.data(), bytes.size() / 64);
  bytes = bytes.subspan(bytes.size() / 64 * 64);
  if (!bytes.empty())
    std::memcpy(pending.data(), bytes.data(), bytes.size());
}

Sha256Digest Sha256::finish() {
  uint64_t bits = total * 8;
  uint8_t padding[72] = {0x80};
  size_t held = total % 64;
  size_t zeros = (held < 56 ? 56 : 120) - held;
  for (unsigned i = 0; i < 8; ++i)
    padding[zeros + i] = static_cast<uint8_t>(bits >> (56 - 8 * i));
  update({padding, zeros + 8});

  Sha256Digest digest;
  for (unsigned i = 0; i < 32; ++i)
    digest[i] = static_cast<uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

Sha256Digest sha256Portable(std::span<const uint8_t> bytes) {
  Sha256 hash;
  hash.portable = true;
  hash.update(bytes);
  return hash.finish();
}

Sha256Digest sha256(std::span<const uint8_t> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

uint64_t xxh3(std::span<const uint8_t> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

Hash128 xxh3Wide(std::span<const uint8_t> bytes) {
  XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

Xxh3Stream::Xxh3Stream()
    : state(XXH3_createState()), wideState(XXH3_createState()) {
  XXH3_64bits_reset(static_cast<XXH3_state_t *>(state));
  XXH3_128bits_reset(static_cast<XXH3_state_t *>(wideState));
}

Xxh3Stream::~Xxh3Stream() {
  XXH3_freeState(static_cast<XXH3_state_t *>(state));
  XXH3_freeState(static_cast<XXH3_state_t *>(wideState));
}

void Xxh3Stream::update(std::span<const uint8_t> bytes) {
  XXH3_64bits_update(static_cast<XXH3_state_t *>(state), bytes.data(),
                     bytes.size());
  XXH3_128bits_update(static_cast<XXH3_state_t *>(wideState), bytes.data(),
                      bytes.size());
}

uint64_t Xxh3Stream::digest() const {
  return XXH3_64bits_digest(static_cast<const XXH3_state_t *>(state));
}

Hash128 Xxh3Stream::digestWide() const {
  XXH128_hash_t hash =
      XXH3_128bits_digest(static_cast<const XXH3_state_t *>(wideState));
  return {hash.low64, hash.high64};
}

std::string toHex(std::span<const uint8_t> bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (uint8_t byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::string toHex(const Hash128 &hash) {
  uint8_t bytes[16];
  for (unsigned i = 0; i < 8; ++i) {
    bytes[i] = static_cast<uint8_t>(hash.high >> (56 - 8 * i));
    bytes[8 + i] = static_cast<uint8_t>(hash.low >> (56 - 8 * i));
  }
  return toHex(bytes);
}

} // namespace lowbit
