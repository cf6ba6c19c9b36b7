//===- Exec.h - State of running warps --------------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What handlers see: the warp's register file, its thread block (CTA) and the
// worker, the host thread that runs it.
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_EXEC_H
#define RUNTIME_SIMULATOR_EXEC_H

#include "runtime/Simulator/Launch.h"
#include "runtime/Simulator/Memory.h"
#include "runtime/Simulator/Program.h"

#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <unordered_map>

namespace lowbit::ptx {

class RaceDetector;

inline constexpr uint32_t allLanes = ~0u;

/// Counters of one instruction, and what the memory handlers remember about
/// the allocation that it touched last.
struct PerInstruction {
  uint64_t issues = 0, lanes = 0;
  uint64_t requests = 0, sectors = 0, bytes = 0; ///< Global memory.
  uint64_t passes = 0, minimumPasses = 0;        ///< Shared memory.
  uint64_t divergent = 0;                        ///< Branches that split.
  uint64_t cacheBegin = 1, cacheEnd = 0;
  bool cacheWritten = false;
};

/// Which bytes of global memory were touched: bits of pages of 4,096 bytes.
using TouchedBytes = std::unordered_map<uint64_t, std::array<uint64_t, 64>>;
void touchBytes(TouchedBytes &touched, const uint64_t *addresses, uint32_t mask,
                uint32_t bytes);

/// Lanes of a warp that are at one place.
struct LaneGroup {
  uint32_t pc;
  uint32_t mask;
  enum State : uint8_t { ready, atBarrier, atWarpSync } state;
  uint32_t barrier; ///< Its id.
};

/// A cp.async that has not landed, of lanes that are in one commit group.
struct PendingCopy {
  uint32_t mask = 0;  ///< Lanes whose part is still to land.
  uint32_t taken = 0; ///< Those whose data were read at issue (the schedule decides).
  uint32_t group = 0, bytes = 0, pc = 0;
  uint32_t shared[32]; ///< Destination offsets in the shared window.
  uint64_t source[32]; ///< Global addresses.
  uint8_t sourceBytes[32];
  std::vector<uint8_t> data; ///< 16 a lane when some are taken.
};

struct Cta;
struct Worker;

struct Warp {
  uint8_t *r = nullptr; ///< Register file.
  const uint32_t *pool = nullptr;
  Cta *cta = nullptr;
  Worker *worker = nullptr;
  uint32_t index = 0;  ///< In the CTA.
  uint32_t live = 0;   ///< Lanes that have not exited.
  uint32_t started = 0; ///< Lanes that the block has.
  uint32_t pc = 0;     ///< Of the instruction being executed.
  uint32_t current = 0; ///< Index of the running group.
  uint32_t groupCount = 0;
  LaneGroup groups[33];
  uint8_t *local = nullptr, *localMarks = nullptr; ///< 32 x localBytes.
  std::vector<PendingCopy> copies;
  uint32_t copyGroup[32] = {};
  uint32_t syncEpoch = 1; ///< Counts .sync operations, for the race detector.
  uint32_t carry = 0;     ///< Condition code of add.cc and its like, by lane.
};

struct BarrierState {
  uint32_t arrived = 0;  ///< Threads.
  uint32_t expected = 0; ///< 0: all threads of the CTA.
  uint32_t reduceTrue = 0, reduceAll = 0;
  uint32_t warpsArrived = 0; ///< Mask.
};

struct Cta {
  uint32_t id[3] = {0, 0, 0};
  uint64_t linear = 0;
  std::vector<uint8_t> shared, sharedMarks; ///< Index: offset - sharedBase.
  std::vector<uint8_t> registers, local, localMarks;
  std::vector<Warp> warps;
  uint32_t liveThreads = 0;
  BarrierState barriers[16];
  bool done = false;
  uint64_t raceSlot = 0; ///< The race detector's; 0: not yet known to it.
};

/// Marks of a byte in shared and local memory.
enum ByteMark : uint8_t { byteUnwritten = 0, byteWritten = 1, byteInFlight = 2 };

/// Sets `bytes` marks (or bytes of data); the usual sizes as single moves.
inline void fillBytes(uint8_t *to, uint8_t value, uint32_t bytes) {
  const uint64_t pattern = value * 0x0101010101010101u;
  const uint64_t twice[2] = {pattern, pattern};
  switch (bytes) {
  case 4: std::memcpy(to, &pattern, 4); break;
  case 8: std::memcpy(to, &pattern, 8); break;
  case 16: std::memcpy(to, twice, 16); break;
  default: std::memset(to, value, bytes);
  }
}

struct LaunchState;

/// One host thread that executes CTAs.
struct Worker {
  LaunchState *launch = nullptr;
  std::unique_ptr<TouchedBytes> touched; ///< With LaunchConfig::unique.
  PerInstruction *perInstruction = nullptr;
  uint64_t random = 1;
  uint64_t executed = 0;
  uint64_t barriers = 0;
  uint64_t turns = 0;
  bool stop = false;       ///< A fault or the instruction limit ended the launch.
  bool ordered = false;    ///< The access is volatile or has a memory order.
  bool yield = false;      ///< The warp waits for another; try the next one.
  RaceDetector *races = nullptr;
  uint64_t wordSeen[1024] = {}; ///< Scratch of countSharedPasses, all zero.

  uint64_t nextRandom() {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    return random;
  }
};

/// What all workers of a launch share.
struct LaunchState {
  const Program *program = nullptr;
  DeviceMemory *memory = nullptr;
  const LaunchConfig *config = nullptr;
  LaunchResult *result = nullptr;
  const uint8_t *params = nullptr;
  std::mutex mutex; ///< Guards `result` and 16-byte atomics.
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> nextCta{0};
  uint64_t ctaCount = 0;
  uint32_t threadsPerCta = 0, warpsPerCta = 0;
  uint32_t sharedBytes = 0; ///< Static and dynamic, above sharedBase.
};

template <typename T> inline T *row(Warp &w, uint32_t slot) {
  return reinterpret_cast<T *>(w.r + slot);
}
inline uint32_t &predicate(Warp &w, uint32_t slot) {
  return *reinterpret_cast<uint32_t *>(w.r + slot);
}

/// Whether the current instruction has a finding of this kind already (for a race: with
/// the one at `otherPc`); counts it once more then. Saves making the message.
bool reportedBefore(Warp &warp, FindingKind kind, uint32_t otherPc = ~0u);
/// Records a race between the current instruction and the one at `otherPc`.
void reportRace(Warp &warp, uint32_t lane, uint64_t address,
                std::string message, uint32_t otherPc);
/// Records a finding (and ends the launch if `fatal`).
void report(Warp &warp, FindingKind kind, uint32_t lane, uint64_t address,
            std::string message, bool fatal);

// Memory seen from a lane. These are the slow, general paths; they report.
/// Resolves generic `address` of `lane`; null after a report. For writes the
/// bytes are marked, for reads the marks are checked.
uint8_t *accessGeneric(Warp &warp, uint32_t lane, uint64_t address,
                       uint32_t bytes, bool isWrite, bool isRead = true);
uint8_t *accessShared(Warp &warp, uint32_t lane, uint64_t offset,
                      uint32_t bytes, bool isWrite, bool isRead = true);
uint8_t *accessLocal(Warp &warp, uint32_t lane, uint64_t offset,
                     uint32_t bytes, bool isWrite, bool isRead = true);
uint8_t *accessGlobal(Warp &warp, uint32_t lane, uint64_t address,
                      uint32_t bytes, bool isWrite, bool isRead = true);
/// Counts an access of `bytes` a lane to shared memory as passes over the 32
/// banks.
void countSharedPasses(Warp &warp, const uint64_t *offsets, uint32_t mask,
                       uint32_t bytes);
/// Counts the 32-byte sectors of an access of `bytes` a lane to global memory.
void countSectors(Warp &warp, const uint64_t *addresses, uint32_t mask,
                  uint32_t bytes);
/// Both for lanes whose addresses never fall from lane to lane, in one pass: true
/// when they lie aligned in one allocation and were counted. False (nothing was
/// counted) says nothing about other patterns.
bool coverAscending(Warp &warp, const uint64_t *addresses, uint32_t mask,
                    uint32_t bytes);
/// Makes the instruction's remembered allocation cover all lanes; false when
/// they do not lie in one allocation or are not aligned.
bool coverGlobal(Warp &warp, const uint64_t *addresses, uint32_t mask,
                 uint32_t bytes);

/// The kind of an access, for the race detector.
enum class Access : uint8_t { read, write, atomic, asyncWrite };
void noteShared(Warp &warp, uint32_t lane, uint64_t offset, uint32_t bytes,
                Access access);
void noteGlobal(Warp &warp, uint32_t lane, uint64_t address, uint32_t bytes,
                Access access);

/// Lands the copies of lane `mask` whose group is older than the newest
/// `pending` committed groups.
void landCopies(Warp &warp, uint32_t mask, uint32_t pending);

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_EXEC_H
