//===- RowBlockDecoder.h - Values of eight rows, column by column -*- C++
//-*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_KERNEL_ROWBLOCKDECODER_H
#define LIB_KERNEL_ROWBLOCKDECODER_H

#include "lib/Kernel/MatmulTile.h"

namespace lowbit::kernel {

/// E3 for the eight rows of a block of a weight with parameters or integer
/// codes.
class RowBlockDecoder {
public:
  RowBlockDecoder(StageFunction &stage, const MatmulPlan &plan,
                  mlir::Value rowBlock)
      : stage(stage), b(stage.values()), plan(plan), rowBlock(rowBlock),
        params(stage, plan, rowBlock) {}

  /// Receives decode(row, column) of the eight rows, f32x8; `inBlock` is the
  /// column's place in its block of 32.
  using Sink = std::function<void(mlir::Value column, unsigned inBlock,
                                  AbstractValue value)>;
  /// The first `count` columns of block `block`, in order. Columns beyond the
  /// weight's have unspecified values. Integer codes only.
  void decodeBlock(mlir::Value block, unsigned count, const Sink &sink);
  /// One column (i64 below the weight's columns) of float codes.
  AbstractValue decodeFloatColumn(mlir::Value column);

private:
  /// Reads the parameters at `column`, which must be below plan.columns.
  void readParams(mlir::Value column);
  /// Columns over which every parameter is constant: 32, 16 or 1.
  int64_t paramStep() const;
  /// `code` is i32x8 (stored code) or f32x8 (float code).
  AbstractValue decode(AbstractValue code);

  StageFunction &stage;
  IRValueBuilder &b;
  const MatmulPlan &plan;
  mlir::Value rowBlock;
  ParamReader params;
  DecodeFactors factors; ///< as last read
  AbstractValue bias;
};

} // namespace lowbit::kernel

#endif // LIB_KERNEL_ROWBLOCKDECODER_H
