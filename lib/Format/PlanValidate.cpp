//===- PlanValidate.cpp - Complete checks of a plan before use ------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Format/Components.h"
#include "lowbit/Format/Plan.h"

#include <algorithm>
#include <set>

using namespace lowbit;

namespace {

/// Larger numbers than these are not a model but an attack or a bug.
constexpr uint32_t maxSlots = 1u << 20;
constexpr uint32_t maxBindings = 256;
constexpr size_t maxStages = 16;
constexpr size_t maxVariants = 16;
constexpr size_t maxTerms = 8;

class Validator {
public:
  Validator(const Plan &plan, const ComponentTable &components)
      : plan(plan), components(components) {}

  Status run() {
    LOWBIT_RETURN_IF_ERROR(checkBuffers());
    LOWBIT_RETURN_IF_ERROR(checkStates());
    LOWBIT_RETURN_IF_ERROR(checkKernels());
    LOWBIT_RETURN_IF_ERROR(checkSets());
    LOWBIT_RETURN_IF_ERROR(checkProcedures());
    return checkFunctions();
  }

private:
  /// What a binding may refer to depends on where it stands.
  struct Scope {
    const Procedure *procedure = nullptr;
    const Function *function = nullptr;
    std::string where;
  };

  Status checkExpr(const LinearExpr &expr, const std::string &what) const {
    if (expr.constant < 0 || expr.terms.size() > maxTerms)
      return invalidArgument("%s: the expression is negative or has more than "
                             "%zu terms",
                             what.c_str(), maxTerms);
    for (const LinearTerm &term : expr.terms)
      if (term.dim >= LOWBIT_DIM_COUNT || term.coefficient < 0 ||
          term.divisor < 1)
        return invalidArgument("%s: a term with dimension %u, coefficient %lld "
                               "and divisor %lld is not allowed",
                               what.c_str(), term.dim,
                               static_cast<long long>(term.coefficient),
                               static_cast<long long>(term.divisor));
    return {};
  }

  static Status checkUnique(std::set<std::string> &names,
                            const std::string &name, const char *kind) {
    if (name.empty())
      return invalidArgument("a %s without a name", kind);
    if (!names.insert(name).second)
      return invalidArgument("two %ss are named '%s'", kind, name.c_str());
    return {};
  }

  Status checkBuffers() const {
    std::set<std::string> names;
    for (const PlanBuffer &buffer : plan.buffers) {
      LOWBIT_RETURN_IF_ERROR(checkUnique(names, buffer.name, "buffer"));
      LOWBIT_RETURN_IF_ERROR(
          checkExpr(buffer.bytes, "buffer '" + buffer.name + "'"));
      if (buffer.slot >= plan.buffers.size())
        return invalidArgument("buffer '%s' is in slot %u; slots are numbered "
                               "below the number of buffers (%zu)",
                               buffer.name.c_str(), buffer.slot,
                               plan.buffers.size());
    }
    return {};
  }

  Status checkStates() const {
    std::set<std::string> names;
    for (const PlanState &state : plan.states) {
      LOWBIT_RETURN_IF_ERROR(checkUnique(names, state.name, "state"));
      LOWBIT_RETURN_IF_ERROR(
          checkExpr(state.bytesPerSlot, "state '" + state.name + "'"));
      for (const LinearTerm &term : state.bytesPerSlot.terms)
        if (term.dim != LOWBIT_DIM_CAPACITY)
          return invalidArgument("state '%s': the size of a slot may depend on "
                                 "the capacity only, not on %s",
                                 state.name.c_str(),
                                 planDimName(term.dim).c_str());
      if (state.slots == 0 || state.slots > maxSlots)
        return invalidArgument("state '%s' has %u slots; 1 to %u are allowed",
                               state.name.c_str(), state.slots, maxSlots);
    }
    return {};
  }

  Status checkKernels() const {
    std::set<std::string> names;
    for (const PlanKernel &kernel : plan.kernels) {
      LOWBIT_RETURN_IF_ERROR(checkUnique(names, kernel.name, "kernel"));
      std::string what = "kernel '" + kernel.name + "'";
      if (kernel.stages.empty() || kernel.stages.size() > maxStages)
        return invalidArgument("%s has %zu stages; 1 to %zu are allowed",
                               what.c_str(), kernel.stages.size(), maxStages);
      if (kernel.bindings > maxBindings)
        return invalidArgument("%s has %u bindings; at most %u are allowed",
                               what.c_str(), kernel.bindings, maxBindings);
      LOWBIT_RETURN_IF_ERROR(checkExpr(kernel.parameterBytes, what));
      LOWBIT_RETURN_IF_ERROR(checkExpr(kernel.operations, what));
      for (const PlanStage &stage : kernel.stages) {
        if (stage.symbol.empty())
          return invalidArgument("%s: a stage without a symbol", what.c_str());
        LOWBIT_RETURN_IF_ERROR(checkExpr(stage.items, what));
        LOWBIT_RETURN_IF_ERROR(checkExpr(stage.scratchBytes, what));
        if (stage.grain < 1)
          return invalidArgument("%s: the grain of stage '%s' is %lld, at least "
                                 "1 is required",
                                 what.c_str(), stage.symbol.c_str(),
                                 static_cast<long long>(stage.grain));
      }
    }
    return {};
  }

  Status checkSets() const {
    for (const ParamSet &set : plan.sets)
      for (uint32_t component : set.components)
        if (component >= components.components.size())
          return invalidArgument("parameter set '%s' names component %u of %zu",
                                 set.name.c_str(), component,
                                 components.components.size());
    return {};
  }

  static Status outOfRange(const Scope &scope, const Binding &binding,
                           size_t count) {
    return invalidArgument("%s binds %s %u of %zu", scope.where.c_str(),
                           bindingKindName(binding.kind), binding.index, count);
  }

  /// A constant offset must lie within what we know the size of.
  Status checkOffset(const Scope &scope, const Binding &binding) const {
    LOWBIT_RETURN_IF_ERROR(checkExpr(binding.offset, scope.where));
    if (binding.offset.constant % LOWBIT_BINDING_ALIGNMENT != 0)
      return invalidArgument("%s binds %s %u at offset %lld, which is not a "
                             "multiple of %u",
                             scope.where.c_str(), bindingKindName(binding.kind),
                             binding.index,
                             static_cast<long long>(binding.offset.constant),
                             LOWBIT_BINDING_ALIGNMENT);
    if (binding.kind == BindingKind::component &&
        (!binding.offset.isConstant() ||
         static_cast<uint64_t>(binding.offset.constant) >=
             std::max<uint64_t>(
                 components.components[binding.index].size, 1)))
      return invalidArgument("%s binds component '%s' outside its bytes",
                             scope.where.c_str(),
                             components.components[binding.index].symbol.c_str());
    if (binding.kind == BindingKind::setComponent &&
        binding.offset != LinearExpr())
      return invalidArgument("%s binds a set component at an offset; offsets of "
                             "set components are not supported",
                             scope.where.c_str());
    return {};
  }

  Status checkBinding(const Scope &scope, const Binding &binding) const {
    size_t limit = 0;
    switch (binding.kind) {
    case BindingKind::component:
      limit = components.components.size();
      break;
    case BindingKind::buffer:
      limit = plan.buffers.size();
      break;
    case BindingKind::state:
      limit = plan.states.size();
      break;
    case BindingKind::setComponent:
      limit = scope.procedure ? scope.procedure->setComponents : 0;
      break;
    case BindingKind::argument:
      limit = scope.procedure ? scope.procedure->arguments : 0;
      break;
    case BindingKind::input:
      limit = scope.function ? scope.function->inputs.size() : 0;
      break;
    case BindingKind::output:
      limit = scope.function ? scope.function->outputs.size() : 0;
      break;
    }
    if (binding.index >= limit)
      return outOfRange(scope, binding, limit);
    if (binding.kind == BindingKind::state) {
      bool ofCall = binding.slot == callSlot;
      if (ofCall != (scope.procedure != nullptr))
        return invalidArgument(
            "%s binds state '%s' %s", scope.where.c_str(),
            plan.states[binding.index].name.c_str(),
            ofCall ? "without a slot" : "with a slot of its own; procedures use "
                                        "the slot of their call");
      if (!ofCall && binding.slot >= plan.states[binding.index].slots)
        return invalidArgument("%s binds slot %u of state '%s', which has %u",
                               scope.where.c_str(), binding.slot,
                               plan.states[binding.index].name.c_str(),
                               plan.states[binding.index].slots);
    } else if (binding.slot != callSlot) {
      return invalidArgument("%s gives a slot to a binding that is not a state",
                             scope.where.c_str());
    }
    return checkOffset(scope, binding);
  }

  Status checkDispatch(const Scope &scope, const Dispatch &dispatch) const {
    if (dispatch.variants.empty() || dispatch.variants.size() > maxVariants)
      return invalidArgument("%s has %zu variants; 1 to %zu are allowed",
                             scope.where.c_str(), dispatch.variants.size(),
                             maxVariants);
    int64_t previous = 0;
    for (const DispatchVariant &variant : dispatch.variants) {
      if (variant.kernel >= plan.kernels.size())
        return invalidArgument("%s uses kernel %u of %zu", scope.where.c_str(),
                               variant.kernel, plan.kernels.size());
      if (variant.maxTokens <= previous)
        return invalidArgument("%s: token limits of variants must rise",
                               scope.where.c_str());
      previous = variant.maxTokens;
      if (plan.kernels[variant.kernel].bindings != dispatch.bindings.size())
        return invalidArgument(
            "%s gives %zu bindings to kernel '%s', which takes %u",
            scope.where.c_str(), dispatch.bindings.size(),
            plan.kernels[variant.kernel].name.c_str(),
            plan.kernels[variant.kernel].bindings);
    }
    if (previous != anyTokens)
      return invalidArgument("%s: the last variant must accept any number of "
                             "tokens",
                             scope.where.c_str());
    for (const Binding &binding : dispatch.bindings)
      LOWBIT_RETURN_IF_ERROR(checkBinding(scope, binding));
    return checkOverlap(scope, dispatch.bindings);
  }

  /// Two different buffers of one slot in one dispatch would overwrite each other.
  Status checkOverlap(const Scope &scope,
                      const std::vector<Binding> &bindings) const {
    std::vector<uint32_t> used;
    for (const Binding &binding : bindings) {
      if (binding.kind != BindingKind::buffer)
        continue;
      for (uint32_t other : used)
        if (other != binding.index &&
            plan.buffers[other].slot == plan.buffers[binding.index].slot)
          return invalidArgument("%s binds buffers '%s' and '%s', which share "
                                 "slot %u",
                                 scope.where.c_str(),
                                 plan.buffers[other].name.c_str(),
                                 plan.buffers[binding.index].name.c_str(),
                                 plan.buffers[binding.index].slot);
      used.push_back(binding.index);
    }
    return {};
  }

  Status checkProcedures() const {
    std::set<std::string> names;
    for (const Procedure &procedure : plan.procedures) {
      LOWBIT_RETURN_IF_ERROR(checkUnique(names, procedure.name, "procedure"));
      if (procedure.setComponents > 65536 || procedure.arguments > maxBindings)
        return invalidArgument("procedure '%s' takes too many components or "
                               "arguments",
                               procedure.name.c_str());
      for (size_t i = 0; i < procedure.steps.size(); ++i)
        LOWBIT_RETURN_IF_ERROR(checkDispatch(
            {&procedure, nullptr,
             formatString("step %zu of procedure '%s'", i,
                          procedure.name.c_str())},
            procedure.steps[i]));
    }
    return {};
  }

  Status checkTensor(const Function &function, const TensorDesc &tensor,
                     std::set<std::string> &names) const {
    LOWBIT_RETURN_IF_ERROR(checkUnique(names, tensor.name, "tensor"));
    std::string what =
        "tensor '" + tensor.name + "' of function '" + function.name + "'";
    if (tensor.shape.empty() || tensor.shape.size() > 8)
      return invalidArgument("%s has %zu axes; 1 to 8 are allowed", what.c_str(),
                             tensor.shape.size());
    for (const LinearExpr &extent : tensor.shape)
      LOWBIT_RETURN_IF_ERROR(checkExpr(extent, what));
    const LinearExpr &last = tensor.shape.back();
    if (tensor.columns < 0 || (tensor.columns > 0 && last.isConstant() &&
                               tensor.columns > last.constant))
      return invalidArgument("%s: %lld columns in rows of %s", what.c_str(),
                             static_cast<long long>(tensor.columns),
                             last.toString().c_str());
    return {};
  }

  Status checkCall(const Scope &scope, const Call &call) const {
    if (call.procedure >= plan.procedures.size())
      return invalidArgument("%s calls procedure %u of %zu", scope.where.c_str(),
                             call.procedure, plan.procedures.size());
    const Procedure &procedure = plan.procedures[call.procedure];
    if (call.set >= plan.sets.size())
      return invalidArgument("%s uses parameter set %u of %zu",
                             scope.where.c_str(), call.set, plan.sets.size());
    if (plan.sets[call.set].components.size() != procedure.setComponents)
      return invalidArgument(
          "%s: parameter set '%s' has %zu components, procedure '%s' takes %u",
          scope.where.c_str(), plan.sets[call.set].name.c_str(),
          plan.sets[call.set].components.size(), procedure.name.c_str(),
          procedure.setComponents);
    if (call.arguments.size() != procedure.arguments)
      return invalidArgument("%s gives %zu arguments to procedure '%s', which "
                             "takes %u",
                             scope.where.c_str(), call.arguments.size(),
                             procedure.name.c_str(), procedure.arguments);
    for (const Binding &argument : call.arguments) {
      if (argument.kind != BindingKind::buffer &&
          argument.kind != BindingKind::input &&
          argument.kind != BindingKind::output)
        return invalidArgument("%s passes a %s; only buffers, inputs and outputs "
                               "can be arguments",
                               scope.where.c_str(),
                               bindingKindName(argument.kind));
      LOWBIT_RETURN_IF_ERROR(checkBinding(scope, argument));
    }
    LOWBIT_RETURN_IF_ERROR(checkOverlap(scope, call.arguments));
    return checkCallBuffers(scope, call, procedure);
  }

  /// State slots and slots shared between arguments and the procedure's own
  /// buffers, which only a call makes visible.
  Status checkCallBuffers(const Scope &scope, const Call &call,
                          const Procedure &procedure) const {
    for (const Dispatch &dispatch : procedure.steps) {
      std::vector<Binding> resolved;
      for (const Binding &binding : dispatch.bindings) {
        if (binding.kind == BindingKind::state &&
            call.slot >= plan.states[binding.index].slots)
          return invalidArgument("%s uses slot %u of state '%s', which has %u",
                                 scope.where.c_str(), call.slot,
                                 plan.states[binding.index].name.c_str(),
                                 plan.states[binding.index].slots);
        resolved.push_back(binding.kind == BindingKind::argument
                               ? call.arguments[binding.index]
                               : binding);
      }
      LOWBIT_RETURN_IF_ERROR(checkOverlap(scope, resolved));
    }
    return {};
  }

  Status checkFunctions() const {
    std::set<std::string> names;
    for (const Function &function : plan.functions) {
      LOWBIT_RETURN_IF_ERROR(checkUnique(names, function.name, "function"));
      std::set<std::string> tensors;
      for (const TensorDesc &tensor : function.inputs)
        LOWBIT_RETURN_IF_ERROR(checkTensor(function, tensor, tensors));
      for (const TensorDesc &tensor : function.outputs)
        LOWBIT_RETURN_IF_ERROR(checkTensor(function, tensor, tensors));
      for (size_t i = 0; i < function.steps.size(); ++i) {
        Scope scope{nullptr, &function,
                    formatString("step %zu of function '%s'", i,
                                 function.name.c_str())};
        if (const auto *call = std::get_if<Call>(&function.steps[i]))
          LOWBIT_RETURN_IF_ERROR(checkCall(scope, *call));
        else
          LOWBIT_RETURN_IF_ERROR(
              checkDispatch(scope, std::get<Dispatch>(function.steps[i])));
      }
    }
    return {};
  }

  const Plan &plan;
  const ComponentTable &components;
};

} // namespace

Status lowbit::validatePlan(const Plan &plan, const ComponentTable &components) {
  return Validator(plan, components).run();
}
