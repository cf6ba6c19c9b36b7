//===- CudaDriver.h - The CUDA driver API, loaded at run time ---*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Our own spelling of the part of the driver's ABI that we use, so that neither a CUDA
// toolkit nor a GPU is needed to build. Names carry the version suffix that the types
// here belong to.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_DEVICE_CUDA_CUDADRIVER_H
#define LOWBIT_RUNTIME_DEVICE_CUDA_CUDADRIVER_H

#include "lowbit/Support/Status.h"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace lowbit::cuda {

using Result = int; ///< CUresult
inline constexpr Result success = 0, errorOutOfMemory = 2;
using DeviceNumber = int;
using Address = uint64_t; ///< CUdeviceptr
using Context = void *;
using Module = void *;
using Function = void *;
using Stream = void *;
using Event = void *;

/// CUdevice_attribute.
enum Attribute : int {
  attributeMaxThreadsPerBlock = 1,
  attributeMaxGridX = 5,
  attributeMaxGridY = 6,
  attributeMaxSharedPerBlock = 8,
  attributeMultiprocessors = 16,
  attributeMajor = 75,
  attributeMinor = 76,
};

/// CUjit_option.
enum JitOption : int {
  jitInfoLog = 3,
  jitInfoLogBytes = 4,
  jitErrorLog = 5,
  jitErrorLogBytes = 6,
};

inline constexpr unsigned streamNonBlocking = 1, eventDefault = 0;

/// Each entry point: member name, exported name, parameters.
#define LOWBIT_CUDA_ENTRY_POINTS(X)                                                      \
  X(init, "cuInit", (unsigned flags))                                                    \
  X(driverGetVersion, "cuDriverGetVersion", (int *version))                              \
  X(getErrorName, "cuGetErrorName", (Result error, const char **text))                   \
  X(getErrorString, "cuGetErrorString", (Result error, const char **text))               \
  X(deviceGetCount, "cuDeviceGetCount", (int *count))                                    \
  X(deviceGet, "cuDeviceGet", (DeviceNumber * device, int ordinal))                      \
  X(deviceGetName, "cuDeviceGetName", (char *name, int bytes, DeviceNumber device))      \
  X(deviceGetAttribute, "cuDeviceGetAttribute",                                          \
    (int *value, int attribute, DeviceNumber device))                                    \
  X(primaryRetain, "cuDevicePrimaryCtxRetain", (Context * context, DeviceNumber device)) \
  X(primaryRelease, "cuDevicePrimaryCtxRelease_v2", (DeviceNumber device))               \
  X(setCurrent, "cuCtxSetCurrent", (Context context))                                    \
  X(moduleLoad, "cuModuleLoadDataEx",                                                    \
    (Module * module, const void *image, unsigned count, int *options, void **values))   \
  X(moduleUnload, "cuModuleUnload", (Module module))                                     \
  X(moduleGetFunction, "cuModuleGetFunction",                                            \
    (Function * function, Module module, const char *name))                              \
  X(memAlloc, "cuMemAlloc_v2", (Address * address, size_t bytes))                        \
  X(memFree, "cuMemFree_v2", (Address address))                                          \
  X(copyToDevice, "cuMemcpyHtoDAsync_v2",                                                \
    (Address target, const void *source, size_t bytes, Stream stream))                   \
  X(copyToHost, "cuMemcpyDtoHAsync_v2",                                                  \
    (void *target, Address source, size_t bytes, Stream stream))                         \
  X(fillBytes, "cuMemsetD8Async",                                                        \
    (Address target, unsigned char value, size_t bytes, Stream stream))                  \
  X(streamCreate, "cuStreamCreate", (Stream * stream, unsigned flags))                   \
  X(streamDestroy, "cuStreamDestroy_v2", (Stream stream))                                \
  X(streamSynchronize, "cuStreamSynchronize", (Stream stream))                           \
  X(eventCreate, "cuEventCreate", (Event * event, unsigned flags))                       \
  X(eventDestroy, "cuEventDestroy_v2", (Event event))                                    \
  X(eventRecord, "cuEventRecord", (Event event, Stream stream))                          \
  X(eventSynchronize, "cuEventSynchronize", (Event event))                               \
  X(occupancy, "cuOccupancyMaxActiveBlocksPerMultiprocessor",                            \
    (int *blocks, Function function, int threads, size_t shared))                        \
  X(launch, "cuLaunchKernel",                                                            \
    (Function function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, \
     unsigned blockY, unsigned blockZ, unsigned shared, Stream stream,                   \
     void **parameters, void **extra))

/// The loaded driver library. Kept open until the process ends: drivers do not like to
/// be unloaded.
class Driver {
public:
  /// Loads libcuda.so.1 by the loader's path and initialises it. `unavailable`, with
  /// the reason, where there is no driver or no device.
  static StatusOr<std::unique_ptr<Driver>> load();

#define LOWBIT_CUDA_DECLARE(member, name, parameters) Result(*member) parameters = nullptr;
  LOWBIT_CUDA_ENTRY_POINTS(LOWBIT_CUDA_DECLARE)
#undef LOWBIT_CUDA_DECLARE

  /// Ok, or what the driver says about `result` of `what` ("cuMemAlloc of 12 bytes").
  Status check(Result result, const std::string &what) const;
};

} // namespace lowbit::cuda

#endif // LOWBIT_RUNTIME_DEVICE_CUDA_CUDADRIVER_H
