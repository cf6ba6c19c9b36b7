//===- LaunchRecorder.h - Launches of a model, to be run again --*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A driver for the CUDA device in this process: the PTX simulator, which keeps what the
// memory held before and after the first launch of each kernel while it records.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_LIB_CODEGEN_NVPTX_LAUNCHRECORDER_H
#define LOWBIT_TEST_UNIT_LIB_CODEGEN_NVPTX_LAUNCHRECORDER_H

#include "runtime/Device/CUDA/CudaDriver.h"
#include "runtime/Simulator/Launch.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace lowbit::test {

/// The first recorded launch of a kernel.
struct RecordedLaunch {
  std::string kernel;
  const std::string *text = nullptr; ///< of its module
  ptx::LaunchConfig config;
  std::vector<uint8_t> parameters;
  uint64_t warpInstructions = 0;
  std::set<uint32_t> idleLines; ///< of the text: instructions that were never reached
  /// All device memory: address and bytes of each allocation.
  using Memory = std::map<uint64_t, std::vector<uint8_t>>;
  Memory before, after;
};

/// What a changed kernel did in the place of a recorded one.
struct ReplayResult {
  std::string refusal;  ///< why it did not load or start
  std::string finding;  ///< the first of the simulator's findings
  bool differs = false; ///< some byte of memory is another one
  bool reported() const { return differs || !refusal.empty() || !finding.empty(); }
};

class LaunchRecorder {
public:
  explicit LaunchRecorder(uint32_t arch);
  LaunchRecorder(const LaunchRecorder &) = delete;
  LaunchRecorder &operator=(const LaunchRecorder &) = delete;

  /// A driver of this recorder. One recorder has a driver at a time in a process:
  /// entry points are plain functions.
  std::unique_ptr<cuda::Driver> makeDriver();

  /// Begins to keep launches.
  void record() { recording = true; }
  const std::vector<RecordedLaunch> &launches() const { return recorded; }
  /// Findings of the launches so far, which must be none.
  const std::string &findings() const { return found; }

  /// Runs `launch` with the module `text` and race detection, on the memory it had.
  ReplayResult replay(const RecordedLaunch &launch, const std::string &text,
                      uint64_t seed);

private:
  struct Entry;
  struct LoadedText {
    std::string text;
    std::unique_ptr<ptx::LoadedModule> module;
  };
  struct LoadedKernel {
    const LoadedText *text = nullptr;
    std::string name;
    const ptx::Program *program = nullptr;
  };
  RecordedLaunch::Memory snapshot();
  cuda::Result launch(const LoadedKernel &kernel, const ptx::LaunchConfig &config,
                      void **arguments);

  ptx::DeviceMemory memory;
  ptx::DeviceLimits limits;
  std::vector<std::unique_ptr<LoadedText>> texts;
  std::vector<std::unique_ptr<LoadedKernel>> kernels;
  std::vector<RecordedLaunch> recorded;
  std::string found;
  bool recording = false;
};

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_LIB_CODEGEN_NVPTX_LAUNCHRECORDER_H
