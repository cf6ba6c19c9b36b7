//===- Ptx.h - Syntax tree of a PTX module ----------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the parser makes of PTX text: declarations and instructions with their
// places, names of registers and variables resolved, nothing interpreted yet.
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_PTX_H
#define RUNTIME_SIMULATOR_PTX_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lowbit::ptx {

/// Place in the text, both from 1.
struct Loc {
  uint32_t line = 0, column = 0;
};

/// Fundamental types, and the packed ones that instructions name.
enum class Type : uint8_t {
  none,
  pred,
  b8, b16, b32, b64, b128,
  u8, u16, u32, u64,
  s8, s16, s32, s64,
  f16, f16x2, bf16, bf16x2, f32, f64,
};

/// Size in bytes; 4 for a predicate (a slot holds the warp's 32-bit mask).
unsigned typeSize(Type type);
bool isFloat(Type type);
bool isSigned(Type type);
/// Spelling without the dot.
const char *typeName(Type type);
/// Type::none when `text` (without the dot) names no type.
Type parseType(std::string_view text);

enum class Space : uint8_t { none, reg, param, local, shared, global, constant };

/// Initial value of bytes [offset, offset + 8) of a variable: an address.
struct Relocation {
  uint64_t offset;
  std::string symbol;
  int64_t addend;
  bool generic;
  Loc loc;
};

/// A variable in some space, or a parameter.
struct Variable {
  std::string name;
  Loc loc;
  Space space = Space::none;
  Type type = Type::none;
  uint32_t align = 1;
  uint64_t size = 0; ///< Bytes; 0 for `.extern .shared x[]`.
  bool isArray = false;
  bool isExtern = false;
  std::vector<uint8_t> init;
  std::vector<Relocation> relocations;
  uint32_t reg = 0; ///< For register parameters of functions.
};

enum class OperandKind : uint8_t {
  reg,       ///< reg
  integer,   ///< bits
  real32,    ///< bits: 0fXXXXXXXX
  real64,    ///< bits: 0dX... or a decimal
  symbol,    ///< name (+ offset): variable, function or label
  special,   ///< name: %tid.x
  address,   ///< [elems[0] + offset], elems may hold more for tensors
  vector,    ///< {elems}
  list,      ///< (elems), of call
  predPair,  ///< reg | reg2
  sink,      ///< _
};

struct Operand {
  OperandKind kind = OperandKind::sink;
  Loc loc;
  bool negated = false; ///< !p
  uint32_t reg = 0, reg2 = 0;
  uint64_t bits = 0;
  int64_t offset = 0;
  std::string name;
  int32_t variable = -1;   ///< Function-local variable index of a symbol.
  std::vector<Operand> elems;
};

struct Modifier {
  std::string text; ///< Without the dot.
  Loc loc;
};

struct Instruction {
  Loc loc;
  uint32_t sourceLine = 0; ///< Of the last .loc, 0 if none.
  bool guarded = false, guardNegated = false;
  uint32_t guard = 0;
  std::string opcode;
  std::vector<Modifier> modifiers;
  std::vector<Operand> operands;
  uint32_t scope = 0;
};

struct Register {
  std::string name;
  Type type;
};

struct Label {
  std::string name;
  uint32_t scope;
  uint32_t index; ///< Of the instruction that follows it.
};

/// A `.branchtargets` list, for brx.idx.
struct BranchTable {
  std::string name;
  uint32_t scope;
  std::vector<std::string> labels;
};

struct Function {
  std::string name;
  Loc loc;
  bool isEntry = false;
  bool isDeclaration = false;
  std::vector<Variable> params, results;
  std::vector<Register> registers;
  std::vector<Variable> variables; ///< .local, .shared, .param inside the body.
  std::vector<Instruction> body;
  std::vector<Label> labels;
  std::vector<BranchTable> branchTables;
  std::vector<int32_t> scopeParent; ///< Scope 0 is the body, parent -1.
  uint32_t reqntid[3] = {0, 0, 0}; ///< 0: not given.
  uint32_t maxntid[3] = {0, 0, 0};
  uint32_t minnctapersm = 0, maxnreg = 0;
  std::vector<Modifier> unsupportedDirectives; ///< Cluster launch and such.

  /// Index of the instruction after `label` as seen from `scope`, or -1.
  int64_t findLabel(std::string_view label, uint32_t scope) const;
};

struct Module {
  uint32_t version = 0; ///< 10 * major + minor.
  uint32_t target = 0;  ///< 90 for sm_90a as well.
  char targetSuffix = 0; ///< 'a', 'f' or 0.
  std::vector<Variable> variables;
  std::vector<Function> functions;

  const Function *findFunction(std::string_view name) const;
  const Variable *findVariable(std::string_view name) const;
};

/// A complaint about the text.
struct Diagnostic {
  Loc loc;
  std::string message;
};

/// Parses `text`; on failure returns false with at least one diagnostic.
bool parseModule(std::string_view text, Module &module,
                 std::vector<Diagnostic> &diagnostics);

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_PTX_H
