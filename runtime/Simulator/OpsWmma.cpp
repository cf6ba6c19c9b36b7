//===- OpsWmma.cpp - wmma of bits -----------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// wmma's fragments are opaque: a program may only load, multiply and store
// them. For b1 they are the ones of mma m8n8k128.
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Fragments.h"
#include "runtime/Simulator/Lanes.h"

#include <bit>

using namespace lowbit::ptx;

namespace {

/// a = base, imm = offset, b = stride in elements, p0 = 0: A or B (rows of 128
/// bits), 1: C, 2: D; p1 = space (0 generic, 1 global, 2 shared), p2 = column
/// major, pool[aux..] = registers.
void runWmmaMove(Warp &w, const Inst &i, uint32_t mask) {
  const uint64_t *base = row<uint64_t>(w, i.a);
  const uint32_t *base32 = row<uint32_t>(w, i.a);
  const uint32_t *stride = row<uint32_t>(w, i.b);
  unsigned values = i.p0 ? 2 : 1;
  for (unsigned l = 0; l < 32 && !w.worker->stop; ++l) {
    if (!(mask >> l & 1))
      continue;
    uint64_t at = ((i.p3 & 1) ? base[l] : base32[l]) + i.imm;
    for (unsigned v = 0; v < values; ++v) {
      uint64_t offset;
      if (!i.p0) {
        offset = uint64_t(l / 4) * (stride[l] / 8) + 4 * (l % 4);
      } else {
        FragmentPlace p = placeInC(l, v);
        uint64_t element = i.p2 ? uint64_t(p.column) * stride[l] + p.row : uint64_t(p.row) * stride[l] + p.column;
        offset = 4 * element;
      }
      bool store = i.p0 == 2;
      uint8_t *p = i.p1 == 2   ? accessShared(w, l, at + offset, 4, store, !store)
                   : i.p1 == 1 ? accessGlobal(w, l, at + offset, 4, store, !store)
                               : accessGeneric(w, l, at + offset, 4, store, !store);
      if (!p)
        return;
      uint32_t *r = &row<uint32_t>(w, w.pool[i.aux + v])[l];
      if (store)
        std::memcpy(p, r, 4);
      else
        std::memcpy(r, p, 4);
    }
  }
}

/// pool[aux..]: d0 d1 a b c0 c1; p0 = and instead of xor.
void runWmmaBits(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *r = w.pool + i.aux;
  uint32_t a[32], b[32], c[2][32];
  std::memcpy(a, row<uint32_t>(w, r[2]), sizeof(a));
  std::memcpy(b, row<uint32_t>(w, r[3]), sizeof(b));
  for (unsigned v = 0; v < 2; ++v)
    std::memcpy(c[v], row<uint32_t>(w, r[4 + v]), sizeof(c[v]));
  for (unsigned v = 0; v < 2; ++v)
    for (unsigned l = 0; l < 32; ++l) {
      if (!(mask >> l & 1))
        continue;
      FragmentPlace p = placeInC(l, v);
      uint32_t sum = c[v][l];
      for (unsigned x = 0; x < 4; ++x) {
        uint32_t s = a[p.row * 4 + x], t = b[p.column * 4 + x];
        sum += uint32_t(std::popcount(i.p0 ? s & t : s ^ t));
      }
      row<uint32_t>(w, r[v])[l] = sum;
    }
}

bool finishAligned(Decoder &d, Handler h, Pipe pipe) {
  d.out.flow = Flow::warpSync;
  d.out.c = d.constant(0xffffffff, 4);
  return finish(d, h, pipe);
}

} // namespace

bool lowbit::ptx::decodeWmma(Decoder &d) {
  int op = d.eatOneOf({"load", "mma", "store"});
  if (op < 0)
    return d.badModifier(".load, .mma or .store");
  if (op == 1) {
    int bit = d.eatOneOf({"xor", "and"});
    if (bit < 0)
      return d.unsupported("wmma other than of bits (use mma)");
    if (!d.eat("popc") || !d.eat("sync") || !d.eat("aligned") || !d.eat("row") || !d.eat("col") ||
        !d.eat("m8n8k128") || !d.eat("s32") || !d.eat("b1") || !d.eat("b1") || !d.eat("s32"))
      return d.badModifier(".popc.sync.aligned.row.col.m8n8k128.s32.b1.b1.s32");
    d.out.p0 = uint8_t(bit);
    std::vector<uint32_t> registers;
    if (!d.require(bit ? 80 : 75, bit ? 71 : 63, "wmma of bits") || !d.expectOperands(4, 4) ||
        !d.vectorOf(0, Type::s32, true, 2, registers) || !d.vectorOf(1, Type::b32, false, 1, registers) ||
        !d.vectorOf(2, Type::b32, false, 1, registers) || !d.vectorOf(3, Type::s32, false, 2, registers))
      return false;
    d.out.aux = d.addPool(registers);
    return finishAligned(d, runWmmaBits, Pipe::tensor);
  }
  int which = op == 2 ? (d.eat("d") ? 3 : -1) : d.eatOneOf({"a", "b", "c"});
  if (which < 0 || !d.eat("sync") || !d.eat("aligned"))
    return d.badModifier("the matrix, .sync.aligned");
  int layout = d.eatOneOf({"row", "col"});
  if (layout < 0)
    return d.badModifier(".row or .col");
  if (!d.eat("m8n8k128"))
    return d.unsupported("wmma other than of bits (use mma)");
  int space = d.eatOneOf({"global", "shared", "shared::cta"});
  if (which < 2 && layout != which)
    return d.fail("wmma of bits takes A by rows and B by columns");
  if (!d.eat(which < 2 ? "b1" : "s32"))
    return d.badModifier(which < 2 ? ".b1" : ".s32");
  d.out.p0 = which < 2 ? 0 : which == 2 ? 1 : 2;
  d.out.p1 = uint8_t(space < 0 ? 0 : space ? 2 : 1);
  d.out.p2 = uint8_t(layout);
  size_t data = op == 2 ? 1 : 0, place = op == 2 ? 0 : 1;
  Decoder::Address address;
  std::vector<uint32_t> registers;
  if (!d.require(75, 63, "wmma of bits") || !d.expectOperands(2, 3) ||
      !d.vectorOf(data, which < 2 ? Type::b32 : Type::s32, op == 0, which < 2 ? 1 : 2, registers) ||
      !d.address(place, d.out.p1 == 2 ? Space::shared : d.out.p1 ? Space::global : Space::none, address))
    return false;
  d.out.b = d.constant(which < 2 ? 128 : 8, 4);
  if (d.operandCount() == 3 && !d.source(2, Type::u32, d.out.b))
    return false;
  d.out.a = address.slot;
  d.out.imm = uint64_t(address.offset);
  d.out.p3 = address.wide;
  d.out.aux = d.addPool(registers);
  return finishAligned(d, runWmmaMove, Pipe::lsu);
}
