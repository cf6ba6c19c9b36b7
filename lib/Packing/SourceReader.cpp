//===- SourceReader.cpp - Reading stored tensors by table -----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Packing/SourceLayout.h"

#include "PlainArray.h"

#include "lowbit/Packing/Pack.h"
#include "lowbit/Support/CheckedMath.h"

#include <array>

namespace lowbit {

using namespace packing;

namespace {

/// Items of a block that lie in consecutive bytes at the same bit (or digit).
struct Run {
  uint16_t item;
  uint16_t count;
  uint16_t byte;
  uint8_t bit;
};

/// A piece with its two maps evaluated for every item.
struct PieceTable {
  const SourcePiece *piece;
  std::vector<Run> runs;
};

std::vector<PieceTable> tablesOf(const SourceNumber &number) {
  std::vector<PieceTable> tables;
  for (const SourcePiece &piece : number.pieces) {
    PieceTable table{&piece, {}};
    for (int64_t j = 0; j < piece.end - piece.begin; ++j) {
      const int64_t byte = piece.byte.eval({&j, 1}),
                    bit = piece.bit.eval({&j, 1});
      if (!table.runs.empty() && table.runs.back().bit == bit &&
          table.runs.back().byte + table.runs.back().count == byte)
        ++table.runs.back().count;
      else
        table.runs.push_back({static_cast<uint16_t>(piece.begin + j), 1,
                              static_cast<uint16_t>(byte),
                              static_cast<uint8_t>(bit)});
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

/// Ors the stored bits of one block's items into `out`.
void gatherBlock(const PieceTable &table, const uint8_t *block, unsigned plane,
                 uint8_t *out) {
  const SourcePiece &piece = *table.piece;
  const unsigned shift = piece.shift;
  const uint8_t mask = static_cast<uint8_t>(lowMask(piece.width));
  for (const Run &run : table.runs) {
    const uint8_t *__restrict source = block + run.byte;
    uint8_t *__restrict items = out + run.item;
    if (piece.radix == 3) {
      static constexpr std::array<uint8_t, 6> powers = {1, 3, 9, 27, 81, 243};
      for (unsigned i = 0; i < run.count; ++i) {
        uint8_t fraction = static_cast<uint8_t>(source[i] * powers[run.bit]);
        items[i] = static_cast<uint8_t>((fraction * 3u) >> 8);
      }
      continue;
    }
    const unsigned bit = run.bit + plane;
    for (unsigned i = 0; i < run.count; ++i)
      items[i] =
          static_cast<uint8_t>(items[i] | ((source[i] >> bit) & mask) << shift);
  }
}

/// Blocks of one element each (a byte in which planes of rows may share).
void gatherSingles(const PieceTable &table, const uint8_t *row, int64_t blocks,
                   int64_t blockBytes, unsigned plane, uint8_t *out) {
  const uint32_t mask = lowMask(table.piece->width);
  const unsigned bit = table.runs[0].bit + plane, shift = table.piece->shift;
  const uint8_t *source = row + table.runs[0].byte;
  for (int64_t b = 0; b < blocks; ++b)
    out[b] = static_cast<uint8_t>(
        out[b] | ((static_cast<uint32_t>(source[b * blockBytes]) >> bit) & mask)
                     << shift);
}

/// Stored 8-bit numbers to plain ones; returns the first item out of range or
/// `count`.
size_t finish(const SourceNumber &number, uint8_t *items, size_t count) {
  const NumberDesc &desc = number.number;
  const uint8_t bias = static_cast<uint8_t>(number.bias);
  const uint8_t low = static_cast<uint8_t>(desc.lo);
  const uint8_t span = static_cast<uint8_t>(desc.hi - desc.lo);
  bool bad = false;
  for (size_t i = 0; i < count; ++i) {
    items[i] = static_cast<uint8_t>(items[i] + bias);
    bad |= static_cast<uint8_t>(items[i] - low) > span;
  }
  if (!bad)
    return count;
  size_t i = 0;
  while (static_cast<uint8_t>(items[i] - low) <= span)
    ++i;
  return i;
}

/// One row of a number with `perBlock` items in each block.
void gatherRow(const std::vector<PieceTable> &tables,
               const SourceNumber &number, const uint8_t *row, int64_t blocks,
               int64_t blockBytes, int64_t perBlock, unsigned plane,
               uint8_t *out) {
  if (number.number.isFloat()) {
    const size_t size = number.number.width / 8u;
    const uint8_t *source = row + tables[0].runs[0].byte;
    if (static_cast<int64_t>(size) == blockBytes) {
      std::memcpy(out, source, static_cast<size_t>(blocks) * size);
      return;
    }
    for (int64_t b = 0; b < blocks; ++b, source += blockBytes, out += size)
      storeBits(out, static_cast<unsigned>(size),
                loadBits(source, static_cast<unsigned>(size)));
    return;
  }
  std::memset(out, 0, static_cast<size_t>(blocks * perBlock));
  for (const PieceTable &table : tables) {
    if (perBlock == 1 && table.piece->radix == 0) {
      gatherSingles(table, row, blocks, blockBytes, plane, out);
      continue;
    }
    for (int64_t b = 0; b < blocks; ++b)
      gatherBlock(table, row + b * blockBytes, plane, out + b * perBlock);
  }
}

} // namespace

Status readCanonicalRows(const SourceLayout &source,
                         std::span<const uint8_t> bytes, int64_t rows,
                         int64_t columns, int64_t rowBegin, int64_t rowEnd,
                         CanonicalRows &out) {
  LOWBIT_ASSIGN_OR_RETURN(uint64_t expected,
                          sourceBytes(source, rows, columns));
  if (bytes.size() != expected)
    return invalidArgument(
        "a %s tensor of %lld x %lld elements has %llu bytes, "
        "not %zu",
        source.name.c_str(), static_cast<long long>(rows),
        static_cast<long long>(columns),
        static_cast<unsigned long long>(expected), bytes.size());
  if (rowBegin < 0 || rowBegin > rowEnd || rowEnd > rows)
    return invalidArgument("rows [%lld, %lld) of a tensor of %lld rows",
                           static_cast<long long>(rowBegin),
                           static_cast<long long>(rowEnd),
                           static_cast<long long>(rows));

  const int64_t blocks = columns / source.blockElements;
  const int64_t rowBytes = blocks * source.blockBytes;
  const int64_t byteRows = ceilDiv(rows, source.rowPlanes);
  const size_t count = static_cast<size_t>(rowEnd - rowBegin);

  // Reads one number of every row into `plain`.
  auto readNumber = [&](const SourceNumber &number, int64_t perBlock,
                        const char *what,
                        std::vector<uint8_t> &plain) -> Status {
    const std::vector<PieceTable> tables = tablesOf(number);
    const size_t items = static_cast<size_t>(blocks * perBlock);
    const size_t size = plainCodeBytes(number.number);
    plain.resize(count * items * size);
    for (size_t r = 0; r < count; ++r) {
      const int64_t n = rowBegin + static_cast<int64_t>(r);
      const unsigned plane =
          static_cast<unsigned>(source.rowPlaneBits * (n / byteRows));
      uint8_t *row = plain.data() + r * items * size;
      gatherRow(tables, number, bytes.data() + (n % byteRows) * rowBytes,
                blocks, source.blockBytes, perBlock, plane, row);
      if (number.number.isFloat())
        continue;
      size_t bad = finish(number, row, items);
      if (bad < items) {
        int value = number.number.kind == NumberKind::signedInt
                        ? static_cast<int8_t>(row[bad])
                        : row[bad];
        return invalidArgument("%s %d at row %lld, position %zu is outside "
                               "%lld..%lld of %s",
                               what, value, static_cast<long long>(n), bad,
                               static_cast<long long>(number.number.lo),
                               static_cast<long long>(number.number.hi),
                               source.name.c_str());
      }
    }
    return Status::success();
  };

  LOWBIT_RETURN_IF_ERROR(
      readNumber(source.code, source.blockElements, "code", out.codes));
  out.params.resize(source.params.size());
  for (size_t i = 0; i < source.params.size(); ++i) {
    const SourceParam &param = source.params[i];
    out.params[i].clear();
    if (param.group > 0)
      LOWBIT_RETURN_IF_ERROR(
          readNumber(param.value, source.blockElements / param.group,
                     componentRoleName(param.role), out.params[i]));
  }
  return Status::success();
}

} // namespace lowbit
