//===- PlanSerialize.cpp - The plan section's bytes -----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Format/ByteStream.h"
#include "lowbit/Format/Plan.h"

using namespace lowbit;

namespace {

constexpr uint32_t planMagic = 0x4e4c504cu; // "LPLN"
constexpr uint32_t planVersion = 1;

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

struct PlanWriter {
  ByteWriter out;

  template <typename T, typename Fn>
  void list(const std::vector<T> &items, Fn each) {
    out.u32(static_cast<uint32_t>(items.size()));
    for (const T &item : items)
      each(item);
  }
  void write(const LinearExpr &expr) {
    out.i64(expr.constant);
    list(expr.terms, [&](const LinearTerm &term) {
      out.u8(term.dim);
      out.i64(term.coefficient);
      out.i64(term.divisor);
    });
  }
  void write(const Binding &binding) {
    out.u8(static_cast<uint8_t>(binding.kind));
    out.u32(binding.index);
    out.u32(binding.slot);
    write(binding.offset);
  }
  void write(const Dispatch &dispatch) {
    list(dispatch.variants, [&](const DispatchVariant &variant) {
      out.i64(variant.maxTokens);
      out.u32(variant.kernel);
    });
    list(dispatch.bindings, [&](const Binding &binding) { write(binding); });
  }
  void write(const Call &call) {
    out.u32(call.procedure);
    out.u32(call.set);
    out.u32(call.slot);
    list(call.arguments, [&](const Binding &binding) { write(binding); });
  }
  void write(const PlanKernel &kernel) {
    out.string(kernel.name);
    list(kernel.stages, [&](const PlanStage &stage) {
      out.string(stage.symbol);
      write(stage.items);
      write(stage.scratchBytes);
      out.i64(stage.grain);
    });
    out.u32(kernel.bindings);
    write(kernel.parameterBytes);
    write(kernel.operations);
  }
  void write(const TensorDesc &tensor) {
    out.string(tensor.name);
    out.u8(static_cast<uint8_t>(tensor.type));
    list(tensor.shape, [&](const LinearExpr &extent) { write(extent); });
    out.i64(tensor.columns);
  }
  void write(const Function &function) {
    out.string(function.name);
    list(function.inputs, [&](const TensorDesc &tensor) { write(tensor); });
    list(function.outputs, [&](const TensorDesc &tensor) { write(tensor); });
    list(function.steps, [&](const Step &step) {
      out.u8(static_cast<uint8_t>(step.index()));
      std::visit([&](const auto &value) { write(value); }, step);
    });
  }
};

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

struct PlanReader {
  ByteReader in;

  /// `minBytes`: least bytes of one entry, so that a count cannot lie.
  template <typename T, typename Fn>
  std::vector<T> list(size_t minBytes, Fn each) {
    uint32_t count = in.count(minBytes);
    std::vector<T> items;
    items.reserve(count);
    for (uint32_t i = 0; i < count && !in.failed(); ++i)
      items.push_back(each());
    return items;
  }
  LinearExpr expr() {
    LinearExpr result;
    result.constant = in.i64();
    result.terms = list<LinearTerm>(17, [&] {
      LinearTerm term;
      term.dim = in.u8();
      term.coefficient = in.i64();
      term.divisor = in.i64();
      return term;
    });
    return result;
  }
  /// A u8 below `count`, as an enumerator.
  template <typename E> E enumerator(unsigned count, const char *what) {
    uint8_t value = in.u8();
    if (value >= count) {
      in.fail(invalidArgument("unknown %s number %u", what, value));
      value = 0;
    }
    return static_cast<E>(value);
  }
  Binding binding() {
    Binding result;
    result.kind = enumerator<BindingKind>(7, "binding kind");
    result.index = in.u32();
    result.slot = in.u32();
    result.offset = expr();
    return result;
  }
  std::vector<Binding> bindings() {
    return list<Binding>(21, [&] { return binding(); });
  }
  Dispatch dispatch() {
    Dispatch result;
    result.variants = list<DispatchVariant>(12, [&] {
      DispatchVariant variant;
      variant.maxTokens = in.i64();
      variant.kernel = in.u32();
      return variant;
    });
    result.bindings = bindings();
    return result;
  }
  Call call() {
    Call result;
    result.procedure = in.u32();
    result.set = in.u32();
    result.slot = in.u32();
    result.arguments = bindings();
    return result;
  }
  PlanKernel kernel() {
    PlanKernel result;
    result.name = in.string();
    result.stages = list<PlanStage>(36, [&] {
      PlanStage stage;
      stage.symbol = in.string();
      stage.items = expr();
      stage.scratchBytes = expr();
      stage.grain = in.i64();
      return stage;
    });
    result.bindings = in.u32();
    result.parameterBytes = expr();
    result.operations = expr();
    return result;
  }
  TensorDesc tensor() {
    TensorDesc result;
    result.name = in.string();
    result.type = enumerator<ElementType>(7, "element type");
    result.shape = list<LinearExpr>(12, [&] { return expr(); });
    result.columns = in.i64();
    return result;
  }
  Function function() {
    Function result;
    result.name = in.string();
    result.inputs = list<TensorDesc>(17, [&] { return tensor(); });
    result.outputs = list<TensorDesc>(17, [&] { return tensor(); });
    result.steps = list<Step>(9, [&]() -> Step {
      uint8_t kind = in.u8();
      if (kind == 0)
        return dispatch();
      if (kind != 1)
        in.fail(invalidArgument("unknown step kind %u", kind));
      return call();
    });
    return result;
  }
};

} // namespace

std::vector<uint8_t> lowbit::serializePlan(const Plan &plan) {
  PlanWriter writer;
  ByteWriter &out = writer.out;
  out.u32(planMagic);
  out.u32(planVersion);
  writer.list(plan.buffers, [&](const PlanBuffer &buffer) {
    out.string(buffer.name);
    writer.write(buffer.bytes);
    out.u32(buffer.slot);
  });
  writer.list(plan.states, [&](const PlanState &state) {
    out.string(state.name);
    writer.write(state.bytesPerSlot);
    out.u32(state.slots);
  });
  writer.list(plan.kernels,
              [&](const PlanKernel &kernel) { writer.write(kernel); });
  writer.list(plan.procedures, [&](const Procedure &procedure) {
    out.string(procedure.name);
    out.u32(procedure.setComponents);
    out.u32(procedure.arguments);
    writer.list(procedure.steps,
                [&](const Dispatch &dispatch) { writer.write(dispatch); });
  });
  writer.list(plan.sets, [&](const ParamSet &set) {
    out.string(set.name);
    writer.list(set.components, [&](uint32_t index) { out.u32(index); });
  });
  writer.list(plan.functions,
              [&](const Function &function) { writer.write(function); });
  return out.take();
}

StatusOr<Plan> lowbit::parsePlan(std::span<const uint8_t> bytes) {
  PlanReader reader{ByteReader(bytes)};
  ByteReader &in = reader.in;
  Plan plan;
  if (in.u32() != planMagic)
    in.fail(invalidArgument("the section does not begin like a plan"));
  if (uint32_t version = in.u32(); version != planVersion)
    in.fail(invalidArgument("plan version %u is not supported (this build reads "
                            "%u); compile the model again",
                            version, planVersion));
  plan.buffers = reader.list<PlanBuffer>(20, [&] {
    PlanBuffer buffer;
    buffer.name = in.string();
    buffer.bytes = reader.expr();
    buffer.slot = in.u32();
    return buffer;
  });
  plan.states = reader.list<PlanState>(20, [&] {
    PlanState state;
    state.name = in.string();
    state.bytesPerSlot = reader.expr();
    state.slots = in.u32();
    return state;
  });
  plan.kernels =
      reader.list<PlanKernel>(36, [&] { return reader.kernel(); });
  plan.procedures = reader.list<Procedure>(16, [&] {
    Procedure procedure;
    procedure.name = in.string();
    procedure.setComponents = in.u32();
    procedure.arguments = in.u32();
    procedure.steps =
        reader.list<Dispatch>(8, [&] { return reader.dispatch(); });
    return procedure;
  });
  plan.sets = reader.list<ParamSet>(8, [&] {
    ParamSet set;
    set.name = in.string();
    set.components = reader.list<uint32_t>(4, [&] { return in.u32(); });
    return set;
  });
  plan.functions =
      reader.list<Function>(16, [&] { return reader.function(); });
  LOWBIT_RETURN_IF_ERROR(in.finish());
  return plan;
}
