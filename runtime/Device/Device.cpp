//===- Device.cpp - Devices by name ---------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Runtime/Device.h"

#include "runtime/Device/CPU/CpuDevice.h"
#include "runtime/Device/CUDA/CudaDevice.h"
#include "runtime/Device/Null/NullDevice.h"

#include <algorithm>

using namespace lowbit;

const char *lowbit::memoryKindName(MemoryKind kind) {
  switch (kind) {
  case MemoryKind::parameters:
    return "parameters";
  case MemoryKind::state:
    return "state";
  case MemoryKind::transient:
    return "transient";
  case MemoryKind::io:
    return "io";
  }
  return "unknown";
}

void Device::account(MemoryKind kind, int64_t bytes) {
  auto index = static_cast<unsigned>(kind);
  use.current[index] += static_cast<uint64_t>(bytes);
  use.peak[index] = std::max(use.peak[index], use.current[index]);
}

void DeviceRegistry::add(std::string name, Factory factory) {
  factories.emplace_back(std::move(name), std::move(factory));
}

std::vector<std::string> DeviceRegistry::names() const {
  std::vector<std::string> result;
  for (const auto &[name, factory] : factories)
    result.push_back(name);
  return result;
}

StatusOr<std::unique_ptr<Device>>
DeviceRegistry::create(std::string_view name,
                       const DeviceOptions &options) const {
  std::string known;
  for (const auto &[candidate, factory] : factories) {
    if (name == candidate)
      return factory(options);
    if (name == "auto") {
      StatusOr<std::unique_ptr<Device>> device = factory(options);
      if (device.isOk() && (*device)->executes())
        return device;
    }
    known += (known.empty() ? "" : ", ") + candidate;
  }
  return unavailable("no device '%.*s'; this build has: auto, %s",
                     static_cast<int>(name.size()), name.data(), known.c_str());
}

DeviceRegistry lowbit::builtinDevices() {
  DeviceRegistry registry;
  registry.add("cpu", createCpuDevice);
  registry.add("cuda", createCudaDevice);
  registry.add("null", createNullDevice);
  return registry;
}
