//===- Driver.h - State behind the simulated libcuda ------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The types are our own spelling of the CUDA driver API's ABI: handles are
// pointers, results are ints with the documented numbers.
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_DRIVER_DRIVER_H
#define RUNTIME_SIMULATOR_DRIVER_DRIVER_H

#include "runtime/Simulator/Launch.h"

#include <mutex>
#include <set>

#define LOWBIT_CUDA_API extern "C" __attribute__((visibility("default")))

namespace lowbit::ptx::driver {

using CUresult = int;
enum : CUresult {
  cudaOk = 0,
  cudaInvalidValue = 1,
  cudaOutOfMemory = 2,
  cudaNotInitialized = 3,
  cudaNoDevice = 100,
  cudaInvalidDevice = 101,
  cudaInvalidImage = 200,
  cudaInvalidContext = 201,
  cudaNoBinaryForGpu = 209,
  cudaInvalidPtx = 218,
  cudaFileNotFound = 301,
  cudaInvalidHandle = 400,
  cudaNotFound = 500,
  cudaNotReady = 600,
  cudaIllegalAddress = 700,
  cudaOutOfResources = 701,
  cudaLaunchTimeout = 702,
  cudaAssert = 710,
  cudaMisaligned = 716,
  cudaLaunchFailed = 719,
  cudaNotSupported = 801,
  cudaUnknown = 999,
};

struct FunctionHandle {
  const Program *program;
  std::shared_ptr<const std::string> text;
  int32_t maxDynamicShared = 48 << 10;
};
struct ModuleHandle {
  std::unique_ptr<LoadedModule> loaded;
  std::shared_ptr<const std::string> text; ///< Kept for the page.
  std::map<std::string, std::unique_ptr<FunctionHandle>> functions;
};
struct EventHandle {
  double when = -1;
};
struct StreamHandle {
  unsigned flags;
};
struct ContextHandle {
  unsigned references = 0;
};

/// The one device. Everything runs synchronously under `mutex`.
class Driver {
public:
  static Driver &get();
  std::recursive_mutex mutex;
  bool initialized = false;
  DeviceLimits limits;
  std::unique_ptr<DeviceMemory> memory;
  ContextHandle primary;
  std::set<ContextHandle *> contexts;
  std::set<ModuleHandle *> modules;
  std::set<FunctionHandle *> functions;
  std::set<EventHandle *> events;
  std::set<StreamHandle *> streams;
  std::map<uint64_t, uint64_t> hostAllocations;
  std::vector<std::pair<std::string, LaunchResult>> launches;
  CUresult sticky = cudaOk; ///< A fault ends the context, as on a GPU.

  CUresult init();
  CUresult loadModule(const void *image, void **module, char *infoLog,
                      size_t infoBytes, char *errorLog, size_t errorBytes);
  CUresult launchKernel(FunctionHandle *function, LaunchConfig config,
                        void **params, void **extra);
  void writeStats();

private:
  LaunchConfig defaults;
  std::string statsPath, pagePath, findingsPath, ptxas;
  void record(const std::string &kernel, LaunchResult result);
};

/// A message on stderr, as the simulator's only voice.
void complain(const char *format, ...) LOWBIT_PRINTF(1, 2);

/// Checks that precede every call but cuInit.
CUresult enter(bool needsContext = true);

} // namespace lowbit::ptx::driver

#endif // RUNTIME_SIMULATOR_DRIVER_DRIVER_H
