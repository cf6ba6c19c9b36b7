//===- GpuCode.h - Kernels of a plan for machines of threads ----*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The code section of a GPU target ("nvptx:sm_80"): texts of kernels, and how each
// stage of the plan is launched. A kernel has its stage's symbol as its name.
//
// Arguments of a kernel, in this order:
//   i64 x 8   the dimensions of the call (LOWBIT_DIM_*)
//   i64       work items of the stage
//   i64       its grain
//   pointers  to global memory, one for each entry of `bindings`: which of the plan's
//             bindings it is. 64-byte aligned, padded to a multiple of 64
//
// Groups (thread blocks) have `threads` threads on one axis. The first axis of groups
// has `groups`, or one for each work item; the second one for each `tokensPerGroup`
// rows, or one.
// A token of the call has `rowsPerToken` rows (the tokens of an image, say).
// Shared memory is declared in the text; `sharedBytes` repeats how much, for reports.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FORMAT_GPUCODE_H
#define LOWBIT_FORMAT_GPUCODE_H

#include "lowbit/Format/Plan.h"

namespace lowbit {

/// Arguments before the pointers.
inline constexpr unsigned gpuLeadingArguments = LOWBIT_DIM_COUNT + 2;

struct GpuStage {
  std::string symbol; ///< of the plan's stage, and of the kernel
  uint32_t text = 0;  ///< index of the text that has the kernel
  uint32_t threads = 0;        ///< of a group, 1 to 1024
  uint32_t groups = 0;         ///< on the first axis; 0: one for each work item
  uint32_t tokensPerGroup = 0; ///< 0: one group on the second axis
  uint32_t rowsPerToken = 1;   ///< at least 1
  uint32_t sharedBytes = 0;
  std::vector<uint32_t> bindings;
  bool operator==(const GpuStage &) const = default;
};

struct GpuText {
  std::string name; ///< of the plan's kernel
  std::string text; ///< PTX
  bool operator==(const GpuText &) const = default;
};

struct GpuCode {
  std::vector<GpuText> texts;
  std::vector<GpuStage> stages;
  bool operator==(const GpuCode &) const = default;
};

/// The section's bytes (deterministic) and back. Structure only.
std::vector<uint8_t> serializeGpuCode(const GpuCode &code);
StatusOr<GpuCode> parseGpuCode(std::span<const uint8_t> bytes);

/// Checks `code` against `plan`: names unique; each stage of the plan has an
/// entry, whose bindings its kernel has; texts and numbers in range.
Status validateGpuCode(const GpuCode &code, const Plan &plan);

} // namespace lowbit

#endif // LOWBIT_FORMAT_GPUCODE_H
