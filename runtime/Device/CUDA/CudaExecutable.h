//===- CudaExecutable.h - Kernels of a module on a GPU ----------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_DEVICE_CUDA_CUDAEXECUTABLE_H
#define LOWBIT_RUNTIME_DEVICE_CUDA_CUDAEXECUTABLE_H

#include "lowbit/Format/GpuCode.h"
#include "lowbit/Runtime/Device.h"
#include "runtime/Device/CUDA/CudaDriver.h"

#include <map>

namespace lowbit {

/// The code section of one target, assembled by the driver. The driver and the context
/// must outlive it.
class CudaExecutable final : public Executable {
public:
  /// `code` has been validated. The driver's log is part of an error.
  static StatusOr<std::unique_ptr<Executable>>
  load(const cuda::Driver &driver, GpuCode code, const std::string &target);
  ~CudaExecutable() override;

  struct Kernel {
    GpuStage stage;
    cuda::Function function = nullptr;
  };

  std::string_view target() const override { return name; }
  StatusOr<uint32_t> findStage(std::string_view symbol) const override;
  const Kernel &kernel(uint32_t index) const { return kernels[index]; }
  uint32_t kernelCount() const { return static_cast<uint32_t>(kernels.size()); }

private:
  explicit CudaExecutable(const cuda::Driver &driver) : driver(driver) {}
  Status loadText(const GpuText &text);

  const cuda::Driver &driver;
  std::string name;
  std::vector<cuda::Module> modules; ///< one a text
  std::vector<Kernel> kernels;
  std::map<std::string, uint32_t, std::less<>> numbers;
};

} // namespace lowbit

#endif // LOWBIT_RUNTIME_DEVICE_CUDA_CUDAEXECUTABLE_H
