//===- NullDevice.cpp - A device that computes nothing --------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Device/Null/NullDevice.h"

#include "lowbit/Format/Module.h"
#include "runtime/Device/HostMemory.h"

#include <map>

using namespace lowbit;

namespace {

/// Stages are numbered in the order of the plan; any symbol of the plan exists.
class NullExecutable final : public Executable {
public:
  explicit NullExecutable(const Plan &plan) {
    for (const PlanKernel &kernel : plan.kernels)
      for (const PlanStage &stage : kernel.stages)
        numbers.emplace(stage.symbol, static_cast<uint32_t>(numbers.size()));
  }
  std::string_view target() const override { return "null"; }
  StatusOr<uint32_t> findStage(std::string_view symbol) const override {
    auto found = numbers.find(symbol);
    if (found == numbers.end())
      return notFound("the module's plan has no stage '%.*s'",
                      static_cast<int>(symbol.size()), symbol.data());
    return found->second;
  }
  size_t count() const { return numbers.size(); }

private:
  std::map<std::string, uint32_t, std::less<>> numbers;
};

class NullDevice final : public Device {
public:
  explicit NullDevice(const DeviceOptions &options) : options(options) {}

  std::string_view name() const override { return "null"; }
  std::string describe() const override { return "null, computes nothing"; }
  bool executes() const override { return false; }
  unsigned threads() const override { return 1; }

  StatusOr<std::unique_ptr<Buffer>> allocate(uint64_t bytes,
                                             MemoryKind kind) override {
    return HostBuffer::allocate(*this, bytes, kind, options.guardPages);
  }
  StatusOr<std::unique_ptr<Buffer>>
  import(std::span<const uint8_t> bytes) override {
    return HostBuffer::wrap(*this, bytes);
  }
  Status write(Buffer &buffer, uint64_t offset,
               std::span<const uint8_t> bytes) override {
    return HostBuffer::writeTo(buffer, offset, bytes);
  }
  Status read(Buffer &buffer, uint64_t offset,
              std::span<uint8_t> bytes) override {
    return HostBuffer::readFrom(buffer, offset, bytes);
  }
  Status clear(Buffer &buffer, uint64_t offset, uint64_t size) override {
    return HostBuffer::clearRange(buffer, offset, size);
  }
  StatusOr<std::unique_ptr<Executable>>
  load(const ModuleReader &module) override {
    return std::unique_ptr<Executable>(
        std::make_unique<NullExecutable>(module.plan()));
  }
  Status reserveScratch(uint64_t) override { return {}; }
  Status launch(const Launch &launch) override {
    if (!launch.executable || !launch.dims)
      return invalidArgument("a launch needs an executable and dimensions");
    auto *executable = static_cast<const NullExecutable *>(launch.executable);
    for (const StageLaunch &stage : launch.stages)
      if (stage.stage >= executable->count() || stage.items < 0 ||
          stage.grain < 1)
        return invalidArgument("a launch names stage %u of %zu, with %lld items",
                               stage.stage, executable->count(),
                               static_cast<long long>(stage.items));
    return {};
  }
  Status wait() override { return {}; }

private:
  DeviceOptions options;
};

} // namespace

StatusOr<std::unique_ptr<Device>>
lowbit::createNullDevice(const DeviceOptions &options) {
  return std::unique_ptr<Device>(std::make_unique<NullDevice>(options));
}
