//===- RopeFrequencies.cpp - Rotary factors stored as a tensor ------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/RopeFrequencies.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace lowbit;
using namespace lowbit::import;

/// What divides `frequency` under the llama3 rule of `rope` (transformers'
/// _compute_llama3_parameters, as llama.cpp's converter writes it).
static double divisorOf(double frequency, const RopeConfig &rope) {
  const double context = static_cast<double>(rope.originalContext);
  const double wavelength = 2.0 * M_PI / frequency;
  if (wavelength < context / rope.highFrequencyFactor)
    return 1.0;
  if (wavelength > context / rope.lowFrequencyFactor)
    return rope.factor;
  double smooth = (context / wavelength - rope.lowFrequencyFactor) /
                  (rope.highFrequencyFactor - rope.lowFrequencyFactor);
  return 1.0 / ((1.0 - smooth) / rope.factor + smooth);
}

Status lowbit::import::resolveRopeFrequencies(const Checkpoint &checkpoint,
                                              ModelConfig &config) {
  if (!config.rope.frequencyTensor)
    return Status::success();
  const std::string path = checkpoint.path();
  std::optional<StoredTensor> tensor = checkpoint.find("rope_freqs.weight");
  const int64_t pairs = config.ropeDim / 2;
  if (!tensor || tensor->type != "F32" || tensor->shape.size() != 1 ||
      tensor->shape[0] != pairs)
    return invalidArgument("'%s': tensor 'rope_freqs.weight' must be F32 of "
                           "shape [%lld], one divisor for each rotated pair",
                           path.c_str(), static_cast<long long>(pairs));
  std::vector<float> divisors(pairs);
  std::memcpy(divisors.data(), tensor->bytes.data(), pairs * sizeof(float));

  RopeConfig rope = config.rope;
  rope.frequencyTensor = false;
  auto isOne = [](float divisor) { return divisor == 1.0f; };
  if (!std::all_of(divisors.begin(), divisors.end(), isOne)) {
    if (rope.scaling != RopeScalingKind::none)
      return unimplemented("'%s': both a rope scaling factor and the tensor "
                           "'rope_freqs.weight' are not supported",
                           path.c_str());
    rope.scaling = RopeScalingKind::llama3;
    rope.factor = divisors.back(); // the lowest frequency is fully scaled
    rope.lowFrequencyFactor = 1.0;
    rope.highFrequencyFactor = 4.0;
    rope.originalContext = 8192;
    for (int64_t i = 0; i < pairs; ++i) {
      double frequency =
          std::pow(rope.theta, -2.0 * static_cast<double>(i) /
                                   static_cast<double>(config.ropeDim));
      double expected = divisorOf(frequency, rope);
      if (!(std::fabs(divisors[i] - expected) <= 1e-5 * expected))
        return unimplemented(
            "'%s': tensor 'rope_freqs.weight' is not the llama3 rule over 8192 "
            "positions (divisor %lld is %g, expected %g); import the Hugging "
            "Face folder of this model",
            path.c_str(), static_cast<long long>(i),
            static_cast<double>(divisors[i]), expected);
    }
  }
  config.rope = rope;
  return Status::success();
}
