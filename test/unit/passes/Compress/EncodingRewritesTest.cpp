//===- EncodingRewritesTest.cpp - Rewrites of codes keep every bit --------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random modules (widths 1 to 8, signed and unsigned, ragged shapes, zero points,
// scales a tensor, row or group), interpreted before and after each pass: decoded
// weights, products with float activations and products with 8-bit ones.
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Interpreter.h"
#include "lowbit/Compiler/Registration.h"
#include "passes/Compress/CompressionSession.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

using namespace mlir;
using namespace mlir::lowbit;
namespace reference = ::lowbit::reference;

namespace {

/// 200 for each of four rewrites.
constexpr int modules = 800;

struct Random {
  std::mt19937 engine;
  int64_t below(int64_t bound) {
    return static_cast<int64_t>(engine() % static_cast<uint64_t>(bound));
  }
  template <typename T, size_t n> T of(const T (&choices)[n]) {
    return choices[below(n)];
  }
};

/// A leaf as text, and what a test must know of it.
struct Case {
  int64_t rows, columns;
  unsigned width;
  bool isSigned, hasZero;
  std::string leaf;
};

Case makeCase(Random &random, bool withZero) {
  const int64_t extents[] = {1, 7, 33, 100, 172, 576};
  Case result;
  result.rows = random.of(extents);
  result.columns = random.of(extents);
  // 576 x 576 once in a while only: the interpreter is slow.
  if (result.rows == 576 && random.below(4) != 0)
    result.rows = 7;
  result.width = 1 + static_cast<unsigned>(random.below(8));
  result.isSigned = result.width > 1 && random.below(2);
  result.hasZero = withZero || random.below(3) == 0;
  std::string granule = random.below(2) ? "per row" : "per tensor";
  const int64_t groups[] = {4, 3, 11, 25, 43, 32};
  const int64_t group = random.of(groups);
  if (result.columns % group == 0 && random.below(2))
    granule = "per map<(n, k) -> (n, k floordiv " + std::to_string(group) + ")>";
  const std::string code =
      (result.isSigned ? "int<" : "uint<") + std::to_string(result.width) + ">";
  result.leaf = "#lowbit.leaf<" + code + ", scale = [" +
                (random.below(2) ? "f16 " : "f32 ") + granule + "]";
  if (result.hasZero)
    result.leaf += ", zero = " + code + " " + granule;
  result.leaf += ">";
  return result;
}

std::string programOf(const Case &test) {
  const std::string n = std::to_string(test.rows),
                    k = std::to_string(test.columns),
                    w = "!lowbit.tensor<" + n + "x" + k + "xf32, " + test.leaf + ">",
                    x = "tensor<?x" + k + "xf32>", y = "tensor<?x" + n + "xf32>",
                    a = "!lowbit.tensor<?x" + k +
                        "xf32, #lowbit.leaf<int<8, -127:127>, scale = [f32 per row]>>";
  const std::string body =
      "lowbit.matmul %x, %w : " + x + ", " + w + " -> " + y;
  return "lowbit.param @a : " + w + "\nlowbit.param @b : " + w +
         "\nlowbit.param_set @s [@a]\nlowbit.param_set @t [@b]\n" +
         "lowbit.block @float(%x: " + x + ", %w: " + w + ") -> " + y +
         " attributes {num_params = 1 : i64, num_states = 0 : i64} {\n  %0 = " +
         body + "\n  lowbit.return %0 : " + y + "\n}\n" +
         "lowbit.block @integer(%x: " + x + ", %w: " + w + ") -> " + y +
         " attributes {num_params = 1 : i64, num_states = 0 : i64} {\n  %q = "
         "lowbit.quantize %x : " + x + " -> " + a + "\n  %0 = lowbit.matmul %q, %w : " +
         a + ", " + w + " -> " + y + "\n  lowbit.return %0 : " + y + "\n}\n" +
         "func.func @main(%x: " + x + ") -> (" + y + ", " + y + ") {\n" +
         "  %0 = lowbit.layer @float(%x) params @s : (" + x + ") -> " + y + "\n" +
         "  %1 = lowbit.layer @integer(%x) params @t : (" + x + ") -> " + y + "\n" +
         "  return %0, %1 : " + y + ", " + y + "\n}\n";
}

/// All numbers that the module makes: products of both kinds and weights.
std::vector<uint32_t> numbersOf(ModuleOp module, const ParameterArchive &archive,
                                int64_t columns) {
  std::vector<uint32_t> bits;
  auto take = [&](std::span<const float> floats) {
    for (float number : floats)
      bits.push_back(std::bit_cast<uint32_t>(number));
  };
  for (auto param : module.getOps<ParamOp>()) {
    auto decoded = archive.decode(param);
    EXPECT_TRUE(decoded.isOk()) << decoded.status().message();
    if (decoded.isOk())
      take(*decoded);
  }
  reference::Interpreter interpreter(
      module, [&](ParamOp param, std::vector<std::vector<uint8_t>> &components) {
        return archive.materialize(param, components);
      });
  reference::Tensor input =
      reference::Tensor::zeros(reference::ElementType::f32, {2, columns});
  std::mt19937 engine(7);
  for (float &number : input.floats)
    number = static_cast<float>(static_cast<int64_t>(engine() % 20001) - 10000) / 7919;
  auto results = interpreter.call("main", {reference::Value(std::move(input))});
  EXPECT_TRUE(results.isOk()) << results.status().message();
  if (results.isOk())
    for (const reference::Value &value : *results)
      take(value.tensor->floats);
  return bits;
}

struct Outcome {
  bool ran = false;
  std::vector<uint32_t> before, after;
  std::string text; ///< the module afterwards
};

Outcome run(const Case &test, const std::string &pipeline, uint64_t seed) {
  static const bool registered = [] {
    registerAllPasses();
    return true;
  }();
  (void)registered;
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>(programOf(test), &context);
  EXPECT_TRUE(module) << programOf(test);
  Outcome outcome;
  if (!module)
    return outcome;
  CompressionSession session;
  session.archive = ParameterArchive::createEmpty();
  session.archive->bindRandom(seed);
  CompressionSession::attach(&context, &session);
  outcome.before = numbersOf(*module, *session.archive, test.columns);
  PassManager manager(&context);
  std::string reason;
  llvm::raw_string_ostream stream(reason);
  EXPECT_TRUE(succeeded(parsePassPipeline(pipeline, manager, stream))) << reason;
  outcome.ran = succeeded(manager.run(*module));
  if (outcome.ran)
    outcome.after = numbersOf(*module, *session.archive, test.columns);
  llvm::raw_string_ostream(outcome.text) << *module;
  CompressionSession::attach(&context, nullptr);
  return outcome;
}

} // namespace

TEST(EncodingRewrites, KeepEveryBit) {
  Random random{std::mt19937(11)};
  int planes = 0, wider = 0, radix = 0, zeros = 0;
  for (int i = 0; i < modules; ++i) {
    const Case test = makeCase(random, /*withZero=*/i % 4 == 3);
    std::string pipeline, expected;
    switch (i % 4) {
    case 0:
      pipeline = std::string("lowbit-decompose-bitplanes{order=") +
                 (random.below(2) ? "msb" : "lsb") + "}";
      // One plane is an ordinary layout.
      expected = test.width > 1 ? "in " + std::to_string(test.width) + " planes"
                                : "layout = bits<i32";
      ++planes;
      break;
    case 1: { // into the same sign or a wider signed code
      const unsigned least = test.width + !test.isSigned;
      const unsigned width =
          least + static_cast<unsigned>(random.below(9 - std::min(least, 8u)));
      const bool toSigned = width <= 8;
      expected = toSigned ? "int<" + std::to_string(width) + ">" : "uint<8>";
      pipeline = "lowbit-embed-code{code=" + expected + "}";
      expected = (expected[0] == 'i' ? "leaf<" : "") + expected;
      ++wider;
      break;
    }
    case 2:
      // 2^8 levels are no base of one byte.
      pipeline = test.width < 8 ? "lowbit-embed-code{layout=radix}"
                                : "lowbit-embed-code{layout=planes-msb}";
      expected = test.width < 8 ? "radix<" : "in 8 planes";
      ++radix;
      break;
    default:
      pipeline = "lowbit-expand-zero-points,lowbit-cse-params";
      ++zeros;
      break;
    }
    SCOPED_TRACE(test.leaf + " " + std::to_string(test.rows) + "x" +
                 std::to_string(test.columns) + ": " + pipeline);
    const Outcome outcome = run(test, pipeline, static_cast<uint64_t>(i));
    if (!outcome.ran) {
      // 8-bit codes with zero points may need more than 8 bits.
      ASSERT_TRUE(i % 4 == 3 && test.hasZero && test.width == 8);
      continue;
    }
    ASSERT_EQ(outcome.before, outcome.after);
    ASSERT_NE(outcome.text.find(expected), std::string::npos) << outcome.text;
    if (i % 4 == 3)
      ASSERT_EQ(outcome.text.find("zero = "), std::string::npos) << outcome.text;
  }
  EXPECT_EQ(planes + wider + radix + zeros, modules);
}

/// Elastic parameters denote their full member, and kernels get just that.
TEST(EncodingRewrites, NestedCodesKeepEveryBit) {
  Random random{std::mt19937(13)};
  int nested = 0;
  for (int i = 0; nested < 200; ++i) {
    const Case test = makeCase(random, /*withZero=*/i % 3 == 0);
    if (test.isSigned)
      continue; // prefixes of two's complement are other numbers (V9)
    ++nested;
    const std::string least =
        std::to_string(1 + random.below(static_cast<int>(test.width)));
    const std::string pipeline = "lowbit-nest-bits{min=" + least + "}" +
                                 (nested % 2 ? ",lowbit-expand-sums" : "");
    SCOPED_TRACE(test.leaf + " " + std::to_string(test.rows) + "x" +
                 std::to_string(test.columns) + ": " + pipeline);
    const Outcome outcome = run(test, pipeline, static_cast<uint64_t>(i));
    ASSERT_TRUE(outcome.ran);
    ASSERT_EQ(outcome.before, outcome.after);
    ASSERT_EQ(outcome.text.find("elastic<") == std::string::npos, nested % 2 == 1)
        << outcome.text;
  }
}

/// Every layout and code that a ternary or five-level matrix is stored in.
TEST(EncodingRewrites, SmallCodesHaveManyHomes) {
  const std::pair<const char *, std::vector<std::string>> codes[] = {
      {"ternary",
       {"code=int2", "code='int<2, -1:1>' layout=tq2", "code=int8", "layout=radix",
        "layout='radix<3, 20, i32>'", "layout=planes", "layout=planes-msb",
        "code=fp<f4E2M1FN>", "code=fp<f6E2M3FN>", "code=fp<f6E3M2FN>"}},
      {"w2star",
       {"code=uint3", "code=int4", "layout=radix", "layout=planes",
        "code=fp<f4E2M1FN>", "code=fp<f6E2M3FN>"}},
      {"int<4>", {"code=fp<f6E3M2FN>", "layout=radix", "code=int8 layout=planes"}}};
  for (const auto &[code, homes] : codes)
    for (const std::string &home : homes)
      for (int64_t columns : {1, 33, 172}) {
        Case test{7, columns, 2, true, false,
                  std::string("#lowbit.leaf<") + code + ", scale = [f32 per row]>"};
        SCOPED_TRACE(std::string(code) + " " + home + " " + std::to_string(columns));
        const Outcome outcome = run(test, "lowbit-embed-code{" + home + "}", 3);
        ASSERT_TRUE(outcome.ran);
        ASSERT_EQ(outcome.before, outcome.after);
      }
}

TEST(EncodingRewrites, OffsetsKeepDecodedValuesWhereScalesAreShort) {
  // Class E1: f16 scale x 4-bit zero point is exact, so every weight is the same
  // number; products with integers are summed differently.
  Case test{33, 100, 4, false, true,
            "#lowbit.leaf<uint<4>, scale = [f16 per row], zero = uint<4> per row>"};
  const Outcome outcome = run(test, "lowbit-expand-zero-points{into=offset}", 5);
  ASSERT_TRUE(outcome.ran);
  EXPECT_NE(outcome.text.find("offset = -"), std::string::npos) << outcome.text;
  ASSERT_EQ(outcome.before.size(), outcome.after.size());
  const size_t exact = outcome.before.size() - 2 * 33;
  for (size_t i = 0; i < exact; ++i)
    ASSERT_EQ(outcome.before[i], outcome.after[i]) << i;
  double largest = 0, distance = 0;
  for (size_t i = exact; i < outcome.before.size(); ++i) {
    const float a = std::bit_cast<float>(outcome.before[i]);
    const float b = std::bit_cast<float>(outcome.after[i]);
    largest = std::max(largest, std::fabs(double(a)));
    distance = std::max(distance, std::fabs(double(a) - b));
  }
  EXPECT_LE(distance, 1e-5 * largest);
}
