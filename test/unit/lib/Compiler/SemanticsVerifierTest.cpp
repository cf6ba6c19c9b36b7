//===- SemanticsVerifierTest.cpp - Passes that break what they promise ----===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compiler/SemanticsVerifier.h"
#include "lowbit/Compiler/Registration.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::lowbit;

namespace {

const char *const program = R"(
  lowbit.block @layer(%h: tensor<?x8xf32>) -> tensor<?x8xf32>
      attributes {num_params = 0 : i64, num_states = 0 : i64} {
    %n = lowbit.norm rms %h eps 1.0e-05 : tensor<?x8xf32>
    lowbit.return %n : tensor<?x8xf32>
  }
  func.func @main(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
    %0 = lowbit.layer @layer(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %1 = lowbit.layer @layer(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %2 = arith.addf %0, %1 : tensor<?x8xf32>
    return %2 : tensor<?x8xf32>
  }
)";

/// A pass that does `change` to the module.
class ChangePass : public PassWrapper<ChangePass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ChangePass)
  explicit ChangePass(std::function<void(ModuleOp)> change)
      : change(std::move(change)) {}
  StringRef getArgument() const override { return "test-change"; }
  void runOnOperation() override { change(getOperation()); }

private:
  std::function<void(ModuleOp)> change;
};

struct Outcome {
  ::lowbit::Status status;
  std::string report;
};

Outcome verify(std::function<void(ModuleOp)> change) {
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(program, &context);
  EXPECT_TRUE(module);
  std::string report;
  SemanticsVerifier verifier(*module, ParameterArchive::createEmpty(),
                             [&](const std::string &line) { report += line; });
  PassManager manager(&context);
  manager.addPass(std::make_unique<ChangePass>(std::move(change)));
  verifier.attach(manager);
  EXPECT_TRUE(succeeded(manager.run(*module)));
  return {verifier.status(), report};
}

} // namespace

TEST(SemanticsVerifier, NamesThePassTheLayerAndTheElement) {
  Outcome outcome = verify([](ModuleOp module) {
    module.walk([](NormOp norm) { norm.setEps(APFloat(0.5f)); });
  });
  EXPECT_FALSE(outcome.status.isOk());
  EXPECT_NE(outcome.status.message().find(
                "pass 'test-change' (E0) changes layer 0 of function 'main': element "
                "(0, 0) was "),
            std::string::npos)
      << outcome.status.message();
}

TEST(SemanticsVerifier, NamesTheResultWhereLayersAgree) {
  Outcome outcome = verify([](ModuleOp module) {
    module.walk([](arith::AddFOp add) {
      OpBuilder builder(add);
      add.replaceAllUsesWith(
          arith::MulFOp::create(builder, add.getLoc(), add.getLhs(), add.getRhs())
              .getResult());
      add.erase();
    });
  });
  EXPECT_NE(outcome.status.message().find("changes result 0 of function 'main'"),
            std::string::npos)
      << outcome.status.message();
}

TEST(SemanticsVerifier, AcceptsWhatComputesTheSameBits) {
  Outcome outcome = verify([](ModuleOp module) {
    module.walk([](arith::AddFOp add) { // addition commutes
      Value lhs = add.getLhs(), rhs = add.getRhs();
      add->setOperands({rhs, lhs});
    });
  });
  EXPECT_TRUE(outcome.status.isOk()) << outcome.status.message();
  EXPECT_EQ(outcome.report, "verify-semantics: test-change (E0): same bits\n");
}

TEST(SemanticsVerifier, AFailingInterpretationIsAnError) {
  Outcome outcome = verify([](ModuleOp module) {
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    auto function = *module.getOps<func::FuncOp>().begin();
    function.eraseBody();
    function.setVisibility(SymbolTable::Visibility::Private);
  });
  EXPECT_FALSE(outcome.status.isOk());
}
