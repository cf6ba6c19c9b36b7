//===- CopyStage.cpp - Rows to another place ------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Clause N23: numbers move, nothing is computed. Also brings rows that begin at an odd
// column to where other stages can read eight at a time.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/RowStages.h"

namespace lowbit::kernel {

using mlir::Value;

static constexpr ValueType scalarF32{Scalar::f32, 0};

/// Whether eight columns from any multiple of eight on lie in one aligned vector.
static bool isAligned(const RowsRef &rows) {
  return rows.first % 8 == 0 && rows.stride % 8 == 0 &&
         (rows.parts == 1 || rows.partColumns % 8 == 0);
}

static Value rowOfImage(StageFunction &stage, Value image, Value row, int64_t rows,
                        int64_t first) {
  return stage.addI(stage.mulI(image, rows), stage.addI(row, first));
}

std::pair<Value, Value> copiedRows(StageFunction &stage, const CopyStage &spec,
                                   Value item) {
  Value image = stage.divI(item, spec.count), row = stage.remI(item, spec.count);
  return {rowOfImage(stage, image, row, spec.inputRows, spec.inputFirst),
          rowOfImage(stage, image, row, spec.outputRows, spec.outputFirst)};
}

Status checkCopyStage(const CopyStage &spec) {
  if (spec.count < 1 || spec.inputFirst < 0 || spec.outputFirst < 0 ||
      spec.inputFirst > spec.inputRows - spec.count ||
      spec.outputFirst > spec.outputRows - spec.count)
    return invalidArgument("%lld rows do not fit images of %lld and %lld rows",
                           static_cast<long long>(spec.count),
                           static_cast<long long>(spec.inputRows),
                           static_cast<long long>(spec.outputRows));
  return Status::success();
}

Status emitCopyStage(mlir::ModuleOp module, const CopyStage &spec,
                     const KernelCapabilities &capabilities) {
  LOWBIT_RETURN_IF_ERROR(checkCopyStage(spec));
  StageFunction stage(module, spec.name, capabilities);
  bool vectors = isAligned(spec.input) && isAligned(spec.output);
  ValueType type = vectors ? rowVector : scalarF32;
  int64_t width = vectors ? 8 : 1;
  stage.loop(stage.begin(), stage.end(), 1, [&](Value item) {
    auto [from, to] = copiedRows(stage, spec, item);
    Value source = rowAddress(stage, spec.input, from, stage.index(0));
    Value target = rowAddress(stage, spec.output, to, stage.index(0));
    // Lanes beyond the columns are inside both strides and hold anything (E4).
    stage.loop(stage.index(0), stage.index((spec.columns + width - 1) / width * width),
               width, [&](Value column) {
                 Value offset = stage.mulI(column, 4);
                 stage.store(stage.load(type, stage.at(source, offset), 4),
                             stage.at(target, offset), 4);
               });
  });
  return Status::success();
}

} // namespace lowbit::kernel
