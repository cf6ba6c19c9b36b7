//===- EvalBuilder.h - Abstract arithmetic on literals ----------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs an algorithm on numbers, lane by lane, exactly as the instructions do
// (saturation included), so that unit tests need no code generator.
// CountBuilder counts the register-sized instructions of an algorithm instead.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_KERNEL_EVALBUILDER_H
#define LIB_KERNEL_EVALBUILDER_H

#include "lib/Kernel/ValueBuilder.h"

#include <array>
#include <deque>

namespace lowbit::kernel {

class EvalBuilder final : public ValueBuilder {
public:
  using ValueBuilder::ValueBuilder;

  /// A vector (or, with lanes == 0, a scalar) from the bits of each lane.
  AbstractValue literal(ValueType type, std::span<const uint64_t> lanes);
  AbstractValue literalF32(std::span<const float> lanes);
  /// Bits of each lane, zero-extended to 64.
  static std::span<const uint64_t> lanes(AbstractValue value);
  static int64_t signedLane(AbstractValue value, unsigned lane);
  static float floatLane(AbstractValue value, unsigned lane);

protected:
  AbstractValue emit(const Instruction &instruction) override;

private:
  std::deque<std::vector<uint64_t>> arena; ///< addresses stay valid
};

/// Counts instructions a register of `capabilities().vectorBits` wide.
/// Constants and bitcasts cost nothing.
class CountBuilder final : public ValueBuilder {
public:
  using ValueBuilder::ValueBuilder;
  /// An operand that costs nothing (a value already in a register).
  AbstractValue input(ValueType type) { return {type, this}; }
  uint64_t count(Opcode opcode) const { return counts[unsigned(opcode)]; }
  uint64_t total() const;

protected:
  AbstractValue emit(const Instruction &instruction) override;

private:
  std::array<uint64_t, opcodeCount> counts{};
};

} // namespace lowbit::kernel

#endif // LIB_KERNEL_EVALBUILDER_H
