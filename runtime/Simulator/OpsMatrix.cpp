//===- OpsMatrix.cpp - mma, ldmatrix, stmatrix, movmatrix -----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Fragments.h"
#include "runtime/Simulator/IntegerTile.h"
#include "runtime/Simulator/Lanes.h"
#include "runtime/Simulator/MatrixTypes.h"
#include "runtime/Simulator/Numerics.h"
#include "runtime/Simulator/TensorCore.h"

#include <algorithm>
#include <bit>

#ifdef __AVX2__
#include <immintrin.h>
#endif

using namespace lowbit;
using namespace lowbit::ptx;

TensorInput lowbit::ptx::tensorInput(MmaType t) {
  switch (t) {
  case MmaType::bf16: return TensorInput::bf16;
  case MmaType::tf32: return TensorInput::tf32;
  case MmaType::e4m3: return TensorInput::e4m3;
  case MmaType::e5m2: return TensorInput::e5m2;
  default: return TensorInput::f16;
  }
}

static const MmaTypeRow mmaTypes[] = {
    {"u4", MmaType::u4, 4},     {"s4", MmaType::s4, 4},     {"u8", MmaType::u8, 8},
    {"s8", MmaType::s8, 8},     {"b1", MmaType::b1, 1},     {"f16", MmaType::f16, 16},
    {"bf16", MmaType::bf16, 16}, {"tf32", MmaType::tf32, 32}, {"e4m3", MmaType::e4m3, 8},
    {"e5m2", MmaType::e5m2, 8}};

bool lowbit::ptx::finishSync(Decoder &d, Handler h, Pipe pipe) {
  d.out.flow = Flow::warpSync;
  d.out.c = d.constant(0xffffffff, 4); // .aligned: every lane of the warp
  return finish(d, h, pipe);
}

bool lowbit::ptx::eatMmaType(Decoder &d, MmaTypeRow &type) {
  for (const MmaTypeRow &row : mmaTypes)
    if (d.eat(row.name)) {
      type = row;
      return true;
    }
  return d.badModifier("an element type");
}

namespace {

/// In Program::pool at Inst::aux.
enum MmaField { fRows, fK, fTypeA, fTypeB, fCountA, fCountB, fCountC, fFlags, fArch, fRegisters };
enum MmaFlag { flagSaturate = 1, flagAnd = 2, flagHalfD = 4, flagHalfC = 8 };

struct Tile {
  uint32_t a[16][8]; ///< Words of the rows.
  uint32_t b[8][8];  ///< Words of the columns: [column][word].
};

/// Four neighbouring lanes hold four neighbouring words of a row (of a column of B), so
/// words are copied by four.
constexpr bool lanesHoldRuns() {
  for (unsigned rows : {8u, 16u})
    for (unsigned r = 0; r < 4; ++r)
      for (unsigned l = 0; l < 32; ++l) {
        FragmentPlace first = placeInA(l / 4 * 4, r, rows), p = placeInA(l, r, rows);
        if (p.row != first.row || p.column != first.column + l % 4)
          return false;
        first = placeInB(l / 4 * 4, r);
        p = placeInB(l, r);
        if (p.column != first.column || p.row != first.row + l % 4)
          return false;
      }
  return true;
}
static_assert(lanesHoldRuns());

void gather(Warp &w, const uint32_t *f, const uint32_t *registers, Tile &t) {
  constexpr size_t run = 4 * sizeof(uint32_t);
  for (unsigned r = 0; r < f[fCountA]; ++r) {
    const uint32_t *v = row<uint32_t>(w, registers[r]);
    for (unsigned l = 0; l < 32; l += 4) {
      FragmentPlace p = placeInA(l, r, f[fRows]);
      std::memcpy(&t.a[p.row][p.column], v + l, run);
    }
  }
  registers += f[fCountA];
  for (unsigned r = 0; r < f[fCountB]; ++r) {
    const uint32_t *v = row<uint32_t>(w, registers[r]);
    for (unsigned l = 0; l < 32; l += 4) {
      FragmentPlace p = placeInB(l, r);
      std::memcpy(&t.b[p.column][p.row], v + l, run);
    }
  }
}

using ResultRows = uint32_t *[4];

void multiplyBits(Warp &w, const uint32_t *f, const ResultRows &in, const ResultRows &out) {
  Tile t;
  gather(w, f, f + fRegisters + f[fCountC], t);
  const unsigned words = f[fK] / 32;
  for (unsigned v = 0; v < f[fCountC]; ++v)
    for (unsigned l = 0; l < 32; ++l) {
      const FragmentPlace p = placeInC(l, v);
      uint32_t sum = in[v][l];
      for (unsigned x = 0; x < words; ++x) {
        const uint32_t a = t.a[p.row][x], b = t.b[p.column][x];
        sum += uint32_t(std::popcount((f[fFlags] & flagAnd) ? a & b : a ^ b));
      }
      out[v][l] = sum;
    }
}

TileShape tileShape(const uint32_t *f) {
  const MmaType a = MmaType(f[fTypeA]), b = MmaType(f[fTypeB]);
  return {a == MmaType::s4 || a == MmaType::s8, b == MmaType::s4 || b == MmaType::s8,
          a == MmaType::s4 || a == MmaType::u4, f[fRows] / 8, f[fCountB]};
}

/// Registers of a warp are blocks of a tile as they are.
void multiplyNumbers(Warp &w, const uint32_t *f, const ResultRows &in,
                     const ResultRows &out) {
  const uint32_t *registers = f + fRegisters + f[fCountC], *a[4] = {}, *b[2] = {};
  for (unsigned r = 0; r < f[fCountA]; ++r)
    a[r] = row<uint32_t>(w, *registers++);
  for (unsigned r = 0; r < f[fCountB]; ++r)
    b[r] = row<uint32_t>(w, *registers++);
  tileProduct(tileShape(f))(a, b, in, out);
}

void runMmaInteger(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *f = w.pool + i.aux;
  const unsigned count = f[fCountC];
  const uint32_t *d = f + fRegisters, *c = d + count + f[fCountA] + f[fCountB];
  // Sums first: a result may be another value's accumulator.
  uint32_t zeros[32] = {}, sums[4][32], before[4][32];
  const ResultRows in = {zeros, zeros, zeros, zeros}, out = {sums[0], sums[1], sums[2], sums[3]};
  if (f[fTypeA] == unsigned(MmaType::b1))
    multiplyBits(w, f, in, out);
  else
    multiplyNumbers(w, f, in, out);
  for (unsigned v = 0; v < count; ++v)
    std::memcpy(before[v], row<uint32_t>(w, c[v]), sizeof(before[v]));
  for (unsigned v = 0; v < count; ++v)
    eachLane(row<uint32_t>(w, d[v]), mask, [&](unsigned l) {
      const int64_t s = int64_t(int32_t(before[v][l])) + int32_t(sums[v][l]);
      return !(f[fFlags] & flagSaturate)   ? uint32_t(s)
             : s > INT32_MAX ? uint32_t(INT32_MAX)
             : s < INT32_MIN ? uint32_t(INT32_MIN)
                             : uint32_t(s);
    });
}

/// The usual case: numbers, sums modulo 2^32, and no result is another value's accumulator.
/// imm = the TileProduct.
template <unsigned halves, unsigned runs>
void runMmaNumbers(Warp &w, const Inst &i, uint32_t mask) {
  if (mask != allLanes)
    return runMmaInteger(w, i, mask);
  const uint32_t *registers = w.pool + i.aux + fRegisters, *a[4], *b[2], *in[4];
  uint32_t *out[4];
  for (unsigned v = 0; v < 2 * halves; ++v)
    out[v] = row<uint32_t>(w, *registers++);
  for (unsigned r = 0; r < halves * runs; ++r)
    a[r] = row<uint32_t>(w, *registers++);
  for (unsigned r = 0; r < runs; ++r)
    b[r] = row<uint32_t>(w, *registers++);
  for (unsigned v = 0; v < 2 * halves; ++v)
    in[v] = row<uint32_t>(w, *registers++);
  reinterpret_cast<TileProduct>(i.imm)(a, b, in, out);
}

/// The handler for a decoded integer product.
Handler mmaIntegerHandler(const std::vector<uint32_t> &f, uint64_t &product) {
  const unsigned count = f[fCountC];
  const uint32_t *d = f.data() + fRegisters, *c = d + count + f[fCountA] + f[fCountB];
  bool usual = f[fTypeA] != unsigned(MmaType::b1) && !(f[fFlags] & flagSaturate);
  for (unsigned v = 0; v < count; ++v)
    for (unsigned u = 0; u < count; ++u)
      usual &= u == v || c[u] != d[v];
  if (!usual)
    return runMmaInteger;
  const TileShape shape = tileShape(f.data());
  product = reinterpret_cast<uint64_t>(tileProduct(shape));
  if (shape.halves == 1)
    return shape.runs == 1 ? runMmaNumbers<1, 1> : runMmaNumbers<1, 2>;
  return shape.runs == 1 ? runMmaNumbers<2, 1> : runMmaNumbers<2, 2>;
}

void runMmaFloat(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *f = w.pool + i.aux;
  const uint32_t *registers = f + fRegisters;
  unsigned k = f[fK];
  bool halfD = f[fFlags] & flagHalfD, halfC = f[fFlags] & flagHalfC;
  unsigned countD = halfD ? 2 : 4;
  Tile t;
  gather(w, f, registers + countD, t);
  TensorInput ta = tensorInput(MmaType(f[fTypeA])), tb = tensorInput(MmaType(f[fTypeB]));
  unsigned bits = ta == TensorInput::tf32 ? 32 : ta >= TensorInput::e4m3 ? 8 : 16;
  unsigned per = 32 / bits;
  uint32_t element = bits == 32 ? ~0u : (1u << bits) - 1;
  uint32_t a[16][32], b[32][8];
  for (unsigned x = 0; x < k; ++x) {
    for (unsigned m = 0; m < 16; ++m)
      a[m][x] = t.a[m][x / per] >> (bits * (x % per)) & element;
    for (unsigned n = 0; n < 8; ++n)
      b[x][n] = t.b[n][x / per] >> (bits * (x % per)) & element;
  }
  const uint32_t *c = registers + countD + f[fCountA] + f[fCountB];
  float in[16][8], out[16][8];
  for (unsigned v = 0; v < 4; ++v) {
    const uint32_t *r = row<uint32_t>(w, c[halfC ? v / 2 : v]);
    for (unsigned l = 0; l < 32; ++l) {
      FragmentPlace p = placeInC(l, v);
      in[p.row][p.column] = halfC ? halfToFloat(uint16_t(r[l] >> (16 * (v & 1)))) : asFloat(r[l]);
    }
  }
  tensorTile(a, b, k, 16, in, out, ta, tb, tensorModel(f[fArch], ta));
  for (unsigned v = 0; v < countD; ++v) {
    uint32_t *r = row<uint32_t>(w, registers[v]);
    for (unsigned l = 0; l < 32; ++l) {
      if (!(mask >> l & 1))
        continue;
      if (!halfD) {
        FragmentPlace p = placeInC(l, v);
        r[l] = asBits(canonical(out[p.row][p.column]));
        continue;
      }
      FragmentPlace lo = placeInC(l, 2 * v), hi = placeInC(l, 2 * v + 1);
      r[l] = floatToHalf(out[lo.row][lo.column]) | uint32_t(floatToHalf(out[hi.row][hi.column])) << 16;
    }
  }
}

/// m8n8k4 in f64: one fma after another along k.
void runMmaDouble(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *r = w.pool + i.aux + fRegisters;
  double a[32], b[32], c[2][32];
  std::memcpy(a, row<double>(w, r[2]), sizeof(a));
  std::memcpy(b, row<double>(w, r[3]), sizeof(b));
  for (unsigned v = 0; v < 2; ++v)
    std::memcpy(c[v], row<double>(w, r[4 + v]), sizeof(c[v]));
  for (unsigned v = 0; v < 2; ++v)
    for (unsigned l = 0; l < 32; ++l) {
      FragmentPlace p = placeInC(l, v);
      double sum = c[v][l];
      for (unsigned k = 0; k < 4; ++k)
        sum = std::fma(a[p.row * 4 + k], b[p.column * 4 + k], sum);
      if (mask >> l & 1)
        row<double>(w, r[v])[l] = sum;
    }
}

struct Shape {
  const char *name;
  unsigned rows, k;
};
const Shape shapes[] = {{"m8n8k4", 8, 4},     {"m16n8k4", 16, 4},    {"m16n8k8", 16, 8},   {"m16n8k16", 16, 16},
                        {"m8n8k16", 8, 16},   {"m16n8k32", 16, 32},  {"m8n8k32", 8, 32},   {"m16n8k64", 16, 64},
                        {"m8n8k128", 8, 128}, {"m16n8k128", 16, 128}, {"m16n8k256", 16, 256}};

/// Which shapes a type has, and the oldest target and PTX version.
bool shapeAllowed(Decoder &d, const Shape &s, const MmaTypeRow &t) {
  auto is = [&](unsigned rows, unsigned k) { return s.rows == rows && s.k == k; };
  switch (t.type) {
  case MmaType::f16:
    if (is(16, 8)) return d.require(75, 65, "mma m16n8k8 of f16");
    if (is(16, 16)) return d.require(80, 70, "mma m16n8k16 of f16");
    if (is(8, 4)) return d.unsupported("mma m8n8k4 of f16 (Volta)");
    break;
  case MmaType::bf16:
    if (is(16, 8) || is(16, 16)) return d.require(80, 70, "mma of bf16");
    break;
  case MmaType::tf32:
    if (is(16, 4) || is(16, 8)) return d.require(80, 70, "mma of tf32");
    break;
  case MmaType::e4m3: case MmaType::e5m2:
    if (is(16, 32)) return d.require(89, 84, "mma of fp8");
    if (is(16, 16)) return d.require(89, 87, "mma m16n8k16 of fp8");
    break;
  case MmaType::s8: case MmaType::u8:
    if (is(8, 16)) return d.require(75, 65, "mma of 8-bit integers");
    if (is(16, 16) || is(16, 32)) return d.require(80, 70, "mma m16n8 of 8-bit integers");
    break;
  case MmaType::s4: case MmaType::u4:
    if (is(8, 32)) return d.require(75, 65, "mma of 4-bit integers");
    if (is(16, 32) || is(16, 64)) return d.require(80, 70, "mma m16n8 of 4-bit integers");
    break;
  case MmaType::b1:
    if (is(8, 128)) return d.require(75, 70, "mma of bits");
    if (is(16, 128) || is(16, 256)) return d.require(80, 70, "mma m16n8 of bits");
    break;
  default: break;
  }
  return d.fail(formatString("mma has no shape .%s for .%s", s.name, t.name));
}

bool decodeMma(Decoder &d) {
  if (d.peek("sp") || d.peek("sp::ordered_metadata"))
    return decodeSparseMma(d);
  if (!d.eat("sync") || !d.eat("aligned"))
    return d.badModifier(".sync.aligned");
  const Shape *shape = nullptr;
  for (const Shape &s : shapes)
    if (d.eat(s.name))
      shape = &s;
  if (!shape)
    return d.badModifier("a shape");
  if (!d.eat("row") || !d.eat("col"))
    return d.badModifier(".row.col");
  if (d.peek("kind::f8f6f4") || d.peek("kind::mxf8f6f4") || d.peek("kind::mxf4") || d.peek("kind::mxf4nvf4"))
    return d.unsupported("mma with .kind");
  uint32_t flags = d.eat("satfinite") ? flagSaturate : 0;
  if (d.eat("f64")) {
    if (!d.eat("f64") || !d.eat("f64") || !d.eat("f64"))
      return d.badModifier(".f64");
    if (shape->k != 4 || shape->rows != 8)
      return d.unsupported("mma of f64 other than m8n8k4");
    std::vector<uint32_t> pool(fRegisters, 0);
    if (!d.require(80, 70, "mma of f64") || !d.expectOperands(4, 4) || !d.vectorOf(0, Type::f64, true, 2, pool) ||
        !d.vectorOf(1, Type::f64, false, 1, pool) || !d.vectorOf(2, Type::f64, false, 1, pool) ||
        !d.vectorOf(3, Type::f64, false, 2, pool))
      return false;
    d.out.aux = d.addPool(pool);
    return finishSync(d, runMmaDouble, Pipe::tensor);
  }
  int dtype = d.eatOneOf({"s32", "f32", "f16"});
  if (dtype < 0)
    return d.badModifier("the type of the result");
  MmaTypeRow ta, tb;
  if (!eatMmaType(d, ta) || !eatMmaType(d, tb) || !shapeAllowed(d, *shape, ta))
    return false;
  int ctype = d.eatOneOf({"s32", "f32", "f16"});
  if (ctype < 0)
    return d.badModifier("the type of the accumulator");
  bool integer = ta.type <= MmaType::b1;
  bool mixed = ta.bits == 8 || ta.bits == 4; // s8 with u8, e4m3 with e5m2
  if (tb.bits != ta.bits || (!mixed && ta.type != tb.type) || (tb.type <= MmaType::b1) != integer)
    return d.fail("mma with element types that do not go together");
  if (integer != (dtype == 0) || integer != (ctype == 0))
    return d.fail("mma with a result of another kind");
  if ((dtype == 2 || ctype == 2) && ta.type != MmaType::f16 && ta.bits != 8)
    return d.fail("mma of this type accumulates in f32");
  if (dtype != ctype)
    return d.fail("mma with different types of result and accumulator is not supported");
  if (ta.type == MmaType::b1) {
    int op = d.eatOneOf({"xor", "and"});
    if (op < 0 || !d.eat("popc"))
      return d.badModifier(".xor.popc or .and.popc");
    flags |= op ? flagAnd : 0;
    if (op && !d.require(80, 71, "mma of bits with and"))
      return false;
  }
  if ((flags & flagSaturate) && (!integer || ta.type == MmaType::b1))
    return d.fail(".satfinite does not go with this type");
  flags |= (dtype == 2 ? flagHalfD : 0) | (ctype == 2 ? flagHalfC : 0);
  unsigned wordsA = shape->rows * shape->k * ta.bits / 32 / 32, wordsB = 8 * shape->k * tb.bits / 32 / 32;
  unsigned values = shape->rows * 8 / 32;
  unsigned countD = dtype == 2 ? values / 2 : values;
  std::vector<uint32_t> pool = {shape->rows, shape->k, uint32_t(ta.type), uint32_t(tb.type),
                                wordsA,      wordsB,   countD,            flags, d.deviceArch()};
  Type accumulator = integer ? Type::s32 : dtype == 2 ? Type::b32 : Type::f32;
  if (!d.expectOperands(4, 4) || !d.vectorOf(0, accumulator, true, countD, pool) ||
      !d.vectorOf(1, Type::b32, false, wordsA, pool) || !d.vectorOf(2, Type::b32, false, wordsB, pool) ||
      !d.vectorOf(3, accumulator, false, countD, pool))
    return false;
  d.out.aux = d.addPool(pool);
  return finishSync(d, integer ? mmaIntegerHandler(pool, d.out.imm) : runMmaFloat, Pipe::tensor);
}

//===----------------------------------------------------------------------===//
// ldmatrix, stmatrix, movmatrix: 8 x 8 matrices of 16-bit elements
//===----------------------------------------------------------------------===//

/// The rows of ldmatrix where all is well: inside, aligned, written, no two of a matrix in
/// one bank. False says nothing.
template <unsigned matrices>
bool quickRows(Warp &w, const Inst &i, uint32_t (&places)[8 * matrices]) {
  constexpr unsigned count = 8 * matrices;
  const uint64_t size = w.cta->shared.size();
  if (w.worker->races || i.p3 || size < 16)
    return false;
  const uint32_t *a = row<uint32_t>(w, i.a), base = uint32_t(i.imm) - sharedBase;
  uint32_t bits = 0, worst = 0, banks[matrices] = {};
  for (unsigned l = 0; l < count; ++l) {
    const uint32_t at = a[l] + base;
    places[l] = at;
    bits |= at;
    worst = std::max(worst, at);
  }
  // Of eight powers of two only the different ones up to 128 add up to 255.
  for (unsigned m = 0; m < matrices; ++m)
    for (unsigned l = 0; l < 8; ++l)
      banks[m] += 1u << (places[8 * m + l] >> 4 & 7);
  bool oneBankEach = true;
  for (uint32_t sum : banks)
    oneBankEach &= sum == 255;
  if ((bits & 15) || worst > size - 16 || !oneBankEach)
    return false;
  const uint32_t *marks = w.cta->sharedMarks.data();
  uint32_t wrong = 0;
  for (unsigned l = 0; l < count; ++l)
    wrong |= marks[places[l] / SharedMarks::unitBytes] ^ SharedMarks::unitWritten;
  if (wrong)
    return false;
  PerInstruction &pi = w.worker->perInstruction[w.pc];
  pi.passes += matrices;
  pi.minimumPasses += matrices;
  ++pi.requests;
  pi.bytes += count * 16;
  return true;
}

/// Rows of the matrices from shared memory: pointers by lane; false after a report.
bool matrixRows(Warp &w, const Inst &i, bool isStore, uint8_t *(&rows)[32]) {
  uint64_t offsets[32] = {};
  uint32_t lanes = i.p0 == 4 ? allLanes : (1u << (8 * i.p0)) - 1;
  for (unsigned l = 0; l < 8u * i.p0; ++l) {
    uint64_t at = (i.p3 & 1) ? row<uint64_t>(w, i.a)[l] + i.imm
                             : uint32_t(row<uint32_t>(w, i.a)[l] + uint32_t(i.imm));
    if (i.p3 & 2) { // generic
      if (at - sharedWindow >= windowBytes) {
        report(w, FindingKind::outOfBounds, l, at, "matrix address is not in shared memory", true);
        return false;
      }
      at -= sharedWindow;
    }
    offsets[l] = at;
    rows[l] = accessShared(w, l, at, 16, isStore, !isStore);
    if (!rows[l])
      return false;
  }
  countSharedPasses(w, offsets, lanes, 16);
  return true;
}

/// Two rows of 16 bytes, stored at once: what is stored in parts and read as a whole soon
/// after waits for the memory.
inline void joinRows(const uint8_t *low, const uint8_t *high, uint32_t *out) {
#ifdef __AVX2__
  const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i *>(low)),
                b = _mm_loadu_si128(reinterpret_cast<const __m128i *>(high));
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(out), _mm256_set_m128i(b, a));
#else
  std::memcpy(out, low, 16);
  std::memcpy(out + 4, high, 16);
#endif
}

/// p0 = matrices, p1 = transposed, pool[aux..] = registers.
void runLdmatrix(Warp &w, const Inst &i, uint32_t mask) {
  uint8_t *rows[32];
  if (!matrixRows(w, i, false, rows))
    return;
  uint32_t v[4][32];
  for (unsigned k = 0; k < i.p0; ++k) {
    if (!i.p1) {
      for (unsigned r = 0; r < 8; r += 2)
        joinRows(rows[8 * k + r], rows[8 * k + r + 1], &v[k][4 * r]);
      continue;
    }
    for (unsigned l = 0; l < 32; ++l) {
      uint16_t e[2];
      for (unsigned h = 0; h < 2; ++h)
        std::memcpy(&e[h], rows[8 * k + 2 * (l % 4) + h] + 2 * (l / 4), 2);
      v[k][l] = e[0] | uint32_t(e[1]) << 16;
    }
  }
  for (unsigned k = 0; k < i.p0; ++k) {
    const uint32_t *from = v[k];
    eachLane(row<uint32_t>(w, w.pool[i.aux + k]), mask, [=](unsigned l) { return from[l]; });
  }
}

/// The usual case, not transposed: four lanes take the 16 bytes of a row.
template <unsigned matrices> void runLdmatrixPlain(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t places[8 * matrices];
  if (mask != allLanes || !quickRows<matrices>(w, i, places))
    return runLdmatrix(w, i, mask);
  const uint8_t *shared = w.cta->shared.data();
  for (unsigned k = 0; k < matrices; ++k) {
    uint32_t *d = row<uint32_t>(w, w.pool[i.aux + k]);
    for (unsigned r = 0; r < 8; r += 2)
      joinRows(shared + places[8 * k + r], shared + places[8 * k + r + 1], d + 4 * r);
  }
}
void runStmatrix(Warp &w, const Inst &i, uint32_t) {
  uint8_t *rows[32];
  if (!matrixRows(w, i, true, rows))
    return;
  for (unsigned k = 0; k < i.p0; ++k) {
    const uint32_t *v = row<uint32_t>(w, w.pool[i.aux + k]);
    for (unsigned l = 0; l < 32; ++l)
      for (unsigned h = 0; h < 2; ++h) {
        uint16_t e = uint16_t(v[l] >> (16 * h));
        unsigned r = i.p1 ? 2 * (l % 4) + h : l / 4, c = i.p1 ? l / 4 : 2 * (l % 4) + h;
        std::memcpy(rows[8 * k + r] + 2 * c, &e, 2);
      }
  }
}
void runMovmatrix(Warp &w, const Inst &i, uint32_t mask) {
  uint16_t m[8][8];
  const uint32_t *a = row<uint32_t>(w, i.a);
  for (unsigned l = 0; l < 32; ++l)
    for (unsigned h = 0; h < 2; ++h)
      m[l / 4][2 * (l % 4) + h] = uint16_t(a[l] >> (16 * h));
  uint32_t *d = row<uint32_t>(w, i.d);
  for (unsigned l = 0; l < 32; ++l)
    if (mask >> l & 1)
      d[l] = m[2 * (l % 4)][l / 4] | uint32_t(m[2 * (l % 4) + 1][l / 4]) << 16;
}

bool decodeMatrixMove(Decoder &d) {
  bool store = d.inst().opcode == "stmatrix";
  if (!d.eat("sync") || !d.eat("aligned"))
    return d.badModifier(".sync.aligned");
  if (d.peek("m16n16") || d.peek("m8n16") || d.peek("m16n8"))
    return d.unsupported("ldmatrix or stmatrix of 8-bit elements");
  if (!d.eat("m8n8"))
    return d.badModifier(".m8n8");
  int count = d.eatOneOf({"x1", "x2", "x4"});
  if (count < 0)
    return d.badModifier(".x1, .x2 or .x4");
  d.out.p0 = uint8_t(1u << count);
  d.out.p1 = d.eat("trans");
  bool shared = d.eatOneOf({"shared", "shared::cta"}) >= 0;
  if (!d.eat("b16"))
    return d.badModifier(".b16");
  if (!(store ? d.require(90, 78, "stmatrix") : d.require(75, 65, "ldmatrix")) || !d.expectOperands(2, 2))
    return false;
  Decoder::Address address;
  std::vector<uint32_t> registers;
  if (!d.address(store ? 0 : 1, shared ? Space::shared : Space::none, address) ||
      !d.vectorOf(store ? 1 : 0, Type::b32, !store, d.out.p0, registers))
    return false;
  d.out.a = address.slot;
  d.out.imm = uint64_t(address.offset);
  d.out.p3 = uint8_t((address.wide ? 1 : 0) | (shared ? 0 : 2));
  d.out.aux = d.addPool(registers);
  static const Handler plain[] = {runLdmatrixPlain<1>, runLdmatrixPlain<2>, runLdmatrixPlain<4>};
  return finishSync(d, store ? runStmatrix : d.out.p1 ? runLdmatrix : plain[count], Pipe::lsu);
}

bool decodeMovmatrix(Decoder &d) {
  if (!d.eat("sync") || !d.eat("aligned") || !d.eat("m8n8") || !d.eat("trans") || !d.eat("b16"))
    return d.badModifier(".sync.aligned.m8n8.trans.b16");
  return d.require(75, 78, "movmatrix") && d.expectOperands(2, 2) && d.dest(0, Type::b32, d.out.d) &&
         d.source(1, Type::b32, d.out.a) && finishSync(d, runMovmatrix, Pipe::xu);
}

} // namespace

const OpcodeRow lowbit::ptx::matrixOpcodes[] = {
    {"mma", decodeMma},           {"ldmatrix", decodeMatrixMove}, {"stmatrix", decodeMatrixMove},
    {"movmatrix", decodeMovmatrix}, {"wmma", decodeWmma},         {nullptr, nullptr}};
