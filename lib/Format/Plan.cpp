//===- Plan.cpp - Expressions, names and sizes of plans -------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Format/Plan.h"

#include "lowbit/Support/CheckedMath.h"

using namespace lowbit;

LinearExpr LinearExpr::of(unsigned dim, int64_t coefficient, int64_t divisor) {
  LinearExpr result;
  if (coefficient != 0)
    result.terms.push_back({static_cast<uint8_t>(dim), coefficient, divisor});
  return result;
}

LinearExpr LinearExpr::operator+(const LinearExpr &other) const {
  LinearExpr result = *this;
  result.constant += other.constant;
  for (const LinearTerm &term : other.terms) {
    bool merged = false;
    for (LinearTerm &mine : result.terms)
      if (mine.dim == term.dim && mine.divisor == term.divisor) {
        mine.coefficient += term.coefficient;
        merged = true;
      }
    if (!merged)
      result.terms.push_back(term);
  }
  return result;
}

LinearExpr LinearExpr::operator*(int64_t factor) const {
  if (factor == 0)
    return {};
  LinearExpr result = *this;
  result.constant *= factor;
  for (LinearTerm &term : result.terms)
    term.coefficient *= factor;
  return result;
}

StatusOr<int64_t> LinearExpr::evaluate(const PlanDims &dims) const {
  int64_t sum = constant;
  for (const LinearTerm &term : terms) {
    if (term.dim >= dims.size() || term.divisor < 1)
      return invalidArgument("bad term in the expression %s",
                             toString().c_str());
    int64_t value = dims[term.dim];
    if (value < 0)
      return invalidArgument("dimension %s is negative (%lld)",
                             planDimName(term.dim).c_str(),
                             static_cast<long long>(value));
    std::optional<int64_t> product =
        checkedMul<int64_t>(ceilDiv(value, term.divisor), term.coefficient);
    std::optional<int64_t> total =
        product ? checkedAdd<int64_t>(sum, *product) : std::nullopt;
    if (!total)
      return invalidArgument("the expression %s overflows at %s = %lld",
                             toString().c_str(), planDimName(term.dim).c_str(),
                             static_cast<long long>(value));
    sum = *total;
  }
  return sum;
}

std::string LinearExpr::toString() const {
  std::string text;
  for (const LinearTerm &term : terms) {
    if (!text.empty())
      text += " + ";
    if (term.coefficient != 1)
      text += std::to_string(term.coefficient) + " * ";
    if (term.divisor == 1)
      text += planDimName(term.dim);
    else
      text += "ceil(" + planDimName(term.dim) + " / " +
              std::to_string(term.divisor) + ")";
  }
  if (text.empty())
    return std::to_string(constant);
  if (constant != 0)
    text += " + " + std::to_string(constant);
  return text;
}

std::string lowbit::planDimName(unsigned dim) {
  switch (dim) {
  case LOWBIT_DIM_TOKENS:
    return "tokens";
  case LOWBIT_DIM_POSITION:
    return "position";
  case LOWBIT_DIM_CAPACITY:
    return "capacity";
  default:
    return "d" + std::to_string(dim);
  }
}

namespace {
struct ElementTypeRow {
  const char *name;
  unsigned bytes;
};
constexpr ElementTypeRow elementTypes[] = {
    {"f32", 4}, {"f16", 2}, {"bf16", 2}, {"i8", 1},
    {"u8", 1},  {"i32", 4}, {"i64", 8},
};
} // namespace

const char *lowbit::elementTypeName(ElementType type) {
  return elementTypes[static_cast<unsigned>(type)].name;
}

unsigned lowbit::elementTypeBytes(ElementType type) {
  return elementTypes[static_cast<unsigned>(type)].bytes;
}

StatusOr<ElementType> lowbit::parseElementType(std::string_view name) {
  for (unsigned i = 0; i < std::size(elementTypes); ++i)
    if (name == elementTypes[i].name)
      return static_cast<ElementType>(i);
  return invalidArgument("unknown element type '%.*s'; use f32, f16, bf16, i8, "
                         "u8, i32 or i64",
                         static_cast<int>(name.size()), name.data());
}

const char *lowbit::bindingKindName(BindingKind kind) {
  switch (kind) {
  case BindingKind::component:
    return "component";
  case BindingKind::setComponent:
    return "setComponent";
  case BindingKind::buffer:
    return "buffer";
  case BindingKind::argument:
    return "argument";
  case BindingKind::state:
    return "state";
  case BindingKind::input:
    return "input";
  case BindingKind::output:
    return "output";
  }
  return "unknown";
}

StatusOr<int64_t> TensorDesc::bytes(const PlanDims &dims) const {
  int64_t total = elementTypeBytes(type);
  for (const LinearExpr &extent : shape) {
    LOWBIT_ASSIGN_OR_RETURN(int64_t value, extent.evaluate(dims));
    std::optional<int64_t> product = checkedMul<int64_t>(total, value);
    if (!product)
      return invalidArgument("the size of tensor '%s' overflows", name.c_str());
    total = *product;
  }
  return total;
}

const Function *Plan::findFunction(std::string_view name) const {
  for (const Function &function : functions)
    if (function.name == name)
      return &function;
  return nullptr;
}
