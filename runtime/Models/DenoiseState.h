//===- DenoiseState.h - A denoising loop between two steps ------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What --save-state writes and --resume reads: the latents of all images and
// everything that the remaining steps depend on besides the model. A state fits
// any model of the same state signature, so another variant may go on with it.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_MODELS_DENOISESTATE_H
#define LOWBIT_RUNTIME_MODELS_DENOISESTATE_H

#include "lowbit/Support/Status.h"
#include "runtime/Models/Samplers.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace lowbit {

/// Predictions (after guidance) that later steps reuse, by step:
/// [images, latentSize] each.
using KeptPredictions = std::map<int64_t, std::vector<float>>;

/// Steps [first, end) were made by a variant of a module.
struct StepOrigin {
  int64_t first = 0;
  int64_t end = 0;
  std::string variant;
  std::string module; ///< hash of its file
  bool operator==(const StepOrigin &) const = default;
};

struct DenoiseState {
  /// Of the model that wrote it: what a latent is and what is predicted.
  std::string signature;
  SamplerKind sampler = SamplerKind::euler;
  int64_t steps = 0;
  int64_t nextStep = 0; ///< 1 to steps - 1
  /// hashOfTimes() and hashOfReuse() of the loop.
  uint64_t times = 0;
  uint64_t reuse = 0;
  float guidance = 1;
  /// Where the noise came from, for the picture's text ("seed 7", ...).
  std::string noise;
  /// Who made the steps so far, in order and without a gap.
  std::vector<StepOrigin> origins;
  /// One class for each image.
  std::vector<int32_t> labels;
  int64_t latentSize = 0;
  /// [images, latentSize].
  std::vector<float> latents;
  KeptPredictions kept;

  bool operator==(const DenoiseState &) const = default;
};

/// Adds a step's origin to those before it; equal neighbours become one.
void appendOrigin(std::vector<StepOrigin> &origins, StepOrigin next);

/// Identifies where a loop's steps lie: sampler, times, factors.
uint64_t hashOfTimes(SamplerKind sampler, std::span<const SamplerStep> steps);
/// Identifies which steps take the prediction of an earlier one
/// (DenoiseOptions::reuse); an empty span is no reuse.
uint64_t hashOfReuse(std::span<const int64_t> reuse);

/// The bytes of a state file: magic, version, fields, XXH3-64 of all before.
std::vector<uint8_t> serializeState(const DenoiseState &state);
/// Reads them back. Any bytes are safe: sizes, counts and ranges are checked.
/// `name` stands for the path in errors.
StatusOr<DenoiseState> parseState(std::span<const uint8_t> bytes,
                                  const std::string &name);

Status writeState(const std::string &path, const DenoiseState &state);
StatusOr<DenoiseState> readState(const std::string &path);

} // namespace lowbit

#endif // LOWBIT_RUNTIME_MODELS_DENOISESTATE_H
