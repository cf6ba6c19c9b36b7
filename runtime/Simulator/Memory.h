//===- Memory.h - Device memory with red zones and written marks *- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One reserved range of host addresses stands for the global window. Every
// allocation is 512-byte aligned with at least 512 bytes of red zone behind it,
// and has a mark for each byte that says whether anything was written there.
// Freed memory is never handed out again while room is left, so that a stale
// pointer is found.
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_MEMORY_H
#define RUNTIME_SIMULATOR_MEMORY_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace lowbit::ptx {

/// Generic addresses of the windows. The shared, local and parameter windows
/// add the offset within the space.
inline constexpr uint64_t sharedWindow = uint64_t(0x100) << 32;
inline constexpr uint64_t localWindow = uint64_t(0x110) << 32;
inline constexpr uint64_t paramWindow = uint64_t(0x120) << 32;
inline constexpr uint64_t windowBytes = uint64_t(1) << 32;
inline constexpr uint64_t globalWindow = uint64_t(0x200) << 32;

struct Allocation {
  uint64_t begin = 0, end = 0; ///< Device addresses.
  bool allWritten = false;     ///< The marks need not be looked at.
  uint64_t stored = 0;         ///< Bytes that kernels have stored since the marks were counted.
};

class DeviceMemory {
public:
  explicit DeviceMemory(uint64_t bytes = uint64_t(64) << 30);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory &) = delete;
  DeviceMemory &operator=(const DeviceMemory &) = delete;

  bool valid() const { return data != nullptr; }
  uint64_t total() const { return capacity; }
  uint64_t used() const { return usedBytes; }

  /// 0 when no room is left.
  uint64_t allocate(uint64_t bytes);
  /// False when `address` is not the start of an allocation.
  bool free(uint64_t address);
  /// The allocation that holds `address`, or null.
  const Allocation *find(uint64_t address) const;
  bool contains(uint64_t address, uint64_t bytes) const;

  /// Host pointers of an address in the window.
  uint8_t *host(uint64_t address) { return data + (address - globalWindow); }
  uint8_t *marks(uint64_t address) { return shadow + (address - globalWindow); }

  /// Marks bytes as written. The caller has checked the range.
  void markWritten(uint64_t address, uint64_t bytes);
  /// Kernels have stored `bytes` into the allocation that starts at `begin`. When that is
  /// enough to fill it, looks whether all its bytes are marked by now.
  void noteStored(uint64_t begin, uint64_t bytes);
  const std::map<uint64_t, Allocation> &allocations() const { return table; }

private:
  uint8_t *data = nullptr, *shadow = nullptr;
  uint64_t capacity = 0, next = 0, usedBytes = 0;
  std::map<uint64_t, Allocation> table;
  std::multimap<uint64_t, uint64_t> freed; ///< size -> offset.
};

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_MEMORY_H
