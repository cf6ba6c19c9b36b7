//===- Sampler.cpp - Choosing the next token ------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiled with -ffp-contract=off (CMakeLists.txt): a fused multiply-add on one
// host and not on another could change a draw.
//
//===----------------------------------------------------------------------===//

#include "runtime/Text/Sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

using namespace lowbit;

Status lowbit::validate(const SamplerOptions &options) {
  if (std::isnan(options.temperature) || std::isnan(options.topP) ||
      std::isnan(options.minP))
    return invalidArgument("temperature, top-p and min-p must be numbers");
  if (!(options.repeatPenalty > 0) || std::isinf(options.repeatPenalty))
    return invalidArgument(
        "the repeat penalty must be positive and finite, got "
        "%g",
        static_cast<double>(options.repeatPenalty));
  if (options.repeatLastN < -1)
    return invalidArgument("the repeat window must be -1 (all), 0 (none) or a "
                           "number of tokens, got %d",
                           options.repeatLastN);
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

// The reference implementation's multiplier and default stream.
static constexpr uint64_t pcgMultiplier = 6364136223846793005ull;
static constexpr uint64_t pcgIncrement = 1442695040888963407ull;

Pcg32::Pcg32(uint64_t seed) : state(0) {
  next();
  state += seed;
  next();
}

uint32_t Pcg32::next() {
  uint64_t old = state;
  state = old * pcgMultiplier + pcgIncrement;
  auto shifted = static_cast<uint32_t>(((old >> 18) ^ old) >> 27);
  return std::rotr(shifted, static_cast<int>(old >> 59));
}

double Pcg32::uniform() {
  uint64_t high = next() >> 6;
  uint64_t low = next() >> 5;
  return static_cast<double>((high << 27) | low) * 0x1p-53;
}

double lowbit::deterministicExp(double x) {
  if (!(x > -708.0))
    return 0.0;
  if (x > 0.0)
    x = 0.0;
  // x = n ln2 + r, |r| <= ln2 / 2; ln2 in two parts so that r keeps its bits.
  constexpr double log2e = 1.4426950408889634;
  constexpr double ln2High = 0x1.62e42fee00000p-1;
  constexpr double ln2Low = 0x1.a39ef35793c76p-33;
  double n = std::floor(x * log2e + 0.5);
  double r = (x - n * ln2High) - n * ln2Low;
  // Taylor to r^13: the next term is below 2^-57 of the sum.
  double sum = 1.0;
  for (int i = 13; i >= 1; --i)
    sum = 1.0 + sum * r / static_cast<double>(i);
  return std::ldexp(sum, static_cast<int>(n));
}

//===----------------------------------------------------------------------===//
// Sampling
//===----------------------------------------------------------------------===//

void Sampler::accept(int32_t id) {
  if (options.repeatLastN == 0 || options.repeatPenalty == 1.0f)
    return;
  history.push_back(id);
  if (options.repeatLastN > 0 &&
      history.size() > static_cast<size_t>(options.repeatLastN))
    history.erase(history.begin());
}

void Sampler::penalize(std::vector<float> &values) const {
  std::vector<int32_t> seen = history;
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  for (int32_t id : seen) {
    if (id < 0 || static_cast<size_t>(id) >= values.size())
      continue;
    float &value = values[static_cast<size_t>(id)];
    value = value > 0 ? value / options.repeatPenalty
                      : value * options.repeatPenalty;
  }
}

StatusOr<int32_t> Sampler::sample(std::span<const float> logits) {
  LOWBIT_RETURN_IF_ERROR(validate(options));
  constexpr float lowest = -std::numeric_limits<float>::infinity();
  if (logits.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max()))
    return invalidArgument("%zu logits are more than ids", logits.size());
  scores.assign(logits.begin(), logits.end());
  for (float &score : scores)
    if (std::isnan(score))
      score = lowest;
  penalize(scores);
  auto best = std::max_element(scores.begin(), scores.end());
  if (best == scores.end() || *best == lowest)
    return invalidArgument("none of the %zu logits is a number above minus "
                           "infinity",
                           logits.size());
  if (options.temperature <= 0.0f || std::isinf(*best))
    return static_cast<int32_t>(best - scores.begin());
  return draw(scores);
}

int32_t Sampler::draw(const std::vector<float> &values) {
  candidates.clear();
  for (size_t id = 0; id < values.size(); ++id)
    candidates.emplace_back(values[id], static_cast<int32_t>(id));
  auto better = [](const std::pair<float, int32_t> &a,
                   const std::pair<float, int32_t> &b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  };
  size_t count = candidates.size();
  if (options.topK > 0 && static_cast<size_t>(options.topK) < count) {
    count = static_cast<size_t>(options.topK);
    std::partial_sort(candidates.begin(),
                      candidates.begin() + static_cast<std::ptrdiff_t>(count),
                      candidates.end(), better);
    candidates.resize(count);
  } else {
    std::sort(candidates.begin(), candidates.end(), better);
  }
  auto below = [&](size_t i) {
    return static_cast<double>(candidates[i].first) -
           static_cast<double>(candidates[0].first);
  };

  if (options.topP < 1.0f || options.minP > 0.0f) {
    weights.resize(count);
    double total = 0;
    for (size_t i = 0; i < count; ++i)
      total += weights[i] = deterministicExp(below(i));
    if (options.topP < 1.0f) {
      double reached = 0;
      size_t kept = 0;
      while (kept < count && (kept == 0 || reached < options.topP))
        reached += weights[kept++] / total;
      count = kept;
    }
    // p_i >= minP p_0, where weight 0 is exactly 1.
    while (count > 1 && weights[count - 1] < options.minP)
      --count;
  }

  weights.resize(count);
  double temperature = options.temperature;
  double total = 0;
  for (size_t i = 0; i < count; ++i)
    total += weights[i] = deterministicExp(below(i) / temperature);
  double target = random.uniform() * total;
  double reached = 0;
  for (size_t i = 0; i < count; ++i) {
    reached += weights[i];
    if (reached > target)
      return candidates[i].second;
  }
  return candidates[count - 1].second;
}
