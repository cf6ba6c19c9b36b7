//===- DenoiseState.cpp - A denoising loop between two steps --------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/DenoiseState.h"

#include "lowbit/Format/ByteStream.h"
#include "lowbit/Support/CheckedMath.h"
#include "lowbit/Support/Hash.h"
#include "lowbit/Support/MappedFile.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace lowbit;

static constexpr std::string_view magic = "LBDNSTAT";
static constexpr uint32_t version = 2;
static constexpr size_t checksumBytes = 8;
static constexpr size_t longestText = 4096;
/// A loop of more steps is a mistake.
static constexpr int64_t mostSteps = 100000;

void lowbit::appendOrigin(std::vector<StepOrigin> &origins, StepOrigin next) {
  if (!origins.empty() && origins.back().variant == next.variant &&
      origins.back().module == next.module)
    origins.back().end = next.end;
  else
    origins.push_back(std::move(next));
}

uint64_t lowbit::hashOfTimes(SamplerKind sampler,
                             std::span<const SamplerStep> steps) {
  ByteWriter writer;
  writer.u8(static_cast<uint8_t>(sampler));
  for (const SamplerStep &step : steps)
    for (float number : {step.time, step.delta, step.signal, step.noise,
                         step.nextSignal, step.nextNoise})
      writer.f32(number);
  return xxh3(writer.result());
}

uint64_t lowbit::hashOfReuse(std::span<const int64_t> reuse) {
  ByteWriter writer;
  for (size_t step = 0; step < reuse.size(); ++step)
    if (reuse[step] >= 0) {
      writer.u64(step);
      writer.i64(reuse[step]);
    }
  return xxh3(writer.result());
}

std::vector<uint8_t> lowbit::serializeState(const DenoiseState &state) {
  ByteWriter writer;
  writer.bytes({reinterpret_cast<const uint8_t *>(magic.data()), magic.size()});
  writer.u32(version);
  writer.string(state.signature);
  writer.u8(static_cast<uint8_t>(state.sampler));
  writer.i64(state.steps);
  writer.i64(state.nextStep);
  writer.u64(state.times);
  writer.u64(state.reuse);
  writer.f32(state.guidance);
  writer.string(state.noise);
  writer.u32(static_cast<uint32_t>(state.origins.size()));
  for (const StepOrigin &origin : state.origins) {
    writer.i64(origin.first);
    writer.i64(origin.end);
    writer.string(origin.variant);
    writer.string(origin.module);
  }
  writer.u32(static_cast<uint32_t>(state.labels.size()));
  for (int32_t label : state.labels)
    writer.u32(static_cast<uint32_t>(label));
  writer.i64(state.latentSize);
  for (float number : state.latents)
    writer.f32(number);
  writer.u32(static_cast<uint32_t>(state.kept.size()));
  for (const auto &[step, prediction] : state.kept) {
    writer.i64(step);
    for (float number : prediction)
      writer.f32(number);
  }
  writer.u64(xxh3(writer.result()));
  return writer.take();
}

/// Together they made the steps before nextStep.
static Status readOrigins(ByteReader &reader, DenoiseState &state) {
  uint32_t count = reader.count(24);
  int64_t next = 0;
  for (uint32_t i = 0; i < count && !reader.failed(); ++i) {
    StepOrigin origin;
    origin.first = reader.i64();
    origin.end = reader.i64();
    origin.variant = reader.string(256);
    origin.module = reader.string(256);
    if (!reader.failed() && (origin.first != next || origin.end <= next))
      return invalidArgument("steps %lld to %lld do not follow step %lld",
                             static_cast<long long>(origin.first),
                             static_cast<long long>(origin.end),
                             static_cast<long long>(next));
    next = origin.end;
    state.origins.push_back(std::move(origin));
  }
  if (!reader.failed() && next != state.nextStep)
    return invalidArgument("%lld steps were made, but step %lld is next",
                           static_cast<long long>(next),
                           static_cast<long long>(state.nextStep));
  return reader.status();
}

/// The fields after the version.
static Status readFields(ByteReader &reader, DenoiseState &state) {
  state.signature = reader.string(longestText);
  uint8_t sampler = reader.u8();
  if (!reader.failed() && sampler > static_cast<uint8_t>(SamplerKind::ddim))
    return invalidArgument("there is no sampler %u", sampler);
  state.sampler = static_cast<SamplerKind>(sampler);
  state.steps = reader.i64();
  state.nextStep = reader.i64();
  if (!reader.failed() && (state.steps < 1 || state.steps > mostSteps))
    return invalidArgument("%lld steps; 1 to %lld are possible",
                           static_cast<long long>(state.steps),
                           static_cast<long long>(mostSteps));
  if (!reader.failed() && (state.nextStep < 1 || state.nextStep >= state.steps))
    return invalidArgument("the next step is %lld; 1 to %lld is possible in a "
                           "loop of %lld steps",
                           static_cast<long long>(state.nextStep),
                           static_cast<long long>(state.steps - 1),
                           static_cast<long long>(state.steps));
  state.times = reader.u64();
  state.reuse = reader.u64();
  state.guidance = reader.f32();
  if (!std::isfinite(state.guidance))
    return invalidArgument("the guidance is not a finite number");
  state.noise = reader.string(longestText);
  LOWBIT_RETURN_IF_ERROR(readOrigins(reader, state));
  uint32_t images = reader.count(4);
  for (uint32_t i = 0; i < images; ++i)
    state.labels.push_back(static_cast<int32_t>(reader.u32()));
  state.latentSize = reader.i64();
  LOWBIT_RETURN_IF_ERROR(Status(reader.status()));
  std::optional<int64_t> numbers = checkedMul<int64_t>(images, state.latentSize);
  std::optional<int64_t> bytes =
      numbers ? checkedMul<int64_t>(*numbers, 4) : std::nullopt;
  if (images < 1 || state.latentSize < 1 || !bytes ||
      static_cast<uint64_t>(*bytes) > reader.remaining())
    return invalidArgument("%u images of %lld numbers do not fit the %zu bytes "
                           "that follow",
                           images, static_cast<long long>(state.latentSize),
                           reader.remaining());
  auto readNumbers = [&](std::vector<float> &values) {
    values.resize(static_cast<size_t>(*numbers));
    for (float &number : values)
      number = reader.f32();
  };
  readNumbers(state.latents);
  uint32_t kept = reader.count(8 + static_cast<size_t>(*bytes));
  int64_t last = -1;
  for (uint32_t i = 0; i < kept; ++i) {
    int64_t step = reader.i64();
    if (step <= last || step >= state.nextStep)
      return invalidArgument("a kept prediction of step %lld is out of place",
                             static_cast<long long>(step));
    last = step;
    readNumbers(state.kept[step]);
  }
  return reader.finish();
}

StatusOr<DenoiseState> lowbit::parseState(std::span<const uint8_t> bytes,
                                          const std::string &name) {
  auto refuse = [&](const char *what) {
    return invalidArgument("%s: %s", name.c_str(), what);
  };
  if (bytes.size() < magic.size() + 4 + checksumBytes ||
      !std::equal(magic.begin(), magic.end(), bytes.begin()))
    return refuse("is not a saved state; --save-state writes one");
  ByteReader head(bytes.subspan(magic.size()));
  uint32_t found = head.u32();
  if (found != version)
    return invalidArgument("%s: is a saved state of version %u; this program "
                           "reads version %u",
                           name.c_str(), found, version);
  std::span<const uint8_t> body = bytes.first(bytes.size() - checksumBytes);
  ByteReader tail(bytes.last(checksumBytes));
  if (tail.u64() != xxh3(body))
    return refuse("the saved state is damaged or cut off (its checksum differs); "
                  "save it again");
  DenoiseState state;
  ByteReader reader(body.subspan(magic.size() + 4));
  Status status = readFields(reader, state);
  if (!status.isOk())
    return Status(status.code(), name + ": the saved state is malformed: " +
                                     status.message());
  return state;
}

Status lowbit::writeState(const std::string &path, const DenoiseState &state) {
  LOWBIT_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  LOWBIT_RETURN_IF_ERROR(file.write(serializeState(state)));
  return file.commit();
}

StatusOr<DenoiseState> lowbit::readState(const std::string &path) {
  LOWBIT_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  return parseState(file.bytes(), path);
}
