//===- Ptx.cpp - Types and look-ups of the syntax tree --------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Ptx.h"

using namespace lowbit::ptx;

namespace {
struct TypeRow {
  const char *name;
  Type type;
  unsigned size;
};
} // namespace

static const TypeRow typeTable[] = {
    {"pred", Type::pred, 4},     {"b8", Type::b8, 1},
    {"b16", Type::b16, 2},       {"b32", Type::b32, 4},
    {"b64", Type::b64, 8},       {"b128", Type::b128, 16},
    {"u8", Type::u8, 1},         {"u16", Type::u16, 2},
    {"u32", Type::u32, 4},       {"u64", Type::u64, 8},
    {"s8", Type::s8, 1},         {"s16", Type::s16, 2},
    {"s32", Type::s32, 4},       {"s64", Type::s64, 8},
    {"f16", Type::f16, 2},       {"f16x2", Type::f16x2, 4},
    {"bf16", Type::bf16, 2},     {"bf16x2", Type::bf16x2, 4},
    {"f32", Type::f32, 4},       {"f64", Type::f64, 8},
};

unsigned lowbit::ptx::typeSize(Type type) {
  for (const TypeRow &row : typeTable)
    if (row.type == type)
      return row.size;
  return 0;
}

const char *lowbit::ptx::typeName(Type type) {
  for (const TypeRow &row : typeTable)
    if (row.type == type)
      return row.name;
  return "?";
}

Type lowbit::ptx::parseType(std::string_view text) {
  for (const TypeRow &row : typeTable)
    if (text == row.name)
      return row.type;
  return Type::none;
}

bool lowbit::ptx::isFloat(Type type) {
  return type >= Type::f16 && type <= Type::f64;
}

bool lowbit::ptx::isSigned(Type type) {
  return type >= Type::s8 && type <= Type::s64;
}

int64_t Function::findLabel(std::string_view label, uint32_t scope) const {
  for (int32_t s = int32_t(scope); s >= 0; s = scopeParent[s])
    for (const Label &l : labels)
      if (l.scope == uint32_t(s) && l.name == label)
        return l.index;
  return -1;
}

const Function *Module::findFunction(std::string_view name) const {
  const Function *found = nullptr;
  for (const Function &f : functions)
    if (f.name == name && (!found || found->isDeclaration))
      found = &f;
  return found;
}

const Variable *Module::findVariable(std::string_view name) const {
  for (const Variable &v : variables)
    if (v.name == name)
      return &v;
  return nullptr;
}
