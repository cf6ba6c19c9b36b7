//===- ModuleSource.cpp - A module file as something to inspect -----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Format/Module.h"
#include "lowbit/Packing/Pack.h"
#include "lowbit/Support/Float.h"
#include "tools/common/Console.h"
#include "tools/lowbit-inspect/Inspect.h"

#include <cstring>

using namespace lowbit;

uint64_t InspectTensor::elements() const {
  uint64_t count = 1;
  for (int64_t extent : shape)
    count *= static_cast<uint64_t>(extent);
  return count;
}

namespace {

class ModuleSource final : public InspectSource {
public:
  explicit ModuleSource(ModuleReader opened) : reader(std::move(opened)) {
    for (const Parameter &parameter : reader.components().parameters)
      all.push_back(describeParameter(parameter));
  }

  std::string kind() const override { return "module"; }
  const ModuleReader *module() const override { return &reader; }
  const std::vector<InspectTensor> &tensors() const override { return all; }
  std::vector<std::pair<std::string, std::string>> summary() const override;
  Status decode(size_t tensor,
                const std::function<Status(std::span<const float>)> &row)
      const override;

private:
  InspectTensor describeParameter(const Parameter &parameter) const;
  Status decodeDense(
      const Parameter &parameter,
      const std::function<Status(std::span<const float>)> &row) const;

  ModuleReader reader;
  std::vector<InspectTensor> all;
};

} // namespace

InspectTensor
ModuleSource::describeParameter(const Parameter &parameter) const {
  InspectTensor tensor;
  tensor.name = parameter.symbol;
  tensor.shape = parameter.shape;
  for (uint32_t index : parameter.components) {
    const Component &component = reader.components().components[index];
    tensor.bytes += component.size;
    std::string name = component.symbol;
    if (size_t colon = name.rfind(':'); colon != std::string::npos)
      name = name.substr(colon + 1);
    tensor.components.emplace_back(name, component.size);
  }
  tensor.encoding = parameter.leaf ? describe(*parameter.leaf)
                                   : parameter.encoding + " " +
                                         parameter.elementType;
  if (uint64_t elements = tensor.elements())
    tensor.codeBits = tensor.totalBits =
        8.0 * static_cast<double>(tensor.bytes) / static_cast<double>(elements);
  if (parameter.leaf)
    if (StatusOr<BitsPerElement> bits = bitsPerElement(*parameter.leaf);
        bits.isOk()) {
      tensor.codeBits = bits->codes;
      tensor.totalBits = bits->total;
    }
  return tensor;
}

std::vector<std::pair<std::string, std::string>> ModuleSource::summary() const {
  std::vector<std::pair<std::string, std::string>> lines;
  for (const auto &[key, value] : reader.meta())
    lines.emplace_back(key, value);
  lines.emplace_back("file", formatBytes(reader.fileSize()));
  for (const Section &section : reader.sections())
    lines.emplace_back(
        "section " + std::string(sectionKindName(section.kind)) +
            (section.target.empty() ? "" : " " + section.target),
        formatString("%llu bytes at %llu, xxh3 %016llx",
                     static_cast<unsigned long long>(section.size),
                     static_cast<unsigned long long>(section.offset),
                     static_cast<unsigned long long>(section.checksum)));
  return lines;
}

/// A parameter without an encoding: one array of floats.
Status ModuleSource::decodeDense(
    const Parameter &parameter,
    const std::function<Status(std::span<const float>)> &row) const {
  const Component *component =
      parameter.components.size() == 1
          ? &reader.components().components[parameter.components[0]]
          : nullptr;
  unsigned width = !component                       ? 0
                   : component->elementType == "f32" ? 4
                   : component->elementType == "f16" ||
                           component->elementType == "bf16"
                       ? 2
                       : 0;
  int64_t columns = parameter.shape.empty() ? 1 : parameter.shape.back();
  if (width == 0 || columns < 1 ||
      component->size % (static_cast<uint64_t>(columns) * width) != 0)
    return unimplemented("tensor '%s' (%s) cannot be decoded",
                         parameter.symbol.c_str(), parameter.encoding.c_str());
  std::span<const uint8_t> bytes =
      reader.componentBytes(parameter.components[0]);
  std::vector<float> values(static_cast<size_t>(columns));
  while (!bytes.empty()) {
    for (size_t i = 0; i < values.size(); ++i) {
      uint16_t half;
      std::memcpy(&half, bytes.data() + i * width, 2);
      if (width == 4)
        std::memcpy(&values[i], bytes.data() + i * 4, 4);
      else
        values[i] = component->elementType == "f16" ? f16ToF32(half)
                                                    : bf16ToF32(half);
    }
    LOWBIT_RETURN_IF_ERROR(row(values));
    bytes = bytes.subspan(values.size() * width);
  }
  return {};
}

Status ModuleSource::decode(
    size_t tensor,
    const std::function<Status(std::span<const float>)> &row) const {
  const Parameter &parameter = reader.components().parameters[tensor];
  if (!parameter.leaf)
    return decodeDense(parameter, row);
  LOWBIT_ASSIGN_OR_RETURN(LeafCodec codec, LeafCodec::create(*parameter.leaf));
  std::vector<std::span<const uint8_t>> components;
  for (uint32_t index : parameter.components)
    components.push_back(reader.componentBytes(index));
  std::vector<float> values(static_cast<size_t>(parameter.leaf->columns));
  for (int64_t n = 0; n < parameter.leaf->rows; ++n) {
    LOWBIT_RETURN_IF_ERROR(codec.decodeRow(components, n, values));
    LOWBIT_RETURN_IF_ERROR(row(values));
  }
  return {};
}

StatusOr<std::unique_ptr<InspectSource>>
lowbit::openModuleSource(const InspectOptions &options) {
  ModuleReadOptions read;
  read.verifyWeights = !options.noVerify;
  LOWBIT_ASSIGN_OR_RETURN(ModuleReader reader,
                          ModuleReader::open(options.file, read));
  return std::unique_ptr<InspectSource>(
      std::make_unique<ModuleSource>(std::move(reader)));
}
