//===- NullDevice.h - A device that computes nothing ------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_DEVICE_NULL_NULLDEVICE_H
#define LOWBIT_RUNTIME_DEVICE_NULL_NULLDEVICE_H

#include "lowbit/Runtime/Device.h"

namespace lowbit {

/// Host memory and launches that are checked and dropped: for conformance tests,
/// for measuring the overhead of the executor, and as the pattern of a new device.
StatusOr<std::unique_ptr<Device>> createNullDevice(const DeviceOptions &options);

} // namespace lowbit

#endif // LOWBIT_RUNTIME_DEVICE_NULL_NULLDEVICE_H
