//===- ParameterReads.cpp - What a function reads of parameters -----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Format/ParameterReads.h"

#include <map>

using namespace lowbit;

ParameterReads lowbit::parameterReads(const Plan &plan, const Function &function) {
  ParameterReads reads;
  PlanDims one{};
  one[LOWBIT_DIM_TOKENS] = 1;
  auto add = [&](const Dispatch &dispatch, const Call *call) {
    for (const Binding &binding : dispatch.bindings) {
      if (binding.kind == BindingKind::component)
        reads.components.insert(binding.index);
      else if (binding.kind == BindingKind::setComponent && call)
        reads.components.insert(plan.sets[call->set].components[binding.index]);
    }
    const PlanKernel &kernel = plan.kernels[dispatch.variants.front().kernel];
    auto bytes = kernel.parameterBytes.evaluate(one);
    reads.bytes += bytes.isOk() ? static_cast<uint64_t>(*bytes) : 0;
  };
  for (const Step &step : function.steps) {
    if (const auto *dispatch = std::get_if<Dispatch>(&step)) {
      add(*dispatch, nullptr);
      continue;
    }
    const Call &call = std::get<Call>(step);
    for (const Dispatch &dispatch : plan.procedures[call.procedure].steps)
      add(dispatch, &call);
  }
  return reads;
}

uint64_t lowbit::storedBytes(const ComponentTable &table,
                             const std::set<uint32_t> &components) {
  std::map<uint64_t, uint64_t> sizes; // by offset
  for (uint32_t index : components)
    if (index < table.components.size())
      sizes[table.components[index].offset] = table.components[index].size;
  uint64_t sum = 0;
  for (auto [offset, size] : sizes)
    sum += size;
  return sum;
}
