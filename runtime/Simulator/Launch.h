//===- Launch.h - Running kernels on the simulated device -------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The public face of the simulator: a device with memory, modules loaded into
// it, and launches that return findings and counters.
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_LAUNCH_H
#define RUNTIME_SIMULATOR_LAUNCH_H

#include "lowbit/Support/Status.h"
#include "runtime/Simulator/Memory.h"
#include "runtime/Simulator/Program.h"

#include <algorithm>

namespace lowbit::ptx {

enum class FindingKind : uint8_t {
  race,
  uninitialized,
  outOfBounds,
  misaligned,
  barrierDivergence,
  syncMask,     ///< A .sync mask names a lane that cannot come.
  asyncPending, ///< A copy was never waited for, or read before it landed.
  trap,
  assertion,
  limit,        ///< The instruction limit.
  deadlock,
  metadata,     ///< mma.sp with indices that the ISA leaves undefined.
};
const char *findingKindName(FindingKind kind);

/// Something a GPU would not have told.
struct Finding {
  FindingKind kind;
  std::string kernel;
  Loc loc;                ///< In the PTX text.
  uint32_t sourceLine = 0; ///< From .loc, 0 if none.
  Loc otherLoc;           ///< Of the other access of a race.
  uint32_t cta[3] = {0, 0, 0};
  uint32_t thread = 0;    ///< Linear in the CTA.
  uint64_t address = 0;
  std::string message;
  uint64_t count = 1;     ///< How often it happened at this place.
};

struct LaunchConfig {
  uint32_t grid[3] = {1, 1, 1}, block[3] = {1, 1, 1};
  uint32_t dynamicShared = 0;
  uint64_t seed = 0;  ///< 0: every warp runs as long as it can.
  bool races = false;
  unsigned threads = 1; ///< Host threads; 1 with races or a seed.
  uint64_t maxInstructions = 0; ///< Warp instructions; 0: no limit.
  bool unique = false; ///< Count the different bytes of global memory; slower.
};

/// Counters of one PTX instruction, summed over the launch.
struct LineStats {
  Loc loc;
  uint32_t sourceLine;
  std::string spelling;
  Pipe pipe;
  uint64_t issues, lanes, requests, sectors, bytes, passes, minimumPasses,
      divergent;
  /// Sectors that the bytes asked for fill when they lie side by side; lanes that
  /// ask for the same bytes make it less than that, never more than `sectors`.
  uint64_t idealSectors() const { return std::min(sectors, (bytes + 31) / 32); }
};

struct LaunchResult {
  bool failed = false; ///< Illegal address, trap and the like.
  FindingKind failure = FindingKind::trap;
  std::vector<Finding> findings;
  std::vector<LineStats> lines;
  uint64_t warpInstructions = 0;
  std::string printed; ///< Output of printf.
  uint64_t barriers = 0;
  uint64_t uniqueBytes = 0, uniqueSectors = 0; ///< With LaunchConfig::unique.
  double seconds = 0;
  std::shared_ptr<const std::string> text; ///< The module's, if it is kept.
};

/// Limits of the simulated GPU.
struct DeviceLimits {
  uint32_t arch = 90;
  uint32_t multiprocessors = 132;
  uint32_t maxThreadsPerBlock = 1024;
  uint32_t maxThreadsPerMultiprocessor = 2048;
  uint32_t registersPerMultiprocessor = 65536;
  uint32_t sharedPerBlock = 48 << 10;
  uint32_t sharedPerBlockOptin = 227 << 10;
  uint32_t sharedPerMultiprocessor = 228 << 10;
  uint32_t maxBlocksPerMultiprocessor = 32;
};
/// Limits of sm_`arch`; false for an unknown one.
bool deviceLimits(uint32_t arch, DeviceLimits &limits);

/// A module loaded into device memory.
class LoadedModule {
public:
  /// Parses, decodes every kernel, allocates and fills the variables.
  /// On failure the status's message has all diagnostics, one a line. With
  /// `ptxas` (see Ptxas.h) that program's errors are failures too, and its
  /// registers become limits of the launches.
  static StatusOr<std::unique_ptr<LoadedModule>>
  load(std::string_view text, uint32_t arch, DeviceMemory &memory,
       const std::string &ptxas = "");
  ~LoadedModule();

  const Program *kernel(std::string_view name) const;
  std::vector<std::string> kernelNames() const;
  /// Address and size of a module variable; false if there is none.
  bool variable(std::string_view name, uint64_t &address, uint64_t &bytes) const;
  const Module &syntax() const { return module; }
  /// Why ptxas could not say the registers, empty if it could or was not asked.
  const std::string &note() const { return ptxasNote; }

private:
  explicit LoadedModule(DeviceMemory &memory) : memory(memory) {}
  Module module;
  DeviceMemory &memory;
  std::string ptxasNote;
  std::map<std::string, uint64_t> addresses;
  std::map<std::string, std::unique_ptr<Program>, std::less<>> kernels;
};

/// Runs `program`. `params` has program.paramBytes bytes. An error status means
/// that the launch was refused; what went wrong inside it is in the result.
Status launch(const Program &program, DeviceMemory &memory,
              const DeviceLimits &limits, const LaunchConfig &config,
              const uint8_t *params, LaunchResult &result);

/// Counters of launches as JSON: per kernel, instruction mix, traffic, lines.
std::string statsToJson(const std::vector<std::pair<std::string, LaunchResult>>
                            &launches);
/// Counters added up by line of the PTX text, or (`source`) by the line that the
/// last .loc names; in the order of the lines.
std::vector<LineStats> statsByLine(const std::vector<LineStats> &lines, bool source);
/// A page of HTML without scripts: per kernel the totals, the instruction mix and
/// the lines of LaunchResult::text with their share of the issued instructions.
std::string statsToPage(const std::vector<std::pair<std::string, LaunchResult>>
                            &launches);
/// One line a finding, as tools print them.
std::string findingToString(const Finding &finding);

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_LAUNCH_H
