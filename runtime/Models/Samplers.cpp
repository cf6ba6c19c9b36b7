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

const char *lowbit::samplerName(SamplerKind kind) {
  return kind == SamplerKind::euler ? "euler" : "ddim";
}

StatusOr<SamplerKind> lowbit::parseSampler(std::string_view name) {
  for (SamplerKind kind : {SamplerKind::euler, SamplerKind::ddim})
    if (name == samplerName(kind))
      return kind;
  return invalidArgument("there is no sampler '%.*s'; there are euler and ddim",
                         static_cast<int>(name.size()), name.data());
}

std::vector<SamplerStep> lowbit::eulerSteps(int64_t steps) {
  assert(steps >= 1);
  std::vector<SamplerStep> result(static_cast<size_t>(steps));
  auto count = static_cast<double>(steps);
  // A quotient of integers below 2^29, rounded to f64 and then to f32, is the
  // exact quotient rounded once: it is never near enough to the middle of two
  // f32 numbers.
  for (int64_t i = 0; i < steps; ++i) {
    SamplerStep &step = result[static_cast<size_t>(i)];
    step.time = static_cast<float>(static_cast<double>(i) / count);
    step.delta = static_cast<float>(1.0 / count);
  }
  return result;
}

/// Timestep of step i of `steps`, in falling order, and of what follows it (below
/// 0: the end).
static void ddimTimesteps(const DdimTable &table, int64_t steps, int64_t i,
                          int64_t &time, int64_t &next) {
  auto training = static_cast<int64_t>(table.alphas.size());
  int64_t ratio = training / steps;
  int64_t down = steps - 1 - i;
  switch (table.spacing) {
  case StepSpacing::leading:
    time = down * ratio + table.offset;
    break;
  case StepSpacing::trailing:
    time = static_cast<int64_t>(std::nearbyint(
               static_cast<double>(training) -
               static_cast<double>(i) *
                   (static_cast<double>(training) / static_cast<double>(steps)))) -
           1;
    break;
  case StepSpacing::linspace:
    time = steps == 1 ? 0
                      : static_cast<int64_t>(std::nearbyint(
                            static_cast<double>(down) *
                            (static_cast<double>(training - 1) /
                             static_cast<double>(steps - 1))));
    break;
  }
  next = time - ratio;
}

StatusOr<std::vector<SamplerStep>> lowbit::ddimSteps(const DdimTable &table,
                                                     int64_t steps) {
  auto training = static_cast<int64_t>(table.alphas.size());
  if (steps < 1 || steps > training)
    return invalidArgument("%lld steps are asked for; the model's schedule has "
                           "%lld timesteps, so 1 to %lld are possible",
                           static_cast<long long>(steps),
                           static_cast<long long>(training),
                           static_cast<long long>(training));
  std::vector<SamplerStep> result(static_cast<size_t>(steps));
  for (int64_t i = 0; i < steps; ++i) {
    int64_t time = 0, next = 0;
    ddimTimesteps(table, steps, i, time, next);
    if (time < 0 || time >= training)
      return invalidArgument("with %lld steps, step %lld is at timestep %lld, "
                             "outside the schedule's 0 to %lld; ask for fewer "
                             "steps",
                             static_cast<long long>(steps),
                             static_cast<long long>(i),
                             static_cast<long long>(time),
                             static_cast<long long>(training - 1));
    float alpha = table.alphas[static_cast<size_t>(time)];
    float nextAlpha = next >= 0 ? table.alphas[static_cast<size_t>(next)]
                                : table.finalAlpha;
    SamplerStep &step = result[static_cast<size_t>(i)];
    step.time = static_cast<float>(time);
    step.signal = std::sqrt(alpha);
    step.noise = std::sqrt(1.0f - alpha);
    step.nextSignal = std::sqrt(nextAlpha);
    step.nextNoise = std::sqrt(1.0f - nextAlpha);
  }
  return result;
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
