//===- DecoderCalls.cpp - Kernels, their memory layout and calls ----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Device functions are inlined where they are called: PTX that compilers make
// seldom recurses, and inlining makes a divergent call an ordinary branch.
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Decoder.h"

#include "lowbit/Support/Status.h"

#include <algorithm>
#include <functional>

using namespace lowbit;
using namespace lowbit::ptx;

static constexpr unsigned maxCallDepth = 48;

void Decoder::collectReachable(const Function &function,
                               std::vector<const Function *> &reached) {
  if (std::find(reached.begin(), reached.end(), &function) != reached.end())
    return;
  reached.push_back(&function);
  for (const Instruction &inst : function.body) {
    if (inst.opcode != "call")
      continue;
    for (const Operand &op : inst.operands)
      if (op.kind == OperandKind::symbol)
        if (const Function *callee = module.findFunction(op.name))
          collectReachable(*callee, reached);
  }
}

/// Gives every shared variable that the kernel can name its place: static ones
/// first, then the dynamic part that all `.extern` arrays share.
bool Decoder::layOutShared(const Function &function) {
  std::vector<const Function *> reached;
  collectReachable(function, reached);
  std::vector<const Variable *> dynamic;
  uint64_t end = sharedBase;
  uint32_t dynamicAlign = 16;
  auto add = [&](const Variable *v) {
    if (sharedOffsets.count(v))
      return;
    if (v->isExtern) {
      sharedOffsets[v] = 0;
      dynamic.push_back(v);
      dynamicAlign = std::max(dynamicAlign, v->align);
      return;
    }
    end = (end + v->align - 1) & -uint64_t(v->align);
    sharedOffsets[v] = uint32_t(end);
    end += v->size;
  };
  std::function<void(const Operand &)> visit = [&](const Operand &op) {
    for (const Operand &e : op.elems)
      visit(e);
    if (op.kind != OperandKind::symbol || op.variable != -1)
      return;
    const Variable *v = module.findVariable(op.name);
    if (v && v->space == Space::shared)
      add(v);
  };
  for (const Function *f : reached) {
    for (const Variable &v : f->variables)
      if (v.space == Space::shared)
        add(&v);
      else if (v.space == Space::global || v.space == Space::constant)
        return fail(v.loc, ".global and .const variables inside functions are "
                           "not supported");
    for (const Instruction &inst : f->body)
      for (const Operand &op : inst.operands)
        visit(op);
    if (end - sharedBase > (1u << 24))
      return fail(f->loc, "more than 16 MiB of shared memory");
  }
  program->staticShared = uint32_t(end - sharedBase);
  program->dynamicSharedOffset =
      uint32_t((end + dynamicAlign - 1) & -uint64_t(dynamicAlign));
  program->usesDynamicShared = !dynamic.empty();
  for (const Variable *v : dynamic)
    sharedOffsets[v] = program->dynamicSharedOffset;
  return true;
}

bool Decoder::decodeEntry(const Function &function) {
  size_t before = diagnostics.size();
  for (const Modifier &m : function.unsupportedDirectives)
    fail(m.loc, "thread block clusters (." + m.text + ") are not supported");
  program->name = function.name;
  for (int i = 0; i < 3; ++i) {
    program->reqntid[i] = function.reqntid[i];
    program->maxntid[i] = function.maxntid[i];
  }
  program->maxnreg = function.maxnreg;
  program->minnctapersm = function.minnctapersm;
  if (!layOutShared(function))
    return false;
  Frame f;
  f.function = &function;
  f.isEntry = function.isEntry;
  uint64_t at = 0;
  for (const Variable &v : function.params) {
    Binding b;
    at = (at + v.align - 1) & -uint64_t(v.align);
    b.offset = int32_t(at);
    b.kernelParam = function.isEntry;
    if (!function.isEntry && v.space == Space::param &&
        !allocateLocal(v.size, v.align, b.offset))
      return fail(v.loc, "parameters are too large");
    program->paramOffsets.push_back(uint32_t(at));
    program->paramSizes.push_back(uint32_t(v.size));
    program->paramNames.push_back(v.name);
    at += v.size;
    if (at > 32764)
      return fail(v.loc, "more than 32,764 bytes of parameters");
    f.params.push_back(b);
  }
  for (const Variable &v : function.results) {
    Binding b;
    if (v.space == Space::param && !allocateLocal(v.size, v.align, b.offset))
      return fail(v.loc, "results are too large");
    f.results.push_back(b);
  }
  program->paramBytes = uint32_t(at);
  decodeBody(f);
  program->localBytes = (program->localBytes + 15) & ~15u;
  findStraightRuns(*program);
  return diagnostics.size() == before;
}

/// Makes the formal `.param` variables names of the caller's storage.
bool Decoder::bindArguments(const Operand *list,
                            const std::vector<Variable> &formals,
                            std::vector<Binding> &bindings, const char *what) {
  size_t count = list ? list->elems.size() : 0;
  if (count != formals.size())
    return fail(formatString("call with %zu %s where %zu are declared", count,
                             what, formals.size()));
  for (size_t i = 0; i < count; ++i) {
    const Operand &actual = list->elems[i];
    Binding b;
    if (formals[i].space == Space::param) {
      if (actual.kind != OperandKind::symbol || actual.variable == -1)
        return fail(actual.loc, "expected a .param variable");
      const Variable *v;
      if (actual.variable >= 0) {
        v = &frame->function->variables[actual.variable];
        b = frame->variables[actual.variable];
      } else if (actual.variable > -1000) {
        v = &frame->function->params[-2 - actual.variable];
        b = frame->params[-2 - actual.variable];
      } else {
        v = &frame->function->results[-1000 - actual.variable];
        b = frame->results[-1000 - actual.variable];
      }
      if (v->space != Space::param || v->size != formals[i].size)
        return fail(actual.loc, "'" + v->name +
                                    "' does not match the declared parameter");
    }
    bindings.push_back(b);
  }
  return true;
}

bool Decoder::callBuiltin(const Function &callee, const Operand *results) {
  Handler handler = nullptr;
  if (callee.name == "vprintf")
    handler = runPrintf;
  else if (callee.name == "__assertfail")
    handler = runAssertFail;
  if (!handler)
    return fail("function '" + callee.name + "' has no body");
  return true;
}

// call{.uni} (results), name, (arguments);
bool Decoder::call() {
  eat("uni");
  const Instruction &inst = *current;
  const Operand *results = nullptr, *arguments = nullptr, *name = nullptr;
  for (const Operand &op : inst.operands) {
    if (op.kind == OperandKind::list)
      (name ? arguments : results) = &op;
    else if (!name)
      name = &op;
    else
      return fail(op.loc, "indirect calls are not supported");
  }
  if (!name || name->kind != OperandKind::symbol)
    return fail("indirect calls are not supported");
  const Function *callee = module.findFunction(name->name);
  if (!callee || callee->isEntry)
    return fail(name->loc, "function '" + name->name + "' is not declared");
  if (callDepth >= maxCallDepth)
    return fail("calls nested deeper than 48, or recursive, are not supported");
  Frame f;
  f.function = callee;
  f.isEntry = false;
  if (!bindArguments(arguments, callee->params, f.params, "arguments") ||
      !bindArguments(results, callee->results, f.results, "results"))
    return false;
  // Lanes whose guard is false jump over the inlined body.
  uint32_t skip = noSlot;
  if (inst.guarded) {
    out = Inst();
    out.flow = Flow::branch;
    out.pipe = Pipe::control;
    skip = uint32_t(program->code.size());
    emit();
    program->code.back().guardNegated = !inst.guardNegated;
  }
  if (callee->isDeclaration) {
    if (!callBuiltin(*callee, results))
      return false;
    out = Inst();
    out.flow = Flow::memory;
    out.pipe = Pipe::control;
    out.run = callee->name == "vprintf" ? runPrintf : runAssertFail;
    std::vector<uint32_t> pool;
    for (const Binding &b : f.params)
      pool.push_back(uint32_t(b.offset));
    out.target = f.results.empty() ? noSlot : uint32_t(f.results[0].offset);
    out.aux = addPool(pool);
    out.imm = pool.size();
    emit();
  } else {
    f.slots.clear();
    Frame *caller = frame;
    // Register parameters: decodeBody fills f.slots, so allocate them first.
    struct Copy {
      uint32_t callerSlot, reg;
      Type type;
    };
    std::vector<Copy> in, back;
    auto collect = [&](const Operand *list, const std::vector<Variable> &formals,
                       bool isResult, std::vector<Copy> &copies) {
      for (size_t i = 0; i < formals.size(); ++i) {
        if (formals[i].space != Space::reg)
          continue;
        uint32_t slot;
        if (!(isResult ? dest(list->elems[i], formals[i].type, slot)
                       : source(list->elems[i], formals[i].type, slot)))
          return false;
        copies.push_back({slot, formals[i].reg, formals[i].type});
      }
      return true;
    };
    if (!collect(arguments, callee->params, false, in) ||
        !collect(results, callee->results, true, back))
      return false;
    f.presetSlots.reserve(in.size() + back.size());
    auto move = [&](uint32_t d, uint32_t s, Type type) {
      out = Inst();
      out.run = moveHandler(type);
      out.d = d;
      out.a = s;
      emit();
    };
    for (const Copy &c : in) {
      uint32_t slot = newSlot(std::max(1u, typeSize(c.type)));
      f.presetSlots.push_back({c.reg, slot});
      move(slot, c.callerSlot, c.type);
    }
    for (const Copy &c : back)
      f.presetSlots.push_back({c.reg, newSlot(std::max(1u, typeSize(c.type)))});
    ++callDepth;
    bool ok = decodeBody(f);
    --callDepth;
    frame = caller;
    if (!ok)
      return false;
    for (size_t i = 0; i < back.size(); ++i)
      move(back[i].callerSlot, f.presetSlots[in.size() + i].second,
           back[i].type);
  }
  if (skip != noSlot)
    program->code[skip].target = uint32_t(program->code.size());
  return true;
}

std::unique_ptr<Program>
lowbit::ptx::decodeKernel(const Module &module, const Function &function,
                          const DecodeEnvironment &environment,
                          std::vector<Diagnostic> &diagnostics) {
  Decoder decoder(module, environment, diagnostics);
  if (module.target > environment.arch ||
      (module.targetSuffix == 'a' && module.target != environment.arch)) {
    diagnostics.push_back(
        {function.loc,
         formatString("the module is for sm_%u%s and does not run on sm_%u",
                      module.target, module.targetSuffix == 'a' ? "a" : "",
                      environment.arch)});
    return nullptr;
  }
  if (!decoder.decodeEntry(function))
    return nullptr;
  return decoder.take();
}

bool lowbit::ptx::checkFunction(const Module &module, const Function &function,
                                const DecodeEnvironment &environment,
                                std::vector<Diagnostic> &diagnostics) {
  Decoder decoder(module, environment, diagnostics);
  return decoder.decodeEntry(function);
}
