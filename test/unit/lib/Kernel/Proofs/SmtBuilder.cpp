//===- SmtBuilder.cpp - Abstract arithmetic as SMT-LIB text ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SmtBuilder.h"

#include <gtest/gtest.h>

using namespace lowbit::kernel;

std::string lowbit::kernel::extractBits(const std::string &term, unsigned low,
                                        unsigned count) {
  return "((_ extract " + std::to_string(low + count - 1) + " " +
         std::to_string(low) + ") " + term + ")";
}

std::string lowbit::kernel::bitVector(uint64_t value, unsigned bits) {
  if (bits < 64)
    value &= (uint64_t{1} << bits) - 1;
  return "(_ bv" + std::to_string(value) + " " + std::to_string(bits) + ")";
}

std::string
lowbit::kernel::concatBits(const std::vector<std::string> &terms) {
  if (terms.size() == 1)
    return terms[0];
  std::string text = "(concat";
  for (size_t i = terms.size(); i-- > 0;)
    text += " " + terms[i];
  return text + ")";
}

AbstractValue SmtBuilder::term(ValueType type, std::string text) {
  names.push_back(std::move(text));
  return {type, &names.back()};
}

const std::string &SmtBuilder::textOf(AbstractValue value) {
  return *static_cast<const std::string *>(value.handle);
}

AbstractValue SmtBuilder::define(ValueType type, const std::string &term) {
  std::string name = "d" + std::to_string(names.size());
  script += "(define-fun " + name + " () (_ BitVec " +
            std::to_string(type.bits()) + ") " + term + ")\n";
  names.push_back(name);
  return {type, &names.back()};
}

/// The SMT-LIB function of a lane-wise integer operation, or null.
static const char *functionOf(Opcode opcode) {
  switch (opcode) {
  case Opcode::bitAnd:
    return "bvand";
  case Opcode::bitOr:
    return "bvor";
  case Opcode::bitXor:
    return "bvxor";
  case Opcode::shiftLeft:
    return "bvshl";
  case Opcode::shiftRightLogical:
    return "bvlshr";
  case Opcode::shiftRightArithmetic:
    return "bvashr";
  case Opcode::add:
    return "bvadd";
  case Opcode::sub:
    return "bvsub";
  case Opcode::mul:
    return "bvmul";
  default:
    return nullptr;
  }
}

AbstractValue SmtBuilder::emit(const Instruction &instruction) {
  const ValueType type = instruction.type;
  const unsigned bits = bitsOf(type.scalar);
  auto operand = [&](size_t i) { return textOf(instruction.operands[i]); };
  std::vector<std::string> lanes;
  switch (instruction.opcode) {
  case Opcode::constantInt:
    for (unsigned lane = 0; lane < type.count(); ++lane)
      lanes.push_back(
          bitVector(static_cast<uint64_t>(instruction.immediate), bits));
    return define(type, concatBits(lanes));
  case Opcode::splat:
    return define(type, concatBits(std::vector<std::string>(type.count(),
                                                            operand(0))));
  case Opcode::bitcast:
    return define(type, operand(0));
  case Opcode::extractLane:
    return define(type,
                  extractBits(operand(0),
                              static_cast<unsigned>(instruction.immediate) * bits,
                              bits));
  case Opcode::shuffle:
    for (int lane : instruction.mask) {
      const unsigned first = instruction.operands[0].type.count();
      const bool isSecond = static_cast<unsigned>(lane) >= first;
      const unsigned at =
          static_cast<unsigned>(lane) - (isSecond ? first : 0u);
      lanes.push_back(extractBits(operand(isSecond), at * bits, bits));
    }
    return define(type, concatBits(lanes));
  case Opcode::extendSigned:
  case Opcode::extendUnsigned: {
    const unsigned from = bitsOf(instruction.operands[0].type.scalar);
    const char *extend =
        instruction.opcode == Opcode::extendSigned ? "sign" : "zero";
    for (unsigned lane = 0; lane < type.count(); ++lane)
      lanes.push_back(std::string("((_ ") + extend + "_extend " +
                      std::to_string(bits - from) + ") " +
                      extractBits(operand(0), lane * from, from) + ")");
    return define(type, concatBits(lanes));
  }
  case Opcode::truncate: {
    const unsigned from = bitsOf(instruction.operands[0].type.scalar);
    for (unsigned lane = 0; lane < type.count(); ++lane)
      lanes.push_back(extractBits(operand(0), lane * from, bits));
    return define(type, concatBits(lanes));
  }
  default:
    break;
  }
  const char *function = functionOf(instruction.opcode);
  if (!function) {
    ADD_FAILURE() << "no SMT-LIB form of " << opcodeName(instruction.opcode);
    return define(type, bitVector(0, type.bits()));
  }
  // Bitwise operations need no lanes; shifts have an immediate amount.
  const bool isShift = instruction.operands.size() == 1;
  for (unsigned lane = 0; lane < type.count(); ++lane)
    lanes.push_back(
        std::string("(") + function + " " +
        extractBits(operand(0), lane * bits, bits) + " " +
        (isShift
             ? bitVector(static_cast<uint64_t>(instruction.immediate), bits)
             : extractBits(operand(1), lane * bits, bits)) +
        ")");
  return define(type, concatBits(lanes));
}
