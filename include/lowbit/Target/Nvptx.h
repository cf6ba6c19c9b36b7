//===- Nvptx.h - What an NVIDIA GPU can do ----------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One row for each chip and one for each instruction that kernels choose among;
// data only. The PTX version of a kernel is the largest minimum of its chip and its
// instructions: LLVM aborts on a version that is too low, so ask here first.
// Measured with LLVM 22.1.8 and ptxas 13.0.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TARGET_NVPTX_H
#define LOWBIT_TARGET_NVPTX_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace lowbit {

/// A chip ("sm_90a"). Names ending in 'a' have architecture-specific features.
struct NvptxTarget {
  std::string_view name;
  uint32_t sm = 0;             ///< 75, 80 ... 121
  bool specific = false;       ///< an 'a' target
  uint32_t minimumPtx = 0;     ///< 63 means PTX 6.3
  uint32_t sharedBytes = 0;    ///< largest shared memory of a block
  uint32_t registersPerSm = 65536;
  uint32_t threadsPerSm = 0;
  std::string_view description;
};

enum class NvptxInstruction : uint8_t {
  dp4a,
  mmaS8M8N8K16,
  mmaS8M16N8K16,
  mmaS8M16N8K32,
  mmaS4M16N8K64,
  mmaB1AndM16N8K256,
  mmaF16M16N8K16,
  mmaE4m3M16N8K32,
  mmaF8f6f4M16N8K32,
  mmaBlockScale,
  wgmmaS8,
  wgmmaU8S8,
  tcgen05I8,
  tcgen05F8f6f4,
  ldmatrix,
  movmatrix,
  cpAsync,
  tma,
};

/// How a chip has an instruction.
struct NvptxSupport {
  bool available = false;
  bool native = false;     ///< one machine instruction, not an emulation
  uint32_t minimumPtx = 0; ///< of the pair; 0 when not available
};

std::span<const NvptxTarget> allNvptxTargets();
/// The row called `name` ("sm_80"), or null.
const NvptxTarget *findNvptxTarget(std::string_view name);
/// Resolves "nvptx:sm_80".
StatusOr<const NvptxTarget *> parseNvptxTarget(std::string_view spec);
/// The best of a module's code targets for a device of compute capability `sm` (80):
/// text made for exactly this chip, else for the latest earlier one. `unavailable` when
/// there is none; the message lists what there is.
StatusOr<std::string> selectNvptxImage(std::span<const std::string> targets, uint32_t sm);
NvptxSupport supportOf(const NvptxTarget &target, NvptxInstruction instruction);
/// "mma.sync s8 m16n8k32".
std::string_view nvptxInstructionName(NvptxInstruction instruction);
/// PTX version needed by all of `instructions` on `target`, or an error that
/// names the one it lacks.
StatusOr<uint32_t>
requiredPtx(const NvptxTarget &target,
            std::span<const NvptxInstruction> instructions);

} // namespace lowbit

#endif // LOWBIT_TARGET_NVPTX_H
