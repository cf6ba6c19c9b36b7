//===- PackParam.cpp - Scales, zeros and offsets into and out of layouts --===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Packing/Pack.h"

#include "Codec.h"

#include "lowbit/Support/CheckedMath.h"

#include <algorithm>

namespace lowbit {

using namespace packing;

namespace {

/// What one granule row takes in a plain array, after checking everything that
/// packParam and unpackParam rely on.
StatusOr<int64_t> granulesPerRow(const ParamDesc &param, int64_t begin,
                                 int64_t end, size_t plainSize,
                                 size_t storedSize) {
  LOWBIT_ASSIGN_OR_RETURN(std::vector<int64_t> image,
                          param.placement.imageShape(param.granules));
  if (image.size() != param.storage.size())
    return invalidArgument(
        "parameter storage has %zu dimensions, its placement "
        "gives %zu",
        param.storage.size(), image.size());
  for (size_t i = 0; i < image.size(); ++i)
    if (image[i] > param.storage[i])
      return invalidArgument("parameter placement leaves its storage (V5)");
  LOWBIT_ASSIGN_OR_RETURN(int64_t stored, checkedElementCount(param.storage));
  LOWBIT_ASSIGN_OR_RETURN(int64_t total, checkedElementCount(param.granules));
  if (param.rank > 0)
    return invalidArgument("a rank scale is two parameters (componentParams)");
  const int64_t size = plainParamBytes(param.number);
  std::optional<int64_t> storedBytes =
      param.packed ? ceilDiv(stored, 8 / param.packed) : checkedMul(stored, size);
  if (!storedBytes || storedSize < static_cast<uint64_t>(*storedBytes))
    return invalidArgument("parameter array of %zu bytes is too small",
                           storedSize);
  int64_t rows = granuleRows(param);
  if (begin < 0 || begin > end || end > rows)
    return invalidArgument(
        "granule rows [%lld, %lld) of %lld", static_cast<long long>(begin),
        static_cast<long long>(end), static_cast<long long>(rows));
  int64_t perRow = total / rows;
  std::optional<int64_t> plainBytes = checkedMul((end - begin) * perRow, size);
  if (!plainBytes || plainSize != static_cast<uint64_t>(*plainBytes))
    return invalidArgument("plain array of %zu bytes where %lld are needed",
                           plainSize,
                           static_cast<long long>(plainBytes.value_or(-1)));
  return perRow;
}

/// Calls visit(plain position, stored position) for every granule. As in
/// FieldTable.h an address splits into the part of the last index, tabulated
/// here, and the part of the others.
template <typename Visit>
Status forEachGranule(const ParamDesc &param, int64_t begin, int64_t end,
                      int64_t perRow, Visit visit) {
  const int64_t count = (end - begin) * perRow;
  if (count == 0)
    return Status::success();
  std::vector<int64_t> granule(param.granules.size(), 0);
  std::vector<int64_t> place(param.placement.results.size());
  auto address = [&] {
    param.placement.eval(granule, place);
    return linearize(place, param.storage);
  };
  std::vector<int64_t> last = {0};
  if (granule.size() > 1) {
    const int64_t origin = address();
    for (granule.back() = 1; granule.back() < param.granules.back();
         ++granule.back())
      last.push_back(address() - origin);
    granule.back() = 0;
  }
  if (!granule.empty())
    granule[0] = begin;
  for (int64_t i = 0; i < count;) {
    const int64_t base = address();
    for (int64_t offset : last)
      LOWBIT_RETURN_IF_ERROR(visit(i++, base + offset));
    // The last index is done; a single one is the row itself.
    size_t dim = granule.size() > 1 ? granule.size() - 1 : granule.size();
    while (dim-- > 0) {
      if (++granule[dim] < param.granules[dim])
        break;
      granule[dim] = 0;
    }
  }
  return Status::success();
}

} // namespace

int64_t granuleRows(const ParamDesc &param) {
  return param.granules.empty() ? 1 : param.granules[0];
}

std::pair<int64_t, int64_t> granuleRowsOf(const ParamDesc &param,
                                          int64_t rowBegin, int64_t rowEnd) {
  if (param.granules.empty() || rowBegin >= rowEnd ||
      param.space == IndexSpace::stored)
    return {0, granuleRows(param)};
  const IndexExpr &first = param.granularity.results[0];
  for (const IndexTerm &term : first.terms)
    if (term.dim != 0)
      return {0, granuleRows(param)};
  int64_t low = INT64_MAX, high = 0;
  for (int64_t row = rowBegin; row < rowEnd; ++row) {
    const int64_t index[] = {row, 0};
    int64_t granule = first.eval(index);
    low = std::min(low, granule);
    high = std::max(high, granule);
  }
  return {low, high + 1};
}

Status packParam(const ParamDesc &param, int64_t begin, int64_t end,
                 std::span<const uint8_t> plain, std::span<uint8_t> stored) {
  LOWBIT_ASSIGN_OR_RETURN(
      int64_t perRow,
      granulesPerRow(param, begin, end, plain.size(), stored.size()));
  const NumberDesc &number = param.number;
  const unsigned size = plainParamBytes(number);
  return forEachGranule(
      param, begin, end, perRow, [&](int64_t from, int64_t to) -> Status {
        uint32_t bits = loadBits(plain.data() + from * size, size);
        if (!number.isFloat()) {
          int64_t value = number.kind == NumberKind::signedInt
                              ? signExtend(bits, size * 8)
                              : static_cast<int64_t>(bits);
          if (value < number.lo || value > number.hi)
            return invalidArgument(
                "value %lld of granule %lld is outside %lld..%lld",
                static_cast<long long>(value),
                static_cast<long long>(begin * perRow + from),
                static_cast<long long>(number.lo),
                static_cast<long long>(number.hi));
        }
        if (param.packed == 0) {
          storeBits(stored.data() + to * size, size, bits);
          return Status::success();
        }
        const int64_t perByte = 8 / param.packed;
        const unsigned at = static_cast<unsigned>(to % perByte * param.packed);
        uint8_t &byte = stored[static_cast<size_t>(to / perByte)];
        byte = static_cast<uint8_t>(
            (byte & ~(lowMask(param.packed) << at)) |
            ((bits - static_cast<uint32_t>(number.lo)) & lowMask(param.packed))
                << at);
        return Status::success();
      });
}

Status unpackParam(const ParamDesc &param, int64_t begin, int64_t end,
                   std::span<const uint8_t> stored, std::span<uint8_t> plain) {
  LOWBIT_ASSIGN_OR_RETURN(
      int64_t perRow,
      granulesPerRow(param, begin, end, plain.size(), stored.size()));
  const unsigned size = plainParamBytes(param.number);
  return forEachGranule(
      param, begin, end, perRow, [&](int64_t to, int64_t from) -> Status {
        const uint32_t bits = paramBits(param, stored, from);
        storeBits(plain.data() + to * size, size,
                  param.packed == 0
                      ? bits
                      : static_cast<uint32_t>(paramInteger(param, bits)));
        return Status::success();
      });
}

} // namespace lowbit
