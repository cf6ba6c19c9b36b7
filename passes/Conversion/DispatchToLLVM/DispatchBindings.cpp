//===- DispatchBindings.cpp - Pointers of one dispatch's kernel -----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Conversion/DispatchToLLVM/DispatchBindings.h"

using namespace mlir;
using namespace mlir::lowbit;

using ::lowbit::LinearExpr;
using ::lowbit::StatusOr;
using ::lowbit::unimplemented;
using ::lowbit::kernel::RowsRef;

int64_t mlir::lowbit::columnsOf(Value rows) {
  auto encoded = dyn_cast<LowbitTensorType>(rows.getType());
  Type type = encoded ? Type(encoded.getDecodedType()) : rows.getType();
  return cast<ShapedType>(type).getShape().back();
}

DispatchBindings::DispatchBindings(DispatchOp dispatch)
    : body(dispatch.getBody().front()), rows(dispatch.getRows().value_or(1)) {
  for (BlockArgument argument : body.getArguments())
    bindOperand(argument);
  for (auto [index, value] : llvm::enumerate(body.getTerminator()->getOperands())) {
    unsigned binding =
        addBinding({KernelBinding::Kind::result, static_cast<unsigned>(index)});
    resultBindings[value].push_back(binding);
    bindingsOf[value] = {binding};
  }
}

unsigned DispatchBindings::addBinding(KernelBinding binding) {
  result.bindings.push_back(binding);
  return static_cast<unsigned>(result.bindings.size() - 1);
}

void DispatchBindings::bindOperand(BlockArgument argument) {
  unsigned index = argument.getArgNumber();
  SmallVector<unsigned> &bindings = bindingsOf[argument];
  Type type = argument.getType();
  if (auto tensor = dyn_cast<LowbitTensorType>(type)) {
    auto components = tensor.getComponentTypes();
    size_t count = components.isOk() ? components->size() : 0;
    for (unsigned i = 0; i < count; ++i)
      bindings.push_back(addBinding({KernelBinding::Kind::component, index, i}));
  } else if (isa<KVType>(type)) {
    bindings.push_back(addBinding({KernelBinding::Kind::keys, index}));
    bindings.push_back(addBinding({KernelBinding::Kind::values, index}));
  } else if (auto dense = dyn_cast<RankedTensorType>(type)) {
    auto kind = dense.hasStaticShape() ? KernelBinding::Kind::component
                                       : KernelBinding::Kind::rows;
    bindings.push_back(addBinding({kind, index}));
  }
  // A scalar is the position, which is a dimension of the call.
}

StatusOr<SmallVector<RowCopy>> DispatchBindings::alignViews() {
  SmallVector<RowCopy> copies;
  for (Operation &op : body.without_terminator()) {
    if (!isView(&op))
      continue;
    // Stages of the dispatch have not run yet when its copies are made.
    if (Operation *def = op.getOperand(0).getDefiningOp(); def && !isView(def))
      return unimplemented("op '%s' reads a value of its own dispatch",
                           op.getName().getStringRef().str().c_str());
    Value value = op.getResult(0);
    RowsRef ref = viewOf(&op);
    bool readsAlone = llvm::all_of(value.getUsers(), [](Operation *user) {
      return isView(user) || isa<ConcatRowsOp, SliceRowsOp, PatchifyOp, UnpatchifyOp>(user);
    });
    if ((ref.first % 8 == 0 && ref.stride % 8 == 0) || readsAlone)
      continue;
    int64_t stride = rowStride(columnsOf(value));
    RowsRef target{addTemporary(perRow(stride * 4)), stride};
    copies.push_back({ref, target, columnsOf(value)});
    alignedViews[value] = target;
  }
  return copies;
}

RowsRef DispatchBindings::viewOf(Operation *op) {
  if (auto cycle = dyn_cast<CycleRowsOp>(op)) {
    auto table = cast<RankedTensorType>(cycle.getTable().getType());
    RowsRef ref{vectorBinding(cycle.getTable()), table.getShape()[1]};
    ref.cycle = table.getShape()[0];
    return ref;
  }
  auto repeat = cast<RepeatRowsOp>(op);
  RowsRef ref = rowsOf(repeat.getInput());
  ref.repeat *= repeat.getTimes();
  ref.first += repeat.getFirst();
  return ref;
}

unsigned DispatchBindings::addTemporary(LinearExpr bytes) {
  result.temporaries.push_back(std::move(bytes));
  return addBinding({KernelBinding::Kind::temporary,
                     static_cast<unsigned>(result.temporaries.size() - 1)});
}

RowsRef DispatchBindings::rowsOf(Value value) {
  if (auto it = alignedViews.find(value); it != alignedViews.end())
    return it->second;
  if (Operation *def = value.getDefiningOp(); def && isView(def))
    return viewOf(def);
  int64_t stride = rowStride(columnsOf(value));
  SmallVector<unsigned> &bindings = bindingsOf[value];
  if (bindings.empty())
    bindings.push_back(addTemporary(perRow(stride * 4)));
  return {bindings.front(), stride};
}

bool DispatchBindings::isReadOnly(unsigned binding) const {
  KernelBinding::Kind kind = result.bindings[binding].kind;
  return kind == KernelBinding::Kind::component || kind == KernelBinding::Kind::rows ||
         stageReads.contains(binding);
}
