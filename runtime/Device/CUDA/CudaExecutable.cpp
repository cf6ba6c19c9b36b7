//===- CudaExecutable.cpp - Kernels of a module on a GPU ------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Device/CUDA/CudaExecutable.h"

using namespace lowbit;

CudaExecutable::~CudaExecutable() {
  for (cuda::Module module : modules)
    driver.moduleUnload(module);
}

Status CudaExecutable::loadText(const GpuText &text) {
  constexpr size_t logBytes = 8192;
  std::string log(logBytes, '\0');
  int options[] = {cuda::jitErrorLog, cuda::jitErrorLogBytes};
  void *values[] = {log.data(), reinterpret_cast<void *>(logBytes)};
  cuda::Module module = nullptr;
  Status status = driver.check(
      driver.moduleLoad(&module, text.text.c_str(), 2, options, values),
      "assembling kernel '" + text.name + "'");
  if (!status.isOk()) {
    log.resize(log.find('\0') == std::string::npos ? logBytes : log.find('\0'));
    while (!log.empty() && (log.back() == '\n' || log.back() == ' '))
      log.pop_back();
    return log.empty() ? std::move(status)
                       : std::move(status).addNote("the driver says: " + log);
  }
  modules.push_back(module);
  return {};
}

StatusOr<std::unique_ptr<Executable>>
CudaExecutable::load(const cuda::Driver &driver, GpuCode code,
                     const std::string &target) {
  auto result = std::unique_ptr<CudaExecutable>(new CudaExecutable(driver));
  result->name = target;
  for (const GpuText &text : code.texts)
    LOWBIT_RETURN_IF_ERROR(result->loadText(text));
  for (GpuStage &stage : code.stages) {
    Kernel kernel;
    LOWBIT_RETURN_IF_ERROR(driver.check(
        driver.moduleGetFunction(&kernel.function, result->modules[stage.text],
                                 stage.symbol.c_str()),
        "looking for stage '" + stage.symbol + "' in kernel '" +
            code.texts[stage.text].name + "'"));
    int blocks = 0;
    LOWBIT_RETURN_IF_ERROR(driver.check(
        driver.occupancy(&blocks, kernel.function, static_cast<int>(stage.threads), 0),
        "occupancy of stage '" + stage.symbol + "'"));
    if (blocks < 1)
      return unavailable("stage '%s' needs more registers or shared memory than the "
                         "device has for a block of %u threads",
                         stage.symbol.c_str(), stage.threads);
    result->numbers.emplace(stage.symbol, result->kernelCount());
    kernel.stage = std::move(stage);
    result->kernels.push_back(std::move(kernel));
  }
  return std::unique_ptr<Executable>(std::move(result));
}

StatusOr<uint32_t> CudaExecutable::findStage(std::string_view symbol) const {
  auto found = numbers.find(symbol);
  if (found == numbers.end())
    return notFound("the code for %s has no stage '%.*s'", name.c_str(),
                    static_cast<int>(symbol.size()), symbol.data());
  return found->second;
}
