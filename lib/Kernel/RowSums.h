//===- RowSums.h - Sums over a row in the order of the contract ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_KERNEL_ROWSUMS_H
#define LIB_KERNEL_ROWSUMS_H

#include "lib/Kernel/RowStages.h"

namespace lowbit::kernel {

/// One step of a lane: the new sum from the old one and the column of lane 0 of eight
/// neighbouring lanes.
using RowTerm = std::function<AbstractValue(AbstractValue sum, mlir::Value column)>;

/// Bytes of scratch that emitRowSum needs for rows of `columns`.
uint64_t rowSumScratchBytes(int64_t columns);

/// N3: 32 lanes a chunk of 512 columns, `tree` over the lanes, `tree` over the chunks.
/// `scratch` points to rowSumScratchBytes(columns) bytes. A scalar f32.
AbstractValue emitRowSum(StageFunction &stage, int64_t columns, mlir::Value scratch,
                         const RowTerm &term);

/// Lanes [0, count) of `value`, zero beyond; count in 1..8.
AbstractValue keepLanes(StageFunction &stage, AbstractValue value, int64_t count);

} // namespace lowbit::kernel

#endif // LIB_KERNEL_ROWSUMS_H
