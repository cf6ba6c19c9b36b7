//===- StageFunction.cpp - The frame of one generated stage ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/StageFunction.h"

#include "lowbit-c/kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace lowbit::kernel;
using namespace mlir;

static constexpr int64_t rowLanes = 8; ///< rows of a block
/// Arguments of a plan's kernel before the pointers: dimensions, items, grain.
static constexpr unsigned leadingArguments = LOWBIT_DIM_COUNT + 2;

static LLVM::LLVMFuncOp createFunction(ModuleOp module, StringRef name) {
  MLIRContext *context = module.getContext();
  context
      ->loadDialect<arith::ArithDialect, LLVM::LLVMDialect, math::MathDialect,
                    scf::SCFDialect, vector::VectorDialect>();
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto pointer = LLVM::LLVMPointerType::get(context);
  Type i64 = builder.getI64Type();
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(context), {pointer, pointer, pointer, i64, i64});
  auto function =
      LLVM::LLVMFuncOp::create(builder, module.getLoc(), name, type);
  // Without it a zeroing loop becomes a call of memset, which a code image
  // lacks.
  function.setPassthroughAttr(
      builder.getStrArrayAttr({"no-builtins", "nounwind"}));
  Block *entry = function.addEntryBlock(builder);
  builder.setInsertionPointToEnd(entry);
  LLVM::ReturnOp::create(builder, module.getLoc(), ValueRange());
  return function;
}

StageFunction::StageFunction(ModuleOp module, StringRef name,
                             KernelCapabilities capabilities)
    : opBuilder(module.getContext()), function(createFunction(module, name)),
      valueBuilder(opBuilder, function.getLoc(), std::move(capabilities)) {
  Block &entry = function.getBody().front();
  // Entry loads are placed before this constant, wherever the builder stands.
  opBuilder.setInsertionPointToStart(&entry);
  entryAnchor = index(0).getDefiningOp();
  opBuilder.setInsertionPoint(entry.getTerminator());
  dims.resize(LOWBIT_DIM_COUNT);
}

static LLVM::LLVMFuncOp createKernel(ModuleOp module, StringRef name,
                                     const ThreadMachine &machine,
                                     const ThreadShape &shape) {
  MLIRContext *context = module.getContext();
  context
      ->loadDialect<arith::ArithDialect, LLVM::LLVMDialect, math::MathDialect,
                    scf::SCFDialect, vector::VectorDialect>();
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  SmallVector<Type> arguments(shape.pointers,
                              LLVM::LLVMPointerType::get(context));
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), arguments);
  auto kernel = LLVM::LLVMFuncOp::create(builder, module.getLoc(), name, type);
  for (unsigned i = 0; i < shape.pointers; ++i) {
    kernel.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(),
                      builder.getUnitAttr());
    if (i != shape.output)
      kernel.setArgAttr(i, LLVM::LLVMDialect::getReadonlyAttrName(),
                        builder.getUnitAttr());
  }
  machine.markKernel(kernel, unsigned(rowLanes) * shape.slices);
  Block *entry = kernel.addEntryBlock(builder);
  builder.setInsertionPointToEnd(entry);
  LLVM::ReturnOp::create(builder, module.getLoc(), ValueRange());
  return kernel;
}

StageFunction::StageFunction(ModuleOp module, StringRef name,
                             KernelCapabilities capabilities,
                             const ThreadMachine &machine,
                             const ThreadShape &shape)
    : opBuilder(module.getContext()),
      function(createKernel(module, name, machine, shape)),
      valueBuilder(opBuilder, function.getLoc(), std::move(capabilities)),
      sliceCount(shape.slices) {
  Block &entry = function.getBody().front();
  opBuilder.setInsertionPoint(entry.getTerminator());
  bindings.append(entry.args_begin(), entry.args_end());
  enterThreads(machine, shape.sharedBytes);
}

static LLVM::LLVMFuncOp createPlanKernel(ModuleOp module, StringRef name,
                                         const ThreadMachine &machine,
                                         const ThreadFrame &frame) {
  MLIRContext *context = module.getContext();
  context
      ->loadDialect<arith::ArithDialect, LLVM::LLVMDialect, math::MathDialect,
                    scf::SCFDialect, vector::VectorDialect>();
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  SmallVector<Type> arguments(leadingArguments, builder.getI64Type());
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), arguments);
  auto kernel = LLVM::LLVMFuncOp::create(builder, module.getLoc(), name, type);
  machine.markKernel(kernel, frame.threads);
  Block *entry = kernel.addEntryBlock(builder);
  builder.setInsertionPointToEnd(entry);
  LLVM::ReturnOp::create(builder, module.getLoc(), ValueRange());
  return kernel;
}

StageFunction::StageFunction(ModuleOp module, StringRef name,
                             KernelCapabilities capabilities,
                             const ThreadMachine &machine,
                             const ThreadFrame &frame)
    : opBuilder(module.getContext()),
      function(createPlanKernel(module, name, machine, frame)),
      valueBuilder(opBuilder, function.getLoc(), std::move(capabilities)),
      sliceCount(frame.threads / (unsigned(rowLanes) * frame.blocks)),
      planArguments(true),
      exclusive(frame.exclusive), readOnly(frame.readOnly) {
  Block &entry = function.getBody().front();
  opBuilder.setInsertionPoint(entry.getTerminator());
  dims.append(entry.args_begin(), entry.args_begin() + LOWBIT_DIM_COUNT);
  enterThreads(machine, frame.sharedBytes, frame.blocks);
}

void StageFunction::enterThreads(const ThreadMachine &machine,
                                 uint64_t sharedBytes, unsigned blocks) {
  barrierName = machine.barrier;
  exchangeName = machine.exchange;
  threadCount = unsigned(rowLanes) * sliceCount * blocks;
  auto readIndex = [&](const std::string &name) -> Value {
    Value i32 = LLVM::CallIntrinsicOp::create(
                    opBuilder, loc(), opBuilder.getI32Type(),
                    opBuilder.getStringAttr(name), ValueRange())
                    .getResult(0);
    return arith::ExtUIOp::create(opBuilder, loc(), opBuilder.getI64Type(),
                                  i32);
  };
  threadIndex = readIndex(machine.threadIndex);
  lane = remI(threadIndex, rowLanes);
  sliceIndex = divI(threadIndex, rowLanes * int64_t(blocks));
  blockIndex = blocks == 1
                   ? index(0)
                   : remI(divI(threadIndex, rowLanes), int64_t(blocks));
  group = readIndex(machine.groupIndex);
  if (planArguments)
    tileIndex = readIndex(machine.groupTile);
  if (!sharedBytes)
    return;
  Block &entry = function.getBody().front();
  OpBuilder::InsertionGuard guard(opBuilder);
  opBuilder.setInsertionPointToStart(
      function->getParentOfType<ModuleOp>().getBody());
  auto type =
      LLVM::LLVMArrayType::get(opBuilder.getI8Type(), sharedBytes * blocks);
  auto global = LLVM::GlobalOp::create(
      opBuilder, loc(), type, /*isConstant=*/false, LLVM::Linkage::Internal,
      (function.getName() + "_shared").str(), Attribute(), /*alignment=*/16,
      machine.sharedSpace);
  opBuilder.setInsertionPoint(entry.getTerminator());
  Value address = LLVM::AddressOfOp::create(opBuilder, loc(), global);
  shared = LLVM::AddrSpaceCastOp::create(
      opBuilder, loc(), LLVM::LLVMPointerType::get(opBuilder.getContext()),
      address);
  if (blocks > 1)
    shared = at(shared, mulI(blockIndex, int64_t(sharedBytes)));
}

AbstractValue StageFunction::exchange(AbstractValue value, unsigned mask) {
  auto constant = [&](int64_t number) -> Value {
    return arith::ConstantOp::create(
        opBuilder, loc(), opBuilder.getI32IntegerAttr(int32_t(number)));
  };
  ValueType bits{Scalar::i32, 0};
  Value word = IRValueBuilder::unwrap(valueBuilder.bitcast(value, bits));
  Value other = LLVM::CallIntrinsicOp::create(
                    opBuilder, loc(), opBuilder.getI32Type(),
                    opBuilder.getStringAttr(exchangeName),
                    ValueRange{constant(-1), word, constant(mask), constant(31)})
                    .getResult(0);
  return valueBuilder.bitcast(IRValueBuilder::wrap(other), value.type);
}

AbstractValue StageFunction::spreadRows(AbstractValue scalar) {
  return isThread() ? scalar : valueBuilder.splat(scalar, rowLanes);
}

AbstractValue StageFunction::loadRows(Scalar scalar, Value pointer,
                                      unsigned alignment) {
  if (!isThread())
    return load(rowsOf(scalar), pointer, alignment);
  return load(rowsOf(scalar), at(pointer, mulI(lane, bitsOf(scalar) / 8)));
}

void StageFunction::storeRows(AbstractValue value, Value pointer,
                              unsigned alignment) {
  if (!isThread())
    return store(value, pointer, alignment);
  store(value, at(pointer, mulI(lane, bitsOf(value.type.scalar) / 8)));
}

AbstractValue StageFunction::loadRowBytes(Value pointer) {
  if (!isThread())
    return load(rowBytes(), pointer, 32);
  return load(rowBytes(), at(pointer, mulI(lane, 4)), 4);
}

void StageFunction::barrier() {
  if (!isThread())
    return;
  Value zero = arith::ConstantOp::create(opBuilder, loc(),
                                         opBuilder.getI32IntegerAttr(0));
  LLVM::CallIntrinsicOp::create(
      opBuilder, loc(), opBuilder.getStringAttr(barrierName), ValueRange{zero});
}

Value StageFunction::binding(unsigned i) {
  if (i >= bindings.size())
    bindings.resize(i + 1);
  if (!bindings[i] && planArguments) {
    SmallVector<NamedAttribute> attributes;
    auto mark = [&](StringRef name) {
      attributes.push_back(
          opBuilder.getNamedAttr(name, opBuilder.getUnitAttr()));
    };
    if (exclusive)
      mark(LLVM::LLVMDialect::getNoAliasAttrName());
    if (readOnly && readOnly(i))
      mark(LLVM::LLVMDialect::getReadonlyAttrName());
    bindings[i] = function.getBody().front().addArgument(
        LLVM::LLVMPointerType::get(opBuilder.getContext()), loc());
    argumentBindings.push_back(i);
    argumentAttributes.push_back(opBuilder.getDictionaryAttr(attributes));
    function.setFunctionType(LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(opBuilder.getContext()),
        SmallVector<Type>(function.getBody().front().getArgumentTypes())));
    SmallVector<DictionaryAttr> all(leadingArguments,
                                    opBuilder.getDictionaryAttr({}));
    all.append(argumentAttributes);
    function.setAllArgAttrs(ArrayRef<DictionaryAttr>(all));
  } else if (!bindings[i]) {
    OpBuilder::InsertionGuard guard(opBuilder);
    opBuilder.setInsertionPoint(entryAnchor);
    auto pointer = LLVM::LLVMPointerType::get(opBuilder.getContext());
    bindings[i] = load(pointer, at(function.getArgument(0), int64_t(i) * 8), 8);
  }
  return bindings[i];
}

Value StageFunction::dim(unsigned i) {
  assert(i < dims.size());
  if (!dims[i]) {
    OpBuilder::InsertionGuard guard(opBuilder);
    opBuilder.setInsertionPoint(entryAnchor);
    dims[i] = load(opBuilder.getI64Type(),
                   at(function.getArgument(1), int64_t(i) * 8), 8);
  }
  return dims[i];
}

Value StageFunction::index(int64_t value) {
  return arith::ConstantOp::create(opBuilder, loc(),
                                   opBuilder.getI64IntegerAttr(value));
}

Value StageFunction::addI(Value a, Value b) {
  return arith::AddIOp::create(opBuilder, loc(), a, b);
}
Value StageFunction::addI(Value a, int64_t b) {
  return b ? addI(a, index(b)) : a;
}
Value StageFunction::subI(Value a, Value b) {
  return arith::SubIOp::create(opBuilder, loc(), a, b);
}
Value StageFunction::mulI(Value a, Value b) {
  return arith::MulIOp::create(opBuilder, loc(), a, b);
}
Value StageFunction::mulI(Value a, int64_t b) {
  return b == 1 ? a : mulI(a, index(b));
}
Value StageFunction::divI(Value a, int64_t b) {
  return b == 1 ? a
                : Value(arith::DivUIOp::create(opBuilder, loc(), a, index(b)));
}
Value StageFunction::remI(Value a, int64_t b) {
  return arith::RemUIOp::create(opBuilder, loc(), a, index(b));
}
Value StageFunction::minI(Value a, Value b) {
  return arith::MinSIOp::create(opBuilder, loc(), a, b);
}
Value StageFunction::maxI(Value a, Value b) {
  return arith::MaxSIOp::create(opBuilder, loc(), a, b);
}
Value StageFunction::lessI(Value a, Value b) {
  return arith::CmpIOp::create(opBuilder, loc(), arith::CmpIPredicate::slt, a,
                               b);
}

Value StageFunction::at(Value pointer, Value byteOffset) {
  return LLVM::GEPOp::create(opBuilder, loc(), pointer.getType(),
                             opBuilder.getI8Type(), pointer,
                             ArrayRef<LLVM::GEPArg>{byteOffset});
}

Value StageFunction::at(Value pointer, int64_t byteOffset) {
  return byteOffset ? at(pointer, index(byteOffset)) : pointer;
}

static unsigned naturalAlignment(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isIntOrFloat() ? (element.getIntOrFloatBitWidth() + 7) / 8 : 8;
}

Value StageFunction::load(Type type, Value pointer, unsigned alignment) {
  return LLVM::LoadOp::create(opBuilder, loc(), type, pointer,
                              alignment ? alignment : naturalAlignment(type));
}

void StageFunction::store(Value value, Value pointer, unsigned alignment) {
  LLVM::StoreOp::create(opBuilder, loc(), value, pointer,
                        alignment ? alignment
                                  : naturalAlignment(value.getType()));
}

AbstractValue StageFunction::load(ValueType type, Value pointer,
                                  unsigned alignment) {
  Type irType = IRValueBuilder::irType(opBuilder.getContext(), type);
  return IRValueBuilder::wrap(load(irType, pointer, alignment));
}

void StageFunction::store(AbstractValue value, Value pointer,
                          unsigned alignment) {
  store(IRValueBuilder::unwrap(value), pointer, alignment);
}

void StageFunction::prefetch(Value pointer) {
  LLVM::Prefetch::create(opBuilder, loc(), pointer, /*rw=*/0, /*hint=*/3,
                         /*cache=*/1);
}

SmallVector<Value> StageFunction::loop(Value lo, Value hi, int64_t step,
                                       ValueRange init, const LoopBody &body) {
  auto bodyBuilder = [&](OpBuilder &nested, Location, Value i,
                         ValueRange carried) {
    OpBuilder::InsertPoint saved = opBuilder.saveInsertionPoint();
    opBuilder.setInsertionPointToEnd(nested.getInsertionBlock());
    SmallVector<Value> next = body(i, carried);
    scf::YieldOp::create(opBuilder, loc(), next);
    opBuilder.restoreInsertionPoint(saved);
  };
  auto op = scf::ForOp::create(opBuilder, loc(), lo, hi, index(step), init,
                               bodyBuilder);
  return SmallVector<Value>(op.getResults());
}

void StageFunction::loop(Value lo, Value hi, int64_t step,
                         const std::function<void(Value)> &body) {
  loop(lo, hi, step, ValueRange(), [&](Value i, ValueRange) {
    body(i);
    return SmallVector<Value>();
  });
}

void StageFunction::ifThen(Value condition, const std::function<void()> &body,
                           const std::function<void()> &otherwise) {
  auto op = scf::IfOp::create(opBuilder, loc(), condition, bool(otherwise));
  OpBuilder::InsertionGuard guard(opBuilder);
  opBuilder.setInsertionPointToStart(op.thenBlock());
  body();
  if (otherwise) {
    opBuilder.setInsertionPointToStart(op.elseBlock());
    otherwise();
  }
}
