//===- CpuMatmulTest.cpp - Generated products against Semantics.md --------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelJit.h"
#include "MatmulCase.h"

#include "lib/Kernel/CpuMatmul.h"

#include "mlir/IR/MLIRContext.h"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

using namespace lowbit;
using namespace lowbit::test;
using namespace lowbit::kernel;

namespace {

MatmulAnchor anchorOf(const MatmulCase &c, unsigned firstBinding) {
  MatmulAnchor anchor;
  anchor.weight = c.leaf;
  for (unsigned i = 0; i < c.components.size(); ++i)
    anchor.bindings.push_back(firstBinding + 3 + i);
  anchor.activation.quantized = c.spec.quantized;
  anchor.activation.binding = firstBinding;
  anchor.activation.scalesBinding = firstBinding + 1;
  anchor.activation.sumsBinding = firstBinding + 2;
  anchor.activation.stride = c.stride;
  anchor.activation.group = c.spec.activationGroup;
  return anchor;
}

void appendBindings(const MatmulCase &c, std::vector<void *> &bindings) {
  bindings.push_back(c.x.data());
  bindings.push_back(c.scales.data());
  bindings.push_back(c.sums.data());
  for (const Bytes &component : c.components)
    bindings.push_back(component.data());
}

/// Stores results[0] at binding 0: f32 [tokens][8 * rowBlocks].
MatmulEpilogue storeFirst(int64_t stride) {
  return [stride](StageFunction &stage, llvm::ArrayRef<mlir::Value> results,
                  mlir::Value rowBlock, mlir::Value token) {
    mlir::Value offset =
        stage.addI(stage.mulI(token, stride * 4), stage.mulI(rowBlock, 32));
    stage.store(results[0], stage.at(stage.binding(0), offset), 32);
  };
}

/// Runs one product and returns how many results differ from the reference.
int64_t mismatches(const MatmulCase &c, const TestMachine &machine,
                   bool split) {
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  int64_t stride = (c.rows + 7) / 8 * 8;
  MatmulStage stage{"product", {{{anchorOf(c, 1)}, storeFirst(stride)}}};
  auto info = emitMatmulStage(*module, stage, machine.capabilities);
  if (!info.isOk()) {
    ADD_FAILURE() << info.status().toString();
    return -1;
  }
  KernelJit jit(*module, machine);
  EXPECT_EQ(jit.undefinedSymbols(), std::vector<std::string>());
  Bytes y(size_t(c.tokens * stride) * 4), scratch(size_t(info -> scratchBytes));
  std::vector<void *> bindings = {y.data()};
  appendBindings(c, bindings);
  int64_t dims[LOWBIT_DIM_COUNT] = {c.tokens};
  lowbit_stage_fn run = jit.stage("product");
  EXPECT_EQ(info->items, stride / 8);
  if (split) { // any partition gives the same bits
    for (int64_t item = info->items; item-- > 0;)
      run(bindings.data(), dims, scratch.data(), item, item + 1);
  } else {
    run(bindings.data(), dims, scratch.data(), 0, info->items);
  }
  int64_t wrong = 0;
  for (int64_t t = 0; t < c.tokens; ++t)
    for (int64_t n = 0; n < c.rows; ++n) {
      float got = y.as<float>()[t * stride + n], want = c.reference(n, t);
      bool same =
          std::bit_cast<uint32_t>(got) == std::bit_cast<uint32_t>(want) ||
          (std::isnan(got) && std::isnan(want));
      if (!same && wrong++ == 0)
        ADD_FAILURE() << c.spec.name << " N " << c.rows << " K " << c.columns
                      << " T " << c.tokens << " on " << machine.cpu << ": y("
                      << n << ", token " << t << ") = " << got << ", want "
                      << want;
    }
  return wrong;
}

struct Shape {
  int64_t rows, columns, tokens;
};

/// Every `everyNth` pair of encoding and shape. LOWBIT_FULL_SWEEP=TEXT takes
/// each pair of the encodings whose name contains TEXT ("" for all: minutes).
void sweep(const TestMachine &machine, size_t everyNth,
           const std::vector<MatmulSpec> &specs = allSpecs()) {
  const char *wanted = std::getenv("LOWBIT_FULL_SWEEP");
  std::vector<Shape> shapes;
  for (int64_t columns : {1, 7, 33, 100, 172, 288, 576, 1856})
    shapes.push_back({7, columns, 2});
  shapes.push_back({1, 33, 1});
  shapes.push_back({33, 288, 3});
  shapes.push_back({172, 576, 9});
  shapes.push_back({33, 1040, 65});
  shapes.push_back({8, 529, 5});
  size_t i = 0;
  for (const MatmulSpec &spec : specs)
    for (const Shape &shape : shapes) {
      bool named = wanted && spec.name.find(wanted) != std::string::npos;
      if (i++ % everyNth != 0 && !named)
        continue;
      MatmulCase c(spec, shape.rows, shape.columns, shape.tokens, i);
      EXPECT_EQ(mismatches(c, machine, i % 2 == 0), 0);
    }
}

} // namespace

// The steps share no factor with the number of shapes, so all shapes and kinds
// of encoding come up in turn.
TEST(CpuMatmul, SweepWithVectorMultiplyAdd) {
  if (!hostRunsAvx2())
    GTEST_SKIP() << "this processor lacks AVX2";
  sweep(avx2Machine(), 23);
}

TEST(CpuMatmul, SweepOnTheBaseline) { sweep(baselineMachine(), 97); }

TEST(CpuMatmul, SweepOfUnusualLayoutsAndGranularities) {
  for (const MatmulSpec &spec : unusualSpecs()) {
    MatmulCase c(spec, 8, 64, 1, 1);
    EXPECT_TRUE(needsGenericPath(anchorOf(c, 1))) << spec.name;
  }
  EXPECT_FALSE(
      needsGenericPath(anchorOf(MatmulCase(allSpecs()[0], 8, 64, 1, 1), 1)));
  sweep(hostRunsAvx2() ? avx2Machine() : baselineMachine(), 5, unusualSpecs());
}

TEST(CpuMatmul, SweepOfUnusualLayoutsOnTheBaseline) {
  sweep(baselineMachine(), 31, unusualSpecs());
}

// DESIGN K4. The same products with the codes as bit planes: AND and population
// count instead of multiplications, the same sums.
TEST(CpuMatmul, SweepOfBitPlanes) {
  std::vector<MatmulSpec> specs;
  for (MatmulSpec spec : allSpecs()) {
    if (!spec.quantized || spec.code.isFloat() || spec.code.width > 8)
      continue;
    spec.name += " in planes";
    spec.layout = applyPlanesInLanesLayout;
    MatmulCase c(spec, 8, 64, 1, 1);
    EXPECT_EQ(planesOf(anchorOf(c, 1)), spec.code.width) << spec.name;
    EXPECT_FALSE(needsGenericPath(anchorOf(c, 1))) << spec.name;
    specs.push_back(std::move(spec));
  }
  EXPECT_GE(specs.size(), 20u);
  sweep(hostRunsAvx2() ? avx2Machine() : baselineMachine(), 59, specs);
  sweep(baselineMachine(), 397, specs);
}

TEST(CpuMatmul, BitPlanesAreCountedNotMultiplied) {
  MatmulSpec spec{"", intOf(2), {{f16(), true, 32}}};
  spec.layout = applyPlanesInLanesLayout;
  MatmulCase c(spec, 8, 64, 1, 1);
  TestMachine machine = avx2Machine();
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  MatmulStage stage{"planes", {{{anchorOf(c, 1)}, storeFirst(8)}}};
  ASSERT_TRUE(emitMatmulStage(*module, stage, machine.capabilities).isOk());
  KernelJit jit(*module, machine);
  EXPECT_NE(jit.assembly().find("vpmovmskb"), std::string::npos);
  EXPECT_NE(jit.assembly().find("vpshufb"), std::string::npos);
  EXPECT_EQ(jit.undefinedSymbols(), std::vector<std::string>());
}

// Machines that this one cannot run: the code must still be made, whole.
TEST(CpuMatmul, CompilesForQuadDotProducts) {
  for (const char *cpu : {"alderlake", "icelake-server"}) {
    TestMachine machine = avx2Machine();
    machine.cpu = cpu;
    machine.capabilities.dot4U8S8Intrinsic = "llvm.x86.avx512.vpdpbusd.256";
    MatmulCase c({"", intOf(8), {{f16(), true, 32}}}, 8, 64, 4, 1);
    mlir::MLIRContext context;
    mlir::OwningOpRef<mlir::ModuleOp> module =
        mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
    MatmulStage stage{"dot", {{{anchorOf(c, 1)}, storeFirst(8)}}};
    ASSERT_TRUE(emitMatmulStage(*module, stage, machine.capabilities).isOk());
    KernelJit jit(*module, machine);
    EXPECT_NE(jit.assembly().find("vpdpbusd"), std::string::npos) << cpu;
    EXPECT_EQ(jit.assembly().find("vpmaddubsw"), std::string::npos) << cpu;
    EXPECT_EQ(jit.undefinedSymbols(), std::vector<std::string>());
  }
}

// The inner loops of the narrow tiles keep everything in registers.
TEST(CpuMatmul, OneTokenLoopsDoNotSpill) {
  MatmulSpec specs[] = {
      {"q4_1", uintOf(4), {{f16(), true, 32}}, {{f16(), true, 32}}},
      {"q8_0", intOf(8), {{f16(), true, 32}}},
      {"f16", f16(), {}, {}, {}, false, false}};
  for (const MatmulSpec &spec : specs) {
    MatmulCase c(spec, 8, 1536, 1, 1);
    mlir::MLIRContext context;
    mlir::OwningOpRef<mlir::ModuleOp> module =
        mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
    MatmulStage stage{"loop", {{{anchorOf(c, 1)}, storeFirst(8)}}};
    ASSERT_TRUE(
        emitMatmulStage(*module, stage, avx2Machine().capabilities).isOk());
    KernelJit jit(*module, avx2Machine());
    // Only the loops of one token prefetch; a block ends where the next label
    // begins.
    llvm::SmallVector<llvm::StringRef> blocks;
    llvm::StringRef(jit.assembly()).split(blocks, "\n.LBB");
    unsigned loops = 0;
    for (llvm::StringRef block : blocks)
      if (block.contains("prefetcht0")) {
        ++loops;
        EXPECT_FALSE(block.split("\tj").first.contains("32-byte Spill"))
            << spec.name;
      }
    EXPECT_GE(loops, 1u) << spec.name;
  }
}

// As gate and up in one group, then a second weight: items follow one another,
// and any cut of the items gives the same bits.
TEST(CpuMatmul, GroupsAndAnchorsShareAStage) {
  MatmulSpec q4{"q4", uintOf(4), {{f16(), true, 32}}, {{f16(), true, 32}}};
  MatmulSpec q8{"q8", intOf(8), {{f16(), true, 32}}};
  MatmulSpec decoded{"decoded", intOf(5), {{f16(), true, 32}}, {}, {},
                     false,     false};
  std::vector<MatmulCase> cases;
  cases.emplace_back(q4, 20, 576, 6, 1);
  cases.emplace_back(q8, 20, 288, 6, 2);
  cases.emplace_back(decoded, 13, 100, 6, 3);
  cases.emplace_back(decoded, 13, 540, 6, 4);
  std::vector<void *> bindings;
  Bytes first(6 * 24 * 4), second(6 * 16 * 4);
  bindings = {first.data(), second.data()};
  std::vector<MatmulAnchor> anchors;
  for (const MatmulCase &c : cases) {
    anchors.push_back(anchorOf(c, unsigned(bindings.size())));
    appendBindings(c, bindings);
  }
  auto storeSum = [](unsigned binding, int64_t stride) -> MatmulEpilogue {
    return [=](StageFunction &stage, llvm::ArrayRef<mlir::Value> results,
               mlir::Value rowBlock, mlir::Value token) {
      AbstractValue sum = stage.values().addF(IRValueBuilder::wrap(results[0]),
                                              IRValueBuilder::wrap(results[1]));
      mlir::Value offset =
          stage.addI(stage.mulI(token, stride * 4), stage.mulI(rowBlock, 32));
      stage.store(sum, stage.at(stage.binding(binding), offset), 32);
    };
  };
  TestMachine machine = hostRunsAvx2() ? avx2Machine() : baselineMachine();
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  MatmulStage stage{"pair",
                    {{{anchors[0], anchors[1]}, storeSum(0, 24)},
                     {{anchors[2], anchors[3]}, storeSum(1, 16)}}};
  auto info = emitMatmulStage(*module, stage, machine.capabilities);
  ASSERT_TRUE(info.isOk()) << info.status().toString();
  EXPECT_EQ(info->items, 3 + 2);
  KernelJit jit(*module, machine);
  Bytes scratch{size_t(info->scratchBytes)};
  int64_t dims[LOWBIT_DIM_COUNT] = {6};
  lowbit_stage_fn run = jit.stage("pair");
  for (int64_t cut = 0; cut <= info->items; ++cut) {
    for (size_t i = 0; i < first.size() / 4; ++i)
      first.as<float>()[i] = -1;
    for (size_t i = 0; i < second.size() / 4; ++i)
      second.as<float>()[i] = -1;
    run(bindings.data(), dims, scratch.data(), cut, info->items);
    run(bindings.data(), dims, scratch.data(), 0, cut);
    for (int64_t t = 0; t < 6; ++t) {
      for (int64_t n = 0; n < 20; ++n)
        ASSERT_EQ(first.as<float>()[t * 24 + n],
                  cases[0].reference(n, t) + cases[1].reference(n, t));
      for (int64_t n = 0; n < 13; ++n)
        ASSERT_EQ(second.as<float>()[t * 16 + n],
                  cases[2].reference(n, t) + cases[3].reference(n, t));
    }
  }
}

TEST(CpuMatmul, SaysWhatItCannotCompute) {
  auto messageOf = [](const MatmulSpec &spec, int64_t columns) {
    MatmulCase c(spec, 8, columns, 1, 1);
    return checkMatmul(anchorOf(c, 1)).message();
  };
  EXPECT_EQ(messageOf({"", uintOf(4), {{f16(), true, 32}}}, 64), "");
  EXPECT_EQ(messageOf({"", f16()}, 64),
            "a float weight takes f32 activations, not quantized ones");
  MatmulCase c({"", uintOf(4), {{f16(), true, 32}}}, 8, 64, 1, 1);
  MatmulAnchor anchor = anchorOf(c, 1);
  anchor.bindings.pop_back();
  EXPECT_EQ(checkMatmul(anchor).message(),
            "1 bindings given for 2 components of the weight");
  anchor = anchorOf(c, 1);
  anchor.activation.lo = -200;
  EXPECT_EQ(checkMatmul(anchor).message(),
            "activation codes in [-200, 127] do not fit signed bytes");
}

TEST(CpuMatmul, CodeSumsAreAskedForWhereTheyAreRead) {
  MatmulActivation x;
  x.quantized = true;
  MatmulCase plain({"", uintOf(4), {{f16(), true, 32}}}, 8, 64, 1, 1);
  EXPECT_FALSE(needsCodeSums(plain.leaf, x));
  MatmulCase biased({"", intOf(4), {{f16(), true, 32}}}, 8, 64, 1, 1);
  EXPECT_TRUE(needsCodeSums(biased.leaf, x));
  MatmulCase offset({"", uintOf(4), {{f16(), true, 32}}, {{f16(), true, 32}}},
                    8, 64, 1, 1);
  EXPECT_TRUE(needsCodeSums(offset.leaf, x));
  x.quantized = false;
  EXPECT_FALSE(needsCodeSums(offset.leaf, x));
}

// A wrong kernel must be seen: one flipped code bit changes a result.
TEST(CpuMatmul, TheReferenceNoticesAChangedWeight) {
  if (!hostRunsAvx2())
    GTEST_SKIP() << "this processor lacks AVX2";
  MatmulCase c({"", uintOf(4), {{f16(), true, 32}}}, 8, 64, 1, 7);
  c.components[0].data()[5] ^= 1;
  static const MatmulCase *changed;
  changed = &c;
  EXPECT_NONFATAL_FAILURE(mismatches(*changed, avx2Machine(), false),
                          "y(1, token 0)");
}
