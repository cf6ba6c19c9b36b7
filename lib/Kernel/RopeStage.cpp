//===- RopeStage.cpp - Rotary embedding and cache append ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/RowStages.h"
#include "lowbit-c/kernel.h"

namespace lowbit::kernel {

using V = AbstractValue;
using mlir::Value;

static constexpr ValueType scalarF32{Scalar::f32, 0};

static Value element(StageFunction &stage, Value base, Value index) {
  return stage.at(base, stage.mulI(index, 4));
}

/// One head of one row. A few hundred scalar pairs a token cost less than the
/// shuffles that would pair vector lanes.
static void emitRopeHead(StageFunction &stage, const RopeSpec &rope, Value input,
                         Value output, Value angles) {
  ValueBuilder &b = stage.values();
  int64_t apart = rope.adjacent ? 1 : rope.pairs;
  stage.loop(stage.index(0), stage.index(rope.pairs), 1, [&](Value pair) {
    Value first = stage.mulI(pair, rope.adjacent ? 2 : 1);
    Value second = stage.addI(first, apart);
    V a = stage.load(scalarF32, element(stage, input, first));
    V c = stage.load(scalarF32, element(stage, input, second));
    Value angle = stage.at(angles, stage.mulI(pair, 8));
    V cosine = stage.load(scalarF32, angle);
    V sine = stage.load(scalarF32, stage.at(angle, 4));
    stage.store(b.fma(a, cosine, b.negF(b.mulF(c, sine))),
                element(stage, output, first));
    stage.store(b.fma(a, sine, b.mulF(c, cosine)), element(stage, output, second));
  });
  if (2 * rope.pairs < rope.headDim)
    stage.loop(stage.index(2 * rope.pairs), stage.index(rope.headDim), 1,
               [&](Value i) {
                 stage.store(stage.load(scalarF32, element(stage, input, i)),
                             element(stage, output, i));
               });
}

static void emitRope(StageFunction &stage, const RopeSpec &rope, Value token,
                     Value position) {
  Value angles = stage.at(stage.binding(rope.table),
                          stage.mulI(position, rope.pairs * 8));
  stage.loop(stage.index(0), stage.index(rope.heads), 1, [&](Value head) {
    Value column = stage.mulI(head, rope.headDim);
    emitRopeHead(stage, rope, rowAddress(stage, rope.input, token, column),
                 rowAddress(stage, rope.output, token, column), angles);
  });
}

static void emitAppend(StageFunction &stage, const AppendSpec &append, Value token,
                       Value position) {
  Value capacity = stage.dim(LOWBIT_DIM_CAPACITY);
  stage.loop(stage.index(0), stage.index(append.heads), 1, [&](Value head) {
    Value column = stage.mulI(head, append.headDim);
    Value keys = rowAddress(stage, append.keys, token, column);
    Value values = rowAddress(stage, append.values, token, column);
    // Keys: eight positions side by side, so that scores of eight keys are lanes.
    Value slot = stage.mulI(head, stage.mulI(capacity, append.headDim));
    Value keyBase = stage.addI(
        slot, stage.addI(stage.mulI(stage.divI(position, 8), append.headDim * 8),
                         stage.remI(position, 8)));
    Value valueBase = stage.addI(slot, stage.mulI(position, append.headDim));
    stage.loop(stage.index(0), stage.index(append.headDim), 1, [&](Value i) {
      stage.store(stage.load(scalarF32, element(stage, keys, i)),
                  element(stage, stage.binding(append.cacheKeys),
                          stage.addI(keyBase, stage.mulI(i, 8))));
      stage.store(stage.load(scalarF32, element(stage, values, i)),
                  element(stage, stage.binding(append.cacheValues),
                          stage.addI(valueBase, i)));
    });
  });
}

Status checkRopeStage(const RopeStage &spec) {
  for (const RopeSpec &rope : spec.ropes)
    if (rope.pairs < 1 || 2 * rope.pairs > rope.headDim)
      return invalidArgument("%lld rotating pairs do not fit a head of %lld",
                             static_cast<long long>(rope.pairs),
                             static_cast<long long>(rope.headDim));
  return Status::success();
}

Status emitRopeStage(mlir::ModuleOp module, const RopeStage &spec,
                     const KernelCapabilities &capabilities) {
  LOWBIT_RETURN_IF_ERROR(checkRopeStage(spec));
  StageFunction stage(module, spec.name, capabilities);
  stage.loop(stage.begin(), stage.end(), 1, [&](Value token) {
    Value position = stage.addI(stage.dim(LOWBIT_DIM_POSITION), token);
    for (const RopeSpec &rope : spec.ropes)
      emitRope(stage, rope, token,
               rope.sequence ? stage.remI(token, rope.sequence) : position);
    if (spec.append)
      emitAppend(stage, *spec.append, token, position);
  });
  return Status::success();
}

} // namespace lowbit::kernel
