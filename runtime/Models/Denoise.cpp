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
  auto steps = static_cast<int64_t>(options.steps.size());
  std::optional<int64_t> numbers = checkedMul(images, model.latentSize());
  if (images < 1 || !numbers ||
      static_cast<uint64_t>(*numbers) != latents.size())
    return invalidArgument("%lld images of %lld numbers are not %zu numbers",
                           static_cast<long long>(images),
                           static_cast<long long>(model.latentSize()),
                           latents.size());
  if (options.firstStep < 0 || options.firstStep >= options.endStep ||
      options.endStep > steps)
    return invalidArgument("steps %lld to %lld are asked for; the loop has %lld",
                           static_cast<long long>(options.firstStep),
                           static_cast<long long>(options.endStep),
                           static_cast<long long>(steps));
  if (options.batch < 1)
    return invalidArgument("a batch of %lld images is not possible",
                           static_cast<long long>(options.batch));
  return {};
}

namespace {

/// One group of images through one step.
class GroupStep {
public:
  GroupStep(DenoiseFunction &model, const DenoiseOptions &options)
      : model(model), options(options) {}

  Status run(int64_t step, std::span<const int32_t> labels,
             std::span<float> latents) {
    bool guided = options.guidance != 1;
    size_t count = latents.size();
    prediction.resize(guided ? 2 * count : count);
    if (!guided) {
      LOWBIT_RETURN_IF_ERROR(model.predict(step, labels, latents, prediction));
    } else {
      // Both predictions in one call: first with the labels, then without.
      rowLabels.assign(labels.begin(), labels.end());
      rowLabels.resize(2 * labels.size(), options.nullLabel);
      rowLatents.assign(latents.begin(), latents.end());
      rowLatents.insert(rowLatents.end(), latents.begin(), latents.end());
      LOWBIT_RETURN_IF_ERROR(
          model.predict(step, rowLabels, rowLatents, prediction));
      applyGuidance(options.guidance, std::span(prediction).subspan(count),
                    std::span(prediction).first(count));
    }
    advance(options.sampler, options.steps[static_cast<size_t>(step)],
            guidedPrediction(count), latents);
    return {};
  }
  std::span<const float> guidedPrediction(size_t count) const {
    return std::span(prediction).first(count);
  }

private:
  DenoiseFunction &model;
  const DenoiseOptions &options;
  std::vector<float> prediction;
  std::vector<float> rowLatents;
  std::vector<int32_t> rowLabels;
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
                                        const DenoiseOptions &options) {
  LOWBIT_RETURN_IF_ERROR(checkRequest(model, labels, latents, options));
  DenoiseResult result;
  auto begin = std::chrono::steady_clock::now();
  LOWBIT_RETURN_IF_ERROR(
      model.prepare(options.steps, distinctLabels(labels, options)));
  result.prepareSeconds = secondsSince(begin);

  auto size = static_cast<size_t>(model.latentSize());
  auto batch = static_cast<size_t>(
      std::min<int64_t>(options.batch, static_cast<int64_t>(labels.size())));
  GroupStep group(model, options);
  begin = std::chrono::steady_clock::now();
  result.nextStep = options.firstStep;
  while (result.nextStep < options.endStep) {
    int64_t step = result.nextStep;
    for (size_t first = 0; first < labels.size(); first += batch) {
      size_t count = std::min(batch, labels.size() - first);
      std::span<float> part = latents.subspan(first * size, count * size);
      LOWBIT_RETURN_IF_ERROR(
          group.run(step, labels.subspan(first, count), part));
      if (step == options.firstStep) {
        std::span<const float> prediction = group.guidedPrediction(part.size());
        result.firstPrediction.insert(result.firstPrediction.end(),
                                      prediction.begin(), prediction.end());
      }
    }
    ++result.nextStep;
    if (options.onStep)
      options.onStep(result.nextStep);
    if (options.interrupt && options.interrupt->load())
      break;
  }
  result.seconds = secondsSince(begin);
  return result;
}
