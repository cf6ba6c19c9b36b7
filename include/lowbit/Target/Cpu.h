//===- Cpu.h - What a CPU can do --------------------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table row for each level that code can be compiled for. Passes ask for
// capabilities, never for a name; the runtime asks which image of a module fits
// the machine it is on.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TARGET_CPU_H
#define LOWBIT_TARGET_CPU_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace lowbit {

enum class CpuArch : uint8_t { x86_64, aarch64 };

/// Features that kernels make use of.
struct CpuCapabilities {
  bool fma = false;           ///< fused multiply-add in vectors of f32
  bool f16c = false;          ///< f16 <-> f32 conversion instructions
  bool pairwiseU8S8 = false;  ///< u8 x s8 pairs added to s16 (vpmaddubsw)
  bool vnni = false;          ///< u8 x s8 quads added to s32 (vpdpbusd)
  bool avx512 = false;        ///< 512-bit integer and float vectors with masks
  uint32_t vectorBytes = 16;  ///< widest vector that is worth using
  uint32_t vectorRegisters = 16;
};

struct CpuTarget {
  std::string_view name; ///< "x86-64-v3"
  CpuArch arch = CpuArch::x86_64;
  std::string_view triple;   ///< for LLVM
  std::string_view cpu;      ///< LLVM's -mcpu
  std::string_view features; ///< LLVM's -mattr, may be empty
  CpuCapabilities capabilities;
  std::string_view description;
};

/// Every level, from least to most capable within an architecture.
std::span<const CpuTarget> allCpuTargets();
/// The row called `name`, or null.
const CpuTarget *findCpuTarget(std::string_view name);
/// The most capable row that runs on this machine (by cpuid and the state that
/// the operating system saves). Null on an architecture without rows.
const CpuTarget *hostCpuTarget();
/// True when code for `image` runs on a machine of level `machine`.
bool runsOn(const CpuTarget &image, const CpuTarget &machine);

/// Resolves what follows "--target=": "host" or "cpu:NAME" or "cpu:host".
StatusOr<const CpuTarget *> parseCpuTarget(std::string_view spec);
/// The best of a module's code targets ("cpu:x86-64-v3", others are passed over)
/// for a machine. The error lists what the module has and what the machine is.
StatusOr<std::string> selectCpuImage(std::span<const std::string> targets,
                                     const CpuTarget *machine);

/// The text of --list-targets: CPU levels, then NVPTX chips.
std::string listTargets();

} // namespace lowbit

#endif // LOWBIT_TARGET_CPU_H
