//===- LaunchRecorder.cpp - Launches of a model, to be run again ------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaunchRecorder.h"

#include <algorithm>
#include <cstring>

using namespace lowbit;
using namespace lowbit::test;

static LaunchRecorder *active = nullptr;
static constexpr cuda::Result failure = 1;

LaunchRecorder::LaunchRecorder(uint32_t arch) : memory(uint64_t(1) << 32) {
  ptx::deviceLimits(arch, limits);
}

/// The entry points. Everything has happened when one returns.
struct LaunchRecorder::Entry {
  static cuda::Result deviceName(char *name, int bytes, cuda::DeviceNumber) {
    std::snprintf(name, size_t(bytes), "lowbit PTX simulator, recording");
    return cuda::success;
  }
  static cuda::Result attribute(int *value, int attribute, cuda::DeviceNumber) {
    const ptx::DeviceLimits &limits = active->limits;
    switch (attribute) {
    case cuda::attributeMajor: *value = int(limits.arch / 10); break;
    case cuda::attributeMinor: *value = int(limits.arch % 10); break;
    case cuda::attributeMultiprocessors: *value = int(limits.multiprocessors); break;
    case cuda::attributeMaxGridX: *value = 0x7fffffff; break;
    case cuda::attributeMaxGridY: *value = 65535; break;
    default: return failure;
    }
    return cuda::success;
  }
  static cuda::Result loadModule(cuda::Module *module, const void *image, unsigned,
                                 int *, void **) {
    auto text = std::make_unique<LoadedText>();
    text->text = static_cast<const char *>(image);
    auto loaded =
        ptx::LoadedModule::load(text->text, active->limits.arch, active->memory);
    if (!loaded.isOk())
      return failure;
    text->module = std::move(*loaded);
    *module = text.get();
    active->texts.push_back(std::move(text));
    return cuda::success;
  }
  static cuda::Result function(cuda::Function *function, cuda::Module module,
                               const char *name) {
    auto *text = static_cast<LoadedText *>(module);
    const ptx::Program *program = text->module->kernel(name);
    if (!program)
      return failure;
    active->kernels.push_back(
        std::make_unique<LoadedKernel>(LoadedKernel{text, name, program}));
    *function = active->kernels.back().get();
    return cuda::success;
  }
  static cuda::Result allocate(cuda::Address *address, size_t bytes) {
    *address = active->memory.allocate(bytes);
    return *address ? cuda::success : cuda::errorOutOfMemory;
  }
  static cuda::Result release(cuda::Address address) {
    // What recorded launches used stays for their replay.
    if (active->recording)
      return cuda::success;
    return active->memory.free(address) ? cuda::success : failure;
  }
  static cuda::Result write(cuda::Address target, const void *source, size_t bytes,
                            cuda::Stream) {
    if (!active->memory.contains(target, bytes))
      return failure;
    std::memcpy(active->memory.host(target), source, bytes);
    active->memory.markWritten(target, bytes);
    return cuda::success;
  }
  static cuda::Result read(void *target, cuda::Address source, size_t bytes,
                           cuda::Stream) {
    if (!active->memory.contains(source, bytes))
      return failure;
    std::memcpy(target, active->memory.host(source), bytes);
    return cuda::success;
  }
  static cuda::Result fill(cuda::Address target, unsigned char value, size_t bytes,
                           cuda::Stream) {
    if (!active->memory.contains(target, bytes))
      return failure;
    std::memset(active->memory.host(target), value, bytes);
    active->memory.markWritten(target, bytes);
    return cuda::success;
  }
  static cuda::Result launch(cuda::Function function, unsigned gridX, unsigned gridY,
                             unsigned gridZ, unsigned blockX, unsigned blockY,
                             unsigned blockZ, unsigned shared, cuda::Stream,
                             void **parameters, void **) {
    ptx::LaunchConfig config;
    const unsigned grid[3] = {gridX, gridY, gridZ}, block[3] = {blockX, blockY, blockZ};
    std::copy(grid, grid + 3, config.grid);
    std::copy(block, block + 3, config.block);
    config.dynamicShared = shared;
    return active->launch(*static_cast<LoadedKernel *>(function), config, parameters);
  }
};

std::unique_ptr<cuda::Driver> LaunchRecorder::makeDriver() {
  active = this;
  auto driver = std::make_unique<cuda::Driver>();
  cuda::Driver &d = *driver;
  // A handle that is not null; nothing is behind it.
  static int handle = 0;
  d.init = [](unsigned) { return cuda::success; };
  d.driverGetVersion = [](int *version) { return *version = 12000, cuda::success; };
  d.getErrorName = d.getErrorString = [](cuda::Result, const char **text) {
    return *text = "failure of the recording driver", cuda::success;
  };
  d.deviceGetCount = [](int *count) { return *count = 1, cuda::success; };
  d.deviceGet = [](cuda::DeviceNumber *device, int) {
    return *device = 0, cuda::success;
  };
  d.deviceGetName = Entry::deviceName;
  d.deviceGetAttribute = Entry::attribute;
  d.primaryRetain = [](cuda::Context *context, cuda::DeviceNumber) {
    return *context = &handle, cuda::success;
  };
  d.primaryRelease = [](cuda::DeviceNumber) { return cuda::success; };
  d.setCurrent = [](cuda::Context) { return cuda::success; };
  d.moduleLoad = Entry::loadModule;
  d.moduleUnload = [](cuda::Module) { return cuda::success; };
  d.moduleGetFunction = Entry::function;
  d.memAlloc = Entry::allocate;
  d.memFree = Entry::release;
  d.copyToDevice = Entry::write;
  d.copyToHost = Entry::read;
  d.fillBytes = Entry::fill;
  d.streamCreate = [](cuda::Stream *stream, unsigned) {
    return *stream = &handle, cuda::success;
  };
  d.streamDestroy = d.streamSynchronize = [](cuda::Stream) { return cuda::success; };
  d.eventCreate = [](cuda::Event *event, unsigned) {
    return *event = &handle, cuda::success;
  };
  d.eventDestroy = d.eventSynchronize = [](cuda::Event) { return cuda::success; };
  d.eventRecord = [](cuda::Event, cuda::Stream) { return cuda::success; };
  d.occupancy = [](int *blocks, cuda::Function, int, size_t) {
    return *blocks = 1, cuda::success;
  };
  d.launch = Entry::launch;
  return driver;
}

RecordedLaunch::Memory LaunchRecorder::snapshot() {
  RecordedLaunch::Memory copy;
  for (const auto &[begin, allocation] : memory.allocations()) {
    const uint8_t *bytes = memory.host(begin);
    copy.emplace(begin,
                 std::vector<uint8_t>(bytes, bytes + (allocation.end - begin)));
  }
  return copy;
}

cuda::Result LaunchRecorder::launch(const LoadedKernel &kernel,
                                    const ptx::LaunchConfig &config,
                                    void **arguments) {
  const ptx::Program &program = *kernel.program;
  // All parameters of our kernels are 64-bit numbers.
  std::vector<uint8_t> parameters(program.paramBytes);
  for (size_t i = 0; i < parameters.size() / 8; ++i)
    std::memcpy(parameters.data() + 8 * i, arguments[i], 8);
  bool keep = recording && std::none_of(recorded.begin(), recorded.end(),
                                        [&](const RecordedLaunch &other) {
                                          return other.kernel == kernel.name;
                                        });
  RecordedLaunch entry;
  if (keep)
    entry.before = snapshot();
  ptx::LaunchResult result;
  Status status =
      ptx::launch(program, memory, limits, config, parameters.data(), result);
  for (const ptx::Finding &finding : result.findings)
    found += ptx::findingToString(finding) + "\n";
  if (!status.isOk() || result.failed)
    return failure;
  if (keep) {
    entry.kernel = kernel.name;
    entry.text = &kernel.text->text;
    entry.config = config;
    entry.parameters = std::move(parameters);
    entry.warpInstructions = result.warpInstructions;
    for (const ptx::LineStats &line : result.lines)
      if (line.issues == 0)
        entry.idleLines.insert(line.loc.line);
    entry.after = snapshot();
    recorded.push_back(std::move(entry));
  }
  return cuda::success;
}

ReplayResult LaunchRecorder::replay(const RecordedLaunch &launch,
                                    const std::string &text, uint64_t seed) {
  ReplayResult replay;
  auto module = ptx::LoadedModule::load(text, limits.arch, memory);
  if (!module.isOk()) {
    replay.refusal = module.status().message();
    return replay;
  }
  const ptx::Program *program = (*module)->kernel(launch.kernel);
  if (!program) {
    replay.refusal = "no kernel";
    return replay;
  }
  for (const auto &[begin, bytes] : launch.before)
    std::memcpy(memory.host(begin), bytes.data(), bytes.size());
  ptx::LaunchConfig config = launch.config;
  config.seed = seed;
  config.races = true;
  // A loop that does not end must not hang the test.
  config.maxInstructions = 3 * launch.warpInstructions + 10000;
  ptx::LaunchResult result;
  Status status =
      ptx::launch(*program, memory, limits, config, launch.parameters.data(), result);
  if (!status.isOk())
    replay.refusal = status.message();
  if (!result.findings.empty())
    replay.finding = ptx::findingToString(result.findings.front());
  for (const auto &[begin, bytes] : launch.after)
    replay.differs |= std::memcmp(memory.host(begin), bytes.data(), bytes.size()) != 0;
  return replay;
}
