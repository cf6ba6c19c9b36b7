//===- OpcodeCoverageTest.cpp - Every opcode is in some test kernel -------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Decoder.h"
#include "test/unit/runtime/Simulator/Harness.h"

#include <set>

using namespace lowbit::ptx;
using namespace lowbit::ptx::testing;

/// What the decoder knows must be run, with its results checked, by a kernel of
/// test/Inputs/ptx.
TEST(SimulatorOpcodes, AllAreInTestKernels) {
  std::set<std::string> used;
  size_t kernels = 0;
  for (const char *file : {"floating", "hopper", "integer", "models", "sparse", "tensor", "warps"}) {
    Module module;
    std::vector<Diagnostic> diagnostics;
    std::string text = readFile(inputPath(file));
    ASSERT_TRUE(parseModule(text, module, diagnostics)) << file;
    for (const Function &f : module.functions) {
      kernels += f.isEntry;
      for (const Instruction &i : f.body)
        used.insert(i.opcode);
    }
  }
  EXPECT_GE(kernels, 40u);
  std::string missing;
  for (const std::string &opcode : knownOpcodes())
    if (!used.count(opcode))
      missing += " " + opcode;
  EXPECT_EQ(missing, "");
}
