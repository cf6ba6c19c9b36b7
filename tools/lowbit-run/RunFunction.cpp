//===- RunFunction.cpp - One function on arrays ---------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Runtime/Session.h"
#include "lowbit/Support/CheckedMath.h"
#include "lowbit/Support/Npy.h"
#include "tools/common/Arrays.h"
#include "tools/common/Console.h"
#include "tools/lowbit-run/RunOptions.h"

#include <algorithm>

using namespace lowbit;

/// The value of TOKENS that makes the inputs fit: the extent of an axis that is
/// declared as [tokens].
static StatusOr<int64_t> inferTokens(const Function &function,
                                     const std::vector<NpyArray> &arrays) {
  std::optional<int64_t> tokens;
  for (size_t i = 0; i < function.inputs.size(); ++i) {
    const TensorDesc &tensor = function.inputs[i];
    if (tensor.shape.size() != arrays[i].shape.size())
      return invalidArgument("input '%s' has %zu axes, %zu are given",
                             tensor.name.c_str(), tensor.shape.size(),
                             arrays[i].shape.size());
    for (size_t axis = 0; axis < tensor.shape.size(); ++axis) {
      if (tensor.shape[axis] != LinearExpr::of(LOWBIT_DIM_TOKENS))
        continue;
      int64_t extent = arrays[i].shape[axis];
      if (tokens && *tokens != extent)
        return invalidArgument("inputs disagree about the number of tokens: "
                               "%lld and %lld",
                               static_cast<long long>(*tokens),
                               static_cast<long long>(extent));
      tokens = extent;
    }
  }
  return tokens.value_or(1);
}

/// Extents of a tensor at `dims`; the last one is the meaningful columns.
static StatusOr<std::vector<int64_t>> logicalShape(const TensorDesc &tensor,
                                                   const PlanDims &dims) {
  std::vector<int64_t> shape;
  for (const LinearExpr &extent : tensor.shape) {
    LOWBIT_ASSIGN_OR_RETURN(int64_t value, extent.evaluate(dims));
    shape.push_back(value);
  }
  if (tensor.columns > 0)
    shape.back() = tensor.columns;
  return shape;
}

namespace {
/// The rows of a tensor, stored and meaningful, in bytes.
struct RowLayout {
  int64_t rows = 1;
  size_t stored = 0;
  size_t meaningful = 0;
};
} // namespace

static StatusOr<RowLayout> rowLayout(const TensorDesc &tensor,
                                     const PlanDims &dims) {
  RowLayout layout;
  LOWBIT_ASSIGN_OR_RETURN(int64_t stride, tensor.shape.back().evaluate(dims));
  LOWBIT_ASSIGN_OR_RETURN(int64_t bytes, tensor.bytes(dims));
  unsigned element = elementTypeBytes(tensor.type);
  layout.stored = static_cast<size_t>(stride) * element;
  layout.rows = stride > 0 ? bytes / (stride * element) : 0;
  layout.meaningful =
      tensor.columns > 0 ? tensor.columns * element : layout.stored;
  return layout;
}

static StatusOr<std::unique_ptr<Buffer>>
makeInput(Device &device, const TensorDesc &tensor, const NpyArray &array,
          const PlanDims &dims) {
  LOWBIT_ASSIGN_OR_RETURN(std::vector<int64_t> shape,
                          logicalShape(tensor, dims));
  if (shape != array.shape || npyTypeOf(tensor.type) != array.dtype)
    return invalidArgument(
        "input '%s' is %s, %s is given", tensor.name.c_str(),
        describeArray(shape, elementTypeName(tensor.type)).c_str(),
        describeArray(array.shape, array.dtype).c_str());
  LOWBIT_ASSIGN_OR_RETURN(RowLayout layout, rowLayout(tensor, dims));
  LOWBIT_ASSIGN_OR_RETURN(
      std::unique_ptr<Buffer> buffer,
      device.allocate(layout.rows * layout.stored, MemoryKind::io));
  for (int64_t row = 0; row < layout.rows; ++row)
    LOWBIT_RETURN_IF_ERROR(device.write(
        *buffer, row * layout.stored,
        std::span(array.bytes)
            .subspan(row * layout.meaningful, layout.meaningful)));
  return buffer;
}

static StatusOr<NpyArray> readOutput(Device &device, const TensorDesc &tensor,
                                     Buffer &buffer, const PlanDims &dims) {
  NpyArray array;
  array.dtype = npyTypeOf(tensor.type);
  LOWBIT_ASSIGN_OR_RETURN(array.shape, logicalShape(tensor, dims));
  LOWBIT_ASSIGN_OR_RETURN(RowLayout layout, rowLayout(tensor, dims));
  array.bytes.resize(layout.rows * layout.meaningful);
  for (int64_t row = 0; row < layout.rows; ++row)
    LOWBIT_RETURN_IF_ERROR(
        device.read(buffer, row * layout.stored,
                    std::span(array.bytes)
                        .subspan(row * layout.meaningful, layout.meaningful)));
  return array;
}

/// Prints or writes outputs and compares them; returns the exit code.
static StatusOr<int> finishOutputs(const RunOptions &options,
                                   const Function &function,
                                   const std::vector<NpyArray> &results) {
  if (options.outputs.size() > results.size() ||
      options.expected.size() > results.size())
    return invalidArgument("function '%s' has %zu outputs",
                           function.name.c_str(), results.size());
  int code = exitOk;
  for (size_t i = 0; i < results.size(); ++i) {
    if (i < options.outputs.size()) {
      LOWBIT_ASSIGN_OR_RETURN(std::string path, filePath(options.outputs[i]));
      LOWBIT_RETURN_IF_ERROR(writeNpy(path, results[i]));
    } else if (i >= options.expected.size()) {
      LOWBIT_RETURN_IF_ERROR(printText(formatArray(results[i]) + "\n"));
    }
    if (i >= options.expected.size())
      continue;
    LOWBIT_ASSIGN_OR_RETURN(std::string path, filePath(options.expected[i]));
    LOWBIT_ASSIGN_OR_RETURN(NpyArray expected, readNpy(path));
    LOWBIT_ASSIGN_OR_RETURN(
        ArrayDifference difference,
        compareArrays(results[i], expected, options.tolerance));
    if (difference.equal)
      continue;
    std::fprintf(stderr, "lowbit-run: output '%s' differs from %s: %s\n",
                 function.outputs[i].name.c_str(), path.c_str(),
                 difference.text.c_str());
    code = exitMismatch;
  }
  return code;
}

StatusOr<int> lowbit::runFunction(const RunOptions &options) {
  LOWBIT_ASSIGN_OR_RETURN(
      LoadedModule loaded,
      LoadedModule::load(options.module,
                         static_cast<unsigned>(options.module.threads)));
  Device &device = *loaded.device;
  const Plan &plan = loaded.module->plan();
  const Function *function = plan.findFunction(options.function);
  std::vector<NpyArray> arrays;
  for (const std::string &text : options.inputs) {
    LOWBIT_ASSIGN_OR_RETURN(NpyArray array, parseArray(text));
    arrays.push_back(std::move(array));
  }
  if (function && arrays.size() != function->inputs.size())
    return invalidArgument("function '%s' has %zu inputs, %zu are given",
                           function->name.c_str(), function->inputs.size(),
                           arrays.size());
  SessionOptions sessionOptions;
  int64_t tokens = 1;
  if (function) {
    LOWBIT_ASSIGN_OR_RETURN(tokens, inferTokens(*function, arrays));
  }
  if (options.position < 0)
    return invalidArgument("--position must not be negative");
  sessionOptions.tokens = std::max<int64_t>(tokens, 1);
  std::optional<int64_t> needed = checkedAdd(options.position, tokens);
  sessionOptions.capacity =
      options.context > 0 ? options.context : needed.value_or(INT64_MAX);
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<Session> session,
                          Session::create(*loaded.module, sessionOptions));
  LOWBIT_ASSIGN_OR_RETURN(uint32_t number,
                          session->findFunction(options.function));
  PlanDims dims = {};
  dims[LOWBIT_DIM_TOKENS] = tokens;
  dims[LOWBIT_DIM_POSITION] = options.position;
  dims[LOWBIT_DIM_CAPACITY] = session->options().capacity;

  std::vector<std::unique_ptr<Buffer>> buffers;
  std::vector<Buffer *> inputs, outputs;
  for (size_t i = 0; i < arrays.size(); ++i) {
    LOWBIT_ASSIGN_OR_RETURN(
        std::unique_ptr<Buffer> buffer,
        makeInput(device, function->inputs[i], arrays[i], dims));
    inputs.push_back(buffer.get());
    buffers.push_back(std::move(buffer));
  }
  for (const TensorDesc &tensor : function->outputs) {
    LOWBIT_ASSIGN_OR_RETURN(int64_t bytes, tensor.bytes(dims));
    LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<Buffer> buffer,
                            device.allocate(bytes, MemoryKind::io));
    outputs.push_back(buffer.get());
    buffers.push_back(std::move(buffer));
  }
  LOWBIT_RETURN_IF_ERROR(session->invoke(number, dims, inputs, outputs));
  std::vector<NpyArray> results;
  for (size_t i = 0; i < outputs.size(); ++i) {
    LOWBIT_ASSIGN_OR_RETURN(
        NpyArray array,
        readOutput(device, function->outputs[i], *outputs[i], dims));
    results.push_back(std::move(array));
  }
  return finishOutputs(options, *function, results);
}
