//===- Report.h - What a compilation did ------------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_COMPILER_REPORT_H
#define LIB_COMPILER_REPORT_H

#include "lowbit/Format/Plan.h"
#include "lowbit/Format/Schedule.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mlir::lowbit {

struct ParameterReport {
  std::string name;
  std::vector<int64_t> shape;
  std::string encoding;
  double codeBits = 0;  ///< bits a weight of the codes alone
  double totalBits = 0; ///< with scales, offsets and padding
  uint64_t bytes = 0;
  bool shared = false; ///< its bytes are another parameter's
};

struct KernelReport {
  std::string name;
  std::vector<std::string> strategies; ///< "pairwise_madd on cpu:x86-64-v3"
  uint64_t parameterBytes = 0;    ///< read by one run
  uint64_t operationsPerToken = 0; ///< multiply-adds times two
  unsigned dispatches = 0;        ///< places in the program that run it
};

/// A PTX kernel; products that need the same code share it.
struct PtxKernelReport {
  std::string name, target, strategy;
  unsigned threads = 0;     ///< of a block
  uint64_t sharedBytes = 0; ///< of a block
  unsigned dp4a = 0;        ///< instructions in the text
  unsigned products = 0;    ///< of distinct dispatches that use it
  uint64_t bytes = 0;       ///< of text
};

struct CodeReport {
  std::string target;
  uint64_t bytes = 0;
};

struct PhaseTime {
  std::string phase;
  double seconds = 0;
};

/// What a loop over denoising steps reads of parameters. Bytes read are those of one
/// call for one image, as PlanKernel::parameterBytes counts them.
struct DenoiseReport {
  int64_t steps = 0;
  uint64_t loopBytes = 0;    ///< stored, that stay resident in the loop
  uint64_t hoistedBytes = 0; ///< stored, read before the loop only and evicted
  uint64_t readOnce = 0;     ///< before the loop
  uint64_t readInLoop = 0;   ///< by all steps
  uint64_t readUnhoisted = 0; ///< by all steps, were nothing hoisted
};

/// Collected on the way; printed as text or JSON.
struct CompileReport {
  std::string input, output, activations;
  std::vector<std::string> targets;
  std::vector<ParameterReport> parameters;
  std::vector<KernelReport> kernels;
  std::vector<PtxKernelReport> ptxKernels;
  std::vector<CodeReport> code;
  std::vector<PhaseTime> phases;
  std::vector<std::string> notes; ///< fallbacks and other things to know
  uint64_t moduleBytes = 0;
  uint64_t bufferBytesPerToken = 0, bufferBytes = 0; ///< transient memory
  uint64_t stateBytesPerPosition = 0;                ///< caches of all layers
  size_t slots = 0, buffers = 0;
  double peakResidentMiB = 0;
  std::optional<DenoiseReport> denoise; ///< of diffusion models

  /// The memory plan.
  void addPlan(const ::lowbit::Plan &plan);
  /// The loop of a diffusion model.
  void addSchedule(const ::lowbit::DenoiseSchedule &schedule, const ::lowbit::Plan &plan,
                   const ::lowbit::ComponentTable &components);
  /// Stored bytes, each counted once.
  uint64_t storedParameterBytes() const;
  /// Bits a logical weight of matrices, metadata included.
  double bitsPerWeight() const;

  std::string toText() const;
  /// The part of it about PTX kernels; empty where there are none.
  std::string ptxText() const;
  std::string toJson(bool withTimes) const;
};

} // namespace mlir::lowbit

#endif // LIB_COMPILER_REPORT_H
