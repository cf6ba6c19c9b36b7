//===- ChannelSets.cpp - Inner widths that may shrink ---------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/ChannelSets.h"
#include "passes/Compress/LayerParams.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::invalidArgument;
using ::lowbit::Status;
using ::lowbit::StatusOr;

namespace {

/// `matmul` as one that makes channels; false if its weights are no params.
bool addMaker(LayerParams &params, MatmulOp matmul, int64_t width,
              bool carriesValue, ChannelSet &set) {
  ChannelMaker maker;
  maker.matrix = params.of(matmul.getWeight());
  maker.width = width;
  maker.carriesValue = carriesValue;
  if (matmul.getBias() && !(maker.bias = params.of(matmul.getBias())))
    return false;
  if (!maker.matrix)
    return false;
  set.makers.push_back(maker);
  return true;
}

/// Sets of a module, those of layers that share their weights once.
struct SetsOfLayers {
  std::vector<ChannelSet> sets;
  DenseSet<StringRef> seen;

  Status add(ChannelSet set) {
    auto isNew = [&](ChannelMaker &maker) {
      return !seen.contains(maker.matrix.getSymName());
    };
    if (seen.contains(set.reader.getSymName()) ||
        llvm::any_of(set.makers, [&](ChannelMaker &m) { return !isNew(m); })) {
      if (!seen.contains(set.reader.getSymName()) ||
          llvm::any_of(set.makers, isNew))
        return invalidArgument(
            "'%s' and the matrices that make its channels are shared by layers "
            "in part; their widths would not match",
            set.reader.getSymName().str().c_str());
      return Status::success();
    }
    seen.insert(set.reader.getSymName());
    for (ChannelMaker &maker : set.makers)
      seen.insert(maker.matrix.getSymName());
    sets.push_back(std::move(set));
    return Status::success();
  }
};

} // namespace

static int64_t columnsOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape()[1];
}

/// The products that `value` is made of by elementwise ops alone; false when
/// something else is between.
static bool collectMakers(Value value, SmallVectorImpl<MatmulOp> &makers) {
  Operation *op = value.getDefiningOp();
  if (auto matmul = dyn_cast_or_null<MatmulOp>(op)) {
    if (!llvm::is_contained(makers, matmul))
      makers.push_back(matmul);
    return true;
  }
  if (!isa_and_nonnull<ActivationOp, arith::MulFOp, arith::AddFOp>(op))
    return false;
  return llvm::all_of(op->getOperands(), [&](Value operand) {
    return collectMakers(operand, makers);
  });
}

/// Calls `visit` for every layer with parameters until it fails.
static Status
forEachLayer(ModuleOp module,
             llvm::function_ref<Status(LayerOp, LayerParams &)> visit) {
  SymbolTableCollection tables;
  Status status;
  module.walk([&](LayerOp layer) {
    if (!status.isOk() || !layer.getParamsAttr())
      return;
    LayerParams params(layer, tables);
    status = visit(layer, params);
  });
  return status;
}

StatusOr<std::vector<ChannelSet>>
mlir::lowbit::findFeedForwardChannels(ModuleOp module) {
  SetsOfLayers layers;
  LOWBIT_RETURN_IF_ERROR(forEachLayer(
      module, [&](LayerOp, LayerParams &params) -> Status {
        for (auto reader : params.body().getOps<MatmulOp>()) {
          SmallVector<MatmulOp> makers;
          if (isa_and_nonnull<MatmulOp>(reader.getInput().getDefiningOp()) ||
              !collectMakers(reader.getInput(), makers))
            continue;
          ChannelSet set;
          set.units = columnsOf(reader.getInput());
          set.reader = params.of(reader.getWeight());
          bool whole = set.reader != nullptr;
          for (MatmulOp maker : makers)
            whole = whole && addMaker(params, maker, 1, true, set);
          if (whole)
            LOWBIT_RETURN_IF_ERROR(layers.add(std::move(set)));
        }
        return Status::success();
      }));
  if (layers.sets.empty())
    return invalidArgument("no layer has a product of elementwise combinations "
                           "of products, which is what dim=ffn narrows");
  return std::move(layers.sets);
}

/// The product that makes heads, below rotary embeddings and norms of heads; null
/// if there is anything else between, or if they have other readers.
static MatmulOp makerOfHeads(Value value) {
  while (true) {
    if (!value.hasOneUse())
      return {};
    Operation *op = value.getDefiningOp();
    if (auto matmul = dyn_cast_or_null<MatmulOp>(op))
      return matmul;
    if (auto rope = dyn_cast_or_null<RopeOp>(op))
      value = rope.getInput();
    else if (auto norm = dyn_cast_or_null<NormOp>(op); norm && norm.getHeads())
      value = norm.getInput();
    else
      return {};
  }
}

/// The set of one attention op; an error that says what is in the way.
static StatusOr<ChannelSet> channelsOf(AttentionOp attention,
                                       LayerParams &params) {
  ChannelSet set;
  auto refuse = [&](const char *why) {
    return invalidArgument("dim=heads: %s", why);
  };
  Value keys = attention.getKeys(), values = attention.getValues();
  if (attention.getCache()) {
    for (Operation *user : attention.getCache().getUsers())
      if (auto append = dyn_cast<KVAppendOp>(user)) {
        if (keys)
          return refuse("a cache that two ops append to has no one product that "
                        "makes its heads");
        keys = append.getKeys();
        values = append.getValues();
      }
    if (!keys)
      return refuse("attention to a cache that the layer does not append to");
  }
  const int64_t dim = columnsOf(attention.getQuery()) / attention.getHeads();
  set.units = columnsOf(keys) / dim;
  set.width = columnsOf(attention.getQuery()) / set.units;
  Value result = attention.getResult();
  auto reader = result.hasOneUse()
                    ? dyn_cast<MatmulOp>(*result.getUsers().begin())
                    : MatmulOp();
  MatmulOp query = makerOfHeads(attention.getQuery());
  MatmulOp key = makerOfHeads(keys), value = makerOfHeads(values);
  if (!reader || !(set.reader = params.of(reader.getWeight())))
    return refuse("attention is read by something else than one product with a "
                  "parameter");
  if (!query || !key || !value || !addMaker(params, query, set.width, false, set) ||
      !addMaker(params, key, dim, false, set) ||
      !addMaker(params, value, dim, true, set))
    return refuse("queries, keys or values are made by something else than a "
                  "product with a parameter, norms of heads and rope");
  return set;
}

StatusOr<std::vector<ChannelSet>>
mlir::lowbit::findHeadChannels(ModuleOp module) {
  SetsOfLayers layers;
  LOWBIT_RETURN_IF_ERROR(forEachLayer(
      module, [&](LayerOp, LayerParams &params) -> Status {
        for (auto attention : params.body().getOps<AttentionOp>()) {
          LOWBIT_ASSIGN_OR_RETURN(ChannelSet set, channelsOf(attention, params));
          LOWBIT_RETURN_IF_ERROR(layers.add(std::move(set)));
        }
        return Status::success();
      }));
  if (layers.sets.empty())
    return invalidArgument("no layer has attention, whose heads dim=heads drops");
  return std::move(layers.sets);
}

/// The cache type with the heads of `keys`.
static KVType cacheOf(KVType type, Value keys) {
  return KVType::get(type.getContext(), columnsOf(keys) / type.getDim(),
                     type.getDim(), type.getElementType());
}

/// Ops of a block in order: the types of operands are right already.
static void inferBlock(BlockOp block) {
  for (Operation &op : block.getBody().front()) {
    if (auto matmul = dyn_cast<MatmulOp>(op)) {
      matmul.getResult().setType(RankedTensorType::get(
          {ShapedType::kDynamic, matmul.getWeight().getType().getShape()[0]},
          Float32Type::get(op.getContext())));
      continue;
    }
    // Heads keep their width; their number follows.
    auto follow = [&](int64_t heads, Value input, auto set) {
      const int64_t dim = columnsOf(op.getResult(0)) / heads;
      set(columnsOf(input) / dim);
      op.getResult(0).setType(input.getType());
      return dim;
    };
    if (auto rope = dyn_cast<RopeOp>(op)) {
      follow(rope.getHeads(), rope.getInput(),
             [&](int64_t heads) { rope.setHeads(heads); });
    } else if (auto norm = dyn_cast<NormOp>(op); norm && norm.getHeads()) {
      follow(*norm.getHeads(), norm.getInput(),
             [&](int64_t heads) { norm.setHeads(heads); });
    } else if (auto append = dyn_cast<KVAppendOp>(op)) {
      append.getCache().setType(
          cacheOf(append.getCache().getType(), append.getKeys()));
    } else if (auto attention = dyn_cast<AttentionOp>(op)) {
      const int64_t dim = follow(
          attention.getHeads(), attention.getQuery(),
          [&](int64_t heads) { attention.setHeads(heads); });
      if (attention.getKvHeads())
        attention.setKvHeads(columnsOf(attention.getKeys()) / dim);
    } else if (isa<ActivationOp, arith::MulFOp, arith::AddFOp>(op)) {
      op.getResult(0).setType(op.getOperand(0).getType());
    }
  }
  SmallVector<Type> inputs(block.getBody().getArgumentTypes());
  block.setFunctionType(FunctionType::get(block.getContext(), inputs,
                                          block.getFunctionType().getResults()));
}

void mlir::lowbit::inferWidths(ModuleOp module) {
  for (auto block : module.getOps<BlockOp>())
    inferBlock(block);
  // A cache is what the blocks that get its slots take.
  SymbolTableCollection tables;
  module.walk([&](LayerOp layer) {
    if (!layer.getCacheAttr())
      return;
    auto block = tables.lookupNearestSymbolFrom<BlockOp>(layer,
                                                         layer.getCalleeAttr());
    const unsigned state = block.getNumArguments() - block.getNumParams() -
                           block.getNumStates();
    tables.lookupNearestSymbolFrom<KVCacheOp>(layer, layer.getCacheAttr())
        .setType(cast<KVType>(block.getArgument(state).getType()));
  });
}
