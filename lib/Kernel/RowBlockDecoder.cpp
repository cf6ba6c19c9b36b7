//===- RowBlockDecoder.cpp - Values of eight rows, column by column -------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/RowBlockDecoder.h"

using namespace lowbit::kernel;
using mlir::Value;
using V = AbstractValue;

int64_t RowBlockDecoder::paramStep() const {
  int64_t step = columnsPerBlock;
  auto refine = [&](const ParamPlan &param) {
    if (param.variesAlongColumns() && param.columns % step != 0)
      step = param.columns % 16 == 0 ? std::min<int64_t>(step, 16) : 1;
  };
  for (const auto *list : {&plan.floatScales, &plan.intScales,
                           &plan.floatOffsets, &plan.intOffsets})
    for (const ParamPlan &param : *list)
      refine(param);
  if (plan.zero)
    refine(*plan.zero);
  return step;
}

void RowBlockDecoder::readParams(Value column) {
  factors.hasScale = plan.hasScale;
  factors.hasOffset = plan.hasOffset;
  if (plan.hasScale) {
    factors.floatScale = params.floatScale(column);
    factors.intScale = params.intScale(column);
  }
  if (plan.hasOffset) {
    factors.floatOffset = params.floatOffset(column);
    factors.intOffset = params.intOffset(column);
  }
  if (plan.dotHasBias())
    bias = params.bias(column);
}

V RowBlockDecoder::decode(V code) {
  if (isFloat(code.type.scalar))
    return decodeValue(b, factors, code);
  if (plan.dotHasBias())
    code = b.add(code, bias);
  return decodeValue(b, factors, b.signedToFloat(code));
}

void RowBlockDecoder::decodeBlock(Value block, unsigned count,
                                  const Sink &sink) {
  FieldBytes bytes = [&](unsigned f, unsigned j) {
    int64_t size = columnsPerBlock * plan.fields[f].width;
    Value row = stage.addI(stage.mulI(rowBlock, plan.blocks), block);
    Value pointer =
        stage.at(stage.binding(plan.fields[f].binding), stage.mulI(row, size));
    return stage.load(i8x32, stage.at(pointer, int64_t(j) * columnsPerBlock),
                      32);
  };
  int64_t step = paramStep();
  V codes;
  for (unsigned inBlock = 0; inBlock < count; ++inBlock) {
    if (inBlock % 4 == 0)
      codes = decodeColumnVector(b, plan.fields, bytes, inBlock / 4);
    Value column = stage.addI(stage.mulI(block, columnsPerBlock), inBlock);
    // Columns of the padding take the last column's parameters.
    if (inBlock % step == 0)
      readParams(step == columnsPerBlock
                     ? column
                     : stage.minI(column, stage.index(plan.columns - 1)));
    sink(column, inBlock, decode(columnOfVector(b, codes, inBlock % 4)));
  }
}

V RowBlockDecoder::decodeFloatColumn(Value column) {
  Scalar scalar = storedScalar(plan.code);
  int64_t bytes = rowsPerBlock * bitsOf(scalar) / 8;
  Value row = stage.addI(stage.mulI(rowBlock, plan.paddedColumns()), column);
  Value pointer =
      stage.at(stage.binding(plan.codeBinding), stage.mulI(row, bytes));
  V raw = stage.load(ValueType{scalar, 8}, pointer, unsigned(bytes));
  readParams(column);
  return decode(paramToFloat(b, plan.code, raw));
}
