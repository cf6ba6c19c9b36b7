//===- Races.h - Data-race detector -----------------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every byte of shared memory and every word of global memory remembers who
// wrote it last and who read it since. Two accesses of different threads, one
// of them a write, need something between them that orders them:
//
// * warps of one block: a barrier (vector clocks, one entry a warp);
// * lanes of one warp: a .sync operation or barrier that names both;
// * blocks: an atomic, volatile or ordered access of the one that another of
//   the other sees (a missing fence beside it is not detected).
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_RACES_H
#define RUNTIME_SIMULATOR_RACES_H

#include "runtime/Simulator/Exec.h"

#include <memory>
#include <unordered_map>

namespace lowbit::ptx {

/// Who touched something, and when as its warp and block saw it.
struct AccessStamp {
  uint32_t thread = ~0u; ///< Linear in the CTA; ~0: nobody.
  uint32_t cta = 0;
  uint32_t warpClock = 0; ///< Own entry of the warp's vector clock.
  uint32_t syncEpoch = 0; ///< Count of .sync operations of the warp.
  uint32_t ctaClock = 0;  ///< Releases of the block.
  uint32_t pc = 0;
  uint64_t serial = 0; ///< Of the executed instruction.
  Access access = Access::read;
  uint8_t bytes = 0; ///< Mask within the word, for global memory.
};

class RaceDetector {
public:
  explicit RaceDetector(const LaunchState &launch);

  void startCta(Cta &cta);
  /// A barrier released the warps of `warpMask`.
  void barrier(Cta &cta, uint32_t warpMask);
  /// The lanes of `mask` met; called after Warp::syncEpoch was advanced.
  void warpSync(Warp &warp, uint32_t mask);
  void fence(Warp &warp, uint32_t mask, bool device);
  void beginInstruction(Warp &) { ++serial; }
  void shared(Warp &warp, uint32_t lane, uint64_t offset, uint32_t bytes,
              Access access);
  void global(Warp &warp, uint32_t lane, uint64_t address, uint32_t bytes,
              Access access);
  /// mbarrier: an arrival publishes, a completed wait takes.
  void arrive(Warp &warp, uint64_t barrier);
  void wait(Warp &warp, uint64_t barrier);

private:
  struct Cell {
    AccessStamp write, read, otherRead;
  };
  struct CtaState {
    std::vector<uint32_t> clock;    ///< [warp][warp]
    std::vector<uint32_t> fullSync; ///< [warp]: epoch of the newest full sync.
    std::vector<uint32_t> pairSync; ///< [warp][lane][lane], made when needed.
    std::vector<Cell> shared;
    std::unordered_map<uint64_t, std::vector<uint32_t>> barriers;
    std::unordered_map<uint32_t, uint32_t> seen; ///< Block -> its clock.
    uint32_t ctaClock = 1;
    uint32_t id = 0;
  };
  const LaunchState &launch;
  uint32_t warps;
  uint64_t serial = 0;
  std::unordered_map<const Cta *, std::unique_ptr<CtaState>> states;
  std::unordered_map<uint64_t, Cell> words;
  std::unordered_map<uint64_t, std::unordered_map<uint32_t, uint32_t>> releases;

  CtaState &state(const Cta &cta) { return *states[&cta]; }
  bool ordered(CtaState &s, const Warp &warp, uint32_t lane,
               const AccessStamp &before);
  void check(CtaState &s, Warp &warp, uint32_t lane, Cell &cell,
             AccessStamp now, bool isShared, uint64_t address);
  AccessStamp stamp(CtaState &s, Warp &warp, uint32_t lane, Access access);
};

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_RACES_H
