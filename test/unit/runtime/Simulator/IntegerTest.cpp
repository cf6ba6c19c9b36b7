//===- IntegerTest.cpp - Integer kernels against plain C++ ----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/runtime/Simulator/LaneTest.h"

#include <algorithm>
#include <bit>

using namespace lowbit::ptx::testing;

static int32_t S(uint32_t v) { return int32_t(v); }
static int64_t clamp32(int64_t v) { return std::clamp<int64_t>(v, INT32_MIN, INT32_MAX); }
static uint32_t lo(uint64_t v) { return uint32_t(v); }
static uint32_t hi(uint64_t v) { return uint32_t(v >> 32); }

TEST(SimulatorInteger, Arithmetic) {
  checkLanes("integer", "int_arith", false, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    int64_t sx = S(x), sy = S(y), d = S(y | 1);
    return {x + y, x - y, x * y, hi(uint64_t(x) * y), hi(uint64_t(sx * sy)), x / (y | 1), uint32_t(sx / d), x % (y | 1), uint32_t(sx % d),
            std::min(x, y), std::max(x, y), uint32_t(std::min(sx, sy)), uint32_t(std::max(sx, sy)), uint32_t(sx < 0 ? -sx : sx), 0u - x,
            z + (x > y ? x - y : y - x), z + uint32_t(sx > sy ? sx - sy : sy - sx), x * y + z};
  });
}
TEST(SimulatorInteger, Saturation) {
  checkLanes("integer", "int_asm", false, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    int64_t sx = S(x), sy = S(y), high = sx * sy >> 32;
    int64_t x24 = int64_t(sx << 40) >> 40, y24 = int64_t(sy << 40) >> 40;
    return {uint32_t(clamp32(sx + sy)), uint32_t(clamp32(sx - sy)), hi(uint64_t(x) * y) + z, uint32_t(high) + z,
            uint32_t((x & 0xffffff) * uint64_t(y & 0xffffff)), uint32_t(x24 * y24) + z, uint32_t(clamp32(high + S(z))),
            y ? x / y : ~0u, sy ? uint32_t(sx % sy) : x};
  });
}
TEST(SimulatorInteger, Wide) {
  checkLanes("integer", "int_wide", false, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    uint64_t p = uint64_t(x) * y, m = p + (uint64_t(z) << 32 | x), u = uint64_t(x) << 32 | y, v = uint64_t(z) << 16 | 5;
    int64_t q = int64_t(S(x)) * S(y);
    unsigned s = z & 63;
    uint64_t rev = 0;
    for (int i = 0; i < 64; ++i)
      rev |= (u >> i & 1) << (63 - i);
    return {lo(p), hi(p), lo(uint64_t(q)), hi(uint64_t(q)), lo(m), hi(m), lo(u / v), lo(u % v), lo(uint64_t(int64_t(u) / int64_t(v))), lo(u * v),
            lo(uint64_t((unsigned __int128)u * v >> 64)), hi(uint64_t((__int128)int64_t(u) * int64_t(v) >> 64)), u < v ? 1u : 2u,
            int64_t(u) < int64_t(v) ? 1u : 2u, lo(u >> s), lo(uint64_t(int64_t(u) >> s)), lo(u << s), uint32_t(std::popcount(u)),
            uint32_t(std::countl_zero(u)), lo(rev), u ? uint32_t(std::countr_zero(u)) + 1 : 0};
  });
}
TEST(SimulatorInteger, Short) {
  checkLanes("integer", "int_short", false, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    int32_t s = int16_t(x), t = int16_t(y);
    unsigned sh = z & 31;
    return {uint16_t(s * t), uint16_t(s * t >> 16), uint32_t(s * t), uint32_t(uint16_t(x)) * uint16_t(y), uint32_t(s * t) + z, uint16_t(s + t),
            uint16_t(std::min(s, t)), uint16_t(std::max(x & 0xffff, y & 0xffff)), uint16_t(s >> (z & 15)), sh > 15 ? 0u : uint16_t(x << sh)};
  });
}
TEST(SimulatorInteger, Bits) {
  checkLanes("integer", "bits", false, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    uint32_t rev = 0;
    for (int i = 0; i < 32; ++i)
      rev |= (x >> i & 1) << (31 - i);
    uint64_t yx = uint64_t(y) << 32 | x;
    unsigned w = z & 31, c = std::min(z, 32u);
    auto find = [](uint32_t v) { return v ? 31u - uint32_t(std::countl_zero(v)) : ~0u; };
    return {uint32_t(std::popcount(x)), uint32_t(std::countl_zero(x)), rev, x ? uint32_t(std::countr_zero(x)) + 1 : 0, x & y, x | y, x ^ y, ~x,
            x << (y & 31), x >> (y & 31), uint32_t(S(x) >> (y & 31)), y > 31 ? 0 : x << y, y > 31 ? 0 : x >> y, y > 31 ? uint32_t(S(x) >> 31) : uint32_t(S(x) >> y),
            hi(yx << w), lo(yx >> w), hi(yx << c), lo(yx >> c), find(x), find(S(x) < 0 ? ~x : x), x ? uint32_t(std::countl_zero(x)) : ~0u, x == 0};
  });
}
TEST(SimulatorInteger, Bitfields) {
  checkLanes("integer", "bitfields", false, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    unsigned p = y & 63, l = z & 63;
    auto bit = [&](unsigned i) { return i < 32 ? x >> i & 1 : 0u; };
    uint32_t u = 0, s = 0, ins = y, wrapped = 0, mask = 0;
    unsigned top = std::min(p + l - 1, 31u);
    for (unsigned i = 0; i < 32; ++i) {
      u |= (i < l ? bit(p + i) : 0) << i;
      uint32_t sign = l ? bit(top) : 0;
      s |= (i < l && p + i < 32 ? bit(p + i) : sign) << i;
      if (i >= p && i < p + l)
        ins = (ins & ~(1u << i)) | (x >> (i - p) & 1) << i;
      mask |= uint32_t(i >= p && i < p + l) << i;
      wrapped |= uint32_t(i >= (p & 31) && i < (p & 31) + (l & 31)) << i;
    }
    int32_t sx = l >= 32 ? S(x) : l ? S(x << (32 - l)) >> (32 - l) : 0;
    unsigned wl = l & 31;
    uint32_t zx = wl ? x & ((1u << wl) - 1) : 0;
    int base = int(y & 31), want = int(z % 7) - 3, found = -1;
    if (want == 0)
      found = (x >> base & 1) ? base : -1;
    for (int i = base, n = std::abs(want); want && i >= 0 && i < 32 && found < 0; i += want > 0 ? 1 : -1)
      if ((x >> i & 1) && --n == 0)
        found = i;
    return {u, uint32_t(s), ins, mask, wrapped, uint32_t(sx), zx, uint32_t(found)};
  });
}
TEST(SimulatorInteger, Permute) {
  checkLanes("integer", "permute", false, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    uint8_t b[8];
    std::memcpy(b, &x, 4);
    std::memcpy(b + 4, &y, 4);
    auto pick = [&](int i0, int i1, int i2, int i3) { return b[i0 & 7] | b[i1 & 7] << 8 | b[i2 & 7] << 16 | uint32_t(b[i3 & 7]) << 24; };
    uint32_t plain = pick(z & 7, z >> 4 & 7, z >> 8 & 7, z >> 12 & 7), sign = 0;
    for (int i = 0; i < 4; ++i) {
      uint32_t v = b[z >> (4 * i) & 7];
      sign |= (z >> (4 * i) & 8 ? (v & 0x80 ? 0xff : 0) : v) << (8 * i);
    }
    int n = int(z & 3);
    return {plain, sign, pick(n, n + 1, n + 2, n + 3), pick(n, n - 1, n - 2, n - 3), pick(n, n, n, n), pick(n, std::max(n, 1), std::max(n, 2), 3),
            pick(0, std::min(n, 1), std::min(n, 2), n), pick(2 * (n & 1), 2 * (n & 1) + 1, 2 * (n & 1), 2 * (n & 1) + 1)};
  });
}
TEST(SimulatorInteger, Lop3Predicate) {
  checkLanes("integer", "lop3_predicate", false, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    bool q = int32_t(x) > 0;
    return {x & y & z, uint32_t((x & y & z) != 0 || q), uint32_t((x ^ y ^ z) != 0 && !q)};
  });
}
TEST(SimulatorInteger, Lop3) {
  checkLanes("integer", "lop3_tables", false, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    Words r;
    for (uint32_t table : {0x80u, 0xfeu, 0x96u, 0xe8u, 0xcau, 0xeau, 0x1bu, 0x64u}) {
      uint32_t v = 0;
      for (int i = 0; i < 32; ++i)
        v |= (table >> ((x >> i & 1) * 4 + (y >> i & 1) * 2 + (z >> i & 1)) & 1) << i;
      r.push_back(v);
    }
    return r;
  });
}
TEST(SimulatorInteger, DotProducts) {
  checkLanes("integer", "dots", false, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    auto s8 = [](uint32_t v, int i) { return int(int8_t(v >> (8 * i))); };
    auto u8 = [](uint32_t v, int i) { return int(uint8_t(v >> (8 * i))); };
    uint32_t ss = z, uu = z, su = z, us = z;
    for (int i = 0; i < 4; ++i) {
      ss += uint32_t(s8(x, i) * s8(y, i));
      uu += uint32_t(u8(x, i) * u8(y, i));
      su += uint32_t(s8(x, i) * u8(y, i));
      us += uint32_t(u8(x, i) * s8(y, i));
    }
    int s0 = int16_t(x), s1 = int16_t(x >> 16), u0 = x & 0xffff, u1 = x >> 16;
    return {ss, uu, su, us, z + uint32_t(s0 * s8(y, 0) + s1 * s8(y, 1)), z + uint32_t(s0 * s8(y, 2) + s1 * s8(y, 3)),
            z + uint32_t(u0) * uint32_t(u8(y, 0)) + uint32_t(u1) * uint32_t(u8(y, 1)), z + uint32_t(u0) * uint32_t(s8(y, 2)) + uint32_t(u1) * uint32_t(s8(y, 3))};
  });
}
TEST(SimulatorInteger, Carries) {
  checkLanes("integer", "carries", false, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    uint64_t s0 = uint64_t(x) + y, s1 = uint64_t(y) + z + hi(s0), s2 = uint64_t(x) + z + hi(s1);
    uint64_t d0 = uint64_t(x) - y, d1 = uint64_t(y) - z - (d0 >> 63), d2 = uint64_t(x) - z - (d1 >> 63);
    uint64_t m = uint64_t(x) * y + z;
    return {lo(s0), lo(s1), lo(s2), lo(d0), lo(d1), lo(d2), lo(m), hi(m)};
  });
}
TEST(SimulatorInteger, Compares) {
  checkLanes("integer", "compares", false, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    bool sl = S(x) < S(y), t = z > 100;
    uint32_t r = uint32_t(x == y) | uint32_t(x != y) << 1 | uint32_t(x < y) << 2 | uint32_t(x <= y) << 3 | uint32_t(x > y) << 4 | uint32_t(x >= y) << 5 |
                 uint32_t(sl) << 6 | uint32_t(S(x) <= S(y)) << 7 | uint32_t(S(x) > S(y)) << 8 | uint32_t(S(x) >= S(y)) << 9;
    bool p = x < y, q = y <= z, v = ((p && !q) || p) != q;
    return {r, uint32_t(sl && t) + (!sl && t ? 2u : 0u), (x > y) != !t ? 7u : 9u, S(x) <= S(y) ? ~0u : 0u, S(z) >= 0 ? x : y, !v};
  });
}
