//===- PlanBuilder.cpp - Scheduled IR to an execution plan ----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compiler/PlanBuilder.h"

#include "passes/Fusion/RowFactors.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace mlir::lowbit;

using ::lowbit::Binding;
using ::lowbit::invalidArgument;
using ::lowbit::LinearExpr;
using ::lowbit::Plan;
using ::lowbit::Status;
using ::lowbit::StatusOr;

namespace {

/// Where a value lives: one binding for rows, one for each component of a
/// parameter, keys and values of a cache, none for a scalar.
using Place = SmallVector<Binding, 2>;

bool isRows(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && !tensor.hasStaticShape();
}

/// Bytes of `rows` dynamic rows a token: rows x stride x element size.
LinearExpr rowBytes(Type type, int64_t rows) {
  auto tensor = cast<RankedTensorType>(type);
  int64_t stride = tensor.getRank() == 2 ? rowStride(tensor.getShape()[1]) : 1;
  return LinearExpr::of(LOWBIT_DIM_TOKENS, rows * stride * 4);
}

/// Hands out memory slots to buffers that are not alive together.
class SlotAllocator {
public:
  explicit SlotAllocator(uint32_t base) : base(base) {}

  /// A free slot whose last size is nearest to `bytes`, or a new one.
  uint32_t take(int64_t bytes) {
    int64_t best = -1;
    for (size_t i = 0; i < sizes.size(); ++i)
      if (!busy[i] && (best < 0 || std::abs(sizes[i] - bytes) <
                                       std::abs(sizes[best] - bytes)))
        best = static_cast<int64_t>(i);
    if (best < 0) {
      best = static_cast<int64_t>(sizes.size());
      sizes.push_back(0);
      busy.push_back(false);
    }
    busy[best] = true;
    sizes[best] = std::max(sizes[best], bytes);
    return base + static_cast<uint32_t>(best);
  }
  void release(uint32_t slot) { busy[slot - base] = false; }
  uint32_t end() const { return base + static_cast<uint32_t>(sizes.size()); }

private:
  uint32_t base;
  SmallVector<int64_t> sizes;
  SmallVector<bool> busy;
};

/// A number to compare buffer sizes by; 64 tokens stand for any.
int64_t typicalBytes(const LinearExpr &bytes) {
  ::lowbit::PlanDims dims;
  dims.fill(64);
  auto value = bytes.evaluate(dims);
  return value.isOk() ? *value : INT64_MAX;
}

class PlanMaker {
public:
  PlanMaker(ModuleOp module, const KernelTable &kernels,
          ArrayRef<LoweredDispatch> lowered, const ComponentIndices &components,
          const RowFactors &rows)
      : module(module), kernels(kernels), lowered(lowered),
        components(components), rows(rows) {}

  StatusOr<Plan> build() {
    addKernels();
    LOWBIT_RETURN_IF_ERROR(addStates());
    uint32_t functionSlots = 0;
    // Function-level buffers first: procedures run while those are alive.
    for (auto function : module.getOps<func::FuncOp>()) {
      SlotAllocator slots(0);
      LOWBIT_RETURN_IF_ERROR(addFunction(function, slots));
      functionSlots = std::max(functionSlots, slots.end());
    }
    for (auto &[block, procedure] : procedureOf)
      LOWBIT_RETURN_IF_ERROR(
          fillProcedure(cast<BlockOp>(block), procedure, functionSlots));
    return std::move(plan);
  }

private:
  void addKernels() {
    for (auto [index, dispatch] : llvm::enumerate(lowered)) {
      ::lowbit::PlanKernel kernel;
      kernel.name = kernels.names[index];
      kernel.stages = dispatch.stages;
      kernel.bindings = static_cast<uint32_t>(dispatch.bindings.size());
      kernel.parameterBytes =
          LinearExpr(static_cast<int64_t>(dispatch.parameterBytes));
      kernel.operations = LinearExpr::of(
          LOWBIT_DIM_TOKENS, static_cast<int64_t>(dispatch.operationsPerToken));
      plan.kernels.push_back(std::move(kernel));
    }
  }

  Status addStates() {
    for (auto cache : module.getOps<KVCacheOp>()) {
      ::lowbit::PlanState state;
      state.name = cache.getSymName().str();
      state.slots = static_cast<uint32_t>(cache.getSlots());
      state.bytesPerSlot = cacheBytes(cast<KVType>(cache.getType())) * 2;
      stateOf[cache.getSymName()] = static_cast<uint32_t>(plan.states.size());
      plan.states.push_back(std::move(state));
    }
    return Status::success();
  }

  /// Bytes of the keys (or the values) of one slot.
  static LinearExpr cacheBytes(KVType type) {
    return LinearExpr::of(LOWBIT_DIM_CAPACITY,
                          type.getHeads() * type.getDim() * 4);
  }

  static Place cachePlace(uint32_t state, KVType type, uint32_t slot) {
    return {Binding::state(state, {}, slot),
            Binding::state(state, cacheBytes(type), slot)};
  }

  Status addFunction(func::FuncOp function, SlotAllocator &slots) {
    ::lowbit::Function result;
    result.name = function.getName().str();
    llvm::StringMap<unsigned> names;
    DenseMap<Value, Place> places;
    for (BlockArgument argument : function.getArguments()) {
      if (argument.getType().isInteger(64)) {
        places[argument] = {}; // the position: a dimension of the call
        continue;
      }
      if (!isRows(argument.getType()))
        return invalidArgument("function '%s': argument %u is neither rows nor a "
                               "position",
                               result.name.c_str(), argument.getArgNumber());
      places[argument] = {
          Binding::input(static_cast<uint32_t>(result.inputs.size()))};
      bool ids = cast<RankedTensorType>(argument.getType()).getRank() == 1;
      auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                        "lowbit.name");
      result.inputs.push_back(describeRows(argument,
                                           name  ? name.getValue()
                                           : ids ? "ids"
                                                 : "hidden",
                                           names));
    }
    Operation *terminator = function.getBody().front().getTerminator();
    for (auto [index, value] : llvm::enumerate(terminator->getOperands())) {
      if (!isRows(value.getType()) || isa<BlockArgument>(value))
        return invalidArgument("function '%s': result %zu is not computed rows",
                               result.name.c_str(), index);
      places[value] = {Binding::output(static_cast<uint32_t>(index))};
      auto name = function.getResultAttrOfType<StringAttr>(index, "lowbit.name");
      result.outputs.push_back(describeRows(value,
                                            name ? name.getValue()
                                            : result.name == "head" ? "logits"
                                                                    : "hidden",
                                            names));
    }
    LOWBIT_RETURN_IF_ERROR(addSteps(
        function.getBody().front(), places, slots,
        [&](::lowbit::Dispatch dispatch) {
          result.steps.emplace_back(std::move(dispatch));
        },
        [&](LayerOp layer) -> Status {
          LOWBIT_ASSIGN_OR_RETURN(::lowbit::Call call, makeCall(layer, places));
          result.steps.emplace_back(std::move(call));
          return Status::success();
        }));
    plan.functions.push_back(std::move(result));
    return Status::success();
  }

  /// A second tensor of a name in a function (`names` counts) gets a number.
  ::lowbit::TensorDesc describeRows(Value value, StringRef name,
                                    llvm::StringMap<unsigned> &names) const {
    auto tensor = cast<RankedTensorType>(value.getType());
    ::lowbit::TensorDesc desc;
    unsigned number = names[name]++;
    desc.name = name.str() + (number ? "." + std::to_string(number) : "");
    desc.type = tensor.getElementType().isF32() ? ::lowbit::ElementType::f32
                                                : ::lowbit::ElementType::i32;
    desc.shape = {LinearExpr::of(LOWBIT_DIM_TOKENS, rows.of(value))};
    if (tensor.getRank() == 2) {
      desc.shape.push_back(LinearExpr(rowStride(tensor.getShape()[1])));
      desc.columns = tensor.getShape()[1];
    }
    return desc;
  }

  /// Turns the ops of a body into steps, in order, with slots for their results.
  template <typename AddDispatch, typename AddLayer>
  Status addSteps(mlir::Block &body, DenseMap<Value, Place> &places,
                  SlotAllocator &slots, AddDispatch addDispatch,
                  AddLayer addLayer) {
    DenseMap<Value, uint32_t> slotOf;
    for (Operation &op : body.without_terminator()) {
      if (auto param = dyn_cast<GetParamOp>(op)) {
        auto it = components.find(param.getParam());
        if (it == components.end())
          return invalidArgument("parameter '%s' has no components",
                                 param.getParam().str().c_str());
        Place place;
        for (uint32_t component : it->second)
          place.push_back(Binding::component(component));
        places[param.getResult()] = place;
        continue;
      }
      for (Value result : op.getResults()) {
        if (!isRows(result.getType()))
          return invalidArgument("op '%s' has a result that is not rows",
                                 op.getName().getStringRef().str().c_str());
        if (places.count(result))
          continue;
        slotOf[result] = newBuffer(op, rowBytes(result.getType(), rows.of(result)), slots,
                                   places[result]);
      }
      if (auto dispatch = dyn_cast<DispatchOp>(op)) {
        SmallVector<uint32_t> temporarySlots;
        LOWBIT_ASSIGN_OR_RETURN(
            ::lowbit::Dispatch step,
            makeDispatch(dispatch, places, slots, temporarySlots));
        addDispatch(std::move(step));
        for (uint32_t slot : temporarySlots)
          slots.release(slot);
      } else if (auto layer = dyn_cast<LayerOp>(op)) {
        LOWBIT_RETURN_IF_ERROR(addLayer(layer));
      } else {
        return invalidArgument(
            "op '%s' stands outside a dispatch; run the fuse phase first",
            op.getName().getStringRef().str().c_str());
      }
      releaseDead(op, slotOf, slots);
    }
    return Status::success();
  }

  uint32_t newBuffer(Operation &op, LinearExpr bytes, SlotAllocator &slots,
                     Place &place) {
    ::lowbit::PlanBuffer buffer;
    buffer.name = "b" + std::to_string(plan.buffers.size());
    buffer.slot = slots.take(typicalBytes(bytes));
    buffer.bytes = std::move(bytes);
    place = {Binding::buffer(static_cast<uint32_t>(plan.buffers.size()))};
    plan.buffers.push_back(buffer);
    return buffer.slot;
  }

  /// Releases the slots of values whose last user is `op`.
  static void releaseDead(Operation &op, DenseMap<Value, uint32_t> &slotOf,
                          SlotAllocator &slots) {
    auto release = [&](Value value) {
      auto it = slotOf.find(value);
      if (it == slotOf.end())
        return;
      bool dead = llvm::all_of(value.getUsers(), [&](Operation *user) {
        return user == &op || user->isBeforeInBlock(&op);
      });
      if (!dead)
        return;
      slots.release(it->second);
      slotOf.erase(it);
    };
    for (Value operand : op.getOperands())
      release(operand);
    for (Value result : op.getResults())
      release(result);
  }

  StatusOr<::lowbit::Dispatch>
  makeDispatch(DispatchOp dispatch, DenseMap<Value, Place> &places,
               SlotAllocator &slots, SmallVector<uint32_t> &temporarySlots) {
    unsigned kernel = kernels.kernelOf.lookup(dispatch);
    const LoweredDispatch &code = lowered[kernel];
    SmallVector<Place> temporaries(code.temporaries.size());
    for (auto [bytes, place] : llvm::zip(code.temporaries, temporaries))
      temporarySlots.push_back(newBuffer(*dispatch, bytes, slots, place));
    ::lowbit::Dispatch step;
    step.variants = {{::lowbit::anyTokens, kernel}};
    for (const KernelBinding &binding : code.bindings) {
      const Place *place = nullptr;
      unsigned part = 0;
      switch (binding.kind) {
      case KernelBinding::Kind::component:
        part = binding.component;
        [[fallthrough]];
      case KernelBinding::Kind::rows:
      case KernelBinding::Kind::keys:
        place = &places[dispatch.getInputs()[binding.index]];
        break;
      case KernelBinding::Kind::values:
        part = 1;
        place = &places[dispatch.getInputs()[binding.index]];
        break;
      case KernelBinding::Kind::result:
        place = &places[dispatch.getResult(binding.index)];
        break;
      case KernelBinding::Kind::temporary:
        place = &temporaries[binding.index];
        break;
      }
      if (part >= place->size())
        return ::lowbit::internalError("kernel '%s' binds a part that a value "
                                       "does not have",
                                       kernels.names[kernel].c_str());
      step.bindings.push_back((*place)[part]);
    }
    return step;
  }

  StatusOr<::lowbit::Call> makeCall(LayerOp layer,
                                    DenseMap<Value, Place> &places) {
    auto block = tables.lookupNearestSymbolFrom<BlockOp>(layer, layer.getCalleeAttr());
    auto [it, isNew] = procedureOf.try_emplace(
        block, static_cast<uint32_t>(plan.procedures.size()));
    if (isNew) {
      plan.procedures.emplace_back().name = block.getSymName().str();
      firstCall[block] = layer;
    }
    ::lowbit::Call call;
    call.procedure = it->second;
    for (auto [index, input] : llvm::enumerate(layer.getInputs())) {
      if (isRows(input.getType())) {
        call.arguments.push_back(places[input].front());
        continue;
      }
      // Tables are the same for every call: the procedure names them itself.
      Place &shared = sharedInputs[block][index];
      if (shared.empty())
        shared = places[input];
      else if (shared != places[input])
        return ::lowbit::unimplemented(
            "layers of block '%s' pass different tables as input %zu",
            block.getSymName().str().c_str(), index);
    }
    for (Value result : layer.getResults())
      call.arguments.push_back(places[result].front());
    LOWBIT_ASSIGN_OR_RETURN(call.set, addSet(layer));
    if (layer.getSlot())
      call.slot = static_cast<uint32_t>(*layer.getSlot());
    return call;
  }

  StatusOr<uint32_t> addSet(LayerOp layer) {
    std::string name = layer.getParams() ? layer.getParams()->str() : "";
    auto [it, isNew] =
        setOf.try_emplace(name, static_cast<uint32_t>(plan.sets.size()));
    if (!isNew)
      return it->second;
    ::lowbit::ParamSet set;
    set.name = name.empty() ? "none" : name;
    if (layer.getParamsAttr()) {
      auto op = tables.lookupNearestSymbolFrom<ParamSetOp>(layer, layer.getParamsAttr());
      for (FlatSymbolRefAttr member : op.resolveMembers(tables)) {
        auto found = components.find(member.getValue());
        if (found == components.end())
          return invalidArgument("parameter '%s' has no components",
                                 member.getValue().str().c_str());
        set.components.insert(set.components.end(), found->second.begin(),
                              found->second.end());
      }
    }
    plan.sets.push_back(std::move(set));
    return it->second;
  }

  Status fillProcedure(BlockOp block, uint32_t index, uint32_t slotBase) {
    DenseMap<Value, Place> places;
    uint32_t arguments = 0, setComponents = 0;
    mlir::Block &body = block.getBody().front();
    for (auto [number, argument] : llvm::enumerate(body.getArguments())) {
      Type type = argument.getType();
      if (auto cache = dyn_cast<KVType>(type)) {
        LayerOp call = firstCall[block];
        places[argument] =
            cachePlace(stateOf.lookup(*call.getCache()), cache, ::lowbit::callSlot);
      } else if (number >= static_cast<size_t>(block.getNumInputs())) {
        LOWBIT_ASSIGN_OR_RETURN(uint32_t count, componentCount(type));
        for (uint32_t i = 0; i < count; ++i)
          places[argument].push_back(Binding::setComponent(setComponents++));
      } else if (isRows(type)) {
        places[argument] = {Binding::argument(arguments++)};
      } else {
        places[argument] = sharedInputs[block][number];
      }
    }
    for (auto [number, value] :
         llvm::enumerate(body.getTerminator()->getOperands())) {
      if (isa<BlockArgument>(value))
        return ::lowbit::unimplemented("block '%s' returns an argument",
                                       block.getSymName().str().c_str());
      places[value] = {Binding::argument(arguments++)};
    }
    SlotAllocator slots(slotBase);
    std::vector<::lowbit::Dispatch> steps;
    LOWBIT_RETURN_IF_ERROR(addSteps(
        body, places, slots,
        [&](::lowbit::Dispatch dispatch) { steps.push_back(std::move(dispatch)); },
        [&](LayerOp layer) -> Status {
          return ::lowbit::unimplemented(
              "block '%s' calls block '%s'; blocks that call blocks run only in "
              "denoisers, where hoist-steps puts them in place",
              block.getSymName().str().c_str(), layer.getCallee().str().c_str());
        }));
    ::lowbit::Procedure &procedure = plan.procedures[index];
    procedure.arguments = arguments;
    procedure.setComponents = setComponents;
    procedure.steps = std::move(steps);
    return Status::success();
  }

  static StatusOr<uint32_t> componentCount(Type type) {
    auto tensor = dyn_cast<LowbitTensorType>(type);
    if (!tensor)
      return 1u;
    LOWBIT_ASSIGN_OR_RETURN(auto types, tensor.getComponentTypes());
    return static_cast<uint32_t>(types.size());
  }

  ModuleOp module;
  const KernelTable &kernels;
  ArrayRef<LoweredDispatch> lowered;
  const ComponentIndices &components;
  const RowFactors &rows;
  SymbolTableCollection tables;
  Plan plan;
  llvm::StringMap<uint32_t> stateOf;
  std::map<std::string, uint32_t> setOf;
  llvm::MapVector<Operation *, uint32_t> procedureOf;
  DenseMap<Operation *, LayerOp> firstCall;
  DenseMap<Operation *, std::map<size_t, Place>> sharedInputs;
};

} // namespace

StatusOr<Plan> mlir::lowbit::buildPlan(ModuleOp module, const KernelTable &kernels,
                                       ArrayRef<LoweredDispatch> lowered,
                                       const ComponentIndices &components) {
  FailureOr<RowFactors> rows = RowFactors::compute(module);
  if (failed(rows))
    return invalidArgument("the rows of the model's values do not fit each other");
  return PlanMaker(module, kernels, lowered, components, *rows).build();
}
