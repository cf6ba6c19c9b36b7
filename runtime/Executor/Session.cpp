//===- Session.cpp - Executes the plan of a module ------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The plan is resolved once: procedure calls become a flat list of dispatches whose
// bindings are addresses, except those of inputs, outputs and offsets that move with
// the call. Invoking a function is then one loop.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Runtime/Session.h"

#include "lowbit/Support/CheckedMath.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>

using namespace lowbit;

static constexpr int64_t capacityMultiple = 128;

namespace {

/// A binding with everything known that does not change between invocations.
struct ResolvedBinding {
  enum class Source : uint8_t { fixed, input, output };
  Source source = Source::fixed;
  uint32_t index = 0;    ///< of the input or output
  uint64_t address = 0;  ///< fixed address, or constant offset
  /// Offset to add for the dimensions of the call; null when it is constant.
  const LinearExpr *offset = nullptr;
};

/// One dispatch of a function, procedure calls expanded.
struct ResolvedDispatch {
  const std::vector<DispatchVariant> *variants = nullptr;
  uint32_t firstBinding = 0;
  uint32_t bindingCount = 0;
};

struct ResolvedFunction {
  std::vector<ResolvedDispatch> dispatches;
  std::vector<ResolvedBinding> bindings;
  bool usesState = false;
  bool inUse = false; ///< by SessionOptions::functions
};

/// What the functions in use touch.
struct PlanUse {
  std::vector<bool> functions;
  std::vector<bool> buffers;
  std::vector<bool> kernels;
};

} // namespace

/// Names that the plan does not have are an error.
static StatusOr<PlanUse> findUse(const Plan &plan,
                                 const std::vector<std::string> &functions) {
  PlanUse use;
  use.functions.assign(plan.functions.size(), functions.empty());
  use.buffers.assign(plan.buffers.size(), false);
  use.kernels.assign(plan.kernels.size(), false);
  for (const std::string &name : functions) {
    auto found = std::find_if(plan.functions.begin(), plan.functions.end(),
                              [&](const Function &f) { return f.name == name; });
    if (found == plan.functions.end())
      return notFound("the module has no function '%s'", name.c_str());
    use.functions[static_cast<size_t>(found - plan.functions.begin())] = true;
  }
  auto addBindings = [&](const std::vector<Binding> &bindings) {
    for (const Binding &binding : bindings)
      if (binding.kind == BindingKind::buffer)
        use.buffers[binding.index] = true;
  };
  auto addDispatch = [&](const Dispatch &dispatch) {
    addBindings(dispatch.bindings);
    for (const DispatchVariant &variant : dispatch.variants)
      use.kernels[variant.kernel] = true;
  };
  for (size_t i = 0; i < plan.functions.size(); ++i) {
    if (!use.functions[i])
      continue;
    for (const Step &step : plan.functions[i].steps) {
      if (const auto *dispatch = std::get_if<Dispatch>(&step)) {
        addDispatch(*dispatch);
        continue;
      }
      const Call &call = std::get<Call>(step);
      addBindings(call.arguments);
      for (const Dispatch &dispatch : plan.procedures[call.procedure].steps)
        addDispatch(dispatch);
    }
  }
  return use;
}

struct Session::Impl {
  const Module &module;
  SessionOptions options;
  std::vector<std::unique_ptr<Buffer>> slots;
  std::vector<std::unique_ptr<Buffer>> states;
  std::vector<uint64_t> stateStride; ///< bytes from one slot to the next
  std::vector<ResolvedFunction> functions;
  std::vector<KernelStatistics> statistics;
  uint64_t stateBytes = 0;
  uint64_t transientBytes = 0;
  // Reused by every launch.
  std::vector<uint64_t> addresses;
  std::vector<StageLaunch> stages;

  Impl(const Module &module, const SessionOptions &options)
      : module(module), options(options) {}

  /// The largest dimensions of any invocation.
  PlanDims limits() const {
    PlanDims dims = {};
    dims[LOWBIT_DIM_TOKENS] = options.tokens;
    dims[LOWBIT_DIM_POSITION] = options.capacity;
    dims[LOWBIT_DIM_CAPACITY] = options.capacity;
    return dims;
  }

  Status allocate(const PlanUse &use);
  Status resolveFunctions(const PlanUse &use);
  Status resolveDispatch(ResolvedFunction &function, const Dispatch &dispatch,
                         const Call *call);
  StatusOr<ResolvedBinding> resolve(const Binding &binding, const Call *call);
  Status setOffset(ResolvedBinding &resolved, const LinearExpr &offset);
  Status launch(const ResolvedFunction &function,
                const ResolvedDispatch &dispatch, const PlanDims &dims,
                std::span<Buffer *const> inputs,
                std::span<Buffer *const> outputs);
};

//===----------------------------------------------------------------------===//
// Creation
//===----------------------------------------------------------------------===//

Status Session::Impl::allocate(const PlanUse &use) {
  const Plan &plan = module.plan();
  Device &device = module.device();
  PlanDims dims = limits();
  std::map<uint32_t, int64_t> slotBytes;
  for (size_t i = 0; i < plan.buffers.size(); ++i) {
    const PlanBuffer &buffer = plan.buffers[i];
    if (!use.buffers[i])
      continue;
    LOWBIT_ASSIGN_OR_RETURN(int64_t bytes, buffer.bytes.evaluate(dims));
    int64_t &slot = slotBytes[buffer.slot];
    slot = std::max(slot, bytes);
  }
  slots.resize(plan.buffers.size());
  for (auto [slot, bytes] : slotBytes) {
    LOWBIT_ASSIGN_OR_RETURN(slots[slot],
                            device.allocate(bytes, MemoryKind::transient));
    transientBytes += bytes;
  }
  for (const PlanState &state : plan.states) {
    LOWBIT_ASSIGN_OR_RETURN(int64_t bytes, state.bytesPerSlot.evaluate(dims));
    std::optional<int64_t> stride =
        checkedAlignTo<int64_t>(bytes, LOWBIT_BINDING_ALIGNMENT);
    std::optional<int64_t> total =
        stride ? checkedMul<int64_t>(*stride, state.slots) : std::nullopt;
    if (!total)
      return resourceExhausted("state '%s' is too large for a capacity of %lld",
                               state.name.c_str(),
                               static_cast<long long>(options.capacity));
    LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<Buffer> buffer,
                            device.allocate(*total, MemoryKind::state));
    states.push_back(std::move(buffer));
    stateStride.push_back(*stride);
    stateBytes += *total;
  }
  uint64_t scratch = 0;
  size_t maxStages = 0, maxBindings = 0;
  for (size_t i = 0; i < plan.kernels.size(); ++i) {
    const PlanKernel &kernel = plan.kernels[i];
    if (!use.kernels[i])
      continue;
    maxStages = std::max(maxStages, kernel.stages.size());
    maxBindings = std::max<size_t>(maxBindings, kernel.bindings);
    for (const PlanStage &stage : kernel.stages) {
      LOWBIT_ASSIGN_OR_RETURN(int64_t bytes, stage.scratchBytes.evaluate(dims));
      scratch = std::max(scratch, static_cast<uint64_t>(bytes));
    }
  }
  addresses.resize(maxBindings);
  stages.reserve(maxStages);
  statistics.resize(plan.kernels.size());
  return device.reserveScratch(scratch);
}

/// Adds the part of an offset that the session fixes; keeps the rest.
Status Session::Impl::setOffset(ResolvedBinding &resolved,
                                const LinearExpr &offset) {
  LOWBIT_ASSIGN_OR_RETURN(int64_t atLimits, offset.evaluate(limits()));
  bool fixed = std::all_of(
      offset.terms.begin(), offset.terms.end(),
      [](const LinearTerm &term) { return term.dim == LOWBIT_DIM_CAPACITY; });
  if (!fixed)
    resolved.offset = &offset;
  else
    resolved.address += static_cast<uint64_t>(atLimits);
  if (fixed && atLimits % LOWBIT_BINDING_ALIGNMENT != 0)
    return invalidArgument("the plan binds at offset %s = %lld, which is not a "
                           "multiple of %u",
                           offset.toString().c_str(),
                           static_cast<long long>(atLimits),
                           LOWBIT_BINDING_ALIGNMENT);
  return {};
}

StatusOr<ResolvedBinding> Session::Impl::resolve(const Binding &binding,
                                                 const Call *call) {
  const Plan &plan = module.plan();
  ResolvedBinding result;
  switch (binding.kind) {
  case BindingKind::component:
    result.address = module.componentAddress(binding.index);
    break;
  case BindingKind::setComponent:
    result.address = module.componentAddress(
        plan.sets[call->set].components[binding.index]);
    break;
  case BindingKind::argument: {
    const Binding &argument = call->arguments[binding.index];
    LOWBIT_ASSIGN_OR_RETURN(result, resolve(argument, nullptr));
    // One moving part is all that a binding has room for.
    if (result.offset && binding.offset != LinearExpr())
      return unimplemented("the plan offsets an argument that has an offset of "
                           "its own");
    break;
  }
  case BindingKind::buffer:
    result.address = slots[plan.buffers[binding.index].slot]->address();
    break;
  case BindingKind::state: {
    uint32_t slot = binding.slot == callSlot ? call->slot : binding.slot;
    uint64_t start = slot * stateStride[binding.index];
    LOWBIT_ASSIGN_OR_RETURN(int64_t offset, binding.offset.evaluate(limits()));
    if (static_cast<uint64_t>(offset) >
        std::max<uint64_t>(stateStride[binding.index], 1) - 1)
      return invalidArgument("the plan binds state '%s' outside its slot",
                             plan.states[binding.index].name.c_str());
    result.address = states[binding.index]->address() + start;
    break;
  }
  case BindingKind::input:
    result.source = ResolvedBinding::Source::input;
    result.index = binding.index;
    break;
  case BindingKind::output:
    result.source = ResolvedBinding::Source::output;
    result.index = binding.index;
    break;
  }
  LOWBIT_RETURN_IF_ERROR(setOffset(result, binding.offset));
  return result;
}

Status Session::Impl::resolveDispatch(ResolvedFunction &function,
                                      const Dispatch &dispatch,
                                      const Call *call) {
  ResolvedDispatch resolved;
  resolved.variants = &dispatch.variants;
  resolved.firstBinding = static_cast<uint32_t>(function.bindings.size());
  resolved.bindingCount = static_cast<uint32_t>(dispatch.bindings.size());
  for (const Binding &binding : dispatch.bindings) {
    LOWBIT_ASSIGN_OR_RETURN(ResolvedBinding one, resolve(binding, call));
    function.bindings.push_back(one);
    function.usesState |= binding.kind == BindingKind::state;
  }
  function.dispatches.push_back(resolved);
  return {};
}

Status Session::Impl::resolveFunctions(const PlanUse &use) {
  const Plan &plan = module.plan();
  for (size_t i = 0; i < plan.functions.size(); ++i) {
    ResolvedFunction &resolved = functions.emplace_back();
    resolved.inUse = use.functions[i];
    if (!resolved.inUse)
      continue;
    for (const Step &step : plan.functions[i].steps) {
      if (const auto *dispatch = std::get_if<Dispatch>(&step)) {
        LOWBIT_RETURN_IF_ERROR(resolveDispatch(resolved, *dispatch, nullptr));
        continue;
      }
      const Call &call = std::get<Call>(step);
      for (const Dispatch &dispatch : plan.procedures[call.procedure].steps)
        LOWBIT_RETURN_IF_ERROR(resolveDispatch(resolved, dispatch, &call));
    }
  }
  return {};
}

Session::Session(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
Session::~Session() = default;

StatusOr<std::unique_ptr<Session>>
Session::create(const Module &module, const SessionOptions &options) {
  std::optional<int64_t> capacity =
      checkedAlignTo<int64_t>(options.capacity, capacityMultiple);
  if (options.capacity < 1 || options.tokens < 1 || !capacity ||
      *capacity > (int64_t(1) << 40) || options.tokens > (int64_t(1) << 40))
    return invalidArgument("a session cannot have a capacity of %lld and %lld "
                           "tokens a call",
                           static_cast<long long>(options.capacity),
                           static_cast<long long>(options.tokens));
  auto impl = std::make_unique<Impl>(module, options);
  impl->options.capacity = *capacity;
  LOWBIT_ASSIGN_OR_RETURN(PlanUse use,
                          findUse(module.plan(), options.functions));
  LOWBIT_RETURN_IF_ERROR(impl->allocate(use));
  LOWBIT_RETURN_IF_ERROR(impl->resolveFunctions(use));
  return std::unique_ptr<Session>(new Session(std::move(impl)));
}

//===----------------------------------------------------------------------===//
// Invocation
//===----------------------------------------------------------------------===//

Status Session::Impl::launch(const ResolvedFunction &function,
                             const ResolvedDispatch &dispatch,
                             const PlanDims &dims,
                             std::span<Buffer *const> inputs,
                             std::span<Buffer *const> outputs) {
  const std::vector<DispatchVariant> &variants = *dispatch.variants;
  size_t chosen = 0;
  while (variants[chosen].maxTokens < dims[LOWBIT_DIM_TOKENS])
    ++chosen;
  uint32_t kernelIndex = variants[chosen].kernel;
  const PlanKernel &kernel = module.plan().kernels[kernelIndex];

  for (uint32_t i = 0; i < dispatch.bindingCount; ++i) {
    const ResolvedBinding &binding =
        function.bindings[dispatch.firstBinding + i];
    uint64_t address = binding.address;
    if (binding.source == ResolvedBinding::Source::input)
      address += inputs[binding.index]->address();
    else if (binding.source == ResolvedBinding::Source::output)
      address += outputs[binding.index]->address();
    if (binding.offset) {
      LOWBIT_ASSIGN_OR_RETURN(int64_t offset, binding.offset->evaluate(dims));
      address += static_cast<uint64_t>(offset);
    }
    if (address % LOWBIT_BINDING_ALIGNMENT != 0)
      return invalidArgument("binding %u of kernel '%s' is not aligned to %u "
                             "bytes",
                             i, kernel.name.c_str(), LOWBIT_BINDING_ALIGNMENT);
    addresses[i] = address;
  }
  stages.clear();
  std::span<const uint32_t> numbers = module.stagesOf(kernelIndex);
  for (size_t i = 0; i < kernel.stages.size(); ++i) {
    const PlanStage &stage = kernel.stages[i];
    LOWBIT_ASSIGN_OR_RETURN(int64_t items, stage.items.evaluate(dims));
    LOWBIT_ASSIGN_OR_RETURN(int64_t scratch, stage.scratchBytes.evaluate(dims));
    stages.push_back(
        {numbers[i], items, stage.grain, static_cast<uint64_t>(scratch)});
  }

  KernelStatistics &record = statistics[kernelIndex];
  ++record.calls;
  LOWBIT_ASSIGN_OR_RETURN(int64_t bytes, kernel.parameterBytes.evaluate(dims));
  LOWBIT_ASSIGN_OR_RETURN(int64_t operations, kernel.operations.evaluate(dims));
  record.parameterBytes += static_cast<uint64_t>(bytes);
  record.operations += static_cast<uint64_t>(operations);

  Launch request;
  request.executable = &module.executable();
  request.stages = stages;
  request.bindings = {addresses.data(), dispatch.bindingCount};
  request.dims = &dims;
  if (!options.timeKernels)
    return module.device().launch(request);
  auto begin = std::chrono::steady_clock::now();
  LOWBIT_RETURN_IF_ERROR(module.device().launch(request));
  LOWBIT_RETURN_IF_ERROR(module.device().wait());
  record.nanoseconds += static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(
          std::chrono::steady_clock::now() - begin)
          .count());
  return {};
}

static Status checkTensors(const Function &function, const char *what,
                           const std::vector<TensorDesc> &tensors,
                           std::span<Buffer *const> buffers,
                           const PlanDims &dims) {
  if (tensors.size() != buffers.size())
    return invalidArgument("function '%s' has %zu %ss, %zu are given",
                           function.name.c_str(), tensors.size(), what,
                           buffers.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    LOWBIT_ASSIGN_OR_RETURN(int64_t bytes, tensors[i].bytes(dims));
    if (!buffers[i] || buffers[i]->size() < static_cast<uint64_t>(bytes))
      return invalidArgument(
          "%s '%s' of function '%s' needs %lld bytes, its buffer has %llu", what,
          tensors[i].name.c_str(), function.name.c_str(),
          static_cast<long long>(bytes),
          static_cast<unsigned long long>(buffers[i] ? buffers[i]->size() : 0));
  }
  return {};
}

Status Session::invoke(uint32_t number, PlanDims dims,
                       std::span<Buffer *const> inputs,
                       std::span<Buffer *const> outputs) {
  const Plan &plan = impl->module.plan();
  if (number >= plan.functions.size())
    return invalidArgument("the module has no function %u", number);
  const Function &function = plan.functions[number];
  const ResolvedFunction &resolved = impl->functions[number];
  if (!resolved.inUse)
    return failedPrecondition("the session was not made for function '%s'",
                              function.name.c_str());
  dims[LOWBIT_DIM_CAPACITY] = impl->options.capacity;
  int64_t tokens = dims[LOWBIT_DIM_TOKENS];
  int64_t position = dims[LOWBIT_DIM_POSITION];
  if (tokens < 1 || tokens > impl->options.tokens)
    return invalidArgument("function '%s' is called with %lld tokens; 1 to %lld "
                           "are possible",
                           function.name.c_str(), static_cast<long long>(tokens),
                           static_cast<long long>(impl->options.tokens));
  if (position < 0 || position > impl->options.capacity ||
      (resolved.usesState && tokens > impl->options.capacity - position))
    return resourceExhausted("%lld tokens at position %lld do not fit the "
                             "context of %lld; use a larger -c",
                             static_cast<long long>(tokens),
                             static_cast<long long>(position),
                             static_cast<long long>(impl->options.capacity));
  for (unsigned dim = LOWBIT_DIM_CAPACITY + 1; dim < LOWBIT_DIM_COUNT; ++dim)
    if (dims[dim] != 0)
      return invalidArgument("dimension %u is not used by any function", dim);
  LOWBIT_RETURN_IF_ERROR(
      checkTensors(function, "input", function.inputs, inputs, dims));
  LOWBIT_RETURN_IF_ERROR(
      checkTensors(function, "output", function.outputs, outputs, dims));
  for (const ResolvedDispatch &dispatch : resolved.dispatches)
    LOWBIT_RETURN_IF_ERROR(
        impl->launch(resolved, dispatch, dims, inputs, outputs));
  return impl->module.device().wait();
}

const Module &Session::module() const { return impl->module; }
const SessionOptions &Session::options() const { return impl->options; }

StatusOr<uint32_t> Session::findFunction(std::string_view name) const {
  const std::vector<Function> &functions = impl->module.plan().functions;
  std::string known;
  for (uint32_t i = 0; i < functions.size(); ++i) {
    if (functions[i].name == name)
      return i;
    known += (known.empty() ? "" : ", ") + functions[i].name;
  }
  return notFound("the module has no function '%.*s'; it has: %s",
                  static_cast<int>(name.size()), name.data(),
                  known.empty() ? "none" : known.c_str());
}

Status Session::clearStates() {
  for (const auto &state : impl->states)
    LOWBIT_RETURN_IF_ERROR(
        impl->module.device().clear(*state, 0, state->size()));
  return {};
}

std::span<const KernelStatistics> Session::statistics() const {
  return impl->statistics;
}
void Session::resetStatistics() {
  std::fill(impl->statistics.begin(), impl->statistics.end(),
            KernelStatistics());
}
uint64_t Session::stateBytes() const { return impl->stateBytes; }
uint64_t Session::transientBytes() const { return impl->transientBytes; }
