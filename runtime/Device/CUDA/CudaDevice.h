//===- CudaDevice.h - NVIDIA GPUs -------------------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_DEVICE_CUDA_CUDADEVICE_H
#define LOWBIT_RUNTIME_DEVICE_CUDA_CUDADEVICE_H

#include "lowbit/Runtime/Device.h"

namespace lowbit {

namespace cuda {
class Driver;
}

/// The first GPU that the driver shows (CUDA_VISIBLE_DEVICES chooses), in its primary
/// context, with one stream. `unavailable` where there is no driver or no GPU. The
/// driver is found by the loader's path: with build/lib/ptx-driver in LD_LIBRARY_PATH
/// it is the PTX simulator, and describe() says so.
StatusOr<std::unique_ptr<Device>> createCudaDevice(const DeviceOptions &options);
/// The same on a driver that the caller has, every entry point set (tests).
StatusOr<std::unique_ptr<Device>>
createCudaDeviceOn(std::unique_ptr<cuda::Driver> driver, const DeviceOptions &options);

} // namespace lowbit

#endif // LOWBIT_RUNTIME_DEVICE_CUDA_CUDADEVICE_H
