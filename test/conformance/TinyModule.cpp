//===- TinyModule.cpp - A hand-made module for tests of the runtime -------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/conformance/TinyModule.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

using namespace lowbit;
using namespace lowbit::test;

namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (fs::temp_directory_path() / "lowbit-XXXXXX").string();
  if (const char *made = ::mkdtemp(pattern.data()))
    path = made;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

static const char *compilerCommand() {
  for (const char *name : {"cc", "clang", "clang-22", "gcc"})
    if (std::system((std::string("command -v ") + name + " >/dev/null 2>&1")
                        .c_str()) == 0)
      return name;
  return nullptr;
}

bool test::haveCompiler() { return compilerCommand() != nullptr; }

std::vector<uint8_t> test::compileShared(const std::string &source) {
  const char *compiler = compilerCommand();
  if (!compiler)
    return {};
  TemporaryFolder folder;
  std::ofstream(folder.file("k.c")) << source;
  std::string command = std::string(compiler) + " -O1 -ffp-contract=off -shared " +
                        "-fPIC -I" LOWBIT_SOURCE_DIR "/include -o " +
                        folder.file("k.so") + " " + folder.file("k.c");
  if (std::system(command.c_str()) != 0)
    return {};
  std::ifstream file(folder.file("k.so"), std::ios::binary);
  return std::vector<uint8_t>((std::istreambuf_iterator<char>(file)),
                              std::istreambuf_iterator<char>());
}

/// Work items are tokens everywhere but in `twice` (blocks of 16 numbers).
static constexpr const char *tinySource = R"c(
#include "lowbit-c/kernel.h"
#define STRIDE 16
#define VOCABULARY 11
/* ids, table -> hidden */
static void embed(void *const *b, const int64_t *d, void *s, int64_t begin,
                  int64_t end) {
  const int32_t *ids = b[0];
  const float *table = b[1];
  float *hidden = b[2];
  for (int64_t t = begin; t < end; ++t)
    for (int i = 0; i < STRIDE; ++i)
      hidden[t * STRIDE + i] = table[ids[t] * STRIDE + i];
}
/* hidden -> state rows */
static void keep(void *const *b, const int64_t *d, void *s, int64_t begin,
                 int64_t end) {
  const float *hidden = b[0];
  float *state = b[1];
  for (int64_t t = begin; t < end; ++t)
    for (int i = 0; i < STRIDE; ++i)
      state[(d[LOWBIT_DIM_POSITION] + t) * STRIDE + i] = hidden[t * STRIDE + i];
}
/* hidden += weight * sum over positions; the sums go through the scratch */
static void mix(void *const *b, const int64_t *d, void *scratch, int64_t begin,
                int64_t end) {
  float *hidden = b[0];
  const float *state = b[1];
  const float *weight = b[2];
  float *sum = scratch;
  for (int64_t t = begin; t < end; ++t) {
    for (int i = 0; i < STRIDE; ++i)
      sum[i] = 0;
    for (int64_t j = 0; j <= d[LOWBIT_DIM_POSITION] + t; ++j)
      for (int i = 0; i < STRIDE; ++i)
        sum[i] += state[j * STRIDE + i];
    for (int i = 0; i < STRIDE; ++i)
      hidden[t * STRIDE + i] += weight[i] * sum[i];
  }
}
/* hidden, table -> logits; padding gets a NaN that nobody may see */
static void head(void *const *b, const int64_t *d, void *s, int64_t begin,
                 int64_t end) {
  const float *hidden = b[0];
  const float *table = b[1];
  float *logits = b[2];
  for (int64_t t = begin; t < end; ++t)
    for (int v = 0; v < STRIDE; ++v) {
      float dot = 0;
      for (int i = 0; i < STRIDE && v < VOCABULARY; ++i)
        dot += hidden[t * STRIDE + i] * table[v * STRIDE + i];
      logits[t * STRIDE + v] = v < VOCABULARY ? dot : 0.0f / 0.0f;
    }
}
/* a copy for variants: the caller sees which one ran by the added bias */
static void copyOne(void *const *b, const int64_t *d, void *s, int64_t begin,
                    int64_t end) {
  const float *in = b[0];
  float *out = b[1];
  for (int64_t t = begin; t < end; ++t)
    for (int i = 0; i < STRIDE; ++i)
      out[t * STRIDE + i] = in[t * STRIDE + i];
}
static void twice(void *const *b, const int64_t *d, void *s, int64_t begin,
                  int64_t end) {
  const float *in = b[0];
  float *out = b[1];
  for (int64_t t = begin; t < end; ++t)
    for (int i = 0; i < STRIDE; ++i)
      out[t * STRIDE + i] = 2 * in[t * STRIDE + i];
}
/* out[t] = index of the first item of the range it came in */
static void ranges(void *const *b, const int64_t *d, void *s, int64_t begin,
                   int64_t end) {
  int64_t *out = b[0];
  for (int64_t t = begin; t < end; ++t)
    out[t] = begin;
}
/* 1 / 3 and a denormal product: what the floating-point environment makes of it */
static void floats(void *const *b, const int64_t *d, void *s, int64_t begin,
                   int64_t end) {
  float *out = b[0];
  volatile float one = 1.0f, three = 3.0f, tiny = 1e-30f, small = 1e-12f;
  for (int64_t t = begin; t < end; ++t) {
    out[2 * t] = one / three;
    out[2 * t + 1] = tiny * small;
  }
}
static const char *const names[] = {"embed", "keep", "mix", "head", "copyOne",
                                    "twice", "ranges", "floats"};
static const lowbit_stage_fn stages[] = {embed, keep, mix, head, copyOne,
                                         twice, ranges, floats};
static const lowbit_code_table table = {LOWBIT_KERNEL_ABI_VERSION, 8, names,
                                        stages};
const lowbit_code_table *lowbit_query(uint32_t version) {
  return version == LOWBIT_KERNEL_ABI_VERSION ? &table : 0;
}
)c";

const std::vector<uint8_t> &test::tinyCode() {
  static const std::vector<uint8_t> code = compileShared(tinySource);
  return code;
}

static PlanKernel kernelOf(std::string name, std::vector<PlanStage> stages,
                           uint32_t bindings) {
  PlanKernel kernel;
  kernel.name = std::move(name);
  kernel.stages = std::move(stages);
  kernel.bindings = bindings;
  kernel.parameterBytes = 64;
  kernel.operations = LinearExpr::of(LOWBIT_DIM_TOKENS, 2 * tinyStride);
  return kernel;
}

static PlanStage stageOf(const char *symbol) {
  PlanStage stage;
  stage.symbol = symbol;
  stage.items = LinearExpr::of(LOWBIT_DIM_TOKENS);
  stage.scratchBytes = tinyStride * 4;
  return stage;
}

static Dispatch only(uint32_t kernel, std::vector<Binding> bindings) {
  return Dispatch{{{anyTokens, kernel}}, std::move(bindings)};
}

static TensorDesc rows(const char *name, int64_t columns) {
  return {name,
          ElementType::f32,
          {LinearExpr::of(LOWBIT_DIM_TOKENS), tinyStride},
          columns};
}

Plan test::tinyPlan() {
  Plan plan;
  LinearExpr rowBytes = LinearExpr::of(LOWBIT_DIM_TOKENS, tinyStride * 4);
  plan.buffers = {{"h0", rowBytes, 0}, {"unused", rowBytes, 1}, {"h1", rowBytes, 1}};
  plan.states = {
      {"sums", LinearExpr::of(LOWBIT_DIM_CAPACITY, tinyStride * 4), 2}};
  plan.kernels = {kernelOf("embed", {stageOf("embed")}, 3),
                  kernelOf("keep_mix", {stageOf("keep"), stageOf("mix")}, 3),
                  kernelOf("head", {stageOf("head")}, 3),
                  kernelOf("copy_m1", {stageOf("copyOne")}, 2),
                  kernelOf("copy", {stageOf("copyOne")}, 2),
                  kernelOf("twice", {stageOf("twice")}, 2)};
  Procedure layer;
  layer.name = "layer";
  layer.setComponents = 1;
  layer.arguments = 1;
  layer.steps = {only(1, {Binding::argument(0), Binding::state(0),
                          Binding::setComponent(0)})};
  plan.procedures = {layer};
  plan.sets = {{"layer0", {1}}, {"layer1", {2}}};

  Function forward;
  forward.name = "forward";
  forward.inputs = {
      {"ids", ElementType::i32, {LinearExpr::of(LOWBIT_DIM_TOKENS)}, 0}};
  forward.outputs = {rows("hidden", 0)};
  Dispatch copy{{{1, 3}, {anyTokens, 4}},
                {Binding::buffer(0), Binding::buffer(2)}};
  forward.steps = {
      only(0, {Binding::input(0), Binding::component(0), Binding::buffer(0)}),
      Call{0, 0, 0, {Binding::buffer(0)}}, copy,
      Call{0, 1, 1, {Binding::buffer(2)}},
      only(4, {Binding::buffer(2), Binding::output(0)})};
  Function head;
  head.name = "head";
  head.inputs = {rows("hidden", 0)};
  head.outputs = {rows("logits", tinyVocabulary)};
  head.steps = {
      only(2, {Binding::input(0), Binding::component(0), Binding::output(0)})};
  Function twice;
  twice.name = "twice";
  twice.inputs = {rows("x", 3)};
  twice.outputs = {rows("y", 3)};
  twice.steps = {only(5, {Binding::input(0), Binding::output(0)})};
  plan.functions = {forward, head, twice};
  return plan;
}

static float tableValue(int64_t row, int64_t column) {
  return static_cast<float>((row * 7 + column * 5) % 13 - 6) / 8.0f;
}
static float weightValue(int64_t layer, int64_t column) {
  return static_cast<float>((layer + 1) * (column % 3 - 1)) / 16.0f;
}

template <typename T>
static std::span<const uint8_t> bytesOf(const std::vector<T> &values) {
  return {reinterpret_cast<const uint8_t *>(values.data()),
          values.size() * sizeof(T)};
}

Status test::fillTinyModule(ModuleWriter &writer, const Plan &plan) {
  std::vector<float> table;
  for (int64_t v = 0; v < tinyVocabulary; ++v)
    for (int64_t i = 0; i < tinyStride; ++i)
      table.push_back(tableValue(v, i));
  Component description;
  description.symbol = "table:codes";
  description.role = "codes";
  description.elementType = "f32";
  description.shape = {tinyVocabulary, tinyStride};
  LOWBIT_ASSIGN_OR_RETURN(uint32_t index,
                          writer.addComponent(description, bytesOf(table)));
  Parameter parameter;
  parameter.symbol = "table";
  parameter.shape = description.shape;
  parameter.elementType = "f32";
  parameter.encoding = "#lowbit.leaf<fp<f32>>";
  parameter.components = {index};
  LOWBIT_RETURN_IF_ERROR(writer.addParameter(parameter).isOk()
                             ? Status()
                             : internalError("parameter refused"));
  for (int64_t layer = 0; layer < 2; ++layer) {
    std::vector<float> weight;
    for (int64_t i = 0; i < tinyStride; ++i)
      weight.push_back(weightValue(layer, i));
    description.symbol = "layer" + std::to_string(layer) + ".w:codes";
    description.shape = {tinyStride};
    LOWBIT_ASSIGN_OR_RETURN(uint32_t ignored,
                            writer.addComponent(description, bytesOf(weight)));
    (void)ignored;
  }
  writer.setMeta("model.kind", "llm");
  writer.setMeta("model.name", "tiny");
  writer.setMeta("llm.vocabulary", std::to_string(tinyVocabulary));
  writer.setMeta("llm.context", "200");
  writer.setPlan(plan);
  writer.setLedger("[]");
  if (!tinyCode().empty())
    writer.addCode("cpu:x86-64", tinyCode());
  writer.addCode("nvptx:sm_75", serializeGpuCode(tinyGpuCode()));
  return {};
}

Status test::writeTinyModule(const std::string &path) {
  LOWBIT_ASSIGN_OR_RETURN(ModuleWriter writer, ModuleWriter::create(path));
  LOWBIT_RETURN_IF_ERROR(fillTinyModule(writer, tinyPlan()));
  StatusOr<uint64_t> size = writer.finish();
  return size.isOk() ? Status() : size.status();
}

std::vector<std::vector<float>>
test::tinyReference(const std::vector<int32_t> &ids) {
  std::vector<std::vector<float>> hidden;
  for (int32_t id : ids) {
    std::vector<float> row;
    for (int64_t i = 0; i < tinyStride; ++i)
      row.push_back(tableValue(id, i));
    hidden.push_back(row);
  }
  for (int64_t layer = 0; layer < 2; ++layer) {
    std::vector<float> sum(tinyStride, 0.0f);
    for (std::vector<float> &row : hidden)
      for (int64_t i = 0; i < tinyStride; ++i) {
        sum[i] += row[i];
        row[i] += weightValue(layer, i) * sum[i];
      }
  }
  std::vector<std::vector<float>> logits;
  for (const std::vector<float> &row : hidden) {
    std::vector<float> out;
    for (int64_t v = 0; v < tinyVocabulary; ++v) {
      float dot = 0;
      for (int64_t i = 0; i < tinyStride; ++i)
        dot += row[i] * tableValue(v, i);
      out.push_back(dot);
    }
    logits.push_back(out);
  }
  return logits;
}
