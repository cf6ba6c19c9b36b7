//===- DispatchLowering.cpp - One dispatch to the stages of a kernel ------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Conversion/DispatchToLLVM/DispatchLowering.h"

#include "lib/Kernel/CpuMatmul.h"
#include "lib/Kernel/RowStages.h"
#include "passes/Conversion/DispatchToLLVM/StageLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/EquivalenceClasses.h"

using namespace mlir;
using namespace mlir::lowbit;

using ::lowbit::LinearExpr;
using ::lowbit::Status;
using ::lowbit::StatusOr;
using ::lowbit::unimplemented;
namespace kernel = ::lowbit::kernel;

static kernel::Activation activationOf(ActivationKind function) {
  switch (function) {
  case ActivationKind::Silu:
    return kernel::Activation::silu;
  case ActivationKind::GeluTanh:
    return kernel::Activation::geluTanh;
  case ActivationKind::Relu2:
    return kernel::Activation::relu2;
  case ActivationKind::Sigmoid:
    return kernel::Activation::sigmoid;
  case ActivationKind::Tanh:
    return kernel::Activation::tanh;
  case ActivationKind::Exp:
    return kernel::Activation::exp;
  }
  llvm_unreachable("unknown activation");
}

namespace {

class Lowering : StageLowering {
public:
  using StageLowering::StageLowering;

  StatusOr<LoweredDispatch> run() {
    LOWBIT_RETURN_IF_ERROR(copyOddViews());
    SmallVector<MatmulOp> matmuls(body.getOps<MatmulOp>());
    if (!matmuls.empty())
      LOWBIT_RETURN_IF_ERROR(lowerMatmuls(matmuls));
    else
      LOWBIT_RETURN_IF_ERROR(lowerRows());
    return std::move(result);
  }

private:
  //===--------------------------------------------------------------------===//
  // Prologue
  //===--------------------------------------------------------------------===//

  kernel::NormSpec normSpec(NormOp norm) {
    kernel::NormSpec spec;
    spec.layer = norm.getKind() == NormKind::Layer;
    spec.eps = norm.getEps().convertToFloat();
    if (norm.getWeight())
      spec.weight = vectorBinding(norm.getWeight());
    if (norm.getBias())
      spec.bias = vectorBinding(norm.getBias());
    auto bindModulation = [&](Value value, std::optional<unsigned> &vector,
                              std::optional<kernel::RowsRef> &rows) {
      if (!value)
        return;
      if (cast<RankedTensorType>(value.getType()).getRank() == 2)
        rows = rowsOf(value);
      else
        vector = vectorBinding(value);
    };
    bindModulation(norm.getScale(), spec.scale, spec.scaleRows);
    bindModulation(norm.getShift(), spec.shift, spec.shiftRows);
    return spec;
  }

  /// Where a quantized value's codes, scales and sums are, and how it is grouped.
  StatusOr<kernel::QuantizeSpec> quantizeSpec(QuantizeOp op) {
    LOWBIT_ASSIGN_OR_RETURN(::lowbit::LeafDesc leaf,
                            op.getResult().getType().getLeafDesc());
    kernel::QuantizeSpec spec;
    int64_t columns = columnsOf(op.getInput());
    int64_t padded = (columns + 31) / 32 * 32;
    for (const auto &expr : leaf.scales[0].granularity.results)
      for (const auto &term : expr.terms)
        if (term.dim == 1)
          spec.group = term.div;
    if (spec.group == columns)
      spec.group = 0;
    spec.lo = static_cast<int>(leaf.code.lo);
    spec.hi = static_cast<int>(leaf.code.hi);
    spec.floor = op.getFloor().convertToFloat();
    int64_t groups = spec.group ? columns / spec.group : 1;
    spec.codes = addTemporary(perRow(padded));
    spec.scales = addTemporary(perRow(groups * 4));
    spec.sums = addTemporary(perRow(padded / 16 * 4));
    return spec;
  }

  /// Emits norm and/or quantize as one stage over tokens.
  Status lowerPrologue(NormOp norm, QuantizeOp quantize,
                       kernel::MatmulActivation &activation) {
    kernel::PrologueStage stage;
    stage.name = name + "_prologue";
    Value input = norm ? norm.getInput() : quantize.getInput();
    stage.input = rowsOf(input);
    stage.columns = columnsOf(input);
    if (norm && norm.getHeads().value_or(1) != 1) {
      kernel::RowsRef normed = rowsOf(norm.getResult());
      LOWBIT_RETURN_IF_ERROR(lowerNormOfParts(norm, stage.input, normed));
      activation.binding = normed.binding;
      activation.stride = normed.stride;
      if (!quantize)
        return Status::success();
      stage.input = normed;
    } else if (norm) {
      stage.norm = normSpec(norm);
      if (!quantize || llvm::any_of(norm->getUsers(), [&](Operation *user) {
            return user != quantize;
          }))
        stage.output = rowsOf(norm.getResult());
    }
    if (quantize) {
      LOWBIT_ASSIGN_OR_RETURN(stage.quantize, quantizeSpec(quantize));
      activation.quantized = true;
      activation.binding = stage.quantize->codes;
      activation.scalesBinding = stage.quantize->scales;
      activation.sumsBinding = *stage.quantize->sums;
      activation.group = stage.quantize->group;
      activation.lo = stage.quantize->lo;
      activation.hi = stage.quantize->hi;
    } else {
      activation.binding = stage.output->binding;
      activation.stride = stage.output->stride;
    }
    return addPrologue(stage, "_prologue", perRow());
  }

  /// Each of the norm's heads is a row of its own. Where heads do not begin at multiples
  /// of eight columns they are copied to such places and back.
  Status lowerNormOfParts(NormOp norm, kernel::RowsRef input, kernel::RowsRef output) {
    int64_t parts = *norm.getHeads(), columns = columnsOf(norm.getInput()) / parts;
    kernel::PrologueStage stage;
    stage.name = name + "_norm";
    stage.norm = normSpec(norm);
    stage.columns = columns;
    // Parts are not read through a view that repeats rows.
    bool inPlace = columns % 8 == 0 && input.repeat == 1 && !input.cycle;
    for (kernel::RowsRef *ref : {&input, &output}) {
      ref->parts = parts;
      ref->partColumns = columns;
    }
    if (inPlace) {
      stage.input = input;
      stage.output = output;
      return addPrologue(stage, "_norm", perRow(parts));
    }
    int64_t stride = rowStride(columns);
    stage.input = {addTemporary(perRow(parts * stride * 4)), stride};
    stage.output = kernel::RowsRef{addTemporary(perRow(parts * stride * 4)), stride};
    LOWBIT_RETURN_IF_ERROR(addCopy({"", input, stage.input, columns}, perRow(parts)));
    LOWBIT_RETURN_IF_ERROR(addPrologue(stage, "_norm", perRow(parts)));
    return addCopy({"", *stage.output, output, columns}, perRow(parts));
  }

  Status addPrologue(const kernel::PrologueStage &stage, const char *suffix,
                     LinearExpr items) {
    if (threads) {
      LOWBIT_ASSIGN_OR_RETURN(kernel::ThreadLaunch launch,
                              kernel::emitThreadPrologue(kernels, stage, *threads));
      addStage(suffix, std::move(items), std::move(launch));
      return Status::success();
    }
    LOWBIT_ASSIGN_OR_RETURN(uint64_t scratch,
                            kernel::emitPrologueStage(kernels, stage, capabilities));
    addStage(suffix, std::move(items), scratch);
    return Status::success();
  }

  //===--------------------------------------------------------------------===//
  // Matmuls
  //===--------------------------------------------------------------------===//

  static bool isEpilogue(Operation *op) {
    return op->hasTrait<OpTrait::Elementwise>() && op->getNumResults() == 1;
  }

  Status lowerMatmuls(ArrayRef<MatmulOp> matmuls) {
    MatmulOp first = matmuls.front();
    Value input = first.getInput();
    auto quantize = input.getDefiningOp<QuantizeOp>();
    auto norm = (quantize ? quantize.getInput() : input).getDefiningOp<NormOp>();
    kernel::MatmulActivation activation;
    if (norm || quantize) {
      LOWBIT_RETURN_IF_ERROR(lowerPrologue(norm, quantize, activation));
    } else {
      kernel::RowsRef rows = rowsOf(input);
      activation.binding = rows.binding;
      activation.stride = rows.stride;
    }
    kernel::MatmulStage stage;
    stage.name = name + "_matmul";
    stage.rowsPerToken = rows;
    SmallVector<SmallVector<Operation *>> parts = splitByEpilogue(matmuls);
    for (ArrayRef<Operation *> part : parts)
      LOWBIT_RETURN_IF_ERROR(addGroup(part, activation, stage));
    if (threads) {
      stageReads.insert(activation.binding);
      if (activation.quantized)
        for (unsigned binding : {activation.scalesBinding, activation.sumsBinding})
          stageReads.insert(binding);
      int64_t items = 0;
      LOWBIT_ASSIGN_OR_RETURN(
          kernel::ThreadLaunch launch,
          kernel::emitThreadMatmulStage(kernels, stage, *threads, items));
      addStage("_matmul", LinearExpr(items), std::move(launch));
      return Status::success();
    }
    LOWBIT_ASSIGN_OR_RETURN(kernel::MatmulStageInfo info,
                            kernel::emitMatmulStage(kernels, stage, capabilities));
    addStage("_matmul", LinearExpr(info.items), info.scratchBytes);
    return Status::success();
  }

  /// Matmuls and elementwise ops in sets that share values, in program order.
  SmallVector<SmallVector<Operation *>> splitByEpilogue(ArrayRef<MatmulOp> matmuls) {
    llvm::EquivalenceClasses<Operation *> classes;
    for (MatmulOp matmul : matmuls)
      classes.insert(matmul);
    for (Operation &op : body.without_terminator()) {
      if (!isEpilogue(&op))
        continue;
      classes.insert(&op);
      for (Value operand : op.getOperands())
        if (Operation *def = operand.getDefiningOp())
          if (def->getBlock() == &body && (isa<MatmulOp>(def) || isEpilogue(def)))
            classes.unionSets(def, &op);
    }
    SmallVector<SmallVector<Operation *>> parts;
    llvm::MapVector<Operation *, size_t> partOf;
    for (Operation &op : body.without_terminator()) {
      if (!isa<MatmulOp>(op) && !isEpilogue(&op))
        continue;
      Operation *leader = classes.getLeaderValue(&op);
      auto [it, isNew] = partOf.try_emplace(leader, parts.size());
      if (isNew)
        parts.emplace_back();
      parts[it->second].push_back(&op);
    }
    return parts;
  }

  Status addGroup(ArrayRef<Operation *> part,
                  const kernel::MatmulActivation &activation,
                  kernel::MatmulStage &stage) {
    kernel::MatmulGroup group;
    SmallVector<MatmulOp> matmuls;
    for (Operation *op : part) {
      auto matmul = dyn_cast<MatmulOp>(op);
      if (!matmul)
        continue;
      matmuls.push_back(matmul);
      kernel::MatmulAnchor anchor;
      LOWBIT_ASSIGN_OR_RETURN(anchor.weight, matmul.getWeight().getType().getLeafDesc());
      anchor.bindings.assign(bindingsOf[matmul.getWeight()].begin(),
                             bindingsOf[matmul.getWeight()].end());
      anchor.activation = activation;
      LOWBIT_ASSIGN_OR_RETURN(auto components, ::lowbit::componentsOf(anchor.weight));
      for (const auto &component : components)
        result.parameterBytes += component.bytes;
      result.operationsPerToken +=
          2ull * rows * anchor.weight.rows * anchor.weight.columns;
      LOWBIT_RETURN_IF_ERROR(kernel::checkMatmul(anchor));
      group.anchors.push_back(std::move(anchor));
    }
    if (matmuls.empty())
      return unimplemented("an elementwise op beside a matmul uses none of its "
                           "results");
    SmallVector<Operation *> ops(part);
    group.epilogue = [this, ops, matmuls](kernel::StageFunction &function,
                                          ArrayRef<Value> results, Value rowBlock,
                                          Value token) {
      Value column = function.mulI(rowBlock, 8);
      DenseMap<Value, Value> vectors;
      for (auto [index, value] : llvm::enumerate(results)) {
        MatmulOp matmul = matmuls[index];
        Value sum = value;
        if (matmul.getBias()) {
          Value bias = kernel::IRValueBuilder::unwrap(function.loadRows(
              kernel::Scalar::f32,
              function.at(function.binding(vectorBinding(matmul.getBias())),
                          function.mulI(column, 4)),
              32));
          sum = arith::AddFOp::create(function.builder(), function.loc(), sum, bias);
        }
        vectors[matmul.getResult()] = sum;
      }
      emitElementwise(function, ops, vectors, token, column);
    };
    stage.groups.push_back(std::move(group));
    return Status::success();
  }

  /// Emits elementwise `ops` for eight columns of a token (a thread: its one of
  /// them) and stores what the dispatch returns. `vectors` holds the values known so far.
  void emitElementwise(kernel::StageFunction &function, ArrayRef<Operation *> ops,
                       DenseMap<Value, Value> &vectors, Value token, Value column) {
    OpBuilder &builder = function.builder();
    Type vectorType = kernel::IRValueBuilder::irType(
        builder.getContext(), function.rowsOf(kernel::Scalar::f32));
    auto get = [&](Value value) {
      Value &vector = vectors[value];
      if (!vector)
        vector = kernel::IRValueBuilder::unwrap(function.loadRows(
            kernel::Scalar::f32,
            kernel::rowAddress(function, rowsOf(value), token, column), 32));
      return vector;
    };
    for (Operation *op : ops) {
      if (auto activation = dyn_cast<ActivationOp>(op)) {
        Value input = get(activation.getInput());
        kernel::AbstractValue y = kernel::emitActivation(
            function.values(), activationOf(activation.getKind()),
            kernel::IRValueBuilder::wrap(input));
        vectors[activation.getResult()] = kernel::IRValueBuilder::unwrap(y);
      } else if (isEpilogue(op)) {
        SmallVector<Value> operands;
        for (Value operand : op->getOperands())
          operands.push_back(get(operand));
        OperationState state(op->getLoc(), op->getName(), operands, {vectorType},
                             op->getAttrs());
        vectors[op->getResult(0)] = builder.create(state)->getResult(0);
      }
    }
    for (Operation *op : ops)
      for (Value value : op->getResults())
        for (unsigned binding : resultBindings.lookup(value))
          function.storeRows(kernel::IRValueBuilder::wrap(get(value)),
                             kernel::rowAddress(
                                 function, {binding, rowStride(columnsOf(value))},
                                 token, column),
                             32);
  }

  //===--------------------------------------------------------------------===//
  // Dispatches without a matmul
  //===--------------------------------------------------------------------===//

  Status lowerRows() {
    SmallVector<Operation *> elementwise;
    std::optional<kernel::RopeStage> rope;
    for (Operation &op : body.without_terminator()) {
      if (auto gather = dyn_cast<GatherRowsOp>(op)) {
        LOWBIT_RETURN_IF_ERROR(lowerGather(gather));
      } else if (auto attention = dyn_cast<AttentionOp>(op)) {
        LOWBIT_RETURN_IF_ERROR(lowerAttention(attention));
      } else if (isa<RopeOp, KVAppendOp>(op)) {
        if (!rope)
          rope.emplace().name = name + "_rope";
        addRope(&op, *rope);
      } else if (auto norm = dyn_cast<NormOp>(op)) {
        kernel::MatmulActivation unused;
        LOWBIT_RETURN_IF_ERROR(lowerPrologue(norm, nullptr, unused));
      } else if (auto concat = dyn_cast<ConcatRowsOp>(op)) {
        LOWBIT_RETURN_IF_ERROR(lowerConcat(concat));
      } else if (auto slice = dyn_cast<SliceRowsOp>(op)) {
        LOWBIT_RETURN_IF_ERROR(lowerSlice(slice));
      } else if (isa<PatchifyOp, UnpatchifyOp>(op)) {
        LOWBIT_RETURN_IF_ERROR(lowerPatches(&op));
      } else if (isEpilogue(&op) || (isView(&op) && resultBindings.count(op.getResult(0)))) {
        elementwise.push_back(&op);
      } else if (!isView(&op)) {
        return unimplemented("op '%s' has no kernel outside a matmul dispatch",
                             op.getName().getStringRef().str().c_str());
      }
    }
    if (rope && threads) {
      LOWBIT_ASSIGN_OR_RETURN(kernel::ThreadLaunch launch,
                              kernel::emitThreadRope(kernels, *rope, *threads));
      addStage("_rope", perRow(), std::move(launch));
    } else if (rope) {
      LOWBIT_RETURN_IF_ERROR(kernel::emitRopeStage(kernels, *rope, capabilities));
      addStage("_rope", perRow(), uint64_t(0));
    }
    if (!elementwise.empty()) {
      int64_t columns = columnsOf(elementwise.front()->getResult(0));
      auto emitBody = [&](kernel::StageFunction &function, Value token, Value column) {
        DenseMap<Value, Value> vectors;
        emitElementwise(function, elementwise, vectors, token, column);
      };
      if (threads) {
        LOWBIT_ASSIGN_OR_RETURN(kernel::ThreadLaunch launch,
                                kernel::emitThreadElementwise(
                                    kernels, name + "_map", columns, *threads, emitBody));
        addStage("_map", perRow(), std::move(launch));
      } else {
        LOWBIT_RETURN_IF_ERROR(kernel::emitElementwiseStage(
            kernels, name + "_map", columns, capabilities, emitBody));
        addStage("_map", perRow(), uint64_t(0));
      }
    }
    return Status::success();
  }

  void addRope(Operation *op, kernel::RopeStage &stage) {
    if (auto rope = dyn_cast<RopeOp>(op)) {
      kernel::RopeSpec spec;
      spec.input = rowsOf(rope.getInput());
      spec.output = rowsOf(rope.getResult());
      spec.heads = rope.getHeads();
      spec.headDim = columnsOf(rope.getInput()) / spec.heads;
      spec.pairs = cast<RankedTensorType>(rope.getTable().getType()).getShape()[1];
      spec.adjacent = rope.getPairs() == RopePairs::Adjacent;
      spec.table = vectorBinding(rope.getTable());
      spec.sequence = static_cast<int64_t>(rope.getSequence().value_or(0));
      stage.ropes.push_back(spec);
      return;
    }
    auto append = cast<KVAppendOp>(op);
    kernel::AppendSpec spec;
    spec.keys = rowsOf(append.getKeys());
    spec.values = rowsOf(append.getValues());
    spec.cacheKeys = bindingsOf[append.getCache()][0];
    spec.cacheValues = bindingsOf[append.getCache()][1];
    spec.heads = append.getCache().getType().getHeads();
    spec.headDim = append.getCache().getType().getDim();
    stage.append = spec;
  }

  /// Attention of independent sequences, keys and values given as rows.
  Status lowerSequences(AttentionOp attention) {
    if (!attention.getSequence())
      return unimplemented("attention over rows without 'sequence' has no CPU kernel");
    kernel::SequenceAttentionStage stage;
    stage.name = name + "_attention";
    stage.query = rowsOf(attention.getQuery());
    stage.keys = rowsOf(attention.getKeys());
    stage.values = rowsOf(attention.getValues());
    stage.output = rowsOf(attention.getResult());
    stage.heads = attention.getHeads();
    stage.kvHeads = *attention.getKvHeads();
    stage.headDim = columnsOf(attention.getQuery()) / stage.heads;
    stage.sequence = *attention.getSequence();
    stage.scale = attention.getScale().convertToFloat();
    if (rows % stage.sequence != 0)
      return unimplemented("%lld rows an image are not whole sequences of %lld",
                           static_cast<long long>(rows),
                           static_cast<long long>(stage.sequence));
    for (const kernel::RowsRef *ref : {&stage.query, &stage.keys, &stage.values})
      if (ref->repeat != 1 || ref->cycle)
        return unimplemented("attention over repeated rows has no CPU kernel");
    LinearExpr items =
        LinearExpr::of(LOWBIT_DIM_TOKENS, rows / stage.sequence * stage.heads);
    if (threads) {
      LOWBIT_ASSIGN_OR_RETURN(
          kernel::ThreadLaunch launch,
          kernel::emitThreadSequenceAttention(kernels, stage, *threads));
      addStage("_attention", std::move(items), std::move(launch));
      return Status::success();
    }
    LOWBIT_ASSIGN_OR_RETURN(uint64_t scratch, kernel::emitSequenceAttentionStage(
                                                  kernels, stage, capabilities));
    addStage("_attention", std::move(items), scratch);
    return Status::success();
  }

  Status lowerAttention(AttentionOp attention) {
    if (!attention.getCache())
      return lowerSequences(attention);
    kernel::AttentionStage stage;
    stage.name = name + "_attention";
    stage.query = rowsOf(attention.getQuery());
    stage.output = rowsOf(attention.getResult());
    stage.cacheKeys = bindingsOf[attention.getCache()][0];
    stage.cacheValues = bindingsOf[attention.getCache()][1];
    stage.heads = attention.getHeads();
    stage.kvHeads = attention.getCache().getType().getHeads();
    stage.headDim = attention.getCache().getType().getDim();
    stage.scale = attention.getScale().convertToFloat();
    stage.causal = attention.getMask() != MaskKind::None;
    stage.window = attention.getWindow().value_or(0);
    if (threads) {
      for (unsigned binding : {stage.cacheKeys, stage.cacheValues})
        stageReads.insert(binding);
      LOWBIT_ASSIGN_OR_RETURN(kernel::ThreadLaunch launch,
                              kernel::emitThreadAttention(kernels, stage, *threads));
      addStage("_attention", perRow(stage.heads), std::move(launch));
      return Status::success();
    }
    LOWBIT_ASSIGN_OR_RETURN(uint64_t scratch, kernel::emitAttentionStage(
                                                  kernels, stage, capabilities));
    addStage("_attention", perRow(stage.heads), scratch);
    return Status::success();
  }

};

} // namespace

StatusOr<LoweredDispatch>
mlir::lowbit::lowerDispatch(DispatchOp dispatch, StringRef name,
                            const kernel::KernelCapabilities &capabilities,
                            ModuleOp kernels, const kernel::ThreadMachine *machine) {
  return Lowering(dispatch, name, capabilities, kernels, machine).run();
}
