//===- Validate.cpp - Rules that encodings from outside must meet ---------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Packing/Encoding.h"

#include "lowbit/Support/CheckedMath.h"

#include <algorithm>
#include <numeric>

namespace lowbit {
namespace {

constexpr size_t maxRank = 8;
constexpr size_t maxTerms = 16;
constexpr size_t maxFactors = 8;
/// Elements enumerated to prove a map injective.
constexpr int64_t maxEnumerated = int64_t{1} << 20;

Status checkMapSize(const IndexMap &map, const char *what) {
  if (map.results.size() > maxRank || map.numDims < 0 ||
      static_cast<size_t>(map.numDims) > maxRank)
    return invalidArgument("%s has more than %zu dimensions", what, maxRank);
  for (const IndexExpr &expr : map.results)
    if (expr.terms.size() > maxTerms)
      return invalidArgument("%s has more than %zu terms in a result", what,
                             maxTerms);
  return Status::success();
}

Status checkNumber(const NumberDesc &number, bool isCode, const char *what) {
  if (number.isFloat()) {
    unsigned width = number.format == FloatFormat::f32    ? 32
                     : number.format == FloatFormat::none ? 0
                                                          : 16;
    if (width == 0 || number.width != width)
      return invalidArgument("%s: a float of %u bits does not exist here; use "
                             "f32, f16 or bf16",
                             what, number.width);
    return Status::success();
  }
  unsigned limit = isCode ? 8 : 32;
  if (number.format != FloatFormat::none)
    return invalidArgument("%s: an integer with a float format", what);
  if (number.width < 1 || number.width > limit)
    return invalidArgument("%s: integer width %u is not in 1..%u", what,
                           number.width, limit);
  NumberDesc full = number.kind == NumberKind::signedInt
                        ? NumberDesc::signedInt(number.width)
                        : NumberDesc::unsignedInt(number.width);
  if (number.lo < full.lo || number.hi > full.hi || number.lo > number.hi)
    return invalidArgument("%s: range [%lld, %lld] does not fit %u bits (V1)",
                           what, static_cast<long long>(number.lo),
                           static_cast<long long>(number.hi), number.width);
  if (isCode && number.lo == number.hi)
    return invalidArgument("%s: a code needs at least two levels (V1)", what);
  return Status::success();
}

/// Smallest P with every term periodic in x -> x + P up to a constant, at most
/// `extent`.
int64_t periodOf(std::initializer_list<const IndexMap *> maps, int32_t dim,
                 int64_t extent) {
  int64_t period = 1;
  for (const IndexMap *map : maps) {
    for (const IndexExpr &expr : map->results) {
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
  }
  return period;
}

/// How far `expr` moves when `dim` moves by `period`.
int64_t shiftOf(const IndexExpr &expr, int32_t dim, int64_t period) {
  int64_t shift = 0;
  for (const IndexTerm &term : expr.terms)
    if (term.dim == dim && term.mod == 0)
      shift += term.mul * (period / term.div);
  return shift;
}

/// V5: no two positions of the box share a bit. `word` gives the place in an
/// array of extents `storage` and `bit` the lowest of `width` bits there;
/// without `bit` (width 1) places themselves must differ. Ranges were checked
/// before.
///
/// One period of the box is enumerated. Different periods cannot meet because
/// for each dimension some result moves, from one period to the next, by at
/// least the whole extent it has within a period, and no other dimension moves
/// that result between periods.
Status checkInjective(const IndexMap &word, const IndexMap *bit, unsigned width,
                      std::span<const int64_t> shape,
                      std::span<const int64_t> storage, const char *what) {
  std::vector<int64_t> box(shape.begin(), shape.end());
  std::vector<bool> repeats(box.size(), false);
  IndexMap none;
  int64_t elements = 1;
  for (size_t dim = 0; dim < box.size(); ++dim) {
    int64_t period = periodOf({&word, bit ? bit : &none},
                              static_cast<int32_t>(dim), box[dim]);
    repeats[dim] = period < box[dim];
    box[dim] = period;
    std::optional<int64_t> product = checkedMul(elements, period);
    if (!product || *product > maxEnumerated)
      return invalidArgument("%s: the layout repeats only after more than %lld "
                             "elements, so V5 (injective) cannot be checked",
                             what, static_cast<long long>(maxEnumerated));
    elements = *product;
  }

  for (size_t dim = 0; dim < box.size(); ++dim) {
    if (!repeats[dim])
      continue;
    // Whether `expr` alone tells the periods of this dimension apart.
    auto separates = [&](const IndexExpr &expr, int64_t extra) {
      int64_t shift = shiftOf(expr, static_cast<int32_t>(dim), box[dim]);
      for (size_t other = 0; other < box.size(); ++other)
        if (other != dim && repeats[other] &&
            shiftOf(expr, static_cast<int32_t>(other), box[other]) != 0)
          return false;
      IndexMap single;
      single.numDims = word.numDims;
      single.results.push_back(expr);
      single.results[0].constant = 0; // It only moves the range.
      StatusOr<std::vector<int64_t>> span = single.imageShape(box);
      return span.isOk() && (*span)[0] + extra <= shift;
    };
    bool found = bit && separates(bit->results[0], width - 1);
    for (const IndexExpr &expr : word.results)
      found = found || separates(expr, 0);
    if (!found)
      return invalidArgument("%s: two elements %lld apart in dimension %zu may "
                             "share a place (V5: a layout must be injective)",
                             what, static_cast<long long>(box[dim]), dim);
  }

  // First bits in one long row of 32-bit cells; equal widths, so sorted
  // neighbours tell all.
  std::vector<int64_t> index(box.size(), 0), place(word.results.size());
  std::vector<int64_t> starts;
  starts.reserve(static_cast<size_t>(elements));
  for (int64_t element = 0; element < elements; ++element) {
    word.eval(index, place);
    starts.push_back(linearize(place, storage) * 32 +
                     (bit ? bit->results[0].eval(index) : 0));
    for (size_t dim = box.size(); dim-- > 0;) {
      if (++index[dim] < box[dim])
        break;
      index[dim] = 0;
    }
  }
  std::sort(starts.begin(), starts.end());
  for (size_t i = 1; i < starts.size(); ++i)
    if (starts[i] - starts[i - 1] < static_cast<int64_t>(width))
      return invalidArgument(
          "%s: two elements share a place (V5: a layout must "
          "be injective)",
          what);
  return Status::success();
}

Status checkStorage(const std::vector<int64_t> &image,
                    const std::vector<int64_t> &storage, const char *what) {
  if (image.size() != storage.size())
    return invalidArgument("%s: storage has %zu dimensions, its map gives %zu",
                           what, storage.size(), image.size());
  for (size_t i = 0; i < image.size(); ++i)
    if (image[i] > storage[i])
      return invalidArgument(
          "%s: the map reaches %lld in dimension %zu, storage "
          "has %lld (V5)",
          what, static_cast<long long>(image[i]), i,
          static_cast<long long>(storage[i]));
  return Status::success();
}

Status validateField(const LeafDesc &leaf, const FieldDesc &field,
                     const std::string &name) {
  const char *what = name.c_str();
  const int64_t shape[] = {leaf.rows, leaf.columns};
  if (field.wordBits != 8 && field.wordBits != 16 && field.wordBits != 32)
    return invalidArgument("%s: words of %u bits; use 8, 16 or 32", what,
                           field.wordBits);
  if (field.width < 1 || field.width > field.wordBits)
    return invalidArgument("%s: field of %u bits in a word of %u", what,
                           field.width, field.wordBits);
  LOWBIT_RETURN_IF_ERROR(checkMapSize(field.word, what));
  LOWBIT_RETURN_IF_ERROR(checkMapSize(field.bit, what));
  if (field.bit.results.size() != 1)
    return invalidArgument("%s: the bit map has %zu results; it needs one",
                           what, field.bit.results.size());
  auto withName = [&](Status status) {
    return std::move(status).addNote("in the layout of " + name);
  };
  StatusOr<std::vector<int64_t>> words = field.word.imageShape(shape);
  if (!words.isOk())
    return withName(std::move(words).status());
  StatusOr<std::vector<int64_t>> bits = field.bit.imageShape(shape);
  if (!bits.isOk())
    return withName(std::move(bits).status());
  if ((*bits)[0] - 1 + field.width > field.wordBits)
    return invalidArgument("%s: bit %lld plus width %u leaves the word of %u "
                           "bits (V5)",
                           what, static_cast<long long>((*bits)[0] - 1),
                           field.width, field.wordBits);
  LOWBIT_RETURN_IF_ERROR(checkStorage(*words, field.storage, what));
  StatusOr<int64_t> count = checkedElementCount(field.storage);
  if (!count.isOk())
    return withName(std::move(count).status());
  if (*count > INT64_MAX / 32)
    return invalidArgument("%s: storage overflows 63 bits of size", what);
  return checkInjective(field.word, &field.bit, field.width, shape,
                        field.storage, what);
}

Status validateParam(const LeafDesc &leaf, const ParamDesc &param,
                     const std::string &name) {
  const char *what = name.c_str();
  const int64_t shape[] = {leaf.rows, leaf.columns};
  LOWBIT_RETURN_IF_ERROR(checkNumber(param.number, /*isCode=*/false, what));
  LOWBIT_RETURN_IF_ERROR(checkMapSize(param.granularity, what));
  LOWBIT_RETURN_IF_ERROR(checkMapSize(param.placement, what));
  auto withName = [&](Status status) {
    return std::move(status).addNote("in " + name);
  };
  // A map without dimensions is the map of one number a tensor.
  std::span<const int64_t> domain(shape);
  if (param.granularity.numDims == 0 && param.granularity.results.empty())
    domain = {};
  StatusOr<std::vector<int64_t>> image = param.granularity.imageShape(domain);
  if (!image.isOk())
    return withName(std::move(image).status());
  if (*image != param.granules)
    return invalidArgument("%s: granule extents are not the image of the "
                           "granularity (V2)",
                           what);
  if (static_cast<size_t>(param.placement.numDims) != param.granules.size())
    return invalidArgument("%s: the placement takes %d indices, granules have "
                           "%zu",
                           what, param.placement.numDims,
                           param.granules.size());
  StatusOr<std::vector<int64_t>> places =
      param.placement.imageShape(param.granules);
  if (!places.isOk())
    return withName(std::move(places).status());
  LOWBIT_RETURN_IF_ERROR(checkStorage(*places, param.storage, what));
  StatusOr<int64_t> count = checkedElementCount(param.storage);
  if (!count.isOk())
    return withName(std::move(count).status());
  if (*count > INT64_MAX / 32)
    return invalidArgument("%s: storage overflows 63 bits of size", what);
  return checkInjective(param.placement, nullptr, 1, param.granules,
                        param.storage, what);
}

/// Bits of the exact integer product of a list's integer factors.
unsigned integerBits(const std::vector<ParamDesc> &params) {
  unsigned bits = 0;
  for (const ParamDesc &param : params)
    if (!param.number.isFloat())
      bits += param.number.width;
  return bits;
}

Status validateFields(const LeafDesc &leaf) {
  unsigned width = 0;
  for (size_t i = 0; i < leaf.fields.size(); ++i) {
    const FieldDesc &field = leaf.fields[i];
    std::string name = i ? formatString("codes.%zu", i) : "codes";
    LOWBIT_RETURN_IF_ERROR(validateField(leaf, field, name));
    width += field.width;
    if (field.shift + field.width > leaf.code.width)
      return invalidArgument("%s: bits %u..%u of a code of %u bits",
                             name.c_str(), field.shift,
                             field.shift + field.width - 1, leaf.code.width);
    for (size_t j = 0; j < i; ++j) {
      const FieldDesc &other = leaf.fields[j];
      if (field.shift < other.shift + other.width &&
          other.shift < field.shift + field.width)
        return invalidArgument("%s: overlaps the bits of another field",
                               name.c_str());
    }
  }
  if (width != leaf.code.width)
    return invalidArgument("codes: the fields hold %u of the %u bits of a code",
                           width, leaf.code.width);
  return Status::success();
}

} // namespace

Status validate(const LeafDesc &leaf) {
  if (leaf.rows < 1 || leaf.columns < 1)
    return invalidArgument(
        "tensor of %lld x %lld elements; both extents must be "
        "positive",
        static_cast<long long>(leaf.rows),
        static_cast<long long>(leaf.columns));
  const int64_t shape[] = {leaf.rows, leaf.columns};
  StatusOr<int64_t> count = checkedElementCount(shape);
  if (!count.isOk())
    return std::move(count).status();
  LOWBIT_RETURN_IF_ERROR(checkNumber(leaf.code, /*isCode=*/true, "code"));
  if (leaf.biased && leaf.code.isFloat())
    return invalidArgument("code: floats cannot be stored biased");
  if (leaf.biased && leaf.code.hi - leaf.code.lo >= int64_t{1}
                                                        << leaf.code.width)
    return invalidArgument("code: biased range does not fit %u bits",
                           leaf.code.width);
  if (leaf.fields.size() > maxFactors || leaf.scales.size() > maxFactors ||
      leaf.offsets.size() > maxFactors)
    return invalidArgument("encoding: more than %zu components of a kind",
                           maxFactors);
  LOWBIT_RETURN_IF_ERROR(validateFields(leaf));

  for (size_t i = 0; i < leaf.scales.size(); ++i)
    LOWBIT_RETURN_IF_ERROR(validateParam(
        leaf, leaf.scales[i], i ? formatString("scale.%zu", i) : "scale"));
  for (size_t i = 0; i < leaf.offsets.size(); ++i)
    LOWBIT_RETURN_IF_ERROR(validateParam(
        leaf, leaf.offsets[i], i ? formatString("offset.%zu", i) : "offset"));
  if (leaf.zero) {
    if (leaf.zero->number.isFloat() || leaf.code.isFloat())
      return invalidArgument("zero: code and zero must be integers (E2)");
    LOWBIT_RETURN_IF_ERROR(validateParam(leaf, *leaf.zero, "zero"));
  }
  if (integerBits(leaf.scales) > 62 || integerBits(leaf.offsets) > 62)
    return invalidArgument("encoding: the product of the integer factors may "
                           "exceed 62 bits");
  if (leaf.offsetNegated && leaf.offsets.empty())
    return invalidArgument("encoding: a negated offset without factors");
  return componentsOf(leaf).isOk()
             ? Status::success()
             : invalidArgument("encoding: component sizes overflow 63 bits");
}

} // namespace lowbit
