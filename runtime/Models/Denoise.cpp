//===- Denoise.cpp - The denoising loop -----------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/Denoise.h"

#include "lowbit/Support/CheckedMath.h"

#include <algorithm>
#include <chrono>
#include <set>

using namespace lowbit;

static double secondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
      .count();
}

static Status checkRequest(const DenoiseFunction &model,
                           std::span<const int32_t> labels,
                           std::span<const float> latents,
                           const DenoiseOptions &options) {
  auto images = static_cast<int64_t>(labels.size());
  const DenoiseSteps &loop = options.steps;
  auto steps = static_cast<int64_t>(loop.all.size());
  std::optional<int64_t> numbers = checkedMul(images, model.latentSize());
  if (images < 1 || !numbers ||
      static_cast<uint64_t>(*numbers) != latents.size())
    return invalidArgument("%lld images of %lld numbers are not %zu numbers",
                           static_cast<long long>(images),
                           static_cast<long long>(model.latentSize()),
                           latents.size());
  if (loop.first < 0 || loop.first >= loop.end || loop.end > steps)
    return invalidArgument("steps %lld to %lld are asked for; the loop has %lld",
                           static_cast<long long>(loop.first),
                           static_cast<long long>(loop.end),
                           static_cast<long long>(steps));
  if (!options.reuse.empty() && options.reuse.size() != loop.all.size())
    return invalidArgument("reuse is given for %zu of %lld steps",
                           options.reuse.size(), static_cast<long long>(steps));
  if (options.batch < 1)
    return invalidArgument("a batch of %lld images is not possible",
                           static_cast<long long>(options.batch));
  return {};
}

namespace {

/// The model's answer for one group of images, guidance included.
class GroupPrediction {
public:
  GroupPrediction(DenoiseFunction &model, const DenoiseOptions &options)
      : model(model), options(options) {}

  Status compute(int64_t step, std::span<const int32_t> labels,
                 std::span<const float> latents, std::span<float> prediction) {
    if (options.guidance == 1)
      return model.predict(step, labels, latents, prediction);
    // Both predictions in one call: first with the labels, then without.
    size_t count = latents.size();
    rowLabels.assign(labels.begin(), labels.end());
    rowLabels.resize(2 * labels.size(), options.nullLabel);
    rowLatents.assign(latents.begin(), latents.end());
    rowLatents.insert(rowLatents.end(), latents.begin(), latents.end());
    both.resize(2 * count);
    LOWBIT_RETURN_IF_ERROR(model.predict(step, rowLabels, rowLatents, both));
    std::copy_n(both.begin(), count, prediction.begin());
    applyGuidance(options.guidance, std::span(both).subspan(count), prediction);
    return {};
  }

private:
  DenoiseFunction &model;
  const DenoiseOptions &options;
  std::vector<float> both;
  std::vector<float> rowLatents;
  std::vector<int32_t> rowLabels;
};

/// The loop over steps and groups of images.
class Loop {
public:
  Loop(DenoiseFunction &model, std::span<const int32_t> labels,
       std::span<float> latents, KeptPredictions &kept,
       const DenoiseOptions &options)
      : options(options), labels(labels), latents(latents), kept(kept),
        group(model, options), size(static_cast<size_t>(model.latentSize())),
        batch(static_cast<size_t>(std::min<int64_t>(
            options.batch, static_cast<int64_t>(labels.size())))) {}

  Status step(int64_t number) {
    int64_t from = reusedBy(number);
    if (from >= 0) {
      auto found = kept.find(from);
      if (found == kept.end() || found->second.size() != latents.size())
        return invalidArgument("step %lld reuses the prediction of step %lld, "
                               "which is not at hand",
                               static_cast<long long>(number),
                               static_cast<long long>(from));
      prediction = found->second;
    } else {
      prediction.resize(latents.size());
      for (size_t first = 0; first < labels.size(); first += batch) {
        size_t count = std::min(batch, labels.size() - first);
        LOWBIT_RETURN_IF_ERROR(group.compute(
            number, labels.subspan(first, count),
            latents.subspan(first * size, count * size),
            std::span(prediction).subspan(first * size, count * size)));
      }
    }
    advance(options.sampler, options.steps.all[static_cast<size_t>(number)],
            prediction, latents);
    keep(number);
    return {};
  }
  const std::vector<float> &lastPrediction() const { return prediction; }

private:
  int64_t reusedBy(int64_t number) const {
    return options.reuse.empty() ? -1
                                 : options.reuse[static_cast<size_t>(number)];
  }
  /// Keeps this prediction if a later step reuses it, forgets the others.
  void keep(int64_t number) {
    std::set<int64_t> needed;
    for (size_t i = static_cast<size_t>(number) + 1; i < options.reuse.size(); ++i)
      needed.insert(options.reuse[i]);
    std::erase_if(kept, [&](const auto &one) { return !needed.count(one.first); });
    if (needed.count(number))
      kept[number] = prediction;
  }

  const DenoiseOptions &options;
  std::span<const int32_t> labels;
  std::span<float> latents;
  KeptPredictions &kept;
  GroupPrediction group;
  size_t size;
  size_t batch;
  std::vector<float> prediction;
};

} // namespace

/// Each label once, and the null label where guidance needs it.
static std::vector<int32_t> distinctLabels(std::span<const int32_t> labels,
                                           const DenoiseOptions &options) {
  std::vector<int32_t> distinct(labels.begin(), labels.end());
  if (options.guidance != 1)
    distinct.push_back(options.nullLabel);
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  return distinct;
}

StatusOr<DenoiseResult> lowbit::denoise(DenoiseFunction &model,
                                        std::span<const int32_t> labels,
                                        std::span<float> latents,
                                        KeptPredictions &kept,
                                        const DenoiseOptions &options) {
  LOWBIT_RETURN_IF_ERROR(checkRequest(model, labels, latents, options));
  DenoiseResult result;
  auto begin = std::chrono::steady_clock::now();
  LOWBIT_RETURN_IF_ERROR(
      model.prepare(options.steps, distinctLabels(labels, options)));
  result.prepareSeconds = secondsSince(begin);

  Loop loop(model, labels, latents, kept, options);
  begin = std::chrono::steady_clock::now();
  result.nextStep = options.steps.first;
  while (result.nextStep < options.steps.end) {
    LOWBIT_RETURN_IF_ERROR(loop.step(result.nextStep));
    if (result.nextStep == options.steps.first)
      result.firstPrediction = loop.lastPrediction();
    ++result.nextStep;
    if (options.onStep)
      options.onStep(result.nextStep);
    if (options.interrupt && options.interrupt->load())
      break;
  }
  result.seconds = secondsSince(begin);
  return result;
}

size_t lowbit::variantOfStep(const DenoiseSchedule &schedule, int64_t step,
                             int64_t steps) {
  int64_t place = step * schedule.defaultSteps / steps;
  for (const StepRange &range : schedule.ranges)
    if (place < range.end)
      return range.variant;
  return schedule.ranges.back().variant;
}

StatusOr<std::vector<int64_t>>
lowbit::stepReuse(const DenoiseSchedule &schedule, int64_t steps) {
  if (schedule.reuse.empty())
    return std::vector<int64_t>();
  if (steps != schedule.defaultSteps)
    return invalidArgument("the model's schedule reuses predictions in a loop of "
                           "%lld steps; %lld are not possible",
                           static_cast<long long>(schedule.defaultSteps),
                           static_cast<long long>(steps));
  std::vector<int64_t> reuse(static_cast<size_t>(steps), -1);
  for (const StepReuse &one : schedule.reuse)
    reuse[static_cast<size_t>(one.step)] = one.from;
  return reuse;
}
