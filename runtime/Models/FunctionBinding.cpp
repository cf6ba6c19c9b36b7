//===- FunctionBinding.cpp - A plan function with its memory --------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/FunctionBinding.h"

#include "lowbit/Support/CheckedMath.h"

#include <algorithm>
#include <cassert>
#include <cstring>

using namespace lowbit;

static constexpr int64_t numberBytes = 4;

static StatusOr<RowTensor> describeRows(const TensorDesc &desc,
                                    const std::string &function,
                                    int64_t tokensPerRow) {
  auto refuse = [&](const char *what) {
    return invalidArgument("tensor '%s' of function '%s' %s; compile the model "
                           "again",
                           desc.name.c_str(), function.c_str(), what);
  };
  if (desc.type != ElementType::f32 && desc.type != ElementType::i32)
    return refuse("is neither f32 nor i32");
  if (desc.shape.empty() || desc.shape.size() > 2 ||
      desc.shape[0] != LinearExpr::of(LOWBIT_DIM_TOKENS, 1, tokensPerRow))
    return refuse("does not have one row for each image");
  RowTensor tensor;
  tensor.name = desc.name;
  tensor.type = desc.type;
  if (desc.shape.size() == 2) {
    if (!desc.shape[1].isConstant() || desc.shape[1].constant < 1 ||
        desc.columns > desc.shape[1].constant)
      return refuse("has rows without a fixed length");
    tensor.stride = desc.shape[1].constant;
    tensor.columns = desc.columns > 0 ? desc.columns : tensor.stride;
  }
  return tensor;
}

Status FunctionBinding::allocate(std::vector<RowTensor> &tensors,
                                 int64_t rows) {
  for (RowTensor &tensor : tensors) {
    std::optional<int64_t> numbers = checkedMul(rows, tensor.stride);
    std::optional<int64_t> bytes =
        numbers ? checkedMul(*numbers, numberBytes) : std::nullopt;
    if (!bytes)
      return resourceExhausted("%lld rows of tensor '%s' are too large",
                               static_cast<long long>(rows),
                               tensor.name.c_str());
    LOWBIT_ASSIGN_OR_RETURN(
        tensor.buffer,
        session->module().device().allocate(*bytes, MemoryKind::io));
  }
  return {};
}

StatusOr<FunctionBinding> FunctionBinding::create(Session &session,
                                                  const std::string &name,
                                                  int64_t tokensPerRow,
                                                  int64_t rows) {
  FunctionBinding binding;
  binding.session = &session;
  binding.functionName = name;
  binding.tokensPerRow = tokensPerRow;
  LOWBIT_ASSIGN_OR_RETURN(binding.number, session.findFunction(name));
  const Function &function = session.module().plan().functions[binding.number];
  for (const TensorDesc &desc : function.inputs) {
    LOWBIT_ASSIGN_OR_RETURN(RowTensor tensor,
                            describeRows(desc, name, tokensPerRow));
    binding.in.push_back(std::move(tensor));
  }
  for (const TensorDesc &desc : function.outputs) {
    LOWBIT_ASSIGN_OR_RETURN(RowTensor tensor,
                            describeRows(desc, name, tokensPerRow));
    binding.out.push_back(std::move(tensor));
  }
  LOWBIT_RETURN_IF_ERROR(binding.allocate(binding.in, rows));
  LOWBIT_RETURN_IF_ERROR(binding.allocate(binding.out, rows));
  for (const RowTensor &tensor : binding.in)
    binding.inBuffers.push_back(tensor.buffer.get());
  for (const RowTensor &tensor : binding.out)
    binding.outBuffers.push_back(tensor.buffer.get());
  return binding;
}

const RowTensor *FunctionBinding::findInput(std::string_view name) const {
  for (const RowTensor &tensor : in)
    if (tensor.name == name)
      return &tensor;
  return nullptr;
}

Status FunctionBinding::writeRows(const RowTensor &tensor,
                                  const uint8_t *numbers, int64_t rows) {
  auto rowBytes = static_cast<size_t>(tensor.columns * numberBytes);
  auto strideBytes = static_cast<size_t>(tensor.stride * numberBytes);
  auto count = static_cast<size_t>(rows);
  Device &device = session->module().device();
  if (rowBytes == strideBytes)
    return device.write(*tensor.buffer, 0, {numbers, count * rowBytes});
  staging.assign(count * strideBytes, 0);
  for (size_t i = 0; i < count; ++i)
    std::memcpy(staging.data() + i * strideBytes, numbers + i * rowBytes,
                rowBytes);
  return device.write(*tensor.buffer, 0, staging);
}

Status FunctionBinding::write(const RowTensor &tensor,
                              std::span<const float> numbers, int64_t rows) {
  assert(tensor.type == ElementType::f32 &&
         numbers.size() == static_cast<size_t>(rows * tensor.columns));
  return writeRows(tensor, reinterpret_cast<const uint8_t *>(numbers.data()),
                   rows);
}

Status FunctionBinding::write(const RowTensor &tensor,
                              std::span<const int32_t> numbers, int64_t rows) {
  assert(tensor.type == ElementType::i32 &&
         numbers.size() == static_cast<size_t>(rows * tensor.columns));
  return writeRows(tensor, reinterpret_cast<const uint8_t *>(numbers.data()),
                   rows);
}

Status FunctionBinding::run(int64_t rows) {
  PlanDims dims = {};
  dims[LOWBIT_DIM_TOKENS] = rows * tokensPerRow;
  return session->invoke(number, dims, inBuffers, outBuffers);
}

Status FunctionBinding::read(const RowTensor &tensor, int64_t columns,
                             int64_t rows, std::span<float> numbers) {
  assert(tensor.type == ElementType::f32 && columns <= tensor.stride &&
         numbers.size() == static_cast<size_t>(rows * columns));
  Device &device = session->module().device();
  auto *bytes = reinterpret_cast<uint8_t *>(numbers.data());
  if (columns == tensor.stride)
    return device.read(*tensor.buffer, 0, {bytes, numbers.size_bytes()});
  auto rowBytes = static_cast<size_t>(columns * numberBytes);
  auto strideBytes = static_cast<size_t>(tensor.stride * numberBytes);
  staging.resize(static_cast<size_t>(rows) * strideBytes);
  LOWBIT_RETURN_IF_ERROR(device.read(*tensor.buffer, 0, staging));
  for (size_t i = 0; i < static_cast<size_t>(rows); ++i)
    std::memcpy(bytes + i * rowBytes, staging.data() + i * strideBytes, rowBytes);
  return {};
}
