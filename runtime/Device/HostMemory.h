//===- HostMemory.h - Buffers in host memory --------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_DEVICE_HOSTMEMORY_H
#define LOWBIT_RUNTIME_DEVICE_HOSTMEMORY_H

#include "lowbit/Runtime/Device.h"

namespace lowbit {

/// A buffer that lies in host memory: its own pages, or bytes of somebody else's
/// (imported). Accounted to its device while it lives.
class HostBuffer final : public Buffer {
public:
  /// Zeroed memory. With `guard`, the padded end lies right before an
  /// inaccessible page and another one precedes the start.
  static StatusOr<std::unique_ptr<Buffer>>
  allocate(Device &device, uint64_t bytes, MemoryKind kind, bool guard);
  /// Somebody else's bytes.
  static std::unique_ptr<Buffer> wrap(Device &device,
                                      std::span<const uint8_t> bytes);
  ~HostBuffer() override;

  uint64_t size() const override { return bytes; }
  uint64_t address() const override { return reinterpret_cast<uint64_t>(data); }
  uint8_t *hostBytes() override { return data; }

  /// Device::read, write and clear for buffers of this kind.
  static Status writeTo(Buffer &buffer, uint64_t offset,
                        std::span<const uint8_t> source);
  static Status readFrom(Buffer &buffer, uint64_t offset,
                         std::span<uint8_t> target);
  static Status clearRange(Buffer &buffer, uint64_t offset, uint64_t size);

private:
  HostBuffer(Device &device, MemoryKind kind) : device(device), kind(kind) {}

  Device &device;
  MemoryKind kind;
  uint8_t *data = nullptr;
  uint64_t bytes = 0;
  void *mapping = nullptr; ///< null: not ours
  uint64_t mappingSize = 0;
};

} // namespace lowbit

#endif // LOWBIT_RUNTIME_DEVICE_HOSTMEMORY_H
