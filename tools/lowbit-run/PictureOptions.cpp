//===- PictureOptions.cpp - Flags for making pictures ---------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/lowbit-run/PictureOptions.h"

#include <cmath>

using namespace lowbit;

/// Images of one run; their numbers are kept in memory.
static constexpr int64_t mostImages = 1 << 20;

void PictureOptions::addTo(Flags &flags) {
  flags.heading("pictures:");
  flags.add("--class", classList, "3,7",
            "classes of the images; repeated when there are more images");
  flags.add("-o, --output-image", output, "FILE",
            "FILE.png: a picture, or a sheet of several (with %d or %03d in the "
            "name one file each); FILE.npy: the f32 numbers");
  flags.add("--steps", steps, "N", "steps (default: the model's)");
  flags.add("--cfg-scale", guidance, "G",
            "classifier-free guidance (default: the model's; 1: none)");
  flags.add("--sampler", sampler, "NAME", "euler or ddim (default: the model's)");
  flags.add("--noise", noiseFile, "FILE.npy",
            "f32 noise, one image for each entry, instead of a seed; image i "
            "of a seed S has PyTorch's noise of seed S + i");
  flags.add("--batch", batch, "B",
            "images computed together, and at least made (default 16; results "
            "do not depend on it)");
  flags.add("-H, --height", height, "H", "must be the model's");
  flags.add("-W, --width", width, "W", "must be the model's");
  flags.add("--variant", variant, "NAME",
            "weights that make all steps (default: as the schedule says)");
  flags.add("--stop-at", stopAt, "STEP", "end after this many steps");
  flags.add("--save-state", saveState, "FILE",
            "what --resume needs, after the last step made (without --stop-at "
            "after each)");
  flags.add("--resume", resume, "FILE", "go on where --save-state stopped");
  flags.add("--dump-velocity", dumpVelocity, "FILE.npy",
            "the model's output at the first step, after guidance");
}

static bool endsWith(const std::string &text, std::string_view end) {
  return text.size() > end.size() &&
         std::string_view(text).substr(text.size() - end.size()) == end;
}

bool PictureOptions::wantsNumbers() const { return endsWith(output, ".npy"); }

std::string PictureOptions::fileOfImage(int64_t i) const {
  std::string number = std::to_string(i);
  if (number.size() < numberDigits)
    number.insert(0, numberDigits - number.size(), '0');
  return separate() ? std::string(output).replace(numberBegin, numberSize, number)
                    : output;
}

/// A percent sign that begins nothing like a number is part of the name.
Status PictureOptions::findNumber() {
  for (size_t at = output.find('%'); at != std::string::npos;
       at = output.find('%', at + 1)) {
    size_t end = output.find_first_not_of("0123456789", at + 1);
    if (end == std::string::npos || output[end] != 'd')
      continue;
    size_t digits = end - at - 1;
    if (digits != 0 && (digits != 2 || output[at + 1] != '0' || output[at + 2] == '0'))
      return invalidArgument("-o %s: a number is %%d, or %%01d to %%09d",
                             output.c_str());
    if (separate())
      return invalidArgument("-o %s: the name has two places for the number of "
                             "the image",
                             output.c_str());
    if (wantsNumbers())
      return invalidArgument("-o %s: all images go into one .npy file; leave out "
                             "the %%d",
                             output.c_str());
    numberBegin = at;
    numberSize = end + 1 - at;
    numberDigits = digits == 0 ? 1 : static_cast<size_t>(output[at + 2] - '0');
  }
  return {};
}

Status PictureOptions::finish(const Flags &flags) {
  for (const char *flag :
       {"--class", "-o", "--steps", "--cfg-scale", "--sampler", "--noise",
        "--batch", "-H", "-W", "--variant", "--stop-at", "--save-state",
        "--resume", "--dump-velocity"})
    given |= flags.given(flag);
  if (!given)
    return {};
  hasSteps = flags.given("--steps");
  hasGuidance = flags.given("--cfg-scale");
  hasSeed = flags.given("-s");
  hasStopAt = flags.given("--stop-at");
  bool resumes = !resume.empty();
  if (flags.given("--class")) {
    LOWBIT_ASSIGN_OR_RETURN(classes, parseIntegerList(classList));
  }
  if (resumes && (hasSeed || !noiseFile.empty()))
    return invalidArgument("--resume takes its noise from the state; leave out "
                           "%s",
                           hasSeed ? "--seed" : "--noise");
  if (hasSeed && !noiseFile.empty())
    return invalidArgument("give one of --seed and --noise");
  if (flags.given("--batch") && (batch < 1 || batch > mostImages))
    return invalidArgument("--batch must be between 1 and %lld",
                           static_cast<long long>(mostImages));
  if (static_cast<int64_t>(classes.size()) > mostImages)
    return invalidArgument("--class lists %zu classes; at most %lld are possible",
                           classes.size(), static_cast<long long>(mostImages));
  if (hasGuidance && !std::isfinite(guidance))
    return invalidArgument("--cfg-scale must be a finite number");
  if (hasStopAt && stopAt < 1)
    return invalidArgument("--stop-at must be at least 1");
  if (!output.empty() && !wantsNumbers() && !endsWith(output, ".png"))
    return invalidArgument("-o %s: the name must end in .png or .npy",
                           output.c_str());
  if (output.empty() && saveState.empty() && dumpVelocity.empty() &&
      !flags.given("--stats"))
    return invalidArgument("no output is given; use -o FILE.png or -o FILE.npy");
  // Nothing would be left of the last step.
  if (output.empty() && !saveState.empty() && !hasStopAt)
    return invalidArgument("--save-state without --stop-at=STEP makes all steps, "
                           "whose images need -o");
  return findNumber();
}
