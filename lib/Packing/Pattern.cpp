//===- Pattern.cpp - Which elements a leaf stores ---------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Pattern.h"

#include "PlainArray.h"

#include "lowbit/Support/CheckedMath.h"

#include <bit>

namespace lowbit {

using namespace packing;

namespace {

constexpr uint32_t startsPart = 0, columnsPart = 1, positionsPart = 2;

struct Extents {
  int64_t rows, columns;
};

/// What there is to know about one kind. `of` is the tensor's shape; every
/// function but `validate` may assume that validate succeeded, except storedShape.
struct PatternOps {
  std::array<int64_t, 2> (*storedShape)(const PatternDesc &, Extents of);
  std::vector<IndexArray> (*indexArrays)(const PatternDesc &, Extents of);
  Status (*validate)(const PatternDesc &, Extents of);
  Status (*walk)(const PatternDesc &, Extents of, IndexBytes, int64_t n,
                 const ElementVisitor &);
  Status (*checkData)(const PatternDesc &, Extents of, IndexBytes);
  std::string (*describe)(const PatternDesc &);
};

uint32_t entry(IndexBytes index, size_t array, int64_t at, unsigned bits) {
  return loadBits(index[array].data() + at * (bits / 8), bits / 8);
}

Status badIndex(const char *what, int64_t at, const char *rule) {
  return invalidArgument("index data: %s %lld %s", what,
                         static_cast<long long>(at), rule);
}

Status noData(const PatternDesc &, Extents, IndexBytes) {
  return Status::success();
}
std::vector<IndexArray> noArrays(const PatternDesc &, Extents) { return {}; }

//===----------------------------------------------------------------------===//
// n of m
//===----------------------------------------------------------------------===//

std::array<int64_t, 2> nmShape(const PatternDesc &p, Extents of) {
  if (p.blockColumns < 1 || p.count < 1)
    return {0, 0};
  return {of.rows, checkedMul(of.columns / p.blockColumns, p.count).value_or(0)};
}

std::vector<IndexArray> nmArrays(const PatternDesc &p, Extents of) {
  const int64_t perByte = 8 / positionBits(p.blockColumns);
  return {{8,
           {of.rows, ceilDiv(nmShape(p, of)[1], perByte)},
           positionsPart}};
}

Status nmValidate(const PatternDesc &p, Extents of) {
  if (p.count < 1 || p.count >= p.blockColumns || p.blockColumns > 256)
    return invalidArgument("pattern nm<%lld:%lld>: requires 0 < n < m <= 256 "
                           "(V4)",
                           static_cast<long long>(p.count),
                           static_cast<long long>(p.blockColumns));
  if (of.columns % p.blockColumns != 0)
    return invalidArgument("pattern nm: %lld columns are not a multiple of m = "
                           "%lld (V4)",
                           static_cast<long long>(of.columns),
                           static_cast<long long>(p.blockColumns));
  return Status::success();
}

int64_t nmPosition(const PatternDesc &p, Extents of, IndexBytes index,
                   int64_t n, int64_t column) {
  const unsigned bits = positionBits(p.blockColumns);
  const int64_t perByte = 8 / bits;
  const int64_t bytes = ceilDiv(nmShape(p, of)[1], perByte);
  const uint8_t byte = index[0][static_cast<size_t>(n * bytes + column / perByte)];
  return byte >> (column % perByte * bits) & lowMask(bits);
}

Status nmWalk(const PatternDesc &p, Extents of, IndexBytes index, int64_t n,
              const ElementVisitor &visit) {
  const int64_t stored = nmShape(p, of)[1];
  int64_t previous = -1;
  for (int64_t column = 0; column < stored; ++column) {
    if (column % p.count == 0)
      previous = -1;
    const int64_t position = nmPosition(p, of, index, n, column);
    if (position <= previous || position >= p.blockColumns)
      return badIndex("position", n * stored + column,
                      "does not ascend within its group or leaves it");
    previous = position;
    visit(n, column, column / p.count * p.blockColumns + position);
  }
  return Status::success();
}

Status walkAll(const PatternDesc &p, Extents of, IndexBytes index) {
  for (int64_t n = 0; n < of.rows; ++n)
    LOWBIT_RETURN_IF_ERROR(forEachStored(p, of.rows, of.columns, index, n,
                                         [](int64_t, int64_t, int64_t) {}));
  return Status::success();
}

std::string nmDescribe(const PatternDesc &p) {
  return formatString("%lld of %lld", static_cast<long long>(p.count),
                      static_cast<long long>(p.blockColumns));
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

int64_t blockRowsOf(const PatternDesc &p, Extents of) {
  return p.blockRows < 1 ? 0 : of.rows / p.blockRows;
}
int64_t blockColumnsOf(const PatternDesc &p, Extents of) {
  return p.blockColumns < 1 ? 0 : of.columns / p.blockColumns;
}

std::array<int64_t, 2> blockShape(const PatternDesc &p, Extents of) {
  int64_t blocks = p.count;
  if (p.kind == PatternKind::fixed)
    blocks = checkedMul(blockRowsOf(p, of), p.count).value_or(0);
  return {blocks, checkedMul(p.blockRows, p.blockColumns).value_or(0)};
}

Status blockValidate(const PatternDesc &p, Extents of) {
  if (p.blockRows < 1 || p.blockColumns < 1 || of.rows % p.blockRows != 0 ||
      of.columns % p.blockColumns != 0)
    return invalidArgument("pattern: blocks of %lldx%lld do not divide a tensor "
                           "of %lld x %lld (V4)",
                           static_cast<long long>(p.blockRows),
                           static_cast<long long>(p.blockColumns),
                           static_cast<long long>(of.rows),
                           static_cast<long long>(of.columns));
  const int64_t across = blockColumnsOf(p, of), down = blockRowsOf(p, of);
  const bool perRow = p.kind == PatternKind::fixed;
  std::optional<int64_t> most = perRow ? across : checkedMul(across, down);
  if (!most || p.count < 1 || p.count > *most || *most > INT32_MAX)
    return invalidArgument("pattern: %lld stored blocks%s of %lld (V4)",
                           static_cast<long long>(p.count),
                           perRow ? " a block row" : "",
                           static_cast<long long>(most.value_or(-1)));
  if (p.kind == PatternKind::bitmap)
    return Status::success();
  if (p.indexBits != 8 && p.indexBits != 16 && p.indexBits != 32)
    return invalidArgument("pattern: block columns of %u bits; use 8, 16 or 32 "
                           "(V4)",
                           p.indexBits);
  if (p.indexBits < 32 && across > int64_t{1} << p.indexBits)
    return invalidArgument("pattern: %lld block columns do not fit indices of "
                           "%u bits (V4)",
                           static_cast<long long>(across), p.indexBits);
  return Status::success();
}

std::vector<IndexArray> csrArrays(const PatternDesc &p, Extents of) {
  return {{32, {blockRowsOf(p, of) + 1}, startsPart},
          {p.indexBits, {p.count}, columnsPart}};
}

std::vector<IndexArray> bitmapArrays(const PatternDesc &p, Extents of) {
  return {{32, {blockRowsOf(p, of) + 1}, startsPart},
          {32,
           {blockRowsOf(p, of), ceilDiv(blockColumnsOf(p, of), 32)},
           columnsPart}};
}

std::vector<IndexArray> fixedArrays(const PatternDesc &p, Extents of) {
  return {{p.indexBits, {blockRowsOf(p, of), p.count}, columnsPart}};
}

/// visit(block, block column) for the stored blocks of one block row.
Status walkBlockRow(const PatternDesc &p, Extents of, IndexBytes index,
                    int64_t blockRow,
                    const std::function<void(int64_t, int64_t)> &visit) {
  const int64_t across = blockColumnsOf(p, of);
  int64_t begin = blockRow * p.count, end = begin + p.count;
  if (p.kind != PatternKind::fixed) {
    begin = entry(index, 0, blockRow, 32);
    end = entry(index, 0, blockRow + 1, 32);
    if (begin > end || end > p.count)
      return badIndex("row start", blockRow,
                      "is above the next or above the number of blocks");
  }
  if (p.kind == PatternKind::bitmap) {
    const int64_t words = ceilDiv(across, 32);
    int64_t block = begin;
    for (int64_t word = 0; word < words; ++word)
      for (uint32_t bits = entry(index, 1, blockRow * words + word, 32); bits;
           bits &= bits - 1) {
        const int64_t column = word * 32 + std::countr_zero(bits);
        if (column >= across || block >= end)
          return badIndex("bitmap of block row", blockRow,
                          "has more blocks than its row starts say");
        visit(block++, column);
      }
    return block == end ? Status::success()
                        : badIndex("bitmap of block row", blockRow,
                                   "has fewer blocks than its row starts say");
  }
  const size_t array = p.kind == PatternKind::fixed ? 0 : 1;
  int64_t previous = -1;
  for (int64_t block = begin; block < end; ++block) {
    const int64_t column = entry(index, array, block, p.indexBits);
    if (column <= previous || column >= across)
      return badIndex("block column", block,
                      "does not ascend within its row or leaves the tensor");
    previous = column;
    visit(block, column);
  }
  return Status::success();
}

Status blockWalk(const PatternDesc &p, Extents of, IndexBytes index, int64_t n,
                 const ElementVisitor &visit) {
  const int64_t inside = n % p.blockRows * p.blockColumns;
  return walkBlockRow(p, of, index, n / p.blockRows,
                      [&](int64_t block, int64_t column) {
                        for (int64_t j = 0; j < p.blockColumns; ++j)
                          visit(block, inside + j, column * p.blockColumns + j);
                      });
}

Status blockData(const PatternDesc &p, Extents of, IndexBytes index) {
  const int64_t down = blockRowsOf(p, of);
  if (p.kind != PatternKind::fixed &&
      (entry(index, 0, 0, 32) != 0 || entry(index, 0, down, 32) != p.count))
    return invalidArgument("index data: row starts do not go from 0 to %lld",
                           static_cast<long long>(p.count));
  for (int64_t row = 0; row < down; ++row)
    LOWBIT_RETURN_IF_ERROR(
        walkBlockRow(p, of, index, row, [](int64_t, int64_t) {}));
  return Status::success();
}

std::string blockDescribe(const PatternDesc &p) {
  const char *kind = p.kind == PatternKind::csr      ? "csr"
                     : p.kind == PatternKind::bitmap ? "bitmap"
                                                     : "fixed";
  std::string text =
      formatString("blocks %lldx%lld %s", static_cast<long long>(p.blockRows),
                   static_cast<long long>(p.blockColumns), kind);
  if (p.kind != PatternKind::bitmap)
    text += formatString(" i%u", p.indexBits);
  return text + formatString(" %lld%s", static_cast<long long>(p.count),
                             p.kind == PatternKind::fixed ? " a row" : "");
}

//===----------------------------------------------------------------------===//
// Block diagonal, complement
//===----------------------------------------------------------------------===//

std::array<int64_t, 2> diagonalShape(const PatternDesc &p, Extents of) {
  return {of.rows, p.count < 1 ? 0 : of.columns / p.count};
}

Status diagonalValidate(const PatternDesc &p, Extents of) {
  if (p.count < 1 || of.rows % p.count != 0 || of.columns % p.count != 0)
    return invalidArgument("pattern: %lld diagonal blocks do not divide a tensor "
                           "of %lld x %lld (V8)",
                           static_cast<long long>(p.count),
                           static_cast<long long>(of.rows),
                           static_cast<long long>(of.columns));
  return Status::success();
}

Status diagonalWalk(const PatternDesc &p, Extents of, IndexBytes, int64_t n,
                    const ElementVisitor &visit) {
  const int64_t width = of.columns / p.count, height = of.rows / p.count;
  for (int64_t column = 0; column < width; ++column)
    visit(n, column, n / height * width + column);
  return Status::success();
}

std::string diagonalDescribe(const PatternDesc &p) {
  return formatString("%lld diagonal blocks", static_cast<long long>(p.count));
}

std::array<int64_t, 2> denseShape(const PatternDesc &, Extents of) {
  return {of.rows, of.columns};
}

Status complementValidate(const PatternDesc &p, Extents) {
  return p.count >= 0 ? Status::success()
                      : invalidArgument("pattern: complement of a negative term");
}

// The mask needs another term's data, so the sum applies it (E9).
Status denseWalk(const PatternDesc &, Extents of, IndexBytes, int64_t n,
                 const ElementVisitor &visit) {
  for (int64_t k = 0; k < of.columns; ++k)
    visit(n, k, k);
  return Status::success();
}

std::string complementDescribe(const PatternDesc &p) {
  return formatString("complement of term %lld", static_cast<long long>(p.count));
}

/// Indexed by PatternKind.
constexpr PatternOps kinds[] = {
    {nmShape, nmArrays, nmValidate, nmWalk, walkAll, nmDescribe},
    {blockShape, csrArrays, blockValidate, blockWalk, blockData, blockDescribe},
    {blockShape, bitmapArrays, blockValidate, blockWalk, blockData,
     blockDescribe},
    {blockShape, fixedArrays, blockValidate, blockWalk, blockData,
     blockDescribe},
    {diagonalShape, noArrays, diagonalValidate, diagonalWalk, noData,
     diagonalDescribe},
    {denseShape, noArrays, complementValidate, denseWalk, noData,
     complementDescribe},
};

const PatternOps &opsOf(const PatternDesc &pattern) {
  return kinds[static_cast<size_t>(pattern.kind)];
}

} // namespace

unsigned positionBits(int64_t m) {
  return m <= 2 ? 1 : m <= 4 ? 2 : m <= 16 ? 4 : 8;
}

std::array<int64_t, 2> storedShapeOf(const PatternDesc &pattern, int64_t rows,
                                     int64_t columns) {
  return opsOf(pattern).storedShape(pattern, {rows, columns});
}

std::vector<IndexArray> indexArraysOf(const PatternDesc &pattern, int64_t rows,
                                      int64_t columns) {
  return opsOf(pattern).indexArrays(pattern, {rows, columns});
}

Status validatePattern(const PatternDesc &pattern, int64_t rows,
                       int64_t columns) {
  return opsOf(pattern).validate(pattern, {rows, columns});
}

std::string describePattern(const PatternDesc &pattern) {
  return opsOf(pattern).describe(pattern);
}

Status forEachStored(const PatternDesc &pattern, int64_t rows, int64_t columns,
                     IndexBytes index, int64_t n, const ElementVisitor &visit) {
  return opsOf(pattern).walk(pattern, {rows, columns}, index, n, visit);
}

Status checkPatternData(const PatternDesc &pattern, int64_t rows,
                        int64_t columns, IndexBytes index) {
  return opsOf(pattern).checkData(pattern, {rows, columns}, index);
}

} // namespace lowbit
