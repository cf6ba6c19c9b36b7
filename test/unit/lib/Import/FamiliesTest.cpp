//===- FamiliesTest.cpp - Every family against stored logits --------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The imported IR of small random models, run by the reference interpreter,
// gives the logits of test/Inputs/import/make_fixtures.py.
//
//===----------------------------------------------------------------------===//

#include "test/unit/lib/Import/ImportFixture.h"

#include "lib/Reference/Interpreter.h"
#include "lowbit/Support/Npy.h"

#include <cmath>

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::reference::ElementType;
using ::lowbit::reference::Interpreter;
using ::lowbit::reference::Tensor;

namespace {

/// What the interpreter calls a value.
using Number = ::lowbit::reference::Value;

class FamiliesTest : public mlir::lowbit::test::ImportTest,
                     public ::testing::WithParamInterface<const char *> {
protected:
  static std::string input(const std::string &name) {
    return std::string(LOWBIT_SOURCE_DIR) + "/test/Inputs/import/" + name;
  }
  static Tensor load(const std::string &name, ElementType element) {
    auto array = ::lowbit::readNpy(input(name));
    EXPECT_TRUE(array.isOk()) << array.status().toString();
    if (!array.isOk())
      return {};
    auto tensor = ::lowbit::reference::tensorFromBytes(element, array->shape,
                                                       array->bytes);
    EXPECT_TRUE(tensor.isOk()) << tensor.status().toString();
    return tensor.isOk() ? *tensor : Tensor();
  }
};

TEST_P(FamiliesTest, LogitsAreThoseOfTheReference) {
  std::string name = GetParam();
  StringRef stem(name);
  stem.consume_back(".gguf");
  ImportedModel model = import(input(name));
  ASSERT_TRUE(model.module);
  Tensor ids = load(stem.str() + ".ids.npy", ElementType::i32);
  Tensor expected = load(stem.str() + ".logits.npy", ElementType::f32);
  ASSERT_GT(expected.size(), 0);

  Interpreter interpreter(*model.module, [&](ParamOp param, auto &bytes) {
    return model.archive->materialize(param, bytes);
  });
  auto hidden =
      interpreter.call("forward", {Number(ids), Number(Tensor::scalar(0))});
  ASSERT_TRUE(hidden.isOk()) << hidden.status().toString();
  auto logits = interpreter.call("head", {(*hidden)[0]});
  ASSERT_TRUE(logits.isOk()) << logits.status().toString();
  const Tensor &actual = *(*logits)[0].tensor;
  ASSERT_EQ(actual.shape, expected.shape);
  double largest = 0, difference = 0;
  for (int64_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::fabs(double(expected.floats[i])));
    difference = std::max(
        difference, std::fabs(double(actual.floats[i]) - expected.floats[i]));
    ASSERT_FALSE(std::isnan(actual.floats[i]));
  }
  // f32 against f64, no code flips on these inputs: observed up to 1e-6.
  EXPECT_LT(difference / largest, 1e-5);
}

INSTANTIATE_TEST_SUITE_P(All, FamiliesTest,
                         ::testing::Values("llama3", "linear", "mistral",
                                           "qwen2", "bitnet-float",
                                           "bitnet-bitlinear",
                                           "bitnet-autobitlinear",
                                           "qwen2-q8.gguf", "llama3-q8.gguf"),
                         [](const auto &info) {
                           std::string name = info.param;
                           for (char &c : name)
                             if (!std::isalnum(static_cast<unsigned char>(c)))
                               c = '_';
                           return name;
                         });

} // namespace
