//===- InputText.h - Tensors on the command line ----------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LOWBIT_INTERPRET_INPUTTEXT_H
#define LOWBIT_TOOLS_LOWBIT_INTERPRET_INPUTTEXT_H

#include "lib/Reference/Value.h"

#include <string>
#include <string_view>

namespace lowbit::interpret {

/// Reads `2x3xf32=1 2 3 4 5 6` (numbers separated by spaces or commas; a single
/// one fills the tensor), `i64=7`, or `@file.npy`.
StatusOr<reference::Tensor> parseInput(std::string_view text);

/// The inverse of `parseInput`; floats print so that they read back exactly.
std::string printTensor(const reference::Tensor &tensor);

/// Writes a tensor as .npy (bf16, which NumPy lacks, as f32).
Status writeTensor(const std::string &path, const reference::Tensor &tensor);

} // namespace lowbit::interpret

#endif // LOWBIT_TOOLS_LOWBIT_INTERPRET_INPUTTEXT_H
