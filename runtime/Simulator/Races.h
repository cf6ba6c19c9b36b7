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
// What ld.global.nc reads must not be written while the kernel runs (PTX ISA, ld):
// nothing orders it. A bit a byte for "read so" and one for "written" is enough, and
// cheap: weights are read so.
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_RACES_H
#define RUNTIME_SIMULATOR_RACES_H

#include "runtime/Simulator/Exec.h"

#include <array>
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

/// Values for addresses of which few parts are touched: pages made on first use.
template <class T, unsigned pageBits> class PagedTable {
public:
  static constexpr uint64_t pageSize = uint64_t(1) << pageBits;
  using Page = std::array<T, pageSize>;

  Page &page(uint64_t index) {
    const uint64_t number = index >> pageBits;
    Slot &slot = recent[number % recent.size()];
    if (!slot.page || slot.number != number) {
      std::unique_ptr<Page> &found = pages[number];
      if (!found)
        found = std::make_unique<Page>();
      slot = {number, found.get()};
    }
    return *slot.page;
  }
  T &operator[](uint64_t index) { return page(index)[index & (pageSize - 1)]; }

private:
  struct Slot {
    uint64_t number = 0;
    Page *page = nullptr;
  };
  std::unordered_map<uint64_t, std::unique_ptr<Page>> pages;
  std::array<Slot, 64> recent;
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
  /// ld.global.nc of aligned places of up to 32 bytes.
  void readConstant(Warp &warp, const uint64_t *addresses, uint32_t mask,
                    uint32_t bytes);
  /// mbarrier: an arrival publishes, a completed wait takes.
  void arrive(Warp &warp, uint64_t barrier);
  void wait(Warp &warp, uint64_t barrier);

private:
  struct Cell {
    AccessStamp write, read, otherRead;
  };
  /// 64 bytes of shared memory: by words, until something smaller is accessed there.
  struct SharedPage {
    std::array<Cell, 16> words;
    std::unique_ptr<std::array<Cell, 64>> bytes;
    void split();
  };
  struct CtaState {
    std::vector<uint32_t> clock;    ///< [warp][warp]
    std::vector<uint32_t> fullSync; ///< [warp]: epoch of the newest full sync.
    std::vector<uint32_t> pairSync; ///< [warp][lane][lane], made when needed.
    std::vector<std::unique_ptr<SharedPage>> shared;
    std::unordered_map<uint64_t, std::vector<uint32_t>> barriers;
    std::unordered_map<uint32_t, uint32_t> seen; ///< Block -> its clock.
    uint32_t ctaClock = 1;
    uint32_t id = 0;
  };
  /// One bit for each of 64 bytes.
  struct ConstantReads {
    uint64_t read = 0, written = 0;
    uint32_t readPc = 0, writePc = 0;
  };
  const LaunchState &launch;
  uint32_t warps;
  uint64_t serial = 0;
  std::vector<std::unique_ptr<CtaState>> states; ///< Cta::raceSlot - 1
  PagedTable<Cell, 6> words;
  PagedTable<ConstantReads, 10> constants;
  std::unordered_map<uint64_t, std::unordered_map<uint32_t, uint32_t>> releases;

  CtaState &state(const Cta &cta) { return *states[cta.raceSlot - 1]; }
  void writeConstant(Warp &warp, uint32_t lane, uint64_t address, uint32_t bytes);
  bool ordered(CtaState &s, const Warp &warp, uint32_t lane,
               const AccessStamp &before);
  void check(CtaState &s, Warp &warp, uint32_t lane, Cell &cell,
             AccessStamp now, bool isShared, uint64_t address);
  AccessStamp stamp(CtaState &s, Warp &warp, uint32_t lane, Access access);
};

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_RACES_H
