//===- Decoder.cpp - From syntax tree to executable instructions ----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Decoder.h"

#include "lowbit/Support/Status.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <unordered_map>

using namespace lowbit;
using namespace lowbit::ptx;

static constexpr uint64_t maxRegisterBytes = uint64_t(64) << 20;
static constexpr uint64_t maxLocalBytes = 512 << 10;

const char *lowbit::ptx::pipeName(Pipe pipe) {
  static const char *const names[] = {"alu", "fma",    "xu",
                                      "lsu", "tensor", "control"};
  return names[unsigned(pipe)];
}

static const std::unordered_map<std::string_view, DecodeFunction> &opcodes() {
  static const auto *table = [] {
    auto *map = new std::unordered_map<std::string_view, DecodeFunction>;
    for (const OpcodeRow *rows :
         {integerOpcodes, bitOpcodes, floatOpcodes, convertOpcodes,
          compareOpcodes, memoryOpcodes, moveOpcodes, atomicOpcodes, asyncOpcodes,
          warpOpcodes, controlOpcodes, matrixOpcodes})
      for (; rows->opcode; ++rows)
        (*map)[rows->opcode] = rows->decode;
    return map;
  }();
  return *table;
}

std::vector<std::string> lowbit::ptx::knownOpcodes() {
  std::vector<std::string> names;
  for (auto &row : opcodes())
    if (row.second != decodeLater && row.second != decodeRefused)
      names.emplace_back(row.first);
  std::sort(names.begin(), names.end());
  return names;
}

Decoder::Decoder(const Module &module, const DecodeEnvironment &environment,
                 std::vector<Diagnostic> &diagnostics)
    : module(module), environment(environment), diagnostics(diagnostics),
      program(std::make_unique<Program>()) {
  program->localBytes = localBase;
}

bool Decoder::fail(Loc loc, std::string message) {
  diagnostics.push_back({loc, std::move(message)});
  return false;
}

//===----------------------------------------------------------------------===//
// Modifiers and requirements
//===----------------------------------------------------------------------===//

std::string_view Decoder::peekText() const {
  if (modifierIndex >= current->modifiers.size())
    return {};
  return current->modifiers[modifierIndex].text;
}

bool Decoder::peek(std::string_view modifier) const {
  return modifierIndex < current->modifiers.size() &&
         current->modifiers[modifierIndex].text == modifier;
}

bool Decoder::eat(std::string_view modifier) {
  if (!peek(modifier))
    return false;
  ++modifierIndex;
  return true;
}

int Decoder::eatOneOf(std::initializer_list<const char *> list) {
  int i = 0;
  for (const char *name : list) {
    if (eat(name))
      return i;
    ++i;
  }
  return -1;
}

Type Decoder::eatType() {
  Type type = parseType(peekText());
  if (type != Type::none)
    ++modifierIndex;
  return type;
}

bool Decoder::expectType(Type &type) {
  type = eatType();
  return type != Type::none || badModifier("a type");
}

bool Decoder::badModifier(const char *expected) {
  if (modifierIndex < current->modifiers.size()) {
    const Modifier &m = current->modifiers[modifierIndex];
    return fail(m.loc, formatString("'.%s' is not expected in '%s', expected %s",
                                    m.text.c_str(), current->opcode.c_str(),
                                    expected));
  }
  return fail(formatString("'%s' lacks a modifier: expected %s",
                           current->opcode.c_str(), expected));
}

bool Decoder::badType(Type type) {
  return fail(formatString("'%s' has no form for type .%s",
                           current->opcode.c_str(), typeName(type)));
}

bool Decoder::require(uint32_t sm, uint32_t version, const char *what) {
  if (module.target < sm)
    return fail(formatString("%s needs .target sm_%u or higher, the module says "
                             "sm_%u",
                             what, sm, module.target));
  if (module.version < version)
    return fail(formatString("%s needs .version %u.%u or higher, the module "
                             "says %u.%u",
                             what, version / 10, version % 10,
                             module.version / 10, module.version % 10));
  return true;
}

bool Decoder::unsupported(const char *what) {
  return fail(formatString("%s is not supported by this simulator", what));
}

//===----------------------------------------------------------------------===//
// Slots
//===----------------------------------------------------------------------===//

/// Bytes of a cache line of the host: rows begin at one.
static constexpr uint32_t lineBytes = 64;

uint32_t Decoder::newSlot(unsigned bytesPerLane) {
  uint32_t slot = program->registerBytes;
  program->registerBytes += (bytesPerLane * 32 + lineBytes - 1) & -lineBytes;
  return slot;
}

uint32_t Decoder::newPredicateSlot() {
  if (predicateSlot % lineBytes == 0)
    predicateSlot = newSlot(lineBytes / 32);
  const uint32_t slot = predicateSlot;
  predicateSlot += sizeof(uint32_t);
  return slot;
}

Type Decoder::registerType(uint32_t reg) const {
  return frame->function->registers[reg].type;
}

uint32_t Decoder::slotOfRegister(uint32_t reg) {
  uint32_t &slot = frame->slots[reg];
  if (slot == noSlot)
    slot = registerType(reg) == Type::pred
               ? newPredicateSlot()
               : newSlot(std::max(1u, typeSize(registerType(reg))));
  return slot;
}

uint32_t Decoder::constant(uint64_t bits, unsigned size) {
  auto [it, isNew] = constantSlots.insert({{bits, size}, 0});
  if (isNew) {
    it->second = newSlot(size);
    program->constants.push_back({it->second, size, bits, false});
  }
  return it->second;
}

uint32_t Decoder::predicateConstant(bool value) {
  auto [it, isNew] = constantSlots.insert({{value, 0}, 0});
  if (isNew) {
    it->second = newPredicateSlot();
    program->constants.push_back({it->second, 4, value ? ~0u : 0u, true});
  }
  return it->second;
}

uint32_t Decoder::special(Special special) {
  auto [it, isNew] = specialSlots.insert({special, 0});
  if (isNew) {
    it->second = newSlot(4);
    program->specials.push_back({it->second, special});
  }
  return it->second;
}

uint32_t Decoder::sinkSlot(unsigned size) {
  uint32_t &slot = sinkSlots[0];
  if (slot == noSlot)
    slot = newSlot(16);
  return slot;
}

uint32_t Decoder::addPool(const std::vector<uint32_t> &values) {
  uint32_t at = uint32_t(program->pool.size());
  program->pool.insert(program->pool.end(), values.begin(), values.end());
  return at;
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

void lowbit::ptx::findStraightRuns(Program &program) {
  std::set<uint32_t> allOnes;
  for (const ConstantSlot &c : program.constants)
    if (c.size == 4 && !c.isPredicate && uint32_t(c.bits) == ~0u)
      allOnes.insert(c.slot);
  uint32_t straight = 0;
  for (auto inst = program.code.rbegin(); inst != program.code.rend(); ++inst) {
    inst->allMembers = inst->flow == Flow::warpSync && allOnes.count(inst->c);
    const bool goesOn =
        inst->flow == Flow::next || inst->flow == Flow::memory || inst->allMembers;
    inst->straight = straight = goesOn ? straight + 1 : 0;
  }
}

void Decoder::emit() {
  if (current->guarded) {
    out.guard = slotOfRegister(current->guard);
    out.guardNegated = current->guardNegated;
  }
  program->code.push_back(out);
  InstOrigin origin{current->loc, current->sourceLine, current->opcode};
  for (const Modifier &m : current->modifiers)
    origin.spelling += "." + m.text;
  program->origins.push_back(std::move(origin));
}

bool Decoder::decodeInstruction() {
  auto found = opcodes().find(current->opcode);
  if (found == opcodes().end())
    return fail("unknown instruction '" + current->opcode + "'");
  modifierIndex = 0;
  diagnosticsBefore = diagnostics.size();
  out = Inst();
  if (program->code.size() > 4000000)
    return fail("the kernel is too long with its calls inlined");
  if (!found->second(*this))
    return false;
  if (modifierIndex < current->modifiers.size())
    return badModifier("nothing more");
  if (program->registerBytes > maxRegisterBytes)
    return fail("the kernel has too many registers");
  return true;
}

bool Decoder::allocateLocal(uint64_t size, uint32_t align, int32_t &offset) {
  uint64_t at = (program->localBytes + uint64_t(align) - 1) & -uint64_t(align);
  if (at + size > maxLocalBytes)
    return false;
  offset = int32_t(at);
  program->localBytes = uint32_t(at + size);
  return true;
}

bool Decoder::decodeBody(Frame &f) {
  Frame *outer = frame;
  const Instruction *outerInstruction = current;
  size_t outerModifier = modifierIndex;
  frame = &f;
  const Function &function = *f.function;
  f.slots.assign(function.registers.size(), noSlot);
  for (auto [reg, slot] : f.presetSlots)
    f.slots[reg] = slot;
  for (const Variable &v : function.variables) {
    Binding b;
    if (v.space == Space::local || v.space == Space::param)
      if (!allocateLocal(std::max<uint64_t>(v.size, 1), v.align, b.offset))
        return fail(v.loc, "more than 512 KiB of .local memory");
    f.variables.push_back(b);
  }
  std::vector<uint32_t> pcs;
  bool ok = true;
  for (const Instruction &inst : function.body) {
    pcs.push_back(uint32_t(program->code.size()));
    current = &inst;
    if (!decodeInstruction()) {
      ok = false;
      if (diagnostics.size() >= 20)
        break;
    }
  }
  if (ok && f.isEntry) { // Falling off the end is an exit.
    Instruction implicit;
    implicit.loc = function.loc;
    implicit.opcode = "ret";
    current = &implicit;
    pcs.push_back(uint32_t(program->code.size()));
    ok = decodeInstruction();
  } else {
    pcs.push_back(uint32_t(program->code.size()));
  }
  if (ok) {
    for (const Fixup &fix : f.fixups)
      (fix.inPool ? program->pool[fix.poolIndex]
                  : program->code[fix.pc].target) = pcs[fix.instructionIndex];
    for (uint32_t pc : f.returns)
      program->code[pc].target = uint32_t(program->code.size());
  }
  frame = outer;
  current = outerInstruction;
  modifierIndex = outerModifier;
  return ok;
}

bool Decoder::branchTo(const Operand &label) {
  int64_t index = label.kind == OperandKind::symbol
                      ? frame->function->findLabel(label.name, current->scope)
                      : -1;
  if (index < 0)
    return fail(label.loc, "label '" + label.name + "' is not defined");
  out.flow = Flow::branch;
  frame->fixups.push_back(
      {uint32_t(program->code.size()), uint32_t(index), false, 0});
  return true;
}

bool Decoder::branchTable(const Operand &table, uint32_t indexSlot) {
  for (const BranchTable &t : frame->function->branchTables) {
    if (t.name != table.name)
      continue;
    out.flow = Flow::branchIndex;
    out.a = indexSlot;
    out.aux = uint32_t(program->pool.size());
    out.imm = t.labels.size();
    for (const std::string &label : t.labels) {
      int64_t index = frame->function->findLabel(label, t.scope);
      if (index < 0)
        return fail(table.loc, "label '" + label + "' is not defined");
      frame->fixups.push_back({uint32_t(program->code.size()), uint32_t(index),
                               true, uint32_t(program->pool.size())});
      program->pool.push_back(0);
    }
    return true;
  }
  return fail(table.loc, "branch targets '" + table.name + "' are not defined");
}

void Decoder::functionReturn() {
  if (frame->isEntry) {
    out.flow = Flow::exit;
  } else {
    out.flow = Flow::branch;
    frame->returns.push_back(uint32_t(program->code.size()));
  }
  emit();
}
