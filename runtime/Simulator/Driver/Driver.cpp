//===- Driver.cpp - State behind the simulated libcuda --------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Driver/Driver.h"
#include "runtime/Simulator/Ptxas.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

using namespace lowbit;
using namespace lowbit::ptx;
using namespace lowbit::ptx::driver;

thread_local ContextHandle *currentContext = nullptr;

void lowbit::ptx::driver::complain(const char *format, ...) {
  va_list args;
  va_start(args, format);
  std::fputs("PTX simulator: ", stderr);
  std::vfprintf(stderr, format, args);
  std::fputc('\n', stderr);
  va_end(args);
}

Driver &Driver::get() {
  // Never destroyed: programs call the driver from their own destructors.
  static Driver *driver = new Driver;
  return *driver;
}

static uint64_t number(const char *name, uint64_t otherwise) {
  const char *text = std::getenv(name);
  if (!text || !*text)
    return otherwise;
  char *end;
  uint64_t v = std::strtoull(text, &end, 10);
  return *end ? otherwise : v;
}

CUresult Driver::init() {
  std::lock_guard<std::recursive_mutex> lock(mutex);
  if (initialized)
    return cudaOk;
  uint32_t arch = uint32_t(number("LOWBIT_PTX_ARCH", 90));
  if (!deviceLimits(arch, limits)) {
    complain("LOWBIT_PTX_ARCH=%u is not a device that it knows", arch);
    return cudaNoDevice;
  }
  memory = std::make_unique<DeviceMemory>();
  if (!memory->valid())
    return cudaOutOfMemory;
  defaults.seed = number("LOWBIT_PTX_SEED", 0);
  defaults.races = number("LOWBIT_PTX_RACES", 0) != 0;
  defaults.maxInstructions = number("LOWBIT_PTX_MAX_INSTRUCTIONS", 0);
  uint64_t threads = number("LOWBIT_PTX_THREADS", 0);
  defaults.threads = unsigned(threads ? std::min<uint64_t>(threads, 256)
                                      : std::thread::hardware_concurrency());
  ptxas = findPtxas(false);
  if (const char *path = std::getenv("LOWBIT_PTX_STATS"))
    statsPath = path;
  if (const char *path = std::getenv("LOWBIT_PTX_FINDINGS"))
    findingsPath = path;
  if (const char *path = std::getenv("LOWBIT_PTX_PAGE"))
    pagePath = path;
  defaults.unique = !statsPath.empty() || !pagePath.empty();
  if (defaults.unique)
    std::atexit([] { Driver::get().writeStats(); });
  initialized = true;
  return cudaOk;
}

static void writeText(const std::string &path, const std::string &text) {
  if (path.empty())
    return;
  FILE *file = std::fopen(path.c_str(), "w");
  if (!file || std::fwrite(text.data(), 1, text.size(), file) != text.size())
    complain("cannot write '%s'", path.c_str());
  if (file)
    std::fclose(file);
}

void Driver::writeStats() {
  std::lock_guard<std::recursive_mutex> lock(mutex);
  if (!statsPath.empty())
    writeText(statsPath, statsToJson(launches));
  if (!pagePath.empty())
    writeText(pagePath, statsToPage(launches));
}

CUresult lowbit::ptx::driver::enter(bool needsContext) {
  Driver &d = Driver::get();
  if (!d.initialized)
    return cudaNotInitialized;
  if (d.sticky != cudaOk)
    return d.sticky;
  if (needsContext && !currentContext)
    return cudaInvalidContext;
  return cudaOk;
}

CUresult Driver::loadModule(const void *image, void **module, char *infoLog,
                            size_t infoBytes, char *errorLog,
                            size_t errorBytes) {
  if (!image || !module)
    return cudaInvalidValue;
  if (infoLog && infoBytes)
    infoLog[0] = 0;
  if (errorLog && errorBytes)
    errorLog[0] = 0;
  const unsigned char *bytes = static_cast<const unsigned char *>(image);
  uint32_t magic;
  std::memcpy(&magic, bytes, 4);
  if (magic == 0x464c457f || magic == 0xba55ed50 || magic == 0x466243b1) {
    complain("the module is machine code (cubin or fatbin); only PTX text runs "
             "here: compile with -ptx or load the PTX");
    return cudaNoBinaryForGpu;
  }
  std::string_view text(static_cast<const char *>(image));
  auto loaded = LoadedModule::load(text, limits.arch, *memory, ptxas);
  if (!loaded.isOk()) {
    std::string message = loaded.status().toString();
    complain("module refused:\n%s", message.c_str());
    if (errorLog && errorBytes)
      std::snprintf(errorLog, errorBytes, "%s", message.c_str());
    return loaded.status().code() == StatusCode::resourceExhausted
               ? cudaOutOfMemory
               : cudaInvalidPtx;
  }
  if (!(*loaded)->note().empty())
    complain("registers are not limited: %s", (*loaded)->note().c_str());
  if (infoLog && infoBytes)
    std::snprintf(infoLog, infoBytes,
                  "PTX simulator: %zu kernels decoded for sm_%u",
                  (*loaded)->kernelNames().size(), limits.arch);
  auto *handle = new ModuleHandle{std::move(*loaded), nullptr, {}};
  if (!pagePath.empty())
    handle->text = std::make_shared<std::string>(text);
  modules.insert(handle);
  *module = handle;
  return cudaOk;
}

void Driver::record(const std::string &kernel, LaunchResult result) {
  if (!result.printed.empty()) {
    std::fwrite(result.printed.data(), 1, result.printed.size(), stdout);
    std::fflush(stdout);
  }
  FILE *file = result.findings.empty() || findingsPath.empty()
                   ? nullptr
                   : std::fopen(findingsPath.c_str(), "a");
  for (const Finding &f : result.findings) {
    complain("%s", findingToString(f).c_str());
    if (file)
      std::fprintf(file, "%s\n", findingToString(f).c_str());
  }
  if (file)
    std::fclose(file);
  if (defaults.unique)
    launches.emplace_back(kernel, std::move(result));
}

CUresult Driver::launchKernel(FunctionHandle *function, LaunchConfig config,
                              void **params, void **extra) {
  if (!functions.count(function))
    return cudaInvalidHandle;
  const Program &program = *function->program;
  std::vector<uint8_t> buffer(program.paramBytes);
  if (params) {
    for (size_t i = 0; i < program.paramSizes.size(); ++i) {
      if (!params[i])
        return cudaInvalidValue;
      std::memcpy(buffer.data() + program.paramOffsets[i], params[i],
                  program.paramSizes[i]);
    }
  } else if (extra) {
    const void *from = nullptr;
    size_t bytes = 0;
    for (; *extra; extra += 2) {
      uintptr_t key = reinterpret_cast<uintptr_t>(extra[0]);
      if (key == 1) // CU_LAUNCH_PARAM_BUFFER_POINTER
        from = extra[1];
      else if (key == 2) // CU_LAUNCH_PARAM_BUFFER_SIZE
        bytes = *static_cast<size_t *>(extra[1]);
      else
        return cudaInvalidValue;
    }
    if (!from || bytes < program.paramBytes)
      return cudaInvalidValue;
    std::memcpy(buffer.data(), from, program.paramBytes);
  } else if (program.paramBytes) {
    return cudaInvalidValue;
  }
  if (config.dynamicShared + program.staticShared >
      uint64_t(std::max<int32_t>(function->maxDynamicShared, 0)) +
          (function->maxDynamicShared > (48 << 10) ? program.staticShared : 0)) {
    complain("kernel %s: %u + %u bytes of shared memory, allowed are %d (see "
             "CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)",
             program.name.c_str(), program.staticShared, config.dynamicShared,
             function->maxDynamicShared);
    return cudaInvalidValue;
  }
  config.seed = defaults.seed;
  config.races = defaults.races;
  config.threads = defaults.threads;
  config.maxInstructions = defaults.maxInstructions;
  config.unique = defaults.unique;
  LaunchResult result;
  Status status = launch(program, *memory, limits, config, buffer.data(), result);
  if (!status.isOk()) {
    complain("launch refused: %s", status.toString().c_str());
    return status.code() == StatusCode::resourceExhausted ? cudaOutOfResources
                                                          : cudaInvalidValue;
  }
  result.text = function->text;
  bool failed = result.failed;
  FindingKind failure = result.failure;
  record(program.name, std::move(result));
  if (!failed)
    return cudaOk;
  switch (failure) {
  case FindingKind::outOfBounds: sticky = cudaIllegalAddress; break;
  case FindingKind::misaligned: sticky = cudaMisaligned; break;
  case FindingKind::assertion: sticky = cudaAssert; break;
  case FindingKind::limit:
  case FindingKind::deadlock: sticky = cudaLaunchTimeout; break;
  default: sticky = cudaLaunchFailed; break;
  }
  // The launch itself succeeds; the error shows at the next call.
  return cudaOk;
}
