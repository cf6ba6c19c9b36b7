//===- SmtBuilder.h - Abstract arithmetic as SMT-LIB text -------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Visits an algorithm of lib/Kernel by writing each integer operation as a
// definition over bit vectors, lane 0 in the lowest bits. Floats do not occur in
// the decodes that are proved.
//
//===----------------------------------------------------------------------===//

#ifndef TEST_UNIT_LIB_KERNEL_PROOFS_SMTBUILDER_H
#define TEST_UNIT_LIB_KERNEL_PROOFS_SMTBUILDER_H

#include "lib/Kernel/ValueBuilder.h"

#include <deque>
#include <string>

namespace lowbit::kernel {

class SmtBuilder final : public ValueBuilder {
public:
  SmtBuilder() : ValueBuilder(KernelCapabilities{}) {}

  /// A value given by an SMT-LIB term of `type.bits()` bits.
  AbstractValue term(ValueType type, std::string text);
  static const std::string &textOf(AbstractValue value);
  /// Definitions so far, one a line.
  const std::string &definitions() const { return script; }

protected:
  AbstractValue emit(const Instruction &instruction) override;

private:
  AbstractValue define(ValueType type, const std::string &term);
  std::deque<std::string> names; ///< addresses stay valid
  std::string script;
};

/// Bits [low, low + count) of a term.
std::string extractBits(const std::string &term, unsigned low, unsigned count);
/// "(_ bvV B)".
std::string bitVector(uint64_t value, unsigned bits);
/// The terms joined, the first one lowest.
std::string concatBits(const std::vector<std::string> &terms);

} // namespace lowbit::kernel

#endif // TEST_UNIT_LIB_KERNEL_PROOFS_SMTBUILDER_H
