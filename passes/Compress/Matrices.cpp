//===- Matrices.cpp - Which parameters a pass works on --------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/Matrices.h"

#include "lowbit/Packing/Pack.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Regex.h"

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::invalidArgument;
using ::lowbit::StatusOr;

/// True when `block` multiplies by its argument `index`.
static bool isMatmulWeight(BlockOp block, unsigned index) {
  return llvm::any_of(block.getArgument(index).getUsers(), [&](Operation *user) {
    auto matmul = dyn_cast<MatmulOp>(user);
    return matmul && matmul.getWeight() == block.getArgument(index);
  });
}

SmallVector<Matrix> mlir::lowbit::findMatrices(ModuleOp module) {
  SymbolTableCollection tables;
  DenseSet<StringRef> layerMembers;
  module.walk([&](LayerOp layer) {
    auto block =
        tables.lookupNearestSymbolFrom<BlockOp>(layer, layer.getCalleeAttr());
    auto set = layer.getParamsAttr()
                   ? tables.lookupNearestSymbolFrom<ParamSetOp>(
                         layer, layer.getParamsAttr())
                   : ParamSetOp();
    if (!block || !set)
      return;
    unsigned first = block.getNumArguments() - block.getNumParams();
    for (auto [index, member] : llvm::enumerate(set.resolveMembers(tables)))
      if (isMatmulWeight(block, first + index))
        layerMembers.insert(member.getValue());
  });
  SmallVector<Matrix> matrices;
  for (auto param : module.getOps<ParamOp>())
    if (isa<LowbitTensorType>(param.getType()))
      matrices.push_back({param, layerMembers.contains(param.getSymName())});
  return matrices;
}

StatusOr<SmallVector<ParamOp>>
mlir::lowbit::selectMatrices(ModuleOp module, StringRef only,
                             StringRef except) {
  llvm::Regex onlyRegex(only), exceptRegex(except);
  std::string error;
  if (!only.empty() && !onlyRegex.isValid(error))
    return invalidArgument("option 'only' is not a regular expression: '%s': %s",
                           only.str().c_str(), error.c_str());
  if (!except.empty() && !exceptRegex.isValid(error))
    return invalidArgument("option 'except' is not a regular expression: '%s': "
                           "%s",
                           except.str().c_str(), error.c_str());
  SmallVector<ParamOp> selected;
  for (const Matrix &matrix : findMatrices(module)) {
    StringRef name = ParamOp(matrix.param).getSymName();
    bool isWanted = only.empty() ? matrix.inLayer : onlyRegex.match(name);
    if (isWanted && (except.empty() || !exceptRegex.match(name)))
      selected.push_back(matrix.param);
  }
  if (selected.empty())
    return invalidArgument("no matrix is selected%s%s%s%s; the module's "
                           "parameters are named like 'l0.q'",
                           only.empty() ? "" : " by only=", only.str().c_str(),
                           except.empty() ? "" : " after except=",
                           except.str().c_str());
  return selected;
}

/// Bits of codes, parameters and index of a leaf, without padding.
static double bitsOf(const ::lowbit::LeafDesc &leaf) {
  double bits = static_cast<double>(leaf.code.width) * leaf.storedRows() *
                leaf.storedColumns();
  auto add = [&](const ::lowbit::ParamDesc &param) {
    double granules = 1;
    for (int64_t extent : param.granules)
      granules *= static_cast<double>(extent);
    bits += granules * param.number.width;
  };
  for (const ::lowbit::ParamDesc &param : ::lowbit::componentParams(leaf))
    add(param);
  if (auto components = ::lowbit::componentsOf(leaf); components.isOk())
    for (const ::lowbit::ComponentDesc &component : *components)
      if (component.role == ::lowbit::ComponentRole::index ||
          component.role == ::lowbit::ComponentRole::table)
        bits += 8.0 * static_cast<double>(component.bytes);
  return bits;
}

double mlir::lowbit::bitsPerWeight(LowbitTensorType type) {
  auto encoding =
      type.getEncodingInterface().getEncodingDesc(type.getShape());
  if (!encoding.isOk())
    return 0;
  double bits = 0;
  for (const ::lowbit::LeafDesc *leaf : ::lowbit::leavesOf(*encoding))
    bits += bitsOf(*leaf);
  return bits / (static_cast<double>(encoding->rows) * encoding->columns);
}

double mlir::lowbit::bitsPerWeight(ModuleOp module) {
  double bits = 0, elements = 0;
  for (auto param : module.getOps<ParamOp>()) {
    auto type = dyn_cast<LowbitTensorType>(param.getType());
    if (!type)
      continue;
    double count =
        static_cast<double>(type.getShape()[0]) * type.getShape()[1];
    bits += bitsPerWeight(type) * count;
    elements += count;
  }
  return elements > 0 ? bits / elements : 0;
}
