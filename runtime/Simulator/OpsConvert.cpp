//===- OpsConvert.cpp - cvt -----------------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Lanes.h"
#include "runtime/Simulator/Numerics.h"

#include <limits>

using namespace lowbit::ptx;

namespace {

// p0: flags, p1: rounding (Round, or for float to integer: 0 nearest even,
// 1 toward zero, 2 down, 3 up), p2: size of the source register, p3: size of
// the destination register.
enum : uint8_t { convFtz = 1, convSat = 2, convRelu = 4, convFinite = 8, convInteger = 16 };

template <class T> T load(const uint8_t *p, unsigned size, unsigned lane) {
  T v;
  std::memcpy(&v, p + lane * size, sizeof(T));
  return v;
}
/// Writes a converted value to a register that may be wider: integers extend.
template <class T> void store(uint8_t *p, unsigned size, unsigned lane, T v) {
  if (size == sizeof(T)) {
    std::memcpy(p + lane * size, &v, sizeof(T));
    return;
  }
  if constexpr (std::is_integral_v<T>) {
    uint64_t wide = std::is_signed_v<T> ? uint64_t(int64_t(v)) : uint64_t(v);
    std::memcpy(p + lane * size, &wide, size);
  }
}

template <class To, class From> To saturateInteger(From v) {
  __int128 x = v;
  __int128 lo = std::numeric_limits<To>::min(), hi = std::numeric_limits<To>::max();
  return To(x < lo ? lo : x > hi ? hi : x);
}

template <class To, class From>
void intToInt(Warp &w, const Inst &i, uint32_t mask) {
  const uint8_t *a = w.r + i.a;
  uint8_t *d = w.r + i.d;
  unsigned as = i.p2, ds = i.p3;
  bool sat = i.p0 & convSat;
  if (as == sizeof(From) && ds == sizeof(To) && !sat) {
    const From *x = row<From>(w, i.a);
    eachLane(row<To>(w, i.d), mask, [=](unsigned l) { return To(x[l]); });
    return;
  }
  for (unsigned l = 0; l < 32; ++l)
    if (mask >> l & 1) {
      From v = load<From>(a, as, l);
      store<To>(d, ds, l, sat ? saturateInteger<To>(v) : To(v));
    }
}

/// Float to integer: out of range clamps; NaN gives 0, or the top bit alone when
/// the source or the result has 64 bits.
template <class To> To floatToInt(double v, unsigned mode, bool from64) {
  if (v != v)
    return from64 || sizeof(To) == 8 ? To(uint64_t(1) << (8 * sizeof(To) - 1))
                                     : To(0);
  switch (mode) {
  case 0: v = std::nearbyint(v); break;
  case 1: v = std::trunc(v); break;
  case 2: v = std::floor(v); break;
  default: v = std::ceil(v); break;
  }
  const double lo = double(std::numeric_limits<To>::min());
  const double hi = std::ldexp(1.0, int(8 * sizeof(To)) - std::is_signed_v<To>);
  if (v < lo)
    return std::numeric_limits<To>::min();
  if (v >= hi)
    return std::numeric_limits<To>::max();
  return To(v);
}

enum FloatKind { kF16, kBF16, kF32, kF64 };
template <FloatKind K> double loadFloat(const uint8_t *p, unsigned size, unsigned l) {
  if constexpr (K == kF16)
    return halfToFloat(load<uint16_t>(p, size, l));
  else if constexpr (K == kBF16)
    return bfloatToFloat(load<uint16_t>(p, size, l));
  else if constexpr (K == kF32)
    return load<float>(p, size, l);
  else
    return load<double>(p, size, l);
}

template <class To, FloatKind K>
void floatToIntLanes(Warp &w, const Inst &i, uint32_t mask) {
  for (unsigned l = 0; l < 32; ++l)
    if (mask >> l & 1) {
      double v = loadFloat<K>(w.r + i.a, i.p2, l);
      if ((i.p0 & convFtz) && K == kF32)
        v = flush(float(v));
      store<To>(w.r + i.d, i.p3, l, floatToInt<To>(v, i.p1, K == kF64));
    }
}

template <FloatKind K, class From>
void intToFloatLanes(Warp &w, const Inst &i, uint32_t mask) {
  using Wide = std::conditional_t<std::is_signed_v<From>, int64_t, uint64_t>;
  if constexpr (K == kF32 && sizeof(From) == 4) {
    if (i.p1 == 0 && i.p2 == 4 && !(i.p0 & convSat)) {
      const From *x = row<From>(w, i.a);
      eachLane(row<float>(w, i.d), mask, [=](unsigned l) { return float(x[l]); });
      return;
    }
  }
  for (unsigned l = 0; l < 32; ++l) {
    if (!(mask >> l & 1))
      continue;
    Wide v = load<From>(w.r + i.a, i.p2, l);
    Round r = Round(i.p1);
    if constexpr (K == kF32) {
      float f = intToFloatRounded(v, r);
      if (i.p0 & convSat)
        f = saturate(f);
      store<float>(w.r + i.d, 4, l, f);
    } else if constexpr (K == kF64) {
      store<double>(w.r + i.d, 8, l, intToDoubleRounded(v, r));
    } else {
      // Odd rounding to double first keeps the single rounding exact.
      double x = intToDoubleRounded(v, Round::rz);
      if ((__int128)x != (__int128)v)
        x = asDouble(asBits(x) | 1);
      store<uint16_t>(w.r + i.d, 2, l, uint16_t(encodeFloat(x, K == kF16 ? formatF16 : formatBF16, r)));
    }
  }
}

/// Rounds to an integral value in the same format (cvt.rni.f32.f32).
double roundIntegral(double v, unsigned mode) {
  switch (mode) {
  case 0: return std::nearbyint(v);
  case 1: return std::trunc(v);
  case 2: return std::floor(v);
  default: return std::ceil(v);
  }
}

template <FloatKind To, FloatKind From>
void floatToFloat(Warp &w, const Inst &i, uint32_t mask) {
  if constexpr (To == kF32 && (From == kF16 || From == kBF16)) {
    // Exact, and the usual conversion of stored scales.
    if (i.p0 == 0 && i.p2 == 2) {
      const uint16_t *a = row<uint16_t>(w, i.a);
      eachLane(row<float>(w, i.d), mask, [=](unsigned l) {
        return canonical(From == kF16 ? halfToFloat(a[l]) : bfloatToFloat(a[l]));
      });
      return;
    }
  }
  for (unsigned l = 0; l < 32; ++l) {
    if (!(mask >> l & 1))
      continue;
    double v = loadFloat<From>(w.r + i.a, i.p2, l);
    if (From == kF32 && (i.p0 & convFtz))
      v = flush(float(v));
    if (i.p0 & convInteger)
      v = roundIntegral(v, i.p1);
    if (i.p0 & convSat)
      v = v > 0 ? (v < 1 ? v : 1.0) : 0.0;
    Round r = (i.p0 & convInteger) ? Round::rn : Round(i.p1);
    if constexpr (To == kF64) {
      store<double>(w.r + i.d, 8, l, v);
    } else if constexpr (To == kF32) {
      float f = toFloatRounded(v, r);
      if (i.p0 & convFtz)
        f = flush(f);
      store<float>(w.r + i.d, 4, l, canonical(f));
    } else {
      uint16_t h = uint16_t(encodeFloat(v, To == kF16 ? formatF16 : formatBF16, r, i.p0 & convFinite));
      if ((i.p0 & convRelu) && v == v && (h & 0x8000))
        h = 0;
      store<uint16_t>(w.r + i.d, 2, l, h);
    }
  }
}
void toTF32(Warp &w, const Inst &i, uint32_t mask) {
  const float *a = row<float>(w, i.a);
  uint32_t *d = row<uint32_t>(w, i.d);
  for (unsigned l = 0; l < 32; ++l)
    if (mask >> l & 1) {
      uint32_t code = encodeFloat(a[l], formatTF32, Round(i.p1), i.p0 & convFinite) << 13;
      if ((i.p0 & convRelu) && a[l] == a[l] && (code >> 31))
        code = 0;
      d[l] = a[l] != a[l] ? canonicalNaN : code;
    }
}

/// Two values into one register: d = {a (high), b (low)}.
/// imm: FloatFormat packed as exponent | mantissa << 8 | special << 16.
FloatFormat formatOf(uint64_t imm) {
  return {uint8_t(imm), uint8_t(imm >> 8), FloatFormat::Special(imm >> 16 & 3)};
}
uint64_t packFormat(FloatFormat f) {
  return f.exponentBits | uint64_t(f.mantissaBits) << 8 | uint64_t(f.special) << 16;
}
uint32_t convertOne(const Inst &i, FloatFormat f, double v) {
  uint32_t code = encodeFloat(v, f, Round(i.p1), i.p0 & convFinite);
  unsigned signShift = f.exponentBits + f.mantissaBits;
  if ((i.p0 & convRelu) && v == v && (code >> signShift & 1))
    code = 0;
  return code;
}
void pairFromF32(Warp &w, const Inst &i, uint32_t mask) {
  FloatFormat f = formatOf(i.imm);
  const float *a = row<float>(w, i.a), *b = row<float>(w, i.b);
  unsigned width = f.exponentBits + f.mantissaBits + 1;
  unsigned shift = width <= 4 ? 4 : width <= 8 ? 8 : 16;
  for (unsigned l = 0; l < 32; ++l)
    if (mask >> l & 1) {
      uint32_t v = convertOne(i, f, a[l]) << shift | convertOne(i, f, b[l]);
      std::memcpy(w.r + i.d + l * i.p3, &v, i.p3);
    }
}
/// Packed halves to packed fp8 (imm's format), source f16x2 or bf16x2 (p2 = 1).
void pairFromHalves(Warp &w, const Inst &i, uint32_t mask) {
  FloatFormat f = formatOf(i.imm);
  const uint32_t *a = row<uint32_t>(w, i.a);
  uint16_t *d = row<uint16_t>(w, i.d);
  for (unsigned l = 0; l < 32; ++l)
    if (mask >> l & 1) {
      float lo = i.p2 ? bfloatToFloat(uint16_t(a[l])) : halfToFloat(uint16_t(a[l]));
      float hi = i.p2 ? bfloatToFloat(uint16_t(a[l] >> 16)) : halfToFloat(uint16_t(a[l] >> 16));
      d[l] = uint16_t(convertOne(i, f, hi) << 8 | convertOne(i, f, lo));
    }
}
/// Packed fp8 to f16x2; exact.
void pairToHalves(Warp &w, const Inst &i, uint32_t mask) {
  FloatFormat f = formatOf(i.imm);
  const uint16_t *a = row<uint16_t>(w, i.a);
  uint32_t *d = row<uint32_t>(w, i.d);
  for (unsigned l = 0; l < 32; ++l)
    if (mask >> l & 1) {
      uint32_t r = 0;
      for (int k = 0; k < 2; ++k) {
        double v = decodeFloat(a[l] >> (8 * k) & 0xff, f);
        uint16_t h = uint16_t(encodeFloat(v, formatF16, Round::rn));
        if ((i.p0 & convRelu) && v == v && (h & 0x8000))
          h = 0;
        r |= uint32_t(h) << (16 * k);
      }
      d[l] = r;
    }
}

/// cvt.pack.sat.u8.s32.b32 and relatives: p0 = result bits, p1 = signed result.
void packSat(Warp &w, const Inst &i, uint32_t mask) {
  const int32_t *a = row<int32_t>(w, i.a), *b = row<int32_t>(w, i.b);
  const uint32_t *c = i.c == noSlot ? nullptr : row<uint32_t>(w, i.c);
  uint32_t *d = row<uint32_t>(w, i.d);
  unsigned bits = i.p0;
  int64_t lo = i.p1 ? -(int64_t(1) << (bits - 1)) : 0;
  int64_t hi = (int64_t(1) << (bits - (i.p1 ? 1 : 0))) - 1;
  auto clamp = [&](int64_t v) { return uint32_t(v < lo ? lo : v > hi ? hi : v) & ((1u << bits) - 1); };
  for (unsigned l = 0; l < 32; ++l)
    if (mask >> l & 1)
      d[l] = clamp(a[l]) << bits | clamp(b[l]) | (c ? c[l] << (2 * bits) : 0);
}

template <class To> Handler intFrom(Type from) {
  switch (from) {
  case Type::u8: return intToInt<To, uint8_t>;
  case Type::s8: return intToInt<To, int8_t>;
  case Type::u16: return intToInt<To, uint16_t>;
  case Type::s16: return intToInt<To, int16_t>;
  case Type::u32: return intToInt<To, uint32_t>;
  case Type::s32: return intToInt<To, int32_t>;
  case Type::u64: return intToInt<To, uint64_t>;
  case Type::s64: return intToInt<To, int64_t>;
  case Type::f16: return floatToIntLanes<To, kF16>;
  case Type::bf16: return floatToIntLanes<To, kBF16>;
  case Type::f32: return floatToIntLanes<To, kF32>;
  case Type::f64: return floatToIntLanes<To, kF64>;
  default: return nullptr;
  }
}
template <FloatKind K> Handler floatFrom(Type from) {
  switch (from) {
  case Type::u8: return intToFloatLanes<K, uint8_t>;
  case Type::s8: return intToFloatLanes<K, int8_t>;
  case Type::u16: return intToFloatLanes<K, uint16_t>;
  case Type::s16: return intToFloatLanes<K, int16_t>;
  case Type::u32: return intToFloatLanes<K, uint32_t>;
  case Type::s32: return intToFloatLanes<K, int32_t>;
  case Type::u64: return intToFloatLanes<K, uint64_t>;
  case Type::s64: return intToFloatLanes<K, int64_t>;
  case Type::f16: return floatToFloat<K, kF16>;
  case Type::bf16: return floatToFloat<K, kBF16>;
  case Type::f32: return floatToFloat<K, kF32>;
  case Type::f64: return floatToFloat<K, kF64>;
  default: return nullptr;
  }
}
Handler pick(Type to, Type from) {
  switch (to) {
  case Type::u8: return intFrom<uint8_t>(from);
  case Type::s8: return intFrom<int8_t>(from);
  case Type::u16: return intFrom<uint16_t>(from);
  case Type::s16: return intFrom<int16_t>(from);
  case Type::u32: return intFrom<uint32_t>(from);
  case Type::s32: return intFrom<int32_t>(from);
  case Type::u64: return intFrom<uint64_t>(from);
  case Type::s64: return intFrom<int64_t>(from);
  case Type::f16: return floatFrom<kF16>(from);
  case Type::bf16: return floatFrom<kBF16>(from);
  case Type::f32: return floatFrom<kF32>(from);
  case Type::f64: return floatFrom<kF64>(from);
  default: return nullptr;
  }
}

struct PairType {
  const char *name;
  FloatFormat format;
};
const PairType pairTypes[] = {{"e4m3x2", formatE4M3}, {"e5m2x2", formatE5M2}};

const PairType *eatPairType(Decoder &d) {
  for (const PairType &p : pairTypes)
    if (d.eat(p.name))
      return &p;
  return nullptr;
}

} // namespace

static bool decodePack(Decoder &d) {
  if (!d.eat("sat"))
    return d.badModifier(".sat");
  static const struct { const char *name; uint8_t bits; bool isSigned; } kinds[] = {
      {"u2", 2, false}, {"s2", 2, true}, {"u4", 4, false}, {"s4", 4, true},
      {"u8", 8, false}, {"s8", 8, true}, {"u16", 16, false}, {"s16", 16, true}};
  for (auto &k : kinds) {
    if (!d.eat(k.name))
      continue;
    if (!d.eat("s32"))
      return d.badModifier(".s32");
    bool third = d.eat("b32");
    d.out.p0 = k.bits;
    d.out.p1 = k.isSigned;
    if (third == (k.bits == 16))
      return d.fail("cvt.pack has a third operand for results below 16 bits only");
    return d.require(72, 65, "cvt.pack") && d.expectOperands(third ? 4 : 3, third ? 4 : 3) &&
           d.dest(0, Type::b32, d.out.d) && d.source(1, Type::s32, d.out.a) && d.source(2, Type::s32, d.out.b) &&
           (!third || d.source(3, Type::b32, d.out.c)) && finish(d, packSat);
  }
  return d.badModifier("a result type");
}

static bool decodeCvt(Decoder &d) {
  if (d.eat("pack"))
    return decodePack(d);
  int integer = d.eatOneOf({"rni", "rzi", "rmi", "rpi"});
  int round = integer < 0 ? d.eatOneOf({"rn", "rz", "rm", "rp", "rna"}) : -1;
  bool relu = d.eat("relu"), finite = false, ftz = false, sat = false;
  if (d.peek("rs"))
    return d.unsupported("stochastic rounding");
  finite = d.eat("satfinite");
  relu = d.eat("relu") || relu;
  ftz = d.eat("ftz");
  sat = d.eat("sat");
  d.out.p0 = uint8_t((ftz ? convFtz : 0) | (sat ? convSat : 0) | (relu ? convRelu : 0) |
                     (finite ? convFinite : 0) | (integer >= 0 ? convInteger : 0));
  d.out.p1 = uint8_t(integer >= 0 ? integer : round < 0 ? 0 : round);
  d.out.p2 = d.out.p3 = 0;
  if (d.eat("tf32")) {
    if (!d.eat("f32"))
      return d.badModifier(".f32");
    if (round != 4 && round != 0 && round != 1)
      return d.fail("cvt to tf32 needs .rna, .rn or .rz");
    return (round == 4 ? d.require(80, 70, "cvt to tf32") : d.require(90, 78, "cvt.rn to tf32")) &&
           d.expectOperands(2, 2) && d.dest(0, Type::b32, d.out.d) && d.source(1, Type::f32, d.out.a) &&
           finish(d, toTF32);
  }
  if (round == 4)
    return d.fail(".rna goes with .tf32 only");
  if (const PairType *pair = eatPairType(d)) {
    if (round != 0 || !finite)
      return d.fail("cvt to fp8 needs .rn.satfinite");
    d.out.imm = packFormat(pair->format);
    if (!d.require(89, 81, "cvt to fp8"))
      return false;
    if (d.eat("f32")) {
      d.out.p3 = 2;
      return d.expectOperands(3, 3) && d.dest(0, Type::b16, d.out.d) && d.source(1, Type::f32, d.out.a) &&
             d.source(2, Type::f32, d.out.b) && finish(d, pairFromF32);
    }
    if (!d.eat("f16x2"))
      return d.badModifier(".f32 or .f16x2");
    return d.expectOperands(2, 2) && d.dest(0, Type::b16, d.out.d) && d.source(1, Type::f16x2, d.out.a) &&
           finish(d, pairFromHalves);
  }
  for (const char *narrowType : {"e2m1x2", "e2m3x2", "e3m2x2", "ue8m0x2"})
    if (d.peek(narrowType))
      return d.unsupported("cvt of 4- and 6-bit floats");
  Type to, from;
  if (!d.expectType(to))
    return false;
  if (to == Type::f16x2 || to == Type::bf16x2) {
    if (const PairType *pair = eatPairType(d)) {
      if (to != Type::f16x2 || round != 0)
        return d.fail("fp8 converts to .f16x2 with .rn only");
      d.out.imm = packFormat(pair->format);
      return d.require(89, 81, "cvt from fp8") && d.expectOperands(2, 2) && d.dest(0, Type::f16x2, d.out.d) &&
             d.source(1, Type::b16, d.out.a) && finish(d, pairToHalves);
    }
    if (!d.eat("f32"))
      return d.badModifier(".f32");
    if (round != 0 && round != 1)
      return d.fail("cvt to packed halves needs .rn or .rz");
    d.out.imm = packFormat(to == Type::f16x2 ? formatF16 : formatBF16);
    d.out.p3 = 4;
    return d.require(80, 70, "cvt to packed halves") && d.expectOperands(3, 3) && d.dest(0, to, d.out.d) &&
           d.source(1, Type::f32, d.out.a) && d.source(2, Type::f32, d.out.b) && finish(d, pairFromF32);
  }
  if (!d.expectType(from))
    return false;
  bool toFloat = isFloat(to), fromFloat = isFloat(from);
  bool needsRound = (toFloat && !fromFloat) || (toFloat && fromFloat && typeSize(to) < typeSize(from)) ||
                    (toFloat && fromFloat && to != from && typeSize(to) == typeSize(from));
  if (fromFloat && !toFloat && integer < 0)
    return d.fail("cvt from float to integer needs .rni, .rzi, .rmi or .rpi");
  if (needsRound && round < 0)
    return d.fail("cvt needs a rounding mode here");
  if (integer >= 0 && !fromFloat)
    return d.fail("integer rounding needs a float source");
  // Between formats of one size .rn is that of the value; the same format
  // takes an integer rounding only.
  if (round >= 0 && !needsRound)
    return d.fail("cvt takes no rounding mode here");
  if (to == Type::bf16 && !d.require(80, 70, "cvt to bf16"))
    return false;
  if (from == Type::bf16 && !d.require(to == Type::f32 ? 80 : 90, 71, "cvt from bf16"))
    return false;
  if (!d.expectOperands(2, 2))
    return false;
  unsigned ds, as;
  if (!d.wideDest(d.operand(0), to, d.out.d, ds) || !d.wideSource(d.operand(1), from, d.out.a, as))
    return false;
  d.out.p2 = uint8_t(as);
  d.out.p3 = uint8_t(ds);
  return finish(d, pick(to, from), toFloat || fromFloat ? Pipe::xu : Pipe::alu);
}

const OpcodeRow lowbit::ptx::convertOpcodes[] = {{"cvt", decodeCvt}, {nullptr, nullptr}};
