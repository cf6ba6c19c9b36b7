//===- LayerModule.cpp - One layer of a model as a module -----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compiler/LayerModule.h"
#include "passes/Compress/Retype.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::StatusOr;
using ::lowbit::unimplemented;

/// [tokens, columns] of f32.
static bool isHiddenRows(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 2 && tensor.isDynamicDim(0) &&
         tensor.getElementType().isF32();
}

/// The one operand of `layer` that is rows, or null.
static Value rowsOf(LayerOp layer) {
  Value rows;
  for (Value input : layer.getInputs())
    if (isHiddenRows(input.getType())) {
      if (rows)
        return {};
      rows = input;
    }
  return rows;
}

StatusOr<LayerChain> LayerChain::find(ModuleOp module) {
  LayerChain chain;
  chain.function = module.lookupSymbol<func::FuncOp>("forward");
  if (!chain.function)
    return unimplemented("calibration needs a language model: the module has no "
                         "function @forward");
  llvm::append_range(chain.layers,
                     chain.function.getBody().front().getOps<LayerOp>());
  for (auto [index, layer] : llvm::enumerate(chain.layers)) {
    Value rows = rowsOf(layer);
    bool follows = rows && layer->getNumResults() == 1 &&
                   layer->getResult(0).getType() == rows.getType() &&
                   (index == 0 ||
                    rows == chain.layers[index - 1]->getResult(0));
    if (!follows)
      return unimplemented("calibration needs layers in a chain: layer %zu does "
                           "not map rows of the layer before to rows",
                           index);
    chain.hiddenColumns =
        cast<RankedTensorType>(rows.getType()).getShape()[1];
  }
  if (chain.layers.empty())
    return unimplemented("calibration needs layers; @forward calls none");
  return chain;
}

namespace {

/// Copies ops of a function and the symbols they use into a new module.
class Extractor {
public:
  Extractor(ModuleOp source, MLIRContext *context)
      : source(source), builder(context),
        result(ModuleOp::create(UnknownLoc::get(context))) {}

  /// A copy of the op that defines the symbol, once.
  Operation *copySymbol(FlatSymbolRefAttr symbol) {
    if (Operation *known = result->lookupSymbol(symbol.getAttr()))
      return known;
    Operation *op = source.lookupSymbol(symbol.getAttr());
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(result->getBody());
    return op ? builder.insert(op->clone()) : nullptr;
  }

  func::FuncOp createFunction(TypeRange inputs, TypeRange results) {
    builder.setInsertionPointToEnd(result->getBody());
    auto function = func::FuncOp::create(
        builder, result->getLoc(), "run",
        builder.getFunctionType(inputs, results));
    builder.setInsertionPointToStart(function.addEntryBlock());
    return function;
  }

  /// The value of `original` in the new function: mapped, or made by copies of
  /// the ops that compute it.
  Value copyValue(Value original) {
    if (mapping.contains(original))
      return mapping.lookup(original);
    Operation *op = original.getDefiningOp();
    if (!op)
      return {};
    if (auto get = dyn_cast<GetParamOp>(op))
      copySymbol(get.getParamAttr());
    for (Value operand : op->getOperands())
      if (!copyValue(operand))
        return {};
    builder.clone(*op, mapping);
    return mapping.lookup(original);
  }

  ModuleOp source;
  OpBuilder builder;
  IRMapping mapping;
  OwningOpRef<ModuleOp> result;
};

} // namespace

StatusOr<OwningOpRef<ModuleOp>>
mlir::lowbit::buildEmbedding(const LayerChain &chain) {
  func::FuncOp function = chain.function;
  Value rows = rowsOf(chain.layers.front());
  Extractor extractor(function->getParentOfType<ModuleOp>(),
                      function->getContext());
  func::FuncOp run = extractor.createFunction(
      function.getFunctionType().getInputs(), rows.getType());
  for (auto [from, to] : llvm::zip(function.getArguments(), run.getArguments()))
    extractor.mapping.map(from, to);
  Value embedded = extractor.copyValue(rows);
  if (!embedded || isa<BlockArgument>(embedded))
    return unimplemented("calibration needs @forward to compute the first "
                         "layer's rows from its arguments");
  func::ReturnOp::create(extractor.builder, run.getLoc(), embedded);
  return std::move(extractor.result);
}

/// What a product reads before it is quantized.
static Value readValue(MatmulOp matmul) {
  Value input = matmul.getInput();
  if (auto quantize = input.getDefiningOp<QuantizeOp>())
    return quantize.getInput();
  return input;
}

/// Adds the inputs of the products of `block` to its results.
static void addTaps(BlockOp block, ArrayRef<FlatSymbolRefAttr> members,
                    std::vector<LayerTap> &taps,
                    SmallVectorImpl<int> &resultOfTap) {
  mlir::Block &body = block.getBody().front();
  Operation *terminator = body.getTerminator();
  const unsigned firstParam = block.getNumArguments() - block.getNumParams();
  llvm::MapVector<Value, SmallVector<StringAttr>> weightsOf;
  for (auto matmul : body.getOps<MatmulOp>()) {
    Value value = readValue(matmul);
    auto weight = dyn_cast<BlockArgument>(matmul.getWeight());
    if (weight && weight.getArgNumber() >= firstParam &&
        isHiddenRows(value.getType()))
      weightsOf[value].push_back(
          members[weight.getArgNumber() - firstParam].getAttr());
  }
  SmallVector<Value> results(terminator->getOperands());
  for (auto &[value, weights] : weightsOf) {
    LayerTap tap;
    tap.columns = cast<RankedTensorType>(value.getType()).getShape()[1];
    tap.weights = weights;
    taps.push_back(std::move(tap));
    if (isa<BlockArgument>(value)) {
      resultOfTap.push_back(-1);
      continue;
    }
    auto known = llvm::find(results, value);
    resultOfTap.push_back(static_cast<int>(known - results.begin()));
    if (known == results.end())
      results.push_back(value);
  }
  terminator->setOperands(results);
  SmallVector<Type> resultTypes;
  for (Value value : results)
    resultTypes.push_back(value.getType());
  block.setFunctionType(FunctionType::get(
      block.getContext(), block.getFunctionType().getInputs(), resultTypes));
}

StatusOr<OwningOpRef<ModuleOp>>
mlir::lowbit::buildLayer(LayerOp layer, const DenseMap<StringAttr, Type> &types,
                         std::vector<LayerTap> *taps,
                         SmallVectorImpl<int> *resultOfTap) {
  auto source = layer->getParentOfType<ModuleOp>();
  MLIRContext *context = layer.getContext();
  Extractor extractor(source, context);
  OpBuilder &builder = extractor.builder;
  builder.setInsertionPointToEnd(extractor.result->getBody());
  SmallVector<FlatSymbolRefAttr> members;
  FlatSymbolRefAttr setName = layer.getParamsAttr();
  if (setName) {
    SymbolTableCollection tables;
    auto set = tables.lookupNearestSymbolFrom<ParamSetOp>(layer, setName);
    members.assign(set.resolveMembers(tables));
    for (FlatSymbolRefAttr member : members)
      extractor.copySymbol(member);
    builder.setInsertionPointToEnd(extractor.result->getBody());
    SmallVector<Attribute> list(members.begin(), members.end());
    auto flat = cast<ParamSetOp>(builder.insert(set->clone()));
    flat.removeBaseAttr();
    flat.setIndices(ArrayRef<int64_t>());
    flat.setMembersAttr(builder.getArrayAttr(list));
  }
  if (layer.getCacheAttr())
    cast<KVCacheOp>(extractor.copySymbol(layer.getCacheAttr())).setSlots(1);
  auto block = cast<BlockOp>(extractor.copySymbol(layer.getCalleeAttr()));
  if (taps)
    addTaps(block, members, *taps, *resultOfTap);

  Value rows = rowsOf(layer);
  SmallVector<Type> inputs = {rows.getType(), builder.getI64Type()};
  func::FuncOp run = extractor.createFunction(
      inputs, block.getFunctionType().getResults());
  extractor.mapping.map(rows, run.getArgument(0));
  SmallVector<Value> operands;
  for (Value input : layer.getInputs()) {
    if (input.getType().isInteger(64))
      extractor.mapping.map(input, run.getArgument(1));
    Value copy = extractor.copyValue(input);
    if (!copy)
      return unimplemented("calibration cannot run a layer by itself: an input "
                           "is neither rows, position nor parameter");
    operands.push_back(copy);
  }
  auto call = LayerOp::create(
      builder, layer.getLoc(), block.getFunctionType().getResults(),
      layer.getCalleeAttr(), operands, setName, layer.getCacheAttr(),
      layer.getSlot() ? builder.getI64IntegerAttr(0) : IntegerAttr());
  func::ReturnOp::create(builder, layer.getLoc(), call.getResults());
  retypeParams(*extractor.result, types);
  return std::move(extractor.result);
}
