//===- CpuDevice.h - Native code on host threads ----------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_DEVICE_CPU_CPUDEVICE_H
#define LOWBIT_RUNTIME_DEVICE_CPU_CPUDEVICE_H

#include "lowbit/Runtime/Device.h"

namespace lowbit {

/// Runs the module's native code on a fixed number of threads; the calling
/// thread is one of them. Results do not depend on how many there are.
StatusOr<std::unique_ptr<Device>> createCpuDevice(const DeviceOptions &options);

} // namespace lowbit

#endif // LOWBIT_RUNTIME_DEVICE_CPU_CPUDEVICE_H
