//===- Injective.cpp - V5 by enumerating one period --------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Injective.h"

#include "lowbit/Support/CheckedMath.h"

#include <algorithm>
#include <numeric>

namespace lowbit {
namespace {

/// Elements enumerated to prove a map injective.
constexpr int64_t maxEnumerated = int64_t{1} << 20;
/// Positions set aside for a word: more than bits or digits it has.
constexpr int64_t cellsPerWord = 64;

/// The least common multiple of `period` and of the periods of the map's terms in
/// `dim`, at most `extent`.
int64_t periodOf(const IndexMap &map, int32_t dim, int64_t extent,
                 int64_t period) {
  for (const IndexExpr &expr : map.results) {
    for (const IndexTerm &term : expr.terms) {
      if (term.dim != dim)
        continue;
      std::optional<int64_t> cycle =
          checkedMul(term.div, term.mod > 0 ? term.mod : 1);
      if (!cycle)
        return extent;
      std::optional<int64_t> next =
          checkedMul(period / std::gcd(period, *cycle), *cycle);
      if (!next || *next >= extent)
        return extent;
      period = *next;
    }
  }
  return std::min(period, extent);
}

/// How far `expr` moves when `dim` moves by `period`.
int64_t shiftOf(const IndexExpr &expr, int32_t dim, int64_t period) {
  int64_t shift = 0;
  for (const IndexTerm &term : expr.terms)
    if (term.dim == dim && term.mod == 0)
      shift += term.mul * (period / term.div);
  return shift;
}

/// One period of every dimension.
struct Period {
  std::vector<int64_t> box;
  std::vector<bool> repeats; ///< the dimension has more than one

  /// Whether results `exprs`, one of each placement, tell the periods of `dim`
  /// apart: each moves from one period to the next by at least the whole extent
  /// that all of them (and `extra` more) have within a period, and no other
  /// dimension moves them between periods.
  bool separates(std::span<const IndexExpr *const> exprs, int32_t dims,
                 size_t dim, int64_t extra) const {
    int64_t low = INT64_MAX, high = INT64_MIN;
    const int64_t shift =
        shiftOf(*exprs[0], static_cast<int32_t>(dim), box[dim]);
    for (const IndexExpr *expr : exprs) {
      if (shiftOf(*expr, static_cast<int32_t>(dim), box[dim]) != shift)
        return false;
      for (size_t other = 0; other < box.size(); ++other)
        if (other != dim && repeats[other] &&
            shiftOf(*expr, static_cast<int32_t>(other), box[other]) != 0)
          return false;
      IndexMap single;
      single.numDims = dims;
      single.results.push_back(*expr);
      single.results[0].constant = 0; // It only moves the range.
      StatusOr<std::vector<int64_t>> span = single.imageShape(box);
      if (!span.isOk())
        return false;
      low = std::min(low, expr->constant);
      high = std::max(high, expr->constant + (*span)[0]);
    }
    return high - low + extra <= shift;
  }
};

StatusOr<Period> onePeriod(std::span<const Placement> placements,
                           std::span<const int64_t> shape, const char *what) {
  Period period{{shape.begin(), shape.end()},
                std::vector<bool>(shape.size(), false)};
  int64_t elements = static_cast<int64_t>(placements.size());
  for (size_t dim = 0; dim < shape.size(); ++dim) {
    int64_t length = 1;
    for (const Placement &placement : placements) {
      length = periodOf(*placement.word, static_cast<int32_t>(dim), shape[dim],
                        length);
      for (const IndexMap *map : {placement.bit, placement.digit})
        if (map)
          length = periodOf(*map, static_cast<int32_t>(dim), shape[dim], length);
    }
    period.repeats[dim] = length < shape[dim];
    period.box[dim] = length;
    std::optional<int64_t> product = checkedMul(elements, length);
    if (!product || *product > maxEnumerated)
      return invalidArgument("%s: the layout repeats only after more than %lld "
                             "elements, so V5 (injective) cannot be checked",
                             what, static_cast<long long>(maxEnumerated));
    elements = *product;
  }
  return period;
}

} // namespace

Status checkInjective(std::span<const Placement> placements,
                      std::span<const int64_t> shape,
                      std::span<const int64_t> storage, const char *what) {
  LOWBIT_ASSIGN_OR_RETURN(Period period, onePeriod(placements, shape, what));
  const int32_t dims = static_cast<int32_t>(shape.size());
  unsigned widest = 0;
  for (const Placement &placement : placements)
    widest = std::max(widest, placement.width);

  std::vector<const IndexExpr *> exprs(placements.size());
  for (size_t dim = 0; dim < shape.size(); ++dim) {
    if (!period.repeats[dim])
      continue;
    bool found = false;
    if (placements[0].bit) {
      for (size_t i = 0; i < placements.size(); ++i)
        exprs[i] = &placements[i].bit->results[0];
      found = period.separates(exprs, dims, dim, widest - 1);
    }
    for (size_t r = 0; r < storage.size() && !found; ++r) {
      for (size_t i = 0; i < placements.size(); ++i)
        exprs[i] = &placements[i].word->results[r];
      found = period.separates(exprs, dims, dim, 0);
    }
    if (!found)
      return invalidArgument("%s: two elements %lld apart in dimension %zu may "
                             "share a place (V5: a layout must be injective)",
                             what, static_cast<long long>(period.box[dim]), dim);
  }

  // First places in one long row of cells, sorted: neighbours tell all.
  struct Taken {
    int64_t start, digit, end;
    bool operator<(const Taken &other) const {
      return std::pair(start, digit) < std::pair(other.start, other.digit);
    }
  };
  std::vector<Taken> taken;
  std::vector<int64_t> place(storage.size());
  for (const Placement &placement : placements) {
    std::vector<int64_t> index(shape.size(), 0);
    bool more = true;
    while (more) {
      placement.word->eval(index, place);
      int64_t start = linearize(place, storage) * cellsPerWord +
                      (placement.bit ? placement.bit->results[0].eval(index) : 0);
      taken.push_back(
          {start, placement.digit ? placement.digit->results[0].eval(index) : 0,
           start + placement.width});
      more = false;
      for (size_t dim = shape.size(); dim-- > 0 && !more;) {
        more = ++index[dim] < period.box[dim];
        if (!more)
          index[dim] = 0;
      }
    }
  }
  std::sort(taken.begin(), taken.end());
  for (size_t i = 1; i < taken.size(); ++i)
    if (taken[i].start < taken[i - 1].end &&
        (taken[i].start != taken[i - 1].start ||
         taken[i].end != taken[i - 1].end ||
         taken[i].digit == taken[i - 1].digit))
      return invalidArgument("%s: two elements share a place (V5: a layout must "
                             "be injective)",
                             what);
  return Status::success();
}

} // namespace lowbit
