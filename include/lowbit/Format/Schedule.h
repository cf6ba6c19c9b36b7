//===- Schedule.h - How a diffusion model is stepped ------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The schedule section of a module whose "model.kind" is "diffusion": what a
// latent is, which functions of the plan predict, and where the steps lie. It is
// plain data; the runtime's denoising loop obeys it.
//
// Functions of a variant are found by name, and their tensors by name:
//   `predict`    input  "latent" f32 [images, latent numbers]
//                inputs "time" f32 [images] or [images, features],
//                       "label" i32 [images], each only where the model has it
//                inputs of any other name: outputs of `condition` of that name,
//                       f32 [images, columns]
//                output 0: the prediction, f32 [images, at least latent numbers];
//                       further numbers (a learned variance) are not used
//                dims[TOKENS] = images * tokensPerImage
//   `condition`  inputs  "time", "label" as above, for rows of their own
//                outputs f32 [rows, columns]: what does not depend on the latent
//                dims[TOKENS] = rows
// Rows may be padded (TensorDesc::columns).
//
// "time" of one column is the time itself: t in [0, 1] (euler) or the training
// timestep (ddim). With F = 2 * timeFrequencies.size() columns it is the
// sinusoidal embedding: angle_i = f32(f32(timeScale * t) * timeFrequencies[i]);
// all cosines, then all sines (sines first without cosinesFirst), each the
// exact value rounded to f32.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FORMAT_SCHEDULE_H
#define LOWBIT_FORMAT_SCHEDULE_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lowbit {

struct Plan;

/// How the latent moves between two calls of the model; the numbers are part of
/// the format.
enum class SamplerKind : uint8_t {
  euler = 0, ///< rectified flow: the model predicts dx/dt, t from 0 to 1
  ddim = 1,  ///< DDIM without noise (eta 0): the model predicts the noise
};
const char *samplerName(SamplerKind kind);
/// "euler" or "ddim"; the error lists them.
StatusOr<SamplerKind> parseSampler(std::string_view name);

/// Where the steps of a DDIM loop lie among the training timesteps, as in
/// diffusers' `timestep_spacing`; the numbers are part of the format.
enum class StepSpacing : uint8_t { leading = 0, trailing = 1, linspace = 2 };

/// One set of weights that can make steps.
struct DenoiseVariant {
  std::string name;
  std::string predict;   ///< function
  std::string condition; ///< function; empty: there is none
  bool operator==(const DenoiseVariant &) const = default;
};

/// Steps [first, end) of defaultSteps are made by a variant.
struct StepRange {
  int64_t first = 0;
  int64_t end = 0;
  uint32_t variant = 0;
  bool operator==(const StepRange &) const = default;
};

/// Step `step` takes the prediction of step `from` instead of calling the model.
struct StepReuse {
  int64_t step = 0;
  int64_t from = 0;
  bool operator==(const StepReuse &) const = default;
};

struct DenoiseSchedule {
  /// A latent is f32 [channels, height, width].
  int64_t channels = 1, height = 0, width = 0;
  /// Labels 0 to classes - 1 may be asked for.
  int64_t classes = 0;
  /// The label without a class, for guidance; -1: the model has none.
  int32_t nullLabel = -1;
  /// Rows that one image takes in `predict`.
  int64_t tokensPerImage = 1;

  SamplerKind sampler = SamplerKind::euler;
  int64_t defaultSteps = 20;
  float defaultGuidance = 1;
  /// Explicit times in place of a uniform grid: defaultSteps + 1 rising numbers
  /// (euler), or defaultSteps falling timesteps (ddim). Usually empty.
  std::vector<float> times;
  /// ddim: cumulative products of 1 - beta for each training timestep.
  std::vector<float> alphas;
  StepSpacing spacing = StepSpacing::leading;
  int64_t spacingOffset = 0;
  float finalAlpha = 1;

  std::vector<float> timeFrequencies;
  float timeScale = 1;
  bool cosinesFirst = true;

  /// Equal in two modules when a state of one fits the other.
  std::string signature;
  std::vector<DenoiseVariant> variants;
  /// Who makes which steps, in order and without a gap; scaled when a loop has
  /// another number of steps.
  std::vector<StepRange> ranges;
  std::vector<StepReuse> reuse;

  int64_t latentSize() const { return channels * height * width; }
  bool operator==(const DenoiseSchedule &) const = default;
};

/// The section's bytes (deterministic).
std::vector<uint8_t> serializeSchedule(const DenoiseSchedule &schedule);
/// Reads them back; structure only.
StatusOr<DenoiseSchedule> parseSchedule(std::span<const uint8_t> bytes);

/// Checks a schedule against itself: sizes; labels; times and alphas in order and
/// in range; variants with different names; ranges that cover all steps without
/// gap or overlap; reuse of earlier steps that call the model.
Status validateSchedule(const DenoiseSchedule &schedule);
/// Also that its functions exist.
Status validateSchedule(const DenoiseSchedule &schedule, const Plan &plan);

} // namespace lowbit

#endif // LOWBIT_FORMAT_SCHEDULE_H
