//===- MatmulParams.cpp - Scales, zeros and offsets of a row block --------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/MatmulTile.h"

using namespace lowbit::kernel;
using mlir::Value;

MatmulScratch MatmulScratch::forPlan(const MatmulPlan &plan) {
  constexpr uint64_t vector = 32;
  MatmulScratch scratch;
  scratch.partials = plan.scratchBase;
  scratch.lanes = scratch.partials + uint64_t(plan.chunks) * wideTile * vector;
  scratch.decoded = scratch.lanes;
  if (!plan.activation.quantized)
    scratch.decoded += columnsPerBlock * wideTile * vector;
  scratch.total = scratch.decoded;
  if (!plan.activation.quantized && decodesToScratch(plan))
    scratch.total += uint64_t(plan.paddedColumns()) * vector;
  if (plan.generic && plan.activation.quantized) {
    uint64_t columns = uint64_t(plan.columns) * vector;
    uint64_t units = uint64_t(plan.units()) * vector;
    scratch.dotValues = scratch.total;
    scratch.offsetFactors = scratch.dotValues + columns;
    scratch.present =
        scratch.offsetFactors + (plan.storesOffsetFactors() ? columns : 0);
    scratch.groupScales =
        scratch.present + (plan.anchor.weight.pattern ? units : 0);
    scratch.groupOffsets = scratch.groupScales + units;
    scratch.total = scratch.groupOffsets + (plan.hasOffset ? units : 0);
  }
  return scratch;
}

// N1 pairs neighbours and lets an odd last one pass, so the left part is the
// largest power of two below the count.
static AbstractValue treeRange(StageFunction &stage, Value pointer,
                               int64_t begin, int64_t count, int64_t stride) {
  if (count == 1)
    return stage.loadRows(Scalar::f32, stage.at(pointer, begin * stride), 32);
  int64_t left = 1;
  while (2 * left < count)
    left *= 2;
  AbstractValue a = treeRange(stage, pointer, begin, left, stride);
  AbstractValue b =
      treeRange(stage, pointer, begin + left, count - left, stride);
  return stage.values().addF(a, b);
}

AbstractValue lowbit::kernel::emitTreeFromMemory(StageFunction &stage,
                                                 Value pointer, int64_t count,
                                                 int64_t stride) {
  return treeRange(stage, pointer, 0, count, stride);
}

ParamReader::ParamReader(StageFunction &stage, const MatmulPlan &plan,
                         Value rowBlock)
    : stage(stage), plan(plan) {
  for (const ParamPlan &param : plan.floatScales)
    floatScales.push_back(bind(param, rowBlock));
  for (const ParamPlan &param : plan.intScales)
    intScales.push_back(bind(param, rowBlock));
  for (const ParamPlan &param : plan.floatOffsets)
    floatOffsets.push_back(bind(param, rowBlock));
  for (const ParamPlan &param : plan.intOffsets)
    intOffsets.push_back(bind(param, rowBlock));
  if (plan.zero)
    zero = bind(*plan.zero, rowBlock);
}

static int64_t storedBytes(const lowbit::NumberDesc &number) {
  return bitsOf(storedScalar(number)) / 8;
}

ParamReader::Bound ParamReader::bind(const ParamPlan &param, Value rowBlock) {
  Bound bound{&param, stage.binding(param.binding), {}};
  int64_t bytes = storedBytes(param.number);
  if (param.perRow)
    bound.base =
        stage.at(bound.base,
                 stage.mulI(rowBlock, param.granules * rowsPerBlock * bytes));
  if (!param.variesAlongColumns())
    bound.fixed = readRaw(bound, bound.base);
  return bound;
}

AbstractValue ParamReader::readRaw(const Bound &param, Value pointer) {
  IRValueBuilder &b = stage.values();
  const NumberDesc &number = param.plan->number;
  Scalar scalar = storedScalar(number);
  AbstractValue raw =
      param.plan->perRow
          ? stage.loadRows(scalar, pointer)
          : stage.spreadRows(stage.load(ValueType{scalar, 0}, pointer));
  return number.isFloat() ? paramToFloat(b, number, raw)
                          : paramToInt(b, number, raw);
}

AbstractValue ParamReader::read(const Bound &param, Value column) {
  if (param.fixed.handle)
    return param.fixed;
  int64_t bytes = storedBytes(param.plan->number);
  Value granule = stage.divI(column, param.plan->columns);
  Value offset =
      stage.mulI(granule, param.plan->perRow ? rowsPerBlock * bytes : bytes);
  return readRaw(param, stage.at(param.base, offset));
}

AbstractValue ParamReader::product(llvm::ArrayRef<Bound> params, Value column) {
  IRValueBuilder &b = stage.values();
  AbstractValue result;
  for (const Bound &param : params) {
    AbstractValue factor = read(param, column);
    if (!result.handle)
      result = factor;
    else
      result = isFloat(factor.type.scalar) ? b.mulF(result, factor)
                                           : b.mul(result, factor);
  }
  return result;
}

AbstractValue ParamReader::floatScale(Value column) {
  return floatScales.empty()
             ? stage.values().constantFloat(stage.rowsOf(Scalar::f32), 1.0)
             : product(floatScales, column);
}

AbstractValue ParamReader::floatOffset(Value column) {
  IRValueBuilder &b = stage.values();
  if (floatOffsets.empty())
    return b.constantFloat(stage.rowsOf(Scalar::f32),
                           plan.offsetNegated ? -1.0 : 1.0);
  AbstractValue offset = product(floatOffsets, column);
  return plan.offsetNegated ? b.negF(offset) : offset;
}

AbstractValue ParamReader::intScale(Value column) {
  return product(intScales, column);
}
AbstractValue ParamReader::intOffset(Value column) {
  return product(intOffsets, column);
}

AbstractValue ParamReader::bias(Value column) {
  IRValueBuilder &b = stage.values();
  AbstractValue bias = b.constantInt(stage.rowsOf(Scalar::i32), plan.codeBias);
  return zero ? b.sub(bias, read(*zero, column)) : bias;
}
