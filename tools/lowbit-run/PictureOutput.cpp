//===- PictureOutput.cpp - Finished images as files -----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/lowbit-run/PictureOutput.h"

#include "lowbit/Support/Hash.h"
#include "lowbit/Support/Npy.h"
#include "tools/common/Flags.h"
#include "tools/common/Picture.h"

#include <cstring>

using namespace lowbit;

static constexpr int64_t sheetGap = 2;

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
  // Seeds are 64 bits without sign; what is read here was written by toString().
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

StatusOr<std::string> lowbit::hashOfFile(const std::string &path) {
  LOWBIT_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  return toHex(xxh3Wide(file.bytes()));
}

/// "ternary", or "0-6 float, 7-19 ternary"; with the module where there were two.
static std::string describeOrigins(const std::vector<StepOrigin> &origins) {
  if (origins.size() == 1)
    return origins[0].variant;
  bool modules = false;
  for (const StepOrigin &origin : origins)
    modules |= origin.module != origins[0].module;
  std::string text;
  for (const StepOrigin &origin : origins) {
    text += formatString("%s%lld-%lld %s", text.empty() ? "" : ", ",
                         static_cast<long long>(origin.first),
                         static_cast<long long>(origin.end - 1),
                         origin.variant.c_str());
    if (modules)
      text += " of " + origin.module;
  }
  return text;
}

/// Text of the picture of images [first, first + count).
static PictureText textOf(const PictureOrigin &origin, size_t first,
                          size_t count) {
  const DenoiseState &state = *origin.state;
  std::string classes;
  for (size_t i = first; i < first + count; ++i)
    classes += (classes.empty() ? "" : ",") + std::to_string(state.labels[i]);
  PictureText text = {
      {"Software", std::string("lowbit-run ") + lowbitVersion},
      {"lowbit.model", origin.module->metaValue("model.name")},
      {"lowbit.module", state.origins.back().module},
      {"lowbit.recipe", origin.module->metaValue("model.recipe", "none")},
      {"lowbit.sampler", samplerName(state.sampler)},
      {"lowbit.steps", std::to_string(state.steps)},
      {"lowbit.guidance", formatString("%.9g", state.guidance)},
      {"lowbit.class", classes},
  };
  std::string noise;
  if (origin.noise.seeded) {
    noise = "--seed=" + std::to_string(origin.noise.seed + first);
    text.emplace_back("lowbit.seed", std::to_string(origin.noise.seed + first));
  } else {
    noise = "--noise=NOISE.npy";
    text.emplace_back("lowbit.noise", "numbers with XXH3-128 " +
                                          origin.noise.fileHash +
                                          (count < state.labels.size()
                                               ? ", image " + std::to_string(first)
                                               : std::string()));
  }
  text.emplace_back("lowbit.variant", describeOrigins(state.origins));
  // One variant made all steps: only a flag makes it do so where there are more.
  std::string variant;
  if (state.origins.size() == 1 && origin.module->schedule()->variants.size() > 1)
    variant = " --variant=" + state.origins[0].variant;
  text.emplace_back("lowbit.command",
                    formatString("lowbit-run MODULE --class=%s --steps=%lld "
                                 "--cfg-scale=%.9g %s%s -o OUT.png",
                                 classes.c_str(),
                                 static_cast<long long>(state.steps),
                                 state.guidance, noise.c_str(),
                                 variant.c_str()));
  return text;
}

Status lowbit::writePictures(const std::string &path,
                             const PictureOrigin &origin) {
  const DenoiseState &state = *origin.state;
  const DenoiseSchedule &schedule = *origin.module->schedule();
  auto size = static_cast<size_t>(state.latentSize);
  std::vector<Picture> pictures;
  for (size_t i = 0; i < state.labels.size(); ++i) {
    LOWBIT_ASSIGN_OR_RETURN(
        Picture picture,
        pictureOfNumbers(std::span(state.latents).subspan(i * size, size),
                         static_cast<unsigned>(schedule.channels),
                         schedule.height, schedule.width));
    pictures.push_back(std::move(picture));
  }
  size_t number = path.find("%d");
  if (number != std::string::npos) {
    for (size_t i = 0; i < pictures.size(); ++i) {
      std::string name = path;
      name.replace(number, 2, std::to_string(i));
      LOWBIT_RETURN_IF_ERROR(writePng(name, pictures[i], textOf(origin, i, 1)));
    }
    return {};
  }
  LOWBIT_ASSIGN_OR_RETURN(
      Picture sheet,
      contactSheet(pictures, sheetColumns(static_cast<int64_t>(pictures.size())),
                   sheetGap));
  return writePng(path, sheet, textOf(origin, 0, pictures.size()));
}

Status lowbit::writeNumbers(const std::string &path,
                            std::span<const float> numbers,
                            std::span<const int64_t> shape) {
  NpyArray array;
  array.dtype = "f4";
  array.shape.assign(shape.begin(), shape.end());
  array.bytes.resize(numbers.size_bytes());
  std::memcpy(array.bytes.data(), numbers.data(), numbers.size_bytes());
  return writeNpy(path, array);
}
