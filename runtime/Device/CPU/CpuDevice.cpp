//===- CpuDevice.cpp - Native code on host threads ------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Device/CPU/CpuDevice.h"

#include "lowbit/Format/Module.h"
#include "lowbit/Target/Cpu.h"
#include "runtime/Device/CPU/CodeImage.h"
#include "runtime/Device/CPU/ThreadPool.h"
#include "runtime/Device/HostMemory.h"

#include <algorithm>
#include <cstdio>

#include <sched.h>

using namespace lowbit;

/// Cores that this process may use.
static unsigned availableCores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0)
    return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

/// Below this the parameters are in a cache anyway.
static constexpr uint64_t worthCopying = uint64_t(4) << 20;

/// Bytes that the system can give without swapping; 0 when it does not say.
static uint64_t availableMemory() {
  std::FILE *file = std::fopen("/proc/meminfo", "re");
  if (!file)
    return 0;
  unsigned long long kilobytes = 0;
  char line[256];
  while (std::fgets(line, sizeof(line), file))
    if (std::sscanf(line, "MemAvailable: %llu kB", &kilobytes) == 1)
      break;
  std::fclose(file);
  return static_cast<uint64_t>(kilobytes) * 1024;
}

namespace {

class CpuDevice final : public Device {
public:
  CpuDevice(const DeviceOptions &options, std::unique_ptr<ThreadPool> pool)
      : options(options), pool(std::move(pool)), host(hostCpuTarget()) {}

  std::string_view name() const override { return "cpu"; }
  std::string describe() const override {
    return formatString("cpu, %u thread%s, %s", threads(),
                        threads() == 1 ? "" : "s",
                        host ? std::string(host->name).c_str() : "unknown");
  }
  bool executes() const override { return true; }
  unsigned threads() const override { return pool->threads(); }

  StatusOr<std::unique_ptr<Buffer>> allocate(uint64_t bytes,
                                             MemoryKind kind) override {
    return HostBuffer::allocate(*this, bytes, kind, options.guardPages);
  }
  StatusOr<std::unique_ptr<Buffer>>
  import(std::span<const uint8_t> bytes) override {
    if (!copies(bytes.size()))
      return HostBuffer::wrap(*this, bytes);
    LOWBIT_ASSIGN_OR_RETURN(
        std::unique_ptr<Buffer> copy,
        HostBuffer::allocate(*this, bytes.size(), MemoryKind::parameters,
                             options.guardPages));
    LOWBIT_RETURN_IF_ERROR(HostBuffer::writeTo(*copy, 0, bytes));
    return copy;
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
    std::vector<std::string> targets = module.codeTargets();
    // A forced target is chosen among itself only.
    if (!options.codeTarget.empty())
      std::erase_if(targets, [&](const std::string &target) {
        return target != options.codeTarget;
      });
    LOWBIT_ASSIGN_OR_RETURN(std::string target, selectCpuImage(targets, host));
    return CodeImage::load(module.code(target), target);
  }
  Status reserveScratch(uint64_t bytes) override {
    return pool->reserveScratch(bytes);
  }

  Status launch(const Launch &launch) override {
    if (!launch.executable || !launch.dims)
      return invalidArgument("a launch needs an executable and dimensions");
    auto *image = static_cast<const CodeImage *>(launch.executable);
    // Addresses of this device are pointers.
    static_assert(sizeof(uint64_t) == sizeof(void *));
    auto *bindings = reinterpret_cast<void *const *>(launch.bindings.data());
    for (const StageLaunch &stage : launch.stages) {
      if (stage.stage >= image->stageCount() || stage.items < 0 ||
          stage.grain < 1)
        return invalidArgument("a launch names stage %u of %u, with %lld items",
                               stage.stage, image->stageCount(),
                               static_cast<long long>(stage.items));
      LOWBIT_RETURN_IF_ERROR(pool->reserveScratch(stage.scratchBytes));
      pool->run(image->stage(stage.stage), bindings, launch.dims->data(),
                stage.items, stage.grain);
    }
    return {};
  }
  Status wait() override { return {}; }

private:
  bool copies(uint64_t bytes) const {
    if (options.parameters != ParameterPlacement::automatic)
      return options.parameters == ParameterPlacement::copied;
    return bytes >= worthCopying && bytes <= availableMemory() / 4;
  }

  DeviceOptions options;
  std::unique_ptr<ThreadPool> pool;
  const CpuTarget *host;
};

} // namespace

StatusOr<std::unique_ptr<Device>>
lowbit::createCpuDevice(const DeviceOptions &options) {
  unsigned threads = options.threads ? options.threads : availableCores();
  if (threads > 1024)
    return invalidArgument("%u threads are asked for; at most 1024 are supported",
                           threads);
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<ThreadPool> pool,
                          ThreadPool::create(threads));
  return std::unique_ptr<Device>(
      std::make_unique<CpuDevice>(options, std::move(pool)));
}
