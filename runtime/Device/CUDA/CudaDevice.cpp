//===- CudaDevice.cpp - NVIDIA GPUs ---------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Device/CUDA/CudaDevice.h"

#include "lowbit/Format/Module.h"
#include "lowbit/Support/CheckedMath.h"
#include "lowbit/Target/Nvptx.h"
#include "runtime/Device/CUDA/CudaExecutable.h"

#include <array>

using namespace lowbit;

namespace {

class CudaDevice final : public Device {
public:
  CudaDevice(std::unique_ptr<cuda::Driver> driver, const DeviceOptions &options)
      : options(options), driver(std::move(driver)) {}
  ~CudaDevice() override;
  Status open();

  std::string_view name() const override { return "cuda"; }
  std::string describe() const override {
    return formatString("cuda, %s, sm_%u, %d multiprocessors%s%s", deviceName.c_str(),
                        chip, multiprocessors, loadedTarget.empty() ? "" : ", code for ",
                        loadedTarget.c_str());
  }
  bool executes() const override { return true; }
  unsigned threads() const override { return static_cast<unsigned>(multiprocessors); }

  StatusOr<std::unique_ptr<Buffer>> allocate(uint64_t bytes, MemoryKind kind) override;
  StatusOr<std::unique_ptr<Buffer>> import(std::span<const uint8_t> bytes) override;
  Status write(Buffer &buffer, uint64_t offset,
               std::span<const uint8_t> bytes) override;
  Status read(Buffer &buffer, uint64_t offset, std::span<uint8_t> bytes) override;
  Status clear(Buffer &buffer, uint64_t offset, uint64_t size) override;
  StatusOr<std::unique_ptr<Executable>> load(const ModuleReader &module) override;
  /// Kernels declare the memory that they share; there is no other scratch.
  Status reserveScratch(uint64_t) override { return {}; }
  Status launch(const Launch &launch) override;
  Status wait() override;

private:
  friend class CudaBuffer;
  /// The calling thread's context must be ours before each call of the driver.
  Status enter() const {
    return driver->check(driver->setCurrent(context), "cuCtxSetCurrent");
  }
  Status launchStage(const CudaExecutable::Kernel &kernel, const StageLaunch &stage,
                     const Launch &launch);

  DeviceOptions options;
  std::unique_ptr<cuda::Driver> driver;
  cuda::DeviceNumber device = 0;
  cuda::Context context = nullptr;
  cuda::Stream stream = nullptr;
  cuda::Event finished = nullptr; ///< recorded after the last launch
  std::string deviceName, loadedTarget;
  uint32_t chip = 0;
  int multiprocessors = 1, mostGroups = 0, mostTiles = 0;
};

class CudaBuffer final : public Buffer {
public:
  CudaBuffer(CudaDevice &device, cuda::Address start, uint64_t bytes, MemoryKind kind)
      : device(device), start(start), bytes(bytes), kind(kind) {
    device.account(kind, static_cast<int64_t>(bytes));
  }
  ~CudaBuffer() override {
    device.account(kind, -static_cast<int64_t>(bytes));
    // Waits for what may still use it.
    if (device.enter().isOk())
      device.driver->memFree(start);
  }
  uint64_t size() const override { return bytes; }
  uint64_t address() const override { return start; }
  uint8_t *hostBytes() override { return nullptr; }

private:
  CudaDevice &device;
  cuda::Address start;
  uint64_t bytes;
  MemoryKind kind;
};

} // namespace

CudaDevice::~CudaDevice() {
  if (!context)
    return;
  driver->setCurrent(context);
  if (finished)
    driver->eventDestroy(finished);
  if (stream)
    driver->streamDestroy(stream);
  driver->primaryRelease(device);
}

Status CudaDevice::open() {
  int count = 0;
  LOWBIT_RETURN_IF_ERROR(driver->check(driver->deviceGetCount(&count),
                                       "cuDeviceGetCount"));
  if (count < 1)
    return unavailable("the CUDA driver shows no device");
  LOWBIT_RETURN_IF_ERROR(driver->check(driver->deviceGet(&device, 0), "cuDeviceGet"));
  char text[256] = "";
  LOWBIT_RETURN_IF_ERROR(driver->check(
      driver->deviceGetName(text, sizeof(text) - 1, device), "cuDeviceGetName"));
  deviceName = text;
  int major = 0, minor = 0;
  const std::pair<int *, int> numbers[] = {
      {&major, cuda::attributeMajor},
      {&minor, cuda::attributeMinor},
      {&multiprocessors, cuda::attributeMultiprocessors},
      {&mostGroups, cuda::attributeMaxGridX},
      {&mostTiles, cuda::attributeMaxGridY}};
  for (auto [value, attribute] : numbers)
    LOWBIT_RETURN_IF_ERROR(
        driver->check(driver->deviceGetAttribute(value, attribute, device),
                      "cuDeviceGetAttribute " + std::to_string(attribute)));
  chip = static_cast<uint32_t>(major * 10 + minor);
  LOWBIT_RETURN_IF_ERROR(driver->check(driver->primaryRetain(&context, device),
                                       "cuDevicePrimaryCtxRetain"));
  LOWBIT_RETURN_IF_ERROR(enter());
  LOWBIT_RETURN_IF_ERROR(driver->check(
      driver->streamCreate(&stream, cuda::streamNonBlocking), "cuStreamCreate"));
  return driver->check(driver->eventCreate(&finished, cuda::eventDefault),
                       "cuEventCreate");
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

StatusOr<std::unique_ptr<Buffer>> CudaDevice::allocate(uint64_t bytes, MemoryKind kind) {
  std::optional<uint64_t> padded =
      checkedAlignTo<uint64_t>(bytes == 0 ? 1 : bytes, LOWBIT_BINDING_ALIGNMENT);
  if (!padded)
    return resourceExhausted("%llu bytes cannot be allocated",
                             static_cast<unsigned long long>(bytes));
  LOWBIT_RETURN_IF_ERROR(enter());
  cuda::Address start = 0;
  LOWBIT_RETURN_IF_ERROR(
      driver->check(driver->memAlloc(&start, *padded),
                    formatString("allocating %llu bytes of %s memory",
                                 static_cast<unsigned long long>(bytes),
                                 memoryKindName(kind))));
  auto buffer = std::make_unique<CudaBuffer>(*this, start, bytes, kind);
  LOWBIT_RETURN_IF_ERROR(
      driver->check(driver->fillBytes(start, 0, *padded, stream), "cuMemsetD8Async"));
  return std::unique_ptr<Buffer>(std::move(buffer));
}

StatusOr<std::unique_ptr<Buffer>> CudaDevice::import(std::span<const uint8_t> bytes) {
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<Buffer> buffer,
                          allocate(bytes.size(), MemoryKind::parameters));
  LOWBIT_RETURN_IF_ERROR(write(*buffer, 0, bytes));
  return buffer;
}

static Status checkRange(const Buffer &buffer, uint64_t offset, uint64_t size) {
  if (rangeFits(offset, size, buffer.size()))
    return {};
  return invalidArgument("a range of %llu bytes at offset %llu leaves a buffer of %llu "
                         "bytes",
                         static_cast<unsigned long long>(size),
                         static_cast<unsigned long long>(offset),
                         static_cast<unsigned long long>(buffer.size()));
}

Status CudaDevice::write(Buffer &buffer, uint64_t offset,
                         std::span<const uint8_t> bytes) {
  LOWBIT_RETURN_IF_ERROR(checkRange(buffer, offset, bytes.size()));
  if (bytes.empty())
    return {};
  LOWBIT_RETURN_IF_ERROR(enter());
  LOWBIT_RETURN_IF_ERROR(
      driver->check(driver->copyToDevice(buffer.address() + offset, bytes.data(),
                                         bytes.size(), stream),
                    "cuMemcpyHtoDAsync"));
  return wait(); // the caller's bytes may change after this
}

Status CudaDevice::read(Buffer &buffer, uint64_t offset, std::span<uint8_t> bytes) {
  LOWBIT_RETURN_IF_ERROR(checkRange(buffer, offset, bytes.size()));
  if (bytes.empty())
    return {};
  LOWBIT_RETURN_IF_ERROR(enter());
  LOWBIT_RETURN_IF_ERROR(driver->check(
      driver->copyToHost(bytes.data(), buffer.address() + offset, bytes.size(), stream),
      "cuMemcpyDtoHAsync"));
  return wait();
}

Status CudaDevice::clear(Buffer &buffer, uint64_t offset, uint64_t size) {
  LOWBIT_RETURN_IF_ERROR(checkRange(buffer, offset, size));
  if (size == 0)
    return {};
  LOWBIT_RETURN_IF_ERROR(enter());
  return driver->check(
      driver->fillBytes(buffer.address() + offset, 0, size, stream), "cuMemsetD8Async");
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

StatusOr<std::unique_ptr<Executable>> CudaDevice::load(const ModuleReader &module) {
  std::vector<std::string> targets = module.codeTargets();
  if (!options.codeTarget.empty())
    std::erase_if(targets, [&](const std::string &target) {
      return target != options.codeTarget;
    });
  LOWBIT_ASSIGN_OR_RETURN(std::string target, selectNvptxImage(targets, chip));
  auto inTarget = [&](Status status) {
    return status.isOk() ? std::move(status)
                         : std::move(status).addNote("in the code for " + target);
  };
  StatusOr<GpuCode> code = parseGpuCode(module.code(target));
  if (!code.isOk())
    return inTarget(std::move(code).status());
  LOWBIT_RETURN_IF_ERROR(inTarget(validateGpuCode(*code, module.plan())));
  LOWBIT_RETURN_IF_ERROR(enter());
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<Executable> executable,
                          CudaExecutable::load(*driver, std::move(*code), target));
  loadedTarget = target;
  return executable;
}

Status CudaDevice::launchStage(const CudaExecutable::Kernel &kernel,
                               const StageLaunch &stage, const Launch &launch) {
  const GpuStage &shape = kernel.stage;
  int64_t tokens = (*launch.dims)[LOWBIT_DIM_TOKENS], tiles = 1;
  if (shape.tokensPerGroup) {
    std::optional<int64_t> rows = checkedMul(tokens, int64_t(shape.rowsPerToken));
    tiles = rows ? *rows / shape.tokensPerGroup + (*rows % shape.tokensPerGroup != 0)
                 : -1;
  }
  const int64_t groups = shape.groups ? int64_t(shape.groups) : stage.items;
  if (groups > mostGroups || tiles < 1 || tiles > mostTiles)
    return resourceExhausted("stage '%s' has %lld groups for %lld tokens; the device takes "
                             "%d and %d",
                             shape.symbol.c_str(), static_cast<long long>(groups),
                             static_cast<long long>(tokens), mostGroups, mostTiles);
  std::array<int64_t, gpuLeadingArguments> numbers;
  std::copy(launch.dims->begin(), launch.dims->end(), numbers.begin());
  numbers[LOWBIT_DIM_COUNT] = stage.items;
  numbers[LOWBIT_DIM_COUNT + 1] = stage.grain;
  std::vector<uint64_t> pointers;
  pointers.reserve(shape.bindings.size());
  for (uint32_t binding : shape.bindings) {
    if (binding >= launch.bindings.size())
      return invalidArgument("stage '%s' takes binding %u of %zu", shape.symbol.c_str(),
                             binding, launch.bindings.size());
    pointers.push_back(launch.bindings[binding]);
  }
  std::vector<void *> parameters;
  for (int64_t &number : numbers)
    parameters.push_back(&number);
  for (uint64_t &pointer : pointers)
    parameters.push_back(&pointer);
  return driver->check(
      driver->launch(kernel.function, static_cast<unsigned>(groups),
                     static_cast<unsigned>(tiles), 1, shape.threads, 1, 1, 0, stream,
                     parameters.data(), nullptr),
      "launching stage '" + shape.symbol + "'");
}

Status CudaDevice::launch(const Launch &launch) {
  if (!launch.executable || !launch.dims)
    return invalidArgument("a launch needs an executable and dimensions");
  auto *executable = static_cast<const CudaExecutable *>(launch.executable);
  LOWBIT_RETURN_IF_ERROR(enter());
  for (const StageLaunch &stage : launch.stages) {
    if (stage.stage >= executable->kernelCount() || stage.items < 0 || stage.grain < 1)
      return invalidArgument("a launch names stage %u of %u, with %lld items",
                             stage.stage, executable->kernelCount(),
                             static_cast<long long>(stage.items));
    // One stream: a stage begins after the one before it has ended.
    if (stage.items > 0)
      LOWBIT_RETURN_IF_ERROR(
          launchStage(executable->kernel(stage.stage), stage, launch));
  }
  return driver->check(driver->eventRecord(finished, stream), "cuEventRecord");
}

Status CudaDevice::wait() {
  LOWBIT_RETURN_IF_ERROR(enter());
  LOWBIT_RETURN_IF_ERROR(
      driver->check(driver->eventSynchronize(finished), "waiting for kernels"));
  return driver->check(driver->streamSynchronize(stream), "waiting for copies");
}

StatusOr<std::unique_ptr<Device>>
lowbit::createCudaDevice(const DeviceOptions &options) {
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<cuda::Driver> driver, cuda::Driver::load());
  return createCudaDeviceOn(std::move(driver), options);
}

StatusOr<std::unique_ptr<Device>>
lowbit::createCudaDeviceOn(std::unique_ptr<cuda::Driver> driver,
                           const DeviceOptions &options) {
  auto device = std::make_unique<CudaDevice>(std::move(driver), options);
  LOWBIT_RETURN_IF_ERROR(device->open());
  return std::unique_ptr<Device>(std::move(device));
}
