//===- LayerGatesTest.cpp - Gates of layers within numbers of any encoding
//-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Compiler/Registration.h"
#include "passes/Compress/CompressionSession.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::lowbit;

namespace {

struct Outcome {
  bool ran = false;
  std::string error;
  std::vector<double> before, after, biasBefore, biasAfter;
};

/// The numbers of the leaves added and multiplied as the encoding says, in f64;
/// takes their components off the front.
std::vector<double> evaluate(const ::lowbit::EncodingDesc &encoding,
                             ArrayRef<std::vector<uint8_t>> &components) {
  if (encoding.kind == ::lowbit::EncodingKind::leaf) {
    const size_t count = ::lowbit::componentsOf(encoding)->size();
    auto numbers =
        decodeComponents(encoding.leaf, components.take_front(count).vec());
    EXPECT_TRUE(numbers.isOk()) << numbers.status().message();
    components = components.drop_front(count);
    return {numbers->begin(), numbers->end()};
  }
  std::vector<double> result;
  int64_t columns = 0;
  for (const ::lowbit::EncodingDesc &term : encoding.terms) {
    std::vector<double> next = evaluate(term, components);
    if (result.empty()) {
      result = std::move(next);
    } else if (encoding.kind == ::lowbit::EncodingKind::sum) {
      for (size_t i = 0; i < result.size(); ++i)
        result[i] += next[i];
    } else {
      std::vector<double> product(encoding.rows * term.columns);
      for (int64_t i = 0; i < encoding.rows; ++i)
        for (int64_t k = 0; k < columns; ++k)
          for (int64_t j = 0; j < term.columns; ++j)
            product[i * term.columns + j] +=
                result[i * columns + k] * next[k * term.columns + j];
      result = std::move(product);
    }
    columns = term.columns;
  }
  return result;
}

/// One layer x + gate * (W x + b), with a 256 x 256 matrix W of this encoding.
/// `before` is a pipeline that runs first.
Outcome fold(const std::string &encoding, const std::string &gate,
             const std::string &before = "") {
  static const bool registered = [] {
    registerAllPasses();
    return true;
  }();
  (void)registered;
  const std::string w = "!lowbit.tensor<256x256xf32, " + encoding + ">",
                    x = "tensor<?x256xf32>";
  const std::string text =
      "lowbit.param @w : " + w + "\nlowbit.param @c : tensor<256xf32>\n" +
      "lowbit.param_set @l [@w, @c]\n" + "lowbit.block @b(%h: " + x +
      ", %w: " + w + ", %c: tensor<256xf32>) -> " + x +
      " attributes {num_params = 2 : i64, num_states = 0 : i64} {\n" +
      "  %0 = lowbit.matmul %h, %w bias %c : tensor<256xf32> : " + x + ", " +
      w + " -> " + x + "\n  %1 = arith.addf %0, %h : " + x +
      "\n  lowbit.return %1 : " + x + "\n}\n" + "func.func @forward(%x: " + x +
      ") -> " + x + " {\n  %0 = lowbit.layer @b(%x) params @l : (" + x +
      ") -> " + x + "\n  return %0 : " + x + "\n}\n";
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  Outcome outcome;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    outcome.error += diagnostic.str() + "\n";
  });
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  EXPECT_TRUE(module) << text << outcome.error;
  if (!module)
    return outcome;
  CompressionSession session;
  session.archive = ParameterArchive::createEmpty();
  session.archive->bindRandom(3);
  CompressionSession::attach(&context, &session);
  auto read = [&](StringRef name) -> std::vector<double> {
    auto param = module->lookupSymbol<ParamOp>(name);
    auto type = dyn_cast<LowbitTensorType>(param.getType());
    if (!type) {
      auto numbers = session.archive->decode(param);
      EXPECT_TRUE(numbers.isOk()) << numbers.status().message();
      return {numbers->begin(), numbers->end()};
    }
    ComponentBytes components;
    ::lowbit::Status status = session.archive->materialize(param, components);
    EXPECT_TRUE(status.isOk()) << status.message();
    ArrayRef<std::vector<uint8_t>> left = components;
    std::vector<double> numbers = evaluate(*type.getEncodingDesc(), left);
    EXPECT_TRUE(left.empty());
    return numbers;
  };
  if (!before.empty()) {
    PassManager manager(&context);
    EXPECT_TRUE(succeeded(parsePassPipeline(before, manager)));
    EXPECT_TRUE(succeeded(manager.run(*module))) << outcome.error;
  }
  outcome.before = read("w");
  outcome.biasBefore = read("c");
  PassManager manager(&context);
  EXPECT_TRUE(succeeded(parsePassPipeline(
      "lowbit-fold-layers{fold-gates=true gates=" + gate + "}", manager)));
  outcome.ran = succeeded(manager.run(*module));
  if (outcome.ran) {
    outcome.after = read("w");
    outcome.biasAfter = read("c");
  }
  CompressionSession::attach(&context, nullptr);
  return outcome;
}

} // namespace

/// A power of two is exact.
static void expectTwice(const Outcome &outcome) {
  ASSERT_TRUE(outcome.ran) << outcome.error;
  ASSERT_EQ(outcome.before.size(), size_t(256 * 256));
  ASSERT_EQ(outcome.after.size(), outcome.before.size());
  size_t others = 0, nonzero = 0;
  for (size_t i = 0; i < outcome.before.size(); ++i) {
    others += outcome.after[i] != -2.0 * outcome.before[i];
    nonzero += outcome.before[i] != 0;
  }
  EXPECT_EQ(others, 0u);
  EXPECT_GT(nonzero, 256u * 64);
  ASSERT_EQ(outcome.biasAfter.size(), 256u);
  for (size_t i = 0; i < 256; ++i)
    EXPECT_EQ(outcome.biasAfter[i], -2.0 * outcome.biasBefore[i]);
}

TEST(LayerGates, EveryNumberTakesTheGate) {
  const char *encodings[] = {
      "#lowbit.leaf<int<4>, scale = [f16 per row]>",
      "#lowbit.leaf<ternary, scale = [f32 per tensor]>",
      "#lowbit.leaf<ternary, scale = [f32 per row], layout = radix<3, 5, i8>>",
      "#lowbit.leaf<uint<4>, scale = [f16 per map<(n, k) -> (n, k floordiv "
      "256)>, "
      "uint<6> per map<(n, k) -> (n, k floordiv 32)>], offset = -[f16 per "
      "map<(n, k) -> (n, k floordiv 256)>, uint<6> per map<(n, k) -> (n, k "
      "floordiv "
      "32)>]>",
      "#lowbit.leaf<uint<3>, scale = [bf16 per row], zero = uint<3> per row>",
      "#lowbit.leaf<fp<f6E3M2FN>, scale = [f16 per row]>",
      "#lowbit.leaf<fp<f32>>",
      "#lowbit.leaf<fp<f16>>",
  };
  for (const char *encoding : encodings) {
    SCOPED_TRACE(encoding);
    expectTwice(fold(encoding, "-2"));
  }
}

TEST(LayerGates, SumsAndProductsTakeTheGateOnce) {
  expectTwice(fold(
      "#lowbit.leaf<fp<f32>>", "-2",
      "lowbit-quantize{code=int4 group=32},lowbit-lowrank-residual{rank=8}"));
}

TEST(LayerGates, RoundsToTheScalesFormat) {
  Outcome outcome = fold("#lowbit.leaf<int<4>, scale = [f16 per row]>", "0.7");
  ASSERT_TRUE(outcome.ran) << outcome.error;
  for (size_t i = 0; i < outcome.before.size(); ++i)
    EXPECT_NEAR(outcome.after[i], 0.7 * outcome.before[i],
                std::abs(outcome.before[i]) * 0.7 / 2048);
}

TEST(LayerGates, RefusesWhatHasNoPlaceForOne) {
  EXPECT_NE(
      fold("#lowbit.leaf<int<8>>", "0.5").error.find("could take a factor"),
      std::string::npos);
  EXPECT_NE(
      fold("#lowbit.leaf<mxfp4>", "0.5").error.find("could take a factor"),
      std::string::npos);
  EXPECT_NE(fold("#lowbit.leaf<int<8>, scale = [f16 per row]>", "1e30")
                .error.find("is too large for a factor of 1e+30"),
            std::string::npos);
}
