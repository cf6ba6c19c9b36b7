//===- ApplyLayouts.cpp - Obey the chosen layouts ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Encoding/Passes.h"

#include "dialects/Lowbit/IR/LowbitOps.h"

#include "mlir/IR/AttrTypeSubElements.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_APPLYLAYOUTSPASS
#include "passes/Encoding/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;

namespace {

/// The encoding of a leaf without its layout; null of anything else.
Attribute numbersOf(Type type) {
  auto leaf = cast<LowbitTensorType>(type).getLeafDesc();
  return leaf.isOk() ? getLeafAttr(type.getContext(), *leaf, /*withLayout=*/false)
                     : Attribute();
}

struct ApplyLayoutsPass : mlir::lowbit::impl::ApplyLayoutsPassBase<ApplyLayoutsPass> {
  using Base::Base;

  void runOnOperation() override {
    DenseMap<Type, Type> replacement;
    for (auto param : getOperation().getOps<ParamOp>()) {
      auto type = dyn_cast<LowbitTensorType>(param.getType());
      if (!type)
        continue;
      // A type without a decision counts as decided for itself: values do not say
      // which parameter they come from.
      Type chosen = type;
      if (Attribute encoding = param->getAttr("lowbit.layout")) {
        chosen = LowbitTensorType::getChecked(
            [&] { return param.emitError() << "'lowbit.layout': "; },
            type.getContext(), type.getShape(), type.getElementType(), encoding);
        if (!chosen)
          return signalPassFailure();
        if (numbersOf(chosen) != numbersOf(type)) {
          param.emitError() << "'lowbit.layout' requires the same numbers in another "
                               "layout, got "
                            << encoding;
          return signalPassFailure();
        }
      }
      auto [it, isNew] = replacement.try_emplace(type, chosen);
      if (!isNew && it->second != chosen) {
        param.emitError() << "requires one layout for all parameters of type "
                          << type;
        return signalPassFailure();
      }
    }
    for (auto param : getOperation().getOps<ParamOp>())
      param->removeAttr("lowbit.layout");
    AttrTypeReplacer replacer;
    replacer.addReplacement([&](LowbitTensorType type)
                                -> std::optional<std::pair<Type, WalkResult>> {
      auto it = replacement.find(type);
      if (it == replacement.end())
        return std::make_pair(Type(type), WalkResult::skip());
      return std::make_pair(it->second, WalkResult::skip());
    });
    replacer.recursivelyReplaceElementsIn(getOperation(), /*replaceAttrs=*/true,
                                          /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
  }
};

} // namespace
