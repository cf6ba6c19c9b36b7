//===- OpsInteger.cpp - Integer arithmetic --------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Lanes.h"

#include <bit>

using namespace lowbit::ptx;

namespace {

struct Add {
  template <class T> static T run(T a, T b) { return T(Wrap<T>(a) + Wrap<T>(b)); }
};
struct Sub {
  template <class T> static T run(T a, T b) { return T(Wrap<T>(a) - Wrap<T>(b)); }
};
struct MulLow {
  template <class T> static T run(T a, T b) { return T(Wrap<T>(a) * Wrap<T>(b)); }
};
struct MulHigh {
  template <class T> static T run(T a, T b) {
    return T((Wide<T>(a) * Wide<T>(b)) >> (8 * sizeof(T)));
  }
};
struct MulWide {
  template <class T> static Wide<T> run(T a, T b) {
    return Wide<T>(Wide<T>(a) * Wide<T>(b));
  }
};
struct MadLow {
  template <class T> static T run(T a, T b, T c) {
    return T(Wrap<T>(a) * Wrap<T>(b) + Wrap<T>(c));
  }
};
struct MadHigh {
  template <class T> static T run(T a, T b, T c) {
    return Add::run(MulHigh::run(a, b), c);
  }
};
struct MadWide {
  template <class T> static Wide<T> run(T a, T b, Wide<T> c) {
    using U = Wrap<Wide<T>>;
    return Wide<T>(U(MulWide::run(a, b)) + U(c));
  }
};
struct AddSat {
  static int32_t run(int32_t a, int32_t b) {
    int64_t s = int64_t(a) + b;
    return int32_t(s > INT32_MAX ? INT32_MAX : s < INT32_MIN ? INT32_MIN : s);
  }
};
struct SubSat {
  static int32_t run(int32_t a, int32_t b) {
    int64_t s = int64_t(a) - b;
    return int32_t(s > INT32_MAX ? INT32_MAX : s < INT32_MIN ? INT32_MIN : s);
  }
};
struct MadHighSat {
  static int32_t run(int32_t a, int32_t b, int32_t c) {
    return AddSat::run(MulHigh::run(a, b), c);
  }
};
struct Mul24 {
  template <class T> static T run(T a, T b) {
    Wide<T> x = Wide<T>(T(Wrap<T>(a) << 8) >> 8);
    Wide<T> y = Wide<T>(T(Wrap<T>(b) << 8) >> 8);
    return T(x * y);
  }
};
struct Mad24 {
  template <class T> static T run(T a, T b, T c) {
    return Add::run(Mul24::run(a, b), c);
  }
};
struct Min {
  template <class T> static T run(T a, T b) { return a < b ? a : b; }
};
struct Max {
  template <class T> static T run(T a, T b) { return a > b ? a : b; }
};
struct MinRelu {
  static int32_t run(int32_t a, int32_t b) { return Max::run(Min::run(a, b), 0); }
};
struct MaxRelu {
  static int32_t run(int32_t a, int32_t b) { return Max::run(Max::run(a, b), 0); }
};
/// Two 16-bit halves of a register.
template <class T, class Op> struct Halves {
  static uint32_t run(uint32_t a, uint32_t b) {
    T lo = Op::run(T(a), T(b)), hi = Op::run(T(a >> 16), T(b >> 16));
    return uint32_t(uint16_t(lo)) | uint32_t(uint16_t(hi)) << 16;
  }
};
/// Division by zero has no defined result; the hardware gives all ones.
struct Div {
  template <class T> static T run(T a, T b) {
    if (b == 0)
      return T(~T(0));
    if constexpr (std::is_signed_v<T>)
      if (b == T(-1))
        return T(Wrap<T>(0) - Wrap<T>(a));
    return T(a / b);
  }
};
struct Rem {
  template <class T> static T run(T a, T b) {
    if (b == 0)
      return a;
    if constexpr (std::is_signed_v<T>)
      if (b == T(-1))
        return 0;
    return T(a % b);
  }
};
struct Neg {
  template <class T> static T run(T a) { return T(Wrap<T>(0) - Wrap<T>(a)); }
};
struct Abs {
  template <class T> static T run(T a) { return a < 0 ? Neg::run(a) : a; }
};
struct Sad {
  template <class T> static T run(T a, T b, T c) {
    return T(Wrap<T>(c) + (a < b ? Wrap<T>(b) - Wrap<T>(a)
                                 : Wrap<T>(a) - Wrap<T>(b)));
  }
};

template <class Op> struct Binary {
  template <class T> struct H {
    static constexpr Handler handler = binaryLanes<Op, T>;
  };
};
template <class Op> struct Ternary {
  template <class T> struct H {
    static constexpr Handler handler = ternaryLanes<Op, T>;
  };
};
template <class Op> struct Unary {
  template <class T> struct H {
    static constexpr Handler handler = unaryLanes<Op, T>;
  };
};

/// The condition code: carry of an addition, borrow of a subtraction.
/// p0: 1 = subtract, 2 = take the carry in, 4 = write the carry out, 8 = mad:
/// multiply first (16: high half).
template <class T> void carryOp(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = row<T>(w, i.a), *b = row<T>(w, i.b);
  const T *c = (i.p0 & 8) ? row<T>(w, i.c) : nullptr;
  T *d = row<T>(w, i.d);
  for (unsigned l = 0; l < 32; ++l) {
    if (!(mask >> l & 1))
      continue;
    using W = unsigned __int128;
    W x = a[l], y = b[l];
    if (i.p0 & 8) {
      W product;
      if (i.p1) { // signed
        using S = std::make_signed_t<T>;
        product = W(__int128(S(a[l])) * __int128(S(b[l])));
      } else {
        product = x * y;
      }
      x = T((i.p0 & 16) ? product >> (8 * sizeof(T)) : product);
      y = c[l];
    }
    W carryIn = (i.p0 & 2) ? (w.carry >> l & 1) : 0;
    W sum = (i.p0 & 1) ? x - y - carryIn : x + y + carryIn;
    if (i.p0 & 4)
      w.carry = (w.carry & ~(1u << l)) |
                uint32_t((sum >> (8 * sizeof(T))) & 1) << l;
    d[l] = T(sum);
  }
}

} // namespace

static bool decodeCarry(Decoder &d, uint8_t bits, bool isMad) {
  if (d.eat("cc"))
    bits |= 4;
  Type type;
  if (!d.expectType(type))
    return false;
  if (type != Type::u32 && type != Type::s32 && type != Type::u64 &&
      type != Type::s64 && type != Type::b32)
    return d.badType(type);
  d.out.p0 = bits;
  d.out.p1 = isSigned(type);
  if (!threeOperands(d, type, isMad ? 3 : 2))
    return false;
  return finish(d, typeSize(type) == 4 ? carryOp<uint32_t> : carryOp<uint64_t>);
}

/// add, sub: integer forms.
static bool decodeAddSub(Decoder &d) {
  bool sub = d.inst().opcode == "sub";
  if (lastIsFloat(d))
    return sub ? decodeFloatSub(d) : decodeFloatAdd(d);
  if (d.peek("cc"))
    return decodeCarry(d, sub ? 1 : 0, false);
  bool sat = d.eat("sat");
  if (!sub && (d.peek("u16x2") || d.peek("s16x2"))) {
    if (!d.require(90, 80, "add.u16x2"))
      return false;
    d.skipModifier();
    return threeOperands(d, Type::b32, 2) &&
           finish(d, binaryLanes<Halves<uint16_t, Add>, uint32_t>);
  }
  Type type;
  if (!d.expectType(type) || !threeOperands(d, type, 2))
    return false;
  if (sat) {
    if (type != Type::s32)
      return d.badType(type);
    return finish(d, sub ? binaryLanes<SubSat, int32_t>
                         : binaryLanes<AddSat, int32_t>);
  }
  return finish(d, sub ? pickInteger<Binary<Sub>::H>(type)
                       : pickInteger<Binary<Add>::H>(type));
}

static bool decodeAddc(Decoder &d) { return decodeCarry(d, 2, false); }
static bool decodeSubc(Decoder &d) { return decodeCarry(d, 3, false); }

template <class Op> struct WideBinary {
  template <class T> struct H {
    static constexpr Handler handler = binaryLanes<Op, Wide<T>, T, T>;
  };
};
template <class Op> struct WideTernary {
  template <class T> struct H {
    static constexpr Handler handler = ternaryLanes<Op, Wide<T>, T, T, Wide<T>>;
  };
};

static Type widened(Type type) {
  switch (type) {
  case Type::u16: return Type::u32;
  case Type::s16: return Type::s32;
  case Type::u32: return Type::u64;
  case Type::s32: return Type::s64;
  default: return Type::none;
  }
}

static bool decodeMul(Decoder &d) {
  if (lastIsFloat(d))
    return decodeFloatMul(d);
  int form = d.eatOneOf({"lo", "hi", "wide"});
  if (form < 0)
    return d.badModifier(".lo, .hi or .wide");
  Type type;
  if (!d.expectType(type))
    return false;
  if (form == 2) {
    Type wide = widened(type);
    if (wide == Type::none)
      return d.badType(type);
    return d.expectOperands(3, 3) && d.dest(0, wide, d.out.d) &&
           d.source(1, type, d.out.a) && d.source(2, type, d.out.b) &&
           finish(d,
                  type == Type::u16   ? binaryLanes<MulWide, uint32_t, uint16_t>
                  : type == Type::s16 ? binaryLanes<MulWide, int32_t, int16_t>
                  : type == Type::u32 ? binaryLanes<MulWide, uint64_t, uint32_t>
                                      : binaryLanes<MulWide, int64_t, int32_t>,
                  Pipe::fma);
  }
  return threeOperands(d, type, 2) &&
         finish(d, form == 0 ? pickInteger<Binary<MulLow>::H>(type)
                             : pickInteger<Binary<MulHigh>::H>(type),
                Pipe::fma);
}

static bool decodeMad(Decoder &d) {
  if (lastIsFloat(d))
    return decodeFloatFma(d);
  int form = d.eatOneOf({"lo", "hi", "wide"});
  if (form < 0)
    return d.badModifier(".lo, .hi or .wide");
  if (d.peek("cc") && form < 2)
    return decodeCarry(d, uint8_t(8 | (form ? 16 : 0)), true);
  bool sat = form == 1 && d.eat("sat");
  Type type;
  if (!d.expectType(type))
    return false;
  if (form == 2) {
    Type wide = widened(type);
    if (wide == Type::none)
      return d.badType(type);
    Handler h = type == Type::u16   ? WideTernary<MadWide>::H<uint16_t>::handler
                : type == Type::s16 ? WideTernary<MadWide>::H<int16_t>::handler
                : type == Type::u32 ? WideTernary<MadWide>::H<uint32_t>::handler
                                    : WideTernary<MadWide>::H<int32_t>::handler;
    return d.expectOperands(4, 4) && d.dest(0, wide, d.out.d) &&
           d.source(1, type, d.out.a) && d.source(2, type, d.out.b) &&
           d.source(3, wide, d.out.c) && finish(d, h, Pipe::fma);
  }
  if (!threeOperands(d, type, 3))
    return false;
  if (sat) {
    if (type != Type::s32)
      return d.badType(type);
    return finish(d, ternaryLanes<MadHighSat, int32_t>, Pipe::fma);
  }
  return finish(d, form == 0 ? pickInteger<Ternary<MadLow>::H>(type)
                             : pickInteger<Ternary<MadHigh>::H>(type),
                Pipe::fma);
}

static bool decodeMadc(Decoder &d) {
  int form = d.eatOneOf({"lo", "hi"});
  if (form < 0)
    return d.badModifier(".lo or .hi");
  return decodeCarry(d, uint8_t(2 | 8 | (form ? 16 : 0)), true);
}

/// mul24, mad24: the low half only, which is what compilers use.
static bool decode24(Decoder &d) {
  bool mad = d.inst().opcode == "mad24";
  if (!d.eat("lo"))
    return d.badModifier(".lo");
  Type type;
  if (!d.expectType(type))
    return false;
  if (type != Type::u32 && type != Type::s32)
    return d.badType(type);
  bool s = type == Type::s32;
  return threeOperands(d, type, mad ? 3 : 2) &&
         finish(d,
                mad ? (s ? ternaryLanes<Mad24, int32_t>
                         : ternaryLanes<Mad24, uint32_t>)
                    : (s ? binaryLanes<Mul24, int32_t>
                         : binaryLanes<Mul24, uint32_t>),
                Pipe::fma);
}

static bool decodeDivRem(Decoder &d) {
  bool div = d.inst().opcode == "div";
  if (div && lastIsFloat(d))
    return decodeFloatDiv(d);
  Type type;
  return d.expectType(type) && threeOperands(d, type, 2) &&
         finish(d, div ? pickInteger<Binary<Div>::H>(type)
                       : pickInteger<Binary<Rem>::H>(type));
}

static bool decodeMinMax(Decoder &d) {
  if (lastIsFloat(d))
    return decodeFloatMinMax(d);
  bool min = d.inst().opcode == "min";
  bool relu = d.eat("relu");
  if (d.peek("u16x2") || d.peek("s16x2")) {
    bool isS = d.peek("s16x2");
    if (!d.require(90, 80, "min or max of 16x2"))
      return false;
    d.skipModifier();
    Handler h = isS ? (min ? binaryLanes<Halves<int16_t, Min>, uint32_t>
                           : binaryLanes<Halves<int16_t, Max>, uint32_t>)
                    : (min ? binaryLanes<Halves<uint16_t, Min>, uint32_t>
                           : binaryLanes<Halves<uint16_t, Max>, uint32_t>);
    if (relu)
      return d.fail("relu with 16x2 types is not supported");
    return threeOperands(d, Type::b32, 2) && finish(d, h);
  }
  Type type;
  if (!d.expectType(type) || !threeOperands(d, type, 2))
    return false;
  if (relu) {
    if (type != Type::s32)
      return d.badType(type);
    return d.require(90, 80, "integer relu") &&
           finish(d, min ? binaryLanes<MinRelu, int32_t>
                         : binaryLanes<MaxRelu, int32_t>);
  }
  return finish(d, min ? pickInteger<Binary<Min>::H>(type)
                       : pickInteger<Binary<Max>::H>(type));
}

static bool decodeNegAbs(Decoder &d) {
  if (lastIsFloat(d))
    return decodeFloatNegAbs(d);
  Type type;
  if (!d.expectType(type))
    return false;
  if (!isSigned(type))
    return d.badType(type);
  return threeOperands(d, type, 1) &&
         finish(d, d.inst().opcode == "neg"
                       ? pickInteger<Unary<Neg>::H>(type)
                       : pickInteger<Unary<Abs>::H>(type));
}

static bool decodeSad(Decoder &d) {
  Type type;
  return d.expectType(type) && threeOperands(d, type, 3) &&
         finish(d, pickInteger<Ternary<Sad>::H>(type));
}

//===----------------------------------------------------------------------===//
// Dot products of bytes
//===----------------------------------------------------------------------===//

namespace {
template <class A, class B> struct Dp4a {
  static uint32_t run(uint32_t a, uint32_t b, uint32_t c) {
    int32_t sum = 0;
    for (int i = 0; i < 32; i += 8)
      sum += int32_t(A(a >> i)) * int32_t(B(b >> i));
    return c + uint32_t(sum);
  }
};
template <class A, class B, int Shift> struct Dp2a {
  using A16 = std::conditional_t<std::is_signed_v<A>, int16_t, uint16_t>;
  static uint32_t run(uint32_t a, uint32_t b, uint32_t c) {
    int64_t sum = int64_t(A16(a)) * B(b >> Shift) +
                  int64_t(A16(a >> 16)) * B(b >> (Shift + 8));
    return c + uint32_t(sum);
  }
};
} // namespace

static bool decodeDp(Decoder &d) {
  bool four = d.inst().opcode == "dp4a";
  int half = -1;
  if (!four && (half = d.eatOneOf({"lo", "hi"})) < 0)
    return d.badModifier(".lo or .hi");
  Type ta, tb;
  if (!d.expectType(ta) || !d.expectType(tb))
    return false;
  if ((ta != Type::u32 && ta != Type::s32) ||
      (tb != Type::u32 && tb != Type::s32))
    return d.badType(ta);
  unsigned key = (isSigned(ta) ? 2 : 0) | (isSigned(tb) ? 1 : 0);
  static const Handler dp4[] = {ternaryLanes<Dp4a<uint8_t, uint8_t>, uint32_t>,
                                ternaryLanes<Dp4a<uint8_t, int8_t>, uint32_t>,
                                ternaryLanes<Dp4a<int8_t, uint8_t>, uint32_t>,
                                ternaryLanes<Dp4a<int8_t, int8_t>, uint32_t>};
  static const Handler dp2[] = {
      ternaryLanes<Dp2a<uint8_t, uint8_t, 0>, uint32_t>,
      ternaryLanes<Dp2a<uint8_t, int8_t, 0>, uint32_t>,
      ternaryLanes<Dp2a<int8_t, uint8_t, 0>, uint32_t>,
      ternaryLanes<Dp2a<int8_t, int8_t, 0>, uint32_t>,
      ternaryLanes<Dp2a<uint8_t, uint8_t, 16>, uint32_t>,
      ternaryLanes<Dp2a<uint8_t, int8_t, 16>, uint32_t>,
      ternaryLanes<Dp2a<int8_t, uint8_t, 16>, uint32_t>,
      ternaryLanes<Dp2a<int8_t, int8_t, 16>, uint32_t>};
  Type tc = key ? Type::s32 : Type::u32;
  return d.expectOperands(4, 4) && d.dest(0, tc, d.out.d) &&
         d.source(1, Type::b32, d.out.a) && d.source(2, Type::b32, d.out.b) &&
         d.source(3, tc, d.out.c) &&
         finish(d, four ? dp4[key] : dp2[key + (half ? 4 : 0)], Pipe::fma);
}

const OpcodeRow lowbit::ptx::integerOpcodes[] = {
    {"add", decodeAddSub},  {"sub", decodeAddSub}, {"addc", decodeAddc},
    {"subc", decodeSubc},   {"mul", decodeMul},    {"mad", decodeMad},
    {"madc", decodeMadc},   {"mul24", decode24},   {"mad24", decode24},
    {"div", decodeDivRem},  {"rem", decodeDivRem}, {"min", decodeMinMax},
    {"max", decodeMinMax},  {"neg", decodeNegAbs}, {"abs", decodeNegAbs},
    {"sad", decodeSad},     {"dp4a", decodeDp},    {"dp2a", decodeDp},
    {nullptr, nullptr}};
