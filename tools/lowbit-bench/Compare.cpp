//===- Compare.cpp - Two result files side by side ------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/common/Console.h"
#include "tools/lowbit-bench/Bench.h"

#include <cmath>
#include <map>

#define JSON_NOEXCEPTION
#include <nlohmann/json.hpp>

using namespace lowbit;

namespace {

/// One measurement; larger is better after `read`.
struct Sample {
  double value = 0; ///< tokens or calls a second
  double deviation = 0;
};
using Samples = std::map<std::string, Sample>;

} // namespace

static double numberOf(const nlohmann::json &object, const char *key) {
  auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

static std::string textOf(const nlohmann::json &object, const char *key) {
  auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>()
                                                     : "";
}

/// Accepts the array of runSpeed and Google Benchmark's object.
static StatusOr<Samples> readSamples(const std::string &path) {
  LOWBIT_ASSIGN_OR_RETURN(std::string text, readTextFile(path));
  nlohmann::json root = nlohmann::json::parse(text, nullptr, false);
  if (root.is_discarded())
    return invalidArgument("%s: not valid JSON", path.c_str());
  nlohmann::json list = root;
  if (root.is_object() && root.contains("benchmarks"))
    list = root["benchmarks"];
  if (!list.is_array() || list.empty())
    return invalidArgument("%s: no results; make them with lowbit-bench "
                           "--format=json",
                           path.c_str());
  Samples samples;
  for (const nlohmann::json &entry : list) {
    if (!entry.is_object())
      return invalidArgument("%s: a result is not an object", path.c_str());
    std::string name = textOf(entry, "name");
    Sample sample;
    if (entry.contains("avg_ts")) {
      name = textOf(entry, "model_type") + " " + name + " t" +
             std::to_string(static_cast<int64_t>(numberOf(entry, "n_threads")));
      sample.value = numberOf(entry, "avg_ts");
      sample.deviation = numberOf(entry, "stddev_ts");
    } else if (double time = numberOf(entry, "real_time"); time > 0) {
      sample.value = 1e9 / time;
    }
    if (name.empty() || sample.value <= 0)
      return invalidArgument("%s: a result has no name or no positive figure",
                             path.c_str());
    samples[name] = sample;
  }
  return samples;
}

StatusOr<int> lowbit::runCompare(const BenchOptions &options) {
  LOWBIT_ASSIGN_OR_RETURN(Samples before, readSamples(options.compareOld));
  LOWBIT_ASSIGN_OR_RETURN(Samples after, readSamples(options.compareNew));
  std::string text = "| test | old /s | new /s | change | |\n"
                     "| --- | ---: | ---: | ---: | --- |\n";
  int slower = 0, common = 0;
  for (const auto &[name, old] : before) {
    auto found = after.find(name);
    if (found == after.end()) {
      text += formatString("| %s | %.2f | | | missing |\n", name.c_str(),
                           old.value);
      continue;
    }
    ++common;
    double change = found->second.value / old.value - 1;
    // A change inside the noise of both runs is none.
    bool noise = std::abs(found->second.value - old.value) <=
                 old.deviation + found->second.deviation;
    bool regression = change < -static_cast<double>(options.threshold) && !noise;
    slower += regression;
    text += formatString("| %s | %.2f | %.2f | %+.1f %% | %s |\n", name.c_str(),
                         old.value, found->second.value, 100 * change,
                         regression ? "slower" : noise ? "same" : "");
  }
  for (const auto &[name, sample] : after)
    if (!before.count(name))
      text += formatString("| %s | | %.2f | | new |\n", name.c_str(),
                           sample.value);
  LOWBIT_RETURN_IF_ERROR(printText(text));
  if (common == 0)
    return invalidArgument("%s and %s have no test in common",
                           options.compareOld.c_str(),
                           options.compareNew.c_str());
  return static_cast<int>(slower > 0 ? exitError : exitOk);
}
