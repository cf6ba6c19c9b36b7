//===- OpsControl.cpp - Branches, barriers and fences ---------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Lanes.h"
#include "runtime/Simulator/Races.h"

#include <bit>

using namespace lowbit;
using namespace lowbit::ptx;

static bool control(Decoder &d) {
  d.out.pipe = Pipe::control;
  d.emit();
  return true;
}

static bool decodeBra(Decoder &d) {
  d.eat("uni");
  return d.expectOperands(1, 1) && d.branchTo(d.operand(0)) && control(d);
}
static bool decodeBrx(Decoder &d) {
  if (!d.eat("idx"))
    return d.badModifier(".idx");
  d.eat("uni");
  uint32_t slot;
  return d.expectOperands(2, 2) && d.source(0, Type::u32, slot) && d.branchTable(d.operand(1), slot) && control(d);
}
static bool decodeRet(Decoder &d) {
  d.eat("uni");
  d.out.pipe = Pipe::control;
  d.functionReturn();
  return d.expectOperands(0, 0);
}
static bool decodeExit(Decoder &d) {
  d.out.flow = Flow::exit;
  return d.expectOperands(0, 0) && control(d);
}
static bool decodeTrap(Decoder &d) {
  d.out.flow = Flow::trap;
  return d.expectOperands(0, 0) && control(d);
}
static bool decodeCall(Decoder &d) { return d.call(); }

namespace {
void runNothing(Warp &, const Inst &, uint32_t) {}
void runFence(Warp &w, const Inst &i, uint32_t mask) {
  if (w.worker->races)
    w.worker->races->fence(w, mask, i.p0);
}
/// Gives the other warps a turn.
void runNanosleep(Warp &w, const Inst &, uint32_t) { w.worker->yield = true; }
} // namespace

/// membar, fence. p0: 0 CTA, 1 device or system.
static bool decodeFence(Decoder &d) {
  d.out.run = runFence;
  d.out.flow = Flow::memory;
  if (d.inst().opcode == "membar") {
    int level = d.eatOneOf({"cta", "gl", "sys"});
    if (level < 0)
      return d.badModifier(".cta, .gl or .sys");
    d.out.p0 = level > 0;
    return d.expectOperands(0, 0) && control(d);
  }
  if (d.peek("mbarrier_init"))
    return d.unsupported("fence.mbarrier_init (clusters)");
  if (d.eat("proxy")) {
    if (!d.require(70, 78, "fence.proxy"))
      return false;
    if (d.eatOneOf({"alias", "async", "async.global", "async.shared::cta"}) < 0)
      return d.unsupported("this fence.proxy");
    d.eatOneOf({"global", "shared::cta"});
    d.out.run = runNothing;
    return d.expectOperands(0, 0) && control(d);
  }
  d.eatOneOf({"sc", "acq_rel", "acquire", "release"});
  int scope = d.eatOneOf({"cta", "gpu", "sys", "cluster"});
  if (scope < 0)
    return d.badModifier("a scope");
  d.out.p0 = scope == 1 || scope == 2;
  return d.require(70, 60, "fence") && d.expectOperands(0, 0) && control(d);
}

static bool decodeNanosleep(Decoder &d) {
  if (!d.eat("u32"))
    return d.badModifier(".u32");
  d.out.run = runNanosleep;
  d.out.flow = Flow::memory;
  return d.require(70, 63, "nanosleep") && d.expectOperands(1, 1) && d.source(0, Type::u32, d.out.a) && control(d);
}

/// bar{.cta}.sync a{, b}; .arrive a, b; .red.op d, a{, b}, {!}c;
/// bar.warp.sync mask. p0: 0 sync, 1 arrive, 2 popc, 3 and, 4 or; p1: aligned.
static bool decodeBarrier(Decoder &d) {
  bool isBar = d.inst().opcode == "bar";
  if (isBar && d.eat("warp")) {
    if (!d.eat("sync"))
      return d.badModifier(".sync");
    d.out.flow = Flow::warpSync;
    d.out.p0 = 1; // lanes may wait at different places
    d.out.run = runNothing;
    return d.require(30, 60, "bar.warp.sync") && d.expectOperands(1, 1) && d.source(0, Type::b32, d.out.c) && control(d);
  }
  if (d.peek("cluster"))
    return d.unsupported("barriers of a cluster");
  d.eat("cta");
  int op = d.eatOneOf({"sync", "arrive", "red"});
  if (op < 0)
    return d.badModifier(".sync, .arrive or .red");
  d.out.flow = Flow::barrier;
  d.out.b = noSlot;
  if (op == 2) {
    int reduction = d.eatOneOf({"popc", "and", "or"});
    if (reduction < 0)
      return d.badModifier(".popc, .and or .or");
    d.out.p0 = uint8_t(2 + reduction);
  } else {
    d.out.p0 = uint8_t(op);
  }
  d.out.p1 = d.eat("aligned") || isBar;
  if (!isBar && !d.require(30, 60, "barrier"))
    return false;
  size_t first = 0, n = d.operandCount();
  if (op == 2) {
    bool popc = d.out.p0 == 2;
    bool negated;
    if (!d.eat(popc ? "u32" : "pred"))
      return d.badModifier(popc ? ".u32" : ".pred");
    if (!d.expectOperands(3, 4) || !d.dest(0, popc ? Type::u32 : Type::pred, d.out.d) ||
        !d.predSource(n - 1, d.out.c, negated))
      return false;
    d.out.p2 = negated;
    first = 1;
    --n;
  } else if (!d.expectOperands(op == 1 ? 2 : 1, 2)) {
    return false;
  }
  if (!d.source(first, Type::u32, d.out.a))
    return false;
  if (n - first > 1 && !d.source(first + 1, Type::u32, d.out.b))
    return false;
  return control(d);
}

static bool decodeGridControl(Decoder &d) {
  if (d.eatOneOf({"launch_dependents", "wait"}) < 0)
    return d.badModifier(".launch_dependents or .wait");
  d.out.run = runNothing;
  return d.require(90, 78, "griddepcontrol") && d.expectOperands(0, 0) && control(d);
}
static bool decodePmevent(Decoder &d) {
  d.eat("mask");
  uint64_t ignored;
  d.out.run = runNothing;
  return d.expectOperands(1, 1) && d.immediate(0, ignored) && control(d);
}
static bool decodeSetmaxnreg(Decoder &d) {
  if (d.eatOneOf({"inc", "dec"}) < 0 || !d.eat("sync") || !d.eat("aligned") || !d.eat("u32"))
    return d.badModifier(".inc or .dec, .sync.aligned.u32");
  uint64_t ignored;
  d.out.run = runNothing;
  return d.require(90, 80, "setmaxnreg") && d.expectOperands(1, 1) && d.immediate(0, ignored) && control(d);
}
/// Instructions of later GPUs that need what this simulator does not have yet.
bool lowbit::ptx::decodeLater(Decoder &d) {
  return d.unsupported(("'" + d.inst().opcode + "' (asynchronous tensor core, TMA or clusters)").c_str());
}

//===----------------------------------------------------------------------===//
// printf and assert
//===----------------------------------------------------------------------===//

namespace {
/// A zero-terminated string at a generic address, at most 4,096 bytes.
std::string readString(Warp &w, uint32_t lane, uint64_t address) {
  std::string s;
  while (s.size() < 4096) {
    uint8_t *p = accessGeneric(w, lane, address + s.size(), 1, false);
    if (!p || !*p)
      break;
    s += char(*p);
  }
  return s;
}
uint64_t readParam(Warp &w, uint32_t lane, uint32_t offset, uint32_t bytes) {
  uint64_t v = 0;
  if (uint8_t *p = accessLocal(w, lane, offset, bytes, false))
    std::memcpy(&v, p, bytes);
  return v;
}
} // namespace

/// The arguments lie in the buffer aligned to their own size: 4 for int, 8 for
/// long, pointers and floats (which C promotes to double).
void lowbit::ptx::runPrintf(Warp &w, const Inst &i, uint32_t mask) {
  for (uint32_t m = mask; m && !w.worker->stop; m &= m - 1) {
    uint32_t lane = uint32_t(std::countr_zero(m));
    std::string format = readString(w, lane, readParam(w, lane, w.pool[i.aux], 8));
    uint64_t args = readParam(w, lane, w.pool[i.aux + 1], 8);
    uint64_t at = 0;
    std::string text;
    auto next = [&](unsigned bytes) {
      at = (at + bytes - 1) & -uint64_t(bytes);
      uint64_t v = 0;
      if (uint8_t *p = accessGeneric(w, lane, args + at, bytes, false))
        std::memcpy(&v, p, bytes);
      at += bytes;
      return v;
    };
    for (size_t k = 0; k < format.size(); ++k) {
      if (format[k] != '%') {
        text += format[k];
        continue;
      }
      std::string spec = "%";
      bool isLong = false;
      for (++k; k < format.size() && std::strchr("-+ #0123456789.lhzjt*", format[k]); ++k) {
        if (format[k] == '*')
          spec += std::to_string(int32_t(next(4)));
        else if (std::strchr("lzjt", format[k]))
          isLong = true;
        else if (format[k] != 'h')
          spec += format[k];
      }
      if (k >= format.size() || spec.size() > 24)
        break;
      char c = format[k];
      if (c == '%') {
        text += '%';
      } else if (std::strchr("di", c)) {
        spec += "lld";
        long long v = isLong ? (long long)next(8) : (long long)int32_t(next(4));
        text += formatString(spec.c_str(), v);
      } else if (std::strchr("uxXo", c)) {
        spec += std::string("ll") + c;
        text += formatString(spec.c_str(), (unsigned long long)(isLong ? next(8) : next(4)));
      } else if (std::strchr("fFeEgGaA", c)) {
        spec += c;
        uint64_t bits = next(8);
        double v;
        std::memcpy(&v, &bits, 8);
        text += formatString(spec.c_str(), v);
      } else if (c == 'c') {
        text += char(next(4));
      } else if (c == 's') {
        text += readString(w, lane, next(8));
      } else if (c == 'p') {
        text += formatString("0x%llx", (unsigned long long)next(8));
      }
    }
    LaunchState &launch = *w.worker->launch;
    {
      std::lock_guard<std::mutex> lock(launch.mutex);
      if (launch.result->printed.size() < (8u << 20))
        launch.result->printed += text;
    }
    if (i.target != noSlot)
      if (uint8_t *p = accessLocal(w, lane, i.target, 4, true, false)) {
        int32_t n = int32_t(i.imm);
        std::memcpy(p, &n, 4);
      }
  }
}

/// __assertfail(message, file, line, function, size)
void lowbit::ptx::runAssertFail(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t lane = uint32_t(std::countr_zero(mask));
  if (i.imm < 4)
    return report(w, FindingKind::assertion, lane, 0, "assertion failed", true);
  std::string message = readString(w, lane, readParam(w, lane, w.pool[i.aux], 8));
  std::string file = readString(w, lane, readParam(w, lane, w.pool[i.aux + 1], 8));
  uint32_t line = uint32_t(readParam(w, lane, w.pool[i.aux + 2], 4));
  report(w, FindingKind::assertion, lane, 0,
         formatString("assertion '%s' failed at %s:%u", message.c_str(), file.c_str(), line), true);
}

static bool decodeBrkpt(Decoder &d) {
  d.out.run = runNothing;
  return d.expectOperands(0, 0) && control(d);
}

const OpcodeRow lowbit::ptx::controlOpcodes[] = {
    {"bra", decodeBra},         {"brx", decodeBrx},         {"ret", decodeRet},
    {"exit", decodeExit},       {"trap", decodeTrap},       {"call", decodeCall},
    {"membar", decodeFence},    {"fence", decodeFence},     {"nanosleep", decodeNanosleep},
    {"bar", decodeBarrier},     {"barrier", decodeBarrier}, {"griddepcontrol", decodeGridControl},
    {"pmevent", decodePmevent}, {"setmaxnreg", decodeSetmaxnreg}, {"brkpt", decodeBrkpt},
    {"wgmma", decodeLater},     {"tcgen05", decodeLater},   {"mapa", decodeLater},
    {"getctarank", decodeLater}, {"multimem", decodeLater}, {"tensormap", decodeLater},
    {"clusterlaunchcontrol", decodeLater}, {"cp.reduce", decodeLater},
    {"tex", decodeLater},       {"suld", decodeLater},      {"sust", decodeLater},
    {nullptr, nullptr}};
