//===- Recode.cpp - The same weights in other codes -----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/Recode.h"

#include "passes/Compress/Matrices.h"

#include "lowbit/Packing/Layouts.h"
#include "lowbit/Packing/Pack.h"
#include "lowbit/Support/Float.h"

#include "mlir/AsmParser/AsmParser.h"

#include <algorithm>
#include <array>

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::ComponentRole;
using ::lowbit::invalidArgument;
using ::lowbit::LeafCodec;
using ::lowbit::LeafDesc;
using ::lowbit::NumberDesc;
using ::lowbit::Status;
using ::lowbit::StatusOr;

static Status makeCanonical(LeafDesc &leaf) {
  leaf.fields.clear();
  leaf.biased = false;
  return ::lowbit::applyCanonicalLayout(leaf);
}

StatusOr<Recoding> Recoding::read(CompressionSession &session, ParamOp param) {
  const std::string name = param.getSymName().str();
  Recoding result;
  result.param = param;
  auto type = cast<LowbitTensorType>(param.getType());
  auto leaf = type.getLeafDesc();
  if (!leaf.isOk())
    return invalidArgument("'%s' is a sum or product, not one array of codes",
                           name.c_str());
  result.leaf = std::move(*leaf);
  if (result.leaf.lut)
    return invalidArgument("the codes of '%s' are positions in a table",
                           name.c_str());
  if (result.leaf.code.width > 8)
    return invalidArgument("the codes of '%s' have %d bits; quantize it to at most "
                           "8 first",
                           name.c_str(), result.leaf.code.width);
  MaterializeOptions options;
  options.threads = session.threads;
  LOWBIT_RETURN_IF_ERROR(
      session.archive->materialize(param, result.components, options));
  result.canonical = result.leaf;
  LOWBIT_RETURN_IF_ERROR(makeCanonical(result.canonical));
  if (result.canonical != result.leaf) {
    std::vector<std::span<const uint8_t>> views(result.components.begin(),
                                                result.components.end());
    LOWBIT_ASSIGN_OR_RETURN(
        result.components,
        ::lowbit::repack(result.leaf, views, result.canonical));
  }
  LOWBIT_ASSIGN_OR_RETURN(LeafCodec codec, LeafCodec::create(result.canonical));
  const std::span<const uint8_t> field(result.components.front());
  const int64_t rows = result.canonical.storedRows();
  result.codes.resize(rows * result.canonical.storedColumns());
  LOWBIT_RETURN_IF_ERROR(
      codec.unpackCodes(0, rows, std::span(&field, 1), result.codes));
  return result;
}

ComponentBytes Recoding::params() const {
  return ComponentBytes(components.begin() +
                            ::lowbit::firstParamComponent(canonical),
                        components.end());
}

StatusOr<Type> Recoding::write(CompressionSession &session,
                               const LeafDesc &target, bool withLayout,
                               std::vector<uint8_t> newCodes,
                               ComponentBytes params) const {
  LOWBIT_RETURN_IF_ERROR(::lowbit::validate(target));
  LeafDesc stored = target;
  LOWBIT_RETURN_IF_ERROR(makeCanonical(stored));
  LOWBIT_ASSIGN_OR_RETURN(LeafCodec codec, LeafCodec::create(stored));
  // Codes, then the index of the pattern as it was, then parameters.
  ComponentBytes all(1);
  all.front().resize(codec.components().front().bytes);
  const std::span<uint8_t> field(all.front());
  LOWBIT_RETURN_IF_ERROR(codec.packCodes(0, stored.storedRows(), newCodes,
                                         std::span(&field, 1)));
  const size_t firstParam = ::lowbit::firstParamComponent(canonical);
  for (size_t i = 1; i < firstParam; ++i)
    all.push_back(components[i]);
  for (std::vector<uint8_t> &bytes : params)
    all.push_back(std::move(bytes));
  if (all.size() != codec.components().size())
    return ::lowbit::internalError("%zu components where '%s' has %zu",
                                   all.size(),
                                   ::lowbit::describe(target).c_str(),
                                   codec.components().size());
  ParamOp op = param;
  MLIRContext *context = op.getContext();
  LOWBIT_ASSIGN_OR_RETURN(ComputedSourceAttr source,
                          session.archive->addComputed(context, all));
  op.setSourceAttr(source);
  auto type = cast<LowbitTensorType>(op.getType());
  return Type(LowbitTensorType::get(context, type.getShape(),
                                    type.getElementType(),
                                    getLeafAttr(context, target, withLayout)));
}

::lowbit::compress::LedgerParameter Recoding::entryFor(Type type) const {
  ParamOp op = param;
  auto before = cast<LowbitTensorType>(op.getType());
  auto after = cast<LowbitTensorType>(type);
  ::lowbit::compress::LedgerParameter entry;
  entry.name = op.getSymName().str();
  entry.shape.assign(after.getShape().begin(), after.getShape().end());
  entry.bitsBefore = bitsPerWeight(before);
  entry.bitsAfter = bitsPerWeight(after);
  if (auto described = after.getLeafDesc(); described.isOk())
    entry.encoding = ::lowbit::describe(*described);
  return entry;
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

namespace {

/// Number of each plain code byte; nothing where no code is stored so.
using Values = std::array<std::optional<float>, 256>;

} // namespace

static Values valuesOf(const NumberDesc &code) {
  Values values;
  if (code.isFloat()) {
    for (uint32_t bits = 0; bits < (1u << code.width); ++bits)
      values[bits] = ::lowbit::floatFromCode(code, bits);
    return values;
  }
  for (int64_t value = code.lo; value <= code.hi; value += code.step)
    values[static_cast<uint8_t>(value)] = static_cast<float>(value);
  return values;
}

StatusOr<std::vector<uint8_t>>
mlir::lowbit::translateCodes(std::span<const uint8_t> codes,
                             const NumberDesc &from, const NumberDesc &to) {
  const Values source = valuesOf(from), target = valuesOf(to);
  std::array<std::optional<uint8_t>, 256> table;
  for (size_t i = 0; i < table.size(); ++i)
    for (size_t j = 0; source[i] && !table[i] && j < table.size(); ++j)
      if (target[j] &&
          ::lowbit::floatBits(*target[j]) == ::lowbit::floatBits(*source[i]))
        table[i] = static_cast<uint8_t>(j);
  std::vector<uint8_t> result(codes.size());
  for (size_t i = 0; i < codes.size(); ++i) {
    if (!table[codes[i]])
      return invalidArgument("the new code lacks the number %g",
                             static_cast<double>(
                                 source[codes[i]].value_or(codes[i])));
    result[i] = *table[codes[i]];
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

/// Digits of base `levels` that fit a byte; 0 where not even one does.
static unsigned digitsInByte(int64_t levels) {
  unsigned digits = 0;
  for (int64_t power = levels; power <= 256; power *= levels)
    ++digits;
  return digits;
}

Status mlir::lowbit::applyLayoutText(MLIRContext *context, StringRef text,
                                     LeafDesc &leaf) {
  if (text == "planes" || text == "planes-msb")
    return ::lowbit::setPlaneFields(leaf, /*msbFirst=*/text == "planes-msb");
  if (text == "radix") {
    if (leaf.code.isFloat() || leaf.code.levels() > 255)
      return invalidArgument("layout radix requires an integer code of at most 255 "
                             "levels");
    const auto levels = static_cast<unsigned>(leaf.code.levels());
    return ::lowbit::setRadixFields(leaf, levels, digitsInByte(levels), 8,
                                    ::lowbit::RadixStore::plain);
  }
  std::string spelled = text.str();
  if (text == "tq2")
    spelled = "bits<i8, word = (n, k) -> (n, 32 * (k floordiv 128) + k mod 32), "
              "bit = (n, k) -> (2 * ((k floordiv 32) mod 4)), store = biased>";
  LeafDesc codeOnly;
  codeOnly.rows = codeOnly.columns = 1;
  codeOnly.code = leaf.code;
  std::string whole;
  llvm::raw_string_ostream(whole)
      << getLeafAttr(context, codeOnly, /*withLayout=*/false);
  whole.pop_back(); // the closing bracket
  whole += ", layout = " + spelled + ">";
  ScopedDiagnosticHandler quiet(context, [](Diagnostic &) { return success(); });
  auto attr = dyn_cast_or_null<LeafAttr>(parseAttribute(whole, context));
  auto layout = attr ? dyn_cast_or_null<LayoutAttrInterface>(attr.getLayout())
                     : LayoutAttrInterface();
  if (!layout)
    return invalidArgument("option 'layout' is not a layout of this code: '%s'; "
                           "write planes, planes-msb, radix, tq2 or a layout like "
                           "radix<3, 20, i32>",
                           text.str().c_str());
  leaf.fields.clear();
  return layout.describeInto(leaf);
}
