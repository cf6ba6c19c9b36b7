//===- Encoding.cpp - Components, sizes and text of encodings -------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Packing/Encoding.h"

#include "lowbit/Support/CheckedMath.h"

namespace lowbit {

NumberDesc NumberDesc::signedInt(unsigned width) {
  NumberDesc number;
  number.kind = NumberKind::signedInt;
  number.format = FloatFormat::none;
  number.width = static_cast<uint8_t>(width);
  number.lo = -(int64_t{1} << (width - 1));
  number.hi = (int64_t{1} << (width - 1)) - 1;
  return number;
}

NumberDesc NumberDesc::unsignedInt(unsigned width) {
  NumberDesc number;
  number.kind = NumberKind::unsignedInt;
  number.format = FloatFormat::none;
  number.width = static_cast<uint8_t>(width);
  number.lo = 0;
  number.hi = (int64_t{1} << width) - 1;
  return number;
}

NumberDesc NumberDesc::floating(FloatFormat format) {
  NumberDesc number;
  number.kind = NumberKind::floating;
  number.format = format;
  number.width = format == FloatFormat::f32 ? 32 : 16;
  return number;
}

unsigned NumberDesc::storageBits() const {
  return width <= 8 ? 8 : width <= 16 ? 16 : 32;
}

const char *componentRoleName(ComponentRole role) {
  switch (role) {
  case ComponentRole::codes:
    return "codes";
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
  std::string text = componentRoleName(role);
  if (index > 0)
    text += formatString(".%u", index);
  return text;
}

StatusOr<std::vector<ComponentDesc>> componentsOf(const LeafDesc &leaf) {
  std::vector<ComponentDesc> components;
  auto add = [&](ComponentRole role, uint32_t index, const NumberDesc &number,
                 const std::vector<int64_t> &storage) -> Status {
    ComponentDesc component{role, index, number, storage, 0};
    StatusOr<int64_t> count = checkedElementCount(storage);
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
  };

  uint32_t index = 0;
  for (const FieldDesc &field : leaf.fields) {
    NumberDesc word;
    word.kind = NumberKind::unsignedInt;
    word.format = FloatFormat::none;
    word.width = field.wordBits;
    word.hi = (int64_t{1} << (field.wordBits & 63)) - 1;
    LOWBIT_RETURN_IF_ERROR(
        add(ComponentRole::codes, index++, word, field.storage));
  }
  index = 0;
  for (const ParamDesc &param : leaf.scales)
    LOWBIT_RETURN_IF_ERROR(
        add(ComponentRole::scale, index++, param.number, param.storage));
  if (leaf.zero)
    LOWBIT_RETURN_IF_ERROR(
        add(ComponentRole::zero, 0, leaf.zero->number, leaf.zero->storage));
  index = 0;
  for (const ParamDesc &param : leaf.offsets)
    LOWBIT_RETURN_IF_ERROR(
        add(ComponentRole::offset, index++, param.number, param.storage));
  return components;
}

StatusOr<BitsPerElement> bitsPerElement(const LeafDesc &leaf) {
  LOWBIT_ASSIGN_OR_RETURN(std::vector<ComponentDesc> components,
                          componentsOf(leaf));
  const int64_t shape[] = {leaf.rows, leaf.columns};
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

namespace {

std::string describeNumber(const NumberDesc &number) {
  switch (number.format) {
  case FloatFormat::f32:
    return "f32";
  case FloatFormat::f16:
    return "f16";
  case FloatFormat::bf16:
    return "bf16";
  case FloatFormat::none:
    break;
  }
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
    text += describeNumber(params[i].number) +
            describeGranularity(params[i].granularity);
  }
}

} // namespace

std::string describe(const LeafDesc &leaf) {
  std::string text = describeNumber(leaf.code);
  if (leaf.fields.size() > 1) {
    text += " in ";
    for (size_t i = 0; i < leaf.fields.size(); ++i)
      text += formatString("%s%u", i ? "+" : "", leaf.fields[i].width);
  }
  describeParams(text, "scale", leaf.scales);
  if (leaf.zero)
    describeParams(text, "zero", {*leaf.zero});
  describeParams(text, leaf.offsetNegated ? "offset -" : "offset",
                 leaf.offsets);
  return text;
}

} // namespace lowbit
