//===- Parser.h - Recursive-descent parser of PTX ---------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_PARSER_H
#define RUNTIME_SIMULATOR_PARSER_H

#include "runtime/Simulator/Lexer.h"

#include <map>

namespace lowbit::ptx {

/// Parses one module. Stops at the first error: PTX is machine-made text, and
/// what follows an error is seldom worth a message.
class Parser {
public:
  Parser(std::string_view text, Module &module,
         std::vector<Diagnostic> &diagnostics)
      : lexer(text), module(module), diagnostics(diagnostics) {
    token = lexer.next();
    ahead = lexer.next();
  }
  bool run();

private:
  struct NamedRegister {
    uint32_t first, count; ///< count 0: a single register, else %r<count>.
  };
  struct Scope {
    std::map<std::string, NamedRegister, std::less<>> registers;
    std::map<std::string, int32_t, std::less<>> variables;
    uint32_t id;
  };

  Lexer lexer;
  Module &module;
  std::vector<Diagnostic> &diagnostics;
  Token token, ahead;
  Function *function = nullptr;
  std::vector<Scope> scopes;
  uint32_t sourceLine = 0;

  // Token helpers.
  void advance();
  bool fail(Loc loc, std::string message);
  bool fail(std::string message) { return fail(token.loc, std::move(message)); }
  bool isPunct(char c) const;
  bool isDotted(std::string_view text) const;
  bool eatPunct(char c);
  bool eatDotted(std::string_view text);
  bool expectPunct(char c);
  bool expectInteger(uint64_t &value);
  bool expectName(std::string &name);

  // Declarations.
  bool parseHeader();
  bool parseTopLevel();
  bool parseVariable(Space space, bool isExtern, std::vector<Variable> &into);
  bool parseInitializer(Variable &variable);
  bool parseInitializerElement(Variable &variable, uint64_t index);
  bool parseFunction(bool isEntry);
  bool parseParameters(std::vector<Variable> &into);
  bool parseLimits(uint32_t (&into)[3]);
  bool parseFunctionDirectives();
  bool parseRegisters();
  bool skipBalanced();
  bool skipSection();
  bool skipToSemicolon();

  // Bodies.
  bool parseBody();
  bool parseStatement();
  bool parseBodyDirective();
  bool parseLabelled();
  bool parseInstruction();
  bool parseOperand(Operand &operand);
  bool parseNumber(Operand &operand);
  bool parseNameOperand(Operand &operand);
  bool parseAddress(Operand &operand);
  bool parseSequence(Operand &operand, char close);
  bool lookupRegister(std::string_view name, uint32_t &reg) const;
  int32_t lookupVariable(std::string_view name) const;
};

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_PARSER_H
