//===- Encoding.cpp - Components, sizes and text of encodings -------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Packing/Encoding.h"

#include "Pattern.h"

#include "lowbit/Support/CheckedMath.h"

#include <algorithm>

namespace lowbit {

const char *componentRoleName(ComponentRole role) {
  switch (role) {
  case ComponentRole::codes:
    return "codes";
  case ComponentRole::table:
    return "table";
  case ComponentRole::index:
    return "index";
  case ComponentRole::scale:
    return "scale";
  case ComponentRole::zero:
    return "zero";
  case ComponentRole::offset:
    return "offset";
  }
  return "unknown";
}

std::string ComponentDesc::name() const {
  std::string text = prefix + componentRoleName(role);
  if (index > 0)
    text += formatString(".%u", index);
  return text;
}

//===----------------------------------------------------------------------===//
// Stored space
//===----------------------------------------------------------------------===//

int64_t LeafDesc::storedRows() const {
  if (pattern)
    return storedShapeOf(*pattern, rows, columns)[0];
  return lut && lut->vecRows > 0 ? rows / lut->vecRows : rows;
}

int64_t LeafDesc::storedColumns() const {
  if (pattern)
    return storedShapeOf(*pattern, rows, columns)[1];
  if (!lut || lut->vecColumns < 1)
    return columns;
  // validate() bounds the product.
  return checkedMul(columns / lut->vecColumns, lut->books).value_or(INT64_MAX);
}

bool LeafDesc::isDense() const {
  return !pattern &&
         (!lut ||
          (lut->vecRows == 1 && lut->vecColumns == 1 && lut->books == 1));
}

bool LeafDesc::isPlain() const {
  auto isPlainParam = [](const ParamDesc &param) {
    return param.space == IndexSpace::logical && param.packed == 0 &&
           param.rank == 0 &&
           (!param.number.isFloat() || param.number.width >= 16);
  };
  if (pattern || lut || code.step != 1 || (code.isFloat() && code.width < 16))
    return false;
  for (size_t i = 0; i < fields.size(); ++i)
    if (fields[i].array != i || fields[i].radix || fields[i].entropyBlock)
      return false;
  for (const ParamDesc &param : scales)
    if (!isPlainParam(param))
      return false;
  for (const ParamDesc &param : offsets)
    if (!isPlainParam(param))
      return false;
  return !zero || isPlainParam(*zero);
}

unsigned LeafDesc::codeArrays() const {
  unsigned arrays = 0;
  for (const FieldDesc &field : fields)
    arrays = std::max(arrays, field.array + 1u);
  return arrays;
}

//===----------------------------------------------------------------------===//
// Components
//===----------------------------------------------------------------------===//

namespace {

/// Appends components of one leaf with checked sizes.
class ComponentList {
public:
  Status add(ComponentRole role, uint32_t param, uint32_t part,
             const NumberDesc &number, std::vector<int64_t> storage) {
    ComponentDesc component;
    component.role = role;
    component.index = next[static_cast<size_t>(role)]++;
    component.number = number;
    component.storage = std::move(storage);
    component.param = param;
    component.part = part;
    StatusOr<int64_t> count = checkedElementCount(component.storage);
    if (!count.isOk())
      return std::move(count).status().addNote("in the storage of '" +
                                               component.name() + "'");
    std::optional<uint64_t> bytes =
        checkedMul(static_cast<uint64_t>(*count), number.storageBits() / 8);
    if (!bytes || *bytes > static_cast<uint64_t>(INT64_MAX))
      return invalidArgument("component '%s' overflows 63 bits of size",
                             component.name().c_str());
    component.bytes = *bytes;
    components.push_back(std::move(component));
    return Status::success();
  }

  Status addParam(ComponentRole role, uint32_t position, const ParamDesc &param,
                  const LeafDesc &leaf) {
    if (param.rank > 0) {
      LOWBIT_RETURN_IF_ERROR(
          add(role, position, 0, param.number, {leaf.rows, param.rank}));
      return add(role, position, 1, param.number, {param.rank, leaf.columns});
    }
    if (param.packed == 0)
      return add(role, position, 0, param.number, param.storage);
    LOWBIT_ASSIGN_OR_RETURN(int64_t count, checkedElementCount(param.storage));
    return add(role, position, 0, NumberDesc::unsignedInt(8),
               {ceilDiv(count, 8 / param.packed)});
  }

  std::vector<ComponentDesc> components;

private:
  std::array<uint32_t, 6> next{};
};

Status addTables(const LeafDesc &leaf, ComponentList &list) {
  if (leaf.lut) {
    const LutDesc &lut = *leaf.lut;
    std::vector<int64_t> storage = lut.granules;
    storage.insert(storage.end(), {lut.books, int64_t{1} << leaf.code.width});
    std::optional<int64_t> values = checkedMul(lut.vecRows, lut.vecColumns);
    if (!values)
      return invalidArgument("table: vec overflows 63 bits");
    if (*values > 1)
      storage.push_back(*values);
    LOWBIT_RETURN_IF_ERROR(
        list.add(ComponentRole::table, 0, 0, lut.entry, std::move(storage)));
  }
  for (const FieldDesc &field : leaf.fields)
    if (field.entropyBlock > 0)
      LOWBIT_RETURN_IF_ERROR(list.add(ComponentRole::table, field.array, 1,
                                      NumberDesc::unsignedInt(8),
                                      {int64_t{1} << field.width}));
  return Status::success();
}

Status addIndices(const LeafDesc &leaf, ComponentList &list) {
  if (leaf.pattern)
    for (const IndexArray &array :
         indexArraysOf(*leaf.pattern, leaf.rows, leaf.columns))
      LOWBIT_RETURN_IF_ERROR(list.add(ComponentRole::index, 0, array.part,
                                      NumberDesc::unsignedInt(array.bits),
                                      array.storage));
  for (const FieldDesc &field : leaf.fields) {
    if (field.entropyBlock < 1)
      continue;
    const int64_t shape[] = {leaf.storedRows(), leaf.storedColumns()};
    LOWBIT_ASSIGN_OR_RETURN(int64_t count, checkedElementCount(shape));
    LOWBIT_RETURN_IF_ERROR(list.add(ComponentRole::index, field.array, 3,
                                    NumberDesc::unsignedInt(32),
                                    {ceilDiv(count, field.entropyBlock) + 1}));
  }
  return Status::success();
}

} // namespace

StatusOr<std::vector<ComponentDesc>> componentsOf(const LeafDesc &leaf) {
  ComponentList list;
  const unsigned arrays = leaf.codeArrays();
  for (unsigned array = 0; array < arrays; ++array)
    for (const FieldDesc &field : leaf.fields)
      if (field.array == array) {
        LOWBIT_RETURN_IF_ERROR(list.add(ComponentRole::codes, array, 0,
                                        NumberDesc::unsignedInt(field.wordBits),
                                        field.storage));
        break;
      }
  LOWBIT_RETURN_IF_ERROR(addTables(leaf, list));
  LOWBIT_RETURN_IF_ERROR(addIndices(leaf, list));
  for (uint32_t i = 0; i < leaf.scales.size(); ++i)
    LOWBIT_RETURN_IF_ERROR(
        list.addParam(ComponentRole::scale, i, leaf.scales[i], leaf));
  if (leaf.zero)
    LOWBIT_RETURN_IF_ERROR(
        list.addParam(ComponentRole::zero, 0, *leaf.zero, leaf));
  for (uint32_t i = 0; i < leaf.offsets.size(); ++i)
    LOWBIT_RETURN_IF_ERROR(
        list.addParam(ComponentRole::offset, i, leaf.offsets[i], leaf));
  return std::move(list.components);
}

size_t firstParamComponent(const LeafDesc &leaf) {
  size_t count = leaf.codeArrays();
  if (leaf.lut)
    ++count;
  for (const FieldDesc &field : leaf.fields)
    if (field.entropyBlock > 0)
      count += 2;
  if (leaf.pattern)
    count += indexArraysOf(*leaf.pattern, leaf.rows, leaf.columns).size();
  return count;
}

static StatusOr<BitsPerElement>
bitsOf(const std::vector<ComponentDesc> &components, int64_t rows,
       int64_t columns) {
  const int64_t shape[] = {rows, columns};
  LOWBIT_ASSIGN_OR_RETURN(int64_t count, checkedElementCount(shape));
  if (count == 0)
    return invalidArgument("a tensor without elements has no bits per element");
  BitsPerElement bits;
  for (const ComponentDesc &component : components) {
    double share =
        static_cast<double>(component.bytes) * 8.0 / static_cast<double>(count);
    bits.total += share;
    if (component.role == ComponentRole::codes)
      bits.codes += share;
  }
  return bits;
}

StatusOr<BitsPerElement> bitsPerElement(const LeafDesc &leaf) {
  LOWBIT_ASSIGN_OR_RETURN(std::vector<ComponentDesc> components,
                          componentsOf(leaf));
  return bitsOf(components, leaf.rows, leaf.columns);
}

StatusOr<BitsPerElement> bitsPerElement(const EncodingDesc &encoding) {
  LOWBIT_ASSIGN_OR_RETURN(std::vector<ComponentDesc> components,
                          componentsOf(encoding));
  return bitsOf(components, encoding.rows, encoding.columns);
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

namespace {

std::string describeNumber(const NumberDesc &number) {
  if (number.isFloat())
    return floatFormatName(number.format);
  if (number == NumberDesc::plusMinusOne())
    return "pm1";
  bool isSigned = number.kind == NumberKind::signedInt;
  if (isSigned && number.width == 2 && number.lo == -1 && number.hi == 1)
    return "ternary";
  std::string text =
      formatString("%s%u", isSigned ? "int" : "uint", number.width);
  NumberDesc full = isSigned ? NumberDesc::signedInt(number.width)
                             : NumberDesc::unsignedInt(number.width);
  if (number.lo != full.lo || number.hi != full.hi)
    text += formatString("<%lld:%lld>", static_cast<long long>(number.lo),
                         static_cast<long long>(number.hi));
  if (number.step != 1)
    text += formatString(" step %lld", static_cast<long long>(number.step));
  return text;
}

/// "/32" for one number for 32 columns of a row, "/row", "/tensor", or the map.
std::string describeGranularity(const IndexMap &map) {
  if (map.results.empty())
    return "/tensor";
  auto isPlain = [](const IndexExpr &expr, int32_t dim) {
    return expr.constant == 0 && expr.terms.size() == 1 &&
           expr.terms[0].dim == dim && expr.terms[0].mul == 1 &&
           expr.terms[0].mod == 0;
  };
  const IndexExpr &first = map.results[0];
  if (map.results.size() == 1 && isPlain(first, 0) && first.terms[0].div == 1)
    return "/row";
  if (map.results.size() == 2 && isPlain(first, 0) && first.terms[0].div == 1 &&
      isPlain(map.results[1], 1))
    return formatString("/%lld",
                        static_cast<long long>(map.results[1].terms[0].div));
  return "/" + map.toString();
}

void describeParams(std::string &text, const char *role,
                    const std::vector<ParamDesc> &params) {
  if (params.empty())
    return;
  text += std::string(", ") + role + " ";
  for (size_t i = 0; i < params.size(); ++i) {
    if (i)
      text += " * ";
    text += describeNumber(params[i].number);
    if (params[i].rank > 0)
      text += formatString("/rank %lld", static_cast<long long>(params[i].rank));
    else if (params[i].space == IndexSpace::stored)
      text += "/block";
    else
      text += describeGranularity(params[i].granularity);
  }
}

} // namespace

static std::string describeLayout(const LeafDesc &leaf) {
  std::string text;
  const unsigned arrays = leaf.codeArrays();
  for (const FieldDesc &field : leaf.fields) {
    if (field.radix && text.empty())
      text = formatString(" base %u, %u digits a group", field.radix,
                          field.digits);
    if (field.entropyBlock > 0)
      text += formatString(" prefix code of %u bits", field.width);
  }
  if (!text.empty() || leaf.fields.size() < 2)
    return text;
  if (arrays == 1)
    return formatString(" in %zu planes", leaf.fields.size());
  text = " in ";
  for (size_t i = 0; i < leaf.fields.size(); ++i)
    text += formatString("%s%u", i ? "+" : "", leaf.fields[i].width);
  return text;
}

std::string describe(const LeafDesc &leaf) {
  std::string text = describeNumber(leaf.code);
  if (leaf.lut) {
    text = formatString("table of %lld %s", 1ll << leaf.code.width,
                        describeNumber(leaf.lut->entry).c_str());
    if (leaf.lut->vecRows * leaf.lut->vecColumns > 1)
      text += formatString(" %lldx%lld",
                           static_cast<long long>(leaf.lut->vecRows),
                           static_cast<long long>(leaf.lut->vecColumns));
    if (leaf.lut->books > 1)
      text +=
          formatString(", %lld books", static_cast<long long>(leaf.lut->books));
  }
  text += describeLayout(leaf);
  describeParams(text, "scale", leaf.scales);
  if (leaf.zero)
    describeParams(text, "zero", {*leaf.zero});
  describeParams(text, leaf.offsetNegated ? "offset -" : "offset",
                 leaf.offsets);
  if (leaf.pattern)
    text += ", " + describePattern(*leaf.pattern);
  return text;
}

} // namespace lowbit
