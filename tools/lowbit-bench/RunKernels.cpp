//===- RunKernels.cpp - Time of each kernel of a module -------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/common/Console.h"
#include "tools/lowbit-bench/Bench.h"

#include <algorithm>
#include <chrono>
#include <regex.h>

using namespace lowbit;

namespace {

/// POSIX extended regular expression; the C++ one reports errors by throwing.
class KernelFilter {
public:
  static StatusOr<std::unique_ptr<KernelFilter>> create(const std::string &text) {
    auto filter = std::unique_ptr<KernelFilter>(new KernelFilter());
    if (text.empty())
      return filter;
    if (int code = regcomp(&filter->expression, text.c_str(),
                           REG_EXTENDED | REG_NOSUB)) {
      char message[128];
      regerror(code, &filter->expression, message, sizeof(message));
      return invalidArgument("--filter '%s': %s", text.c_str(), message);
    }
    filter->compiled = true;
    return filter;
  }
  ~KernelFilter() {
    if (compiled)
      regfree(&expression);
  }
  bool matches(const std::string &name) const {
    return !compiled ||
           regexec(&expression, name.c_str(), 0, nullptr, 0) == 0;
  }

private:
  KernelFilter() = default;
  regex_t expression;
  bool compiled = false;
};

struct KernelRow {
  std::string name; ///< kernel and phase: "matmul_.../pp512"
  double share = 0; ///< of the phase's time
  KernelStatistics statistics;
};

} // namespace

/// Runs one phase and takes the kernels' figures.
static Status runPhase(Llm &llm, const std::string &phase, int64_t prompt,
                       int64_t generated, int64_t repetitions,
                       const KernelFilter &filter,
                       std::vector<KernelRow> &rows) {
  std::vector<int32_t> ids =
      benchTokens(std::max(prompt, generated), llm.vocabulary());
  for (int64_t run = -1; run < repetitions; ++run) {
    if (run == 0)
      llm.session().resetStatistics();
    llm.reset();
    if (prompt > 0)
      LOWBIT_RETURN_IF_ERROR(llm.feed(ids, LogitRows::last));
    for (int64_t i = 0; i < generated; ++i)
      LOWBIT_RETURN_IF_ERROR(
          llm.feed(std::span(ids).subspan(i, 1), LogitRows::last));
  }
  const std::vector<PlanKernel> &kernels =
      llm.session().module().plan().kernels;
  double total = 1;
  for (const KernelStatistics &record : llm.session().statistics())
    total += static_cast<double>(record.nanoseconds);
  for (size_t i = 0; i < kernels.size(); ++i) {
    const KernelStatistics &record = llm.session().statistics()[i];
    if (record.calls != 0 && filter.matches(kernels[i].name))
      rows.push_back({kernels[i].name + "/" + phase,
                      static_cast<double>(record.nanoseconds) / total, record});
  }
  return {};
}

/// Google Benchmark's JSON.
static std::string kernelJson(const LoadedModule &loaded,
                              std::span<const KernelRow> rows) {
  JsonWriter json;
  json.beginObject();
  json.key("context").beginObject();
  writeModuleFields(json, loaded);
  json.endObject();
  json.key("benchmarks").beginArray();
  for (const KernelRow &row : rows) {
    auto calls = static_cast<double>(row.statistics.calls);
    auto nanoseconds = static_cast<double>(row.statistics.nanoseconds);
    json.beginObject();
    json.field("name", row.name);
    json.field("run_type", "iteration");
    json.field("iterations", row.statistics.calls);
    json.field("real_time", nanoseconds / calls);
    json.field("cpu_time", nanoseconds / calls);
    json.field("time_unit", "ns");
    json.field("bytes_per_second",
               static_cast<double>(row.statistics.parameterBytes) /
                   std::max(nanoseconds, 1.0) * 1e9);
    json.field("operations_per_second",
               static_cast<double>(row.statistics.operations) /
                   std::max(nanoseconds, 1.0) * 1e9);
    json.endObject();
  }
  json.endArray();
  json.endObject();
  return json.result();
}

Status lowbit::runKernels(const BenchOptions &options) {
  int64_t threads = 0;
  if (!options.threadList.empty()) {
    LOWBIT_ASSIGN_OR_RETURN(threads, parseInteger(options.threadList));
  }
  if (threads < 0 || threads > 1024)
    return invalidArgument("--threads must be between 1 and 1024");
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<KernelFilter> filter,
                          KernelFilter::create(options.filter));
  LOWBIT_ASSIGN_OR_RETURN(std::vector<int64_t> prompts,
                          parseRanges(options.prompts));
  LOWBIT_ASSIGN_OR_RETURN(std::vector<int64_t> generated,
                          parseRanges(options.generated));
  LOWBIT_ASSIGN_OR_RETURN(
      LoadedModule loaded,
      LoadedModule::load(options.module, static_cast<unsigned>(threads)));
  LlmOptions llmOptions;
  llmOptions.ubatch = options.ubatch;
  llmOptions.timeKernels = true;
  llmOptions.context = std::max<int64_t>(
      1, std::max(*std::max_element(prompts.begin(), prompts.end()),
                  *std::max_element(generated.begin(), generated.end())));
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<Llm> llm,
                          Llm::create(*loaded.module, llmOptions));
  std::vector<KernelRow> rows;
  for (int64_t prompt : prompts)
    if (prompt > 0)
      LOWBIT_RETURN_IF_ERROR(runPhase(*llm, "pp" + std::to_string(prompt),
                                      prompt, 0, options.repetitions, *filter,
                                      rows));
  for (int64_t made : generated)
    if (made > 0)
      LOWBIT_RETURN_IF_ERROR(runPhase(*llm, "tg" + std::to_string(made), 0,
                                      made, options.repetitions, *filter,
                                      rows));
  if (options.format == BenchFormat::json)
    return printText(kernelJson(loaded, rows));
  std::string text =
      options.format == BenchFormat::csv
          ? "kernel,calls,microseconds,gigabytes_per_second,gigaops\n"
          : "| kernel | calls | us a call | share | GB/s of parameters | GOPS |\n"
            "| --- | ---: | ---: | ---: | ---: | ---: |\n";
  for (const KernelRow &row : rows) {
    auto ns = std::max(static_cast<double>(row.statistics.nanoseconds), 1.0);
    double each = ns / static_cast<double>(row.statistics.calls) / 1e3;
    double bytes = static_cast<double>(row.statistics.parameterBytes) / ns;
    double operations = static_cast<double>(row.statistics.operations) / ns;
    auto calls = static_cast<unsigned long long>(row.statistics.calls);
    text += options.format == BenchFormat::csv
                ? formatString("\"%s\",%llu,%.3f,%.3f,%.3f\n", row.name.c_str(),
                               calls, each, bytes, operations)
                : formatString(
                      "| %s | %llu | %.2f | %.1f %% | %.2f | %.2f |\n",
                      row.name.c_str(), calls, each, 100 * row.share, bytes,
                      operations);
  }
  return printText(text);
}
