//===- DiffusionModel.cpp - A module that denoises ------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/DiffusionModel.h"

#include "lowbit/Format/ParameterReads.h"
#include "lowbit/Support/CheckedMath.h"
#include "runtime/Models/FunctionBinding.h"
#include "runtime/Models/PlainMath.h"

#include <algorithm>
#include <map>
#include <set>

using namespace lowbit;

// D4's products must not be contracted.
#pragma STDC FP_CONTRACT OFF

/// Conditioning of a run that is kept on the host, at most.
static constexpr int64_t mostConditioningBytes = int64_t(1) << 30;

namespace {

/// What `condition` gave under one name: [steps, labels, columns].
struct Conditioning {
  int64_t columns = 0;
  std::vector<float> values;
};

struct BoundVariant {
  std::optional<FunctionBinding> predict;
  std::map<std::string, Conditioning> conditioning;
};

} // namespace

struct DiffusionModel::Impl {
  const Module &module;
  const DenoiseSchedule &schedule;
  DiffusionOptions options;
  std::optional<size_t> onlyVariant;
  /// One for each variant of the schedule; without `predict` where not in use.
  std::vector<BoundVariant> variants;
  std::unique_ptr<Session> loop;
  /// Of the sessions that prepare() made.
  std::vector<KernelStatistics> prepareStatistics;
  DenoiseSteps steps;
  std::vector<int32_t> labels; ///< sorted
  std::vector<float> numbers;

  Impl(const Module &module, const DiffusionOptions &options)
      : module(module), schedule(*module.file().schedule()), options(options) {}

  size_t variantOf(int64_t step, int64_t count) const;
  Status chooseVariants();
  Status bindPredict();
  Status checkInputs(const FunctionBinding &function, size_t variant) const;
  StatusOr<size_t> labelIndex(int32_t label) const;
  void appendTime(float time, int64_t columns);
  Status writeTimes(FunctionBinding &function, const RowTensor &tensor,
                    std::span<const float> times);
  Status condition(size_t number);
  Status writeConditioning(FunctionBinding &function, const RowTensor &tensor,
                           const Conditioning &kept, int64_t step,
                           std::span<const int32_t> rowLabels);
  std::set<uint32_t> readBy(bool loopFunctions) const;
  void evict() const;
};

//===----------------------------------------------------------------------===//
// Binding
//===----------------------------------------------------------------------===//

size_t DiffusionModel::Impl::variantOf(int64_t step, int64_t count) const {
  return onlyVariant ? *onlyVariant : variantOfStep(schedule, step, count);
}

/// Marks the variants in use by giving them their place in `variants`.
Status DiffusionModel::Impl::chooseVariants() {
  variants.resize(schedule.variants.size());
  if (options.variant.empty())
    return {};
  std::string known;
  for (size_t i = 0; i < schedule.variants.size(); ++i) {
    const std::string &name = schedule.variants[i].name;
    if (name == options.variant)
      onlyVariant = i;
    known += (known.empty() ? "" : ", ") + name;
  }
  if (!onlyVariant)
    return notFound("%s has no variant '%s'; it has: %s",
                    module.file().name().c_str(), options.variant.c_str(),
                    known.c_str());
  return {};
}

Status DiffusionModel::Impl::bindPredict() {
  std::set<size_t> used;
  for (const StepRange &range : schedule.ranges)
    used.insert(onlyVariant.value_or(range.variant));
  std::optional<int64_t> tokens =
      checkedMul(options.rows, schedule.tokensPerImage);
  if (options.rows < 1 || !tokens)
    return invalidArgument("%lld rows a call are not possible",
                           static_cast<long long>(options.rows));
  SessionOptions session;
  session.tokens = *tokens;
  session.timeKernels = options.timeKernels;
  for (size_t number : used)
    session.functions.push_back(schedule.variants[number].predict);
  LOWBIT_ASSIGN_OR_RETURN(loop, Session::create(module, session));
  for (size_t number : used) {
    LOWBIT_ASSIGN_OR_RETURN(
        variants[number].predict,
        FunctionBinding::create(*loop, schedule.variants[number].predict,
                                schedule.tokensPerImage, options.rows));
    LOWBIT_RETURN_IF_ERROR(checkInputs(*variants[number].predict, number));
  }
  return {};
}

/// The shapes that the loop relies on; names of inputs are looked up later.
Status DiffusionModel::Impl::checkInputs(const FunctionBinding &function,
                                         size_t variant) const {
  auto refuse = [&](const char *what) {
    return invalidArgument("%s: function '%s' of variant '%s' %s; compile the "
                           "model again",
                           module.file().name().c_str(), function.name().c_str(),
                           schedule.variants[variant].name.c_str(), what);
  };
  const RowTensor *latent = function.findInput("latent");
  if (!latent || latent->type != ElementType::f32 ||
      latent->columns != schedule.latentSize())
    return refuse("does not take the latents of the schedule");
  if (function.outputs().empty() ||
      function.outputs()[0].type != ElementType::f32 ||
      function.outputs()[0].columns < schedule.latentSize())
    return refuse("does not give a prediction for each number of a latent");
  for (const RowTensor &tensor : function.inputs()) {
    bool label = tensor.name == "label";
    if ((tensor.type == ElementType::i32) != label ||
        (label && tensor.columns != 1))
      return refuse("has an input of the wrong type");
    auto features = static_cast<int64_t>(2 * schedule.timeFrequencies.size());
    if (tensor.name == "time" && tensor.columns != 1 &&
        tensor.columns != features)
      return refuse("takes the time in a form that the schedule does not give");
  }
  return {};
}

//===----------------------------------------------------------------------===//
// What the model is told
//===----------------------------------------------------------------------===//

StatusOr<size_t> DiffusionModel::Impl::labelIndex(int32_t label) const {
  auto found = std::lower_bound(labels.begin(), labels.end(), label);
  if (found == labels.end() || *found != label)
    return internalError("label %d was not prepared", label);
  return static_cast<size_t>(found - labels.begin());
}

/// D4.
void DiffusionModel::Impl::appendTime(float time, int64_t columns) {
  if (columns == 1) {
    numbers.push_back(time);
    return;
  }
  float scaled = schedule.timeScale * time;
  size_t count = schedule.timeFrequencies.size();
  size_t at = numbers.size();
  numbers.resize(at + 2 * count);
  float *first = numbers.data() + at;
  float *cosines = schedule.cosinesFirst ? first : first + count;
  float *sines = schedule.cosinesFirst ? first + count : first;
  for (size_t i = 0; i < count; ++i) {
    float angle = scaled * schedule.timeFrequencies[i];
    double sine = 0, cosine = 0;
    sinCosOfRadians(static_cast<double>(angle), sine, cosine);
    cosines[i] = static_cast<float>(cosine);
    sines[i] = static_cast<float>(sine);
  }
}

Status DiffusionModel::Impl::writeTimes(FunctionBinding &function,
                                        const RowTensor &tensor,
                                        std::span<const float> times) {
  numbers.clear();
  for (float time : times)
    appendTime(time, tensor.columns);
  return function.write(tensor, numbers, static_cast<int64_t>(times.size()));
}

/// Runs `condition` of a variant for all its steps and all labels in one call.
Status DiffusionModel::Impl::condition(size_t number) {
  BoundVariant &variant = variants[number];
  variant.conditioning.clear();
  const std::string &name = schedule.variants[number].condition;
  if (name.empty())
    return {};
  std::vector<float> times;
  std::vector<int32_t> rowLabels;
  for (int64_t step = steps.first; step < steps.end; ++step)
    for (int32_t label : labels) {
      times.push_back(steps.all[static_cast<size_t>(step)].time);
      rowLabels.push_back(label);
    }
  auto rows = static_cast<int64_t>(times.size());

  SessionOptions options;
  options.tokens = rows;
  options.timeKernels = this->options.timeKernels;
  options.functions = {name};
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<Session> session,
                          Session::create(module, options));
  LOWBIT_ASSIGN_OR_RETURN(FunctionBinding function,
                          FunctionBinding::create(*session, name, 1, rows));
  for (const RowTensor &tensor : function.inputs()) {
    if (tensor.name == "label" && tensor.type == ElementType::i32 &&
        tensor.columns == 1)
      LOWBIT_RETURN_IF_ERROR(function.write(tensor, rowLabels, rows));
    else if (tensor.name == "time" && tensor.type == ElementType::f32 &&
             (tensor.columns == 1 ||
              static_cast<size_t>(tensor.columns) ==
                  2 * schedule.timeFrequencies.size()))
      LOWBIT_RETURN_IF_ERROR(writeTimes(function, tensor, times));
    else
      return invalidArgument("function '%s' takes '%s', which the loop does not "
                             "have; compile the model again",
                             name.c_str(), tensor.name.c_str());
  }
  LOWBIT_RETURN_IF_ERROR(function.run(rows));
  for (const RowTensor &tensor : function.outputs()) {
    std::optional<int64_t> count = checkedMul(rows, tensor.columns);
    if (tensor.type != ElementType::f32 || !count ||
        *count > mostConditioningBytes / 4)
      return resourceExhausted("the conditioning '%s' of %lld rows is too large; "
                               "ask for fewer steps or classes",
                               tensor.name.c_str(),
                               static_cast<long long>(rows));
    Conditioning &kept = variant.conditioning[tensor.name];
    kept.columns = tensor.columns;
    kept.values.resize(static_cast<size_t>(*count));
    LOWBIT_RETURN_IF_ERROR(
        function.read(tensor, tensor.columns, rows, kept.values));
  }
  for (size_t i = 0; i < prepareStatistics.size(); ++i) {
    const KernelStatistics &more = session->statistics()[i];
    KernelStatistics &sum = prepareStatistics[i];
    sum.calls += more.calls;
    sum.parameterBytes += more.parameterBytes;
    sum.operations += more.operations;
    sum.nanoseconds += more.nanoseconds;
  }
  return {};
}

/// The rows of (step, label) for each image.
Status DiffusionModel::Impl::writeConditioning(
    FunctionBinding &function, const RowTensor &tensor,
    const Conditioning &kept, int64_t step,
    std::span<const int32_t> rowLabels) {
  if (kept.columns != tensor.columns)
    return invalidArgument("'%s' has %lld columns where it is made and %lld where "
                           "function '%s' takes it; compile the model again",
                           tensor.name.c_str(),
                           static_cast<long long>(kept.columns),
                           static_cast<long long>(tensor.columns),
                           function.name().c_str());
  numbers.clear();
  auto columns = static_cast<size_t>(kept.columns);
  size_t firstRow = static_cast<size_t>(step - steps.first) * labels.size();
  for (int32_t label : rowLabels) {
    LOWBIT_ASSIGN_OR_RETURN(size_t index, labelIndex(label));
    const float *row = kept.values.data() + (firstRow + index) * columns;
    numbers.insert(numbers.end(), row, row + columns);
  }
  return function.write(tensor, numbers,
                        static_cast<int64_t>(rowLabels.size()));
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

/// Components that the functions of the variants in use bind.
std::set<uint32_t> DiffusionModel::Impl::readBy(bool loopFunctions) const {
  std::set<uint32_t> components;
  for (size_t i = 0; i < variants.size(); ++i) {
    const DenoiseVariant &names = schedule.variants[i];
    const Function *function =
        variants[i].predict
            ? module.plan().findFunction(loopFunctions ? names.predict
                                                       : names.condition)
            : nullptr;
    if (function)
      components.merge(parameterReads(module.plan(), *function).components);
  }
  return components;
}

/// Lets go of what only prepare() reads.
void DiffusionModel::Impl::evict() const {
  std::set<uint32_t> loopReads = readBy(true);
  std::vector<uint32_t> gone;
  for (uint32_t component : readBy(false))
    if (!loopReads.count(component))
      gone.push_back(component);
  module.releaseComponents(gone);
}

//===----------------------------------------------------------------------===//
// The model
//===----------------------------------------------------------------------===//

DiffusionModel::DiffusionModel(std::unique_ptr<Impl> impl)
    : impl(std::move(impl)) {}
DiffusionModel::~DiffusionModel() = default;

StatusOr<std::unique_ptr<DiffusionModel>>
DiffusionModel::create(const Module &module, const DiffusionOptions &options) {
  const ModuleReader &file = module.file();
  if (!file.schedule())
    return failedPrecondition("%s holds no diffusion model (its kind is '%s')",
                              file.name().c_str(),
                              file.metaValue("model.kind").c_str());
  auto impl = std::make_unique<Impl>(module, options);
  impl->prepareStatistics.resize(module.plan().kernels.size());
  LOWBIT_RETURN_IF_ERROR(impl->chooseVariants());
  LOWBIT_RETURN_IF_ERROR(impl->bindPredict());
  return std::unique_ptr<DiffusionModel>(new DiffusionModel(std::move(impl)));
}

const DenoiseSchedule &DiffusionModel::schedule() const {
  return impl->schedule;
}
int64_t DiffusionModel::latentSize() const {
  return impl->schedule.latentSize();
}
const std::string &DiffusionModel::variantOf(int64_t step,
                                             int64_t steps) const {
  return impl->schedule.variants[impl->variantOf(step, steps)].name;
}

Status DiffusionModel::prepare(const DenoiseSteps &steps,
                               std::span<const int32_t> labels) {
  impl->steps = steps;
  impl->labels.assign(labels.begin(), labels.end());
  std::sort(impl->labels.begin(), impl->labels.end());
  std::set<size_t> used;
  auto count = static_cast<int64_t>(steps.all.size());
  for (int64_t step = steps.first; step < steps.end; ++step)
    used.insert(impl->variantOf(step, count));
  for (size_t number : used)
    LOWBIT_RETURN_IF_ERROR(impl->condition(number));
  impl->evict();
  return {};
}

Status DiffusionModel::predict(int64_t step, std::span<const int32_t> labels,
                               std::span<const float> latents,
                               std::span<float> prediction) {
  auto count = static_cast<int64_t>(impl->steps.all.size());
  BoundVariant &variant = impl->variants[impl->variantOf(step, count)];
  FunctionBinding &function = *variant.predict;
  auto rows = static_cast<int64_t>(labels.size());
  if (rows > impl->options.rows)
    return internalError("%lld rows are asked for, %lld were reserved",
                         static_cast<long long>(rows),
                         static_cast<long long>(impl->options.rows));
  for (const RowTensor &tensor : function.inputs()) {
    if (tensor.name == "latent") {
      LOWBIT_RETURN_IF_ERROR(function.write(tensor, latents, rows));
    } else if (tensor.name == "label") {
      LOWBIT_RETURN_IF_ERROR(function.write(tensor, labels, rows));
    } else if (tensor.name == "time") {
      std::vector<float> times(
          labels.size(), impl->steps.all[static_cast<size_t>(step)].time);
      LOWBIT_RETURN_IF_ERROR(impl->writeTimes(function, tensor, times));
    } else {
      auto kept = variant.conditioning.find(tensor.name);
      if (kept == variant.conditioning.end())
        return invalidArgument("function '%s' takes '%s', which nothing gives; "
                               "compile the model again",
                               function.name().c_str(), tensor.name.c_str());
      LOWBIT_RETURN_IF_ERROR(impl->writeConditioning(
          function, tensor, kept->second, step, labels));
    }
  }
  LOWBIT_RETURN_IF_ERROR(function.run(rows));
  return function.read(function.outputs()[0], latentSize(), rows, prediction);
}

DiffusionParameters DiffusionModel::parameters() const {
  DiffusionParameters result;
  std::set<uint32_t> loopReads = impl->readBy(true);
  std::set<uint32_t> all = impl->readBy(false);
  all.insert(loopReads.begin(), loopReads.end());
  const ComponentTable &table = impl->module.file().components();
  result.loop = storedBytes(table, loopReads);
  result.prepareOnly = storedBytes(table, all) - result.loop;
  for (const KernelStatistics &kernel : impl->prepareStatistics)
    result.readByPrepare += kernel.parameterBytes;
  for (const KernelStatistics &kernel : impl->loop->statistics())
    result.readByLoop += kernel.parameterBytes;
  return result;
}

std::vector<KernelStatistics> DiffusionModel::statistics() const {
  std::vector<KernelStatistics> sum = impl->prepareStatistics;
  for (size_t i = 0; i < sum.size(); ++i) {
    const KernelStatistics &more = impl->loop->statistics()[i];
    sum[i].calls += more.calls;
    sum[i].parameterBytes += more.parameterBytes;
    sum[i].operations += more.operations;
    sum[i].nanoseconds += more.nanoseconds;
  }
  return sum;
}

void DiffusionModel::resetStatistics() {
  impl->loop->resetStatistics();
  for (KernelStatistics &kernel : impl->prepareStatistics)
    kernel = {};
}
