//===- ArchiveSources.cpp - Files and constants into components -----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/ArchiveImpl.h"
#include "lib/Import/ComponentWriter.h"

#include "lowbit/Packing/Layouts.h"
#include "lowbit/Support/Float.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace mlir::lowbit;
using namespace ::lowbit::import;
using ::lowbit::FloatFormat;
using ::lowbit::formatString;
using ::lowbit::invalidArgument;
using ::lowbit::LeafDesc;
using ::lowbit::NumberDesc;
using ::lowbit::ParamDesc;
using ::lowbit::SourceLayout;
using ::lowbit::Status;
using ::lowbit::StatusOr;

/// "'embed.weight' of 'dir/model.safetensors'".
static std::string tensorText(const StoredTensor &tensor) {
  return formatString("'%s' of '%s'", std::string(tensor.name).c_str(),
                      std::string(tensor.file).c_str());
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

StatusOr<FileTensor> mlir::lowbit::resolveFile(const Checkpoint &checkpoint,
                                               FileSourceAttr source,
                                               int64_t rows, int64_t columns) {
  FileTensor file;
  file.rows = rows;
  file.columns = columns;
  file.layout = ::lowbit::findSourceLayout(
      std::string_view(source.getFormat().data(), source.getFormat().size()));
  if (!file.layout)
    return invalidArgument("unknown source format '%s'",
                           source.getFormat().str().c_str());
  auto find = [&](StringRef name) -> StatusOr<StoredTensor> {
    std::optional<StoredTensor> tensor =
        checkpoint.find(std::string_view(name.data(), name.size()));
    if (!tensor)
      return ::lowbit::notFound("'%s' has no tensor '%s'",
                                checkpoint.path().c_str(), name.str().c_str());
    return *tensor;
  };
  LOWBIT_ASSIGN_OR_RETURN(file.stored, find(source.getTensor()));
  // Bytes of U8 and I8 tensors mean what the format says; any other type is a
  // format by itself.
  bool isBytes = file.stored.type == "U8" || file.stored.type == "I8";
  if (file.stored.layout != file.layout && !isBytes)
    return invalidArgument(
        "%s is stored as %s, not as %s", tensorText(file.stored).c_str(),
        std::string(file.stored.type).c_str(), file.layout->name.c_str());
  LOWBIT_ASSIGN_OR_RETURN(uint64_t bytes,
                          ::lowbit::sourceBytes(*file.layout, rows, columns));
  if (bytes != file.stored.bytes.size())
    return invalidArgument(
        "%s has %zu bytes of shape %s, where [%lld x %lld] as %s takes %llu",
        tensorText(file.stored).c_str(), file.stored.bytes.size(),
        shapeText(file.stored.shape).c_str(), static_cast<long long>(rows),
        static_cast<long long>(columns), file.layout->name.c_str(),
        static_cast<unsigned long long>(bytes));
  bool needsScale = llvm::any_of(
      file.layout->params, [](const auto &param) { return param.group <= 0; });
  bool hasScale = source.getScale() && !source.getScale().empty();
  if (needsScale != hasScale)
    return invalidArgument("format %s of '%s' %s a scale tensor",
                           file.layout->name.c_str(),
                           source.getTensor().str().c_str(),
                           needsScale ? "requires" : "does not take");
  if (hasScale) {
    LOWBIT_ASSIGN_OR_RETURN(StoredTensor scale,
                            find(source.getScale().getValue()));
    file.scale = scale;
  }
  file.invertScale = source.getInvertScale();
  return file;
}

/// `count` stored floats as f32 (exact), or their reciprocals (rounded once),
/// as a plain array.
static StatusOr<std::vector<uint8_t>>
readScaleTensor(const StoredTensor &tensor, int64_t count, bool invert) {
  const SourceLayout *layout = tensor.layout;
  if (!layout || !layout->code.number.isFloat() || !layout->params.empty())
    return invalidArgument("scale %s is stored as %s, not as a float",
                           tensorText(tensor).c_str(),
                           std::string(tensor.type).c_str());
  unsigned size = layout->code.number.width / 8;
  if (tensor.bytes.size() != static_cast<uint64_t>(count) * size)
    return invalidArgument("scale %s has shape %s, expected %lld numbers",
                           tensorText(tensor).c_str(),
                           shapeText(tensor.shape).c_str(),
                           static_cast<long long>(count));
  std::vector<uint8_t> plain(count * sizeof(float));
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits = 0;
    std::memcpy(&bits, tensor.bytes.data() + i * size, size);
    float value = layout->code.number.format == FloatFormat::f16
                      ? ::lowbit::f16ToF32(static_cast<uint16_t>(bits))
                  : layout->code.number.format == FloatFormat::bf16
                      ? ::lowbit::bf16ToF32(static_cast<uint16_t>(bits))
                      : ::lowbit::floatFromBits(bits);
    if (invert) {
      if (value == 0.0f || !std::isfinite(value))
        return invalidArgument("scale %s is %g, which has no reciprocal",
                               tensorText(tensor).c_str(),
                               static_cast<double>(value));
      value = 1.0f / value;
    }
    std::memcpy(plain.data() + i * sizeof(float), &value, sizeof(float));
  }
  return plain;
}

/// True when both denote the same numbers, wherever the bits lie.
static bool sameNumbers(const LeafDesc &a, const LeafDesc &b) {
  auto same = [](const ParamDesc &x, const ParamDesc &y) {
    return x.number == y.number && x.granules == y.granules &&
           x.granularity == y.granularity;
  };
  auto sameList = [&](const auto &x, const auto &y) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), same);
  };
  return a.rows == b.rows && a.columns == b.columns && a.code == b.code &&
         sameList(a.scales, b.scales) && sameList(a.offsets, b.offsets) &&
         a.zero.has_value() == b.zero.has_value() &&
         (!a.zero || same(*a.zero, *b.zero)) &&
         a.offsetNegated == b.offsetNegated;
}

Status mlir::lowbit::writeFromFile(const FileTensor &file, const LeafDesc &leaf,
                                   ComponentBytes &components,
                                   unsigned threads) {
  LOWBIT_ASSIGN_OR_RETURN(
      LeafDesc stored, ::lowbit::leafOf(*file.layout, file.rows, file.columns));
  if (!sameNumbers(stored, leaf))
    return invalidArgument("%s is stored as '%s', which is not what the "
                           "parameter's type denotes, '%s'",
                           tensorText(file.stored).c_str(),
                           ::lowbit::describe(stored).c_str(),
                           ::lowbit::describe(leaf).c_str());
  LOWBIT_ASSIGN_OR_RETURN(ComponentWriter writer,
                          ComponentWriter::create(leaf, components));
  // The source lists its parameters as scales, then offsets, with a zero point
  // between: the canonical order.
  const std::vector<::lowbit::SourceParam> &params = file.layout->params;
  for (size_t i = 0; i < params.size(); ++i) {
    if (params[i].group > 0)
      continue;
    const ParamDesc &param = *writer.params()[i];
    LOWBIT_ASSIGN_OR_RETURN(int64_t count,
                            ::lowbit::checkedElementCount(param.granules));
    LOWBIT_ASSIGN_OR_RETURN(
        std::vector<uint8_t> plain,
        readScaleTensor(*file.scale, count, file.invertScale));
    LOWBIT_RETURN_IF_ERROR(
        writer.writeParam(i, 0, ::lowbit::granuleRows(param), plain));
  }
  auto writeStrip = [&](int64_t begin, int64_t end) -> Status {
    thread_local ::lowbit::CanonicalRows rows;
    LOWBIT_RETURN_IF_ERROR(
        ::lowbit::readCanonicalRows(*file.layout, file.stored.bytes, file.rows,
                                    file.columns, begin, end, rows));
    LOWBIT_RETURN_IF_ERROR(writer.writeCodes(begin, end, rows.codes));
    for (size_t i = 0; i < params.size(); ++i)
      if (params[i].group > 0)
        LOWBIT_RETURN_IF_ERROR(
            writer.writeParam(i, begin, end, rows.params[i]));
    return Status::success();
  };
  Status status =
      forEachStrip(file.rows, stripRows(leaf),
                   writer.rowsAreIndependent() ? threads : 1, writeStrip);
  return std::move(status).addNote("while reading " + tensorText(file.stored));
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

/// The bits of a splat in a plain array.
static uint32_t splatBits(const SplatValue &splat, const NumberDesc &number,
                          int64_t integer) {
  if (!number.isFloat())
    return static_cast<uint32_t>(std::clamp(integer, number.lo, number.hi));
  return ::lowbit::floatToCode(number, splat.value);
}

static std::vector<uint8_t> repeated(uint32_t bits, unsigned size,
                                     int64_t count) {
  std::vector<uint8_t> plain(count * size);
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(plain.data() + i * size, &bits, size);
  return plain;
}

Status mlir::lowbit::writeSplat(const SplatValue &splat, const LeafDesc &leaf,
                                ComponentBytes &components, unsigned threads) {
  LOWBIT_ASSIGN_OR_RETURN(ComponentWriter writer,
                          ComponentWriter::create(leaf, components));
  for (size_t i = 0; i < writer.params().size(); ++i) {
    const ParamDesc &param = *writer.params()[i];
    LOWBIT_ASSIGN_OR_RETURN(int64_t count,
                            ::lowbit::checkedElementCount(param.granules));
    std::vector<uint8_t> plain =
        repeated(splatBits(splat, param.number, 1),
                 ::lowbit::plainParamBytes(param.number), count);
    LOWBIT_RETURN_IF_ERROR(
        writer.writeParam(i, 0, ::lowbit::granuleRows(param), plain));
  }
  const int64_t strip = stripRows(leaf);
  const unsigned size = ::lowbit::plainCodeBytes(leaf.code);
  const std::vector<uint8_t> plain =
      repeated(splatBits(splat, leaf.code, splat.code), size,
               std::min(strip, leaf.rows) * leaf.columns);
  return forEachStrip(
      leaf.rows, strip, writer.rowsAreIndependent() ? threads : 1,
      [&](int64_t begin, int64_t end) {
        return writer.writeCodes(
            begin, end,
            std::span(plain).first((end - begin) * leaf.columns * size));
      });
}

//===----------------------------------------------------------------------===//
// Components bound by name
//===----------------------------------------------------------------------===//

/// True when a tensor of safetensors type `type` can hold numbers of
/// `component`.
static bool holdsComponent(std::string_view type, const NumberDesc &number) {
  switch (number.format) {
  case FloatFormat::f32:
    return type == "F32";
  case FloatFormat::f16:
    return type == "F16";
  case FloatFormat::bf16:
    return type == "BF16";
  case FloatFormat::f8E4M3FN:
    return type == "F8_E4M3";
  case FloatFormat::f8E5M2:
    return type == "F8_E5M2";
  case FloatFormat::f8E8M0FNU:
    return type == "F8_E8M0" || type == "U8";
  case FloatFormat::f6E2M3FN:
  case FloatFormat::f6E3M2FN:
  case FloatFormat::f4E2M1FN:
    return type == "U8"; // one code a byte
  case FloatFormat::none:
    break;
  }
  std::string bits = std::to_string(number.storageBits());
  return type == "I" + bits || type == "U" + bits;
}

/// A signed code narrower than a byte may be stored with the bits above it zero
/// (canonical) or as an ordinary i8: -1 of ternary as 3 or as 255. Both become
/// the latter, which is a plain array.
static void extendCodes(const NumberDesc &code, std::vector<uint8_t> &plain) {
  if (code.width >= 8 || code.step != 1)
    return;
  const unsigned sign = 1u << (code.width - 1), limit = 1u << code.width;
  for (uint8_t &byte : plain)
    if (byte >= sign && byte < limit)
      byte = static_cast<uint8_t>(byte | ~(limit - 1));
}

StatusOr<std::vector<StoredTensor>>
mlir::lowbit::findBound(const Checkpoint &bound, const std::string &name,
                        const LeafDesc &leaf, RankedTensorType vector) {
  LeafDesc canonical = leaf;
  canonical.fields.clear();
  LOWBIT_RETURN_IF_ERROR(::lowbit::applyCanonicalLayout(canonical));
  LOWBIT_ASSIGN_OR_RETURN(std::vector<::lowbit::ComponentDesc> wanted,
                          ::lowbit::componentsOf(canonical));
  // A builtin tensor is stored in its own shape.
  if (vector)
    wanted.front().storage.assign(vector.getShape().begin(),
                                  vector.getShape().end());
  std::vector<StoredTensor> stored;
  for (const ::lowbit::ComponentDesc &component : wanted) {
    // componentsOf calls every code a word; a float code is bound as floats.
    const bool isFloatCode =
        component.role == ::lowbit::ComponentRole::codes && leaf.code.isFloat();
    const NumberDesc &number = isFloatCode ? leaf.code : component.number;
    std::string tensorName = name + "." + component.name();
    std::optional<StoredTensor> tensor = bound.find(tensorName);
    if (!tensor && wanted.size() == 1)
      tensor = bound.find(tensorName = name);
    if (!tensor)
      return ::lowbit::notFound("'%s' has no tensor '%s' of shape %s",
                                bound.path().c_str(), tensorName.c_str(),
                                shapeText(component.storage).c_str());
    // One number may have shape [] or [1].
    bool isNumber =
        component.storage.size() <= 1 && tensor->shape.size() <= 1 &&
        ::lowbit::checkedElementCount(component.storage).value() == 1;
    bool sameShape =
        isNumber ||
        std::equal(tensor->shape.begin(), tensor->shape.end(),
                   component.storage.begin(), component.storage.end());
    if (!holdsComponent(tensor->type, number) || !sameShape ||
        tensor->bytes.size() != component.bytes)
      return invalidArgument(
          "%s is %s of shape %s, expected %u-bit %s of %s",
          tensorText(*tensor).c_str(), std::string(tensor->type).c_str(),
          shapeText(tensor->shape).c_str(),
          number.isFloat() ? unsigned(number.width) : number.storageBits(),
          number.isFloat() ? "floats" : "integers",
          shapeText(component.storage).c_str());
    stored.push_back(*tensor);
  }
  return stored;
}

Status mlir::lowbit::writeFromCanonical(
    std::span<const std::span<const uint8_t>> canonical, const LeafDesc &leaf,
    ComponentBytes &components, unsigned threads) {
  LOWBIT_ASSIGN_OR_RETURN(ComponentWriter writer,
                          ComponentWriter::create(leaf, components));
  // Canonical: the codes are one array, then the parameters in granule order.
  for (size_t i = 0; i < writer.params().size(); ++i)
    LOWBIT_RETURN_IF_ERROR(writer.writeParam(
        i, 0, ::lowbit::granuleRows(*writer.params()[i]), canonical[1 + i]));
  const unsigned size = ::lowbit::plainCodeBytes(leaf.code);
  return forEachStrip(
      leaf.rows, stripRows(leaf), writer.rowsAreIndependent() ? threads : 1,
      [&](int64_t begin, int64_t end) -> Status {
        std::span<const uint8_t> bytes = canonical[0].subspan(
            begin * leaf.columns * size, (end - begin) * leaf.columns * size);
        if (leaf.code.kind != ::lowbit::NumberKind::signedInt)
          return writer.writeCodes(begin, end, bytes);
        thread_local std::vector<uint8_t> plain;
        plain.assign(bytes.begin(), bytes.end());
        extendCodes(leaf.code, plain);
        return writer.writeCodes(begin, end, plain);
      });
}

Status mlir::lowbit::writeFromBound(std::span<const StoredTensor> stored,
                                    const LeafDesc &leaf,
                                    ComponentBytes &components,
                                    unsigned threads) {
  std::vector<std::span<const uint8_t>> canonical;
  for (const StoredTensor &tensor : stored)
    canonical.push_back(tensor.bytes);
  return writeFromCanonical(canonical, leaf, components, threads);
}
