//===- InterpreterTest.cpp - The interpreter as a library -----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Interpreter.h"

#include "lowbit/Compiler/Registration.h"

#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace lowbit;
using namespace lowbit::reference;

namespace {

class InterpreterTest : public testing::Test {
protected:
  InterpreterTest() : context(makeRegistry()) {}
  static mlir::DialectRegistry makeRegistry() {
    mlir::DialectRegistry registry;
    mlir::lowbit::registerAllDialects(registry);
    return registry;
  }
  void parse(const char *text) {
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    ASSERT_TRUE(module);
  }
  static Value rows(std::vector<int64_t> shape, std::vector<float> values) {
    Tensor tensor = Tensor::zeros(ElementType::f32, std::move(shape));
    tensor.floats = std::move(values);
    return Value(std::move(tensor));
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

TEST_F(InterpreterTest, ParametersComeFromTheProviderOnce) {
  parse(R"(
    lowbit.param @w : !lowbit.tensor<1x2xf32, #lowbit.leaf<int<8>>>
    lowbit.param @unused : tensor<4xf32>
    func.func @main(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
      %w = lowbit.get_param @w : !lowbit.tensor<1x2xf32, #lowbit.leaf<int<8>>>
      %y = lowbit.matmul %x, %w : tensor<?x2xf32>,
          !lowbit.tensor<1x2xf32, #lowbit.leaf<int<8>>> -> tensor<?x1xf32>
      return %y : tensor<?x1xf32>
    })");
  int calls = 0;
  Interpreter interpreter(
      *module, [&](mlir::lowbit::ParamOp param,
                   std::vector<std::vector<uint8_t>> &components) {
        ++calls;
        EXPECT_EQ(param.getSymName(), "w");
        components = {{2, 0xff}}; // 2, -1
        return Status::success();
      });
  for (int i = 0; i < 2; ++i) {
    auto results = interpreter.call("main", {rows({1, 2}, {3, 5})});
    ASSERT_TRUE(results.isOk()) << results.status().toString();
    EXPECT_EQ((*results)[0].tensor->floats, std::vector<float>{1.0f});
  }
  EXPECT_EQ(calls, 1);
}

TEST_F(InterpreterTest, ErrorsOfTheProviderReachTheCaller) {
  parse(R"(
    lowbit.param @g : tensor<2xf32>
    func.func @main() -> tensor<2xf32> {
      %g = lowbit.get_param @g : tensor<2xf32>
      return %g : tensor<2xf32>
    })");
  Interpreter failing(*module, [](mlir::lowbit::ParamOp,
                                  std::vector<std::vector<uint8_t>> &) {
    return notFound("no such tensor");
  });
  EXPECT_EQ(failing.call("main", {}).status().message(), "no such tensor");
  Interpreter wrong(*module, [](mlir::lowbit::ParamOp,
                                std::vector<std::vector<uint8_t>> &components) {
    components = {{1, 2, 3}};
    return Status::success();
  });
  EXPECT_FALSE(wrong.call("main", {}).isOk());
  Interpreter unbound(*module, nullptr);
  EXPECT_EQ(unbound.call("main", {}).status().code(),
            StatusCode::failedPrecondition);
}

TEST_F(InterpreterTest, CachesPersistUntilReset) {
  parse(R"(
    lowbit.kv_cache @kv slots 1 : !lowbit.kv<1x2xf32>
    lowbit.block @b(%x: tensor<?x2xf32>, %p: i64, %kv: !lowbit.kv<1x2xf32>)
        -> tensor<?x2xf32> attributes {num_params = 0 : i64, num_states = 1 : i64} {
      lowbit.kv.append %kv, %x, %x at %p : !lowbit.kv<1x2xf32>, tensor<?x2xf32>
      %y = lowbit.attention causal %x cache %kv at %p : !lowbit.kv<1x2xf32>
          heads 1 scale 0.0 : tensor<?x2xf32>
      lowbit.return %y : tensor<?x2xf32>
    }
    func.func @main(%x: tensor<?x2xf32>, %p: i64) -> tensor<?x2xf32> {
      %y = lowbit.layer @b(%x, %p) state @kv[0]
          : (tensor<?x2xf32>, i64) -> tensor<?x2xf32>
      return %y : tensor<?x2xf32>
    })");
  Interpreter interpreter(*module, nullptr);
  auto step = [&](float value, int64_t position) {
    return interpreter.call("main", {rows({1, 2}, {value, value}),
                                     Value(Tensor::scalar(position))});
  };
  EXPECT_EQ((*step(2, 0))[0].tensor->floats[0], 2.0f);
  EXPECT_EQ((*step(4, 1))[0].tensor->floats[0], 3.0f); // mean of 2 and 4
  EXPECT_EQ((*step(6, 1))[0].tensor->floats[0], 4.0f); // overwrites 4
  EXPECT_FALSE(step(1, 5).isOk());
  interpreter.resetCaches();
  EXPECT_FALSE(step(1, 1).isOk());
  EXPECT_EQ((*step(8, 0))[0].tensor->floats[0], 8.0f);
}

TEST_F(InterpreterTest, ObserversSeeEveryResult) {
  parse(R"(
    func.func @main(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
      %0 = lowbit.dispatch (%a = %x : tensor<?x2xf32>) -> (tensor<?x2xf32>) {
        %1 = lowbit.activation relu2 %a : tensor<?x2xf32>
        lowbit.return %1 : tensor<?x2xf32>
      }
      %2 = arith.addf %0, %x : tensor<?x2xf32>
      return %2 : tensor<?x2xf32>
    })");
  Interpreter interpreter(*module, nullptr);
  std::string seen;
  interpreter.setObserver(
      [&](mlir::Operation *op, llvm::ArrayRef<Value> results) {
        seen += op->getName().getStringRef().str() + " " +
                std::to_string(results[0].tensor->floats[0]) + "\n";
      });
  ASSERT_TRUE(interpreter.call("main", {rows({1, 2}, {3, -3})}).isOk());
  EXPECT_EQ(seen, "lowbit.activation 9.000000\nlowbit.dispatch 9.000000\n"
                  "arith.addf 12.000000\n");
}

} // namespace
