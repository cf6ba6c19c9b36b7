//===- Samplers.cpp - The steps of a denoising loop -----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/Samplers.h"

#include <cassert>
#include <cmath>

using namespace lowbit;

// Every operation below is one IEEE operation, on every CPU.
#pragma STDC FP_CONTRACT OFF

/// A loop of more steps is a mistake.
static constexpr int64_t mostSteps = 100000;

static std::vector<SamplerStep> eulerSteps(const DenoiseSchedule &schedule,
                                           int64_t steps) {
  std::vector<SamplerStep> result(static_cast<size_t>(steps));
  auto count = static_cast<double>(steps);
  for (size_t i = 0; i < result.size(); ++i) {
    SamplerStep &step = result[i];
    if (!schedule.times.empty()) {
      // The difference of two f32 numbers in [0, 1] is exact in f64 or rounds
      // there far from the middle of two f32 numbers.
      step.time = schedule.times[i];
      step.delta = static_cast<float>(static_cast<double>(schedule.times[i + 1]) -
                                      static_cast<double>(step.time));
      continue;
    }
    // A quotient of integers below 2^29, rounded to f64 and then to f32, is the
    // exact quotient rounded once: it is never that near to such a middle.
    step.time = static_cast<float>(static_cast<double>(i) / count);
    step.delta = static_cast<float>(1.0 / count);
  }
  return result;
}

/// The timesteps of a ddim loop, falling; below them comes the end.
static std::vector<int64_t> ddimTimesteps(const DenoiseSchedule &schedule,
                                          int64_t steps) {
  std::vector<int64_t> result;
  for (float time : schedule.times)
    result.push_back(static_cast<int64_t>(time));
  if (!result.empty())
    return result;
  auto training = static_cast<int64_t>(schedule.alphas.size());
  auto total = static_cast<double>(training);
  for (int64_t i = 0; i < steps; ++i) {
    int64_t down = steps - 1 - i;
    double place = 0;
    switch (schedule.spacing) {
    case StepSpacing::leading:
      place = static_cast<double>(down * (training / steps) +
                                  schedule.spacingOffset);
      break;
    case StepSpacing::trailing:
      place = std::nearbyint(total - static_cast<double>(i) *
                                         (total / static_cast<double>(steps))) -
              1;
      break;
    case StepSpacing::linspace:
      if (steps > 1)
        place = std::nearbyint(static_cast<double>(down) *
                               ((total - 1) / static_cast<double>(steps - 1)));
      break;
    }
    result.push_back(static_cast<int64_t>(place));
  }
  return result;
}

static StatusOr<std::vector<SamplerStep>>
ddimSteps(const DenoiseSchedule &schedule, int64_t steps) {
  auto training = static_cast<int64_t>(schedule.alphas.size());
  if (steps > training)
    return invalidArgument("%lld steps are asked for; the model's schedule has "
                           "%lld timesteps, so 1 to %lld are possible",
                           static_cast<long long>(steps),
                           static_cast<long long>(training),
                           static_cast<long long>(training));
  std::vector<int64_t> times = ddimTimesteps(schedule, steps);
  std::vector<SamplerStep> result(times.size());
  for (size_t i = 0; i < times.size(); ++i) {
    if (times[i] < 0 || times[i] >= training)
      return invalidArgument("with %lld steps, step %zu is at timestep %lld, "
                             "outside the schedule's 0 to %lld; ask for fewer "
                             "steps",
                             static_cast<long long>(steps), i,
                             static_cast<long long>(times[i]),
                             static_cast<long long>(training - 1));
    // diffusers takes the alpha that lies one even step further, which is the
    // next step's only where the steps are even.
    int64_t next = times[i] - training / steps;
    if (!schedule.times.empty())
      next = i + 1 < times.size() ? times[i + 1] : -1;
    float alpha = schedule.alphas[static_cast<size_t>(times[i])];
    float nextAlpha = next >= 0 ? schedule.alphas[static_cast<size_t>(next)]
                                : schedule.finalAlpha;
    SamplerStep &step = result[i];
    step.time = static_cast<float>(times[i]);
    step.signal = std::sqrt(alpha);
    step.noise = std::sqrt(1.0f - alpha);
    step.nextSignal = std::sqrt(nextAlpha);
    step.nextNoise = std::sqrt(1.0f - nextAlpha);
  }
  return result;
}

StatusOr<std::vector<SamplerStep>>
lowbit::samplerSteps(const DenoiseSchedule &schedule, int64_t steps) {
  if (steps < 1 || steps > mostSteps)
    return invalidArgument("%lld steps are asked for; 1 to %lld are possible",
                           static_cast<long long>(steps),
                           static_cast<long long>(mostSteps));
  if (!schedule.times.empty() && steps != schedule.defaultSteps)
    return invalidArgument("the model's schedule lists the times of %lld steps; "
                           "%lld are not possible",
                           static_cast<long long>(schedule.defaultSteps),
                           static_cast<long long>(steps));
  if (schedule.sampler == SamplerKind::ddim)
    return ddimSteps(schedule, steps);
  return eulerSteps(schedule, steps);
}

void lowbit::applyGuidance(float scale, std::span<const float> unconditional,
                           std::span<float> guided) {
  assert(unconditional.size() == guided.size());
  for (size_t i = 0; i < guided.size(); ++i) {
    float difference = guided[i] - unconditional[i];
    float scaled = scale * difference;
    guided[i] = unconditional[i] + scaled;
  }
}

void lowbit::advance(SamplerKind kind, const SamplerStep &step,
                     std::span<const float> prediction,
                     std::span<float> latent) {
  assert(prediction.size() == latent.size());
  if (kind == SamplerKind::euler) {
    for (size_t i = 0; i < latent.size(); ++i) {
      float change = prediction[i] * step.delta;
      latent[i] = latent[i] + change;
    }
    return;
  }
  for (size_t i = 0; i < latent.size(); ++i) {
    float noisePart = step.noise * prediction[i];
    float clean = (latent[i] - noisePart) / step.signal;
    float kept = step.nextSignal * clean;
    float added = step.nextNoise * prediction[i];
    latent[i] = kept + added;
  }
}
