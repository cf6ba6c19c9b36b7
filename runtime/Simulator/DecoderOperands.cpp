//===- DecoderOperands.cpp - Operands: registers, literals, symbols, addresses ===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Decoder.h"

#include "lowbit/Support/Status.h"

#include <cstring>

using namespace lowbit;
using namespace lowbit::ptx;

bool Decoder::expectOperands(size_t least, size_t most) {
  size_t n = operandCount();
  if (n >= least && n <= most)
    return true;
  return fail(formatString("'%s' takes %zu%s operands, found %zu",
                           current->opcode.c_str(), least,
                           most > least ? " or more" : "", n));
}

/// PTX's rule: untyped bits go with everything of the same size, signed goes
/// with unsigned, float only with the same float.
bool Decoder::checkClass(const Operand &operand, Type have, Type want) {
  bool ok;
  if (have == Type::pred || want == Type::pred)
    ok = have == want;
  else if (typeSize(have) != typeSize(want))
    ok = false;
  else {
    auto isBits = [](Type t) { return t >= Type::b8 && t <= Type::b128; };
    // f16x2 and its like are spelt b32 or u32 in registers.
    bool packed = want == Type::f16x2 || want == Type::bf16x2 ||
                  want == Type::bf16 || have == Type::f16x2;
    ok = isBits(have) || isBits(want) || packed ||
         isFloat(have) == isFloat(want);
  }
  if (ok)
    return true;
  return fail(operand.loc,
              formatString("a register of type .%s does not go with .%s here",
                           typeName(have), typeName(want)));
}

static bool specialByName(std::string_view name, Special &special) {
  static const std::pair<const char *, Special> table[] = {
      {"%tid.x", Special::tidX},       {"%tid.y", Special::tidY},
      {"%tid.z", Special::tidZ},       {"%ntid.x", Special::ntidX},
      {"%ntid.y", Special::ntidY},     {"%ntid.z", Special::ntidZ},
      {"%ctaid.x", Special::ctaidX},   {"%ctaid.y", Special::ctaidY},
      {"%ctaid.z", Special::ctaidZ},   {"%nctaid.x", Special::nctaidX},
      {"%nctaid.y", Special::nctaidY}, {"%nctaid.z", Special::nctaidZ},
      {"%laneid", Special::laneid},    {"%warpid", Special::warpid},
      {"%nwarpid", Special::nwarpid},  {"%smid", Special::smid},
      {"%nsmid", Special::nsmid},      {"%gridid", Special::gridid},
      {"%lanemask_eq", Special::lanemaskEq},
      {"%lanemask_le", Special::lanemaskLe},
      {"%lanemask_lt", Special::lanemaskLt},
      {"%lanemask_ge", Special::lanemaskGe},
      {"%lanemask_gt", Special::lanemaskGt},
      {"%dynamic_smem_size", Special::dynamicShared},
      {"%total_smem_size", Special::totalShared},
      {"%clusterid.x", Special::ctaidX}, {"%clusterid.y", Special::ctaidY},
      {"%clusterid.z", Special::ctaidZ}, {"%nclusterid.x", Special::nctaidX},
      {"%nclusterid.y", Special::nctaidY}, {"%nclusterid.z", Special::nctaidZ},
      {"%cluster_ctaid.x", Special::zero}, {"%cluster_ctaid.y", Special::zero},
      {"%cluster_ctaid.z", Special::zero}, {"%cluster_ctarank", Special::zero},
      {"%cluster_nctaid.x", Special::one}, {"%cluster_nctaid.y", Special::one},
      {"%cluster_nctaid.z", Special::one}, {"%cluster_nctarank", Special::one},
  };
  for (auto &row : table)
    if (name == row.first) {
      special = row.second;
      return true;
    }
  if (name.substr(0, 6) == "%envre") { // %envreg0..31: the driver leaves 0.
    special = Special::zero;
    return true;
  }
  return false;
}

bool Decoder::symbolAddress(const Operand &operand, uint64_t &value,
                            Space &space, bool &isKernelParam) {
  isKernelParam = false;
  const Function &f = *frame->function;
  const Variable *v = nullptr;
  if (operand.variable != -1) {
    const Binding *binding = nullptr;
    if (operand.variable >= 0) {
      v = &f.variables[operand.variable];
      binding = &frame->variables[operand.variable];
    } else if (operand.variable > -1000) {
      v = &f.params[-2 - operand.variable];
      binding = &frame->params[-2 - operand.variable];
    } else {
      v = &f.results[-1000 - operand.variable];
      binding = &frame->results[-1000 - operand.variable];
    }
    space = v->space;
    if (space == Space::param || space == Space::local) {
      value = uint64_t(binding->offset);
      isKernelParam = binding->kernelParam;
      return true;
    }
  } else {
    v = module.findVariable(operand.name);
  }
  if (!v)
    return fail(operand.loc, "'" + operand.name + "' is not declared");
  space = v->space;
  if (space == Space::shared) {
    auto found = sharedOffsets.find(v);
    if (found == sharedOffsets.end())
      return fail(operand.loc, "shared variable '" + v->name +
                                   "' is not laid out");
    value = found->second;
    return true;
  }
  auto found = environment.globals.find(v->name);
  if (found == environment.globals.end())
    return fail(operand.loc, "variable '" + v->name + "' has no address");
  value = found->second;
  return true;
}

bool Decoder::source(const Operand &operand, Type type, uint32_t &slot) {
  unsigned size = typeSize(type);
  switch (operand.kind) {
  case OperandKind::reg:
    if (operand.negated && type != Type::pred)
      return fail(operand.loc, "'!' belongs to predicates");
    if (!checkClass(operand, registerType(operand.reg), type))
      return false;
    slot = slotOfRegister(operand.reg);
    return true;
  case OperandKind::integer: {
    if (type == Type::pred) {
      slot = predicateConstant(operand.bits != 0);
      return true;
    }
    if (type == Type::f32 || type == Type::f64)
      return fail(operand.loc, "a float operand needs a float literal");
    uint64_t bits = operand.bits;
    if (size < 8) {
      int64_t s = int64_t(bits);
      int64_t limit = int64_t(1) << (8 * size);
      if (s >= limit || s < -limit / 2)
        return fail(operand.loc,
                    formatString("literal does not fit .%s", typeName(type)));
      bits &= uint64_t(limit) - 1;
    }
    slot = constant(bits, size);
    return true;
  }
  case OperandKind::real32:
  case OperandKind::real64: {
    uint64_t bits = operand.bits;
    bool is32 = type == Type::f32 || type == Type::b32;
    bool is64 = type == Type::f64 || type == Type::b64;
    if (!is32 && !is64)
      return fail(operand.loc, formatString("a float literal does not go with "
                                            ".%s",
                                            typeName(type)));
    if (is32 && operand.kind == OperandKind::real64) {
      double d;
      std::memcpy(&d, &bits, 8);
      float f = float(d);
      bits = 0;
      std::memcpy(&bits, &f, 4);
    } else if (is64 && operand.kind == OperandKind::real32) {
      float f;
      std::memcpy(&f, &bits, 4);
      double d = f;
      std::memcpy(&bits, &d, 8);
    }
    slot = constant(bits, size);
    return true;
  }
  case OperandKind::special: {
    if (operand.name == "WARP_SZ") {
      slot = constant(32, size);
      return true;
    }
    Special s;
    if (!specialByName(operand.name, s))
      return fail(operand.loc,
                  "unknown special register '" + operand.name + "'");
    if (size != 4)
      return fail(operand.loc, "special register '" + operand.name +
                                   "' has 32 bits");
    slot = special(s);
    return true;
  }
  case OperandKind::symbol: {
    if (operand.name == "WARP_SZ") {
      slot = constant(32, size);
      return true;
    }
    uint64_t value;
    Space space;
    bool isParam;
    if (!symbolAddress(operand, value, space, isParam))
      return false;
    if (size != 8 && !(size == 4 && space == Space::shared))
      return fail(operand.loc, "the address of '" + operand.name +
                                   "' needs a 64-bit type");
    slot = constant(value + uint64_t(operand.offset), size);
    return true;
  }
  default:
    return fail(operand.loc, "expected a register or a literal");
  }
}

bool Decoder::dest(const Operand &operand, Type type, uint32_t &slot) {
  if (operand.kind == OperandKind::sink) {
    slot = sinkSlot(typeSize(type));
    return true;
  }
  if (operand.kind != OperandKind::reg || operand.negated)
    return fail(operand.loc, "the destination must be a register");
  if (!checkClass(operand, registerType(operand.reg), type))
    return false;
  slot = slotOfRegister(operand.reg);
  return true;
}

bool Decoder::wideSource(const Operand &operand, Type type, uint32_t &slot,
                         unsigned &size) {
  size = typeSize(type);
  if (operand.kind != OperandKind::reg) {
    if (size == 1) { // Literals of a byte live in 16-bit registers.
      size = 2;
      if (operand.kind == OperandKind::integer) {
        slot = constant(operand.bits & 0xffff, 2);
        return true;
      }
    }
    return source(operand, type, slot);
  }
  Type have = registerType(operand.reg);
  if (have == Type::pred || typeSize(have) < size ||
      (isFloat(type) && typeSize(have) != size))
    return checkClass(operand, have, type) &&
           fail(operand.loc, "register is too small");
  size = typeSize(have);
  slot = slotOfRegister(operand.reg);
  return true;
}

bool Decoder::wideDest(const Operand &operand, Type type, uint32_t &slot,
                       unsigned &size) {
  size = typeSize(type);
  if (operand.kind == OperandKind::sink) {
    slot = sinkSlot(size);
    return true;
  }
  if (operand.kind != OperandKind::reg)
    return fail(operand.loc, "the destination must be a register");
  return wideSource(operand, type, slot, size);
}

bool Decoder::predSource(size_t i, uint32_t &slot, bool &negated) {
  const Operand &op = operand(i);
  negated = op.negated;
  return source(op, Type::pred, slot);
}

bool Decoder::vectorOf(size_t i, Type type, bool isDest, size_t count,
                       std::vector<uint32_t> &slots) {
  const Operand &op = operand(i);
  std::vector<const Operand *> list;
  if (op.kind == OperandKind::vector)
    for (const Operand &e : op.elems)
      list.push_back(&e);
  else
    list.push_back(&op);
  if (list.size() != count)
    return fail(op.loc, formatString("expected %zu registers, found %zu", count,
                                     list.size()));
  for (const Operand *e : list) {
    uint32_t slot;
    if (!(isDest ? dest(*e, type, slot) : source(*e, type, slot)))
      return false;
    slots.push_back(slot);
  }
  return true;
}

bool Decoder::immediate(size_t i, uint64_t &value) {
  const Operand &op = operand(i);
  if (op.kind != OperandKind::integer)
    return fail(op.loc, "expected an integer literal");
  value = op.bits;
  return true;
}

bool Decoder::address(size_t i, Space space, Address &result) {
  const Operand &op = operand(i);
  if (op.kind != OperandKind::address || op.elems.size() != 1)
    return fail(op.loc, "expected an address in brackets");
  const Operand &base = op.elems[0];
  result.offset = op.offset;
  result.space = Space::none;
  result.wide = true;
  if (base.kind == OperandKind::reg) {
    Type type = registerType(base.reg);
    result.wide = typeSize(type) == 8;
    if (type == Type::pred || isFloat(type) ||
        (!result.wide && (typeSize(type) != 4 || space != Space::shared)))
      return fail(base.loc, "an address needs a 64-bit register (32 bits will do "
                            "for .shared)");
    result.slot = slotOfRegister(base.reg);
    return true;
  }
  if (base.kind == OperandKind::integer) {
    result.slot = constant(base.bits, 8);
    return true;
  }
  if (base.kind != OperandKind::symbol)
    return fail(base.loc, "expected a register or a variable");
  uint64_t value;
  if (!symbolAddress(base, value, result.space, result.isKernelParam))
    return false;
  if (space != Space::none && result.space != space)
    return fail(base.loc, "variable '" + base.name + "' is in another space");
  if (space == Space::none && result.space != Space::global &&
      result.space != Space::constant)
    return fail(base.loc, "the generic address of '" + base.name +
                              "' needs cvta");
  result.base = value;
  result.slot = constant(value, 8);
  return true;
}
