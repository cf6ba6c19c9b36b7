//===- NvptxMatmulTest.cpp - Products as PTX against Semantics.md ---------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../../Kernel/MatmulCase.h"

#include "lib/Codegen/NVPTX/NvptxCodegen.h"
#include "lib/Kernel/ThreadMatmul.h"
#include "runtime/Simulator/Launch.h"
#include "test/unit/IgnoreLeaks.h"

#include "mlir/IR/MLIRContext.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace lowbit;
using namespace lowbit::test;
using namespace lowbit::kernel;

namespace {

struct Text {
  std::string ptx;
  ThreadMatmulInfo info;
};

StatusOr<Text> generate(const MatmulCase &c, const char *chip) {
  const NvptxTarget *target = findNvptxTarget(chip);
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  ThreadMatmul matmul{"product", c.leaf, c.spec.activationGroup};
  Text text;
  LOWBIT_ASSIGN_OR_RETURN(
      text.info, emitThreadMatmul(*module, matmul,
                                  mlir::lowbit::nvptxKernelCapabilities(*target),
                                  mlir::lowbit::nvptxThreadMachine()));
  const NvptxInstruction used[] = {NvptxInstruction::dp4a};
  LOWBIT_ASSIGN_OR_RETURN(text.ptx,
                          mlir::lowbit::compileNvptxModule(*module, *target, used));
  return text;
}

/// Device memory right up to the end of what a component has.
uint64_t put(ptx::DeviceMemory &memory, const void *data, size_t bytes) {
  uint64_t address = memory.allocate(std::max<size_t>(bytes, 4));
  std::memcpy(memory.host(address), data, bytes);
  memory.markWritten(address, std::max<size_t>(bytes, 4));
  return address;
}

/// Runs the kernel with race detection; counts results that are not the reference's.
int64_t mismatches(const MatmulCase &c, const Text &text, uint32_t arch, uint64_t seed) {
  ptx::DeviceMemory memory(uint64_t(1) << 30);
  ptx::DeviceLimits limits;
  EXPECT_TRUE(ptx::deviceLimits(arch, limits));
  auto module = ptx::LoadedModule::load(text.ptx, arch, memory);
  if (!module.isOk()) {
    ADD_FAILURE() << module.status().toString();
    return -1;
  }
  const ptx::Program *program = (*module)->kernel("product");
  if (!program) {
    ADD_FAILURE() << "no kernel";
    return -1;
  }
  std::vector<uint64_t> arguments;
  for (const Bytes &component : c.components)
    arguments.push_back(put(memory, component.data(), component.size()));
  for (const Bytes *bytes : {&c.x, &c.scales, &c.sums})
    arguments.push_back(put(memory, bytes->data(), bytes->size()));
  int64_t blocks = (c.rows + 7) / 8;
  arguments.push_back(memory.allocate(size_t(blocks) * 32));
  EXPECT_EQ(program->paramBytes, arguments.size() * 8);
  ptx::LaunchConfig config;
  config.grid[0] = uint32_t(blocks);
  config.block[0] = text.info.threads;
  config.seed = seed;
  config.races = true;
  config.maxInstructions = 10'000'000;
  ptx::LaunchResult result;
  Status status = ptx::launch(*program, memory, limits, config,
                              reinterpret_cast<const uint8_t *>(arguments.data()), result);
  EXPECT_TRUE(status.isOk()) << status.toString();
  for (const ptx::Finding &finding : result.findings)
    ADD_FAILURE() << ptx::findingToString(finding);
  EXPECT_FALSE(result.failed);
  const auto *y = reinterpret_cast<const float *>(memory.host(arguments.back()));
  int64_t wrong = 0;
  for (int64_t n = 0; n < c.rows; ++n) {
    float want = c.reference(n, 0);
    bool same = std::bit_cast<uint32_t>(y[n]) == std::bit_cast<uint32_t>(want);
    if (!same && wrong++ == 0)
      ADD_FAILURE() << c.spec.name << " N " << c.rows << " K " << c.columns << ": y(" << n
                    << ") = " << y[n] << ", want " << want;
  }
  return wrong;
}

} // namespace

// Every encoding, at shapes with one and several chunks and a ragged end.
TEST(NvptxMatmul, SameBitsAsTheReference) {
  const struct {
    int64_t rows, columns;
  } shapes[] = {{7, 33}, {19, 576}, {8, 1856}, {9, 1}, {20, 529}};
  size_t i = 0, ran = 0;
  for (const MatmulSpec &spec : allSpecs()) {
    if (!spec.quantized)
      continue;
    for (unsigned k = 0; k < 2; ++k, ++i) {
      auto shape = shapes[i % std::size(shapes)];
      MatmulCase c(spec, shape.rows, shape.columns, 1, i + 1);
      auto text = generate(c, "sm_80");
      ASSERT_TRUE(text.isOk()) << spec.name << ": " << text.status().toString();
      EXPECT_EQ(mismatches(c, *text, 80, i), 0);
      ++ran;
    }
  }
  EXPECT_GE(ran, 60u);
}

TEST(NvptxMatmul, EveryTargetHasTextWithDotProducts) {
  MatmulSpec specs[] = {{"q4", uintOf(4), {{f16(), true, 32}}, {{f16(), true, 32}}},
                        {"row", intOf(5), {{f32(), true, 0}}, {}, {}, false, true, 0}};
  for (const MatmulSpec &spec : specs)
    for (const NvptxTarget &target : allNvptxTargets()) {
      std::string name(target.name);
      MatmulCase c(spec, 16, 1100, 1, 3);
      auto text = generate(c, name.c_str());
      ASSERT_TRUE(text.isOk()) << name << ": " << text.status().toString();
      EXPECT_NE(text->ptx.find(".target " + name + "\n"), std::string::npos);
      EXPECT_NE(text->ptx.find("dp4a.u32.s32"), std::string::npos);
      EXPECT_NE(text->ptx.find(".reqntid " + std::to_string(text->info.threads)),
                std::string::npos);
      EXPECT_EQ(text->ptx.find(".extern"), std::string::npos);
      // Sums are exact in the order written: nothing is contracted or flushed.
      EXPECT_EQ(text->ptx.find(".ftz"), std::string::npos);
      EXPECT_EQ(text->ptx.find("mad.f32"), std::string::npos);
      auto again = generate(c, name.c_str());
      ASSERT_TRUE(again.isOk());
      EXPECT_EQ(text->ptx, again->ptx);
    }
}

TEST(NvptxMatmul, CodeDoesNotDependOnTheNumberOfRows) {
  MatmulSpec spec{"q4", uintOf(4), {{f16(), true, 32}}, {{f16(), true, 32}}};
  auto few = generate(MatmulCase(spec, 8, 576, 1, 1), "sm_90");
  auto many = generate(MatmulCase(spec, 200, 576, 1, 1), "sm_90");
  ASSERT_TRUE(few.isOk() && many.isOk());
  EXPECT_EQ(few->ptx, many->ptx);
}

TEST(NvptxMatmul, SaysWhatItCannotDo) {
  MatmulSpec spec{"q4", uintOf(4), {{f16(), true, 24}}, {}, {}, false, true, 0};
  auto odd = generate(MatmulCase(spec, 8, 64, 1, 1), "sm_80");
  ASSERT_FALSE(odd.isOk());
  EXPECT_EQ(odd.status().message(), "weight uint4, scale f16/24 is not in the rows-in-lanes layout");
  MatmulSpec wide{"q4", uintOf(4), {{f16(), true, 32}}};
  auto shared = generate(MatmulCase(wide, 8, 512 * 400, 1, 1), "sm_80");
  ASSERT_FALSE(shared.isOk());
  EXPECT_EQ(shared.status().message(),
            "a weight of 204800 columns needs 51200 bytes of shared memory; kernels of "
            "threads have 49152");
}

// A chip that LLVM does not know, an op that has no lowering, a function from outside.
TEST(NvptxCodegen, RefusesWhatWouldAbortOrNotLink) {
  mlir::MLIRContext context;
  context.loadDialect<mlir::LLVM::LLVMDialect>();
  auto compile = [&](const NvptxTarget &target, bool callsOutside) {
    mlir::OwningOpRef<mlir::ModuleOp> module =
        mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
    kernel::ThreadShape shape;
    shape.pointers = 1;
    kernel::StageFunction stage(*module, "k", {}, mlir::lowbit::nvptxThreadMachine(),
                                shape);
    if (callsOutside) {
      mlir::OpBuilder builder(&context);
      builder.setInsertionPointToStart(module->getBody());
      auto type = mlir::LLVM::LLVMFunctionType::get(
          mlir::LLVM::LLVMVoidType::get(&context), {});
      auto outside = mlir::LLVM::LLVMFuncOp::create(builder, stage.loc(), "outside", type);
      mlir::LLVM::CallOp::create(stage.builder(), stage.loc(), outside,
                                 mlir::ValueRange());
    }
    return mlir::lowbit::compileNvptxModule(*module, target, {});
  };
  NvptxTarget known = *findNvptxTarget("sm_80");
  EXPECT_TRUE(compile(known, false).isOk());
  auto outside = compile(known, true);
  ASSERT_FALSE(outside.isOk());
  EXPECT_NE(outside.status().message().find(".extern .func"), std::string::npos);
  NvptxTarget unknown = known;
  unknown.name = "sm_107";
  auto chip = compile(unknown, false);
  ASSERT_FALSE(chip.isOk());
  EXPECT_EQ(chip.status().message(), "this LLVM does not know the chip 'sm_107'");
  NvptxTarget old = known;
  old.name = "sm_90a";
  old.minimumPtx = 60; // LLVM aborts: the version is too low for the chip
  lowbit::test::IgnoreLeaks ignoreLeaks;
  auto version = compile(old, false);
  ASSERT_FALSE(version.isOk());
  EXPECT_NE(version.status().message().find("PTX version 6.0"), std::string::npos)
      << version.status().message();
}
