//===- RunDiffusion.cpp - Pictures from a diffusion model -----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Support/CheckedMath.h"
#include "lowbit/Support/Hash.h"
#include "lowbit/Support/Npy.h"
#include "runtime/Models/DiffusionModel.h"
#include "runtime/Models/Noise.h"
#include "tools/common/Arrays.h"
#include "tools/common/Console.h"
#include "tools/lowbit-run/PictureOutput.h"
#include "tools/lowbit-run/RunOptions.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

using namespace lowbit;

/// Images of one call where the command line does not say.
static constexpr int64_t defaultBatch = 16;
/// Numbers of all latents of a run, 512 MiB of them.
static constexpr int64_t mostNumbers = int64_t(1) << 27;

namespace {

/// A run: the loop's state and what does not change in it.
struct Run {
  const PictureOptions &options;
  LoadedModule loaded;
  const DenoiseSchedule *schedule = nullptr;
  std::string moduleHash;
  DenoiseState state; ///< nextStep is 0 before the first step
  NoiseSource noise;
  /// Axes of images in .npy files, the number of images first.
  std::vector<int64_t> shape;
  DenoiseOptions loop;

  explicit Run(const PictureOptions &options) : options(options) {}
  int64_t images() const { return static_cast<int64_t>(state.labels.size()); }
};

} // namespace

//===----------------------------------------------------------------------===//
// A new run
//===----------------------------------------------------------------------===//

/// One label for each image, the listed classes again and again.
static Status setLabels(Run &run, int64_t images) {
  std::vector<int64_t> classes = run.options.classes;
  int64_t known = run.schedule->classes;
  // A model without classes has one that it does not see.
  if (classes.empty() && known == 1)
    classes = {0};
  if (classes.empty())
    return invalidArgument("no class is given; use --class=3,7 (the model has the "
                           "classes 0 to %lld)",
                           static_cast<long long>(known - 1));
  for (int64_t label : classes)
    if (label < 0 || label >= known)
      return invalidArgument("class %lld is out of range; the model has the "
                             "classes 0 to %lld",
                             static_cast<long long>(label),
                             static_cast<long long>(known - 1));
  if (static_cast<int64_t>(classes.size()) > images)
    return invalidArgument("--class lists %zu classes for %lld images of noise",
                           classes.size(), static_cast<long long>(images));
  std::optional<int64_t> numbers = checkedMul(images, run.schedule->latentSize());
  if (!numbers || *numbers > mostNumbers)
    return resourceExhausted("%lld images of %lld numbers are too many for one "
                             "run",
                             static_cast<long long>(images),
                             static_cast<long long>(run.schedule->latentSize()));
  for (int64_t i = 0; i < images; ++i)
    run.state.labels.push_back(
        static_cast<int32_t>(classes[static_cast<size_t>(i) % classes.size()]));
  run.state.latents.resize(static_cast<size_t>(*numbers));
  return {};
}

/// The axes of `images` images: one channel has no axis.
static std::vector<int64_t> imageShape(const DenoiseSchedule &schedule,
                                       int64_t images) {
  std::vector<int64_t> shape = {images};
  if (schedule.channels > 1)
    shape.push_back(schedule.channels);
  shape.insert(shape.end(), {schedule.height, schedule.width});
  return shape;
}

static Status readNoise(Run &run) {
  const std::string &path = run.options.noiseFile;
  LOWBIT_ASSIGN_OR_RETURN(NpyArray array, readNpy(path));
  const DenoiseSchedule &schedule = *run.schedule;
  std::vector<int64_t> one = imageShape(schedule, 1);
  std::vector<int64_t> image(one.begin() + 1, one.end());
  std::vector<int64_t> full = {schedule.channels, schedule.height,
                               schedule.width};
  // [image], [n, image] or the same with the axis of one channel.
  std::vector<int64_t> tail = array.shape;
  int64_t images = 1;
  if (tail != image && tail != full && !tail.empty()) {
    images = tail.front();
    tail.erase(tail.begin());
  }
  if (array.dtype != "f4" || (tail != image && tail != full) || images < 1)
    return invalidArgument("%s is %s; noise for this model is %s with any number "
                           "of images first",
                           path.c_str(),
                           describeArray(array.shape, array.dtype).c_str(),
                           describeArray(image, "f32").c_str());
  LOWBIT_RETURN_IF_ERROR(setLabels(run, images));
  std::memcpy(run.state.latents.data(), array.bytes.data(), array.bytes.size());
  for (size_t i = 0; i < run.state.latents.size(); ++i)
    if (!std::isfinite(run.state.latents[i]))
      return invalidArgument("%s: number %zu is not finite; noise must be",
                             path.c_str(), i);
  run.shape = array.shape;
  run.noise.seeded = false;
  run.noise.fileHash = toHex(xxh3Wide(array.bytes));
  return {};
}

static Status startRun(Run &run, uint64_t seed) {
  const DenoiseSchedule &schedule = *run.schedule;
  const PictureOptions &options = run.options;
  DenoiseState &state = run.state;
  state.signature = schedule.signature;
  state.sampler = schedule.sampler;
  state.steps = options.hasSteps ? options.steps : schedule.defaultSteps;
  state.guidance =
      options.hasGuidance ? options.guidance : schedule.defaultGuidance;
  state.latentSize = schedule.latentSize();
  if (!options.noiseFile.empty()) {
    LOWBIT_RETURN_IF_ERROR(readNoise(run));
  } else {
    int64_t images = std::max<int64_t>(
        {static_cast<int64_t>(options.classes.size()), options.batch, 1});
    LOWBIT_RETURN_IF_ERROR(setLabels(run, images));
    run.noise.seed = seed;
    run.shape = imageShape(schedule, images);
    auto size = static_cast<size_t>(state.latentSize);
    for (size_t i = 0; i < state.labels.size(); ++i)
      TorchGenerator(seed + i).normal(
          std::span(state.latents).subspan(i * size, size));
  }
  state.noise = run.noise.toString();
  return {};
}

//===----------------------------------------------------------------------===//
// A run that goes on
//===----------------------------------------------------------------------===//

static Status resumeRun(Run &run) {
  const PictureOptions &options = run.options;
  const DenoiseSchedule &schedule = *run.schedule;
  const char *path = options.resume.c_str();
  LOWBIT_ASSIGN_OR_RETURN(run.state, readState(options.resume));
  const DenoiseState &state = run.state;
  if (state.signature != schedule.signature || state.sampler != schedule.sampler ||
      state.latentSize != schedule.latentSize())
    return invalidArgument("%s: the state has the signature '%s', the module '%s'; "
                           "resume with a module of the same signature",
                           path, state.signature.c_str(),
                           schedule.signature.c_str());
  if (options.hasSteps && options.steps != state.steps)
    return invalidArgument("%s: the state is of a loop of %lld steps; leave out "
                           "--steps=%lld",
                           path, static_cast<long long>(state.steps),
                           static_cast<long long>(options.steps));
  if (options.hasGuidance && options.guidance != state.guidance)
    return invalidArgument("%s: the state is of a loop with guidance %g; leave "
                           "out --cfg-scale=%g",
                           path, state.guidance, options.guidance);
  for (size_t i = 0; i < state.labels.size(); ++i) {
    int32_t label = state.labels[i];
    if (label < 0 || label >= schedule.classes)
      return invalidArgument("%s: image %zu has class %d; the model has the "
                             "classes 0 to %lld",
                             path, i, label,
                             static_cast<long long>(schedule.classes - 1));
    if (!options.classes.empty() &&
        options.classes[i % options.classes.size()] != label)
      return invalidArgument("%s: image %zu has class %d; leave out --class", path,
                             i, label);
  }
  StatusOr<NoiseSource> noise = NoiseSource::parse(state.noise);
  if (!noise.isOk())
    return invalidArgument("%s: the saved state is malformed: %s", path,
                           noise.status().message().c_str());
  run.noise = std::move(*noise);
  run.shape = imageShape(schedule, run.images());
  return {};
}

//===----------------------------------------------------------------------===//
// The loop
//===----------------------------------------------------------------------===//

static Status setLoop(Run &run) {
  const PictureOptions &options = run.options;
  DenoiseState &state = run.state;
  DenoiseOptions &loop = run.loop;
  if (!options.sampler.empty()) {
    LOWBIT_ASSIGN_OR_RETURN(SamplerKind wanted, parseSampler(options.sampler));
    if (wanted != run.schedule->sampler)
      return invalidArgument("the model predicts what %s needs, not what %s needs",
                             samplerName(run.schedule->sampler),
                             samplerName(wanted));
  }
  for (auto [given, own, what] :
       {std::tuple{options.height, run.schedule->height, "height"},
        std::tuple{options.width, run.schedule->width, "width"}})
    if (given != 0 && given != own)
      return invalidArgument("a %s of %lld is asked for; the model makes images "
                             "of %lld x %lld",
                             what, static_cast<long long>(given),
                             static_cast<long long>(run.schedule->height),
                             static_cast<long long>(run.schedule->width));
  loop.sampler = state.sampler;
  LOWBIT_ASSIGN_OR_RETURN(loop.steps.all,
                          samplerSteps(*run.schedule, state.steps));
  LOWBIT_ASSIGN_OR_RETURN(loop.reuse, stepReuse(*run.schedule, state.steps));
  uint64_t times = hashOfTimes(state.sampler, loop.steps.all);
  uint64_t reuse = hashOfReuse(loop.reuse);
  if (state.nextStep > 0 && times != state.times)
    return invalidArgument("%s: the state is of a loop with other times than those "
                           "of the module's schedule",
                           options.resume.c_str());
  if (state.nextStep > 0 && reuse != state.reuse)
    return invalidArgument("%s: the state is of a loop that reuses other "
                           "predictions than the module's schedule",
                           options.resume.c_str());
  state.times = times;
  state.reuse = reuse;
  loop.steps.first = state.nextStep;
  loop.steps.end = state.steps;
  if (options.hasStopAt) {
    if (options.stopAt <= state.nextStep || options.stopAt > state.steps)
      return invalidArgument("--stop-at=%lld is not one of the steps to make, %lld "
                             "to %lld",
                             static_cast<long long>(options.stopAt),
                             static_cast<long long>(state.nextStep + 1),
                             static_cast<long long>(state.steps));
    if (options.stopAt == state.steps && !options.saveState.empty())
      return invalidArgument("--stop-at=%lld is the last step: there is nothing to "
                             "resume; leave out --save-state",
                             static_cast<long long>(options.stopAt));
    loop.steps.end = options.stopAt;
  }
  if (!options.saveState.empty() && loop.steps.first + 1 == state.steps)
    return invalidArgument("only step %lld of %lld is to be made, after which there "
                           "is nothing to resume; leave out --save-state",
                           static_cast<long long>(state.steps),
                           static_cast<long long>(state.steps));
  loop.guidance = state.guidance;
  loop.nullLabel = run.schedule->nullLabel;
  if (loop.guidance != 1 && loop.nullLabel < 0)
    return invalidArgument("the model has no null class, so --cfg-scale must be 1");
  loop.batch = std::min(options.batch > 0 ? options.batch : defaultBatch,
                        run.images());
  loop.interrupt = &interruptFlag();
  return {};
}

/// Makes the steps; saves the state as the flags say.
static StatusOr<DenoiseResult> makeSteps(Run &run, DiffusionModel &model,
                                         bool quiet) {
  DenoiseState &state = run.state;
  const PictureOptions &options = run.options;
  Progress progress(quiet);
  Status saved;
  std::atomic<bool> stop = false;
  run.loop.interrupt = &stop;
  run.loop.onStep = [&](int64_t done) {
    appendOrigin(state.origins, {done - 1, done,
                                 model.variantOf(done - 1, state.steps),
                                 run.moduleHash});
    state.nextStep = done;
    progress.show(formatString("step %lld of %lld",
                               static_cast<long long>(done),
                               static_cast<long long>(state.steps)));
    bool last = done == run.loop.steps.end || interruptFlag().load();
    if (!options.saveState.empty() && done < state.steps &&
        (last || !options.hasStopAt))
      saved = writeState(options.saveState, state);
    stop = interruptFlag().load() || !saved.isOk();
  };
  StatusOr<DenoiseResult> result =
      denoise(model, state.labels, state.latents, state.kept, run.loop);
  LOWBIT_RETURN_IF_ERROR(std::move(saved));
  return result;
}

static std::string statsOf(const RunOptions &options, const Run &run,
                           const DiffusionModel &model,
                           const DenoiseResult &result, double loadSeconds) {
  int64_t made = result.nextStep - run.loop.steps.first;
  DiffusionParameters parameters = model.parameters();
  JsonWriter json;
  json.beginObject();
  writeModuleFields(json, run.loaded);
  json.field("images", run.images());
  json.field("batch", run.loop.batch);
  json.field("sampler", samplerName(run.state.sampler));
  json.field("steps", run.state.steps);
  json.field("steps_made", made);
  json.field("guidance", static_cast<double>(run.state.guidance));
  json.field("load_seconds", loadSeconds);
  json.field("prepare_seconds", result.prepareSeconds);
  json.field("loop_seconds", result.seconds);
  json.field("step_seconds",
             made > 0 ? result.seconds / static_cast<double>(made) : 0.0);
  json.field("images_per_second",
             result.seconds > 0
                 ? static_cast<double>(run.images()) / result.seconds
                 : 0.0);
  json.field("parameter_bytes_read",
             parameters.readByPrepare + parameters.readByLoop);
  json.field("prepare_parameter_bytes_read", parameters.readByPrepare);
  json.field("loop_parameter_bytes_read", parameters.readByLoop);
  json.field("loop_parameter_bytes", parameters.loop);
  json.field("evicted_parameter_bytes", parameters.prepareOnly);
  writeMemoryFields(json, *run.loaded.device);
  writeKernelCalls(json, run.loaded.module->plan(), model.statistics(),
                   options.timeKernels);
  json.endObject();
  return json.result();
}

StatusOr<int> lowbit::runDiffusion(const RunOptions &options) {
  auto begin = std::chrono::steady_clock::now();
  Run run(options.pictures);
  LOWBIT_ASSIGN_OR_RETURN(
      run.loaded, LoadedModule::load(
                      options.module,
                      static_cast<unsigned>(options.module.threads)));
  const ModuleReader &file = run.loaded.module->file();
  run.schedule = file.schedule();
  if (!run.schedule)
    return failedPrecondition("%s holds no diffusion model (its kind is '%s'); "
                              "pictures cannot be made with it",
                              file.name().c_str(),
                              file.metaValue("model.kind").c_str());
  const PictureOptions &pictures = options.pictures;
  if (!run.loaded.device->executes() &&
      !(pictures.output.empty() && pictures.dumpVelocity.empty() &&
        pictures.saveState.empty()))
    return failedPrecondition("the %s device computes nothing, so there is no "
                              "result to keep; only --stats=FILE is possible",
                              std::string(run.loaded.device->name()).c_str());
  LOWBIT_ASSIGN_OR_RETURN(run.moduleHash, hashOfFile(file.name()));
  if (pictures.resume.empty())
    LOWBIT_RETURN_IF_ERROR(startRun(run, options.sampler.seed));
  else
    LOWBIT_RETURN_IF_ERROR(resumeRun(run));
  LOWBIT_RETURN_IF_ERROR(setLoop(run));
  LOWBIT_ASSIGN_OR_RETURN(PictureOutput output,
                          PictureOutput::open(pictures, options.stats,
                                              *run.schedule, run.images()));
  DiffusionOptions modelOptions;
  modelOptions.rows = run.loop.guidance == 1 ? run.loop.batch : 2 * run.loop.batch;
  modelOptions.variant = pictures.variant;
  modelOptions.timeKernels = options.timeKernels;
  LOWBIT_ASSIGN_OR_RETURN(
      std::unique_ptr<DiffusionModel> model,
      DiffusionModel::create(*run.loaded.module, modelOptions));
  double loadSeconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
          .count();

  LOWBIT_ASSIGN_OR_RETURN(DenoiseResult result,
                          makeSteps(run, *model, options.quiet));
  if (!pictures.dumpVelocity.empty())
    LOWBIT_RETURN_IF_ERROR(
        output.writeVelocity(result.firstPrediction, run.shape));
  bool complete = result.nextStep == run.loop.steps.end;
  if (complete)
    LOWBIT_RETURN_IF_ERROR(
        output.writeImages({&file, &run.state, run.noise}, run.shape));
  if (!options.stats.empty())
    LOWBIT_RETURN_IF_ERROR(output.writeStats(
        statsOf(options, run, *model, result, loadSeconds)));
  LOWBIT_RETURN_IF_ERROR(output.commit());
  if (size_t count = imagesWithNaN(run.state); count > 0 && complete)
    std::fprintf(stderr,
                 "lowbit-run: warning: %zu of %lld images have numbers that are "
                 "not numbers (NaN)%s\n",
                 count, static_cast<long long>(run.images()),
                 pictures.wantsNumbers() ? "" : ", which are drawn black");
  if (!options.quiet)
    std::fprintf(stderr,
                 "[%s; loaded in %.2f s; conditioning %.2f s; %lld images, %lld "
                 "steps in %.2f s, %.1f ms a step]\n",
                 run.loaded.device->describe().c_str(), loadSeconds,
                 result.prepareSeconds, static_cast<long long>(run.images()),
                 static_cast<long long>(result.nextStep - run.loop.steps.first),
                 result.seconds,
                 1e3 * result.seconds /
                     static_cast<double>(
                         std::max<int64_t>(result.nextStep - run.loop.steps.first, 1)));
  return static_cast<int>(complete ? exitOk : exitInterrupted);
}
