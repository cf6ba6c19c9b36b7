//===- OpsFloat.cpp - Float arithmetic ------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Lanes.h"
#include "runtime/Simulator/Numerics.h"

using namespace lowbit::ptx;

namespace {

// Bits of p0 in every float instruction.
enum : uint8_t { flagFtz = 1, flagSat = 2, flagRelu = 4, flagNaN = 8, flagXorSign = 16, flagAbs = 32 };

//===----------------------------------------------------------------------===//
// f32 and f64, round to nearest: the forms that must be fast
//===----------------------------------------------------------------------===//

struct Add {
  template <class T> static T run(T a, T b) { return a + b; }
};
struct Sub {
  template <class T> static T run(T a, T b) { return a - b; }
};
struct Mul {
  template <class T> static T run(T a, T b) { return a * b; }
};
struct Fma {
  static float run(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
  static double run(double a, double b, double c) { return __builtin_fma(a, b, c); }
};
struct Div {
  template <class T> static T run(T a, T b) { return a / b; }
};

template <class Op, bool Ftz> struct F32 {
  static float run(float a, float b) {
    if (Ftz)
      a = flush(a), b = flush(b);
    float r = Op::run(a, b);
    return canonical(Ftz ? flush(r) : r);
  }
  static float run(float a, float b, float c) {
    if (Ftz)
      a = flush(a), b = flush(b), c = flush(c);
    float r = Op::run(a, b, c);
    return canonical(Ftz ? flush(r) : r);
  }
};

//===----------------------------------------------------------------------===//
// Everything else of f32 and f64: p0 flags, p1 rounding
//===----------------------------------------------------------------------===//

float finishF32(const Inst &i, float r) {
  if (i.p0 & flagFtz)
    r = flush(r);
  if (i.p0 & flagSat)
    r = saturate(r);
  if ((i.p0 & flagRelu) && !(r > 0))
    r = r != r ? r : 0.0f;
  return canonical(r);
}
float input(const Inst &i, float a) { return (i.p0 & flagFtz) ? flush(a) : a; }

struct AddR {
  static float run(const Inst &i, float a, float b) {
    return finishF32(i, addRounded(input(i, a), input(i, b), Round(i.p1)));
  }
  static double run(const Inst &i, double a, double b) {
    return addRounded(a, b, Round(i.p1));
  }
};
struct SubR {
  static float run(const Inst &i, float a, float b) {
    return finishF32(i, addRounded(input(i, a), -input(i, b), Round(i.p1)));
  }
  static double run(const Inst &i, double a, double b) {
    return addRounded(a, -b, Round(i.p1));
  }
};
struct MulR {
  static float run(const Inst &i, float a, float b) {
    return finishF32(i, mulRounded(input(i, a), input(i, b), Round(i.p1)));
  }
  static double run(const Inst &i, double a, double b) {
    return mulRounded(a, b, Round(i.p1));
  }
};
struct FmaR {
  static float run(const Inst &i, float a, float b, float c) {
    return finishF32(
        i, fmaRounded(input(i, a), input(i, b), input(i, c), Round(i.p1)));
  }
  static double run(const Inst &i, double a, double b, double c) {
    return fmaRounded(a, b, c, Round(i.p1));
  }
};
struct DivR {
  static float run(const Inst &i, float a, float b) {
    return finishF32(i, divRounded(input(i, a), input(i, b), Round(i.p1)));
  }
  static double run(const Inst &i, double a, double b) {
    return divRounded(a, b, Round(i.p1));
  }
};
struct SqrtR {
  static float run(const Inst &i, float a) {
    return finishF32(i, sqrtRounded(input(i, a), Round(i.p1)));
  }
  static double run(const Inst &i, double a) {
    return sqrtRounded(a, Round(i.p1));
  }
};
struct RcpR {
  static float run(const Inst &i, float a) {
    return finishF32(i, divRounded(1.0f, input(i, a), Round(i.p1)));
  }
  static double run(const Inst &i, double a) {
    return divRounded(1.0, a, Round(i.p1));
  }
};

// Approximations: computed in double and rounded once, which lies within the
// ISA's bounds; the hardware's last bits are not modelled.
struct Rsqrt {
  static float run(const Inst &i, float a) {
    a = input(i, a);
    return finishF32(i, float(1.0 / std::sqrt(double(a))));
  }
  static double run(const Inst &, double a) { return 1.0 / std::sqrt(a); }
};
struct Ex2 {
  static float run(const Inst &i, float a) {
    return finishF32(i, float(std::exp2(double(input(i, a)))));
  }
};
struct Lg2 {
  static float run(const Inst &i, float a) {
    return finishF32(i, float(std::log2(double(input(i, a)))));
  }
};
struct Sin {
  static float run(const Inst &i, float a) {
    return finishF32(i, float(std::sin(double(input(i, a)))));
  }
};
struct Cos {
  static float run(const Inst &i, float a) {
    return finishF32(i, float(std::cos(double(input(i, a)))));
  }
};
struct Tanh {
  static float run(const Inst &i, float a) {
    return finishF32(i, float(std::tanh(double(input(i, a)))));
  }
};
/// div.approx: zero for divisors in [2^126, 2^128], as the ISA says.
struct DivApprox {
  static float run(const Inst &i, float a, float b) {
    a = input(i, a), b = input(i, b);
    float magnitude = std::fabs(b);
    if (magnitude > 0x1p126f && magnitude < HUGE_VALF)
      return finishF32(i, std::isinf(a) || a != a
                              ? asFloat(canonicalNaN)
                              : std::copysign(0.0f, a) * std::copysign(1.0f, b));
    return finishF32(i, a / b);
  }
};
struct DivFull {
  static float run(const Inst &i, float a, float b) {
    return finishF32(i, input(i, a) / input(i, b));
  }
};

template <class T> T minMax(const Inst &i, T a, T b, bool min, T nan) {
  if ((i.p0 & flagNaN) && (a != a || b != b))
    return nan;
  T sign = 0;
  bool flip = false;
  if (i.p0 & flagAbs) {
    flip = (i.p0 & flagXorSign) && (std::signbit(a) != std::signbit(b));
    a = std::fabs(a), b = std::fabs(b);
  }
  (void)sign;
  T r;
  if (a != a)
    r = b != b ? nan : b;
  else if (b != b)
    r = a;
  else if (a == b) // -0 is less than +0
    r = min ? (std::signbit(a) ? a : b) : (std::signbit(a) ? b : a);
  else
    r = (a < b) == min ? a : b;
  return flip ? -r : r;
}
struct Min {
  static float run(const Inst &i, float a, float b) {
    return minMax(i, input(i, a), input(i, b), true, asFloat(canonicalNaN));
  }
  static double run(const Inst &i, double a, double b) {
    return minMax(i, a, b, true, asDouble(0x7fffffffffffffff));
  }
};
struct Max {
  static float run(const Inst &i, float a, float b) {
    return minMax(i, input(i, a), input(i, b), false, asFloat(canonicalNaN));
  }
  static double run(const Inst &i, double a, double b) {
    return minMax(i, a, b, false, asDouble(0x7fffffffffffffff));
  }
};
struct Neg {
  static float run(const Inst &i, float a) { return -input(i, a); }
  static double run(const Inst &, double a) { return -a; }
};
struct Abs {
  static float run(const Inst &i, float a) { return std::fabs(input(i, a)); }
  static double run(const Inst &, double a) { return std::fabs(a); }
};
/// copysign d, a, b: the sign of a on the magnitude of b.
struct CopySign {
  template <class T> static T run(T a, T b) { return std::copysign(b, a); }
};

//===----------------------------------------------------------------------===//
// f16 and bf16, one or two in a register. In f32 every +, -, * of them that is
// rounded again equals a single rounding (24 >= 2 * 11 + 2).
//===----------------------------------------------------------------------===//

template <bool Bf> float widen(uint16_t h) {
  return Bf ? bfloatToFloat(h) : halfToFloat(h);
}
template <bool Bf> uint16_t flushHalf(uint16_t h) {
  return (h & (Bf ? 0x7f80 : 0x7c00)) ? h : h & 0x8000;
}
template <bool Bf> uint16_t narrow(const Inst &i, double v) {
  uint16_t h = uint16_t(encodeFloat(v, Bf ? formatBF16 : formatF16, Round::rn));
  if (i.p0 & flagFtz)
    h = flushHalf<Bf>(h);
  bool isNaN = v != v;
  if (i.p0 & flagSat) {
    const uint16_t one = Bf ? 0x3f80 : 0x3c00;
    h = isNaN || (h & 0x8000) ? 0 : h > one ? one : h;
  }
  if ((i.p0 & flagRelu) && !isNaN && (h & 0x8000))
    h = 0;
  return h;
}
enum HalfOp { hAdd, hSub, hMul, hFma, hMin, hMax, hNeg, hAbs, hEx2, hTanh };

template <bool Bf> uint16_t runHalf(const Inst &i, HalfOp op, uint16_t a, uint16_t b, uint16_t c) {
  if (i.p0 & flagFtz)
    a = flushHalf<Bf>(a), b = flushHalf<Bf>(b), c = flushHalf<Bf>(c);
  float x = widen<Bf>(a), y = widen<Bf>(b);
  switch (op) {
  // bf16 exponents reach so far apart that sums need round-to-odd as well.
  case hAdd: return narrow<Bf>(i, Bf ? fmaToOdd(x, 1.0, y) : double(x + y));
  case hSub: return narrow<Bf>(i, Bf ? fmaToOdd(x, 1.0, -double(y)) : double(x - y));
  case hMul: return narrow<Bf>(i, double(x) * double(y));
  case hFma: return narrow<Bf>(i, fmaToOdd(x, y, widen<Bf>(c)));
  case hEx2: return narrow<Bf>(i, std::exp2(double(x)));
  case hTanh: return narrow<Bf>(i, std::tanh(double(x)));
  case hNeg: return a ^ 0x8000;
  case hAbs: return a & 0x7fff;
  case hMin: case hMax: {
    float r = minMax(i, x, y, op == hMin, asFloat(canonicalNaN));
    if ((i.p0 & flagRelu) && r < 0)
      r = 0;
    return r != r ? 0x7fff : narrow<Bf>(i, r);
  }
  }
  return 0;
}
template <bool Bf, HalfOp Op> void halfLanes(Warp &w, const Inst &i, uint32_t mask) {
  const uint16_t *a = row<uint16_t>(w, i.a);
  const uint16_t *b = i.b == noSlot ? a : row<uint16_t>(w, i.b);
  const uint16_t *c = i.c == noSlot ? a : row<uint16_t>(w, i.c);
  unsigned step = i.p1 ? 2 : 1; // packed pairs
  uint16_t *d = row<uint16_t>(w, i.d);
  for (unsigned l = 0; l < 32; ++l)
    if (mask >> l & 1)
      for (unsigned k = l * step; k < (l + 1) * step; ++k)
        d[k] = runHalf<Bf>(i, Op, a[k], b[k], c[k]);
}

template <HalfOp Op> Handler pickHalf(Type type) {
  bool bf = type == Type::bf16 || type == Type::bf16x2;
  return bf ? halfLanes<true, Op> : halfLanes<false, Op>;
}
bool isHalf(Type t) { return t >= Type::f16 && t <= Type::bf16x2; }

/// f32 results of a half and f32 (add, sub) or two halves and f32 (fma).
template <bool Bf, HalfOp Op> void mixedLanes(Warp &w, const Inst &i, uint32_t mask) {
  const uint16_t *a = row<uint16_t>(w, i.a), *b = Op == hFma ? row<uint16_t>(w, i.b) : a;
  const float *c = row<float>(w, Op == hFma ? i.c : i.b);
  eachLane(row<float>(w, i.d), mask, [=, &i](unsigned l) {
    float x = widen<Bf>(a[l]);
    if (Op == hFma)
      return FmaR::run(i, x, widen<Bf>(b[l]), c[l]);
    return Op == hAdd ? AddR::run(i, x, c[l]) : SubR::run(i, x, c[l]);
  });
}
/// {.rnd}{.sat}.f32.atype d, a, {b,} c, when the next modifiers are these types.
template <HalfOp Op> bool decodeMixed(Decoder &d, Type type, int round, bool ftz, bool &mixed) {
  mixed = false;
  if (type != Type::f32 || (!d.peek("f16") && !d.peek("bf16")))
    return true;
  mixed = true;
  bool bf = d.eat("bf16");
  if (!bf)
    d.eat("f16");
  if (ftz)
    return d.fail("'.ftz' does not go with operands of 16 bits and a result of 32");
  Type half = bf ? Type::bf16 : Type::f16;
  size_t n = Op == hFma ? 4 : 3;
  d.out.p1 = uint8_t(round < 0 ? 0 : round);
  return d.require(100, 86, "arithmetic of mixed precision") && d.expectOperands(n, n) && d.dest(0, Type::f32, d.out.d) &&
         d.source(1, half, d.out.a) && d.source(2, Op == hFma ? half : Type::f32, d.out.b) &&
         (Op != hFma || d.source(3, Type::f32, d.out.c)) &&
         finish(d, bf ? mixedLanes<true, Op> : mixedLanes<false, Op>, Pipe::fma);
}

int eatRound(Decoder &d) { return d.eatOneOf({"rn", "rz", "rm", "rp"}); }

bool requireHalf(Decoder &d, Type type, bool arithmetic) {
  if (type == Type::bf16 || type == Type::bf16x2)
    return arithmetic ? d.require(90, 78, "bf16 add, sub or mul")
                      : d.require(80, 70, "bf16 arithmetic");
  return d.require(53, 42, "f16 arithmetic");
}

} // namespace

/// add, sub, mul: {.rnd}{.ftz}{.sat}.type
template <class Fast, class Slow, HalfOp Half>
static bool decodeArithmetic(Decoder &d) {
  int round = eatRound(d);
  bool ftz = d.eat("ftz"), sat = d.eat("sat");
  Type type;
  bool mixed = false;
  if (!d.expectType(type))
    return false;
  d.out.p0 = uint8_t((ftz ? flagFtz : 0) | (sat ? flagSat : 0));
  if (Half != hMul && (!decodeMixed<Half>(d, type, round, ftz, mixed) || mixed))
    return !d.diagnosed();
  if (!threeOperands(d, type, 2))
    return false;
  if (isHalf(type)) {
    if (round > 0)
      return d.badType(type);
    d.out.p1 = type == Type::f16x2 || type == Type::bf16x2;
    return requireHalf(d, type, true) && finish(d, pickHalf<Half>(type), Pipe::fma);
  }
  d.out.p1 = uint8_t(round < 0 ? 0 : round);
  if (type == Type::f64) {
    if (ftz || sat)
      return d.badType(type);
    return finish(d, round > 0 ? binaryInst<Slow, double> : binaryLanes<Fast, double>, Pipe::fma);
  }
  if (type != Type::f32)
    return d.badType(type);
  if (round > 0 || sat)
    return finish(d, binaryInst<Slow, float>, Pipe::fma);
  return finish(d, ftz ? binaryLanes<F32<Fast, true>, float> : binaryLanes<F32<Fast, false>, float>, Pipe::fma);
}
bool lowbit::ptx::decodeFloatAdd(Decoder &d) { return decodeArithmetic<Add, AddR, hAdd>(d); }
bool lowbit::ptx::decodeFloatSub(Decoder &d) { return decodeArithmetic<Sub, SubR, hSub>(d); }
bool lowbit::ptx::decodeFloatMul(Decoder &d) { return decodeArithmetic<Mul, MulR, hMul>(d); }

/// fma.rnd, mad.rnd
bool lowbit::ptx::decodeFloatFma(Decoder &d) {
  int round = eatRound(d);
  if (round < 0)
    return d.badModifier("a rounding mode");
  bool ftz = d.eat("ftz"), sat = d.eat("sat"), relu = !sat && d.eat("relu");
  Type type;
  bool mixed = false;
  if (!d.expectType(type))
    return false;
  d.out.p0 = uint8_t((ftz ? flagFtz : 0) | (sat ? flagSat : 0) | (relu ? flagRelu : 0));
  if (!relu && d.inst().opcode == "fma" && (!decodeMixed<hFma>(d, type, round, ftz, mixed) || mixed))
    return !d.diagnosed();
  if (!threeOperands(d, type, 3))
    return false;
  if (isHalf(type)) {
    if (round > 0 || d.inst().opcode == "mad")
      return d.badType(type);
    d.out.p1 = type == Type::f16x2 || type == Type::bf16x2;
    return requireHalf(d, type, false) && finish(d, pickHalf<hFma>(type), Pipe::fma);
  }
  d.out.p1 = uint8_t(round);
  if (relu || (type == Type::f64 && (ftz || sat)))
    return d.badType(type);
  if (type == Type::f64)
    return finish(d, round ? ternaryInst<FmaR, double> : ternaryLanes<Fma, double>, Pipe::fma);
  if (type != Type::f32)
    return d.badType(type);
  if (round || sat)
    return finish(d, ternaryInst<FmaR, float>, Pipe::fma);
  return finish(d, ftz ? ternaryLanes<F32<Fma, true>, float> : ternaryLanes<F32<Fma, false>, float>, Pipe::fma);
}

bool lowbit::ptx::decodeFloatDiv(Decoder &d) {
  int kind = d.eatOneOf({"rn", "rz", "rm", "rp", "approx", "full"});
  if (kind < 0)
    return d.badModifier("a rounding mode, .approx or .full");
  bool ftz = d.eat("ftz");
  Type type;
  if (!d.expectType(type) || !threeOperands(d, type, 2))
    return false;
  d.out.p0 = ftz ? flagFtz : 0;
  d.out.p1 = uint8_t(kind < 4 ? kind : 0);
  if (type == Type::f64)
    return kind < 4 && !ftz ? finish(d, kind ? binaryInst<DivR, double> : binaryLanes<Div, double>, Pipe::xu)
                            : d.badType(type);
  if (type != Type::f32)
    return d.badType(type);
  Handler h = kind == 4   ? binaryInst<DivApprox, float>
              : kind == 5 ? binaryInst<DivFull, float>
              : kind      ? binaryInst<DivR, float>
              : ftz       ? binaryLanes<F32<Div, true>, float>
                          : binaryLanes<F32<Div, false>, float>;
  return finish(d, h, Pipe::xu);
}

bool lowbit::ptx::decodeFloatMinMax(Decoder &d) {
  bool min = d.inst().opcode == "min";
  bool ftz = d.eat("ftz"), nan = d.eat("NaN"), xorsign = d.eat("xorsign");
  bool abs = d.eat("abs"), relu = false;
  (void)relu;
  Type type;
  if (!d.expectType(type) || !threeOperands(d, type, 2))
    return false;
  d.out.p0 = uint8_t((ftz ? flagFtz : 0) | (nan ? flagNaN : 0) | (xorsign ? flagXorSign : 0) | (abs ? flagAbs : 0));
  if (xorsign != abs)
    return d.fail(".xorsign and .abs belong together");
  if (isHalf(type)) {
    d.out.p1 = type == Type::f16x2 || type == Type::bf16x2;
    return d.require(80, 70, "min or max of half types") &&
           finish(d, min ? pickHalf<hMin>(type) : pickHalf<hMax>(type), Pipe::alu);
  }
  if ((nan || abs) && !d.require(80, 70, "min or max with .NaN or .xorsign"))
    return false;
  if (type == Type::f64)
    return finish(d, min ? binaryInst<Min, double> : binaryInst<Max, double>);
  if (type != Type::f32)
    return d.badType(type);
  return finish(d, min ? binaryInst<Min, float> : binaryInst<Max, float>);
}

bool lowbit::ptx::decodeFloatNegAbs(Decoder &d) {
  bool neg = d.inst().opcode == "neg";
  bool ftz = d.eat("ftz");
  Type type;
  if (!d.expectType(type) || !threeOperands(d, type, 1))
    return false;
  d.out.p0 = ftz ? flagFtz : 0;
  if (isHalf(type)) {
    d.out.p1 = type == Type::f16x2 || type == Type::bf16x2;
    return finish(d, neg ? pickHalf<hNeg>(type) : pickHalf<hAbs>(type));
  }
  if (type == Type::f64)
    return finish(d, neg ? unaryInst<Neg, double> : unaryInst<Abs, double>);
  if (type != Type::f32)
    return d.badType(type);
  return finish(d, neg ? unaryInst<Neg, float> : unaryInst<Abs, float>);
}

/// sqrt, rcp: .approx or a rounding mode.
template <class Rounded> static bool decodeRoot(Decoder &d) {
  int kind = d.eatOneOf({"rn", "rz", "rm", "rp", "approx"});
  if (kind < 0)
    return d.badModifier("a rounding mode or .approx");
  bool ftz = d.eat("ftz");
  Type type;
  if (!d.expectType(type) || !threeOperands(d, type, 1))
    return false;
  d.out.p0 = ftz ? flagFtz : 0;
  d.out.p1 = uint8_t(kind < 4 ? kind : 0);
  if (type == Type::f64 && (kind < 4 || ftz))
    return finish(d, unaryInst<Rounded, double>, Pipe::xu);
  if (type != Type::f32)
    return d.badType(type);
  return finish(d, unaryInst<Rounded, float>, Pipe::xu);
}

/// .approx only.
static bool decodeApprox(Decoder &d) {
  const std::string &op = d.inst().opcode;
  if (!d.eat("approx"))
    return d.badModifier(".approx");
  bool ftz = d.eat("ftz");
  Type type;
  if (!d.expectType(type) || !threeOperands(d, type, 1))
    return false;
  d.out.p0 = ftz ? flagFtz : 0;
  if (isHalf(type)) {
    d.out.p1 = type == Type::f16x2 || type == Type::bf16x2;
    if (op != "ex2" && op != "tanh")
      return d.badType(type);
    bool bf = type == Type::bf16 || type == Type::bf16x2;
    return d.require(bf ? 90 : 75, bf ? 78 : 70, "ex2 or tanh of half types") &&
           finish(d, op == "ex2" ? pickHalf<hEx2>(type) : pickHalf<hTanh>(type), Pipe::xu);
  }
  if (op == "rsqrt" && type == Type::f64)
    return finish(d, unaryInst<Rsqrt, double>, Pipe::xu);
  if (type != Type::f32)
    return d.badType(type);
  if (op == "tanh" && !d.require(75, 70, "tanh"))
    return false;
  Handler h = op == "rsqrt" ? unaryInst<Rsqrt, float>
              : op == "ex2" ? unaryInst<Ex2, float>
              : op == "lg2" ? unaryInst<Lg2, float>
              : op == "sin" ? unaryInst<Sin, float>
              : op == "cos" ? unaryInst<Cos, float>
                            : unaryInst<Tanh, float>;
  return finish(d, h, Pipe::xu);
}

static bool decodeCopySign(Decoder &d) {
  Type type;
  if (!d.expectType(type) || !threeOperands(d, type, 2))
    return false;
  if (type == Type::f64)
    return finish(d, binaryLanes<CopySign, double>);
  return type == Type::f32 ? finish(d, binaryLanes<CopySign, float>) : d.badType(type);
}

const OpcodeRow lowbit::ptx::floatOpcodes[] = {
    {"fma", decodeFloatFma},      {"sqrt", decodeRoot<SqrtR>},
    {"rcp", decodeRoot<RcpR>},    {"rsqrt", decodeApprox},
    {"ex2", decodeApprox},        {"lg2", decodeApprox},
    {"sin", decodeApprox},        {"cos", decodeApprox},
    {"tanh", decodeApprox},       {"copysign", decodeCopySign},
    {nullptr, nullptr}};
