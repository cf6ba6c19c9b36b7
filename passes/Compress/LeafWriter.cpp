//===- LeafWriter.cpp - Numbers into components of a leaf -----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/LeafWriter.h"

#include "lib/Import/ComponentWriter.h"
#include "lowbit/Packing/Layouts.h"

#include <cstring>

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::ComponentRole;
using ::lowbit::LeafCodec;
using ::lowbit::LeafDesc;
using ::lowbit::ParamDesc;
using ::lowbit::Status;
using ::lowbit::StatusOr;

StoredElements StoredElements::of(const LeafDesc &leaf,
                                  const ComponentBytes &components) {
  StoredElements elements;
  elements.pattern = leaf.pattern;
  if (auto descs = ::lowbit::componentsOf(leaf); descs.isOk())
    for (auto [desc, bytes] : llvm::zip(*descs, components))
      if (desc.role == ComponentRole::index)
        elements.index.push_back(bytes);
  return elements;
}

static std::vector<std::span<const uint8_t>>
viewsOf(const ComponentBytes &components) {
  return {components.begin(), components.end()};
}

Status mlir::lowbit::writeLeaf(LeafDesc &leaf, const StoredElements &elements,
                               std::span<const uint8_t> codes,
                               std::span<const std::vector<uint8_t>> params,
                               ComponentBytes &components) {
  leaf.pattern = elements.pattern;
  LOWBIT_RETURN_IF_ERROR(::lowbit::applyCanonicalLayout(leaf));
  LOWBIT_ASSIGN_OR_RETURN(LeafCodec codec, LeafCodec::create(leaf));
  const auto &descs = codec.components();
  const size_t firstParam = ::lowbit::firstParamComponent(leaf);
  const std::vector<ParamDesc> paramDescs = ::lowbit::componentParams(leaf);
  components.resize(descs.size());
  std::vector<std::span<uint8_t>> fields;
  size_t index = 0;
  for (size_t i = 0; i < descs.size(); ++i) {
    LOWBIT_RETURN_IF_ERROR(::lowbit::import::allocateZeroed(
        components[i], descs[i].bytes, descs[i].name().c_str()));
    if (descs[i].role == ComponentRole::codes)
      fields.emplace_back(components[i]);
    if (descs[i].role == ComponentRole::index) {
      if (index >= elements.index.size() ||
          elements.index[index].size() != components[i].size())
        return ::lowbit::internalError("index component %zu does not fit", index);
      components[i] = elements.index[index++];
    }
    if (i >= firstParam) {
      const ParamDesc &param = paramDescs[i - firstParam];
      LOWBIT_RETURN_IF_ERROR(
          ::lowbit::packParam(param, 0, ::lowbit::granuleRows(param),
                              params[i - firstParam], components[i]));
    }
  }
  if (!leaf.pattern)
    return codec.packCodes(0, leaf.rows, codes, fields);
  const unsigned size = ::lowbit::plainCodeBytes(leaf.code);
  std::vector<uint8_t> stored(leaf.storedRows() * leaf.storedColumns() * size);
  auto views = viewsOf(components);
  for (int64_t n = 0; n < leaf.rows; ++n)
    LOWBIT_RETURN_IF_ERROR(codec.forEachStored(
        views, n, [&](int64_t row, int64_t column, int64_t k) {
          std::memcpy(&stored[(row * leaf.storedColumns() + column) * size],
                      &codes[(n * leaf.columns + k) * size], size);
        }));
  return codec.packCodes(0, leaf.storedRows(), stored, fields);
}

StatusOr<std::vector<uint8_t>>
mlir::lowbit::storedMask(const LeafDesc &leaf,
                         const ComponentBytes &components) {
  std::vector<uint8_t> mask;
  if (!leaf.pattern)
    return mask;
  LOWBIT_ASSIGN_OR_RETURN(LeafCodec codec, LeafCodec::create(leaf));
  mask.resize(leaf.rows * leaf.columns);
  auto views = viewsOf(components);
  for (int64_t n = 0; n < leaf.rows; ++n)
    LOWBIT_RETURN_IF_ERROR(codec.forEachStored(
        views, n,
        [&](int64_t, int64_t, int64_t k) { mask[n * leaf.columns + k] = 1; }));
  return mask;
}

LowbitTensorType mlir::lowbit::floatMatrixType(LowbitTensorType type) {
  LeafDesc leaf;
  leaf.rows = type.getShape()[0];
  leaf.columns = type.getShape()[1];
  leaf.code = ::lowbit::NumberDesc::floating(::lowbit::FloatFormat::f32);
  return LowbitTensorType::get(
      type.getContext(), type.getShape(), type.getElementType(),
      getLeafAttr(type.getContext(), leaf, /*withLayout=*/false));
}
