//===- Print.cpp - The texts of lowbit-inspect ----------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/Ledger.h"
#include "lowbit/Format/Module.h"
#include "lowbit/Support/Npy.h"
#include "tools/common/Console.h"
#include "tools/common/Json.h"
#include "tools/lowbit-inspect/Inspect.h"

#include <algorithm>
#include <map>

using namespace lowbit;

static std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text;
  for (int64_t extent : shape)
    text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text.empty() ? "scalar" : text;
}

//===----------------------------------------------------------------------===//
// What a plan uses
//===----------------------------------------------------------------------===//

namespace {

/// How often each kernel runs in a function for a number of tokens.
using KernelCounts = std::map<uint32_t, uint64_t>;

struct MemoryPlan {
  uint64_t parameters = 0;
  uint64_t state = 0;
  uint64_t transient = 0;
};

} // namespace

static void countDispatch(const Dispatch &dispatch, int64_t tokens,
                          KernelCounts &counts) {
  for (const DispatchVariant &variant : dispatch.variants)
    if (tokens <= variant.maxTokens) {
      ++counts[variant.kernel];
      return;
    }
}

static KernelCounts countKernels(const Plan &plan, const Function &function,
                                 int64_t tokens) {
  KernelCounts counts;
  for (const Step &step : function.steps) {
    if (const auto *dispatch = std::get_if<Dispatch>(&step)) {
      countDispatch(*dispatch, tokens, counts);
      continue;
    }
    const Call &call = std::get<Call>(step);
    for (const Dispatch &dispatch : plan.procedures[call.procedure].steps)
      countDispatch(dispatch, tokens, counts);
  }
  return counts;
}

/// Dimensions of a session with this context and micro-batch.
static PlanDims planDims(const ModuleReader &module,
                         const InspectOptions &options) {
  int64_t context = options.context;
  if (context <= 0)
    context = std::atoll(module.metaValue("llm.context", "2048").c_str());
  context = std::clamp<int64_t>((context + 127) / 128 * 128, 128, 1 << 24);
  PlanDims dims = {};
  dims[LOWBIT_DIM_TOKENS] = std::max<int64_t>(options.ubatch, 1);
  dims[LOWBIT_DIM_POSITION] = context;
  dims[LOWBIT_DIM_CAPACITY] = context;
  return dims;
}

static int64_t valueAt(const LinearExpr &expr, const PlanDims &dims) {
  StatusOr<int64_t> value = expr.evaluate(dims);
  return value.isOk() ? *value : -1;
}

static MemoryPlan memoryPlan(const ModuleReader &module, const PlanDims &dims) {
  MemoryPlan memory;
  memory.parameters = module.weights().size();
  std::map<uint32_t, int64_t> slots;
  for (const PlanBuffer &buffer : module.plan().buffers) {
    int64_t &slot = slots[buffer.slot];
    slot = std::max(slot, valueAt(buffer.bytes, dims));
  }
  for (auto [slot, bytes] : slots)
    memory.transient += static_cast<uint64_t>(std::max<int64_t>(bytes, 0));
  for (const PlanState &state : module.plan().states)
    memory.state += static_cast<uint64_t>(
                        std::max<int64_t>(valueAt(state.bytesPerSlot, dims), 0)) *
                    state.slots;
  return memory;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static std::string tensorTable(const InspectSource &source) {
  size_t nameWidth = 6;
  for (const InspectTensor &tensor : source.tensors())
    nameWidth = std::max(nameWidth, tensor.name.size());
  std::string text = formatString("%-*s %14s %10s %7s %7s  %s\n",
                                  static_cast<int>(nameWidth), "tensor", "shape",
                                  "bytes", "bits", "total", "encoding");
  uint64_t bytes = 0, elements = 0;
  double codeBits = 0;
  for (const InspectTensor &tensor : source.tensors()) {
    text += formatString("%-*s %14s %10s %7.3f %7.3f  %s\n",
                         static_cast<int>(nameWidth), tensor.name.c_str(),
                         shapeText(tensor.shape).c_str(),
                         formatBytes(tensor.bytes).c_str(), tensor.codeBits,
                         tensor.totalBits, tensor.encoding.c_str());
    bytes += tensor.bytes;
    elements += tensor.elements();
    codeBits += tensor.codeBits * static_cast<double>(tensor.elements());
  }
  double count = static_cast<double>(std::max<uint64_t>(elements, 1));
  return text + formatString("%-*s %14zu %10s %7.3f %7.3f\n",
                             static_cast<int>(nameWidth), "all",
                             source.tensors().size(), formatBytes(bytes).c_str(),
                             codeBits / count,
                             8.0 * static_cast<double>(bytes) / count);
}

static std::string kernelTable(const ModuleReader &module,
                               const InspectOptions &options) {
  const Plan &plan = module.plan();
  std::string text = "kernel                                             stages "
                     "bindings  bytes read   operations  (of one run)\n";
  PlanDims dims = planDims(module, options);
  for (const PlanKernel &kernel : plan.kernels)
    text += formatString("%-50s %6zu %8u  %-12s %s\n", kernel.name.c_str(),
                         kernel.stages.size(), kernel.bindings,
                         kernel.parameterBytes.toString().c_str(),
                         kernel.operations.toString().c_str());
  for (const Function &function : plan.functions)
    for (int64_t tokens : {int64_t(1), dims[LOWBIT_DIM_TOKENS]}) {
      text += formatString("function %s, %lld token%s:\n", function.name.c_str(),
                           static_cast<long long>(tokens),
                           tokens == 1 ? "" : "s");
      for (auto [kernel, count] : countKernels(plan, function, tokens))
        text += formatString("  %6llu x %s\n",
                             static_cast<unsigned long long>(count),
                             plan.kernels[kernel].name.c_str());
    }
  return text;
}

static std::string memoryTable(const ModuleReader &module,
                               const InspectOptions &options) {
  PlanDims dims = planDims(module, options);
  MemoryPlan memory = memoryPlan(module, dims);
  std::string text = formatString(
      "memory at a context of %lld and %lld tokens a call\n"
      "  parameters %12s (mapped from the file)\n"
      "  states     %12s\n  transient  %12s\n",
      static_cast<long long>(dims[LOWBIT_DIM_CAPACITY]),
      static_cast<long long>(dims[LOWBIT_DIM_TOKENS]),
      formatBytes(memory.parameters).c_str(), formatBytes(memory.state).c_str(),
      formatBytes(memory.transient).c_str());
  for (const PlanState &state : module.plan().states)
    text += formatString("state %s: %u slots of %s bytes\n", state.name.c_str(),
                         state.slots, state.bytesPerSlot.toString().c_str());
  for (const PlanBuffer &buffer : module.plan().buffers)
    text += formatString("buffer %s: slot %u, %s bytes\n", buffer.name.c_str(),
                         buffer.slot, buffer.bytes.toString().c_str());
  return text;
}

static Status needsModule(const InspectSource &source,
                          const InspectOptions &options) {
  if (source.module() || !(options.ledger || options.kernels ||
                           options.memory || options.report))
    return {};
  return invalidArgument("%s is a %s; --ledger, --kernels, --memory and --report "
                         "are about modules",
                         options.file.c_str(), source.kind().c_str());
}

Status lowbit::printText(const InspectSource &source,
                         const InspectOptions &options) {
  LOWBIT_RETURN_IF_ERROR(needsModule(source, options));
  std::string text;
  bool any = options.tensors || options.ledger || options.kernels ||
             options.memory || options.report || !options.plot.empty() ||
             !options.dumps.empty();
  if (!any) {
    text = formatString("%s: %s\n", options.file.c_str(), source.kind().c_str());
    for (const auto &[key, value] : source.summary())
      text += formatString("  %-28s %s\n", key.c_str(), value.c_str());
  }
  if (options.tensors || !any)
    text += tensorTable(source);
  if (options.kernels)
    text += kernelTable(*source.module(), options);
  if (options.memory)
    text += memoryTable(*source.module(), options);
  auto section = [&](const char *title, std::string_view json) {
    text += title;
    text += json.empty() ? "none" : json;
    if (text.back() != '\n')
      text += '\n';
  };
  if (options.ledger) {
    LOWBIT_ASSIGN_OR_RETURN(std::vector<compress::LedgerStep> steps,
                            compress::parseLedger(source.module()->ledger()));
    text += compress::ledgerText(steps);
  }
  if (options.report)
    section("report: ", source.module()->report());
  return printText(text);
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static void tensorsJson(JsonWriter &json, const InspectSource &source) {
  json.key("tensors").beginArray();
  for (const InspectTensor &tensor : source.tensors()) {
    json.beginObject();
    json.field("name", tensor.name);
    json.key("shape").beginArray();
    for (int64_t extent : tensor.shape)
      json.value(extent);
    json.endArray();
    json.field("encoding", tensor.encoding);
    json.field("bytes", tensor.bytes);
    json.field("code_bits", tensor.codeBits);
    json.field("total_bits", tensor.totalBits);
    json.key("components").beginArray();
    for (const auto &[name, bytes] : tensor.components) {
      json.beginObject();
      json.field("name", name);
      json.field("bytes", bytes);
      json.endObject();
    }
    json.endArray();
    json.endObject();
  }
  json.endArray();
}

static void kernelsJson(JsonWriter &json, const ModuleReader &module,
                        const InspectOptions &options) {
  const Plan &plan = module.plan();
  PlanDims dims = planDims(module, options);
  json.key("kernels").beginArray();
  for (const PlanKernel &kernel : plan.kernels) {
    json.beginObject();
    json.field("name", kernel.name);
    json.field("bindings", kernel.bindings);
    json.key("stages").beginArray();
    for (const PlanStage &stage : kernel.stages)
      json.value(stage.symbol);
    json.endArray();
    json.field("parameter_bytes", kernel.parameterBytes.toString());
    json.field("operations", kernel.operations.toString());
    json.endObject();
  }
  json.endArray();
  json.key("functions").beginArray();
  for (const Function &function : plan.functions) {
    json.beginObject();
    json.field("name", function.name);
    for (int64_t tokens : {int64_t(1), dims[LOWBIT_DIM_TOKENS]}) {
      json.key("calls_at_" + std::to_string(tokens)).beginObject();
      for (auto [kernel, count] : countKernels(plan, function, tokens))
        json.field(plan.kernels[kernel].name, count);
      json.endObject();
      if (dims[LOWBIT_DIM_TOKENS] == 1)
        break;
    }
    json.endObject();
  }
  json.endArray();
}

static void memoryJson(JsonWriter &json, const ModuleReader &module,
                       const InspectOptions &options) {
  PlanDims dims = planDims(module, options);
  MemoryPlan memory = memoryPlan(module, dims);
  json.key("memory").beginObject();
  json.field("context", dims[LOWBIT_DIM_CAPACITY]);
  json.field("tokens", dims[LOWBIT_DIM_TOKENS]);
  json.field("parameters", memory.parameters);
  json.field("state", memory.state);
  json.field("transient", memory.transient);
  json.endObject();
}

Status lowbit::printJson(const InspectSource &source,
                         const InspectOptions &options) {
  LOWBIT_RETURN_IF_ERROR(needsModule(source, options));
  JsonWriter json;
  json.beginObject();
  json.field("file", options.file);
  json.field("kind", source.kind());
  json.key("summary").beginObject();
  for (const auto &[key, value] : source.summary())
    json.field(key, value);
  json.endObject();
  bool any = options.ledger || options.kernels || options.memory ||
             options.report;
  if (options.tensors || !any)
    tensorsJson(json, source);
  if (options.kernels)
    kernelsJson(json, *source.module(), options);
  if (options.memory)
    memoryJson(json, *source.module(), options);
  // Both sections hold JSON written by the compiler.
  auto embed = [&](const char *key, std::string_view text) {
    while (!text.empty() && text.back() == '\n')
      text.remove_suffix(1);
    json.key(key).raw(text.empty() ? "null" : text);
  };
  if (options.ledger)
    embed("ledger", source.module()->ledger());
  if (options.report)
    embed("report", source.module()->report());
  json.endObject();
  return printText(json.result());
}

//===----------------------------------------------------------------------===//
// Dump
//===----------------------------------------------------------------------===//

Status lowbit::dumpTensor(const InspectSource &source,
                          const std::string &request) {
  // Tensor names may contain '=', file names seldom do: split at the last one.
  size_t equals = request.rfind('=');
  if (equals == std::string::npos || equals == 0 ||
      equals + 1 == request.size())
    return invalidArgument("--dump '%s': write TENSOR=FILE.npy",
                           request.c_str());
  std::string name = request.substr(0, equals);
  const std::vector<InspectTensor> &tensors = source.tensors();
  auto found = std::find_if(
      tensors.begin(), tensors.end(),
      [&](const InspectTensor &tensor) { return tensor.name == name; });
  if (found == tensors.end())
    return notFound("there is no tensor '%s'; --tensors lists them",
                    name.c_str());
  LOWBIT_ASSIGN_OR_RETURN(AtomicFile file,
                          AtomicFile::create(request.substr(equals + 1)));
  LOWBIT_RETURN_IF_ERROR(file.write(npyHeader("f4", found->shape)));
  LOWBIT_RETURN_IF_ERROR(source.decode(
      static_cast<size_t>(found - tensors.begin()),
      [&](std::span<const float> row) {
        return file.write(
            {reinterpret_cast<const uint8_t *>(row.data()), row.size_bytes()});
      }));
  return file.commit();
}
