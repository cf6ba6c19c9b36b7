//===- Repack.cpp - From one layout to another ------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Codec.h"

#include "lowbit/Support/CheckedMath.h"

#include <algorithm>

namespace lowbit {

using namespace packing;

std::vector<ParamDesc> componentParams(const LeafDesc &leaf) {
  std::vector<ParamDesc> params;
  auto add = [&](const ParamDesc &param) {
    if (param.rank == 0) {
      params.push_back(param);
      return;
    }
    for (std::vector<int64_t> shape :
         {std::vector{leaf.rows, param.rank},
          std::vector{param.rank, leaf.columns}}) {
      ParamDesc part = param;
      part.rank = 0;
      part.granules = part.storage = std::move(shape);
      params.push_back(std::move(part));
    }
  };
  for (const ParamDesc &param : leaf.scales)
    add(param);
  if (leaf.zero)
    add(*leaf.zero);
  for (const ParamDesc &param : leaf.offsets)
    add(param);
  return params;
}

namespace {

/// Everything but layout and placements.
LeafDesc denotationOf(const LeafDesc &leaf) {
  LeafDesc plain = leaf;
  plain.fields.clear();
  plain.biased = false;
  auto strip = [](ParamDesc &param) {
    param.placement = {};
    param.storage.clear();
    param.packed = 0;
  };
  for (ParamDesc &param : plain.scales)
    strip(param);
  if (plain.zero)
    strip(*plain.zero);
  for (ParamDesc &param : plain.offsets)
    strip(param);
  return plain;
}

/// Index or table components that do not belong to the layout.
std::vector<size_t> fixedComponents(const std::vector<ComponentDesc> &components) {
  std::vector<size_t> result;
  for (size_t i = 0; i < components.size(); ++i) {
    const ComponentDesc &component = components[i];
    if ((component.role == ComponentRole::table && component.part == 0) ||
        (component.role == ComponentRole::index && component.part < 3))
      result.push_back(i);
  }
  return result;
}

} // namespace

StatusOr<std::vector<std::vector<uint8_t>>>
repack(const LeafDesc &from, std::span<const std::span<const uint8_t>> components,
       LeafDesc &to) {
  if (denotationOf(from) != denotationOf(to))
    return invalidArgument("repack: the encodings differ in more than the layout");
  LOWBIT_ASSIGN_OR_RETURN(LeafCodec source, LeafCodec::create(from));
  const int64_t rows = from.storedRows(), columns = from.storedColumns();
  const size_t rowBytes =
      static_cast<size_t>(columns) * plainCodeBytes(from.code);
  std::vector<uint8_t> plain;
  FieldDesc *coded = nullptr;
  for (FieldDesc &field : to.fields)
    if (field.entropyBlock > 0)
      coded = &field;
  if (coded) {
    plain.resize(static_cast<size_t>(rows) * rowBytes);
    LOWBIT_RETURN_IF_ERROR(source.unpackCodes(0, rows, components, plain));
    LOWBIT_ASSIGN_OR_RETURN(EntropyCoded size, encodeEntropy(to, plain.data()));
    coded->storage = {static_cast<int64_t>(size.bytes.size())};
  }
  LOWBIT_ASSIGN_OR_RETURN(LeafCodec target, LeafCodec::create(to));
  std::vector<std::vector<uint8_t>> result;
  for (const ComponentDesc &component : target.components())
    result.emplace_back(component.bytes, 0);
  const std::vector<std::span<uint8_t>> spans(result.begin(), result.end());

  if (coded) {
    LOWBIT_RETURN_IF_ERROR(target.packCodes(0, rows, plain, spans));
  } else {
    // Strips of about 1 MiB keep memory independent of the tensor.
    const int64_t strip = std::max<int64_t>(
        1, (int64_t{1} << 20) / std::max<int64_t>(1, static_cast<int64_t>(rowBytes)));
    for (int64_t begin = 0; begin < rows; begin += strip) {
      const int64_t end = std::min(rows, begin + strip);
      plain.resize(static_cast<size_t>(end - begin) * rowBytes);
      LOWBIT_RETURN_IF_ERROR(source.unpackCodes(begin, end, components, plain));
      LOWBIT_RETURN_IF_ERROR(target.packCodes(begin, end, plain, spans));
    }
  }

  const std::vector<size_t> fixedFrom = fixedComponents(source.components());
  const std::vector<size_t> fixedTo = fixedComponents(target.components());
  for (size_t i = 0; i < fixedFrom.size(); ++i)
    std::copy_n(components[fixedFrom[i]].begin(), result[fixedTo[i]].size(),
                result[fixedTo[i]].begin());

  const std::vector<ParamDesc> sourceParams = componentParams(from);
  const std::vector<ParamDesc> targetParams = componentParams(to);
  const size_t firstFrom = firstParamComponent(from);
  const size_t firstTo = firstParamComponent(to);
  for (size_t i = 0; i < sourceParams.size(); ++i) {
    LOWBIT_ASSIGN_OR_RETURN(int64_t count,
                            checkedElementCount(sourceParams[i].granules));
    plain.resize(static_cast<size_t>(count) *
                 plainParamBytes(sourceParams[i].number));
    LOWBIT_RETURN_IF_ERROR(unpackParam(sourceParams[i], 0,
                                       granuleRows(sourceParams[i]),
                                       components[firstFrom + i], plain));
    LOWBIT_RETURN_IF_ERROR(packParam(targetParams[i], 0,
                                     granuleRows(targetParams[i]), plain,
                                     result[firstTo + i]));
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Index data from a mask
//===----------------------------------------------------------------------===//

using Mask = std::function<bool(int64_t, int64_t)>;

static StatusOr<std::vector<std::vector<uint8_t>>>
buildPositions(const PatternDesc &pattern, int64_t rows, int64_t columns,
               const Mask &mask) {
  const int64_t m = pattern.blockColumns;
  const unsigned bits = positionBits(m);
  const int64_t perByte = 8 / bits;
  const int64_t stored = columns / m * pattern.count;
  const int64_t rowBytes = ceilDiv(stored, perByte);
  std::vector<uint8_t> bytes(static_cast<size_t>(rows * rowBytes), 0);
  for (int64_t n = 0; n < rows; ++n)
    for (int64_t group = 0; group < columns / m; ++group) {
      int64_t at = group * pattern.count;
      for (int64_t j = 0; j < m; ++j) {
        if (!mask(n, group * m + j))
          continue;
        if (at == (group + 1) * pattern.count)
          return invalidArgument("row %lld, group %lld has more than %lld "
                                 "elements",
                                 static_cast<long long>(n),
                                 static_cast<long long>(group),
                                 static_cast<long long>(pattern.count));
        bytes[static_cast<size_t>(n * rowBytes + at / perByte)] |=
            static_cast<uint8_t>(j << (at % perByte * bits));
        ++at;
      }
      if (at != (group + 1) * pattern.count)
        return invalidArgument("row %lld, group %lld has fewer than %lld elements",
                               static_cast<long long>(n),
                               static_cast<long long>(group),
                               static_cast<long long>(pattern.count));
    }
  return std::vector<std::vector<uint8_t>>{std::move(bytes)};
}

StatusOr<std::vector<std::vector<uint8_t>>>
buildIndex(PatternDesc &pattern, int64_t rows, int64_t columns,
           const Mask &mask) {
  PatternDesc probe = pattern;
  if (pattern.kind == PatternKind::csr || pattern.kind == PatternKind::bitmap)
    probe.count = 1; // counted below
  LOWBIT_RETURN_IF_ERROR(validatePattern(probe, rows, columns));
  if (pattern.kind == PatternKind::nm)
    return buildPositions(pattern, rows, columns, mask);
  if (pattern.kind == PatternKind::blockDiagonal ||
      pattern.kind == PatternKind::complement)
    return std::vector<std::vector<uint8_t>>{};

  const int64_t r = pattern.blockRows, c = pattern.blockColumns;
  const int64_t down = rows / r, across = columns / c;
  const unsigned width = pattern.indexBits / 8u;
  std::vector<uint8_t> starts(static_cast<size_t>(down + 1) * 4), blocks;
  if (pattern.kind == PatternKind::bitmap)
    blocks.resize(static_cast<size_t>(down * ceilDiv(across, 32)) * 4);
  auto isStored = [&](int64_t blockRow, int64_t blockColumn) {
    for (int64_t i = 0; i < r; ++i)
      for (int64_t j = 0; j < c; ++j)
        if (mask(blockRow * r + i, blockColumn * c + j))
          return true;
    return false;
  };
  uint32_t count = 0;
  for (int64_t row = 0; row < down; ++row) {
    store<uint32_t>(starts.data() + 4 * row, count);
    const uint32_t before = count;
    for (int64_t column = 0; column < across; ++column) {
      if (!isStored(row, column))
        continue;
      ++count;
      if (pattern.kind == PatternKind::bitmap) {
        uint8_t *word =
            blocks.data() + 4 * (row * ceilDiv(across, 32) + column / 32);
        store<uint32_t>(word, load<uint32_t>(word) | uint32_t{1} << column % 32);
        continue;
      }
      blocks.resize(blocks.size() + width);
      storeBits(blocks.data() + blocks.size() - width, width,
                static_cast<uint32_t>(column));
    }
    if (pattern.kind == PatternKind::fixed && count - before != pattern.count)
      return invalidArgument("block row %lld stores %u blocks where the pattern "
                             "says %lld",
                             static_cast<long long>(row), count - before,
                             static_cast<long long>(pattern.count));
  }
  store<uint32_t>(starts.data() + 4 * down, count);
  if (count == 0)
    return invalidArgument("no element is stored");
  if (pattern.kind == PatternKind::fixed)
    return std::vector<std::vector<uint8_t>>{std::move(blocks)};
  pattern.count = count;
  return std::vector<std::vector<uint8_t>>{std::move(starts), std::move(blocks)};
}

} // namespace lowbit
