//===- ActivationTest.cpp - Elementary functions on literals --------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/Activation.h"

#include "StageHarness.h"
#include "lib/Kernel/EvalBuilder.h"
#include "lib/Reference/Numerics.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace lowbit;
using namespace lowbit::kernel;
using namespace lowbit::test;

namespace {

/// With and without a fused multiply-add: the results are the same bits.
std::vector<KernelCapabilities> bothMachines() {
  KernelCapabilities fused;
  fused.fma = true;
  return {KernelCapabilities(), fused};
}

std::vector<float> samples() {
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> x = {0.0f, -0.0f, infinity, -infinity, std::nanf(""),
                          88.72284f, std::nextafter(88.72284f, 100.0f),
                          -87.33655f, std::nextafter(-87.33655f, -100.0f),
                          1e-45f, -1e-45f, 1e-38f, 3.4028235e38f, -3.4028235e38f,
                          0.34657359f, -0.34657359f, 1.0f, -1.0f};
  Random random(1);
  for (int exponent = -30; exponent <= 7; ++exponent)
    for (int i = 0; i < 60; ++i)
      x.push_back(std::ldexp(random.number(), exponent));
  // Any bits.
  for (int i = 0; i < 500; ++i)
    x.push_back(std::bit_cast<float>(uint32_t(random.next())));
  return x;
}

struct Function {
  const char *name;
  Activation kind;
  float (*formula)(float);
  double (*exact)(double);
};

const Function functions[] = {
    {"exp", Activation::exp, reference::exp, [](double x) { return std::exp(x); }},
    {"sigmoid", Activation::sigmoid, reference::sigmoid,
     [](double x) { return 1.0 / (1.0 + std::exp(-x)); }},
    {"silu", Activation::silu, reference::silu,
     [](double x) { return x / (1.0 + std::exp(-x)); }},
    {"tanh", Activation::tanh, reference::tanh, [](double x) { return std::tanh(x); }},
    {"gelu_tanh", Activation::geluTanh, reference::geluTanh,
     [](double x) {
       double u = std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x);
       return 0.5 * x * (1.0 + std::tanh(u));
     }},
    {"relu2", Activation::relu2, reference::relu2,
     [](double x) { return x > 0 ? x * x : 0.0; }},
};

std::vector<float> evaluate(const KernelCapabilities &capabilities, Activation kind,
                            const std::vector<float> &x) {
  EvalBuilder b(capabilities);
  AbstractValue result = emitActivation(b, kind, b.literalF32(x));
  std::vector<float> y;
  for (unsigned i = 0; i < x.size(); ++i)
    y.push_back(EvalBuilder::floatLane(result, i));
  return y;
}

} // namespace

TEST(Activation, EqualsTheFormulasBitForBit) {
  std::vector<float> x = samples();
  for (const Function &function : functions)
    for (const KernelCapabilities &capabilities : bothMachines()) {
      std::vector<float> y = evaluate(capabilities, function.kind, x);
      for (size_t i = 0; i < x.size(); ++i)
        ASSERT_TRUE(sameFloat(y[i], function.formula(x[i])))
            << function.name << "(" << x[i] << ") = " << y[i] << ", want "
            << function.formula(x[i]) << (capabilities.fma ? ", fused" : "");
    }
}

TEST(Activation, IsCloseToTheExactFunctions) {
  Random random(7);
  std::vector<float> x;
  for (int i = 0; i < 20000; ++i)
    x.push_back(random.number(20.0f));
  KernelCapabilities fused;
  fused.fma = true;
  for (const Function &function : functions) {
    std::vector<float> y = evaluate(fused, function.kind, x);
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      double want = function.exact(x[i]);
      // tanh near 0 subtracts from 1: absolute there, relative elsewhere.
      double scale = function.kind == Activation::exp ? std::fabs(want)
                                                      : std::max(1.0, std::fabs(want));
      worst = std::max(worst, std::fabs(y[i] - want) / scale);
    }
    EXPECT_LT(worst, 4e-7) << function.name;
    EXPECT_GT(worst, 0) << function.name << " was not measured";
  }
}

TEST(Activation, RsqrtIsTwoRoundedOperations) {
  std::vector<float> x = samples();
  EvalBuilder b{KernelCapabilities()};
  AbstractValue y = emitRsqrt(b, b.literalF32(x));
  for (unsigned i = 0; i < x.size(); ++i)
    EXPECT_TRUE(sameFloat(EvalBuilder::floatLane(y, i), reference::rsqrt(x[i]))) << x[i];
}

TEST(Activation, ClampToIntRoundsToEvenAndTakesNaNAsZero) {
  std::vector<float> x = samples();
  for (float value : {0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 126.5f, 127.4f, 127.5f, -127.5f})
    x.push_back(value);
  const std::pair<int, int> ranges[] = {{-127, 127}, {-128, 127}, {-7, 7}, {0, 255}};
  for (auto [lo, hi] : ranges) {
    EvalBuilder b{KernelCapabilities()};
    AbstractValue y = emitClampToInt(b, b.literalF32(x), lo, hi);
    for (unsigned i = 0; i < x.size(); ++i)
      EXPECT_EQ(EvalBuilder::signedLane(y, i), reference::clampToInt(x[i], lo, hi))
          << x[i];
  }
  EvalBuilder b{KernelCapabilities()};
  const float ties[] = {0.5f, 1.5f, 2.5f, -0.5f};
  AbstractValue y = emitClampToInt(b, b.literalF32(ties), -127, 127);
  EXPECT_EQ(EvalBuilder::signedLane(y, 0), 0);
  EXPECT_EQ(EvalBuilder::signedLane(y, 1), 2);
  EXPECT_EQ(EvalBuilder::signedLane(y, 2), 2);
  EXPECT_EQ(EvalBuilder::signedLane(y, 3), 0);
}

TEST(Activation, MaxNeverTakesNaN) {
  EvalBuilder b{KernelCapabilities()};
  const float candidates[] = {std::nanf(""), 2.0f, 1.0f}, old[] = {1.0f, 1.0f, 2.0f};
  AbstractValue y = emitMax(b, b.literalF32(candidates), b.literalF32(old));
  EXPECT_EQ(EvalBuilder::floatLane(y, 0), 1.0f);
  EXPECT_EQ(EvalBuilder::floatLane(y, 1), 2.0f);
  EXPECT_EQ(EvalBuilder::floatLane(y, 2), 2.0f);
}

TEST(Activation, LaneTreeIsTheTreeOfNeighbours) {
  Random random(3);
  for (unsigned vectors : {1u, 2u, 4u}) {
    std::vector<float> x = random.numbers(vectors * 8, 1e6f);
    EvalBuilder b{KernelCapabilities()};
    std::vector<AbstractValue> values;
    for (unsigned i = 0; i < vectors; ++i)
      values.push_back(b.literalF32(std::span<const float>(x).subspan(i * 8, 8)));
    float got = EvalBuilder::floatLane(emitLaneTree(b, values), 0);
    float straight = 0;
    for (float value : x)
      straight += value;
    float want = reference::tree(x);
    EXPECT_TRUE(sameFloat(got, want)) << got << " " << want;
    if (vectors == 4)
      EXPECT_FALSE(sameFloat(straight, want)) << "the numbers do not tell orders apart";
  }
}
