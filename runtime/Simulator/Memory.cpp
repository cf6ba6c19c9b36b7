//===- Memory.cpp - Device memory with red zones and written marks --------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Memory.h"

#include <cstring>
#include <sys/mman.h>

using namespace lowbit::ptx;

static constexpr uint64_t alignment = 512, redZone = 512;

static uint8_t *reserve(uint64_t bytes) {
  void *p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<uint8_t *>(p);
}

DeviceMemory::DeviceMemory(uint64_t bytes) {
  // A limit on address space (ulimit -v) makes do with less.
  for (; bytes >= (uint64_t(64) << 20); bytes /= 2) {
    data = reserve(bytes);
    shadow = data ? reserve(bytes) : nullptr;
    if (shadow)
      break;
    if (data)
      munmap(data, bytes);
    data = nullptr;
  }
  capacity = data ? bytes : 0;
  next = alignment;
}

DeviceMemory::~DeviceMemory() {
  if (!data)
    return;
  munmap(data, capacity);
  munmap(shadow, capacity);
}

uint64_t DeviceMemory::allocate(uint64_t bytes) {
  if (!bytes || bytes > capacity)
    return 0;
  uint64_t room = ((bytes + alignment - 1) & -alignment) + redZone;
  uint64_t offset;
  if (room <= capacity - next) {
    offset = next;
    next += room;
  } else {
    auto fit = freed.lower_bound(room);
    if (fit == freed.end())
      return 0;
    offset = fit->second;
    // Keeping the whole piece wastes a tail and keeps the bookkeeping simple.
    freed.erase(fit);
    std::memset(shadow + offset, 0, room);
  }
  uint64_t begin = globalWindow + offset;
  table[begin] = {begin, begin + bytes, false, 0};
  usedBytes += bytes;
  return begin;
}

bool DeviceMemory::free(uint64_t address) {
  auto it = table.find(address);
  if (it == table.end())
    return false;
  uint64_t bytes = it->second.end - it->second.begin;
  uint64_t room = ((bytes + alignment - 1) & -alignment) + redZone;
  uint64_t offset = address - globalWindow;
  freed.insert({room, offset});
  // Gives the pages back to the host.
  uint64_t first = (offset + 4095) & ~uint64_t(4095);
  uint64_t last = (offset + bytes) & ~uint64_t(4095);
  if (last > first) {
    madvise(data + first, last - first, MADV_DONTNEED);
    madvise(shadow + first, last - first, MADV_DONTNEED);
  }
  usedBytes -= bytes;
  table.erase(it);
  return true;
}

const Allocation *DeviceMemory::find(uint64_t address) const {
  auto it = table.upper_bound(address);
  if (it == table.begin())
    return nullptr;
  --it;
  return address < it->second.end ? &it->second : nullptr;
}

bool DeviceMemory::contains(uint64_t address, uint64_t bytes) const {
  const Allocation *a = find(address);
  return a && bytes <= a->end - address;
}

void DeviceMemory::markWritten(uint64_t address, uint64_t bytes) {
  auto it = table.upper_bound(address);
  if (it == table.begin())
    return;
  Allocation &a = std::prev(it)->second;
  if (a.allWritten)
    return;
  if (address == a.begin && address + bytes >= a.end) {
    a.allWritten = true;
    return;
  }
  std::memset(marks(address), 1, bytes);
}

void DeviceMemory::noteStored(uint64_t begin, uint64_t bytes) {
  auto it = table.find(begin);
  if (it == table.end() || it->second.allWritten)
    return;
  Allocation &a = it->second;
  a.stored += bytes;
  if (a.stored < a.end - a.begin)
    return;
  a.stored = 0;
  a.allWritten = !std::memchr(marks(a.begin), 0, a.end - a.begin);
}
