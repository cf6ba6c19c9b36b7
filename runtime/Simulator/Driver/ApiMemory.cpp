//===- ApiMemory.cpp - Entry points: memory, streams, events --------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Driver/Driver.h"

#include <chrono>
#include <cstdlib>
#include <cstring>

using namespace lowbit;
using namespace lowbit::ptx;
using namespace lowbit::ptx::driver;

#define LOWBIT_ENTER()                                                         \
  Driver &driver = Driver::get();                                              \
  std::lock_guard<std::recursive_mutex> lock(driver.mutex);                    \
  if (CUresult error = enter())                                                \
  return error

/// A pointer that the device would accept, as a host pointer; null else.
static uint8_t *place(Driver &driver, uint64_t address, size_t bytes, const char *what) {
  if (driver.memory->contains(address, bytes))
    return driver.memory->host(address);
  complain("%s: 0x%llx with %zu bytes is not inside an allocation", what, (unsigned long long)address, bytes);
  return nullptr;
}

LOWBIT_CUDA_API CUresult cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  LOWBIT_ENTER();
  if (!address || !bytes)
    return cudaInvalidValue;
  *address = driver.memory->allocate(bytes);
  return *address ? cudaOk : cudaOutOfMemory;
}
LOWBIT_CUDA_API CUresult cuMemFree_v2(uint64_t address) {
  LOWBIT_ENTER();
  return !address || driver.memory->free(address) ? cudaOk : cudaInvalidValue;
}
LOWBIT_CUDA_API CUresult cuMemAllocAsync(uint64_t *address, size_t bytes, void *) { return cuMemAlloc_v2(address, bytes); }
LOWBIT_CUDA_API CUresult cuMemFreeAsync(uint64_t address, void *) { return cuMemFree_v2(address); }
LOWBIT_CUDA_API CUresult cuMemGetInfo_v2(size_t *free, size_t *total) {
  LOWBIT_ENTER();
  *total = driver.memory->total();
  *free = driver.memory->total() - driver.memory->used();
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  LOWBIT_ENTER();
  if (!bytes)
    return cudaOk;
  uint8_t *p = from ? place(driver, to, bytes, "copy to the device") : nullptr;
  if (!p)
    return cudaInvalidValue;
  std::memcpy(p, from, bytes);
  driver.memory->markWritten(to, bytes);
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
  LOWBIT_ENTER();
  if (!bytes)
    return cudaOk;
  uint8_t *p = to ? place(driver, from, bytes, "copy from the device") : nullptr;
  if (!p)
    return cudaInvalidValue;
  std::memcpy(to, p, bytes);
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuMemcpyDtoD_v2(uint64_t to, uint64_t from, size_t bytes) {
  LOWBIT_ENTER();
  if (!bytes)
    return cudaOk;
  uint8_t *p = place(driver, to, bytes, "copy on the device"), *q = place(driver, from, bytes, "copy on the device");
  if (!p || !q)
    return cudaInvalidValue;
  std::memmove(p, q, bytes);
  const Allocation *source = driver.memory->find(from);
  if (source->allWritten)
    driver.memory->markWritten(to, bytes);
  else // what was never written stays so
    std::memmove(driver.memory->marks(to), driver.memory->marks(from), bytes);
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *) { return cuMemcpyHtoD_v2(to, from, bytes); }
LOWBIT_CUDA_API CUresult cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *) { return cuMemcpyDtoH_v2(to, from, bytes); }
LOWBIT_CUDA_API CUresult cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *) { return cuMemcpyDtoD_v2(to, from, bytes); }
LOWBIT_CUDA_API CUresult cuMemcpy(uint64_t to, uint64_t from, size_t bytes) {
  bool toDevice = to >= globalWindow && to < globalWindow + Driver::get().memory->total();
  bool fromDevice = from >= globalWindow && from < globalWindow + Driver::get().memory->total();
  if (toDevice)
    return fromDevice ? cuMemcpyDtoD_v2(to, from, bytes) : cuMemcpyHtoD_v2(to, reinterpret_cast<void *>(from), bytes);
  if (fromDevice)
    return cuMemcpyDtoH_v2(reinterpret_cast<void *>(to), from, bytes);
  std::memcpy(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from), bytes);
  return enter();
}
LOWBIT_CUDA_API CUresult cuMemcpyAsync(uint64_t to, uint64_t from, size_t bytes, void *) { return cuMemcpy(to, from, bytes); }

template <class T> static CUresult fill(uint64_t to, T value, size_t count) {
  LOWBIT_ENTER();
  if (!count)
    return cudaOk;
  if (count > SIZE_MAX / sizeof(T) || (to & (sizeof(T) - 1)))
    return cudaInvalidValue;
  uint8_t *p = place(driver, to, count * sizeof(T), "memset");
  if (!p)
    return cudaInvalidValue;
  for (size_t i = 0; i < count; ++i)
    std::memcpy(p + i * sizeof(T), &value, sizeof(T));
  driver.memory->markWritten(to, count * sizeof(T));
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuMemsetD8_v2(uint64_t to, unsigned char v, size_t n) { return fill<uint8_t>(to, v, n); }
LOWBIT_CUDA_API CUresult cuMemsetD16_v2(uint64_t to, unsigned short v, size_t n) { return fill<uint16_t>(to, v, n); }
LOWBIT_CUDA_API CUresult cuMemsetD32_v2(uint64_t to, unsigned v, size_t n) { return fill<uint32_t>(to, v, n); }
LOWBIT_CUDA_API CUresult cuMemsetD8Async(uint64_t to, unsigned char v, size_t n, void *) { return fill<uint8_t>(to, v, n); }
LOWBIT_CUDA_API CUresult cuMemsetD16Async(uint64_t to, unsigned short v, size_t n, void *) { return fill<uint16_t>(to, v, n); }
LOWBIT_CUDA_API CUresult cuMemsetD32Async(uint64_t to, unsigned v, size_t n, void *) { return fill<uint32_t>(to, v, n); }

// Page-locked host memory is ordinary memory here.
LOWBIT_CUDA_API CUresult cuMemAllocHost_v2(void **p, size_t bytes) {
  LOWBIT_ENTER();
  *p = bytes ? std::malloc(bytes) : nullptr;
  return *p ? cudaOk : cudaOutOfMemory;
}
LOWBIT_CUDA_API CUresult cuMemHostAlloc(void **p, size_t bytes, unsigned) { return cuMemAllocHost_v2(p, bytes); }
LOWBIT_CUDA_API CUresult cuMemFreeHost(void *p) {
  std::free(p);
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuMemHostRegister_v2(void *, size_t, unsigned) { return enter(); }
LOWBIT_CUDA_API CUresult cuMemHostUnregister(void *) { return enter(); }

// Streams and events: everything has happened when a call returns.
LOWBIT_CUDA_API CUresult cuStreamCreate(void **stream, unsigned flags) {
  LOWBIT_ENTER();
  auto *s = new StreamHandle{flags};
  driver.streams.insert(s);
  *stream = s;
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuStreamCreateWithPriority(void **stream, unsigned flags, int) { return cuStreamCreate(stream, flags); }
LOWBIT_CUDA_API CUresult cuStreamDestroy_v2(void *stream) {
  Driver &driver = Driver::get();
  std::lock_guard<std::recursive_mutex> lock(driver.mutex);
  auto *s = static_cast<StreamHandle *>(stream);
  if (!driver.streams.erase(s))
    return cudaInvalidHandle;
  delete s;
  return cudaOk;
}
static bool validStream(Driver &driver, void *stream) {
  // 0, 1 and 2 are the default streams.
  return reinterpret_cast<uintptr_t>(stream) <= 2 || driver.streams.count(static_cast<StreamHandle *>(stream));
}
LOWBIT_CUDA_API CUresult cuStreamSynchronize(void *stream) {
  LOWBIT_ENTER();
  return validStream(driver, stream) ? cudaOk : cudaInvalidHandle;
}
LOWBIT_CUDA_API CUresult cuStreamQuery(void *stream) { return cuStreamSynchronize(stream); }
LOWBIT_CUDA_API CUresult cuStreamWaitEvent(void *stream, void *, unsigned) { return cuStreamSynchronize(stream); }
LOWBIT_CUDA_API CUresult cuEventCreate(void **event, unsigned) {
  LOWBIT_ENTER();
  auto *e = new EventHandle;
  driver.events.insert(e);
  *event = e;
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuEventDestroy_v2(void *event) {
  Driver &driver = Driver::get();
  std::lock_guard<std::recursive_mutex> lock(driver.mutex);
  auto *e = static_cast<EventHandle *>(event);
  if (!driver.events.erase(e))
    return cudaInvalidHandle;
  delete e;
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuEventRecord(void *event, void *stream) {
  LOWBIT_ENTER();
  auto *e = static_cast<EventHandle *>(event);
  if (!driver.events.count(e) || !validStream(driver, stream))
    return cudaInvalidHandle;
  e->when = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuEventSynchronize(void *event) {
  LOWBIT_ENTER();
  return driver.events.count(static_cast<EventHandle *>(event)) ? cudaOk : cudaInvalidHandle;
}
LOWBIT_CUDA_API CUresult cuEventQuery(void *event) { return cuEventSynchronize(event); }
/// Milliseconds of the simulation, which say nothing about a GPU.
LOWBIT_CUDA_API CUresult cuEventElapsedTime(float *ms, void *start, void *end) {
  LOWBIT_ENTER();
  auto *a = static_cast<EventHandle *>(start), *b = static_cast<EventHandle *>(end);
  if (!driver.events.count(a) || !driver.events.count(b) || a->when < 0 || b->when < 0)
    return cudaInvalidHandle;
  *ms = float(b->when - a->when);
  return cudaOk;
}
LOWBIT_CUDA_API CUresult cuEventElapsedTime_v2(float *ms, void *start, void *end) { return cuEventElapsedTime(ms, start, end); }
