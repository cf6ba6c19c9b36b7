//===- PictureMetadata.cpp - What a picture's file says of it -------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/lowbit-run/PictureMetadata.h"

#include "runtime/Models/Denoise.h"
#include "tools/common/Flags.h"

#include <algorithm>
#include <cctype>

using namespace lowbit;

//===----------------------------------------------------------------------===//
// Noise
//===----------------------------------------------------------------------===//

std::string NoiseSource::toString() const {
  return seeded ? "seed " + std::to_string(seed) : "file " + fileHash;
}

StatusOr<NoiseSource> NoiseSource::parse(const std::string &text) {
  NoiseSource source;
  if (text.starts_with("file ")) {
    source.seeded = false;
    source.fileHash = text.substr(5);
    return source;
  }
  // Seeds are 64 bits without sign; what is read here was written by
  // toString().
  std::string_view digits = std::string_view(text).substr(
      std::min(text.size(), std::string_view("seed ").size()));
  if (!text.starts_with("seed ") || digits.empty() || digits.size() > 20)
    return invalidArgument("'%s' is not the source of a noise", text.c_str());
  for (char digit : digits) {
    if (digit < '0' || digit > '9')
      return invalidArgument("'%s' is not the source of a noise", text.c_str());
    source.seed = source.seed * 10 + static_cast<uint64_t>(digit - '0');
  }
  return source;
}

//===----------------------------------------------------------------------===//
// Who made the steps
//===----------------------------------------------------------------------===//

/// The modules of the origins, each once, in the order of their steps.
static std::vector<std::string>
modulesOf(const std::vector<StepOrigin> &origins) {
  std::vector<std::string> modules;
  for (const StepOrigin &origin : origins)
    if (std::find(modules.begin(), modules.end(), origin.module) ==
        modules.end())
      modules.push_back(origin.module);
  return modules;
}

/// What stands for a module's file in the command: MODULE, or MODULE1, MODULE2
/// where there were several.
static std::string nameOfModule(const std::vector<std::string> &modules,
                                const std::string &module) {
  if (modules.size() == 1)
    return "MODULE";
  auto place = std::find(modules.begin(), modules.end(), module);
  return "MODULE" + std::to_string(place - modules.begin() + 1);
}

/// The hash of a module's file; "MODULE1 0123, MODULE2 4567" where there were
/// two.
static std::string describeModules(const std::vector<std::string> &modules) {
  if (modules.size() == 1)
    return modules.front();
  std::string text;
  for (const std::string &module : modules)
    text += (text.empty() ? "" : ", ") + nameOfModule(modules, module) + " " +
            module;
  return text;
}

/// "ternary", or "0-6 float, 7-19 ternary"; with the module where there were
/// two.
static std::string describeOrigins(const std::vector<StepOrigin> &origins,
                                   const std::vector<std::string> &modules) {
  if (origins.size() == 1)
    return origins[0].variant;
  std::string text;
  for (const StepOrigin &origin : origins) {
    text += formatString("%s%lld-%lld %s", text.empty() ? "" : ", ",
                         static_cast<long long>(origin.first),
                         static_cast<long long>(origin.end - 1),
                         origin.variant.c_str());
    if (modules.size() > 1)
      text += " of " + nameOfModule(modules, origin.module);
  }
  return text;
}

/// Who makes the first `end` steps when no flag says otherwise.
static std::vector<StepOrigin> scheduledOrigins(const DenoiseSchedule &schedule,
                                                const std::string &module,
                                                int64_t steps, int64_t end) {
  std::vector<StepOrigin> origins;
  for (int64_t step = 0; step < end; ++step)
    appendOrigin(origins,
                 {step, step + 1,
                  schedule.variants[variantOfStep(schedule, step, steps)].name,
                  module});
  return origins;
}

//===----------------------------------------------------------------------===//
// The command
//===----------------------------------------------------------------------===//

/// A word of a command line; variants may have any name.
static std::string quoted(const std::string &word) {
  bool plain = std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-' || c == '.';
  });
  if (plain && !word.empty())
    return word;
  std::string text = "'";
  for (char c : word)
    text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

/// One command where a module makes all steps by its schedule or by one
/// variant; else one for each origin, which hand the state on.
static std::string commandOf(const PictureOrigin &origin,
                             const std::string &classes,
                             const std::string &noise) {
  const DenoiseState &state = *origin.state;
  const std::vector<StepOrigin> &parts = state.origins;
  std::string begin =
      formatString(" --class=%s --steps=%lld --cfg-scale=%.9g ",
                   classes.c_str(), static_cast<long long>(state.steps),
                   state.guidance) +
      noise;
  std::string end = " -o OUT.png";
  if (state.nextStep < state.steps)
    end = " --stop-at=" + std::to_string(state.nextStep) + end;
  if (parts == scheduledOrigins(*origin.module->schedule(), parts.back().module,
                                state.steps, state.nextStep))
    return "lowbit-run MODULE" + begin + end;
  std::vector<std::string> modules = modulesOf(parts);
  std::string text;
  for (const StepOrigin &part : parts) {
    bool last = part.end == state.nextStep;
    text += (text.empty() ? "" : " && ") + std::string("lowbit-run ") +
            nameOfModule(modules, part.module) +
            (part.first > 0 ? std::string(" --resume=STATE") : begin) +
            " --variant=" + quoted(part.variant);
    text +=
        last ? end
             : " --stop-at=" + std::to_string(part.end) + " --save-state=STATE";
  }
  return text;
}

//===----------------------------------------------------------------------===//
// The text
//===----------------------------------------------------------------------===//

PictureText lowbit::textOf(const PictureOrigin &origin, size_t first,
                           size_t count) {
  const DenoiseState &state = *origin.state;
  std::string classes;
  for (size_t i = first; i < first + count; ++i)
    classes += (classes.empty() ? "" : ",") + std::to_string(state.labels[i]);
  std::vector<std::string> modules = modulesOf(state.origins);
  PictureText text = {
      {"Software", std::string("lowbit-run ") + lowbitVersion},
      {"lowbit.model", origin.module->metaValue("model.name")},
      {"lowbit.module", describeModules(modules)},
      {"lowbit.recipe", origin.module->metaValue("model.recipe", "none")},
      {"lowbit.sampler", samplerName(state.sampler)},
      {"lowbit.steps", std::to_string(state.steps)},
      {"lowbit.guidance", formatString("%.9g", state.guidance)},
      {"lowbit.class", classes},
  };
  if (state.nextStep < state.steps)
    text.emplace_back("lowbit.stopped_at", std::to_string(state.nextStep));
  std::string noise;
  if (origin.noise.seeded) {
    // Seeds go on from 2^64 - 1 with 0, as the loop's do.
    std::string seed = std::to_string(origin.noise.seed + first);
    noise = "--seed=" + seed;
    text.emplace_back("lowbit.seed", seed);
  } else {
    noise = "--noise=NOISE.npy";
    // One image of several: the command's file has it alone.
    bool part = count < state.labels.size();
    if (part)
      noise = "--noise=IMAGE" + std::to_string(first) + "-OF-NOISE.npy";
    text.emplace_back("lowbit.noise",
                      (part ? "image " + std::to_string(first) + " of " : "") +
                          "numbers with XXH3-128 " + origin.noise.fileHash);
  }
  text.emplace_back("lowbit.variant", describeOrigins(state.origins, modules));
  text.emplace_back("lowbit.command", commandOf(origin, classes, noise));
  return text;
}
