//===- Sampler.h - Choosing the next token ----------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One step, in this order:
//
//   1. repeat penalty: for each id among the last `repeatLastN` accepted, once:
//      logit > 0 ? logit / penalty : logit * penalty, in f32
//   2. temperature <= 0: the highest logit, the lowest id among equals. Done.
//   3. sort by logit, highest first, lower id first among equals
//   4. top-k: the first k
//   5. p_i = exp(l_i - l_0) in f64, normalised by their sum in sorted order
//   6. top-p: the shortest prefix whose running sum reaches p, at least one
//   7. min-p: those with p_i >= minP * p_0
//   8. temperature: w_i = exp((l_i - l_0) / T) in f64
//   9. u = draw in [0, 1) times the sum of w; the first i whose running sum of
//   w
//      exceeds u
//
// exp is our own (no library call decides a token), the generator is PCG32: the
// same logits, options and seed give the same ids on every host. NaN counts as
// minus infinity.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_TEXT_SAMPLER_H
#define LOWBIT_RUNTIME_TEXT_SAMPLER_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace lowbit {

struct SamplerOptions {
  float temperature = 0.0f;   ///< 0 or less: greedy
  int32_t topK = 0;           ///< 0 or less: all
  float topP = 1.0f;          ///< 1 or more: all
  float minP = 0.0f;          ///< 0 or less: all
  float repeatPenalty = 1.0f; ///< 1: none; must be positive
  int32_t repeatLastN = 64;   ///< 0: none; -1: everything accepted so far
  uint64_t seed = 0;
};

/// Refuses NaN, a penalty that is not positive, and lengths below -1.
Status validate(const SamplerOptions &options);

/// PCG32 (O'Neill 2014, XSH-RR 64/32) on its default stream.
class Pcg32 {
public:
  explicit Pcg32(uint64_t seed);
  uint32_t next();
  /// In [0, 1), 53 bits: the high 26 of one draw and 27 of the next.
  double uniform();

private:
  uint64_t state;
};

/// exp(x) for x <= 0 in f64: within 2 ulp, the same bits on every host. Below
/// -708 it is 0.
double deterministicExp(double x);

class Sampler {
public:
  explicit Sampler(const SamplerOptions &options)
      : options(options), random(options.seed) {}

  /// Chooses from `logits` (index = id). Fails on an empty vector or when no
  /// logit is above minus infinity. Does not accept the id.
  StatusOr<int32_t> sample(std::span<const float> logits);
  /// Records an id (prompt or generated) for the repeat penalty.
  void accept(int32_t id);

private:
  void penalize(std::vector<float> &scores) const;
  int32_t draw(const std::vector<float> &scores);

  SamplerOptions options;
  Pcg32 random;
  std::vector<int32_t> history; ///< at most repeatLastN long, oldest first
  std::vector<float> scores;
  std::vector<std::pair<float, int32_t>> candidates;
  std::vector<double> weights;
};

} // namespace lowbit

#endif // LOWBIT_RUNTIME_TEXT_SAMPLER_H
