//===- ModelBuilder.cpp - Resolved tensors to IR --------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/ModelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Verifier.h"

#include <cmath>

using namespace mlir;
using namespace mlir::lowbit;
using namespace ::lowbit::import;
using ::lowbit::Status;
using ::lowbit::StatusOr;

// The enumerations of the configuration and of the dialect share names.
using IRPairs = mlir::lowbit::RopePairs;

/// BitNet quantizes max(|x|, 1e-5) / 127 (transformers' ActQuant).
static constexpr float bitnetFloor = 1e-5f;

//===----------------------------------------------------------------------===//
// One layer
//===----------------------------------------------------------------------===//

namespace {

/// Emits the body of a block. Values of parameters come from block arguments.
class LayerEmitter {
public:
  LayerEmitter(OpBuilder &builder, Location loc, const ModelConfig &config,
               const LayerSlots &slots, int64_t positions)
      : builder(builder), loc(loc), config(config), slots(slots),
        positions(positions) {}

  /// `arguments` are (%h, %pos, %rope, %kv, parameters).
  Value emit(Block::BlockArgListType arguments);

private:
  Value param(LayerRole role) const {
    return params[static_cast<unsigned>(role)];
  }
  RankedTensorType rowsType(int64_t columns) {
    return RankedTensorType::get({ShapedType::kDynamic, columns},
                                 builder.getF32Type());
  }
  Value norm(Value input, LayerRole weight);
  Value quantized(Value input);
  Value linear(Value input, LayerRole weight, LayerRole bias);
  Value rope(Value input, int64_t heads);
  Value attention(Value query);
  Value activation(Value input);

  OpBuilder &builder;
  Location loc;
  const ModelConfig &config;
  const LayerSlots &slots;
  int64_t positions;
  std::array<Value, numLayerRoles> params;
  Value position, table, cache;
  /// The last quantized value: q, k and v share one, so do gate and up.
  Value lastInput, lastQuantized;
};

} // namespace

Value LayerEmitter::norm(Value input, LayerRole weight) {
  return NormOp::create(builder, loc, input.getType(), NormKind::Rms, input,
                        param(weight),
                        /*bias=*/Value(), /*scale=*/Value(), /*shift=*/Value(),
                        llvm::APFloat(static_cast<float>(config.rmsEps)),
                        /*heads=*/IntegerAttr());
}

Value LayerEmitter::quantized(Value input) {
  if (input == lastInput)
    return lastQuantized;
  MLIRContext *context = builder.getContext();
  auto rows = cast<RankedTensorType>(input.getType());
  auto perRow = MapGranularityAttr::get(
      context, AffineMap::get(2, 0, builder.getAffineDimExpr(0)));
  auto scale = ParamSpecAttr::get(
      context,
      getCodeAttr(context,
                  ::lowbit::NumberDesc::floating(::lowbit::FloatFormat::f32)),
      perRow, AffineMap());
  auto leaf = LeafAttr::get(
      context, getCodeAttr(context, ::lowbit::NumberDesc::signedInt(8)),
      {scale}, ParamSpecAttr(), {}, /*offsetNegated=*/false, Attribute());
  auto type = LowbitTensorType::get(context, rows.getShape(),
                                    builder.getF32Type(), leaf);
  lastInput = input;
  lastQuantized = QuantizeOp::create(builder, loc, type, input,
                                     builder.getF32FloatAttr(bitnetFloor));
  return lastQuantized;
}

Value LayerEmitter::linear(Value input, LayerRole weight, LayerRole bias) {
  Value matrix = param(weight);
  int64_t rows = cast<LowbitTensorType>(matrix.getType()).getShape()[0];
  if (slots[weight].int8Input)
    input = quantized(input);
  return MatmulOp::create(builder, loc, rowsType(rows), input, matrix,
                          param(bias));
}

Value LayerEmitter::rope(Value input, int64_t heads) {
  IRPairs pairs = config.rope.pairs == ::lowbit::import::RopePairs::adjacent
                      ? IRPairs::Adjacent
                      : IRPairs::Half;
  return RopeOp::create(builder, loc, input.getType(), pairs, input, table,
                        position, heads, /*sequence=*/IntegerAttr());
}

Value LayerEmitter::attention(Value query) {
  // A window that holds every position of the table is no window.
  bool windowed = slots.window > 0 && slots.window < positions;
  float scale =
      static_cast<float>(1.0 / std::sqrt(static_cast<double>(config.headDim)));
  return AttentionOp::create(
      builder, loc, query.getType(),
      MaskKindAttr::get(builder.getContext(),
                        windowed ? MaskKind::Window : MaskKind::Causal),
      query, cache, position,
      /*keys=*/Value(), /*values=*/Value(),
      builder.getI64IntegerAttr(config.heads), builder.getF32FloatAttr(scale),
      windowed ? builder.getI64IntegerAttr(slots.window) : IntegerAttr(),
      /*kv_heads=*/IntegerAttr(), /*sequence=*/IntegerAttr());
}

Value LayerEmitter::activation(Value input) {
  ActivationKind kind =
      config.activation == Activation::silu    ? ActivationKind::Silu
      : config.activation == Activation::relu2 ? ActivationKind::Relu2
                                               : ActivationKind::GeluTanh;
  return ActivationOp::create(builder, loc, input.getType(), kind, input);
}

Value LayerEmitter::emit(Block::BlockArgListType arguments) {
  Value h = arguments[0];
  position = arguments[1];
  table = arguments[2];
  cache = arguments[3];
  unsigned next = 4;
  for (unsigned i = 0; i < numLayerRoles; ++i)
    if (slots.roles[i])
      params[i] = arguments[next++];

  Value n = norm(h, LayerRole::attnNorm);
  Value q = linear(n, LayerRole::q, LayerRole::qBias);
  Value k = linear(n, LayerRole::k, LayerRole::kBias);
  Value v = linear(n, LayerRole::v, LayerRole::vBias);
  q = rope(q, config.heads);
  k = rope(k, config.kvHeads);
  KVAppendOp::create(builder, loc, cache, k, v, position);
  Value mixed = attention(q);
  if (slots[LayerRole::attnSubNorm])
    mixed = norm(mixed, LayerRole::attnSubNorm);
  Value o = linear(mixed, LayerRole::o, LayerRole::oBias);
  h = arith::AddFOp::create(builder, loc, h, o);

  n = norm(h, LayerRole::ffnNorm);
  Value gate = linear(n, LayerRole::gate, LayerRole::gateBias);
  Value up = linear(n, LayerRole::up, LayerRole::upBias);
  Value inner = arith::MulFOp::create(builder, loc, activation(gate), up);
  if (slots[LayerRole::ffnSubNorm])
    inner = norm(inner, LayerRole::ffnSubNorm);
  Value down = linear(inner, LayerRole::down, LayerRole::downBias);
  return arith::AddFOp::create(builder, loc, h, down);
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

namespace {

class ModelEmitter {
public:
  ModelEmitter(const ModelConfig &config, const ModelSlots &slots,
               int64_t positions, MLIRContext *context)
      : config(config), slots(slots), positions(positions), builder(context),
        loc(UnknownLoc::get(context)) {}

  OwningOpRef<ModuleOp> run();

private:
  /// What makes two layers the same computation.
  struct Signature {
    SmallVector<Type> types;
    SmallVector<unsigned> roles;
    int64_t window;
    bool operator==(const Signature &) const = default;
  };
  Signature signatureOf(const LayerSlots &layer) const;

  void addParam(const Slot &slot);
  void addRope();
  std::string blockOf(const LayerSlots &layer);
  void addForward();
  void addHead();
  Value getParam(StringRef symbol, Type type) {
    return GetParamOp::create(builder, loc, type, symbol);
  }

  const ModelConfig &config;
  const ModelSlots &slots;
  int64_t positions;
  OpBuilder builder;
  Location loc;
  OwningOpRef<ModuleOp> module;
  RankedTensorType hiddenType, ropeType;
  KVType cacheType;
  std::vector<Signature> signatures;
};

} // namespace

void ModelEmitter::addParam(const Slot &slot) {
  if (slot)
    ParamOp::create(builder, NameLoc::get(builder.getStringAttr(slot.tensor)),
                    slot.symbol, slot.type, slot.source,
                    /*sym_visibility=*/StringAttr());
}

void ModelEmitter::addRope() {
  auto number = [&](double value) { return builder.getF64FloatAttr(value); };
  const RopeConfig &rope = config.rope;
  bool scaled = rope.scaling != RopeScalingKind::none;
  bool llama3 = rope.scaling == RopeScalingKind::llama3;
  auto source = RopeTableAttr::get(
      builder.getContext(), number(rope.theta),
      scaled ? number(rope.factor) : FloatAttr(),
      llama3 ? number(rope.lowFrequencyFactor) : FloatAttr(),
      llama3 ? number(rope.highFrequencyFactor) : FloatAttr(),
      llama3 ? rope.originalContext : 0);
  ParamOp::create(builder, loc, "rope", ropeType, source, StringAttr());
}

ModelEmitter::Signature
ModelEmitter::signatureOf(const LayerSlots &layer) const {
  Signature signature;
  for (unsigned i = 0; i < numLayerRoles; ++i)
    if (const Slot &slot = layer.roles[i]) {
      signature.types.push_back(slot.type);
      // Packed and plain matrices differ in the quantization of their input.
      signature.roles.push_back(2 * i + slot.int8Input);
    }
  signature.window = layer.window;
  return signature;
}

std::string ModelEmitter::blockOf(const LayerSlots &layer) {
  Signature signature = signatureOf(layer);
  auto found = llvm::find(signatures, signature);
  std::string name =
      "block" + std::to_string(std::distance(signatures.begin(), found));
  if (found != signatures.end())
    return name;
  signatures.push_back(signature);

  SmallVector<Type> inputs = {hiddenType, builder.getI64Type(), ropeType,
                              cacheType};
  llvm::append_range(inputs, signature.types);
  OpBuilder::InsertionGuard guard(builder);
  auto type = builder.getFunctionType(inputs, {hiddenType});
  auto block = BlockOp::create(builder, loc, name, type,
                               /*sym_visibility=*/StringAttr(),
                               /*arg_attrs=*/ArrayAttr(),
                               /*res_attrs=*/ArrayAttr(), /*num_states=*/1,
                               static_cast<int64_t>(signature.types.size()));
  Block *body = &block.getBody().emplaceBlock();
  body->addArguments(inputs, SmallVector<Location>(inputs.size(), loc));
  builder.setInsertionPointToStart(body);
  Value result = LayerEmitter(builder, loc, config, layer, positions)
                     .emit(body->getArguments());
  ReturnOp::create(builder, loc, ValueRange{result});
  return name;
}

void ModelEmitter::addForward() {
  SmallVector<std::string> blocks;
  for (const LayerSlots &layer : slots.layers)
    blocks.push_back(blockOf(layer));

  auto idsType =
      RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  auto function = func::FuncOp::create(
      builder, loc, "forward",
      builder.getFunctionType({idsType, builder.getI64Type()}, {hiddenType}));
  OpBuilder::InsertionGuard guard(builder);
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  Value ids = body->getArgument(0), position = body->getArgument(1);
  Value table = getParam(slots.embedding.symbol, slots.embedding.type);
  Value rope = getParam("rope", ropeType);
  Value h = GatherRowsOp::create(builder, loc, hiddenType, table, ids);
  for (size_t i = 0; i < slots.layers.size(); ++i)
    h = LayerOp::create(builder, loc, TypeRange{hiddenType}, blocks[i],
                        ValueRange{h, position, rope},
                        FlatSymbolRefAttr::get(builder.getContext(),
                                               "layer" + std::to_string(i)),
                        FlatSymbolRefAttr::get(builder.getContext(), "kv"),
                        builder.getI64IntegerAttr(static_cast<int64_t>(i)))
            .getResult(0);
  func::ReturnOp::create(builder, loc, h);
}

void ModelEmitter::addHead() {
  const Slot &weight = slots.output ? slots.output : slots.embedding;
  auto logitsType = RankedTensorType::get(
      {ShapedType::kDynamic, config.vocabSize}, builder.getF32Type());
  auto function =
      func::FuncOp::create(builder, loc, "head",
                           builder.getFunctionType({hiddenType}, {logitsType}));
  OpBuilder::InsertionGuard guard(builder);
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  Value gain = getParam(slots.outputNorm.symbol, slots.outputNorm.type);
  Value matrix = getParam(weight.symbol, weight.type);
  Value n =
      NormOp::create(builder, loc, hiddenType, NormKind::Rms,
                     body->getArgument(0), gain, Value(), Value(), Value(),
                     llvm::APFloat(static_cast<float>(config.rmsEps)),
                     /*heads=*/IntegerAttr());
  Value logits =
      MatmulOp::create(builder, loc, logitsType, n, matrix, /*bias=*/Value());
  func::ReturnOp::create(builder, loc, logits);
}

OwningOpRef<ModuleOp> ModelEmitter::run() {
  module = ModuleOp::create(loc);
  builder.setInsertionPointToStart(module->getBody());
  hiddenType = RankedTensorType::get({ShapedType::kDynamic, config.hiddenSize},
                                     builder.getF32Type());
  ropeType = RankedTensorType::get({positions, config.ropeDim / 2, 2},
                                   builder.getF32Type());
  cacheType = KVType::get(builder.getContext(), config.kvHeads, config.headDim,
                          builder.getF32Type());
  addParam(slots.embedding);
  addParam(slots.outputNorm);
  addParam(slots.output);
  addRope();
  for (const LayerSlots &layer : slots.layers)
    for (const Slot &slot : layer.roles)
      addParam(slot);
  for (auto [index, layer] : llvm::enumerate(slots.layers)) {
    SmallVector<Attribute> members;
    for (const Slot &slot : layer.roles)
      if (slot)
        members.push_back(
            FlatSymbolRefAttr::get(builder.getContext(), slot.symbol));
    ParamSetOp::create(builder, loc, "layer" + std::to_string(index),
                       /*base=*/FlatSymbolRefAttr(), ArrayRef<int64_t>(),
                       builder.getArrayAttr(members),
                       /*sym_visibility=*/StringAttr());
  }
  KVCacheOp::create(builder, loc, "kv",
                    static_cast<int64_t>(slots.layers.size()), cacheType,
                    /*sym_visibility=*/StringAttr());
  addForward();
  addHead();
  return std::move(module);
}

StatusOr<OwningOpRef<ModuleOp>>
mlir::lowbit::buildModel(const ModelConfig &config, const ModelSlots &slots,
                         int64_t positions, MLIRContext *context) {
  std::string reason;
  ScopedDiagnosticHandler collect(context, [&](Diagnostic &diagnostic) {
    reason += (reason.empty() ? "" : "; ") + diagnostic.str();
  });
  OwningOpRef<ModuleOp> module =
      ModelEmitter(config, slots, positions, context).run();
  if (failed(verify(*module)))
    return ::lowbit::invalidArgument("the model in '%s' is not valid: %s",
                                     config.source.c_str(), reason.c_str());
  return module;
}
