//===- MatmulCase.cpp - Random products and their scalar result -----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MatmulCase.h"

#include "lowbit/Packing/Layouts.h"
#include "lowbit/Packing/Pack.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

using namespace lowbit;
using namespace lowbit::test;

static uint64_t next(uint64_t &seed) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed * 0x2545f4914f6cdd1dull >> 11;
}

static void check(const Status &status) {
  if (!status.isOk()) {
    std::fprintf(stderr, "test set-up failed: %s\n", status.toString().c_str());
    std::abort();
  }
}

Bytes::Bytes(size_t size) {
  if (size == 0)
    return;
  length = (size + 63) / 64 * 64;
  size_t pages = (length + 4095) / 4096 * 4096;
  mapped = pages + 4096;
  mapping = static_cast<uint8_t *>(mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (mapping == MAP_FAILED || mprotect(mapping + pages, 4096, PROT_NONE) != 0)
    std::abort();
  begin = mapping + pages - length;
}

Bytes::~Bytes() {
  if (mapping)
    munmap(mapping, mapped);
}

Bytes::Bytes(Bytes &&other) noexcept { *this = std::move(other); }

Bytes &Bytes::operator=(Bytes &&other) noexcept {
  std::swap(begin, other.begin);
  std::swap(mapping, other.mapping);
  std::swap(length, other.length);
  std::swap(mapped, other.mapped);
  return *this;
}

float lowbit::test::treeSum(std::vector<float> values) {
  if (values.empty())
    return 0;
  while (values.size() > 1) {
    std::vector<float> level;
    for (size_t i = 0; i < values.size(); i += 2)
      level.push_back(i + 1 < values.size() ? values[i] + values[i + 1]
                                            : values[i]);
    values = level;
  }
  return values[0];
}

// Floats with few mantissa bits are exact in every format the tests use.
static float randomFloat(uint64_t &seed, bool positive) {
  int mantissa = int(next(seed) % 121) + 8;
  float value = std::ldexp(float(mantissa), int(next(seed) % 6) - 12);
  return positive || next(seed) % 2 ? value : -value;
}

static ParamDesc describeParam(const ParamSpec &spec, int64_t rows,
                               int64_t columns) {
  ParamDesc param;
  param.number = spec.number;
  param.granularity.numDims = 2;
  if (spec.perRow) {
    param.granularity.results.push_back({{{0, 1, 1, 0}}, 0});
    param.granules.push_back(rows);
  }
  if (spec.columns) {
    param.granularity.results.push_back({{{1, 1, spec.columns, 0}}, 0});
    param.granules.push_back((columns + spec.columns - 1) / spec.columns);
  }
  return param;
}

static ParamValues randomValues(const ParamSpec &spec, int64_t rows,
                                int64_t columns, uint64_t &seed) {
  ParamValues values{spec, 1, {}};
  if (spec.columns)
    values.granules = (columns + spec.columns - 1) / spec.columns;
  int64_t count = (spec.perRow ? rows : 1) * values.granules;
  for (int64_t i = 0; i < count; ++i) {
    const NumberDesc &number = spec.number;
    values.values.push_back(
        number.isFloat()
            ? randomFloat(seed, false)
            : float(number.lo +
                    int64_t(next(seed) % uint64_t(number.hi - number.lo + 1))));
  }
  return values;
}

static void appendNumber(std::vector<uint8_t> &out, const NumberDesc &number,
                         double value) {
  uint64_t bits = uint64_t(int64_t(value));
  unsigned bytes =
      number.isFloat() ? number.width / 8 : number.storageBits() / 8;
  if (number.isFloat()) {
    uint32_t f = std::bit_cast<uint32_t>(float(value));
    if (number.format == FloatFormat::f32) {
      bits = f;
    } else if (number.format == FloatFormat::bf16) {
      bits = f >> 16;
    } else { // test values are normal f16 numbers or zero
      int exponent = int(f >> 23 & 255) - 112;
      bits = (f & 0x7fffffff) == 0
                 ? 0
                 : (uint32_t(exponent) << 10 | (f >> 13 & 1023));
      bits |= f >> 31 << 15;
    }
  }
  for (unsigned i = 0; i < bytes; ++i)
    out.push_back(uint8_t(bits >> (8 * i)));
}

MatmulCase::MatmulCase(const MatmulSpec &spec, int64_t rows, int64_t columns,
                       int64_t tokens, uint64_t seed)
    : spec(spec), rows(rows), columns(columns), tokens(tokens) {
  seed = seed * 0x9e3779b97f4a7c15ull + 88172645463325252ull;
  leaf.rows = rows;
  leaf.columns = columns;
  leaf.code = spec.code;
  leaf.offsetNegated = spec.offsetNegated;
  for (int64_t i = 0; i < rows * columns; ++i)
    codes.push_back(
        spec.code.isFloat()
            ? double(randomFloat(seed, false))
            : double(spec.code.lo +
                     int64_t(next(seed) %
                             uint64_t(spec.code.hi - spec.code.lo + 1))));
  for (const ParamSpec &scale : spec.scales) {
    leaf.scales.push_back(describeParam(scale, rows, columns));
    scaleValues.push_back(randomValues(scale, rows, columns, seed));
  }
  for (const ParamSpec &zero : spec.zero) {
    leaf.zero = describeParam(zero, rows, columns);
    zeroValues.push_back(randomValues(zero, rows, columns, seed));
  }
  for (const ParamSpec &offset : spec.offsets) {
    leaf.offsets.push_back(describeParam(offset, rows, columns));
    offsetValues.push_back(randomValues(offset, rows, columns, seed));
  }
  check(spec.layout(leaf));
  pack(seed);
  makeActivation(seed);
}

void MatmulCase::pack(uint64_t &seed) {
  auto described = componentsOf(leaf);
  check(described.status());
  for (const ComponentDesc &component : *described)
    components.emplace_back(component.bytes);
  std::vector<uint8_t> plain;
  for (double code : codes) {
    if (spec.code.isFloat())
      appendNumber(plain, spec.code, code);
    else
      plain.push_back(uint8_t(int64_t(code)));
  }
  std::vector<std::span<uint8_t>> fields;
  for (size_t i = 0; i < leaf.codeArrays(); ++i)
    fields.push_back({components[i].data(), size_t((*described)[i].bytes)});
  check(packCodes(leaf, 0, rows, plain, fields));

  size_t at = leaf.codeArrays();
  auto packOne = [&](const ParamDesc &param, const ParamValues &values) {
    std::vector<uint8_t> plain;
    for (float value : values.values)
      appendNumber(plain, param.number, value);
    check(packParam(param, 0, granuleRows(param), plain,
                    {components[at].data(), size_t((*described)[at].bytes)}));
    ++at;
  };
  for (size_t i = 0; i < leaf.scales.size(); ++i)
    packOne(leaf.scales[i], scaleValues[i]);
  if (leaf.zero)
    packOne(*leaf.zero, zeroValues[0]);
  for (size_t i = 0; i < leaf.offsets.size(); ++i)
    packOne(leaf.offsets[i], offsetValues[i]);
}

void MatmulCase::makeActivation(uint64_t &seed) {
  if (!spec.quantized) {
    stride = (columns + 7) / 8 * 8;
    x = Bytes(size_t(tokens * stride) * 4);
    for (int64_t i = 0; i < tokens * stride; ++i) {
      // Padding must not matter (E4), so it is NaN.
      float value = randomFloat(seed, false);
      x.as<float>()[i] = i % stride < columns ? value : std::nanf("");
    }
    return;
  }
  stride = (columns + 31) / 32 * 32;
  x = Bytes(size_t(tokens * stride));
  sums = Bytes(size_t(tokens * stride / 16) * 4);
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t k = 0; k < stride; ++k) {
      bool extreme = next(seed) % 4 == 0;
      int code =
          extreme ? (next(seed) % 2 ? 127 : -127) : int(next(seed) % 255) - 127;
      if (k >= columns)
        code = 0;
      x.as<int8_t>()[t * stride + k] = int8_t(code);
      sums.as<int32_t>()[(t * stride + k) / 16] += code;
    }
  int64_t group = spec.activationGroup;
  int64_t count = group ? (columns + group - 1) / group : 1;
  scales = Bytes(size_t(tokens * count) * 4);
  for (int64_t i = 0; i < tokens * count; ++i)
    scales.as<float>()[i] = randomFloat(seed, true);
}

int64_t MatmulCase::integerTerm(int64_t n, int64_t k) const {
  int64_t value = int64_t(codes[size_t(n * columns + k)]);
  for (const ParamValues &zero : zeroValues)
    value -= int64_t(zero.at(n, k));
  for (const ParamValues &scale : scaleValues)
    if (!scale.spec.number.isFloat())
      value *= int64_t(scale.at(n, k));
  return value;
}

int64_t MatmulCase::integerOffset(int64_t n, int64_t k) const {
  int64_t value = 1;
  for (const ParamValues &offset : offsetValues)
    if (!offset.spec.number.isFloat())
      value *= int64_t(offset.at(n, k));
  return value;
}

float MatmulCase::floatProduct(const std::vector<ParamValues> &params,
                               int64_t n, int64_t k) const {
  bool first = true;
  float product = 1;
  for (const ParamValues &param : params) {
    if (!param.spec.number.isFloat())
      continue;
    product = first ? param.at(n, k) : product * param.at(n, k);
    first = false;
  }
  return product;
}

float MatmulCase::activationScale(int64_t t, int64_t k) const {
  int64_t group = spec.activationGroup;
  int64_t count = group ? (columns + group - 1) / group : 1;
  return scales.as<float>()[t * count + (group ? k / group : 0)];
}

// E3.
float MatmulCase::decode(int64_t n, int64_t k) const {
  auto integers = [&](const std::vector<ParamValues> &params, float product) {
    int64_t factor = 1;
    bool any = false;
    for (const ParamValues &param : params)
      if (!param.spec.number.isFloat()) {
        factor *= int64_t(param.at(n, k));
        any = true;
      }
    return any ? product * float(factor) : product;
  };
  double v = codes[size_t(n * columns + k)];
  for (const ParamValues &zero : zeroValues)
    v -= zero.at(n, k);
  if (scaleValues.empty() && offsetValues.empty())
    return float(v);
  float s = integers(scaleValues, floatProduct(scaleValues, n, k));
  if (offsetValues.empty())
    return s * float(v);
  float f = floatProduct(offsetValues, n, k);
  float o = integers(offsetValues, spec.offsetNegated ? -f : f);
  return std::fma(s, float(v), o);
}

// N3.
float MatmulCase::referenceFloat(int64_t n, int64_t t) const {
  std::vector<float> chunks;
  for (int64_t begin = 0; begin < columns; begin += 512) {
    int64_t end = std::min(begin + 512, columns);
    std::vector<float> lanes(size_t(std::min<int64_t>(32, end - begin)), 0.0f);
    for (int64_t k = begin; k < end; ++k)
      lanes[size_t(k % 32)] = std::fma(
          decode(n, k), x.as<float>()[t * stride + k], lanes[size_t(k % 32)]);
    chunks.push_back(treeSum(lanes));
  }
  return treeSum(chunks);
}

bool MatmulCase::sameGroup(int64_t k, int64_t other) const {
  auto same = [&](int64_t columns) {
    return !columns || k / columns == other / columns;
  };
  for (const auto *params : {&scaleValues, &offsetValues})
    for (const ParamValues &param : *params)
      if (param.spec.number.isFloat() && !same(param.spec.columns))
        return false;
  return same(spec.activationGroup) && same(512);
}

// N4.
float MatmulCase::referenceGrouped(int64_t n, int64_t t) const {
  std::vector<float> chunks;
  float acc = 0;
  for (int64_t k = 0; k < columns;) {
    int64_t first = k;
    int32_t s = 0, u = 0;
    for (; k < columns && sameGroup(first, k); ++k) {
      int64_t a = x.as<int8_t>()[t * stride + k];
      s += int32_t(integerTerm(n, k) * a);
      u += int32_t(integerOffset(n, k) * a);
    }
    float scale = floatProduct(scaleValues, n, first);
    float offset = floatProduct(offsetValues, n, first);
    offset = spec.offsetNegated ? -offset : offset;
    if (spec.activationGroup) {
      scale = scale * activationScale(t, first);
      offset = offset * activationScale(t, first);
    }
    acc = std::fma(float(s), scale, acc);
    if (!offsetValues.empty())
      acc = std::fma(float(u), offset, acc);
    if (k == columns || k % 512 == 0) {
      chunks.push_back(acc);
      acc = 0;
    }
  }
  float result = treeSum(chunks);
  return spec.activationGroup ? result : result * activationScale(t, 0);
}

// N5.
float MatmulCase::referenceOneGroup(int64_t n, int64_t t) const {
  int32_t s = 0, u = 0;
  for (int64_t k = 0; k < columns; ++k) {
    int64_t a = x.as<int8_t>()[t * stride + k];
    s += int32_t(integerTerm(n, k) * a);
    u += int32_t(integerOffset(n, k) * a);
  }
  float y = float(s);
  if (!scaleValues.empty())
    y = y * floatProduct(scaleValues, n, 0);
  if (!offsetValues.empty()) {
    float offset = floatProduct(offsetValues, n, 0);
    y = std::fma(float(u), spec.offsetNegated ? -offset : offset, y);
  }
  return y * activationScale(t, 0);
}

float MatmulCase::reference(int64_t n, int64_t t) const {
  if (!spec.quantized)
    return referenceFloat(n, t);
  bool grouped = spec.activationGroup != 0;
  for (const auto *params : {&scaleValues, &offsetValues})
    for (const ParamValues &param : *params)
      grouped |= param.spec.number.isFloat() && param.spec.columns != 0;
  return grouped ? referenceGrouped(n, t) : referenceOneGroup(n, t);
}

std::vector<MatmulSpec> lowbit::test::allSpecs() {
  std::vector<MatmulSpec> specs;
  ParamSpec scale32{f16(), true, 32}, offset32{f16(), true, 32};
  for (unsigned width = 1; width <= 8; ++width) {
    std::string bits = std::to_string(width);
    specs.push_back(
        {"uint" + bits + " f16/32", uintOf(width), {scale32}, {}, {}});
    specs.push_back({"uint" + bits + " f16/32 offset",
                     uintOf(width),
                     {scale32},
                     {offset32},
                     {}});
    if (width > 1)
      specs.push_back(
          {"int" + bits + " f16/32", intOf(width), {scale32}, {}, {}});
    specs.push_back({"uint" + bits + " f32 row, zero row, one scale a token",
                     uintOf(width),
                     {{f32(), true, 0}},
                     {},
                     {{uintOf(8), true, 0}},
                     false,
                     true,
                     0});
    specs.push_back({"uint" + bits + " f16/32, f32 activations",
                     uintOf(width),
                     {scale32},
                     {offset32},
                     {},
                     false,
                     false});
  }
  // Ternary with one scale a tensor.
  NumberDesc ternary = intOf(2);
  ternary.lo = -1;
  ternary.hi = 1;
  specs.push_back({"ternary f32 tensor",
                   ternary,
                   {{f32(), false, 0}},
                   {},
                   {},
                   false,
                   true,
                   0});
  specs.push_back(
      {"ternary without scale", ternary, {}, {}, {}, false, true, 0});
  specs.push_back(
      {"ternary grouped activations", ternary, {}, {}, {}, false, true, 32});
  // As Q4_K: f16 a 256 times 6-bit a 32, minimum subtracted.
  specs.push_back({"q4_k",
                   uintOf(4),
                   {{f16(), true, 256}, {uintOf(6), true, 32}},
                   {{f16(), true, 256}, {uintOf(6), true, 32}},
                   {},
                   true,
                   true,
                   256});
  // As Q6_K: f16 a 256 times int8 a 16.
  specs.push_back({"q6_k",
                   intOf(6),
                   {{f16(), true, 256}, {intOf(8), true, 16}},
                   {},
                   {},
                   false,
                   true,
                   256});
  // As Q2_K: 4-bit scales and minima a 16.
  specs.push_back({"q2_k",
                   uintOf(2),
                   {{f16(), true, 256}, {uintOf(4), true, 16}},
                   {{f16(), true, 256}, {uintOf(4), true, 16}},
                   {},
                   true,
                   true,
                   32});
  specs.push_back({"int4 bf16/16",
                   intOf(4),
                   {{bf16(), true, 16}},
                   {{bf16(), true, 16}},
                   {},
                   true,
                   true,
                   16});
  specs.push_back({"int8 f32/16, activations of 64",
                   intOf(8),
                   {{f32(), true, 16}},
                   {},
                   {},
                   false,
                   true,
                   64});
  specs.push_back({"uint4 f16/128, zero of 64",
                   uintOf(4),
                   {{f16(), true, 128}},
                   {},
                   {{uintOf(4), true, 64}},
                   false,
                   true,
                   128});
  specs.push_back({"uint4 row, zero of 16",
                   uintOf(4),
                   {{f16(), true, 0}},
                   {{f16(), true, 0}},
                   {{uintOf(4), true, 16}},
                   false,
                   true,
                   0});
  specs.push_back({"uint4 f16/64, one scale a token",
                   uintOf(4),
                   {{f16(), true, 64}},
                   {{f32(), false, 0}},
                   {},
                   false,
                   true,
                   0});
  specs.push_back({"int8 f16/512 by f32 of columns",
                   intOf(8),
                   {{f16(), true, 512}, {f32(), false, 1024}},
                   {},
                   {},
                   false,
                   true,
                   0});
  specs.push_back({"f32", f32(), {}, {}, {}, false, false});
  specs.push_back({"f16", f16(), {}, {}, {}, false, false});
  specs.push_back({"bf16", bf16(), {}, {}, {}, false, false});
  specs.push_back(
      {"f16 scaled by row", f16(), {{f32(), true, 0}}, {}, {}, false, false});
  specs.push_back({"q4_k, f32 activations",
                   uintOf(4),
                   {{f16(), true, 256}, {uintOf(6), true, 32}},
                   {{f16(), true, 256}, {uintOf(6), true, 32}},
                   {},
                   true,
                   false});
  specs.push_back({"int8 zero of 48, f32 activations",
                   intOf(8),
                   {{f16(), true, 0}},
                   {},
                   {{intOf(8), true, 48}},
                   false,
                   false});
  return specs;
}

/// Codes of a power-of-two width one after another in i32 words, rows padded.
static Status packedRows(LeafDesc &leaf) {
  if (Status status = applyCanonicalLayout(leaf); !status.isOk())
    return status;
  FieldDesc &field = leaf.fields[0];
  int64_t width = leaf.code.width, perWord = 32 / width;
  field.wordBits = 32;
  field.word = {2, {{{{0}}}, {{{1, 1, perWord}}}}};
  field.bit = {2, {{{{1, width, 1, perWord}}}}};
  field.storage = {leaf.rows, (leaf.columns + perWord - 1) / perWord};
  leaf.biased = leaf.code.kind == NumberKind::signedInt;
  return validate(leaf);
}

/// As TQ2_0 lies: four columns 32 apart share a byte.
static Status columnsFarApart(LeafDesc &leaf) {
  if (Status status = applyCanonicalLayout(leaf); !status.isOk())
    return status;
  FieldDesc &field = leaf.fields[0];
  field.wordBits = 8;
  field.word = {2, {{{{0}}}, {{{1, 32, 128}, {1, 1, 1, 32}}}}};
  field.bit = {2, {{{{1, 2, 32, 4}}}}};
  field.storage = {leaf.rows, (leaf.columns + 127) / 128 * 32};
  leaf.biased = leaf.code.kind == NumberKind::signedInt;
  return validate(leaf);
}

std::vector<MatmulSpec> lowbit::test::unusualSpecs() {
  NumberDesc ternary = intOf(2);
  ternary.lo = -1;
  ternary.hi = 1;
  std::vector<MatmulSpec> specs = {
      {"ternary as TQ2_0", ternary, {{f32(), true, 0}}, {}, {}, false, true, 0},
      {"int2 as TQ2_0 in groups", intOf(2), {{f16(), true, 32}}},
      {"int4 packed in rows", intOf(4), {{f16(), true, 32}}},
      {"uint4 packed, zero and offset",
       uintOf(4),
       {{f16(), true, 64}, {uintOf(6), true, 16}},
       {{f16(), true, 64}, {uintOf(6), true, 16}},
       {{uintOf(4), true, 8}},
       true},
      {"uint1 packed", uintOf(1), {{f32(), false, 0}}, {{f32(), true, 0}}},
      {"q4 packed, f32 activations",
       uintOf(4),
       {{f16(), true, 32}},
       {{f16(), true, 32}},
       {},
       false,
       false},
      {"f16 in rows", f16(), {{f32(), true, 24}}, {}, {}, false, false}};
  for (MatmulSpec &spec : specs)
    spec.layout = packedRows;
  specs[0].layout = specs[1].layout = columnsFarApart;
  specs.back().layout = applyCanonicalLayout;
  // The usual layout with granularities that the fast way does not take.
  specs.push_back({"groups of 24", uintOf(4), {{f16(), true, 24}}});
  specs.push_back(
      {"groups of 8", uintOf(4), {{f16(), true, 8}}, {}, {}, false, true, 0});
  specs.push_back(
      {"a scale for each column", intOf(3), {{f32(), false, 1}, {f16(), true}}});
  specs.push_back({"groups of 48, activations of 32",
                   intOf(4),
                   {{f16(), true, 48}},
                   {{f16(), true, 96}}});
  return specs;
}
