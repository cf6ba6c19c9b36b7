//===- Samplers.h - The steps of a denoising loop ---------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What happens to the latent between two calls of the model, in the order of f32
// operations that dialects/Lowbit/Semantics.md writes down (clauses D1 to D4). All
// numbers of a step are computed before the loop, so a resumed run has the same.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_MODELS_SAMPLERS_H
#define LOWBIT_RUNTIME_MODELS_SAMPLERS_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace lowbit {

enum class SamplerKind : uint8_t {
  euler, ///< rectified flow: the model predicts the velocity dx/dt, t from 0 to 1
  ddim,  ///< DDIM without noise (eta 0): the model predicts the noise
};
const char *samplerName(SamplerKind kind);
/// "euler" or "ddim"; the error lists them.
StatusOr<SamplerKind> parseSampler(std::string_view name);

/// Where the steps of a DDIM schedule lie among its training timesteps, as in
/// diffusers' `timestep_spacing`.
enum class StepSpacing : uint8_t { leading, trailing, linspace };

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

/// D2: step i of N at time i/N, delta 1/N, each one rounding of the exact value.
/// `steps` is at least 1.
std::vector<SamplerStep> eulerSteps(int64_t steps);

/// The training schedule that DDIM walks.
struct DdimTable {
  /// Cumulative products of 1 - beta, one for each training timestep, in (0, 1].
  std::span<const float> alphas;
  StepSpacing spacing = StepSpacing::leading;
  int64_t offset = 0;     ///< added to each timestep (`leading` only)
  float finalAlpha = 1;   ///< after the last step
};
/// D3. `steps` is 1 to the number of training timesteps; timesteps that fall
/// outside the table are an error.
StatusOr<std::vector<SamplerStep>> ddimSteps(const DdimTable &table,
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
