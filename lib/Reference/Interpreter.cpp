//===- Interpreter.cpp - Functions, layers, parameters, caches ------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Interpreter.h"

#include "llvm/ADT/ScopeExit.h"

using namespace mlir::lowbit;
using llvm::ArrayRef;
using llvm::SmallVector;
using llvm::SmallVectorImpl;

namespace lowbit::reference {

/// Calls nested deeper than this are taken for endless recursion.
static constexpr unsigned maxDepth = 200;

Interpreter::Interpreter(mlir::ModuleOp module, ParameterProvider parameters)
    : module(module), provider(std::move(parameters)) {}

void Interpreter::registerHandler(llvm::StringRef opName, OpHandler handler) {
  handlers[opName] = std::move(handler);
}

//===----------------------------------------------------------------------===//
// Functions and regions
//===----------------------------------------------------------------------===//

/// Checks that `value` may be passed where `type` stands.
static Status checkArgument(mlir::Type type, const Value &value,
                            unsigned index) {
  auto tensorType = mlir::dyn_cast<mlir::RankedTensorType>(type);
  auto refuse = [&](const std::string &got) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return invalidArgument("input %u is %s, the function takes %s", index,
                           got.c_str(), text.c_str());
  };
  if (value.cache)
    return mlir::isa<KVType>(type) ? Status::success() : refuse("a cache");
  if (value.compressed)
    return mlir::isa<LowbitTensorType>(type) ? Status::success()
                                             : refuse("a compressed tensor");
  if (!value.tensor)
    return refuse("nothing");
  StatusOr<ElementType> element =
      elementTypeOf(tensorType ? tensorType.getElementType() : type);
  ArrayRef<int64_t> shape =
      tensorType ? tensorType.getShape() : ArrayRef<int64_t>();
  const Tensor &tensor = *value.tensor;
  if (!element.isOk() || *element != tensor.element ||
      shape.size() != tensor.shape.size())
    return refuse(tensor.typeName());
  for (auto [expected, actual] : llvm::zip(shape, tensor.shape))
    if (!mlir::ShapedType::isDynamic(expected) && expected != actual)
      return refuse(tensor.typeName());
  return Status::success();
}

StatusOr<SmallVector<Value>> Interpreter::call(llvm::StringRef function,
                                               ArrayRef<Value> inputs) {
  auto callee =
      symbols.lookupSymbolIn<mlir::func::FuncOp>(module,
          mlir::StringAttr::get(module.getContext(), function));
  if (!callee)
    return notFound("function '%s' does not exist in the module",
                    function.str().c_str());
  ArrayRef<mlir::Type> types = callee.getArgumentTypes();
  if (types.size() != inputs.size())
    return invalidArgument("function '%s' takes %zu inputs, got %zu",
                           function.str().c_str(), types.size(), inputs.size());
  for (auto [index, type] : llvm::enumerate(types))
    LOWBIT_RETURN_IF_ERROR(checkArgument(type, inputs[index], index));
  SmallVector<Value> results;
  LOWBIT_RETURN_IF_ERROR(callFunction(function, inputs, results));
  return results;
}

Status Interpreter::callFunction(llvm::StringRef name, ArrayRef<Value> inputs,
                                 SmallVectorImpl<Value> &results) {
  auto callee =
      symbols.lookupSymbolIn<mlir::func::FuncOp>(module,
          mlir::StringAttr::get(module.getContext(), name));
  if (!callee || callee.isExternal())
    return notFound("function '%s' has no body", name.str().c_str());
  return runRegion(callee.getBody(), inputs, results);
}

Status Interpreter::runRegion(mlir::Region &region, ArrayRef<Value> arguments,
                              SmallVectorImpl<Value> &results) {
  if (!region.hasOneBlock())
    return unimplemented("the reference interpreter runs regions of one block");
  if (depth == maxDepth)
    return resourceExhausted("calls are nested deeper than %u", maxDepth);
  ++depth;
  llvm::scope_exit leave([&] { --depth; });

  Frame frame;
  for (auto [argument, value] : llvm::zip(region.getArguments(), arguments))
    frame[argument] = value;
  for (mlir::Operation &op : region.front()) {
    SmallVector<Value> operands;
    for (mlir::Value operand : op.getOperands())
      operands.push_back(frame.lookup(operand));
    if (op.hasTrait<mlir::OpTrait::IsTerminator>()) {
      results.assign(operands.begin(), operands.end());
      return Status::success();
    }
    SmallVector<Value> produced;
    Status status = runOp(&op, operands, produced);
    if (!status.isOk()) {
      std::string where;
      llvm::raw_string_ostream(where)
          << "in '" << op.getName() << "' at " << op.getLoc();
      return std::move(status).addNote(std::move(where));
    }
    if (observer && !produced.empty())
      observer(&op, produced);
    for (auto [result, value] : llvm::zip(op.getResults(), produced))
      frame[result] = std::move(value);
  }
  return internalError("a region ends without a terminator");
}

Status Interpreter::runOp(mlir::Operation *op, ArrayRef<Value> operands,
                          SmallVectorImpl<Value> &results) {
  auto handler = handlers.find(op->getName().getStringRef());
  if (handler != handlers.end())
    return handler->second(op, operands, results);
  if (auto call = mlir::dyn_cast<mlir::func::CallOp>(op))
    return callFunction(call.getCallee(), operands, results);
  if (auto layer = mlir::dyn_cast<LayerOp>(op))
    return runLayer(layer, operands, results);
  if (auto dispatch = mlir::dyn_cast<DispatchOp>(op))
    return runRegion(dispatch.getBody(), operands, results);
  if (auto param = mlir::dyn_cast<GetParamOp>(op)) {
    LOWBIT_ASSIGN_OR_RETURN(Value value, parameter(param.getParamAttr()));
    results.push_back(std::move(value));
    return Status::success();
  }
  return executeOp(op, operands, results);
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

Status Interpreter::runLayer(LayerOp layer, ArrayRef<Value> inputs,
                             SmallVectorImpl<Value> &results) {
  auto block = symbols.lookupNearestSymbolFrom<BlockOp>(layer,
                                                        layer.getCalleeAttr());
  SmallVector<Value> arguments(inputs.begin(), inputs.end());
  if (mlir::FlatSymbolRefAttr name = layer.getCacheAttr()) {
    auto cache = symbols.lookupNearestSymbolFrom<KVCacheOp>(layer, name);
    arguments.push_back(cacheSlot(cache, *layer.getSlot()));
  }
  if (mlir::FlatSymbolRefAttr name = layer.getParamsAttr()) {
    auto set = symbols.lookupNearestSymbolFrom<ParamSetOp>(layer, name);
    for (mlir::FlatSymbolRefAttr member : set.resolveMembers(symbols)) {
      LOWBIT_ASSIGN_OR_RETURN(Value value, parameter(member));
      arguments.push_back(std::move(value));
    }
  }
  return runRegion(block.getBody(), arguments, results);
}

Value Interpreter::cacheSlot(KVCacheOp cache, int64_t slot) {
  std::vector<Value> &slots = caches[cache.getSymName()];
  auto type = mlir::cast<KVType>(cache.getType());
  while (slots.size() < static_cast<size_t>(cache.getSlots())) {
    auto state = std::make_shared<KVState>();
    state->heads = type.getHeads();
    state->dim = type.getDim();
    slots.push_back(Value(std::move(state)));
  }
  return slots[slot];
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

static StatusOr<Value>
parameterFromBytes(mlir::Type type,
                   const std::vector<std::vector<uint8_t>> &components) {
  if (auto compressed = mlir::dyn_cast<LowbitTensorType>(type)) {
    LOWBIT_ASSIGN_OR_RETURN(EncodingDesc encoding, compressed.getEncodingDesc());
    std::vector<std::span<const uint8_t>> spans(components.begin(),
                                                components.end());
    LOWBIT_ASSIGN_OR_RETURN(CompressedTensor tensor,
                            unpackComponents(encoding, spans));
    return Value(std::move(tensor));
  }
  auto tensorType = mlir::cast<mlir::RankedTensorType>(type);
  LOWBIT_ASSIGN_OR_RETURN(ElementType element,
                          elementTypeOf(tensorType.getElementType()));
  if (components.size() != 1)
    return invalidArgument("%zu components for a plain tensor",
                           components.size());
  std::vector<int64_t> shape(tensorType.getShape().begin(),
                             tensorType.getShape().end());
  LOWBIT_ASSIGN_OR_RETURN(
      Tensor tensor, tensorFromBytes(element, std::move(shape), components[0]));
  return Value(std::move(tensor));
}

StatusOr<Value> Interpreter::parameter(mlir::FlatSymbolRefAttr symbol) {
  auto known = parameters.find(symbol);
  if (known != parameters.end())
    return known->second;
  const std::string name = symbol.getValue().str();
  if (!provider)
    return failedPrecondition("parameter '%s' is not bound to any bytes",
                              name.c_str());
  auto param =
      symbols.lookupSymbolIn<ParamOp>(module, symbol.getAttr());
  if (!param)
    return notFound("parameter '%s' does not exist", name.c_str());
  std::vector<std::vector<uint8_t>> components;
  LOWBIT_RETURN_IF_ERROR(provider(param, components));
  StatusOr<Value> value = parameterFromBytes(param.getType(), components);
  if (!value.isOk())
    return std::move(value).status().addNote("in parameter '" + name + "'");
  parameters[symbol] = *value;
  return value;
}

} // namespace lowbit::reference
