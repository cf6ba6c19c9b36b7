//===- AnyEncodingTest.cpp - Products of every kind of leaf ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Generated products of radix, planes, small floats, tables and patterns against
// sums over what lib/Packing decodes, bit for bit. The integer products are
// checked without float scales (N5: one exact sum) and with a scale a block (N4).
//
//===----------------------------------------------------------------------===//

#include "KernelJit.h"
#include "MatmulCase.h"

#include "lib/Kernel/CpuMatmul.h"
#include "lowbit/Packing/Pack.h"

#include "mlir/IR/MLIRContext.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace lowbit;
using namespace lowbit::test;
using namespace lowbit::kernel;

namespace {

IndexMap identityMap() { return IndexMap::identity(2); }

LeafDesc dense(NumberDesc code, int64_t rows = 11, int64_t columns = 72) {
  LeafDesc leaf;
  leaf.rows = rows;
  leaf.columns = columns;
  leaf.code = code;
  EXPECT_TRUE(applyCanonicalLayout(leaf).isOk());
  return leaf;
}

NumberDesc rangeOf(unsigned width, int64_t lo, int64_t hi) {
  NumberDesc number = lo < 0 ? NumberDesc::signedInt(width)
                             : NumberDesc::unsignedInt(width);
  number.lo = lo;
  number.hi = hi;
  return number;
}

/// Five trits in a byte, one after another.
LeafDesc radix(RadixStore store) {
  LeafDesc leaf = dense(rangeOf(2, -1, 1));
  FieldDesc &field = leaf.fields[0];
  field.width = 8;
  field.wordBits = 8;
  field.radix = 3;
  field.digits = 5;
  field.store = store;
  field.word = {2, {{{{0}}}, {{{1, 1, 5}}}}};
  field.bit = {2, {IndexExpr{}}};
  field.digit = {2, {{{{1, 1, 1, 5}}}}};
  field.storage = {leaf.rows, (leaf.columns + 4) / 5};
  leaf.biased = true;
  return leaf;
}

/// Each bit of a code in a word of its own, all in one component.
LeafDesc planes(NumberDesc code) {
  LeafDesc leaf = dense(code);
  leaf.fields.clear();
  for (unsigned p = 0; p < code.width; ++p) {
    FieldDesc field;
    field.shift = uint8_t(p);
    field.width = 1;
    field.wordBits = 32;
    field.word = {2, {{{}, int64_t(p)}, {{{0}}}, {{{1, 1, 32}}}}};
    field.bit = {2, {{{{1, 1, 1, 32}}}}};
    field.storage = {code.width, leaf.rows, (leaf.columns + 31) / 32};
    leaf.fields.push_back(field);
  }
  return leaf;
}

LeafDesc blocks(PatternKind kind, int64_t rows, int64_t columns, int64_t count,
                NumberDesc code) {
  LeafDesc leaf;
  leaf.rows = 12;
  leaf.columns = 96;
  leaf.code = code;
  PatternDesc pattern;
  pattern.kind = kind;
  pattern.blockRows = rows;
  pattern.blockColumns = columns;
  pattern.count = count;
  pattern.indexBits = 8;
  leaf.pattern = pattern;
  EXPECT_TRUE(applyPackedRowsLayout(leaf).isOk());
  return leaf;
}

ParamDesc perBlock(const LeafDesc &leaf) {
  ParamDesc param;
  param.number = NumberDesc::floating(FloatFormat::f16);
  param.space = IndexSpace::stored;
  param.granularity = {2, {{{{0}}}}};
  param.placement = IndexMap::identity(1);
  param.granules = param.storage = {leaf.storedRows()};
  return param;
}

struct Weight {
  LeafDesc leaf;
  std::vector<std::vector<uint8_t>> components;
  std::vector<std::span<const uint8_t>> views;
};

/// Random contents that obey the encoding.
Weight fill(const LeafDesc &leaf, unsigned seed) {
  std::mt19937 random(seed);
  Weight weight{leaf, {}, {}};
  auto described = componentsOf(leaf);
  EXPECT_TRUE(described.isOk()) << described.status().message();
  for (const ComponentDesc &component : *described)
    weight.components.emplace_back(component.bytes);
  // Codes.
  std::vector<uint8_t> plain;
  for (int64_t i = 0; i < leaf.storedRows() * leaf.storedColumns(); ++i) {
    int64_t value = leaf.code.isFloat()
                        ? int64_t(random() % (1u << leaf.code.width))
                        : leaf.code.lo + leaf.code.step *
                                             int64_t(random() % leaf.code.levels());
    plain.push_back(uint8_t(value));
  }
  std::vector<std::span<uint8_t>> fields;
  for (unsigned i = 0; i < leaf.codeArrays(); ++i)
    fields.emplace_back(weight.components[i]);
  Status packed = packCodes(leaf, 0, leaf.storedRows(), plain, fields);
  EXPECT_TRUE(packed.isOk()) << packed.message();
  // Everything else.
  for (size_t i = leaf.codeArrays(); i < described->size(); ++i) {
    const ComponentDesc &component = (*described)[i];
    std::vector<uint8_t> &bytes = weight.components[i];
    if (component.role == ComponentRole::index)
      continue;
    if (component.number.isFloat() && component.number.width == 16)
      for (size_t at = 0; at < bytes.size(); at += 2) {
        bytes[at] = uint8_t(random());
        bytes[at + 1] = uint8_t(0x38 + random() % 8 + (random() % 2) * 0x80);
      }
    else if (component.number.isFloat())
      for (size_t at = 0; at < bytes.size(); at += 4) {
        float value = float(int(random() % 2001) - 1000) / 512.0f;
        std::memcpy(&bytes[at], &value, 4);
      }
    else
      for (uint8_t &byte : bytes)
        byte = uint8_t(random());
  }
  // Index data: every kind wants ascending columns.
  if (leaf.pattern) {
    const PatternDesc &p = *leaf.pattern;
    size_t at = leaf.codeArrays();
    int64_t across = p.blockColumns ? leaf.columns / p.blockColumns : 0;
    int64_t down = p.blockRows ? leaf.rows / p.blockRows : 0;
    auto put32 = [](std::vector<uint8_t> &bytes, size_t i, uint32_t value) {
      std::memcpy(&bytes[i * 4], &value, 4);
    };
    if (p.kind == PatternKind::nm) {
      for (uint8_t &byte : weight.components[at]) // positions 1 and 3, 1 and 3
        byte = random() % 2 ? 0b11011101 : 0b11101100;
    } else if (p.kind == PatternKind::fixed) {
      for (int64_t r = 0; r < down; ++r)
        for (int64_t i = 0; i < p.count; ++i)
          weight.components[at][size_t(r * p.count + i)] =
              uint8_t(i + (across - p.count) * (r % 2));
    } else if (p.kind != PatternKind::blockDiagonal) {
      int64_t stored = 0;
      for (int64_t r = 0; r < down; ++r) {
        put32(weight.components[at], size_t(r), uint32_t(stored));
        int64_t left = p.count - stored, rowsLeft = down - r;
        // The second block row is empty, the last takes what is left.
        int64_t take = r == 1 ? 0 : std::min(across, rowsLeft == 1 ? left : left / rowsLeft + 1);
        take = std::min(take, left);
        uint32_t word = 0;
        for (int64_t i = 0; i < take; ++i) {
          int64_t column = across - take + i;
          if (p.kind == PatternKind::csr)
            weight.components[at + 1][size_t(stored)] = uint8_t(column);
          word |= 1u << column;
          ++stored;
        }
        if (p.kind == PatternKind::bitmap)
          put32(weight.components[at + 1], size_t(r), word);
      }
      put32(weight.components[at], size_t(down), uint32_t(stored));
      EXPECT_EQ(stored, p.count);
    }
  }
  for (const auto &component : weight.components)
    weight.views.emplace_back(component);
  return weight;
}

/// decode(n, k) by lib/Packing.
std::vector<std::vector<float>> decodeAll(const Weight &weight) {
  std::vector<std::vector<float>> rows;
  for (int64_t n = 0; n < weight.leaf.rows; ++n) {
    rows.emplace_back(size_t(weight.leaf.columns));
    Status status = decodeRow(weight.leaf, weight.views, n, rows.back());
    EXPECT_TRUE(status.isOk()) << status.message();
  }
  return rows;
}

/// Runs y = W x for `tokens` tokens; x is f32 or codes with scale 0.5 a token.
/// `planes` is what planesOf must say: 0 for elements read one by one.
std::vector<float> run(const Weight &weight, bool quantized, int64_t tokens,
                       const std::vector<float> &x,
                       const std::vector<int8_t> &codes,
                       unsigned planes = 0) {
  const LeafDesc &leaf = weight.leaf;
  int64_t stride = (leaf.rows + 7) / 8 * 8, padded = (leaf.columns + 31) / 32 * 32;
  MatmulAnchor anchor;
  anchor.weight = leaf;
  for (size_t i = 0; i < weight.components.size(); ++i)
    anchor.bindings.push_back(unsigned(4 + i));
  anchor.activation.quantized = quantized;
  anchor.activation.binding = 1;
  anchor.activation.scalesBinding = 2;
  anchor.activation.sumsBinding = 3;
  anchor.activation.stride = leaf.columns;
  EXPECT_EQ(planesOf(anchor), planes);
  EXPECT_EQ(needsGenericPath(anchor), planes == 0);
  MatmulEpilogue store = [stride](StageFunction &stage,
                                  llvm::ArrayRef<mlir::Value> results,
                                  mlir::Value rowBlock, mlir::Value token) {
    stage.store(results[0],
                stage.at(stage.binding(0),
                         stage.addI(stage.mulI(token, stride * 4),
                                    stage.mulI(rowBlock, 32))),
                4);
  };
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  TestMachine machine = hostRunsAvx2() ? avx2Machine() : baselineMachine();
  auto info = emitMatmulStage(*module, {"product", {{{anchor}, store}}},
                              machine.capabilities);
  EXPECT_TRUE(info.isOk()) << info.status().toString();
  if (!info.isOk())
    return {};
  KernelJit jit(*module, machine);
  std::vector<int8_t> paddedCodes(size_t(tokens * padded));
  for (int64_t t = 0; t < tokens && quantized; ++t)
    std::copy_n(&codes[size_t(t * leaf.columns)], leaf.columns,
                &paddedCodes[size_t(t * padded)]);
  std::vector<float> scales(size_t(tokens), 0.5f), xs = x;
  std::vector<int32_t> sums(size_t(tokens * padded / 16));
  for (size_t i = 0; i < paddedCodes.size(); ++i)
    sums[i / 16] += paddedCodes[i];
  Bytes y(size_t(tokens * stride) * 4), scratch(size_t(info->scratchBytes));
  std::vector<void *> bindings = {y.data(),
                                  quantized ? static_cast<void *>(paddedCodes.data())
                                            : static_cast<void *>(xs.data()),
                                  scales.data(), sums.data()};
  std::vector<Bytes> components; // aligned as modules align them
  for (const auto &component : weight.components) {
    components.emplace_back(component.size());
    std::copy(component.begin(), component.end(), components.back().data());
    bindings.push_back(components.back().data());
  }
  int64_t dims[LOWBIT_DIM_COUNT] = {tokens};
  jit.stage("product")(bindings.data(), dims, scratch.data(), 0, info->items);
  std::vector<float> result;
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t n = 0; n < leaf.rows; ++n)
      result.push_back(y.as<float>()[t * stride + n]);
  return result;
}

float dotN3(const std::vector<float> &w, const float *x) {
  std::vector<float> chunks;
  for (size_t begin = 0; begin < w.size(); begin += 512) {
    size_t end = std::min(begin + 512, w.size());
    std::vector<float> lanes(std::min<size_t>(32, end - begin), 0.0f);
    for (size_t k = begin; k < end; ++k)
      lanes[k % 32] = std::fma(w[k], x[k], lanes[k % 32]);
    chunks.push_back(treeSum(lanes));
  }
  return treeSum(chunks);
}

bool sameBits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

void checkFloat(const char *name, const LeafDesc &leaf) {
  Weight weight = fill(leaf, 7);
  auto rows = decodeAll(weight);
  constexpr int64_t tokens = 5;
  std::mt19937 random(3);
  std::vector<float> x;
  for (int64_t i = 0; i < tokens * leaf.columns; ++i)
    x.push_back(float(int(random() % 2001) - 1000) / 300.0f);
  std::vector<float> y = run(weight, false, tokens, x, {});
  ASSERT_EQ(y.size(), size_t(tokens * leaf.rows)) << name;
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t n = 0; n < leaf.rows; ++n)
      ASSERT_TRUE(sameBits(y[size_t(t * leaf.rows + n)],
                           dotN3(rows[size_t(n)], &x[size_t(t * leaf.columns)])))
          << name << " row " << n << " token " << t;
}

/// Without float scales every decoded number is an integer (times 2^-e), and the
/// result is one exact sum.
void checkInteger(const char *name, const LeafDesc &leaf,
                  unsigned planes = 0) {
  ASSERT_TRUE(leaf.scales.empty());
  Weight weight = fill(leaf, 11);
  auto rows = decodeAll(weight);
  constexpr int64_t tokens = 5;
  std::mt19937 random(5);
  std::vector<int8_t> codes;
  for (int64_t i = 0; i < tokens * leaf.columns; ++i)
    codes.push_back(int8_t(int(random() % 255) - 127));
  codes[0] = -128; // the plane of the sign alone
  std::vector<float> y = run(weight, true, tokens, {}, codes, planes);
  ASSERT_EQ(y.size(), size_t(tokens * leaf.rows)) << name;
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t n = 0; n < leaf.rows; ++n) {
      double sum = 0; // exact: far below 2^53
      for (int64_t k = 0; k < leaf.columns; ++k)
        sum += double(rows[size_t(n)][size_t(k)]) *
               codes[size_t(t * leaf.columns + k)];
      ASSERT_TRUE(sameBits(y[size_t(t * leaf.rows + n)], float(sum) * 0.5f))
          << name << " row " << n << " token " << t;
    }
}

std::vector<std::pair<const char *, LeafDesc>> integerLeaves() {
  std::vector<std::pair<const char *, LeafDesc>> leaves = {
      {"base 3, plain", radix(RadixStore::plain)},
      {"base 3, scaled", radix(RadixStore::scaled)},
      {"planes of int3", planes(NumberDesc::signedInt(3))},
      {"planes of uint4", planes(NumberDesc::unsignedInt(4))},
      {"e2m1", dense(NumberDesc::floating(FloatFormat::f4E2M1FN))},
      {"e2m3", dense(NumberDesc::floating(FloatFormat::f6E2M3FN))},
      {"e3m2", dense(NumberDesc::floating(FloatFormat::f6E3M2FN))},
      {"1x16 csr int4",
       blocks(PatternKind::csr, 1, 16, 37, NumberDesc::signedInt(4))},
      {"2x8 csr uint3",
       blocks(PatternKind::csr, 2, 8, 40, NumberDesc::unsignedInt(3))},
      {"1x16 bitmap ternary",
       blocks(PatternKind::bitmap, 1, 16, 37, rangeOf(2, -1, 1))},
      {"4x8 fixed int2",
       blocks(PatternKind::fixed, 4, 8, 3, NumberDesc::signedInt(2))},
      {"2:4 int4", blocks(PatternKind::nm, 1, 4, 2, NumberDesc::signedInt(4))},
      {"3 diagonal blocks",
       blocks(PatternKind::blockDiagonal, 0, 0, 3, NumberDesc::signedInt(5))}};
  LeafDesc plusMinus = dense(NumberDesc::plusMinusOne());
  EXPECT_TRUE(applyPackedRowsLayout(plusMinus).isOk());
  leaves.emplace_back("bin<pm1>", plusMinus);
  return leaves;
}

} // namespace

TEST(AnyEncoding, IntegerProductsAreExact) {
  for (auto &[name, leaf] : integerLeaves()) {
    Status status = validate(leaf);
    ASSERT_TRUE(status.isOk()) << name << ": " << status.message();
    checkInteger(name, leaf);
  }
}

// Codes with steps and sub-ranges in the planes that AND and population count take.
TEST(AnyEncoding, PlanesInLanes) {
  NumberDesc steps = rangeOf(3, -9, 12);
  steps.width = 3;
  steps.step = 3; // -9, -6 ... 12
  const std::pair<const char *, NumberDesc> codes[] = {
      {"bin<pm1>", NumberDesc::plusMinusOne()},
      {"bin<01>", NumberDesc::unsignedInt(1)},
      {"ternary", rangeOf(2, -1, 1)},
      {"multiples of 3", steps},
      {"int<5>", NumberDesc::signedInt(5)}};
  int64_t columns = 1;
  for (auto &[name, code] : codes) {
    LeafDesc leaf = dense(code, 11, columns);
    columns = columns * 5 + 3; // 1, 8, 43, 218, 1093
    Status status = applyPlanesInLanesLayout(leaf);
    ASSERT_TRUE(status.isOk()) << name << ": " << status.message();
    checkInteger(name, leaf, code.width);
  }
  // f32 activations: read by element.
  LeafDesc leaf = dense(NumberDesc::signedInt(3));
  ASSERT_TRUE(applyPlanesInLanesLayout(leaf).isOk());
  checkFloat("int<3>", leaf);
}

TEST(AnyEncoding, FloatProductsFollowN3) {
  for (auto &[name, leaf] : integerLeaves())
    checkFloat(name, leaf);
  for (FloatFormat format : {FloatFormat::f8E4M3FN, FloatFormat::f8E5M2})
    checkFloat(floatFormatName(format), dense(NumberDesc::floating(format)));
}

TEST(AnyEncoding, ParametersOfEveryKind) {
  LeafDesc rank = dense(NumberDesc::signedInt(4));
  ParamDesc param;
  param.number = NumberDesc::floating(FloatFormat::f32);
  param.rank = 3;
  param.granularity = param.placement = identityMap();
  param.granules = param.storage = {rank.rows, rank.columns};
  rank.scales.push_back(param);
  checkFloat("rank scale", rank);

  LeafDesc block = blocks(PatternKind::csr, 1, 16, 37, NumberDesc::unsignedInt(4));
  block.scales.push_back(perBlock(block));
  ParamDesc zero = perBlock(block);
  zero.number = NumberDesc::unsignedInt(4);
  zero.packed = 4;
  block.zero = zero;
  checkFloat("GQSA", block);

  LeafDesc lut;
  lut.rows = 12;
  lut.columns = 96;
  lut.code = NumberDesc::unsignedInt(4);
  LutDesc table;
  table.entry = NumberDesc::floating(FloatFormat::f16);
  table.vecRows = 1;
  table.vecColumns = 4;
  table.books = 2;
  table.granularity = {2, {}};
  lut.lut = table;
  ASSERT_TRUE(applyPackedRowsLayout(lut).isOk());
  checkFloat("two books of vectors", lut);
}

// N4: a group without a stored block leaves the accumulator as it is.
TEST(AnyEncoding, AScaleForEachStoredBlock) {
  LeafDesc leaf = blocks(PatternKind::csr, 1, 16, 37, NumberDesc::signedInt(4));
  LeafDesc integers = leaf;
  leaf.scales.push_back(perBlock(leaf));
  Weight weight = fill(leaf, 13);
  Weight bare{integers, {}, {}};
  bare.components.assign(weight.components.begin(), weight.components.end() - 1);
  for (const auto &component : bare.components)
    bare.views.emplace_back(component);
  auto values = decodeAll(bare), scaled = decodeAll(weight);
  std::mt19937 random(17);
  std::vector<int8_t> codes;
  for (int64_t i = 0; i < leaf.columns; ++i)
    codes.push_back(int8_t(int(random() % 255) - 127));
  std::vector<float> y = run(weight, true, 1, {}, codes);
  for (int64_t n = 0; n < leaf.rows; ++n) {
    float acc = 0;
    for (int64_t block = 0; block < leaf.columns / 16; ++block) {
      int64_t sum = 0;
      float scale = 0;
      for (int64_t k = block * 16; k < block * 16 + 16; ++k) {
        sum += int64_t(values[size_t(n)][size_t(k)]) * codes[size_t(k)];
        if (values[size_t(n)][size_t(k)] != 0)
          scale = scaled[size_t(n)][size_t(k)] / values[size_t(n)][size_t(k)];
      }
      if (scale != 0)
        acc = std::fma(float(sum), scale, acc);
    }
    EXPECT_TRUE(sameBits(y[size_t(n)], acc * 0.5f)) << "row " << n;
  }
}
