//===- Denoise.h - The denoising loop ---------------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From noise to image latents: a fixed number of steps, each with one call of the
// model for every group of images, guidance, and the sampler's update. The result
// of an image does not depend on the images beside it, so neither the group size
// nor an interruption between steps changes a bit.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_MODELS_DENOISE_H
#define LOWBIT_RUNTIME_MODELS_DENOISE_H

#include "runtime/Models/DenoiseState.h"
#include "runtime/Models/Samplers.h"

#include <atomic>
#include <functional>

namespace lowbit {

/// The steps of a loop, of which [first, end) are made.
struct DenoiseSteps {
  std::vector<SamplerStep> all;
  int64_t first = 0;
  int64_t end = 0;
};

/// What the loop needs of a model. Implemented by DiffusionModel and by tests.
class DenoiseFunction {
public:
  virtual ~DenoiseFunction() = default;
  /// Numbers of one image's latent, row-major [channels, height, width].
  virtual int64_t latentSize() const = 0;
  /// Prepares for these steps and all labels that predict() will name (each
  /// once).
  virtual Status prepare(const DenoiseSteps &steps,
                         std::span<const int32_t> labels) = 0;
  /// The prediction for labels.size() images at step `step`; latents and
  /// prediction are [images, latentSize()].
  virtual Status predict(int64_t step, std::span<const int32_t> labels,
                         std::span<const float> latents,
                         std::span<float> prediction) = 0;
};

struct DenoiseOptions {
  SamplerKind sampler = SamplerKind::euler;
  DenoiseSteps steps;
  /// For each step the earlier one whose prediction it takes, or -1; empty: every
  /// step calls the model.
  std::vector<int64_t> reuse;
  /// Classifier-free guidance; 1 computes no unconditional prediction.
  float guidance = 1;
  /// The label that stands for no class; used with guidance only.
  int32_t nullLabel = -1;
  /// Images of one call (twice as many rows with guidance), >= 1.
  int64_t batch = 16;
  /// Called after each step with the number of steps done so far in the whole
  /// loop. May be empty.
  std::function<void(int64_t done)> onStep;
  /// Ends the loop after the step at hand when it becomes true. May be null.
  const std::atomic<bool> *interrupt = nullptr;
};

struct DenoiseResult {
  /// The next step that would be made; steps.end unless interrupted.
  int64_t nextStep = 0;
  /// The model's prediction (after guidance) at the first step that was made,
  /// [images, latentSize].
  std::vector<float> firstPrediction;
  double seconds = 0; ///< without prepare()
  double prepareSeconds = 0;
};

/// Moves `latents` ([labels.size(), latentSize]) in place through the steps. An
/// error leaves them unspecified. `kept` holds predictions of steps before
/// steps.first that later ones reuse; afterwards those that steps from nextStep on
/// reuse.
StatusOr<DenoiseResult> denoise(DenoiseFunction &model,
                                std::span<const int32_t> labels,
                                std::span<float> latents,
                                KeptPredictions &kept,
                                const DenoiseOptions &options);

/// The place in `schedule.variants` of the one that makes step `step` of a loop of
/// `steps` (both at most 100000): the schedule's ranges, scaled.
size_t variantOfStep(const DenoiseSchedule &schedule, int64_t step,
                     int64_t steps);

/// DenoiseOptions::reuse of a loop. A schedule that reuses predictions has only
/// loops of its default number of steps.
StatusOr<std::vector<int64_t>> stepReuse(const DenoiseSchedule &schedule,
                                         int64_t steps);

} // namespace lowbit

#endif // LOWBIT_RUNTIME_MODELS_DENOISE_H
