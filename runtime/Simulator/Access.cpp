//===- Access.cpp - Checked memory accesses and their counters ------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Exec.h"

#include <bit>

using namespace lowbit;
using namespace lowbit::ptx;

static bool aligned(Warp &w, uint32_t lane, uint64_t address, uint32_t bytes) {
  if ((address & (bytes - 1)) == 0)
    return true;
  report(w, FindingKind::misaligned, lane, address,
         formatString("access of %u bytes at misaligned address 0x%llx", bytes,
                      (unsigned long long)address),
         true);
  return false;
}

/// Reports a read of bytes that hold nothing.
static void reportUnwritten(Warp &w, uint32_t lane, uint64_t address, uint32_t bytes,
                            uint32_t byte, bool inFlight, const char *space) {
  const FindingKind kind = inFlight ? FindingKind::asyncPending : FindingKind::uninitialized;
  if (reportedBefore(w, kind))
    return;
  report(w, kind, lane, address,
         inFlight
             ? formatString("read of %s address 0x%llx before its cp.async landed", space,
                            (unsigned long long)address)
             : formatString("read of %u bytes at %s address 0x%llx, byte %u was never written",
                            bytes, space, (unsigned long long)address, byte),
         false);
}

static void checkMarks(Warp &w, uint32_t lane, uint64_t address, const uint8_t *marks,
                       uint32_t bytes, const char *space) {
  for (uint32_t k = 0; k < bytes; ++k)
    if (marks[k] != byteWritten)
      return reportUnwritten(w, lane, address, bytes, k, false, space);
}

uint8_t *lowbit::ptx::accessShared(Warp &w, uint32_t lane, uint64_t offset,
                                   uint32_t bytes, bool isWrite, bool isRead) {
  Cta &cta = *w.cta;
  uint64_t at = offset - sharedBase;
  if (offset < sharedBase || at + bytes > cta.shared.size()) {
    report(w, FindingKind::outOfBounds, lane, offset,
           formatString("%s of %u bytes at shared address 0x%llx, the block has "
                        "0x%x to 0x%llx",
                        isWrite ? "write" : "read", bytes,
                        (unsigned long long)offset, sharedBase,
                        (unsigned long long)(sharedBase + cta.shared.size())),
           true);
    return nullptr;
  }
  if (!aligned(w, lane, offset, bytes))
    return nullptr;
  SharedMarks &marks = cta.sharedMarks;
  if (isRead && !marks.written(at, bytes)) {
    uint32_t k = 0;
    while (marks.isWritten(at + k))
      ++k;
    reportUnwritten(w, lane, offset, bytes, k, marks.isInFlight(at + k), "shared");
  }
  if (isWrite)
    marks.setWritten(at, bytes);
  if (w.worker->races)
    noteShared(w, lane, offset, bytes,
               w.worker->ordered || (isWrite && isRead) ? Access::atomic
               : isWrite         ? Access::write
                                 : Access::read);
  return cta.shared.data() + at;
}

uint8_t *lowbit::ptx::accessLocal(Warp &w, uint32_t lane, uint64_t offset,
                                  uint32_t bytes, bool isWrite, bool isRead) {
  uint64_t size = w.worker->launch->program->localBytes;
  if (offset < localBase || offset + bytes > size || offset > size) {
    report(w, FindingKind::outOfBounds, lane, offset,
           formatString("%s of %u bytes at local address 0x%llx, the thread has "
                        "0x%x to 0x%llx",
                        isWrite ? "write" : "read", bytes,
                        (unsigned long long)offset, localBase,
                        (unsigned long long)size),
           true);
    return nullptr;
  }
  if (!aligned(w, lane, offset, bytes))
    return nullptr;
  uint64_t at = lane * size + offset;
  if (isRead)
    checkMarks(w, lane, offset, w.localMarks + at, bytes, "local");
  if (isWrite)
    std::memset(w.localMarks + at, byteWritten, bytes);
  return w.local + at;
}

uint8_t *lowbit::ptx::accessGlobal(Warp &w, uint32_t lane, uint64_t address,
                                   uint32_t bytes, bool isWrite, bool isRead) {
  DeviceMemory &memory = *w.worker->launch->memory;
  const Allocation *a = memory.find(address);
  if (!a || bytes > a->end - address) {
    std::string where;
    if (a)
      where = formatString("it ends %llu bytes after its allocation",
                           (unsigned long long)(address + bytes - a->end));
    else {
      auto &table = memory.allocations();
      auto next = table.upper_bound(address);
      if (next != table.begin() && address - std::prev(next)->second.end < 4096)
        where = formatString(
            "it is %llu bytes behind an allocation of %llu bytes",
            (unsigned long long)(address - std::prev(next)->second.end),
            (unsigned long long)(std::prev(next)->second.end -
                                 std::prev(next)->second.begin));
      else if (next != table.end() && next->first - address <= 512)
        where = formatString("it is %llu bytes before an allocation",
                             (unsigned long long)(next->first - address));
      else if (address >= sharedWindow && address < globalWindow)
        where = "it lies in another window";
      else if (address < (uint64_t(1) << 28))
        where = "it may be an address of .shared or .local, or null";
      else
        where = "no allocation is near";
    }
    report(w, FindingKind::outOfBounds, lane, address,
           formatString("%s of %u bytes at global address 0x%llx: %s",
                        isWrite ? "write" : "read", bytes,
                        (unsigned long long)address, where.c_str()),
           true);
    return nullptr;
  }
  if (!aligned(w, lane, address, bytes))
    return nullptr;
  if (!a->allWritten) {
    uint8_t *marks = memory.marks(address);
    if (isRead)
      checkMarks(w, lane, address, marks, bytes, "global");
    if (isWrite)
      fillBytes(marks, byteWritten, bytes);
  }
  if (w.worker->races)
    noteGlobal(w, lane, address, bytes,
               w.worker->ordered || (isWrite && isRead) ? Access::atomic
               : isWrite         ? Access::write
                                 : Access::read);
  return memory.host(address);
}

uint8_t *lowbit::ptx::accessGeneric(Warp &w, uint32_t lane, uint64_t address,
                                    uint32_t bytes, bool isWrite, bool isRead) {
  if (address - sharedWindow < windowBytes)
    return accessShared(w, lane, address - sharedWindow, bytes, isWrite, isRead);
  if (address - localWindow < windowBytes)
    return accessLocal(w, lane, address - localWindow, bytes, isWrite, isRead);
  if (address - paramWindow < windowBytes) {
    uint64_t offset = address - paramWindow;
    const LaunchState &launch = *w.worker->launch;
    if (isWrite || offset + bytes > launch.program->paramBytes) {
      report(w, FindingKind::outOfBounds, lane, address,
             isWrite ? "write to a kernel parameter"
                     : "read beyond the kernel parameters",
             true);
      return nullptr;
    }
    return const_cast<uint8_t *>(launch.params) + offset;
  }
  return accessGlobal(w, lane, address, bytes, isWrite, isRead);
}

bool lowbit::ptx::rememberGlobal(Warp &w, uint64_t low, uint64_t high, uint32_t bytes) {
  PerInstruction &pi = w.worker->perInstruction[w.pc];
  if (low >= pi.cacheBegin && high + bytes <= pi.cacheEnd && high >= low)
    return true;
  const Allocation *a = w.worker->launch->memory->find(low);
  if (!a || high >= a->end || bytes > a->end - high)
    return false;
  pi.cacheBegin = a->begin;
  pi.cacheEnd = a->end;
  pi.cacheWritten = a->allWritten;
  return true;
}

void lowbit::ptx::touchBytes(TouchedBytes &touched, const uint64_t *addresses,
                             uint32_t mask, uint32_t bytes) {
  for (uint32_t m = mask; m; m &= m - 1) {
    uint64_t a = addresses[std::countr_zero(m)];
    for (uint64_t end = a + bytes; a < end; ++a)
      touched[a >> 12][a >> 6 & 63] |= uint64_t(1) << (a & 63);
  }
}

bool lowbit::ptx::coverAscending(Warp &w, const uint64_t *addresses,
                                 uint32_t mask, uint32_t bytes) {
  // An aligned access of at most a sector lies in one sector.
  constexpr uint32_t sectorBytes = 32;
  if (bytes > sectorBytes)
    return false;
  uint64_t bits = 0, falls = 0, sectors = 1, low, high;
  unsigned lanes = 32;
  if (mask == allLanes) {
    low = addresses[0];
    high = addresses[31];
    bits = low;
    for (unsigned l = 1; l < 32; ++l) {
      uint64_t a = addresses[l], before = addresses[l - 1];
      bits |= a;
      falls |= a < before ? 1 : 0;
      sectors += (a ^ before) >= sectorBytes ? 1 : 0;
    }
  } else {
    lanes = unsigned(std::popcount(mask));
    uint32_t m = mask;
    low = high = bits = addresses[std::countr_zero(m)];
    for (m &= m - 1; m; m &= m - 1) {
      uint64_t a = addresses[std::countr_zero(m)];
      bits |= a;
      falls |= a < high ? 1 : 0;
      sectors += (a ^ high) >= sectorBytes ? 1 : 0;
      high = a;
    }
  }
  if (falls || (bits & (bytes - 1)) || !rememberGlobal(w, low, high, bytes))
    return false;
  PerInstruction &pi = w.worker->perInstruction[w.pc];
  ++pi.requests;
  pi.bytes += uint64_t(lanes) * bytes;
  pi.sectors += sectors;
  if (w.worker->touched)
    touchBytes(*w.worker->touched, addresses, mask, bytes);
  return true;
}

bool lowbit::ptx::coverGlobal(Warp &w, const uint64_t *addresses, uint32_t mask,
                              uint32_t bytes) {
  uint64_t low = ~uint64_t(0), high = 0, bits = 0;
  if (mask == allLanes) {
    for (unsigned l = 0; l < 32; ++l) {
      low = addresses[l] < low ? addresses[l] : low;
      high = addresses[l] > high ? addresses[l] : high;
      bits |= addresses[l];
    }
  } else {
    for (uint32_t m = mask; m; m &= m - 1) {
      unsigned l = unsigned(std::countr_zero(m));
      low = addresses[l] < low ? addresses[l] : low;
      high = addresses[l] > high ? addresses[l] : high;
      bits |= addresses[l];
    }
  }
  return !(bits & (bytes - 1)) && rememberGlobal(w, low, high, bytes);
}

void lowbit::ptx::countSectors(Warp &w, const uint64_t *addresses,
                               uint32_t mask, uint32_t bytes) {
  PerInstruction &pi = w.worker->perInstruction[w.pc];
  ++pi.requests;
  pi.bytes += uint64_t(std::popcount(mask)) * bytes;
  if (w.worker->touched)
    touchBytes(*w.worker->touched, addresses, mask, bytes);
  if (mask == allLanes) {
    uint64_t wrong = 0;
    for (unsigned l = 0; l < 32; ++l)
      wrong |= addresses[l] ^ (addresses[0] + l * bytes);
    if (!wrong) {
      pi.sectors += ((addresses[31] + bytes - 1) >> 5) - (addresses[0] >> 5) + 1;
      return;
    }
  }
  // Sectors relative to the lowest, in a small bitmap; far ones by comparison.
  uint64_t seen[16] = {};
  uint64_t far[64];
  unsigned farCount = 0;
  uint64_t base = ~uint64_t(0);
  for (uint32_t m = mask; m; m &= m - 1) {
    uint64_t s = addresses[std::countr_zero(m)] >> 5;
    base = s < base ? s : base;
  }
  unsigned count = 0;
  for (uint32_t m = mask; m; m &= m - 1) {
    uint64_t a = addresses[std::countr_zero(m)];
    for (uint64_t s = a >> 5; s <= (a + bytes - 1) >> 5; ++s) {
      uint64_t r = s - base;
      if (r < 1024) {
        uint64_t bit = uint64_t(1) << (r & 63);
        count += !(seen[r >> 6] & bit);
        seen[r >> 6] |= bit;
        continue;
      }
      bool found = false;
      for (unsigned k = 0; k < farCount; ++k)
        found |= far[k] == s;
      if (!found && farCount < 64) {
        far[farCount++] = s;
        ++count;
      }
    }
  }
  pi.sectors += count;
}

/// Lanes are served in groups whose data fill one pass of 128 bytes; a group
/// takes as many passes as the busiest bank has different words.
void lowbit::ptx::countSharedPasses(Warp &w, const uint64_t *offsets,
                                    uint32_t mask, uint32_t bytes) {
  PerInstruction &pi = w.worker->perInstruction[w.pc];
  Worker &worker = *w.worker;
  unsigned words = bytes <= 4 ? 1 : bytes / 4;
  unsigned lanes = 32 / words;
  if (!lanes)
    lanes = 1;
  for (unsigned first = 0; first < 32; first += lanes) {
    uint32_t group = lanes == 32 ? mask
                                 : (mask >> first) & ((1u << lanes) - 1);
    if (!group)
      continue;
    // No bank twice: one pass, and no fewer would do.
    uint32_t banks = 0, accesses = 0, bankAligned = 0;
    const uint32_t span = words >= 32 ? ~0u : (1u << words) - 1;
    for (uint32_t m = group; m; m &= m - 1, ++accesses) {
      uint64_t word = offsets[first + unsigned(std::countr_zero(m))] >> 2;
      bankAligned |= uint32_t(word);
      banks |= span << (word & 31);
    }
    if (!(bankAligned & (words - 1)) &&
        unsigned(std::popcount(banks)) == accesses * words) {
      ++pi.passes;
      ++pi.minimumPasses;
      continue;
    }
    uint8_t perBank[32] = {};
    unsigned worst = 0, unique = 0;
    for (uint32_t m = group; m; m &= m - 1) {
      uint32_t word = uint32_t(offsets[first + unsigned(std::countr_zero(m))] >> 2);
      for (unsigned k = 0; k < words; ++k, ++word) {
        uint64_t &cell = worker.wordSeen[(word >> 6) & 1023];
        uint64_t bit = uint64_t(1) << (word & 63);
        if (cell & bit)
          continue;
        cell |= bit;
        ++unique;
        unsigned n = ++perBank[word & 31];
        worst = n > worst ? n : worst;
      }
    }
    for (uint32_t m = group; m; m &= m - 1) {
      uint32_t word = uint32_t(offsets[first + unsigned(std::countr_zero(m))] >> 2);
      for (unsigned k = 0; k < words; ++k, ++word)
        worker.wordSeen[(word >> 6) & 1023] = 0;
    }
    pi.passes += worst;
    pi.minimumPasses += (unique + 31) / 32;
  }
  ++pi.requests;
  pi.bytes += uint64_t(std::popcount(mask)) * bytes;
}
