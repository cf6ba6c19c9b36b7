//===- IRValueBuilder.cpp - Abstract arithmetic as MLIR -------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/IRValueBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"

#include "llvm/ADT/SmallVector.h"

using namespace lowbit::kernel;
using namespace mlir;
using V = AbstractValue;

static Type scalarType(MLIRContext *context, Scalar scalar) {
  switch (scalar) {
  case Scalar::f32:
    return Float32Type::get(context);
  case Scalar::f64:
    return Float64Type::get(context);
  default:
    return IntegerType::get(context, bitsOf(scalar));
  }
}

Type IRValueBuilder::irType(MLIRContext *context, ValueType type) {
  Type scalar = scalarType(context, type.scalar);
  if (type.lanes == 0)
    return scalar;
  return VectorType::get({int64_t(type.lanes)}, scalar);
}

AbstractValue IRValueBuilder::wrap(Value value) {
  ValueType type;
  Type element = value.getType();
  if (auto vector = dyn_cast<VectorType>(element)) {
    type.lanes = unsigned(vector.getDimSize(0));
    element = vector.getElementType();
  }
  if (element.isF32())
    type.scalar = Scalar::f32;
  else if (element.isF64())
    type.scalar = Scalar::f64;
  else if (element.isInteger(1))
    type.scalar = Scalar::i1;
  else if (element.isInteger(8))
    type.scalar = Scalar::i8;
  else if (element.isInteger(16))
    type.scalar = Scalar::i16;
  else if (element.isInteger(64))
    type.scalar = Scalar::i64;
  else
    assert(element.isInteger(32) && "a type that abstract values do not have");
  return {type, value.getAsOpaquePointer()};
}

Value IRValueBuilder::unwrap(AbstractValue value) {
  return Value::getFromOpaquePointer(value.handle);
}

static TypedAttr constantAttr(Type type, const Instruction &i) {
  Type element = getElementTypeOrSelf(type);
  TypedAttr scalar;
  if (isa<FloatType>(element)) {
    scalar = FloatAttr::get(element, i.floatImmediate);
  } else {
    unsigned width = element.getIntOrFloatBitWidth();
    scalar = IntegerAttr::get(element, APInt(width, uint64_t(i.immediate),
                                             /*isSigned=*/false,
                                             /*implicitTrunc=*/true));
  }
  if (auto vector = dyn_cast<VectorType>(type))
    return SplatElementsAttr::get(vector, Attribute(scalar));
  return scalar;
}

static arith::CmpIPredicate intPredicate(Predicate predicate) {
  switch (predicate) {
  case Predicate::equal:
    return arith::CmpIPredicate::eq;
  case Predicate::notEqual:
    return arith::CmpIPredicate::ne;
  case Predicate::less:
    return arith::CmpIPredicate::slt;
  case Predicate::lessEqual:
    return arith::CmpIPredicate::sle;
  case Predicate::greater:
    return arith::CmpIPredicate::sgt;
  case Predicate::greaterEqual:
    return arith::CmpIPredicate::sge;
  }
  return arith::CmpIPredicate::eq;
}

static arith::CmpFPredicate floatPredicate(Predicate predicate) {
  switch (predicate) {
  case Predicate::equal:
    return arith::CmpFPredicate::OEQ;
  case Predicate::notEqual:
    return arith::CmpFPredicate::UNE;
  case Predicate::less:
    return arith::CmpFPredicate::OLT;
  case Predicate::lessEqual:
    return arith::CmpFPredicate::OLE;
  case Predicate::greater:
    return arith::CmpFPredicate::OGT;
  case Predicate::greaterEqual:
    return arith::CmpFPredicate::OGE;
  }
  return arith::CmpFPredicate::OEQ;
}

V IRValueBuilder::emitFmaByDoubles(V a, V b, V c) {
  Block *block = builder.getInsertionBlock();
  auto module = block && block->getParentOp()
                    ? block->getParentOp()->getParentOfType<ModuleOp>()
                    : ModuleOp();
  if (!module)
    return fmaByDoubles(a, b, c);
  std::string name =
      "lowbit_fma_x" + std::to_string(a.type.lanes); // x0: a scalar
  auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(name);
  if (!function) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(module.getBody());
    Type type = irType(builder.getContext(), a.type);
    function = LLVM::LLVMFuncOp::create(
        builder, loc, name,
        LLVM::LLVMFunctionType::get(type, {type, type, type}),
        LLVM::Linkage::Internal);
    function.setPassthroughAttr(
        builder.getStrArrayAttr({"no-builtins", "nounwind", "noinline"}));
    Block *entry = function.addEntryBlock(builder);
    builder.setInsertionPointToEnd(entry);
    V result =
        fmaByDoubles(wrap(entry->getArgument(0)), wrap(entry->getArgument(1)),
                     wrap(entry->getArgument(2)));
    LLVM::ReturnOp::create(builder, loc, unwrap(result));
  }
  return wrap(LLVM::CallOp::create(builder, loc, function,
                                   ValueRange{unwrap(a), unwrap(b), unwrap(c)})
                  .getResult());
}

Value IRValueBuilder::emitIntrinsic(StringRef name, Type type,
                                    ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(builder, loc, type,
                                       builder.getStringAttr(name), operands)
      .getResult(0);
}

Value IRValueBuilder::emitBinary(Opcode opcode, Value a, Value b) {
  switch (opcode) {
  case Opcode::bitAnd:
    return arith::AndIOp::create(builder, loc, a, b);
  case Opcode::bitOr:
    return arith::OrIOp::create(builder, loc, a, b);
  case Opcode::bitXor:
    return arith::XOrIOp::create(builder, loc, a, b);
  case Opcode::add:
    return arith::AddIOp::create(builder, loc, a, b);
  case Opcode::sub:
    return arith::SubIOp::create(builder, loc, a, b);
  case Opcode::mul:
    return arith::MulIOp::create(builder, loc, a, b);
  case Opcode::addSaturating:
    return LLVM::SAddSat::create(builder, loc, a.getType(), a, b);
  case Opcode::minSigned:
    return arith::MinSIOp::create(builder, loc, a, b);
  case Opcode::maxSigned:
    return arith::MaxSIOp::create(builder, loc, a, b);
  case Opcode::addF:
    return arith::AddFOp::create(builder, loc, a, b);
  case Opcode::subF:
    return arith::SubFOp::create(builder, loc, a, b);
  case Opcode::mulF:
    return arith::MulFOp::create(builder, loc, a, b);
  case Opcode::divF:
    return arith::DivFOp::create(builder, loc, a, b);
  default:
    llvm_unreachable("not a binary operation");
  }
}

Value IRValueBuilder::emitConversion(const Instruction &i, Type type, Value a) {
  switch (i.opcode) {
  case Opcode::bitcast:
    // vector.bitcast keeps the rank, so scalars and equal lane counts go by
    // arith.
    if (isa<VectorType>(type) && isa<VectorType>(a.getType()))
      return vector::BitCastOp::create(builder, loc, type, a);
    if (isa<VectorType>(type) || isa<VectorType>(a.getType()))
      return LLVM::BitcastOp::create(builder, loc, type, a);
    return arith::BitcastOp::create(builder, loc, type, a);
  case Opcode::extendSigned:
    return arith::ExtSIOp::create(builder, loc, type, a);
  case Opcode::extendUnsigned:
    return arith::ExtUIOp::create(builder, loc, type, a);
  case Opcode::truncate:
    return arith::TruncIOp::create(builder, loc, type, a);
  case Opcode::signedToFloat:
    return arith::SIToFPOp::create(builder, loc, type, a);
  case Opcode::floatToSigned:
    return arith::FPToSIOp::create(builder, loc, type, a);
  case Opcode::extendF:
    return arith::ExtFOp::create(builder, loc, type, a);
  case Opcode::truncateF:
    return arith::TruncFOp::create(builder, loc, type, a);
  case Opcode::halfToFloat: {
    Type half = Float16Type::get(builder.getContext());
    if (auto vector = dyn_cast<VectorType>(type))
      half = VectorType::get(vector.getShape(), half);
    Value bits = arith::BitcastOp::create(builder, loc, half, a);
    return arith::ExtFOp::create(builder, loc, type, bits);
  }
  default:
    llvm_unreachable("not a conversion");
  }
}

AbstractValue IRValueBuilder::emit(const Instruction &i) {
  Type type = irType(builder.getContext(), i.type);
  SmallVector<Value, 3> operands;
  for (AbstractValue operand : i.operands)
    operands.push_back(unwrap(operand));
  switch (i.opcode) {
  case Opcode::constantInt:
  case Opcode::constantFloat:
    return wrap(
        arith::ConstantOp::create(builder, loc, type, constantAttr(type, i)));
  case Opcode::splat:
    return wrap(vector::BroadcastOp::create(builder, loc, type, operands[0]));
  case Opcode::extractLane:
    return wrap(
        vector::ExtractOp::create(builder, loc, operands[0], i.immediate));
  case Opcode::shuffle: {
    SmallVector<int64_t> mask(i.mask.begin(), i.mask.end());
    Value second = operands.size() > 1 ? operands[1] : operands[0];
    return wrap(
        vector::ShuffleOp::create(builder, loc, operands[0], second, mask));
  }
  case Opcode::shiftLeft:
  case Opcode::shiftRightLogical:
  case Opcode::shiftRightArithmetic: {
    Value by = unwrap(constantInt(i.type, i.immediate));
    if (i.opcode == Opcode::shiftLeft)
      return wrap(arith::ShLIOp::create(builder, loc, operands[0], by));
    if (i.opcode == Opcode::shiftRightLogical)
      return wrap(arith::ShRUIOp::create(builder, loc, operands[0], by));
    return wrap(arith::ShRSIOp::create(builder, loc, operands[0], by));
  }
  case Opcode::popCount:
    return wrap(LLVM::CtPopOp::create(builder, loc, type, operands[0]));
  case Opcode::sqrtF:
    return wrap(math::SqrtOp::create(builder, loc, operands[0]));
  case Opcode::negF:
    return wrap(arith::NegFOp::create(builder, loc, operands[0]));
  case Opcode::absF:
    return wrap(math::AbsFOp::create(builder, loc, operands[0]));
  case Opcode::fmaF:
    return wrap(math::FmaOp::create(builder, loc, operands[0], operands[1],
                                    operands[2]));
  case Opcode::compareInt:
    return wrap(arith::CmpIOp::create(builder, loc, intPredicate(i.predicate),
                                      operands[0], operands[1]));
  case Opcode::compareFloat:
    return wrap(arith::CmpFOp::create(builder, loc, floatPredicate(i.predicate),
                                      operands[0], operands[1]));
  case Opcode::select:
    return wrap(arith::SelectOp::create(builder, loc, operands[0], operands[1],
                                        operands[2]));
  case Opcode::maddU8S8:
    return wrap(
        emitIntrinsic(capabilities().maddU8S8Intrinsic, type, operands));
  case Opcode::maddI16:
    return wrap(emitIntrinsic(capabilities().maddI16Intrinsic, type, operands));
  case Opcode::dot4U8S8:
    if (i.type.lanes == 0) {
      Value u = LLVM::BitcastOp::create(builder, loc, type, operands[1]);
      Value s = LLVM::BitcastOp::create(builder, loc, type, operands[2]);
      return wrap(emitIntrinsic(capabilities().dot4WordIntrinsic, type,
                                {u, s, operands[0]}));
    }
    return wrap(
        emitIntrinsic(capabilities().dot4U8S8Intrinsic, type, operands));
  case Opcode::bitcast:
  case Opcode::extendSigned:
  case Opcode::extendUnsigned:
  case Opcode::truncate:
  case Opcode::signedToFloat:
  case Opcode::floatToSigned:
  case Opcode::extendF:
  case Opcode::truncateF:
  case Opcode::halfToFloat:
    return wrap(emitConversion(i, type, operands[0]));
  default:
    return wrap(emitBinary(i.opcode, operands[0], operands[1]));
  }
}
