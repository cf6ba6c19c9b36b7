//===- FloatTest.cpp - Float kernels against the host's arithmetic --------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/runtime/Simulator/LaneTest.h"

#include <algorithm>
#include <bit>
#include <cfenv>
#include <cmath>
#include <limits>

using namespace lowbit::ptx::testing;

namespace {

float F(uint32_t v) { return std::bit_cast<float>(v); }
uint32_t U(float v) { return v != v ? 0x7fffffff : std::bit_cast<uint32_t>(v); }
void pushD(Words &r, double d) {
  uint64_t q = std::bit_cast<uint64_t>(d);
  r.push_back(uint32_t(q));
  r.push_back(uint32_t(q >> 32));
}
/// One operation in a rounding mode, kept there by volatile.
template <class T, class Op> T in(int mode, Op op) {
  std::fesetround(mode);
  volatile T r = op();
  std::fesetround(FE_TONEAREST);
  return r;
}
template <class T> T opaque(T v) {
  volatile T x = v;
  return x;
}
float ftz(float v) { return std::fpclassify(v) == FP_SUBNORMAL ? std::copysign(0.0f, v) : v; }
float sat(float v) { return v > 0 ? std::min(v, 1.0f) : 0.0f; }
float minOf(float a, float b) { return a != a ? b : b != b ? a : a == b ? (std::signbit(a) ? a : b) : std::min(a, b); }
float maxOf(float a, float b) { return a != a ? b : b != b ? a : a == b ? (std::signbit(a) ? b : a) : std::max(a, b); }

/// Rounds a long double to a format by search over its neighbours: slow and
/// independent of the simulator's bit arithmetic.
uint32_t narrow(long double v, int exponentBits, int mantissaBits, bool truncate) {
  if (v != v)
    return (1u << (exponentBits + mantissaBits)) - 1;
  uint32_t sign = std::signbit(v) ? 1u << (exponentBits + mantissaBits) : 0;
  long double m = std::fabs(v);
  int bias = (1 << (exponentBits - 1)) - 1;
  uint32_t infinity = ((1u << exponentBits) - 1) << mantissaBits;
  if (std::isinf(m))
    return sign | infinity;
  auto value = [&](uint32_t code) -> long double {
    int e = int(code >> mantissaBits), f = int(code & ((1u << mantissaBits) - 1));
    return e ? std::ldexp((long double)(f + (1 << mantissaBits)), e - bias - mantissaBits) : std::ldexp((long double)f, 1 - bias - mantissaBits);
  };
  uint32_t low = 0, high = infinity; // value(low) <= m
  while (high - low > 1) {
    uint32_t middle = (low + high) / 2;
    (value(middle) <= m ? low : high) = middle;
  }
  if (truncate || value(low) == m)
    return sign | low;
  long double down = m - value(low), up = value(low + 1) - m;
  return sign | (down < up || (down == up && !(low & 1)) ? low : low + 1);
}
uint32_t toHalf(long double v) { return narrow(v, 5, 10, false); }
uint32_t toBfloat(long double v) { return narrow(v, 8, 7, false); }
float half(uint32_t h) {
  int e = h >> 10 & 31, m = h & 1023;
  float v = e == 31 ? (m ? NAN : HUGE_VALF) : e ? std::ldexp(float(m + 1024), e - 25) : std::ldexp(float(m), -24);
  return h & 0x8000 ? -v : v;
}
float bfloat(uint32_t h) { return F(h << 16); }
template <class Op> uint32_t pairs(uint32_t x, uint32_t y, uint32_t z, Op op) {
  return (op(x & 0xffff, y & 0xffff, z & 0xffff) & 0xffff) | op(x >> 16, y >> 16, z >> 16) << 16;
}
template <class T> T toInteger(double v, T ifNaN) {
  if (v != v)
    return ifNaN;
  if (v <= double(std::numeric_limits<T>::min()))
    return std::numeric_limits<T>::min();
  if (v >= double(std::numeric_limits<T>::max()))
    return std::numeric_limits<T>::max();
  return T(v);
}
} // namespace

// Halves are floats: the operations are those of f32 on them.
TEST(SimulatorFloat, MixedPrecision) {
  auto half = [](uint32_t v) { return float(std::bit_cast<_Float16>(uint16_t(v))); };
  auto bfloat = [](uint32_t v) { return F(v << 16); };
  checkLanes("blackwell", "mixed", true, [=](uint32_t x, uint32_t y, uint32_t z) -> Words {
    float hx = half(x), hy = half(y), bx = bfloat(x), by = bfloat(y), c = F(z);
    return {U(hx + c),
            U(in<float>(FE_TOWARDZERO, [&] { return opaque(hx) - opaque(c); })),
            U(bx + c),
            U(sat(bx - c)),
            U(std::fma(hx, hy, c)),
            U(in<float>(FE_UPWARD, [&] { return std::fma(opaque(bx), opaque(by), opaque(c)); })),
            U(sat(std::fma(hx, hy, c)))};
  }, 100);
}

TEST(SimulatorFloat, Arithmetic) {
  checkLanes("floating", "f32_arith", true, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    float f = F(x), g = F(y), h = F(z);
    bool nan = f != f || g != g;
    // PTX's copysign d, a, b: the sign of a on b.
    return {U(f + g), U(f - g), U(f * g), U(std::fma(f, g, h)), U(f / g), U(std::sqrt(f)), U(1.0f / f), x ^ 0x80000000, x & 0x7fffffff,
            (y & 0x7fffffff) | (x & 0x80000000), U(minOf(f, g)), U(maxOf(f, g)), nan ? 0x7fffffff : U(minOf(f, g)), nan ? 0x7fffffff : U(maxOf(f, g))};
  }, 80, [](size_t, uint32_t g, uint32_t w) { return F(g) != F(g) && F(w) != F(w); });
}
TEST(SimulatorFloat, DirectedRounding) {
  checkLanes("floating", "f32_rounding", true, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    float f = opaque(F(x)), g = opaque(F(y)), h = opaque(F(z));
    const int Z = FE_TOWARDZERO, D = FE_DOWNWARD, P = FE_UPWARD;
    auto add = [&] { return opaque(f) + opaque(g); };
    auto mul = [&] { return opaque(f) * opaque(g); };
    auto fma = [&] { return std::fma(opaque(f), opaque(g), opaque(h)); };
    auto div = [&] { return opaque(f) / opaque(g); };
    return {U(in<float>(Z, add)), U(in<float>(D, add)), U(in<float>(P, add)), U(in<float>(Z, [&] { return opaque(f) - opaque(g); })),
            U(in<float>(Z, mul)), U(in<float>(D, mul)), U(in<float>(P, mul)), U(in<float>(Z, fma)), U(in<float>(D, fma)), U(in<float>(P, fma)),
            U(in<float>(Z, div)), U(in<float>(P, div)), U(in<float>(D, [&] { return std::sqrt(opaque(f)); })), U(in<float>(P, [&] { return 1.0f / opaque(f); }))};
  });
}
TEST(SimulatorFloat, FlushAndSaturate) {
  checkLanes("floating", "f32_flush", true, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    float f = F(x), g = F(y), h = F(z), a = ftz(f), b = ftz(g), c = ftz(h);
    return {U(ftz(a + b)), U(ftz(a * b)), U(ftz(std::fma(a, b, c))), U(sat(f + g)), U(sat(std::fma(f, g, h))), U(minOf(a, b)), U(std::fabs(a)), U(ftz(a / b))};
  }, 80, [](size_t, uint32_t g, uint32_t w) { return F(g) != F(g) && F(w) != F(w); });
}
TEST(SimulatorFloat, Double) {
  checkLanes("floating", "f64_arith", true, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    double d = F(x), e = double(F(y)) * 1.0000000001, s = F(z);
    Words r;
    pushD(r, d + e);
    pushD(r, d * e);
    pushD(r, std::fma(d, e, s));
    pushD(r, d / e);
    pushD(r, std::sqrt(std::fabs(d)));
    pushD(r, in<double>(FE_TOWARDZERO, [&] { return opaque(d) + opaque(e); }));
    pushD(r, in<double>(FE_UPWARD, [&] { return opaque(d) * opaque(e); }));
    pushD(r, d != d ? e : e != e ? d : d == e ? (std::signbit(d) ? d : e) : std::min(d, e));
    pushD(r, -d);
    r.push_back(d < e);
    r.push_back(U(float(e)));
    return r;
  }, 80, [](size_t k, uint32_t g, uint32_t w) { // NaN payloads in f64 are the host's
    return k < 18 && (k % 2 ? (g & 0x7ff80000) == 0x7ff80000 && (w & 0x7ff80000) == 0x7ff80000 : (g == 0xffffffff || w == 0xffffffff || g == 0 || w == 0));
  });
}
TEST(SimulatorFloat, Compare) {
  checkLanes("floating", "f32_compare", true, [](uint32_t x, uint32_t y, uint32_t) -> Words {
    float f = F(x), g = F(y);
    uint32_t r = uint32_t(f == g) | uint32_t(f != g) << 1 | uint32_t(f < g) << 2 | uint32_t(f <= g) << 3 | uint32_t(f > g) << 4 | uint32_t(f >= g) << 5 |
                 uint32_t(!(f < g)) << 6 | uint32_t(!(f <= g)) << 7 | uint32_t(!(f > g)) << 8 | uint32_t(!(f >= g)) << 9 | uint32_t(f != f || g != g) << 10;
    int c = std::fpclassify(f);
    uint32_t t = uint32_t(c == FP_SUBNORMAL) | uint32_t(c == FP_INFINITE) << 1 | uint32_t(c == FP_NAN) << 2 | uint32_t(c == FP_NORMAL) << 3 | uint32_t(std::isfinite(f)) << 4;
    bool unordered = f != f || g != g;
    return {r, t, f == g || unordered ? 0x3f800000u : 0u, !unordered};
  });
}
TEST(SimulatorFloat, Approximations) {
  // The ISA's bounds are 2^-22 and looser; the simulator rounds correctly.
  checkLanes("floating", "approx", true, [](uint32_t x, uint32_t y, uint32_t) -> Words {
    double f = F(x), g = F(y);
    float fz = ftz(F(x));
    bool tiny = std::fabs(g) > std::ldexp(1.0, 126) && std::isfinite(g);
    return {U(float(std::exp2(f))), U(float(std::log2(f))), U(float(std::sin(f))), U(float(std::cos(f))), U(float(1 / std::sqrt(f))), U(ftz(1.0f / fz)),
            U(float(std::sqrt(f))), U(float(std::tanh(f))), tiny ? (std::isinf(F(x)) || F(x) != F(x) ? 0x7fffffffu : 0u) : U(float(F(x) / F(y))), U(F(x) / F(y))};
  }, 80, [](size_t, uint32_t g, uint32_t w) {
    float a = F(g), b = F(w);
    return (a != a && b != b) || (a == 0 && b == 0) || std::fabs(double(a) - b) <= std::ldexp(std::fabs(double(b)), -22);
  });
}
TEST(SimulatorFloat, Half) {
  auto fma = [](uint32_t a, uint32_t b, uint32_t c) { return toHalf((long double)half(a) * half(b) + half(c)); };
  auto add = [](uint32_t a, uint32_t b, uint32_t) { return toHalf((long double)half(a) + half(b)); };
  checkLanes("floating", "half_arith", false, [=](uint32_t x, uint32_t y, uint32_t z) -> Words {
    auto relu = [&](uint32_t a, uint32_t b, uint32_t c) { uint32_t r = fma(a, b, c); return (r & 0x8000) ? 0u : r; };
    auto saturated = [&](uint32_t a, uint32_t b, uint32_t c) { uint32_t r = add(a, b, c); return (r & 0x7fff) > 0x7c00 || (r & 0x8000) ? 0u : std::min(r, 0x3c00u); };
    auto mn = [](uint32_t a, uint32_t b, uint32_t) { float r = minOf(half(a), half(b)); return r != r ? 0x7fffu : toHalf(r); };
    auto mx = [](uint32_t a, uint32_t b, uint32_t) { float r = maxOf(half(a), half(b)); return r != r ? 0x7fffu : toHalf(r); };
    return {pairs(x, y, z, add), pairs(x, y, z, [](uint32_t a, uint32_t b, uint32_t) { return toHalf((long double)half(a) - half(b)); }),
            pairs(x, y, z, [](uint32_t a, uint32_t b, uint32_t) { return toHalf((long double)half(a) * half(b)); }), pairs(x, y, z, fma), pairs(x, y, z, relu),
            pairs(x, y, z, mn), pairs(x, y, z, mx), x ^ 0x80008000, x & 0x7fff7fff, pairs(x, y, z, saturated), fma(x & 0xffff, y & 0xffff, z & 0xffff), add(x & 0xffff, y & 0xffff, 0)};
  });
}
TEST(SimulatorFloat, Bfloat) {
  // Products of bf16 are exact in long double; the error of the sum, exact by
  // TwoSum, decides halfway cases.
  auto fma = [](uint32_t a, uint32_t b, uint32_t c) -> uint32_t {
    long double p = (long double)bfloat(a) * bfloat(b), q = bfloat(c), r = p + q;
    if (!std::isfinite(r))
      return toBfloat(r);
    long double v = r - p, error = (p - (r - v)) + (q - v);
    uint64_t bits;
    std::memcpy(&bits, &r, 8);
    if (error != 0 && !(bits & 1))
      r = std::nextafter(r, error > 0 ? HUGE_VALL : -HUGE_VALL);
    return toBfloat(r);
  };
  checkLanes("floating", "bfloat_arith", true, [=](uint32_t x, uint32_t y, uint32_t z) -> Words {
    auto mn = [](uint32_t a, uint32_t b, uint32_t) { float r = minOf(bfloat(a), bfloat(b)); return r != r ? 0x7fffu : toBfloat(r); };
    auto mx = [](uint32_t a, uint32_t b, uint32_t) { float r = maxOf(bfloat(a), bfloat(b)); return r != r ? 0x7fffu : toBfloat(r); };
    auto relu = [&](uint32_t a, uint32_t b, uint32_t c) { uint32_t r = fma(a, b, c); return (r & 0x8000) ? 0u : r; };
    return {pairs(x, y, z, fma), pairs(x, y, z, relu), pairs(x, y, z, mn), pairs(x, y, z, mx), x ^ 0x80008000, x & 0x7fff7fff};
  });
  checkLanes("hopper", "bfloat_sums", true, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    return {pairs(x, y, z, [](uint32_t a, uint32_t b, uint32_t) { return toBfloat((long double)bfloat(a) + bfloat(b)); }),
            pairs(x, y, z, [](uint32_t a, uint32_t b, uint32_t) { return toBfloat((long double)bfloat(a) - bfloat(b)); }),
            pairs(x, y, z, [](uint32_t a, uint32_t b, uint32_t) { return toBfloat((long double)bfloat(a) * bfloat(b)); })};
  }, 90);
}
TEST(SimulatorFloat, ConvertIntegers) {
  checkLanes("floating", "convert_int", true, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    double f = F(x);
    int64_t q = f != f ? INT64_MIN : f >= 9.3e18 ? INT64_MAX : f <= -9.3e18 ? INT64_MIN : int64_t(std::trunc(f));
    uint64_t u = uint64_t(x) << 32 | y;
    int32_t s = int32_t(x);
    auto I = [&](double v) { return uint32_t(toInteger<int32_t>(v, 0)); };
    const int D = FE_DOWNWARD, P = FE_UPWARD, Z = FE_TOWARDZERO;
    Words r = {I(std::nearbyint(f)), I(std::trunc(f)), I(std::floor(f)), I(std::ceil(f)), toInteger<uint32_t>(std::trunc(f), 0), toInteger<uint32_t>(std::nearbyint(f), 0),
               uint32_t(q), uint32_t(uint64_t(q) >> 32), U(float(s)), U(in<float>(Z, [&] { return float(opaque(s)); })), U(in<float>(D, [&] { return float(opaque(s)); })),
               U(in<float>(P, [&] { return float(opaque(s)); })), U(float(x)), U(in<float>(P, [&] { return float(opaque(x)); })), U(float(u)),
               U(in<float>(Z, [&] { return float(opaque(int64_t(u))); }))};
    pushD(r, double(u));
    pushD(r, in<double>(D, [&] { return double(opaque(int64_t(u))); }));
    auto clampTo = [](int64_t v, int64_t lo, int64_t hi) { return uint32_t(std::clamp(v, lo, hi)); };
    r.push_back(clampTo(s, -128, 127));
    r.push_back(clampTo(s, 0, 65535));
    r.push_back(uint32_t(int32_t(int8_t(x))));
    r.push_back(x & 0xffff);
    r.push_back(U(std::nearbyint(F(x))));
    r.push_back(U(std::floor(F(x))));
    r.push_back(U(std::trunc(ftz(F(x)))));
    r.push_back(U(sat(F(x))));
    r.push_back(clampTo(s, 0, 255) << 8 | clampTo(int32_t(y), 0, 255) | z << 16);
    r.push_back((clampTo(s, -32768, 32767) & 0xffff) << 16 | (clampTo(int32_t(y), -32768, 32767) & 0xffff));
    return r;
  });
}
TEST(SimulatorFloat, ConvertHalf) {
  checkLanes("floating", "convert_half", true, [](uint32_t x, uint32_t y, uint32_t) -> Words {
    float f = F(x), g = F(y);
    auto overflowRz = [](uint32_t v, float from, uint32_t inf) { return std::isinf(from) || from != from || (v & 0x7fff) != inf ? v : v - 1; };
    uint32_t relu0 = toHalf(g), relu1 = toHalf(f);
    relu0 = (relu0 & 0x8000) ? 0 : relu0;
    relu1 = (relu1 & 0x8000) ? 0 : relu1;
    // tf32 rounds half away from zero.
    uint32_t t = f != f ? 0x7fffffff : std::isinf(f) ? x : (x + 0x1000) & 0xffffe000;
    uint32_t back = toInteger<int32_t>(std::nearbyint(half(x & 0xffff)), 0);
    float h = half(x & 0xffff);
    return {toHalf(f), overflowRz(narrow(f, 5, 10, true), f, 0x7c00), toBfloat(f), narrow(f, 8, 7, true), toHalf(g) | toHalf(f) << 16, toBfloat(g) | toBfloat(f) << 16, relu0 | relu1 << 16,
            U(half(x & 0xffff)), U(bfloat(x & 0xffff)), t, toHalf((long double)int32_t(x)), back, toHalf((long double)(x & 0xffff)), h != h ? 0x7fffu : toHalf(std::nearbyint(h))};
  }, 80, [](size_t k, uint32_t g, uint32_t w) { return k == 8 && F(g) != F(g) && F(w) != F(w); });
}
TEST(SimulatorFloat, Fp8) {
  auto e4m3 = [](float v) -> uint32_t {
    if (v != v)
      return 0x7f;
    uint32_t sign = std::signbit(v) ? 0x80 : 0;
    float m = std::min(std::fabs(v), 448.0f);
    uint32_t code = narrow(m, 4, 3, false) & 0x7f; // as if it had infinities: right up to 448
    if (m >= 256) { // exponent 15 is finite here
      float step = m / 32;
      code = 0x78 + uint32_t(std::nearbyint(step)) - 8;
    }
    return sign | std::min(code, 0x7eu);
  };
  auto e5m2 = [](float v) -> uint32_t {
    if (v != v)
      return 0x7f;
    uint32_t sign = std::signbit(v) ? 0x80 : 0;
    return sign | (narrow(std::min(std::fabs(v), 57344.0f), 5, 2, false) & 0x7f);
  };
  auto from4 = [](uint32_t c) -> uint32_t {
    int e = c >> 3 & 15, m = c & 7;
    float v = (c & 0x7f) == 0x7f ? NAN : e ? std::ldexp(float(8 + m), e - 10) : std::ldexp(float(m), -9);
    return v != v ? 0x7fffu : toHalf(c & 0x80 ? -v : v);
  };
  auto from5 = [](uint32_t c) -> uint32_t { float v = half((c & 0xff) << 8); return v != v ? 0x7fffu : (c & 0xff) << 8; };
  checkLanes("hopper", "fp8", true, [=](uint32_t x, uint32_t y, uint32_t) -> Words {
    float f = F(x), g = F(y);
    uint32_t t = f != f ? 0x7fffffff : narrow(f, 8, 10, false) << 13;
    return {e4m3(g) | e4m3(f) << 8, e5m2(g) | e5m2(f) << 8, (from4(x & 0xff) & 0xffff) | (from4(x >> 8 & 0xff)) << 16, (from5(x & 0xff) & 0xffff) | from5(x >> 8 & 0xff) << 16,
            e4m3(half(x & 0xffff)) | e4m3(half(x >> 16)) << 8, f == f && (t >> 31) ? 0u : t};
  }, 90, [](size_t k, uint32_t g, uint32_t w) { // NaN halves may keep a sign
    return (k == 2 || k == 3) && (g & 0x7fff7fff) == (w & 0x7fff7fff);
  });
}
TEST(SimulatorFloat, PackedShort) {
  checkLanes("hopper", "packed_short", false, [](uint32_t x, uint32_t y, uint32_t z) -> Words {
    return {pairs(x, y, z, [](uint32_t a, uint32_t b, uint32_t) { return (a + b) & 0xffff; }), pairs(x, y, z, [](uint32_t a, uint32_t b, uint32_t) { return uint32_t(uint16_t(std::min(int16_t(a), int16_t(b)))); }),
            pairs(x, y, z, [](uint32_t a, uint32_t b, uint32_t) { return std::max(a, b); })};
  }, 90);
}
