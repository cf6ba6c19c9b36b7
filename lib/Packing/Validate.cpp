//===- Validate.cpp - Rules that encodings from outside must meet ---------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Packing/Encoding.h"

#include "Injective.h"
#include "Pattern.h"

#include "lowbit/Support/CheckedMath.h"

namespace lowbit {
namespace {

constexpr size_t maxRank = 8;
constexpr size_t maxTerms = 16;
constexpr size_t maxFactors = 8;
constexpr size_t maxFields = 32;
/// Words of a stored array: their bits and cells stay within 63 bits.
constexpr int64_t maxWords = INT64_MAX / 128;

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
    if (number.format > FloatFormat::f4E2M1FN ||
        number.format == FloatFormat::none ||
        number.width != floatFormatWidth(number.format) || number.step != 1)
      return invalidArgument("%s: a float of %u bits does not exist here; use "
                             "f32, f16, bf16 or one of the formats of 8, 6 and 4 "
                             "bits",
                             what, number.width);
    return Status::success();
  }
  unsigned limit = isCode ? 8 : 32;
  if (number.format != FloatFormat::none)
    return invalidArgument("%s: an integer with a float format", what);
  if (number.width < 1 || number.width > limit)
    return invalidArgument("%s: integer width %u is not in 1..%u", what,
                           number.width, limit);
  const bool isSigned = number.kind == NumberKind::signedInt;
  if (number.step != 1) {
    // Stored as a position, so that the range is what plain codes can hold.
    NumberDesc plain =
        isSigned ? NumberDesc::signedInt(8) : NumberDesc::unsignedInt(8);
    if (!isCode || number.step < 1 || number.lo < plain.lo ||
        number.hi > plain.hi || number.lo > number.hi ||
        (number.hi - number.lo) % number.step != 0 ||
        number.levels() > int64_t{1} << number.width)
      return invalidArgument("%s: %lld, %lld + %lld, ... %lld are not codes of "
                             "%u bits (V1)",
                             what, static_cast<long long>(number.lo),
                             static_cast<long long>(number.lo),
                             static_cast<long long>(number.step),
                             static_cast<long long>(number.hi), number.width);
  } else {
    NumberDesc full = isSigned ? NumberDesc::signedInt(number.width)
                               : NumberDesc::unsignedInt(number.width);
    if (number.lo < full.lo || number.hi > full.hi || number.lo > number.hi)
      return invalidArgument("%s: range [%lld, %lld] does not fit %u bits (V1)",
                             what, static_cast<long long>(number.lo),
                             static_cast<long long>(number.hi), number.width);
  }
  if (isCode && number.lo == number.hi)
    return invalidArgument("%s: a code needs at least two levels (V1)", what);
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

Status checkWords(const std::vector<int64_t> &storage, const char *what) {
  StatusOr<int64_t> count = checkedElementCount(storage);
  if (!count.isOk())
    return std::move(count).status().addNote(std::string("in the layout of ") +
                                             what);
  if (*count > maxWords)
    return invalidArgument("%s: storage overflows 63 bits of size", what);
  return Status::success();
}

/// A field whose bits are symbols of a prefix code: no maps.
Status validateEntropy(const LeafDesc &leaf, const FieldDesc &field,
                       const char *what) {
  if (field.entropyBlock < 1 || field.entropyBlock > int64_t{1} << 24 ||
      field.width > 8 || field.wordBits != 8 || field.storage.size() != 1 ||
      field.radix)
    return invalidArgument("%s: a prefix code has symbols of at most 8 bits, "
                           "bytes as words and blocks of 1 to 2^24 elements",
                           what);
  if (field.storage[0] < 1 || field.storage[0] > UINT32_MAX)
    return invalidArgument("%s: a prefix code of %lld bytes; 1 to 2^32 - 1 can "
                           "be addressed",
                           what, static_cast<long long>(field.storage[0]));
  for (const FieldDesc &other : leaf.fields)
    if (&other != &field && other.array == field.array)
      return invalidArgument("%s: a prefix code shares its array", what);
  return Status::success();
}

/// Digits of a base instead of runs of bits.
Status validateRadix(const LeafDesc &leaf, const char *what) {
  const FieldDesc &field = leaf.fields[0];
  unsigned bits = 0;
  for (const FieldDesc &other : leaf.fields) {
    bits += other.width;
    if (other.radix != field.radix || other.digits != field.digits ||
        other.digit != field.digit || other.store != field.store)
      return invalidArgument("%s: fields of digits differ in their base or digits",
                             what);
  }
  if (leaf.code.isFloat())
    return invalidArgument("%s: radix takes an integer code", what);
  if (!leaf.biased && leaf.code.lo != 0)
    return invalidArgument("%s: radix digits are positions; store the code "
                           "biased",
                           what);
  if (field.radix < 2 || leaf.code.levels() > field.radix)
    return invalidArgument("%s: %lld levels do not fit a digit of base %u (V5)",
                           what, static_cast<long long>(leaf.code.levels()),
                           field.radix);
  uint64_t states = 1;
  for (unsigned i = 0; i < field.digits; ++i)
    if (bits > 32 || (states *= field.radix) > uint64_t{1} << bits)
      return invalidArgument("%s: %u digits of base %u do not fit %u bits (V5: "
                             "levels^n <= 2^word)",
                             what, field.digits, field.radix, bits);
  LOWBIT_RETURN_IF_ERROR(checkMapSize(field.digit, what));
  if (field.digits < 1 || field.digit.results.size() != 1)
    return invalidArgument("%s: a group of no digits, or no map to them", what);
  const int64_t shape[] = {leaf.storedRows(), leaf.storedColumns()};
  LOWBIT_ASSIGN_OR_RETURN(std::vector<int64_t> image,
                          field.digit.imageShape(shape));
  if (image[0] > field.digits)
    return invalidArgument("%s: the map reaches digit %lld of %u (V5)", what,
                           static_cast<long long>(image[0] - 1), field.digits);
  return Status::success();
}

Status validateField(const LeafDesc &leaf, const FieldDesc &field,
                     const std::string &name) {
  const char *what = name.c_str();
  const int64_t shape[] = {leaf.storedRows(), leaf.storedColumns()};
  if (field.wordBits != 8 && field.wordBits != 16 && field.wordBits != 32)
    return invalidArgument("%s: words of %u bits; use 8, 16 or 32", what,
                           field.wordBits);
  if (field.width < 1 || field.width > field.wordBits)
    return invalidArgument("%s: field of %u bits in a word of %u", what,
                           field.width, field.wordBits);
  if (field.entropyBlock != 0)
    return validateEntropy(leaf, field, what);
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
  return checkWords(field.storage, what);
}

Status validateRank(const ParamDesc &param, const char *what) {
  if (param.rank < 1 || param.rank > 4096 || !param.number.isFloat() ||
      param.packed || param.space != IndexSpace::logical ||
      param.granularity != IndexMap::identity(2) ||
      param.placement != IndexMap::identity(2))
    return invalidArgument("%s: a rank scale has 1 to 4096 float terms and no "
                           "other granularity",
                           what);
  return Status::success();
}

Status validateParam(const LeafDesc &leaf, const ParamDesc &param,
                     const std::string &name) {
  const char *what = name.c_str();
  std::array<int64_t, 2> shape = {leaf.rows, leaf.columns};
  if (param.space == IndexSpace::stored)
    shape = {leaf.storedRows(), leaf.storedColumns()};
  LOWBIT_RETURN_IF_ERROR(checkNumber(param.number, /*isCode=*/false, what));
  LOWBIT_RETURN_IF_ERROR(checkMapSize(param.granularity, what));
  LOWBIT_RETURN_IF_ERROR(checkMapSize(param.placement, what));
  if (param.rank != 0)
    LOWBIT_RETURN_IF_ERROR(validateRank(param, what));
  if (param.packed != 0 &&
      ((param.packed != 1 && param.packed != 2 && param.packed != 4) ||
       param.number.isFloat() ||
       param.number.levels() > int64_t{1} << param.packed))
    return invalidArgument("%s: entries of %u bits; packed integers take 1, 2 or "
                           "4 and fit them",
                           what, param.packed);
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
  LOWBIT_RETURN_IF_ERROR(checkWords(param.storage, what));
  const Placement placement{&param.placement, nullptr, 1};
  return checkInjective({&placement, 1}, param.granules, param.storage, what);
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
  const bool radix = !leaf.fields.empty() && leaf.fields[0].radix != 0;
  auto nameOf = [](size_t array) {
    return array ? formatString("codes.%zu", array) : std::string("codes");
  };
  for (size_t i = 0; i < leaf.fields.size(); ++i) {
    const FieldDesc &field = leaf.fields[i];
    std::string name = nameOf(field.array);
    if ((field.radix != 0) != radix)
      return invalidArgument("%s: digits and bits in one layout", name.c_str());
    LOWBIT_RETURN_IF_ERROR(validateField(leaf, field, name));
    width += field.width;
    if (!radix && field.shift + field.width > leaf.code.width)
      return invalidArgument("%s: bits %u..%u of a code of %u bits",
                             name.c_str(), field.shift,
                             field.shift + field.width - 1, leaf.code.width);
    for (size_t j = 0; j < i; ++j) {
      const FieldDesc &other = leaf.fields[j];
      if (field.shift < other.shift + other.width &&
          other.shift < field.shift + field.width)
        return invalidArgument("%s: overlaps the bits of another field",
                               name.c_str());
      if (field.array == other.array && (field.wordBits != other.wordBits ||
                                         field.storage != other.storage))
        return invalidArgument("%s: fields of one array differ in its words or "
                               "extents",
                               name.c_str());
    }
  }
  if (radix)
    LOWBIT_RETURN_IF_ERROR(validateRadix(leaf, "codes"));
  else if (width != leaf.code.width)
    return invalidArgument("codes: the fields hold %u of the %u bits of a code",
                           width, leaf.code.width);

  const int64_t shape[] = {leaf.storedRows(), leaf.storedColumns()};
  for (unsigned array = 0; array < leaf.codeArrays(); ++array) {
    std::vector<Placement> placements;
    const FieldDesc *last = nullptr;
    for (const FieldDesc &field : leaf.fields)
      if (field.array == array) {
        last = &field;
        placements.push_back({&field.word, &field.bit, field.width,
                              radix ? &field.digit : nullptr});
      }
    if (!last)
      return invalidArgument("codes: array %u has no field", array);
    if (last->entropyBlock == 0)
      LOWBIT_RETURN_IF_ERROR(checkInjective(placements, shape, last->storage,
                                            nameOf(array).c_str()));
  }
  return Status::success();
}

Status validateLut(const LeafDesc &leaf) {
  const LutDesc &lut = *leaf.lut;
  LOWBIT_RETURN_IF_ERROR(checkNumber(lut.entry, /*isCode=*/false, "table"));
  if (!lut.entry.isFloat() && lut.entry.width > 16)
    return invalidArgument("table: integer entries of %u bits; at most 16",
                           lut.entry.width);
  if (leaf.code.kind != NumberKind::unsignedInt || leaf.code.lo != 0 ||
      leaf.code.step != 1 || leaf.biased || leaf.zero)
    return invalidArgument("table: codes are positions from 0 on, without a zero "
                           "point");
  if (lut.vecRows < 1 || lut.vecColumns < 1 || lut.vecRows > 64 ||
      lut.vecColumns > 64 || leaf.rows % lut.vecRows != 0 ||
      leaf.columns % lut.vecColumns != 0)
    return invalidArgument("table: vec %lldx%lld does not divide %lld x %lld (V1)",
                           static_cast<long long>(lut.vecRows),
                           static_cast<long long>(lut.vecColumns),
                           static_cast<long long>(leaf.rows),
                           static_cast<long long>(leaf.columns));
  if (lut.books < 1 || lut.books > 16)
    return invalidArgument("table: %lld books; 1 to 16",
                           static_cast<long long>(lut.books));
  if (leaf.pattern && (lut.vecRows * lut.vecColumns > 1 || lut.books > 1))
    return invalidArgument("table: a pattern takes tables of single values");
  LOWBIT_RETURN_IF_ERROR(checkMapSize(lut.granularity, "table"));
  const int64_t shape[] = {leaf.rows, leaf.columns};
  LOWBIT_ASSIGN_OR_RETURN(std::vector<int64_t> image,
                          lut.granularity.imageShape(shape));
  if (image != lut.granules)
    return invalidArgument("table: granule extents are not the image of the "
                           "granularity (V2)");
  for (const IndexExpr &expr : lut.granularity.results)
    for (const IndexTerm &term : expr.terms)
      if (term.div % (term.dim == 0 ? lut.vecRows : lut.vecColumns) != 0)
        return invalidArgument("table: a vec lies in more than one granule (V2)");
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
  if (leaf.biased && leaf.code.levels() > int64_t{1} << leaf.code.width)
    return invalidArgument("code: biased range does not fit %u bits",
                           leaf.code.width);
  if (!leaf.biased && leaf.code.step != 1)
    return invalidArgument("code: values %lld apart are stored biased",
                           static_cast<long long>(leaf.code.step));
  if (leaf.fields.size() > maxFields || leaf.scales.size() > maxFactors ||
      leaf.offsets.size() > maxFactors)
    return invalidArgument("encoding: more than %zu components of a kind",
                           maxFactors);
  if (leaf.pattern) {
    if (leaf.pattern->kind > PatternKind::complement)
      return invalidArgument("pattern: unknown kind");
    LOWBIT_RETURN_IF_ERROR(
        validatePattern(*leaf.pattern, leaf.rows, leaf.columns));
  }
  if (leaf.lut)
    LOWBIT_RETURN_IF_ERROR(validateLut(leaf));
  const int64_t stored[] = {leaf.storedRows(), leaf.storedColumns()};
  LOWBIT_ASSIGN_OR_RETURN(int64_t storedCount, checkedElementCount(stored));
  if (storedCount < 1)
    return invalidArgument("encoding: no element is stored");
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
