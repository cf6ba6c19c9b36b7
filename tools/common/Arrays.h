//===- Arrays.h - Arrays on command lines -----------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_COMMON_ARRAYS_H
#define LOWBIT_TOOLS_COMMON_ARRAYS_H

#include "lowbit/Format/Plan.h"
#include "lowbit/Support/Npy.h"

namespace lowbit {

/// NumPy's name of an element type. bf16 has none and is "u2" (its bits).
std::string npyTypeOf(ElementType type);

/// "2x3xf32=1,2,3,4,5,6", "2x3xf32=0" (all equal) or "@FILE.npy". Numbers may be
/// separated by commas, spaces and brackets.
StatusOr<NpyArray> parseArray(const std::string &text);
/// The path of "@FILE.npy" (the @ may be left out).
StatusOr<std::string> filePath(const std::string &text);
/// "2x3xf4=1 2 3 4 5 6".
std::string formatArray(const NpyArray &array);
/// "2x3xf32".
std::string describeArray(const std::vector<int64_t> &shape,
                          const std::string &type);

struct ArrayDifference {
  bool equal = true;
  std::string text; ///< where and how much, when not equal
};
/// Equal when the types and shapes are the same and, with tolerance 0, the bits
/// are (any NaN equals any NaN), else |a - b| <= tolerance * max |expected|.
StatusOr<ArrayDifference> compareArrays(const NpyArray &actual,
                                        const NpyArray &expected,
                                        double tolerance);

} // namespace lowbit

#endif // LOWBIT_TOOLS_COMMON_ARRAYS_H
