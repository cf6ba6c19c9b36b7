//===- EvalBuilder.cpp - Abstract arithmetic on literals ------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/EvalBuilder.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

using namespace lowbit::kernel;
using Lanes = std::vector<uint64_t>;

static uint64_t maskOf(Scalar scalar) {
  unsigned bits = bitsOf(scalar);
  return bits == 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1;
}

static int64_t signExtend(uint64_t value, unsigned bits) {
  unsigned unused = 64 - bits;
  return int64_t(value << unused) >> unused;
}

static double toDouble(uint64_t bits, Scalar scalar) {
  return scalar == Scalar::f32 ? std::bit_cast<float>(uint32_t(bits))
                               : std::bit_cast<double>(bits);
}

static uint64_t fromFloat(double value, Scalar scalar) {
  return scalar == Scalar::f32 ? std::bit_cast<uint32_t>(float(value))
                               : std::bit_cast<uint64_t>(value);
}

static float halfBitsToFloat(uint16_t half) {
  unsigned exponent = half >> 10 & 31, fraction = half & 1023;
  float magnitude;
  if (exponent == 31)
    magnitude = std::bit_cast<float>(0x7f800000u | fraction << 13);
  else if (exponent == 0)
    magnitude = std::ldexp(float(fraction), -24);
  else
    magnitude = std::ldexp(float(fraction + 1024), int(exponent) - 25);
  return half & 0x8000 ? -magnitude : magnitude;
}

template <typename F>
static uint64_t floatBinary(Opcode opcode, F a, F b) {
  F result = opcode == Opcode::addF   ? a + b
             : opcode == Opcode::subF ? a - b
             : opcode == Opcode::mulF ? a * b
                                      : a / b;
  if constexpr (sizeof(F) == 4)
    return std::bit_cast<uint32_t>(result);
  else
    return std::bit_cast<uint64_t>(result);
}

template <typename T>
static bool holds(Predicate predicate, T a, T b) {
  switch (predicate) {
  case Predicate::equal:
    return a == b;
  case Predicate::notEqual:
    return a != b;
  case Predicate::less:
    return a < b;
  case Predicate::lessEqual:
    return a <= b;
  case Predicate::greater:
    return a > b;
  case Predicate::greaterEqual:
    return a >= b;
  }
  return false;
}

std::span<const uint64_t> EvalBuilder::lanes(AbstractValue value) {
  return *static_cast<const Lanes *>(value.handle);
}

int64_t EvalBuilder::signedLane(AbstractValue value, unsigned lane) {
  return signExtend(lanes(value)[lane], bitsOf(value.type.scalar));
}

float EvalBuilder::floatLane(AbstractValue value, unsigned lane) {
  assert(value.type.scalar == Scalar::f32);
  return std::bit_cast<float>(uint32_t(lanes(value)[lane]));
}

AbstractValue EvalBuilder::literal(ValueType type,
                                   std::span<const uint64_t> lanes) {
  assert(lanes.size() == type.count());
  arena.emplace_back(lanes.begin(), lanes.end());
  for (uint64_t &lane : arena.back())
    lane &= maskOf(type.scalar);
  return {type, &arena.back()};
}

AbstractValue EvalBuilder::literalF32(std::span<const float> values) {
  Lanes bits;
  for (float value : values)
    bits.push_back(std::bit_cast<uint32_t>(value));
  return literal({Scalar::f32, unsigned(values.size())}, bits);
}

static Lanes bitcastLanes(std::span<const uint64_t> in, unsigned inBits,
                          unsigned outBits, unsigned outCount) {
  Lanes out(outCount, 0);
  for (unsigned bit = 0; bit < outBits * outCount; ++bit)
    out[bit / outBits] |= (in[bit / inBits] >> (bit % inBits) & 1)
                          << (bit % outBits);
  return out;
}

// Lanes of `i` that depend on one lane of each operand.
static uint64_t evalLane(const Instruction &i, uint64_t a, uint64_t b,
                         uint64_t c) {
  Scalar from = i.operands[0].type.scalar, to = i.type.scalar;
  int64_t sa = signExtend(a, bitsOf(from)), sb = signExtend(b, bitsOf(from));
  switch (i.opcode) {
  case Opcode::bitAnd:
    return a & b;
  case Opcode::bitOr:
    return a | b;
  case Opcode::bitXor:
    return a ^ b;
  case Opcode::shiftLeft:
    return a << i.immediate;
  case Opcode::shiftRightLogical:
    return a >> i.immediate;
  case Opcode::shiftRightArithmetic:
    return uint64_t(sa >> i.immediate);
  case Opcode::add:
    return a + b;
  case Opcode::sub:
    return a - b;
  case Opcode::mul:
    return a * b;
  case Opcode::addSaturating: {
    int64_t limit =
        int64_t(maskOf(to) >> 1); // no i64 sums that overflow in tests
    return uint64_t(std::clamp(sa + sb, -limit - 1, limit));
  }
  case Opcode::minSigned:
    return sa < sb ? a : b;
  case Opcode::maxSigned:
    return sa > sb ? a : b;
  case Opcode::popCount:
    return uint64_t(std::popcount(a));
  case Opcode::extendSigned:
    return uint64_t(sa);
  case Opcode::extendUnsigned:
  case Opcode::truncate:
    return a;
  case Opcode::signedToFloat:
    return to == Scalar::f32 ? std::bit_cast<uint32_t>(float(sa))
                             : std::bit_cast<uint64_t>(double(sa));
  case Opcode::floatToSigned:
    return uint64_t(int64_t(toDouble(a, from)));
  case Opcode::addF:
  case Opcode::subF:
  case Opcode::mulF:
  case Opcode::divF:
    if (to == Scalar::f32)
      return floatBinary(i.opcode, std::bit_cast<float>(uint32_t(a)),
                         std::bit_cast<float>(uint32_t(b)));
    return floatBinary(i.opcode, std::bit_cast<double>(a),
                       std::bit_cast<double>(b));
  case Opcode::sqrtF:
    if (to == Scalar::f32)
      return std::bit_cast<uint32_t>(
          std::sqrt(std::bit_cast<float>(uint32_t(a))));
    return std::bit_cast<uint64_t>(std::sqrt(std::bit_cast<double>(a)));
  case Opcode::fmaF:
    return std::bit_cast<uint32_t>(std::fma(std::bit_cast<float>(uint32_t(a)),
                                            std::bit_cast<float>(uint32_t(b)),
                                            std::bit_cast<float>(uint32_t(c))));
  case Opcode::negF:
    return a ^ (uint64_t(1) << (bitsOf(to) - 1));
  case Opcode::absF:
    return a & ~(uint64_t(1) << (bitsOf(to) - 1));
  case Opcode::extendF:
  case Opcode::truncateF:
    return fromFloat(toDouble(a, from), to);
  case Opcode::compareInt:
    return holds(i.predicate, sa, sb);
  case Opcode::compareFloat:
    return holds(i.predicate, toDouble(a, from), toDouble(b, from));
  case Opcode::select:
    return a & 1 ? b : c;
  case Opcode::halfToFloat:
    return std::bit_cast<uint32_t>(halfBitsToFloat(uint16_t(a)));
  default:
    assert(false && "an opcode that is not evaluated lane by lane");
    return 0;
  }
}

AbstractValue EvalBuilder::emit(const Instruction &i) {
  Lanes out(i.type.count());
  auto operand = [&](unsigned n) { return lanes(i.operands[n]); };
  auto byte = [&](unsigned n, unsigned lane) {
    return n == 0 ? int64_t(operand(n)[lane]) : signExtend(operand(n)[lane], 8);
  };
  for (unsigned lane = 0; lane < out.size(); ++lane) {
    switch (i.opcode) {
    case Opcode::constantInt:
      out[lane] = uint64_t(i.immediate);
      break;
    case Opcode::constantFloat:
      out[lane] = fromFloat(i.floatImmediate, i.type.scalar);
      break;
    case Opcode::splat:
      out[lane] = operand(0)[0];
      break;
    case Opcode::extractLane:
      out[lane] = operand(0)[size_t(i.immediate)];
      break;
    case Opcode::shuffle: {
      size_t from = size_t(i.mask[lane]), first = operand(0).size();
      out[lane] = from < first ? operand(0)[from] : operand(1)[from - first];
      break;
    }
    case Opcode::bitcast:
      break;
    case Opcode::maddU8S8: {
      int64_t sum = byte(0, 2 * lane) * byte(1, 2 * lane) +
                    byte(0, 2 * lane + 1) * byte(1, 2 * lane + 1);
      out[lane] = uint64_t(std::clamp<int64_t>(sum, -32768, 32767));
      break;
    }
    case Opcode::maddI16: {
      int64_t sum = 0;
      for (unsigned k = 2 * lane; k < 2 * lane + 2; ++k)
        sum += signExtend(operand(0)[k], 16) * signExtend(operand(1)[k], 16);
      out[lane] = uint64_t(sum);
      break;
    }
    case Opcode::dot4U8S8: {
      int64_t sum = int64_t(operand(0)[lane]);
      for (unsigned k = 4 * lane; k < 4 * lane + 4; ++k)
        sum += int64_t(operand(1)[k]) * signExtend(operand(2)[k], 8);
      out[lane] = uint64_t(sum);
      break;
    }
    default:
      out[lane] = evalLane(i, operand(0)[lane],
                           i.operands.size() > 1 ? operand(1)[lane] : 0,
                           i.operands.size() > 2 ? operand(2)[lane] : 0);
    }
  }
  if (i.opcode == Opcode::bitcast)
    out = bitcastLanes(operand(0), bitsOf(i.operands[0].type.scalar),
                       bitsOf(i.type.scalar), i.type.count());
  return literal(i.type, out);
}

uint64_t CountBuilder::total() const {
  uint64_t sum = 0;
  for (uint64_t count : counts)
    sum += count;
  return sum;
}

AbstractValue CountBuilder::emit(const Instruction &i) {
  bool free = i.opcode == Opcode::constantInt ||
              i.opcode == Opcode::constantFloat || i.opcode == Opcode::bitcast;
  if (!free) {
    unsigned bits = i.type.bits();
    for (AbstractValue operand : i.operands)
      bits = std::max(bits, operand.type.bits());
    unsigned width = capabilities().vectorBits;
    counts[unsigned(i.opcode)] += (bits + width - 1) / width;
  }
  return {i.type, this};
}
