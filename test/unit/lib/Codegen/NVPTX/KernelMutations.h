//===- KernelMutations.h - Faults that can be put into our PTX ---*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_LIB_CODEGEN_NVPTX_KERNELMUTATIONS_H
#define LOWBIT_TEST_UNIT_LIB_CODEGEN_NVPTX_KERNELMUTATIONS_H

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace lowbit::test {

/// A text with one fault.
struct Mutant {
  std::string kind; ///< "dropped barrier"
  std::string line; ///< as it was, for messages
  std::string text; ///< the whole module
};

/// Names of all kinds.
std::vector<std::string> mutationKinds();

/// What is damaged.
struct MutationTarget {
  const std::string &text;   ///< of the module
  const std::string &kernel; ///< its entry
  unsigned threads;          ///< of a block
  const std::set<uint32_t> &idleLines; ///< instructions that do not run: left alone
};

/// Puts each kind of fault into the kernel, at up to `sites` places spread over it;
/// kinds that do not occur in it give none. Deterministic.
std::vector<Mutant> mutate(const MutationTarget &target, unsigned sites);

/// A fault that changes nothing that anybody could see, or nothing that these inputs
/// show, with the reason.
struct ExpectedSurvivor {
  const char *kind;
  const char *kernel; ///< part of "model/kernel"
  const char *reason;
};
const std::vector<ExpectedSurvivor> &expectedSurvivors();

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_LIB_CODEGEN_NVPTX_KERNELMUTATIONS_H
