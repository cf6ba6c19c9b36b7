//===- ResidualStream.cpp - Who reads and writes the residual -------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/ResidualStream.h"

#include "passes/Compress/LayerParams.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::invalidArgument;
using ::lowbit::Status;
using ::lowbit::StatusOr;

namespace {

using ParamOf = llvm::function_ref<ParamOp(Value)>;

class StreamFinder {
public:
  explicit StreamFinder(ModuleOp module) : module(module) {}
  StatusOr<ResidualStream> run();

private:
  /// Follows the values of `values` through `body`; new ones join them.
  Status follow(Block &body, DenseSet<Value> &values, ParamOf paramOf);
  Status followLayer(LayerOp layer, DenseSet<Value> &values);
  Status followAdd(arith::AddFOp add, DenseSet<Value> &values, ParamOf paramOf);
  Status followFunction(func::FuncOp function, DenseSet<Value> &values);
  Status addReader(MatmulOp matmul, ParamOp norm, ParamOf paramOf);

  Status refuse(Operation *op, const char *why) {
    return invalidArgument("'%s' %s", op->getName().getStringRef().str().c_str(), why);
  }

  ModuleOp module;
  SymbolTableCollection tables;
  ResidualStream stream;
};

} // namespace

Status StreamFinder::addReader(MatmulOp matmul, ParamOp norm, ParamOf paramOf) {
  ParamOp weight = paramOf(matmul.getWeight());
  if (!weight)
    return refuse(matmul, "reads the residual stream with a weight that is no parameter");
  if (matmul->getParentOfType<func::FuncOp>())
    stream.readsOfFunctions.push_back(matmul);
  StreamRole &role = stream.roles[weight];
  if (role.writes)
    return invalidArgument("'%s' both reads and writes the residual stream",
                           weight.getSymName().str().c_str());
  if (role.reads && role.norm != norm)
    return invalidArgument("'%s' is shared by layers whose norms have weights of their "
                           "own, so these cannot go into it",
                           weight.getSymName().str().c_str());
  role.reads = true;
  role.norm = norm;
  if (norm)
    stream.norms.insert(norm);
  return Status::success();
}

Status StreamFinder::followAdd(arith::AddFOp add, DenseSet<Value> &values,
                               ParamOf paramOf) {
  Value left = add.getLhs(), right = add.getRhs();
  if (!values.contains(left))
    std::swap(left, right);
  if (!values.contains(right)) {
    auto matmul = right.getDefiningOp<MatmulOp>();
    if (!matmul || !right.hasOneUse())
      return refuse(add, "adds something else than a product to the residual stream");
    ParamOp weight = paramOf(matmul.getWeight());
    ParamOp bias = matmul.getBias() ? paramOf(matmul.getBias()) : ParamOp();
    if (!weight || (matmul.getBias() && !bias))
      return refuse(matmul, "writes the residual stream with a weight that is no "
                            "parameter");
    for (ParamOp param : {weight, bias}) {
      if (!param)
        continue;
      StreamRole &role = stream.roles[param];
      if (role.reads || role.embeds)
        return invalidArgument("'%s' both reads and writes the residual stream",
                               param.getSymName().str().c_str());
      role.writes = true;
    }
  }
  values.insert(add.getResult());
  return Status::success();
}

Status StreamFinder::followLayer(LayerOp layer, DenseSet<Value> &values) {
  if (llvm::none_of(layer.getInputs(),
                    [&](Value input) { return values.contains(input); }))
    return Status::success();
  if (!layer.getParamsAttr())
    return refuse(layer, "takes the residual stream but no parameters");
  LayerParams params(layer, tables);
  Block &body = params.body();
  DenseSet<Value> inside;
  for (auto [index, input] : llvm::enumerate(layer.getInputs()))
    if (values.contains(input))
      inside.insert(body.getArgument(static_cast<unsigned>(index)));
  LOWBIT_RETURN_IF_ERROR(
      follow(body, inside, [&](Value value) { return params.of(value); }));
  for (auto [result, value] :
       llvm::zip(layer.getResults(), body.getTerminator()->getOperands()))
    if (inside.contains(value))
      values.insert(result);
  return Status::success();
}

Status StreamFinder::follow(Block &body, DenseSet<Value> &values, ParamOf paramOf) {
  DenseMap<Value, ParamOp> normed; // null where the norm has no weight
  for (Operation &op : body.without_terminator()) {
    auto touches = [&](Value value) {
      return values.contains(value) || normed.contains(value);
    };
    if (auto gather = dyn_cast<GatherRowsOp>(op)) {
      ParamOp table = paramOf(gather.getTable());
      auto type = cast<RankedTensorType>(gather.getResult().getType());
      if (!table || stream.width != 0)
        return refuse(gather, "is not the one embedding of the model");
      stream.width = type.getShape()[1];
      stream.roles[table].embeds = true;
      values.insert(gather.getResult());
    } else if (auto layer = dyn_cast<LayerOp>(op)) {
      LOWBIT_RETURN_IF_ERROR(followLayer(layer, values));
    } else if (llvm::none_of(op.getOperands(), touches)) {
      continue;
    } else if (auto norm = dyn_cast<NormOp>(op)) {
      ParamOp weight = norm.getWeight() ? paramOf(norm.getWeight()) : ParamOp();
      if (!values.contains(norm.getInput()) || norm.getKind() != NormKind::Rms ||
          norm.getBias() || norm.getScale() || norm.getHeads() ||
          (norm.getWeight() && !weight))
        return refuse(norm, "is no rms norm of the residual stream with a parameter as "
                            "weight and nothing else");
      normed[norm.getResult()] = weight;
    } else if (auto matmul = dyn_cast<MatmulOp>(op)) {
      auto found = normed.find(matmul.getInput());
      LOWBIT_RETURN_IF_ERROR(addReader(
          matmul, found == normed.end() ? ParamOp() : found->second, paramOf));
    } else if (auto add = dyn_cast<arith::AddFOp>(op);
               add && !normed.contains(add.getLhs()) && !normed.contains(add.getRhs())) {
      LOWBIT_RETURN_IF_ERROR(followAdd(add, values, paramOf));
    } else {
      return refuse(&op, "reads the residual stream; only rms norms, products and "
                         "additions commute with a rotation");
    }
  }
  return Status::success();
}

Status StreamFinder::followFunction(func::FuncOp function, DenseSet<Value> &values) {
  return follow(function.front(), values, [&](Value value) {
    auto get = value.getDefiningOp<GetParamOp>();
    return get ? tables.lookupNearestSymbolFrom<ParamOp>(get, get.getParamAttr())
               : ParamOp();
  });
}

StatusOr<ResidualStream> StreamFinder::run() {
  auto forward = module.lookupSymbol<func::FuncOp>("forward");
  auto head = module.lookupSymbol<func::FuncOp>("head");
  if (!forward || !head || forward.isExternal() || head.isExternal())
    return invalidArgument("requires a language model with the functions @forward and "
                           "@head");
  DenseSet<Value> values;
  LOWBIT_RETURN_IF_ERROR(followFunction(forward, values));
  if (stream.width == 0)
    return invalidArgument("@forward embeds nothing, so there is no residual stream");
  if (!values.contains(forward.front().getTerminator()->getOperand(0)))
    return invalidArgument("@forward does not return the residual stream");
  DenseSet<Value> atHead = {head.getArgument(0)};
  LOWBIT_RETURN_IF_ERROR(followFunction(head, atHead));
  // What a norm's weight was moved out of must be used by nothing else.
  for (Operation *norm : stream.norms)
    if (stream.roles.contains(norm))
      return invalidArgument("'%s' is the weight of a norm and of a product",
                             cast<ParamOp>(norm).getSymName().str().c_str());
  return std::move(stream);
}

StatusOr<ResidualStream> mlir::lowbit::findResidualStream(ModuleOp module) {
  return StreamFinder(module).run();
}
