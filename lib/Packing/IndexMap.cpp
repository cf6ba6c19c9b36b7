//===- IndexMap.cpp - Evaluation and ranges of index maps -----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Packing/IndexMap.h"

#include "lowbit/Support/CheckedMath.h"

#include <algorithm>
#include <numeric>

namespace lowbit {
namespace {

/// Largest period that is enumerated, in positions of one dimension.
constexpr int64_t maxPeriod = int64_t{1} << 22;

int64_t evalTerm(const IndexTerm &term, int64_t position) {
  int64_t value = position / term.div;
  if (term.mod > 0)
    value %= term.mod;
  return term.mul * value;
}

struct Range {
  int64_t low = 0;
  int64_t high = 0;
};

/// Least and greatest sum of `terms` (all of one dimension) over [0, extent).
StatusOr<Range> rangeOfTerms(const std::vector<IndexTerm> &terms,
                             int64_t extent) {
  Range range;
  if (terms.size() == 1) {
    // A single term takes every multiple between zero and its last value.
    const IndexTerm &term = terms.front();
    int64_t steps = (extent - 1) / term.div;
    if (term.mod > 0)
      steps = std::min(steps, term.mod - 1);
    std::optional<int64_t> last = checkedMul(steps, term.mul);
    if (!last)
      return invalidArgument("index map overflows 63 bits over extent %lld",
                             static_cast<long long>(extent));
    range.low = std::min<int64_t>(0, *last);
    range.high = std::max<int64_t>(0, *last);
    return range;
  }

  // f(x + P) = f(x) + constant, so the extremes lie in the first or last
  // period.
  int64_t period = 1;
  for (const IndexTerm &term : terms) {
    std::optional<int64_t> cycle =
        checkedMul(term.div, term.mod > 0 ? term.mod : 1);
    std::optional<int64_t> next =
        cycle ? checkedMul(period / std::gcd(period, *cycle), *cycle)
              : std::nullopt;
    period = next ? *next : extent;
    // No partial product need be exact beyond the extent.
    if (period >= extent) {
      period = extent;
      break;
    }
  }
  if (period > maxPeriod)
    return invalidArgument("index map has a period of %lld positions; at most "
                           "%lld are supported",
                           static_cast<long long>(period),
                           static_cast<long long>(maxPeriod));
  bool first = true;
  auto visit = [&](int64_t position) -> Status {
    int64_t sum = 0;
    for (const IndexTerm &term : terms) {
      int64_t steps = position / term.div;
      if (term.mod > 0)
        steps %= term.mod;
      std::optional<int64_t> product = checkedMul(steps, term.mul);
      std::optional<int64_t> next =
          product ? checkedAdd(sum, *product) : std::nullopt;
      if (!next)
        return invalidArgument("index map overflows 63 bits over extent %lld",
                               static_cast<long long>(extent));
      sum = *next;
    }
    range.low = first ? sum : std::min(range.low, sum);
    range.high = first ? sum : std::max(range.high, sum);
    first = false;
    return Status::success();
  };
  for (int64_t position = 0; position < period; ++position)
    LOWBIT_RETURN_IF_ERROR(visit(position));
  for (int64_t position = std::max(period, extent - period); position < extent;
       ++position)
    LOWBIT_RETURN_IF_ERROR(visit(position));
  return range;
}

} // namespace

int64_t IndexExpr::eval(std::span<const int64_t> index) const {
  int64_t sum = constant;
  for (const IndexTerm &term : terms)
    sum += evalTerm(term, index[static_cast<size_t>(term.dim)]);
  return sum;
}

void IndexMap::eval(std::span<const int64_t> index,
                    std::span<int64_t> out) const {
  for (size_t i = 0; i < results.size(); ++i)
    out[i] = results[i].eval(index);
}

StatusOr<std::vector<int64_t>>
IndexMap::imageShape(std::span<const int64_t> shape) const {
  if (numDims < 0 || static_cast<size_t>(numDims) != shape.size())
    return invalidArgument(
        "index map of %d dimensions applied to a shape of %zu", numDims,
        shape.size());
  for (int64_t extent : shape)
    if (extent < 1)
      return invalidArgument("extent %lld is not positive",
                             static_cast<long long>(extent));

  std::vector<int64_t> image;
  image.reserve(results.size());
  for (size_t r = 0; r < results.size(); ++r) {
    const IndexExpr &expr = results[r];
    for (const IndexTerm &term : expr.terms) {
      if (term.dim < 0 || term.dim >= numDims)
        return invalidArgument("index map uses dimension %d of %d", term.dim,
                               numDims);
      if (term.div < 1)
        return invalidArgument("index map divides by %lld",
                               static_cast<long long>(term.div));
      if (term.mod < 0)
        return invalidArgument("index map has modulus %lld",
                               static_cast<long long>(term.mod));
    }

    // Different dimensions move independently: ranges add exactly.
    int64_t low = expr.constant, high = expr.constant;
    for (int32_t dim = 0; dim < numDims; ++dim) {
      std::vector<IndexTerm> terms;
      for (const IndexTerm &term : expr.terms)
        if (term.dim == dim)
          terms.push_back(term);
      if (terms.empty())
        continue;
      LOWBIT_ASSIGN_OR_RETURN(
          Range range, rangeOfTerms(terms, shape[static_cast<size_t>(dim)]));
      std::optional<int64_t> newLow = checkedAdd(low, range.low);
      std::optional<int64_t> newHigh = checkedAdd(high, range.high);
      if (!newLow || !newHigh)
        return invalidArgument("index map overflows 63 bits");
      low = *newLow;
      high = *newHigh;
    }
    if (low < 0)
      return invalidArgument("result %zu of the index map becomes %lld", r,
                             static_cast<long long>(low));
    std::optional<int64_t> extent = checkedAdd(high, 1);
    if (!extent)
      return invalidArgument("index map overflows 63 bits");
    image.push_back(*extent);
  }
  return image;
}

IndexMap IndexMap::identity(int32_t numDims) {
  IndexMap map;
  map.numDims = numDims;
  for (int32_t dim = 0; dim < numDims; ++dim)
    map.results.push_back({{IndexTerm{dim, 1, 1, 0}}, 0});
  return map;
}

std::string IndexMap::toString() const {
  std::string text = "(";
  for (int32_t dim = 0; dim < numDims; ++dim)
    text += formatString("%sd%d", dim ? ", " : "", dim);
  text += ") -> (";
  for (size_t r = 0; r < results.size(); ++r) {
    const IndexExpr &expr = results[r];
    if (r)
      text += ", ";
    bool empty = true;
    for (const IndexTerm &term : expr.terms) {
      std::string part = formatString("d%d", term.dim);
      if (term.div != 1)
        part +=
            formatString(" floordiv %lld", static_cast<long long>(term.div));
      if (term.mod > 0) {
        if (term.div != 1)
          part = "(" + part + ")";
        part += formatString(" mod %lld", static_cast<long long>(term.mod));
      }
      if (term.mul != 1) {
        if (term.div != 1 || term.mod > 0)
          part = "(" + part + ")";
        part += formatString(" * %lld", static_cast<long long>(term.mul));
      }
      text += (empty ? "" : " + ") + part;
      empty = false;
    }
    if (empty || expr.constant != 0)
      text += formatString("%s%lld", empty ? "" : " + ",
                           static_cast<long long>(expr.constant));
  }
  return text + ")";
}

int64_t linearize(std::span<const int64_t> index,
                  std::span<const int64_t> shape) {
  int64_t position = 0;
  for (size_t i = 0; i < index.size(); ++i)
    position = position * shape[i] + index[i];
  return position;
}

StatusOr<int64_t> checkedElementCount(std::span<const int64_t> shape) {
  int64_t count = 1;
  bool zero = false;
  for (int64_t extent : shape) {
    if (extent < 0)
      return invalidArgument("negative extent %lld",
                             static_cast<long long>(extent));
    zero |= extent == 0;
  }
  if (zero)
    return int64_t{0};
  for (int64_t extent : shape) {
    std::optional<int64_t> product = checkedMul(count, extent);
    if (!product)
      return invalidArgument("element count of the shape overflows 63 bits");
    count = *product;
  }
  return count;
}

} // namespace lowbit
