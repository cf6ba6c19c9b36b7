//===- TextMutationTest.cpp - Damaged lowbit IR through the parser --------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The dialect's own tests, with tokens and bytes changed at random (seeded).
// Each text is refused with a diagnostic, or is valid IR: then it prints and
// parses back to the same text, its types describe their storage, and
// canonicalization does not break it. Run it under AddressSanitizer as well.
// LOWBIT_SHOW_MUTATIONS=1 prints each text before it is parsed, to find the one
// that ends the process.
//
//===----------------------------------------------------------------------===//

#include "dialects/Lowbit/IR/LowbitDialect.h"
#include "dialects/Lowbit/IR/LowbitOps.h"
#include "lowbit/Compiler/Registration.h"
#include "lowbit/Packing/Layouts.h"
#include "test/unit/MutatedText.h"

#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::test::mutated;
using ::lowbit::test::TokenPool;
using ::lowbit::test::Tokens;
using ::lowbit::test::tokensOf;

namespace {

/// The cases of the dialect's lit tests, without their comments.
std::vector<std::string> corpus() {
  std::vector<std::string> cases;
  std::vector<std::filesystem::path> files;
  for (const auto &entry : std::filesystem::recursive_directory_iterator(
           std::string(LOWBIT_SOURCE_DIR) + "/test/dialects/Lowbit"))
    if (entry.path().extension() == ".mlir")
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto &path : files) {
    std::ifstream file(path);
    std::string line, text;
    auto finish = [&] {
      if (!tokensOf(text).empty())
        cases.push_back(text);
      text.clear();
    };
    while (std::getline(file, line)) {
      if (line.starts_with("// -----"))
        finish();
      else
        text += line.substr(0, line.find("//")) + "\n";
    }
    finish();
  }
  return cases;
}

class TextMutationTest : public ::testing::Test {
protected:
  TextMutationTest() : context(makeRegistry()) {
    context.disableMultithreading();
    context.loadAllAvailableDialects();
    context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
      errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
      EXPECT_FALSE(diagnostic.str().empty());
      return success();
    });
  }
  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    registerAllDialects(registry);
    return registry;
  }

  static std::string print(ModuleOp module) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module.print(stream);
    return text;
  }

  static std::vector<Operation *> functionsOf(ModuleOp module) {
    std::vector<Operation *> functions;
    for (Operation &op : module.getOps())
      if (isa<FunctionOpInterface>(op))
        functions.push_back(&op);
    return functions;
  }

  /// Everything that a type of ours says about its storage.
  static void describe(ModuleOp module) {
    AttrTypeWalker walker;
    walker.addWalk([](Type type) {
      auto tensor = dyn_cast<LowbitTensorType>(type);
      if (!tensor)
        return;
      auto leaf = tensor.getLeafDesc();
      if (leaf.isOk())
        (void)::lowbit::componentsOf(*leaf).isOk();
    });
    module.walk([&](Operation *op) {
      for (Type type : op->getResultTypes())
        walker.walk(type);
      walker.walk(op->getAttrDictionary());
    });
  }

  void check(const std::string &text) {
    if (show)
      llvm::errs() << "=====\n" << text << "\n";
    errors = 0;
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    if (!module) {
      EXPECT_GT(errors, 0) << "refused without an error:\n" << text;
      ++refused;
      return;
    }
    ++accepted;
    std::string printed = print(*module);
    OwningOpRef<ModuleOp> again =
        parseSourceString<ModuleOp>(printed, &context);
    ASSERT_TRUE(again) << "does not parse back:\n" << printed;
    EXPECT_EQ(print(*again), printed);
    describe(*module);
    PassManager manager(&context);
    manager.addPass(createCanonicalizerPass());
    if (succeeded(manager.run(*again)))
      EXPECT_TRUE(succeeded(verify(*again)));
  }

  MLIRContext context;
  int errors = 0, accepted = 0, refused = 0;
  bool show = std::getenv("LOWBIT_SHOW_MUTATIONS") != nullptr;
};

TEST_F(TextMutationTest, WholeCases) {
  std::vector<std::string> cases = corpus();
  ASSERT_GT(cases.size(), 50u);
  TokenPool pool;
  std::vector<Tokens> valid;
  for (const std::string &text : cases) {
    Tokens tokens = tokensOf(text);
    pool.add(tokens);
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      continue;
    // A function at a time, so that a change is not lost in a long text.
    for (size_t i = 0, end = functionsOf(*module).size(); i < end; ++i) {
      OwningOpRef<ModuleOp> alone = module->clone();
      for (auto [k, op] : llvm::enumerate(functionsOf(*alone)))
        if (k != i)
          op->erase();
      if (succeeded(verify(*alone)))
        valid.push_back(tokensOf(print(*alone)));
    }
    valid.push_back(std::move(tokens));
  }
  ASSERT_GT(valid.size(), 20u);
  std::mt19937_64 random(20251123);
  for (int i = 0; i < 20000; ++i)
    check(mutated(i % 4 ? valid[random() % valid.size()]
                        : tokensOf(cases[random() % cases.size()]),
                  pool, random));
  EXPECT_GT(refused, 1000);
  EXPECT_GT(accepted, 1000);
  RecordProperty("refused", refused);
  RecordProperty("accepted", accepted);
}

/// Types and attributes alone: most of a case's tokens are then ours.
TEST_F(TextMutationTest, TypesAndAttributes) {
  std::vector<Tokens> ours;
  TokenPool pool;
  for (const std::string &text : corpus())
    for (size_t at = 0;
         (at = text.find_first_of("!#", at)) != std::string::npos; ++at) {
      std::string_view rest = std::string_view(text).substr(at);
      if (!rest.starts_with("!lowbit.") && !rest.starts_with("#lowbit."))
        continue;
      size_t end = rest.find('<');
      int depth = 0;
      for (; end < rest.size(); ++end) {
        depth += rest[end] == '<';
        depth -= rest[end] == '>' && rest[end - 1] != '-';
        if (depth == 0)
          break;
      }
      if (end >= rest.size())
        continue;
      ours.push_back(tokensOf(std::string(rest.substr(0, end + 1))));
      pool.add(ours.back());
    }
  ASSERT_GT(ours.size(), 100u);
  std::mt19937_64 random(7);
  for (int i = 0; i < 30000; ++i) {
    std::string text = mutated(ours[random() % ours.size()], pool, random);
    check("module attributes {lowbit.x = " + text + "} {}");
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(accepted, 1000);
  RecordProperty("refused", refused);
  RecordProperty("accepted", accepted);
}

} // namespace
