//===- ParserBody.cpp - Bodies of PTX functions ---------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Parser.h"

using namespace lowbit::ptx;

static constexpr unsigned maxDepth = 64;

bool Parser::lookupRegister(std::string_view name, uint32_t &reg) const {
  size_t digits = name.size();
  while (digits && name[digits - 1] >= '0' && name[digits - 1] <= '9')
    --digits;
  uint64_t index = 0;
  bool indexed = digits < name.size() && name.size() - digits < 8 &&
                 (name[digits] != '0' || digits + 1 == name.size());
  for (size_t i = digits; indexed && i < name.size(); ++i)
    index = index * 10 + unsigned(name[i] - '0');
  for (size_t s = scopes.size(); s-- > 0;) {
    auto exact = scopes[s].registers.find(name);
    if (exact != scopes[s].registers.end() && exact->second.count == 0) {
      reg = exact->second.first;
      return true;
    }
    if (!indexed)
      continue;
    auto range = scopes[s].registers.find(name.substr(0, digits));
    if (range != scopes[s].registers.end() && index < range->second.count) {
      reg = range->second.first + uint32_t(index);
      return true;
    }
  }
  return false;
}

// Index into Function::variables, or -2 - i for parameter i, -1000 - i for
// result i, or -1 when the function declares no such name.
int32_t Parser::lookupVariable(std::string_view name) const {
  for (size_t s = scopes.size(); s-- > 0;) {
    auto found = scopes[s].variables.find(name);
    if (found != scopes[s].variables.end())
      return found->second;
  }
  return -1;
}

bool Parser::parseBody() {
  while (!scopes.empty())
    if (!parseStatement())
      return false;
  return true;
}

bool Parser::parseStatement() {
  if (eatPunct('}')) {
    scopes.pop_back();
    return true;
  }
  if (eatPunct('{')) {
    if (scopes.size() >= maxDepth)
      return fail("scopes nested too deeply");
    Scope scope;
    scope.id = uint32_t(function->scopeParent.size());
    function->scopeParent.push_back(int32_t(scopes.back().id));
    scopes.push_back(std::move(scope));
    return true;
  }
  if (eatPunct(';'))
    return true;
  if (token.kind == TokenKind::dotted)
    return parseBodyDirective();
  if (token.kind == TokenKind::identifier && ahead.kind ==
      TokenKind::punctuation && ahead.text[0] == ':')
    return parseLabelled();
  return parseInstruction();
}

bool Parser::parseBodyDirective() {
  if (eatDotted("reg"))
    return parseRegisters();
  if (eatDotted("loc")) {
    uint64_t number[3];
    for (uint64_t &n : number)
      if (!expectInteger(n))
        return false;
    sourceLine = uint32_t(number[1]);
    if (eatPunct(',')) { // function_name L, inlined_at F L C
      while (token.kind == TokenKind::identifier ||
             token.kind == TokenKind::integer || isPunct(',') ||
             isPunct('+')) {
        // The next statement may start with a word as well.
        if (token.kind == TokenKind::identifier &&
            token.text != "function_name" && token.text != "inlined_at" &&
            token.text.substr(0, 1) != "$")
          break;
        if (ahead.kind == TokenKind::punctuation && ahead.text[0] == ':')
          break;
        advance();
      }
    }
    return true;
  }
  if (isDotted("pragma"))
    return skipToSemicolon();
  if (isDotted("section"))
    return skipSection();
  Space space = Space::none;
  if (isDotted("local"))
    space = Space::local;
  else if (isDotted("shared"))
    space = Space::shared;
  else if (isDotted("param"))
    space = Space::param;
  else if (isDotted("global"))
    space = Space::global;
  else if (isDotted("const"))
    space = Space::constant;
  else
    return fail("unknown directive '." + std::string(token.text) + "'");
  advance();
  do {
    if (!parseVariable(space, false, function->variables))
      return false;
    auto &table = scopes.back().variables;
    const Variable &v = function->variables.back();
    if (table.count(v.name))
      return fail(v.loc, "variable '" + v.name + "' is declared twice");
    table[v.name] = int32_t(function->variables.size() - 1);
  } while (eatPunct(','));
  return expectPunct(';');
}

bool Parser::parseLabelled() {
  std::string name(token.text);
  Loc loc = token.loc;
  uint32_t scope = scopes.back().id;
  advance();
  advance();
  if (isDotted("branchtargets")) {
    advance();
    BranchTable table{name, scope, {}};
    do {
      std::string label;
      if (!expectName(label))
        return false;
      table.labels.push_back(std::move(label));
    } while (eatPunct(','));
    function->branchTables.push_back(std::move(table));
    return expectPunct(';');
  }
  if (isDotted("callprototype") || isDotted("calltargets"))
    return skipToSemicolon();
  for (const Label &l : function->labels)
    if (l.name == name && l.scope == scope)
      return fail(loc, "label '" + name + "' is defined twice");
  function->labels.push_back({name, scope, uint32_t(function->body.size())});
  return true;
}

bool Parser::parseInstruction() {
  Instruction inst;
  inst.sourceLine = sourceLine;
  inst.scope = scopes.back().id;
  inst.loc = token.loc;
  if (eatPunct('@')) {
    inst.guarded = true;
    inst.guardNegated = eatPunct('!');
    if (token.kind != TokenKind::identifier ||
        !lookupRegister(token.text, inst.guard) ||
        function->registers[inst.guard].type != Type::pred)
      return fail("expected a predicate register");
    advance();
    inst.loc = token.loc;
  }
  if (!expectName(inst.opcode))
    return false;
  while (token.kind == TokenKind::dotted) {
    inst.modifiers.push_back({std::string(token.text), token.loc});
    advance();
  }
  if (!isPunct(';')) {
    do {
      Operand operand;
      if (!parseOperand(operand))
        return false;
      inst.operands.push_back(std::move(operand));
    } while (eatPunct(','));
  }
  if (!expectPunct(';'))
    return false;
  function->body.push_back(std::move(inst));
  return true;
}

bool Parser::parseOperand(Operand &operand) {
  operand.loc = token.loc;
  if (isPunct('!')) {
    advance();
    operand.negated = true;
    operand.kind = OperandKind::reg;
    if (token.kind != TokenKind::identifier ||
        !lookupRegister(token.text, operand.reg))
      return fail("expected a register after '!'");
    advance();
    return true;
  }
  if (isPunct('-') || token.kind == TokenKind::integer ||
      token.kind == TokenKind::real32 || token.kind == TokenKind::real64)
    return parseNumber(operand);
  if (token.kind == TokenKind::identifier)
    return parseNameOperand(operand);
  if (eatPunct('['))
    return parseAddress(operand);
  if (eatPunct('{')) {
    operand.kind = OperandKind::vector;
    return parseSequence(operand, '}');
  }
  if (eatPunct('(')) {
    operand.kind = OperandKind::list;
    return parseSequence(operand, ')');
  }
  return fail("expected an operand");
}

/// Addresses wrap.
static void addOffset(int64_t &offset, uint64_t value, bool negative) {
  offset = int64_t(uint64_t(offset) + (negative ? uint64_t(0) - value : value));
}

bool Parser::parseSequence(Operand &operand, char close) {
  if (eatPunct(close))
    return true;
  do {
    Operand element;
    element.loc = token.loc;
    if (isPunct('{') || isPunct('(') || isPunct('['))
      return fail("operands do not nest here");
    if (!parseOperand(element))
      return false;
    operand.elems.push_back(std::move(element));
  } while (eatPunct(','));
  return expectPunct(close);
}

bool Parser::parseNumber(Operand &operand) {
  bool negative = eatPunct('-');
  operand.bits = token.bits;
  if (token.kind == TokenKind::integer) {
    operand.kind = OperandKind::integer;
    if (negative)
      operand.bits = -operand.bits;
  } else if (token.kind == TokenKind::real32) {
    operand.kind = OperandKind::real32;
    operand.bits ^= negative ? 0x80000000u : 0;
  } else if (token.kind == TokenKind::real64) {
    operand.kind = OperandKind::real64;
    operand.bits ^= uint64_t(negative) << 63;
  } else {
    return fail("expected a number after '-'");
  }
  advance();
  return true;
}

bool Parser::parseNameOperand(Operand &operand) {
  std::string_view name = token.text;
  if (name == "_") {
    operand.kind = OperandKind::sink;
    advance();
    if (!eatPunct('|'))
      return true;
    operand.kind = OperandKind::predPair;
    operand.reg = ~0u;
    if (!lookupRegister(token.text, operand.reg2))
      return fail("expected a predicate after '|'");
    advance();
    return true;
  }
  if (lookupRegister(name, operand.reg)) {
    operand.kind = OperandKind::reg;
    advance();
    if (!eatPunct('|'))
      return true;
    operand.kind = OperandKind::predPair;
    if (token.text == "_")
      operand.reg2 = ~0u;
    else if (token.kind != TokenKind::identifier ||
             !lookupRegister(token.text, operand.reg2))
      return fail("expected a register after '|'");
    advance();
    return true;
  }
  operand.name = std::string(name);
  advance();
  if (name[0] == '%') {
    operand.kind = OperandKind::special;
    if (token.kind == TokenKind::dotted) {
      operand.name += "." + std::string(token.text);
      advance();
    }
    return true;
  }
  operand.kind = OperandKind::symbol;
  operand.variable = lookupVariable(operand.name);
  while (isPunct('+') || isPunct('-')) {
    bool negative = isPunct('-');
    advance();
    negative |= eatPunct('-');
    uint64_t value;
    if (!expectInteger(value))
      return false;
    addOffset(operand.offset, value, negative);
  }
  return true;
}

bool Parser::parseAddress(Operand &operand) {
  operand.kind = OperandKind::address;
  do {
    Operand element;
    element.loc = token.loc;
    if (eatPunct('{')) {
      element.kind = OperandKind::vector;
      if (!parseSequence(element, '}'))
        return false;
    } else if (!parseOperand(element)) {
      return false;
    }
    // A symbol took its offsets itself.
    while (isPunct('+') || isPunct('-')) {
      bool negative = isPunct('-');
      advance();
      negative |= eatPunct('-'); // LLVM prints +-4
      uint64_t value;
      if (!expectInteger(value))
        return false;
      addOffset(operand.offset, value, negative);
    }
    operand.elems.push_back(std::move(element));
  } while (eatPunct(','));
  if (operand.elems[0].kind == OperandKind::symbol) {
    addOffset(operand.offset, uint64_t(operand.elems[0].offset), false);
    operand.elems[0].offset = 0;
  }
  return expectPunct(']');
}
