//===- CostModel.cpp - What a dispatch costs on a target ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Schedule/CostModel.h"

#include "lib/Kernel/CpuMatmul.h"

#include "lowbit/Packing/Layouts.h"
#include "lowbit/Target/Cpu.h"
#include "lowbit/Target/Nvptx.h"

using namespace mlir;
using namespace mlir::lowbit;

::lowbit::StatusOr<MachineModel> mlir::lowbit::machineModelOf(StringRef target) {
  MachineModel model;
  if (target.starts_with("nvptx:")) {
    LOWBIT_ASSIGN_OR_RETURN(const ::lowbit::NvptxTarget *chip,
                            ::lowbit::parseNvptxTarget(target.str()));
    model.target = target.str();
    model.isHost = false;
    model.bytesPerNanosecond = 1500;
    model.floatProducts = 128 * 100;
    model.widenedProducts = 64 * 100;
    if (::lowbit::supportOf(*chip, ::lowbit::NvptxInstruction::dp4a).available)
      model.dot4Products = 4 * 64 * 100;
    return model;
  }
  LOWBIT_ASSIGN_OR_RETURN(const ::lowbit::CpuTarget *cpu,
                          ::lowbit::parseCpuTarget(target.str()));
  model.target = "cpu:" + std::string(cpu->name);
  double lanes = cpu->capabilities.vectorBytes / 4.0;
  // Without fma each multiply-add is expanded exactly (N17): about 20 operations.
  model.floatProducts = cpu->capabilities.fma ? 2 * lanes : lanes / 20;
  model.widenedProducts = 2 * lanes;
  if (cpu->capabilities.pairwiseU8S8)
    model.pairwiseProducts = 2.0 * cpu->capabilities.vectorBytes;
  // AND, a count by table look-ups and an addition: about ten operations, three a
  // cycle.
  model.planeBits = 8.0 * cpu->capabilities.vectorBytes * 0.3;
  if (cpu->capabilities.vnni)
    model.dot4Products = 2.0 * cpu->capabilities.vectorBytes;
  return model;
}

/// Stored bytes of a dispatch operand that is a parameter.
static uint64_t storedBytes(Type type) {
  auto tensor = dyn_cast<LowbitTensorType>(type);
  if (!tensor) {
    auto dense = dyn_cast<RankedTensorType>(type);
    return dense && dense.hasStaticShape() ? 4 * dense.getNumElements() : 0;
  }
  auto leaf = tensor.getLeafDesc();
  if (!leaf.isOk())
    return 0;
  auto components = ::lowbit::componentsOf(*leaf);
  uint64_t bytes = 0;
  if (components.isOk())
    for (const auto &component : *components)
      bytes += component.bytes;
  return bytes;
}

/// How the kernels read this weight with this activation.
static void measureAccess(MatmulOp matmul, DispatchWork &work) {
  namespace kernel = ::lowbit::kernel;
  kernel::MatmulAnchor anchor;
  auto weight = matmul.getWeight().getType().getLeafDesc();
  if (!weight.isOk())
    return;
  // Before the encode phase: as that phase will lay it out.
  if (!matmul.getWeight().getType().getEncodingInterface().hasLayout() &&
      !::lowbit::applyComputeLayout(*weight).isOk())
    return;
  auto components = ::lowbit::componentsOf(*weight);
  anchor.bindings.resize(components.isOk() ? components->size() : 0);
  anchor.weight = std::move(*weight);
  anchor.activation.stride = anchor.weight.columns;
  if (auto input = dyn_cast<LowbitTensorType>(matmul.getInput().getType())) {
    auto leaf = input.getLeafDesc();
    if (!leaf.isOk())
      return;
    anchor.activation.quantized = true;
    for (const auto &expr : leaf->scales[0].granularity.results)
      for (const auto &term : expr.terms)
        if (term.dim == 1)
          anchor.activation.group = term.div;
  }
  work.readsByElement |= kernel::needsGenericPath(anchor);
  work.planes = std::max(work.planes, kernel::planesOf(anchor));
}

DispatchWork mlir::lowbit::measureWork(DispatchOp dispatch) {
  DispatchWork work;
  for (Operation &op : dispatch.getBody().front()) {
    if (auto matmul = dyn_cast<MatmulOp>(op)) {
      ArrayRef<int64_t> shape = matmul.getWeight().getType().getShape();
      work.products += static_cast<uint64_t>(shape[0]) * shape[1];
      work.parameterBytes += storedBytes(matmul.getWeight().getType());
      work.hasMatmul = true;
      bool quantized = isa<LowbitTensorType>(matmul.getInput().getType());
      work.hasQuantizedMatmul |= quantized;
      measureAccess(matmul, work);
    }
    work.hasAttention |= isa<AttentionOp>(op);
  }
  return work;
}

SmallVector<Candidate>
mlir::lowbit::enumerateStrategies(const DispatchWork &work,
                                  const MachineModel &machine) {
  SmallVector<Candidate> candidates;
  auto add = [&](StrategyKind kind, bool fits, StringRef misfit,
                 double productsPerCycle) {
    Candidate candidate{kind, 0, ""};
    if (!fits)
      candidate.refusal = misfit.str();
    else if (productsPerCycle <= 0)
      candidate.refusal = "the target has no such instruction";
    else
      candidate.picoseconds =
          1e3 * std::max(work.parameterBytes / machine.bytesPerNanosecond,
                         work.products / productsPerCycle /
                             machine.cyclesPerNanosecond);
    candidates.push_back(candidate);
  };
  if (!work.hasMatmul) {
    add(work.hasAttention ? StrategyKind::Attention : StrategyKind::Elementwise,
        machine.isHost, "only matmul dispatches lower to this target",
        machine.floatProducts);
    return candidates;
  }
  bool quantized = work.hasQuantizedMatmul;
  if (work.readsByElement) {
    StringRef layout = "a weight's layout or granularity is read by element only";
    for (StrategyKind kind :
         {StrategyKind::FloatLanes, StrategyKind::PairwiseMadd, StrategyKind::Dot4,
          StrategyKind::WidenMultiply})
      add(kind, false, layout, 0);
    add(StrategyKind::ByElement, machine.isHost,
        "such weights do not lower to this target", machine.elementReads);
    return candidates;
  }
  if (work.planes) {
    StringRef layout = "a weight's codes are stored as bit planes";
    for (StrategyKind kind : {StrategyKind::FloatLanes, StrategyKind::PairwiseMadd,
                              StrategyKind::Dot4, StrategyKind::WidenMultiply})
      add(kind, false, layout, 0);
    add(StrategyKind::PlanePopcount, machine.isHost,
        "such weights do not lower to this target",
        machine.planeBits / (8.0 * work.planes));
    return candidates;
  }
  add(StrategyKind::FloatLanes, !quantized && machine.isHost,
      quantized ? "the activations are quantized"
                : "f32 activations do not lower to this target",
      machine.floatProducts);
  StringRef floats = "the activations are f32";
  add(StrategyKind::PairwiseMadd, quantized, floats, machine.pairwiseProducts);
  add(StrategyKind::Dot4, quantized, floats, machine.dot4Products);
  add(StrategyKind::WidenMultiply, quantized, floats, machine.widenedProducts);
  return candidates;
}
