//===- HostMemory.cpp - Buffers in host memory ----------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Device/HostMemory.h"

#include "lowbit-c/kernel.h"
#include "lowbit/Support/CheckedMath.h"

#include <cstring>
#include <sys/mman.h>

using namespace lowbit;

static constexpr uint64_t page = 4096;
static constexpr uint64_t hugePage = uint64_t(2) << 20;

StatusOr<std::unique_ptr<Buffer>> HostBuffer::allocate(Device &device,
                                                       uint64_t bytes,
                                                       MemoryKind kind,
                                                       bool guard) {
  // At least one byte, so that every buffer has an address of its own.
  std::optional<uint64_t> padded = checkedAlignTo<uint64_t>(
      bytes == 0 ? 1 : bytes, LOWBIT_BINDING_ALIGNMENT);
  // Not for states: a cache is touched in many places by its first token, and
  // zeroing a huge page for each would take longer than the token.
  bool huge = !guard && bytes >= 2 * hugePage && kind != MemoryKind::state;
  std::optional<uint64_t> usable =
      padded ? checkedAlignTo<uint64_t>(*padded, page) : std::nullopt;
  std::optional<uint64_t> total =
      usable ? checkedAdd<uint64_t>(*usable, guard  ? 2 * page
                                             : huge ? hugePage
                                                    : 0)
             : std::nullopt;
  if (!total)
    return resourceExhausted("%llu bytes cannot be allocated",
                             static_cast<unsigned long long>(bytes));
  void *mapping = ::mmap(nullptr, *total, guard ? PROT_NONE : PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED)
    return resourceExhausted("out of memory: %llu bytes of %s memory are needed",
                             static_cast<unsigned long long>(bytes),
                             memoryKindName(kind));
  auto result = std::unique_ptr<HostBuffer>(new HostBuffer(device, kind));
  result->mapping = mapping;
  result->mappingSize = *total;
  auto *start = static_cast<uint8_t *>(mapping);
  if (guard) {
    if (::mprotect(start + page, *usable, PROT_READ | PROT_WRITE) != 0)
      return resourceExhausted("out of memory while placing a guard page");
    start += page + (*usable - *padded);
  } else if (huge) {
    uint64_t rest = reinterpret_cast<uint64_t>(start) % hugePage;
    start += rest == 0 ? 0 : hugePage - rest;
    ::madvise(start, *usable, MADV_HUGEPAGE);
  }
  result->data = start;
  result->bytes = bytes;
  device.account(kind, static_cast<int64_t>(bytes));
  return std::unique_ptr<Buffer>(std::move(result));
}

std::unique_ptr<Buffer> HostBuffer::wrap(Device &device,
                                         std::span<const uint8_t> bytes) {
  auto result =
      std::unique_ptr<HostBuffer>(new HostBuffer(device, MemoryKind::parameters));
  // Parameters are only read: kernels take them as void * like every binding.
  result->data = const_cast<uint8_t *>(bytes.data());
  result->bytes = bytes.size();
  device.account(MemoryKind::parameters, static_cast<int64_t>(bytes.size()));
  return result;
}

HostBuffer::~HostBuffer() {
  if (data)
    device.account(kind, -static_cast<int64_t>(bytes));
  if (mapping)
    ::munmap(mapping, mappingSize);
}

static Status checkRange(Buffer &buffer, uint64_t offset, uint64_t size) {
  if (rangeFits(offset, size, buffer.size()))
    return {};
  return invalidArgument("a range of %llu bytes at offset %llu leaves a buffer "
                         "of %llu bytes",
                         static_cast<unsigned long long>(size),
                         static_cast<unsigned long long>(offset),
                         static_cast<unsigned long long>(buffer.size()));
}

Status HostBuffer::writeTo(Buffer &buffer, uint64_t offset,
                           std::span<const uint8_t> source) {
  LOWBIT_RETURN_IF_ERROR(checkRange(buffer, offset, source.size()));
  if (!source.empty())
    std::memcpy(buffer.hostBytes() + offset, source.data(), source.size());
  return {};
}

Status HostBuffer::readFrom(Buffer &buffer, uint64_t offset,
                            std::span<uint8_t> target) {
  LOWBIT_RETURN_IF_ERROR(checkRange(buffer, offset, target.size()));
  if (!target.empty())
    std::memcpy(target.data(), buffer.hostBytes() + offset, target.size());
  return {};
}

Status HostBuffer::clearRange(Buffer &buffer, uint64_t offset, uint64_t size) {
  LOWBIT_RETURN_IF_ERROR(checkRange(buffer, offset, size));
  if (size != 0)
    std::memset(buffer.hostBytes() + offset, 0, size);
  return {};
}
