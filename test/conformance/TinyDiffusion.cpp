//===- TinyDiffusion.cpp - A hand-made diffusion module -------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/conformance/TinyDiffusion.h"
#include "test/conformance/TinyModule.h"

using namespace lowbit;
using namespace lowbit::test;

/// Work items are rows. Padding of inputs is not read, that of outputs is NaN.
static constexpr const char *source = R"c(
#include "lowbit-c/kernel.h"
#define STRIDE 16
#define NUMBERS 15
static float sumOf(const float *time, int label, const float *weight) {
  float sum = (float)label;
  for (int i = 0; i < 4; ++i)
    sum += time[i];
  return sum + weight[0];
}
/* time, label, weight -> c */
static void condition(void *const *b, const int64_t *d, void *s, int64_t begin,
                      int64_t end) {
  const int32_t *label = b[1];
  for (int64_t t = begin; t < end; ++t) {
    float *c = (float *)b[3] + t * STRIDE;
    for (int i = 1; i < STRIDE; ++i)
      c[i] = 0.0f / 0.0f;
    c[0] = sumOf((const float *)b[0] + t * STRIDE, label[t], b[2]);
  }
}
static void apply(const float *x, float c, float weight, float *v) {
  for (int i = 0; i < STRIDE; ++i)
    v[i] = i < NUMBERS ? c * x[i] + weight : 0.0f / 0.0f;
}
/* c, latent, weight -> v */
static void predictA(void *const *b, const int64_t *d, void *s, int64_t begin,
                     int64_t end) {
  for (int64_t t = begin; t < end; ++t)
    apply((const float *)b[1] + t * STRIDE, *((const float *)b[0] + t * STRIDE),
          *(const float *)b[2], (float *)b[3] + t * STRIDE);
}
/* latent, time, label, weight b, weight -> v */
static void predictB(void *const *b, const int64_t *d, void *s, int64_t begin,
                     int64_t end) {
  const int32_t *label = b[2];
  for (int64_t t = begin; t < end; ++t)
    apply((const float *)b[0] + t * STRIDE,
          sumOf((const float *)b[1] + t * STRIDE, label[t], b[3]),
          *(const float *)b[4], (float *)b[5] + t * STRIDE);
}
static const char *const names[] = {"condition", "predictA", "predictB"};
static const lowbit_stage_fn stages[] = {condition, predictA, predictB};
static const lowbit_code_table table = {LOWBIT_KERNEL_ABI_VERSION, 3, names,
                                        stages};
const lowbit_code_table *lowbit_query(uint32_t version) {
  return version == LOWBIT_KERNEL_ABI_VERSION ? &table : 0;
}
)c";

static PlanKernel kernelOf(const char *name, uint32_t bindings,
                           int64_t parameterBytes) {
  PlanStage stage;
  stage.symbol = name;
  stage.items = LinearExpr::of(LOWBIT_DIM_TOKENS);
  PlanKernel kernel;
  kernel.name = name;
  kernel.stages = {stage};
  kernel.bindings = bindings;
  kernel.parameterBytes = parameterBytes;
  return kernel;
}

static TensorDesc rows(const char *name, int64_t columns) {
  return {name,
          ElementType::f32,
          {LinearExpr::of(LOWBIT_DIM_TOKENS), tinyStride},
          columns};
}

static Function functionOf(const char *name, std::vector<TensorDesc> inputs,
                           TensorDesc output, uint32_t kernel,
                           std::vector<Binding> bindings) {
  Function function;
  function.name = name;
  function.inputs = std::move(inputs);
  function.outputs = {std::move(output)};
  function.steps = {Dispatch{{{anyTokens, kernel}}, std::move(bindings)}};
  return function;
}

static Plan planOf() {
  TensorDesc label = {
      "label", ElementType::i32, {LinearExpr::of(LOWBIT_DIM_TOKENS)}, 0};
  Plan plan;
  plan.kernels = {kernelOf("condition", 4, 4), kernelOf("predictA", 4, 4),
                  kernelOf("predictB", 6, 8)};
  plan.functions = {
      functionOf("a.condition", {rows("time", 4), label}, rows("c0", 1), 0,
                 {Binding::input(0), Binding::input(1), Binding::component(0),
                  Binding::output(0)}),
      functionOf("a.predict", {rows("c0", 1), rows("latent", 15)},
                 rows("velocity", 15), 1,
                 {Binding::input(0), Binding::input(1), Binding::component(2),
                  Binding::output(0)}),
      functionOf("b.predict", {rows("latent", 15), rows("time", 4), label},
                 rows("velocity", 15), 2,
                 {Binding::input(0), Binding::input(1), Binding::input(2),
                  Binding::component(1), Binding::component(2),
                  Binding::output(0)})};
  return plan;
}

DenoiseSchedule test::tinySchedule() {
  DenoiseSchedule schedule;
  schedule.height = 3;
  schedule.width = 5;
  schedule.classes = 4;
  schedule.nullLabel = 4;
  schedule.defaultSteps = 6;
  schedule.timeFrequencies = {1, 0.5f};
  schedule.timeScale = 3;
  schedule.signature = "f32[1,3,5] euler";
  schedule.variants = {{"a", "a.predict", "a.condition"}, {"b", "b.predict", ""}};
  schedule.ranges = {{0, 4, 0}, {4, 6, 1}};
  return schedule;
}

Status test::writeTinyDiffusion(const std::string &path,
                                const DenoiseSchedule &schedule) {
  LOWBIT_ASSIGN_OR_RETURN(ModuleWriter writer, ModuleWriter::create(path));
  for (auto [name, value] : {std::pair{"a", tinyWeightA},
                             {"b", tinyWeightB},
                             {"loop", tinyWeightLoop}}) {
    Component component;
    component.symbol = std::string(name) + ":codes";
    component.role = "codes";
    component.elementType = "f32";
    component.shape = {1};
    auto added = writer.addComponent(
        component, {reinterpret_cast<const uint8_t *>(&value), sizeof(value)});
    if (!added.isOk())
      return added.status();
  }
  writer.setMeta("model.kind", "diffusion");
  writer.setMeta("model.name", "tiny");
  writer.setPlan(planOf());
  writer.setSchedule(schedule);
  std::vector<uint8_t> code = compileShared(source);
  if (!code.empty())
    writer.addCode("cpu:x86-64", std::move(code));
  StatusOr<uint64_t> size = writer.finish();
  return size.isOk() ? Status() : size.status();
}
