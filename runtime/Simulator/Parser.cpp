//===- Parser.cpp - Declarations of PTX -----------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Parser.h"

#include <cstring>

using namespace lowbit::ptx;

static constexpr uint64_t maxVariableBytes = uint64_t(1) << 32;
static constexpr size_t maxRegisters = 1 << 20;

void Parser::advance() {
  token = ahead;
  ahead = lexer.next();
}

bool Parser::fail(Loc loc, std::string message) {
  if (token.kind == TokenKind::bad) {
    loc = token.loc;
    message = std::string(token.text);
  }
  diagnostics.push_back({loc, std::move(message)});
  return false;
}

bool Parser::isPunct(char c) const {
  return token.kind == TokenKind::punctuation && token.text[0] == c;
}

bool Parser::isDotted(std::string_view text) const {
  return token.kind == TokenKind::dotted && token.text == text;
}

bool Parser::eatPunct(char c) {
  if (!isPunct(c))
    return false;
  advance();
  return true;
}

bool Parser::eatDotted(std::string_view text) {
  if (!isDotted(text))
    return false;
  advance();
  return true;
}

bool Parser::expectPunct(char c) {
  if (eatPunct(c))
    return true;
  return fail(std::string("expected '") + c + "'");
}

bool Parser::expectInteger(uint64_t &value) {
  if (token.kind != TokenKind::integer)
    return fail("expected an integer");
  value = token.bits;
  advance();
  return true;
}

bool Parser::expectName(std::string &name) {
  if (token.kind != TokenKind::identifier)
    return fail("expected a name");
  name = std::string(token.text);
  advance();
  return true;
}

bool Parser::run() {
  if (!parseHeader())
    return false;
  while (token.kind != TokenKind::end)
    if (!parseTopLevel())
      return false;
  return true;
}

bool Parser::parseHeader() {
  if (!eatDotted("version"))
    return fail("a module starts with .version");
  if (token.kind != TokenKind::real64)
    return fail("expected a version such as 8.0");
  double version;
  std::memcpy(&version, &token.bits, 8);
  module.version = uint32_t(version * 10 + 0.5);
  if (module.version < 30 || module.version > 90)
    return fail("PTX version outside 3.0 to 9.0");
  advance();
  if (!eatDotted("target"))
    return fail("expected .target");
  do {
    Loc loc = token.loc;
    std::string name;
    if (!expectName(name))
      return false;
    if (name.compare(0, 3, "sm_") == 0) {
      size_t i = 3;
      uint32_t number = 0;
      while (i < name.size() && i < 7 && name[i] >= '0' && name[i] <= '9')
        number = number * 10 + uint32_t(name[i++] - '0');
      module.target = number;
      if (i < name.size())
        module.targetSuffix = name[i++];
      if (number < 50 || i != name.size() ||
          (module.targetSuffix && module.targetSuffix != 'a' &&
           module.targetSuffix != 'f'))
        return fail(loc, "unknown target '" + name + "'");
    } else if (name != "debug" && name != "texmode_independent") {
      return fail(loc, "unknown target '" + name + "'");
    }
  } while (eatPunct(','));
  if (!module.target)
    return fail("no sm_NN in .target");
  if (eatDotted("address_size")) {
    if (token.kind != TokenKind::integer || token.bits != 64)
      return fail("only .address_size 64 is supported");
    advance();
  }
  return true;
}

bool Parser::skipBalanced() {
  unsigned depth = 0;
  do {
    if (isPunct('{'))
      ++depth;
    if (isPunct('}'))
      --depth;
    if (token.kind == TokenKind::end || token.kind == TokenKind::bad)
      return fail("section is not closed");
    advance();
  } while (depth);
  return true;
}

bool Parser::skipSection() {
  advance();
  advance(); // name, a dotted word or an identifier
  if (!isPunct('{'))
    return fail("expected '{' after .section");
  return skipBalanced();
}

bool Parser::skipToSemicolon() {
  while (!isPunct(';')) {
    if (token.kind == TokenKind::end || token.kind == TokenKind::bad)
      return fail("expected ';'");
    advance();
  }
  advance();
  return true;
}

bool Parser::parseTopLevel() {
  if (token.kind != TokenKind::dotted)
    return fail("expected a directive");
  if (isDotted("file")) {
    advance();
    uint64_t number;
    if (!expectInteger(number))
      return false;
    if (token.kind != TokenKind::string)
      return fail("expected a file name");
    advance();
    while (eatPunct(','))
      if (!expectInteger(number))
        return false;
    return true;
  }
  if (isDotted("section"))
    return skipSection();
  if (isDotted("pragma"))
    return skipToSemicolon();
  bool isExtern = false;
  while (token.kind == TokenKind::dotted &&
         (token.text == "visible" || token.text == "extern" ||
          token.text == "weak" || token.text == "common")) {
    isExtern |= token.text == "extern";
    advance();
  }
  if (eatDotted("entry"))
    return parseFunction(true);
  if (eatDotted("func"))
    return parseFunction(false);
  Space space = Space::none;
  if (isDotted("global"))
    space = Space::global;
  else if (isDotted("const"))
    space = Space::constant;
  else if (isDotted("shared"))
    space = Space::shared;
  if (space == Space::none)
    return fail("unknown directive '." + std::string(token.text) + "'");
  advance();
  if (!parseVariable(space, isExtern, module.variables))
    return false;
  return expectPunct(';');
}

bool Parser::parseVariable(Space space, bool isExtern,
                           std::vector<Variable> &into) {
  Variable v;
  v.space = space;
  v.isExtern = isExtern;
  uint64_t vector = 1;
  bool aligned = false;
  while (token.kind == TokenKind::dotted) {
    Type type = parseType(token.text);
    if (token.text == "align") {
      advance();
      uint64_t align;
      if (!expectInteger(align))
        return false;
      if (!align || align > 1024 || (align & (align - 1)))
        return fail("alignment must be a power of two up to 1024");
      v.align = uint32_t(align);
      aligned = true;
      continue;
    }
    if (token.text == "v2" || token.text == "v4")
      vector = token.text == "v2" ? 2 : 4;
    else if (token.text == "attribute") {
      advance();
      if (!expectPunct('('))
        return false;
      while (!isPunct(')') && token.kind != TokenKind::end)
        advance();
    } else if (token.text == "ptr" || token.text == "global" ||
               token.text == "shared" || token.text == "local" ||
               token.text == "const") {
      if (space != Space::param)
        return fail("'." + std::string(token.text) +
                    "' belongs to a parameter");
    } else if (type == Type::none || v.type != Type::none)
      return fail("expected a type, found '." + std::string(token.text) + "'");
    else
      v.type = type;
    // A pointer's alignment says what it points at, not where it lies.
    if (token.text == "ptr") {
      uint32_t own = v.align;
      bool hadAlign = aligned;
      advance();
      while (isDotted("global") || isDotted("shared") || isDotted("local") ||
             isDotted("const"))
        advance();
      if (eatDotted("align")) {
        uint64_t ignored;
        if (!expectInteger(ignored))
          return false;
      }
      v.align = own;
      aligned = hadAlign;
      continue;
    }
    advance();
  }
  if (v.type == Type::none || v.type == Type::pred)
    return fail("expected a type");
  v.loc = token.loc;
  if (!expectName(v.name))
    return false;
  unsigned element = typeSize(v.type);
  uint64_t count = vector;
  while (eatPunct('[')) {
    v.isArray = true;
    uint64_t n = 0;
    if (token.kind == TokenKind::integer && !expectInteger(n))
      return false;
    if (!expectPunct(']'))
      return false;
    if (n && count > maxVariableBytes / n)
      return fail(v.loc, "variable '" + v.name + "' is too large");
    count *= n;
  }
  v.size = count * element;
  if (v.size > maxVariableBytes)
    return fail(v.loc, "variable '" + v.name + "' is too large");
  if (!aligned)
    v.align = uint32_t(element * vector);
  if (eatPunct('=') && !parseInitializer(v))
    return false;
  into.push_back(std::move(v));
  return true;
}

bool Parser::parseInitializer(Variable &variable) {
  if (variable.space != Space::global && variable.space != Space::constant)
    return fail("only .global and .const variables have initial values");
  unsigned element = typeSize(variable.type);
  // Nested braces only group; the elements are in row-major order.
  unsigned depth = 0;
  uint64_t index = 0;
  do {
    while (eatPunct('{'))
      ++depth;
    if (!isPunct('}')) {
      if (variable.size == 0) // `x[] = {...}` takes its size from here.
        return fail("array with initial values needs a size");
      if (index >= variable.size / element)
        return fail("more initial values than elements");
      variable.init.resize(variable.size);
      if (!parseInitializerElement(variable, index++))
        return false;
    }
    while (depth && eatPunct('}'))
      --depth;
  } while (depth && expectPunct(','));
  return depth == 0;
}

bool Parser::parseInitializerElement(Variable &variable, uint64_t index) {
  unsigned element = typeSize(variable.type);
  uint64_t at = index * element;
  bool negative = eatPunct('-');
  uint64_t bits = token.bits;
  Loc loc = token.loc;
  if (token.kind == TokenKind::integer) {
    if (isFloat(variable.type) && element >= 4) {
      double d = negative ? -double(bits) : double(bits);
      float f = float(d);
      bits = 0;
      if (element == 4)
        std::memcpy(&bits, &f, 4);
      else
        std::memcpy(&bits, &d, 8);
    } else if (negative) {
      bits = -bits;
    }
    advance();
  } else if (token.kind == TokenKind::real32 ||
             token.kind == TokenKind::real64) {
    bool isDouble = token.kind == TokenKind::real64;
    double d;
    float f;
    if (isDouble)
      std::memcpy(&d, &bits, 8), f = float(d);
    else
      std::memcpy(&f, &bits, 4), d = double(f);
    if (negative)
      d = -d, f = -f;
    bits = 0;
    if (variable.type == Type::f32 || variable.type == Type::b32)
      std::memcpy(&bits, &f, 4);
    else if (element == 8)
      std::memcpy(&bits, &d, 8);
    else
      return fail(loc, "float value for a variable of another type");
    advance();
  } else if (token.kind == TokenKind::identifier) {
    Relocation reloc;
    reloc.offset = at;
    reloc.loc = loc;
    reloc.addend = 0;
    reloc.generic = false;
    if (!expectName(reloc.symbol))
      return false;
    if (reloc.symbol == "generic" && eatPunct('(')) {
      reloc.generic = true;
      if (!expectName(reloc.symbol) || !expectPunct(')'))
        return false;
    }
    if (eatPunct('+')) {
      uint64_t addend;
      if (!expectInteger(addend))
        return false;
      reloc.addend = int64_t(addend);
    }
    if (element != 8)
      return fail(loc, "an address needs a 64-bit variable");
    variable.relocations.push_back(std::move(reloc));
    return true;
  } else {
    return fail("expected an initial value");
  }
  std::memcpy(variable.init.data() + at, &bits, element > 8 ? 8 : element);
  return true;
}

bool Parser::parseParameters(std::vector<Variable> &into) {
  if (!expectPunct('('))
    return false;
  if (eatPunct(')'))
    return true;
  do {
    Space space;
    if (eatDotted("param"))
      space = Space::param;
    else if (eatDotted("reg"))
      space = Space::reg;
    else
      return fail("expected .param or .reg");
    if (!parseVariable(space, false, into))
      return false;
  } while (eatPunct(','));
  return expectPunct(')');
}

bool Parser::parseLimits(uint32_t (&into)[3]) {
  unsigned i = 0;
  into[1] = into[2] = 1;
  do {
    uint64_t value;
    if (i == 3 || !expectInteger(value))
      return i < 3 ? false : fail("at most three numbers");
    if (!value || value > 65535)
      return fail("limit outside 1 to 65535");
    into[i++] = uint32_t(value);
  } while (eatPunct(','));
  return true;
}

bool Parser::parseFunctionDirectives() {
  while (token.kind == TokenKind::dotted) {
    std::string name(token.text);
    Loc loc = token.loc;
    uint32_t one[3] = {0, 0, 0};
    advance();
    if (name == "reqntid") {
      if (!parseLimits(function->reqntid))
        return false;
    } else if (name == "maxntid") {
      if (!parseLimits(function->maxntid))
        return false;
    } else if (name == "minnctapersm" || name == "maxnreg") {
      if (!parseLimits(one))
        return false;
      (name == "maxnreg" ? function->maxnreg : function->minnctapersm) = one[0];
    } else if (name == "maxclusterrank" || name == "reqnctapercluster") {
      if (!parseLimits(one))
        return false;
      if (name == "reqnctapercluster" && one[0] * one[1] * one[2] != 1)
        function->unsupportedDirectives.push_back({name, loc});
    } else if (name == "explicitcluster" || name == "blocksareclusters") {
      function->unsupportedDirectives.push_back({name, loc});
    } else if (name == "pragma") {
      if (!skipToSemicolon())
        return false;
    } else if (name != "noreturn") {
      return fail(loc, "unknown function directive '." + name + "'");
    }
  }
  return true;
}

bool Parser::parseFunction(bool isEntry) {
  Function f;
  f.isEntry = isEntry;
  function = &f;
  scopes.clear();
  f.scopeParent.push_back(-1);
  scopes.push_back({});
  scopes.back().id = 0;
  if (!isEntry && isPunct('(') && !parseParameters(f.results))
    return false;
  f.loc = token.loc;
  if (!expectName(f.name))
    return false;
  if (isPunct('(') && !parseParameters(f.params))
    return false;
  auto enter = [&](std::vector<Variable> &variables, int32_t base) {
    for (size_t i = 0; i < variables.size(); ++i) {
      Variable &v = variables[i];
      if (v.space == Space::reg) {
        v.reg = uint32_t(f.registers.size());
        f.registers.push_back({v.name, v.type});
        scopes[0].registers[v.name] = {v.reg, 0};
      } else {
        scopes[0].variables[v.name] = base - int32_t(i);
      }
    }
  };
  // Parameters count down from -2, results from -1000: see lookupVariable.
  enter(f.params, -2);
  enter(f.results, -1000);
  if (f.params.size() > 900)
    return fail("too many parameters");
  if (!parseFunctionDirectives())
    return false;
  if (eatPunct(';')) {
    f.isDeclaration = true;
  } else {
    if (!expectPunct('{') || !parseBody())
      return false;
  }
  for (const Function &other : module.functions)
    if (other.name == f.name && !other.isDeclaration && !f.isDeclaration)
      return fail(f.loc, "function '" + f.name + "' is defined twice");
  module.functions.push_back(std::move(f));
  function = nullptr;
  return true;
}

bool Parser::parseRegisters() {
  Type type = token.kind == TokenKind::dotted ? parseType(token.text)
                                              : Type::none;
  if (type == Type::none)
    return fail("expected a register type");
  advance();
  do {
    std::string name;
    Loc loc = token.loc;
    if (!expectName(name))
      return false;
    uint64_t count = 0;
    if (eatPunct('<')) {
      if (!expectInteger(count) || !expectPunct('>'))
        return false;
      if (!count)
        return fail(loc, "empty register range");
    }
    if (count > maxRegisters ||
        function->registers.size() + count > maxRegisters)
      return fail(loc, "too many registers");
    auto &table = scopes.back().registers;
    if (table.count(name))
      return fail(loc, "register '" + name + "' is declared twice");
    table[name] = {uint32_t(function->registers.size()), uint32_t(count)};
    if (!count)
      function->registers.push_back({name, type});
    for (uint64_t i = 0; i < count; ++i)
      function->registers.push_back({name + std::to_string(i), type});
  } while (eatPunct(','));
  return expectPunct(';');
}

bool lowbit::ptx::parseModule(std::string_view text, Module &module,
                              std::vector<Diagnostic> &diagnostics) {
  // The driver takes the text up to a zero byte.
  text = text.substr(0, text.find('\0'));
  return Parser(text, module, diagnostics).run();
}
