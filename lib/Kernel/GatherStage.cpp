//===- GatherStage.cpp - Rows of a table in any layout ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/ElementDecoder.h"
#include "lib/Kernel/RowStages.h"

namespace lowbit::kernel {

using V = AbstractValue;
using mlir::Value;

static constexpr ValueType scalarI32{Scalar::i32, 0};

Status emitGatherStage(mlir::ModuleOp module, const GatherStage &spec,
                       const KernelCapabilities &capabilities) {
  LOWBIT_ASSIGN_OR_RETURN(auto components, componentsOf(spec.table));
  if (components.size() != spec.bindings.size())
    return invalidArgument("%zu bindings given for %zu components of the table",
                           spec.bindings.size(), components.size());
  LOWBIT_RETURN_IF_ERROR(ElementDecoder::check(spec.table));
  StageFunction stage(module, spec.name, capabilities);
  ElementDecoder decoder(stage, spec.table, spec.bindings);
  stage.loop(stage.begin(), stage.end(), 1, [&](Value token) {
    V id = stage.load(scalarI32, stage.at(stage.binding(spec.ids), stage.mulI(token, 4)));
    Value row = IRValueBuilder::unwrap(
        stage.values().extendUnsigned(id, Scalar::i64));
    if (spec.table.pattern)
      stage.loop(stage.index(0), stage.index(spec.table.columns), 1,
                 [&](Value column) {
                   stage.store(stage.values().constantFloat({Scalar::f32, 0}, 0),
                               rowAddress(stage, spec.output, token, column));
                 });
    decoder.forEachStored(row, [&](const ElementPlace &place) {
      stage.store(decoder.decode(place),
                  rowAddress(stage, spec.output, token, place.column));
    });
  });
  return Status::success();
}

} // namespace lowbit::kernel
