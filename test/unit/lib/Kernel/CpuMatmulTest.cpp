//===- CpuMatmulTest.cpp - Generated products against Semantics.md --------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelJit.h"
#include "MatmulCase.h"

#include "lib/Kernel/CpuMatmul.h"

#include "mlir/IR/MLIRContext.h"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>

using namespace lowbit;
using namespace lowbit::test;
using namespace lowbit::kernel;

namespace {

NumberDesc f16() { return NumberDesc::floating(FloatFormat::f16); }
NumberDesc f32() { return NumberDesc::floating(FloatFormat::f32); }
NumberDesc bf16() { return NumberDesc::floating(FloatFormat::bf16); }
NumberDesc uintOf(unsigned width) { return NumberDesc::unsignedInt(width); }
NumberDesc intOf(unsigned width) { return NumberDesc::signedInt(width); }

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
    mlir::Value offset = stage.addI(stage.mulI(token, stride * 4),
                                    stage.mulI(rowBlock, 32));
    stage.store(results[0], stage.at(stage.binding(0), offset), 32);
  };
}

/// Runs one product and returns how many results differ from the reference.
int64_t mismatches(const MatmulCase &c, const TestMachine &machine, bool split) {
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
  Bytes y(size_t(c.tokens * stride) * 4), scratch(size_t(info->scratchBytes));
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
      bool same = std::bit_cast<uint32_t>(got) == std::bit_cast<uint32_t>(want) ||
                  (std::isnan(got) && std::isnan(want));
      if (!same && wrong++ == 0)
        ADD_FAILURE() << c.spec.name << " N " << c.rows << " K " << c.columns << " T "
                      << c.tokens << " on " << machine.cpu << ": y(" << n << ", token "
                      << t << ") = " << got << ", want " << want;
    }
  return wrong;
}

std::vector<MatmulSpec> allSpecs() {
  std::vector<MatmulSpec> specs;
  ParamSpec scale32{f16(), true, 32}, offset32{f16(), true, 32};
  for (unsigned width = 1; width <= 8; ++width) {
    std::string bits = std::to_string(width);
    specs.push_back({"uint" + bits + " f16/32", uintOf(width), {scale32}, {}, {}});
    specs.push_back({"uint" + bits + " f16/32 offset", uintOf(width), {scale32},
                     {offset32}, {}});
    if (width > 1)
      specs.push_back({"int" + bits + " f16/32", intOf(width), {scale32}, {}, {}});
    specs.push_back({"uint" + bits + " f32 row, zero row, one scale a token",
                     uintOf(width), {{f32(), true, 0}}, {}, {{uintOf(8), true, 0}},
                     false, true, 0});
    specs.push_back({"uint" + bits + " f16/32, f32 activations", uintOf(width),
                     {scale32}, {offset32}, {}, false, false});
  }
  // Ternary with one scale a tensor.
  NumberDesc ternary = intOf(2);
  ternary.lo = -1;
  ternary.hi = 1;
  specs.push_back({"ternary f32 tensor", ternary, {{f32(), false, 0}}, {}, {}, false,
                   true, 0});
  specs.push_back({"ternary without scale", ternary, {}, {}, {}, false, true, 0});
  specs.push_back({"ternary grouped activations", ternary, {}, {}, {}, false, true, 32});
  // As Q4_K: f16 a 256 times 6-bit a 32, minimum subtracted.
  specs.push_back({"q4_k", uintOf(4), {{f16(), true, 256}, {uintOf(6), true, 32}},
                   {{f16(), true, 256}, {uintOf(6), true, 32}}, {}, true, true, 256});
  // As Q6_K: f16 a 256 times int8 a 16.
  specs.push_back({"q6_k", intOf(6), {{f16(), true, 256}, {intOf(8), true, 16}}, {}, {},
                   false, true, 256});
  // As Q2_K: 4-bit scales and minima a 16.
  specs.push_back({"q2_k", uintOf(2), {{f16(), true, 256}, {uintOf(4), true, 16}},
                   {{f16(), true, 256}, {uintOf(4), true, 16}}, {}, true, true, 32});
  specs.push_back({"int4 bf16/16", intOf(4), {{bf16(), true, 16}}, {{bf16(), true, 16}},
                   {}, true, true, 16});
  specs.push_back({"int8 f32/16, activations of 64", intOf(8), {{f32(), true, 16}}, {},
                   {}, false, true, 64});
  specs.push_back({"uint4 f16/128, zero of 64", uintOf(4), {{f16(), true, 128}}, {},
                   {{uintOf(4), true, 64}}, false, true, 128});
  specs.push_back({"uint4 row, zero of 16", uintOf(4), {{f16(), true, 0}},
                   {{f16(), true, 0}}, {{uintOf(4), true, 16}}, false, true, 0});
  specs.push_back({"uint4 f16/64, one scale a token", uintOf(4), {{f16(), true, 64}},
                   {{f32(), false, 0}}, {}, false, true, 0});
  specs.push_back({"int8 f16/512 by f32 of columns", intOf(8),
                   {{f16(), true, 512}, {f32(), false, 1024}}, {}, {}, false, true, 0});
  specs.push_back({"f32", f32(), {}, {}, {}, false, false});
  specs.push_back({"f16", f16(), {}, {}, {}, false, false});
  specs.push_back({"bf16", bf16(), {}, {}, {}, false, false});
  specs.push_back({"f16 scaled by row", f16(), {{f32(), true, 0}}, {}, {}, false, false});
  specs.push_back({"q4_k, f32 activations", uintOf(4),
                   {{f16(), true, 256}, {uintOf(6), true, 32}},
                   {{f16(), true, 256}, {uintOf(6), true, 32}}, {}, true, false});
  specs.push_back({"int8 zero of 48, f32 activations", intOf(8), {{f16(), true, 0}}, {},
                   {{intOf(8), true, 48}}, false, false});
  return specs;
}

struct Shape {
  int64_t rows, columns, tokens;
};

void sweep(const TestMachine &machine, size_t everyNth) {
  std::vector<Shape> shapes;
  for (int64_t columns : {1, 7, 33, 100, 172, 288, 576, 1856})
    shapes.push_back({7, columns, 2});
  shapes.push_back({1, 33, 1});
  shapes.push_back({33, 288, 3});
  shapes.push_back({172, 576, 9});
  shapes.push_back({33, 1040, 65});
  shapes.push_back({8, 529, 5});
  size_t i = 0;
  for (const MatmulSpec &spec : allSpecs())
    for (const Shape &shape : shapes) {
      if (i++ % everyNth != 0)
        continue;
      MatmulCase c(spec, shape.rows, shape.columns, shape.tokens, i);
      EXPECT_EQ(mismatches(c, machine, i % 2 == 0), 0);
    }
}

} // namespace

// A prime step walks over all pairs of encoding and shape; LOWBIT_FULL_SWEEP takes each
// (minutes).
TEST(CpuMatmul, SweepWithVectorMultiplyAdd) {
  if (!hostRunsAvx2())
    GTEST_SKIP() << "this processor lacks AVX2";
  sweep(avx2Machine(), std::getenv("LOWBIT_FULL_SWEEP") ? 1 : 11);
}

TEST(CpuMatmul, SweepOnTheBaseline) {
  sweep(baselineMachine(), std::getenv("LOWBIT_FULL_SWEEP") ? 2 : 37);
}
