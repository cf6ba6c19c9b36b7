//===- OpsSparse.cpp - mma.sp: A of which half the elements are zeros -----===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A holds K / 2 elements a row; the metadata say which column each belongs to.
// The sum is that of the dense instruction over the products that are kept, in
// the order of k.
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Exec.h"
#include "runtime/Simulator/Fragments.h"
#include "runtime/Simulator/Lanes.h"
#include "runtime/Simulator/MatrixTypes.h"
#include "runtime/Simulator/Numerics.h"

#include <algorithm>

using namespace lowbit;
using namespace lowbit::ptx;

namespace {

constexpr unsigned rows = 16, columns = 8;
constexpr unsigned longestKept = 64; ///< Elements of a row of A: s4 with K = 128.

/// In Program::pool at Inst::aux; the slots of D, A, B, C follow.
enum Field { fK, fTypeA, fTypeB, fBits, fCountA, fCountB, fCountD, fFlags, fArch, fLanes, fSelector, fMetadata, fRegisters };
enum Flag { flagSaturate = 1, flagHalf = 2, flagOrdered = 4 };

struct SparseTile {
  uint32_t a[rows][8];     ///< Words of what is kept of the rows.
  uint32_t b[columns][16]; ///< Words of the columns.
  uint8_t column[rows][longestKept]; ///< Of each kept element.
};

void gatherWords(Warp &w, const uint32_t *f, SparseTile &t) {
  const uint32_t *registers = f + fRegisters + f[fCountD];
  for (unsigned r = 0; r < f[fCountA]; ++r) {
    const uint32_t *v = row<uint32_t>(w, registers[r]);
    for (unsigned l = 0; l < 32; ++l) {
      FragmentPlace p = placeInA(l, r, rows);
      t.a[p.row][p.column] = v[l];
    }
  }
  registers += f[fCountA];
  for (unsigned r = 0; r < f[fCountB]; ++r) {
    const uint32_t *v = row<uint32_t>(w, registers[r]);
    for (unsigned l = 0; l < 32; ++l) {
      FragmentPlace p = placeInB(l, r);
      t.b[p.column][p.row] = v[l];
    }
  }
}

/// The ISA leaves every other value of a chunk undefined.
bool validChunk(uint32_t code, unsigned bits, bool ordered) {
  if (bits == 32)
    return code == 0x4 || code == 0xe;
  uint32_t first = code & 3, second = code >> 2;
  return ordered ? first < second : first != second;
}

/// False when the metadata are undefined; that has been reported.
bool gatherColumns(Warp &w, const uint32_t *f, SparseTile &t) {
  const uint32_t *metadata = row<uint32_t>(w, f[fMetadata]);
  unsigned bits = f[fBits];
  // Elements of a chunk, and elements that one index moves together.
  unsigned wide = bits == 32 ? 2 : bits == 4 ? 8 : 4, unit = bits == 4 ? 2 : 1;
  for (unsigned m = 0; m < rows; ++m)
    for (unsigned c = 0; c < f[fK] / wide; ++c) {
      MetadataPlace p = placeOfMetadata(m, c, bits, f[fLanes], f[fSelector]);
      uint32_t code = metadata[p.lane] >> p.shift & 15;
      if (!validChunk(code, bits, f[fFlags] & flagOrdered)) {
        report(w, FindingKind::metadata, p.lane, 0,
               formatString("mma.sp has the undefined metadata 0x%x for row %u, columns %u to %u (bits %u to %u of lane %u)",
                            code, m, c * wide, c * wide + wide - 1, p.shift, p.shift + 3, p.lane),
               true);
        return false;
      }
      uint8_t *to = t.column[m] + c * wide / 2;
      if (bits == 32) {
        *to = uint8_t(c * 2 + (code == 0xe));
        continue;
      }
      for (unsigned kept = 0; kept < 2; ++kept)
        for (unsigned e = 0; e < unit; ++e)
          to[kept * unit + e] = uint8_t(c * wide + (code >> 2 * kept & 3) * unit + e);
    }
  return true;
}

void runInteger(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *f = w.pool + i.aux;
  SparseTile t;
  gatherWords(w, f, t);
  if (!gatherColumns(w, f, t))
    return;
  unsigned kept = f[fK] / 2, bits = f[fBits], per = 32 / bits;
  int16_t a[rows][longestKept], b[columns][2 * longestKept];
  auto expand = [&](const uint32_t *from, unsigned count, uint32_t code, int16_t *to) {
    MmaType type = MmaType(code);
    bool isSigned = type == MmaType::s4 || type == MmaType::s8;
    for (unsigned x = 0; x < count; ++x) {
      uint32_t top = from[x / per] << (32 - bits - bits * (x % per));
      to[x] = isSigned ? int16_t(int32_t(top) >> (32 - bits)) : int16_t(top >> (32 - bits));
    }
  };
  for (unsigned m = 0; m < rows; ++m)
    expand(t.a[m], kept, f[fTypeA], a[m]);
  for (unsigned n = 0; n < columns; ++n)
    expand(t.b[n], f[fK], f[fTypeB], b[n]);
  const uint32_t *registers = f + fRegisters, *c = registers + f[fCountD] + f[fCountA] + f[fCountB];
  for (unsigned v = 0; v < f[fCountD]; ++v) {
    const uint32_t *in = row<uint32_t>(w, c[v]);
    uint32_t *out = row<uint32_t>(w, registers[v]);
    for (unsigned l = 0; l < 32; ++l) {
      if (!(mask >> l & 1))
        continue;
      FragmentPlace p = placeInC(l, v);
      int64_t sum = int32_t(in[l]);
      for (unsigned x = 0; x < kept; ++x)
        sum += a[p.row][x] * b[p.column][t.column[p.row][x]];
      if (f[fFlags] & flagSaturate)
        sum = std::clamp<int64_t>(sum, INT32_MIN, INT32_MAX);
      out[l] = uint32_t(sum);
    }
  }
}

void runFloat(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *f = w.pool + i.aux;
  SparseTile t;
  gatherWords(w, f, t);
  if (!gatherColumns(w, f, t))
    return;
  unsigned kept = f[fK] / 2, bits = f[fBits], per = 32 / bits;
  uint32_t element = bits == 32 ? ~0u : (1u << bits) - 1;
  auto take = [&](const uint32_t *words, unsigned x) { return words[x / per] >> (bits * (x % per)) & element; };
  bool half = f[fFlags] & flagHalf;
  const uint32_t *registers = f + fRegisters, *c = registers + f[fCountD] + f[fCountA] + f[fCountB];
  float in[rows][columns], out[rows][columns];
  for (unsigned v = 0; v < 4; ++v) {
    const uint32_t *r = row<uint32_t>(w, c[half ? v / 2 : v]);
    for (unsigned l = 0; l < 32; ++l) {
      FragmentPlace p = placeInC(l, v);
      in[p.row][p.column] = half ? halfToFloat(uint16_t(r[l] >> (16 * (v & 1)))) : asFloat(r[l]);
    }
  }
  TensorInput ta = tensorInput(MmaType(f[fTypeA])), tb = tensorInput(MmaType(f[fTypeB]));
  // Every row of A picks its own rows of B.
  for (unsigned m = 0; m < rows; ++m) {
    uint32_t a[1][32] = {}, b[32][8];
    for (unsigned x = 0; x < kept; ++x) {
      a[0][x] = take(t.a[m], x);
      for (unsigned n = 0; n < columns; ++n)
        b[x][n] = take(t.b[n], t.column[m][x]);
    }
    tensorTile(a, b, kept, 1, in + m, out + m, ta, tb, tensorModel(f[fArch], ta));
  }
  for (unsigned v = 0; v < f[fCountD]; ++v) {
    uint32_t *r = row<uint32_t>(w, registers[v]);
    for (unsigned l = 0; l < 32; ++l) {
      if (!(mask >> l & 1))
        continue;
      auto value = [&](unsigned which) {
        FragmentPlace p = placeInC(l, which);
        return out[p.row][p.column];
      };
      r[l] = half ? floatToHalf(value(2 * v)) | uint32_t(floatToHalf(value(2 * v + 1))) << 16
                  : asBits(canonical(value(v)));
    }
  }
}

/// K of the short and the long shape; the long one has four registers of A.
bool shapeOf(Decoder &d, const MmaTypeRow &t, unsigned k) {
  // The quad's metadata are 16 K bits for elements of 8 bits and more.
  unsigned shortK = 256 / t.bits;
  bool known = k == shortK || k == 2 * shortK;
  switch (t.type) {
  case MmaType::f16: case MmaType::bf16: case MmaType::tf32:
    return (known && d.require(80, 71, "sparse mma")) || d.diagnosed() ||
           d.fail(formatString("mma.sp has no shape .m16n8k%u for .%s", k, t.name));
  case MmaType::e4m3: case MmaType::e5m2:
    if (k == 64)
      return d.require(89, 84, "sparse mma of fp8");
    break;
  case MmaType::s8: case MmaType::u8: case MmaType::s4: case MmaType::u4:
    if (known)
      return d.require(80, 71, "sparse mma");
    break;
  default: break;
  }
  return d.fail(formatString("mma.sp has no shape .m16n8k%u for .%s", k, t.name));
}

} // namespace

bool lowbit::ptx::decodeSparseMma(Decoder &d) {
  bool ordered = d.eat("sp::ordered_metadata");
  if (!ordered)
    d.eat("sp");
  if (ordered && !d.require(80, 85, "mma.sp::ordered_metadata"))
    return false;
  if (!d.eat("sync") || !d.eat("aligned"))
    return d.badModifier(".sync.aligned");
  static const unsigned longest[] = {8, 16, 32, 64, 128};
  int shape = d.eatOneOf({"m16n8k8", "m16n8k16", "m16n8k32", "m16n8k64", "m16n8k128"});
  if (shape < 0)
    return d.badModifier("a shape of mma.sp");
  unsigned k = longest[shape];
  if (!d.eat("row") || !d.eat("col"))
    return d.badModifier(".row.col");
  if (d.peek("kind::f8f6f4") || d.peek("kind::mxf8f6f4") || d.peek("kind::mxf4") || d.peek("kind::mxf4nvf4"))
    return d.unsupported("mma with .kind");
  bool saturate = d.eat("satfinite");
  int dtype = d.eatOneOf({"s32", "f32", "f16"});
  if (dtype < 0)
    return d.badModifier("the type of the result");
  MmaTypeRow ta, tb;
  if (!eatMmaType(d, ta) || !eatMmaType(d, tb) || !shapeOf(d, ta, k))
    return false;
  int ctype = d.eatOneOf({"s32", "f32", "f16"});
  if (ctype < 0)
    return d.badModifier("the type of the accumulator");
  bool integer = ta.type <= MmaType::b1;
  if (tb.bits != ta.bits || (ta.bits > 8 && ta.type != tb.type) || (tb.type <= MmaType::b1) != integer)
    return d.fail("mma.sp with element types that do not go together");
  if (integer != (dtype == 0) || dtype != ctype)
    return d.fail("mma.sp with a result or accumulator of another kind");
  if (dtype == 2 && ta.type != MmaType::f16 && ta.bits != 8)
    return d.fail("mma.sp of this type accumulates in f32");
  if (saturate && !integer)
    return d.fail(".satfinite does not go with this type");
  // Bits of metadata of a quad of lanes: two rows, four for a chunk.
  unsigned wide = ta.bits == 32 ? 2 : ta.bits == 4 ? 8 : 4;
  unsigned lanes = 2 * (k / wide) * 4 / 32;
  unsigned countA = rows * (k / 2) * ta.bits / 1024, countB = columns * k * tb.bits / 1024;
  unsigned countD = dtype == 2 ? 2 : 4;
  std::vector<uint32_t> pool = {k, uint32_t(ta.type), uint32_t(tb.type), ta.bits, countA, countB, countD,
                                (saturate ? flagSaturate : 0u) | (dtype == 2 ? flagHalf : 0u) | (ordered ? flagOrdered : 0u),
                                d.deviceArch(), lanes, 0, 0};
  Type accumulator = integer ? Type::s32 : dtype == 2 ? Type::b32 : Type::f32;
  uint64_t selector = 0;
  if (!d.expectOperands(6, 6) || !d.vectorOf(0, accumulator, true, countD, pool) ||
      !d.vectorOf(1, Type::b32, false, countA, pool) || !d.vectorOf(2, Type::b32, false, countB, pool) ||
      !d.vectorOf(3, accumulator, false, countD, pool) || !d.source(4, Type::b32, pool[fMetadata]) ||
      !d.immediate(5, selector))
    return false;
  if (selector >= 4 / lanes)
    return d.fail(d.operand(5).loc, formatString("the sparsity selector is %llu, %u lanes of four hold metadata: 0 to %u",
                                                 static_cast<unsigned long long>(selector), lanes, 4 / lanes - 1));
  pool[fSelector] = uint32_t(selector);
  d.out.aux = d.addPool(pool);
  return finishSync(d, integer ? runInteger : runFloat, Pipe::tensor);
}
