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

namespace {
/// Instructions of sm_90a, whose modules run on that device alone; they have no
/// effect here. griddepcontrol orders launches, which are synchronous.
const char *const hopperOnly = ".version 8.0\n.target sm_90a\n.address_size 64\n.visible .entry k(.param .u64 p)\n{\n"
                               ".reg .b64 %rd1; .reg .b32 %r1;\nsetmaxnreg.dec.sync.aligned.u32 24;\ngriddepcontrol.wait;\n"
                               "griddepcontrol.launch_dependents;\nld.param.u64 %rd1, [p];\nmov.u32 %r1, 77;\nst.global.u32 [%rd1], %r1;\nret;\n}\n";
} // namespace

TEST(SimulatorOpcodes, HopperOnlyOnesHaveNoEffect) {
  Bench bench(hopperOnly, 90);
  ASSERT_EQ(bench.error, "");
  uint64_t out = bench.room<uint32_t>(1);
  bench.arg(out);
  ASSERT_TRUE(bench.run("k", shape(1, 1)).isOk());
  EXPECT_EQ(bench.findings(), "");
  EXPECT_EQ(bench.get<uint32_t>(out, 1)[0], 77u);
}

/// What the decoder knows must be run, with its results checked, by a kernel of
/// test/Inputs/ptx.
TEST(SimulatorOpcodes, AllAreInTestKernels) {
  std::set<std::string> used;
  size_t kernels = 0;
  for (const char *file : {"", "blackwell", "floating", "hopper", "integer", "models", "sparse", "tensor", "warps"}) {
    Module module;
    std::vector<Diagnostic> diagnostics;
    std::string text = *file ? readFile(inputPath(file)) : hopperOnly;
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
