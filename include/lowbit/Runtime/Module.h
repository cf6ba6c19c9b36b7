//===- Module.h - A module on a device --------------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Maps and validates the file, makes its parameters addressable by the device and
// loads the code that fits it. Sessions run it.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_MODULE_H
#define LOWBIT_RUNTIME_MODULE_H

#include "lowbit/Format/Module.h"
#include "lowbit/Runtime/Device.h"

#include <memory>
#include <string>
#include <vector>

namespace lowbit {

/// Immutable after load; several sessions may share it. The device must outlive it.
class Module {
public:
  static StatusOr<std::unique_ptr<Module>>
  load(const std::string &path, Device &device,
       const ModuleReadOptions &options = {});
  /// Takes a file that is open already.
  static StatusOr<std::unique_ptr<Module>> load(ModuleReader reader,
                                                Device &device);

  const ModuleReader &file() const { return reader; }
  const Plan &plan() const { return reader.plan(); }
  Device &device() const { return *onDevice; }
  const Executable &executable() const { return *code; }
  /// Device address of a component.
  uint64_t componentAddress(uint32_t component) const;
  /// Says that these components are not read for a while: where parameters are
  /// used in place, the system may take their pages. A hint.
  void releaseComponents(std::span<const uint32_t> components) const;
  /// Executable stage numbers of a kernel's stages.
  std::span<const uint32_t> stagesOf(uint32_t kernel) const {
    return stages[kernel];
  }

private:
  Module(ModuleReader reader, Device &device)
      : reader(std::move(reader)), onDevice(&device) {}

  ModuleReader reader;
  Device *onDevice;
  std::unique_ptr<Buffer> weights;
  std::unique_ptr<Executable> code;
  std::vector<std::vector<uint32_t>> stages;
};

} // namespace lowbit

#endif // LOWBIT_RUNTIME_MODULE_H
