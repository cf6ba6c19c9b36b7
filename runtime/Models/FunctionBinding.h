//===- FunctionBinding.h - A plan function with its memory ------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_MODELS_FUNCTIONBINDING_H
#define LOWBIT_RUNTIME_MODELS_FUNCTIONBINDING_H

#include "lowbit/Runtime/Session.h"

#include <string_view>

namespace lowbit {

/// A tensor of rows, one for each image or request: f32 or i32 [rows, columns]
/// (or [rows], one column), stored with padding at the end of a row.
struct RowTensor {
  std::string name;
  ElementType type = ElementType::f32;
  int64_t stride = 1;  ///< numbers of a stored row
  int64_t columns = 1; ///< meaningful ones
  std::unique_ptr<Buffer> buffer;
};

/// A function whose inputs and outputs are all row tensors of the same rows.
class FunctionBinding {
public:
  /// `rows` is the most that run() is called with; dims[TOKENS] is `tokensPerRow`
  /// times that. Tensors of another kind are an error.
  static StatusOr<FunctionBinding> create(Session &session,
                                          const std::string &name,
                                          int64_t tokensPerRow, int64_t rows);

  const std::string &name() const { return functionName; }
  std::span<const RowTensor> inputs() const { return in; }
  std::span<const RowTensor> outputs() const { return out; }
  /// Null when there is none of that name.
  const RowTensor *findInput(std::string_view name) const;

  /// Writes `rows` rows of numbers without padding: [rows, columns].
  Status write(const RowTensor &tensor, std::span<const float> numbers,
               int64_t rows);
  Status write(const RowTensor &tensor, std::span<const int32_t> numbers,
               int64_t rows);
  /// Runs it on rows written before.
  Status run(int64_t rows);
  /// Reads the first `columns` of each row: [rows, columns].
  Status read(const RowTensor &tensor, int64_t columns, int64_t rows,
              std::span<float> numbers);

private:
  Status writeRows(const RowTensor &tensor, const uint8_t *numbers,
                   int64_t rows);
  Status allocate(std::vector<RowTensor> &tensors, int64_t rows);

  Session *session = nullptr;
  std::string functionName;
  uint32_t number = 0;
  int64_t tokensPerRow = 1;
  std::vector<RowTensor> in;
  std::vector<RowTensor> out;
  std::vector<Buffer *> inBuffers;
  std::vector<Buffer *> outBuffers;
  std::vector<uint8_t> staging;
};

} // namespace lowbit

#endif // LOWBIT_RUNTIME_MODELS_FUNCTIONBINDING_H
