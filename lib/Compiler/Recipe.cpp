//===- Recipe.cpp - Textual pipelines of compression passes ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compiler/Recipe.h"

#include "passes/Compress/CompressionPass.h"

#include "mlir/Pass/PassRegistry.h"

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::invalidArgument;
using ::lowbit::Status;
using ::lowbit::StatusOr;

/// Splits at commas outside of brackets and quotes.
static StatusOr<std::vector<std::string>> splitSteps(StringRef text) {
  std::vector<std::string> steps;
  std::string closing; // brackets that are open, innermost last
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (closing.empty() && text[i] == ',')) {
      StringRef step = text.slice(begin, i).trim();
      if (step.empty())
        return invalidArgument("the recipe has an empty step at character %zu",
                               begin);
      steps.push_back(step.str());
      begin = i + 1;
      continue;
    }
    char c = text[i];
    if (c == '\'' || c == '"') {
      size_t end = text.find(c, i + 1);
      if (end == StringRef::npos)
        return invalidArgument("the recipe has an open quote at character %zu",
                               i);
      i = end;
    } else if (c == '{' || c == '(') {
      closing.push_back(c == '{' ? '}' : ')');
    } else if (!closing.empty() && c == closing.back()) {
      closing.pop_back();
    }
  }
  if (!closing.empty())
    return invalidArgument("the recipe lacks a '%c'", closing.back());
  return steps;
}

StatusOr<std::vector<std::string>>
mlir::lowbit::splitRecipe(StringRef recipe) {
  std::string flat = recipe.trim().str();
  for (char &c : flat)
    if (c == '\n' || c == '\t' || c == '\r')
      c = ' ';
  StringRef text = StringRef(flat).trim();
  if (text.consume_front("builtin.module(") && !text.consume_back(")"))
    return invalidArgument("the recipe lacks a ')'");
  LOWBIT_ASSIGN_OR_RETURN(std::vector<std::string> steps, splitSteps(text));
  for (std::string &step : steps) {
    StringRef name = StringRef(step).take_until(
        [](char c) { return c == '{' || c == '(' || c == ' '; });
    std::string ours = "lowbit-" + name.str();
    if (!PassInfo::lookup(name) && PassInfo::lookup(ours))
      step = ours + step.substr(name.size());
  }
  return steps;
}

Status mlir::lowbit::buildStep(StringRef step, Exactness max,
                               OpPassManager &manager) {
  std::string reason;
  llvm::raw_string_ostream stream(reason);
  if (failed(parsePassPipeline(step, manager, stream))) {
    StringRef text = StringRef(reason).trim();
    text.consume_front("<unknown>:0: ");
    return invalidArgument("the recipe's step '%s' does not parse: %s",
                           step.str().c_str(), text.str().c_str());
  }
  for (Pass &pass : manager.getPasses()) {
    auto *compression = dynamic_cast<CompressionPass *>(&pass);
    if (compression && compression->exactness() > max)
      return invalidArgument(
          "--max-exactness=%s refuses the pass '%s', which is of class %s",
          exactnessName(max), recipeNameOf(pass).str().c_str(),
          exactnessName(compression->exactness()));
  }
  return Status::success();
}

Exactness mlir::lowbit::exactnessOf(OpPassManager &manager) {
  Exactness highest = Exactness::E0;
  for (Pass &pass : manager.getPasses())
    if (auto *compression = dynamic_cast<CompressionPass *>(&pass))
      highest = std::max(highest, compression->exactness());
  return highest;
}
