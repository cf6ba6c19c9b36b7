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

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <unordered_map>

namespace lowbit::ptx {

class RaceDetector;

inline constexpr uint32_t allLanes = ~0u;

/// How often instructions were executed, as differences: an entry is added at the first of
/// a run of instructions that the same lanes execute, and taken away behind its last.
struct RunCount {
  uint64_t issues = 0, lanes = 0;
};

/// Counters of one instruction, and what the memory handlers remember about
/// the allocation that it touched last.
struct PerInstruction {
  uint64_t guardedOff = 0;                       ///< Lanes of the run whose guard was false.
  uint64_t requests = 0, sectors = 0, bytes = 0; ///< Global memory.
  uint64_t passes = 0, minimumPasses = 0;        ///< Shared memory.
  uint64_t divergent = 0;                        ///< Branches that split.
  uint64_t cacheBegin = 1, cacheEnd = 0;
  bool cacheWritten = false;
  bool stores = false; ///< Into memory with marks.
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
  uint32_t mask;  ///< Lanes whose part is still to land.
  uint32_t taken; ///< Those whose data were read at issue (the schedule decides).
  uint32_t group, bytes, pc;
  bool whole; ///< 16 bytes a lane, none taken.
  uint32_t shared[32]; ///< Destination offsets in the shared window.
  uint64_t source[32]; ///< Global addresses.
  uint8_t sourceBytes[32]; ///< Unless `whole`.
};

/// Copies of a warp in the order of their issue.
struct CopyQueue {
  std::vector<PendingCopy> entries; ///< Those before `first` have landed.
  size_t first = 0;
  /// With a seed: what was read at issue, 16 bytes for each lane of each entry.
  std::vector<uint8_t> data;
  static constexpr size_t dataBytes = 32 * 16;

  void clear() {
    entries.clear();
    data.clear();
    first = 0;
  }
  /// Forgets copies at the front that have landed.
  void settle();
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
  CopyQueue copies;
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

/// State of the bytes of shared memory, 16 in a word: bit k says that byte k was written, bit
/// 16 + k that a cp.async to it has not landed (then it does not count as written).
class SharedMarks {
public:
  static constexpr uint32_t unitBytes = 16;
  void resize(size_t bytes) { units.resize((bytes + unitBytes - 1) / unitBytes); }
  void clear() { std::fill(units.begin(), units.end(), 0); }
  /// Of `bytes` (a power of two up to 16) at `at`, a multiple of them.
  bool written(size_t at, uint32_t bytes) const {
    const uint32_t span = spanOf(at, bytes);
    return (units[at / unitBytes] & (span | span << 16)) == span;
  }
  void setWritten(size_t at, uint32_t bytes) {
    uint32_t &unit = units[at / unitBytes];
    const uint32_t span = spanOf(at, bytes);
    unit = (unit & ~(span << 16)) | span;
  }
  void setInFlight(size_t at, uint32_t bytes) {
    uint32_t &unit = units[at / unitBytes];
    const uint32_t span = spanOf(at, bytes);
    unit = (unit & ~span) | span << 16;
  }
  bool isWritten(size_t at) const { return units[at / unitBytes] >> (at % unitBytes) & 1; }
  bool isInFlight(size_t at) const {
    return units[at / unitBytes] >> (16 + at % unitBytes) & 1;
  }
  /// Words of whole units, for those who handle 16 bytes at once.
  static constexpr uint32_t unitWritten = 0xffff, unitInFlight = 0xffff0000;
  uint32_t *data() { return units.data(); }
  const uint32_t *data() const { return units.data(); }

private:
  std::vector<uint32_t> units;
  static uint32_t spanOf(size_t at, uint32_t bytes) {
    return ((1u << bytes) - 1) << (at % unitBytes);
  }
};

struct Cta {
  uint32_t id[3] = {0, 0, 0};
  uint64_t linear = 0;
  std::vector<uint8_t> shared; ///< Index: offset - sharedBase.
  SharedMarks sharedMarks;
  std::vector<uint8_t> registers, local, localMarks;
  std::vector<Warp> warps;
  uint32_t liveThreads = 0;
  BarrierState barriers[16];
  bool done = false;
  uint64_t raceSlot = 0; ///< The race detector's; 0: not yet known to it.
};

/// Marks of a byte in global and local memory.
enum ByteMark : uint8_t { byteUnwritten = 0, byteWritten = 1 };

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
  RunCount *runs = nullptr; ///< One more than instructions.
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

/// Whether the remembered allocation of the instruction, or else the one at `low`, which is
/// remembered then, holds all bytes from `low` to `high + bytes`.
bool rememberGlobal(Warp &warp, uint64_t low, uint64_t high, uint32_t bytes);

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
