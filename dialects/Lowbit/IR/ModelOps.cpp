//===- ModelOps.cpp - Parameters, blocks, layers, dispatches ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lowbit/IR/LowbitOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionImplementation.h"

using namespace mlir;
using namespace mlir::lowbit;

#define GET_OP_CLASSES
#include "dialects/Lowbit/IR/LowbitOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

/// C2: what `source` may be. Numbers never stand in the text (V14).
static LogicalResult verifySource(ParamOp op, Attribute source, Type type) {
  if (!source ||
      isa<FileSourceAttr, SplatSourceAttr, ComputedSourceAttr>(source))
    return success();
  if (isa<ElementsAttr>(source))
    return op.emitOpError("requires the bytes of a parameter to be outside the "
                          "text (V14), got a literal");
  if (!isa<RopeTableAttr>(source))
    return op.emitOpError() << "requires a file, rope_table or splat source, got "
                            << source;
  auto table = dyn_cast<RankedTensorType>(type);
  if (!table || table.getRank() != 3 || table.getShape()[2] != 2 ||
      !table.getElementType().isF32())
    return op.emitOpError()
           << "requires a rope_table to be a tensor [positions, d / 2, 2] of "
              "f32, got "
           << type;
  return success();
}

LogicalResult ParamOp::verify() {
  Type type = getType();
  if (failed(verifySource(*this, getSourceAttr(), type)))
    return failure();
  if (auto tensor = dyn_cast<LowbitTensorType>(type)) {
    if (llvm::any_of(tensor.getShape(), ShapedType::isDynamic))
      return emitOpError() << "requires a static shape, got " << type;
    return success();
  }
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return emitOpError()
           << "requires a compressed tensor or a static tensor, got " << type;
  return success();
}

LogicalResult GetParamOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto param = tables.lookupNearestSymbolFrom<ParamOp>(*this, getParamAttr());
  if (!param)
    return emitOpError() << "requires '" << getParam()
                         << "' to be a lowbit.param";
  if (param.getType() != getResult().getType())
    return emitOpError() << "requires the parameter's type " << param.getType()
                         << ", got " << getResult().getType();
  return success();
}

ParseResult ParamSetOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  if (parser.parseSymbolName(name, getSymNameAttrName(result.name),
                             result.attributes))
    return failure();
  SmallVector<Attribute> members;
  SmallVector<int64_t> indices;
  auto parseMember = [&]() -> ParseResult {
    FlatSymbolRefAttr member;
    if (parser.parseAttribute(member))
      return failure();
    members.push_back(member);
    return success();
  };
  if (succeeded(parser.parseOptionalKeyword("overlay"))) {
    FlatSymbolRefAttr base;
    if (parser.parseAttribute(base) ||
        parser.parseCommaSeparatedList(AsmParser::Delimiter::Braces, [&]() {
          int64_t index;
          if (parser.parseInteger(index) || parser.parseEqual())
            return ParseResult(failure());
          indices.push_back(index);
          return parseMember();
        }))
      return failure();
    result.addAttribute(getBaseAttrName(result.name), base);
  } else if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                            parseMember)) {
    return failure();
  }
  Builder &builder = parser.getBuilder();
  result.addAttribute(getIndicesAttrName(result.name),
                      builder.getDenseI64ArrayAttr(indices));
  result.addAttribute(getMembersAttrName(result.name),
                      builder.getArrayAttr(members));
  return parser.parseOptionalAttrDict(result.attributes);
}

void ParamSetOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printSymbolName(getSymName());
  if (getBaseAttr()) {
    printer << " overlay " << getBaseAttr() << " {";
    llvm::interleaveComma(llvm::zip(getIndices(), getMembers()), printer,
                          [&](auto pair) {
                            printer << std::get<0>(pair) << " = "
                                    << std::get<1>(pair);
                          });
    printer << "}";
  } else {
    printer << " [";
    llvm::interleaveComma(getMembers(), printer);
    printer << "]";
  }
  printer.printOptionalAttrDict((*this)->getAttrs(),
                                {getSymNameAttrName(), getBaseAttrName(),
                                 getIndicesAttrName(), getMembersAttrName()});
}

LogicalResult ParamSetOp::verify() {
  for (Attribute member : getMembers())
    if (!isa<FlatSymbolRefAttr>(member))
      return emitOpError() << "requires symbol members, got " << member;
  if (getBaseAttr() ? getIndices().size() != getMembers().size()
                    : !getIndices().empty())
    return emitOpError("requires one index for each overlaid member");
  return success();
}

LogicalResult ParamSetOp::verifySymbolUses(SymbolTableCollection &tables) {
  for (Attribute member : getMembers())
    if (!tables.lookupNearestSymbolFrom<ParamOp>(
            *this, cast<FlatSymbolRefAttr>(member)))
      return emitOpError() << "requires " << member << " to be a lowbit.param";
  if (!getBaseAttr())
    return success();
  // V11: overlaid members exist in the base with the same type.
  auto base = tables.lookupNearestSymbolFrom<ParamSetOp>(*this, getBaseAttr());
  if (!base || base.getBaseAttr())
    return emitOpError() << "requires the base " << getBaseAttr()
                         << " to be a lowbit.param_set without a base (V11)";
  for (auto [index, member] : llvm::zip(getIndices(), getMembers())) {
    if (index < 0 || index >= static_cast<int64_t>(base.getMembers().size()))
      return emitOpError() << "requires overlaid members to exist in the base "
                              "(V11), got index "
                           << index << " of " << base.getMembers().size();
    auto old = tables.lookupNearestSymbolFrom<ParamOp>(
        *this, cast<FlatSymbolRefAttr>(base.getMembers()[index]));
    auto now = tables.lookupNearestSymbolFrom<ParamOp>(
        *this, cast<FlatSymbolRefAttr>(member));
    if (old && now && old.getType() != now.getType())
      return emitOpError() << "requires overlaid members of the base's type "
                              "(V11), got "
                           << now.getType() << " for " << old.getType();
  }
  return success();
}

SmallVector<FlatSymbolRefAttr>
ParamSetOp::resolveMembers(SymbolTableCollection &tables) {
  SmallVector<FlatSymbolRefAttr> members;
  if (!getBaseAttr()) {
    for (Attribute member : getMembers())
      members.push_back(cast<FlatSymbolRefAttr>(member));
    return members;
  }
  auto base = tables.lookupNearestSymbolFrom<ParamSetOp>(*this, getBaseAttr());
  members = base.resolveMembers(tables);
  for (auto [index, member] : llvm::zip(getIndices(), getMembers()))
    members[index] = cast<FlatSymbolRefAttr>(member);
  return members;
}

/// V13: in each function that uses this cache, every slot serves one layer call.
LogicalResult KVCacheOp::verify() {
  int64_t slots = getSlots();
  if (slots < 1 || slots > (1 << 20))
    return emitOpError() << "requires 1 to 2^20 slots, got " << slots;
  Operation *module = (*this)->getParentOp();
  if (!module)
    return success();
  for (Region &region : module->getRegions())
    for (Operation &function : region.getOps()) {
      if (!isa<FunctionOpInterface>(function))
        continue;
      SmallVector<LayerOp> owners(slots);
      int64_t calls = 0;
      WalkResult walk = function.walk([&](LayerOp layer) {
        if (layer.getCache() != getSymName())
          return WalkResult::advance();
        ++calls;
        int64_t slot = layer.getSlot().value_or(-1);
        if (slot < 0 || slot >= slots)
          return WalkResult::advance(); // C3 of the layer reports it
        if (owners[slot]) {
          emitOpError() << "requires each slot to serve one layer call (V13), "
                           "slot "
                        << slot << " serves two";
          return WalkResult::interrupt();
        }
        owners[slot] = layer;
        return WalkResult::advance();
      });
      if (walk.wasInterrupted())
        return failure();
      if (calls != 0 && calls != slots)
        return emitOpError() << "requires as many slots as layer calls (V13), "
                                "got "
                             << slots << " and " << calls;
    }
  return success();
}

//===----------------------------------------------------------------------===//
// Blocks and layers
//===----------------------------------------------------------------------===//

ParseResult BlockOp::parse(OpAsmParser &parser, OperationState &result) {
  auto buildType = [](Builder &builder, ArrayRef<Type> arguments,
                      ArrayRef<Type> results,
                      function_interface_impl::VariadicFlag, std::string &) {
    return builder.getFunctionType(arguments, results);
  };
  return function_interface_impl::parseFunctionOp(
      parser, result, /*allowVariadic=*/false,
      getFunctionTypeAttrName(result.name), buildType,
      getArgAttrsAttrName(result.name), getResAttrsAttrName(result.name));
}

void BlockOp::print(OpAsmPrinter &printer) {
  function_interface_impl::printFunctionOp(
      printer, *this, /*isVariadic=*/false, getFunctionTypeAttrName(),
      getArgAttrsAttrName(), getResAttrsAttrName());
}

LogicalResult BlockOp::verify() {
  int64_t states = getNumStates(), params = getNumParams();
  int64_t arguments = getFunctionType().getNumInputs();
  if (states < 0 || params < 0 || states > 1 || params > arguments ||
      states + params > arguments)
    return emitOpError() << "requires at most one state and num_states + "
                            "num_params <= "
                         << arguments << ", got " << states << " and " << params;
  for (int64_t i = 0; i < arguments; ++i) {
    bool isState = i >= getNumInputs() && i < getNumInputs() + states;
    if (isState != isa<KVType>(getFunctionType().getInput(i)))
      return emitOpError() << "requires caches exactly at the states, argument "
                           << i << " is " << getFunctionType().getInput(i);
  }
  return success();
}

LogicalResult ReturnOp::verify() {
  TypeRange expected = isa<BlockOp>((*this)->getParentOp())
                           ? TypeRange(cast<BlockOp>((*this)->getParentOp())
                                           .getFunctionType()
                                           .getResults())
                           : TypeRange((*this)->getParentOp()->getResultTypes());
  if (expected != TypeRange(getOperandTypes()))
    return emitOpError() << "requires the types of the enclosing op's results";
  return success();
}

/// Whether `block` calls `wanted`, itself or through blocks that it calls.
static bool reaches(BlockOp block, BlockOp wanted, SymbolTableCollection &tables) {
  SmallVector<BlockOp> todo = {block};
  llvm::SmallPtrSet<Operation *, 8> seen = {block};
  while (!todo.empty()) {
    BlockOp next = todo.pop_back_val();
    if (next == wanted)
      return true;
    next.walk([&](LayerOp layer) {
      auto callee =
          tables.lookupNearestSymbolFrom<BlockOp>(layer, layer.getCalleeAttr());
      if (callee && seen.insert(callee).second)
        todo.push_back(callee);
    });
  }
  return false;
}

LogicalResult LayerOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto block = tables.lookupNearestSymbolFrom<BlockOp>(*this, getCalleeAttr());
  if (!block)
    return emitOpError() << "requires '" << getCallee()
                         << "' to be a lowbit.block";
  if (auto parent = (*this)->getParentOfType<BlockOp>();
      parent && reaches(block, parent, tables))
    return emitOpError() << "requires blocks that do not call themselves, got a cycle "
                            "through @"
                         << parent.getSymName();
  ArrayRef<Type> types = block.getFunctionType().getInputs();
  if (TypeRange(getInputs().getTypes()) !=
      TypeRange(types.take_front(block.getNumInputs())))
    return emitOpError() << "requires the block's input types";
  if (TypeRange(getResultTypes()) !=
      TypeRange(block.getFunctionType().getResults()))
    return emitOpError() << "requires the block's result types";

  ArrayRef<Type> params = types.take_back(block.getNumParams());
  SmallVector<FlatSymbolRefAttr> members;
  if (getParamsAttr()) {
    auto set = tables.lookupNearestSymbolFrom<ParamSetOp>(*this, getParamsAttr());
    if (!set || failed(set.verifySymbolUses(tables)))
      return emitOpError() << "requires " << getParamsAttr()
                           << " to be a valid lowbit.param_set";
    members = set.resolveMembers(tables);
  }
  if (members.size() != params.size())
    return emitOpError() << "requires " << params.size()
                         << " parameters, got " << members.size();
  for (auto [index, pair] : llvm::enumerate(llvm::zip(params, members))) {
    auto param =
        tables.lookupNearestSymbolFrom<ParamOp>(*this, std::get<1>(pair));
    if (param && param.getType() != std::get<0>(pair))
      return emitOpError() << "requires parameter " << index << " of type "
                           << std::get<0>(pair) << ", got " << param.getType()
                           << " from " << std::get<1>(pair);
  }
  if (static_cast<bool>(getCacheAttr()) != (block.getNumStates() == 1) ||
      static_cast<bool>(getCacheAttr()) != getSlot().has_value())
    return emitOpError("requires a cache slot exactly when the block has state");
  if (!getCacheAttr())
    return success();
  auto cache = tables.lookupNearestSymbolFrom<KVCacheOp>(*this, getCacheAttr());
  if (!cache || cache.getType() != types[block.getNumInputs()])
    return emitOpError() << "requires " << getCacheAttr()
                         << " to be a lowbit.kv_cache of type "
                         << types[block.getNumInputs()];
  if (*getSlot() >= static_cast<uint64_t>(cache.getSlots()))
    return emitOpError() << "requires a slot below " << cache.getSlots()
                         << ", got " << *getSlot();
  return success();
}

//===----------------------------------------------------------------------===//
// Dispatches
//===----------------------------------------------------------------------===//

ParseResult DispatchOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Type> types, results;
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, [&]() {
        OpAsmParser::Argument argument;
        OpAsmParser::UnresolvedOperand operand;
        if (parser.parseArgument(argument) || parser.parseEqual() ||
            parser.parseOperand(operand) || parser.parseColonType(argument.type))
          return failure();
        arguments.push_back(argument);
        operands.push_back(operand);
        types.push_back(argument.type);
        return success();
      }))
    return failure();
  if (succeeded(parser.parseOptionalArrow()))
    if (parser.parseCommaSeparatedList(
            AsmParser::Delimiter::Paren,
            [&]() { return parser.parseType(results.emplace_back()); }))
      return failure();
  if (succeeded(parser.parseOptionalKeyword("strategies"))) {
    ArrayAttr list;
    if (parser.parseAttribute(list, getStrategiesAttrName(result.name),
                              result.attributes))
      return failure();
  }
  Region *body = result.addRegion();
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.parseRegion(*body, arguments))
    return failure();
  result.addTypes(results);
  return parser.resolveOperands(operands, types, parser.getNameLoc(),
                                result.operands);
}

void DispatchOp::print(OpAsmPrinter &printer) {
  printer << " (";
  llvm::interleaveComma(
      llvm::zip(getBody().getArguments(), getInputs()), printer, [&](auto pair) {
        printer.printRegionArgument(std::get<0>(pair), {}, /*omitType=*/true);
        printer << " = " << std::get<1>(pair) << " : "
                << std::get<1>(pair).getType();
      });
  printer << ")";
  if (getNumResults() != 0) {
    printer << " -> (";
    llvm::interleaveComma(getResultTypes(), printer);
    printer << ")";
  }
  if (getStrategiesAttr())
    printer << " strategies " << getStrategiesAttr();
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {getStrategiesAttrName()});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult DispatchOp::verify() {
  if (getBody().getArgumentTypes() != getInputs().getTypes())
    return emitOpError("requires region arguments of the operands' types");
  if (!isa<ReturnOp>(getBody().front().getTerminator()))
    return emitOpError("requires a lowbit.return at the end");
  if (getRows().value_or(1) < 1)
    return emitOpError() << "requires rows >= 1, got " << *getRows();
  if (ArrayAttr strategies = getStrategiesAttr())
    for (Attribute strategy : strategies)
      if (!isa<StrategyAttr>(strategy))
        return emitOpError() << "requires strategies, got " << strategy;
  return success();
}
