//===- DiffusionModel.h - A module that denoises ----------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Binds the functions that a module's schedule names (lowbit/Format/Schedule.h)
// to the denoising loop. What a variant's `condition` gives is computed once, for
// all steps and labels together, and kept on the host; a step uploads the rows of
// its images.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_MODELS_DIFFUSIONMODEL_H
#define LOWBIT_RUNTIME_MODELS_DIFFUSIONMODEL_H

#include "lowbit/Runtime/Session.h"
#include "runtime/Models/Denoise.h"

namespace lowbit {

struct DiffusionOptions {
  /// Rows of one predict() at most: images, twice as many with guidance.
  int64_t rows = 1;
  /// Makes all steps; empty: each step's own of the schedule.
  std::string variant;
  bool timeKernels = false;
};

/// Bytes of parameters, by who reads them.
struct DiffusionParameters {
  uint64_t prepareOnly = 0; ///< read by prepare() and not by the loop
  uint64_t loop = 0;        ///< resident in the loop
  uint64_t readByPrepare = 0; ///< read so far, by the plan's formulas
  uint64_t readByLoop = 0;
};

/// Not thread-safe; the module must outlive it.
class DiffusionModel : public DenoiseFunction {
public:
  static StatusOr<std::unique_ptr<DiffusionModel>>
  create(const Module &module, const DiffusionOptions &options);
  ~DiffusionModel() override;

  const DenoiseSchedule &schedule() const;
  /// Name of the variant that makes step `step` of `steps`.
  const std::string &variantOf(int64_t step, int64_t steps) const;
  DiffusionParameters parameters() const;
  /// One entry for each kernel of the plan, prepare() and loop together.
  std::vector<KernelStatistics> statistics() const;
  void resetStatistics();

  int64_t latentSize() const override;
  /// Computes the conditioning, and lets go of the memory of parameters that the
  /// loop does not read, where they are mapped from the file.
  Status prepare(const DenoiseSteps &steps,
                 std::span<const int32_t> labels) override;
  Status predict(int64_t step, std::span<const int32_t> labels,
                 std::span<const float> latents,
                 std::span<float> prediction) override;

private:
  struct Impl;
  explicit DiffusionModel(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

} // namespace lowbit

#endif // LOWBIT_RUNTIME_MODELS_DIFFUSIONMODEL_H
