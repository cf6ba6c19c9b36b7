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

#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace mlir::lowbit;

namespace {

using Tokens = std::vector<std::string>;

/// Words, numbers and single marks, each with the blanks before it.
Tokens tokensOf(const std::string &text) {
  Tokens tokens;
  auto isWord = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' ||
           c == '.' || c == '$';
  };
  size_t at = 0;
  while (at < text.size()) {
    size_t end = at;
    while (end < text.size() &&
           std::isspace(static_cast<unsigned char>(text[end])))
      ++end;
    if (end < text.size() && isWord(text[end]))
      while (end < text.size() && isWord(text[end]))
        ++end;
    else if (end < text.size())
      ++end;
    tokens.push_back(text.substr(at, end - at));
    at = end;
  }
  return tokens;
}

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

/// Words, numbers and marks.
enum class TokenClass { word, number, mark };
TokenClass classOf(const std::string &token) {
  char last = token.empty() ? ' ' : token.back();
  size_t begin = token.find_first_not_of(" \n\t");
  char first = begin == std::string::npos ? ' ' : token[begin];
  if (std::isdigit(static_cast<unsigned char>(first)))
    return TokenClass::number;
  return std::isalnum(static_cast<unsigned char>(last)) ? TokenClass::word
                                                        : TokenClass::mark;
}

/// Tokens by class; most replacements are from the class of what they replace,
/// so that the text gets past the parser to the verifiers.
struct Pool {
  void add(const Tokens &tokens) {
    for (const std::string &token : tokens) {
      all.push_back(token);
      byClass[static_cast<int>(classOf(token))].push_back(token);
    }
  }
  Tokens all;
  Tokens byClass[3];
};

/// Changes one to three tokens of `tokens`.
std::string mutated(Tokens tokens, const Pool &pool, std::mt19937_64 &random) {
  static const char *const extremes[] = {"0",
                                         "1",
                                         "2",
                                         "3",
                                         "32",
                                         "64",
                                         "65",
                                         "255",
                                         "-1",
                                         "-7",
                                         "2147483648",
                                         "4294967297",
                                         "9223372036854775807",
                                         "-9223372036854775808",
                                         "18446744073709551616",
                                         "1e400",
                                         "0x7fc00000"};
  auto pick = [&](const auto &from) {
    return std::string(from[random() % std::size(from)]);
  };
  for (int count = random() % 4 ? 1 : 3; count > 0 && !tokens.empty();
       --count) {
    std::string &token = tokens[random() % tokens.size()];
    switch (random() % 10) {
    case 0:
      token.clear();
      break;
    case 1:
      token += token;
      break;
    case 2:
      token = pick(pool.all);
      break;
    case 3:
      std::swap(token, tokens[random() % tokens.size()]);
      break;
    case 4:
      if (!token.empty())
        token[random() % token.size()] ^=
            static_cast<char>(1 << (random() % 8));
      break;
    default:
      if (classOf(token) == TokenClass::number && random() % 2)
        token = " " + pick(extremes);
      else
        token = pick(pool.byClass[static_cast<int>(classOf(token))]);
    }
  }
  std::string text;
  for (const std::string &token : tokens)
    text += token;
  return text;
}

TEST_F(TextMutationTest, WholeCases) {
  std::vector<std::string> cases = corpus();
  ASSERT_GT(cases.size(), 50u);
  Pool pool;
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
  Pool pool;
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
