//===- CheckpointSource.cpp - GGUF, safetensors and folders ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Checkpoint.h"
#include "lib/Import/Gguf.h"
#include "lowbit/Packing/Pack.h"
#include "lowbit/Packing/SourceLayout.h"
#include "tools/lowbit-inspect/Inspect.h"

using namespace lowbit;
using lowbit::import::Checkpoint;
using lowbit::import::StoredTensor;

namespace {

/// A tensor as a matrix: the last axis is the columns.
std::pair<int64_t, int64_t> matrixOf(const StoredTensor &tensor) {
  int64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back(), rows = 1;
  for (size_t i = 0; i + 1 < tensor.shape.size(); ++i)
    rows *= tensor.shape[i];
  return {rows, columns};
}

class CheckpointSource final : public InspectSource {
public:
  explicit CheckpointSource(Checkpoint opened) : checkpoint(std::move(opened)) {
    for (const StoredTensor &tensor : checkpoint.tensors())
      list.push_back(describeTensor(tensor));
  }

  std::string kind() const override {
    return import::checkpointKindName(checkpoint.kind());
  }

  std::vector<std::pair<std::string, std::string>> summary() const override {
    std::vector<std::pair<std::string, std::string>> lines;
    lines.emplace_back("tensors", std::to_string(list.size()));
    const import::GgufFile *gguf = checkpoint.gguf();
    if (!gguf)
      return lines;
    for (const auto &[key, value] : gguf->metadata())
      lines.emplace_back(key, describeValue(*gguf, key, value));
    return lines;
  }

  const std::vector<InspectTensor> &tensors() const override { return list; }

  Status decode(size_t index,
                const std::function<Status(std::span<const float>)> &row) const override {
    StoredTensor tensor = checkpoint.tensors()[index];
    std::string name(tensor.name);
    bool ownParams = false;
    if (tensor.layout)
      for (const SourceParam &param : tensor.layout->params)
        ownParams |= param.group <= 0;
    if (!tensor.layout || ownParams)
      return unimplemented("tensor '%s' of type %s is decoded together with its scale "
                           "tensor only; compile the model and inspect the module",
                           name.c_str(), std::string(tensor.type).c_str());
    auto [rows, columns] = matrixOf(tensor);
    // One row at a time, in the canonical encoding of a one-row tensor.
    LOWBIT_ASSIGN_OR_RETURN(LeafDesc leaf, leafOf(*tensor.layout, 1, columns));
    LOWBIT_ASSIGN_OR_RETURN(LeafCodec codec, LeafCodec::create(leaf));
    std::vector<std::vector<uint8_t>> stored;
    for (const ComponentDesc &component : codec.components())
      stored.emplace_back(component.bytes);
    std::vector<float> values(static_cast<size_t>(columns));
    CanonicalRows canonical;
    for (int64_t r = 0; r < rows; ++r) {
      LOWBIT_RETURN_IF_ERROR(readCanonicalRows(*tensor.layout, tensor.bytes, rows,
                                               columns, r, r + 1, canonical));
      LOWBIT_RETURN_IF_ERROR(packRow(codec, canonical, stored));
      std::vector<std::span<const uint8_t>> components(stored.begin(), stored.end());
      LOWBIT_RETURN_IF_ERROR(codec.decodeRow(components, 0, values));
      LOWBIT_RETURN_IF_ERROR(row(values));
    }
    return Status::success();
  }

private:
  static InspectTensor describeTensor(const StoredTensor &tensor) {
    InspectTensor entry;
    entry.name = tensor.name;
    entry.shape.assign(tensor.shape.begin(), tensor.shape.end());
    entry.encoding = tensor.type;
    entry.bytes = tensor.bytes.size();
    entry.components.emplace_back("stored", tensor.bytes.size());
    uint64_t elements = entry.elements();
    entry.totalBits = elements ? 8.0 * static_cast<double>(entry.bytes) /
                                     static_cast<double>(elements)
                               : 0;
    entry.codeBits = tensor.layout ? tensor.layout->code.number.width : entry.totalBits;
    if (!tensor.layout)
      return entry;
    auto [rows, columns] = matrixOf(tensor);
    StatusOr<LeafDesc> leaf = leafOf(*tensor.layout, rows, columns);
    if (leaf.isOk())
      entry.encoding += ": " + describe(*leaf);
    return entry;
  }

  static Status packRow(const LeafCodec &codec, const CanonicalRows &canonical,
                        std::vector<std::vector<uint8_t>> &stored) {
    const LeafDesc &leaf = codec.leaf();
    std::vector<std::span<uint8_t>> fields;
    for (size_t i = 0; i < leaf.fields.size(); ++i) {
      std::fill(stored[i].begin(), stored[i].end(), uint8_t(0));
      fields.push_back(stored[i]);
    }
    LOWBIT_RETURN_IF_ERROR(codec.packCodes(0, 1, canonical.codes, fields));
    std::vector<const ParamDesc *> params;
    for (const ParamDesc &param : leaf.scales)
      params.push_back(&param);
    if (leaf.zero)
      params.push_back(&*leaf.zero);
    for (const ParamDesc &param : leaf.offsets)
      params.push_back(&param);
    for (size_t i = 0; i < params.size(); ++i)
      LOWBIT_RETURN_IF_ERROR(packParam(*params[i], 0, granuleRows(*params[i]),
                                       canonical.params[i],
                                       stored[leaf.fields.size() + i]));
    return Status::success();
  }

  static std::string describeValue(const import::GgufFile &gguf, const std::string &key,
                                   const import::GgufValue &value) {
    if (value.type == import::GgufType::array)
      return formatString("%llu x %s", static_cast<unsigned long long>(value.count),
                          import::ggufTypeName(value.elementType));
    if (auto text = gguf.getString(key); text.isOk() && *text) {
      std::string shown = **text;
      for (char &c : shown)
        if (static_cast<unsigned char>(c) < 32)
          c = ' ';
      constexpr size_t limit = 72;
      return shown.size() > limit ? shown.substr(0, limit) + "..." : shown;
    }
    if (auto number = gguf.getInt(key); number.isOk() && *number)
      return std::to_string(**number);
    if (auto number = gguf.getFloat(key); number.isOk() && *number)
      return formatString("%g", **number);
    if (auto flag = gguf.getBool(key); flag.isOk() && *flag)
      return **flag ? "true" : "false";
    return import::ggufTypeName(value.type);
  }

  Checkpoint checkpoint;
  std::vector<InspectTensor> list;
};

} // namespace

StatusOr<std::unique_ptr<InspectSource>>
lowbit::openCheckpointSource(const InspectOptions &options) {
  LOWBIT_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::open(options.file));
  return std::unique_ptr<InspectSource>(new CheckpointSource(std::move(checkpoint)));
}
