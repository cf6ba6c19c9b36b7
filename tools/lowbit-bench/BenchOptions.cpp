//===- BenchOptions.cpp - Flags of lowbit-bench ---------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/lowbit-bench/Bench.h"

#include <algorithm>

using namespace lowbit;

void BenchOptions::addTo(Flags &flags) {
  flags.addPositional(module.module, "MODULE");
  flags.addPositional(compareNew, "NEW");
  flags.heading("speed (lists: 1,2,4 and 128-512+128):");
  flags.add("-m, --model", module.module, "MODULE", "the module file");
  flags.add("-p, --n-prompt", prompts, "LIST", "prompt lengths (default 512)");
  flags.add("-n, --n-gen", generated, "LIST", "tokens to make (default 128)");
  flags.add("-d, --n-depth", depths, "LIST",
            "tokens in the cache before (default 0)");
  flags.add("-r, --repetitions", repetitions, "N", "default 5");
  flags.add("-t, --threads", threadList, "LIST", "default: all cores");
  flags.add("--ubatch, -ub", ubatch, "N", "prompt tokens of a call (default 128)");
  flags.add("--no-warmup", noWarmup, "leave out the first, unmeasured run");
  flags.add("--device", module.device, "NAME", "auto, cpu, cuda or null");
  flags.add("--code", module.codeTarget, "TARGET", "code section to use");
  flags.add("--parameters", module.parameters, "WHERE",
            "auto, map or copy (into huge pages)");
  flags.add("--no-verify", module.noVerify, "skip the checksum of the weights");
  flags.add("--list-devices", module.listDevices, "list the devices and stop");
  flags.add("--format, -o", formatName, "FORMAT", "md, json or csv");
  flags.add("-q, --quiet", quiet, "no progress");
  flags.heading("perplexity:");
  flags.add("--perplexity", perplexityFile, "FILE", "measure it on a text");
  flags.add("--window", window, "N", "tokens of a window (default 512)");
  flags.add("--windows", windows, "N", "number of windows (default: all)");
  flags.add("--bos", bos, "feed BOS before each window and score every token");
  flags.heading("diffusion:");
  flags.add("--steps", steps, "N", "time denoising loops of N steps");
  flags.add("--batch", batches, "LIST", "images at a time (default 1)");
  flags.add("--cfg-scale", guidance, "G", "guidance (default 1: none)");
  flags.add("--variant", variant, "NAME", "weights that make all steps");
  flags.heading("kernels and comparison:");
  flags.add("--kernels", kernels, "time each kernel of the module");
  flags.add("--filter", filter, "REGEX", "kernels whose name matches");
  flags.add("--compare", compare,
            "OLD.json NEW.json: exit 1 when NEW is slower");
  flags.add("--threshold", threshold, "X",
            "relative loss that counts as slower (default 0.05)");
}

Status BenchOptions::finish(const Flags &flags) {
  if (formatName == "json")
    format = BenchFormat::json;
  else if (formatName == "csv")
    format = BenchFormat::csv;
  else if (formatName != "md")
    return invalidArgument("--format is '%s'; use md, json or csv",
                           formatName.c_str());
  if (compare && (module.module.empty() || compareNew.empty()))
    return invalidArgument("--compare needs two files: OLD.json NEW.json");
  if (module.module.empty())
    return invalidArgument("no module is given; lowbit-compile makes one");
  if (!compare && !compareNew.empty())
    return invalidArgument("unexpected argument '%s'", compareNew.c_str());
  if (repetitions < 1 || repetitions > 100000 || ubatch < 1)
    return invalidArgument("-r and --ubatch must be positive");
  diffusion = flags.given("--steps") || flags.given("--batch");
  if (flags.given("--steps") && steps < 1)
    return invalidArgument("--steps must be positive");
  compareOld = module.module;
  return {};
}

StatusOr<std::vector<int64_t>> lowbit::parseRanges(const std::string &text) {
  std::vector<int64_t> values;
  auto add = [&](int64_t value) {
    if (std::find(values.begin(), values.end(), value) == values.end())
      values.push_back(value);
  };
  std::string_view rest = text;
  for (;;) {
    size_t comma = rest.find(',');
    std::string_view item = rest.substr(0, comma);
    size_t dash = item.find('-', 1);
    if (item.empty() || dash == std::string_view::npos) {
      LOWBIT_ASSIGN_OR_RETURN(int64_t value, parseInteger(item));
      add(value);
    } else {
      size_t plus = item.find('+', dash);
      int64_t step = 1;
      if (plus != std::string_view::npos) {
        LOWBIT_ASSIGN_OR_RETURN(step, parseInteger(item.substr(plus + 1)));
      }
      LOWBIT_ASSIGN_OR_RETURN(int64_t first, parseInteger(item.substr(0, dash)));
      LOWBIT_ASSIGN_OR_RETURN(
          int64_t last,
          parseInteger(item.substr(
              dash + 1, plus == std::string_view::npos ? plus
                                                       : plus - dash - 1)));
      if (step < 1 || first < 0 || last < first || (last - first) / step > 10000)
        return invalidArgument("'%.*s' is not a range first-last+step",
                               static_cast<int>(item.size()), item.data());
      for (int64_t value = first; value <= last; value += step)
        add(value);
    }
    if (values.back() < 0)
      return invalidArgument("'%s' has a negative number", text.c_str());
    if (comma == std::string_view::npos)
      return values;
    rest.remove_prefix(comma + 1);
  }
}

std::vector<int32_t> lowbit::benchTokens(int64_t count, int64_t vocabulary) {
  std::vector<int32_t> ids(static_cast<size_t>(count));
  uint64_t state = 0x9e3779b97f4a7c15u;
  for (int32_t &id : ids) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    id = static_cast<int32_t>((state >> 33) % static_cast<uint64_t>(vocabulary));
  }
  return ids;
}

uint64_t lowbit::parameterCount(const ModuleReader &file) {
  uint64_t total = 0;
  for (const Parameter &parameter : file.components().parameters) {
    uint64_t elements = 1;
    for (int64_t extent : parameter.shape)
      elements *= static_cast<uint64_t>(extent);
    total += elements;
  }
  return total;
}
