//===- Origin.h - Numbers before the first lossy step ----------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_COMPRESS_ORIGIN_H
#define PASSES_COMPRESS_ORIGIN_H

#include "passes/Compress/CompressionSession.h"

namespace mlir::lowbit {

/// Remembers type and source of `param` in its attribute `lowbit.origin`, unless
/// an earlier step has. To be called before a step replaces them by numbers that
/// stand for the same matrix.
void rememberOrigin(ParamOp param);
bool hasOrigin(ParamOp param);
/// For a step that multiplies the matrix by a factor: what is remembered, too.
::lowbit::Status scaleOrigin(CompressionSession &session, ParamOp param, float factor);
/// For a step that makes another matrix of it, whose numbers later steps start from.
void forgetOrigin(ParamOp param);
/// The numbers that were remembered, row-major.
::lowbit::StatusOr<std::vector<float>> decodeOrigin(CompressionSession &session,
                                                    ParamOp param);

} // namespace mlir::lowbit

#endif // PASSES_COMPRESS_ORIGIN_H
