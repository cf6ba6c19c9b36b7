//===- Components.cpp - The component table -------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Format/Components.h"

#include "lowbit/Format/ByteStream.h"
#include "lowbit/Support/CheckedMath.h"

#include <unordered_set>

using namespace lowbit;

namespace {

constexpr uint32_t tableMagic = 0x50434c4cu; // "LLCP"
constexpr uint32_t tableVersion = 2;
constexpr uint64_t weightAlignment = 64;

/// Bytes of a stored word, 0 for a name that we do not know.
unsigned wordBytes(std::string_view type) {
  static constexpr struct {
    const char *name;
    unsigned bytes;
  } rows[] = {{"i8", 1},  {"u8", 1},  {"si8", 1}, {"ui8", 1}, {"i16", 2},
              {"u16", 2}, {"f16", 2}, {"bf16", 2}, {"f8E4M3FN", 1}, {"f8E5M2", 1},
              {"f8E8M0FNU", 1}, {"f6E2M3FN", 1}, {"f6E3M2FN", 1}, {"f4E2M1FN", 1}, {"i32", 4}, {"u32", 4},
              {"f32", 4}, {"i64", 8}, {"u64", 8}, {"f64", 8}};
  for (const auto &row : rows)
    if (type == row.name)
      return row.bytes;
  return 0;
}

//===----------------------------------------------------------------------===//
// Encodings
//===----------------------------------------------------------------------===//

void write(ByteWriter &out, const std::vector<int64_t> &values) {
  out.u32(static_cast<uint32_t>(values.size()));
  for (int64_t value : values)
    out.i64(value);
}

void write(ByteWriter &out, const IndexMap &map) {
  out.u32(static_cast<uint32_t>(map.numDims));
  out.u32(static_cast<uint32_t>(map.results.size()));
  for (const IndexExpr &expr : map.results) {
    out.i64(expr.constant);
    out.u32(static_cast<uint32_t>(expr.terms.size()));
    for (const IndexTerm &term : expr.terms) {
      out.u32(static_cast<uint32_t>(term.dim));
      out.i64(term.mul);
      out.i64(term.div);
      out.i64(term.mod);
    }
  }
}

void write(ByteWriter &out, const NumberDesc &number) {
  out.u8(static_cast<uint8_t>(number.kind));
  out.u8(static_cast<uint8_t>(number.format));
  out.u8(number.width);
  out.i64(number.lo);
  out.i64(number.hi);
  out.i64(number.step);
}

void write(ByteWriter &out, const ParamDesc &param) {
  write(out, param.number);
  write(out, param.granularity);
  write(out, param.placement);
  write(out, param.granules);
  write(out, param.storage);
  out.u8(static_cast<uint8_t>(param.space));
  out.u8(param.packed);
  out.i64(param.rank);
}

void write(ByteWriter &out, const FieldDesc &field) {
  out.u8(field.shift);
  out.u8(field.width);
  out.u8(field.wordBits);
  write(out, field.word);
  write(out, field.bit);
  write(out, field.storage);
  out.u8(field.array);
  out.u8(field.radix);
  out.u8(field.digits);
  write(out, field.digit);
  out.u8(static_cast<uint8_t>(field.store));
  out.i64(field.entropyBlock);
}

void write(ByteWriter &out, const PatternDesc &pattern) {
  out.u8(static_cast<uint8_t>(pattern.kind));
  out.i64(pattern.blockRows);
  out.i64(pattern.blockColumns);
  out.i64(pattern.count);
  out.u8(pattern.indexBits);
}

void write(ByteWriter &out, const LutDesc &lut) {
  write(out, lut.entry);
  out.i64(lut.vecRows);
  out.i64(lut.vecColumns);
  out.i64(lut.books);
  write(out, lut.granularity);
  write(out, lut.granules);
}

std::vector<int64_t> readExtents(ByteReader &in) {
  uint32_t count = in.count(8);
  std::vector<int64_t> values;
  for (uint32_t i = 0; i < count && !in.failed(); ++i)
    values.push_back(in.i64());
  return values;
}

IndexMap readMap(ByteReader &in) {
  IndexMap map;
  uint32_t dims = in.u32();
  if (dims > 8)
    in.fail(invalidArgument("an index map with %u dimensions", dims));
  map.numDims = static_cast<int32_t>(dims);
  uint32_t results = in.count(12);
  for (uint32_t i = 0; i < results && !in.failed(); ++i) {
    IndexExpr expr;
    expr.constant = in.i64();
    uint32_t terms = in.count(28);
    for (uint32_t t = 0; t < terms && !in.failed(); ++t) {
      IndexTerm term;
      uint32_t dim = in.u32();
      if (dim >= dims)
        in.fail(invalidArgument("an index map uses dimension %u of %u", dim,
                                dims));
      term.dim = static_cast<int32_t>(dim);
      term.mul = in.i64();
      term.div = in.i64();
      term.mod = in.i64();
      if (term.div < 1 || term.mod < 0)
        in.fail(invalidArgument("an index map divides by %lld modulo %lld",
                                static_cast<long long>(term.div),
                                static_cast<long long>(term.mod)));
      expr.terms.push_back(term);
    }
    map.results.push_back(std::move(expr));
  }
  return map;
}

NumberDesc readNumber(ByteReader &in) {
  NumberDesc number;
  uint8_t kind = in.u8(), format = in.u8();
  if (kind > 2 || format > static_cast<uint8_t>(FloatFormat::f4E2M1FN))
    in.fail(invalidArgument("unknown kind of number (%u, %u)", kind, format));
  number.kind = static_cast<NumberKind>(kind);
  number.format = static_cast<FloatFormat>(format);
  number.width = in.u8();
  number.lo = in.i64();
  number.hi = in.i64();
  number.step = in.i64();
  if (number.step < 1)
    in.fail(invalidArgument("a number with steps of %lld",
                            static_cast<long long>(number.step)));
  return number;
}

ParamDesc readParam(ByteReader &in) {
  ParamDesc param;
  param.number = readNumber(in);
  param.granularity = readMap(in);
  param.placement = readMap(in);
  param.granules = readExtents(in);
  param.storage = readExtents(in);
  uint8_t space = in.u8();
  if (space > 1)
    in.fail(invalidArgument("unknown index space %u", space));
  param.space = static_cast<IndexSpace>(space);
  param.packed = in.u8();
  param.rank = in.i64();
  return param;
}

FieldDesc readField(ByteReader &in) {
  FieldDesc field;
  field.shift = in.u8();
  field.width = in.u8();
  field.wordBits = in.u8();
  field.word = readMap(in);
  field.bit = readMap(in);
  field.storage = readExtents(in);
  field.array = in.u8();
  field.radix = in.u8();
  field.digits = in.u8();
  field.digit = readMap(in);
  uint8_t store = in.u8();
  if (store > 1)
    in.fail(invalidArgument("unknown radix store %u", store));
  field.store = static_cast<RadixStore>(store);
  field.entropyBlock = in.i64();
  return field;
}

PatternDesc readPattern(ByteReader &in) {
  PatternDesc pattern;
  uint8_t kind = in.u8();
  if (kind > static_cast<uint8_t>(PatternKind::complement)) {
    in.fail(invalidArgument("unknown pattern %u", kind));
    kind = 0;
  }
  pattern.kind = static_cast<PatternKind>(kind);
  pattern.blockRows = in.i64();
  pattern.blockColumns = in.i64();
  pattern.count = in.i64();
  pattern.indexBits = in.u8();
  return pattern;
}

LutDesc readLut(ByteReader &in) {
  LutDesc lut;
  lut.entry = readNumber(in);
  lut.vecRows = in.i64();
  lut.vecColumns = in.i64();
  lut.books = in.i64();
  lut.granularity = readMap(in);
  lut.granules = readExtents(in);
  return lut;
}

constexpr size_t minParamBytes = 27 + 2 * 8 + 2 * 4 + 10;
constexpr size_t minFieldBytes = 3 + 3 * 8 + 4 + 12;

} // namespace

void lowbit::serializeLeaf(ByteWriter &out, const LeafDesc &leaf) {
  out.i64(leaf.rows);
  out.i64(leaf.columns);
  write(out, leaf.code);
  out.u8(leaf.biased);
  out.u32(static_cast<uint32_t>(leaf.fields.size()));
  for (const FieldDesc &field : leaf.fields)
    write(out, field);
  out.u32(static_cast<uint32_t>(leaf.scales.size()));
  for (const ParamDesc &scale : leaf.scales)
    write(out, scale);
  out.u8(leaf.zero.has_value());
  if (leaf.zero)
    write(out, *leaf.zero);
  out.u32(static_cast<uint32_t>(leaf.offsets.size()));
  for (const ParamDesc &offset : leaf.offsets)
    write(out, offset);
  out.u8(leaf.offsetNegated);
  out.u8(leaf.pattern.has_value());
  if (leaf.pattern)
    write(out, *leaf.pattern);
  out.u8(leaf.lut.has_value());
  if (leaf.lut)
    write(out, *leaf.lut);
}

LeafDesc lowbit::parseLeaf(ByteReader &in) {
  LeafDesc leaf;
  leaf.rows = in.i64();
  leaf.columns = in.i64();
  leaf.code = readNumber(in);
  leaf.biased = in.u8() != 0;
  uint32_t fields = in.count(minFieldBytes);
  for (uint32_t i = 0; i < fields && !in.failed(); ++i)
    leaf.fields.push_back(readField(in));
  uint32_t scales = in.count(minParamBytes);
  for (uint32_t i = 0; i < scales && !in.failed(); ++i)
    leaf.scales.push_back(readParam(in));
  if (in.u8() != 0)
    leaf.zero = readParam(in);
  uint32_t offsets = in.count(minParamBytes);
  for (uint32_t i = 0; i < offsets && !in.failed(); ++i)
    leaf.offsets.push_back(readParam(in));
  leaf.offsetNegated = in.u8() != 0;
  if (in.u8() != 0)
    leaf.pattern = readPattern(in);
  if (in.u8() != 0)
    leaf.lut = readLut(in);
  return leaf;
}

//===----------------------------------------------------------------------===//
// Table
//===----------------------------------------------------------------------===//

const Parameter *ComponentTable::findParameter(std::string_view symbol) const {
  for (const Parameter &parameter : parameters)
    if (parameter.symbol == symbol)
      return &parameter;
  return nullptr;
}

std::vector<uint8_t> lowbit::serializeComponents(const ComponentTable &table) {
  ByteWriter out;
  out.u32(tableMagic);
  out.u32(tableVersion);
  out.u32(static_cast<uint32_t>(table.components.size()));
  for (const Component &component : table.components) {
    out.string(component.symbol);
    out.string(component.role);
    out.string(component.elementType);
    write(out, component.shape);
    out.u64(component.offset);
    out.u64(component.size);
    out.u64(component.hash.low);
    out.u64(component.hash.high);
  }
  out.u32(static_cast<uint32_t>(table.parameters.size()));
  for (const Parameter &parameter : table.parameters) {
    out.string(parameter.symbol);
    write(out, parameter.shape);
    out.string(parameter.elementType);
    out.string(parameter.encoding);
    out.u8(parameter.leaf.has_value());
    if (parameter.leaf)
      serializeLeaf(out, *parameter.leaf);
    out.u32(static_cast<uint32_t>(parameter.components.size()));
    for (uint32_t index : parameter.components)
      out.u32(index);
  }
  return out.take();
}

StatusOr<ComponentTable>
lowbit::parseComponents(std::span<const uint8_t> bytes) {
  ByteReader in(bytes);
  ComponentTable table;
  if (in.u32() != tableMagic)
    in.fail(invalidArgument("the section does not begin like a component table"));
  if (uint32_t version = in.u32(); version != tableVersion)
    in.fail(invalidArgument("component table version %u is not supported (this "
                            "build reads %u); compile the model again",
                            version, tableVersion));
  uint32_t components = in.count(48);
  for (uint32_t i = 0; i < components && !in.failed(); ++i) {
    Component component;
    component.symbol = in.string();
    component.role = in.string();
    component.elementType = in.string();
    component.shape = readExtents(in);
    component.offset = in.u64();
    component.size = in.u64();
    component.hash.low = in.u64();
    component.hash.high = in.u64();
    table.components.push_back(std::move(component));
  }
  uint32_t parameters = in.count(21);
  for (uint32_t i = 0; i < parameters && !in.failed(); ++i) {
    Parameter parameter;
    parameter.symbol = in.string();
    parameter.shape = readExtents(in);
    parameter.elementType = in.string();
    parameter.encoding = in.string();
    if (in.u8() != 0)
      parameter.leaf = parseLeaf(in);
    uint32_t count = in.count(4);
    for (uint32_t c = 0; c < count && !in.failed(); ++c)
      parameter.components.push_back(in.u32());
    table.parameters.push_back(std::move(parameter));
  }
  LOWBIT_RETURN_IF_ERROR(in.finish());
  return table;
}

//===----------------------------------------------------------------------===//
// Validation
//===----------------------------------------------------------------------===//

static Status validateComponent(const Component &component,
                                uint64_t weightsBytes) {
  const char *symbol = component.symbol.c_str();
  unsigned word = wordBytes(component.elementType);
  if (word == 0)
    return invalidArgument("component '%s' has the unknown element type '%s'",
                           symbol, component.elementType.c_str());
  StatusOr<int64_t> elements = checkedElementCount(component.shape);
  if (!elements.isOk())
    return std::move(elements).status().addNote(
        formatString("in the shape of component '%s'", symbol));
  std::optional<int64_t> bytes = checkedMul<int64_t>(*elements, word);
  if (!bytes || static_cast<uint64_t>(*bytes) != component.size)
    return invalidArgument("component '%s' has %llu bytes, its shape and type "
                           "need %lld words of %u bytes",
                           symbol,
                           static_cast<unsigned long long>(component.size),
                           static_cast<long long>(*elements), word);
  if (component.offset % weightAlignment != 0)
    return invalidArgument("component '%s' is at offset %llu, which is not a "
                           "multiple of 64",
                           symbol,
                           static_cast<unsigned long long>(component.offset));
  std::optional<uint64_t> padded =
      checkedAlignTo<uint64_t>(component.size, weightAlignment);
  if (!padded || !rangeFits(component.offset, *padded, weightsBytes))
    return invalidArgument(
        "component '%s' (offset %llu, %llu bytes) does not fit the %llu bytes "
        "of the weights section",
        symbol, static_cast<unsigned long long>(component.offset),
        static_cast<unsigned long long>(component.size),
        static_cast<unsigned long long>(weightsBytes));
  return {};
}

/// The components must be what the encoding says, in its order.
static Status validateLeaf(const ComponentTable &table,
                           const Parameter &parameter) {
  const LeafDesc &leaf = *parameter.leaf;
  const char *symbol = parameter.symbol.c_str();
  LOWBIT_ASSIGN_OR_RETURN(int64_t elements,
                          checkedElementCount(parameter.shape));
  std::optional<int64_t> ofLeaf = checkedMul<int64_t>(leaf.rows, leaf.columns);
  if (leaf.rows < 0 || leaf.columns < 0 || !ofLeaf || *ofLeaf != elements)
    return invalidArgument("parameter '%s' has %lld elements, its encoding %lld "
                           "x %lld",
                           symbol, static_cast<long long>(elements),
                           static_cast<long long>(leaf.rows),
                           static_cast<long long>(leaf.columns));
  LOWBIT_ASSIGN_OR_RETURN(std::vector<ComponentDesc> expected,
                          componentsOf(leaf));
  if (expected.size() != parameter.components.size())
    return invalidArgument("parameter '%s' has %zu components, its encoding %zu",
                           symbol, parameter.components.size(),
                           expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const Component &component = table.components[parameter.components[i]];
    if (component.role != componentRoleName(expected[i].role) ||
        component.size != expected[i].bytes)
      return invalidArgument(
          "component %zu of parameter '%s' is %s with %llu bytes, its encoding "
          "has %s with %llu",
          i, symbol, component.role.c_str(),
          static_cast<unsigned long long>(component.size),
          componentRoleName(expected[i].role),
          static_cast<unsigned long long>(expected[i].bytes));
  }
  return {};
}

Status lowbit::validateComponents(const ComponentTable &table,
                                  uint64_t weightsBytes) {
  std::unordered_set<std::string_view> names;
  for (const Component &component : table.components) {
    if (component.symbol.empty() || !names.insert(component.symbol).second)
      return invalidArgument("component name '%s' is empty or used twice",
                             component.symbol.c_str());
    LOWBIT_RETURN_IF_ERROR(validateComponent(component, weightsBytes));
  }
  names.clear();
  // Equal layers have equal encodings: each distinct one is checked once.
  std::vector<const LeafDesc *> checked;
  for (const Parameter &parameter : table.parameters) {
    if (parameter.symbol.empty() || !names.insert(parameter.symbol).second)
      return invalidArgument("parameter name '%s' is empty or used twice",
                             parameter.symbol.c_str());
    for (uint32_t index : parameter.components)
      if (index >= table.components.size())
        return invalidArgument("parameter '%s' names component %u of %zu",
                               parameter.symbol.c_str(), index,
                               table.components.size());
    if (!parameter.leaf)
      continue;
    bool known = false;
    for (const LeafDesc *leaf : checked)
      known = known || *leaf == *parameter.leaf;
    if (!known) {
      Status status = validate(*parameter.leaf);
      if (!status.isOk())
        return std::move(status).addNote("in the encoding of parameter '" +
                                         parameter.symbol + "'");
      checked.push_back(&*parameter.leaf);
    }
    LOWBIT_RETURN_IF_ERROR(validateLeaf(table, parameter));
  }
  return {};
}
