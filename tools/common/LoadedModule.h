//===- LoadedModule.h - A module on the device that the flags name -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_COMMON_LOADEDMODULE_H
#define LOWBIT_TOOLS_COMMON_LOADEDMODULE_H

#include "lowbit/Runtime/Module.h"
#include "runtime/Models/Llm.h"
#include "runtime/Text/Tokenizer.h"
#include "tools/common/Flags.h"
#include "tools/common/Json.h"

#include <memory>
#include <optional>

namespace lowbit {

/// Flags that every tool that runs a module has.
struct ModuleFlags {
  std::string module;
  std::string device = "auto";
  std::string codeTarget;
  int64_t threads = 0;
  bool noVerify = false;
  std::string parameters = "auto";
  bool listDevices = false;

  void addTo(Flags &flags);
};

/// Prints the device table of --list-devices.
Status printDevices();

/// A device with a module on it; the order of the members is their lifetime.
struct LoadedModule {
  std::unique_ptr<Device> device;
  std::unique_ptr<Module> module;

  static StatusOr<LoadedModule> load(const ModuleFlags &flags,
                                     unsigned threads);
  /// The module's tokenizer; none when it has no tokenizer section.
  StatusOr<std::optional<Tokenizer>> tokenizer() const;
};

/// Fields that describe a module and what its kernels did, for --stats and bench.
void writeModuleFields(JsonWriter &json, const LoadedModule &loaded);
void writeMemoryFields(JsonWriter &json, const Device &device);
/// One statistics entry for each kernel of the plan; `timed` adds seconds.
void writeKernelCalls(JsonWriter &json, const Plan &plan,
                      std::span<const KernelStatistics> statistics, bool timed);

} // namespace lowbit

#endif // LOWBIT_TOOLS_COMMON_LOADEDMODULE_H
