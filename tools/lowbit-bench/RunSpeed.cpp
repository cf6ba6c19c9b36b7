//===- RunSpeed.cpp - Tokens a second -------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/common/Console.h"
#include "tools/lowbit-bench/Bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>

using namespace lowbit;

namespace {

/// One row of the table.
struct SpeedResult {
  std::string test; ///< "pp512", "tg128", "tg128 @ d4096"
  int64_t prompt = 0;
  int64_t generated = 0;
  int64_t depth = 0;
  std::vector<double> tokensPerSecond;
  double bytesPerToken = 0; ///< of parameters

  double mean() const {
    double sum = 0;
    for (double value : tokensPerSecond)
      sum += value;
    return sum / static_cast<double>(tokensPerSecond.size());
  }
  double deviation() const {
    if (tokensPerSecond.size() < 2)
      return 0;
    double m = mean(), sum = 0;
    for (double value : tokensPerSecond)
      sum += (value - m) * (value - m);
    return std::sqrt(sum / static_cast<double>(tokensPerSecond.size() - 1));
  }
  double gigabytesPerSecond() const { return mean() * bytesPerToken / 1e9; }
};

} // namespace

/// Feeds one test's tokens once.
static Status runOnce(Llm &llm, const SpeedResult &test,
                      std::span<const int32_t> ids) {
  if (test.generated == 0)
    return llm.feed(ids.subspan(0, test.prompt), LogitRows::last);
  for (int64_t i = 0; i < test.generated; ++i)
    LOWBIT_RETURN_IF_ERROR(llm.feed(ids.subspan(i, 1), LogitRows::last));
  return {};
}

static Status measure(Llm &llm, const BenchOptions &options,
                      SpeedResult &result) {
  int64_t count = std::max(result.prompt, result.generated);
  std::vector<int32_t> ids = benchTokens(count, llm.vocabulary());
  std::vector<int32_t> before = benchTokens(result.depth, llm.vocabulary());
  for (int64_t run = options.noWarmup ? 0 : -1; run < options.repetitions;
       ++run) {
    llm.reset();
    LOWBIT_RETURN_IF_ERROR(llm.feed(before, LogitRows::none));
    uint64_t bytes = llm.parameterBytesRead();
    auto begin = std::chrono::steady_clock::now();
    LOWBIT_RETURN_IF_ERROR(runOnce(llm, result, ids));
    double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
            .count();
    if (run < 0)
      continue;
    result.bytesPerToken =
        static_cast<double>(llm.parameterBytesRead() - bytes) /
        static_cast<double>(count);
    result.tokensPerSecond.push_back(static_cast<double>(count) / seconds);
    if (interruptFlag())
      return failedPrecondition("interrupted");
  }
  return {};
}

static StatusOr<std::vector<SpeedResult>> listTests(const BenchOptions &options) {
  LOWBIT_ASSIGN_OR_RETURN(std::vector<int64_t> prompts,
                          parseRanges(options.prompts));
  LOWBIT_ASSIGN_OR_RETURN(std::vector<int64_t> generated,
                          parseRanges(options.generated));
  LOWBIT_ASSIGN_OR_RETURN(std::vector<int64_t> depths,
                          parseRanges(options.depths));
  std::vector<SpeedResult> tests;
  for (int64_t depth : depths) {
    std::string suffix = depth > 0 ? " @ d" + std::to_string(depth) : "";
    auto add = [&](int64_t prompt, int64_t made, const std::string &name) {
      SpeedResult test;
      test.test = name + suffix;
      test.prompt = prompt;
      test.generated = made;
      test.depth = depth;
      tests.push_back(test);
    };
    for (int64_t prompt : prompts)
      if (prompt > 0)
        add(prompt, 0, "pp" + std::to_string(prompt));
    for (int64_t made : generated)
      if (made > 0)
        add(0, made, "tg" + std::to_string(made));
  }
  return tests;
}

static std::string markdownRow(const ModuleReader &file, const Device &device,
                               const SpeedResult &result) {
  std::string name = file.metaValue("model.name", file.name());
  return formatString(
      "| %s | %s | %.2f M | %s | %u | %s | %.2f ± %.2f | %.2f |\n", name.c_str(),
      formatBytes(file.weights().size()).c_str(),
      static_cast<double>(parameterCount(file)) / 1e6,
      std::string(device.name()).c_str(), device.threads(), result.test.c_str(),
      result.mean(), result.deviation(), result.gigabytesPerSecond());
}

static std::string csvRow(const ModuleReader &file, const Device &device,
                          const SpeedResult &result) {
  std::string name = file.metaValue("model.name", file.name());
  std::replace(name.begin(), name.end(), '"', '\'');
  return formatString("\"%s\",%llu,%llu,%s,%u,\"%s\",%lld,%lld,%lld,%.6g,%.6g,"
                      "%.6g\n",
                      name.c_str(),
                      static_cast<unsigned long long>(file.weights().size()),
                      static_cast<unsigned long long>(parameterCount(file)),
                      std::string(device.name()).c_str(), device.threads(),
                      result.test.c_str(),
                      static_cast<long long>(result.prompt),
                      static_cast<long long>(result.generated),
                      static_cast<long long>(result.depth), result.mean(),
                      result.deviation(), result.gigabytesPerSecond());
}

/// Field names as in llama-bench where it has them.
static void jsonEntry(JsonWriter &json, const LoadedModule &loaded,
                      const BenchOptions &options, const SpeedResult &result) {
  const ModuleReader &file = loaded.module->file();
  json.beginObject();
  json.field("name", result.test);
  json.field("model_filename", file.name());
  json.field("model_type", file.metaValue("model.name"));
  json.field("model_size", static_cast<uint64_t>(file.weights().size()));
  json.field("model_n_params", parameterCount(file));
  json.field("activations", file.metaValue("model.activations"));
  json.field("backends", std::string(loaded.device->name()));
  json.field("code", std::string(loaded.module->executable().target()));
  json.field("n_threads", loaded.device->threads());
  json.field("n_ubatch", options.ubatch);
  json.field("n_prompt", result.prompt);
  json.field("n_gen", result.generated);
  json.field("n_depth", result.depth);
  json.field("avg_ts", result.mean());
  json.field("stddev_ts", result.deviation());
  json.field("parameter_bytes_per_token", result.bytesPerToken);
  json.field("parameter_gigabytes_per_second", result.gigabytesPerSecond());
  json.key("samples_ts").beginArray();
  for (double value : result.tokensPerSecond)
    json.value(value);
  json.endArray();
  json.endObject();
}

Status lowbit::runSpeed(const BenchOptions &options) {
  interruptFlag();
  LOWBIT_ASSIGN_OR_RETURN(std::vector<SpeedResult> tests, listTests(options));
  std::vector<int64_t> threads = {0};
  if (!options.threadList.empty()) {
    LOWBIT_ASSIGN_OR_RETURN(threads, parseRanges(options.threadList));
  }
  if (options.format == BenchFormat::md)
    LOWBIT_RETURN_IF_ERROR(printText(
        "| model | size | params | backend | threads | test | t/s | GB/s of "
        "parameters |\n| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: "
        "|\n"));
  if (options.format == BenchFormat::csv)
    LOWBIT_RETURN_IF_ERROR(printText(
        "model,size,params,backend,threads,test,n_prompt,n_gen,n_depth,avg_ts,"
        "stddev_ts,parameter_gigabytes_per_second\n"));
  JsonWriter json;
  json.beginArray();
  for (int64_t count : threads) {
    if (count > 1024)
      return invalidArgument("--threads: at most 1024");
    LOWBIT_ASSIGN_OR_RETURN(
        LoadedModule loaded,
        LoadedModule::load(options.module, static_cast<unsigned>(count)));
    for (SpeedResult test : tests) {
      LlmOptions llmOptions;
      llmOptions.ubatch = options.ubatch;
      llmOptions.context =
          std::max<int64_t>(test.depth + std::max(test.prompt, test.generated), 1);
      LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<Llm> llm,
                              Llm::create(*loaded.module, llmOptions));
      LOWBIT_RETURN_IF_ERROR(measure(*llm, options, test));
      const ModuleReader &file = loaded.module->file();
      if (options.format == BenchFormat::md)
        LOWBIT_RETURN_IF_ERROR(
            printText(markdownRow(file, *loaded.device, test)));
      else if (options.format == BenchFormat::csv)
        LOWBIT_RETURN_IF_ERROR(printText(csvRow(file, *loaded.device, test)));
      else
        jsonEntry(json, loaded, options, test);
    }
  }
  json.endArray();
  if (options.format == BenchFormat::json)
    return printText(json.result());
  return {};
}
