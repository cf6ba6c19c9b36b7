//===- ValueBuilder.h - Arithmetic written once over abstract values -*- C++
//-*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The decode of a code, the dot product of packed bytes or an exact exponential
// is straight-line arithmetic. It is written once against ValueBuilder and
// visited three ways: EvalBuilder computes on literals (unit tests),
// CountBuilder counts instructions (cost model), IRValueBuilder
// (IRValueBuilder.h) emits MLIR.
//
// The set of operations is closed: one opcode each, one virtual function. What
// a machine lacks is asked through KernelCapabilities, and expanded here into
// operations that it has, with the same bits.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_KERNEL_VALUEBUILDER_H
#define LIB_KERNEL_VALUEBUILDER_H

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lowbit::kernel {

/// What generated code may use. Filled by the target's owner (lib/Codegen),
/// never by name in this library. An empty intrinsic name means "not there".
struct KernelCapabilities {
  unsigned vectorBits = 128;   ///< width of one register, for counting
  bool fma = false;            ///< single-rounding f32 multiply-add
  bool halfConversion = false; ///< f16 -> f32 without a library call
  /// (vector<32xi8> unsigned, vector<32xi8> signed) -> vector<16xi16>: sum of
  /// the two products of each pair of bytes, signed saturation.
  std::string maddU8S8Intrinsic;
  /// (vector<16xi16>, vector<16xi16>) -> vector<8xi32>: sum of the two
  /// products.
  std::string maddI16Intrinsic;
  /// (vector<8xi32> acc, vector<32xi8> unsigned, vector<32xi8> signed) -> acc +
  /// sum of the four products, no saturation.
  std::string dot4U8S8Intrinsic;
  /// (i32 of four unsigned bytes, i32 of four signed bytes, i32 acc) -> acc +
  /// sum of the four products, wrapping: the same for a scalar machine.
  std::string dot4WordIntrinsic;
};

/// Kinds of scalar. f16 and bf16 occur only as the bits in an i16.
enum class Scalar : uint8_t { i1, i8, i16, i32, i64, f32, f64 };
unsigned bitsOf(Scalar scalar);
inline bool isFloat(Scalar scalar) {
  return scalar == Scalar::f32 || scalar == Scalar::f64;
}

/// `lanes` == 0 is a scalar, otherwise a vector of that many lanes.
struct ValueType {
  Scalar scalar = Scalar::i32;
  unsigned lanes = 0;
  unsigned count() const { return lanes ? lanes : 1; }
  unsigned bits() const { return count() * bitsOf(scalar); }
  ValueType with(Scalar other) const { return {other, lanes}; }
  bool operator==(const ValueType &) const = default;
};

/// A value of one builder; meaningless to another builder.
struct AbstractValue {
  ValueType type;
  const void *handle = nullptr;
};

enum class Opcode : uint8_t {
  constantInt,
  constantFloat, ///< immediate, the same in every lane
  splat,         ///< scalar -> vector
  extractLane,   ///< lane `immediate` -> scalar
  bitcast,
  shuffle, ///< shuffle: one or two operands, `mask`
  bitAnd,
  bitOr,
  bitXor,
  shiftLeft,
  shiftRightLogical,
  shiftRightArithmetic,
  add,
  sub,
  mul,
  addSaturating,
  minSigned,
  maxSigned,
  popCount,
  extendSigned,
  extendUnsigned,
  truncate,
  signedToFloat,
  floatToSigned,
  addF,
  subF,
  mulF,
  divF,
  sqrtF,
  fmaF,
  negF,
  absF,
  extendF,
  truncateF,
  compareInt,
  compareFloat, ///< `predicate`; result i1 of the same lanes
  select,
  halfToFloat, ///< i16 bits of f16 -> f32, hardware conversion
  maddU8S8,
  maddI16,
  dot4U8S8, ///< see KernelCapabilities
};
constexpr unsigned opcodeCount = unsigned(Opcode::dot4U8S8) + 1;
const char *opcodeName(Opcode opcode);

/// Integers compare signed (less, ...) or by equality. Floats: false for NaN,
/// but notEqual is true for NaN.
enum class Predicate : uint8_t {
  equal,
  notEqual,
  less,
  lessEqual,
  greater,
  greaterEqual
};

/// One operation as a builder sees it.
struct Instruction {
  Opcode opcode;
  ValueType type; ///< of the result
  std::span<const AbstractValue> operands;
  int64_t immediate = 0;
  double floatImmediate = 0;
  std::span<const int> mask = {};
  Predicate predicate = Predicate::equal;
};

/// Operands of binary operations have equal types. Shift amounts are immediates
/// in [0, bits). Every float operation is one IEEE operation, round to nearest
/// even.
class ValueBuilder {
public:
  using V = AbstractValue;
  explicit ValueBuilder(KernelCapabilities capabilities)
      : caps(std::move(capabilities)) {}
  virtual ~ValueBuilder() = default;
  const KernelCapabilities &capabilities() const { return caps; }

  V constantInt(ValueType type, int64_t value);
  V constantFloat(ValueType type, double value);
  V splat(V scalar, unsigned lanes);
  V extractLane(V vector, unsigned lane);
  /// Little-endian reinterpretation; equal total bits.
  V bitcast(V value, ValueType type);
  /// Lane i of the result is lane mask[i] of a (or of a followed by b).
  V shuffle(V a, std::span<const int> mask);
  V shuffle(V a, V b, std::span<const int> mask);

  V bitAnd(V a, V b) { return binary(Opcode::bitAnd, a, b); }
  V bitOr(V a, V b) { return binary(Opcode::bitOr, a, b); }
  V bitXor(V a, V b) { return binary(Opcode::bitXor, a, b); }
  V bitAnd(V a, int64_t b) { return bitAnd(a, constantInt(a.type, b)); }
  V bitOr(V a, int64_t b) { return bitOr(a, constantInt(a.type, b)); }
  V bitXor(V a, int64_t b) { return bitXor(a, constantInt(a.type, b)); }
  V shiftLeft(V a, unsigned by) { return shift(Opcode::shiftLeft, a, by); }
  V shiftRightLogical(V a, unsigned by) {
    return shift(Opcode::shiftRightLogical, a, by);
  }
  V shiftRightArithmetic(V a, unsigned by) {
    return shift(Opcode::shiftRightArithmetic, a, by);
  }
  /// Integer arithmetic wraps.
  V add(V a, V b) { return binary(Opcode::add, a, b); }
  V sub(V a, V b) { return binary(Opcode::sub, a, b); }
  V mul(V a, V b) { return binary(Opcode::mul, a, b); }
  /// Signed saturation. Where no overflow can occur it is add that optimizers
  /// leave in the order written.
  V addSaturating(V a, V b) { return binary(Opcode::addSaturating, a, b); }
  V minSigned(V a, V b) { return binary(Opcode::minSigned, a, b); }
  V maxSigned(V a, V b) { return binary(Opcode::maxSigned, a, b); }
  /// Number of ones in each lane.
  V popCount(V a) { return unary(Opcode::popCount, a); }
  V extendSigned(V a, Scalar to) {
    return convert(Opcode::extendSigned, a, to);
  }
  V extendUnsigned(V a, Scalar to) {
    return convert(Opcode::extendUnsigned, a, to);
  }
  V truncate(V a, Scalar to) { return convert(Opcode::truncate, a, to); }
  V signedToFloat(V a, Scalar to = Scalar::f32) {
    return convert(Opcode::signedToFloat, a, to);
  }
  /// Truncates toward zero; the value must be in range.
  V floatToSigned(V a, Scalar to = Scalar::i32) {
    return convert(Opcode::floatToSigned, a, to);
  }

  V addF(V a, V b) { return binary(Opcode::addF, a, b); }
  V subF(V a, V b) { return binary(Opcode::subF, a, b); }
  V mulF(V a, V b) { return binary(Opcode::mulF, a, b); }
  V divF(V a, V b) { return binary(Opcode::divF, a, b); }
  V sqrtF(V a) { return unary(Opcode::sqrtF, a); }
  V negF(V a) { return unary(Opcode::negF, a); }
  V absF(V a) { return unary(Opcode::absF, a); }
  V extendF(V a, Scalar to) { return convert(Opcode::extendF, a, to); }
  V truncateF(V a, Scalar to) { return convert(Opcode::truncateF, a, to); }
  /// a * b + c rounded once, f32. Without hardware: Semantics N17, same bits.
  V fma(V a, V b, V c);

  V compareInt(Predicate predicate, V a, V b);
  V compareFloat(Predicate predicate, V a, V b);
  V select(V condition, V a, V b);

  /// f16 or bf16 bits (i16) -> f32, exact (N18).
  V halfToFloat(V bits);
  V bfloatToFloat(V bits);

  /// Pairs of products of unsigned and signed bytes, added: 2n bytes -> n i16.
  /// The caller proves that no pair leaves i16: the expansion wraps where
  /// hardware saturates.
  V maddU8S8(V unsignedBytes, V signedBytes);
  /// Pairs of products of i16, added: 2n -> n i32.
  V maddI16(V a, V b);
  /// Sums of adjacent pairs of i16 as i32 (maddI16 with ones).
  V pairSumI16(V a);
  /// Whether dot4U8S8 with `lanes` accumulators (0 = a scalar) is one
  /// instruction.
  bool hasDot4(unsigned lanes) const {
    return lanes == 0 ? !caps.dot4WordIntrinsic.empty()
                      : lanes == 8 && !caps.dot4U8S8Intrinsic.empty();
  }
  /// acc + sum of four products of unsigned and signed bytes, i32. A scalar acc
  /// takes vectors of four bytes.
  V dot4U8S8(V acc, V unsignedBytes, V signedBytes);

  /// `tree` of Semantics N1; the list must not be empty.
  V treeSum(std::span<const V> values);

protected:
  virtual V emit(const Instruction &instruction) = 0;
  /// How fma() reaches fmaByDoubles: in place, or through a function.
  virtual V emitFmaByDoubles(V a, V b, V c) { return fmaByDoubles(a, b, c); }
  V fmaByDoubles(V a, V b, V c);

private:
  V unary(Opcode opcode, V a);
  V binary(Opcode opcode, V a, V b);
  V shift(Opcode opcode, V a, unsigned by);
  V convert(Opcode opcode, V a, Scalar to);
  KernelCapabilities caps;
};

} // namespace lowbit::kernel

#endif // LIB_KERNEL_VALUEBUILDER_H
