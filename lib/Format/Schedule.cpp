//===- Schedule.cpp - How a diffusion model is stepped --------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Format/Schedule.h"

#include "lowbit/Format/ByteStream.h"
#include "lowbit/Format/Plan.h"

#include <algorithm>
#include <cmath>
#include <set>

using namespace lowbit;

static constexpr uint32_t scheduleMagic = 0x48435344u; // "DSCH"
static constexpr uint32_t scheduleVersion = 1;
static constexpr int64_t largestSide = 1 << 16;
static constexpr int64_t largestLatent = int64_t(1) << 28;
static constexpr int64_t mostClasses = 1 << 24;
static constexpr int64_t mostSteps = 100000;
/// Of the time embedding, in radians (runtime/Models/PlainMath.h).
static constexpr double largestAngle = 1 << 20;

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

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

static void write(ByteWriter &out, const std::vector<float> &numbers) {
  out.u32(static_cast<uint32_t>(numbers.size()));
  for (float number : numbers)
    out.f32(number);
}

static std::vector<float> readNumbers(ByteReader &in) {
  std::vector<float> numbers(in.count(4));
  for (float &number : numbers)
    number = in.f32();
  return numbers;
}

std::vector<uint8_t>
lowbit::serializeSchedule(const DenoiseSchedule &schedule) {
  ByteWriter out;
  out.u32(scheduleMagic);
  out.u32(scheduleVersion);
  for (int64_t number : {schedule.channels, schedule.height, schedule.width,
                         schedule.classes, int64_t(schedule.nullLabel),
                         schedule.tokensPerImage})
    out.i64(number);
  out.u8(static_cast<uint8_t>(schedule.sampler));
  out.i64(schedule.defaultSteps);
  out.f32(schedule.defaultGuidance);
  write(out, schedule.times);
  write(out, schedule.alphas);
  out.u8(static_cast<uint8_t>(schedule.spacing));
  out.i64(schedule.spacingOffset);
  out.f32(schedule.finalAlpha);
  write(out, schedule.timeFrequencies);
  out.f32(schedule.timeScale);
  out.u8(schedule.cosinesFirst);
  out.string(schedule.signature);
  out.u32(static_cast<uint32_t>(schedule.variants.size()));
  for (const DenoiseVariant &variant : schedule.variants) {
    out.string(variant.name);
    out.string(variant.predict);
    out.string(variant.condition);
  }
  out.u32(static_cast<uint32_t>(schedule.ranges.size()));
  for (const StepRange &range : schedule.ranges) {
    out.i64(range.first);
    out.i64(range.end);
    out.u32(range.variant);
  }
  out.u32(static_cast<uint32_t>(schedule.reuse.size()));
  for (const StepReuse &reuse : schedule.reuse) {
    out.i64(reuse.step);
    out.i64(reuse.from);
  }
  return out.take();
}

static void readVariants(ByteReader &in, DenoiseSchedule &schedule) {
  uint32_t variants = in.count(12);
  for (uint32_t i = 0; i < variants && !in.failed(); ++i) {
    DenoiseVariant variant;
    variant.name = in.string(256);
    variant.predict = in.string(256);
    variant.condition = in.string(256);
    schedule.variants.push_back(std::move(variant));
  }
  uint32_t ranges = in.count(20);
  for (uint32_t i = 0; i < ranges; ++i) {
    StepRange range;
    range.first = in.i64();
    range.end = in.i64();
    range.variant = in.u32();
    schedule.ranges.push_back(range);
  }
  uint32_t reuses = in.count(16);
  for (uint32_t i = 0; i < reuses; ++i) {
    StepReuse reuse;
    reuse.step = in.i64();
    reuse.from = in.i64();
    schedule.reuse.push_back(reuse);
  }
}

StatusOr<DenoiseSchedule>
lowbit::parseSchedule(std::span<const uint8_t> bytes) {
  ByteReader in(bytes);
  if (in.u32() != scheduleMagic)
    in.fail(invalidArgument("this is not a schedule"));
  if (in.u32() != scheduleVersion)
    in.fail(invalidArgument("the schedule's version is not supported"));
  DenoiseSchedule schedule;
  schedule.channels = in.i64();
  schedule.height = in.i64();
  schedule.width = in.i64();
  schedule.classes = in.i64();
  int64_t nullLabel = in.i64();
  if (nullLabel < -1 || nullLabel > mostClasses)
    in.fail(invalidArgument("the null label %lld is out of range",
                            static_cast<long long>(nullLabel)));
  schedule.nullLabel = static_cast<int32_t>(nullLabel);
  schedule.tokensPerImage = in.i64();
  uint8_t sampler = in.u8();
  if (sampler > static_cast<uint8_t>(SamplerKind::ddim))
    in.fail(invalidArgument("unknown sampler %u", sampler));
  schedule.defaultSteps = in.i64();
  schedule.defaultGuidance = in.f32();
  schedule.times = readNumbers(in);
  schedule.alphas = readNumbers(in);
  uint8_t spacing = in.u8();
  if (spacing > static_cast<uint8_t>(StepSpacing::linspace))
    in.fail(invalidArgument("unknown spacing of steps %u", spacing));
  schedule.spacingOffset = in.i64();
  schedule.finalAlpha = in.f32();
  schedule.timeFrequencies = readNumbers(in);
  schedule.timeScale = in.f32();
  uint8_t cosinesFirst = in.u8();
  if (cosinesFirst > 1)
    in.fail(invalidArgument("a truth value is %u", cosinesFirst));
  schedule.cosinesFirst = cosinesFirst;
  schedule.signature = in.string(4096);
  readVariants(in, schedule);
  LOWBIT_RETURN_IF_ERROR(in.finish());
  schedule.sampler = static_cast<SamplerKind>(sampler);
  schedule.spacing = static_cast<StepSpacing>(spacing);
  return schedule;
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

static Status checkSizes(const DenoiseSchedule &s) {
  for (int64_t side : {s.channels, s.height, s.width})
    if (side < 1 || side > largestSide)
      return invalidArgument("a latent of %lld x %lld x %lld is not possible; 1 "
                             "to %lld a side are",
                             static_cast<long long>(s.channels),
                             static_cast<long long>(s.height),
                             static_cast<long long>(s.width),
                             static_cast<long long>(largestSide));
  // Three factors below 2^17 do not overflow.
  if (s.latentSize() > largestLatent)
    return invalidArgument("a latent of %lld numbers is too large",
                           static_cast<long long>(s.latentSize()));
  if (s.classes < 1 || s.classes > mostClasses || s.nullLabel < -1 ||
      s.nullLabel > s.classes)
    return invalidArgument("%lld classes with the null label %d are not possible",
                           static_cast<long long>(s.classes), s.nullLabel);
  if (s.tokensPerImage < 1 || s.tokensPerImage > largestLatent)
    return invalidArgument("%lld tokens an image are not possible",
                           static_cast<long long>(s.tokensPerImage));
  if (s.defaultSteps < 1 || s.defaultSteps > mostSteps)
    return invalidArgument("%lld steps are not possible; 1 to %lld are",
                           static_cast<long long>(s.defaultSteps),
                           static_cast<long long>(mostSteps));
  if (!std::isfinite(s.defaultGuidance) || !std::isfinite(s.timeScale))
    return invalidArgument("the guidance and the scale of the time must be "
                           "finite");
  double latest = s.sampler == SamplerKind::euler
                      ? 1.0
                      : static_cast<double>(s.alphas.size());
  for (float frequency : s.timeFrequencies)
    if (!(std::abs(latest * s.timeScale * frequency) <= largestAngle))
      return invalidArgument("a frequency of the time embedding is %g; angles of "
                             "more than %g are not possible",
                             frequency, largestAngle);
  if (s.signature.empty())
    return invalidArgument("the state signature is empty");
  return {};
}

static Status checkTimes(const DenoiseSchedule &s) {
  if (s.sampler == SamplerKind::ddim) {
    if (s.alphas.empty() || s.alphas.size() > static_cast<size_t>(mostSteps))
      return invalidArgument("a ddim schedule needs 1 to %lld alphas, it has %zu",
                             static_cast<long long>(mostSteps), s.alphas.size());
    for (size_t i = 0; i < s.alphas.size(); ++i)
      if (!(s.alphas[i] > 0) || s.alphas[i] > (i ? s.alphas[i - 1] : 1.0f))
        return invalidArgument("alpha %zu of the schedule is %g; they must fall "
                               "from at most 1 and stay positive",
                               i, s.alphas[i]);
    if (!(s.finalAlpha > 0) || s.finalAlpha > 1)
      return invalidArgument("the final alpha %g is not in (0, 1]", s.finalAlpha);
    if (s.spacingOffset < 0 || s.spacingOffset > mostSteps)
      return invalidArgument("the offset of the timesteps %lld is out of range",
                             static_cast<long long>(s.spacingOffset));
  } else if (!s.alphas.empty()) {
    return invalidArgument("an euler schedule has no alphas");
  }
  if (s.times.empty())
    return {};
  bool euler = s.sampler == SamplerKind::euler;
  auto wanted = static_cast<size_t>(s.defaultSteps + (euler ? 1 : 0));
  if (s.times.size() != wanted)
    return invalidArgument("the schedule has %zu times; %lld steps need %zu",
                           s.times.size(),
                           static_cast<long long>(s.defaultSteps), wanted);
  for (size_t i = 0; i < s.times.size(); ++i) {
    float time = s.times[i];
    bool inOrder = i == 0 || (euler ? time > s.times[i - 1]
                                    : time < s.times[i - 1]);
    bool inRange = euler ? time >= 0 && time <= 1
                         : time >= 0 &&
                               time < static_cast<float>(s.alphas.size()) &&
                               time == std::floor(time);
    if (!inOrder || !inRange)
      return invalidArgument("time %zu of the schedule is %g; %s", i, time,
                             euler ? "times must rise from 0 to 1"
                                   : "timesteps must fall and be whole numbers "
                                     "inside the table of alphas");
  }
  return {};
}

static Status checkSteps(const DenoiseSchedule &s) {
  if (s.variants.empty())
    return invalidArgument("the schedule has no variant");
  std::set<std::string_view> names;
  for (const DenoiseVariant &variant : s.variants) {
    if (variant.name.empty() || variant.predict.empty())
      return invalidArgument("a variant of the schedule has no name or no "
                             "function");
    if (!names.insert(variant.name).second)
      return invalidArgument("there are two variants '%s'", variant.name.c_str());
  }
  int64_t next = 0;
  for (const StepRange &range : s.ranges) {
    if (range.variant >= s.variants.size())
      return invalidArgument("a range of steps names variant %u of %zu",
                             range.variant, s.variants.size());
    if (range.first != next || range.end <= range.first)
      return invalidArgument(
          "the schedule has %s: steps %lld to %lld follow step %lld (V12)",
          range.first > next ? "a gap" : "an overlap",
          static_cast<long long>(range.first), static_cast<long long>(range.end),
          static_cast<long long>(next));
    next = range.end;
  }
  if (next != s.defaultSteps)
    return invalidArgument("the schedule has a gap: its ranges make %lld of %lld "
                           "steps (V12)",
                           static_cast<long long>(next),
                           static_cast<long long>(s.defaultSteps));
  std::set<int64_t> reusing;
  for (const StepReuse &reuse : s.reuse) {
    if (reuse.step < 0 || reuse.step >= s.defaultSteps || reuse.from < 0 ||
        reuse.from >= reuse.step)
      return invalidArgument("step %lld reuses step %lld, which is not an earlier "
                             "one (V12)",
                             static_cast<long long>(reuse.step),
                             static_cast<long long>(reuse.from));
    if (reusing.count(reuse.from))
      return invalidArgument("step %lld reuses step %lld, which does not call the "
                             "model (V12)",
                             static_cast<long long>(reuse.step),
                             static_cast<long long>(reuse.from));
    if (!reusing.insert(reuse.step).second)
      return invalidArgument("step %lld reuses two steps",
                             static_cast<long long>(reuse.step));
  }
  return {};
}

Status lowbit::validateSchedule(const DenoiseSchedule &schedule) {
  LOWBIT_RETURN_IF_ERROR(checkSizes(schedule));
  LOWBIT_RETURN_IF_ERROR(checkTimes(schedule));
  return checkSteps(schedule);
}

Status lowbit::validateSchedule(const DenoiseSchedule &schedule,
                                const Plan &plan) {
  LOWBIT_RETURN_IF_ERROR(validateSchedule(schedule));
  for (const DenoiseVariant &variant : schedule.variants)
    for (const std::string &function : {variant.predict, variant.condition})
      if (!function.empty() && !plan.findFunction(function))
        return invalidArgument("variant '%s' names the function '%s', which the "
                               "plan does not have",
                               variant.name.c_str(), function.c_str());
  return {};
}
