//===- Llm.cpp - A language model with its cache --------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/Llm.h"

#include "lowbit/Support/CheckedMath.h"

#include <algorithm>
#include <charconv>

using namespace lowbit;

/// Rows of logits computed in one call of the head: a vocabulary of 150,000 then
/// takes 10 MB.
static constexpr int64_t maxHeadRows = 16;
/// Largest context that is taken from a module without being asked for.
static constexpr int64_t maxDefaultContext = 8192;

/// A positive decimal number in the module's meta section, or `fallback`.
static StatusOr<int64_t> metaNumber(const ModuleReader &file, const char *key,
                                    int64_t fallback) {
  std::string text = file.metaValue(key);
  if (text.empty())
    return fallback;
  int64_t value = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1)
    return invalidArgument("%s: section 'meta': %s is '%s', a positive number is "
                           "required",
                           file.name().c_str(), key, text.c_str());
  return value;
}

/// Checks that `tensor` is TYPE [tokens, constant] (or [tokens] for rank 1).
static Status checkTensor(const std::vector<TensorDesc> &tensors,
                          const char *what, ElementType type, size_t rank) {
  bool good = tensors.size() == 1 && tensors[0].type == type &&
              tensors[0].shape.size() == rank &&
              tensors[0].shape[0] == LinearExpr::of(LOWBIT_DIM_TOKENS) &&
              (rank == 1 || (tensors[0].shape[1].isConstant() &&
                             tensors[0].shape[1].constant > 0));
  if (good)
    return {};
  return invalidArgument("the module is not a language model: %s must be one "
                         "tensor of type %s with %zu ax%s",
                         what, elementTypeName(type), rank,
                         rank == 1 ? "is" : "es");
}

Status Llm::bindFunctions(const Plan &plan) {
  LOWBIT_ASSIGN_OR_RETURN(forward, run->findFunction("forward"));
  LOWBIT_ASSIGN_OR_RETURN(head, run->findFunction("head"));
  const Function &body = plan.functions[forward];
  const Function &top = plan.functions[head];
  LOWBIT_RETURN_IF_ERROR(
      checkTensor(body.inputs, "forward's input", ElementType::i32, 1));
  LOWBIT_RETURN_IF_ERROR(
      checkTensor(body.outputs, "forward's output", ElementType::f32, 2));
  LOWBIT_RETURN_IF_ERROR(
      checkTensor(top.inputs, "head's input", ElementType::f32, 2));
  LOWBIT_RETURN_IF_ERROR(
      checkTensor(top.outputs, "head's output", ElementType::f32, 2));
  hiddenStride = body.outputs[0].shape[1].constant;
  if (top.inputs[0].shape[1].constant != hiddenStride)
    return invalidArgument("the module is damaged: forward gives rows of %lld, "
                           "head takes rows of %lld",
                           static_cast<long long>(hiddenStride),
                           static_cast<long long>(
                               top.inputs[0].shape[1].constant));
  logitStride = top.outputs[0].shape[1].constant;
  vocabularySize =
      top.outputs[0].columns > 0 ? top.outputs[0].columns : logitStride;
  return {};
}

StatusOr<std::unique_ptr<Llm>> Llm::create(const Module &module,
                                           const LlmOptions &options) {
  const ModuleReader &file = module.file();
  if (file.metaValue("model.kind") != "llm")
    return failedPrecondition("%s holds no language model (its kind is '%s'); "
                              "use --function",
                              file.name().c_str(),
                              file.metaValue("model.kind").c_str());
  auto llm = std::unique_ptr<Llm>(new Llm());
  LOWBIT_ASSIGN_OR_RETURN(int64_t trained,
                          metaNumber(file, "llm.context", 2048));
  llm->contextLength =
      options.context > 0 ? options.context : std::min(trained, maxDefaultContext);
  if (options.context < 0 || options.ubatch < 1)
    return invalidArgument("the context and the micro-batch must be positive");
  // Kernels read one row of the rotary table for each position.
  LOWBIT_ASSIGN_OR_RETURN(int64_t positions,
                          metaNumber(file, "llm.positions", trained));
  if (llm->contextLength > positions) {
    if (options.context > 0)
      return invalidArgument("a context of %lld is more than the %lld positions that "
                             "the module has; compile with a larger --max-context, up "
                             "to the model's %lld",
                             static_cast<long long>(options.context),
                             static_cast<long long>(positions),
                             static_cast<long long>(trained));
    llm->contextLength = positions;
  }
  llm->ubatch = std::min(options.ubatch, llm->contextLength);
  llm->headRows = std::min(llm->ubatch, maxHeadRows);
  SessionOptions session;
  session.capacity = llm->contextLength;
  session.tokens = llm->ubatch;
  session.timeKernels = options.timeKernels;
  LOWBIT_ASSIGN_OR_RETURN(llm->run, Session::create(module, session));
  LOWBIT_RETURN_IF_ERROR(llm->bindFunctions(module.plan()));
  LOWBIT_ASSIGN_OR_RETURN(
      int64_t vocabulary,
      metaNumber(file, "llm.vocabulary", llm->vocabularySize));
  if (vocabulary > llm->vocabularySize)
    return invalidArgument("%s: llm.vocabulary is %lld, but there are %lld "
                           "logits",
                           file.name().c_str(),
                           static_cast<long long>(vocabulary),
                           static_cast<long long>(llm->vocabularySize));
  llm->vocabularySize = vocabulary;

  Device &device = module.device();
  auto allocate = [&](std::unique_ptr<Buffer> &buffer, int64_t rows,
                      int64_t columns) -> Status {
    std::optional<int64_t> rowBytes = checkedMul<int64_t>(columns, 4);
    std::optional<int64_t> bytes =
        rowBytes ? checkedMul<int64_t>(rows, *rowBytes) : std::nullopt;
    if (!bytes)
      return resourceExhausted("rows of %lld numbers are too large",
                               static_cast<long long>(columns));
    LOWBIT_ASSIGN_OR_RETURN(buffer, device.allocate(*bytes, MemoryKind::io));
    return {};
  };
  LOWBIT_RETURN_IF_ERROR(allocate(llm->ids, llm->ubatch, 1));
  LOWBIT_RETURN_IF_ERROR(allocate(llm->hidden, llm->ubatch, llm->hiddenStride));
  LOWBIT_RETURN_IF_ERROR(
      allocate(llm->headHidden, llm->headRows, llm->hiddenStride));
  LOWBIT_RETURN_IF_ERROR(
      allocate(llm->headLogits, llm->headRows, llm->logitStride));
  llm->staging.resize(llm->headRows * llm->hiddenStride * 4);
  llm->rowLogits.resize(llm->headRows * llm->logitStride);
  llm->lastLogits.resize(vocabulary);
  return llm;
}

Status Llm::computeRows(int64_t first, int64_t count,
                        const RowFunction &onRow) {
  Device &device = run->module().device();
  uint64_t rowBytes = static_cast<uint64_t>(hiddenStride) * 4;
  for (int64_t done = 0; done < count; done += headRows) {
    int64_t rows = std::min(headRows, count - done);
    // Rows are only 32-byte aligned inside `hidden`, so they are copied.
    std::span<uint8_t> block(staging.data(), rows * rowBytes);
    LOWBIT_RETURN_IF_ERROR(
        device.read(*hidden, (first + done) * rowBytes, block));
    LOWBIT_RETURN_IF_ERROR(device.write(*headHidden, 0, block));
    PlanDims dims = {};
    dims[LOWBIT_DIM_TOKENS] = rows;
    Buffer *inputs[] = {headHidden.get()};
    Buffer *outputs[] = {headLogits.get()};
    LOWBIT_RETURN_IF_ERROR(run->invoke(head, dims, inputs, outputs));
    if (onRow) {
      LOWBIT_RETURN_IF_ERROR(device.read(
          *headLogits, 0,
          {reinterpret_cast<uint8_t *>(rowLogits.data()),
           static_cast<size_t>(rows * logitStride * 4)}));
      for (int64_t row = 0; row < rows; ++row)
        LOWBIT_RETURN_IF_ERROR(
            onRow(tokensFed + first + done + row,
                  {rowLogits.data() + row * logitStride,
                   static_cast<size_t>(vocabularySize)}));
    }
    if (done + rows == count)
      LOWBIT_RETURN_IF_ERROR(
          device.read(*headLogits, (rows - 1) * logitStride * 4,
                      {reinterpret_cast<uint8_t *>(lastLogits.data()),
                       static_cast<size_t>(vocabularySize * 4)}));
  }
  return {};
}

Status Llm::feed(std::span<const int32_t> tokens, LogitRows rows,
                 const RowFunction &onRow) {
  auto count = static_cast<int64_t>(tokens.size());
  if (count > contextLength - tokensFed)
    return resourceExhausted("%lld tokens after %lld do not fit the context of "
                             "%lld; use a larger -c",
                             static_cast<long long>(count),
                             static_cast<long long>(tokensFed),
                             static_cast<long long>(contextLength));
  for (int64_t i = 0; i < count; ++i)
    if (tokens[i] < 0 || tokens[i] >= vocabularySize)
      return invalidArgument("token %lld has the id %d; the vocabulary has %lld "
                             "entries",
                             static_cast<long long>(i), tokens[i],
                             static_cast<long long>(vocabularySize));
  Device &device = run->module().device();
  for (int64_t done = 0; done < count; done += ubatch) {
    int64_t now = std::min(ubatch, count - done);
    LOWBIT_RETURN_IF_ERROR(device.write(
        *ids, 0,
        {reinterpret_cast<const uint8_t *>(tokens.data() + done),
         static_cast<size_t>(now * 4)}));
    PlanDims dims = {};
    dims[LOWBIT_DIM_TOKENS] = now;
    dims[LOWBIT_DIM_POSITION] = tokensFed;
    Buffer *inputs[] = {ids.get()};
    Buffer *outputs[] = {hidden.get()};
    LOWBIT_RETURN_IF_ERROR(run->invoke(forward, dims, inputs, outputs));
    if (rows == LogitRows::all)
      LOWBIT_RETURN_IF_ERROR(computeRows(0, now, onRow));
    else if (rows == LogitRows::last && done + now == count)
      LOWBIT_RETURN_IF_ERROR(computeRows(now - 1, 1, onRow));
    tokensFed += now;
  }
  return {};
}

uint64_t Llm::parameterBytesRead() const {
  uint64_t total = 0;
  for (const KernelStatistics &kernel : run->statistics())
    total += kernel.parameterBytes;
  return total;
}
