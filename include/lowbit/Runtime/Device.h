//===- Device.h - Memory, code and launches ---------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A device is created by a caller and handed to modules and sessions; there is no
// global one. The interface is narrow on purpose: memory that is addressed by
// numbers, code images, and launches of staged kernels.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_DEVICE_H
#define LOWBIT_RUNTIME_DEVICE_H

#include "lowbit/Format/Plan.h"
#include "lowbit/Support/Status.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lowbit {

class ModuleReader;

/// What memory is for; reports group peaks by it.
enum class MemoryKind : uint8_t { parameters, state, transient, io };
const char *memoryKindName(MemoryKind kind);
inline constexpr unsigned memoryKinds = 4;

/// A piece of device memory, 64-byte aligned, padded to a multiple of 64. Freed
/// with the object; the device must outlive it.
class Buffer {
public:
  virtual ~Buffer() = default;
  /// Bytes that may be read and written through the device.
  virtual uint64_t size() const = 0;
  /// Address that launches take as a binding.
  virtual uint64_t address() const = 0;
  /// The bytes where the host can touch them directly, else null.
  virtual uint8_t *hostBytes() = 0;
};

/// A code image that a device has loaded.
class Executable {
public:
  virtual ~Executable() = default;
  /// "cpu:x86-64-v3".
  virtual std::string_view target() const = 0;
  /// Number of the stage called `symbol`, for StageLaunch.
  virtual StatusOr<uint32_t> findStage(std::string_view symbol) const = 0;
};

struct StageLaunch {
  uint32_t stage = 0;        ///< from Executable::findStage
  int64_t items = 0;         ///< work items, >= 0
  int64_t grain = 1;         ///< workers claim multiples of this, >= 1
  uint64_t scratchBytes = 0; ///< for each worker
};

/// One kernel: its stages in order, all with the same bindings. What the spans and
/// `dims` point to need not outlive the call of launch().
struct Launch {
  const Executable *executable = nullptr;
  std::span<const StageLaunch> stages;
  std::span<const uint64_t> bindings; ///< device addresses
  const PlanDims *dims = nullptr;
};

class Device {
public:
  virtual ~Device() = default;
  /// "cpu", "cuda", "null".
  virtual std::string_view name() const = 0;
  /// For people: "cpu, 2 threads, x86-64-v3".
  virtual std::string describe() const = 0;
  /// False for a device that checks launches but computes nothing.
  virtual bool executes() const = 0;
  /// Workers that launches use, >= 1.
  virtual unsigned threads() const = 0;

  /// Memory of `bytes` (0 is allowed), zero at first.
  virtual StatusOr<std::unique_ptr<Buffer>> allocate(uint64_t bytes,
                                                     MemoryKind kind) = 0;
  /// Makes read-only host bytes addressable. A device that shares the host's
  /// memory may use them in place: they must outlive the buffer, be 64-byte
  /// aligned and readable up to the next multiple of 64.
  virtual StatusOr<std::unique_ptr<Buffer>>
  import(std::span<const uint8_t> bytes) = 0;
  /// Copies; ranges outside the buffer are an error.
  virtual Status write(Buffer &buffer, uint64_t offset,
                       std::span<const uint8_t> bytes) = 0;
  virtual Status read(Buffer &buffer, uint64_t offset,
                      std::span<uint8_t> bytes) = 0;
  /// Zeroes a range.
  virtual Status clear(Buffer &buffer, uint64_t offset, uint64_t size) = 0;

  /// Loads the best image that `module` has for this device. `unavailable` when
  /// there is none; the message lists what the module has.
  virtual StatusOr<std::unique_ptr<Executable>>
  load(const ModuleReader &module) = 0;
  /// Makes sure that launches with up to `bytes` of scratch allocate nothing.
  virtual Status reserveScratch(uint64_t bytes) = 0;
  /// Runs a kernel after everything launched before it. Its memory may be in use
  /// until wait(). Not to be called from two threads at a time.
  virtual Status launch(const Launch &launch) = 0;
  /// Returns when everything launched has finished.
  virtual Status wait() = 0;

  /// Bytes allocated now and at most so far, by kind. Imported bytes count as
  /// parameters.
  struct MemoryUse {
    uint64_t current[memoryKinds] = {};
    uint64_t peak[memoryKinds] = {};
  };
  const MemoryUse &memory() const { return use; }

  /// Counts `bytes` more, or less; for the devices' buffers.
  void account(MemoryKind kind, int64_t bytes);

protected:
  MemoryUse use;
};

/// Where the CPU device keeps parameters. Decoding SmolLM2 Q4_1 from huge pages was
/// 1.1 to 1.4 times as fast as from the 4 KiB pages of the mapped file (2 cores of
/// an AMD EPYC shared with other work, 2026-11-23, lowbit-bench -p 0 -n 64).
enum class ParameterPlacement : uint8_t {
  automatic, ///< copied where they fit a quarter of the memory available
  mapped,    ///< used in the mapped file
  copied,    ///< copied into huge pages
};

struct DeviceOptions {
  /// Workers of the CPU device; 0: one for each core that this process may use.
  unsigned threads = 0;
  ParameterPlacement parameters = ParameterPlacement::automatic;
  /// Code section that a device loads ("cpu:x86-64", "nvptx:sm_80"); empty: the
  /// best one that fits the machine.
  std::string codeTarget;
  /// Puts every allocation right against an inaccessible page (tests): an access
  /// past the padded end, or before the start, faults.
  bool guardPages = false;
};

/// Makes devices by name. A value, filled by the program that uses it.
class DeviceRegistry {
public:
  using Factory =
      std::function<StatusOr<std::unique_ptr<Device>>(const DeviceOptions &)>;
  void add(std::string name, Factory factory);
  std::vector<std::string> names() const;
  /// `auto` takes the first registered device that can be made.
  StatusOr<std::unique_ptr<Device>> create(std::string_view name,
                                           const DeviceOptions &options) const;

private:
  std::vector<std::pair<std::string, Factory>> factories;
};

/// The devices of this build: "cpu", "cuda", "null".
DeviceRegistry builtinDevices();

} // namespace lowbit

#endif // LOWBIT_RUNTIME_DEVICE_H
