//===- PatchStage.cpp - Images to patches and back ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Clause N21: numbers move, nothing is computed.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/RowStages.h"

namespace lowbit::kernel {

using mlir::Value;

static constexpr ValueType scalarF32{Scalar::f32, 0};

/// Moves the numbers of one patch.
static void emitPatch(StageFunction &stage, const PatchStage &spec, Value item) {
  int64_t p = spec.patch, across = spec.width / p;
  int64_t tokens = spec.height / p * across;
  Value image = stage.divI(item, tokens), token = stage.remI(item, tokens);
  Value top = stage.mulI(stage.divI(token, across), p);
  Value left = stage.mulI(stage.remI(token, across), p);
  Value pixels = rowAddress(stage, spec.image, image, stage.index(0));
  Value numbers = rowAddress(stage, spec.patches, item, stage.index(0));
  stage.loop(stage.index(0), stage.index(spec.channels), 1, [&](Value c) {
    stage.loop(stage.index(0), stage.index(p), 1, [&](Value y) {
      Value line = stage.addI(stage.mulI(c, spec.height), stage.addI(top, y));
      Value start = stage.addI(stage.mulI(line, spec.width), left);
      stage.loop(stage.index(0), stage.index(p), 1, [&](Value x) {
        Value place = stage.addI(stage.mulI(y, p), x);
        Value element = spec.channelsLast
                            ? stage.addI(stage.mulI(place, spec.channels), c)
                            : stage.addI(stage.mulI(c, p * p), place);
        Value pixel = stage.at(pixels, stage.mulI(stage.addI(start, x), 4));
        Value number = stage.at(numbers, stage.mulI(element, 4));
        if (spec.toImage)
          stage.store(stage.load(scalarF32, number), pixel);
        else
          stage.store(stage.load(scalarF32, pixel), number);
      });
    });
  });
}

Status checkPatchStage(const PatchStage &spec) {
  if (spec.patch < 1 || spec.height % spec.patch != 0 || spec.width % spec.patch != 0)
    return invalidArgument("patches of %lld do not divide an image of %lld x %lld",
                           static_cast<long long>(spec.patch),
                           static_cast<long long>(spec.height),
                           static_cast<long long>(spec.width));
  return Status::success();
}

Status emitPatchStage(mlir::ModuleOp module, const PatchStage &spec,
                      const KernelCapabilities &capabilities) {
  LOWBIT_RETURN_IF_ERROR(checkPatchStage(spec));
  StageFunction stage(module, spec.name, capabilities);
  stage.loop(stage.begin(), stage.end(), 1,
             [&](Value item) { emitPatch(stage, spec, item); });
  return Status::success();
}

} // namespace lowbit::kernel
