//===- ExecuteOp.cpp - From ops to the functions that compute them --------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Interpreter.h"
#include "lib/Reference/Numerics.h"
#include "lib/Reference/Operations.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir::lowbit;
using llvm::ArrayRef;
using llvm::SmallVector;
using llvm::SmallVectorImpl;

namespace lowbit::reference {

StatusOr<ElementType> elementTypeOf(mlir::Type type) {
  if (type.isF32())
    return ElementType::f32;
  if (type.isF16())
    return ElementType::f16;
  if (type.isBF16())
    return ElementType::bf16;
  if (type.isIndex() || type.isInteger(64))
    return ElementType::i64;
  if (type.isInteger(32))
    return ElementType::i32;
  if (type.isInteger(16))
    return ElementType::i16;
  if (type.isInteger(8))
    return ElementType::i8;
  if (type.isInteger(1))
    return ElementType::i1;
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return unimplemented("elements of type '%s' in the reference interpreter",
                       text.c_str());
}

/// What one op sees: its operands by name, and where its results go.
namespace {
struct Context {
  mlir::Operation *op;
  ArrayRef<Value> operands;
  SmallVectorImpl<Value> &results;

  const Value &get(mlir::Value operand) const {
    for (auto [index, candidate] : llvm::enumerate(op->getOperands()))
      if (candidate == operand)
        return operands[index];
    llvm_unreachable("not an operand of this op");
  }
  const Tensor &tensor(mlir::Value operand) const {
    return *get(operand).tensor;
  }
  const CompressedTensor &compressed(mlir::Value operand) const {
    return *get(operand).compressed;
  }
  /// Null for an absent optional operand.
  const Tensor *optional(mlir::Value operand) const {
    return operand ? get(operand).tensor.get() : nullptr;
  }
  int64_t integer(mlir::Value operand) const {
    return tensor(operand).integers[0];
  }
  Status finish(Value value) const {
    results.push_back(std::move(value));
    return Status::success();
  }
  Status finish(StatusOr<Tensor> value) const {
    if (!value.isOk())
      return std::move(value).status();
    return finish(Value(std::move(*value)));
  }
};
} // namespace

/// The description of `type` for a tensor of `rows` rows (at least one).
static StatusOr<LeafDesc> leafWithRows(LowbitTensorType type, int64_t rows) {
  SmallVector<int64_t> shape(type.getShape());
  if (mlir::ShapedType::isDynamic(shape[0]))
    shape[0] = std::max<int64_t>(rows, 1);
  return type.getEncodingInterface().getLeafDesc(shape);
}

/// What the text alone can ask for: 2^32 elements at most.
static Status checkSize(const std::vector<int64_t> &shape) {
  LOWBIT_ASSIGN_OR_RETURN(int64_t count, checkedElementCount(shape));
  if (count > (int64_t{1} << 32))
    return resourceExhausted("a tensor of %lld elements",
                             static_cast<long long>(count));
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static Status execute(AssembleOp op, const Context &context) {
  LowbitTensorType type = op.getResult().getType();
  const bool isDynamic = mlir::ShapedType::isDynamic(type.getShape()[0]);
  if (isDynamic && type.getEncodingInterface().hasLayout())
    return unimplemented("assemble of dynamic rows in a layout");
  const int64_t rows = context.operands[0].tensor->shape[0];
  SmallVector<int64_t> shape(type.getShape());
  if (isDynamic)
    shape[0] = std::max<int64_t>(rows, 1);
  LOWBIT_ASSIGN_OR_RETURN(EncodingDesc encoding,
                          type.getEncodingInterface().getEncodingDesc(shape));
  std::vector<std::vector<uint8_t>> bytes;
  for (const Value &component : context.operands)
    bytes.push_back(tensorToBytes(*component.tensor));
  std::vector<std::span<const uint8_t>> spans(bytes.begin(), bytes.end());
  LOWBIT_ASSIGN_OR_RETURN(CompressedTensor tensor,
                          unpackComponents(encoding, spans));
  return context.finish(Value(std::move(tensor)));
}

static Status execute(DisassembleOp op, const Context &context) {
  const CompressedTensor &source = context.compressed(op.getSource());
  LOWBIT_ASSIGN_OR_RETURN(auto descs, source.tree ? componentsOf(*source.tree)
                                                  : componentsOf(source.leaf));
  LOWBIT_ASSIGN_OR_RETURN(auto components, packComponents(source));
  for (auto [index, result] : llvm::enumerate(op.getComponents())) {
    auto type = mlir::cast<mlir::RankedTensorType>(result.getType());
    LOWBIT_ASSIGN_OR_RETURN(ElementType element,
                            elementTypeOf(type.getElementType()));
    LOWBIT_ASSIGN_OR_RETURN(Tensor tensor,
                            tensorFromBytes(element, descs[index].storage,
                                            components[index]));
    LOWBIT_RETURN_IF_ERROR(context.finish(Value(std::move(tensor))));
  }
  return Status::success();
}

static Status execute(ConvertOp op, const Context &context) {
  CompressedTensor result = context.compressed(op.getSource());
  if (result.tree)
    return unimplemented("convert of a sum, product or elastic encoding");
  const int64_t rows = result.leaf.rows;
  LOWBIT_ASSIGN_OR_RETURN(result.leaf,
                          leafWithRows(op.getResult().getType(), rows));
  result.leaf.rows = rows;
  return context.finish(Value(std::move(result)));
}

//===----------------------------------------------------------------------===//
// Compute
//===----------------------------------------------------------------------===//

static Status execute(QuantizeOp op, const Context &context) {
  const Tensor &input = context.tensor(op.getInput());
  LOWBIT_ASSIGN_OR_RETURN(
      LeafDesc leaf, leafWithRows(op.getResult().getType(), input.shape[0]));
  return context.finish(
      Value(quantize(input, leaf, op.getFloor().convertToFloat())));
}

static Status execute(MatmulOp op, const Context &context) {
  const CompressedTensor &weight = context.compressed(op.getWeight());
  const Tensor *bias = context.optional(op.getBias());
  const Value &input = context.get(op.getInput());
  return context.finish(Value(
      input.compressed ? matmul(*input.compressed, weight, bias)
                       : matmul(*input.tensor, weight, bias)));
}

static Status execute(NormOp op, const Context &context) {
  const NormKind kind = op.getKind() == mlir::lowbit::NormKind::Rms
                            ? NormKind::rms
                            : NormKind::layer;
  return context.finish(
      Value(norm(kind, context.tensor(op.getInput()),
                 op.getEps().convertToFloat(), context.optional(op.getWeight()),
                 context.optional(op.getBias()),
                 context.optional(op.getScale()),
                 context.optional(op.getShift()), op.getHeads().value_or(1))));
}

static Status execute(RepeatRowsOp op, const Context &context) {
  const Tensor &input = context.tensor(op.getInput());
  const auto times = static_cast<int64_t>(op.getTimes());
  LOWBIT_RETURN_IF_ERROR(checkSize({input.shape[0], times, input.shape[1]}));
  return context.finish(Value(
      repeatRows(input, times, static_cast<int64_t>(op.getFirst()),
                 mlir::cast<mlir::ShapedType>(op.getResult().getType()).getShape()[1])));
}

static Status execute(CycleRowsOp op, const Context &context) {
  return context.finish(Value(cycleRows(context.tensor(op.getTable()),
                                        context.tensor(op.getLike()).shape[0])));
}

static Status execute(ConcatRowsOp op, const Context &context) {
  std::vector<const Tensor *> inputs;
  for (mlir::Value input : op.getInputs())
    inputs.push_back(&context.tensor(input));
  return context.finish(
      concatRows(inputs, {op.getRows().data(), op.getRows().size()}));
}

static Status execute(SliceRowsOp op, const Context &context) {
  return context.finish(sliceRows(context.tensor(op.getInput()),
                                  static_cast<int64_t>(op.getFirst()),
                                  static_cast<int64_t>(op.getCount()),
                                  static_cast<int64_t>(op.getOf())));
}

template <typename Op> static PatchShape patchShape(Op op) {
  ArrayRef<int64_t> image = op.getImage();
  return {image[0], image[1], image[2], static_cast<int64_t>(op.getPatch()),
          op.getChannelsLast()};
}

static Status execute(PatchifyOp op, const Context &context) {
  return context.finish(
      Value(patchify(context.tensor(op.getInput()), patchShape(op))));
}

static Status execute(UnpatchifyOp op, const Context &context) {
  return context.finish(unpatchify(context.tensor(op.getInput()), patchShape(op)));
}

static Status execute(RopeOp op, const Context &context) {
  return context.finish(rope(context.tensor(op.getInput()),
                             context.tensor(op.getTable()),
                             op.getPosition() ? context.integer(op.getPosition()) : 0,
                             op.getHeads(), op.getPairs() == RopePairs::Adjacent,
                             static_cast<int64_t>(op.getSequence().value_or(0))));
}

static Status execute(KVAppendOp op, const Context &context) {
  return appendKeysValues(*context.get(op.getCache()).cache,
                          context.tensor(op.getKeys()),
                          context.tensor(op.getValues()),
                          context.integer(op.getPosition()));
}

static Status execute(AttentionOp op, const Context &context) {
  AttentionOptions options;
  options.mask = op.getMask() == mlir::lowbit::MaskKind::None ? MaskKind::none
                 : op.getMask() == mlir::lowbit::MaskKind::Causal
                     ? MaskKind::causal
                     : MaskKind::window;
  options.heads = op.getHeads();
  options.scale = op.getScale().convertToFloat();
  options.window = op.getWindow().value_or(0);
  const Tensor &query = context.tensor(op.getQuery());
  if (op.getCache())
    return context.finish(attention(query, *context.get(op.getCache()).cache,
                                    context.integer(op.getPosition()), options));
  // Given keys and values are a cache of their own; query row t is at t.
  KVState given;
  const Tensor &keys = context.tensor(op.getKeys());
  if (op.getSequence())
    return context.finish(attentionOfSequences(
        query, keys, context.tensor(op.getValues()), *op.getKvHeads(),
        *op.getSequence(), options));
  given.heads = *op.getKvHeads();
  given.dim = keys.shape[1] / given.heads;
  LOWBIT_RETURN_IF_ERROR(
      appendKeysValues(given, keys, context.tensor(op.getValues()), 0));
  return context.finish(attention(query, given, 0, options));
}

static Status execute(GatherRowsOp op, const Context &context) {
  return context.finish(gatherRows(context.compressed(op.getTable()),
                                   context.tensor(op.getIds())));
}

static Status execute(ActivationOp op, const Context &context) {
  Tensor result = context.tensor(op.getInput());
  for (float &x : result.floats) {
    switch (op.getKind()) {
    case ActivationKind::Silu:
      x = silu(x);
      break;
    case ActivationKind::GeluTanh:
      x = geluTanh(x);
      break;
    case ActivationKind::Relu2:
      x = relu2(x);
      break;
    case ActivationKind::Sigmoid:
      x = sigmoid(x);
      break;
    case ActivationKind::Tanh:
      x = tanh(x);
      break;
    case ActivationKind::Exp:
      x = exp(x);
      break;
    }
  }
  return context.finish(Value(std::move(result)));
}

//===----------------------------------------------------------------------===//
// Upstream ops
//===----------------------------------------------------------------------===//

static Status execute(mlir::arith::ConstantOp op, const Context &context) {
  mlir::TypedAttr value = op.getValue();
  auto type = mlir::dyn_cast<mlir::RankedTensorType>(op.getType());
  LOWBIT_ASSIGN_OR_RETURN(
      ElementType element,
      elementTypeOf(type ? type.getElementType() : op.getType()));
  std::vector<int64_t> shape;
  if (type)
    shape.assign(type.getShape().begin(), type.getShape().end());
  LOWBIT_RETURN_IF_ERROR(checkSize(shape));
  Tensor result = Tensor::zeros(element, std::move(shape));
  auto number = [&](mlir::Attribute attr, size_t i) {
    if (auto real = mlir::dyn_cast<mlir::FloatAttr>(attr)) {
      llvm::APFloat wide = real.getValue();
      bool losesInfo = false;
      wide.convert(llvm::APFloat::IEEEsingle(),
                   llvm::APFloat::rmNearestTiesToEven, &losesInfo);
      result.floats[i] = wide.convertToFloat();
    } else {
      result.integers[i] =
          mlir::cast<mlir::IntegerAttr>(attr).getValue().getSExtValue();
    }
  };
  if (auto dense = mlir::dyn_cast<mlir::DenseElementsAttr>(value)) {
    for (auto [i, attr] :
         llvm::enumerate(dense.getValues<mlir::Attribute>()))
      number(attr, i);
  } else if (mlir::isa<mlir::FloatAttr, mlir::IntegerAttr>(value)) {
    number(value, 0);
  } else {
    return unimplemented("constants kept outside the text");
  }
  return context.finish(Value(std::move(result)));
}

/// N15: one IEEE operation an element; wrapping 64-bit integers likewise.
static Status executeArithmetic(const Context &context) {
  const Tensor &a = *context.operands[0].tensor;
  const Tensor &b = *context.operands[1].tensor;
  if (a.shape != b.shape)
    return invalidArgument("operands are %s and %s", a.typeName().c_str(),
                           b.typeName().c_str());
  if (a.element != ElementType::f32 && a.element != ElementType::i64)
    return unimplemented("arithmetic on %s", elementTypeName(a.element));
  Tensor result = a;
  mlir::Operation *op = context.op;
  for (size_t i = 0; i < result.floats.size(); ++i) {
    float &x = result.floats[i];
    const float y = b.floats[i];
    x = mlir::isa<mlir::arith::AddFOp>(op)   ? x + y
        : mlir::isa<mlir::arith::SubFOp>(op) ? x - y
        : mlir::isa<mlir::arith::MulFOp>(op) ? x * y
                                             : x / y;
  }
  for (size_t i = 0; i < result.integers.size(); ++i) {
    const uint64_t x = result.integers[i], y = b.integers[i];
    result.integers[i] = mlir::isa<mlir::arith::AddIOp>(op)   ? x + y
                         : mlir::isa<mlir::arith::SubIOp>(op) ? x - y
                                                              : x * y;
  }
  return context.finish(Value(std::move(result)));
}

static Status execute(mlir::tensor::EmptyOp op, const Context &context) {
  mlir::RankedTensorType type = op.getType();
  LOWBIT_ASSIGN_OR_RETURN(ElementType element,
                          elementTypeOf(type.getElementType()));
  std::vector<int64_t> shape(type.getShape().begin(), type.getShape().end());
  size_t next = 0;
  for (int64_t &extent : shape)
    if (mlir::ShapedType::isDynamic(extent))
      extent = context.operands[next++].tensor->integers[0];
  LOWBIT_RETURN_IF_ERROR(checkSize(shape));
  return context.finish(Value(Tensor::zeros(element, std::move(shape))));
}

static Status execute(mlir::tensor::CastOp op, const Context &context) {
  const Tensor &source = *context.operands[0].tensor;
  auto type = mlir::dyn_cast<mlir::RankedTensorType>(op.getType());
  if (type)
    for (auto [expected, actual] : llvm::zip(type.getShape(), source.shape))
      if (!mlir::ShapedType::isDynamic(expected) && expected != actual)
        return invalidArgument("a tensor %s is cast to another shape",
                               source.typeName().c_str());
  return context.finish(context.operands[0]);
}

Status executeOp(mlir::Operation *op, ArrayRef<Value> operands,
                 SmallVectorImpl<Value> &results) {
  Context context{op, operands, results};
  return llvm::TypeSwitch<mlir::Operation *, Status>(op)
      .Case<AssembleOp, DisassembleOp, ConvertOp, QuantizeOp, MatmulOp, NormOp,
            RopeOp, KVAppendOp, AttentionOp, GatherRowsOp, ActivationOp,
            RepeatRowsOp, CycleRowsOp, ConcatRowsOp, SliceRowsOp, PatchifyOp, UnpatchifyOp,
            mlir::arith::ConstantOp, mlir::tensor::EmptyOp,
            mlir::tensor::CastOp>(
          [&](auto typed) { return execute(typed, context); })
      .Case<DecodeOp>([&](DecodeOp decodeOp) {
        return context.finish(
            Value(decode(context.compressed(decodeOp.getSource()))));
      })
      .Case<mlir::arith::AddFOp, mlir::arith::SubFOp, mlir::arith::MulFOp,
            mlir::arith::DivFOp, mlir::arith::AddIOp, mlir::arith::SubIOp,
            mlir::arith::MulIOp>([&](auto) { return executeArithmetic(context); })
      .Default([&](mlir::Operation *other) {
        return unimplemented("'%s' is not known to the reference interpreter",
                             other->getName().getStringRef().str().c_str());
      });
}

} // namespace lowbit::reference
