//===- Samplers.h - The steps of a denoising loop ---------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What happens to the latent between two calls of the model, in the order of f32
// operations that dialects/Lowbit/Semantics.md writes down (clauses D1 to D3). All
// numbers of a step are computed before the loop, so a resumed run has the same.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_MODELS_SAMPLERS_H
#define LOWBIT_RUNTIME_MODELS_SAMPLERS_H

#include "lowbit/Format/Schedule.h"

#include <cstdint>
#include <span>
#include <vector>

namespace lowbit {

/// One step of a loop of a given length.
struct SamplerStep {
  float time = 0; ///< what the model is told
  /// euler: time to the next step.
  float delta = 0;
  /// ddim: sqrt(alpha), sqrt(1 - alpha) of this and of the next step, alpha the
  /// cumulative product.
  float signal = 1, noise = 0, nextSignal = 1, nextNoise = 0;
  bool operator==(const SamplerStep &) const = default;
};

/// D2 and D3: the steps of a loop of `steps` steps. A schedule with explicit times
/// has only loops of defaultSteps; a ddim schedule at most as many as it has
/// training timesteps. The schedule must be valid.
StatusOr<std::vector<SamplerStep>> samplerSteps(const DenoiseSchedule &schedule,
                                                int64_t steps);

/// D1, classifier-free guidance: `guided = u + scale * (guided - u)`, two
/// roundings after the difference. Both spans have one length.
void applyGuidance(float scale, std::span<const float> unconditional,
                   std::span<float> guided);

/// D2 or D3: moves the latent by one step. Both spans have one length.
void advance(SamplerKind kind, const SamplerStep &step,
             std::span<const float> prediction, std::span<float> latent);

} // namespace lowbit

#endif // LOWBIT_RUNTIME_MODELS_SAMPLERS_H
