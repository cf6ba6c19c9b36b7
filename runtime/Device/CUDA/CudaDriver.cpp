//===- CudaDriver.cpp - The CUDA driver API, loaded at run time -----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Device/CUDA/CudaDriver.h"

#include <dlfcn.h>

using namespace lowbit;
using namespace lowbit::cuda;

static constexpr const char *libraryName = "libcuda.so.1";

StatusOr<std::unique_ptr<Driver>> Driver::load() {
  void *library = ::dlopen(libraryName, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return unavailable("no CUDA driver: %s", ::dlerror());
  auto driver = std::make_unique<Driver>();
  const char *missing = nullptr;
  auto find = [&](auto &member, const char *name) {
    void *symbol = ::dlsym(library, name);
    if (!symbol)
      missing = name;
    member = reinterpret_cast<std::decay_t<decltype(member)>>(symbol);
  };
#define LOWBIT_CUDA_FIND(member, name, parameters) find(driver->member, name);
  LOWBIT_CUDA_ENTRY_POINTS(LOWBIT_CUDA_FIND)
#undef LOWBIT_CUDA_FIND
  if (missing)
    return unavailable("%s has no %s: the CUDA driver is too old", libraryName, missing);
  Status status = driver->check(driver->init(0), "cuInit");
  if (!status.isOk())
    return unavailable("the CUDA driver does not start: %s", status.message().c_str());
  return driver;
}

Status Driver::check(Result result, const std::string &what) const {
  if (result == success)
    return {};
  const char *name = nullptr, *text = nullptr;
  getErrorName(result, &name);
  getErrorString(result, &text);
  std::string message = formatString("%s: %s (%s)", what.c_str(),
                                     name ? name : std::to_string(result).c_str(),
                                     text ? text : "unknown to the driver");
  if (result == errorOutOfMemory)
    return resourceExhausted("%s", message.c_str());
  return internalError("%s", message.c_str());
}
