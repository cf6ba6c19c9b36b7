//===- Api.cpp - Entry points: devices, contexts, modules, launches -------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Driver/Driver.h"
#include "runtime/Simulator/Ptxas.h"

#include <cstdio>
#include <cstring>
#include <dlfcn.h>

using namespace lowbit;
using namespace lowbit::ptx;
using namespace lowbit::ptx::driver;

extern thread_local ContextHandle *currentContext;

#define LOWBIT_ENTER(CONTEXT)                                                  \
  Driver &driver = Driver::get();                                              \
  std::lock_guard<std::recursive_mutex> lock(driver.mutex);                    \
  if (CUresult error = enter(CONTEXT))                                         \
    return error

LOWBIT_CUDA_API CUresult cuInit(unsigned flags) {
  return flags ? CUresult(cudaInvalidValue) : Driver::get().init();
}
LOWBIT_CUDA_API CUresult cuDriverGetVersion(int *version) {
  if (!version)
    return cudaInvalidValue;
  *version = 13000;
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuDeviceGetCount(int *count) {
  LOWBIT_ENTER(false);
  *count = 1;
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuDeviceGet(int *device, int ordinal) {
  LOWBIT_ENTER(false);
  if (ordinal)
    return cudaInvalidDevice;
  *device = 0;
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuDeviceGetName(char *name, int bytes, int) {
  LOWBIT_ENTER(false);
  if (!name || bytes <= 0)
    return cudaInvalidValue;
  std::snprintf(name, size_t(bytes), "lowbit PTX simulator (sm_%u)", driver.limits.arch);
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuDeviceGetUuid_v2(unsigned char *uuid, int) {
  LOWBIT_ENTER(false);
  std::memcpy(uuid, "lowbit-ptx-sim\0\1", 16);
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuDeviceGetUuid(unsigned char *uuid, int device) { return cuDeviceGetUuid_v2(uuid, device); }
LOWBIT_CUDA_API CUresult cuDeviceTotalMem_v2(size_t *bytes, int) {
  LOWBIT_ENTER(false);
  *bytes = driver.memory->total();
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuDeviceComputeCapability(int *major, int *minor, int) {
  LOWBIT_ENTER(false);
  *major = int(driver.limits.arch / 10);
  *minor = int(driver.limits.arch % 10);
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuDeviceGetAttribute(int *value, int attribute, int) {
  LOWBIT_ENTER(false);
  const DeviceLimits &l = driver.limits;
  if (!value)
    return cudaInvalidValue;
  switch (attribute) {
  case 1: *value = int(l.maxThreadsPerBlock); break;
  case 2: case 3: *value = 1024; break;
  case 4: *value = 64; break;
  case 5: *value = 0x7fffffff; break;
  case 6: case 7: *value = 65535; break;
  case 8: *value = int(l.sharedPerBlock); break;
  case 9: *value = 65536; break; // constant memory
  case 10: *value = 32; break;   // warp size
  case 11: *value = 0x7fffffff; break;
  case 12: case 82: *value = int(l.registersPerMultiprocessor); break;
  case 13: *value = 1000000; break; // clock in kHz: of no meaning here
  case 14: *value = 512; break;     // texture alignment
  case 15: case 40: case 41: *value = 1; break;
  case 16: *value = int(l.multiprocessors); break;
  case 31: *value = 1; break; // concurrent kernels
  case 36: *value = 1000000; break;
  case 37: *value = 256; break;
  case 38: *value = 32 << 20; break;
  case 39: *value = int(l.maxThreadsPerMultiprocessor); break;
  case 75: *value = int(l.arch / 10); break;
  case 76: *value = int(l.arch % 10); break;
  case 81: *value = int(l.sharedPerMultiprocessor); break;
  case 95: *value = 1; break; // cooperative launch
  case 97: *value = int(l.sharedPerBlockOptin); break;
  case 106: *value = int(l.maxBlocksPerMultiprocessor); break;
  case 111: *value = 1024; break; // reserved shared memory a block
  default: *value = 0; break;
  }
  return cudaOk;
}

// Contexts.
LOWBIT_CUDA_API CUresult cuDevicePrimaryCtxRetain(void **context, int device) {
  LOWBIT_ENTER(false);
  if (device || !context)
    return device ? cudaInvalidDevice : cudaInvalidValue;
  ++driver.primary.references;
  *context = &driver.primary;
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuDevicePrimaryCtxRelease_v2(int) {
  Driver &driver = Driver::get();
  std::lock_guard<std::recursive_mutex> lock(driver.mutex);
  if (!driver.primary.references)
    return cudaInvalidContext;
  --driver.primary.references;
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuDevicePrimaryCtxRelease(int device) { return cuDevicePrimaryCtxRelease_v2(device); }
LOWBIT_CUDA_API CUresult cuDevicePrimaryCtxGetState(int, unsigned *flags, int *active) {
  LOWBIT_ENTER(false);
  if (flags)
    *flags = 0;
  if (active)
    *active = driver.primary.references != 0;
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuCtxCreate_v2(void **context, unsigned, int device) {
  LOWBIT_ENTER(false);
  if (device)
    return cudaInvalidDevice;
  auto *c = new ContextHandle;
  driver.contexts.insert(c);
  *context = currentContext = c;
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuCtxCreate_v4(void **context, void *, unsigned flags, int device) { return cuCtxCreate_v2(context, flags, device); }
LOWBIT_CUDA_API CUresult cuCtxDestroy_v2(void *context) {
  Driver &driver = Driver::get();
  std::lock_guard<std::recursive_mutex> lock(driver.mutex);
  auto *c = static_cast<ContextHandle *>(context);
  if (!driver.contexts.erase(c))
    return cudaInvalidContext;
  if (currentContext == c)
    currentContext = nullptr;
  delete c;
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuCtxSetCurrent(void *context) {
  LOWBIT_ENTER(false);
  auto *c = static_cast<ContextHandle *>(context);
  if (c && c != &driver.primary && !driver.contexts.count(c))
    return cudaInvalidContext;
  currentContext = c;
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuCtxGetCurrent(void **context) {
  *context = currentContext;
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuCtxPushCurrent_v2(void *context) { return cuCtxSetCurrent(context); }
LOWBIT_CUDA_API CUresult cuCtxPopCurrent_v2(void **context) {
  if (context)
    *context = currentContext;
  currentContext = nullptr;
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuCtxGetDevice(int *device) {
  LOWBIT_ENTER(true);
  *device = 0;
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuCtxSynchronize() {
  LOWBIT_ENTER(true);
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuCtxSetLimit(int, size_t) { return enter(); }

// Modules and functions.
LOWBIT_CUDA_API CUresult cuModuleLoadDataEx(void **module, const void *image, unsigned count, int *options, void **values) {
  LOWBIT_ENTER(true);
  char *logs[2] = {nullptr, nullptr};
  size_t sizes[2] = {0, 0};
  for (unsigned i = 0; i < count; ++i)
    switch (options[i]) { // CU_JIT_INFO_LOG_BUFFER and the three after it
    case 3: logs[0] = static_cast<char *>(values[i]); break;
    case 4: sizes[0] = reinterpret_cast<uintptr_t>(values[i]); break;
    case 5: logs[1] = static_cast<char *>(values[i]); break;
    case 6: sizes[1] = reinterpret_cast<uintptr_t>(values[i]); break;
    default: break;
    }
  return driver.loadModule(image, module, logs[0], sizes[0], logs[1], sizes[1]);
}
LOWBIT_CUDA_API CUresult cuModuleLoadData(void **module, const void *image) { return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr); }
LOWBIT_CUDA_API CUresult cuModuleLoad(void **module, const char *path) {
  FILE *file = path ? std::fopen(path, "rb") : nullptr;
  if (!file)
    return cudaFileNotFound;
  std::string text;
  char buffer[65536];
  for (size_t n; (n = std::fread(buffer, 1, sizeof(buffer), file)) > 0;)
    text.append(buffer, n);
  std::fclose(file);
  text.append(4, '\0');
  return cuModuleLoadData(module, text.c_str());
}
LOWBIT_CUDA_API CUresult cuModuleUnload(void *module) {
  LOWBIT_ENTER(true);
  auto *m = static_cast<ModuleHandle *>(module);
  if (!driver.modules.erase(m))
    return cudaInvalidHandle;
  for (auto &f : m->functions)
    driver.functions.erase(f.second.get());
  delete m;
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuModuleGetFunction(void **function, void *module, const char *name) {
  LOWBIT_ENTER(true);
  auto *m = static_cast<ModuleHandle *>(module);
  if (!driver.modules.count(m) || !function || !name)
    return cudaInvalidHandle;
  auto &slot = m->functions[name];
  if (!slot) {
    const Program *program = m->loaded->kernel(name);
    if (!program) {
      m->functions.erase(name);
      return cudaNotFound;
    }
    slot = std::make_unique<FunctionHandle>(FunctionHandle{program, m->text});
    driver.functions.insert(slot.get());
  }
  *function = slot.get();
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuModuleGetGlobal_v2(uint64_t *address, size_t *bytes, void *module, const char *name) {
  LOWBIT_ENTER(true);
  auto *m = static_cast<ModuleHandle *>(module);
  uint64_t a, n;
  if (!driver.modules.count(m) || !name)
    return cudaInvalidHandle;
  if (!m->loaded->variable(name, a, n))
    return cudaNotFound;
  if (address)
    *address = a;
  if (bytes)
    *bytes = n;
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuFuncGetAttribute(int *value, int attribute, void *function) {
  LOWBIT_ENTER(true);
  auto *f = static_cast<FunctionHandle *>(function);
  if (!driver.functions.count(f))
    return cudaInvalidHandle;
  const Program &p = *f->program;
  switch (attribute) {
  case 0: {
    uint32_t n = p.reqntid[0] ? p.reqntid[0] * p.reqntid[1] * p.reqntid[2] : p.maxntid[0] ? p.maxntid[0] * p.maxntid[1] * p.maxntid[2] : 1024;
    *value = int(std::min(n, threadsByRegisters(p.registers, driver.limits)));
    break;
  }
  case 1: *value = int(p.staticShared); break;
  case 3: *value = int(p.localBytes - localBase); break;
  case 4: *value = int(p.registers ? p.registers : p.maxnreg ? p.maxnreg : 32); break; // 32: a guess without ptxas
  case 5: case 6: *value = int(driver.limits.arch); break;
  case 8: *value = f->maxDynamicShared; break;
  default: *value = 0; break;
  }
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuFuncSetAttribute(void *function, int attribute, int value) {
  LOWBIT_ENTER(true);
  auto *f = static_cast<FunctionHandle *>(function);
  if (!driver.functions.count(f))
    return cudaInvalidHandle;
  if (attribute == 8) {
    if (value < 0 || uint64_t(value) + f->program->staticShared > driver.limits.sharedPerBlockOptin)
      return cudaInvalidValue;
    f->maxDynamicShared = value;
  }
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuFuncSetCacheConfig(void *, int) { return enter(); }
LOWBIT_CUDA_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *function, int threads, size_t shared) {
  LOWBIT_ENTER(true);
  auto *f = static_cast<FunctionHandle *>(function);
  if (!driver.functions.count(f) || threads <= 0)
    return cudaInvalidValue;
  *blocks = int(residentBlocks(*f->program, driver.limits, uint32_t(threads), shared));
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *, void **params, void **extra) {
  LOWBIT_ENTER(true);
  LaunchConfig c;
  c.grid[0] = gx, c.grid[1] = gy, c.grid[2] = gz;
  c.block[0] = bx, c.block[1] = by, c.block[2] = bz;
  c.dynamicShared = shared;
  return driver.launchKernel(static_cast<FunctionHandle *>(function), c, params, extra);
}
LOWBIT_CUDA_API CUresult cuLaunchCooperativeKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *stream, void **params) {
  return cuLaunchKernel(function, gx, gy, gz, bx, by, bz, shared, stream, params, nullptr);
}
/// CUlaunchConfig, without its attributes.
struct LaunchConfigEx {
  unsigned gx, gy, gz, bx, by, bz, shared;
  void *stream;
  void *attributes;
  unsigned count;
};
LOWBIT_CUDA_API CUresult cuLaunchKernelEx(const LaunchConfigEx *c, void *function, void **params, void **extra) {
  if (!c)
    return cudaInvalidValue;
  return cuLaunchKernel(function, c->gx, c->gy, c->gz, c->bx, c->by, c->bz, c->shared, c->stream, params, extra);
}

// Errors and entry points by name.
namespace {
struct ErrorRow {
  CUresult code;
  const char *name, *text;
};
const ErrorRow errors[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {200, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {301, "CUDA_ERROR_FILE_NOT_FOUND", "file not found"},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {600, "CUDA_ERROR_NOT_READY", "device not ready"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {702, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
    {710, "CUDA_ERROR_ASSERT", "device-side assert triggered"},
    {716, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {801, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};
} // namespace
LOWBIT_CUDA_API CUresult cuGetErrorName(CUresult error, const char **text) {
  for (const ErrorRow &row : errors)
    if (row.code == error)
      return *text = row.name, cudaOk;
  *text = nullptr;
  return cudaInvalidValue;
}
LOWBIT_CUDA_API CUresult cuGetErrorString(CUresult error, const char **text) {
  for (const ErrorRow &row : errors)
    if (row.code == error)
      return *text = row.text, cudaOk;
  *text = nullptr;
  return cudaInvalidValue;
}
LOWBIT_CUDA_API CUresult cuGetProcAddress_v2(const char *symbol, void **function, int, uint64_t, int *status) {
  if (!symbol || !function)
    return cudaInvalidValue;
  // The newest version that we have.
  static const char *const suffixes[] = {"_v4", "_v2", ""};
  Dl_info self;
  dladdr(reinterpret_cast<void *>(&cuInit), &self);
  void *library = dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  *function = nullptr;
  for (const char *suffix : suffixes)
    if (library && !*function)
      *function = dlsym(library, (std::string(symbol) + suffix).c_str());
  if (library)
    dlclose(library);
  if (status)
    *status = *function ? 0 : 1;
  return *function ? cudaOk : cudaNotFound;
}
LOWBIT_CUDA_API CUresult cuGetProcAddress(const char *symbol, void **function, int version, uint64_t flags) {
  return cuGetProcAddress_v2(symbol, function, version, flags, nullptr);
}
