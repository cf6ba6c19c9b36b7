//===- RunSteps.cpp - Denoising steps a second ----------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/DiffusionModel.h"
#include "runtime/Models/Noise.h"
#include "tools/common/Console.h"
#include "tools/lowbit-bench/Bench.h"

#include <cmath>

using namespace lowbit;

namespace {

/// One row of the table.
struct StepsResult {
  int64_t batch = 1;
  int64_t steps = 1;
  double guidance = 1;
  std::vector<double> stepsPerSecond;
  double prepareSeconds = 0; ///< mean
  double bytesPerStep = 0;   ///< of parameters, in the loop

  std::string name() const {
    return formatString("%lld steps @ b%lld", static_cast<long long>(steps),
                        static_cast<long long>(batch));
  }
  double mean() const {
    double sum = 0;
    for (double value : stepsPerSecond)
      sum += value;
    return sum / static_cast<double>(stepsPerSecond.size());
  }
  double deviation() const {
    if (stepsPerSecond.size() < 2)
      return 0;
    double m = mean(), sum = 0;
    for (double value : stepsPerSecond)
      sum += (value - m) * (value - m);
    return std::sqrt(sum / static_cast<double>(stepsPerSecond.size() - 1));
  }
};

} // namespace

static Status measure(const Module &module, const BenchOptions &options,
                      StepsResult &result) {
  const DenoiseSchedule &schedule = *module.file().schedule();
  DiffusionOptions modelOptions;
  modelOptions.rows = result.batch * (result.guidance == 1 ? 1 : 2);
  modelOptions.variant = options.variant;
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<DiffusionModel> model,
                          DiffusionModel::create(module, modelOptions));
  DenoiseOptions loop;
  loop.sampler = schedule.sampler;
  LOWBIT_ASSIGN_OR_RETURN(loop.steps.all, samplerSteps(schedule, result.steps));
  LOWBIT_ASSIGN_OR_RETURN(loop.reuse, stepReuse(schedule, result.steps));
  loop.steps.end = result.steps;
  loop.guidance = static_cast<float>(result.guidance);
  loop.nullLabel = schedule.nullLabel;
  loop.batch = result.batch;
  loop.interrupt = &interruptFlag();
  if (result.guidance != 1 && loop.nullLabel < 0)
    return invalidArgument("the model has no null class, so --cfg-scale must be 1");
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < result.batch; ++i)
    labels.push_back(static_cast<int32_t>(i % schedule.classes));
  std::vector<float> noise(labels.size() *
                           static_cast<size_t>(schedule.latentSize()));
  TorchGenerator(0).normal(noise);

  for (int64_t run = options.noWarmup ? 0 : -1; run < options.repetitions;
       ++run) {
    std::vector<float> latents = noise;
    KeptPredictions kept;
    model->resetStatistics();
    LOWBIT_ASSIGN_OR_RETURN(DenoiseResult done,
                            denoise(*model, labels, latents, kept, loop));
    if (interruptFlag())
      return failedPrecondition("interrupted");
    if (run < 0)
      continue;
    auto steps = static_cast<double>(result.steps);
    result.stepsPerSecond.push_back(steps / done.seconds);
    result.prepareSeconds +=
        done.prepareSeconds / static_cast<double>(options.repetitions);
    result.bytesPerStep =
        static_cast<double>(model->parameters().readByLoop) / steps;
  }
  return {};
}

static std::string markdownRow(const LoadedModule &loaded,
                               const StepsResult &result) {
  const ModuleReader &file = loaded.module->file();
  return formatString("| %s | %s | %s | %u | %s | %.3g | %.2f ± %.2f | %.2f | "
                      "%.2f |\n",
                      file.metaValue("model.name", file.name()).c_str(),
                      formatBytes(file.weights().size()).c_str(),
                      std::string(loaded.device->name()).c_str(),
                      loaded.device->threads(), result.name().c_str(),
                      result.guidance, result.mean(), result.deviation(),
                      1e3 / result.mean(),
                      result.mean() * static_cast<double>(result.batch) /
                          static_cast<double>(result.steps));
}

static std::string csvRow(const LoadedModule &loaded, const StepsResult &result) {
  std::string name = loaded.module->file().metaValue("model.name");
  for (char &c : name)
    if (c == '"')
      c = '\'';
  return formatString("\"%s\",%u,%lld,%lld,%.9g,%.6g,%.6g,%.6g\n", name.c_str(),
                      loaded.device->threads(),
                      static_cast<long long>(result.steps),
                      static_cast<long long>(result.batch), result.guidance,
                      result.mean(), result.deviation(), result.prepareSeconds);
}

static void jsonEntry(JsonWriter &json, const LoadedModule &loaded,
                      const StepsResult &result) {
  const ModuleReader &file = loaded.module->file();
  json.beginObject();
  json.field("name", result.name());
  json.field("model_filename", file.name());
  json.field("model_type", file.metaValue("model.name"));
  json.field("model_size", static_cast<uint64_t>(file.weights().size()));
  json.field("model_n_params", parameterCount(file));
  json.field("activations", file.metaValue("model.activations"));
  json.field("backends", std::string(loaded.device->name()));
  json.field("code", std::string(loaded.module->executable().target()));
  json.field("n_threads", loaded.device->threads());
  json.field("n_steps", result.steps);
  json.field("n_batch", result.batch);
  json.field("guidance", result.guidance);
  json.field("avg_ts", result.mean());
  json.field("stddev_ts", result.deviation());
  json.field("step_milliseconds", 1e3 / result.mean());
  json.field("prepare_seconds", result.prepareSeconds);
  json.field("parameter_bytes_per_step", result.bytesPerStep);
  json.key("samples_ts").beginArray();
  for (double value : result.stepsPerSecond)
    json.value(value);
  json.endArray();
  json.endObject();
}

Status lowbit::runSteps(const BenchOptions &options) {
  interruptFlag();
  LOWBIT_ASSIGN_OR_RETURN(std::vector<int64_t> batches,
                          parseRanges(options.batches));
  std::vector<int64_t> threads = {0};
  if (!options.threadList.empty()) {
    LOWBIT_ASSIGN_OR_RETURN(threads, parseRanges(options.threadList));
  }
  if (options.format == BenchFormat::md)
    LOWBIT_RETURN_IF_ERROR(printText(
        "| model | size | backend | threads | test | guidance | steps/s | "
        "ms/step | images/s |\n| --- | ---: | --- | ---: | ---: | ---: | ---: | "
        "---: | ---: |\n"));
  if (options.format == BenchFormat::csv)
    LOWBIT_RETURN_IF_ERROR(printText("model,threads,n_steps,n_batch,guidance,"
                                     "avg_ts,stddev_ts,prepare_seconds\n"));
  JsonWriter json;
  json.beginArray();
  for (int64_t count : threads) {
    if (count > 1024)
      return invalidArgument("--threads: at most 1024");
    LOWBIT_ASSIGN_OR_RETURN(
        LoadedModule loaded,
        LoadedModule::load(options.module, static_cast<unsigned>(count)));
    const ModuleReader &file = loaded.module->file();
    if (!file.schedule())
      return failedPrecondition("%s holds no diffusion model (its kind is '%s')",
                                file.name().c_str(),
                                file.metaValue("model.kind").c_str());
    for (int64_t batch : batches) {
      if (batch < 1 || batch > 4096)
        return invalidArgument("--batch: 1 to 4096 are possible");
      StepsResult result;
      result.batch = batch;
      result.steps =
          options.steps > 0 ? options.steps : file.schedule()->defaultSteps;
      result.guidance = options.guidance;
      LOWBIT_RETURN_IF_ERROR(measure(*loaded.module, options, result));
      if (options.format == BenchFormat::md)
        LOWBIT_RETURN_IF_ERROR(printText(markdownRow(loaded, result)));
      else if (options.format == BenchFormat::csv)
        LOWBIT_RETURN_IF_ERROR(printText(csvRow(loaded, result)));
      else
        jsonEntry(json, loaded, result);
    }
  }
  json.endArray();
  if (options.format == BenchFormat::json)
    return printText(json.result());
  return {};
}
